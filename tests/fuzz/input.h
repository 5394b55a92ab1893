// Takes values from the front of an input. What is not there any more reads as zeros, so that every input
// means something.
#pragma once

#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/bytes.h"

namespace moldau::fuzz {

class Input {
 public:
  explicit Input(ByteView bytes) : rest_(bytes) {}

  bool empty() const { return rest_.empty(); }
  ByteView rest() const { return rest_; }
  std::string_view text() const { return as_text(rest_); }

  template <class T>
  T number() {
    std::byte value[sizeof(T)] = {};
    const ByteView got = bytes(sizeof(T));
    std::ranges::copy(got, value);
    return load_be<T>(value);
  }
  std::uint8_t byte() { return number<std::uint8_t>(); }
  bool flag() { return (byte() & 1) != 0; }
  // In [0, bound). REQUIRES: bound is 1 to 256.
  std::size_t below(std::size_t bound) { return byte() % bound; }
  // In [low, high]: the domain of a field, from a byte.
  int between(int low, int high) {
    return low + static_cast<int>(below(static_cast<std::size_t>(high - low + 1)));
  }
  ByteView bytes(std::size_t size) {
    const ByteView got = rest_.first(std::min(size, rest_.size()));
    rest_ = rest_.subspan(got.size());
    return got;
  }
  // A piece with its length, one byte, before it.
  ByteView piece() { return bytes(byte()); }
  // The same with two bytes of length.
  ByteView long_piece() { return bytes(number<std::uint16_t>()); }

 private:
  ByteView rest_;
};

}  // namespace moldau::fuzz
