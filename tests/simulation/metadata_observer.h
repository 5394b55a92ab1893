// MetadataObserver: sees the quorum of a cluster from outside, after every step of every node, and keeps its
// own copy of what is committed: every batch of the metadata log, and the image after each.
//
//   I-R1   one leader per epoch, for ever            I-R2  a disk's epoch and votes are never taken back
//   I-R3   logs of all nodes are alike below their high watermarks
//   I-R4   who leads has all that is committed       I-R5  equal offsets, equal images
//   I-R6   high watermarks never fall                I-R7  a majority has it on disk, and keeps it (I-R8)
//   I-R9   snapshots hold committed state only       I-R10 no log ends below its node's high watermark
//   I-R11  roles fit what is known of the leader     I-R12 voters change one at a time
//   I-R13  what a batch holds is applied as a whole  I-P3, I-P10 leaders, ISR and ELR of every version
//   RA-05  who leads without a majority resigns
#pragma once

#include <functional>
#include <map>
#include <set>
#include <unordered_map>

#include "metadata/image.h"
#include "simulation/cluster_node.h"
#include "simulation/ledger.h"

namespace moldau::simulation {

class MetadataObserver {
 public:
  MetadataObserver(World& world, Ledger& ledger, std::string data_folder);

  // After a step of the node's process.
  void look_at(ClusterNode& node);
  // The node's process has ended.
  void forget(const ClusterNode& node);
  // Its disk is empty: as a voter it is another one.
  void forget_disk(NodeId node);
  // `voters`: those that the cluster begins with.
  void set_nodes(std::vector<ClusterNode*> nodes, std::set<NodeId> voters);
  // Who votes by what is committed. Their keys, once the log names them: with dynamic voters.
  const std::set<NodeId>& voters() const { return voters_; }
  const raft::VoterSet& voter_set() const { return voter_set_; }
  // How often this voter has been taken out.
  std::uint64_t removals(const raft::ReplicaKey& voter) const {
    const auto found = removals_.find(voter);
    return found == removals_.end() ? 0 : found->second;
  }
  // Voters whose disks were wiped, and whom nothing has replaced yet.
  const std::set<NodeId>& lost_voters() const { return lost_; }
  // Hears of every change of a partition.
  using OnChange =
      std::function<void(const TopicIdPartition&, const metadata::Partition&, const metadata::Partition&)>;
  void on_change(OnChange callback) { on_change_ = std::move(callback); }

  // The newest committed state.
  const metadata::Image& image() const { return images_.rbegin()->second; }
  Offset committed_end() const { return images_.rbegin()->first; }
  // Whether the partition ever had this leader in this epoch.
  bool was_leader(const TopicIdPartition& key, LeaderEpoch epoch, NodeId leader) const;
  // min.insync.replicas now, and the lowest that the topic has or may have had.
  std::size_t min_isr(const metadata::Topic& topic) const;
  std::size_t lowest_min_isr(const TopicId& topic) const;
  ClusterNode& node(NodeId id) const { return *nodes_.at(static_cast<std::size_t>(id - 1)); }
  // Compares the whole log of a node, and its snapshot, with what is committed.
  void compare_log(ClusterNode& node);

 private:
  // What one process has shown so far.
  struct Seen {
    std::uint64_t life = 0;
    std::uint64_t looks = 0;
    std::uint64_t truncations = 0;
    std::uint64_t snapshots_installed = 0;
    NodeId leader = kNoNode;
    MonotonicTime looked_at{};
    Duration lonely{};  // leads without a majority that follows it
    raft::Role role = raft::Role::unattached;
    LeaderEpoch epoch = 0;
    Offset high_watermark = 0;
    Offset checked = 0;  // its log is compared up to here
    const metadata::Image* image = nullptr;
    std::shared_ptr<const metadata::Image> held;  // keeps the address from being used again
  };

  // Where what was committed in epochs before this one ends.
  Offset committed_before(LeaderEpoch epoch) const;
  void mark_log(Seen& seen, const quorum::MetadataQuorum::Stats& stats);
  void look_at_role(ClusterNode& node, Seen& seen, const quorum::MetadataQuorum& quorum);
  void check_role(ClusterNode& node, const Seen& seen, const quorum::MetadataQuorum& quorum);
  void check_votes(ClusterNode& node);
  void check_voters(ClusterNode& node, const quorum::MetadataQuorum& quorum);
  void check_majority(ClusterNode& node, Seen& seen, const quorum::MetadataQuorum& quorum);
  void look_at_log(ClusterNode& node, Seen& seen, Offset high_watermark);
  void look_at_image(ClusterNode& node, Seen& seen, std::shared_ptr<const metadata::Image> image);
  void check_durable(Offset high_watermark, const std::set<NodeId>& voters, const std::string& who);
  std::size_t durable_at(Offset end, const std::set<NodeId>& voters) const;
  void check_kept();
  std::map<raft::ReplicaKey, std::uint64_t> removals_;
  void take_voters(const raft::VoterSet& voters);
  void commit(const record::BatchView& batch, const std::string& who);
  void apply(const metadata::Image& before, metadata::Image& image, const metadata::Record& record);
  void check_partition(const metadata::Image& before, const metadata::Image& after,
                       const TopicIdPartition& key);
  void on_registered(const metadata::Broker& broker);
  void mark_removal(const metadata::Image& before, const TopicId& topic);
  void mark_partition(const metadata::Partition& before, const metadata::Partition& after);
  void check_leaders(const metadata::Image& image);
  void report(std::string what) { ledger_.report(std::move(what)); }

  World& world_;
  Ledger& ledger_;
  std::string data_folder_;
  std::vector<ClusterNode*> nodes_;
  std::set<NodeId> voters_;  // by what is committed
  raft::VoterSet voter_set_;
  std::set<NodeId> lost_;  // of them, whose disk was wiped while they were
  // What each disk has said: the newest epoch, and whom it voted for.
  struct Votes {
    LeaderEpoch epoch = 0;
    std::map<LeaderEpoch, NodeId> voted;
  };
  std::map<NodeId, Votes> votes_;
  OnChange on_change_;
  std::unordered_map<NodeId, Seen> seen_;
  std::map<LeaderEpoch, NodeId> leaders_;
  std::map<Offset, BatchKey> batches_;
  std::map<Offset, metadata::Image> images_;
  std::map<std::pair<TopicIdPartition, LeaderEpoch>, NodeId> partition_leaders_;
  NodeId last_leader_ = kNoNode;
  std::uint64_t advances_ = 0;
};

}  // namespace moldau::simulation
