// Bytes written as hex in tests: spaces are free, so that a message reads field by field.
#pragma once

#include <string>
#include <string_view>

#include "base/bytes.h"

namespace moldau::wire {

inline Slice hex(std::string_view text) {
  std::vector<std::byte> bytes;
  unsigned high = 16;
  for (const char c : text) {
    if (c == ' ' || c == '\n') continue;
    const unsigned digit = c <= '9' ? static_cast<unsigned>(c - '0') : static_cast<unsigned>(c - 'a' + 10);
    MOLDAU_ASSERT(digit < 16);
    if (high == 16) {
      high = digit;
    } else {
      bytes.push_back(static_cast<std::byte>(high << 4 | digit));
      high = 16;
    }
  }
  MOLDAU_ASSERT(high == 16);
  return Slice::take(std::move(bytes));
}

inline std::string to_hex(ByteView bytes) {
  static constexpr std::string_view kDigits = "0123456789abcdef";
  std::string text;
  for (const std::byte byte : bytes) {
    text += kDigits[std::to_integer<unsigned>(byte) >> 4];
    text += kDigits[std::to_integer<unsigned>(byte) & 15];
  }
  return text;
}

}  // namespace moldau::wire
