// Encodes Kafka's primitive types into one message. Small fields go to one contiguous buffer; record batches
// and byte strings of kSpliceSize and more are spliced in as slices, without a copy.
#pragma once

#include <concepts>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/ids.h"
#include "base/varint.h"

namespace moldau::wire {

class Writer {
 public:
  // Slices from this size on are shared, smaller ones copied: a copy is then cheaper than one more iovec.
  static constexpr std::size_t kSpliceSize = 1024;

  explicit Writer(std::size_t capacity = 512);

  // Bytes written so far, spliced slices included.
  std::size_t size() const { return used_ + spliced_; }
  // What was written. The writer is empty afterwards.
  SliceList finish() &&;
  // The same as one contiguous slice; copies if something was spliced in.
  Slice finish_contiguous() && { return joined(std::move(*this).finish()); }

  template <class T>
  void number(std::type_identity_t<T> value) {
    store_be<T>(extend(sizeof(T)), value);
  }
  void boolean(bool value) { number<std::int8_t>(value ? 1 : 0); }
  void float64(double value) { number<std::uint64_t>(std::bit_cast<std::uint64_t>(value)); }
  void uuid(const Uuid& value) {
    std::byte* at = extend(16);
    store_be<std::uint64_t>(at, value.high);
    store_be<std::uint64_t>(at + 8, value.low);
  }
  void uvarint(std::uint32_t value) { write_uvarint(extend(uvarint_size(value)), value); }

  // Strings longer than Kafka allows (32767 bytes) are cut at a character's boundary: peers cannot send such
  // ones, so only texts of our own making are concerned.
  void string(std::string_view text, bool compact);
  void string(const std::string& text, bool compact) { string(std::string_view(text), compact); }
  // Null is written as the empty string where `nullable` is false, and likewise below: versions that know no
  // null give the empty value the same meaning.
  void string(const std::optional<std::string>& text, bool compact, bool nullable = true) {
    if (text) return string(std::string_view(*text), compact);
    nullable ? null_string(compact) : string(std::string_view(), compact);
  }
  void bytes(const Slice& bytes, bool compact);
  void bytes(const std::optional<Slice>& value, bool compact, bool nullable = true) {
    if (value) return bytes(*value, compact);
    nullable ? null32(compact) : bytes(Slice(), compact);
  }
  void records(const SliceList& slices, bool compact);
  void records(const std::optional<SliceList>& slices, bool compact, bool nullable = true) {
    if (slices) return records(*slices, compact);
    nullable ? null32(compact) : records(SliceList(), compact);
  }

  void array_size(std::size_t count, bool compact) { length32(count, compact); }
  // Arrays of numbers, strings or uuids.
  template <class T>
  void values(const std::vector<T>& values, bool compact) {
    array_size(values.size(), compact);
    for (const T& element : values) value(element, compact);
  }
  template <class T>
  void values(const std::optional<std::vector<T>>& elements, bool compact, bool nullable = true) {
    if (elements) return values(*elements, compact);
    nullable ? null32(compact) : array_size(0, compact);
  }
  template <class T>
  void structs(const std::vector<T>& values, bool compact, std::int16_t version) {
    array_size(values.size(), compact);
    for (const T& value : values) value.encode(*this, version);
  }
  template <class T>
  void structs(const std::optional<std::vector<T>>& values, bool compact, std::int16_t version,
               bool nullable = true) {
    if (values) return structs(*values, compact, version);
    nullable ? null32(compact) : array_size(0, compact);
  }
  template <class T>
  void structure(const std::optional<T>& value, std::int16_t version) {
    number<std::int8_t>(value ? 1 : -1);
    if (value) value->encode(*this, version);
  }

  // One tagged field; `write` writes its value, into which slices are copied. Tags must be written in
  // ascending order, after their count.
  template <class Write>
  void tag(std::uint32_t tag, Write write) {
    uvarint(tag);
    const std::size_t start = used_;
    ++open_tags_;
    write();
    --open_tags_;
    insert_length(start);
  }

  void raw(ByteView bytes) { std::memcpy(extend(bytes.size()), bytes.data(), bytes.size()); }
  // Shares the slice, or copies it if it is small.
  void splice(const Slice& slice);
  // Overwrites the four bytes at `position`, which must lie before the first spliced slice.
  void patch_int32(std::size_t position, std::int32_t value);

 private:
  struct Splice {
    std::size_t position;  // in the buffer
    Slice slice;
  };

  std::byte* extend(std::size_t size) {
    if (size > capacity_ - used_) [[unlikely]]
      grow(size);
    std::byte* at = buffer_.get() + used_;
    used_ += size;
    return at;
  }
  void grow(std::size_t size);
  template <std::integral T>
  void value(T element, bool) {
    number<T>(element);
  }
  void value(const std::string& element, bool compact) { string(element, compact); }
  void value(const Uuid& element, bool) { uuid(element); }
  void length32(std::size_t size, bool compact) {
    compact ? uvarint(static_cast<std::uint32_t>(size + 1))
            : number<std::int32_t>(static_cast<std::int32_t>(size));
  }
  void null32(bool compact) { compact ? uvarint(0) : number<std::int32_t>(-1); }
  void null_string(bool compact) { compact ? uvarint(0) : number<std::int16_t>(-1); }
  // Puts the length of what was written since `start` before it.
  void insert_length(std::size_t start);

  std::shared_ptr<std::byte[]> buffer_;
  std::size_t capacity_;
  std::size_t used_ = 0;
  std::size_t spliced_ = 0;
  int open_tags_ = 0;
  std::vector<Splice> splices_;
};

}  // namespace moldau::wire
