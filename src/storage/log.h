// Log: one replica of one partition, in Kafka's files (kafka-protocol.md 3.4). It lives on one shard and in
// one data folder. Nothing is on disk before the first record.
//
// Durability::synced: a batch goes to the commit log and stays in memory (the tail) until flush() has put it
// into its segment; the shard never touches a file to append. Durability::page_cache: it is written to the
// active segment at once. Either way durable_end_offset() says how far acknowledgements may go.
//
// Segments start where the one before ends, and are never changed but by appending and truncating; compaction
// puts others in their place. Changes of the set of files (flush, truncation, retention, the end of a
// compaction, close, remove) run one after another; appends and reads run beside flushes, retention and
// compaction, reads also beside truncation. A failed write or sync of what had been
// appended poisons the log: reads go on, appends fail until it is opened again.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/ids.h"
#include "base/random.h"
#include "record/codec.h"
#include "record/control.h"
#include "runtime/disk.h"
#include "runtime/executor.h"
#include "runtime/pool.h"
#include "runtime/wait.h"
#include "storage/cleaner_plan.h"
#include "storage/commit_log.h"
#include "storage/compaction.h"
#include "storage/flush_job.h"
#include "storage/leader_epoch_cache.h"
#include "storage/log_config.h"
#include "storage/log_error.h"
#include "storage/log_loader.h"
#include "storage/producer_budget.h"
#include "storage/producer_state.h"
#include "storage/replay_queue.h"
#include "storage/segment.h"
#include "storage/tail.h"

namespace moldau::storage {

// What all logs of one shard and data folder share. Outlives them.
struct LogContext {
  runtime::Executor& executor;
  runtime::BlockingPool& pool;
  runtime::Disk& disk;
  CommitLog* commit_log = nullptr;  // null: every log behaves as with Durability::page_cache
  record::Codecs& codecs;
  Random& random;
  ProducerBudget* producer_budget = nullptr;  // null: each log knows as many producers as come
  // A log starts flush() by itself when so much waits in memory. In between its owner calls flush().
  std::int64_t tail_flush_bytes = 4 << 20;
  // Writes recovery-point-offset-checkpoint, with recovery_point() of every log of the folder, before a flush
  // gives space of the commit log back: what was flushed is then never mistaken for a torn tail. Calls that
  // come together may share one write. Null: nothing is written.
  std::function<runtime::Task<Status>()> save_recovery_points = {};
  // Writes cleaner-offset-checkpoint, with first_dirty() of every log of the folder, before a log is cut
  // below its own. Null: nothing is written.
  std::function<runtime::Task<Status>()> save_cleaner_offsets = {};
};

struct LogIdentity {
  std::string directory;  // absolute, `<data folder>/<topic>-<partition>`
  TopicPartition topic_partition;
  TopicId topic_id;
  TopicIdPartition id() const { return {topic_id, topic_partition.partition}; }
};

struct LogOpenOptions {
  Offset recovery_point = 0;  // from recovery-point-offset-checkpoint: everything below is synced in segments
  Offset log_start_offset = 0;  // from log-start-offset-checkpoint
  bool clean_shutdown = false;  // the data folder has the marker: files end where they should
  // The commit log holds entries of this log that are replayed next: what they bring needs no explanation
  // when it is damaged in the segments.
  bool refilled = true;
  // From cleaner-offset-checkpoint. A log that has it is or was compacted: offsets may be missing between its
  // batches.
  std::optional<Offset> first_dirty = {};
  // Nothing is known of it, as of a folder that was copied here: offsets may be missing between its batches.
  bool foreign = false;
  // The config is not the topic's own: whether what is missing between segments is damage is found out by who
  // knows it, from missing().
  bool config_follows = false;
  TimestampMs now_ms = 0;
};

enum class AppendOrigin : std::uint8_t {
  client,       // validated in full, producer sequences checked
  coordinator,  // the broker's own records: producer epochs checked; control batches allowed
  raft_leader,  // the metadata log's own records: only the form is checked
};

struct AppendOptions {
  LeaderEpoch leader_epoch = 0;
  TimestampMs now_ms = 0;
  std::int16_t produce_version = 13;
  AppendOrigin origin = AppendOrigin::client;
  std::int16_t transaction_version = 0;  // of a marker
};

struct AppendInfo {
  Offset first_offset = kNoOffset;
  Offset last_offset = kNoOffset;
  TimestampMs log_append_time = kNoTimestamp;  // kNoTimestamp: the topic keeps create times
  Offset log_start_offset = kNoOffset;
  TimestampMs max_timestamp = kNoTimestamp;
  std::int32_t record_count = 0;
  std::size_t size_bytes = 0;
  bool duplicate = false;  // was in the log before: nothing was appended, the offsets are the original's
};

struct ReadResult {
  SliceList batches;                // whole batches
  Offset first_offset = kNoOffset;  // base offset of the first batch; kNoOffset: none
  Offset next_offset = kNoOffset;   // after the last batch, or where the read began
};

struct TimestampOffset {
  TimestampMs timestamp = kNoTimestamp;
  Offset offset = kNoOffset;
  LeaderEpoch leader_epoch = kNoEpoch;
  friend bool operator==(const TimestampOffset&, const TimestampOffset&) = default;
};

struct AbortedProducer {
  ProducerId producer_id = kNoProducerId;
  Offset first_offset = kNoOffset;
  friend bool operator==(const AbortedProducer&, const AbortedProducer&) = default;
};

class Log final : public CommitLog::Participant, public ProducerBudget::Holder {
 public:
  // Opens what is there, or an empty log without files. Recovers first unless the shutdown was clean: checks
  // every batch from the recovery point on, cuts a torn tail, rebuilds what is missing beside the segments.
  // Errc::corrupt, naming file and position: damage in what had been synced, or with whole batches after it;
  // or the device cannot read it.
  // Errc::mismatch: the folder belongs to another topic id. After open(), before anything else, its owner
  // replays the commit log's entries of this partition, oldest first, then calls finish_replay().
  static runtime::Task<Result<std::unique_ptr<Log>>> open(LogContext& context, LogIdentity identity,
                                                          LogConfig config, LogOpenOptions options);
  // REQUIRES: close() or remove() has ended, or nothing of this log is under way (as after a crash).
  ~Log();
  Log(const Log&) = delete;
  Log& operator=(const Log&) = delete;

