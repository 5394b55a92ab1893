// Which part of a log compaction takes next, and which segments it makes into one. Pure; the rules are those
// of Kafka's LogCleanerManager and Cleaner (kafka-protocol.md 3.4, KIP-58, KIP-354).
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <vector>

#include "base/ids.h"

namespace moldau::storage {

// A segment as the plan sees it.
struct SegmentShape {
  Offset base_offset = 0;
  Offset end_offset = 0;  // where the next one begins
  std::int64_t size_bytes = 0;
  TimestampMs first_timestamp = kNoTimestamp;  // of its first batch; only for max_compaction_lag_ms
  TimestampMs max_timestamp = kNoTimestamp;    // only for min_compaction_lag_ms
};

struct CompactionRules {
  std::int64_t min_compaction_lag_ms = 0;
  std::int64_t max_compaction_lag_ms = std::numeric_limits<std::int64_t>::max();
};

struct CleanableRange {
  Offset first_dirty = 0;
  Offset end = 0;  // where a segment begins, not below first_dirty but when there is nothing to clean
  std::int64_t clean_bytes = 0;
  std::int64_t dirty_bytes = 0;  // that may be cleaned now
  std::int64_t overdue_ms = 0;   // how long its oldest record has been dirty beyond max_compaction_lag_ms

  double dirty_ratio() const;
  bool is_due(double min_cleanable_dirty_ratio) const;
};

// `closed`: all segments but the active one, by base offset. `limit`: nothing at or above it is stable.
// `first_dirty` comes from the checkpoint; one that lies outside of the log counts as its start.
struct LogExtent {
  Offset start = 0;
  Offset end = 0;
};
CleanableRange cleanable_range(std::span<const SegmentShape> closed, LogExtent log, Offset first_dirty,
                               Offset limit, const CompactionRules& rules, TimestampMs now_ms);

// Segments [first, last) that become one.
struct SegmentGroup {
  std::size_t first = 0;
  std::size_t last = 0;
  friend bool operator==(const SegmentGroup&, const SegmentGroup&) = default;
};

// Neighbours go together as long as they fit `segment_bytes`, their indexes `segment_index_bytes`, and the
// offsets the 32 bits of an index entry.
std::vector<SegmentGroup> group_segments(std::span<const SegmentShape> segments, std::int64_t segment_bytes,
                                         std::int64_t segment_index_bytes, std::int64_t index_interval_bytes);

}  // namespace moldau::storage
