// What a codec compresses, at any level that it has, it decompresses to the same bytes.
#include "fuzz/decompression.h"

namespace moldau::fuzz {
namespace {

constexpr std::size_t kMaxSize = 512;

// Levels whose contexts are large are left to the unit tests: making one takes longer than a thousand inputs.
record::Compression compression_of(Input& in) {
  const auto codec = static_cast<record::Codec>(in.below(5));
  const int level = in.between(-2, 6);
  if (level == -2) return {.codec = codec};
  return {.codec = codec, .level = level};
}

// The input, so many times over.
std::vector<std::byte> repeated(ByteView bytes, std::size_t times) {
  std::vector<std::byte> out;
  for (; times > 0; --times) out.insert(out.end(), bytes.begin(), bytes.end());
  return out;
}

void run(ByteView bytes) {
  Input in(bytes);
  const record::Compression compression = compression_of(in);
  const std::size_t times = 1 + in.below(4);
  const auto text = repeated(in.rest(), times);
  Buffer out;
  const Status done = codecs().compress(compression, text, out);
  if (!done) {
    MOLDAU_ASSERT(compression.level && done.error().code == Errc::invalid_argument);
    MOLDAU_ASSERT(out.empty());
    return;
  }
  const auto again = codecs().decompress(compression.codec, out.view(), text.size());
  MOLDAU_ASSERT(again && equal(*again, text), "what was compressed is not what is decompressed");
}

void seeds(Seeds& seeds) {
  for (const auto& text : sample_texts())
    for (std::uint8_t codec = 0; codec < 5; ++codec) {
      Buffer seed;
      seed.append_be<std::uint8_t>(codec);
      seed.append_be<std::uint8_t>(3);
      seed.append_be<std::uint8_t>(2);
      seed.append(ByteView(text).first(std::min<std::size_t>(text.size(), 200)));
      seeds.add(seed.view());
    }
}

MOLDAU_FUZZ_TARGET(codec_round_trip, kMaxSize, run, seeds);

}  // namespace
}  // namespace moldau::fuzz
