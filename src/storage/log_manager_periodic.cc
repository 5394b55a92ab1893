// What a log manager does from time to time, and what it does when the device fails.
#include <limits>
#include <utility>

#include "storage/log_manager.h"

namespace moldau::storage {

using runtime::Gate;
using runtime::Task;

void LogManager::start_periodic_work() {
  commit_log_->on_pressure(
      [this](std::vector<TopicIdPartition> partitions) { relieve(std::move(partitions)).detach(); });
  watch_commit_log().detach();
  every(options_.flush_check_interval, &LogManager::flush_due);
  every(options_.flush_check_interval, &LogManager::note_due_removals);
  every(options_.flush_interval, &LogManager::flush_all);
  every(options_.recovery_point_interval, &LogManager::save_recovery_points);
  every(options_.log_start_interval, &LogManager::save_log_starts);
  every(options_.retention_check_interval, &LogManager::run_retention);
  if (options_.cleaner.enabled && context_.cleaner_offsets != nullptr) clean_from_time_to_time().detach();
  // What was replayed is in memory: into the segments with it.
  relieve(std::exchange(replayed_, {})).detach();
}

void LogManager::every(runtime::Duration interval, Task<Status> (LogManager::*work)()) {
  repeat(interval, work).detach();
}

Task<void> LogManager::repeat(runtime::Duration interval, Task<Status> (LogManager::*work)()) {
  const Gate::Pass pass(gate_);
  while (!closing_) {
    co_await stop_.wait(context_.executor.now() + interval);
    // A failure shows itself again, or has taken the folder offline.
    if (!closing_ && !offline_) co_await (this->*work)();
  }
}

Task<void> LogManager::watch_commit_log() {
  const Gate::Pass pass(watch_);
  co_await commit_log_->durable().reaches(context_.executor, std::numeric_limits<std::int64_t>::max());
  if (const Error* poison = commit_log_->poisoned())
    static_cast<void>(noticed(fail(Errc::io, poison->message)));
}

Status LogManager::noticed(Status status) {
  if (status || offline_ || status.error().code != Errc::io) return status;
  offline_ = Error(status.error()).within(directory() + " is offline");
  context_.executor.post([callback = on_offline_, error = *offline_] {
    if (callback) callback(error);
  });
  return status;
}

Task<void> LogManager::relieve(std::vector<TopicIdPartition> partitions) {
  const Gate::Pass pass(gate_);
  if (!pass) co_return;
  for (const TopicIdPartition& id : partitions) co_await park(id);  // those that could not be before
  co_await flush_logs(std::move(partitions));
}

Task<Status> LogManager::flush_all() {
  std::vector<TopicIdPartition> ids;
  for (const auto& [id, hosted] : logs_) {
    if (hosted->log->unflushed_bytes() > 0) ids.push_back(id);
  }
  return flush_logs(std::move(ids));
}

// Has something in memory and had no append since the last check.
bool LogManager::at_rest(Hosted& hosted) {
  const Offset end = hosted.log->end_offset().value();
  const Offset before = std::exchange(hosted.end_at_check, end);
  return before == end && hosted.log->tail_bytes() > 0;
}

Task<Status> LogManager::flush_due() {
  std::vector<TopicIdPartition> ids;
  const TimestampMs now_ms = context_.wall_clock.now_ms();
  std::size_t at_rest_left = options_.rest_flushes;
  for (const auto& [id, hosted] : logs_) {
    const bool rests = at_rest(*hosted) && at_rest_left > 0;
    if (rests) --at_rest_left;
    if (rests || hosted->log->flush_due(now_ms)) ids.push_back(id);
  }
  return flush_logs(std::move(ids));
}

Task<Status> LogManager::flush_logs(std::vector<TopicIdPartition> ids) {
  Status failure;
  std::vector<Task<void>> flushes;
  for (const TopicIdPartition& id : ids) flushes.push_back(flush_log(id, failure));
  for (Task<void>& flush : flushes) co_await std::move(flush);
  co_return failure;
}

Task<void> LogManager::flush_log(TopicIdPartition id, Status& failure) {
  co_await flushes_.acquire(1);
  if (const auto at = logs_.find(id); at != logs_.end()) {
    const std::shared_ptr<Hosted> hosted = at->second;
    const Gate::Pass pass(hosted->users);
    Status status = noticed(co_await hosted->log->flush());
    if (!status && failure) failure = std::move(status);
  }
  flushes_.release(1);
}

Task<Status> LogManager::run_retention() {
  Status failure;
  std::vector<TopicIdPartition> ids;
  for (const auto& [id, hosted] : logs_) ids.push_back(id);
  for (const TopicIdPartition& id : ids) {
    const auto at = logs_.find(id);
    if (at == logs_.end()) continue;
    const std::shared_ptr<Hosted> hosted = at->second;
    const Gate::Pass pass(hosted->users);
    Log& log = *hosted->log;
    const auto dropped = co_await log.run_retention(context_.wall_clock.now_ms(), stable_end(id, log));
    if (!dropped && failure) failure = noticed(fail(dropped.error()));
    if (closing_) break;
  }
  co_return failure;
}

OffsetCheckpoint LogManager::recovery_points() const {
  OffsetCheckpoint offsets;
  for (const auto& [id, hosted] : logs_) {
    offsets[hosted->log->identity().topic_partition] = hosted->log->recovery_point();
  }
  keep_failed(context_.recovery_points, offsets);
  return offsets;
}

OffsetCheckpoint LogManager::log_starts() const {
  OffsetCheckpoint offsets;
  for (const auto& [id, hosted] : logs_) {
    offsets[hosted->log->identity().topic_partition] = hosted->log->log_start_offset();
  }
  keep_failed(context_.log_starts, offsets);
  return offsets;
}

// Logs that could not be opened keep what the file said of them.
void LogManager::keep_failed(const SharedCheckpoint& checkpoint, OffsetCheckpoint& offsets) const {
  for (const auto& [partition, id] : names_) {
    const auto before = checkpoint.loaded().find(partition);
    if (failures_.contains(id) && before != checkpoint.loaded().end()) offsets.insert(*before);
  }
}

// Every log that is flushed asks for it. Who comes while they are being saved shares the next time with all
// others that do: flushing ten thousand logs does not go through all of them ten thousand times.
Task<Status> LogManager::save_recovery_points() {
  const std::uint64_t request = ++recovery_points_.requested;
  while (recovery_points_.saved < request) {
    if (recovery_points_.saving) {
      co_await recovery_points_.ended.wait();
      continue;
    }
    recovery_points_.saving = true;
    const std::uint64_t covered = recovery_points_.requested;
    Status status = co_await save(context_.recovery_points, recovery_points());
    recovery_points_.saving = false;
    if (status) recovery_points_.saved = covered;
    recovery_points_.ended.notify_all();
    if (!status) co_return status;
  }
  co_return Status();
}

Task<Status> LogManager::save_log_starts() { return save(context_.log_starts, log_starts()); }

Task<void> LogManager::claim(SharedCheckpoint& checkpoint, OffsetCheckpoint offsets) {
  const unsigned part = options_.commit_log_index;
  co_await runtime::on_shard(context_.executor, checkpoint.home(),
                             [&checkpoint, part, &offsets] { checkpoint.claim(part, std::move(offsets)); });
}

Task<Status> LogManager::save_checkpoints() {
  const std::set<TopicPartition> gone = gone_names_;
  CO_TRY(co_await save_recovery_points());
  CO_TRY(co_await save_log_starts());
  CO_TRY(co_await save_cleaner_offsets());
  for (const TopicPartition& partition : gone) {
    stale_names_.erase(partition);
    gone_names_.erase(partition);
  }
  co_return Status();
}

Task<Status> LogManager::save(SharedCheckpoint& checkpoint, OffsetCheckpoint offsets) {
  if (offline_) co_return fail(*offline_);
  std::set<TopicPartition> gone = gone_names_;
  const unsigned part = options_.commit_log_index;
  co_return noticed(
      co_await runtime::on_shard(context_.executor, checkpoint.home(), [&checkpoint, part, &offsets, &gone] {
        return checkpoint.update(part, std::move(offsets), std::move(gone));
      }));
}

}  // namespace moldau::storage
