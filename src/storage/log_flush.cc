// Flushing: what is durable in memory goes into the segments in large writes, off the shard; then the commit
// log's space is given back. Closing and removing a log.
#include <algorithm>

#include "storage/log.h"
#include "storage/log_files.h"
#include "storage/unlinking.h"

namespace moldau::storage {

using runtime::Lane;
using runtime::Task;

namespace {

template <class Index>
IndexWrite entries_of(const Index& index, std::size_t from, std::size_t to) {
  Buffer out((to - from) * Index::kEntrySize);
  index.encode(from, to, out);
  return {from * Index::kEntrySize, std::move(out).to_slice()};
}

std::size_t aborted_below(const std::vector<AbortedTransaction>& aborted, Offset end) {
  return static_cast<std::size_t>(std::ranges::count_if(
      aborted, [&](const AbortedTransaction& entry) { return entry.last_offset < end; }));
}

}  // namespace

Task<Status> Log::flush() {
  const Pass pass(gate_);
  if (!pass) co_return fail(Errc::cancelled, identity_.directory + " is closed");
  co_await changes_.acquire(1);
  Status status = co_await flush_locked(false);
  changes_.release(1);
  co_return status;
}

Task<Status> Log::flush_locked(bool closing) {
  // Its folder has gone, and one of the same name may be another topic's: nothing is written there again.
  if (removed_) co_return Status();
  if (poison_) co_return fail(*poison_);
  if (nothing_says_where_it_starts()) CO_TRY(co_await name_start());
  if (closing && !segments_.empty() && active().indexes_loaded) active().indexes.finish();
  FlushPlan plan = plan_flush(closing);
  const bool epochs_were_dirty = std::exchange(epochs_dirty_, epochs_dirty_ && !plan.job.epochs);
  if (!plan.job.empty()) {
    FlushOutcome outcome = co_await context_.pool.run(Lane::background, context_.executor,
                                                      [&] { return run(context_.disk, plan.job); });
    if (!outcome.status) {
      epochs_dirty_ |= epochs_were_dirty;
      if (!outcome.may_retry) poison(outcome.status.error());
      co_return std::move(outcome.status);
    }
  }
  apply(plan);
  co_return co_await give_back(plan.clean_up_to);
}

// All its records were deleted before any of them came to a segment: the commit log's entries, which are
// given back by a flush, are the last that tells such a log from one that is new.
bool Log::nothing_says_where_it_starts() const {
  if (end_offset_.value() == 0) return false;
  return segments_.empty() ||
         (segments_.size() == 1 && segments_[0]->size_bytes == 0 && !segments_[0]->in_directory);
}

Task<Status> Log::name_start() {
  if (segments_.empty()) add_segment(end_offset_.value(), kNoTimestamp);
  FlushOutcome outcome = co_await flush_empty();
  if (!outcome.status && !outcome.may_retry) poison(outcome.status.error());
  co_return std::move(outcome.status);
}

Log::FlushPlan Log::plan_flush(bool closing) {
  FlushPlan plan;
  plan.job.directory = identity_.directory;
  const std::size_t durable = tail_.durable_count();
  plan.end_offset = durable < tail_.size() ? tail_.end_after(durable) : end_offset_.value();
  plan.clean_up_to = durable == tail_.size() ? commit_end_ : durable == 0 ? 0 : tail_[durable - 1].commit_end;
  for (std::size_t i = 0; i < segments_.size(); ++i) {
    const Segment& segment = *segments_[i];
    const Offset next_base = i + 1 < segments_.size() ? segments_[i + 1]->base_offset : end_offset_.value();
    SliceList batches;
    while (plan.tail_batches < durable && tail_[plan.tail_batches].base_offset < next_base) {
      batches.push_back(tail_[plan.tail_batches++].bytes);
    }
    const auto file_bytes = segment.file_bytes + static_cast<std::int64_t>(size_of(batches));
    if (!needs_flush(segment, file_bytes, closing)) continue;
    plan.job.segments.push_back(plan_segment(segment, std::move(batches), plan.end_offset, closing));
    plan.segments.push_back(segments_[i]);
  }
  plan_companions(plan, closing);
  return plan;
}

bool Log::needs_flush(const Segment& segment, std::int64_t file_bytes_after, bool closing) const {
  if (!segment.in_directory) return file_bytes_after > 0 || segments_.size() > 1;
  const bool whole = file_bytes_after == segment.size_bytes;
  return file_bytes_after > segment.synced_bytes ||
         ((segment.finished || closing) && whole && !segment.finish_written);
}

SegmentFlush Log::plan_segment(const Segment& segment, SliceList batches, Offset flushed_end, bool closing) {
  const auto file_bytes = segment.file_bytes + static_cast<std::int64_t>(size_of(batches));
  const bool whole = file_bytes == segment.size_bytes;
  const SegmentIndexes& indexes = segment.indexes;
  SegmentFlush flush{.base_offset = segment.base_offset,
                     .file = segment.file,
                     .create = !segment.in_directory,
                     .position = static_cast<std::uint64_t>(segment.file_bytes),
                     .batches = std::move(batches),
                     .sync = file_bytes > segment.synced_bytes || !segment.in_directory,
                     .finish = (segment.finished || closing) && whole,
                     .end = static_cast<std::uint64_t>(file_bytes)};
  if (flush.create && config_.preallocate && !segment.finished) {
    flush.preallocate_bytes = static_cast<std::uint64_t>(config_.segment_bytes);
  }
  const std::size_t offsets = indexes.offsets.count_below(file_bytes);
  const std::size_t times =
      whole ? indexes.times.size() : indexes.times.count_below(flushed_end - segment.base_offset);
  if (offsets > segment.offset_entries_written || flush.finish) {
    flush.offset_index = entries_of(indexes.offsets, segment.offset_entries_written, offsets);
  }
  if (times > segment.time_entries_written || flush.finish) {
    flush.time_index = entries_of(indexes.times, segment.time_entries_written, times);
  }
  // With the segment it is synced, also when it was written before.
  if (aborted_below(indexes.aborted, flushed_end) > segment.aborted_written ||
      (flush.finish && !indexes.aborted.empty())) {
    Buffer out;
    encode_transaction_index(indexes.aborted, out);
    flush.transaction_index = IndexWrite{0, std::move(out).to_slice()};
  }
  return flush;
}

// Snapshots, epochs and partition.metadata go along when there are segments for them to stand beside.
void Log::plan_companions(FlushPlan& plan, bool closing) {
  if (segments_.empty() || (plan.job.segments.empty() && !active().in_directory)) return;
  if (!partition_metadata_written_) plan.job.partition_metadata = identity_.topic_id;
  for (const auto& pending : pending_snapshots_) {
    if (pending.first <= plan.end_offset) plan.job.snapshots.push_back(pending);
  }
  const bool written = std::ranges::find(snapshots_, end_offset_.value()) != snapshots_.end();
  if (closing && !written && plan.end_offset == end_offset_.value()) {
    plan.job.snapshots.emplace_back(end_offset_.value(), producers_.encode());
  }
  if (epochs_dirty_) plan.job.epochs = epochs_.entries();
  const bool creates = std::ranges::any_of(plan.job.segments, &SegmentFlush::create);
  plan.job.sync_directory_first = directory_dirty_;
  plan.job.sync_directory = creates || directory_dirty_;
}

void Log::apply(FlushPlan& plan) {
  for (std::size_t i = 0; i < plan.segments.size(); ++i) {
    apply(plan.job.segments[i], *plan.segments[i], plan.end_offset);
  }
  tail_.drop_front(plan.tail_batches);
  for (const auto& [offset, bytes] : plan.job.snapshots) snapshots_.push_back(offset);
  std::erase_if(pending_snapshots_, [&](const auto& pending) { return pending.first <= plan.end_offset; });
  if (plan.job.partition_metadata) partition_metadata_written_ = true;
  if (plan.job.sync_directory) directory_dirty_ = false;
  unsynced_bytes_ = 0;
  for (const SegmentPtr& segment : segments_) unsynced_bytes_ += segment->unsynced_bytes();
  recovery_point_ = std::max(recovery_point_, unsynced_bytes_ == 0 ? plan.end_offset : recovery_point_);
  if (tail_.empty()) durable_up_to(std::min(plan.end_offset, end_offset_.value()));
  unflushed_messages_ = 0;
  if (unflushed_bytes() == 0) unflushed_since_ms_ = kNoTimestamp;
}

void Log::apply(const SegmentFlush& flush, Segment& segment, Offset flushed_end) {
  const auto end = static_cast<std::int64_t>(flush.end);
  segment.file = flush.file;
  segment.in_directory = true;
  segment.file_bytes = std::max(segment.file_bytes, end);
  segment.synced_bytes = std::max(segment.synced_bytes, end);
  const auto written = [](const std::optional<IndexWrite>& index, std::size_t entry_size,
                          std::size_t& count) {
    if (index) count = (index->position + index->bytes.size()) / entry_size;
  };
  written(flush.offset_index, OffsetIndex::kEntrySize, segment.offset_entries_written);
  written(flush.time_index, TimeIndex::kEntrySize, segment.time_entries_written);
  written(flush.transaction_index, kTransactionIndexEntrySize, segment.aborted_written);
  if (!flush.finish || !segment.finished) return;
  segment.finish_written = true;
  thin(segment);
}

Task<Status> Log::give_back(CommitLog::Position up_to) {
  if (context_.commit_log == nullptr || up_to <= given_back_) co_return Status();
  if (context_.save_recovery_points) CO_TRY(co_await context_.save_recovery_points());
  given_back_ = up_to;
  context_.commit_log->clean(identity_.id(), up_to);
  co_return Status();
}

namespace {

Status rename_folder(runtime::Disk& disk, const std::string& from, const std::string& to) {
  const Status renamed = disk.rename(from, to);
  if (!renamed && renamed.error().code == Errc::not_found) return {};
  TRY(renamed);
  return disk.sync_directory(runtime::directory_of(to));
}

}  // namespace

Task<Status> Log::remove() {
  closed_ = true;
  co_await changes_.acquire(1);
  end_offset_.close();
  close_durable_end();
  Status status = co_await note_removal();
  const std::string parent = runtime::directory_of(identity_.directory);
  const std::string deleted =
      parent + "/" + deleted_directory_name(identity_.topic_partition, context_.random.uuid());
  if (status) {
    status = co_await context_.pool.run(Lane::background, context_.executor, [&] {
      return rename_folder(context_.disk, identity_.directory, deleted);
    });
    removed_ = true;
  }
  changes_.release(1);
  if (!gate_.closing()) co_await gate_.close();
  segments_.clear();
  leave_commit_log();
  if (!status) co_return status;
  if (context_.commit_log) context_.commit_log->clean(identity_.id(), commit_end_);
  unlink_folder(context_.executor, context_.pool, context_.disk, deleted);
  co_return status;
}

Task<Status> Log::note_removal() {
  if (context_.commit_log == nullptr || context_.commit_log->poisoned() != nullptr) co_return Status();
  const CommitLog::Entry entry{.kind = CommitLog::Entry::Kind::remove,
                               .topic_id = identity_.topic_id,
                               .partition = identity_.topic_partition.partition};
  co_return co_await commit(entry);
}

// Appends an entry other than a batch and waits until it is durable.
Task<Status> Log::commit(CommitLog::Entry entry) {
  auto appended = context_.commit_log->append(entry, *this);
  if (!appended) co_return fail(std::move(appended).error());
  commit_end_ = appended->end;
  if (co_await context_.commit_log->durable().reaches(context_.executor, commit_end_)) co_return Status();
  const Error* poison = context_.commit_log->poisoned();
  co_return poison ? Status(fail(*poison)) : Status(fail(Errc::cancelled, "the commit log was closed"));
}

}  // namespace moldau::storage
