#include <zlib.h>

#include <algorithm>

#include "record/codec_parts.h"

namespace moldau::record {
namespace {

constexpr int kGzipWindow = MAX_WBITS + 16;  // a window of 32 KiB in a gzip wrapper
constexpr int kMemoryLevel = 8;              // zlib's default
constexpr std::size_t kMaxStep = std::size_t{1} << 30;

Bytef* in_bytes(ByteView bytes) {  // zlib only reads them
  return reinterpret_cast<Bytef*>(const_cast<std::byte*>(bytes.data()));
}

}  // namespace

struct Gzip::Deflate {
  explicit Deflate(int at_level) : level(at_level) {
    const int status =
        deflateInit2(&stream, level, Z_DEFLATED, kGzipWindow, kMemoryLevel, Z_DEFAULT_STRATEGY);
    MOLDAU_ASSERT(status == Z_OK, "deflateInit2");
  }
  ~Deflate() { deflateEnd(&stream); }
  z_stream stream{};
  int level;
};

struct Gzip::Inflate {
  Inflate() {
    const int status = inflateInit2(&stream, kGzipWindow);
    MOLDAU_ASSERT(status == Z_OK, "inflateInit2");
  }
  ~Inflate() { inflateEnd(&stream); }
  z_stream stream{};
};

Gzip::Gzip() = default;
Gzip::~Gzip() = default;

void Gzip::compress(int level, ByteView input, Buffer& out) {
  if (!deflate_ || deflate_->level != level) deflate_ = std::make_unique<Deflate>(level);
  z_stream& stream = deflate_->stream;
  deflateReset(&stream);
  const std::size_t before = out.size();
  const MutableBytes room = out.extend(deflateBound(&stream, input.size()));
  stream.next_in = in_bytes(input);
  stream.avail_in = static_cast<uInt>(input.size());
  stream.next_out = reinterpret_cast<Bytef*>(room.data());
  stream.avail_out = static_cast<uInt>(room.size());
  const int status = ::deflate(&stream, Z_FINISH);
  MOLDAU_ASSERT(status == Z_STREAM_END, "deflateBound bounds it");
  out.truncate(before + stream.total_out);
}

Status Gzip::decompress(ByteView input, Scratch& out) {
  if (!inflate_) inflate_ = std::make_unique<Inflate>();
  z_stream& stream = inflate_->stream;
  inflateReset(&stream);
  stream.next_in = in_bytes(input);
  stream.avail_in = static_cast<uInt>(input.size());
  for (;;) {
    const MutableBytes room = out.room();
    const auto offered = static_cast<uInt>(std::min(room.size(), kMaxStep));
    stream.next_out = reinterpret_cast<Bytef*>(room.data());
    stream.avail_out = offered;
    const int status = ::inflate(&stream, Z_NO_FLUSH);
    out.produced(offered - stream.avail_out);
    if (out.over_limit()) return output_too_large();
    if (status == Z_STREAM_END) {
      if (stream.avail_in == 0) return {};
      inflateReset(&stream);  // a file of several members is their outputs one after another (RFC 1952)
    } else if (status != Z_OK && status != Z_BUF_ERROR) {
      return input_corrupt("gzip", stream.msg != nullptr ? stream.msg : "malformed");
    } else if (stream.avail_in == 0 && stream.avail_out != 0) {
      return input_cut_off("gzip");
    }
  }
}

}  // namespace moldau::record
