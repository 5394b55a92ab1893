// Kafka's text checkpoint files: a line with the version, a line with the number of entries, then one entry
// per line. recovery-point-offset-checkpoint, replication-offset-checkpoint, log-start-offset-checkpoint and
// cleaner-offset-checkpoint have `topic partition offset`; leader-epoch-checkpoint has `epoch start-offset`.
// Every call blocks: run it on a BlockingPool.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/ids.h"
#include "base/result.h"
#include "runtime/disk.h"

namespace moldau::storage {

inline constexpr std::string_view kRecoveryPointCheckpoint = "recovery-point-offset-checkpoint";
inline constexpr std::string_view kReplicationCheckpoint =
    "replication-offset-checkpoint";  // high watermarks
inline constexpr std::string_view kLogStartCheckpoint = "log-start-offset-checkpoint";
inline constexpr std::string_view kCleanerCheckpoint = "cleaner-offset-checkpoint";
inline constexpr std::string_view kLeaderEpochCheckpoint = "leader-epoch-checkpoint";

// The entries' lines. Errc::not_found when there is no such file; Errc::corrupt, naming file and line, when
// the version is not `version`, the count is not that of the lines that follow, or a line is cut short.
Result<std::vector<std::string>> read_checkpoint_lines(runtime::Disk& disk, const std::string& path,
                                                       int version);
// Replaces the file as a unit.
Status write_checkpoint_lines(runtime::Disk& disk, const std::string& path, int version,
                              const std::vector<std::string>& lines);

using OffsetCheckpoint = std::map<TopicPartition, Offset>;

// Errc::corrupt, naming file and line, also for an illegal topic, partition or offset and for a partition
// that is named twice.
Result<OffsetCheckpoint> read_offset_checkpoint(runtime::Disk& disk, const std::string& path);
Status write_offset_checkpoint(runtime::Disk& disk, const std::string& path, const OffsetCheckpoint& offsets);

struct EpochEntry {
  LeaderEpoch epoch = 0;
  Offset start_offset = 0;
  friend bool operator==(const EpochEntry&, const EpochEntry&) = default;
};

// Errc::corrupt, naming file and line, also when an epoch or offset is negative, or does not rise from line
// to line.
Result<std::vector<EpochEntry>> read_epoch_checkpoint(runtime::Disk& disk, const std::string& path);
std::string epoch_checkpoint_text(const std::vector<EpochEntry>& epochs);
Status write_epoch_checkpoint(runtime::Disk& disk, const std::string& path,
                              const std::vector<EpochEntry>& epochs);

}  // namespace moldau::storage
