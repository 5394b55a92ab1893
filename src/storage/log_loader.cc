#include "storage/log_loader.h"

#include <algorithm>
#include <array>
#include <limits>

#include "storage/log_files.h"
#include "storage/segment_scan.h"
#include "storage/segment_swap.h"
#include "storage/unreadable.h"

namespace moldau::storage {
namespace {

using runtime::OpenMode;

constexpr std::uint64_t kMaxSnapshotBytes = 1ULL << 30;
constexpr std::uint64_t kMaxIndexBytes = 1ULL << 30;
constexpr std::int64_t kRewriteBytes = 1 << 20;
constexpr std::uint64_t kMaxMetadataBytes = 4096;

class Loader {
 public:
  Loader(runtime::Disk& disk, const LoadOptions& options) : disk_(disk), options_(options) {}

  Result<LoadedLog> load() {
    auto entries = disk_.list(options_.directory);
    if (!entries && entries.error().code == Errc::not_found) return nothing();
    if (!entries) return fail(unreadable(std::move(entries).error()));
    log_.directory_exists = true;
    TRY(check_partition_metadata());
    ASSIGN_OR_RETURN(const bool swapped, settle_swaps(disk_, options_.directory, files_of(*entries)));
    if (swapped) entries = or_unreadable(disk_.list(options_.directory));
    if (!entries) return fail(std::move(entries).error());
    TRY(sort_files(*entries));
    if (options_.foreign && options_.clean_shutdown) TRY(sync_files(*entries));
    if (log_.segments.empty()) return nothing();
    TRY(load_epochs());
    if (!options_.clean_shutdown || !open_cleanly()) TRY(recover());
    finish_epochs();
    TRY(drop_snapshots_above(log_.end_offset));
    log_.ends_below_recovery_point = log_.end_offset < options_.recovery_point;
    return std::move(log_);
  }

 private:
  std::string path(Offset offset, std::string_view suffix) const {
    return file_path(options_.directory, offset, suffix);
  }

  Result<LoadedLog> nothing() {
    log_.end_offset = options_.log_start_offset;
    log_.ends_below_recovery_point = options_.recovery_point > log_.end_offset;
    return std::move(log_);
  }

  Status check_partition_metadata() {
    const std::string file = options_.directory + "/" + std::string(kPartitionMetadataFile);
    auto bytes = runtime::read_file(disk_, file, kMaxMetadataBytes);
    if (!bytes) {
      return bytes.error().code == Errc::not_found ? Status() : fail(unreadable(std::move(bytes).error()));
    }
    const auto topic_id = parse_partition_metadata(as_text(*bytes));
    if (!topic_id) return fail(Errc::corrupt, file + " does not name a topic id");
    if (*topic_id != options_.topic_id) {
      return fail(Errc::mismatch, file + " names topic id " + topic_id->to_string() + ", not " +
                                      options_.topic_id.to_string());
    }
    log_.partition_metadata_written = true;
    return {};
  }

  static std::vector<std::string> files_of(const std::vector<runtime::DirectoryEntry>& entries) {
    std::vector<std::string> names;
    for (const runtime::DirectoryEntry& entry : entries) {
      if (!entry.is_directory) names.push_back(entry.name);
    }
    return names;
  }

  Status sort_files(const std::vector<runtime::DirectoryEntry>& entries) {
    for (const runtime::DirectoryEntry& entry : entries) {
      if (entry.is_directory) continue;
      if (is_left_over(entry.name)) {
        TRY(disk_.remove_file(options_.directory + "/" + entry.name));
      } else if (const auto base = offset_of_name(entry.name, kLogSuffix)) {
        add_segment(*base, entry.size_bytes);
      } else if (const auto offset = offset_of_name(entry.name, kSnapshotSuffix)) {
        log_.snapshots.push_back(*offset);
      }
    }
    return {};
  }

  // Nobody knows whether what was copied here is on the device, and it becomes the recovery point.
  Status sync_files(const std::vector<runtime::DirectoryEntry>& entries) {
    for (const runtime::DirectoryEntry& entry : entries) {
      if (entry.is_directory || is_left_over(entry.name)) continue;
      ASSIGN_OR_RETURN(const auto file, or_unreadable(disk_.open(options_.directory + "/" + entry.name,
                                                                 OpenMode::read_write)));
      TRY(file->sync_data());
    }
    TRY(disk_.sync_directory(options_.directory));
    return disk_.sync_directory(runtime::directory_of(options_.directory));
  }

