// The smallest shard there is: jobs run in their order on the caller's thread, blocking work at once, and
// time stands still. For targets that would spend most of their time in making a simulated world.
#pragma once

#include <deque>
#include <map>
#include <utility>

#include "runtime/executor.h"
#include "runtime/pool.h"

namespace moldau::fuzz {

class InlineExecutor final : public runtime::Executor {
 public:
  void post(runtime::Job job) override { jobs_.push_back(std::move(job)); }
  void post(std::coroutine_handle<> suspended) override {
    jobs_.push_back([suspended] { suspended.resume(); });
  }
  void post_remote(runtime::Job job) override { jobs_.push_back(std::move(job)); }
  runtime::TimerId call_at(runtime::MonotonicTime when, runtime::Job job) override {
    timers_.emplace(++last_timer_, std::pair(when, std::move(job)));
    return runtime::TimerId{last_timer_};
  }
  void cancel(runtime::TimerId timer) override { timers_.erase(std::to_underlying(timer)); }
  runtime::MonotonicTime now() const override { return now_; }
  unsigned shard() const override { return 0; }

  // Until nothing is ready any more. Timers fire only in run().
  void run_ready() {
    while (!jobs_.empty()) {
      runtime::Job job = std::move(jobs_.front());
      jobs_.pop_front();
      job();
    }
  }
  // The value of the task; time passes when nothing else is left to do.
  template <class T>
  T run(runtime::Task<T> task) {
    for (run_ready(); !task.ended(); run_ready()) {
      MOLDAU_ASSERT(!timers_.empty(), "a task waits for what never comes");
      fire_next_timer();
    }
    return std::move(task).take();
  }

 private:
  void fire_next_timer() {
    auto next = timers_.begin();
    for (auto at = timers_.begin(); at != timers_.end(); ++at)
      if (at->second.first < next->second.first) next = at;
    auto [when, job] = std::move(next->second);
    timers_.erase(next);
    now_ = std::max(now_, when);
    job();
  }

  std::deque<runtime::Job> jobs_;
  std::map<std::uint64_t, std::pair<runtime::MonotonicTime, runtime::Job>> timers_;
  std::uint64_t last_timer_ = 0;
  runtime::MonotonicTime now_{};
};

class InlinePool final : public runtime::BlockingPool {
 public:
  void submit(runtime::Lane, runtime::Executor& home, runtime::Job work, runtime::Job done) override {
    work();
    home.post_remote(std::move(done));
  }
};

}  // namespace moldau::fuzz
