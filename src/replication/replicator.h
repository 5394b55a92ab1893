// Replicator: what ties the partitions on one commit log to those of other nodes: their fetchers, what their
// leaders ask of the controller, and the look from time to time at who lags. Lives on their shard.
#pragma once

#include <map>
#include <memory>
#include <optional>

#include "config/cluster_settings.h"
#include "replication/damage_reporter.h"
#include "replication/isr_updater.h"
#include "replication/partition_set.h"
#include "replication/replica_fetcher.h"

namespace moldau::replication {

struct ReplicatorSettings {
  FetcherSettings fetcher;
  runtime::Duration lag_max = std::chrono::seconds(30);         // replica.lag.time.max.ms
  bool rack_aware = false;                                      // replica.selector.class
  runtime::Duration session_timeout = std::chrono::seconds(9);  // broker.session.timeout.ms
  Rules rules = {};

  static ReplicatorSettings of(const config::ClusterSettings& config);
};

class Replicator final : private IsrSource {
 public:
  struct Parts {
    runtime::Executor& executor;
    runtime::WallClock& wall_clock;
    storage::CommitLog& commit_log;
    PartitionSet& partitions;
    NodeId self;
    ReplicatorSettings settings;
    // Null and empty together: nothing replicates.
    BrokerRegistration* registration = nullptr;
    std::optional<ReplicationChannels> channels = {};
    DirectoryId directory = {};  // of the data folder
  };
  // All of them outlive stop().
  explicit Replicator(Parts parts);

  const PartitionContext& context() const { return context_; }
  // The image that the states come from. True when it is the first that counts (BrokerRegistration): all of
  // its states are to be applied.
  bool set_image(std::shared_ptr<const metadata::Image> image);
  // Whether the states of that image count.
  bool image_counts() const { return parts_.registration == nullptr || registered_; }

  // leader.replication.throttled.rate and follower.replication.throttled.rate: this shard's part of them.
  void set_throttle_rates(std::int64_t leader_bytes_per_second, std::int64_t follower_bytes_per_second);

  // The device of the logs has less room than is to be kept free (PartitionContext::scarce), or has it again.
  runtime::Task<void> set_scarce(bool scarce);

  // Makes the partition what the state says, and fetches for it or no longer. REQUIRES: image_counts().
  runtime::Task<void> apply(TopicIdPartition key, std::shared_ptr<Partition> partition,
                            metadata::Partition state);
  // The partition goes, or its log cannot be used.
  void forget(const TopicIdPartition& key);
  // The log of the partition cannot be opened: the controller is told, unless it is the last hope.
  void report_damage(const metadata::Partition& state);

  // Ends all that was begun here. Call when the channels' calls end.
  runtime::Task<void> stop();

 private:
  std::optional<IsrQuestion> isr_question(const TopicIdPartition& key) override;
  bool isr_answered(const TopicIdPartition& key, const IsrQuestion& asked, const IsrAnswer& answer) override;
  void isr_unanswered(const TopicIdPartition& key) override;
  PartitionLeader* leader_of(const TopicIdPartition& key);
  void fetch_for(const TopicIdPartition& key, const std::shared_ptr<Partition>& partition);
  ReplicaFetcher& fetcher_of(NodeId leader);
  runtime::Task<void> look_from_time_to_time();
  runtime::Task<void> scan();
  runtime::Task<void> heal(TopicIdPartition key, std::shared_ptr<Partition> partition);
  runtime::Task<void> adopt(TopicIdPartition key, std::shared_ptr<Partition> partition,
                            metadata::Partition state);

  // Who fetches for a partition, and in which epoch.
  struct Followed {
    NodeId leader = kNoNode;
    LeaderEpoch epoch = kNoEpoch;
  };

  const Parts parts_;
  Throttle leader_throttle_;
  Throttle follower_throttle_;
  PartitionContext context_;
  bool registered_ = false;
  std::unique_ptr<IsrUpdater> updater_;
  std::unique_ptr<DamageReporter> reporter_;
  std::map<NodeId, std::unique_ptr<ReplicaFetcher>> fetchers_;
  std::map<TopicIdPartition, Followed> followed_;
  bool stopped_ = false;
  runtime::Signal stopping_;
  runtime::Gate gate_;
};

}  // namespace moldau::replication
