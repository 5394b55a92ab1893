// A reading position within untrusted bytes, for the inner loops over records: every read is checked against
// the end, one-byte varints (nearly all) take one comparison more.
#pragma once

#include <cstdint>

#include "base/bytes.h"
#include "base/varint.h"

namespace moldau::record {

class Cursor {
 public:
  explicit Cursor(ByteView bytes) : at_(bytes.data()), end_(bytes.data() + bytes.size()) {}

  const std::byte* at() const { return at_; }
  std::size_t left() const { return static_cast<std::size_t>(end_ - at_); }
  bool at_end() const { return at_ == end_; }
  ByteView rest() const { return {at_, left()}; }

  // False when the bytes end first (or a varint is too wide); the position is then of no use any more.
  bool skip(std::size_t size) {
    if (size > left()) [[unlikely]]
      return false;
    at_ += size;
    return true;
  }
  bool read_varint(std::int32_t& value) { return read_zigzag<std::uint32_t>(value); }
  bool read_varlong(std::int64_t& value) { return read_zigzag<std::uint64_t>(value); }

  // Cuts the next `size` bytes off as a cursor of their own.
  bool cut(std::size_t size, Cursor& part) {
    if (size > left()) [[unlikely]]
      return false;
    part = Cursor(ByteView(at_, size));
    at_ += size;
    return true;
  }

 private:
  template <class Unsigned, class Signed>
  [[gnu::always_inline]] bool read_zigzag(Signed& value) {
    if (at_ == end_) [[unlikely]]
      return false;
    const auto first = std::to_integer<std::uint8_t>(*at_);
    if (first < 0x80) [[likely]] {
      ++at_;
      value = unzigzag(static_cast<Unsigned>(first));
      return true;
    }
    return read_long_zigzag<Unsigned>(first, value);
  }
  template <class Unsigned, class Signed>
  [[gnu::always_inline]] bool read_long_zigzag(std::uint8_t first, Signed& value) {
    if (left() < 2) [[unlikely]]
      return false;
    const auto second = std::to_integer<std::uint8_t>(at_[1]);
    if (second < 0x80) [[likely]] {
      at_ += 2;
      value = unzigzag(static_cast<Unsigned>((first & 0x7fU) | static_cast<Unsigned>(second) << 7));
      return true;
    }
    return read_any_zigzag<Unsigned>(value);
  }
  template <class Unsigned, class Signed>
  [[gnu::noinline]] bool read_any_zigzag(Signed& value) {
    ByteView bytes = rest();
    const auto raw = read_unsigned_varint<Unsigned>(bytes);
    if (!raw) return false;
    at_ = bytes.data();
    value = unzigzag(*raw);
    return true;
  }

  const std::byte* at_;
  const std::byte* end_;
};

}  // namespace moldau::record
