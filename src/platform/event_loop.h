// EventLoop: the Executor of one shard over Linux' epoll. A turn takes what other threads sent, fires due
// timers, runs a bounded number of ready jobs and asks the kernel for events; it sleeps there only when
// nothing is ready.
#pragma once

#include <atomic>
#include <mutex>
#include <span>
#include <vector>

#include "base/result.h"
#include "platform/posix.h"
#include "platform/ready_queue.h"
#include "platform/timer_heap.h"
#include "runtime/executor.h"

namespace moldau::platform {

// Is told about events of a descriptor. Must not run anything of the shard in the call but post it: so
// nothing that the loop is about to tell can be destroyed while it tells.
class Watcher {
 public:
  virtual void on_events(std::uint32_t epoll_events) = 0;

 protected:
  ~Watcher() = default;
};

class EventLoop final : public runtime::Executor {
 public:
  explicit EventLoop(unsigned shard);
  ~EventLoop() override;

  void post(runtime::Job job) override;
  void post(std::coroutine_handle<> suspended) override;
  void post_remote(runtime::Job job) override;
  runtime::TimerId call_at(runtime::MonotonicTime when, runtime::Job job) override;
  void cancel(runtime::TimerId timer) override;
  runtime::MonotonicTime now() const override { return now_; }
  unsigned shard() const override { return shard_; }

  // Turns until stop(); what is ready then stays for the next run().
  void run();
  void stop();  // any thread

  // Tells `watcher` when the descriptor becomes readable, writable or fails: edge-triggered, so once per
  // change. Closing the descriptor ends it; unwatch() ends it for one that stays open.
  Status watch(int fd, Watcher& watcher);
  void unwatch(int fd);

  // Counts the turns, so that whoever never has to wait can notice that others should have theirs.
  std::uint64_t turn() const { return turn_; }
  runtime::Duration idle_time() const { return runtime::Duration(idle_ns_.load(std::memory_order_relaxed)); }

 private:
  bool mine() const;
  void take_inbox();
  void run_ready();
  void poll();
  void sleep();
  // Waits for events, no longer than until `until`, and tells their watchers.
  void wait(runtime::MonotonicTime until);

  const unsigned shard_;
  FileDescriptor epoll_;
  FileDescriptor wake_;
  runtime::MonotonicTime now_;
  std::uint64_t turn_ = 0;
  bool clock_read_ = false;  // now_ is of this very moment: right after a sleep
  bool stopping_ = false;
  std::atomic<bool> running_{false};
  std::atomic<std::int64_t> idle_ns_{0};
  ReadyQueue ready_;
  TimerHeap timers_;

  std::mutex inbox_mutex_;
  std::vector<runtime::Job> inbox_;  // under inbox_mutex_
  bool sleeping_ = false;            // under inbox_mutex_: the next one in the inbox has to wake the loop
  std::atomic<bool> inbox_filled_{false};
  std::vector<runtime::Job> taken_;
};

}  // namespace moldau::platform