  static bool is_left_over(std::string_view name) {
    return name.ends_with(kDeletedSuffix) || name.ends_with(kCleanedSuffix) ||
           name.ends_with(kTemporarySuffix);
  }

  void add_segment(Offset base, std::uint64_t size) {
    auto segment = std::make_shared<Segment>(base, options_.now_ms);
    segment->size_bytes = segment->file_bytes = segment->synced_bytes = static_cast<std::int64_t>(size);
    segment->in_directory = true;
    segment->indexes_loaded = false;
    segment->finished = segment->finish_written = true;
    log_.segments.push_back(std::move(segment));
  }

  // A checkpoint that is damaged, missing or lacks the first epochs is made anew from those in the batches.
  Status load_epochs() {
    const std::string file = options_.directory + "/" + std::string(kLeaderEpochCheckpoint);
    auto epochs = or_unreadable(read_epoch_checkpoint(disk_, file));
    if (epochs) {
      epochs_ = LeaderEpochCache(*epochs);
      log_.epochs = std::move(*epochs);
      ASSIGN_OR_RETURN(const bool complete, epochs_reach_back());
      epochs_missing_ = !complete;
      return {};
    }
    if (epochs.error().code != Errc::not_found && epochs.error().code != Errc::corrupt) {
      return fail(std::move(epochs).error());
    }
    epochs_missing_ = true;
    return {};
  }

  // False when records were deleted, the file said so, and a power loss brought the records back. Records of
  // no epoch are in no entry.
  Result<bool> epochs_reach_back() {
    const Segment& first = *log_.segments.front();
    const Offset start = std::max(options_.log_start_offset, first.base_offset);
    if (epochs_.empty() || epochs_.entries().front().start_offset <= start) return true;
    std::byte header[record::kHeaderSize];
    ASSIGN_OR_RETURN(const auto file,
                     or_unreadable(disk_.open(path(first.base_offset, kLogSuffix), OpenMode::read_write)));
    ASSIGN_OR_RETURN(const std::size_t read, or_unreadable(file->read_at(0, header)));
    if (read < sizeof header) return true;
    return record::HeaderView::trusted(header).partition_leader_epoch() == kNoEpoch;
  }

  void finish_epochs() {
    epochs_.truncate_from_end(log_.end_offset);
    log_.epochs_changed = log_.epochs != epochs_.entries();
    log_.epochs = epochs_.entries();
  }

  // As close() left it: false when anything is not as it should be.
  bool open_cleanly() {
    if (epochs_missing_) return false;
    Segment& active = *log_.segments.back();
    auto file = disk_.open(path(active.base_offset, kLogSuffix), OpenMode::read_write);
    if (!file) return false;
    auto loaded = load_indexes(disk_, **file, options_.directory, active.base_offset, active.size_bytes,
                               options_.index_interval_bytes);
    if (!loaded || loaded->rebuilt) return false;
    if (!scan_end(active, **file, loaded->indexes)) return false;
    if (!load_snapshot(log_.end_offset)) return false;
    adopt(active, std::move(*file), std::move(loaded->indexes));
    active.offset_entries_written = active.indexes.offsets.size();
    active.time_entries_written = active.indexes.times.size();
    active.aborted_written = active.indexes.aborted.size();
    return true;
  }

  // From the last indexed batch on.
  bool scan_end(const Segment& segment, runtime::File& file, SegmentIndexes& indexes) {
    const bool indexed = !indexes.offsets.empty();
    const std::int64_t from = indexed ? indexes.offsets.back().position : 0;
    const VisitBatch visit = [&](const record::BatchView& batch, std::int64_t position) {
      if (position == 0) indexes.first_timestamp = batch.max_timestamp();
    };
    const auto scan = scan_segment(file, from, segment.size_bytes, segment.base_offset, kNoLimit, visit);
    if (!scan || scan->damage) return false;
    log_.end_offset = scan->next_offset;
    indexes.bytes_since_entry = segment.size_bytes - from;
    if (from > 0) indexes.first_timestamp = first_timestamp(file);
    return true;
  }

  static TimestampMs first_timestamp(runtime::File& file) {
    std::byte bytes[record::kHeaderSize];
    const auto read = file.read_at(0, bytes);
    return read && *read == sizeof bytes ? record::HeaderView::trusted(bytes).max_timestamp() : kNoTimestamp;
  }

