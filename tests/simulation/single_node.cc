#include "simulation/single_node.h"

#include <algorithm>
#include <optional>

#include "node/node.h"
#include "simulation/auditor.h"
#include "simulation/broker_workload.h"
#include "simulation/log_files.h"
#include "simulation/node_settings.h"
#include "simulation/trace_sink.h"

namespace moldau::simulation {
namespace {

using node::Node;
using runtime::Task;

constexpr const char* kData = "/data";
constexpr Duration kStartBound = 1200s;   // a start or a stop, faults or not, has ended by then
constexpr Duration kRecoveryBound = 60s;  // reliability.md D9
constexpr std::uint64_t kPlenty = 1ULL << 40;

config::Settings draw_settings(Random& random) {
  config::Settings settings = node_settings(kData);
  settings.commit_log_size_bytes = static_cast<std::uint64_t>(random.between(256, 3'000)) << 10;
  settings.broker["log.retention.check.interval.ms"] = std::to_string(random.between(500, 30'000));
  if (random.one_in(3)) settings.broker["max.incremental.fetch.session.cache.slots"] = "2";
  return settings;
}

class SingleNode {
 public:
  SingleNode(World& world, Mutant mutant)
      : world_(world),
        random_(world.random()),
        machine_(world.machine(0)),
        mutant_(mutant),
        auditor_(world),
        settings_(draw_settings(random_)),
        workload_{world, auditor_, {Fabric::address_of(0), kNodePort}} {
    workload_.retries_as_new = mutant == Mutant::retry_as_new;
    rates_ = machine_.drive().faults();
    if (!random_.one_in(3)) calm_disk();
  }

  // Empty when all is well.
  std::string run() {
    start_clients();
    const std::int64_t lives = random_.between(2, 6);
    for (std::int64_t life = 0; life < lives && auditor_.passed(); ++life) live();
    if (auditor_.passed()) finish();
    if (auditor_.passed() && random_.one_in(6)) exchange_disk();
    return auditor_.problem();
  }

 private:
  // --- the broker

  void open() {
    if (mutant_ == Mutant::none || mutant_ == Mutant::retry_as_new) return begin(machine_.process());
    mutated_.push_back(mutate(mutant_, machine_.process()));
    begin(*mutated_.back());
  }

  void begin(runtime::World& world) {
    auto starting = Node::start(world, settings_, {.admin = false, .process_metrics = {}});
    if (!world_.run_until([&] { return starting.ended(); }, kStartBound)) {
      auditor_.report("the broker's start does not end: " + world_.why_stopped());
      return std::move(starting).detach();
    }
    auto started = std::move(starting).take();
    if (started) {
      node_ = std::move(*started);
    } else {
      start_error_ = started.error().message;
      world_.note("the broker did not start: " + start_error_);
    }
  }

  // False: it did not end.
  bool close(bool& in_order) {
    in_order = false;
    if (!node_) return true;
    auto stopping = node_->stop();
    if (!world_.run_until([&] { return stopping.ended(); }, kStartBound)) {
      auditor_.report("the broker's stop does not end: " + world_.why_stopped());
      std::move(stopping).detach();
      return false;
    }
    const Status stopped = std::move(stopping).take();
    in_order = stopped && machine_.running();
    if (!stopped) world_.note("the broker did not stop in order: " + stopped.error().message);
    node_.reset();
    return true;
  }

  std::uint64_t disk_faults() const {
    const FaultCounters& faults = world_.faults();
    return faults[Fault::write_error] + faults[Fault::sync_error] + faults[Fault::read_error] +
           faults[Fault::no_space] + faults[Fault::open_no_descriptors];
  }

  // One life: start, some time with faults, an end.
  void live() {
    Drive& drive = machine_.drive();
    drive.faults() = random_.one_in(3) ? rates_ : no_errors();
    if (random_.one_in(5)) drive.crash_after(1 + random_.below(400));
    const std::uint64_t before = disk_faults();
    open();
    if (!auditor_.passed()) return;
    if (!node_ && machine_.running() && disk_faults() == before)
      return auditor_.report("the broker does not start although nothing failed: " + start_error_);
    if (node_) {
      for (std::int64_t left = random_.between(1, 8); left > 0 && machine_.running() && auditor_.passed();
           --left) {
        disturb();
        world_.run_for(runtime::milliseconds(random_.between(100, 5'000)));
      }
    }
    heal();
    if (auditor_.passed()) end();
  }

  void end() {
    drive_end_ = random_.below(3);
    if (machine_.running() && drive_end_ == 0) machine_.kill();
    if (machine_.running() && drive_end_ == 1) machine_.power_loss();
    const bool crashed = !machine_.running();
    const bool power_lost = crashed && drive_end_ != 0;
    if (crashed) auditor_.on_death(power_lost || crash_point_fired());
    const bool interrupts = !crashed && random_.one_in(3);
    if (interrupts) machine_.drive().crash_after(1 + random_.below(80));
    bool in_order = false;
    if (!close(in_order)) return;
    if (interrupts && !machine_.running()) world_.faults().fire(Fault::power_loss_in_stop);
    if (!crashed) end_of_clean_stop(in_order);
    if (random_.one_in(5)) damage_a_closed_segment();
    powers_ = world_.faults()[Fault::power_loss];
    machine_.drive().no_crash();
    if (!older_disk_ || random_.one_in(2)) older_disk_ = machine_.drive().dump();
    world_.run_for(runtime::milliseconds(random_.between(0, 3'000)));
    machine_.restart();
    world_.faults().fire(Fault::restart);
  }

  // Of a topic that the scenario can do without: the clients of the others go on.
  void damage_a_closed_segment() {
    std::vector<ClosedSegment> victims = closed_segments(machine_.drive(), kData);
    std::erase_if(victims, [this](const ClosedSegment& victim) {
      const TopicModel* topic = auditor_.topic(victim.key.topic_id);
      return topic == nullptr || topic->stable || topic->state != TopicModel::State::live;
    });
    if (victims.empty()) return;
    const ClosedSegment& victim = victims[random_.below(victims.size())];
    const auto bytes = machine_.drive().contents(victim.path);
    if (bytes->size() < record::kHeaderSize) return;
    world_.note("damage to " + victim.path);
    auditor_.on_damage(victim.key);
    const std::uint64_t at = draw_checked_byte(*bytes);
    const auto bit = static_cast<unsigned>(random_.below(8));
    at % 3 == 0 ? machine_.drive().fail_reads(victim.path, at, 1)
                : machine_.drive().flip_bit(victim.path, at, bit);
  }

  // A byte of some batch that its length or checksum covers: base offset and leader epoch have none.
  std::uint64_t draw_checked_byte(ByteView bytes) {
    std::uint64_t chosen = record::kLengthAt;
    std::uint64_t seen = 0;
    record::BatchReader reader(bytes);
    for (record::BatchView batch; reader.next(batch).value_or(false);) {
      const std::uint64_t at = bytes.size() - reader.rest().size() - batch.size();
      const std::uint64_t inside = random_.one_in(8)
                                       ? record::kLengthAt + random_.below(4)
                                       : record::kMagicAt + random_.below(batch.size() - record::kMagicAt);
      if (random_.one_in(++seen)) chosen = at + inside;
    }
    return chosen;
  }

  bool crash_point_fired() const { return world_.faults()[Fault::power_loss] > powers_; }

  // After a stop in order neither the process nor the power matters any more.
  void end_of_clean_stop(bool in_order) {
    const bool fell = !machine_.running();
    if (in_order) auditor_.on_clean_stop();
    if (!fell) random_.one_in(2) ? machine_.kill() : machine_.power_loss();
    auditor_.on_death(crash_point_fired());
  }

  // --- faults

  DiskFaults no_errors() const {
    DiskFaults none;
    none.cache_miss = rates_.cache_miss;
    none.short_cached_read = rates_.short_cached_read;
    return none;
  }
  void calm_disk() { rates_ = no_errors(); }

  void disturb() {
    const unsigned client = 1 + static_cast<unsigned>(random_.below(world_.machine_count() - 1));
    switch (random_.below(12)) {
      case 0:
        return world_.fabric().reset_connections(0, client);
      case 1:
        return world_.fabric().isolate({client});
      case 2:
        return world_.fabric().cut(0, client);
      case 3:
        return world_.fabric().heal_all();
      case 4:
        return machine_.clock().step_wall_clock(std::chrono::seconds(random_.between(-600, 600)));
      case 5:
        return machine_.pool().set_slowness(1U << random_.below(6));
      case 6:
        machine_.pause();
        world_.run_for(runtime::milliseconds(random_.between(1, 3'000)));
        return machine_.resume();
      case 7:
        return disturb_disk();
      case 8:
        if (random_.one_in(2)) machine_.drive().crash_after(1 + random_.below(300));
        return;
      case 9:
        return machine_.set_drift_ppm(random_.between(-100'000, 100'000));
      default:
        return;
    }
  }

  void disturb_disk() {
    Drive& drive = machine_.drive();
    const char* files[] = {"commit-log", ".log", "__cluster_metadata", ".index", "checkpoint", ".snapshot"};
    const char* file = files[random_.below(std::size(files))];
    switch (random_.below(3)) {
      case 0:
        return drive.fail_next_sync(file);
      case 1:
        return drive.fail_next_write(file);
      default:
        drive.set_capacity(drive.used_bytes() + random_.below(100'000));
        world_.run_for(runtime::milliseconds(random_.between(100, 10'000)));
        drive.set_capacity(kPlenty);
    }
  }

  void heal() {
    world_.fabric().heal_all();
    machine_.drive().set_capacity(kPlenty);
    machine_.set_drift_ppm(0);
    machine_.pool().set_slowness(1);
  }

  // --- the clients

  void start_clients() {
    const bool retention = random_.one_in(2);
    const bool page_cache = random_.one_in(2);
    admin_ = std::make_unique<SimulatedAdmin>(world_.machine(1), workload_, retention, page_cache);
    tasks_.push_back(admin_->run());
    for (unsigned i = 2; i < world_.machine_count(); ++i) {
      if (i % 2 == 0) {
        producers_.push_back(std::make_unique<SimulatedProducer>(world_.machine(i), workload_));
        tasks_.push_back(producers_.back()->run());
      } else {
        consumers_.push_back(std::make_unique<SimulatedConsumer>(world_.machine(i), workload_));
        tasks_.push_back(consumers_.back()->run());
      }
    }
  }

  bool all_ended() const {
    return std::ranges::all_of(tasks_, [](const auto& task) { return task.ended(); });
  }

  // --- the end

  void stop_faults() {
    heal();
    machine_.drive().faults() = no_errors();
    machine_.drive().no_crash();
    machine_.drive().disarm();
    world_.fabric().faults() = {};
    world_.fabric().options().latency.most = std::min<Duration>(world_.fabric().options().latency.most, 5ms);
    machine_.pool().options().slow_io = 0;
    machine_.pool().set_slowness(1);
    workload_.calm = true;
  }

  void finish() {
    stop_faults();
    open();
    if (!auditor_.passed()) return;
    if (!node_) return auditor_.report("the broker does not start on a healthy machine: " + start_error_);
    const std::uint64_t acked = auditor_.acked_records();
    if (!world_.run_until([&] { return auditor_.acked_records() > acked || !auditor_.passed(); },
                          kRecoveryBound))
      return auditor_.report("nothing is acknowledged on a healthy machine: " + world_.why_stopped());
    world_.run_for(runtime::milliseconds(random_.between(0, 10'000)));
    workload_.stopping = true;
    if (!world_.run_until([&] { return all_ended(); }, kStartBound))
      return auditor_.report("the clients do not end: " + world_.why_stopped());
    if (!auditor_.passed()) return;
    if (!within("the metadata", &SimulatedAdmin::check_metadata) ||
        !within("the records", &SimulatedAdmin::read_back))
      return;
    bool in_order = false;
    if (!close(in_order)) return;
    if (!in_order) return auditor_.report("the broker does not stop in order on a healthy machine");
    auditor_.on_clean_stop();
    check_log_files(machine_.drive(), kData, auditor_);
    done_ = true;
  }

  // An empty disk makes a fresh node. An older copy of this one's is a crash that happened then: nobody can
  // tell, as long as nobody remembers more.
  void exchange_disk() {
    Drive& drive = machine_.drive();
    if (machine_.running()) machine_.kill();
    const bool wiped = !older_disk_ || random_.one_in(2);
    if (wiped) {
      drive.wipe();
    } else {
      drive.copy_from(*older_disk_);
    }
    machine_.restart();
    open();
    if (!auditor_.passed()) return;
    const std::string what = wiped ? "an empty disk" : "an older copy of its disk";
    // After a failed sync a log may refuse what it finds, and says so.
    if (!node_ && (wiped || world_.faults()[Fault::sync_error] == 0))
      return auditor_.report("the broker does not start on " + what + ": " + start_error_);
    world_.run_for(3s);
    bool in_order = false;
    if (!close(in_order) || !wiped) return;
    if (!in_order) return auditor_.report("the broker does not stop in order on " + what);
    for (const std::string& path : drive.files()) {
      if (path.starts_with(std::string(kData) + "/topic-"))
        return auditor_.report(path + " is on a disk that was wiped");
    }
  }

  // Tries until it succeeds.
  bool within(const std::string& what, Task<bool> (SimulatedAdmin::*check)()) {
    const MonotonicTime deadline = world_.now() + kRecoveryBound;
    for (bool complete = false; !complete && auditor_.passed();) {
      if (world_.now() > deadline) auditor_.report(what + " cannot be read back");
      auto task = ((*admin_).*check)();
      if (!world_.run_until([&] { return task.ended(); }, 2 * kRecoveryBound)) {
        auditor_.report(what + ": the check does not end: " + world_.why_stopped());
        std::move(task).detach();
        return false;
      }
      complete = std::move(task).take();
      if (!complete) world_.run_for(200ms);
    }
    return auditor_.passed();
  }

 public:
  // What runs after a failure cannot be ended any more: it is left behind.
  bool done() const { return done_ && all_ended(); }
  void leave_tasks() {
    for (auto& task : tasks_) {
      if (!task.ended()) std::move(task).detach();
    }
    tasks_.clear();
  }

 private:
  World& world_;
  Random& random_;
  Machine& machine_;
  Mutant mutant_;
  Auditor auditor_;
  config::Settings settings_;
  Workload workload_;
  DiskFaults rates_;
  std::vector<std::unique_ptr<runtime::World>> mutated_;
  std::unique_ptr<Node> node_;
  std::string start_error_;
  std::unique_ptr<SimulatedAdmin> admin_;
  std::vector<std::unique_ptr<SimulatedProducer>> producers_;
  std::vector<std::unique_ptr<SimulatedConsumer>> consumers_;
  std::vector<Task<void>> tasks_;
  std::optional<DiskTree> older_disk_;
  std::uint64_t drive_end_ = 0;
  std::uint64_t powers_ = 0;
  bool done_ = false;
};

}  // namespace

Options single_node_options(Random& random) {
  Options options;
  options.machines = static_cast<unsigned>(random.between(4, 6));
  options.shards = static_cast<unsigned>(random.between(1, 3));
  options.draw_faults(random, 0.2);
  options.step_limit = 20'000'000;
  return options;
}

Outcome single_node(std::uint64_t, World& world) { return single_node_with(Mutant::none, world); }

Outcome single_node_with(Mutant mutant, World& world) {
  TraceSink sink(world);
  const telemetry::ScopedSink installed(sink);
  auto scenario = std::make_unique<SingleNode>(world, mutant);
  const std::string problem = scenario->run();
  if (!scenario->done()) {
    scenario->leave_tasks();
    static_cast<void>(scenario.release());  // its coroutines hold on to it
  }
  return problem.empty() ? Outcome() : Outcome::failed(problem);
}

}  // namespace moldau::simulation
