#include "platform/worker_group.h"

#include <chrono>

#include "platform/thread.h"

namespace moldau::platform {

using runtime::Executor;
using runtime::Job;

namespace {

// Not sched_yield(): on a busy machine it gives away the rest of the time slice, milliseconds.
void pause() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("yield");
#endif
}

}  // namespace

WorkerGroup::WorkerGroup(std::string name, unsigned max_threads, runtime::Duration spin)
    : name_(std::move(name)), max_threads_(max_threads), spin_(spin) {
  MOLDAU_ASSERT(max_threads > 0);
}

WorkerGroup::~WorkerGroup() {
  {
    const std::lock_guard lock(mutex_);
    ending_ = true;
  }
  more_.notify_all();
  for (std::thread& thread : threads_) thread.join();
}

void WorkerGroup::submit(Executor& home, Job work, Job done) {
  bool wake = false;
  {
    const std::lock_guard lock(mutex_);
    queue_.push_back({&home, std::move(work), std::move(done)});
    queued_.store(queue_.size(), std::memory_order_relaxed);
    if (queue_.size() > idle_ && threads_.size() < max_threads_) start_thread();
    // Those who spin will see it by themselves.
    wake = sleeping_ > 0 && queue_.size() > idle_ - sleeping_;
  }
  if (wake) more_.notify_one();
}

void WorkerGroup::start_thread() {
  ++idle_;
  threads_.push_back(named_thread(name_, [this] { serve(); }));
}

void WorkerGroup::serve() {
  std::unique_lock lock(mutex_);
  while (true) {
    while (queue_.empty() && !ending_) {
      lock.unlock();
      spin();
      lock.lock();
      if (!queue_.empty() || ending_) break;
      ++sleeping_;
      more_.wait(lock);
      --sleeping_;
    }
    if (queue_.empty()) return;
    Item item = std::move(queue_.front());
    queue_.pop_front();
    queued_.store(queue_.size(), std::memory_order_relaxed);
    --idle_;
    lock.unlock();
    run(std::move(item));
    lock.lock();
    ++idle_;
  }
}

void WorkerGroup::spin() {
  if (spin_ == runtime::Duration::zero()) return;
  const auto until = std::chrono::steady_clock::now() + spin_;
  while (queued_.load(std::memory_order_relaxed) == 0 && std::chrono::steady_clock::now() < until) {
    pause();
  }
}

void WorkerGroup::run(Item item) {
  item.work();
  item.work = nullptr;
  item.home->post_remote(std::move(item.done));
}

}  // namespace moldau::platform