  static void adopt(Segment& segment, std::shared_ptr<runtime::File> file, SegmentIndexes indexes) {
    segment.file = std::move(file);
    segment.indexes = std::move(indexes);
    segment.indexes_loaded = true;
    segment.finished = segment.finish_written = false;
  }

  bool load_snapshot(Offset offset) {
    auto table = read_snapshot(disk_, path(offset, kSnapshotSuffix));
    if (table) log_.producers = std::move(*table);
    return table.has_value();
  }

  // Checks the batches from the recovery point's segment on, and from further back where producer state or
  // epochs have to be made from them.
  Status recover() {
    std::size_t index = first_to_scan();
    // The roll cuts what was preallocated of the segment before: power lost in it may have taken the cut
    // back.
    if (index > 0 && log_.segments[index]->base_offset >= options_.recovery_point) {
      ASSIGN_OR_RETURN(const bool padded, ends_in_zeros(*log_.segments[index - 1]));
      if (padded) --index;
    }
    log_.producers.clear();
    while (index > 0 && !load_snapshot(log_.segments[index]->base_offset)) --index;
    if (index == 0) load_snapshot(log_.segments[0]->base_offset);
    log_.end_offset = log_.segments[index]->base_offset;
    epochs_.truncate_from_end(log_.end_offset);
    for (; index < log_.segments.size(); ++index) {
      TRY(recover_segment(index));
      if (cut_) TRY(drop_segments_after(index));
    }
    TRY(drop_snapshots_above(log_.end_offset));
    TRY(disk_.sync_directory(options_.directory));
    return disk_.sync_directory(runtime::directory_of(options_.directory));
  }

  // True of every file with preallocated space at its end, and of a few others.
  Result<bool> ends_in_zeros(const Segment& segment) {
    std::array<std::byte, 16> end;
    if (segment.size_bytes < static_cast<std::int64_t>(end.size())) return segment.size_bytes > 0;
    ASSIGN_OR_RETURN(const auto file,
                     or_unreadable(disk_.open(path(segment.base_offset, kLogSuffix), OpenMode::read_write)));
    ASSIGN_OR_RETURN(
        const std::size_t read,
        or_unreadable(file->read_at(static_cast<std::uint64_t>(segment.size_bytes) - end.size(), end)));
    return std::all_of(end.begin(), end.begin() + static_cast<std::ptrdiff_t>(read),
                       [](std::byte byte) { return byte == std::byte{0}; });
  }

  std::size_t first_to_scan() const {
    if (epochs_missing_) return 0;
    const Offset point = std::min(options_.recovery_point, kNoLimit);
    const auto after = std::ranges::upper_bound(
        log_.segments, point, {}, [](const SegmentPtr& segment) { return segment->base_offset; });
    return after == log_.segments.begin() ? 0 : static_cast<std::size_t>(after - log_.segments.begin()) - 1;
  }

  Status recover_segment(std::size_t index) {
    Segment& segment = *log_.segments[index];
    TRY(check_start(segment));
    if (cut_) return {};
    const std::string name = path(segment.base_offset, kLogSuffix);
    ASSIGN_OR_RETURN(std::shared_ptr<runtime::File> file,
                     or_unreadable(disk_.open(name, OpenMode::read_write)));
    SegmentIndexes indexes;
    std::int64_t unsynced_from = segment.size_bytes;
    const VisitBatch visit = [&](const record::BatchView& batch, std::int64_t position) {
      if (batch.base_offset() >= options_.recovery_point) unsynced_from = std::min(unsynced_from, position);
      indexes.note(batch, segment.base_offset, position, options_.index_interval_bytes);
      epochs_.assign(batch.partition_leader_epoch(), batch.base_offset());
      if (auto aborted = batch.has_producer_id() ? note_producer(log_.producers, batch, batch) : std::nullopt)
        indexes.aborted.push_back(*aborted);
    };
    ASSIGN_OR_RETURN(SegmentScan scan,
                     or_unreadable(scan_segment(*file, 0, segment.size_bytes, segment.base_offset,
                                                contiguous_from(), visit)));
    log_.end_offset = scan.next_offset;
    const bool shortened = scan.damage.has_value();
    if (scan.damage) TRY(drop_padding(segment, *file, scan));
    if (scan.damage) TRY(cut(segment, *file, scan));
    TRY(rewrite(*file, unsynced_from, segment.size_bytes));
    if (log_.end_offset > options_.recovery_point || shortened) TRY(file->sync_data());
    adopt(segment, std::move(file), std::move(indexes));
    segment.finished = index + 1 < log_.segments.size() && !cut_;
    if (segment.finished) segment.indexes.finish();
    return {};
  }

