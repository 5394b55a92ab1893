// How one cleaned segment takes the place of those that it was made of, so that a crash leaves either the old
// ones or the new one. The names are Kafka's, which finishes what we have left, as we do what it has left:
//
//   1  <base>.*.cleaned become <base>.*.swap        no .cleaned left, synced: the new segment counts
//   2  the old segments' files become *.deleted     synced
//   3  <base>.*.swap get their final names          the .log first, each synced
//
// Every call blocks.
#pragma once

#include <string>
#include <vector>

#include "base/ids.h"
#include "base/result.h"
#include "runtime/disk.h"

namespace moldau::storage {

struct SegmentSwap {
  std::string directory;
  Offset base_offset = 0;          // of the new segment
  bool transaction_index = false;  // it has one
  std::vector<Offset> replaced;    // base offsets of the old segments
  std::vector<Offset> snapshots;   // that nothing stands beside any more
};

// On failure with `committed` the new segment counts at the next start, and nothing may be written before.
struct SwapOutcome {
  Status status;
  bool committed = false;
};
SwapOutcome swap_segments(runtime::Disk& disk, const SegmentSwap& swap);

// What is left of the old segments, for unlink_later().
std::vector<std::string> swapped_out(const SegmentSwap& swap);

// At a start, before anything else looks at the folder: finishes what swap_segments() had committed, and
// takes back what it had not. `names`: all files of the folder. True: some of them have changed. Done again
// after an interruption anywhere, the result is the same. Errc::corrupt, naming the file, when a committed
// segment is damaged: what it stands for is still there.
Result<bool> settle_swaps(runtime::Disk& disk, const std::string& directory,
                          const std::vector<std::string>& names);

}  // namespace moldau::storage
