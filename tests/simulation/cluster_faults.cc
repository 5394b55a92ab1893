#include "simulation/cluster_faults.h"

#include <algorithm>

#include "record/batch.h"
#include "simulation/log_files.h"

namespace moldau::simulation {
namespace {

constexpr std::uint64_t kPlenty = 1ULL << 40;
constexpr std::uint64_t kChecksumFrom = 21;  // of a batch: what its checksum covers

// Where some batch of the segment is damaged so that its checksum tells. Empty: there is none.
std::optional<std::pair<std::uint64_t, std::uint64_t>> draw_batch(const Drive& drive, const std::string& path,
                                                                  Random& random) {
  const auto bytes = drive.contents(path);
  if (!bytes) return std::nullopt;
  std::vector<std::pair<std::uint64_t, std::uint64_t>> batches;
  record::BatchReader reader(*bytes);
  std::uint64_t at = 0;
  for (record::BatchView batch; reader.next(batch).value_or(false); at += batch.size())
    batches.emplace_back(at + kChecksumFrom, batch.size() - kChecksumFrom);
  if (batches.empty()) return std::nullopt;
  return batches[random.below(batches.size())];
}

bool damage_file(Drive& drive, const std::string& path, Random& random) {
  const auto batch = draw_batch(drive, path, random);
  if (!batch) return false;
  if (random.one_in(2)) {
    drive.flip_random_bit(path, batch->first, batch->second);
  } else {
    drive.fail_reads(path, batch->first, 1);
  }
  return true;
}

}  // namespace

ClusterFaults::ClusterFaults(World& world, std::vector<std::unique_ptr<ClusterNode>>& nodes,
                             const MetadataObserver& metadata, Ledger& ledger)
    : world_(world),
      random_(world.random()),
      nodes_(nodes),
      metadata_(metadata),
      ledger_(ledger),
      damages_(random_.one_in(3)),
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
  switch (random_.below(10)) {
    case 7:
      return cut_to_a_ring();
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

void ClusterFaults::cut_to_a_ring() {
  const auto count = static_cast<unsigned>(nodes_.size());
  if (count < 4) return;
  world_.faults().fire(Fault::ring_cut);
  for (unsigned a = 0; a < count; ++a) {
    for (unsigned b = a + 1; b < count; ++b) {
      if (b - a != 1 && b - a != count - 1) world_.fabric().cut_both(a, b);
    }
  }
}

// --- processes

void ClusterFaults::disturb_process() {
  ClusterNode& node = draw_node();
  Plan& plan = plan_of(node);
  switch (random_.below(14)) {
    case 11:
      return stutter();
    case 13:
      return pause_a_client();
    case 12:
      return copies_.contains(node.id()) ? start_from_copy(node) : copy_disk(node);
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

// It lets the answers lie that come to it.
void ClusterFaults::pause_a_client() {
  const auto first = static_cast<std::uint64_t>(nodes_.size());
  const auto index = static_cast<unsigned>(first + random_.below(machines_ - first));
  if (clients_resume_at_.contains(index)) return;
  world_.faults().fire(Fault::slow_reader);
  world_.machine(index).pause();
  clients_resume_at_[index] = world_.now() + runtime::milliseconds(random_.between(100, 20'000));
}

void ClusterFaults::resume_clients(MonotonicTime due) {
  std::erase_if(clients_resume_at_, [&](const auto& paused) {
    if (paused.second > due) return false;
    world_.machine(paused.first).resume();
    return true;
  });
}

void ClusterFaults::stutter() {
  ClusterNode& node = draw_node();
  if (!node.alive() || plan_of(node).paused) return;
  world_.faults().fire(Fault::slow_cpu);
  plan_of(node).stutters_until = world_.now() + runtime::milliseconds(random_.between(100, 10'000));
}

void ClusterFaults::kill(ClusterNode& node) {
  if (node.state() == ClusterNode::State::starting) world_.marks().hit(Mark::killed_in_start);
  if (node.state() == ClusterNode::State::stopping) world_.marks().hit(Mark::killed_in_stop);
  random_.one_in(2) ? node.kill() : node.power_loss();
  Plan& plan = plan_of(node);
  plan.paused = false;
  plan.stutters_until = {};
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
  const std::size_t voters = metadata_.voters().size();
  std::size_t voters_alive = 0, alive = 0;
  for (const auto& node : nodes_) {
    alive += node->alive();
    voters_alive += node->alive() && metadata_.voters().contains(node->id());
  }
  if (voters_alive < voters / 2 + 1) world_.marks().hit(Mark::quorum_lost);
  if (alive == 0) world_.marks().hit(Mark::all_nodes_down);
}

void ClusterFaults::wipe(ClusterNode& node) {
  if (node.alive()) kill(node);
  world_.note("wiped disk of node " + std::to_string(node.id()));
  if (metadata_.voters().contains(node.id())) world_.marks().hit(Mark::voter_wiped);
  if (on_wiped_) on_wiped_(node.id());
  node.machine().drive().wipe();
  node.set_missed(true);
}

bool ClusterFaults::may_wipe(const ClusterNode& node) const {
  const bool votes = metadata_.voters().contains(node.id());
  return !damages_ && (!votes || may_lose_voter(node.id())) && is_dispensable(node.id()) &&
         std::ranges::none_of(nodes_, [](const auto& other) { return other->is_missed(); });
}

// The others have everything that is committed, and are a majority. Of static voters a disk is a vote, and
// nobody can tell that it is another one.
bool ClusterFaults::may_lose_voter(NodeId id) const {
  const raft::VoterSet& voters = metadata_.voter_set();
  const std::set<NodeId>& lost = metadata_.lost_voters();
  if (voters.empty() || lost.contains(id) || voters.size() - lost.size() - 1 < voters.majority())
    return false;
  // Nor may another set of them be on its way.
  return world_.now() >= voters_settle_at_ && std::ranges::all_of(nodes_, [&](const auto& node) {
           return node->watched() == nullptr || node->watched()->quorum().voters().keys() == voters.keys();
         });
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
  for (const auto& [name, topic] : metadata_.image().topics()) {
    for (const auto& partition : topic->partitions) {
      if (!is_dispensable(lost, {topic->id, partition->partition})) return false;
    }
  }
  return true;
}

bool ClusterFaults::is_dispensable(NodeId lost, const TopicIdPartition& key) const {
  const metadata::Partition* partition = metadata_.image().partition(key);
  if (partition == nullptr) return true;
  std::set<NodeId> complete(partition->isr.begin(), partition->isr.end());
  complete.insert(partition->eligible_leader_replicas.begin(), partition->eligible_leader_replicas.end());
  if (!complete.contains(lost)) return true;
  if (const auto damaged = damaged_.find(key); damaged != damaged_.end()) complete.erase(damaged->second);
  // The others stay eligible when they leave the ISR only as long as it is smaller than it has to be.
  return complete.size() >= 2 && metadata_.lowest_min_isr(key.topic_id) >= 2;
}

// --- disks that come back

// A vote, or what counts as a copy of a record: it has to be there when the node comes back.
bool ClusterFaults::holds_what_counts(NodeId id) const {
  if (metadata_.voters().contains(id)) return true;
  const metadata::Image& image = metadata_.image();
  for (const auto& [name, topic] : image.topics()) {
    for (const auto& partition : topic->partitions) {
      if (std::ranges::count(partition->isr, id) +
              std::ranges::count(partition->eligible_leader_replicas, id) +
              std::ranges::count(partition->last_known_elr, id) >
          0)
        return true;
    }
  }
  return false;
}

void ClusterFaults::copy_disk(ClusterNode& node) {
  copies_.insert_or_assign(node.id(), node.machine().drive().dump());
}

void ClusterFaults::start_from_copy(ClusterNode& node) {
  if (damages_ || holds_what_counts(node.id()) || world_.now() < voters_settle_at_) return;
  if (node.alive()) kill(node);
  world_.note("an old copy of the disk of node " + std::to_string(node.id()));
  world_.faults().fire(Fault::stale_disk);
  node.machine().drive().copy_from(copies_.extract(node.id()).mapped());
  if (on_wiped_) on_wiped_(node.id());
}

void ClusterFaults::tick() {
  resume_clients(world_.now());
  for (const auto& node : nodes_) {
    Plan& plan = plan_of(*node);
    if (plan.stutters_until != MonotonicTime{} && node->alive() && !plan.paused) {
      if (world_.now() >= plan.stutters_until) plan.stutters_until = {};
      const bool runs = plan.stutters_until == MonotonicTime{} || random_.one_in(3);
      runs ? node->machine().resume() : node->machine().pause();
    }
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
  switch (random_.below(6)) {
    case 4:
    case 5:
      return damage();
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

// One replica of a partition, whose others have everything, whatever happens to the ISR.
void ClusterFaults::damage() {
  if (!damages_) return;
  ClusterNode& node = draw_node();
  Drive& drive = node.machine().drive();
  std::vector<ClosedSegment> segments = closed_segments(drive, "/data");
  std::erase_if(segments, [&](const ClosedSegment& segment) {
    return damaged_.contains(segment.key) || !is_dispensable(node.id(), segment.key);
  });
  if (segments.empty()) return;
  const ClosedSegment& segment = segments[random_.below(segments.size())];
  if (!damage_file(drive, segment.path, random_)) return;
  damaged_[segment.key] = node.id();
  ledger_.on_damage(segment.key);
  world_.note("damage of " + segment.path + " on node " + std::to_string(node.id()));
}

void ClusterFaults::disturb_clock() {
  Machine& machine = draw_node().machine();
  switch (random_.below(5)) {
    case 4:
      return machine.clock().stop_wall_clock();
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
  for (const auto& node : nodes_) core.insert(node->id());
  if (!random_.one_in(3)) return core;
  ClusterNode& gone = draw_node();
  std::set<NodeId> voters = metadata_.voters();
  const std::size_t majority = voters.size() / 2 + 1;
  for (const NodeId id : metadata_.lost_voters()) voters.erase(id);
  voters.erase(gone.id());
  if (voters.size() < majority) return core;
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
  resume_clients(runtime::kForever);
  // A log that failed stays so until its node starts again.
  const FaultCounters& fired = world_.faults();
  const bool disks_failed = fired[Fault::write_error] + fired[Fault::sync_error] + fired[Fault::read_error] +
                                fired[Fault::no_space] + fired[Fault::open_no_descriptors] >
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
    machine.clock().step_wall_clock({});  // it goes again
    machine.pool().options().slow_io = 0;
    if (machine.running()) machine.pool().set_slowness(1);
    if (node->alive()) machine.resume();
    plan = {};
    if (node->alive() && disks_failed) node->kill();
  }
}

}  // namespace moldau::simulation
