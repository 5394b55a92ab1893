// The inside of CommitLog: rounds, space and what ends them. Included by its own .cc files only.
#pragma once

#include <deque>
#include <memory>
#include <optional>
#include <vector>

#include "storage/commit_log.h"
#include "storage/commit_log_reader.h"
#include "storage/commit_log_ring.h"
#include "storage/dirty_partitions.h"
#include "storage/first_lap.h"
#include "storage/record_builder.h"

namespace moldau::storage {

class CommitLog::Impl : public std::enable_shared_from_this<CommitLog::Impl> {
 public:
  Impl(runtime::Executor& executor, runtime::BlockingPool& pool, std::shared_ptr<CommitLogRing> ring,
       std::shared_ptr<FirstLap> first_lap, commit_format::FileHeader header, CommitLogOptions options);
  ~Impl();

  void start();  // once it is owned by a shared_ptr

  runtime::Task<Status> replay(const Visit& visit);
  Result<Appended> append(const Entry& entry, Participant& participant);
  Position end() const { return builder_.open() ? builder_.end_with(0) : next_; }
  void clean(const TopicIdPartition& partition, Position up_to);
  void leave(Participant& participant);
  runtime::Task<void> wait_for_space(runtime::MonotonicTime deadline);
  runtime::Task<Status> close();
  std::size_t max_batches_bytes() const;
  std::uint64_t file_id() const { return header_.file_id; }
  Stats stats() const;

  runtime::Watermark& durable() { return durable_; }
  const Error* poisoned() const { return poison_ ? &*poison_ : nullptr; }
  void on_pressure(std::function<void(std::vector<TopicIdPartition>)> callback) {
    pressure_ = std::move(callback);
  }

 private:
  // What one round writes and syncs; the pool's while it runs.
  struct Round {
    std::uint64_t number = 0;
    std::vector<SealedRecord> records;
    std::optional<commit_format::FileHeader> header;
    runtime::MonotonicTime began;
    Status status;
  };

  // Replay.
  runtime::Task<Status> replay_record(const Visit& visit, const commit_format::RecordHeader& header,
                                      const Slice& body);
  void keep_unproven(const CommitLogReader::Record& record);
  runtime::Task<Status> rewrite_unproven();
  runtime::Task<Status> begin_session(std::uint32_t session);
  // Append.
  Status admit(const Entry& entry) const;
  Status make_room(std::size_t entry_bytes);
  Status refuse_full();
  void enlist(Participant& participant);
  void seal();
  // Rounds.
  void schedule();
  void start_round();
  std::vector<SealedRecord> take_records();
  void submit_round();
  static Status run_round(CommitLogRing& ring, Round& round);
  void round_ended();
  void tell_durable(const Round& round);
  void poison(Error error);
  void abandon();
  void tell_poisoned(Round& round);
  // Space.
  Position needed_from();  // start of the oldest record that anybody needs, or that is not synced
  bool header_is_due();
  commit_format::FileHeader next_header(bool closed);
  std::uint64_t used() const { return static_cast<std::uint64_t>(end() - reusable_from_); }
  void press_if_half_full();
  void press();

  runtime::Executor& executor_;
  runtime::BlockingPool& pool_;
  std::shared_ptr<CommitLogRing> ring_;
  CommitLogOptions options_;
  std::shared_ptr<FirstLap> first_lap_;

  commit_format::FileHeader header_;  // the newest that is durable
  // The start in the older of the file's two header copies: with either of them a replay finds all it reads.
  // Nothing from here on is overwritten.
  Position reusable_from_;
  Position next_;       // where the next record begins, when none is open
  bool ready_ = false;  // replayed
  // The newest records that a replay has read: no header and no later record says that they were synced.
  std::deque<CommitLogReader::Record> unproven_;
  bool closing_ = false;

  RecordBuilder builder_;
  std::deque<SealedRecord> sealed_;
  std::uint64_t unsynced_bytes_ = 0;
  DirtyPartitions dirty_;

  std::shared_ptr<Round> round_;  // reused; shared with the pool while it runs
  std::uint64_t rounds_started_ = 0;
  bool round_under_way_ = false;
  bool scheduled_ = false;
  bool space_wanted_ = false;
  bool close_header_wanted_ = false;

  runtime::Watermark durable_;
  std::optional<Error> poison_;
  runtime::Signal space_;
  runtime::Signal settled_;  // a round has ended

  std::function<void(std::vector<TopicIdPartition>)> pressure_;
  bool pressing_ = false;
  Position press_again_at_ = 0;

  Stats stats_;
};

}  // namespace moldau::storage
