#include <lz4frame.h>

#include <algorithm>

#include "record/codec_parts.h"

namespace moldau::record {
namespace {

// LZ4 frame format: little-endian magic, then the FLG byte.
constexpr std::uint32_t kFrameMagic = 0x184D2204;
constexpr std::size_t kFlagsAt = 4;
constexpr unsigned kIndependentBlocks = 0x20;
constexpr unsigned kDictionary = 0x01;

constexpr int kFastLevel = 9;  // Kafka's default level is its fast compressor (KIP-390)
constexpr int kLowestHighLevel = 3;

// Java's decoder knows only independent blocks and no dictionary: a frame beyond that would be unreadable
// there.
Status check_frame(ByteView input) {
  if (input.size() <= kFlagsAt) return input_cut_off("lz4");
  std::uint32_t magic;
  std::memcpy(&magic, input.data(), sizeof magic);
  static_assert(std::endian::native == std::endian::little);
  if (magic != kFrameMagic) return input_corrupt("lz4", "not a frame");
  const auto flags = std::to_integer<unsigned>(input[kFlagsAt]);
  if ((flags & kIndependentBlocks) == 0) return fail(Errc::unsupported, "lz4 frame with linked blocks");
  if ((flags & kDictionary) != 0) return fail(Errc::unsupported, "lz4 frame with a dictionary");
  return {};
}

}  // namespace

struct Lz4::Decompression {
  Decompression() {
    const auto status = LZ4F_createDecompressionContext(&context, LZ4F_VERSION);
    MOLDAU_ASSERT(!LZ4F_isError(status), "LZ4F_createDecompressionContext");
  }
  ~Decompression() { LZ4F_freeDecompressionContext(context); }
  LZ4F_dctx* context = nullptr;
};

Lz4::Lz4() = default;
Lz4::~Lz4() = default;

void Lz4::compress(int level, ByteView input, Buffer& out) {
  LZ4F_preferences_t preferences{};
  preferences.frameInfo.blockSizeID = LZ4F_max64KB;
  preferences.frameInfo.blockMode = LZ4F_blockIndependent;
  preferences.compressionLevel = level == kFastLevel ? 0 : std::max(level, kLowestHighLevel);
  const std::size_t before = out.size();
  const MutableBytes room = out.extend(LZ4F_compressFrameBound(input.size(), &preferences));
  const std::size_t size =
      LZ4F_compressFrame(room.data(), room.size(), input.data(), input.size(), &preferences);
  MOLDAU_ASSERT(!LZ4F_isError(size), "LZ4F_compressFrameBound bounds it");
  out.truncate(before + size);
}

Status Lz4::decompress(ByteView input, Scratch& out) {
  TRY(check_frame(input));
  if (!decompression_) decompression_ = std::make_unique<Decompression>();
  LZ4F_resetDecompressionContext(decompression_->context);
  for (;;) {
    const MutableBytes room = out.room();
    std::size_t produced = room.size();
    std::size_t consumed = input.size();
    const std::size_t status =
        LZ4F_decompress(decompression_->context, room.data(), &produced, input.data(), &consumed, nullptr);
    if (LZ4F_isError(status)) return input_corrupt("lz4", LZ4F_getErrorName(status));
    out.produced(produced);
    input = input.subspan(consumed);
    if (out.over_limit()) return output_too_large();
    if (status == 0) {
      if (input.empty()) return {};
      return input_corrupt("lz4", "bytes behind the frame");
    }
    if (input.empty() && produced < room.size()) return input_cut_off("lz4");
  }
}

}  // namespace moldau::record
