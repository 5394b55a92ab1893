#include "base/ids.h"

namespace moldau {
namespace {

constexpr std::string_view kAlphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
constexpr std::size_t kTextLength = 22;

}  // namespace

std::string Uuid::to_string() const {
  std::string text(kTextLength, 'A');
  // 128 bits and 4 bits of zero padding make 22 digits of 6 bits each.
  for (std::size_t digit = 0; digit < kTextLength; ++digit) {
    unsigned value = 0;
    for (std::size_t bit = digit * 6; bit < digit * 6 + 6; ++bit) {
      const std::uint64_t word = bit < 64 ? high : low;
      const unsigned one = bit < 128 ? static_cast<unsigned>(word >> (63 - bit % 64) & 1) : 0;
      value = value << 1 | one;
    }
    text[digit] = kAlphabet[value];
  }
  return text;
}

std::optional<Uuid> Uuid::parse(std::string_view text) {
  if (text.size() != kTextLength) return std::nullopt;
  Uuid id;
  for (std::size_t digit = 0; digit < kTextLength; ++digit) {
    const std::size_t value = kAlphabet.find(text[digit]);
    if (value == std::string_view::npos) return std::nullopt;
    for (std::size_t bit = digit * 6; bit < digit * 6 + 6; ++bit) {
      const std::uint64_t one = value >> (5 - bit % 6) & 1;
      if (bit < 64) {
        id.high |= one << (63 - bit);
      } else if (bit < 128) {
        id.low |= one << (127 - bit);
      } else if (one != 0) {
        return std::nullopt;
      }
    }
  }
  return id;
}

}  // namespace moldau
