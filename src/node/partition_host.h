// PartitionHost: makes the shards' partitions what the metadata says: opens and leads, configures, removes.
// One per node, on shard 0; what belongs to another shard is done there.
#pragma once

#include <atomic>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <vector>

#include "base/random.h"
#include "config/settings.h"
#include "metadata/image.h"
#include "record/codec.h"
#include "replication/channels.h"
#include "replication/partition_set.h"
#include "replication/replicator.h"
#include "runtime/world.h"
#include "server/broker.h"
#include "storage/log_manager.h"

namespace moldau::node {

// The logs of one commit log and the partitions on them. Lives on the shard of its executor.
struct HostedLogs {
  HostedLogs(runtime::Executor& at, std::uint64_t seed) : executor(at), random(seed) {}
  runtime::Executor& executor;
  record::Codecs codecs;
  Random random;
  // Write and sync of the commit log. Its shard's registry takes it over once that is there.
  std::function<void(runtime::Duration)> on_sync;
  // A partition is gone for good; on the shard.
  std::function<void(const std::string& topic)> on_topic_removed;
  std::unique_ptr<storage::LogManager> logs;
  replication::PartitionSet partitions;
  std::unique_ptr<replication::Replicator> replicator;
  bool reconciled = false;  // with the metadata
  std::optional<Error> reconcile_failure;
  std::set<TopicPartition> opened;  // names that were opened since the start
  // Could not be opened for a reason that passes: an apply() tries again when it is time.
  struct Retry {
    runtime::MonotonicTime at;
    runtime::Duration pause;  // before it, the next one twice as long
  };
  std::map<TopicIdPartition, Retry> unopened;
};

// What ties this node's partitions to those of other nodes. Without it nothing replicates: a partition is led
// here whoever else the metadata names. Both outlive the host.
struct ReplicationLinks {
  // This broker among others.
  replication::BrokerRegistration* registration = nullptr;
  // The channels of a shard; asked for once for each commit log whose partitions live there.
  std::function<replication::ReplicationChannels(unsigned shard)> channels;
  // PartitionHost::scarce() has changed; on shard 0.
  std::function<void()> on_space = {};
  replication::Rules rules = {};
};

class PartitionHost {
 public:
  PartitionHost(runtime::World& world, const config::Settings& settings, storage::DataDirectory& directory,
                ReplicationLinks links = {});

  // Loads and recovers what the data folder holds. Errors: as LogManager::open.
  runtime::Task<Status> open();
  // Opens, leads and configures what `image` has and `delta` names; all that it has when it is the first that
  // counts (replication::BrokerRegistration), and nothing before. Call in the order of images.
  runtime::Task<void> apply(std::shared_ptr<const metadata::Image> image, metadata::Delta delta);
  // The partitions of removed topics, and those that this broker is no replica of any more: closed, then
  // deleted in the background. After the image without them was published.
  runtime::Task<void> remove(metadata::Delta delta);
  // Once, after the first image that counts was applied, with which folders that it does not know are put
  // aside: whether that went well.
  runtime::Task<Status> reconciled();
  // Ends every wait on the partitions, and all fetching. Call when no request can come any more and the
  // channels' calls end, before close().
  runtime::Task<void> close_partitions();
  // Flushes and closes the logs; success means that the folder may be marked clean.
  runtime::Task<Status> close();

  // Some partitions wait to be opened by another apply(), of the same image if need be: true once.
  bool wants_apply() { return has_unopened_.exchange(false, std::memory_order_relaxed); }
  // The data folder has failed; on shard 0.
  bool offline() const { return offline_; }
  // The device has less room than is to be kept free (storage.disk_reserve): others are to lead in place of
  // this broker; on shard 0.
  bool scarce() const { return scarce_; }

  std::vector<server::ShardData> shard_data();
  const std::vector<std::unique_ptr<HostedLogs>>& hosted() const { return hosted_; }

 private:
  runtime::Task<Status> open_manager(unsigned index, unsigned count);
  // The data folder has failed, for whichever of its logs noticed first.
  runtime::Task<void> go_offline(Error error);
  runtime::Task<void> apply_here(HostedLogs& hosted, unsigned index,
                                 std::shared_ptr<const metadata::Image> image, metadata::Delta delta);
  runtime::Task<void> reconcile(HostedLogs& hosted, const metadata::Image& image);
  void add_all_of(const metadata::Image& image, unsigned index, std::set<TopicIdPartition>& keys) const;
  runtime::Task<void> apply_partition(HostedLogs& hosted, const metadata::Image& image, TopicIdPartition key);
  runtime::Task<void> open_partition(HostedLogs& hosted, const metadata::Image& image, TopicIdPartition key);
  runtime::Task<Result<storage::Log*>> open_log(HostedLogs& hosted, const metadata::Partition& state,
                                                TopicPartition name, storage::LogConfig config);
  void note_unopened(HostedLogs& hosted, const metadata::Partition& state);
  bool may_discard(const metadata::Partition& state) const;
  runtime::Task<Offset> known_high_watermark(HostedLogs& hosted, storage::Log& log);
  void configure_here(HostedLogs& hosted, const metadata::Image& image, const metadata::Delta& delta);
  std::vector<TopicIdPartition> gone(const HostedLogs& hosted, const metadata::Image& image,
                                     const metadata::Delta& delta, bool names_taken) const;
  runtime::Task<void> remove_here(HostedLogs& hosted, std::vector<TopicIdPartition> gone);
  // storage.disk_reserve.
  runtime::Task<void> watch_space();
  runtime::Task<void> look_at_space();
  // replication-offset-checkpoint.
  runtime::Task<void> save_high_watermarks_from_time_to_time();
  runtime::Task<void> save_high_watermarks();
  // Borrows `image`.
  config::ConfigLayers layers_of(const metadata::Image& image, const std::string& topic) const;
  bool owns(const TopicIdPartition& key, unsigned index) const {
    return replication::shard_of(key, hosted_.size()) == index;
  }

  runtime::World& world_;
  const config::Settings& settings_;
  storage::DataDirectory& directory_;
  const ReplicationLinks links_;
  NodeId node_id_;
  std::unique_ptr<storage::SharedCheckpoint> recovery_points_;
  std::unique_ptr<storage::SharedCheckpoint> log_starts_;
  std::unique_ptr<storage::SharedCheckpoint> cleaner_offsets_;
  std::unique_ptr<storage::SharedCheckpoint> high_watermarks_;
  std::vector<std::unique_ptr<HostedLogs>> hosted_;  // by commit log
  std::vector<storage::OffsetCheckpoint> saved_;     // high watermarks, by commit log
  runtime::Gate gate_;                               // going offline, and what happens from time to time
  runtime::Signal stopping_;
  bool stopped_ = false;
  bool offline_ = false;
  bool scarce_ = false;
  std::atomic<bool> has_unopened_ = false;
  const std::shared_ptr<int> alive_ = std::make_shared<int>();  // for jobs that may come too late
};

}  // namespace moldau::node
