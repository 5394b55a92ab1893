#include <snappy-c.h>

#include <algorithm>
#include <array>

#include "record/codec_parts.h"

namespace moldau::record {
namespace {

// xerial's framing (snappy-java's SnappyOutputStream): this magic, int32 version, int32 lowest compatible
// version, then chunks of int32 size and one raw block each.
constexpr std::array<unsigned char, 8> kMagic = {0x82, 'S', 'N', 'A', 'P', 'P', 'Y', 0};
constexpr std::size_t kFrameHeaderSize = 16;
constexpr std::int32_t kVersion = 1;
constexpr std::size_t kChunkSize = 32 * 1024;  // snappy-java's default

// A copy element is three bytes at best for its 64 bytes of output: no block expands further than this.
constexpr std::size_t kMaxExpansion = 22;

bool is_chunked(ByteView input) {
  return input.size() >= kFrameHeaderSize && std::memcmp(input.data(), kMagic.data(), kMagic.size()) == 0;
}

const char* chars(ByteView bytes) { return reinterpret_cast<const char*>(bytes.data()); }

Status decompress_block(ByteView block, Scratch& out) {
  if (block.empty()) return input_cut_off("snappy");
  std::size_t size = 0;
  if (snappy_uncompressed_length(chars(block), block.size(), &size) != SNAPPY_OK) {
    return input_corrupt("snappy", "malformed length");
  }
  if (size / kMaxExpansion > block.size())
    return input_corrupt("snappy", "the length is more than it can hold");
  const MutableBytes room = out.room_for(size);
  if (room.size() < size) return output_too_large();
  if (snappy_uncompress(chars(block), block.size(), reinterpret_cast<char*>(room.data()), &size) !=
      SNAPPY_OK) {
    return input_corrupt("snappy", "malformed block");
  }
  out.produced(size);
  return {};
}

Status decompress_chunks(ByteView chunks, Scratch& out) {
  while (!chunks.empty()) {
    if (chunks.size() < sizeof(std::int32_t)) return input_cut_off("snappy");
    const auto size = load_be<std::int32_t>(chunks.data());
    chunks = chunks.subspan(sizeof size);
    if (size <= 0) return input_corrupt("snappy", "a chunk without bytes");
    if (static_cast<std::size_t>(size) > chunks.size()) return input_cut_off("snappy");
    TRY(decompress_block(chunks.first(static_cast<std::size_t>(size)), out));
    chunks = chunks.subspan(static_cast<std::size_t>(size));
  }
  return {};
}

void append_chunk(ByteView input, Buffer& out) {
  const std::size_t before = out.size();
  std::size_t size = snappy_max_compressed_length(input.size());
  const MutableBytes room = out.extend(sizeof(std::int32_t) + size);
  snappy_compress(chars(input), input.size(), reinterpret_cast<char*>(room.data()) + sizeof(std::int32_t),
                  &size);
  store_be<std::int32_t>(room.data(), static_cast<std::int32_t>(size));
  out.truncate(before + sizeof(std::int32_t) + size);
}

}  // namespace

void snappy_compress_chunked(ByteView input, Buffer& out) {
  out.append(std::as_bytes(std::span(kMagic)));
  out.append_be<std::int32_t>(kVersion);
  out.append_be<std::int32_t>(kVersion);
  while (!input.empty()) {
    const std::size_t size = std::min(input.size(), kChunkSize);
    append_chunk(input.first(size), out);
    input = input.subspan(size);
  }
}

Status snappy_decompress(ByteView input, Scratch& out) {
  if (is_chunked(input)) return decompress_chunks(input.subspan(kFrameHeaderSize), out);
  return decompress_block(input, out);
}

}  // namespace moldau::record
