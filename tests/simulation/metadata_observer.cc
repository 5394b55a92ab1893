#include "simulation/metadata_observer.h"

#include <algorithm>

#include "quorum/batches.h"
#include "quorum/voter_records.h"
#include "simulation/metadata_log.h"

namespace moldau::simulation {
namespace {

std::string text(std::int64_t number) { return std::to_string(number); }
std::string name_of(const ClusterNode& node) { return "node " + text(node.id()); }
bool contains(const std::vector<NodeId>& nodes, NodeId node) { return std::ranges::count(nodes, node) > 0; }

std::string to_string(const std::vector<NodeId>& nodes) {
  std::string list;
  for (const NodeId node : nodes) list += (list.empty() ? "" : ",") + text(node);
  return "[" + list + "]";
}

bool allows_unclean(const metadata::Image& image, const TopicId& topic) {
  const auto& configs = image.configs({metadata::ResourceType::topic, image.topic(topic)->name});
  const auto found = configs.find("unclean.leader.election.enable");
  return found != configs.end() && found->second == "true";
}

std::string to_string(const metadata::Partition& state) {
  return "leader " + text(state.leader) + ", epoch " + text(state.leader_epoch) + ", replicas " +
         to_string(state.replicas) + ", ISR " + to_string(state.isr) + ", ELR " +
         to_string(state.eligible_leader_replicas);
}

const std::string kMinIsr = "min.insync.replicas";

// A durable end of every voter costs a walk over its files.
constexpr std::uint64_t kDurableCheckEvery = 4;
constexpr std::uint64_t kVotersCheckEvery = 8;
// Longer than any node waits for a majority, with a clock that is slow.
constexpr Duration kLonelyAtMost = 8s;
// A process that was paused has its time only once it runs again.
constexpr Duration kLookedAway = 1s;
constexpr const char* kQuorumState = "/__cluster_metadata-0/quorum-state";

std::set<NodeId> ids_of(const raft::VoterSet& voters) {
  std::set<NodeId> ids;
  for (const raft::Voter& voter : voters) ids.insert(voter.key.id);
  return ids;
}

}  // namespace

MetadataObserver::MetadataObserver(World& world, Ledger& ledger, std::string data_folder)
    : world_(world), ledger_(ledger), data_folder_(std::move(data_folder)) {
  images_[0];
}

void MetadataObserver::set_nodes(std::vector<ClusterNode*> nodes, std::set<NodeId> voters) {
  nodes_ = std::move(nodes);
  voters_ = std::move(voters);
}

void MetadataObserver::forget(const ClusterNode& node) {
  if (seen_.erase(node.id()) > 0 && voters_.contains(node.id())) check_kept();
}

void MetadataObserver::forget_disk(NodeId node) {
  votes_.erase(node);
  if (voters_.contains(node)) lost_.insert(node);
}

void MetadataObserver::look_at(ClusterNode& node) {
  if (node.watched() == nullptr) return;
  const quorum::MetadataQuorum& quorum = node.watched()->quorum();
  if (const auto known = seen_.find(node.id()); known != seen_.end() && known->second.life != node.life())
    forget(node);
  Seen& seen = seen_[node.id()];
  seen.life = node.life();
  mark_log(seen, quorum.stats());
  look_at_role(node, seen, quorum);
  if (seen.role == raft::Role::leader && quorum.failure() == nullptr) {
    check_majority(node, seen, quorum);
    if (++seen.looks % kVotersCheckEvery == 0) check_voters(node, quorum);
  }
  const Offset high_watermark = quorum.high_watermark();
  if (high_watermark < seen.high_watermark)
    report(name_of(node) + ": the metadata log's high watermark is " + text(high_watermark) + " after " +
           text(seen.high_watermark) + " (I-R6)");
  if (high_watermark > seen.high_watermark) look_at_log(node, seen, high_watermark);
  if (auto image = quorum.image(); image.get() != seen.image) look_at_image(node, seen, std::move(image));
}

Offset MetadataObserver::committed_before(LeaderEpoch epoch) const {
  for (auto batch = batches_.rbegin(); batch != batches_.rend(); ++batch) {
    if (batch->second.epoch < epoch) return batch->second.last + 1;
  }
  return 0;
}

void MetadataObserver::mark_log(Seen& seen, const quorum::MetadataQuorum::Stats& stats) {
  if (std::exchange(seen.truncations, stats.truncations) != stats.truncations)
    world_.marks().hit(Mark::metadata_log_truncated);
  if (std::exchange(seen.snapshots_installed, stats.snapshots_installed) != stats.snapshots_installed)
    world_.marks().hit(Mark::metadata_snapshot_installed);
}

void MetadataObserver::look_at_role(ClusterNode& node, Seen& seen, const quorum::MetadataQuorum& quorum) {
  const raft::Role role = quorum.role();
  const LeaderEpoch epoch = quorum.leader_epoch();
  if (role == seen.role && epoch == seen.epoch && quorum.leader_id() == seen.leader) return;
  if (world_.options().verbose)
    world_.print("  quorum: " + name_of(node) + " is " + std::string(raft::name_of(role)) + " in epoch " +
                 text(epoch));
  check_role(node, seen, quorum);
  check_votes(node);
  if (epoch < seen.epoch)
    report(name_of(node) + ": epoch " + text(epoch) + " of the quorum after " + text(seen.epoch) + " (I-R2)");
  if (seen.role == raft::Role::leader && role != raft::Role::leader && node.machine().running() &&
      node.state() == ClusterNode::State::running)
    world_.marks().hit(Mark::leader_resigned);
  if (role == raft::Role::leader) {
    const auto [known, first] = leaders_.try_emplace(epoch, node.id());
    if (!first && known->second != node.id())
      report("nodes " + text(known->second) + " and " + text(node.id()) + " both lead epoch " + text(epoch) +
             " of the quorum (I-R1)");
    if (first) {
      if (last_leader_ != kNoNode && last_leader_ != node.id()) world_.marks().hit(Mark::controller_failover);
      last_leader_ = node.id();
      const Offset end = read_metadata_log(node.machine().drive(), data_folder_, Surviving::written,
                                           seen.checked, [](const record::BatchView&) {});
      // Who stood still while it was elected may hear of it when others lead.
      const Offset committed = committed_before(epoch);
      if (std::max(end, newest_snapshot(node.machine().drive(), data_folder_)) < committed)
        report(name_of(node) + " leads epoch " + text(epoch) + " of the quorum with a log up to " +
               text(end) + ", but " + text(committed) + " is committed (I-R4)");
      for (const auto& [id, other] : seen_) {
        if (id != node.id() && other.role == raft::Role::leader)
          world_.marks().hit(Mark::two_leaders_at_once);
      }
    }
  }
  seen.role = role;
  seen.epoch = epoch;
  seen.leader = quorum.leader_id();
}

void MetadataObserver::check_role(ClusterNode& node, const Seen& seen, const quorum::MetadataQuorum& quorum) {
  using raft::Role;
  const Role role = quorum.role();
  const bool self = quorum.leader_id() == node.id();
  const bool fits = role == Role::leader     ? self
                    : role == Role::follower ? !self && quorum.leader_id() != kNoNode
                                             : !self;
  const bool several = quorum.voters().size() > 1;
  const bool came = role == seen.role || role != Role::leader || seen.role == Role::candidate || !several;
  const bool went = seen.role != Role::leader || (role != Role::candidate && role != Role::prospective);
  if (!fits || !came || !went)
    report(name_of(node) + " is " + std::string(raft::name_of(role)) + " in epoch " +
           text(quorum.leader_epoch()) + " after " + std::string(raft::name_of(seen.role)) + " in epoch " +
           text(seen.epoch) + ", with " + text(quorum.leader_id()) + " as the leader (I-R11)");
}

// As its file has it: what a restart will know.
void MetadataObserver::check_votes(ClusterNode& node) {
  const auto bytes = node.machine().drive().contents(data_folder_ + kQuorumState);
  if (!bytes) return;
  const auto state = raft::quorum_state_from_json(as_text(*bytes));
  if (!state) return;
  Votes& votes = votes_[node.id()];
  if (state->epoch < votes.epoch)
    report(name_of(node) + " has stored epoch " + text(state->epoch) + " of the quorum after " +
           text(votes.epoch) + " (I-R2)");
  votes.epoch = std::max(votes.epoch, state->epoch);
  if (state->voted.id == kNoNode) return;
  const auto [vote, first] = votes.voted.try_emplace(state->epoch, state->voted.id);
  if (!first && vote->second != state->voted.id)
    report(name_of(node) + " has voted for " + text(state->voted.id) + " in epoch " + text(state->epoch) +
           " of the quorum, and for " + text(vote->second) + " before (I-R2)");
}

// What is in the newest leader's log and not committed is at most one step away from what is.
void MetadataObserver::check_voters(ClusterNode& node, const quorum::MetadataQuorum& quorum) {
  if (quorum.kraft_version() == 0) return;
  const bool newest = !leaders_.empty() && leaders_.rbegin()->first == quorum.leader_epoch();
  if (newest && !voter_set_.empty() && !quorum.voters().follows_safely(voter_set_))
    report(name_of(node) + " goes by the voters " + quorum.voters().to_string() + " where " +
           voter_set_.to_string() + " are committed (I-R12)");
}

void MetadataObserver::check_majority(ClusterNode& node, Seen& seen, const quorum::MetadataQuorum& quorum) {
  const MonotonicTime now = world_.now();
  const Duration since = now - std::exchange(seen.looked_at, now);
  std::size_t following = 0;
  for (const raft::Voter& voter : quorum.voters()) {
    const auto other = seen_.find(voter.key.id);
    following += voter.key.id == node.id() || (other != seen_.end() && other->second.epoch == seen.epoch &&
                                               other->second.leader == node.id());
  }
  if (following >= quorum.voters().majority()) {
    seen.lonely = {};
  } else if (since < kLookedAway) {
    seen.lonely += since;
  }
  if (seen.lonely > kLonelyAtMost)
    report(name_of(node) + " leads epoch " + text(seen.epoch) +
           " of the quorum, and no majority follows it (RA-05)");
}

void MetadataObserver::look_at_log(ClusterNode& node, Seen& seen, Offset high_watermark) {
  seen.high_watermark = high_watermark;
  const std::string who = name_of(node);
  Offset end = seen.checked;
  read_metadata_log(node.machine().drive(), data_folder_, Surviving::written, seen.checked,
                    [&](const record::BatchView& batch) {
                      if (batch.last_offset() < high_watermark) commit(batch, who);
                      end = batch.next_offset();
                    });
  const Offset snapshot = newest_snapshot(node.machine().drive(), data_folder_);
  if (snapshot > committed_end())
    report(who + " has a snapshot that ends at " + text(snapshot) + ", but only " + text(committed_end()) +
           " is committed (I-R9)");
  end = std::max(end, snapshot);
  if (end < high_watermark)
    report(who + ": the metadata log ends at " + text(end) + ", below its high watermark " +
           text(high_watermark) + " (I-R10)");
  seen.checked = high_watermark;
  if (seen.role == raft::Role::leader && ++advances_ % kDurableCheckEvery == 0)
    check_durable(high_watermark, ids_of(node.watched()->quorum().voters()), who);
}

std::size_t MetadataObserver::durable_at(Offset end, const std::set<NodeId>& voters) const {
  return static_cast<std::size_t>(std::ranges::count_if(voters, [&](NodeId id) {
    const Drive& drive = node(id).machine().drive();
    const Offset log =
        read_metadata_log(drive, data_folder_, Surviving::durable, 0, [](const record::BatchView&) {});
    return std::max(log, newest_snapshot(drive, data_folder_)) >= end;
  }));
}

// By the voters that the leader goes by.
void MetadataObserver::check_durable(Offset high_watermark, const std::set<NodeId>& voters,
                                     const std::string& who) {
  const std::size_t durable = durable_at(high_watermark, voters);
  if (durable < voters.size() / 2 + 1)
    report(who + " has the high watermark " + text(high_watermark) + ", but only " +
           text(static_cast<std::int64_t>(durable)) + " of " +
           text(static_cast<std::int64_t>(voters.size())) + " voters have it on disk (I-R7)");
}

// After a crash.
void MetadataObserver::check_kept() {
  std::erase_if(lost_, [&](NodeId id) { return !voters_.contains(id); });
  const std::size_t durable = durable_at(committed_end(), voters_);
  if (durable + lost_.size() < voters_.size() / 2 + 1)
    report("the metadata are committed up to " + text(committed_end()) + ", but only " +
           text(static_cast<std::int64_t>(durable)) + " of " +
           text(static_cast<std::int64_t>(voters_.size())) + " voters still have that on disk (I-R8)");
}

void MetadataObserver::commit(const record::BatchView& batch, const std::string& who) {
  const BatchKey found = key_of(batch);
  const auto known = batches_.find(found.base);
  if (known != batches_.end()) {
    if (known->second != found)
      report(who + ": the metadata log has " + to_string(found) + " where " + to_string(known->second) +
             " was committed (I-R3)");
    return;
  }
  if (found.base != committed_end())
    return report(who + ": the metadata log has " + to_string(found) + " where " + text(committed_end()) +
                  " was due (I-R3)");
  batches_[found.base] = found;
  if (const auto voters = quorum::voter_record_of(batch); voters && *voters) {
    if (const auto* set = std::get_if<raft::VoterSet>(&**voters)) take_voters(*set);
  }
  const metadata::Image& before = images_.rbegin()->second;
  const auto records = quorum::records_of(batch.bytes(), before.end_epoch());
  if (!records) return report(who + ": the metadata log: " + records.error().message);
  metadata::Image image = before;
  bool brokers_changed = false;
  for (const metadata::Record& record : *records) {
    apply(before, image, record);
    brokers_changed |= std::holds_alternative<metadata::RegisterBrokerRecord>(record) ||
                       std::holds_alternative<metadata::BrokerRegistrationChangeRecord>(record) ||
                       std::holds_alternative<metadata::PartitionChangeRecord>(record);
  }
  if (brokers_changed) check_leaders(image);
  images_.emplace(batch.next_offset(), image.at(batch.next_offset(), batch.partition_leader_epoch()));
}

void MetadataObserver::apply(const metadata::Image&, metadata::Image& image, const metadata::Record& record) {
  auto applied = metadata::apply_records(image, std::span(&record, 1));
  if (!applied) return report("a committed record does not apply: " + applied.error().message);
  for (const TopicIdPartition& key : applied->delta.changed_partitions)
    check_partition(image, applied->image, key);
  for (const TopicId& id : applied->delta.removed_topics) mark_removal(image, id);
  for (const NodeId id : applied->delta.changed_brokers) {
    const metadata::Broker* before = image.broker(id);
    const metadata::Broker* after = applied->image.broker(id);
    if (world_.options().verbose && after != nullptr)
      world_.print("  committed: broker " + text(id) + (after->fenced ? " fenced" : " in service") +
                   ", epoch " + text(after->broker_epoch));
    if (after != nullptr) on_registered(*after);
    if (before == nullptr || after == nullptr) continue;
    if (!before->fenced && after->fenced) world_.marks().hit(Mark::broker_fenced);
    if (before->fenced && !after->fenced) world_.marks().hit(Mark::broker_unfenced);
    if (!before->in_controlled_shutdown && after->in_controlled_shutdown)
      world_.marks().hit(Mark::controlled_shutdown);
  }
  image = std::move(applied->image);
}

void MetadataObserver::on_registered(const metadata::Broker& broker) {
  ClusterNode& registered = node(broker.broker_id);
  if (registered.watched() != nullptr &&
      registered.watched()->registration().incarnation_id() == broker.incarnation_id)
    registered.set_missed(false);
}

void MetadataObserver::check_partition(const metadata::Image& before, const metadata::Image& after,
                                       const TopicIdPartition& key) {
  const metadata::Partition* now = after.partition(key);
  if (now == nullptr) return;
  const std::string where = ledger_.name(key) + ": " + to_string(*now);
  if (world_.options().verbose) world_.print("  committed: " + where);
  if (now->leader != kNoNode && !contains(now->isr, now->leader))
    report(where + ": it leads out of sync (I-P3)");
  const metadata::Partition* known = before.partition(key);
  for (const NodeId node : now->isr) {
    if (known != nullptr && !contains(known->isr, node) && !before.is_active(node))
      report(where + ": a broker that is fenced, or about to go, joins the ISR (I-P9)");
    if (!contains(now->replicas, node)) report(where + ": an ISR member is no replica");
    if (contains(now->eligible_leader_replicas, node)) report(where + ": ISR and ELR overlap (I-P10)");
  }
  if (now->leader != kNoNode) {
    const auto [known, first] = partition_leaders_.try_emplace({key, now->leader_epoch}, now->leader);
    if (!first && known->second != now->leader)
      report(where + ": " + text(known->second) + " led this epoch before (I-P3)");
  }
  const metadata::Partition* was = before.partition(key);
  if (was == nullptr) return;
  const std::string change = where + " after " + to_string(*was);
  if (now->leader_epoch < was->leader_epoch || now->partition_epoch <= was->partition_epoch)
    report(change + ": an epoch fell (I-P3)");
  if (now->leader != was->leader && now->leader_epoch == was->leader_epoch)
    report(change + ": the leader changed within an epoch (I-P3)");
  const bool elected = now->leader != was->leader && now->leader != kNoNode;
  // One change may both let the last of the replicas that stay join and end the reassignment by an election.
  const bool ends_reassignment = was->leader != kNoNode && !contains(now->replicas, was->leader) &&
                                 contains(was->removing_replicas, was->leader);
  const bool was_sound = contains(was->isr, now->leader) ||
                         contains(was->eligible_leader_replicas, now->leader) ||
                         (ends_reassignment && contains(was->replicas, now->leader) &&
                          now->recovery_state == metadata::LeaderRecoveryState::recovered);
  if (elected && !was_sound) {
    if (!allows_unclean(after, key.topic_id)) report(change + ": an unclean election (I-P10)");
    if (now->recovery_state != metadata::LeaderRecoveryState::recovering)
      report(change + ": an unclean election that is not marked as one (I-P10)");
    world_.marks().hit(Mark::unclean_election);
    ledger_.on_unclean_election(key);
  }
  mark_partition(*was, *now);
  if (on_change_) on_change_(key, *was, *now);
}

void MetadataObserver::mark_removal(const metadata::Image& before, const TopicId& topic) {
  for (const auto& partition : before.topic(topic)->partitions) {
    for (const ClusterNode* node : nodes_) {
      if (node->alive() || !contains(partition->replicas, node->id())) continue;
      return world_.marks().hit(Mark::topic_deleted_with_replica_down);
    }
  }
}

void MetadataObserver::mark_partition(const metadata::Partition& before, const metadata::Partition& after) {
  Marks& marks = world_.marks();
  const bool elected = after.leader != before.leader && after.leader != kNoNode;
  if (elected) marks.hit(Mark::leader_changed);
  if (elected && after.leader == after.replicas.front()) marks.hit(Mark::leader_back_at_preferred);
  if (elected && !before.adding_replicas.empty()) marks.hit(Mark::election_during_reassignment);
  if (elected && !contains(before.isr, after.leader)) marks.hit(Mark::elr_used);
  if (after.leader == kNoNode && before.leader != kNoNode) marks.hit(Mark::partition_offline);
  if (after.isr.size() < before.isr.size()) marks.hit(Mark::isr_shrunk);
  if (after.isr.size() > before.isr.size()) marks.hit(Mark::isr_grown);
  if (after.eligible_leader_replicas.size() > before.eligible_leader_replicas.size())
    marks.hit(Mark::elr_filled);
  const bool moved = !before.adding_replicas.empty() || !before.removing_replicas.empty();
  if (moved && after.adding_replicas.empty() && after.removing_replicas.empty()) {
    bool finished = true;
    for (const NodeId node : before.adding_replicas) finished &= contains(after.replicas, node);
    for (const NodeId node : before.removing_replicas) finished &= !contains(after.replicas, node);
    marks.hit(finished ? Mark::reassignment_finished : Mark::reassignment_cancelled);
  }
}

void MetadataObserver::check_leaders(const metadata::Image& image) {
  if (nodes_.size() < 2) return;  // a node alone leads while it starts
  for (const auto& [name, topic] : image.topics()) {
    for (const auto& partition : topic->partitions) {
      if (partition->leader == kNoNode || image.is_unfenced(partition->leader)) continue;
      report(name + "-" + text(partition->partition) + ": " + to_string(*partition) +
             ", but the leader is fenced (I-P3)");
    }
  }
}

void MetadataObserver::look_at_image(ClusterNode& node, Seen& seen,
                                     std::shared_ptr<const metadata::Image> image) {
  const auto known = images_.find(image->end_offset());
  if (known == images_.end()) {
    report(name_of(node) + " has an image at " + text(image->end_offset()) +
           ", where no committed batch ends");
  } else if (!image->same_state(known->second)) {
    report(name_of(node) + " has another image at " + text(image->end_offset()) +
           " than its log says (I-R5)");
  }
  if (seen.held && image->end_offset() < seen.held->end_offset())
    report(name_of(node) + ": its image went back (I-R5)");
  seen.image = image.get();
  seen.held = std::move(image);
}

std::size_t MetadataObserver::min_isr(const metadata::Topic& topic) const {
  const auto& configs = image().configs({metadata::ResourceType::topic, topic.name});
  const auto found = configs.find(kMinIsr);
  return found == configs.end() ? 1 : std::stoul(found->second);
}

// A change of it takes its time to whoever goes by it, and one that was not answered may still come.
std::size_t MetadataObserver::lowest_min_isr(const TopicId& topic) const {
  const TopicModel* model = ledger_.topic(topic);
  if (model == nullptr) return 1;
  const auto values = model->configs.find(kMinIsr);
  if (values == model->configs.end()) return 1;
  std::size_t lowest = SIZE_MAX;
  for (const std::string& value : values->second) lowest = std::min<std::size_t>(lowest, std::stoul(value));
  return lowest;
}

void MetadataObserver::take_voters(const raft::VoterSet& voters) {
  if (voters_.size() < voters.size()) world_.marks().hit(Mark::voter_added);
  if (voters_.size() > voters.size()) world_.marks().hit(Mark::voter_removed);
  // Who is there under another key is another voter.
  std::erase_if(lost_, [&](NodeId id) {
    const raft::Voter* before = voter_set_.find(id);
    const raft::Voter* now = voters.find(id);
    return now == nullptr || before == nullptr || before->key != now->key;
  });
  for (const raft::Voter& before : voter_set_)
    if (!voters.contains(before.key)) ++removals_[before.key];
  voters_ = ids_of(voters);
  voter_set_ = voters;
}

bool MetadataObserver::was_leader(const TopicIdPartition& key, LeaderEpoch epoch, NodeId leader) const {
  const auto found = partition_leaders_.find({key, epoch});
  return found != partition_leaders_.end() && found->second == leader;
}

void MetadataObserver::compare_log(ClusterNode& node) {
  const Drive& drive = node.machine().drive();
  const std::string who = name_of(node);
  const Offset snapshot = newest_snapshot(drive, data_folder_);
  if (snapshot > 0) world_.marks().hit(Mark::metadata_snapshot_written);
  if (snapshot > committed_end()) report(who + " has a snapshot of what is not committed (I-R9)");
  Offset end = snapshot;
  read_metadata_log(drive, data_folder_, Surviving::written, 0, [&](const record::BatchView& batch) {
    const auto known = batches_.find(batch.base_offset());
    end = batch.next_offset();
    // Another batch may lie there as long as nobody counts it as committed; an equal epoch means an equal
    // batch.
    if (known != batches_.end() && known->second.epoch == batch.partition_leader_epoch() &&
        known->second != key_of(batch))
      report(who + ": the metadata log has " + to_string(key_of(batch)) + " where " +
             to_string(known->second) + " was committed (I-R3)");
  });
}

}  // namespace moldau::simulation
