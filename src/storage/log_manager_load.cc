// What happens before a log manager is open: the commit log is read, the folders are looked through, logs are
// recovered side by side.
#include <algorithm>

#include "storage/log_files.h"
#include "storage/log_manager.h"
#include "storage/passing.h"

namespace moldau::storage {

using runtime::Lane;
using runtime::Task;

Task<Status> LogManager::load() {
  co_await open_file_system();
  const std::string path = directory() + "/" + commit_log_name();
  CO_ASSIGN_OR_RETURN(commit_log_, co_await CommitLog::open(context_.executor, context_.pool, context_.disk,
                                                            path, options_.commit_log));
  log_context_.commit_log = commit_log_.get();
  log_context_.save_recovery_points = [this] { return save_recovery_points(); };
  log_context_.save_cleaner_offsets = [this] { return save_cleaner_offsets(); };
  CO_TRY(co_await load_parked());
  CO_TRY(co_await replay_commit_log());
  give_up_parked();
  CO_ASSIGN_OR_RETURN(auto scan, co_await context_.pool.run(Lane::background, context_.executor, [this] {
    return scan_partition_folders(context_.disk, directory());
  }));
  if (options_.commit_log_index == 0) {
    for (std::string& name : scan.deleted) unlink_in_background(std::move(name));
    report_.deletions_resumed = scan.deleted.size();
  }
  for (const SharedCheckpoint* checkpoint :
       {&context_.recovery_points, &context_.log_starts, context_.cleaner_offsets}) {
    if (checkpoint == nullptr) continue;
    if (checkpoint->damage()) report_.notices.push_back(checkpoint->damage()->message + "; it is rebuilt");
    for (const auto& [partition, offset] : checkpoint->loaded()) stale_names_.insert(partition);
  }
  CO_TRY(co_await load_folders(std::move(scan.partitions)));
  co_await park_failures();
  CO_TRY(co_await give_up_removed());
  co_await claim(context_.recovery_points, recovery_points());
  co_await claim(context_.log_starts, log_starts());
  if (context_.cleaner_offsets != nullptr) {
    for (const auto& [id, hosted] : logs_) {
      const auto said = context_.cleaner_offsets->loaded().find(hosted->log->identity().topic_partition);
      const bool known =
          said != context_.cleaner_offsets->loaded().end() && hosted->log->first_dirty() >= said->second;
      if (known) known_compacted_.insert(id);
    }
    co_await claim(*context_.cleaner_offsets, cleaner_offsets());
  }
  report_.logs = logs_.size();
  loaded_ = true;
  // Said before a crash can take the gaps of a copied folder for a torn tail. On a full disk it is said
  // later.
  if (adopted_) static_cast<void>(co_await save_checkpoints());
  co_return Status();
}

Task<Status> LogManager::replay_commit_log() {
  const CommitLog::Visit visit = [this](const CommitLog::Entry& entry, const Slice& batches,
                                        CommitLog::Position end) -> Task<Status> {
    co_return collect(entry, batches, end);
  };
  co_return co_await commit_log_->replay(visit);
}

// Kept until the log that it belongs to is open. A removal makes what came before it void: entries after it
// are of a log that began anew, and so is the folder, if there is one.
Status LogManager::collect(const CommitLog::Entry& entry, const Slice& batches, CommitLog::Position end) {
  const TopicIdPartition id = entry.topic_id_partition();
  if (options_.owns && !options_.owns(id)) {
    return fail(Errc::mismatch,
                directory() + "/" + commit_log_name() + " holds records of topic id " +
                    id.topic_id.to_string() + " partition " + std::to_string(id.partition) +
                    ", which belongs to another commit log: open the folder with as many commit "
                    "logs as it has");
  }
  if (is_parked(id, end)) return {};
  Replay& replay = replays_[id];
  replay.end = end;
  replay.removed = entry.kind == CommitLog::Entry::Kind::remove;
  if (replay.removed) {
    replay.entries.clear();
  } else {
    replay.entries.push_back({entry, batches, end});
  }
  ++report_.replayed_entries;
  return {};
}

Task<Status> LogManager::load_folders(std::vector<PartitionFolder> folders) {
  std::vector<PartitionFolder> wanted;
  for (PartitionFolder& folder : folders) {
    if (!folder.topic_id) {
      CO_TRY(co_await settle_unnamed(folder));
      continue;
    }
    const TopicIdPartition id{*folder.topic_id, folder.partition.partition};
    if (options_.owns && !options_.owns(id)) continue;
    const auto replay = replays_.find(id);
    if (replay != replays_.end() && replay->second.removed) {
      CO_TRY(co_await put_away(folder.partition));
      continue;
    }
    wanted.push_back(std::move(folder));
  }
  std::vector<Task<void>> loading;
  for (PartitionFolder& folder : wanted) loading.push_back(load_folder(std::move(folder)));
  for (Task<void>& task : loading) co_await std::move(task);
  co_return Status();
}

// Without partition.metadata: made and never written to, or somebody else's. What cannot be read stays where
// it is, so that a person can mend it; opening it says why it is refused.
Task<Status> LogManager::settle_unnamed(const PartitionFolder& folder) {
  if (options_.commit_log_index != 0) co_return Status();
  if (folder.damage) {
    report_.notices.push_back(folder.damage->message + "; the partition stays offline");
    co_return Status();
  }
  if (!folder.empty) co_return co_await put_aside(folder.partition, "it does not name a topic id");
  co_return co_await context_.pool.run(Lane::background, context_.executor, [&] {
    return context_.disk.remove_directory(directory() + "/" + folder.name);
  });
}

Task<void> LogManager::load_folder(PartitionFolder folder) {
  co_await recoveries_.acquire(1);
  const LogIdentity identity = identity_of(folder.partition, *folder.topic_id);
  const TopicIdPartition id = identity.id();
  const LogOpenOptions how = known_of(identity);
  auto log = co_await open_log(identity, options_.default_config, how);
  recoveries_.release(1);
  if (log) {
    adopted_ |= how.foreign;
    host(std::move(*log));
    static_cast<void>(co_await settle_parked(id));
  } else {
    static_cast<void>(noticed(fail(log.error())));
    note_failure(folder.partition, id, std::move(log).error());
  }
  stale_names_.erase(folder.partition);
}

// Of the failures(): as at the start, by what was known then. Nothing has been appended since.
Task<Status> LogManager::open_again(TopicPartition partition, TopicIdPartition id) {
  const Error before = failures_.at(id);
  if (!passes(before.code)) co_return fail(before);
  CO_TRY(co_await read_parked_of(id));
  const auto replay = replays_.find(id);
  if (replay != replays_.end() && std::exchange(replay->second.parking, true)) co_return fail(before);
  const LogIdentity identity = identity_of(partition, id.topic_id);
  LogOpenOptions how = known_of(identity);
  how.clean_shutdown = false;  // an attempt may have been cut short
  auto log = co_await open_log(identity, options_.default_config, how);
  if (log) {
    failures_.erase(id);
    host(std::move(*log));
    if (how.foreign) static_cast<void>(co_await save_checkpoints());
    co_return co_await settle_parked(id);
  }
  static_cast<void>(noticed(fail(log.error())));
  note_failure(partition, id, log.error());
  if (const auto kept = replays_.find(id); kept != replays_.end()) kept->second.parking = false;
  co_await park(id);
  co_return fail(failures_.at(id));
}

LogOpenOptions LogManager::known_of(const LogIdentity& identity) const {
  const auto offset_in = [&](const SharedCheckpoint& checkpoint) {
    const auto at = checkpoint.loaded().find(identity.topic_partition);
    return at == checkpoint.loaded().end() ? 0 : at->second;
  };
  const Offset recovery_point = offset_in(context_.recovery_points);
  const bool remembered = replays_.contains(identity.id());
  std::optional<Offset> first_dirty;
  if (context_.cleaner_offsets != nullptr) {
    const auto at = context_.cleaner_offsets->loaded().find(identity.topic_partition);
    if (at != context_.cleaner_offsets->loaded().end()) first_dirty = at->second;
    // Nobody knows which logs were compacted: what they miss is no damage.
    if (context_.cleaner_offsets->damage()) first_dirty = 0;
  }
  const bool known = remembered || context_.recovery_points.loaded().contains(identity.topic_partition);
  // Between what is flushed and what is not there may be a gap of a compacted log.
  const Offset flushed = first_dirty ? 0 : flushed_below(identity.id());
  return {.recovery_point = std::max(recovery_point, flushed),
          .log_start_offset = offset_in(context_.log_starts),
          .clean_shutdown = context_.directory.clean_shutdown().has_value(),
          .refilled = remembered,
          .first_dirty = first_dirty,
          .foreign = !known,
          .config_follows = true};
}

// What the commit log does not go back to is synced in segments, whatever a checkpoint that was lost said of
// it. Nothing follows from it when the log was truncated since.
Offset LogManager::flushed_below(const TopicIdPartition& id) const {
  const auto replay = replays_.find(id);
  if (replay == replays_.end() || replay->second.entries.empty()) return 0;
  const auto truncates = [](const Replayed& replayed) {
    return replayed.entry.kind == CommitLog::Entry::Kind::truncate;
  };
  const auto& entries = replay->second.entries;
  return std::ranges::any_of(entries, truncates) ? 0 : entries.front().entry.offset;
}

// Opens the log and applies what the commit log holds for it.
Task<Result<std::unique_ptr<Log>>> LogManager::open_log(LogIdentity identity, LogConfig config,
                                                        LogOpenOptions how) {
  if (const auto parked = parked_.find(identity.id()); parked != parked_.end() && parked->second.damage) {
    co_return fail(*parked->second.damage);
  }
  how.now_ms = context_.wall_clock.now_ms();
  CO_ASSIGN_OR_RETURN(auto log,
                      co_await Log::open(log_context_, std::move(identity), std::move(config), how));
  CO_TRY(co_await replay_into(*log));
  co_return log;
}

Task<Status> LogManager::replay_into(Log& log) {
  const auto at = replays_.find(log.identity().id());
  if (at == replays_.end()) co_return co_await log.finish_replay();
  Status status;
  for (const Replayed& entry : at->second.entries) {
    if (status) status = co_await log.replay_entry(entry.entry, entry.batches, entry.end);
  }
  if (status) status = co_await log.finish_replay();
  if (status) {
    replayed_.push_back(at->first);
    replays_.erase(at);
  }
  co_return status;
}

// Removals whose folder is gone, or is on its way.
Task<Status> LogManager::give_up_removed() {
  std::vector<TopicIdPartition> removed;
  for (const auto& [id, replay] : replays_) {
    if (replay.removed) removed.push_back(id);
  }
  for (const TopicIdPartition& id : removed) {
    commit_log_->clean(id, replays_.at(id).end);
    replays_.erase(id);
    CO_TRY(co_await unpark(id));
  }
  co_return Status();
}

LogIdentity LogManager::identity_of(const TopicPartition& partition, TopicId topic_id) const {
  return {.directory = directory() + "/" + partition.to_string(),
          .topic_partition = partition,
          .topic_id = topic_id};
}

Task<Status> LogManager::put_aside(TopicPartition partition, std::string why) {
  const std::string to = stray_directory_name(partition, context_.random.uuid());
  CO_TRY(co_await context_.pool.run(Lane::background, context_.executor, [&] {
    return rename_partition_folder(context_.disk, directory(), partition.to_string(), to);
  }));
  report_.notices.push_back(directory() + "/" + partition.to_string() + " was put aside as " + to + ": " +
                            why);
  co_return Status();
}

Task<Status> LogManager::put_away(TopicPartition partition) {
  const std::string to = deleted_directory_name(partition, context_.random.uuid());
  CO_TRY(co_await context_.pool.run(Lane::background, context_.executor, [&] {
    return rename_partition_folder(context_.disk, directory(), partition.to_string(), to);
  }));
  unlink_in_background(to);
  co_return Status();
}

void LogManager::unlink_in_background(std::string name) { unlink(std::move(name)).detach(); }

// File by file, so that other work of the pool comes between. What is left over is found at the next start.
Task<void> LogManager::unlink(std::string name) {
  const runtime::Gate::Pass pass(gate_);
  if (!pass) co_return;
  const std::string path = directory() + "/" + name;
  const auto entries = co_await context_.pool.run(Lane::background, context_.executor,
                                                  [&] { return context_.disk.list(path); });
  if (!entries) co_return;
  for (const runtime::DirectoryEntry& entry : *entries) {
    if (closing_) co_return;
    co_await context_.pool.run(Lane::background, context_.executor,
                               [&] { return context_.disk.remove_file(path + "/" + entry.name); });
  }
  co_await context_.pool.run(Lane::background, context_.executor,
                             [&] { return context_.disk.remove_directory(path); });
}

}  // namespace moldau::storage
