// Snapshots of the metadata: `<20-digit end offset>-<10-digit epoch>.checkpoint` in the log's folder, record
// batches between a SNAPSHOT_HEADER and a SNAPSHOT_FOOTER control batch (KIP-630), with the voters in control
// batches after the header unless they are static (KIP-853). Written under the name
// `….checkpoint.part` and renamed once it is synced, so that a file with the right name is always whole.
// Every call blocks: BlockingPool.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "metadata/image.h"
#include "raft/types.h"
#include "raft/voter_history.h"
#include "runtime/disk.h"

namespace moldau::quorum {

inline constexpr std::string_view kSnapshotSuffix = ".checkpoint";
inline constexpr std::string_view kPartialSuffix = ".checkpoint.part";

std::string snapshot_name(const raft::OffsetAndEpoch& id);
std::optional<raft::OffsetAndEpoch> snapshot_of_name(std::string_view name);

struct Snapshot {
  metadata::Image image;
  raft::Configuration configuration;  // kraft.version 0: nothing is said of voters
};

// The snapshot's bytes; its place is the image's end.
Slice encode_snapshot(const metadata::Image& image, TimestampMs now_ms,
                      const raft::Configuration& configuration = {});
// The image, at the place that `id` says. Errc::corrupt when header, footer, order, checksums or records are
// not as they must be.
Result<Snapshot> decode_snapshot(ByteView bytes, const raft::OffsetAndEpoch& id);

// Snapshots in the folder, oldest first. No folder: none.
Result<std::vector<raft::OffsetAndEpoch>> list_snapshots(runtime::Disk& disk, const std::string& directory);
Status write_snapshot(runtime::Disk& disk, const std::string& directory, const metadata::Image& image,
                      const raft::Configuration& configuration, TimestampMs now_ms);
// Errors name the file.
Result<Snapshot> read_snapshot(runtime::Disk& disk, const std::string& directory,
                               const raft::OffsetAndEpoch& id);
// Removes all but the newest two and those that are still `used`.
Status remove_older_snapshots(runtime::Disk& disk, const std::string& directory,
                              std::span<const raft::OffsetAndEpoch> used);

// Kafka's way to say with which voters a new cluster begins: the snapshot 0-0 in an empty folder, as
// `kafka-storage format --standalone` and `--initial-controllers` write it. The folder is made when missing.
// Errc::already_exists when it holds a snapshot.
Status write_initial_voters(runtime::Disk& disk, const std::string& directory, const raft::VoterSet& voters,
                            TimestampMs now_ms);

// Removes what an earlier process has begun to write or to fetch.
Status remove_partial_snapshots(runtime::Disk& disk, const std::string& directory);
// A snapshot that is being fetched, chunk by chunk.
Status write_partial(runtime::Disk& disk, const std::string& directory, const raft::OffsetAndEpoch& id,
                     std::int64_t position, ByteView bytes);
// Checks the whole, then gives it its name. Errors as read_snapshot.
Result<Snapshot> finish_partial(runtime::Disk& disk, const std::string& directory,
                                const raft::OffsetAndEpoch& id);
Status remove_partial(runtime::Disk& disk, const std::string& directory, const raft::OffsetAndEpoch& id);

}  // namespace moldau::quorum
