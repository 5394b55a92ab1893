#include "platform/timer_heap.h"

namespace moldau::platform {

using runtime::Job;
using runtime::MonotonicTime;
using runtime::TimerId;

TimerId TimerHeap::add(MonotonicTime when, Job job) {
  const std::uint32_t slot = take_slot();
  slots_[slot].job = std::move(job);
  heap_.emplace_back();
  sift_up(heap_.size() - 1, Node{when, sequence_++, slot});
  return static_cast<TimerId>(std::uint64_t{slots_[slot].generation} << 32 | slot);
}

std::uint32_t TimerHeap::take_slot() {
  if (free_.empty()) {
    slots_.emplace_back();
    return static_cast<std::uint32_t>(slots_.size() - 1);
  }
  const std::uint32_t slot = free_.back();
  free_.pop_back();
  return slot;
}

void TimerHeap::cancel(TimerId timer) {
  const auto slot = static_cast<std::uint32_t>(timer);
  const auto generation = static_cast<std::uint32_t>(static_cast<std::uint64_t>(timer) >> 32);
  if (timer == TimerId::none) return;
  MOLDAU_ASSERT(slot < slots_.size(), "a timer of another shard");
  if (slots_[slot].generation != generation) return;
  // The job dies here, after the heap is whole again: what it owns may set or cancel timers.
  const Job cancelled = remove(slots_[slot].position);
}

void TimerHeap::run_due(MonotonicTime now) {
  const std::uint64_t set_meanwhile = sequence_;
  while (!heap_.empty() && heap_.front().when <= now && heap_.front().sequence < set_meanwhile) {
    Job job = remove(0);
    job();
  }
}

Job TimerHeap::remove(std::uint32_t position) {
  const std::uint32_t index = heap_[position].slot;
  Slot& slot = slots_[index];
  slot.position = kNotQueued;
  if (++slot.generation == 0) slot.generation = 1;
  free_.push_back(index);
  Job job = std::move(slot.job);

  const Node last = heap_.back();
  heap_.pop_back();
  if (position < heap_.size()) {
    if (position > 0 && last.before(heap_[(position - 1) / 2])) {
      sift_up(position, last);
    } else {
      sift_down(position, last);
    }
  }
  return job;
}

void TimerHeap::place(const Node& node, std::size_t position) {
  heap_[position] = node;
  slots_[node.slot].position = static_cast<std::uint32_t>(position);
}

void TimerHeap::sift_up(std::size_t position, const Node& node) {
  while (position > 0) {
    const std::size_t parent = (position - 1) / 2;
    if (!node.before(heap_[parent])) break;
    place(heap_[parent], position);
    position = parent;
  }
  place(node, position);
}

void TimerHeap::sift_down(std::size_t position, const Node& node) {
  for (std::size_t child; (child = 2 * position + 1) < heap_.size(); position = child) {
    if (child + 1 < heap_.size() && heap_[child + 1].before(heap_[child])) ++child;
    if (!heap_[child].before(node)) break;
    place(heap_[child], position);
  }
  place(node, position);
}

}  // namespace moldau::platform
