// Snappy as Java's clients write it: xerial's framing around raw blocks. Its magic stands before every input.
#include "fuzz/decompression.h"

namespace moldau::fuzz {
namespace {

constexpr std::size_t kMagicSize = 8;

void run(ByteView bytes) {
  if (bytes.empty()) return;
  Buffer framed(bytes.size() + kMagicSize);
  framed.append(bytes.first(1));
  framed.append(std::string_view("\x82SNAPPY\0", kMagicSize));
  framed.append(bytes.subspan(1));
  fuzz_decompression<record::Codec::snappy>(framed.view());
}

void seeds(Seeds& seeds) {
  for (const auto& text : sample_texts()) {
    Buffer compressed;
    MOLDAU_ASSERT(codecs().compress({.codec = record::Codec::snappy}, text, compressed).has_value());
    Buffer seed;
    seed.append_be<std::uint8_t>(12);
    seed.append(compressed.view().subspan(kMagicSize));
    if (seed.size() <= kCompressedMost) seeds.add(seed.view());
  }
}

MOLDAU_FUZZ_TARGET(snappy_xerial, kCompressedMost, run, seeds);

}  // namespace
}  // namespace moldau::fuzz
