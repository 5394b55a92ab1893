// Machine: one simulated computer with a disk, clocks and an address. Process: one life of the program on it,
// a runtime::World of its own. A machine is the World of the process that runs on it now.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "runtime/world.h"
#include "simulation/disk.h"
#include "simulation/network.h"
#include "simulation/pool.h"
#include "simulation/scheduler.h"

namespace moldau::simulation {

class World;
class Machine;

// The clocks of one machine. Its monotonic clock never goes back but may run fast or slow; its wall clock
// may also be stepped or stand still.
class MachineClock : public runtime::WallClock {
 public:
  MachineClock(const Scheduler& scheduler, FaultCounters& counters);

  TimestampMs now_ms() const override;
  MonotonicTime now() const { return local(scheduler_.now()); }
  MonotonicTime local(MonotonicTime simulated) const;
  // The first simulated time at which local() is at least `when`.
  MonotonicTime simulated(MonotonicTime when) const;

  void step_wall_clock(Duration by);
  void stop_wall_clock();  // until the next step_wall_clock()

 private:
  friend class Machine;
  void set_drift_ppm(std::int64_t ppm);

  const Scheduler& scheduler_;
  FaultCounters& counters_;
  MonotonicTime base_simulated_;
  MonotonicTime base_local_;
  std::int64_t drift_ppm_ = 0;
  std::int64_t wall_offset_ns_;
  std::optional<TimestampMs> stopped_at_;
};

class ShardExecutor final : public runtime::Executor {
 public:
  ShardExecutor(Owner& owner, unsigned shard, const MachineClock& clock, Scheduler& scheduler);

  void post(runtime::Job job) override;
  void post(std::coroutine_handle<> suspended) override;
  void post_remote(runtime::Job job) override;
  runtime::TimerId call_at(MonotonicTime when, runtime::Job job) override;
  void cancel(runtime::TimerId timer) override;
  MonotonicTime now() const override { return clock_.now(); }
  unsigned shard() const override { return place_.shard; }

  // From the harness, the network or the pool: no check of the shard.
  void wake(std::coroutine_handle<> suspended);
  const Place& place() const { return place_; }

 private:
  void check_shard() const;

  Place place_;
  const MachineClock& clock_;
  Scheduler& scheduler_;
};

// After its death a process can touch nothing any more: its disk and network answer errors. Its jobs still
// run, so that its owner can close what it built there; or abandon() drops them, and what it built must be
// leaked.
class Process : public runtime::World {
 public:
  Process(Machine& machine, std::uint64_t seed);
  ~Process() override;

  unsigned shard_count() const override { return static_cast<unsigned>(shards_.size()); }
  runtime::Executor& shard(unsigned index) override;
  runtime::Network& network(unsigned shard) override;
  runtime::WallClock& wall_clock() override;
  runtime::Disk& disk() override { return *disk_; }
  SimulatedPool& pool() override { return pool_; }
  std::uint64_t entropy() override { return random_.next(); }

  bool alive() const { return alive_; }
  Machine& machine() { return machine_; }
  Owner& owner() { return owner_; }
  Descriptors& descriptors() { return *descriptors_; }

 private:
  friend class Machine;
  void die(bool silently);

  Machine& machine_;
  Random random_;
  Owner owner_;
  bool alive_ = true;
  std::shared_ptr<Descriptors> descriptors_;
  std::unique_ptr<runtime::Disk> disk_;
  std::vector<std::unique_ptr<ShardExecutor>> shards_;
  std::vector<std::unique_ptr<runtime::Network>> networks_;
  SimulatedPool pool_;
};

class Machine : public runtime::World {
 public:
  Machine(simulation::World& world, unsigned index, std::uint64_t seed);
  ~Machine() override;

  // Of the process that runs now. After a restart these are other objects: ask again.
  unsigned shard_count() const override { return process_->shard_count(); }
  runtime::Executor& shard(unsigned index) override { return process_->shard(index); }
  runtime::Network& network(unsigned shard) override { return process_->network(shard); }
  runtime::WallClock& wall_clock() override { return clock_; }
  runtime::Disk& disk() override { return process_->disk(); }
  SimulatedPool& pool() override { return process_->pool(); }
  std::uint64_t entropy() override { return process_->entropy(); }

  // kill -9: the connections are reset; what was written stays.
  void kill();
  // The plug is pulled: peers hear nothing; unsynced state is lost (see Drive). Also called when a crash
  // point of the drive fires.
  void power_loss();
  // A new process on the same disk. REQUIRES: the last one is dead. Close what it built before this call.
  Process& restart();
  // Drops every job and timer of the dead process; what it built must be leaked, not destroyed.
  void abandon();
  // Nothing of the process runs until resume(): a long pause, a stopped virtual machine.
  void pause();
  void resume();
  bool running() const { return process_->alive(); }
  // Parts per million that both clocks run fast (or slow, when negative) from now on.
  void set_drift_ppm(std::int64_t ppm);

  unsigned index() const { return index_; }
  std::string host() const { return Fabric::address_of(index_); }
  Process& process() { return *process_; }
  Drive& drive() { return drive_; }
  MachineClock& clock() { return clock_; }
  simulation::World& world() { return world_; }

 private:
  friend class Process;
  void trace_files();

  simulation::World& world_;
  unsigned index_;
  Random random_;
  MachineClock clock_;
  Drive drive_;
  std::vector<std::unique_ptr<Process>> processes_;  // all lives; the dead ones keep their executors
  Process* process_ = nullptr;
};

}  // namespace moldau::simulation
