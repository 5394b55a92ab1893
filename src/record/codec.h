// The compression codecs of record batches (also of KIP-714 telemetry). Readers take whatever Kafka's clients
// write: snappy as raw blocks (librdkafka) and in xerial's chunked framing (Java), lz4 and zstd frames with
// or without a content size. Output is bounded by a limit and grows with what was really produced, so that a
// decompression bomb costs no more memory than the limit and one chunk.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>

#include "base/bytes.h"
#include "base/result.h"

namespace moldau::record {

// The ids of the attribute bits.
enum class Codec : std::uint8_t { none = 0, gzip = 1, snappy = 2, lz4 = 3, zstd = 4 };

constexpr std::optional<Codec> codec_of(int id) {
  return id >= 0 && id <= 4 ? std::optional(static_cast<Codec>(id)) : std::nullopt;
}
// Kafka's names: none, gzip, snappy, lz4, zstd.
std::string_view name_of(Codec codec);
std::optional<Codec> codec_named(std::string_view name);

// A codec and its level. Levels are Kafka's: gzip -1 or 1 to 9, lz4 1 to 17 (9, the default, is the fast
// compressor, every other level the high one), zstd -131072 to 22; snappy and none have none.
struct Compression {
  Codec codec = Codec::none;
  std::optional<int> level;  // the codec's default when empty
  friend bool operator==(const Compression&, const Compression&) = default;
};
// Empty for a codec without levels.
struct LevelRange {
  int lowest, highest, by_default;
};
std::optional<LevelRange> levels_of(Codec codec);

// Codec contexts and a scratch buffer for reuse: one per shard (or thread), not to be shared. Contexts are
// made when first used; what a large batch made grow is given back after it.
class Codecs {
 public:
  Codecs();
  ~Codecs();
  Codecs(const Codecs&) = delete;
  Codecs& operator=(const Codecs&) = delete;

  // Appends the compressed form of `input` to `out`. Codec::none copies. Errc::invalid_argument: the level is
  // not one of the codec's.
  Status compress(const Compression& compression, ByteView input, Buffer& out);

  // Decompresses into the scratch buffer: the view stays valid until the next call of this object.
  // Codec::none returns the input itself. Errc::corrupt: not (only) one stream of this codec;
  // Errc::truncated: it ends early; Errc::too_large: more than max_size_bytes would come out;
  // Errc::unsupported: a form that Kafka's clients cannot read (lz4 with linked blocks or a dictionary).
  Result<ByteView> decompress(Codec codec, ByteView input, std::size_t max_size_bytes);

 private:
  struct Contexts;
  std::unique_ptr<Contexts> contexts_;
};

// The same with contexts of their own, for callers off the hot path.
Result<Slice> compress(const Compression& compression, ByteView input);
Result<Slice> decompress(Codec codec, ByteView input, std::size_t max_size_bytes);

}  // namespace moldau::record
