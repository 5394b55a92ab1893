// Reserve: room on the device that the metadata log keeps for itself, by a file that takes it up. A device
// that others have filled to its last byte would else freeze what this node knows of the cluster: neither its
// vote nor what the leader has committed could be written. What cannot be written for want of room is written
// in the place of a piece of the file, which takes back what is left of it as soon as it can.
//
// Its file holds nothing. Lives on its shard; what blocks runs on the pool.
#pragma once

#include <cstdint>
#include <string>

#include "runtime/wait.h"
#include "runtime/world.h"

namespace moldau::quorum {

class Reserve {
 public:
  // `size_bytes` of zero: there is none. The folder of `path` is there before fill().
  Reserve(runtime::World& world, runtime::Executor& executor, std::string path, std::uint64_t size_bytes);

  // Takes what is missing, or as much of it as the device has left.
  runtime::Task<void> fill();
  // Gives a piece free, for who has met Errc::no_space and tries again at once. False: there is nothing left.
  runtime::Task<bool> give();
  bool is_full() const { return size_bytes_ >= full_bytes_; }

 private:
  static constexpr std::uint64_t kPiece = 64 << 10;
  static constexpr std::uint64_t kBlock = 4096;

  Result<std::uint64_t> grow();
  Result<std::uint64_t> shrink();
  runtime::Task<bool> change(Result<std::uint64_t> (Reserve::*work)());

  runtime::World& world_;
  runtime::Executor& executor_;
  const std::string path_;
  std::uint64_t full_bytes_;
  std::uint64_t size_bytes_ = 0;  // of the file
  bool changing_ = false;
  runtime::Signal changed_;
};

}  // namespace moldau::quorum
