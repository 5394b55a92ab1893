// Internal: one class per codec, so that each third-party header is included by one file. compress() appends
// to `out`; decompress() writes to a Scratch that was started, and stops with Errc::too_large beyond its
// limit.
#pragma once

#include <memory>
#include <string_view>

#include "base/bytes.h"
#include "base/result.h"
#include "record/scratch.h"

namespace moldau::record {

inline std::unexpected<Error> output_too_large() {
  return fail(Errc::too_large, "decompressed size is over the limit");
}
inline std::unexpected<Error> input_cut_off(std::string_view codec) {
  return fail(Errc::truncated, std::string(codec) + " data is cut off");
}
inline std::unexpected<Error> input_corrupt(std::string_view codec, std::string_view why) {
  return fail(Errc::corrupt, std::string(codec) + " data: " + std::string(why));
}

class Gzip {
 public:
  Gzip();
  ~Gzip();
  void compress(int level, ByteView input, Buffer& out);
  Status decompress(ByteView input, Scratch& out);

 private:
  struct Deflate;
  struct Inflate;
  std::unique_ptr<Deflate> deflate_;
  std::unique_ptr<Inflate> inflate_;
};

class Lz4 {
 public:
  Lz4();
  ~Lz4();
  void compress(int level, ByteView input, Buffer& out);
  Status decompress(ByteView input, Scratch& out);

 private:
  struct Decompression;
  std::unique_ptr<Decompression> decompression_;
};

class Zstd {
 public:
  Zstd();
  ~Zstd();
  void compress(int level, ByteView input, Buffer& out);
  Status decompress(ByteView input, Scratch& out);

 private:
  struct Compressor;
  struct Decompressor;
  std::unique_ptr<Compressor> compressor_;
  std::unique_ptr<Decompressor> decompressor_;
};

void snappy_compress_chunked(ByteView input, Buffer& out);
Status snappy_decompress(ByteView input, Scratch& out);

}  // namespace moldau::record
