// The ways of one shard's partitions to other nodes, and who this broker is for them. The node implements the
// channels over its connections; tests over queues in memory.
#pragma once

#include <atomic>

#include "base/result.h"
#include "metadata/record.h"
#include "runtime/task.h"
#include "runtime/time.h"
#include "wire/messages/alter_partition.h"
#include "wire/messages/assign_replicas_to_dirs.h"
#include "wire/messages/fetch.h"

namespace moldau::replication {

// To the leaders that this shard's partitions follow. Lives on the shard.
class LeaderChannel {
 public:
  virtual ~LeaderChannel() = default;

  // Sends a Fetch of the newest version that `leader` speaks (13 or later: topics have ids only). An error
  // when the leader cannot be reached, is not known, or has not answered at the deadline; the caller backs
  // off. There are at most two calls to one leader at a time. Each should have a connection of its own: a
  // leader answers one connection's requests in their order, and each of these may wait there for half a
  // second. Calls that are under way when the node stops end soon: PartitionHost::close_partitions() waits
  // for them.
  virtual runtime::Task<Result<wire::FetchResponse>> fetch(NodeId leader, wire::FetchRequest request,
                                                           runtime::MonotonicTime deadline) = 0;
};

// To the active controller. Lives on the shard; one call of each kind at a time.
class IsrChannel {
 public:
  virtual ~IsrChannel() = default;

  // AlterPartition, version 3. An error, or NOT_CONTROLLER as the answer's error, when there is no controller
  // just now: the caller tries again. Ends soon when the node stops.
  virtual runtime::Task<Result<wire::AlterPartitionResponse>> alter_partition(
      wire::AlterPartitionRequest request, runtime::MonotonicTime deadline) = 0;

  // AssignReplicasToDirs (KIP-858): a replica whose log is damaged is said to be in kLostDirectory, which
  // takes it out of the in-sync replicas and away from leadership, and afterwards back in its own. Errors as
  // above.
  virtual runtime::Task<Result<wire::AssignReplicasToDirsResponse>> assign_replicas_to_dirs(
      wire::AssignReplicasToDirsRequest request, runtime::MonotonicTime deadline) = 0;
};

struct ReplicationChannels {
  LeaderChannel& leader;
  IsrChannel& isr;
};

// This broker's registration: set by who registers it, read on every shard. A process that has not registered
// yet opens no partition. What its image says may be long past: in the leader epoch of its predecessor it
// would write other records at offsets that its followers have; by a leader of the past it would cut off what
// was committed since; and for a topic of the past it would put aside the folder of the one that has its name
// by now. So states count only from the image on that has the registration of `incarnation_id`.
class BrokerRegistration {
 public:
  BrokerRegistration(NodeId node_id, Uuid incarnation_id)
      : node_id_(node_id), incarnation_id_(incarnation_id) {}

  NodeId node_id() const { return node_id_; }
  const Uuid& incarnation_id() const { return incarnation_id_; }
  // kNoBrokerEpoch before the first registration.
  metadata::BrokerEpoch epoch() const { return epoch_.load(std::memory_order_relaxed); }
  void set_epoch(metadata::BrokerEpoch epoch) { epoch_.store(epoch, std::memory_order_relaxed); }

  // When the last heartbeat was sent that the controller has answered with this broker in service: its
  // session there lasts from then on, at least. MonotonicTime::max() while nobody sends heartbeats.
  runtime::MonotonicTime confirmed_at() const { return confirmed_at_.load(std::memory_order_relaxed); }
  void confirm(runtime::MonotonicTime sent_at) { confirmed_at_.store(sent_at, std::memory_order_relaxed); }

 private:
  const NodeId node_id_;
  const Uuid incarnation_id_;
  std::atomic<metadata::BrokerEpoch> epoch_ = metadata::kNoBrokerEpoch;
  std::atomic<runtime::MonotonicTime> confirmed_at_ = runtime::MonotonicTime::max();
};

}  // namespace moldau::replication
