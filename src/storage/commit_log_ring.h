// The commit log's file by position: a Position lives at (position mod capacity) behind the header's two
// copies. Every call blocks and belongs on a pool. Safe for calls that overlap in time but not in range.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <vector>

#include "runtime/disk.h"
#include "storage/commit_log_format.h"

namespace moldau::storage {

class CommitLogRing {
 public:
  using Position = commit_format::Position;

  CommitLogRing(std::unique_ptr<runtime::File> file, std::uint64_t capacity)
      : file_(std::move(file)), capacity_(capacity) {}

  std::uint64_t capacity() const { return capacity_; }
  const std::string& path() const { return file_->path(); }

  // Reads what the ring holds there; beyond the end of the file it is zeros. REQUIRES: into.size() <=
  // capacity().
  Status read(Position at, MutableBytes into) const;
  // Writes the parts one after another, around the ring's end when need be. REQUIRES: no more than
  // capacity().
  Status write(Position at, std::span<const ByteView> parts);
  Status write_zeros(Position at, std::uint64_t length);
  Status sync() { return file_->sync_data(); }

  // Bytes of the ring that the file covers, and growing that: the device's blocks are reserved.
  Result<std::uint64_t> reserved() const;
  Status reserve(std::uint64_t from, std::uint64_t to);

  // Writes the copy that `header.sequence` belongs to.
  Status write_header(const commit_format::FileHeader& header);
  // The valid copy with the higher sequence; Errc::corrupt when there is none.
  static Result<commit_format::FileHeader> read_header(runtime::File& file);

 private:
  std::uint64_t ring_offset(Position at) const { return static_cast<std::uint64_t>(at) % capacity_; }

  std::unique_ptr<runtime::File> file_;
  std::uint64_t capacity_;
};

}  // namespace moldau::storage
