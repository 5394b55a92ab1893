// Truncation. It is noted in the commit log first, and only then changes a file: whatever a crash leaves, the
// replay ends at the same log.
#include <algorithm>
#include <limits>

#include "storage/log.h"
#include "storage/log_files.h"
#include "storage/segment_scan.h"
#include "storage/unreadable.h"

namespace moldau::storage {

using runtime::Lane;
using runtime::Task;

Task<Status> Log::truncate_to(Offset offset) {
  const Pass pass(gate_);
  if (!pass) co_return fail(Errc::cancelled, identity_.directory + " is closed");
  if (offset >= end_offset_.value()) co_return Status();
  ++truncating_;
  co_await changes_.acquire(1);
  Status status = co_await lower_first_dirty(offset);
  if (status) status = co_await lower_recovery_point(offset);
  if (status) status = co_await note_truncation(offset);
  if (status) status = co_await cut(offset);
  if (status) status = co_await note_settled();
  changes_.release(1);
  --truncating_;
  co_return status;
}

Task<Status> Log::truncate_fully_and_start_at(Offset offset) {
  const Pass pass(gate_);
  if (!pass) co_return fail(Errc::cancelled, identity_.directory + " is closed");
  ++truncating_;
  co_await changes_.acquire(1);
  Status status = co_await lower_first_dirty(0);
  if (status) status = co_await lower_recovery_point(0);
  // Two entries: cut all, then go on at `offset`, which is above the end by then.
  if (status) status = co_await note_truncation(0);
  if (status && offset > 0) status = co_await note_truncation(offset);
  if (status) status = co_await start_at(offset);
  if (status) status = co_await note_settled();
  changes_.release(1);
  --truncating_;
  co_return status;
}

// A log that ends below its recovery point has lost something, so that the point goes first.
Task<Status> Log::lower_recovery_point(Offset offset) {
  if (poison_) co_return fail(*poison_);
  if (recovery_point_ <= offset) co_return Status();
  recovery_point_ = offset;
  co_return context_.save_recovery_points ? co_await context_.save_recovery_points() : Status();
}

// What comes in the place of what is cut is dirty. A start that took it for clean would let a tombstone go
// before the records that it deletes. Where the log will end is known once it is cut, since offsets may be
// missing below `offset`; not before the segment.
Task<Status> Log::lower_first_dirty(Offset offset) {
  if (poison_) co_return fail(*poison_);
  const bool all = segments_.empty() || offset < segments_.front()->base_offset;
  const Offset least = all ? 0 : segments_[segment_index(offset)]->base_offset;
  if (!first_dirty_ || *first_dirty_ <= least) co_return Status();
  first_dirty_ = least;
  co_return context_.save_cleaner_offsets ? co_await context_.save_cleaner_offsets() : Status();
}

Task<Status> Log::note_truncation(Offset offset) {
  if (context_.commit_log == nullptr) co_return Status();
  const CommitLog::Entry entry{.kind = CommitLog::Entry::Kind::truncate,
                               .topic_id = identity_.topic_id,
                               .partition = identity_.topic_partition.partition,
                               .leader_epoch = latest_epoch(),
                               .offset = offset};
  co_return co_await commit(entry);
}

// The truncation is in the files: no replay may repeat it over what is written there from now on.
Task<Status> Log::note_settled() {
  if (context_.commit_log != nullptr) {
    const CommitLog::Entry entry{.kind = CommitLog::Entry::Kind::append,
                                 .topic_id = identity_.topic_id,
                                 .partition = identity_.topic_partition.partition,
                                 .leader_epoch = latest_epoch(),
                                 .offset = recovery_point_};
    Status status = co_await commit(entry);
    // What goes to the commit log comes after the truncation there; what goes to the segment only does not.
    if (!status && !wants_sync()) poison(status.error());
    if (!status) co_return status;
  }
  Status flushed = co_await flush_locked(false);
  // A full disk keeps the commit log's space, not the truncation.
  if (!flushed && !poison_) co_return Status();
  co_return flushed;
}

Task<Status> Log::cut(Offset offset) {
  if (offset >= end_offset_.value()) co_return Status();
  if (segments_.empty() || offset < segments_.front()->base_offset) co_return co_await start_at(offset);
  ++truncations_;
  tail_.truncate_to(offset);
  std::vector<SegmentPtr> dropped;
  while (segments_.size() > 1 && active().base_offset >= offset) {
    dropped.push_back(segments_.back());
    segments_.pop_back();
  }
  Status status = co_await drop_files(std::move(dropped), offset);
  if (status) status = co_await cut_segment(offset);
  ++truncations_;
  if (!status) poison(status.error());
  co_return status;
}

namespace {

// What is left of a segment file that is cut before the batch that reaches to `offset`.
struct CutSegment {
  SegmentIndexes indexes;
  std::int64_t size_bytes = 0;
  Offset end_offset = 0;
};

Result<CutSegment> cut_file(runtime::File& file, Offset base_offset, std::int64_t file_bytes, Offset offset,
                            std::int64_t index_interval_bytes) {
  CutSegment left{.indexes = {}, .size_bytes = 0, .end_offset = base_offset};
  bool cut = false;
  const VisitBatch visit = [&](const record::BatchView& batch, std::int64_t position) {
    cut = cut || batch.last_offset() >= offset;
    if (cut) return;
    left.indexes.note(batch, base_offset, position, index_interval_bytes);
    left.size_bytes = position + static_cast<std::int64_t>(batch.size());
    left.end_offset = batch.next_offset();
  };
  constexpr Offset kGapsAllowed = std::numeric_limits<Offset>::max();
  ASSIGN_OR_RETURN(const SegmentScan scan,
                   or_unreadable(scan_segment(file, 0, file_bytes, base_offset, kGapsAllowed, visit)));
  if (scan.damage && !cut) return fail(Errc::corrupt, *scan.damage);
  if (left.size_bytes < file_bytes) TRY(file.truncate(static_cast<std::uint64_t>(left.size_bytes)));
  TRY(file.sync_data());
  return left;
}

}  // namespace

// Also of a segment whose indexes nobody has needed so far.
Task<std::vector<AbortedTransaction>> Log::aborted_in(SegmentPtr segment) {
  if (segment->indexes_loaded) co_return segment->indexes.aborted;
  co_return co_await context_.pool.run(Lane::background, context_.executor, [&] {
    return read_transaction_index(context_.disk, identity_.directory, segment->base_offset);
  });
}

Task<Status> Log::cut_segment(Offset offset) {
  const SegmentPtr segment = segments_.back();
  CutSegment left{.indexes = {}, .size_bytes = 0, .end_offset = segment->base_offset};
  if (segment->file_bytes > 0) {
    auto file = co_await file_of(segment);
    if (!file) co_return fail(std::move(file).error());
    // By value: a new configuration may come while the pool works.
    auto cut =
        co_await context_.pool.run(Lane::background, context_.executor,
                                   [&, size = segment->file_bytes, interval = config_.index_interval_bytes] {
                                     return cut_file(**file, segment->base_offset, size, offset, interval);
                                   });
    if (!cut) co_return fail(std::move(cut).error().within(segment_name(*segment)));
    left = std::move(*cut);
  }
  left.indexes.aborted = co_await aborted_in(segment);
  segment->indexes = std::move(left.indexes);
  segment->indexes_loaded = true;
  segment->finished = segment->finish_written = false;
  segment->offset_entries_written = segment->time_entries_written = segment->aborted_written = 0;
  segment->size_bytes = segment->file_bytes = left.size_bytes;
  segment->synced_bytes = left.size_bytes;
  for (std::size_t i = tail_.find(segment->base_offset); i < tail_.size(); ++i) {
    const auto view = record::HeaderView::trusted(tail_[i].bytes);
    segment->indexes.note(view, segment->base_offset, segment->size_bytes, config_.index_interval_bytes);
    segment->size_bytes += static_cast<std::int64_t>(tail_[i].bytes.size());
    left.end_offset = tail_[i].next_offset;
  }
  std::erase_if(segment->indexes.aborted,
                [&](const AbortedTransaction& entry) { return entry.last_offset >= left.end_offset; });
  ended_at(left.end_offset);
  co_return co_await rebuild_producers();
}

void Log::ended_at(Offset offset) {
  std::erase_if(pending_snapshots_, [&](const auto& pending) { return pending.first > offset; });
  unsynced_bytes_ = 0;
  for (const SegmentPtr& segment : segments_) unsynced_bytes_ += segment->unsynced_bytes();
  if (epochs_.truncate_from_end(offset)) epochs_dirty_ = true;
  recovery_point_ = std::min(recovery_point_, offset);
  if (first_dirty_) first_dirty_ = std::min(*first_dirty_, offset);
  log_start_offset_ = std::min(log_start_offset_, offset);
  durable_end_offset_.reset(std::min(durable_end_offset_.value(), offset));
  end_offset_.reset(offset);
}

// Newest first, each name gone for good before the next: a crash leaves no gap.
Task<Status> Log::drop_files(std::vector<SegmentPtr> dropped, Offset snapshots_above) {
  std::vector<Offset> snapshots;
  for (const Offset offset : snapshots_) {
    if (offset > snapshots_above) snapshots.push_back(offset);
  }
  std::erase_if(snapshots_, [&](Offset offset) { return offset > snapshots_above; });
  std::erase_if(dropped, [](const SegmentPtr& segment) { return !segment->in_directory; });
  if (dropped.empty() && snapshots.empty()) co_return Status();
  co_return co_await context_.pool.run(Lane::background, context_.executor, [&]() -> Status {
    for (const Offset offset : snapshots) {
      TRY(remove_if_there(context_.disk, file_path(identity_.directory, offset, kSnapshotSuffix)));
    }
    for (const SegmentPtr& segment : dropped) {
      for (auto suffix : {kLogSuffix, kOffsetIndexSuffix, kTimeIndexSuffix, kTransactionIndexSuffix}) {
        TRY(remove_if_there(context_.disk, file_path(identity_.directory, segment->base_offset, suffix)));
      }
      TRY(context_.disk.sync_directory(identity_.directory));
    }
    return context_.disk.sync_directory(identity_.directory);
  });
}

Task<Status> Log::start_at(Offset offset) {
  ++truncations_;
  tail_.truncate_to(0);
  std::vector<SegmentPtr> dropped = std::exchange(segments_, {});
  std::ranges::reverse(dropped);
  epochs_.clear();
  epochs_dirty_ = true;
  producers_.clear();
  ended_at(0);
  end_offset_.reset(offset);
  durable_end_offset_.reset(offset);
  recovery_point_ = log_start_offset_ = offset;
  Status status = co_await drop_files(std::move(dropped), -1);
  if (status) {
    add_segment(offset, kNoTimestamp);
    status = (co_await flush_empty()).status;
  }
  ++truncations_;
  if (!status) poison(status.error());
  co_return status;
}

// The name of an empty segment is what says where the log goes on.
Task<FlushOutcome> Log::flush_empty() {
  FlushPlan plan;
  plan.job.directory = identity_.directory;
  if (!partition_metadata_written_) plan.job.partition_metadata = identity_.topic_id;
  plan.job.segments.push_back(plan_segment(active(), {}, active().base_offset, false));
  plan.job.segments.back().sync = true;
  plan.job.sync_directory = true;
  plan.segments.push_back(segments_.back());
  plan.end_offset = active().base_offset;
  FlushOutcome outcome = co_await context_.pool.run(Lane::background, context_.executor,
                                                    [&] { return run(context_.disk, plan.job); });
  if (outcome.status) apply(plan);
  co_return outcome;
}

// From the newest snapshot at or below the end, and the batches after it: what recovery would find.
Task<Status> Log::rebuild_producers() {
  if (producers_.empty()) co_return Status();
  auto [from, table] = co_await newest_snapshot();
  producers_ = std::move(table);
  while (from < end_offset_.value()) {
    auto piece = co_await read_from(from, 1 << 20, end_offset_.value(), true);
    if (!piece) co_return fail(unreadable({piece.error().cause, std::move(piece.error().message)}));
    if (piece->batches.empty()) co_return Status();
    for (const Slice& slice : piece->batches) note_producers(slice);
    from = piece->next_offset;
  }
  co_return Status();
}

void Log::note_producers(const Slice& batches) {
  record::BatchReader reader(batches);
  for (record::BatchView batch; reader.next(batch).value_or(false);) {
    if (batch.has_producer_id()) note_producer(producers_, batch, batch);
  }
}

Task<std::pair<Offset, ProducerStateTable>> Log::newest_snapshot() {
  std::vector<Offset> offsets = snapshots_;
  std::ranges::sort(offsets, std::greater());
  const Offset in_memory = pending_snapshots_.empty() ? kNoOffset : pending_snapshots_.back().first;
  for (const Offset offset : offsets) {
    if (offset <= in_memory) break;
    auto table = co_await context_.pool.run(Lane::background, context_.executor, [&] {
      return read_snapshot(context_.disk, file_path(identity_.directory, offset, kSnapshotSuffix));
    });
    if (table) co_return std::pair(offset, std::move(*table));
  }
  if (in_memory != kNoOffset) {
    if (auto table = ProducerStateTable::decode(pending_snapshots_.back().second)) {
      co_return std::pair(in_memory, std::move(*table));
    }
  }
  co_return std::pair(segments_.front()->base_offset, ProducerStateTable());
}

}  // namespace moldau::storage
