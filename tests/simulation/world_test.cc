#include "simulation/world.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "runtime/wait.h"

namespace moldau::simulation {
namespace {

using runtime::Lane;
using runtime::Task;

Task<int> add_slowly(runtime::Executor& executor, int a, int b) {
  co_await runtime::sleep_for(executor, 3s);
  co_return a + b;
}

TEST(World, RunsATaskInSimulatedTime) {
  World world(1);
  EXPECT_EQ(world.run(add_slowly(world.shard(0), 2, 3)), 5);
  EXPECT_GE(world.elapsed(), 3s);
  EXPECT_LT(world.elapsed(), 3s + 1ms);
}

Task<void> chatter(runtime::Executor& executor, runtime::BlockingPool& pool, std::vector<int>& order,
                   int name) {
  for (int i = 0; i < 5; ++i) {
    co_await runtime::yield(executor);
    order.push_back(name);
    co_await pool.run(Lane::background, executor, [] {});
  }
}

std::pair<std::uint64_t, std::vector<int>> trace(std::uint64_t seed) {
  World world(seed);
  std::vector<int> order;
  for (int name = 0; name < 5; ++name) chatter(world.shard(0), world.pool(), order, name).detach();
  EXPECT_TRUE(world.run_until([&] { return order.size() == 25; }));
  EXPECT_TRUE(world.run_until_idle());
  return {world.trace_hash(), order};
}

TEST(World, TheSameSeedGivesTheSameTraceAndAnotherAnother) {
  std::set<std::uint64_t> hashes;
  std::set<std::vector<int>> orders;
  for (std::uint64_t seed = 1; seed <= 50; ++seed) {
    const auto first = trace(seed);
    EXPECT_EQ(first, trace(seed));
    hashes.insert(first.first);
    orders.insert(first.second);
  }
  EXPECT_EQ(hashes.size(), 50U);
  EXPECT_GT(orders.size(), 45U);
}

TEST(World, ReadyJobsRunInAnyOrderOrInTheirOwn) {
  for (const bool any_order : {true, false}) {
    std::set<std::vector<int>> orders;
    for (std::uint64_t seed = 1; seed <= 100; ++seed) {
      World world(seed, {.any_order = any_order});
      std::vector<int> order;
      for (int i = 0; i < 3; ++i) world.shard(0).post([&order, i] { order.push_back(i); });
      EXPECT_TRUE(world.run_until_idle());
      orders.insert(order);
    }
    EXPECT_EQ(orders.size(), any_order ? 6U : 1U);
  }
}

TEST(World, TimersFireInTimeAndNotAfterCancel) {
  World world(1);
  runtime::Executor& shard = world.shard(0);
  std::vector<int> fired;
  const auto start = shard.now();
  shard.call_at(start + 2s, [&] { fired.push_back(2); });
  shard.call_at(start + 1s, [&] { fired.push_back(1); });
  const auto cancelled = shard.call_at(start + 1500ms, [&] { fired.push_back(9); });
  shard.cancel(cancelled);
  shard.cancel(cancelled);
  shard.cancel(runtime::TimerId::none);
  EXPECT_TRUE(world.run_for(1999ms));
  EXPECT_EQ(fired, std::vector({1}));
  EXPECT_TRUE(world.run_for(2ms));
  EXPECT_EQ(fired, std::vector({1, 2}));
}

// A timer that is due but has not run yet must not run after cancel: its owner may be gone.
TEST(World, ADueTimerCanStillBeCancelled) {
  for (std::uint64_t seed = 1; seed <= 50; ++seed) {
    World world(seed);
    runtime::Executor& shard = world.shard(0);
    const auto when = shard.now() + 1s;
    int fired = 0;
    runtime::TimerId timers[2];
    for (int i : {0, 1}) {
      timers[i] = shard.call_at(when, [&, i] {
        ++fired;
        shard.cancel(timers[1 - i]);
      });
    }
    EXPECT_TRUE(world.run_until_idle());
    EXPECT_EQ(fired, 1);
  }
}

TEST(World, TellsADeadlockFromATimeLimit) {
  World world(1);
  EXPECT_FALSE(world.run_until([] { return false; }));
  EXPECT_NE(world.why_stopped().find("deadlock"), std::string::npos);
  world.shard(0).call_at(world.shard(0).now() + 10s, [] {});
  EXPECT_FALSE(world.run_until([] { return false; }, 5s));
  EXPECT_NE(world.why_stopped().find("5.0"), std::string::npos) << world.why_stopped();
}

Task<void> wait_for_nothing(runtime::Executor& executor) {
  runtime::OneShot never(executor);
  co_await never.wait();
}

TEST(WorldDeathTest, ATaskThatCannotEndIsReported) {
  EXPECT_DEATH(
      {
        World world(7);
        world.run(wait_for_nothing(world.shard(0)));
      },
      "seed 7.*deadlock");
}

TEST(WorldDeathTest, AnExecutorUsedFromAnotherShardIsReported) {
  EXPECT_DEATH(
      {
        World world(1, {.shards = 2});
        world.shard(0).post([&] { world.shard(1).post([] {}); });
        world.run_for(1s);
      },
      "the executor of shard 1 .* was used from shard 0");
}

Task<int> far_and_back(World& world) {
  co_return co_await runtime::on_shard(world.shard(0), world.shard(1),
                                       [&] { return world.shard(1).shard(); });
}

TEST(World, CrossesShards) {
  World world(1, {.shards = 2});
  EXPECT_EQ(world.run(far_and_back(world)), 1);
}

TEST(Pool, CommitsRunInOrderOneAtATimeAndOthersOverlap) {
  bool overtaken = false;
  for (std::uint64_t seed = 1; seed <= 50; ++seed) {
    World world(seed);
    std::vector<int> commits;
    std::vector<int> reads;
    for (int i = 0; i < 10; ++i) {
      world.pool().submit(Lane::commit, world.shard(0), [&commits, i] { commits.push_back(i); }, [] {});
      world.pool().submit(Lane::read, world.shard(0), [&reads, i] { reads.push_back(i); }, [] {});
    }
    EXPECT_TRUE(commits.empty() && reads.empty()) << "never inside the call";
    EXPECT_TRUE(world.run_until_idle());
    EXPECT_TRUE(std::ranges::is_sorted(commits));
    EXPECT_EQ(commits.size() + reads.size(), 20U);
    overtaken |= !std::ranges::is_sorted(reads);
  }
  EXPECT_TRUE(overtaken);
}

Task<int> work_and_return(World& world) {
  co_return co_await world.pool().run(Lane::commit, world.shard(0), [] { return 42; });
}

TEST(Pool, TakesSimulatedTimeAndMoreWhenSlow) {
  World world(1);
  EXPECT_EQ(world.run(work_and_return(world)), 42);
  EXPECT_LT(world.elapsed(), 10ms);
  EXPECT_GE(world.elapsed(), 50us);
  world.pool().set_slowness(10'000);
  EXPECT_EQ(world.run(work_and_return(world)), 42);
  EXPECT_GT(world.elapsed(), 500ms);
  EXPECT_EQ(world.faults()[Fault::slow_io], 1U);
}

TEST(Machine, ClocksDriftStepAndStop) {
  World world(1, {.machines = 2});
  Machine& fast = world.machine(0);
  Machine& right = world.machine(1);
  const TimestampMs start = right.wall_clock().now_ms();
  bool fired = false;
  fast.shard(0).call_at(fast.shard(0).now() + 11s, [&] { fired = true; });
  fast.set_drift_ppm(100'000);
  EXPECT_TRUE(world.run_for(9'999ms));
  EXPECT_FALSE(fired);
  EXPECT_TRUE(world.run_for(2ms));
  EXPECT_TRUE(fired);
  EXPECT_EQ(right.wall_clock().now_ms() - start, 10'001);
  EXPECT_EQ(fast.wall_clock().now_ms() - start, 11'001);
  fast.clock().step_wall_clock(-1h);
  EXPECT_EQ(fast.wall_clock().now_ms() - start, 11'001 - 3'600'000);
  fast.clock().stop_wall_clock();
  EXPECT_TRUE(world.run_for(1s));
  EXPECT_EQ(fast.wall_clock().now_ms() - start, 11'001 - 3'600'000);
}

TEST(Machine, APausedProcessRunsNothingUntilItResumes) {
  World world(1, {.machines = 2});
  int first = 0;
  int second = 0;
  world.machine(0).pause();
  world.machine(0).shard(0).call_at(world.machine(0).shard(0).now() + 1s, [&] { ++first; });
  world.machine(1).shard(0).call_at(world.machine(1).shard(0).now() + 1s, [&] { ++second; });
  EXPECT_TRUE(world.run_for(5s));
  EXPECT_EQ(first, 0);
  EXPECT_EQ(second, 1);
  world.machine(0).resume();
  EXPECT_TRUE(world.run_until_idle());
  EXPECT_EQ(first, 1);
}

TEST(Machine, AnAbandonedProcessRunsNothingAnyMore) {
  World world(1);
  int ran = 0;
  world.shard(0).call_at(world.shard(0).now() + 1s, [&] { ++ran; });
  world.kill();
  world.machine(0).abandon();
  world.restart();
  world.shard(0).post([&] { ran += 10; });
  EXPECT_TRUE(world.run_for(5s));
  EXPECT_EQ(ran, 10);
}

TEST(Machine, EachLifeHasItsOwnEntropy) {
  World world(1);
  const std::uint64_t first = world.entropy();
  world.kill();
  world.restart();
  EXPECT_NE(world.entropy(), first);
  EXPECT_EQ(World(1).entropy(), first);
}

}  // namespace
}  // namespace moldau::simulation
