#include "storage/segment.h"

#include <limits>

namespace moldau::storage {

void SegmentIndexes::note(const record::HeaderView& batch, Offset segment_base, std::int64_t position,
                          std::int64_t index_interval_bytes) {
  const auto relative = static_cast<std::int32_t>(batch.last_offset() - segment_base);
  if (position == 0) first_timestamp = batch.max_timestamp();
  // An emptied batch keeps its timestamp, and no record that has it.
  if (batch.record_count() > 0 && batch.max_timestamp() > max_timestamp) {
    max_timestamp = batch.max_timestamp();
    max_timestamp_offset = relative;
  }
  const bool fits = position <= std::numeric_limits<std::int32_t>::max();
  if (bytes_since_entry > index_interval_bytes && fits) {
    offsets.append(relative, static_cast<std::int32_t>(position));
    times.maybe_append(max_timestamp, max_timestamp_offset);
    bytes_since_entry = 0;
  }
  bytes_since_entry += static_cast<std::int64_t>(batch.size());
}

void SegmentIndexes::finish() {
  if (max_timestamp > kNoTimestamp) times.maybe_append(max_timestamp, max_timestamp_offset);
}

}  // namespace moldau::storage
