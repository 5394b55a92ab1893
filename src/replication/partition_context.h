// PartitionContext: what the partitions on one commit log share. Lives on their shard and outlives them.
#pragma once

#include <functional>
#include <memory>

#include "metadata/image.h"
#include "replication/channels.h"
#include "replication/rules.h"
#include "replication/throttle.h"
#include "runtime/executor.h"
#include "storage/commit_log.h"

namespace moldau::replication {

struct PartitionContext {
  NodeId self;
  runtime::Executor& executor;
  storage::CommitLog& commit_log;
  // The device has less room than is to be kept free (storage.disk_reserve): nothing is taken from producers,
  // and what is left is for who is still counted on.
  bool scarce = false;
  // The newest that was applied.
  std::shared_ptr<const metadata::Image> image = std::make_shared<metadata::Image>();
  runtime::Duration lag_max = std::chrono::seconds(30);         // replica.lag.time.max.ms
  runtime::Duration session_timeout = std::chrono::seconds(9);  // broker.session.timeout.ms
  // A follower that has not fetched for so long follows no longer.
  runtime::Duration fetches_within = std::chrono::seconds(1);
  // replica.selector.class is RackAwareReplicaSelector (KIP-392).
  bool rack_aware = false;
  // Of what replicas outside of the ISR are given here, and fetch. Null: unlimited.
  Throttle* leader_throttle = nullptr;
  Throttle* follower_throttle = nullptr;
  Rules rules = {};
  // Null when nothing replicates.
  const BrokerRegistration* registration = nullptr;
  // A leader has something to ask of the controller: PartitionLeader::isr_question(). Empty: there is nobody
  // to ask.
  std::function<void(const TopicIdPartition&)> ask_controller;
  // The log of a replica here is found damaged: the controller is told not to count on it. Empty as well.
  std::function<void(const TopicIdPartition&)> report_damage;
};

}  // namespace moldau::replication
