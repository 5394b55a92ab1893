// A queue and the threads that serve it. Threads are started when there is more work than free threads, up to
// a limit, and live as long as the group.
#pragma once

#include <atomic>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "runtime/executor.h"

namespace moldau::platform {

class WorkerGroup {
 public:
  // `name` is that of its threads, at most 15 characters. A thread without work looks for some during `spin`
  // before it sleeps. With one thread the work runs in the order of submission.
  WorkerGroup(std::string name, unsigned max_threads, runtime::Duration spin = {});
  WorkerGroup(const WorkerGroup&) = delete;
  WorkerGroup& operator=(const WorkerGroup&) = delete;
  // Runs what was submitted, then ends the threads.
  ~WorkerGroup();

  // Any thread. `work` runs and dies on a thread of the group; then `done` goes to `home`.
  void submit(runtime::Executor& home, runtime::Job work, runtime::Job done);

 private:
  struct Item {
    runtime::Executor* home;
    runtime::Job work;
    runtime::Job done;
  };

  void start_thread();
  void serve();
  void spin();
  static void run(Item item);

  const std::string name_;
  const unsigned max_threads_;
  const runtime::Duration spin_;

  std::mutex mutex_;
  std::condition_variable more_;
  std::deque<Item> queue_;  // under mutex_, as all below
  unsigned idle_ = 0;       // threads that look for work
  unsigned sleeping_ = 0;   // those of them that have to be woken
  bool ending_ = false;
  std::vector<std::thread> threads_;
  std::atomic<std::size_t> queued_{0};  // queue_.size(), for those who spin
};

}  // namespace moldau::platform