  // One entry of this partition; nothing is changed yet. `batches` keeps entry.batches alive. An append
  // without batches is a note of the log's own: what came before it is in the segments.
  runtime::Task<Status> replay_entry(CommitLog::Entry entry, Slice batches, CommitLog::Position end);
  // Applies the entries; what the log has already is skipped. Errc::corrupt when records between the log's
  // end and an entry are missing, or when the log ends below its recovery point.
  runtime::Task<Status> finish_replay();

  // Appends one batch as the leader, without waiting. Offsets and leader epoch are set here. The answer may
  // leave once durable_end_offset() (and for acks=all the high watermark) is above last_offset.
  // REQUIRES: leader_epoch >= latest_epoch().
  LogResult<AppendInfo> append_as_leader(const Slice& batch, const AppendOptions& options);
  // Appends what a leader sent, with its offsets and epochs; a cut-off batch at the end is left out. Batches
  // below the end are skipped. A batch of an epoch above `max_epoch`, that in which it was fetched, is left
  // out with all that follow: a later leader wrote it, to whose log this one was not compared yet
  // (KAFKA-18723). Errors leave what came before appended.
  LogResult<AppendInfo> append_as_follower(const Slice& batches, TimestampMs now_ms,
                                           LeaderEpoch max_epoch = std::numeric_limits<LeaderEpoch>::max());
  // Notes that `epoch` begins at the end of the log; at promotion, before the first append.
  void assign_epoch_start(LeaderEpoch epoch);

