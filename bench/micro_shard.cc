// A call from one shard to another and back on the real World: what a request pays when its partition lives
// on another shard than its connection. Threads sleep between calls that are far apart, so there are three
// shapes: one call after another, many at once, and one call now and then.
#include <benchmark/benchmark.h>

#include <memory>
#include <vector>

#include "platform/world.h"

namespace moldau {
namespace {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;
using platform::RealWorld;
using runtime::Task;

Task<int> ask(RealWorld& world, unsigned shard) {
  return runtime::on_shard(world.shard(0), world.shard(shard), [] { return 42; });
}

Task<void> call_one_after_another(RealWorld& world, benchmark::State& state, unsigned shard) {
  for (auto _ : state) benchmark::DoNotOptimize(co_await ask(world, shard));
}

void same_shard(benchmark::State& state) {
  RealWorld world({.shards = 2});
  world.run_until([&] { return call_one_after_another(world, state, 0); });
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(same_shard)->UseRealTime();

void other_shard(benchmark::State& state) {
  RealWorld world({.shards = 2});
  world.run_until([&] { return call_one_after_another(world, state, 1); });
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(other_shard)->UseRealTime();

Task<void> call_many_at_once(RealWorld& world, benchmark::State& state) {
  for (auto _ : state) {
    std::vector<Task<int>> calls;
    for (int i = 0; i < state.range(0); ++i) calls.push_back(ask(world, 1));
    for (Task<int>& call : calls) benchmark::DoNotOptimize(co_await std::move(call));
  }
}

void other_shard_at_once(benchmark::State& state) {
  RealWorld world({.shards = 2});
  world.run_until([&] { return call_many_at_once(world, state); });
  state.SetItemsProcessed(state.iterations() * state.range(0));
}
BENCHMARK(other_shard_at_once)->Arg(8)->Arg(64)->UseRealTime();

// Both shards have gone to sleep before each call; only the call itself is timed.
Task<void> call_now_and_then(RealWorld& world, benchmark::State& state) {
  for (auto _ : state) {
    co_await runtime::sleep_for(world.shard(0), 300us);
    const auto began = Clock::now();
    benchmark::DoNotOptimize(co_await ask(world, 1));
    state.SetIterationTime(std::chrono::duration<double>(Clock::now() - began).count());
  }
}

void other_shard_asleep(benchmark::State& state) {
  RealWorld world({.shards = 2});
  world.run_until([&] { return call_now_and_then(world, state); });
}
BENCHMARK(other_shard_asleep)->UseManualTime()->Iterations(3000);

}  // namespace
}  // namespace moldau
