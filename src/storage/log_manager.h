// LogManager: the logs of one shard in one data folder, with the commit log that they share. It finds the
// folders that are there, recovers them, replays the commit log into them, and afterwards does what logs need
// from time to time: flushing, retention, checkpoints. Lives on its shard.
//
// A node opens one manager per commit log of each data folder, as many as the folder was first used with
// (commit_log_count()), and spreads them over its shards: a partition never changes its commit log.
//
// In order: open() loads everything that is there, also what metadata may not know any more. Once metadata is
// known, reconcile() puts aside what is not hosted here (quarantine, not deletion), and find_or_create()
// opens what is missing. After close() of every manager of the folder has succeeded, the node calls
// DataDirectory::mark_clean().
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/random.h"
#include "record/codec.h"
#include "runtime/file_system.h"
#include "runtime/wait.h"
#include "storage/commit_log.h"
#include "storage/compaction.h"
#include "storage/data_directory.h"
#include "storage/log.h"
#include "storage/parked_entries.h"
#include "storage/partition_folders.h"
#include "storage/shared_checkpoint.h"

namespace moldau::storage {

// What a manager works with; outlives it.
struct LogManagerContext {
  runtime::Executor& executor;
  runtime::BlockingPool& pool;
  runtime::Disk& disk;
  runtime::WallClock& wall_clock;
  record::Codecs& codecs;
  Random& random;
  DataDirectory& directory;
  SharedCheckpoint& recovery_points;            // recovery-point-offset-checkpoint of the folder
  SharedCheckpoint& log_starts;                 // log-start-offset-checkpoint of the folder
  SharedCheckpoint* cleaner_offsets = nullptr;  // cleaner-offset-checkpoint; null: nothing is compacted
};

// The log cleaner of one manager: one log at a time, the dirtiest first (kafka-protocol.md 5.2).
struct CleanerOptions {
  bool enabled = true;                                   // log.cleaner.enable
  runtime::Duration backoff = std::chrono::seconds(15);  // log.cleaner.backoff.ms
  std::size_t dedupe_buffer_bytes = 128 << 20;           // this manager's part of it
  double load_factor = 0.9;                              // log.cleaner.io.buffer.load.factor
  std::size_t io_buffer_bytes = 512 << 10;               // log.cleaner.io.buffer.size
  double bytes_per_second = IoThrottle::kUnlimited;      // this manager's part
};

// What the cleaner has done since the start.
struct CleanerStats {
  std::uint64_t passes = 0;
  CleaningStats sum;
  double max_dirty_ratio = 0;   // when it last looked
  double max_map_fill = 0;      // of the last pass
  std::size_t uncleanable = 0;  // partitions
};

struct LogManagerOptions {
  unsigned commit_log_index = 0;
  CommitLogOptions commit_log;
  // Which partitions belong to this manager; empty: all of the folder.
  std::function<bool(const TopicIdPartition&)> owns;
  // Until find_or_create() brings the topic's own.
  LogConfig default_config;
  unsigned recovery_threads = 4;                                         // num.recovery.threads.per.data.dir
  runtime::Duration retention_check_interval = std::chrono::minutes(5);  // log.retention.check.interval.ms
  runtime::Duration recovery_point_interval =
      std::chrono::seconds(60);  // log.flush.offset.checkpoint.interval.ms
  runtime::Duration log_start_interval = std::chrono::seconds(60);
  // For flush.ms, and for logs at rest: what had no append between two checks is flushed, so that those who
  // read the segment files see recent records, and that the commit log keeps little of logs at rest.
  runtime::Duration flush_check_interval = std::chrono::seconds(1);
  std::size_t rest_flushes = 16;  // logs at rest that one check flushes; 0: none
  // So long an append may wait in the commit log alone, when nothing else asks for its flush.
  runtime::Duration flush_interval = std::chrono::seconds(60);
  std::int64_t tail_flush_bytes = 4 << 20;  // LogContext's
  // From so many logs on close() syncs the file system as a whole, where that can be done.
  std::size_t logs_closed_together = 64;
  std::size_t producers = ProducerBudget::kDefaultLimit;  // that all logs together know at most
  CleanerOptions cleaner;
};

// How many commit logs the folder has; 0: none yet. Blocks.
Result<unsigned> commit_log_count(runtime::Disk& disk, const std::string& data_folder);

class LogManager {
 public:
  // What open() found, for a log line and for metrics.
  struct LoadReport {
    std::size_t logs = 0;
    std::size_t replayed_entries = 0;
    std::size_t deletions_resumed = 0;
    // Things that a person should know: files put aside, checkpoints that were damaged and are rebuilt.
    std::vector<std::string> notices;
  };