  // Whole batches from the one that contains `from` on, up to `max_bytes`, all of them below `visible_end`;
  // with `at_least_one_batch` the first may be larger. Empty when nothing is visible. Any number at a time.
  // offset_out_of_range: `from` is below the log start or above the end. corrupt_message: the bytes on disk
  // are damaged. What it answers stays valid whatever happens to the log.
  runtime::Task<LogResult<ReadResult>> read(Offset from, std::size_t max_bytes, Offset visible_end,
                                            bool at_least_one_batch);

  // The end of the log, and the end of what may be acknowledged. Both fall at truncations only; closed by
  // close(), remove() and, the second, by a failure of the device.
  runtime::Watermark& end_offset() { return end_offset_; }
  runtime::Watermark& durable_end_offset() { return durable_end_offset_; }
  // Called whenever the second has risen or was closed, on the spot: what follows from it costs no turn of
  // the loop. It must not change the log. Empty: nobody is told.
  void on_durable_end(std::function<void()> callback) { on_durable_end_ = std::move(callback); }
  Offset log_start_offset() const { return log_start_offset_; }
  Offset recovery_point() const { return recovery_point_; }
  LeaderEpoch latest_epoch() const { return epochs_.latest(); }
  LeaderEpochCache::EpochEnd offset_for_leader_epoch(LeaderEpoch requested) const;
  const LeaderEpochCache& epochs() const { return epochs_; }
  std::int64_t size_bytes() const;
  std::size_t segment_count() const { return segments_.size(); }
  // Of the tail alone: what no segment file has yet.
  std::int64_t tail_bytes() const { return tail_.size_bytes(); }
  std::int64_t unflushed_bytes() const { return tail_.size_bytes() + unsynced_bytes_; }
  const LogIdentity& identity() const { return identity_; }
  const LogConfig& config() const { return config_; }
  void configure(LogConfig config);
  // With LogOpenOptions::config_follows: records that only compaction may have taken, or null.
  const Error* missing() const { return missing_ ? &*missing_ : nullptr; }
  // Null unless a write or sync has failed since open().
  const Error* poisoned() const { return poison_ ? &*poison_ : nullptr; }

  // First record with a timestamp >= `timestamp` at or above the log start; empty when there is none.
  runtime::Task<LogResult<std::optional<TimestampOffset>>> offset_for_timestamp(TimestampMs timestamp);
  // First of the records with the highest timestamp; empty in an empty log.
  runtime::Task<LogResult<std::optional<TimestampOffset>>> offset_of_max_timestamp();

  // What read_committed sees ends here: min(high watermark, first offset of an open transaction).
  Offset last_stable_offset(Offset high_watermark);
  // The aborted transactions that overlap [first, end), by first offset.
  runtime::Task<LogResult<std::vector<AbortedProducer>>> aborted_transactions(Offset first, Offset end);
  // For DescribeProducers.
  const ProducerStateTable& producers() const { return producers_; }

  // Cuts the log so that it ends at `offset`, or at the start of the batch that contains it. No effect at or
  // above the end. The caller appends nothing meanwhile. Durable when it returns.
  runtime::Task<Status> truncate_to(Offset offset);
  // Drops everything; the next record gets `offset`.
  runtime::Task<Status> truncate_fully_and_start_at(Offset offset);
  // DeleteRecords and what a follower learns: only forward, at most to the end. Files go with
  // run_retention().
  LogResult<void> set_log_start_offset(Offset offset);

