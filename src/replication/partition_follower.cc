#include "replication/partition_follower.h"

#include <algorithm>

#include "record/batch.h"
#include "replication/damage.h"
#include "telemetry/log.h"

namespace moldau::replication {

using runtime::Task;
using wire::ErrorCode;

namespace {

constexpr runtime::Duration kSpaceWait = std::chrono::milliseconds(200);

void report(const storage::Log& log, std::string_view what, Offset from, Offset to) {
  const auto& at = log.identity().topic_partition;
  telemetry::log_info(
      "replication", what,
      {{"topic", at.topic}, {"partition", at.partition}, {"end_offset", from}, {"to_offset", to}});
}

// The epoch of a log's last record. The newest epoch in the cache may be one that this replica was to lead
// and never wrote in, which no other replica has to know.
LeaderEpoch last_epoch(const storage::Log& log, Offset end) {
  return end > log.log_start_offset() ? log.epochs().epoch_of(end - 1) : kNoEpoch;
}

}  // namespace

PartitionFollower::PartitionFollower(storage::Log& log, const PartitionContext& context,
                                     Offset high_watermark)
    : log_(log), context_(context), high_watermark_(high_watermark), changing_(context.executor) {}

void PartitionFollower::follow(const metadata::Partition& state) {
  state_ = state;
  if (!is_lost(state_, context_.self)) healed_ = false;
}

Task<void> PartitionFollower::stop() {
  if (std::exchange(stopped_, true)) co_return;
  co_await changing_.close();
  high_watermark_.close();
}

void PartitionFollower::abandon() {
  stopped_ = true;
  high_watermark_.close();
}

std::optional<FollowerPosition> PartitionFollower::position() const {
  if (stopped_ || state_.leader == kNoNode || state_.leader == context_.self) return std::nullopt;
  if (damaged_from_ || is_to_heal()) return std::nullopt;
  if (context_.scarce && !is_in_sync()) return std::nullopt;
  // A log that has records of a later epoch has met a later leader: what this one lacks may be committed.
  if (state_.leader_epoch < log_.latest_epoch()) return std::nullopt;
  Offset offset = log_.durable_end_offset().value();
  if (!context_.rules.truncates_by_epoch && begun_in_ != state_.leader_epoch)
    offset = std::min(offset, std::max(high_watermark_.value(), log_.log_start_offset()));
  return FollowerPosition{state_.leader_epoch, offset, last_epoch(log_, offset), log_.log_start_offset(),
                          high_watermark_.value()};
}

bool PartitionFollower::is_in_sync() const {
  return std::ranges::find(state_.isr, context_.self) != state_.isr.end();
}

bool PartitionFollower::is_counted_on() const {
  const auto& eligible = state_.eligible_leader_replicas;
  return is_in_sync() || std::ranges::find(eligible, context_.self) != eligible.end();
}

Task<Taken> PartitionFollower::take(FetchedPartition answer, FollowerPosition asked, TimestampMs now_ms) {
  if (!is_of_use(asked.leader_epoch)) co_return Taken::superseded;
  const runtime::Gate::Pass pass(changing_);
  if (answer.error_code == ErrorCode::offset_out_of_range)
    co_return co_await start_over(answer.log_start_offset);
  if (answer.error_code != ErrorCode::none) co_return Taken::try_later;
  begun_in_ = asked.leader_epoch;
  if (answer.diverging_epoch.epoch >= 0) {
    if (!context_.rules.believes_after_truncation) learn(answer);
    // What the leader still has begins where the two have gone apart, or later: nothing here is known to be
    // what it had before.
    if (answer.diverging_epoch.end_offset <= answer.log_start_offset && !is_counted_on())
      co_return co_await start_over(answer.log_start_offset);
    co_return co_await truncate_by_epoch({answer.diverging_epoch.epoch, answer.diverging_epoch.end_offset});
  }
  if (log_.end_offset().value() != asked.offset) {
    const Taken cut = co_await cut_uncompared(asked.offset);
    if (cut != Taken::went_on) co_return cut;
    if (!is_of_use(asked.leader_epoch)) co_return Taken::superseded;
  }
  if (answer.records && !answer.records->empty()) {
    const Taken appended = co_await append(*answer.records, asked.leader_epoch, now_ms);
    if (appended != Taken::went_on) co_return appended;
  }
  learn(answer);
  co_return Taken::went_on;
}

// Leaders send whole batches. Where a log starts within one (DeleteRecords), it has to lie here from its own
// first record on.
Task<bool> PartitionFollower::start_with(const Slice& batches) {
  const Offset end = log_.end_offset().value();
  record::BatchReader reader(batches);
  record::BatchView first;
  if (end > log_.log_start_offset() || !reader.next(first).value_or(false)) co_return true;
  if (first.base_offset() >= end || first.last_offset() < end) co_return true;
  high_watermark_.reset(std::min(high_watermark_.value(), first.base_offset()));
  co_return (co_await log_.truncate_fully_and_start_at(first.base_offset())).has_value();
}

Task<Taken> PartitionFollower::append(const SliceList& batches, LeaderEpoch fetched_in, TimestampMs now_ms) {
  const Slice whole = joined(batches);
  if (!co_await start_with(whole)) co_return Taken::try_later;
  if (!is_of_use(fetched_in)) co_return Taken::superseded;
  for (;;) {
    const auto appended = log_.append_as_follower(whole, now_ms, fetched_in);
    if (appended) co_return Taken::went_on;
    const storage::LogError& error = appended.error();
    const bool passes = error.code == storage::LogErrorCode::kafka_storage_error &&
                        error.cause == Errc::unavailable && context_.commit_log.poisoned() == nullptr;
    if (!passes) {
      const auto& at = log_.identity().topic_partition;
      telemetry::log_warn("replication", "what the leader sent is not appended",
                          {{"topic", at.topic},
                           {"partition", at.partition},
                           {"leader", state_.leader},
                           {"error", error.message}});
      co_return Taken::try_later;
    }
    co_await context_.commit_log.wait_for_space(context_.executor.now() + kSpaceWait);
    if (!is_of_use(fetched_in)) co_return Taken::superseded;
  }
}

// Only what this log has by now: what the leader has more of may still turn out to be another history
// (KAFKA-14704).
void PartitionFollower::learn(const FetchedPartition& answer) {
  high_watermark_.advance(std::min(answer.high_watermark, log_.end_offset().value()));
  const Offset start = std::min(answer.log_start_offset, high_watermark_.value());
  if (start > log_.log_start_offset()) static_cast<void>(log_.set_log_start_offset(start));
}

// Where this log has to end so that it may agree with the leader's: as far as the leader's epoch reaches in
// both. When this log does not know that epoch, one before it is the next guess (KIP-279).
Task<Taken> PartitionFollower::truncate_by_epoch(storage::LeaderEpochCache::EpochEnd leaders) {
  const Offset end = log_.end_offset().value();
  const auto own = log_.offset_for_leader_epoch(leaders.epoch);
  Offset to = std::min(end, leaders.end_offset);
  if (own.epoch != kNoEpoch)
    to = own.epoch == leaders.epoch ? std::min(to, own.end_offset) : std::min(end, own.end_offset);
  report(log_, "the log has gone apart from the leader's: cut where they agree", end, to);
  co_return co_await cut(to);
}

// The leader does not have what comes next here, and not because it has another history: what there is no
// longer is not missed.
Task<Taken> PartitionFollower::start_over(Offset leader_start) {
  const Offset end = log_.end_offset().value();
  if (leader_start < 0) co_return Taken::try_later;
  const bool empty = end == log_.log_start_offset();
  if (end >= leader_start && !empty && is_counted_on()) co_return Taken::try_later;
  report(log_, "the leader does not have the next record: begun anew where its log starts", end,
         leader_start);
  // Never above the end, also while the log is being emptied, and not lower than that asks for (I-P4).
  high_watermark_.reset(std::min(high_watermark_.value(), leader_start));
  const Status status = co_await log_.truncate_fully_and_start_at(leader_start);
  if (status) high_watermark_.reset(leader_start);
  co_return status ? Taken::went_on : Taken::try_later;
}

Task<Taken> PartitionFollower::cut_uncompared(Offset compared) {
  const Offset end = log_.end_offset().value();
  if (end < compared) co_return Taken::try_later;  // it was cut meanwhile
  report(log_, "what was not durable when the leader was asked is cut off", end, compared);
  co_return co_await cut(compared);
}

Task<Taken> PartitionFollower::cut(Offset offset) {
  if (high_watermark_.value() > offset) {
    report(log_, "records that had been committed are cut off: a replica without them was made leader",
           high_watermark_.value(), offset);
    // Before, for it is never above the end, also while the log is being cut (I-P4).
    high_watermark_.reset(offset);
  }
  const Status status = co_await log_.truncate_to(offset);
  // A batch is cut as a whole.
  if (const Offset end = log_.end_offset().value(); high_watermark_.value() > end) high_watermark_.reset(end);
  if (status) co_return Taken::went_on;
  // What cannot be read while it is cut is damage, which is beyond the place where it is cut or before it.
  if (status.error().code == Errc::corrupt) note_damage(log_.log_start_offset());
  co_return Taken::try_later;
}

void PartitionFollower::note_damage(Offset from) {
  if (!damaged_from_) {
    telemetry::log_error("replication",
                         "a batch of this replica is damaged: it will be fetched from the leader",
                         {{"topic", log_.identity().topic_partition.topic},
                          {"partition", state_.partition},
                          {"offset", from}});
  }
  damaged_from_ = std::min(from, damaged_from_.value_or(from));
  healed_ = false;
  ask_to_be_lost();
}

void PartitionFollower::ask_to_be_lost() {
  if (context_.report_damage && !is_lost(state_, context_.self) && !is_last_hope(state_, context_.self))
    context_.report_damage(log_.identity().id());
}

bool PartitionFollower::is_to_heal() const { return is_lost(state_, context_.self) && !healed_; }

// All of it: a log with damage cannot be cut, for nobody knows where its batches begin.
Task<bool> PartitionFollower::heal() {
  if (stopped_ || state_.leader == kNoNode || state_.leader == context_.self) co_return false;
  if (!is_to_heal()) {
    if (damaged_from_) ask_to_be_lost();
    co_return false;
  }
  if (std::exchange(healing_, true)) co_return false;
  const runtime::Gate::Pass pass(changing_);
  const Offset start = log_.log_start_offset();
  high_watermark_.reset(start);
  const Status emptied = co_await log_.truncate_fully_and_start_at(start);
  healing_ = false;
  if (!emptied) co_return false;
  damaged_from_.reset();
  healed_ = true;
  co_return true;
}

}  // namespace moldau::replication
