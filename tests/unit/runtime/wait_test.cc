#include "runtime/wait.h"

#include <gtest/gtest.h>

#include <deque>
#include <map>
#include <memory>

namespace moldau::runtime {
namespace {

// A hand-cranked executor: time stands still until the test moves it.
class ManualExecutor : public Executor {
 public:
  void post(Job job) override { ready_.push_back(std::move(job)); }
  void post(std::coroutine_handle<> suspended) override {
    ready_.push_back([suspended] { suspended.resume(); });
  }
  void post_remote(Job job) override { post(std::move(job)); }
  TimerId call_at(MonotonicTime when, Job job) override {
    timers_.emplace(std::pair(when, ++next_timer_), std::move(job));
    return static_cast<TimerId>(next_timer_);
  }
  void cancel(TimerId timer) override {
    std::erase_if(timers_,
                  [&](auto& entry) { return entry.first.second == static_cast<std::uint64_t>(timer); });
  }
  MonotonicTime now() const override { return now_; }
  unsigned shard() const override { return 0; }

  void run() {
    while (!ready_.empty()) {
      Job job = std::move(ready_.front());
      ready_.pop_front();
      job();
    }
  }
  void pass(Duration duration) {
    const MonotonicTime until = now_ + duration;
    run();
    while (!timers_.empty() && timers_.begin()->first.first <= until) {
      auto timer = timers_.extract(timers_.begin());
      now_ = timer.key().first;
      timer.mapped()();
      run();
    }
    now_ = until;
  }
  std::size_t timers() const { return timers_.size(); }