  // Puts everything durable that is in memory into the segments and syncs them, with their indexes; then the
  // commit log may reuse the space. A full disk leaves everything as it was (Errc::no_space).
  runtime::Task<Status> flush();
  // flush.ms has passed since the oldest unflushed append.
  bool flush_due(TimestampMs now_ms) const;
  // Drops whole segments by time, size and log start offset, never above the high watermark, and forgets idle
  // producers. The number of segments dropped.
  runtime::Task<Result<std::size_t>> run_retention(TimestampMs now_ms, Offset high_watermark);
  // Below it every key has one record; for cleaner-offset-checkpoint. Empty unless the topic is or was
  // compacted.
  std::optional<Offset> first_dirty() const { return first_dirty_; }
  // What compaction may do now. Nothing (dirty_bytes 0) unless the topic is compacted. Errc::corrupt.
  runtime::Task<Result<CleanableRange>> cleanable(Offset high_watermark, TimestampMs now_ms);
  // Compacts [first segment, range.end) by what is in [range.first_dirty, range.end), or in as much of it as
  // the map holds. Everything else goes on meanwhile; it ends early, with Errc::cancelled, when the log is
  // closed, removed or truncated, when retention comes first, or `tools.stop` says so. What was swapped in
  // until then stays. Errc::corrupt: of the log's files; Errc::no_space. REQUIRES: one at a time.
  runtime::Task<Result<CompactionReport>> compact(CleanableRange range, CompactionTools& tools,
                                                  TimestampMs now_ms);
  // Starts a new segment; without effect when the active one is empty.
  Status roll(TimestampMs now_ms);
  // Flushes, writes a producer snapshot; after it the log can be opened as after a clean shutdown.
  runtime::Task<Status> close();
  // The same for many logs at once, with their syncs left to the owner, who takes all of them through each
  // step before the next: write_closing(); the file system is synced; name_closing(); it is synced again;
  // settle_closing() with what became of the syncs, the first that failed; the recovery points are saved;
  // end_closing() with what became of that, whose answer is close()'s.
  runtime::Task<void> write_closing();
  runtime::Task<void> name_closing();
  void settle_closing(const Status& synced);
  runtime::Task<Status> end_closing(Status saved);
  // Deletes the log: notes it in the commit log, renames the folder to `<name>.<uuid>-delete`, then unlinks
  // in the background.
  runtime::Task<Status> remove();

 private:
  static constexpr std::size_t kForgottenShare = 4;
  using Pass = runtime::Gate::Pass;
  // A place in a file where reading may go on.
  struct Cursor {
    SegmentPtr segment;
    std::int64_t position = 0;
    std::size_t whole_size = 0;  // of the batch there, when it is known to be large
  };
  // Patched header of a batch, and the batch as it came.
  struct Batch {
    std::array<std::byte, record::kHeaderSize> header;
    Slice bytes;
    record::HeaderView view() const { return record::HeaderView::trusted(header); }
  };
  struct FlushPlan {
    FlushJob job;
    std::vector<SegmentPtr> segments;  // those of the job
    std::size_t tail_batches = 0;
    Offset end_offset = 0;  // everything below is synced by it
    CommitLog::Position clean_up_to = 0;
    std::size_t snapshots = 0;
  };

  struct Closing {
    FlushPlan plan;
    Status status;
  };

  Log(LogContext& context, LogIdentity identity, LogConfig config, LoadedLog loaded);

  // log.cc
  Status check_usable() const;
  Segment& active() { return *segments_.back(); }
  std::size_t segment_index(Offset offset) const;
  bool wants_sync() const { return config_.durability == Durability::synced; }
  bool buffers();
  void poison(const Error& error);
  void durable_up_to(Offset offset);
  void close_durable_end();
  runtime::Task<Status> replay(ReplayQueue::Operation operation);
  Status replay_append(const ReplayQueue::Operation& operation);
  Status missing_before(Offset offset) const;
  runtime::Task<void> flush_in_background();
  void start_flush();

