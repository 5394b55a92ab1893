#include "simulation/world.h"

#include <cstdio>

namespace moldau::simulation {
namespace {

// Streams of random numbers that do not shift each other: one per purpose.
enum class Purpose : std::uint64_t { schedule = 1, network, test, machine };

std::uint64_t seed_for(std::uint64_t seed, Purpose purpose, std::uint64_t index = 0) {
  return Random(seed ^ (static_cast<std::uint64_t>(purpose) << 56) ^ (index << 40)).next();
}

double seconds(Duration duration) { return static_cast<double>(duration.count()) / 1e9; }

}  // namespace

World::World(std::uint64_t seed, Options options)
    : seed_(seed),
      options_(options),
      scheduler_(seed_for(seed, Purpose::schedule), options_),
      random_(seed_for(seed, Purpose::test)),
      fabric_(seed_for(seed, Purpose::network), options_.machines, options_.network, scheduler_, faults_) {
  MOLDAU_ASSERT(options_.machines > 0 && options_.shards > 0);
  for (unsigned i = 0; i < options_.machines; ++i) {
    machines_.push_back(std::make_unique<Machine>(*this, i, seed_for(seed, Purpose::machine, i)));
  }
}

// Jobs that never ran may own streams and files: they go while everything that they refer to is still there.
World::~World() { scheduler_.clear(); }

bool World::run_until(const std::function<bool()>& done, Duration most) {
  const MonotonicTime limit = scheduler_.now() + most;
  while (!done()) {
    if (scheduler_.steps() >= options_.step_limit) {
      why_stopped_ = "the limit of " + std::to_string(options_.step_limit) + " steps is reached";
      return false;
    }
    switch (scheduler_.step(limit)) {
      case Scheduler::Step::ran:
        break;
      case Scheduler::Step::nothing_before_limit:
        scheduler_.move_clock(limit);
        if (done()) return true;
        why_stopped_ = "not within " + std::to_string(seconds(most)) + " s of simulated time";
        return false;
      case Scheduler::Step::nothing_at_all:
        if (done()) return true;
        why_stopped_ = "deadlock: nothing is ready and no timer, I/O or message is to come";
        return false;
    }
  }
  return true;
}

bool World::run_for(Duration duration) {
  const MonotonicTime limit = scheduler_.now() + duration;
  while (scheduler_.steps() < options_.step_limit) {
    if (scheduler_.step(limit) == Scheduler::Step::ran) continue;
    scheduler_.move_clock(limit);
    return true;
  }
  why_stopped_ = "the limit of " + std::to_string(options_.step_limit) + " steps is reached";
  return false;
}

bool World::run_until_idle(Duration most) {
  return run_until([&] { return scheduler_.pending() == 0; }, most);
}

void World::finish(const std::function<bool()>& ended, Duration most) {
  if (run_until(ended, most)) return;
  const std::string message = "the task did not end (seed " + std::to_string(seed_) + ", simulated " +
                              std::to_string(seconds(elapsed())) + " s): " + why_stopped_;
  assertion_failed("task.ended()", message);
}

void World::note(std::string_view text) {
  for (const char c : text) scheduler_.fold(static_cast<unsigned char>(c));
  if (options_.verbose) print(text);
}

void World::print(std::string_view text) const {
  std::fprintf(stderr, "%14.6f s  %.*s\n", seconds(elapsed()), static_cast<int>(text.size()), text.data());
}

}  // namespace moldau::simulation
