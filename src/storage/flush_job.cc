#include "storage/flush_job.h"

#include "storage/log_files.h"

namespace moldau::storage {
namespace {

using runtime::OpenMode;

Status write_index(runtime::Disk& disk, const std::string& path, const IndexWrite& write, bool sync) {
  ASSIGN_OR_RETURN(const auto file, disk.open(path, OpenMode::create));
  if (write.position == 0) TRY(file->truncate(0));
  TRY(file->write_at(write.position, write.bytes));
  return sync ? file->sync_data() : Status();
}

// What a truncation has cut may still be in the file: it would hide later records of the same producer.
Status forget_transactions(runtime::Disk& disk, const FlushJob& job, const SegmentFlush& segment) {
  const auto file =
      disk.open(file_path(job.directory, segment.base_offset, kTransactionIndexSuffix), OpenMode::read_write);
  if (!file) return file.error().code == Errc::not_found ? Status() : fail(file.error());
  TRY((*file)->truncate(0));
  return job.syncs_later ? Status() : (*file)->sync_data();
}

Status write_indexes(runtime::Disk& disk, const FlushJob& job, const SegmentFlush& segment) {
  const auto write = [&](const std::optional<IndexWrite>& index, std::string_view suffix) -> Status {
    if (!index) return {};
    return write_index(disk, file_path(job.directory, segment.base_offset, suffix), *index,
                       segment.finish && !job.syncs_later);
  };
  TRY(write(segment.offset_index, kOffsetIndexSuffix));
  TRY(write(segment.time_index, kTimeIndexSuffix));
  if (segment.finish && !segment.transaction_index) return forget_transactions(disk, job, segment);
  return write(segment.transaction_index, kTransactionIndexSuffix);
}

Status open_segment(runtime::Disk& disk, const std::string& directory, SegmentFlush& segment) {
  if (segment.file) return {};
  const std::string path = file_path(directory, segment.base_offset, kLogSuffix);
  ASSIGN_OR_RETURN(segment.file, disk.open(path, segment.create ? OpenMode::create : OpenMode::read_write));
  if (!segment.create) return {};
  // What an attempt that failed has left. Without batches to write, an append may have come first: its bytes
  // stay.
  if (!segment.batches.empty()) TRY(segment.file->truncate(0));
  if (segment.preallocate_bytes > 0) TRY(segment.file->allocate(0, segment.preallocate_bytes));
  return {};
}

Status write_batches(SegmentFlush& segment) {
  if (segment.batches.empty()) return {};
  const std::vector<ByteView> parts(segment.batches.begin(), segment.batches.end());
  return segment.file->write_at(segment.position, parts);
}

Status cut_preallocated(SegmentFlush& segment) {
  if (!segment.finish) return {};
  ASSIGN_OR_RETURN(const std::uint64_t size, segment.file->size());
  return size <= segment.end ? Status() : segment.file->truncate(segment.end);
}

Status write_file(runtime::Disk& disk, FlushJob& job, const std::string& path, ByteView contents) {
  if (!job.syncs_later) return runtime::write_file_atomically(disk, path, contents);
  ASSIGN_OR_RETURN(const auto file, disk.open(path + std::string(kTemporarySuffix), OpenMode::create));
  TRY(file->truncate(0));
  TRY(file->write_at(0, contents));
  job.unpublished.push_back(path);
  return {};
}

// Without partition.metadata, as a crash may leave it when syncs come later, the folder is put aside, and all
// that the log has is in the commit log.
Status create_directory(runtime::Disk& disk, FlushJob& job) {
  if (!job.syncs_later) return create_partition_directory(disk, job.directory, *job.partition_metadata);
  TRY(disk.create_directories(job.directory));
  return write_file(disk, job, job.directory + "/" + std::string(kPartitionMetadataFile),
                    as_bytes(partition_metadata_text(*job.partition_metadata)));
}

Status write_all(runtime::Disk& disk, FlushJob& job) {
  if (job.partition_metadata) TRY(create_directory(disk, job));
  bool name_unsynced = job.sync_directory_first;
  for (SegmentFlush& segment : job.segments) {
    // The name of one segment is durable before the next one has any: a crash leaves no gap.
    if (segment.create && name_unsynced) TRY(disk.sync_directory(job.directory));
    name_unsynced |= segment.create;
    TRY(open_segment(disk, job.directory, segment));
    TRY(write_batches(segment));
    TRY(cut_preallocated(segment));
    TRY(write_indexes(disk, job, segment));
  }
  for (const auto& [offset, snapshot] : job.snapshots) {
    TRY(write_file(disk, job, file_path(job.directory, offset, kSnapshotSuffix), snapshot));
  }
  if (!job.epochs) return {};
  return write_file(disk, job, job.directory + "/" + std::string(kLeaderEpochCheckpoint),
                    as_bytes(epoch_checkpoint_text(*job.epochs)));
}

Status sync_all(runtime::Disk& disk, FlushJob& job) {
  for (SegmentFlush& segment : job.segments) {
    if (segment.sync || segment.finish) TRY(segment.file->sync_data());
  }
  return job.sync_directory ? disk.sync_directory(job.directory) : Status();
}

}  // namespace

Status create_partition_directory(runtime::Disk& disk, const std::string& directory,
                                  const TopicId& topic_id) {
  TRY(disk.create_directories(directory));
  TRY(disk.sync_directory(runtime::directory_of(directory)));
  return runtime::write_file_atomically(disk, directory + "/" + std::string(kPartitionMetadataFile),
                                        as_bytes(partition_metadata_text(topic_id)));
}

FlushOutcome run(runtime::Disk& disk, FlushJob& job) {
  if (Status status = write_all(disk, job); !status) {
    const Errc code = status.error().code;
    return {std::move(status), code == Errc::no_space || code == Errc::no_descriptors};
  }
  if (!job.syncs_later) return {sync_all(disk, job), false};
  for (SegmentFlush& segment : job.segments) segment.file = nullptr;  // of many logs too many would be open
  return {};
}

Status publish(runtime::Disk& disk, const FlushJob& job) {
  for (const std::string& path : job.unpublished) {
    TRY(disk.rename(path + std::string(kTemporarySuffix), path));
  }
  return {};
}

}  // namespace moldau::storage
