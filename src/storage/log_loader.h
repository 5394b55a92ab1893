// Reads a partition's folder and recovers it: what Log::open does off the shard. After an unclean stop every
// batch from the recovery point's segment on is checked, a torn tail is cut, what remains is synced. Running
// it again, or again after being interrupted anywhere, gives the same result.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/ids.h"
#include "base/result.h"
#include "runtime/disk.h"
#include "storage/leader_epoch_cache.h"
#include "storage/producer_state.h"
#include "storage/segment.h"

namespace moldau::storage {

struct LoadOptions {
  std::string directory;
  TopicId topic_id;
  Offset recovery_point = 0;
  Offset log_start_offset = 0;
  bool clean_shutdown = false;
  // What lies above the recovery point is in the commit log too: damage there needs no explanation.
  bool refilled = false;
  bool compacted = false;  // offsets may be missing between batches
  // Nobody knows how far it was synced, or whether it is compacted: offsets may be missing everywhere.
  bool foreign = false;
  std::int64_t index_interval_bytes = 4096;
  TimestampMs now_ms = 0;
};

struct LoadedLog {
  std::vector<SegmentPtr> segments;
  Offset end_offset = 0;
  bool ends_below_recovery_point = false;
  std::optional<Error> missing;  // between two segments; no damage when the log is compacted
  std::vector<EpochEntry> epochs;
  bool epochs_changed = false;  // differ from the checkpoint file
  ProducerStateTable producers;
  std::vector<Offset> snapshots;  // those on disk
  bool directory_exists = false;
  bool partition_metadata_written = false;
  std::int64_t truncated_bytes = 0;
};

Result<LoadedLog> load_log(runtime::Disk& disk, const LoadOptions& options);

// A segment's transaction index file; nothing when it is missing or damaged.
std::vector<AbortedTransaction> read_transaction_index(runtime::Disk& disk, const std::string& directory,
                                                       Offset base_offset);

// The indexes of one closed segment: from its index files or, where those are missing or damaged, from its
// batches (rebuilt is true then). `aborted` is not rebuilt.
struct LoadedIndexes {
  SegmentIndexes indexes;
  bool rebuilt = false;
};
Result<LoadedIndexes> load_indexes(runtime::Disk& disk, runtime::File& file, const std::string& directory,
                                   Offset base_offset, std::int64_t segment_bytes,
                                   std::int64_t index_interval_bytes);

Result<ProducerStateTable> read_snapshot(runtime::Disk& disk, const std::string& path);

}  // namespace moldau::storage
