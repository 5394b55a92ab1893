// What one flush does off the shard, as values: batches to their segments, indexes, snapshots, the epoch
// checkpoint, then the syncs. Kept apart from Log so that nothing here can touch the shard's state.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/bytes.h"
#include "base/ids.h"
#include "base/result.h"
#include "runtime/disk.h"
#include "storage/checkpoint_file.h"

namespace moldau::storage {

struct IndexWrite {
  std::uint64_t position = 0;  // 0: the file is made anew
  Slice bytes;
};

struct SegmentFlush {
  Offset base_offset = 0;
  std::shared_ptr<runtime::File> file;  // null: opened, or created
  bool create = false;
  std::uint64_t preallocate_bytes = 0;
  std::uint64_t position = 0;  // where the batches go
  SliceList batches;
  bool sync = false;
  std::optional<IndexWrite> offset_index;
  std::optional<IndexWrite> time_index;
  std::optional<IndexWrite> transaction_index;
  // Syncs the indexes too, cuts what was preallocated at `end`, and syncs that: also when an attempt before,
  // which failed, has cut it.
  bool finish = false;
  std::uint64_t end = 0;
};

struct FlushJob {
  std::string directory;
  std::optional<TopicId> partition_metadata;  // written first when set
  std::vector<SegmentFlush> segments;
  std::vector<std::pair<Offset, Slice>> snapshots;
  std::optional<std::vector<EpochEntry>> epochs;
  bool sync_directory_first = false;  // before a segment is created
  bool sync_directory = false;        // at the end
  // Nothing is synced: the owner syncs the file system, then runs publish(), and syncs it again. Only names
  // of segments are durable one after another all the same.
  bool syncs_later = false;
  std::vector<std::string> unpublished;  // by run(): files that have their temporary names still

  bool empty() const { return segments.empty() && snapshots.empty() && !epochs && !sync_directory; }
};

// Blocks. On success job.segments[i].file are the open files. A failure for want of space or descriptors has
// changed nothing that counts: the same job, or a larger one, may be run again.
struct FlushOutcome {
  Status status;
  bool may_retry = false;
};
FlushOutcome run(runtime::Disk& disk, FlushJob& job);
// Gives what run() has left unpublished its names.
Status publish(runtime::Disk& disk, const FlushJob& job);

// Creates the folder, makes its name durable and writes partition.metadata.
Status create_partition_directory(runtime::Disk& disk, const std::string& directory, const TopicId& topic_id);

}  // namespace moldau::storage
