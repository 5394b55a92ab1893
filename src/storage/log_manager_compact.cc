// The log cleaner: which log is compacted next, and what is kept of it on disk.
#include <algorithm>
#include <functional>
#include <utility>

#include "storage/log_manager.h"

namespace moldau::storage {

using runtime::Gate;
using runtime::Task;

namespace {

constexpr std::size_t kLogsAtOnce = 64;  // are looked at before others have their turn

}  // namespace

Offset LogManager::stable_end(const TopicIdPartition& id, Log& log) const {
  return high_watermark_ ? high_watermark_(id) : log.durable_end_offset().value();
}

void LogManager::set_cleaner(const CleanerOptions& options) {
  const bool enabled = options_.cleaner.enabled;
  options_.cleaner = options;
  options_.cleaner.enabled = enabled;
  cleaner_.throttle = IoThrottle(options.bytes_per_second);
  cleaner_.dedupe_buffer_bytes = options.dedupe_buffer_bytes;
  cleaner_.load_factor = options.load_factor;
  cleaner_.io_buffer_bytes = options.io_buffer_bytes;
}

Task<void> LogManager::clean_from_time_to_time() {
  const Gate::Pass pass(gate_);
  while (!closing_) {
    co_await stop_.wait(context_.executor.now() + options_.cleaner.backoff);
    if (!closing_ && !offline_) static_cast<void>(co_await compact_logs());
  }
}

Task<Status> LogManager::compact_logs() {
  std::set<TopicIdPartition> left_out;
  while (!closing_ && !offline_) {
    const std::vector<TopicIdPartition> due = co_await find_due(left_out);
    if (due.empty()) break;
    for (const TopicIdPartition& id : due) {
      if (closing_ || offline_) break;
      Status status = co_await compact_log(id);
      if (status) continue;
      left_out.insert(id);
      if (status.error().code == Errc::corrupt) uncleanable_.insert_or_assign(id, status.error());
      static_cast<void>(noticed(std::move(status)));
    }
  }
  cleaner_stats_.uncleanable = uncleanable_.size();
  co_return Status();
}

// The logs that are due, the dirtiest first. `left_out`: those that just could not be compacted.
Task<std::vector<TopicIdPartition>> LogManager::find_due(const std::set<TopicIdPartition>& left_out) {
  std::vector<TopicIdPartition> ids;
  for (const auto& [id, hosted] : logs_) {
    if (hosted->log->config().cleanup_compact && !left_out.contains(id) && !uncleanable_.contains(id))
      ids.push_back(id);
  }
  std::vector<std::pair<double, TopicIdPartition>> due;
  cleaner_stats_.max_dirty_ratio = 0;
  for (std::size_t i = 0; i < ids.size() && !closing_; ++i) {
    if (i % kLogsAtOnce == kLogsAtOnce - 1) co_await runtime::yield(context_.executor);
    const auto range = co_await cleanable(ids[i]);
    if (!range && range.error().code == Errc::corrupt) uncleanable_.insert_or_assign(ids[i], range.error());
    const Log* const log = find(ids[i]);
    if (!range || log == nullptr) continue;
    cleaner_stats_.max_dirty_ratio = std::max(cleaner_stats_.max_dirty_ratio, range->dirty_ratio());
    if (range->is_due(log->config().min_cleanable_dirty_ratio))
      due.emplace_back(range->dirty_ratio(), ids[i]);
  }
  std::ranges::sort(due, std::greater());
  std::vector<TopicIdPartition> dirtiest;
  for (const auto& [ratio, id] : due) dirtiest.push_back(id);
  co_return dirtiest;
}

// Errc::cancelled: the log has gone, also while it was looked at.
Task<Result<CleanableRange>> LogManager::cleanable(TopicIdPartition id) {
  const auto at = logs_.find(id);
  if (at == logs_.end()) co_return fail(Errc::cancelled, "the log has gone");
  const std::shared_ptr<Hosted> hosted = at->second;
  const Gate::Pass pass(hosted->users);
  if (!pass) co_return fail(Errc::cancelled, "the log is going");
  Log& log = *hosted->log;
  auto range = co_await log.cleanable(stable_end(id, log), context_.wall_clock.now_ms());
  if (hosted->users.closing()) co_return fail(Errc::cancelled, "the log is going");
  co_return range;
}

Task<Status> LogManager::compact_log(TopicIdPartition id) {
  CO_ASSIGN_OR_RETURN(const CleanableRange range, co_await cleanable(id));
  const auto at = logs_.find(id);
  if (at == logs_.end()) co_return fail(Errc::cancelled, "the log has gone");
  const std::shared_ptr<Hosted> hosted = at->second;
  const Gate::Pass pass(hosted->users);
  if (!pass) co_return fail(Errc::cancelled, "the log is going");
  if (!is_remembered(*hosted->log)) CO_TRY(co_await save_cleaner_offsets());
  cleaner_.stop = [this, users = &hosted->users] { return closing_ || offline_ || users->closing(); };
  const auto report = co_await hosted->log->compact(range, cleaner_, context_.wall_clock.now_ms());
  cleaner_.stop = [] { return true; };
  if (!report) co_return fail(report.error());
  ++cleaner_stats_.passes;
  cleaner_stats_.sum.bytes_mapped += report->stats.bytes_mapped;
  cleaner_stats_.sum.bytes_read += report->stats.bytes_read;
  cleaner_stats_.sum.bytes_written += report->stats.bytes_written;
  cleaner_stats_.sum.records_read += report->stats.records_read;
  cleaner_stats_.sum.records_kept += report->stats.records_kept;
  cleaner_stats_.max_map_fill = report->map_fill;
  if (report->first_dirty <= range.first_dirty) co_return fail(Errc::unavailable, "nothing was compacted");
  co_return co_await save_cleaner_offsets();
}

OffsetCheckpoint LogManager::cleaner_offsets() const {
  OffsetCheckpoint offsets;
  for (const auto& [id, hosted] : logs_) {
    if (const auto first_dirty = hosted->log->first_dirty())
      offsets[hosted->log->identity().topic_partition] = *first_dirty;
  }
  keep_failed(*context_.cleaner_offsets, offsets);
  return offsets;
}

Task<Status> LogManager::save_cleaner_offsets() {
  if (context_.cleaner_offsets == nullptr) co_return Status();
  std::set<TopicIdPartition> saved;
  for (const auto& [id, hosted] : logs_) {
    if (hosted->log->first_dirty()) saved.insert(id);
  }
  CO_TRY(co_await save(*context_.cleaner_offsets, cleaner_offsets()));
  known_compacted_.merge(saved);
  co_return Status();
}

// Before the first record of a compacted log: what misses offsets after a crash must be known not to have
// lost them. A full disk does not keep the partition away; the next save says it.
Task<void> LogManager::remember_compacted() {
  const bool all =
      std::ranges::all_of(logs_, [this](const auto& each) { return is_remembered(*each.second->log); });
  if (!all && !offline_) static_cast<void>(co_await save_cleaner_offsets());
}

bool LogManager::is_remembered(const Log& log) const {
  return context_.cleaner_offsets == nullptr || !log.first_dirty() ||
         known_compacted_.contains(log.identity().id());
}

}  // namespace moldau::storage
