// Variable-length integers: seven bits a byte, least significant first. "Unsigned" is used for compact
// lengths and tags, the zig-zag forms inside records (Kafka protocol guide; Protocol Buffers encoding).
#pragma once

#include <cstdint>
#include <optional>

#include "base/bytes.h"

namespace moldau {

inline constexpr std::size_t kMaxVarint32Size = 5;
inline constexpr std::size_t kMaxVarint64Size = 10;

constexpr std::uint32_t zigzag(std::int32_t value) {
  return (static_cast<std::uint32_t>(value) << 1) ^ static_cast<std::uint32_t>(value >> 31);
}
constexpr std::uint64_t zigzag(std::int64_t value) {
  return (static_cast<std::uint64_t>(value) << 1) ^ static_cast<std::uint64_t>(value >> 63);
}
constexpr std::int32_t unzigzag(std::uint32_t value) {
  return static_cast<std::int32_t>((value >> 1) ^ (~(value & 1) + 1));
}
constexpr std::int64_t unzigzag(std::uint64_t value) {
  return static_cast<std::int64_t>((value >> 1) ^ (~(value & 1) + 1));
}

constexpr std::size_t uvarint_size(std::uint64_t value) {
  return (static_cast<std::size_t>(std::bit_width(value | 1)) + 6) / 7;
}
constexpr std::size_t varint_size(std::int32_t value) { return uvarint_size(zigzag(value)); }
constexpr std::size_t varlong_size(std::int64_t value) { return uvarint_size(zigzag(value)); }

// Writes at `at`, which must have room for uvarint_size(value); returns the byte after it.
inline std::byte* write_uvarint(std::byte* at, std::uint64_t value) {
  while (value >= 0x80) {
    *at++ = static_cast<std::byte>(value | 0x80);
    value >>= 7;
  }
  *at++ = static_cast<std::byte>(value);
  return at;
}
inline std::byte* write_varint(std::byte* at, std::int32_t value) { return write_uvarint(at, zigzag(value)); }
inline std::byte* write_varlong(std::byte* at, std::int64_t value) {
  return write_uvarint(at, zigzag(value));
}

inline void append_uvarint(Buffer& out, std::uint64_t value) {
  write_uvarint(out.extend(uvarint_size(value)).data(), value);
}
inline void append_varint(Buffer& out, std::int32_t value) { append_uvarint(out, zigzag(value)); }
inline void append_varlong(Buffer& out, std::int64_t value) { append_uvarint(out, zigzag(value)); }

// Reads from the front of `bytes` and shortens it. Empty when the bytes end early or the number is too wide.
template <class Unsigned>
std::optional<Unsigned> read_unsigned_varint(ByteView& bytes) {
  constexpr std::size_t kBits = sizeof(Unsigned) * 8;
  Unsigned value = 0;
  unsigned shift = 0;
  for (std::size_t i = 0; i < bytes.size() && shift < kBits; ++i, shift += 7) {
    const auto byte = std::to_integer<std::uint8_t>(bytes[i]);
    const Unsigned digit = byte & 0x7f;
    if (shift + 7 > kBits && (digit >> (kBits - shift)) != 0) return std::nullopt;
    value |= digit << shift;
    if ((byte & 0x80) == 0) {
      bytes = bytes.subspan(i + 1);
      return value;
    }
  }
  return std::nullopt;
}
inline std::optional<std::uint32_t> read_uvarint(ByteView& bytes) {
  return read_unsigned_varint<std::uint32_t>(bytes);
}
inline std::optional<std::int32_t> read_varint(ByteView& bytes) {
  const auto raw = read_unsigned_varint<std::uint32_t>(bytes);
  return raw ? std::optional(unzigzag(*raw)) : std::nullopt;
}
inline std::optional<std::int64_t> read_varlong(ByteView& bytes) {
  const auto raw = read_unsigned_varint<std::uint64_t>(bytes);
  return raw ? std::optional(unzigzag(*raw)) : std::nullopt;
}

}  // namespace moldau
