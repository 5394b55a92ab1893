// A pass over the batches of a segment file, checking each: for recovery, lazy loading of indexes and
// producer state. Blocks: run it on a BlockingPool.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "base/ids.h"
#include "record/batch.h"
#include "runtime/disk.h"

namespace moldau::storage {

struct SegmentScan {
  std::int64_t valid_bytes = 0;  // where the whole, valid batches end
  Offset next_offset = 0;        // after the last of them
  std::optional<std::string>
      damage;  // why the bytes at valid_bytes are no batch; empty at the end of the file
};

using VisitBatch = std::function<void(const record::BatchView& batch, std::int64_t position)>;

// From `position`, where the batch at or after `next_offset` starts, to `end`. From the offset
// `contiguous_from` on every batch must start where the one before it ends; before it there may be gaps, as
// compaction leaves them. An error only when the file cannot be read.
Result<SegmentScan> scan_segment(runtime::File& file, std::int64_t position, std::int64_t end,
                                 Offset next_offset, Offset contiguous_from, const VisitBatch& visit);

// Only zeros in [position, end).
Result<bool> is_padding(runtime::File& file, std::int64_t position, std::int64_t end);

// What follows damage at `position`, in what had not been synced: true when whole batches at or above
// `next_offset` follow and no sector between looks like one that a power loss took, so that the damage has
// another cause.
Result<bool> damage_is_inside(runtime::File& file, std::int64_t position, std::int64_t end,
                              Offset next_offset);

}  // namespace moldau::storage
