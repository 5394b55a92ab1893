#include "record/codec.h"

#include <string>

#include "record/codec_parts.h"
#include "record/scratch.h"

namespace moldau::record {
namespace {

// What every codec's library takes in one call, and far above any batch.
constexpr std::size_t kMaxInput = 0x7fffffff;

}  // namespace

std::string_view name_of(Codec codec) {
  switch (codec) {
    case Codec::none:
      return "none";
    case Codec::gzip:
      return "gzip";
    case Codec::snappy:
      return "snappy";
    case Codec::lz4:
      return "lz4";
    case Codec::zstd:
      return "zstd";
  }
  MOLDAU_UNREACHABLE();
}

std::optional<Codec> codec_named(std::string_view name) {
  for (int id = 0; const auto codec = codec_of(id); ++id) {
    if (name_of(*codec) == name) return codec;
  }
  return std::nullopt;
}

std::optional<LevelRange> levels_of(Codec codec) {
  switch (codec) {
    case Codec::gzip:
      return LevelRange{-1, 9, -1};
    case Codec::lz4:
      return LevelRange{1, 17, 9};
    case Codec::zstd:
      return LevelRange{-131072, 22, 3};
    case Codec::none:
    case Codec::snappy:
      return std::nullopt;
  }
  MOLDAU_UNREACHABLE();
}

namespace {

bool is_level_of(Codec codec, int level) {
  const auto range = levels_of(codec);
  const bool stored_gzip = codec == Codec::gzip && level == 0;  // a level of zlib, not of Kafka
  return range && level >= range->lowest && level <= range->highest && !stored_gzip;
}

Result<int> level_for(const Compression& compression) {
  const auto range = levels_of(compression.codec);
  if (!compression.level) return range ? range->by_default : 0;
  if (is_level_of(compression.codec, *compression.level)) return *compression.level;
  return fail(Errc::invalid_argument, std::string(name_of(compression.codec)) + " has no compression level " +
                                          std::to_string(*compression.level));
}

}  // namespace

struct Codecs::Contexts {
  Gzip gzip;
  Lz4 lz4;
  Zstd zstd;
  Scratch scratch;

  Status decompress(Codec codec, ByteView input) {
    switch (codec) {
      case Codec::gzip:
        return gzip.decompress(input, scratch);
      case Codec::snappy:
        return snappy_decompress(input, scratch);
      case Codec::lz4:
        return lz4.decompress(input, scratch);
      case Codec::zstd:
        return zstd.decompress(input, scratch);
      case Codec::none:
        break;
    }
    MOLDAU_UNREACHABLE();
  }
};

Codecs::Codecs() : contexts_(std::make_unique<Contexts>()) {}
Codecs::~Codecs() = default;

Status Codecs::compress(const Compression& compression, ByteView input, Buffer& out) {
  ASSIGN_OR_RETURN(const int level, level_for(compression));
  if (input.size() > kMaxInput) return fail(Errc::too_large, "too large to compress in one piece");
  switch (compression.codec) {
    case Codec::none:
      out.append(input);
      break;
    case Codec::gzip:
      contexts_->gzip.compress(level, input, out);
      break;
    case Codec::snappy:
      snappy_compress_chunked(input, out);
      break;
    case Codec::lz4:
      contexts_->lz4.compress(level, input, out);
      break;
    case Codec::zstd:
      contexts_->zstd.compress(level, input, out);
      break;
  }
  return {};
}

Result<ByteView> Codecs::decompress(Codec codec, ByteView input, std::size_t max_size_bytes) {
  if (codec == Codec::none) {
    if (input.size() > max_size_bytes) return output_too_large();
    return input;
  }
  if (input.size() > kMaxInput) return fail(Errc::too_large, "too large to decompress in one piece");
  // Four times is what text comes to; more is taken as it is needed.
  contexts_->scratch.start(input.size() * 4, max_size_bytes);
  auto done = contexts_->decompress(codec, input);
  if (!done) {
    contexts_->scratch.release();
    return fail(std::move(done).error());
  }
  return contexts_->scratch.view();
}

Result<Slice> compress(const Compression& compression, ByteView input) {
  Codecs codecs;
  Buffer out;
  TRY(codecs.compress(compression, input, out));
  return std::move(out).to_slice();
}

Result<Slice> decompress(Codec codec, ByteView input, std::size_t max_size_bytes) {
  Codecs codecs;
  ASSIGN_OR_RETURN(const ByteView out, codecs.decompress(codec, input, max_size_bytes));
  return Slice::copy_of(out);
}

}  // namespace moldau::record
