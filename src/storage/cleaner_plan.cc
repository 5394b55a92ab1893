#include "storage/cleaner_plan.h"

#include <algorithm>
#include <limits>

#include "storage/time_index.h"

namespace moldau::storage {
namespace {

bool too_young(const SegmentShape& segment, const CompactionRules& rules, TimestampMs now_ms) {
  return rules.min_compaction_lag_ms > 0 && segment.max_timestamp > now_ms - rules.min_compaction_lag_ms;
}

// How long a record with this timestamp has waited beyond the longest time that it may.
std::int64_t overdue(TimestampMs timestamp, const CompactionRules& rules, TimestampMs now_ms) {
  const std::int64_t longest = std::max<std::int64_t>(rules.max_compaction_lag_ms, 0);
  if (timestamp <= 0 || longest >= now_ms) return 0;
  return std::max<std::int64_t>(0, now_ms - longest - timestamp);
}

}  // namespace

double CleanableRange::dirty_ratio() const {
  const std::int64_t total = clean_bytes + dirty_bytes;
  return total == 0 ? 0 : static_cast<double>(dirty_bytes) / static_cast<double>(total);
}

bool CleanableRange::is_due(double min_cleanable_dirty_ratio) const {
  return dirty_bytes > 0 && (overdue_ms > 0 || dirty_ratio() > min_cleanable_dirty_ratio);
}

CleanableRange cleanable_range(std::span<const SegmentShape> closed, LogExtent log, Offset first_dirty,
                               Offset limit, const CompactionRules& rules, TimestampMs now_ms) {
  if (first_dirty < log.start || first_dirty > log.end) first_dirty = log.start;
  CleanableRange range{.first_dirty = first_dirty,
                       .end = closed.empty() ? log.start : closed.front().base_offset};
  for (const SegmentShape& segment : closed) {
    if (segment.base_offset < first_dirty) range.clean_bytes += segment.size_bytes;
    const bool dirty = segment.end_offset > first_dirty;
    if (segment.end_offset > limit || (dirty && too_young(segment, rules, now_ms))) return range;
    range.end = segment.end_offset;
    if (!dirty) continue;
    range.dirty_bytes += segment.size_bytes;
    range.overdue_ms = std::max(range.overdue_ms, overdue(segment.first_timestamp, rules, now_ms));
  }
  return range;
}

namespace {

// An entry comes after more than the interval; a time entry is the larger one.
std::int64_t most_index_bytes(std::int64_t size_bytes, std::int64_t index_interval_bytes) {
  const auto entry = static_cast<std::int64_t>(TimeIndex::kEntrySize);
  return (size_bytes / std::max<std::int64_t>(1, index_interval_bytes) + 1) * entry;
}

}  // namespace

std::vector<SegmentGroup> group_segments(std::span<const SegmentShape> segments, std::int64_t segment_bytes,
                                         std::int64_t segment_index_bytes,
                                         std::int64_t index_interval_bytes) {
  std::vector<SegmentGroup> groups;
  std::int64_t bytes = 0;
  std::int64_t index_bytes = 0;
  for (std::size_t i = 0; i < segments.size(); ++i) {
    const SegmentShape& segment = segments[i];
    const std::int64_t index = most_index_bytes(segment.size_bytes, index_interval_bytes);
    const bool joins = !groups.empty() && bytes + segment.size_bytes <= segment_bytes &&
                       index_bytes + index <= segment_index_bytes &&
                       segment.end_offset - 1 - segments[groups.back().first].base_offset <=
                           std::numeric_limits<std::int32_t>::max();
    if (!joins) {
      groups.push_back({i, i});
      bytes = index_bytes = 0;
    }
    groups.back().last = i + 1;
    bytes += segment.size_bytes;
    index_bytes += index;
  }
  return groups;
}

}  // namespace moldau::storage
