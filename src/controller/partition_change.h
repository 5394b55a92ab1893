// PartitionChangeBuilder: the one way in which the controller changes a partition. A caller says what it
// wants (another ISR, other replicas, a broker that counts as gone); the builder completes reassignments,
// keeps the eligible leader replicas, elects, and gives the record, or nothing when nothing changes.
//
// What holds after each of its records:
// - the leader is in the ISR and may lead, or there is no leader;
// - ISR and ELR are replicas and have nobody in common;
// - the ELR holds only replicas that have everything that was committed: who leaves the ISR while that falls
//   below min.insync.replicas, for from there on nothing more is committed (KIP-966);
// - a leader that was not elected from ISR or ELR is the whole ISR and is marked as recovering;
// - the leader epoch rises when the leader changes, and when a replica is taken away: whoever still fetches
// as
//   that replica is fenced (RP-17). It does not rise when the ISR shrinks.
#pragma once

#include <optional>
#include <span>
#include <vector>

#include "metadata/image.h"

namespace moldau::controller {

// What configs and features say about a topic's partitions.
struct ElectionRules {
  bool elr_enabled = false;      // eligible.leader.replicas.version >= 1
  std::size_t min_isr = 1;       // min.insync.replicas; more than there are replicas means all
  bool unclean_allowed = false;  // unclean.leader.election.enable
  // What a replica was counted for is on its disk: a crash takes nothing from it (moldau.durability).
  bool survives_crash = false;
  // Never; the simulator lets it, to show that its observers see it (reliability.md, mutant 28).
  bool elects_fenced = false;
};

// Who may lead by the image, or by what it is about to become.
struct Electorate {
  const metadata::Image& image;
  NodeId gone = kNoNode;              // counts as fenced
  NodeId back = kNoNode;              // counts as unfenced
  std::span<const NodeId> full = {};  // they take no records, and stay in sync

  bool may_lead(const metadata::Partition& partition, NodeId replica) const;
};

enum class Election {
  preferred,  // the first replica if it can, even where another one leads
  online,     // only when the leader cannot stay: from the ISR, or the ELR when the ISR is empty
  unclean,    // like online, and then any replica that is alive
};

class PartitionChangeBuilder {
 public:
  PartitionChangeBuilder(const metadata::Partition& partition, const ElectionRules& rules,
                         const Electorate& electorate);

  PartitionChangeBuilder& election(Election kind);
  PartitionChangeBuilder& isr(std::vector<NodeId> isr);
  // Also `adding` and `removing` replicas, which must be among the replicas.
  PartitionChangeBuilder& replicas(std::vector<NodeId> replicas, std::vector<NodeId> adding,
                                   std::vector<NodeId> removing);
  PartitionChangeBuilder& recovery_state(metadata::LeaderRecoveryState state);
  PartitionChangeBuilder& directory(NodeId replica, DirectoryId directory);
  // The replica may lack the end of what it had: no longer in ISR or ELR.
  PartitionChangeBuilder& unclean(NodeId replica);
  // The replica has nothing any more: not even a last resort.
  PartitionChangeBuilder& lost(NodeId replica);

  // At most once.
  std::optional<metadata::PartitionChangeRecord> build();

 private:
  struct Elected {
    NodeId leader = kNoNode;
    bool clean = true;
  };

  void complete_reassignment();
  void keep_eligible_replicas();
  Elected choose() const;
  void elect();
  void keep_last_known_leader();
  void place_replicas();
  std::optional<metadata::PartitionChangeRecord> difference() const;

  std::size_t min_isr() const;
  bool may_lead(NodeId replica) const;
  bool is_eligible(NodeId replica) const;
  bool is_last_known_leader(NodeId replica) const;

  const metadata::Partition& before_;
  const ElectionRules& rules_;
  const Electorate& electorate_;
  metadata::Partition after_;
  Election election_ = Election::online;
  std::vector<NodeId> unclean_;
  std::vector<NodeId> lost_;
  std::optional<std::pair<NodeId, DirectoryId>> directory_;
};

inline bool contains(std::span<const NodeId> nodes, NodeId node) {
  for (const NodeId other : nodes)
    if (other == node) return true;
  return false;
}
// The nodes of the first list that are not in the second, in their order.
std::vector<NodeId> without(std::vector<NodeId> nodes, std::span<const NodeId> others);

// Which directory holds the replica; kUnassignedDirectory when it is no replica or nobody has said.
DirectoryId directory_of(const metadata::Partition& partition, NodeId replica);
// Where a new replica of the broker will be: in its only directory, or wherever it likes.
DirectoryId default_directory(const metadata::Image& image, NodeId broker);
// Whether what is assigned to the directory can be served from these.
bool is_online(const DirectoryId& directory, std::span<const DirectoryId> online);

}  // namespace moldau::controller
