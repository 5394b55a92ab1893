#include "storage/log_manager.h"

#include <algorithm>

#include "storage/log_files.h"

namespace moldau::storage {

using runtime::Lane;
using runtime::Task;

namespace {

constexpr std::string_view kCommitLogName = "commit-log-";
constexpr std::uint64_t kFlushesAtOnce = 16;  // they share the writes of the recovery-point checkpoint
// How often a removal that waits for space is looked after.
constexpr runtime::Duration kSpaceCheck = std::chrono::seconds(1);

}  // namespace

Result<unsigned> commit_log_count(runtime::Disk& disk, const std::string& data_folder) {
  for (unsigned count = 0;; ++count) {
    ASSIGN_OR_RETURN(const bool exists,
                     disk.exists(data_folder + "/" + std::string(kCommitLogName) + std::to_string(count)));
    if (!exists) return count;
  }
}

LogManager::LogManager(LogManagerContext context, LogManagerOptions options)
    : context_(context),
      options_(std::move(options)),
      producer_budget_(options_.producers),
      log_context_{.executor = context.executor,
                   .pool = context.pool,
                   .disk = context.disk,
                   .codecs = context.codecs,
                   .random = context.random,
                   .producer_budget = &producer_budget_,
                   .tail_flush_bytes = options_.tail_flush_bytes},
      cleaner_{.codecs = cleaner_codecs_,
               .throttle = IoThrottle(options_.cleaner.bytes_per_second),
               .dedupe_buffer_bytes = options_.cleaner.dedupe_buffer_bytes,
               .load_factor = options_.cleaner.load_factor,
               .io_buffer_bytes = options_.cleaner.io_buffer_bytes},
      watch_(context.executor),
      gate_(context.executor),
      stop_(context.executor),
      recovery_points_{.ended = runtime::Signal(context.executor)},
      changes_(context.executor, 1),
      recoveries_(context.executor, std::max(1U, options_.recovery_threads)),
      flushes_(context.executor, kFlushesAtOnce) {}

LogManager::~LogManager() { MOLDAU_ASSERT(closed_, "a log manager is closed before its end"); }

Task<Result<std::unique_ptr<LogManager>>> LogManager::open(LogManagerContext context,
                                                           LogManagerOptions options) {
  std::unique_ptr<LogManager> manager(new LogManager(context, std::move(options)));
  const Status loaded = co_await manager->load();
  if (!loaded) {
    co_await manager->close();
    co_return fail(loaded.error());
  }
  manager->start_periodic_work();
  co_return manager;
}

std::string LogManager::commit_log_name() const {
  return std::string(kCommitLogName) + std::to_string(options_.commit_log_index);
}

Log* LogManager::find(const TopicIdPartition& id) {
  const auto at = logs_.find(id);
  return at == logs_.end() ? nullptr : at->second->log.get();
}

std::vector<Log*> LogManager::logs() {
  std::vector<Log*> all;
  for (const auto& [id, hosted] : logs_) all.push_back(hosted->log.get());
  return all;
}

void LogManager::host(std::unique_ptr<Log> log) {
  const TopicIdPartition id = log->identity().id();
  names_[log->identity().topic_partition] = id;
  logs_.emplace(id, std::make_shared<Hosted>(std::move(log), context_.executor));
}

Task<Result<Log*>> LogManager::find_or_create(TopicPartition partition, TopicId topic_id, LogConfig config) {
  co_await changes_.acquire(1);
  auto created = co_await create(std::move(partition), topic_id, std::move(config));
  changes_.release(1);
  co_return created;
}

Task<Result<Log*>> LogManager::create(TopicPartition partition, TopicId topic_id, LogConfig config) {
  const TopicIdPartition id{topic_id, partition.partition};
  if (closing_) co_return fail(Errc::cancelled, directory() + " is being closed");
  if (!offline_ && failures_.contains(id)) CO_TRY(co_await open_again(partition, id));
  if (Log* const log = find(id)) {
    if (log->missing() != nullptr && !config.cleanup_compact) co_return co_await refuse(id, *log->missing());
    log->configure(std::move(config));
    if (!is_remembered(*log)) co_await remember_compacted();
    co_return log;
  }
  if (offline_) co_return fail(*offline_);
  CO_TRY(co_await finish_removal(id));
  CO_TRY(co_await make_name_free(partition));
  // Only what the commit log remembers was there before; any other checkpoint of the name is of a log that is
  // gone.
  const bool remembered = replays_.contains(id);
  const auto mentioned = [&] {
    return context_.recovery_points.mentions(partition) || context_.log_starts.mentions(partition) ||
           (context_.cleaner_offsets != nullptr && context_.cleaner_offsets->mentions(partition));
  };
  if (!remembered &&
      (stale_names_.contains(partition) ||
       co_await runtime::on_shard(context_.executor, context_.recovery_points.home(), mentioned))) {
    forget_checkpoints(partition);
    CO_TRY(co_await save_checkpoints());
  }
  const LogIdentity identity = identity_of(partition, topic_id);
  auto log =
      co_await open_log(identity, std::move(config), remembered ? known_of(identity) : LogOpenOptions{});
  if (log) {
    host(std::move(*log));
    if (!is_remembered(*find(id))) co_await remember_compacted();
    CO_TRY(co_await settle_parked(id));
    co_return find(id);
  }
  static_cast<void>(noticed(fail(log.error())));
  // What the commit log holds of it is parked meanwhile.
  if (remembered || log.error().code == Errc::corrupt) note_failure(partition, id, log.error());
  co_await park(id);
  co_return fail(std::move(log).error());
}

// A log that was opened and may not be used after all: its files stay, with what it had in memory.
Task<std::unexpected<Error>> LogManager::refuse(TopicIdPartition id, Error error) {
  const auto hosted = co_await take(id);
  co_await hosted->log->close();
  note_failure(hosted->log->identity().topic_partition, id, error);
  co_return std::unexpected<Error>(std::move(error));
}

void LogManager::forget_checkpoints(const TopicPartition& partition) {
  stale_names_.insert(partition);
  gone_names_.insert(partition);
}

void LogManager::note_failure(const TopicPartition& partition, const TopicIdPartition& id, Error error) {
  names_[partition] = id;
  failures_.insert_or_assign(id, std::move(error));
}

void LogManager::on_offline(std::function<void(const Error&)> callback) {
  on_offline_ = std::move(callback);
  if (offline_) context_.executor.post([told = on_offline_, error = *offline_] { told(error); });
}

// A folder of this name that is another topic's is put aside.
Task<Status> LogManager::make_name_free(const TopicPartition& partition) {
  const auto named = names_.find(partition);
  if (named == names_.end()) co_return Status();
  co_return co_await quarantine(named->second, "another topic id has its name now");
}

Task<std::shared_ptr<LogManager::Hosted>> LogManager::take(TopicIdPartition id) {
  const auto at = logs_.find(id);
  MOLDAU_ASSERT(at != logs_.end());
  const std::shared_ptr<Hosted> hosted = at->second;
  logs_.erase(at);
  known_compacted_.erase(id);
  uncleanable_.erase(id);
  names_.erase(hosted->log->identity().topic_partition);
  co_await hosted->users.close();
  co_return hosted;
}

Task<Status> LogManager::quarantine(TopicIdPartition id, std::string why) {
  TopicPartition partition;
  if (find(id) != nullptr) {
    const auto hosted = co_await take(id);
    partition = hosted->log->identity().topic_partition;
    // So that the folder that is put aside is whole. If that fails, it is as whole as it was.
    co_await hosted->log->close();
  } else {
    const auto named = std::ranges::find_if(names_, [&](const auto& entry) { return entry.second == id; });
    if (named == names_.end()) co_return Status();
    partition = named->first;
    names_.erase(named);
    failures_.erase(id);
  }
  CO_TRY(co_await forget_replay(id));
  forget_checkpoints(partition);
  co_return co_await put_aside(partition, std::move(why));
}

Task<Result<std::vector<std::string>>> LogManager::reconcile(
    std::function<bool(const TopicIdPartition&)> hosted) {
  co_await changes_.acquire(1);
  std::set<TopicIdPartition> unwanted;
  for (const auto& [partition, id] : names_) {
    if (!hosted(id)) unwanted.insert(id);
  }
  for (const auto& [id, replay] : replays_) {
    if (!hosted(id)) unwanted.insert(id);
  }
  const std::size_t before = report_.notices.size();
  Status status;
  for (const TopicIdPartition& id : unwanted) {
    const bool named = find(id) != nullptr || failures_.contains(id);
    if (!named && status) status = co_await forget_replay(id);
    if (named && status) status = noticed(co_await quarantine(id, "metadata does not know it here"));
  }
  if (status && !unwanted.empty()) status = co_await save_checkpoints();
  changes_.release(1);
  if (!status) co_return fail(std::move(status).error());
  co_return std::vector<std::string>(report_.notices.begin() + static_cast<std::ptrdiff_t>(before),
                                     report_.notices.end());
}

Task<Status> LogManager::remove(TopicIdPartition id) {
  co_await changes_.acquire(1);
  Status status;
  if (find(id) != nullptr) {
    const auto hosted = co_await take(id);
    forget_checkpoints(hosted->log->identity().topic_partition);
    status = noticed(co_await remove_log(*hosted));
  } else if (const auto named =
                 std::ranges::find_if(names_, [&](const auto& entry) { return entry.second == id; });
             named != names_.end()) {
    const TopicPartition partition = named->first;
    names_.erase(named);
    failures_.erase(id);
    forget_checkpoints(partition);
    status = co_await forget_replay(id);
    if (status) status = noticed(co_await put_away(partition));
  } else if (replays_.contains(id)) {
    status = co_await forget_replay(id);
  }
  // When the device is full the partition is gone all the same; its name stays noted as stale.
  if (!gone_names_.empty()) co_await save_checkpoints();
  changes_.release(1);
  co_return status;
}

Task<Status> LogManager::remove_log(Hosted& hosted) {
  while (true) {
    Status status = co_await hosted.log->remove();
    const bool full = !status && status.error().code == Errc::unavailable &&
                      commit_log_->poisoned() == nullptr &&
                      !offline_;  // nothing is flushed there any more: no space will come
    if (!full) co_return status;
    co_await commit_log_->wait_for_space(context_.executor.now() + kSpaceCheck);
  }
}

Task<void> LogManager::close_log(Hosted& hosted, Status& failure) {
  co_await flushes_.acquire(1);
  Status status = co_await hosted.log->close();
  flushes_.release(1);
  if (!status && failure) failure = std::move(status);
}

Task<Status> LogManager::close() {
  MOLDAU_ASSERT(!closing_, "a log manager is closed once");
  closing_ = true;
  stop_.notify_all();
  co_await gate_.close();
  co_await changes_.acquire(1);
  Status status = co_await close_logs();
  if (loaded_ && status) status = co_await save_checkpoints();
  if (commit_log_) {
    Status closed = co_await commit_log_->close();
    if (status) status = std::move(closed);
  }
  co_await watch_.close();
  logs_.clear();
  changes_.release(1);
  if (status && offline_) status = fail(*offline_);
  closed_ = true;
  co_return status;
}

}  // namespace moldau::storage