  // log_append.cc
  LogResult<record::ValidatedBatch> validate(const Slice& batch, const AppendOptions& options) const;
  LogResult<const AppendedBatch*> check_producer(const record::BatchView& batch,
                                                 const AppendOptions& options) const;
  AppendInfo info_of(const Batch& batch) const;
  AppendInfo info_of(const AppendedBatch& original, const record::ValidatedBatch& repeated) const;
  Batch stamp(const Slice& bytes, LeaderEpoch epoch) const;
  LogResult<void> place(const Batch& batch, TimestampMs now_ms);
  bool should_roll(const record::HeaderView& batch, TimestampMs now_ms);
  void make_place(const Batch& batch, TimestampMs now_ms);
  void roll_to(Offset base_offset, TimestampMs now_ms);
  void add_segment(Offset base_offset, TimestampMs now_ms);
  Error commit_log_error(Error error) const;
  Status buffer(const Batch& batch);
  Status write(const Batch& batch);
  Status ensure_file(Segment& segment);
  void note(const Batch& batch);
  void note_unflushed(const Batch& batch, TimestampMs now_ms);
  std::size_t producer_count() const override { return producers_.producers().size(); }
  void forget_silent_producers() override { producers_.forget_silent(kForgottenShare); }
  void on_durable(CommitLog::Position up_to) override;
  void on_poisoned(const Error& error) override;

  // log_read.cc
  LogResult<void> check_offset(Offset from) const;
  runtime::Task<LogResult<ReadResult>> read_from(Offset from, std::size_t max_bytes, Offset visible_end,
                                                 bool at_least_one_batch);
  void read_tail(ReadResult& result, std::size_t max_bytes, Offset end, bool at_least_one_batch) const;
  runtime::Task<LogResult<bool>> read_file(ReadResult& result, Cursor& cursor, std::size_t max_bytes,
                                           Offset end, bool at_least_one_batch);
  runtime::Task<LogResult<void>> find(Cursor& cursor, Offset offset);
  bool move_to_next_segment(Cursor& cursor) const;
  std::size_t skip_allowance(const Segment& segment) const;
  std::string segment_name(const Segment& segment) const;
  runtime::Task<Result<std::shared_ptr<runtime::File>>> file_of(SegmentPtr segment);
  runtime::Task<Status> load(SegmentPtr segment);
  static void thin(Segment& segment);

  // log_lookup.cc
  runtime::Task<LogResult<std::optional<TimestampOffset>>> find_timestamp(TimestampMs timestamp, Offset from,
                                                                          Offset to);
  Result<std::optional<TimestampOffset>> find_in(const Slice& batches, TimestampMs timestamp) const;
  Result<std::optional<TimestampOffset>> find_in(const record::BatchView& batch, TimestampMs timestamp) const;
  runtime::Task<LogResult<TimestampMs>> highest_timestamp(Offset from, Offset to);
  Status raise_to_highest(TimestampMs& highest, const Slice& batches) const;
  Offset end_of(const SegmentPtr& segment) const;

  // log_flush.cc
  FlushPlan plan_flush(bool closing);
  bool needs_flush(const Segment& segment, std::int64_t file_bytes_after, bool closing) const;
  SegmentFlush plan_segment(const Segment& segment, SliceList batches, Offset flushed_end, bool closing);
  void plan_companions(FlushPlan& plan, bool closing);
  void apply(FlushPlan& plan);
  static void apply(const SegmentFlush& flush, Segment& segment, Offset flushed_end);
  runtime::Task<Status> flush_locked(bool closing);
  bool nothing_says_where_it_starts() const;
  runtime::Task<Status> name_start();
  runtime::Task<Status> give_back(CommitLog::Position up_to);

  // log_close.cc
  runtime::Task<void> wait_until_durable();
  runtime::Task<Status> write_unsynced();
  runtime::Task<void> let_go();
  void leave_commit_log();
  runtime::Task<Status> note_removal();
  runtime::Task<Status> commit(CommitLog::Entry entry);

  // log_truncate.cc
  runtime::Task<Status> note_truncation(Offset offset);
  runtime::Task<Status> note_settled();
  runtime::Task<Status> lower_recovery_point(Offset offset);
  runtime::Task<Status> lower_first_dirty(Offset offset);
  runtime::Task<Status> cut(Offset offset);
  runtime::Task<Status> cut_segment(Offset offset);
  runtime::Task<std::vector<AbortedTransaction>> aborted_in(SegmentPtr segment);
  runtime::Task<Status> start_at(Offset offset);
  runtime::Task<FlushOutcome> flush_empty();
  runtime::Task<Status> rebuild_producers();
  runtime::Task<std::pair<Offset, ProducerStateTable>> newest_snapshot();
  void note_producers(const Slice& batches);
  runtime::Task<Status> drop_files(std::vector<SegmentPtr> dropped, Offset snapshots_above);
  void ended_at(Offset offset);

