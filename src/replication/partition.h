// Partition: what requests talk to: one partition on the shard that owns its log, as leader, as follower, or
// as neither while it has no leader (kafka-protocol.md 6.2 to 6.5). Which of them it is comes from metadata
// alone, by apply(). The log below does the storing, PartitionLeader and PartitionFollower know their parts.
//
// Shared ownership: a request that waits keeps its partition alive after the topic is deleted; the partition
// is then closed and answers unknown_topic_or_partition.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "metadata/image.h"
#include "replication/partition_error.h"
#include "replication/partition_follower.h"
#include "replication/partition_leader.h"
#include "replication/refused_batches.h"
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

// Who fetches.
struct Fetcher {
  NodeId replica = kNoNode;  // negative: a consumer
  metadata::BrokerEpoch broker_epoch = metadata::kNoBrokerEpoch;
  Offset log_start = kNoOffset;  // of the replica
  // The offset is where the replica is: false when a waiting request is looked at again.
  bool reports = true;
  // Of a consumer. Without `follower_reads` (before v11) it reads from the leader only.
  std::string_view rack = {};
  bool follower_reads = false;

  bool is_replica() const { return replica >= 0; }
};

struct Fetched {
  SliceList batches;
  Offset high_watermark = kNoOffset;
  Offset last_stable_offset = kNoOffset;
  Offset log_start_offset = kNoOffset;
  // Where this fetcher's data ends now.
  Offset visible_end = kNoOffset;
  // The epoch and end offset up to which the client agrees with this log, when it has gone astray.
  std::optional<storage::LeaderEpochCache::EpochEnd> diverging_epoch;
  std::optional<std::vector<storage::AbortedProducer>> aborted;  // read_committed only
  // The consumer had better fetch there; nothing was read.
  std::optional<NodeId> preferred_read_replica;
};

struct OffsetAnswer {
  TimestampMs timestamp = kNoTimestamp;
  Offset offset = kNoOffset;
  LeaderEpoch leader_epoch = kNoEpoch;
};

// A time during which this broker led the partition without a break.
using Leadership = std::uint64_t;

struct Appended {
  storage::AppendInfo info;
  Leadership leadership = 0;  // in which acknowledged() may tell of it
};

class Partition {
 public:
  // `high_watermark`: as it was last known, from replication-offset-checkpoint; raised to the log start.
  // REQUIRES: `log` and `context` outlive every use but those after close().
  Partition(storage::Log& log, const PartitionContext& context, Offset high_watermark,
            std::int32_t min_insync_replicas);
  ~Partition();

  // Becomes what the metadata says, or learns of its changes; older states are ignored. A leader first lets
  // the follower that it was end its changes of the log. Of a partition that is no longer to be `here` the
  // state says that there is no leader.
  runtime::Task<void> apply(metadata::Partition state, bool here = true);
  // The topic is deleted or the broker stops: fails those who wait; the log may go once this returns and its
  // own operations have ended.
  void close();
  bool closed() const { return log_ == nullptr; }
  // The folder of its log has failed: whoever asks or waits is answered KAFKA_STORAGE_ERROR from here on.
  void go_offline();
  bool offline() const { return offline_; }

  // --- producing
  // What comes behind a batch that was refused is refused like it (RefusedBatches).
  PartitionResult<Appended> append(const Slice& records, const ProduceRules& rules, TimestampMs now_ms);
  // The guard that a transactional batch needs before append() takes it with ProduceRules::wants_guard:
  // kNoGuard when its transaction is open here, or it is one that was appended before. With another one the
  // coordinator is asked first. `strict`: of a producer of transaction version 2. An error: kNotAsked goes
  // with the append, which says the same if it still holds.
  PartitionResult<TransactionGuard> guard_for(const record::HeaderView& batch, bool strict);
  // The same for what a coordinator of this broker appends in a producer's transaction.
  PartitionResult<TransactionGuard> guard_for(ProducerId producer_id, ProducerEpoch epoch);
  // Appends the end of a transaction. INVALID_PRODUCER_EPOCH, TRANSACTION_COORDINATOR_FENCED: it is not for
  // this marker to say. Otherwise as append().
  PartitionResult<Appended> append_marker(const record::EndTransaction& marker,
                                          std::int16_t transaction_version, TimestampMs now_ms);
  // After an append was refused with PartitionError::passes: until it may succeed, or never will.
  runtime::Task<void> wait_for_space(runtime::MonotonicTime deadline);
  // Whether what ends below `until` may be acknowledged already. False also when it never will be.
  bool is_acknowledged(Offset until, std::int16_t acks, Leadership leadership);
  // Until it may. NOT_LEADER_OR_FOLLOWER when the leadership in which it was appended has ended, or may have
  // (PartitionLeader::may_be_replaced), as of the deadline: what became of the records another leader knows.
  // NOT_ENOUGH_REPLICAS_AFTER_APPEND when the in-sync replicas are too few, REQUEST_TIMED_OUT at the
  // deadline: they may be committed yet.
  runtime::Task<PartitionResult<void>> acknowledged(Offset until, std::int16_t acks, Leadership leadership,
                                                    runtime::MonotonicTime deadline);

