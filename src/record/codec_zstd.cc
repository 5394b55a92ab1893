#include <zstd.h>

#include <algorithm>

#include "record/codec_parts.h"

namespace moldau::record {
namespace {

// Contexts that a rare high level or a large window made grow beyond this are not kept.
constexpr std::size_t kKeptContextSize = 16 * 1024 * 1024;

}  // namespace

struct Zstd::Compressor {
  ~Compressor() { ZSTD_freeCCtx(context); }
  ZSTD_CCtx* context = ZSTD_createCCtx();
};

struct Zstd::Decompressor {
  ~Decompressor() { ZSTD_freeDCtx(context); }
  ZSTD_DCtx* context = ZSTD_createDCtx();
};

Zstd::Zstd() = default;
Zstd::~Zstd() = default;

void Zstd::compress(int level, ByteView input, Buffer& out) {
  if (!compressor_) compressor_ = std::make_unique<Compressor>();
  const std::size_t before = out.size();
  const MutableBytes room = out.extend(ZSTD_compressBound(input.size()));
  const std::size_t size =
      ZSTD_compressCCtx(compressor_->context, room.data(), room.size(), input.data(), input.size(), level);
  MOLDAU_ASSERT(!ZSTD_isError(size), "ZSTD_compressBound bounds it");
  out.truncate(before + size);
  if (ZSTD_sizeof_CCtx(compressor_->context) > kKeptContextSize) compressor_.reset();
}

Status Zstd::decompress(ByteView input, Scratch& out) {
  if (!decompressor_) decompressor_ = std::make_unique<Decompressor>();
  const auto forget_large = [this](Status status) {
    if (ZSTD_sizeof_DCtx(decompressor_->context) > kKeptContextSize) decompressor_.reset();
    return status;
  };
  ZSTD_DCtx_reset(decompressor_->context, ZSTD_reset_session_only);
  ZSTD_inBuffer in{input.data(), input.size(), 0};
  for (;;) {
    const MutableBytes room = out.room();
    ZSTD_outBuffer produced{room.data(), room.size(), 0};
    const std::size_t status = ZSTD_decompressStream(decompressor_->context, &produced, &in);
    if (ZSTD_isError(status)) return forget_large(input_corrupt("zstd", ZSTD_getErrorName(status)));
    out.produced(produced.pos);
    if (out.over_limit()) return forget_large(output_too_large());
    const bool all_read = in.pos == in.size;
    if (status == 0 && all_read) return forget_large({});
    if (all_read && produced.pos < room.size()) return forget_large(input_cut_off("zstd"));
  }
}

}  // namespace moldau::record
