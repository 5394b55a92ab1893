// The entries of one log that a replay of the commit log finds, put in the form in which they are applied:
// what a later truncation cuts and what the segments are known to hold is left out. Stale entries at the
// beginning (their space was free to be reused, but was not) can so do no harm.
#pragma once

#include <vector>

#include "base/bytes.h"
#include "base/ids.h"
#include "base/result.h"
#include "storage/commit_log.h"

namespace moldau::storage {

class ReplayQueue {
 public:
  struct Operation {
    Offset truncate_to = kNoOffset;  // kNoOffset: append
    Slice batch;
    Offset base_offset = 0;
    Offset next_offset = 0;
    CommitLog::Position end = 0;

    bool is_truncation() const { return truncate_to != kNoOffset; }
  };

  // Oldest first. An append without batches says that everything before it has been applied to the segments,
  // but for appends at or above its offset. Errc::corrupt when `batches` are none.
  Status add(const CommitLog::Entry& entry, const Slice& batches, CommitLog::Position end);

  const std::vector<Operation>& operations() const { return operations_; }

 private:
  Status append(const Slice& batches, CommitLog::Position end);
  void truncate(Offset offset);
  void settle(Offset offset);

  std::vector<Operation> operations_;
};

}  // namespace moldau::storage
