// The commit log's write buffers: large aligned runs of memory, handed out as slices and taken back when
// nobody holds a slice of them, so that steady state never touches fresh memory (a first touch costs
// microseconds a page). One per commit log, on its shard; slices may be released on any thread and outlive
// the pool.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <vector>

#include "base/bytes.h"

namespace moldau::storage {

class WriteBuffers {
 public:
  static constexpr std::size_t kAlignment = 4096;

  WriteBuffers(std::size_t buffer_bytes, std::size_t retained_bytes)
      : buffer_bytes_(buffer_bytes), retained_bytes_(retained_bytes) {}

  // Writable memory, and the owner for slices of it: it is free again when the last copy of `owner` goes.
  struct Lease {
    std::shared_ptr<const void> owner;
    MutableBytes bytes;
  };
  // At least `size` bytes, aligned to kAlignment.
  Lease acquire(std::size_t size);

  // Gives free memory beyond what is to be retained back.
  void trim();

  std::size_t total_bytes() const { return total_bytes_; }

 private:
  struct Block;

  std::size_t buffer_bytes_;
  std::size_t retained_bytes_;
  std::size_t total_bytes_ = 0;
  std::vector<std::shared_ptr<Block>> blocks_;  // leased and free
};

}  // namespace moldau::storage
