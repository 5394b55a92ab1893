// Tail: the newest batches of a log, appended to the commit log and kept in memory until they are in their
// segments. Contiguous, by offset; reads of recent records are slices of it.
#pragma once

#include <optional>
#include <vector>

#include "base/bytes.h"
#include "base/ids.h"
#include "storage/commit_log.h"

namespace moldau::storage {

struct TailBatch {
  Slice bytes;
  Offset base_offset = 0;
  Offset next_offset = 0;
  CommitLog::Position commit_end = 0;
};

class Tail {
 public:
  bool empty() const { return batches_.empty(); }
  std::size_t size() const { return batches_.size(); }
  std::int64_t size_bytes() const { return size_bytes_; }
  const TailBatch& operator[](std::size_t index) const { return batches_[index]; }
  // REQUIRES: !empty().
  Offset first_offset() const { return batches_.front().base_offset; }
  // The batch that contains `offset`, or the next one; size() when there is none.
  std::size_t find(Offset offset) const;

  // `log_end`: where the log ended before it, which is below its base when compaction has left a gap.
  void push(TailBatch batch, Offset log_end);
  // Batches whose entries end at or below `up_to` may be flushed. The offset after the last of them.
  std::optional<Offset> mark_durable(CommitLog::Position up_to);
  std::size_t durable_count() const { return durable_; }
  // Where the log would end without the batches after the first `count`. REQUIRES: count <= size(), !empty().
  Offset end_after(std::size_t count) const { return count == 0 ? before_ : batches_[count - 1].next_offset; }
  // The first `count` batches are in their segments. REQUIRES: count <= durable_count().
  void drop_front(std::size_t count);
  // Drops batches that reach to `offset` or beyond. Their bytes.
  std::int64_t truncate_to(Offset offset);

 private:
  std::vector<TailBatch> batches_;
  Offset before_ = 0;  // where what comes before the first batch ends
  std::size_t durable_ = 0;
  std::int64_t size_bytes_ = 0;
};

}  // namespace moldau::storage
