// Decodes Kafka's primitive types from one message. Every length is checked against the bytes that are there
// before anything is allocated. The first failure sticks: later reads yield zeros and empty values without
// moving on, so generated code checks once, at the end.
//
// `compact` chooses the encoding of flexible versions: uvarint(length + 1) instead of int16 or int32.
#pragma once

#include <algorithm>
#include <concepts>
#include <optional>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/ids.h"
#include "base/result.h"
#include "base/varint.h"

namespace moldau::wire {

// Kafka's own limit for strings, compact ones too.
inline constexpr std::size_t kMaxStringSize = 32767;

class Reader {
 public:
  // Slices that are read share the owner of `bytes`, which must outlive the reader.
  explicit Reader(const Slice& bytes)
      : source_(&bytes), at_(bytes.data()), end_(bytes.data() + bytes.size()) {}

  bool ok() const { return failure_ == nullptr; }
  std::size_t remaining() const { return static_cast<std::size_t>(end_ - at_); }
  // The bytes that are not read yet.
  Slice rest() const { return source_->part({at_, end_}); }

  // An error if a read failed or, unless `to_the_end` is false, if bytes are left over.
  Status finish(bool to_the_end = true) const;

  template <class T>
  T number() {
    if (remaining() < sizeof(T)) [[unlikely]]
      return fail_truncated(), T{};
    const T value = load_be<T>(at_);
    at_ += sizeof(T);
    return value;
  }
  bool boolean() { return number<std::int8_t>() != 0; }
  double float64() { return std::bit_cast<double>(number<std::uint64_t>()); }
  Uuid uuid() {
    const auto high = number<std::uint64_t>();
    return {high, number<std::uint64_t>()};
  }
  std::uint32_t uvarint() {
    if (at_ != end_ && std::to_integer<std::uint8_t>(*at_) < 0x80) [[likely]]
      return std::to_integer<std::uint32_t>(*at_++);
    return long_uvarint();
  }

  // Null where `nullable` is false is a failure, as it is for types that cannot hold it.
  void string(std::string& out, bool compact) {
    if (const auto text = text_of(required(string_size(compact)))) out.assign(text->data(), text->size());
  }
  void string(std::optional<std::string>& out, bool compact, bool nullable = true) {
    const auto text = text_of(required(string_size(compact), nullable));
    text ? void(out.emplace(*text)) : out.reset();
  }
  void bytes(Slice& out, bool compact) { out = slice_of(required(size32(compact))).value_or(Slice()); }
  void bytes(std::optional<Slice>& out, bool compact, bool nullable = true) {
    out = slice_of(required(size32(compact), nullable));
  }
  // A list of one slice, or of none when there are no bytes.
  void records(SliceList& out, bool compact);
  void records(std::optional<SliceList>& out, bool compact, bool nullable = true);

  // Arrays of numbers, strings or uuids.
  template <class T>
  void values(std::vector<T>& out, bool compact) {
    elements(out, required(count(compact, min_size<T>(compact))), Value{compact});
  }
  template <class T>
  void values(std::optional<std::vector<T>>& out, bool compact, bool nullable = true) {
    const auto size = required(count(compact, min_size<T>(compact)), nullable);
    out.reset();
    if (size) elements(out.emplace(), size, Value{compact});
  }
  // Arrays of structs: T::read(Reader&, version), T::kMinSize.
  template <class T>
  void structs(std::vector<T>& out, bool compact, std::int16_t version) {
    elements(out, required(count(compact, T::kMinSize)), Struct{version});
  }
  template <class T>
  void structs(std::optional<std::vector<T>>& out, bool compact, std::int16_t version, bool nullable = true) {
    const auto size = required(count(compact, T::kMinSize), nullable);
    out.reset();
    if (size) elements(out.emplace(), size, Struct{version});
  }
  // A nullable struct: one int8 before it, negative for null.
  template <class T>
  void structure(std::optional<T>& out, std::int16_t version) {
    out.reset();
    if (number<std::int8_t>() >= 0 && ok()) out.emplace().read(*this, version);
  }

  // The tag section at the end of a struct. `known(tag, field)` decodes one field's value and returns true,
  // or returns false for a tag that it does not know, which is skipped. Tags must ascend.
  template <class Known>
  void tags(Known known) {
    const std::uint32_t total = uvarint();
    std::int64_t previous = -1;
    for (std::uint32_t i = 0; i < total && ok(); ++i) {
      const std::uint32_t tag = uvarint();
      const std::uint32_t size = uvarint();
      if (!ok()) return;
      if (tag <= previous) return fail(Errc::corrupt, "tags do not ascend");
      if (size > remaining()) return fail_truncated();
      Reader field(*this, size);
      if (known(tag, field)) adopt(field);
      if (!ok()) return;
      at_ += size;
      previous = tag;
    }
  }
  void skip_tags() {
    if (at_ != end_ && *at_ == std::byte{0}) [[likely]]
      ++at_;
    else
      tags([](std::uint32_t, Reader&) { return false; });
  }

  // `what` must be a literal.
  void fail(Errc code, const char* what);

 private:
  Reader(const Reader& outer, std::size_t size)
      : source_(outer.source_), at_(outer.at_), end_(outer.at_ + size) {}

  void fail_truncated();
  void adopt(const Reader& field);
  std::uint32_t long_uvarint();

  struct Value {
    bool compact;
    template <std::integral T>
    void operator()(Reader& in, T& out) const {
      out = in.number<T>();
    }
    void operator()(Reader& in, std::string& out) const { in.string(out, compact); }
    void operator()(Reader& in, Uuid& out) const { out = in.uuid(); }
  };
  struct Struct {
    std::int16_t version;
    template <class T>
    void operator()(Reader& in, T& out) const {
      out.read(in, version);
    }
  };
  template <class T>
  static constexpr std::size_t min_size(bool compact) {
    if constexpr (std::is_same_v<T, std::string>) return compact ? 1 : 2;
    return sizeof(T) < 16 ? sizeof(T) : 16;
  }

  // Lengths and counts; nullopt for null and after a failure. A size returned is at most remaining().
  std::optional<std::size_t> string_size(bool compact);
  std::optional<std::size_t> size32(bool compact);
  std::optional<std::size_t> count(bool compact, std::size_t min_element_size);
  std::optional<std::size_t> required(std::optional<std::size_t> size, bool nullable = false) {
    if (!size && !nullable && ok()) fail(Errc::corrupt, "null where none is allowed");
    return size;
  }

  std::optional<std::string_view> text_of(std::optional<std::size_t> size) {
    if (!size) return std::nullopt;
    const std::string_view text(reinterpret_cast<const char*>(at_), *size);
    at_ += *size;
    return text;
  }
  std::optional<Slice> slice_of(std::optional<std::size_t> size) {
    if (!size) return std::nullopt;
    Slice slice = source_->part({at_, *size});
    at_ += *size;
    return slice;
  }

  template <class T, class Read>
  void elements(std::vector<T>& out, std::optional<std::size_t> size, Read read) {
    out.clear();
    if (!size) return;
    // Elements may be larger in memory than on the wire: what is reserved ahead is bounded by bytes received.
    out.reserve(std::min(*size, std::max<std::size_t>(4, remaining() / sizeof(T))));
    for (std::size_t i = 0; i < *size && ok(); ++i) read(*this, out.emplace_back());
  }

  const Slice* source_;
  const std::byte* at_;
  const std::byte* end_;
  std::size_t failed_at_ = 0;
  Errc code_ = Errc::corrupt;
  const char* failure_ = nullptr;
};

}  // namespace moldau::wire
