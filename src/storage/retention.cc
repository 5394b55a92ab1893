// Retention: whole segments go, oldest first, by time, by size or because the log starts after them.
#include <algorithm>

#include "storage/log.h"
#include "storage/log_files.h"
#include "storage/unlinking.h"
#include "storage/unreadable.h"

namespace moldau::storage {

using runtime::Lane;
using runtime::Task;

Task<Result<std::size_t>> Log::run_retention(TimestampMs now_ms, Offset high_watermark) {
  const Pass pass(gate_);
  if (!pass) co_return fail(Errc::cancelled, identity_.directory + " is closed");
  producers_.expire(now_ms, config_.producer_id_expiration_ms);
  if (context_.producer_budget) context_.producer_budget->note(*this);
  co_await changes_.acquire(1);
  Result<std::size_t> dropped = co_await drop_expired(now_ms, high_watermark);
  close_idle_files();
  changes_.release(1);
  co_return dropped;
}

Task<Result<std::size_t>> Log::drop_expired(TimestampMs now_ms, Offset high_watermark) {
  if (closed_ || poison_ || truncating_ > 0) co_return std::size_t{0};
  auto expired = co_await count_expired(now_ms, high_watermark);
  if (!expired || *expired == 0) co_return expired;
  if (*expired == segments_.size()) roll_to(end_offset_.value(), now_ms);
  Status flushed;
  // The segment that stays has to be there before the others go: its name keeps the end of the log.
  if (!std::ranges::all_of(segments_, [](const SegmentPtr& segment) { return segment->settled(); })) {
    // On a full disk those that can go nevertheless are what makes room.
    flushed = co_await flush_locked(false);
    if (!flushed && flushed.error().code != Errc::no_space) co_return fail(std::move(flushed).error());
  }
  std::size_t count = 0;
  while (count < *expired && segments_[count]->settled() && segments_[count + 1]->in_directory) ++count;
  if (count == 0 && !flushed) co_return fail(std::move(flushed).error());
  if (count == 0) co_return count;
  const auto end = segments_.begin() + static_cast<std::ptrdiff_t>(count);
  std::vector<SegmentPtr> dropped(segments_.begin(), end);
  segments_.erase(segments_.begin(), end);
  const Offset first = segments_.front()->base_offset;
  log_start_offset_ = std::max(log_start_offset_, first);
  if (epochs_.truncate_from_start(log_start_offset_)) epochs_dirty_ = true;
  if (Status status = co_await mark_deleted(dropped, first); !status)
    co_return fail(std::move(status).error());
  co_return count;
}

Task<Result<std::size_t>> Log::count_expired(TimestampMs now_ms, Offset high_watermark) {
  std::int64_t size_left = size_bytes();
  const std::vector<SegmentPtr> segments = segments_;
  for (std::size_t i = 0; i < segments.size(); ++i) {
    const Segment& segment = *segments[i];
    const bool last = i + 1 == segments.size();
    const Offset end = last ? end_offset_.value() : segments[i + 1]->base_offset;
    if (segment.size_bytes == 0 && last) co_return i;
    if (Status status = co_await load(segments[i]); !status)
      co_return fail(unreadable(std::move(status).error()));
    const bool below_start = !last && end <= log_start_offset_;
    if (end > high_watermark || !(below_start || expired(segment, now_ms, size_left))) co_return i;
    size_left -= segment.size_bytes;
  }
  co_return segments.size();
}

bool Log::expired(const Segment& segment, TimestampMs now_ms, std::int64_t size_left) const {
  if (!config_.cleanup_delete) return false;
  const TimestampMs newest =
      segment.indexes.max_timestamp >= 0 ? segment.indexes.max_timestamp : segment.created_ms;
  if (config_.retention_ms >= 0 && now_ms - newest > config_.retention_ms) return true;
  return config_.retention_bytes >= 0 && size_left - segment.size_bytes >= config_.retention_bytes;
}

namespace {

// Oldest first, each name gone for good before the next: a crash leaves no gap.
Status rename_deleted(runtime::Disk& disk, const std::string& directory, Offset base_offset) {
  const auto mark = [&](std::string_view suffix) -> Status {
    const std::string path = file_path(directory, base_offset, suffix);
    const Status status = disk.rename(path, path + std::string(kDeletedSuffix));
    return status || status.error().code == Errc::not_found ? Status() : status;
  };
  TRY(mark(kLogSuffix));
  for (auto suffix : {kOffsetIndexSuffix, kTimeIndexSuffix, kTransactionIndexSuffix}) TRY(mark(suffix));
  return disk.sync_directory(directory);
}

std::vector<std::string> deleted_paths(const std::string& directory,
                                       const std::vector<SegmentPtr>& segments) {
  std::vector<std::string> paths;
  for (const SegmentPtr& segment : segments) {
    for (auto suffix : {kLogSuffix, kOffsetIndexSuffix, kTimeIndexSuffix, kTransactionIndexSuffix}) {
      paths.push_back(file_path(directory, segment->base_offset, suffix) + std::string(kDeletedSuffix));
    }
  }
  return paths;
}

}  // namespace

Task<Status> Log::mark_deleted(std::vector<SegmentPtr> dropped, Offset first_offset) {
  std::vector<Offset> snapshots;
  std::ranges::copy_if(snapshots_, std::back_inserter(snapshots),
                       [&](Offset at) { return at < first_offset; });
  std::erase_if(snapshots_, [&](Offset offset) { return offset < first_offset; });
  Status status = co_await context_.pool.run(Lane::background, context_.executor, [&]() -> Status {
    for (const SegmentPtr& segment : dropped) {
      TRY(rename_deleted(context_.disk, identity_.directory, segment->base_offset));
    }
    for (const Offset offset : snapshots) {
      TRY(remove_if_there(context_.disk, file_path(identity_.directory, offset, kSnapshotSuffix)));
    }
    return {};
  });
  if (!status) co_return status;
  unlink_later(context_.executor, context_.pool, context_.disk,
               runtime::milliseconds(config_.file_delete_delay_ms),
               deleted_paths(identity_.directory, dropped));
  co_return status;
}

// Closed segments that nobody read since the last time; a reader opens them again.
void Log::close_idle_files() {
  for (const SegmentPtr& segment : segments_) {
    const bool used = std::exchange(segment->used, false);
    if (!used && segment->finished && segment->finish_written) segment->file = nullptr;
  }
}

}  // namespace moldau::storage
