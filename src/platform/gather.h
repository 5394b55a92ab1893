// Walks over the bytes of several parts in the batches that writev and its kin take.
#pragma once

#include <sys/uio.h>

#include <algorithm>
#include <array>
#include <limits>
#include <span>
#include <utility>

#include "base/bytes.h"

namespace moldau::platform {

// Part is ByteView or Slice; the parts outlive the Gather.
template <class Part>
class Gather {
 public:
  // Small enough for the stack, large enough that the call outweighs it; below IOV_MAX.
  static constexpr std::size_t kBatch = 64;
  using Batch = std::array<iovec, kBatch>;

  explicit Gather(std::span<const Part> parts) : parts_(parts) { skip_empty(); }

  bool done() const { return parts_.empty(); }

  // Describes the bytes that come next, at most so many; returns how many entries it used.
  std::size_t fill(Batch& batch, std::size_t max_bytes = std::numeric_limits<std::size_t>::max()) const {
    std::size_t used = 0;
    std::size_t skipped = skipped_;
    for (const Part& part : parts_.first(std::min(parts_.size(), kBatch))) {
      const ByteView rest = ByteView(part).subspan(std::exchange(skipped, 0));
      const std::size_t size = std::min(rest.size(), max_bytes);
      if (size > 0) batch[used++] = {const_cast<std::byte*>(rest.data()), size};
      max_bytes -= size;
    }
    return used;
  }

  // `bytes` of them are dealt with.
  void advance(std::size_t bytes) {
    while (bytes > 0) {
      const std::size_t step = std::min(bytes, ByteView(parts_.front()).size() - skipped_);
      skipped_ += step;
      bytes -= step;
      skip_empty();
    }
  }

 private:
  void skip_empty() {
    while (!parts_.empty() && skipped_ == ByteView(parts_.front()).size()) {
      parts_ = parts_.subspan(1);
      skipped_ = 0;
    }
  }

  std::span<const Part> parts_;
  std::size_t skipped_ = 0;  // bytes of the first part
};

}  // namespace moldau::platform
