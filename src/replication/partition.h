// Partition: the leader of one partition on the shard that owns it: fences by leader epoch, appends, reads up
// to what may be seen, and answers questions about offsets (kafka-protocol.md 6.2 to 6.5). The log below does
// the storing. Shared ownership: a request that waits keeps its partition alive after the topic is deleted;
// the partition is then closed and answers unknown_topic_or_partition.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "metadata/image.h"
#include "replication/partition_error.h"
#include "storage/log.h"

namespace moldau::replication {

enum class Isolation : std::int8_t { read_uncommitted = 0, read_committed = 1 };

// Sentinels of ListOffsets in place of a timestamp.
namespace list_offsets {
inline constexpr TimestampMs kLatest = -1;
inline constexpr TimestampMs kEarliest = -2;
inline constexpr TimestampMs kMaxTimestamp = -3;
inline constexpr TimestampMs kEarliestLocal = -4;
inline constexpr TimestampMs kLatestTiered = -5;
inline constexpr TimestampMs kEarliestPendingUpload = -6;
}  // namespace list_offsets

struct ProduceRules {
  std::int16_t acks = -1;     // 0, 1, -1
  std::int16_t version = 13;  // of the Produce request
};

struct FetchLimits {
  std::size_t max_bytes = 0;
  bool at_least_one_batch = false;
  Isolation isolation = Isolation::read_uncommitted;
};

struct FetchPosition {
  Offset offset = 0;
  LeaderEpoch current_leader_epoch = kNoEpoch;  // the client's knowledge; kNoEpoch: do not check
  LeaderEpoch last_fetched_epoch = kNoEpoch;    // v12+: for the divergence check
};

struct Fetched {
  SliceList batches;
  Offset high_watermark = kNoOffset;
  Offset last_stable_offset = kNoOffset;
  Offset log_start_offset = kNoOffset;
  // The epoch and end offset up to which the client agrees with this log, when it has gone astray.
  std::optional<storage::LeaderEpochCache::EpochEnd> diverging_epoch;
  std::optional<std::vector<storage::AbortedProducer>> aborted;  // read_committed only
};

struct OffsetAnswer {
  TimestampMs timestamp = kNoTimestamp;
  Offset offset = kNoOffset;
  LeaderEpoch leader_epoch = kNoEpoch;
};

class Partition {
 public:
  // REQUIRES: `log` and the commit log that it appends to outlive every use but those after close().
  Partition(storage::Log& log, storage::CommitLog& commit_log, std::int32_t min_insync_replicas);

  // Takes over leadership as the metadata says, or learns of its changes.
  void lead(const metadata::Partition& state);
  // The topic is deleted or the broker stops: fails those who wait; the log may go once this returns and its
  // own operations have ended.
  void close();
  bool closed() const { return log_ == nullptr; }
  // The folder of its log has failed: whoever asks or waits is answered KAFKA_STORAGE_ERROR from here on.
  void go_offline();
  bool offline() const { return offline_; }

  PartitionResult<storage::AppendInfo> append(const Slice& records, const ProduceRules& rules,
                                              TimestampMs now_ms);
  // After an append was refused with PartitionError::passes: until it may succeed, or never will.
  runtime::Task<void> wait_for_space(runtime::MonotonicTime deadline);
  // What acks=1 and acks=all wait for: at this watermark a record may be acknowledged and seen. With one
  // replica it is the durable end of the log.
  runtime::Watermark& high_watermark();

  runtime::Task<PartitionResult<Fetched>> fetch(FetchPosition position, FetchLimits limits);
  // Where new data becomes visible for this isolation.
  Offset visible_end(Isolation isolation);

  runtime::Task<PartitionResult<OffsetAnswer>> list_offset(TimestampMs timestamp,
                                                           LeaderEpoch current_leader_epoch,
                                                           Isolation isolation);
  PartitionResult<storage::LeaderEpochCache::EpochEnd> offset_for_leader_epoch(
      LeaderEpoch current_leader_epoch, LeaderEpoch requested);
  // The new log start offset; -1 asks for the high watermark.
  PartitionResult<Offset> delete_records(Offset before);

  LeaderEpoch leader_epoch() const { return leader_epoch_; }
  NodeId leader() const { return leader_; }
  // Null once closed.
  storage::Log* log() { return log_; }
  void set_min_insync_replicas(std::int32_t count) { min_insync_replicas_ = count; }

 private:
  PartitionResult<void> check_epoch(LeaderEpoch current_leader_epoch) const;
  PartitionResult<void> check_in_sync(std::int16_t acks) const;
  std::optional<storage::LeaderEpochCache::EpochEnd> divergence(const FetchPosition& position) const;
  runtime::Task<PartitionResult<OffsetAnswer>> by_timestamp(TimestampMs timestamp, Offset visible_end);

  storage::Log* log_;
  storage::CommitLog* commit_log_;
  NodeId leader_ = kNoNode;
  LeaderEpoch leader_epoch_ = kNoEpoch;
  std::size_t in_sync_count_ = 0;
  std::size_t replica_count_ = 0;
  std::int32_t min_insync_replicas_;
  bool offline_ = false;
};

}  // namespace moldau::replication
