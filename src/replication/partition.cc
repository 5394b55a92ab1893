#include "replication/partition.h"

#include <algorithm>

#include "metadata/topic_name.h"
#include "record/batch.h"

namespace moldau::replication {

using wire::ErrorCode;

namespace {

constexpr Offset kHighWatermarkSentinel = -1;  // of DeleteRecords

}  // namespace

Partition::Partition(storage::Log& log, storage::CommitLog& commit_log, std::int32_t min_insync_replicas)
    : log_(&log), commit_log_(&commit_log), min_insync_replicas_(min_insync_replicas) {}

void Partition::lead(const metadata::Partition& state) {
  leader_ = state.leader;
  in_sync_count_ = state.isr.size();
  replica_count_ = state.replicas.size();
  if (state.leader_epoch == leader_epoch_) return;
  leader_epoch_ = state.leader_epoch;
  log_->assign_epoch_start(leader_epoch_);
}

void Partition::close() {
  if (log_ != nullptr) log_->durable_end_offset().close();
  log_ = nullptr;
}

void Partition::go_offline() {
  offline_ = true;
  if (log_ != nullptr) log_->durable_end_offset().close();
}

runtime::Watermark& Partition::high_watermark() {
  MOLDAU_ASSERT(log_ != nullptr);
  return log_->durable_end_offset();
}

PartitionResult<void> Partition::check_epoch(LeaderEpoch current_leader_epoch) const {
  if (log_ == nullptr) return refuse(ErrorCode::unknown_topic_or_partition);
  if (offline_) return refuse(ErrorCode::kafka_storage_error);
  if (current_leader_epoch == kNoEpoch || current_leader_epoch == leader_epoch_) return {};
  return refuse(current_leader_epoch < leader_epoch_ ? ErrorCode::fenced_leader_epoch
                                                     : ErrorCode::unknown_leader_epoch);
}

PartitionResult<void> Partition::check_in_sync(std::int16_t acks) const {
  const auto required = std::min<std::size_t>(static_cast<std::size_t>(min_insync_replicas_), replica_count_);
  if (acks != -1 || in_sync_count_ >= required) return {};
  return refuse(ErrorCode::not_enough_replicas,
                "the in-sync replicas are " + std::to_string(in_sync_count_) +
                    ", fewer than min.insync.replicas=" + std::to_string(min_insync_replicas_));
}

PartitionResult<storage::AppendInfo> Partition::append(const Slice& records, const ProduceRules& rules,
                                                       TimestampMs now_ms) {
  if (const auto open = check_epoch(kNoEpoch); !open) return std::unexpected(open.error());
  if (const auto in_sync = check_in_sync(rules.acks); !in_sync) return std::unexpected(in_sync.error());
  storage::AppendOptions options;
  options.leader_epoch = leader_epoch_;
  options.now_ms = now_ms;
  options.produce_version = rules.version;
  auto appended = log_->append_as_leader(records, options);
  if (!appended) return refuse(std::move(appended).error());
  return *appended;
}

runtime::Task<void> Partition::wait_for_space(runtime::MonotonicTime deadline) {
  if (log_ != nullptr && !offline_ && commit_log_->poisoned() == nullptr)
    co_await commit_log_->wait_for_space(deadline);
}

Offset Partition::visible_end(Isolation isolation) {
  const Offset high_watermark = this->high_watermark().value();
  return isolation == Isolation::read_committed ? log_->last_stable_offset(high_watermark) : high_watermark;
}

// What Kafka's leader compares when a fetch names the epoch of the last record that the client has (KIP-320,
// KIP-595).
std::optional<storage::LeaderEpochCache::EpochEnd> Partition::divergence(
    const FetchPosition& position) const {
  const auto end = log_->offset_for_leader_epoch(position.last_fetched_epoch);
  if (end.epoch < position.last_fetched_epoch || end.end_offset < position.offset) return end;
  return std::nullopt;
}

runtime::Task<PartitionResult<Fetched>> Partition::fetch(FetchPosition position, FetchLimits limits) {
  if (const auto fit = check_epoch(position.current_leader_epoch); !fit) {
    co_return std::unexpected(fit.error());
  }
  Fetched fetched;
  fetched.high_watermark = high_watermark().value();
  fetched.last_stable_offset = log_->last_stable_offset(fetched.high_watermark);
  fetched.log_start_offset = log_->log_start_offset();
  if (position.offset < fetched.log_start_offset) co_return refuse(ErrorCode::offset_out_of_range);
  // Before the end is looked at: who is beyond it is told where its epoch ended.
  if (position.last_fetched_epoch != kNoEpoch) {
    const auto known = log_->offset_for_leader_epoch(position.last_fetched_epoch);
    if (known.epoch == kNoEpoch) co_return refuse(ErrorCode::offset_out_of_range);
    fetched.diverging_epoch = divergence(position);
    if (fetched.diverging_epoch) co_return fetched;
  }
  if (position.offset > log_->end_offset().value()) co_return refuse(ErrorCode::offset_out_of_range);
  const bool committed = limits.isolation == Isolation::read_committed;
  const Offset visible = committed ? fetched.last_stable_offset : fetched.high_watermark;
  if (committed) fetched.aborted.emplace();
  if (position.offset >= visible) co_return fetched;
  if (limits.max_bytes == 0 && !limits.at_least_one_batch) co_return fetched;

  storage::Log& log = *log_;
  auto read = co_await log.read(position.offset, limits.max_bytes, visible, limits.at_least_one_batch);
  if (!read) co_return refuse(std::move(read).error());
  fetched.batches = std::move(read->batches);
  if (committed && !fetched.batches.empty() && log_ != nullptr) {
    auto aborted = co_await log.aborted_transactions(position.offset, read->next_offset);
    if (!aborted) co_return refuse(std::move(aborted).error());
    fetched.aborted = std::move(*aborted);
  }
  co_return fetched;
}

runtime::Task<PartitionResult<OffsetAnswer>> Partition::list_offset(TimestampMs timestamp,
                                                                    LeaderEpoch current_leader_epoch,
                                                                    Isolation isolation) {
  if (const auto fit = check_epoch(current_leader_epoch); !fit) co_return std::unexpected(fit.error());
  const Offset visible = visible_end(isolation);
  const Offset start = log_->log_start_offset();
  switch (timestamp) {
    case list_offsets::kLatest:
      co_return OffsetAnswer{kNoTimestamp, visible, leader_epoch_};
    case list_offsets::kEarliest:
    case list_offsets::kEarliestLocal:
      co_return OffsetAnswer{kNoTimestamp, start, log_->epochs().epoch_of(start)};
    case list_offsets::kLatestTiered:
    case list_offsets::kEarliestPendingUpload:
      co_return OffsetAnswer{};  // nothing is tiered
    default:
      co_return co_await by_timestamp(timestamp, visible);
  }
}

runtime::Task<PartitionResult<OffsetAnswer>> Partition::by_timestamp(TimestampMs timestamp,
                                                                     Offset visible_end) {
  auto found = timestamp == list_offsets::kMaxTimestamp ? co_await log_->offset_of_max_timestamp()
                                                        : co_await log_->offset_for_timestamp(timestamp);
  if (!found) co_return refuse(std::move(found).error());
  if (!*found || (*found)->offset >= visible_end) co_return OffsetAnswer{};
  co_return OffsetAnswer{(*found)->timestamp, (*found)->offset, (*found)->leader_epoch};
}

PartitionResult<storage::LeaderEpochCache::EpochEnd> Partition::offset_for_leader_epoch(
    LeaderEpoch current_leader_epoch, LeaderEpoch requested) {
  if (const auto fit = check_epoch(current_leader_epoch); !fit) return std::unexpected(fit.error());
  // The leader's own epoch ends at the end of its log, also before its first record.
  if (requested == leader_epoch_) {
    return storage::LeaderEpochCache::EpochEnd{leader_epoch_, log_->end_offset().value()};
  }
  return log_->offset_for_leader_epoch(requested);
}

PartitionResult<Offset> Partition::delete_records(Offset before) {
  if (const auto open = check_epoch(kNoEpoch); !open) return std::unexpected(open.error());
  if (!log_->config().cleanup_delete) {
    return refuse(ErrorCode::policy_violation,
                  "records of a topic without cleanup.policy=delete are not deleted");
  }
  const Offset high_watermark = this->high_watermark().value();
  const Offset start = before == kHighWatermarkSentinel ? high_watermark : before;
  if (start < 0 || start > high_watermark) return refuse(ErrorCode::offset_out_of_range);
  if (auto set = log_->set_log_start_offset(start); !set) return refuse(std::move(set).error());
  return log_->log_start_offset();
}

}  // namespace moldau::replication
