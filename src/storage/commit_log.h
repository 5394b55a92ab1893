// CommitLog: one pre-written, recycled file per shard and data folder that takes the batches of all
// partitions, so that one write and one sync acknowledge everything that arrived meanwhile (group commit).
// Segments are filled from memory behind it; once they are synced, its space is used again. Lives on one
// shard; its writes and syncs run on the pool's lane `commit`. File format: commit_log_format.md.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/ids.h"
#include "base/result.h"
#include "runtime/disk.h"
#include "runtime/executor.h"
#include "runtime/pool.h"
#include "runtime/wait.h"

namespace moldau::storage {

struct CommitLogOptions {
  // Of the ring; rounded down to whole blocks. A file that is there keeps the capacity it was made with.
  std::uint64_t capacity_bytes = 256ULL << 20;
  // Of one write buffer; an entry that does not fit gets a buffer of its own.
  std::uint64_t buffer_bytes = 2ULL << 20;
  // Free buffers kept for the next rounds, so that steady state touches no fresh memory.
  std::uint64_t retained_buffer_bytes = 16ULL << 20;
  // Appended and not yet synced, at most: what a device that hangs may cost in memory.
  std::uint64_t max_unsynced_bytes = 64ULL << 20;
  // How far ahead of use the first lap is reserved (fallocate), and pre-written with zeros.
  std::uint64_t reserve_step_bytes = 32ULL << 20;
  std::uint64_t prewrite_step_bytes = 4ULL << 20;
  // Distinguishes this file from an earlier one in the same place. World::entropy() of the caller.
  std::uint64_t file_id = 0;
  // Told how long each round took, write and sync; on the shard.
  std::function<void(runtime::Duration)> on_round = {};
};

class CommitLog {
 public:
  // Bytes ever appended, with headers and padding: rises only, is never used twice.
  using Position = std::int64_t;

  struct Entry {
    enum class Kind : std::uint8_t { append = 1, truncate = 2, remove = 3 };
    Kind kind = Kind::append;
    TopicId topic_id = {};
    PartitionIndex partition = 0;
    LeaderEpoch leader_epoch = kNoEpoch;
    Offset offset =
        0;  // append: base offset of the first batch; truncate: the end offset it leaves; remove: 0
    ByteView batches = {};  // append only: whole record batches

    TopicIdPartition topic_id_partition() const { return {topic_id, partition}; }
  };

  struct Appended {
    Position end;   // durable once durable() is here; the `up_to` of clean()
    Slice batches;  // Entry::batches in the commit log's own write buffer
  };

  // Who appends: told once per sync round in which it had entries, on the shard. Calls append() and clean()
  // from inside are fine. One that goes away before its entries are durable calls leave() first.
  class Participant {
   public:
    virtual void on_durable(Position up_to) = 0;
    // Nothing more becomes durable; what was not, may or may not be found after a restart.
    virtual void on_poisoned(const Error& error) = 0;

   protected:
    Participant() = default;
    ~Participant() = default;

   private:
    friend class CommitLog;
    Position enlisted_in_ = -1;        // the newest record that it has entries in
    std::uint64_t told_in_round_ = 0;  // the last round that it was told about
  };

  // Opens or creates the file. Errc::corrupt (naming the file) when neither copy of its header is valid,
  // Errc::no_space when the first part of the ring cannot be reserved.
  static runtime::Task<Result<std::unique_ptr<CommitLog>>> open(runtime::Executor& executor,
                                                                runtime::BlockingPool& pool,
                                                                runtime::Disk& disk, std::string path,
                                                                CommitLogOptions options);
  // Without close() it is as if the process had been killed: nothing waits, participants hear nothing.
  ~CommitLog();
  CommitLog(const CommitLog&) = delete;
  CommitLog& operator=(const CommitLog&) = delete;

  // `batches` keeps entry.batches alive; `end` as in Appended. An error ends the replay.
  using Visit = std::function<runtime::Task<Status>(const Entry& entry, const Slice& batches, Position end)>;

  // Once after open() and before the first append, also for a new file: every entry that may still be needed,
  // oldest first. Entries may be seen that are in the segments already (and their truncations after them): to
  // apply all of them in order again gives the same log. What was not acknowledged at the end (a torn tail)
  // is cut. Errc::corrupt, with file and position, when an entry that had been durable cannot be read.
  // Entries seen count as needed until clean(). `visit` must outlive the call.
  runtime::Task<Status> replay(const Visit& visit);

  // Buffers the entry; the sync that makes it durable starts after this turn of the loop, or right after the
  // one under way. Nothing is accepted on failure:
  //   Errc::unavailable  no room until segments are flushed or a sync ends (wait_for_space()), or poisoned()
  //   Errc::no_space     the first lap cannot grow: the device is full; a later try may do
  //   Errc::too_large    batches larger than max_batches_bytes()
  // REQUIRES: replay() has succeeded; close() was not called.
  Result<Appended> append(const Entry& entry, Participant& participant);

  // Everything below is synced. Closed when poisoned, and by close().
  runtime::Watermark& durable();
  // Where the next entry goes, at the earliest.
  Position end() const;

  // The segments of this partition hold, synced, all that was appended below `up_to` (or nobody needs it):
  // its space may be used again.
  void clean(const TopicIdPartition& partition, Position up_to);
  // No call reaches this participant any more.
  void leave(Participant& participant);

  // Called on the shard, from the loop, with the partitions that hold the oldest entries, oldest first, when
  // half of the ring is in use, and again as it fills on.
  void on_pressure(std::function<void(std::vector<TopicIdPartition>)> callback);
  // Returns when space was given back, a sync ended or it was poisoned: try to append again.
  runtime::Task<void> wait_for_space(runtime::MonotonicTime deadline = runtime::kForever);

  // Syncs what is buffered and says in the file that it ended in order. Participants are told as usual.
  runtime::Task<Status> close();

  std::size_t max_batches_bytes() const;
  // Of this file, for ever; one made anew in its place has another.
  std::uint64_t file_id() const;
  // The failure after which nothing becomes durable any more; null while there was none.
  const Error* poisoned() const;

  struct Stats {
    std::uint64_t rounds = 0;
    std::uint64_t entries = 0;
    std::uint64_t bytes_written = 0;  // with headers and padding
    runtime::Duration sync_time{};    // of all rounds, write and sync
    runtime::Duration sync_time_max{};
    std::uint64_t capacity_bytes = 0;
    std::uint64_t used_bytes = 0;    // from the oldest entry needed to the end
    std::uint64_t buffer_bytes = 0;  // memory in write buffers, in use or retained
    bool pressed = false;            // more than half is in use
    runtime::Duration under_way{};   // how long the current round has been running; 0 when none is
  };
  Stats stats() const;

 private:
  class Impl;
  explicit CommitLog(std::shared_ptr<Impl> impl);
  std::shared_ptr<Impl> impl_;  // shared only with completions under way, which hold it weakly
};

}  // namespace moldau::storage
