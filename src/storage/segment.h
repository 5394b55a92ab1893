// Segment: one file of batches with its indexes, as the shard knows it. What it counts as its size may be in
// memory still (the log's tail); the file follows. Shared with readers, so that files stay open under them.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/ids.h"
#include "record/batch.h"
#include "runtime/disk.h"
#include "storage/offset_index.h"
#include "storage/time_index.h"
#include "storage/transaction_index.h"

namespace moldau::storage {

// What a pass over a segment's batches yields, and what its index files keep.
struct SegmentIndexes {
  OffsetIndex offsets;
  TimeIndex times;
  std::vector<AbortedTransaction> aborted;
  TimestampMs max_timestamp = kNoTimestamp;
  std::int32_t max_timestamp_offset = -1;      // relative: last offset of the first batch that has it
  TimestampMs first_timestamp = kNoTimestamp;  // maximum of the first batch: the segment's age counts from it
  std::int64_t bytes_since_entry = 0;

  // Notes a batch that starts at `position`.
  void note(const record::HeaderView& batch, Offset segment_base, std::int64_t position,
            std::int64_t index_interval_bytes);
  // Of a segment to which nothing will be appended: its highest timestamp becomes the last entry.
  void finish();
};

struct Segment {
  Segment(Offset base, TimestampMs created) : base_offset(base), created_ms(created) {}

  const Offset base_offset;
  TimestampMs created_ms;         // when it was opened or rolled; its age when no record has a timestamp
  std::int64_t size_bytes = 0;    // all batches
  std::int64_t file_bytes = 0;    // of them in the file
  std::int64_t synced_bytes = 0;  // of these synced
  std::int64_t messages = 0;      // appended since open
  SegmentIndexes indexes;
  bool indexes_loaded = true;   // false after a clean open, until somebody needs them
  bool finished = false;        // nothing will be appended
  bool finish_written = false;  // and its indexes are complete on disk
  bool in_directory = false;    // its file exists
  bool used = false;            // read from since idle files were closed
  std::size_t offset_entries_written = 0;
  std::size_t time_entries_written = 0;
  std::size_t aborted_written = 0;
  std::shared_ptr<runtime::File> file;  // null: not open

  std::int64_t unsynced_bytes() const { return file_bytes - synced_bytes; }
  bool settled() const { return size_bytes == synced_bytes && in_directory; }
};

using SegmentPtr = std::shared_ptr<Segment>;

}  // namespace moldau::storage
