#include "storage/replay_queue.h"

#include <algorithm>

#include "record/batch.h"

namespace moldau::storage {

Status ReplayQueue::add(const CommitLog::Entry& entry, const Slice& batches, CommitLog::Position end) {
  switch (entry.kind) {
    case CommitLog::Entry::Kind::append:
      if (!batches.empty()) return append(batches, end);
      settle(entry.offset);
      return {};
    case CommitLog::Entry::Kind::truncate:
      truncate(entry.offset);
      return {};
    case CommitLog::Entry::Kind::remove:
      operations_.clear();
      return {};
  }
  MOLDAU_UNREACHABLE("kind of entry");
}

Status ReplayQueue::append(const Slice& batches, CommitLog::Position end) {
  record::BatchReader reader(batches);
  for (record::BatchView batch;;) {
    ASSIGN_OR_RETURN(const bool more, reader.next(batch));
    if (!more) return {};
    operations_.push_back({.batch = batches.part(batch.bytes()),
                           .base_offset = batch.base_offset(),
                           .next_offset = batch.next_offset(),
                           .end = end});
  }
}

void ReplayQueue::truncate(Offset offset) {
  while (!operations_.empty() && !operations_.back().is_truncation() &&
         operations_.back().next_offset > offset) {
    operations_.pop_back();
  }
  operations_.push_back({.truncate_to = offset});
}

// What a truncation left at or above the offset may be in the commit log alone.
void ReplayQueue::settle(Offset offset) {
  std::erase_if(operations_,
                [&](const Operation& one) { return one.is_truncation() || one.base_offset < offset; });
}

}  // namespace moldau::storage
