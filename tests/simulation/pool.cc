#include "simulation/pool.h"

namespace moldau::simulation {

SimulatedPool::SimulatedPool(std::uint64_t seed, const PoolOptions& options, Owner& owner,
                             Scheduler& scheduler, FaultCounters& counters)
    : options_(options),
      random_(seed),
      place_{&owner, Place::kPool},
      scheduler_(scheduler),
      counters_(counters) {}

void SimulatedPool::submit(runtime::Lane lane, runtime::Executor& home, runtime::Job work,
                           runtime::Job done) {
  Work submitted{&home, std::move(work), std::move(done)};
  if (lane == runtime::Lane::commit) {
    commits_.push_back(std::move(submitted));
    start_commit();
    return;
  }
  scheduler_.at(scheduler_.now() + delay(lane), place_, StepKind::pool,
                [this, submitted = std::move(submitted)]() mutable { execute(std::move(submitted)); });
}

void SimulatedPool::start_commit() {
  if (committing_ || commits_.empty()) return;
  committing_ = true;
  scheduler_.at(scheduler_.now() + delay(runtime::Lane::commit), place_, StepKind::pool, [this] {
    Work first = std::move(commits_.front());
    commits_.pop_front();
    execute(std::move(first));
    committing_ = false;
    start_commit();
  });
}

void SimulatedPool::execute(Work work) {
  work.work();
  work.home->post_remote(std::move(work.done));
}

Duration SimulatedPool::delay(runtime::Lane lane) {
  if (options_.slow_io > 0 && random_.chance(options_.slow_io)) {
    counters_.fire(Fault::slow_io);
    return options_.slow.draw(random_);
  }
  if (slowness_ > 1) counters_.fire(Fault::slow_io);
  const DurationRange& range = lane == runtime::Lane::commit ? options_.commit
                               : lane == runtime::Lane::read ? options_.read
                                                             : options_.background;
  return range.draw(random_) * slowness_;
}

}  // namespace moldau::simulation
