// Which leader epoch wrote from which offset on (KIP-101, KIP-279): the base of truncation and of
// OffsetForLeaderEpoch. Epochs and start offsets both rise. In memory; its file is leader-epoch-checkpoint.
#pragma once

#include <optional>
#include <vector>

#include "base/ids.h"
#include "storage/checkpoint_file.h"

namespace moldau::storage {

class LeaderEpochCache {
 public:
  LeaderEpochCache() = default;
  explicit LeaderEpochCache(std::vector<EpochEntry> entries) : entries_(std::move(entries)) {}

  // Notes that `epoch` writes from `start` on. True when that was new. Entries that contradict it (a higher
  // or equal epoch, a higher or equal start) give way: they come from a log that was since cut.
  bool assign(LeaderEpoch epoch, Offset start);
  bool truncate_from_end(Offset end);      // forgets epochs that start at `end` or beyond; true when any did
  bool truncate_from_start(Offset start);  // the epoch in force at `start` then starts there

  LeaderEpoch latest() const { return entries_.empty() ? kNoEpoch : entries_.back().epoch; }
  // The epoch that wrote `offset`; kNoEpoch when unknown.
  LeaderEpoch epoch_of(Offset offset) const;
  // Kafka's answer to OffsetForLeaderEpoch (kafka-protocol.md 6.4); `log_end` is that of the latest epoch.
  // (kNoEpoch, kNoOffset) when undefined.
  struct EpochEnd {
    LeaderEpoch epoch = kNoEpoch;
    Offset end_offset = kNoOffset;
    friend bool operator==(const EpochEnd&, const EpochEnd&) = default;
  };
  EpochEnd end_offset_for(LeaderEpoch requested, Offset log_end) const;

  const std::vector<EpochEntry>& entries() const { return entries_; }
  bool empty() const { return entries_.empty(); }
  void clear() { entries_.clear(); }

 private:
  std::vector<EpochEntry> entries_;
};

}  // namespace moldau::storage