  // What is above the recovery point may be in the page cache although a sync of it has failed, so that the
  // next sync would prove nothing: it is written again before it becomes the recovery point.
  static Status rewrite(runtime::File& file, std::int64_t position, std::int64_t end) {
    std::vector<std::byte> piece(
        static_cast<std::size_t>(std::clamp<std::int64_t>(end - position, 0, kRewriteBytes)));
    while (position < end) {
      const auto at = static_cast<std::uint64_t>(position);
      const auto left = static_cast<std::size_t>(end - position);
      const MutableBytes bytes = MutableBytes(piece).first(std::min(piece.size(), left));
      ASSIGN_OR_RETURN(const std::size_t read, or_unreadable(file.read_at(at, bytes)));
      TRY(file.write_at(at, bytes.first(read)));
      if (read == 0) return {};
      position += static_cast<std::int64_t>(read);
    }
    return {};
  }

  Offset contiguous_from() const {
    return options_.compacted || options_.foreign ? kNoLimit : options_.recovery_point;
  }

  // Between two segments nothing may be missing below the recovery point but what compaction took; above it,
  // a file that ends early is a torn tail.
  Status check_start(const Segment& segment) {
    if (segment.base_offset == log_.end_offset) return {};
    const std::string name = path(segment.base_offset, kLogSuffix);
    if (segment.base_offset < log_.end_offset) {
      return fail(Errc::corrupt, name + " starts below " + std::to_string(log_.end_offset) +
                                     ", the end of the segment before it");
    }
    // After a crash a log that nothing knows may be one of this node's own that was never checkpointed. A
    // folder is copied in while the node is stopped in order.
    if (options_.foreign && options_.clean_shutdown) return {};
    cut_ = log_.end_offset >= options_.recovery_point;
    if (cut_ || log_.missing) return {};
    log_.missing =
        Error{Errc::corrupt, name + " starts above " + std::to_string(log_.end_offset) +
                                 ", the end of the segment before it: records that were durable are missing"};
    return {};
  }

  // A preallocated file that was not cut in order ends in zeros.
  Status drop_padding(Segment& segment, runtime::File& file, SegmentScan& scan) {
    ASSIGN_OR_RETURN(const bool padding,
                     or_unreadable(is_padding(file, scan.valid_bytes, segment.size_bytes)));
    if (!padding) return {};
    scan.damage.reset();
    TRY(file.truncate(static_cast<std::uint64_t>(scan.valid_bytes)));
    segment.size_bytes = segment.file_bytes = segment.synced_bytes = scan.valid_bytes;
    return {};
  }

  Status cut(Segment& segment, runtime::File& file, const SegmentScan& scan) {
    const std::string where = path(segment.base_offset, kLogSuffix) + " at position " +
                              std::to_string(scan.valid_bytes) + ", offset " +
                              std::to_string(scan.next_offset);
    if (scan.next_offset < options_.recovery_point) {
      return fail(Errc::corrupt, where + ", below the recovery point " +
                                     std::to_string(options_.recovery_point) + ": " + *scan.damage);
    }
    if (!options_.refilled) {
      ASSIGN_OR_RETURN(const bool inside, or_unreadable(damage_is_inside(
                                              file, scan.valid_bytes, segment.size_bytes, scan.next_offset)));
      if (inside) return fail(Errc::corrupt, where + ", with whole batches after it: " + *scan.damage);
    }
    TRY(file.truncate(static_cast<std::uint64_t>(scan.valid_bytes)));
    log_.truncated_bytes += segment.size_bytes - scan.valid_bytes;
    segment.size_bytes = segment.file_bytes = segment.synced_bytes = scan.valid_bytes;
    cut_ = true;
    return {};
  }

