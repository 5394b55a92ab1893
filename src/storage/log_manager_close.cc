// Closing all logs in order: one by one, or, when they are many, with two syncs of the whole file system in
// place of several for each log.
#include "storage/log_manager.h"

namespace moldau::storage {

using runtime::Lane;
using runtime::Task;

// Before anything is written: a write-back that fails is told by the sync of a file system that was open.
Task<void> LogManager::open_file_system() {
  auto opened = co_await context_.pool.run(Lane::background, context_.executor, [&] {
    return runtime::open_file_system(context_.disk, directory());
  });
  if (opened) file_system_ = std::move(*opened);
}

Task<Status> LogManager::close_logs() {
  std::vector<Log*> together;
  if (file_system_ && logs_.size() >= options_.logs_closed_together) {
    for (const auto& [id, hosted] : logs_) together.push_back(hosted->log.get());
    co_await context_.pool.run(Lane::background, context_.executor, [&] {
      return std::erase_if(together,
                           [&](Log* log) { return !file_system_->holds(log->identity().directory); });
    });
  }
  const std::set<const Log*> taken(together.begin(), together.end());
  Status failure;
  std::vector<Task<void>> closings;
  for (const auto& [id, hosted] : logs_) {
    if (!taken.contains(hosted->log.get())) closings.push_back(close_log(*hosted, failure));
  }
  for (Task<void>& closing : closings) co_await std::move(closing);
  Status closed = co_await close_together(std::move(together));
  co_return failure ? std::move(closed) : std::move(failure);
}

Task<Status> LogManager::close_together(std::vector<Log*> logs) {
  if (logs.empty()) co_return Status();
  co_await at_once(logs, [](Log& log) { return log.write_closing(); });
  Status synced = co_await sync_file_system();
  if (synced) {
    co_await at_once(logs, [](Log& log) { return log.name_closing(); });
    synced = co_await sync_file_system();
  }
  for (Log* log : logs) log->settle_closing(synced);
  const Status saved = synced ? co_await save_recovery_points() : synced;
  Status failure;
  for (Log* log : logs) {
    Status status = co_await log->end_closing(saved);
    if (!status && failure) failure = std::move(status);
  }
  co_return failure;
}

Task<Status> LogManager::sync_file_system() {
  co_return co_await context_.pool.run(Lane::background, context_.executor,
                                       [this] { return file_system_->sync(); });
}

Task<void> LogManager::at_once(const std::vector<Log*>& logs, std::function<Task<void>(Log&)> step) {
  std::vector<Task<void>> steps;
  for (Log* log : logs) steps.push_back(take_step(*log, step));
  for (Task<void>& one : steps) co_await std::move(one);
}

Task<void> LogManager::take_step(Log& log, const std::function<Task<void>(Log&)>& step) {
  co_await flushes_.acquire(1);
  co_await step(log);
  flushes_.release(1);
}

}  // namespace moldau::storage
