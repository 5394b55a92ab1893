// Partitions that cannot be opened: what the commit log holds for them is put into files of its own
// (parked_entries.h), so that they do not fill its ring. And removals that found the ring full.
#include <utility>

#include "storage/log_files.h"
#include "storage/log_manager.h"
#include "storage/passing.h"
#include "storage/unreadable.h"

namespace moldau::storage {

using runtime::Lane;
using runtime::Task;

namespace {

// How often an opening that waits for its removal's space looks again.
constexpr runtime::Duration kSpaceCheck = std::chrono::seconds(1);

}  // namespace

std::string LogManager::parked_path(const TopicIdPartition& id) const {
  return directory() + "/" + parked_file_name(commit_log_name(), id);
}

// Before the ring is read: what is parked is older than what the ring holds.
Task<Status> LogManager::load_parked() {
  CO_ASSIGN_OR_RETURN(const auto files,
                      co_await context_.pool.run(Lane::background, context_.executor, [this] {
                        return find_parked(context_.disk, directory(), commit_log_name());
                      }));
  for (const ParkedFile& file : files) {
    parked_.try_emplace(file.partition);
    CO_TRY(co_await read_parked_of(file.partition));
  }
  co_return Status();
}

// Success when there is no file, or when its entries are in memory.
Task<Status> LogManager::read_parked_of(TopicIdPartition id) {
  if (!parked_.contains(id) || replays_.contains(id)) co_return Status();
  auto read = co_await context_.pool.run(Lane::background, context_.executor, [&] {
    return or_unreadable(read_parked(context_.disk, parked_path(id), id));
  });
  if (!read && read.error().code != Errc::corrupt) co_return fail(std::move(read).error());
  adopt_parked(id, std::move(read));
  co_return Status();
}

void LogManager::adopt_parked(const TopicIdPartition& id, Result<ParkedEntries> read) {
  Parked& parked = parked_[id];
  Replay& replay = replays_[id];
  if (!read) {
    parked.damage = std::move(read).error();
    return;
  }
  parked.bytes = parked_size(*read);
  if (read->file_id == commit_log_->file_id()) parked.up_to = read->up_to;
  for (ParkedEntries::One& one : read->entries) {
    replay.entries.push_back({one.entry, std::move(one.batches), kParkedPosition});
  }
  report_.replayed_entries += read->entries.size();
}

// The ring may hold what is parked too, when the process ended before the space was given up.
bool LogManager::is_parked(const TopicIdPartition& id, CommitLog::Position end) const {
  const auto parked = parked_.find(id);
  return parked != parked_.end() && end <= parked->second.up_to;
}

void LogManager::give_up_parked() {
  for (const auto& [id, parked] : parked_) commit_log_->clean(id, parked.up_to);
}

Task<void> LogManager::park_failures() {
  std::vector<TopicIdPartition> ids;
  for (const auto& [id, error] : failures_) ids.push_back(id);
  for (const TopicIdPartition& id : ids) co_await park(id);
}

// Where it cannot be done, the entries stay in the ring; relieve() tries again when that is in the way.
Task<void> LogManager::park(TopicIdPartition id) {
  const auto at = replays_.find(id);
  if (at == replays_.end() || !failures_.contains(id) || std::exchange(at->second.parking, true)) co_return;
  if (!worth_parking(id, at->second)) {
    replays_.erase(at);
    co_return;
  }
  const ParkedEntries entries = entries_to_park(at->second);
  const Status written = noticed(co_await context_.pool.run(Lane::background, context_.executor, [&] {
    return write_parked(context_.disk, parked_path(id), entries);
  }));
  if (written) parked_[id] = {.bytes = parked_size(entries), .up_to = entries.up_to, .damage = std::nullopt};
  const auto still = replays_.find(id);
  if (still == replays_.end()) {  // forgotten meanwhile
    co_await unpark(id);
  } else if (written) {
    replays_.erase(still);
    commit_log_->clean(id, entries.up_to);
    report_.notices.push_back("what the commit log holds for topic id " + id.topic_id.to_string() +
                              " partition " + std::to_string(id.partition) +
                              ", which cannot be opened, is kept in " + parked_path(id));
  } else {
    still->second.parking = false;
  }
}

// Not what is parked already, nor beside a file that is damaged.
bool LogManager::worth_parking(const TopicIdPartition& id, const Replay& replay) {
  const auto parked = parked_.find(id);
  if (replay.end == 0 || (parked != parked_.end() && parked->second.damage)) return false;
  const Status parkable = check_parkable(id, parked_size(entries_to_park(replay)));
  if (parkable) return true;
  report_.notices.push_back(parkable.error().message);
  // The next start reads it in the ring again; until then its log would lack it.
  if (Error& failure = failures_.at(id); passes(failure.code)) failure = parkable.error();
  return false;
}

ParkedEntries LogManager::entries_to_park(const Replay& replay) const {
  ParkedEntries parked{.file_id = commit_log_->file_id(), .up_to = replay.end, .entries = {}};
  for (const Replayed& replayed : replay.entries)
    parked.entries.push_back({replayed.entry, replayed.batches});
  return parked;
}

// All of them together are no larger than the ring, from which they come.
Status LogManager::check_parkable(const TopicIdPartition& id, std::uint64_t bytes) const {
  for (const auto& [other, parked] : parked_) bytes += other == id ? 0 : parked.bytes;
  if (bytes <= commit_log_->stats().capacity_bytes) return {};
  return fail(Errc::too_large, commit_log_name() + " has no room beside it for what it holds for topic id " +
                                   id.topic_id.to_string() + " partition " + std::to_string(id.partition) +
                                   ", which cannot be opened: it stays in the ring");
}

// The file goes before the log takes anything new: nothing old is ever applied on top of it.
Task<Status> LogManager::settle_parked(TopicIdPartition id) {
  if (!parked_.contains(id)) co_return Status();
  Status status = co_await find(id)->flush();
  if (status) status = co_await save_recovery_points();
  if (status) status = co_await unpark(id);
  if (!status) co_return co_await refuse(id, std::move(status).error());
  co_return status;
}

Task<Status> LogManager::unpark(TopicIdPartition id) {
  if (!parked_.contains(id)) co_return Status();
  Status gone = noticed(co_await context_.pool.run(Lane::background, context_.executor, [&]() -> Status {
    TRY(remove_if_there(context_.disk, parked_path(id)));
    return context_.disk.sync_directory(directory());
  }));
  if (gone) parked_.erase(id);
  co_return gone;
}

// What the commit log holds for the partition is not needed, and is not to come back at a replay.
Task<Status> LogManager::forget_replay(TopicIdPartition id) {
  replays_.erase(id);
  if (commit_log_->poisoned() == nullptr) {
    commit_log_->clean(id, commit_log_->end());  // may be what makes room for the removal
    removals_due_.insert(id);
    static_cast<void>(note_removal(id));
  }
  co_return co_await unpark(id);
}

// Errc::unavailable when the ring is full: it stays due.
Status LogManager::note_removal(const TopicIdPartition& id) {
  const CommitLog::Entry removal{
      .kind = CommitLog::Entry::Kind::remove, .topic_id = id.topic_id, .partition = id.partition};
  const auto noted = commit_log_->append(removal, nobody_);
  if (!noted) return fail(noted.error());
  commit_log_->clean(id, noted->end);
  removals_due_.erase(id);
  return {};
}

Task<Status> LogManager::note_due_removals() {
  const std::set<TopicIdPartition> due = removals_due_;
  for (const TopicIdPartition& id : due) {
    if (commit_log_->poisoned() == nullptr) static_cast<void>(note_removal(id));
  }
  co_return Status();
}

// Before anything new of the partition is appended, so that a replay tells the two apart.
Task<Status> LogManager::finish_removal(TopicIdPartition id) {
  while (removals_due_.contains(id)) {
    if (closing_) co_return fail(Errc::cancelled, directory() + " is being closed");
    if (offline_) co_return fail(*offline_);
    const Status noted = note_removal(id);
    if (!noted && noted.error().code != Errc::unavailable) co_return noted;
    if (!noted) co_await commit_log_->wait_for_space(context_.executor.now() + kSpaceCheck);
  }
  co_return Status();
}

}  // namespace moldau::storage
