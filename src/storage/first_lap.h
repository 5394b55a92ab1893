// Takes the ring of a new commit log into use: reserves device blocks ahead of the writer, so that a full
// device refuses an append instead of failing a write, and pre-writes them with zeros, so that a sync has no
// metadata to write. Both happen in the background by steps; the first lap over, there is nothing left to do.
#pragma once

#include <functional>
#include <memory>
#include <optional>

#include "runtime/executor.h"
#include "runtime/pool.h"
#include "storage/commit_log_ring.h"

namespace moldau::storage {

class FirstLap : public std::enable_shared_from_this<FirstLap> {
 public:
  using Position = CommitLogRing::Position;

  struct Options {
    std::uint64_t reserve_step = 0;
    std::uint64_t prewrite_step = 0;
  };
  // `reserved`: bytes of the ring that the file has already.
  FirstLap(runtime::Executor& executor, runtime::BlockingPool& pool, std::shared_ptr<CommitLogRing> ring,
           std::uint64_t reserved, Options options);

  // Told when a step has ended: more is reserved, or a round that was held back may start.
  void on_progress(std::function<void()> callback) { on_progress_ = std::move(callback); }
  // A failed write or sync; after it nothing written to the file may be believed.
  void on_failure(std::function<void(Error)> callback) { on_failure_ = std::move(callback); }
  // Calls neither callback any more.
  void stop();

  // Whether the log may grow to `end`: Errc::unavailable while it is being reserved, Errc::no_space when the
  // device was full at the last try.
  Status require(Position end);
  // Keeps both steps ahead of `end`, which is where the writer is.
  void keep_ahead(Position end);
  // No step is under way.
  bool idle() const { return !reserving_ && !zeroing_from_; }
  // A write that ends at `end` would meet a zero on its way to the same block: wait for on_progress().
  bool in_the_way_of(Position end) const { return zeroing_from_ && *zeroing_from_ < end; }

 private:
  void reserve_more();
  void reserved(Status status, std::uint64_t to);
  void prewrite_more(Position end);
  void prewritten(Status status, std::uint64_t to);

  runtime::Executor& executor_;
  runtime::BlockingPool& pool_;
  std::shared_ptr<CommitLogRing> ring_;
  Options options_;
  std::function<void()> on_progress_ = [] {};
  std::function<void(Error)> on_failure_ = [](const Error&) {};

  std::uint64_t reserved_;
  std::uint64_t prewritten_ = 0;
  bool reserving_ = false;
  std::optional<Position> zeroing_from_;
  std::optional<Error> refusal_;  // of the last try to reserve
  runtime::MonotonicTime retry_at_{};
};

}  // namespace moldau::storage
