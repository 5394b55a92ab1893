#include "controller/partition_change.h"

#include <algorithm>

namespace moldau::controller {

using metadata::Broker;
using metadata::Image;
using metadata::LeaderRecoveryState;
using metadata::Partition;
using metadata::PartitionChangeRecord;

std::vector<NodeId> without(std::vector<NodeId> nodes, std::span<const NodeId> others) {
  std::erase_if(nodes, [&](NodeId node) { return contains(others, node); });
  return nodes;
}

DirectoryId directory_of(const Partition& partition, NodeId replica) {
  for (std::size_t i = 0; i < partition.replicas.size() && i < partition.directories.size(); ++i)
    if (partition.replicas[i] == replica) return partition.directories[i];
  return metadata::kUnassignedDirectory;
}

DirectoryId default_directory(const Image& image, NodeId broker) {
  const Broker* registration = image.broker(broker);
  return registration && registration->directories.size() == 1 ? registration->directories.front()
                                                               : metadata::kUnassignedDirectory;
}

bool is_online(const DirectoryId& directory, std::span<const DirectoryId> online) {
  if (directory == metadata::kUnassignedDirectory || directory == metadata::kMigratingDirectory) return true;
  if (directory == metadata::kLostDirectory) return false;
  // A broker that names none has registered before directories had ids.
  return online.empty() || std::ranges::find(online, directory) != online.end();
}

bool Electorate::may_lead(const Partition& partition, NodeId replica) const {
  if (replica == gone || contains(full, replica)) return false;
  const Broker* broker = image.broker(replica);
  if (!broker || (replica != back && !image.is_active(replica))) return false;
  return is_online(directory_of(partition, replica), broker->directories);
}

PartitionChangeBuilder::PartitionChangeBuilder(const Partition& partition, const ElectionRules& rules,
                                               const Electorate& electorate)
    : before_(partition), rules_(rules), electorate_(electorate), after_(partition) {}

PartitionChangeBuilder& PartitionChangeBuilder::election(Election kind) {
  election_ = kind;
  return *this;
}
PartitionChangeBuilder& PartitionChangeBuilder::isr(std::vector<NodeId> isr) {
  after_.isr = std::move(isr);
  return *this;
}
PartitionChangeBuilder& PartitionChangeBuilder::replicas(std::vector<NodeId> replicas,
                                                         std::vector<NodeId> adding,
                                                         std::vector<NodeId> removing) {
  after_.replicas = std::move(replicas);
  after_.adding_replicas = std::move(adding);
  after_.removing_replicas = std::move(removing);
  return *this;
}
PartitionChangeBuilder& PartitionChangeBuilder::recovery_state(LeaderRecoveryState state) {
  after_.recovery_state = state;
  return *this;
}
PartitionChangeBuilder& PartitionChangeBuilder::directory(NodeId replica, DirectoryId directory) {
  directory_ = {replica, directory};
  return *this;
}
PartitionChangeBuilder& PartitionChangeBuilder::unclean(NodeId replica) {
  std::erase(after_.isr, replica);
  unclean_.push_back(replica);
  return *this;
}
PartitionChangeBuilder& PartitionChangeBuilder::lost(NodeId replica) {
  lost_.push_back(replica);
  return unclean(replica);
}

std::size_t PartitionChangeBuilder::min_isr() const {
  return std::min(std::max<std::size_t>(rules_.min_isr, 1), after_.replicas.size());
}

bool PartitionChangeBuilder::may_lead(NodeId replica) const {
  if (replica == kNoNode || !contains(after_.replicas, replica)) return false;
  return rules_.elects_fenced || electorate_.may_lead(after_, replica);
}

bool PartitionChangeBuilder::is_eligible(NodeId replica) const {
  const bool holds_everything =
      after_.isr.empty() ? contains(after_.eligible_leader_replicas, replica) : contains(after_.isr, replica);
  return holds_everything && may_lead(replica);
}

// All that are to stay are in sync: the others go.
void PartitionChangeBuilder::complete_reassignment() {
  if (after_.adding_replicas.empty() && after_.removing_replicas.empty()) return;
  std::vector<NodeId> replicas = without(after_.replicas, after_.removing_replicas);
  std::vector<NodeId> isr = without(after_.isr, after_.removing_replicas);
  const auto in_sync = [&](NodeId replica) { return contains(isr, replica); };
  if (replicas.empty() || !std::ranges::all_of(replicas, in_sync)) return;
  after_.replicas = std::move(replicas);
  after_.isr = std::move(isr);
  after_.adding_replicas.clear();
  after_.removing_replicas.clear();
}

void PartitionChangeBuilder::keep_eligible_replicas() {
  std::vector<NodeId> eligible;
  if (rules_.elr_enabled && after_.isr.size() < min_isr()) {
    for (const NodeId replica : after_.replicas) {
      const bool held_everything =
          contains(before_.isr, replica) || contains(before_.eligible_leader_replicas, replica);
      if (held_everything && !contains(after_.isr, replica) && !contains(unclean_, replica))
        eligible.push_back(replica);
    }
  }
  after_.eligible_leader_replicas = std::move(eligible);
  if (rules_.elr_enabled || !after_.isr.empty()) return;
  // Without an ELR who was the last in the ISR stays there, so that it is known who has everything.
  after_.isr = without(before_.isr.empty() ? before_.eligible_leader_replicas : before_.isr, unclean_);
  std::erase_if(after_.isr, [&](NodeId replica) { return !contains(after_.replicas, replica); });
}

// The last leader is the last hope: what it had, others had, too (KIP-966, unclean).
bool PartitionChangeBuilder::is_last_known_leader(NodeId replica) const {
  return rules_.elr_enabled && after_.isr.empty() && after_.eligible_leader_replicas.empty() &&
         before_.last_known_elr.size() == 1 && before_.last_known_elr.front() == replica &&
         !contains(lost_, replica) && may_lead(replica);
}

PartitionChangeBuilder::Elected PartitionChangeBuilder::choose() const {
  const auto first = [&](const auto& rule) {
    const auto found = std::ranges::find_if(after_.replicas, rule);
    return found == after_.replicas.end() ? kNoNode : *found;
  };
  const NodeId eligible = first([&](NodeId replica) { return is_eligible(replica); });
  const bool prefers_first = election_ == Election::preferred && eligible == after_.replicas.front();
  if (!prefers_first && is_eligible(before_.leader)) return {before_.leader};
  if (eligible != kNoNode) return {eligible};
  if (const NodeId last = first([&](NodeId replica) { return is_last_known_leader(replica); });
      last != kNoNode)
    return {last, false};
  if (election_ != Election::unclean) return {};
  return {first([&](NodeId replica) { return may_lead(replica) && !contains(lost_, replica); }), false};
}

void PartitionChangeBuilder::elect() {
  const Elected elected = choose();
  after_.leader = elected.leader;
  if (elected.leader == kNoNode) return;
  if (!elected.clean) {
    after_.isr = {elected.leader};
    after_.eligible_leader_replicas.clear();
    after_.recovery_state = LeaderRecoveryState::recovering;
  } else if (!contains(after_.isr, elected.leader)) {
    after_.isr = {elected.leader};
    std::erase(after_.eligible_leader_replicas, elected.leader);
    // min.insync.replicas has become 1 while nobody led: from here on more is committed without the others.
    if (after_.isr.size() >= min_isr()) after_.eligible_leader_replicas.clear();
  }
}

void PartitionChangeBuilder::keep_last_known_leader() {
  std::vector<NodeId>& last_known = after_.last_known_elr;
  if (!rules_.elr_enabled || after_.leader != kNoNode) {
    last_known.clear();
  } else if (before_.leader != kNoNode) {
    last_known = {before_.leader};
  } else if (last_known.empty() && after_.isr.empty() && !before_.isr.empty()) {
    last_known = {before_.isr.front()};
  }
  last_known = without(std::move(last_known), lost_);
  std::erase_if(last_known, [&](NodeId replica) { return !contains(after_.replicas, replica); });
}

void PartitionChangeBuilder::place_replicas() {
  if (after_.replicas == before_.replicas && !directory_) return;
  std::vector<DirectoryId> directories;
  for (const NodeId replica : after_.replicas)
    directories.push_back(contains(before_.replicas, replica)
                              ? directory_of(before_, replica)
                              : default_directory(electorate_.image, replica));
  if (directory_)
    for (std::size_t i = 0; i < directories.size(); ++i)
      if (after_.replicas[i] == directory_->first) directories[i] = directory_->second;
  after_.directories = std::move(directories);
}

std::optional<PartitionChangeRecord> PartitionChangeBuilder::difference() const {
  const auto if_changed = [&](auto Partition::* field) {
    return after_.*field == before_.*field ? std::nullopt : std::optional(after_.*field);
  };
  PartitionChangeRecord out{.topic_id = before_.topic_id, .partition = before_.partition};
  const PartitionChangeRecord nothing = out;
  out.replicas = if_changed(&Partition::replicas);
  out.isr = if_changed(&Partition::isr);
  out.removing_replicas = if_changed(&Partition::removing_replicas);
  out.adding_replicas = if_changed(&Partition::adding_replicas);
  out.eligible_leader_replicas = if_changed(&Partition::eligible_leader_replicas);
  out.last_known_elr = if_changed(&Partition::last_known_elr);
  out.directories = if_changed(&Partition::directories);
  out.recovery_state = if_changed(&Partition::recovery_state);
  out.leader = if_changed(&Partition::leader);
  if (!without(before_.replicas, after_.replicas).empty()) out.leader = after_.leader;
  return out == nothing ? std::nullopt : std::optional(std::move(out));
}

std::optional<PartitionChangeRecord> PartitionChangeBuilder::build() {
  complete_reassignment();
  // First: who may lead depends on where its replica is.
  place_replicas();
  keep_eligible_replicas();
  elect();
  keep_last_known_leader();
  return difference();
}

}  // namespace moldau::controller
