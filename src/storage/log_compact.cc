// Compaction of one log: off the shard, in slices, beside everything else that goes on. Only the swap of a
// group of segments for the one that was made of them keeps flushes, retention and truncation waiting.
#include <algorithm>
#include <limits>

#include "storage/log.h"
#include "storage/log_files.h"
#include "storage/segment_swap.h"
#include "storage/unlinking.h"
#include "storage/unreadable.h"

namespace moldau::storage {

using runtime::Lane;
using runtime::Task;

namespace {

constexpr std::int64_t kSliceBytes = 2 << 20;  // some milliseconds of one thread
constexpr std::int64_t kLeastSliceBytes = 16 << 10;
constexpr runtime::Duration kStopCheck = std::chrono::milliseconds(50);
// A slot for every 8 bytes of what is dirty: more keys than fit are rare, and come with the next pass.
constexpr std::int64_t kMapBytesPerDirtyByte = 3;
constexpr std::int64_t kLeastMapBytes = 4096;

std::vector<AbortedTransaction> that_overlap(const std::vector<AbortedTransaction>& all, Offset from) {
  std::vector<AbortedTransaction> some;
  std::ranges::copy_if(all, std::back_inserter(some),
                       [&](const AbortedTransaction& one) { return one.last_offset >= from; });
  return some;
}

}  // namespace

// One compaction under way.
struct Log::Compaction {
  CompactionTools& tools;
  Offset end;  // nothing at or above it is touched
  TimestampMs now_ms;
  std::uint64_t seen;  // Log::truncations_, own swaps included
  std::vector<AbortedTransaction> aborted = {};
  std::unique_ptr<OffsetMap> map = {};
  std::int64_t bytes_moved = 0;
  CompactionReport report = {};
};

// Closed, and on disk with all that belongs to it: the commit log has nothing of it that counts.
bool Log::is_cleanable(const Segment& segment) {
  return segment.finished && segment.finish_written && segment.settled();
}

Task<Result<CleanableRange>> Log::cleanable(Offset high_watermark, TimestampMs now_ms) {
  const Pass pass(gate_);
  if (!pass || closed_ || replaying_ || poison_ || !config_.cleanup_compact) co_return CleanableRange{};
  const CompactionRules rules{.min_compaction_lag_ms = config_.min_compaction_lag_ms,
                              .max_compaction_lag_ms = config_.max_compaction_lag_ms};
  const Offset first_dirty = *first_dirty_;
  const std::vector<SegmentPtr> segments = segments_;
  std::vector<SegmentShape> closed;
  for (std::size_t i = 0; i + 1 < segments.size() && is_cleanable(*segments[i]); ++i) {
    SegmentShape shape{.base_offset = segments[i]->base_offset,
                       .end_offset = segments[i + 1]->base_offset,
                       .size_bytes = segments[i]->size_bytes};
    const bool dirty = shape.end_offset > first_dirty;
    if (dirty && rules.min_compaction_lag_ms > 0) {
      CO_TRY(co_await load(segments[i]));
      shape.max_timestamp = segments[i]->indexes.max_timestamp;
    }
    if (dirty && rules.max_compaction_lag_ms < LogConfig::kNever) {
      CO_ASSIGN_OR_RETURN(shape.first_timestamp, co_await first_timestamp(segments[i]));
    }
    closed.push_back(shape);
  }
  const Offset limit = last_stable_offset(std::min(high_watermark, durable_end_offset_.value()));
  const LogExtent log{log_start_offset_, end_offset_.value()};
  co_return cleanable_range(closed, log, first_dirty, limit, rules, now_ms);
}

Task<Result<TimestampMs>> Log::first_timestamp(SegmentPtr segment) {
  if (segment->indexes.first_timestamp != kNoTimestamp) co_return segment->indexes.first_timestamp;
  CO_ASSIGN_OR_RETURN(const auto file, co_await file_of(segment));
  std::array<std::byte, record::kHeaderSize> header;
  const auto read = co_await context_.pool.run(Lane::background, context_.executor,
                                               [&] { return or_unreadable(file->read_at(0, header)); });
  if (!read) co_return fail(read.error());
  if (*read < header.size()) co_return kNoTimestamp;
  segment->indexes.first_timestamp = record::HeaderView::trusted(header).max_timestamp();
  co_return segment->indexes.first_timestamp;
}

Task<Result<CompactionReport>> Log::compact(CleanableRange range, CompactionTools& tools,
                                            TimestampMs now_ms) {
  const Pass pass(gate_);
  if (!pass) co_return fail(Errc::cancelled, identity_.directory + " is closed");
  // A truncation may have come since the range was looked at.
  if (first_dirty_) range.first_dirty = std::min(range.first_dirty, *first_dirty_);
  Compaction compaction{.tools = tools, .end = range.end, .now_ms = now_ms, .seen = truncations_};
  compaction.report.first_dirty = range.first_dirty;
  Status status = co_await map_keys(compaction, range);
  if (status) status = co_await clean_segments(compaction);
  if (status) status = check_compacting(compaction);
  if (status) first_dirty_ = compaction.report.first_dirty;
  // Large memory is given back off the shard too.
  co_await context_.pool.run(Lane::background, context_.executor, [&] { compaction.map.reset(); });
  if (!status) co_return fail(std::move(status).error());
  co_return compaction.report;
}

// Whether a compaction may go on: nothing that it has read has changed.
Status Log::check_compacting(const Compaction& compaction) const {
  const bool stopped = closed_ || removed_ || poison_ || gate_.closing() || truncating_ > 0 ||
                       compaction.seen != truncations_ || compaction.tools.stop();
  return stopped ? Status(fail(Errc::cancelled, "the compaction of " + identity_.directory + " was stopped"))
                 : Status();
}

// Runs `step` off the shard until it says that there is no more.
Task<Status> Log::in_slices(Compaction& compaction, std::function<Result<bool>(std::int64_t)> step) {
  IoThrottle& throttle = compaction.tools.throttle;
  while (true) {
    const std::int64_t slice = throttle.slice_bytes(kLeastSliceBytes, kSliceBytes);
    const std::int64_t before = compaction.bytes_moved;
    const auto more =
        co_await context_.pool.run(Lane::background, context_.executor, [&] { return step(slice); });
    if (!more) co_return fail(more.error());
    CO_TRY(check_compacting(compaction));
    const auto until = throttle.next(context_.executor.now(), compaction.bytes_moved - before);
    while (context_.executor.now() < until) {
      co_await runtime::sleep_for(context_.executor, std::min(kStopCheck, until - context_.executor.now()));
      CO_TRY(check_compacting(compaction));
    }
    if (!*more) co_return Status();
  }
}

CleaningTools Log::cleaning_tools(const Compaction& compaction) const {
  return {.disk = context_.disk,
          .codecs = compaction.tools.codecs,
          .directory = identity_.directory,
          .buffer_bytes = compaction.tools.io_buffer_bytes,
          .index_interval_bytes = config_.index_interval_bytes};
}

// The segments that may be cleaned, of those that begin below `end`.
std::vector<SegmentPtr> Log::cleanable_segments(const Compaction& compaction, Offset end) const {
  std::vector<SegmentPtr> found;
  for (std::size_t i = 0; i + 1 < segments_.size() && is_cleanable(*segments_[i]); ++i) {
    if (segments_[i + 1]->base_offset > compaction.end || segments_[i]->base_offset >= end) break;
    found.push_back(segments_[i]);
  }
  return found;
}

std::vector<SegmentSource> Log::sources_of(const std::vector<SegmentPtr>& segments) const {
  std::vector<SegmentSource> sources;
  for (const SegmentPtr& segment : segments) {
    sources.push_back({.base_offset = segment->base_offset,
                       .end_offset = end_of(segment),
                       .size_bytes = segment->size_bytes,
                       .file = segment->file});
  }
  return sources;
}

Task<Status> Log::map_keys(Compaction& compaction, CleanableRange range) {
  const std::vector<SegmentPtr> all = segments_;
  for (const SegmentPtr& segment : all) {
    CO_TRY(co_await load(segment));
    CO_TRY(check_compacting(compaction));
  }
  for (const SegmentPtr& segment : all) {
    std::ranges::copy_if(segment->indexes.aborted, std::back_inserter(compaction.aborted),
                         [&](const AbortedTransaction& one) { return one.first_offset < range.end; });
  }
  std::vector<SegmentPtr> dirty = cleanable_segments(compaction, range.end);
  std::erase_if(dirty, [&](const SegmentPtr& segment) { return end_of(segment) <= range.first_dirty; });
  if (dirty.empty())
    co_return fail(Errc::cancelled, identity_.directory + " has nothing to compact any more");
  std::vector<SegmentSource> sources = sources_of(dirty);
  sources.front().position =
      dirty.front()->indexes.offsets.position_at_or_before(range.first_dirty - dirty.front()->base_offset);

  const auto budget = static_cast<std::int64_t>(compaction.tools.dedupe_buffer_bytes);
  const std::int64_t wanted = std::min(range.dirty_bytes, budget) * kMapBytesPerDirtyByte;
  const auto memory = static_cast<std::size_t>(std::min(budget, std::max(wanted, kLeastMapBytes)));
  const KeyHasher hasher(context_.random.next(), context_.random.next());
  compaction.map = co_await context_.pool.run(Lane::background, context_.executor, [&] {
    return std::make_unique<OffsetMap>(memory, compaction.tools.load_factor, hasher);
  });
  MapPass mapping(cleaning_tools(compaction), std::move(sources), range.first_dirty,
                  that_overlap(compaction.aborted, range.first_dirty), *compaction.map);
  CO_TRY(co_await in_slices(compaction, [&](std::int64_t bytes) {
    const auto more = mapping.step(bytes);
    compaction.bytes_moved = mapping.bytes_read();
    return more;
  }));
  const Offset mapped = compaction.map->latest_offset() + 1;
  compaction.report.first_dirty = std::max(range.first_dirty, mapped);
  compaction.report.map_full = mapped < end_of(dirty.back());
  compaction.report.keys = compaction.map->size();
  compaction.report.map_fill =
      static_cast<double>(compaction.map->size()) / static_cast<double>(compaction.map->max_size());
  compaction.report.stats.bytes_mapped = mapping.bytes_read();
  co_return Status();
}

Task<Status> Log::clean_segments(Compaction& compaction) {
  const std::vector<SegmentPtr> segments = cleanable_segments(compaction, compaction.report.first_dirty);
  // What is counted as clean is all rewritten, or nothing is.
  if (segments.empty() || end_of(segments.back()) < compaction.report.first_dirty)
    co_return fail(Errc::cancelled, identity_.directory + " has changed while it was mapped");
  std::vector<SegmentShape> shapes;
  for (const SegmentPtr& segment : segments) {
    shapes.push_back({.base_offset = segment->base_offset,
                      .end_offset = end_of(segment),
                      .size_bytes = segment->size_bytes});
  }
  const auto groups = group_segments(shapes, config_.segment_bytes, config_.segment_index_bytes,
                                     config_.index_interval_bytes);
  CleanedTransactions transactions(compaction.aborted);
  const RetainedProducers producers(producers_);
  BatchFilter filter(*compaction.map, transactions, producers,
                     {.now_ms = compaction.now_ms, .delete_retention_ms = config_.delete_retention_ms},
                     compaction.tools.codecs);
  for (const SegmentGroup& group : groups) {
    const std::vector<SegmentPtr> old(segments.begin() + static_cast<std::ptrdiff_t>(group.first),
                                      segments.begin() + static_cast<std::ptrdiff_t>(group.last));
    GroupPass pass(cleaning_tools(compaction), sources_of(old), filter, transactions);
    const Status cleaned = co_await clean_group(compaction, old, pass);
    if (!cleaned) {
      co_await context_.pool.run(Lane::background, context_.executor, [&] { pass.discard(); });
      co_return cleaned;
    }
  }
  co_return Status();
}

Task<Status> Log::clean_group(Compaction& compaction, const std::vector<SegmentPtr>& old, GroupPass& pass) {
  const std::int64_t moved_before = compaction.bytes_moved;
  CO_TRY(co_await in_slices(compaction, [&](std::int64_t bytes) {
    const auto more = pass.step(bytes);
    compaction.bytes_moved = moved_before + pass.stats().bytes_read + pass.stats().bytes_written;
    return more;
  }));
  auto cleaned =
      co_await context_.pool.run(Lane::background, context_.executor, [&] { return pass.finish(); });
  if (!cleaned) co_return fail(std::move(cleaned).error());
  CompactionReport& report = compaction.report;
  report.stats.bytes_read += pass.stats().bytes_read;
  report.stats.bytes_written += pass.stats().bytes_written;
  report.stats.records_read += pass.stats().records_read;
  report.stats.records_kept += pass.stats().records_kept;
  report.segments_before += old.size();
  ++report.segments_after;
  if (!cleaned->changed) {
    co_await context_.pool.run(Lane::background, context_.executor, [&] { pass.discard(); });
    co_return check_compacting(compaction);
  }
  co_await changes_.acquire(1);
  Status status = check_compacting(compaction);
  if (status) status = co_await swap_in(compaction, old, pass.files(), std::move(*cleaned));
  changes_.release(1);
  co_return status;
}

// REQUIRES: changes_ is held.
Task<Status> Log::swap_in(Compaction& compaction, const std::vector<SegmentPtr>& old,
                          const std::vector<std::shared_ptr<runtime::File>>& files, CleanedSegment cleaned) {
  const auto found = std::ranges::search(segments_, old);
  if (found.empty() || found.end() == segments_.end()) {
    co_return fail(Errc::cancelled, identity_.directory + ": retention came before the compaction");
  }
  const Offset base = old.front()->base_offset;
  const Offset end = end_of(old.back());
  SegmentSwap swap{.directory = identity_.directory,
                   .base_offset = base,
                   .transaction_index = !cleaned.indexes.aborted.empty()};
  for (std::size_t i = 0; i < old.size(); ++i) {
    swap.replaced.push_back(old[i]->base_offset);
    // Who still reads the old one must not open the new one by its name.
    if (!old[i]->file) old[i]->file = files[i];
  }
  std::ranges::copy_if(snapshots_, std::back_inserter(swap.snapshots),
                       [&](Offset at) { return at > base && at < end; });
  const SwapOutcome outcome = co_await context_.pool.run(Lane::background, context_.executor,
                                                         [&] { return swap_segments(context_.disk, swap); });
  if (!outcome.status) {
    if (outcome.committed) poison(outcome.status.error());
    co_return outcome.status;
  }
  std::erase_if(snapshots_, [&](Offset at) { return at > base && at < end; });
  replace(old, std::move(cleaned));
  compaction.seen = ++truncations_;
  unlink_later(context_.executor, context_.pool, context_.disk,
               runtime::milliseconds(config_.file_delete_delay_ms), swapped_out(swap));
  co_return Status();
}

void Log::replace(const std::vector<SegmentPtr>& old, CleanedSegment cleaned) {
  auto segment = std::make_shared<Segment>(old.front()->base_offset, old.back()->created_ms);
  segment->size_bytes = segment->file_bytes = segment->synced_bytes = cleaned.size_bytes;
  segment->indexes = std::move(cleaned.indexes);
  segment->finished = segment->finish_written = segment->in_directory = segment->used = true;
  segment->offset_entries_written = segment->indexes.offsets.size();
  segment->time_entries_written = segment->indexes.times.size();
  segment->aborted_written = segment->indexes.aborted.size();
  segment->file = std::move(cleaned.file);
  thin(*segment);
  const auto found = std::ranges::search(segments_, old);
  *found.begin() = std::move(segment);
  segments_.erase(std::next(found.begin()), found.end());
}

}  // namespace moldau::storage