 private:
  MonotonicTime now_{};
  std::deque<Job> ready_;
  std::map<std::pair<MonotonicTime, std::uint64_t>, Job> timers_;
  std::uint64_t next_timer_ = 0;
};

TEST(Task, RunsEagerlyAndReturnsItsValue) {
  bool started = false;
  auto child = [&]() -> Task<std::unique_ptr<int>> {
    started = true;
    co_return std::make_unique<int>(5);
  };
  auto parent = [&]() -> Task<int> { co_return *co_await child() + 1; };
  Task<int> task = parent();
  EXPECT_TRUE(started);
  ASSERT_TRUE(task.ended());
  EXPECT_EQ(std::move(task).take(), 6);
}

TEST(Watermark, WakesOnlyThoseItReaches) {
  ManualExecutor executor;
  Watermark mark(0);
  std::vector<int> woken;
  auto waiter = [&](int target) -> Task<void> {
    EXPECT_TRUE(co_await mark.reaches(executor, target));
    woken.push_back(target);
  };
  for (int target : {5, 3, 9, 3}) waiter(target).detach();
  mark.advance(2);
  executor.run();
  EXPECT_TRUE(woken.empty());
  mark.advance(5);
  EXPECT_TRUE(woken.empty()) << "nobody runs inside the waker's call";
  executor.run();
  EXPECT_EQ(woken, (std::vector<int>{3, 3, 5}));
  mark.advance(4);
  EXPECT_EQ(mark.value(), 5);
  mark.advance(100);
  executor.run();
  EXPECT_EQ(woken.back(), 9);
}

TEST(Watermark, DeadlineAndCloseAnswerFalse) {
  ManualExecutor executor;
  Watermark mark(0);
  std::optional<bool> by_deadline, by_close;
  auto wait = [&](std::optional<bool>& out, MonotonicTime deadline) -> Task<void> {
    out = co_await mark.reaches(executor, 10, deadline);
  };
  wait(by_deadline, executor.now() + 5ms).detach();
  wait(by_close, kForever).detach();
  executor.pass(4ms);
  EXPECT_FALSE(by_deadline.has_value());
  executor.pass(1ms);
  EXPECT_EQ(by_deadline, false);
  mark.close();
  executor.run();
  EXPECT_EQ(by_close, false);
  EXPECT_EQ(executor.timers(), 0u);
}

TEST(OneShot, SeveralWatermarksOneWaiter) {
  ManualExecutor executor;
  Watermark a(0), b(0);
  bool progressed = false;
  auto wait = [&]() -> Task<void> {
    OneShot shot(executor);
    Watermark::Watcher on_a(a, 1, shot), on_b(b, 1, shot);
    progressed = co_await shot.wait(executor.now() + 1s);
  };
  wait().detach();
  b.advance(1);
  executor.run();
  EXPECT_TRUE(progressed);
  a.advance(1);  // the watcher is gone
  EXPECT_EQ(executor.timers(), 0u);
}

TEST(Gate, CloseWaitsForEverybody) {
  ManualExecutor executor;
  Gate gate(executor);
  bool closed = false;
  auto close = [&]() -> Task<void> {
    co_await gate.close();
    closed = true;
  };
  {
    Gate::Pass pass(gate);
    ASSERT_TRUE(pass);
    close().detach();
    executor.run();
    EXPECT_FALSE(closed);
    EXPECT_FALSE(gate.enter());
  }
  executor.run();
  EXPECT_TRUE(closed);
}

TEST(Semaphore, GrantsInOrderAndGivesUpAtTheDeadline) {
  ManualExecutor executor;
  Semaphore bytes(executor, 10);
  std::vector<int> order;
  auto take = [&](int units, MonotonicTime deadline) -> Task<void> {
    if (co_await bytes.acquire(units, deadline)) order.push_back(units);
  };
  take(8, kForever).detach();
  take(5, executor.now() + 1ms).detach();
  take(2, kForever).detach();
  executor.run();
  EXPECT_EQ(order, (std::vector<int>{8})) << "the small one does not overtake";
  executor.pass(1ms);
  EXPECT_EQ(order, (std::vector<int>{8, 2})) << "it goes on when the one before it has given up";
  EXPECT_EQ(bytes.available(), 0u);
}

TEST(Semaphore, GivesUpWhenWhatItWasForHasEnded) {
  ManualExecutor executor;
  Semaphore bytes(executor, 10);
  Watermark ended;
  std::vector<std::pair<int, bool>> outcomes;
  auto take = [&](int units, Watermark* end) -> Task<void> {
    outcomes.emplace_back(units, co_await bytes.acquire(units, kForever, end));
  };
  take(8, nullptr).detach();
  take(5, &ended).detach();
  take(2, nullptr).detach();
  executor.run();
  ended.advance(1);
  executor.run();
  EXPECT_EQ(outcomes, (std::vector<std::pair<int, bool>>{{8, true}, {5, false}, {2, true}}));
  EXPECT_EQ(bytes.waiting(), 0u);
  take(3, &ended).detach();
  executor.run();
  EXPECT_EQ(outcomes.back(), std::pair(3, false)) << "had ended before";
  bytes.release(10);
  EXPECT_EQ(bytes.available(), 10u) << "who gave up holds nothing";
}

TEST(Semaphore, GrantAndEndInOneTurnIsAGrant) {
  ManualExecutor executor;
  Semaphore bytes(executor, 1);
  Watermark ended;
  std::optional<bool> granted;
  ASSERT_TRUE(bytes.try_acquire(1));
  auto take = [&]() -> Task<void> { granted = co_await bytes.acquire(1, kForever, &ended); };
  take().detach();
  ended.advance(1);
  bytes.release(1);
  executor.run();
  EXPECT_EQ(granted, true);
  EXPECT_EQ(bytes.available(), 0u);
}

TEST(OnShard, OnTheSameShardIsAPlainCall) {
  ManualExecutor here;
  OneShot shot(here);
  std::optional<int> value;
  auto later = [](OneShot& until, int result) -> Task<int> {
    co_await until.wait();
    co_return result;
  };
  auto call = [&]() -> Task<void> {
    EXPECT_EQ(co_await on_shard(here, here, [] { return 5; }), 5);
    value = co_await on_shard(here, here, [&] { return later(shot, 7); });
  };
  call().detach();
  EXPECT_FALSE(value.has_value());
  shot.fire();
  here.run();
  EXPECT_EQ(value, 7);
}

TEST(OnShard, ComesBackWithTheValue) {
  ManualExecutor here, there;
  std::optional<int> value;
  auto call = [&]() -> Task<void> { value = co_await on_shard(here, there, [] { return 7; }); };
  call().detach();
  there.run();
  EXPECT_FALSE(value.has_value());
  here.run();
  EXPECT_EQ(value, 7);
}

}  // namespace
}  // namespace moldau::runtime
