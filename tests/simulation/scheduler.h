// Scheduler: one simulated clock, the set of ready jobs of all shards of all machines, and the events to
// come. The seed picks the next ready job; every step folds into a 64-bit hash, so that two runs can be
// compared.
#pragma once

#include <algorithm>
#include <coroutine>
#include <cstdint>
#include <functional>
#include <vector>

#include "base/random.h"
#include "runtime/executor.h"
#include "simulation/options.h"

namespace moldau::simulation {

enum class StepKind : std::uint8_t { job, resume, timer, pool, network, harness };

// The process that owns jobs: they are withheld while it is paused and dropped once it is abandoned.
// Each owner outlives the Scheduler's use of it.
struct Owner {
  std::uint16_t machine = 0;
  bool paused = false;
  bool abandoned = false;
  struct Held {
    std::uint32_t slot;
    std::uint32_t generation;
  };
  std::vector<Held> held;
};

// Where a job belongs: the process and the shard of it. Steps of the network belong to no shard.
struct Place {
  static constexpr std::uint16_t kNoShard = 0xffff;
  static constexpr std::uint16_t kPool = 0xfffe;
  Owner* owner;
  std::uint16_t shard = kNoShard;
};

class Scheduler {
 public:
  using Token = std::uint64_t;  // 0: none

  Scheduler(std::uint64_t seed, const Options& options);
  Scheduler(const Scheduler&) = delete;

  MonotonicTime now() const { return now_; }
  Duration elapsed() const { return now_ - start_; }

  // Makes a job ready now; it runs in a later step.
  void ready(const Place& place, StepKind kind, runtime::Job job);
  void ready(const Place& place, std::coroutine_handle<> suspended);
  // Makes a job ready at `when`. `place` must outlive it.
  Token at(MonotonicTime when, const Place& place, StepKind kind, runtime::Job job);
  // No effect when it has run.
  void cancel(Token token);
  void resume_owner(Owner& owner);
  // Drops every job.
  void clear();
  // Moves every timer of the owner: its clock has changed.
  void retime(const Owner& owner, const std::function<MonotonicTime(MonotonicTime)>& moved);

  enum class Step { ran, nothing_before_limit, nothing_at_all };
  // Runs one ready job; when there is none, moves the clock to the next event, not beyond `limit`.
  Step step(MonotonicTime limit);
  // Lets the time pass until `when` after step() found nothing before it.
  void move_clock(MonotonicTime when) { now_ = std::max(now_, when); }

  // The place of the running step; nullptr outside of steps.
  const Place* current() const { return current_; }
  std::uint64_t steps() const { return steps_; }
  // Called after each step with the place where it ran; outside of it. May start tasks on any shard.
  void after_step(std::function<void(const Place&)> observer) { observer_ = std::move(observer); }
  std::uint64_t hash() const { return hash_; }
  void fold(std::uint64_t value);
  std::size_t pending() const { return ready_.size() + live_events_; }

 private:
  struct Entry {
    runtime::Job job;
    std::coroutine_handle<> suspended;
    const Place* place = nullptr;
    std::uint32_t generation = 1;
    StepKind kind = StepKind::job;
    bool timed = false;
  };
  struct Event {
    MonotonicTime when;
    std::uint64_t sequence;
    std::uint32_t slot;
    std::uint32_t generation;
  };
  struct Later {
    bool operator()(const Event& a, const Event& b) const {
      return a.when != b.when ? a.when > b.when : a.sequence > b.sequence;
    }
  };

  std::uint32_t take_slot();
  void free_slot(std::uint32_t slot);
  bool stale(std::uint32_t slot, std::uint32_t generation) const {
    return entries_[slot].generation != generation;
  }
  void drop_stale_events();
  bool next_event(MonotonicTime limit);
  void collect_due();
  bool pick(Owner::Held& picked);
  std::size_t choose();
  void run(std::uint32_t slot);

  MonotonicTime start_;
  MonotonicTime now_;
  Random random_;
  std::uint64_t job_time_max_ns_;
  bool any_order_;
  std::vector<Entry> entries_;
  std::vector<std::uint32_t> free_;
  std::vector<Owner::Held> ready_;
  std::vector<Event> events_;  // a heap by Later
  std::size_t live_events_ = 0;
  std::uint64_t next_sequence_ = 0;
  std::uint64_t steps_ = 0;
  std::uint64_t hash_;
  const Place* current_ = nullptr;
  std::function<void(const Place&)> observer_;
};

}  // namespace moldau::simulation
