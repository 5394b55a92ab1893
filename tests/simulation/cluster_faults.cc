#include "simulation/cluster_faults.h"

#include <algorithm>

namespace moldau::simulation {
namespace {

constexpr std::uint64_t kPlenty = 1ULL << 40;

}  // namespace

ClusterFaults::ClusterFaults(World& world, std::vector<std::unique_ptr<ClusterNode>>& nodes,
                             const MetadataObserver& metadata)
    : world_(world),
      random_(world.random()),
      nodes_(nodes),
      metadata_(metadata),
      plans_(nodes.size()),
      machines_(world.machine_count()) {
  // The disks of some seeds never fail.
  const bool calm = !random_.one_in(3);
  for (const auto& node : nodes_) {
    DiskFaults& faults = node->machine().drive().faults();
    rates_.push_back(calm ? no_errors(faults) : faults);
    faults = no_errors(faults);
  }
}

DiskFaults ClusterFaults::no_errors(const DiskFaults& rates) const {
  DiskFaults none;
  none.cache_miss = rates.cache_miss;
  none.short_cached_read = rates.short_cached_read;
  return none;
}

void ClusterFaults::disturb() {
  switch (random_.below(10)) {
    case 0:
    case 1:
    case 2:
      return disturb_network();
    case 3:
    case 4:
    case 5:
      return disturb_process();
    case 6:
      return disturb_disk();
    case 7:
      return disturb_clock();
    default:
      return;
  }
}

// --- the network

void ClusterFaults::disturb_network() {
  Fabric& fabric = world_.fabric();
  const auto count = static_cast<unsigned>(nodes_.size());
  const auto a = static_cast<unsigned>(random_.below(count));
  const auto b = static_cast<unsigned>(random_.below(machines_));
  switch (random_.below(9)) {
    case 0:
      return fabric.reset_connections(a, b);
    case 1:
      world_.faults().fire(Fault::isolated_node);
      return fabric.isolate({a});
    case 2: {
      world_.faults().fire(Fault::split_cluster);
      std::vector<unsigned> group;
      for (unsigned i = 0; i < machines_; ++i) {
        if (random_.one_in(2)) group.push_back(i);
      }
      return fabric.isolate(group);
    }
    case 3:
    case 4:
      if (a != b) fabric.cut(a, b);
      return;
    case 5:
      world_.faults().fire(Fault::slow_link);
      fabric.link(a, b).extra_latency = runtime::milliseconds(random_.between(5, 1'500));
      return;
    case 6:
      world_.faults().fire(Fault::clogged_link);
      fabric.link(a, b).bytes_per_second = static_cast<std::uint64_t>(random_.between(1'000, 200'000));
      return;
    default:
      fabric.heal_all();
      for (unsigned from = 0; from < machines_; ++from) {
        for (unsigned to = 0; to < machines_; ++to) {
          fabric.link(from, to).extra_latency = {};
          fabric.link(from, to).bytes_per_second = 0;
        }
      }
  }
}

// --- processes

void ClusterFaults::disturb_process() {
  ClusterNode& node = draw_node();
  Plan& plan = plan_of(node);
  switch (random_.below(12)) {
    case 0:
    case 1:
    case 2:
      if (node.alive()) kill(node);
      return;
    case 3:
    case 4:
      if (node.state() != ClusterNode::State::running || plan.paused) return;
      world_.faults().fire(Fault::clean_stop);
      plan.restart_at = world_.now() + runtime::milliseconds(random_.between(0, 10'000));
      return node.stop();
    case 5:
    case 6:
      if (!node.alive() || plan.paused) return;
      plan.paused = true;
      plan.resume_at = world_.now() + runtime::milliseconds(random_.one_in(3) ? random_.between(1, 30'000)
                                                                              : random_.between(1, 3'000));
      return node.machine().pause();
    case 7:
      if (plan.storm > 0) return;
      world_.faults().fire(Fault::restart_storm);
      plan.storm = static_cast<int>(random_.between(2, 5));
      plan.strike_at = world_.now();
      return;
    case 8:
      return kill_many();
    case 9:
      if (node.alive()) node.machine().drive().crash_after(1 + random_.below(200));
      return;
    case 10:
      if (may_wipe(node)) wipe(node);
      return;
    default:
      return;
  }
}

void ClusterFaults::kill(ClusterNode& node) {
  if (node.state() == ClusterNode::State::starting) world_.marks().hit(Mark::killed_in_start);
  if (node.state() == ClusterNode::State::stopping) world_.marks().hit(Mark::killed_in_stop);
  random_.one_in(2) ? node.kill() : node.power_loss();
  Plan& plan = plan_of(node);
  plan.paused = false;
  plan.restart_at = world_.now() + runtime::milliseconds(random_.one_in(3) ? random_.between(0, 30'000)
                                                                           : random_.between(0, 3'000));
  note_what_is_down();
}

void ClusterFaults::kill_many() {
  const bool all = random_.one_in(2);
  for (const auto& node : nodes_) {
    if (node->alive() && (all || random_.one_in(2))) kill(*node);
  }
}

void ClusterFaults::note_what_is_down() {
  std::size_t voters = 0, voters_alive = 0, alive = 0;
  for (const auto& node : nodes_) {
    alive += node->alive();
    voters += node->is_voter();
    voters_alive += node->is_voter() && node->alive();
  }
  if (voters_alive < voters / 2 + 1) world_.marks().hit(Mark::quorum_lost);
  if (alive == 0) world_.marks().hit(Mark::all_nodes_down);
}

void ClusterFaults::wipe(ClusterNode& node) {
  if (node.alive()) kill(node);
  world_.note("wiped disk of node " + std::to_string(node.id()));
  node.machine().drive().wipe();
  node.set_missed(true);
}

// A voter's disk is its vote: it is left alone.
bool ClusterFaults::may_wipe(const ClusterNode& node) const {
  return !node.is_voter() && is_dispensable(node.id()) &&
         std::ranges::none_of(nodes_, [](const auto& other) { return other->is_missed(); });
}

bool ClusterFaults::others_can_lead(const std::set<NodeId>& lost) const {
  for (const auto& [name, topic] : metadata_.image().topics()) {
    for (const auto& partition : topic->partitions) {
      bool someone = false;
      for (const auto* list : {&partition->isr, &partition->eligible_leader_replicas}) {
        someone |= std::ranges::any_of(*list, [&](NodeId id) { return !lost.contains(id); });
      }
      if (!someone) return false;
    }
  }
  return true;
}

bool ClusterFaults::is_dispensable(NodeId lost) const {
  const metadata::Image& image = metadata_.image();
  for (const auto& [name, topic] : image.topics()) {
    for (const auto& partition : topic->partitions) {
      std::set<NodeId> complete(partition->isr.begin(), partition->isr.end());
      complete.insert(partition->eligible_leader_replicas.begin(), partition->eligible_leader_replicas.end());
      if (!complete.contains(lost)) continue;
      // The others stay eligible when they leave the ISR only as long as it is smaller than it has to be.
      if (complete.size() < 2 || metadata_.lowest_min_isr(topic->id) < 2) return false;
    }
  }
  return true;
}

void ClusterFaults::tick() {
  for (const auto& node : nodes_) {
    Plan& plan = plan_of(*node);
    if (plan.paused && world_.now() >= plan.resume_at) {
      plan.paused = false;
      if (node->alive()) node->machine().resume();
    }
    if (plan.storm > 0 && world_.now() >= plan.strike_at) {
      if (node->alive() && !plan.paused) {
        kill(*node);
        plan.restart_at = world_.now();
        --plan.storm;
      }
      plan.strike_at = world_.now() + runtime::milliseconds(random_.between(1, 4'000));
    }
    if (node->state() == ClusterNode::State::down && world_.now() >= plan.restart_at) {
      // It failed to start by itself: not again at once.
      plan.restart_at = world_.now() + runtime::milliseconds(random_.between(500, 5'000));
      node->machine().drive().no_crash();
      if (!healed_ && random_.one_in(8)) node->machine().drive().crash_after(1 + random_.below(150));
      const auto index = static_cast<std::size_t>(node->id() - 1);
      node->machine().drive().faults() = random_.one_in(3) ? rates_[index] : no_errors(rates_[index]);
      node->start();
      if (healed_) node->machine().pool().options().slow_io = 0;
    }
  }
}

// --- disks and clocks

void ClusterFaults::disturb_disk() {
  Drive& drive = draw_node().machine().drive();
  const char* files[] = {"commit-log", ".log", "__cluster_metadata", ".index", "checkpoint", "quorum-state"};
  const char* file = files[random_.below(std::size(files))];
  switch (random_.below(4)) {
    case 0:
      return drive.fail_next_sync(file);
    case 1:
      return drive.fail_next_write(file);
    case 2:
      return drive.set_capacity(drive.used_bytes() + random_.below(100'000));
    default:
      drive.set_capacity(kPlenty);
  }
}

void ClusterFaults::disturb_clock() {
  Machine& machine = draw_node().machine();
  switch (random_.below(4)) {
    case 0:
      return machine.clock().step_wall_clock(std::chrono::seconds(random_.between(-3'600, 3'600)));
    case 1:
      return machine.set_drift_ppm(random_.between(-100'000, 100'000));
    case 2:
      if (machine.running()) machine.pool().set_slowness(1U << random_.below(6));
      return;
    default:
      machine.set_drift_ppm(0);
      if (machine.running()) machine.pool().set_slowness(1);
  }
}

// --- the end

void ClusterFaults::rest() {
  for (Plan& plan : plans_) plan = {.restart_at = runtime::kForever};
}

std::set<NodeId> ClusterFaults::leave_core() {
  std::set<NodeId> core;
  std::size_t voters = 0;
  for (const auto& node : nodes_) {
    core.insert(node->id());
    voters += node->is_voter();
  }
  if (!random_.one_in(3)) return core;
  ClusterNode& gone = draw_node();
  if (gone.is_voter() && (voters - 1) < voters / 2 + 1) return core;
  if (!gone.alive() || !others_can_lead({gone.id()}) || !leaves_enough(gone.id())) return core;
  world_.marks().hit(Mark::node_gone_for_good);
  random_.one_in(2) ? gone.kill() : gone.power_loss();
  plan_of(gone) = {.restart_at = runtime::kForever};
  core.erase(gone.id());
  return core;
}

// In-sync replicas, in each partition that it has one of.
bool ClusterFaults::leaves_enough(NodeId gone) const {
  for (const auto& [name, topic] : metadata_.image().topics()) {
    for (const auto& partition : topic->partitions) {
      const bool concerned = std::ranges::count(partition->replicas, gone) > 0;
      if (concerned && partition->replicas.size() - 1 < metadata_.min_isr(*topic)) return false;
    }
  }
  return true;
}

void ClusterFaults::heal() {
  healed_ = true;
  // A log that failed stays so until its node starts again.
  const FaultCounters& fired = world_.faults();
  const bool disks_failed = fired[Fault::write_error] + fired[Fault::sync_error] + fired[Fault::read_error] +
                                fired[Fault::no_space] >
                            0;
  Fabric& fabric = world_.fabric();
  fabric.heal_all();
  fabric.faults() = {};
  fabric.options().latency.most = std::min<Duration>(fabric.options().latency.most, 5ms);
  for (unsigned from = 0; from < machines_; ++from) {
    for (unsigned to = 0; to < machines_; ++to) fabric.link(from, to) = {};
  }
  for (const auto& node : nodes_) {
    Machine& machine = node->machine();
    Plan& plan = plan_of(*node);
    const DiskFaults calm = no_errors(rates_[static_cast<std::size_t>(node->id() - 1)]);
    rates_[static_cast<std::size_t>(node->id() - 1)] = calm;
    machine.drive().faults() = calm;
    machine.drive().no_crash();
    machine.drive().disarm();
    machine.drive().set_capacity(kPlenty);
    machine.set_drift_ppm(0);
    machine.pool().options().slow_io = 0;
    if (machine.running()) machine.pool().set_slowness(1);
    if (plan.paused && node->alive()) machine.resume();
    plan = {};
    if (node->alive() && disks_failed) node->kill();
  }
}

}  // namespace moldau::simulation
