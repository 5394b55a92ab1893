// What must hold of every decompressor.
#pragma once

#include "base/random.h"
#include "fuzz/allocations.h"
#include "fuzz/input.h"
#include "fuzz/target.h"
#include "record/codec.h"

namespace moldau::fuzz {

inline constexpr std::size_t kCompressedMost = 512;

inline record::Codecs& codecs() {
  static record::Codecs one;
  return one;
}

// What a library may reserve beside the output. A zstd stream announces its window, up to 128 MiB, as
// producers with high levels do; it is reserved at once, but no more of it is touched than was produced.
constexpr std::size_t context_bytes(record::Codec codec) {
  return codec == record::Codec::zstd ? (128 << 20) + (1 << 20) : 512 << 10;
}

// Output and memory stay within the limit, twice the same comes out, and the limit is exact.
template <record::Codec kCodec>
void fuzz_decompression(ByteView bytes) {
  Input in(bytes);
  const std::size_t limit = std::size_t{16} << in.below(13);  // to 64 KiB
  const Allocations allocations;
  const auto out = codecs().decompress(kCodec, in.rest(), limit);
  MOLDAU_ASSERT(allocations.largest() <= limit + context_bytes(kCodec), "more memory than the limit");
  if (!out) {
    MOLDAU_ASSERT(!out.error().message.empty());
    return;
  }
  MOLDAU_ASSERT(out->size() <= limit, "more came out than the limit");
  const std::vector<std::byte> first(out->begin(), out->end());
  const auto again = codecs().decompress(kCodec, in.rest(), first.size());
  MOLDAU_ASSERT(again && equal(*again, first), "the same bytes decompress to something else");
  if (first.empty()) return;
  const auto less = codecs().decompress(kCodec, in.rest(), first.size() - 1);
  MOLDAU_ASSERT(!less && less.error().code == Errc::too_large, "one byte over the limit is accepted");
}

inline std::vector<std::vector<std::byte>> sample_texts() {
  std::vector<std::vector<std::byte>> all(5);
  Random random(3);
  const auto text = as_bytes("the quick brown fox jumps over the quick brown fox and over the lazy dog");
  all[1].assign(text.begin(), text.end());
  all[2].assign(3000, std::byte{'a'});
  all[3].resize(100);
  random.fill(all[3]);
  all[4].assign(200'000, std::byte{0});
  return all;
}

template <record::Codec kCodec>
void seed_decompression(Seeds& seeds) {
  for (const auto& text : sample_texts())
    for (const std::uint8_t limit : {4, 12}) {
      Buffer seed;
      seed.append_be<std::uint8_t>(limit);
      const Status done = codecs().compress({.codec = kCodec}, text, seed);
      MOLDAU_ASSERT(done.has_value());
      if (seed.size() <= kCompressedMost) seeds.add(seed.view());
    }
}

}  // namespace moldau::fuzz