  // Errc::corrupt when the commit log is damaged (names file and position). A partition that cannot be opened
  // does not fail it (failures()), nor one whose files the device cannot read (unreadable.h). Errc::mismatch
  // when the commit log has entries of partitions that `owns` says belong elsewhere.
  static runtime::Task<Result<std::unique_ptr<LogManager>>> open(LogManagerContext context,
                                                                 LogManagerOptions options);
  // REQUIRES: close() has ended.
  ~LogManager();
  LogManager(const LogManager&) = delete;
  LogManager& operator=(const LogManager&) = delete;

  // Null when it is not open here. Stays valid until remove(), reconcile() without it, or close().
  Log* find(const TopicIdPartition& id);
  std::vector<Log*> logs();
  // Partitions whose files could not be opened, and why; they stay as they are on disk. What the commit log
  // holds for them is parked in files of its own, until they can be opened (parked_entries.h).
  const std::map<TopicIdPartition, Error>& failures() const { return failures_; }

  // The log of this partition, opened or made with `config`; a log that is open is configured anew. A folder
  // of the same name with another topic id is put aside first, never adopted. Nothing is on disk before the
  // first record. One of the failures() is opened once more if its error is one that passes (passing.h).
  // Errc::io when the folder is offline; the partition's own error when it is among the failures().
  runtime::Task<Result<Log*>> find_or_create(TopicPartition partition, TopicId topic_id, LogConfig config);

  // Puts every partition aside (renames its folder to `…-stray`) that `hosted` does not name, and forgets
  // what the commit log holds for it. For when metadata is complete. What was put aside, in words.
  runtime::Task<Result<std::vector<std::string>>> reconcile(
      std::function<bool(const TopicIdPartition&)> hosted);

  // Deletes a partition, also one among the failures(): its folder is renamed at once and unlinked in the
  // background. Success when there is none. REQUIRES: nobody else uses its Log any more.
  runtime::Task<Status> remove(TopicIdPartition id);

  // Where retention and compaction must stop; without it, at the durable end of the log.
  void set_high_watermark(std::function<Offset(const TopicIdPartition&)> high_watermark) {
    high_watermark_ = std::move(high_watermark);
  }

  // Flushes every log that has something in memory.
  runtime::Task<Status> flush_all();
  runtime::Task<Status> run_retention();
  // Compacts until nothing is due any more. What fails is left for later, or out until the next start
  // (uncleanable()).
  runtime::Task<Status> compact_logs();
  const CleanerStats& cleaner_stats() const { return cleaner_stats_; }
  // From now on, `enabled` as it was; a compaction that is under way keeps its memory.
  void set_cleaner(const CleanerOptions& options);
  // To be awaited when the config of a log has become that of a compacted one (Log::configure()): a start
  // must know that it may miss offsets before it does. What cannot be saved is saved before it is compacted.
  runtime::Task<void> remember_compacted();
  // Partitions whose files compaction could not read, and why.
  const std::map<TopicIdPartition, Error>& uncleanable() const { return uncleanable_; }
  // The checkpoint files.
  runtime::Task<Status> save_checkpoints();

  // The first failed write or sync of the device, or null. From then on nothing is opened or checkpointed
  // here, and the logs take no appends that would need the device; the folder works again after a restart.
  const Error* offline() const { return offline_ ? &*offline_ : nullptr; }
  // Called once, from the loop.
  void on_offline(std::function<void(const Error&)> callback);

  // Flushes and closes every log, writes the checkpoints and closes the commit log. Success means that the
  // folder may be marked clean, as far as this manager goes. REQUIRES: nobody else uses its Logs any more.
  runtime::Task<Status> close();

  CommitLog& commit_log() { return *commit_log_; }
  const LoadReport& load_report() const { return report_; }
  const std::string& directory() const { return context_.directory.path(); }

