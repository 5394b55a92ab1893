// The jobs of a shard that may run now, first in, first out: a ring that grows and whose entries are either a
// suspended coroutine (no allocation, no indirect destruction) or a Job.
#pragma once

#include <coroutine>
#include <vector>

#include "runtime/executor.h"

namespace moldau::platform {

class ReadyQueue {
 public:
  ReadyQueue() : ring_(256) {}

  bool empty() const { return head_ == tail_; }
  std::size_t size() const { return tail_ - head_; }

  void push(std::coroutine_handle<> suspended) { slot().suspended = suspended; }
  void push(runtime::Job job) { slot().job = std::move(job); }

  // Takes the first entry out and runs it. REQUIRES: !empty().
  void run_front() {
    Entry& entry = ring_[head_++ & (ring_.size() - 1)];
    if (entry.suspended) {
      std::exchange(entry.suspended, nullptr).resume();
    } else {
      runtime::Job job = std::move(entry.job);
      job();
    }
  }

 private:
  struct Entry {
    std::coroutine_handle<> suspended;
    runtime::Job job;
  };

  Entry& slot() {
    if (size() == ring_.size()) grow();
    return ring_[tail_++ & (ring_.size() - 1)];
  }

  void grow() {
    std::vector<Entry> larger(ring_.size() * 2);
    for (std::size_t i = 0; i < ring_.size(); ++i)
      larger[i] = std::move(ring_[(head_ + i) & (ring_.size() - 1)]);
    tail_ = ring_.size();
    head_ = 0;
    ring_ = std::move(larger);
  }

  std::vector<Entry> ring_;  // a power of two
  std::size_t head_ = 0;
  std::size_t tail_ = 0;
};

}  // namespace moldau::platform
