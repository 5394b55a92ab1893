// SimulatedPool: the blocking pool of one process. Work runs on the one thread, after a random delay; that of
// Lane::commit in order, one at a time.
#pragma once

#include <deque>

#include "runtime/pool.h"
#include "simulation/faults.h"
#include "simulation/options.h"
#include "simulation/scheduler.h"

namespace moldau::simulation {

class SimulatedPool : public runtime::BlockingPool {
 public:
  SimulatedPool(std::uint64_t seed, const PoolOptions& options, Owner& owner, Scheduler& scheduler,
                FaultCounters& counters);

  void submit(runtime::Lane lane, runtime::Executor& home, runtime::Job work, runtime::Job done) override;

  // Every delay is multiplied by this: a slow device.
  void set_slowness(unsigned factor) { slowness_ = factor; }
  PoolOptions& options() { return options_; }

 private:
  struct Work {
    runtime::Executor* home;
    runtime::Job work;
    runtime::Job done;
  };
  Duration delay(runtime::Lane lane);
  void execute(Work work);
  void start_commit();

  PoolOptions options_;
  Random random_;
  Place place_;
  Scheduler& scheduler_;
  FaultCounters& counters_;
  unsigned slowness_ = 1;
  std::deque<Work> commits_;
  bool committing_ = false;
};

}  // namespace moldau::simulation
