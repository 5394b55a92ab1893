// Internal to the codecs: output memory that grows with what is produced, up to a limit. Growth is realloc:
// large blocks are remapped by the kernel, not copied, so that old and new never exist side by side, and
// bytes that were never written are never touched.
#pragma once

#include <algorithm>
#include <cstdlib>
#include <limits>
#include <memory>

#include "base/bytes.h"

namespace moldau::record {

class Scratch {
 public:
  // Starts an output of at most `limit` bytes; `expected` is a guess that its caller has bounded.
  // One byte beyond the limit may be produced: that is how an output that is too large shows.
  void start(std::size_t expected, std::size_t limit) {
    used_ = 0;
    limit_ = std::min(limit, std::numeric_limits<std::size_t>::max() - 1) + 1;
    const std::size_t wanted = std::min(limit_, std::max(expected, kFirstSize));
    if (wanted > capacity_ || capacity_ > std::max(wanted, kKeptSize)) release();
    reserve(wanted);
  }
  ByteView view() const { return {memory_.get(), used_}; }
  bool over_limit() const { return used_ >= limit_; }
  // Room to write into: never empty unless over_limit().
  MutableBytes room() {
    const std::size_t usable = std::min(capacity_, limit_);
    if (used_ == usable && usable < limit_)
      reserve(std::min(limit_, usable + std::max(usable / 2, kFirstSize)));
    return {memory_.get() + used_, std::min(capacity_, limit_) - used_};
  }
  void produced(std::size_t size) { used_ += size; }
  // Room for exactly `size` bytes; empty if that is over the limit.
  MutableBytes room_for(std::size_t size) {
    if (size >= limit_ - used_) return {};
    reserve(used_ + size);
    return {memory_.get() + used_, size};
  }
  void release() {
    memory_.reset();
    capacity_ = used_ = 0;
  }

 private:
  static constexpr std::size_t kFirstSize = 64 * 1024;
  static constexpr std::size_t kKeptSize = 4 * 1024 * 1024;  // what stays allocated between outputs
  struct Free {
    void operator()(std::byte* memory) const { std::free(memory); }
  };

  void reserve(std::size_t capacity) {
    if (capacity <= capacity_) return;
    auto* grown = static_cast<std::byte*>(std::realloc(memory_.get(), capacity));
    MOLDAU_ASSERT(grown != nullptr, "out of memory");
    (void)memory_.release();
    memory_.reset(grown);
    capacity_ = capacity;
  }

  std::unique_ptr<std::byte, Free> memory_;
  std::size_t capacity_ = 0;
  std::size_t used_ = 0;
  std::size_t limit_ = 0;
};

}  // namespace moldau::record
