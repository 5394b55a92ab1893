// Bytes and the three ways to hold them: a view borrows, a Buffer is being written, a Slice is shared and
// never changes. Integers in Kafka's formats are big-endian; load_be and store_be are the only conversions.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <span>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "base/assert.h"

namespace moldau {

using ByteView = std::span<const std::byte>;
using MutableBytes = std::span<std::byte>;

inline ByteView as_bytes(std::string_view text) {
  return {reinterpret_cast<const std::byte*>(text.data()), text.size()};
}
inline std::string_view as_text(ByteView bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}
inline bool equal(ByteView a, ByteView b) {
  return a.size() == b.size() && (a.empty() || std::memcmp(a.data(), b.data(), a.size()) == 0);
}

// REQUIRES: bytes holds at least sizeof(T) at `at`.
template <class T>
T load_be(const std::byte* at) {
  static_assert(std::is_integral_v<T>);
  T value;
  std::memcpy(&value, at, sizeof value);
  if constexpr (sizeof(T) > 1 && std::endian::native == std::endian::little) value = std::byteswap(value);
  return value;
}
template <class T>
void store_be(std::byte* at, std::type_identity_t<T> value) {
  static_assert(std::is_integral_v<T>);
  if constexpr (sizeof(T) > 1 && std::endian::native == std::endian::little) value = std::byteswap(value);
  std::memcpy(at, &value, sizeof value);
}

// An immutable run of bytes that keeps the memory below it alive. Cheap to copy and to cut; may be released
// on any thread.
class Slice {
 public:
  Slice() = default;
  Slice(std::shared_ptr<const void> owner, ByteView view) : owner_(std::move(owner)), view_(view) {}

  // A slice of its own copy of `bytes`.
  static Slice copy_of(ByteView bytes);
  static Slice copy_of(std::string_view text) { return copy_of(as_bytes(text)); }
  // Takes the vector's memory without copying.
  static Slice take(std::vector<std::byte> bytes);
  // A slice of memory that outlives every reader (literals, static tables).
  static Slice borrow(ByteView bytes) { return Slice(nullptr, bytes); }

  const std::byte* data() const { return view_.data(); }
  std::size_t size() const { return view_.size(); }
  bool empty() const { return view_.empty(); }
  ByteView view() const { return view_; }
  operator ByteView() const { return view_; }
  std::string_view text() const { return as_text(view_); }

  // REQUIRES: offset + length <= size().
  Slice cut(std::size_t offset, std::size_t length) const {
    MOLDAU_ASSERT(offset <= size() && length <= size() - offset);
    return Slice(owner_, view_.subspan(offset, length));
  }
  Slice from(std::size_t offset) const { return cut(offset, size() - offset); }
  // The same view, held by the same owner: for a part of these bytes found by a parser.
  Slice part(ByteView within) const { return Slice(owner_, within); }
  const std::shared_ptr<const void>& owner() const { return owner_; }

  friend bool operator==(const Slice& a, const Slice& b) { return equal(a.view_, b.view_); }

 private:
  std::shared_ptr<const void> owner_;
  ByteView view_;
};

// Slices that are written one after another: a response, a read of a log.
using SliceList = std::vector<Slice>;

inline std::size_t size_of(const SliceList& slices) {
  std::size_t total = 0;
  for (const Slice& slice : slices) total += slice.size();
  return total;
}
// One contiguous copy of the list, or its only slice.
Slice joined(const SliceList& slices);

// A growing buffer to write into; its memory becomes a Slice without a copy.
class Buffer {
 public:
  Buffer() = default;
  explicit Buffer(std::size_t capacity) { bytes_.reserve(capacity); }

  std::size_t size() const { return bytes_.size(); }
  bool empty() const { return bytes_.empty(); }
  std::byte* data() { return bytes_.data(); }
  const std::byte* data() const { return bytes_.data(); }
  ByteView view() const { return bytes_; }
  void clear() { bytes_.clear(); }
  void reserve(std::size_t capacity) { bytes_.reserve(capacity); }
  // Grows by `size` bytes and returns them for writing; valid until the next growth.
  MutableBytes extend(std::size_t size) {
    const std::size_t before = bytes_.size();
    bytes_.resize(before + size);
    return {bytes_.data() + before, size};
  }
  void append(ByteView bytes) { bytes_.insert(bytes_.end(), bytes.begin(), bytes.end()); }
  void append(std::string_view text) { append(as_bytes(text)); }
  template <class T>
  void append_be(T value) {
    store_be<T>(extend(sizeof(T)).data(), value);
  }
  void truncate(std::size_t size) { bytes_.resize(size); }
  Slice to_slice() && { return Slice::take(std::move(bytes_)); }

 private:
  std::vector<std::byte> bytes_;
};

}  // namespace moldau
