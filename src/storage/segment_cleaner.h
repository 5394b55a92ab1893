// The two passes of compaction over segment files, each in steps that a BlockingPool runs one after another:
// MapPass learns the newest offset of each key in the dirty part of a log; GroupPass writes what stays of
// some segments into one new segment under temporary names (`.cleaned`). Objects of a pass are touched by one
// thread at a time. Every call of step() and finish() blocks.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/ids.h"
#include "record/codec.h"
#include "runtime/disk.h"
#include "storage/batch_filter.h"
#include "storage/cleaned_transactions.h"
#include "storage/offset_map.h"
#include "storage/segment.h"
#include "storage/segment_reader.h"

namespace moldau::storage {

// A segment that is closed, flushed and does not change while it is read.
struct SegmentSource {
  Offset base_offset = 0;
  Offset end_offset = 0;  // where the next segment begins
  std::int64_t size_bytes = 0;
  std::int64_t position = 0;            // of the first batch that counts
  std::shared_ptr<runtime::File> file;  // null: opened by its name
};

// Where a pass works, and with what.
struct CleaningTools {
  runtime::Disk& disk;
  record::Codecs& codecs;  // for one pass at a time
  std::string directory;
  std::size_t buffer_bytes = 512 << 10;  // read at once; as much is written at once
  std::int64_t index_interval_bytes = 4096;
};

struct CleaningStats {
  std::int64_t bytes_mapped = 0;
  std::int64_t bytes_read = 0;
  std::int64_t bytes_written = 0;
  std::int64_t records_read = 0;
  std::int64_t records_kept = 0;
};

class MapPass {
 public:
  // The records in [start, end of the last source). `aborted`: the transactions that overlap it.
  MapPass(CleaningTools tools, std::vector<SegmentSource> sources, Offset start,
          std::vector<AbortedTransaction> aborted, OffsetMap& map)
      : tools_(std::move(tools)),
        sources_(std::move(sources)),
        start_(start),
        transactions_(std::move(aborted)),
        map_(map) {}

  // Reads about `bytes` further. False: done, or the map is full; map.latest_offset() says how far it came.
  Result<bool> step(std::int64_t bytes);
  std::int64_t bytes_read() const { return bytes_read_; }

 private:
  Result<bool> open_next();
  Result<bool> note(const record::BatchView& batch);

  CleaningTools tools_;
  std::vector<SegmentSource> sources_;
  Offset start_;
  CleanedTransactions transactions_;
  OffsetMap& map_;
  std::size_t opened_ = 0;  // sources
  std::optional<SegmentReader> reader_;
  std::int64_t bytes_read_ = 0;
};

// What a group of segments has become, under the `.cleaned` names, synced; its names are not.
struct CleanedSegment {
  std::shared_ptr<runtime::File> file;
  std::int64_t size_bytes = 0;
  SegmentIndexes indexes;
  bool changed = false;  // there is a difference to what stood there
};

class GroupPass {
 public:
  // `sources` follow each other. The new segment begins where the first one does, and ends where the last one
  // does: its last batch stays, if without records.
  GroupPass(CleaningTools tools, std::vector<SegmentSource> sources, BatchFilter& filter,
            CleanedTransactions& transactions)
      : tools_(std::move(tools)),
        sources_(std::move(sources)),
        filter_(filter),
        transactions_(transactions) {}

  // Reads about `bytes` further. False: everything is written.
  Result<bool> step(std::int64_t bytes);
  // Completes the files of the new segment. REQUIRES: step() has returned false.
  Result<CleanedSegment> finish();
  // Removes what was written.
  void discard();

  const CleaningStats& stats() const { return stats_; }
  // The files that were read: open as long as the pass lives. REQUIRES: step() has returned false.
  const std::vector<std::shared_ptr<runtime::File>>& files() const { return files_; }
  Offset base_offset() const { return sources_.front().base_offset; }

 private:
  std::string path(std::string_view suffix) const;
  Result<bool> open_next();
  Status take(const record::BatchView& batch);
  void write(ByteView batch);
  Status write_out();
  Status write_index(std::string_view suffix, const Buffer& bytes);

  CleaningTools tools_;
  std::vector<SegmentSource> sources_;
  BatchFilter& filter_;
  CleanedTransactions& transactions_;
  std::size_t opened_ = 0;
  std::optional<SegmentReader> reader_;
  std::vector<std::shared_ptr<runtime::File>> files_;
  std::shared_ptr<runtime::File> out_;
  Buffer pending_;  // to be written at written_
  std::int64_t written_ = 0;
  SegmentIndexes indexes_;
  CleaningStats stats_;
  bool changed_ = false;
};

}  // namespace moldau::storage
