// The timers of a shard: a binary heap over recycled slots. Setting one is O(log n) at worst and O(1) for the
// usual deadline that lies behind the others; cancelling is O(log n). Equal times fire in the order of
// setting.
#pragma once

#include <vector>

#include "runtime/executor.h"

namespace moldau::platform {

class TimerHeap {
 public:
  runtime::TimerId add(runtime::MonotonicTime when, runtime::Job job);
  // No effect on a timer that has fired or was cancelled, nor for TimerId::none.
  void cancel(runtime::TimerId timer);

  // Fires what is due at `now`, except timers that are set meanwhile.
  void run_due(runtime::MonotonicTime now);
  // When the next one is due; kForever when there is none.
  runtime::MonotonicTime next() const { return heap_.empty() ? runtime::kForever : heap_.front().when; }
  std::size_t size() const { return heap_.size(); }

 private:
  static constexpr std::uint32_t kNotQueued = ~0u;

  struct Node {
    runtime::MonotonicTime when;
    std::uint64_t sequence;
    std::uint32_t slot;
    bool before(const Node& other) const {
      return when != other.when ? when < other.when : sequence < other.sequence;
    }
  };
  struct Slot {
    runtime::Job job;
    std::uint32_t position = kNotQueued;  // in heap_
    std::uint32_t generation = 1;         // tells a timer from its slot's earlier ones
  };

  std::uint32_t take_slot();
  runtime::Job remove(std::uint32_t position);
  void place(const Node& node, std::size_t position);
  void sift_up(std::size_t position, const Node& node);
  void sift_down(std::size_t position, const Node& node);

  std::vector<Node> heap_;
  std::vector<Slot> slots_;
  std::vector<std::uint32_t> free_;
  std::uint64_t sequence_ = 0;
};

}  // namespace moldau::platform