  // log_compact.cc
  struct Compaction;
  static bool is_cleanable(const Segment& segment);
  runtime::Task<Result<TimestampMs>> first_timestamp(SegmentPtr segment);
  Status check_compacting(const Compaction& compaction) const;
  runtime::Task<Status> in_slices(Compaction& compaction, std::function<Result<bool>(std::int64_t)> step);
  CleaningTools cleaning_tools(const Compaction& compaction) const;
  std::vector<SegmentPtr> cleanable_segments(const Compaction& compaction, Offset end) const;
  std::vector<SegmentSource> sources_of(const std::vector<SegmentPtr>& segments) const;
  runtime::Task<Status> map_keys(Compaction& compaction, CleanableRange range);
  runtime::Task<Status> clean_segments(Compaction& compaction);
  runtime::Task<Status> clean_group(Compaction& compaction, const std::vector<SegmentPtr>& old,
                                    GroupPass& pass);
  runtime::Task<Status> swap_in(Compaction& compaction, const std::vector<SegmentPtr>& old,
                                const std::vector<std::shared_ptr<runtime::File>>& files,
                                CleanedSegment cleaned);
  void replace(const std::vector<SegmentPtr>& old, CleanedSegment cleaned);

  // retention.cc
  runtime::Task<Result<std::size_t>> count_expired(TimestampMs now_ms, Offset high_watermark);
  runtime::Task<Result<std::size_t>> drop_expired(TimestampMs now_ms, Offset high_watermark);
  bool expired(const Segment& segment, TimestampMs now_ms, std::int64_t size_bytes_left) const;
  runtime::Task<Status> mark_deleted(std::vector<SegmentPtr> dropped, Offset first_offset);
  void close_idle_files();

  LogContext& context_;
  LogIdentity identity_;
  LogConfig config_;
  runtime::Watermark end_offset_;
  runtime::Watermark durable_end_offset_;
  std::function<void()> on_durable_end_;
  Offset log_start_offset_;
  Offset recovery_point_;
  LeaderEpochCache epochs_;
  ProducerStateTable producers_;
  std::vector<SegmentPtr> segments_;  // by base offset; the last one is active; none before the first record
  Tail tail_;
  CommitLog::Position commit_end_ = 0;  // of the newest entry in the commit log
  CommitLog::Position given_back_ = 0;  // what clean() was told
  std::int64_t unsynced_bytes_ = 0;     // written to segments by appends, and not synced
  std::int64_t unflushed_messages_ = 0;
  TimestampMs unflushed_since_ms_ = kNoTimestamp;
  std::vector<std::pair<Offset, Slice>> pending_snapshots_;  // taken at rolls, not yet on disk
  std::vector<Offset> snapshots_;                            // on disk
  bool epochs_dirty_ = false;
  bool directory_dirty_ = false;  // files were created in it since its last sync
  bool partition_metadata_written_ = false;
  std::unique_ptr<ReplayQueue> replay_;  // until finish_replay()
  bool replaying_ = true;
  bool ends_below_recovery_point_ = false;
  std::optional<Error> missing_;
  std::unique_ptr<Closing> closing_;  // between write_closing() and end_closing()
  bool flush_scheduled_ = false;
  bool closed_ = false;
  bool removed_ = false;  // the folder may have been renamed: what waited for changes_ does nothing
  unsigned truncating_ = 0;
  // How many there were, compacted segments counted in: readers that waited look again.
  std::uint64_t truncations_ = 0;
  std::optional<Offset> first_dirty_;
  std::optional<Error> poison_;
  runtime::Semaphore changes_;  // one change of the set of files at a time
  runtime::Gate gate_;
};

}  // namespace moldau::storage
