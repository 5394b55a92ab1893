// Snapshots of the metadata: `<20-digit end offset>-<10-digit epoch>.checkpoint` in the log's folder, record
// batches between a SNAPSHOT_HEADER and a SNAPSHOT_FOOTER control batch (KIP-630). Written under the name
// `….checkpoint.part` and renamed once it is synced, so that a file with the right name is always whole.
// Every call blocks: BlockingPool.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "metadata/image.h"
#include "raft/types.h"
#include "runtime/disk.h"

namespace moldau::quorum {

inline constexpr std::string_view kSnapshotSuffix = ".checkpoint";
inline constexpr std::string_view kPartialSuffix = ".checkpoint.part";

std::string snapshot_name(const raft::OffsetAndEpoch& id);
std::optional<raft::OffsetAndEpoch> snapshot_of_name(std::string_view name);

// The snapshot's bytes; its place is the image's end.
Slice encode_snapshot(const metadata::Image& image, TimestampMs now_ms);
// The image, at the place that `id` says. Errc::corrupt when header, footer, order, checksums or records are
// not as they must be.
Result<metadata::Image> decode_snapshot(ByteView bytes, const raft::OffsetAndEpoch& id);

// Snapshots in the folder, oldest first. Removes partial ones. No folder: none.
Result<std::vector<raft::OffsetAndEpoch>> list_snapshots(runtime::Disk& disk, const std::string& directory);
Status write_snapshot(runtime::Disk& disk, const std::string& directory, const metadata::Image& image,
                      TimestampMs now_ms);
// Errors name the file.
Result<metadata::Image> read_snapshot(runtime::Disk& disk, const std::string& directory,
                                      const raft::OffsetAndEpoch& id);
// Removes every snapshot older than `latest`.
Status remove_older_snapshots(runtime::Disk& disk, const std::string& directory,
                              const raft::OffsetAndEpoch& latest);

// A snapshot that is being fetched, chunk by chunk.
Status write_partial(runtime::Disk& disk, const std::string& directory, const raft::OffsetAndEpoch& id,
                     std::int64_t position, ByteView bytes);
// Checks the whole, then gives it its name. Errors as read_snapshot.
Result<metadata::Image> finish_partial(runtime::Disk& disk, const std::string& directory,
                                       const raft::OffsetAndEpoch& id);

}  // namespace moldau::quorum