  // The last one first: what is left must have no gap, wherever this is interrupted.
  Status drop_segments_after(std::size_t index) {
    const bool keeps_this = log_.segments[index]->indexes_loaded;
    const std::size_t keep = keeps_this ? index + 1 : index;
    while (log_.segments.size() > keep) {
      const Segment& segment = *log_.segments.back();
      log_.truncated_bytes += segment.size_bytes;
      TRY(remove_if_there(disk_, path(segment.base_offset, kLogSuffix)));
      for (auto suffix : {kOffsetIndexSuffix, kTimeIndexSuffix, kTransactionIndexSuffix}) {
        TRY(remove_if_there(disk_, path(segment.base_offset, suffix)));
      }
      TRY(disk_.sync_directory(options_.directory));
      log_.segments.pop_back();
    }
    log_.segments.back()->finished = false;
    return {};
  }

  Status drop_snapshots_above(Offset end) {
    for (const Offset offset : log_.snapshots) {
      if (offset > end) TRY(remove_if_there(disk_, path(offset, kSnapshotSuffix)));
    }
    std::erase_if(log_.snapshots, [&](Offset offset) { return offset > end; });
    return {};
  }

  static constexpr Offset kNoLimit = std::numeric_limits<Offset>::max();

  runtime::Disk& disk_;
  const LoadOptions& options_;
  LoadedLog log_;
  LeaderEpochCache epochs_;
  bool epochs_missing_ = false;
  bool cut_ = false;  // a torn tail ends the log
};

template <class T, class Decode>
std::optional<T> read_index(runtime::Disk& disk, const std::string& path, Decode decode) {
  auto bytes = runtime::read_file(disk, path, kMaxIndexBytes);
  if (!bytes) return std::nullopt;
  Result<T> index = decode(ByteView(*bytes));
  return index ? std::optional(std::move(*index)) : std::nullopt;
}

void take_maximum_from(SegmentIndexes& indexes) {
  if (indexes.times.empty()) return;
  indexes.max_timestamp = indexes.times.back().timestamp;
  indexes.max_timestamp_offset = indexes.times.back().relative_offset;
}

}  // namespace

Result<LoadedLog> load_log(runtime::Disk& disk, const LoadOptions& options) {
  return Loader(disk, options).load();
}

Result<ProducerStateTable> read_snapshot(runtime::Disk& disk, const std::string& path) {
  ASSIGN_OR_RETURN(const auto bytes, runtime::read_file(disk, path, kMaxSnapshotBytes));
  return ProducerStateTable::decode(bytes);
}

std::vector<AbortedTransaction> read_transaction_index(runtime::Disk& disk, const std::string& directory,
                                                       Offset base_offset) {
  return read_index<std::vector<AbortedTransaction>>(
             disk, file_path(directory, base_offset, kTransactionIndexSuffix), decode_transaction_index)
      .value_or(std::vector<AbortedTransaction>());
}

Result<LoadedIndexes> load_indexes(runtime::Disk& disk, runtime::File& file, const std::string& directory,
                                   Offset base_offset, std::int64_t segment_bytes,
                                   std::int64_t index_interval_bytes) {
  const auto path = [&](std::string_view suffix) { return file_path(directory, base_offset, suffix); };
  LoadedIndexes loaded;
  loaded.indexes.aborted = read_transaction_index(disk, directory, base_offset);
  auto offsets = read_index<OffsetIndex>(disk, path(kOffsetIndexSuffix), [&](ByteView bytes) {
    return OffsetIndex::decode(bytes, segment_bytes);
  });
  auto times = read_index<TimeIndex>(disk, path(kTimeIndexSuffix), TimeIndex::decode);
  if (offsets && times) {
    loaded.indexes.offsets = std::move(*offsets);
    loaded.indexes.times = std::move(*times);
    take_maximum_from(loaded.indexes);
    return loaded;
  }
  loaded.rebuilt = true;
  const VisitBatch visit = [&](const record::BatchView& batch, std::int64_t position) {
    loaded.indexes.note(batch, base_offset, position, index_interval_bytes);
  };
  ASSIGN_OR_RETURN(const SegmentScan scan, scan_segment(file, 0, segment_bytes, base_offset,
                                                        std::numeric_limits<Offset>::max(), visit));
  if (scan.damage) {
    return fail(Errc::corrupt,
                path(kLogSuffix) + " at position " + std::to_string(scan.valid_bytes) + ": " + *scan.damage);
  }
  loaded.indexes.finish();
  return loaded;
}

}  // namespace moldau::storage
