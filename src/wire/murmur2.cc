#include "wire/murmur2.h"

#include <cstddef>
#include <limits>

namespace moldau::wire {
namespace {

constexpr std::uint32_t kMultiplier = 0x5bd1e995;
constexpr std::uint32_t kSeed = 0x9747b28c;

std::uint32_t load_le(const std::byte* at) {
  return std::to_integer<std::uint32_t>(at[0]) | std::to_integer<std::uint32_t>(at[1]) << 8 |
         std::to_integer<std::uint32_t>(at[2]) << 16 | std::to_integer<std::uint32_t>(at[3]) << 24;
}

// The next code point of a UTF-8 text; a byte that starts none stands for U+FFFD, as in Java's decoder.
char32_t next_code_point(std::string_view& text) {
  const auto lead = static_cast<unsigned char>(text[0]);
  const std::size_t size = lead < 0x80 ? 1 : lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : lead >= 0xc2 ? 2 : 0;
  if (size == 0 || size > text.size()) return text.remove_prefix(1), U'\ufffd';
  char32_t point = size == 1 ? lead : lead & (0x7f >> size);
  for (std::size_t i = 1; i < size; ++i) point = point << 6 | (static_cast<unsigned char>(text[i]) & 0x3f);
  text.remove_prefix(size);
  return point;
}

}  // namespace

std::int32_t murmur2(ByteView bytes) {
  std::uint32_t hash = kSeed ^ static_cast<std::uint32_t>(bytes.size());
  std::size_t at = 0;
  for (; bytes.size() - at >= 4; at += 4) {
    std::uint32_t word = load_le(bytes.data() + at) * kMultiplier;
    word ^= word >> 24;
    hash = hash * kMultiplier ^ word * kMultiplier;
  }
  if (at < bytes.size()) {
    for (std::size_t i = bytes.size(); i-- > at;)
      hash ^= std::to_integer<std::uint32_t>(bytes[i]) << (8 * (i - at));
    hash *= kMultiplier;
  }
  hash ^= hash >> 13;
  hash *= kMultiplier;
  hash ^= hash >> 15;
  return static_cast<std::int32_t>(hash);
}

std::int32_t java_string_hash(std::string_view text) {
  std::uint32_t hash = 0;
  const auto add = [&](char32_t unit) { hash = hash * 31 + static_cast<std::uint32_t>(unit); };
  while (!text.empty()) {
    const char32_t point = next_code_point(text);
    if (point < 0x10000) {
      add(point);
    } else {
      add(0xd800 + ((point - 0x10000) >> 10));
      add(0xdc00 + ((point - 0x10000) & 0x3ff));
    }
  }
  return static_cast<std::int32_t>(hash);
}

std::int32_t coordinator_partition(std::string_view key, std::int32_t partitions) {
  const std::int32_t hash = java_string_hash(key);
  if (hash == std::numeric_limits<std::int32_t>::min()) return 0;
  return (hash < 0 ? -hash : hash) % partitions;
}

}  // namespace moldau::wire
