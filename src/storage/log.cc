#include "storage/log.h"

#include <algorithm>

namespace moldau::storage {

using runtime::Lane;
using runtime::Task;

namespace {

constexpr runtime::Duration kRetryFlush = std::chrono::milliseconds(100);

}  // namespace

Log::Log(LogContext& context, LogIdentity identity, LogConfig config, LoadedLog loaded)
    : context_(context),
      identity_(std::move(identity)),
      config_(std::move(config)),
      end_offset_(loaded.end_offset),
      durable_end_offset_(loaded.end_offset),
      log_start_offset_(0),
      recovery_point_(loaded.end_offset),
      epochs_(std::move(loaded.epochs)),
      producers_(std::move(loaded.producers)),
      segments_(std::move(loaded.segments)),
      snapshots_(std::move(loaded.snapshots)),
      epochs_dirty_(loaded.epochs_changed),
      partition_metadata_written_(loaded.partition_metadata_written),
      ends_below_recovery_point_(loaded.ends_below_recovery_point),
      missing_(std::move(loaded.missing)),
      changes_(context.executor, 1),
      gate_(context.executor) {
  if (context_.producer_budget) context_.producer_budget->join(*this);
}

Log::~Log() {
  MOLDAU_ASSERT(gate_.entered() == 0, "a log was destroyed while it was in use");
  if (context_.commit_log) context_.commit_log->leave(*this);
  if (context_.producer_budget) context_.producer_budget->leave(*this);
}

Task<Result<std::unique_ptr<Log>>> Log::open(LogContext& context, LogIdentity identity, LogConfig config,
                                             LogOpenOptions options) {
  const LoadOptions load{.directory = identity.directory,
                         .topic_id = identity.topic_id,
                         .recovery_point = options.recovery_point,
                         .log_start_offset = options.log_start_offset,
                         .clean_shutdown = options.clean_shutdown,
                         .refilled = options.refilled && context.commit_log && context.save_recovery_points &&
                                     config.durability == Durability::synced,
                         .compacted = config.cleanup_compact || options.first_dirty.has_value(),
                         .foreign = options.foreign,
                         .index_interval_bytes = config.index_interval_bytes,
                         .now_ms = options.now_ms};
  auto loaded = co_await context.pool.run(Lane::background, context.executor,
                                          [&] { return load_log(context.disk, load); });
  if (!loaded) co_return fail(std::move(loaded).error());
  if (options.first_dirty) loaded->missing.reset();
  if (loaded->missing && !options.config_follows && !config.cleanup_compact) co_return fail(*loaded->missing);
  auto log =
      std::unique_ptr<Log>(new Log(context, std::move(identity), std::move(config), std::move(*loaded)));
  const Offset first = log->segments_.empty() ? log->end_offset_.value() : log->segments_[0]->base_offset;
  log->log_start_offset_ = std::clamp(options.log_start_offset, first, log->end_offset_.value());
  log->epochs_.truncate_from_start(log->log_start_offset_);
  // What was lost, and is written anew, is dirty.
  if (options.first_dirty) log->first_dirty_ = std::min(*options.first_dirty, log->end_offset_.value());
  if (log->config_.cleanup_compact && !log->first_dirty_) log->first_dirty_ = log->log_start_offset_;
  co_return log;
}

Task<Status> Log::replay_entry(CommitLog::Entry entry, Slice batches, CommitLog::Position end) {
  commit_end_ = std::max(commit_end_, end);
  if (!replay_) replay_ = std::make_unique<ReplayQueue>();
  co_return replay_->add(entry, batches, end);
}

Task<Status> Log::finish_replay() {
  if (const auto queue = std::exchange(replay_, nullptr)) {
    for (const ReplayQueue::Operation& operation : queue->operations()) {
      CO_TRY(co_await replay(operation));
    }
  }
  replaying_ = false;
  if (!ends_below_recovery_point_) co_return Status();
  co_return fail(Errc::corrupt, identity_.directory + " ends at offset " +
                                    std::to_string(end_offset_.value()) +
                                    ", below its recovery point: records that were durable are missing");
}

Task<Status> Log::replay(ReplayQueue::Operation operation) {
  if (!operation.is_truncation()) co_return replay_append(operation);
  ends_below_recovery_point_ = false;
  if (operation.truncate_to < end_offset_.value()) co_return co_await cut(operation.truncate_to);
  // The second half of truncate_fully_and_start_at().
  if (size_bytes() == 0 && operation.truncate_to > end_offset_.value()) {
    co_return co_await start_at(operation.truncate_to);
  }
  co_return Status();
}

Status Log::replay_append(const ReplayQueue::Operation& operation) {
  if (operation.next_offset <= end_offset_.value()) return {};
  // A log without files that starts within this batch: deleted records, not missing ones.
  if (segments_.empty() && operation.base_offset < end_offset_.value())
    end_offset_.reset(operation.base_offset);
  if (operation.base_offset < end_offset_.value() ||
      (operation.base_offset > end_offset_.value() && !first_dirty_)) {
    return missing_before(operation.base_offset);
  }
  const auto view = record::BatchView::trusted(operation.batch);
  Batch batch{.header = {}, .bytes = operation.batch};
  std::ranges::copy(view.header_bytes(), batch.header.begin());
  make_place(batch, view.max_timestamp());
  tail_.push({operation.batch, operation.base_offset, operation.next_offset, operation.end},
             end_offset_.value());
  tail_.mark_durable(operation.end);
  note(batch);
  durable_up_to(end_offset_.value());
  return {};
}

Status Log::missing_before(Offset offset) const {
  return fail(Errc::corrupt, identity_.directory + " ends at offset " + std::to_string(end_offset_.value()) +
                                 " and the commit log goes on at " + std::to_string(offset) +
                                 ": the records between are missing");
}

Status Log::check_usable() const {
  if (poison_) return fail(poison_->code, poison_->message);
  if (closed_ || gate_.closing()) return fail(Errc::cancelled, identity_.directory + " is closed");
  if (truncating_ > 0) return fail(Errc::unavailable, identity_.directory + " is being truncated");
  return {};
}

std::size_t Log::segment_index(Offset offset) const {
  const auto after = std::ranges::upper_bound(segments_, offset, {},
                                              [](const SegmentPtr& segment) { return segment->base_offset; });
  return after == segments_.begin() ? 0 : static_cast<std::size_t>(after - segments_.begin()) - 1;
}

std::int64_t Log::size_bytes() const {
  std::int64_t total = 0;
  for (const SegmentPtr& segment : segments_) total += segment->size_bytes;
  return total;
}

LeaderEpochCache::EpochEnd Log::offset_for_leader_epoch(LeaderEpoch requested) const {
  return epochs_.end_offset_for(requested, end_offset_.value());
}

void Log::assign_epoch_start(LeaderEpoch epoch) {
  if (epochs_.assign(epoch, end_offset_.value())) epochs_dirty_ = true;
}

Offset Log::last_stable_offset(Offset high_watermark) {
  return std::min(high_watermark, producers_.first_unstable_offset(high_watermark).value_or(high_watermark));
}

LogResult<void> Log::set_log_start_offset(Offset offset) {
  if (offset > end_offset_.value()) {
    return refuse(LogErrorCode::offset_out_of_range, "offset " + std::to_string(offset) +
                                                         " is beyond the end of the log, " +
                                                         std::to_string(end_offset_.value()));
  }
  if (offset <= log_start_offset_) return {};
  log_start_offset_ = offset;
  if (epochs_.truncate_from_start(offset)) epochs_dirty_ = true;
  return {};
}

void Log::configure(LogConfig config) {
  config_ = std::move(config);
  if (config_.cleanup_compact && !first_dirty_) first_dirty_ = log_start_offset_;
  if (unflushed_bytes() > 0) start_flush();
}

void Log::poison(const Error& error) {
  if (!poison_) poison_ = error;
  close_durable_end();
}

void Log::durable_up_to(Offset offset) {
  durable_end_offset_.advance(offset);
  if (on_durable_end_) on_durable_end_();
}

void Log::close_durable_end() {
  durable_end_offset_.close();
  if (on_durable_end_) on_durable_end_();
}

void Log::on_durable(CommitLog::Position up_to) {
  if (const auto offset = tail_.mark_durable(up_to)) durable_up_to(*offset);
  if (tail_.size_bytes() >= context_.tail_flush_bytes) start_flush();
}

void Log::on_poisoned(const Error& error) { poison(error); }

void Log::start_flush() {
  if (flush_scheduled_ || poison_ || gate_.closing()) return;
  flush_scheduled_ = true;
  flush_in_background().detach();
}

Task<void> Log::flush_in_background() {
  Pass pass(gate_);
  co_await runtime::yield(context_.executor);
  co_await changes_.acquire(1);
  flush_scheduled_ = false;
  const Status status = co_await flush_locked(false);
  changes_.release(1);
  if (removed_ || unsynced_bytes_ == 0 || !wants_sync()) co_return;
  // Somebody waits for it: the next group, or the disk had no room and is asked again.
  if (!status) co_await runtime::sleep_for(context_.executor, kRetryFlush);
  start_flush();
}

bool Log::flush_due(TimestampMs now_ms) const {
  return unflushed_bytes() > 0 && unflushed_since_ms_ != kNoTimestamp &&
         now_ms - unflushed_since_ms_ >= config_.flush_ms;
}

}  // namespace moldau::storage
