#include "simulation/machine.h"

#include <limits>

#include "simulation/stream.h"
#include "simulation/world.h"

namespace moldau::simulation {
namespace {

constexpr std::int64_t kMillion = 1'000'000;
constexpr std::int64_t kNsPerMs = 1'000'000;
// 2026-01-01T00:00:00Z at the start of each world.
constexpr std::int64_t kWallStartNs = 1'767'225'600'000 * kNsPerMs;

}  // namespace

MachineClock::MachineClock(const Scheduler& scheduler, FaultCounters& counters)
    : scheduler_(scheduler),
      counters_(counters),
      base_simulated_(scheduler.now()),
      base_local_(scheduler.now()),
      wall_offset_ns_(kWallStartNs - scheduler.now().time_since_epoch().count()) {}

MonotonicTime MachineClock::local(MonotonicTime simulated) const {
  if (drift_ppm_ == 0) return base_local_ + (simulated - base_simulated_);
  const auto passed = static_cast<__int128>((simulated - base_simulated_).count());
  return base_local_ + Duration(static_cast<std::int64_t>(passed * (kMillion + drift_ppm_) / kMillion));
}

MonotonicTime MachineClock::simulated(MonotonicTime when) const {
  const auto ahead =
      static_cast<__int128>(when.time_since_epoch().count()) - base_local_.time_since_epoch().count();
  if (ahead <= 0) return base_simulated_;
  const __int128 rate = kMillion + drift_ppm_;
  const __int128 at = base_simulated_.time_since_epoch().count() + (ahead * kMillion + rate - 1) / rate;
  const std::int64_t latest = std::numeric_limits<std::int64_t>::max();
  return MonotonicTime(Duration(at > latest ? latest : static_cast<std::int64_t>(at)));
}

TimestampMs MachineClock::now_ms() const {
  if (stopped_at_) return *stopped_at_;
  return (now().time_since_epoch().count() + wall_offset_ns_) / kNsPerMs;
}

void MachineClock::set_drift_ppm(std::int64_t ppm) {
  MOLDAU_ASSERT(ppm > -kMillion / 2 && ppm < kMillion, "a clock runs between half and twice the speed");
  const MonotonicTime here = now();
  base_simulated_ = scheduler_.now();
  base_local_ = here;
  drift_ppm_ = ppm;
  if (ppm != 0) counters_.fire(Fault::clock_drift);
}

void MachineClock::step_wall_clock(Duration by) {
  counters_.fire(Fault::wall_clock_step);
  stopped_at_.reset();
  wall_offset_ns_ += by.count();
}

void MachineClock::stop_wall_clock() {
  counters_.fire(Fault::wall_clock_stuck);
  stopped_at_ = now_ms();
}

ShardExecutor::ShardExecutor(Owner& owner, unsigned shard, const MachineClock& clock, Scheduler& scheduler)
    : place_{&owner, static_cast<std::uint16_t>(shard)}, clock_(clock), scheduler_(scheduler) {}

// In a real process this would be a race between two threads.
void ShardExecutor::check_shard() const {
  const Place* current = scheduler_.current();
  if (current == nullptr || current == &place_ || current->shard == Place::kNoShard) return;
  const auto name = [](const Place& place) {
    return "shard " + std::to_string(place.shard) + " of machine " + std::to_string(place.owner->machine);
  };
  assertion_failed("current == &place_", "the executor of " + name(place_) + " was used from " +
                                             name(*current) +
                                             (place_.owner == current->owner ? "" : ", another process") +
                                             ": use post_remote or on_shard");
}

void ShardExecutor::post(runtime::Job job) {
  check_shard();
  scheduler_.ready(place_, StepKind::job, std::move(job));
}

void ShardExecutor::post(std::coroutine_handle<> suspended) {
  check_shard();
  scheduler_.ready(place_, suspended);
}

void ShardExecutor::post_remote(runtime::Job job) { scheduler_.ready(place_, StepKind::job, std::move(job)); }

void ShardExecutor::wake(std::coroutine_handle<> suspended) { scheduler_.ready(place_, suspended); }

runtime::TimerId ShardExecutor::call_at(MonotonicTime when, runtime::Job job) {
  check_shard();
  if (when == runtime::kForever) return runtime::TimerId::none;
  return static_cast<runtime::TimerId>(
      scheduler_.at(clock_.simulated(when), place_, StepKind::timer, std::move(job)));
}

void ShardExecutor::cancel(runtime::TimerId timer) {
  scheduler_.cancel(static_cast<Scheduler::Token>(timer));
}

Process::Process(Machine& machine, std::uint64_t seed)
    : machine_(machine),
      random_(seed),
      owner_{static_cast<std::uint16_t>(machine.index())},
      descriptors_(std::make_shared<Descriptors>(machine.world().options().descriptors)),
      disk_(machine.drive().attach(descriptors_)),
      pool_(random_.next(), machine.world().options().pool, owner_, machine.world().scheduler(),
            machine.world().faults()) {
  simulation::World& world = machine.world();
  for (unsigned shard = 0; shard < world.options().shards; ++shard) {
    shards_.push_back(std::make_unique<ShardExecutor>(owner_, shard, machine.clock(), world.scheduler()));
    networks_.push_back(std::make_unique<ProcessNetwork>(world.fabric(), *this, *shards_.back()));
  }
}

Process::~Process() = default;

runtime::Executor& Process::shard(unsigned index) { return *shards_[index]; }
runtime::Network& Process::network(unsigned shard) { return *networks_[shard]; }
runtime::WallClock& Process::wall_clock() { return machine_.clock(); }

void Process::die(bool silently) {
  alive_ = false;
  machine_.world().scheduler().resume_owner(owner_);
  machine_.world().fabric().process_died(*this, silently);
}

Machine::Machine(simulation::World& world, unsigned index, std::uint64_t seed)
    : world_(world),
      index_(index),
      random_(seed),
      clock_(world.scheduler(), world.faults()),
      drive_(random_.next(), world.options().disk, world.faults()) {
  drive_.on_power_loss([this] {
    world_.note("power lost at a crash point of machine " + std::to_string(index_));
    process_->die(true);
  });
  if (!world_.options().trace_files.empty()) trace_files();
  processes_.push_back(std::make_unique<Process>(*this, random_.next()));
  process_ = processes_.back().get();
}

void Machine::trace_files() {
  drive_.on_operation(
      [this](std::string_view what, std::string_view path, std::uint64_t offset, std::uint64_t length) {
        if (path.find(world_.options().trace_files) == std::string_view::npos) return;
        world_.print("disk: " + std::string(what) + " " + std::string(path) + " " + std::to_string(offset) +
                     "+" + std::to_string(length));
      });
}

Machine::~Machine() = default;

void Machine::kill() {
  MOLDAU_ASSERT(running(), "the process is dead already");
  world_.note("kill of machine " + std::to_string(index_));
  world_.faults().fire(Fault::kill);
  drive_.detach();
  process_->die(false);
}

void Machine::power_loss() {
  world_.note("power loss of machine " + std::to_string(index_));
  drive_.power_loss();
  if (running()) process_->die(true);
}

Process& Machine::restart() {
  MOLDAU_ASSERT(!running(), "kill it or take its power first");
  world_.note("restart of machine " + std::to_string(index_));
  world_.faults().fire(Fault::restart);
  processes_.push_back(std::make_unique<Process>(*this, random_.next()));
  process_ = processes_.back().get();
  world_.fabric().power_on(index_);
  return *process_;
}

void Machine::abandon() {
  MOLDAU_ASSERT(!running(), "only a dead process can be abandoned");
  process_->owner_.abandoned = true;
}

void Machine::pause() {
  world_.faults().fire(Fault::pause);
  process_->owner_.paused = true;
}

void Machine::resume() { world_.scheduler().resume_owner(process_->owner_); }

void Machine::set_drift_ppm(std::int64_t ppm) {
  const MachineClock before = clock_;
  clock_.set_drift_ppm(ppm);
  world_.scheduler().retime(process_->owner_,
                            [&](MonotonicTime when) { return clock_.simulated(before.local(when)); });
}

}  // namespace moldau::simulation