  // --- reading
  // A follower answers a position beyond its end by NOT_LEADER_OR_FOLLOWER, the leader by
  // OFFSET_OUT_OF_RANGE.
  runtime::Task<PartitionResult<Fetched>> fetch(FetchPosition position, FetchLimits limits,
                                                Fetcher fetcher = {});
  // Whether a replica that has heard of these watermarks would learn nothing from fetch(); what it reports is
  // noted. False also when only fetch() can say.
  bool has_nothing_new(const FetchPosition& position, const Fetcher& fetcher, const FollowerReport& report,
                       Offset known_high_watermark, Offset known_log_start);
  // What a fetch waits for: the end of the log for replicas, else the high watermark. Closed when this is to
  // be looked at anew (the leader changes), or nothing more comes.
  runtime::Watermark& visible_watermark(bool replica);
  runtime::Watermark& high_watermark();
  // Where data ends that a consumer sees, for this isolation.
  Offset visible_end(Isolation isolation);

  runtime::Task<PartitionResult<OffsetAnswer>> list_offset(TimestampMs timestamp,
                                                           LeaderEpoch current_leader_epoch,
                                                           Isolation isolation, bool replica = false);
  PartitionResult<storage::LeaderEpochCache::EpochEnd> offset_for_leader_epoch(
      LeaderEpoch current_leader_epoch, LeaderEpoch requested);
  // Deletes below an offset; -1 asks for the high watermark. The answer is the smallest log start of the
  // living replicas, once it has come as far; REQUEST_TIMED_OUT at the deadline.
  runtime::Task<PartitionResult<Offset>> delete_records(Offset before, runtime::MonotonicTime deadline);

  // --- who it is
  LeaderEpoch leader_epoch() const { return fence_.leader_epoch(); }
  NodeId leader() const { return leader_id_; }
  // Of now; one that has passed does not come again.
  Leadership leadership() const { return leadership_; }
  // Null when this broker does not lead.
  PartitionLeader* leading() { return leading_.get(); }
  // Null when it does.
  const std::shared_ptr<PartitionFollower>& following() { return following_; }
  const EpochFence& fence() const { return fence_; }
  // Null once closed.
  storage::Log* log() { return log_; }
  void set_min_insync_replicas(std::int32_t count);
  // Whom the throttles slow down, as leader and as follower.
  void set_throttled(ThrottledReplicas by_leader, ThrottledReplicas by_follower);
  // This replica may not fetch just now.
  bool follower_is_throttled() const;
  void note_fetched(std::size_t bytes) const;

 private:
  PartitionResult<void> check_open() const;
  PartitionResult<void> check_leads(LeaderEpoch current_leader_epoch) const;
  PartitionResult<void> check_serves(LeaderEpoch current_leader_epoch, const Fetcher& fetcher) const;
  std::unexpected<PartitionError> not_leader() const;
  // What this producer's batch is answered without being looked at, if so.
  std::optional<PartitionError> refused_before(const record::HeaderView& batch) const;
  bool leads_lately() const;
  PartitionResult<void> check_guard(const record::HeaderView& batch, const ProduceRules& rules) const;
  PartitionResult<Appended> append_guarded(const Slice& records, const ProduceRules& rules,
                                           TimestampMs now_ms,
                                           const std::optional<record::HeaderView>& header);
  PartitionResult<Appended> append_next(const Slice& records, const ProduceRules& rules, TimestampMs now_ms);
  std::optional<storage::LeaderEpochCache::EpochEnd> divergence(const FetchPosition& position) const;
  std::unexpected<PartitionError> beyond_end() const;
  PartitionResult<void> check_range(const FetchPosition& position, const Fetcher& fetcher,
                                    Fetched& fetched) const;
  runtime::Task<PartitionResult<OffsetAnswer>> by_timestamp(TimestampMs timestamp, Offset visible_end,
                                                            bool is_known);
  void note_read_error(const storage::LogError& error, Offset from);
  bool leader_throttles(const Fetcher& fetcher) const;
  bool throttles_self() const;
  void take_over();
  void step_down();
  void on_durable_end();

  storage::Log* log_;
  const PartitionContext& context_;
  EpochFence fence_;
  NodeId leader_id_ = kNoNode;
  std::unique_ptr<PartitionLeader> leading_;
  std::shared_ptr<PartitionFollower> following_;
  Leadership leadership_ = 0;
  runtime::MonotonicTime leads_since_{};
  std::int32_t min_insync_replicas_;
  RefusedBatches refused_;
  TransactionGuards guards_;
  ThrottledReplicas throttled_by_leader_;
  ThrottledReplicas throttled_by_follower_;
  bool offline_ = false;
  int failed_reads_ = 0;  // since a read from failed_at_ has worked
  Offset failed_at_ = kNoOffset;
};

}  // namespace moldau::replication