 private:
  struct Replayed {
    CommitLog::Entry entry;
    Slice batches;
    CommitLog::Position end;
  };
  // What the commit log holds for one partition since it was last removed.
  struct Replay {
    std::vector<Replayed> entries;
    bool removed = false;  // and nothing came after
    bool parking = false;
    CommitLog::Position end = 0;  // 0: the ring has nothing
  };
  // A file of parked entries.
  struct Parked {
    std::uint64_t bytes = 0;
    CommitLog::Position up_to = 0;  // of this commit log; 0 when the file comes from another one
    std::optional<Error> damage;
  };
  // Of a parked entry, which needs no space of the ring.
  static constexpr CommitLog::Position kParkedPosition = 0;
  // Notes removals for which there is no Log.
  struct Nobody final : CommitLog::Participant {
    void on_durable(CommitLog::Position) override {}
    void on_poisoned(const Error&) override {}
  };
  struct Hosted {
    Hosted(std::unique_ptr<Log> opened, runtime::Executor& executor)
        : log(std::move(opened)), users(executor) {}
    std::unique_ptr<Log> log;
    runtime::Gate users;  // the manager's own work on it
    Offset end_at_check = kNoOffset;
  };
  using Logs = std::unordered_map<TopicIdPartition, std::shared_ptr<Hosted>>;

  LogManager(LogManagerContext context, LogManagerOptions options);

  // log_manager_load.cc
  runtime::Task<Status> load();
  runtime::Task<Status> replay_commit_log();
  Status collect(const CommitLog::Entry& entry, const Slice& batches, CommitLog::Position end);
  runtime::Task<Status> load_folders(std::vector<PartitionFolder> folders);
  runtime::Task<void> load_folder(PartitionFolder folder);
  runtime::Task<Status> open_again(TopicPartition partition, TopicIdPartition id);
  runtime::Task<Status> settle_unnamed(const PartitionFolder& folder);
  runtime::Task<Status> give_up_removed();
  runtime::Task<Status> put_aside(TopicPartition partition, std::string why);
  runtime::Task<Status> put_away(TopicPartition partition);
  runtime::Task<Result<std::unique_ptr<Log>>> open_log(LogIdentity identity, LogConfig config,
                                                       LogOpenOptions how);
  LogOpenOptions known_of(const LogIdentity& identity) const;
  Offset flushed_below(const TopicIdPartition& id) const;
  runtime::Task<Status> replay_into(Log& log);
  void unlink_in_background(std::string name);
  runtime::Task<void> unlink(std::string name);
  LogIdentity identity_of(const TopicPartition& partition, TopicId topic_id) const;

  // log_manager_parked.cc
  std::string parked_path(const TopicIdPartition& id) const;
  runtime::Task<Status> load_parked();
  runtime::Task<Status> read_parked_of(TopicIdPartition id);
  void adopt_parked(const TopicIdPartition& id, Result<ParkedEntries> read);
  bool is_parked(const TopicIdPartition& id, CommitLog::Position end) const;
  void give_up_parked();
  runtime::Task<void> park_failures();
  runtime::Task<void> park(TopicIdPartition id);
  bool worth_parking(const TopicIdPartition& id, const Replay& replay);
  ParkedEntries entries_to_park(const Replay& replay) const;
  Status check_parkable(const TopicIdPartition& id, std::uint64_t bytes) const;
  runtime::Task<Status> settle_parked(TopicIdPartition id);
  runtime::Task<Status> unpark(TopicIdPartition id);
  runtime::Task<Status> forget_replay(TopicIdPartition id);
  Status note_removal(const TopicIdPartition& id);
  runtime::Task<Status> note_due_removals();
  runtime::Task<Status> finish_removal(TopicIdPartition id);

  // log_manager.cc
  std::string commit_log_name() const;
  void host(std::unique_ptr<Log> log);
  runtime::Task<Result<Log*>> create(TopicPartition partition, TopicId topic_id, LogConfig config);
  runtime::Task<std::unexpected<Error>> refuse(TopicIdPartition id, Error error);
  runtime::Task<Status> make_name_free(const TopicPartition& partition);
  runtime::Task<std::shared_ptr<Hosted>> take(TopicIdPartition id);
  runtime::Task<Status> quarantine(TopicIdPartition id, std::string why);
  void forget_checkpoints(const TopicPartition& partition);
  void note_failure(const TopicPartition& partition, const TopicIdPartition& id, Error error);
  runtime::Task<Status> remove_log(Hosted& hosted);
  runtime::Task<Status> delete_files(TopicPartition partition);
  runtime::Task<void> close_log(Hosted& hosted, Status& failure);

