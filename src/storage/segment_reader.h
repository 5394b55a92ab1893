// SegmentReader: the batches of a closed segment, one after another, in bounded memory. Blocks: it belongs
// on a BlockingPool.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/ids.h"
#include "record/batch.h"
#include "runtime/disk.h"

namespace moldau::storage {

class SegmentReader {
 public:
  // From `position`, where a batch begins, to `size_bytes`. It reads `buffer_bytes` at once, and more only
  // for a batch that is larger.
  SegmentReader(std::shared_ptr<runtime::File> file, std::int64_t position, std::int64_t size_bytes,
                std::size_t buffer_bytes)
      : file_(std::move(file)), buffer_bytes_(buffer_bytes), position_(position), end_(size_bytes) {}

  // False at the end. The view is valid until the next call. Errc::corrupt, naming the file, when what stands
  // there is no sound batch, or the device cannot read it.
  Result<bool> next(record::BatchView& batch);
  // Where the next batch begins.
  std::int64_t position() const { return position_; }
  bool at_end() const { return position_ >= end_; }

 private:
  Result<ByteView> at_least(std::size_t wanted);
  Result<record::BatchView> read();

  std::shared_ptr<runtime::File> file_;
  std::size_t buffer_bytes_;
  std::int64_t position_;
  std::int64_t end_;
  std::vector<std::byte> buffer_;
  std::int64_t buffer_at_ = 0;  // its first byte's position
  Offset next_offset_ = 0;
};

}  // namespace moldau::storage
