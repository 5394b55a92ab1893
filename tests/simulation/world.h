// World: everything outside the broker, simulated on one thread from one seed. As a runtime::World it is that
// of its machine 0, which is all that a unit test needs:
//
//   simulation::World world(seed);
//   auto log = world.run(Log::open(world.shard(0), world.pool(), world.disk(), …));   // Task<T> → T
//   world.power_loss();            // unsynced state vanishes; disk and network answer errors from here on
//   world.run(log->close());       // the dead process tidies up and can touch nothing
//   log.reset();
//   world.restart();               // world.disk(), world.shard(0), … are new objects now
//
// Time moves only in run, run_until and run_for. The same seed and the same calls give the same trace_hash().
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/world.h"
#include "simulation/faults.h"
#include "simulation/machine.h"
#include "simulation/marks.h"
#include "simulation/network.h"
#include "simulation/options.h"
#include "simulation/scheduler.h"

namespace moldau::simulation {

class World : public runtime::World {
 public:
  explicit World(std::uint64_t seed, Options options = {});
  ~World() override;
  World(const World&) = delete;

  unsigned shard_count() const override { return machines_[0]->shard_count(); }
  runtime::Executor& shard(unsigned index) override { return machines_[0]->shard(index); }
  runtime::Network& network(unsigned shard) override { return machines_[0]->network(shard); }
  runtime::WallClock& wall_clock() override { return machines_[0]->wall_clock(); }
  runtime::Disk& disk() override { return machines_[0]->disk(); }
  SimulatedPool& pool() override { return machines_[0]->pool(); }
  std::uint64_t entropy() override { return machines_[0]->entropy(); }

  unsigned machine_count() const { return static_cast<unsigned>(machines_.size()); }
  Machine& machine(unsigned index) { return *machines_[index]; }
  Fabric& fabric() { return fabric_; }
  FaultCounters& faults() { return faults_; }
  Marks& marks() { return marks_; }
  Scheduler& scheduler() { return scheduler_; }
  const Options& options() const { return options_; }
  std::uint64_t seed() const { return seed_; }

  // Of machine 0.
  Drive& drive() { return machines_[0]->drive(); }
  void kill() { machines_[0]->kill(); }
  void power_loss() { machines_[0]->power_loss(); }
  void restart() { machines_[0]->restart(); }

  // Runs until `done()` (asked before the first and after each step). False when it did not come true within
  // `most` of simulated time, when nothing is left that could run (deadlock), or at the step limit:
  // why_stopped() says which, in words.
  bool run_until(const std::function<bool()>& done, Duration most = 1h);
  // Lets simulated time pass. Returns early only at the step limit (false).
  bool run_for(Duration duration);
  // Runs until nothing is ready and nothing is to come, at most `most`. True when that was reached.
  bool run_until_idle(Duration most = 1h);
  // The value of the task. A task that cannot end, or not within `most`, is an assertion failure that says
  // why.
  template <class T>
  T run(runtime::Task<T> task, Duration most = 1h) {
    finish([&] { return task.ended(); }, most);
    return std::move(task).take();
  }

  MonotonicTime now() const { return scheduler_.now(); }
  Duration elapsed() const { return scheduler_.elapsed(); }
  std::uint64_t trace_hash() const { return scheduler_.hash(); }
  const std::string& why_stopped() const { return why_stopped_; }

  // For decisions of the test itself: one stream per world, apart from the scheduler's.
  Random& random() { return random_; }
  // Folds the text into the trace; printed with the simulated time when Options::verbose.
  void note(std::string_view text);
  // Only printed: the trace is the same with and without.
  void print(std::string_view text) const;

 private:
  void finish(const std::function<bool()>& ended, Duration most);

  std::uint64_t seed_;
  Options options_;
  FaultCounters faults_;
  Marks marks_;
  Scheduler scheduler_;
  Random random_;
  Fabric fabric_;
  std::vector<std::unique_ptr<Machine>> machines_;
  std::string why_stopped_;
};

}  // namespace moldau::simulation