  // log_manager_compact.cc
  runtime::Task<std::vector<TopicIdPartition>> find_due(const std::set<TopicIdPartition>& left_out);
  runtime::Task<Result<CleanableRange>> cleanable(TopicIdPartition id);
  runtime::Task<Status> compact_log(TopicIdPartition id);
  Offset stable_end(const TopicIdPartition& id, Log& log) const;
  OffsetCheckpoint cleaner_offsets() const;
  runtime::Task<Status> save_cleaner_offsets();
  bool is_remembered(const Log& log) const;
  runtime::Task<void> clean_from_time_to_time();

  // log_manager_close.cc
  runtime::Task<void> open_file_system();
  runtime::Task<Status> close_logs();
  runtime::Task<Status> close_together(std::vector<Log*> logs);
  runtime::Task<Status> sync_file_system();
  runtime::Task<void> at_once(const std::vector<Log*>& logs, std::function<runtime::Task<void>(Log&)> step);
  runtime::Task<void> take_step(Log& log, const std::function<runtime::Task<void>(Log&)>& step);

  // log_manager_periodic.cc
  void start_periodic_work();
  void every(runtime::Duration interval, runtime::Task<Status> (LogManager::*work)());
  runtime::Task<void> repeat(runtime::Duration interval, runtime::Task<Status> (LogManager::*work)());
  runtime::Task<void> watch_commit_log();
  runtime::Task<Status> flush_due();
  static bool at_rest(Hosted& hosted);
  runtime::Task<Status> save_recovery_points();
  runtime::Task<Status> save_log_starts();
  runtime::Task<void> relieve(std::vector<TopicIdPartition> partitions);
  runtime::Task<Status> flush_logs(std::vector<TopicIdPartition> ids);
  runtime::Task<void> flush_log(TopicIdPartition id, Status& failure);
  OffsetCheckpoint recovery_points() const;
  OffsetCheckpoint log_starts() const;
  void keep_failed(const SharedCheckpoint& checkpoint, OffsetCheckpoint& offsets) const;
  runtime::Task<void> claim(SharedCheckpoint& checkpoint, OffsetCheckpoint offsets);
  runtime::Task<Status> save(SharedCheckpoint& checkpoint, OffsetCheckpoint offsets);
  Status noticed(Status status);  // goes offline when it says that the device failed

  LogManagerContext context_;
  LogManagerOptions options_;
  std::unique_ptr<runtime::FileSystem> file_system_;  // null: it can only be synced file by file
  std::unique_ptr<CommitLog> commit_log_;
  ProducerBudget producer_budget_;
  LogContext log_context_;
  Logs logs_;
  std::map<TopicPartition, TopicIdPartition> names_;  // of logs_ and of failures_
  std::map<TopicIdPartition, Error> failures_;
  std::map<TopicIdPartition, Replay> replays_;  // not yet applied: their names are not known
  std::map<TopicIdPartition, Parked> parked_;   // whose files are there
  // Their removals found the commit log full. Nothing of them is opened before they are noted.
  std::set<TopicIdPartition> removals_due_;
  // The checkpoint files may still have entries under these names of logs that are gone.
  std::set<TopicPartition> stale_names_;
  std::set<TopicPartition> gone_names_;         // those that this manager takes out at the next save
  std::set<TopicIdPartition> known_compacted_;  // the checkpoint file says that they are
  std::map<TopicIdPartition, Error> uncleanable_;
  record::Codecs cleaner_codecs_;
  CompactionTools cleaner_;
  CleanerStats cleaner_stats_;
  Nobody nobody_;
  std::function<Offset(const TopicIdPartition&)> high_watermark_;
  LoadReport report_;
  std::vector<TopicIdPartition> replayed_;  // while loading
  bool adopted_ = false;                    // a log that no checkpoint knew was opened

  std::optional<Error> offline_;
  std::function<void(const Error&)> on_offline_;
  bool loaded_ = false;
  bool closing_ = false;
  bool closed_ = false;
  runtime::Gate watch_;  // watch_commit_log(), which ends with the commit log
  runtime::Gate gate_;   // periodic and background work
  runtime::Signal stop_;
  // Calls of save_recovery_points(): how many there were, and up to which of them what they asked for is
  // saved.
  struct {
    std::uint64_t requested = 0;
    std::uint64_t saved = 0;
    bool saving = false;
    runtime::Signal ended;
  } recovery_points_;
  runtime::Semaphore changes_;  // one opening, removal or reconciliation at a time
  runtime::Semaphore recoveries_;
  runtime::Semaphore flushes_;
};

}  // namespace moldau::storage
