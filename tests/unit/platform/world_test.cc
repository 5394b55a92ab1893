#include "platform/world.h"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <set>
#include <thread>

#include "runtime/wait.h"

namespace moldau::platform {
namespace {

using namespace std::chrono_literals;
using runtime::Executor;
using runtime::Lane;
using runtime::Task;

TEST(RealWorld, RunUntilReturnsTheValueOfATaskOrOfAFunction) {
  RealWorld world;
  EXPECT_EQ(world.run_until([] { return 7; }), 7);
  EXPECT_EQ(world.run_until([&]() -> Task<std::string> {
    co_await runtime::sleep_for(world.shard(0), 1ms);
    co_return "slept";
  }),
            "slept");
  bool ran = false;
  world.run_until([&]() -> Task<void> {
    ran = true;
    co_return;
  });
  EXPECT_TRUE(ran);
}

TEST(Executor, RunsReadyJobsInOrderAndNeverInsideThePost) {
  RealWorld world;
  std::vector<int> order;
  world.run_until([&]() -> Task<void> {
    Executor& executor = world.shard(0);
    for (int i = 0; i < 1000; ++i) executor.post([&order, i] { order.push_back(i); });
    EXPECT_TRUE(order.empty());
    co_await runtime::yield(executor);
    EXPECT_EQ(order.size(), 1000u);
  });
  EXPECT_TRUE(std::ranges::is_sorted(order));
}

TEST(Executor, JobsThatAlwaysPostMoreDoNotStarveTimersOrOtherThreads) {
  RealWorld world;
  bool stopped = false;
  std::function<void()> again = [&] {
    if (!stopped) world.shard(0).post([&] { again(); });
  };
  std::thread other;
  world.run_until([&]() -> Task<void> {
    runtime::OneShot remote(world.shard(0));
    again();
    other = std::thread([&] { world.shard(0).post_remote([&] { remote.fire(); }); });
    co_await runtime::sleep_for(world.shard(0), 5ms);
    EXPECT_TRUE(co_await remote.wait());
    stopped = true;
  });
  other.join();
}

TEST(Executor, TimersFireAtTheirTimeInOrder) {
  RealWorld world;
  std::vector<int> fired;
  world.run_until([&]() -> Task<void> {
    Executor& executor = world.shard(0);
    const auto start = executor.now();
    for (const int ms : {7, 3, 5, 3, 1}) {
      executor.call_at(start + runtime::milliseconds(ms), [&fired, &executor, start, ms] {
        EXPECT_GE(executor.now(), start + runtime::milliseconds(ms));
        fired.push_back(ms);
      });
    }
    co_await runtime::sleep_for(executor, 8ms);
    EXPECT_LT(executor.now(), start + 500ms);
  });
  EXPECT_EQ(fired, (std::vector{1, 3, 3, 5, 7}));
}

TEST(Executor, ATimerCancelledByAnotherThatIsDueAtTheSameTimeDoesNotFire) {
  RealWorld world;
  bool fired = false;
  world.run_until([&]() -> Task<void> {
    Executor& executor = world.shard(0);
    const auto when = executor.now() + 1ms;
    runtime::TimerId second{};
    executor.call_at(when, [&] { executor.cancel(second); });
    second = executor.call_at(when, [&] { fired = true; });
    co_await runtime::sleep_for(executor, 3ms);
    executor.cancel(second);
    executor.cancel(runtime::TimerId::none);
  });
  EXPECT_FALSE(fired);
}

TEST(Executor, RemotePostsOfManyThreadsAllArriveEachInItsOrder) {
  constexpr int kThreads = 4;
  constexpr int kPosts = 20'000;
  RealWorld world;
  std::vector<int> next(kThreads, 0);
  std::vector<std::thread> threads;
  world.run_until([&]() -> Task<void> {
    Executor& executor = world.shard(0);
    runtime::Watermark arrived;
    for (int t = 0; t < kThreads; ++t) {
      threads.emplace_back([&, t] {
        for (int i = 0; i < kPosts; ++i) {
          executor.post_remote([&, t, i] {
            EXPECT_EQ(next[t]++, i);
            arrived.advance(arrived.value() + 1);
          });
          if (i % 1000 == 0) std::this_thread::sleep_for(100us);
        }
      });
    }
    co_await arrived.reaches(executor, std::int64_t{kThreads} * kPosts);
    for (std::thread& thread : threads) thread.join();  // nobody uses `arrived` any more
  });
  EXPECT_EQ(next, std::vector<int>(kThreads, kPosts));
}

TEST(Executor, ARemotePostWakesASleepingLoopAtOnce) {
  RealWorld world;
  world.start();
  for (int i = 0; i < 50; ++i) {
    std::this_thread::sleep_for(1ms);
    EXPECT_EQ(world.call([i] { return i; }), i);
  }
  EXPECT_GT(world.idle_time(0), 10ms);
  world.stop();
  world.join();
}

TEST(OnShard, CallsThereAndComesBackWithTheValue) {
  RealWorld world({.shards = 3});
  EXPECT_EQ(world.shard_count(), 3u);
  const int sum = world.run_until([&]() -> Task<int> {
    int total = 0;
    const auto home = std::this_thread::get_id();
    for (int i = 0; i < 300; ++i) {
      Executor& there = world.shard(static_cast<unsigned>(i) % 3);
      total += co_await runtime::on_shard(world.shard(0), there, [&there, i] {
        EXPECT_EQ(there.shard(), static_cast<unsigned>(i) % 3);
        return i;
      });
      EXPECT_EQ(std::this_thread::get_id(), home);
    }
    co_return total;
  });
  EXPECT_EQ(sum, 300 * 299 / 2);
}

TEST(RealWorld, RunsAgainAfterAStop) {
  RealWorld world({.shards = 2});
  for (int i = 0; i < 3; ++i) {
    world.shard(0).post([&] { world.stop(); });
    world.run();
  }
  world.stop();  // before run(): it returns at once
  world.run();
}

TEST(RealWorld, SignalsBecomeJobsOfShardZero) {
  RealWorld world;
  std::vector<int> signals;
  ASSERT_TRUE(world.on_signals({SIGHUP, SIGTERM}, [&](int signal) {
    signals.push_back(signal);
    if (signal == SIGTERM) world.stop();
  }));
  world.shard(0).post([] { ::kill(::getpid(), SIGHUP); });
  world.shard(0).call_at(world.shard(0).now() + 5ms, [] { ::kill(::getpid(), SIGTERM); });
  world.run();
  EXPECT_EQ(signals, (std::vector{SIGHUP, SIGTERM}));
}

TEST(RealWorld, ClocksAndEntropy) {
  RealWorld world;
  EXPECT_GT(world.wall_clock().now_ms(), 1'700'000'000'000);
  std::set<std::uint64_t> drawn;
  for (int i = 0; i < 100; ++i) drawn.insert(world.entropy());
  EXPECT_EQ(drawn.size(), 100u);
}

TEST(BlockingPool, CommitsRunOneAtATimeInOrderOffTheShard) {
  RealWorld world;
  std::vector<int> ran;
  std::vector<int> done;
  world.run_until([&]() -> Task<void> {
    runtime::OneShot end(world.shard(0));
    const auto home = std::this_thread::get_id();
    std::atomic<int> at_once{0};
    for (int i = 0; i < 500; ++i) {
      world.pool().submit(
          Lane::commit, world.shard(0),
          [&, i] {
            EXPECT_EQ(at_once.fetch_add(1), 0);
            EXPECT_NE(std::this_thread::get_id(), home);
            ran.push_back(i);
            at_once.fetch_sub(1);
          },
          [&, i] {
            EXPECT_EQ(std::this_thread::get_id(), home);
            done.push_back(i);
            if (i == 499) end.fire();
          });
    }
    EXPECT_TRUE(co_await end.wait());
  });
  EXPECT_EQ(ran.size(), 500u);
  EXPECT_TRUE(std::ranges::is_sorted(ran));
  EXPECT_EQ(done, ran);
}

TEST(BlockingPool, ACommitDoesNotWaitBehindBackgroundWork) {
  RealWorld world({.background_threads = 1});
  world.run_until([&]() -> Task<void> {
    Executor& executor = world.shard(0);
    std::atomic<bool> release{false};
    auto slow = world.pool().run(Lane::background, executor, [&] {
      while (!release) std::this_thread::sleep_for(100us);
      return 1;
    });
    EXPECT_EQ(co_await world.pool().run(Lane::commit, executor, [] { return 2; }), 2);
    EXPECT_EQ(co_await world.pool().run(Lane::read, executor, [] { return 3; }), 3);
    EXPECT_FALSE(slow.ended());
    release = true;
    EXPECT_EQ(co_await std::move(slow), 1);
  });
}

TEST(BlockingPool, ReadsOverlapUpToTheirThreads) {
  RealWorld world({.read_threads = 3});
  world.run_until([&]() -> Task<void> {
    std::atomic<int> inside{0};
    auto meet = [&inside] {  // ends only when three are there at once
      ++inside;
      while (inside < 3) std::this_thread::sleep_for(100us);
      return true;
    };
    std::vector<Task<bool>> reads;
    for (int i = 0; i < 3; ++i) reads.push_back(world.pool().run(Lane::read, world.shard(0), meet));
    for (auto& read : reads) EXPECT_TRUE(co_await std::move(read));
  });
}

TEST(BlockingPool, FinishesWhatItWasGivenBeforeItEnds) {
  std::atomic<int> ran{0};
  {
    RealWorld world;
    for (int i = 0; i < 100; ++i) {
      world.pool().submit(Lane::background, world.shard(0), [&] { ++ran; }, [] {});
    }
  }
  EXPECT_EQ(ran, 100);
}

}  // namespace
}  // namespace moldau::platform
