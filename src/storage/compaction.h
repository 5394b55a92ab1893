// What a compaction of one log works with, and what it tells of itself.
#pragma once

#include <cstdint>
#include <functional>

#include "base/ids.h"
#include "record/codec.h"
#include "storage/io_throttle.h"
#include "storage/segment_cleaner.h"

namespace moldau::storage {

// Of one cleaner, which takes one log at a time (kafka-protocol.md 5.2, `log.cleaner.*`).
struct CompactionTools {
  record::Codecs& codecs;  // for this alone
  IoThrottle throttle = IoThrottle();
  // Memory of the offset map, and how full it may be: what does not fit is left to the next pass.
  std::size_t dedupe_buffer_bytes = 128 << 20;
  double load_factor = 0.9;
  std::size_t io_buffer_bytes = 512 << 10;
  // Asked between two slices of work: true ends it, with Errc::cancelled.
  std::function<bool()> stop = [] { return false; };
};

struct CompactionReport {
  Offset first_dirty = 0;  // clean below: for cleaner-offset-checkpoint
  bool map_full = false;   // there is more, up to the end that was asked for
  std::size_t keys = 0;
  double map_fill = 0;  // share of the map's room that they took
  std::size_t segments_before = 0;
  std::size_t segments_after = 0;
  CleaningStats stats;
};

}  // namespace moldau::storage
