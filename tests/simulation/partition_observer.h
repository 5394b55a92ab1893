// PartitionObserver: sees every replica of every partition from outside, after every step of its node, reads
// what comes below its high watermark, and tells the ledger.
//
//   I-P1  who begins to lead has all that is committed     I-P2  so has every member of the ISR, durably
//   I-P4  a high watermark does not fall, and lies within   I-P5  replicas agree below their high watermarks
//         the log                                           I-P6  no replica cuts what it counted as
//         committed
//   I-P7  the epoch cache says what the batches say         I-P8  the leader counts on whoever may be in the
//   I-P9  who joins the ISR, or is left in the ELR (I-P10),       ISR, and not on too few
//         has all that is committed                         I-S1  a restart takes nothing that was durable
//   I-S6  records go below the high watermark only          I-S7  after a failure nothing becomes durable
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "replication/partition.h"
#include "simulation/cluster_node.h"
#include "simulation/ledger.h"
#include "simulation/metadata_observer.h"

namespace moldau::simulation {

class PartitionObserver {
 public:
  PartitionObserver(World& world, Ledger& ledger, const MetadataObserver& metadata)
      : world_(world), ledger_(ledger), metadata_(metadata) {}

  // After a step of the node's process.
  void look_at(ClusterNode& node);
  // Its process has ended.
  void forget(const ClusterNode& node);
  // Its disk is empty.
  void forget_disk(NodeId node) {
    seen_.erase(node);
    left_.erase(node);
  }
  // The metadata have changed a partition.
  void on_change(const TopicIdPartition& key, const metadata::Partition& before,
                 const metadata::Partition& after);

  // Reads of logs that are under way.
  std::size_t reading() const { return reading_; }
  // The log of the replica holds exactly what the ledger knows, from its log start to its end. Ends with a
  // report otherwise.
  runtime::Task<void> compare(ClusterNode& node, TopicIdPartition key);
  // Null when the node does not have it.
  static std::shared_ptr<replication::Partition> find(ClusterNode& node, const TopicIdPartition& key);

 private:
  struct Replica {
    TopicIdPartition key;
    // Weak: a topic's files go once nobody holds its partitions any more.
    std::weak_ptr<replication::Partition> partition;
    replication::Partition* address = nullptr;  // good as long as `partition` has not expired
    const storage::CommitLog* commit_log = nullptr;
    Offset high_watermark = 0;
    Offset end = 0;
    Offset durable_end = 0;
    LeaderEpoch durable_epoch = kNoEpoch;  // of the record before it
    bool poisoned = false;
    Offset read = 0;  // everything below is with the ledger
    LeaderEpoch leader_epoch = kNoEpoch;
    bool leads = false;
    bool reading = false;
    bool failed = false;  // its log cannot be read
    // Null when there is nothing to see.
    replication::Partition* get() const {
      return partition.expired() || address->closed() || address->offline() ? nullptr : address;
    }
  };
  struct Seen {
    std::uint64_t life = 0;
    std::size_t partitions = 0;
    std::uint64_t steps = 0;
    std::vector<std::shared_ptr<Replica>> replicas;
  };

  static std::size_t count(ClusterNode& node);
  void refresh(ClusterNode& node, Seen& seen);
  void look_at(ClusterNode& node, const std::shared_ptr<Replica>& replica);
  // In sync or eligible by the newest metadata: only then what it has may not be given up, to be fetched
  // anew.
  bool is_counted_on(const ClusterNode& node, const Replica& replica) const;
  void began_to_lead(ClusterNode& node, const Replica& replica, Offset end);
  void check_position(ClusterNode& node, const Replica& replica, Offset end);
  void check_epochs(ClusterNode& node, const Replica& replica);
  // What a process has left behind.
  struct Left {
    Offset end = 0;
    LeaderEpoch epoch = kNoEpoch;
  };

  bool is_of_another_history(const TopicIdPartition& key, const Left& left) const;
  void check_found(ClusterNode& node, const Replica& replica, Offset end);
  void check_complete(const TopicIdPartition& key, NodeId node, std::string_view as);
  void check_maximal_isr(ClusterNode& node, const Replica& replica);
  void rose(ClusterNode& node, const Replica& replica);
  // How far the replica is durable, or was when its process ended. Empty: nobody knows.
  std::optional<Offset> durable_end(NodeId node, const TopicIdPartition& key) const;
  void check_min_insync(ClusterNode& node, const Replica& replica);
  runtime::Task<void> read(NodeId node, std::shared_ptr<Replica> replica);
  void report(std::string what) { ledger_.report(std::move(what)); }

  World& world_;
  Ledger& ledger_;
  const MetadataObserver& metadata_;
  std::unordered_map<NodeId, Seen> seen_;
  // What ended processes had durably, until their successors have opened it.
  std::unordered_map<NodeId, std::map<TopicIdPartition, Left>> left_;
  std::size_t reading_ = 0;
};

}  // namespace moldau::simulation
