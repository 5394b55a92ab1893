// The folders of partitions inside a data folder: which there are, whose they are, and moving those out of
// the way that must not be used (kafka-protocol.md 3.4). Every call blocks.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/ids.h"
#include "base/result.h"
#include "runtime/disk.h"

namespace moldau::storage {

inline constexpr std::string_view kStrayDirectorySuffix = "-stray";
// The metadata log's own folder: its quorum opens it, nobody else.
inline constexpr std::string_view kClusterMetadataFolder = "__cluster_metadata-0";

struct PartitionFolder {
  std::string name;  // "<topic>-<partition>"
  TopicPartition partition;
  std::optional<TopicId> topic_id;  // from partition.metadata; empty when there is no such file
  std::optional<Error> damage;      // Errc::corrupt: partition.metadata, or the folder, cannot be read
  bool empty = false;
};

struct FolderScan {
  std::vector<PartitionFolder> partitions;
  std::vector<std::string> deleted;  // names of folders whose deletion was under way
  std::vector<std::string> strays;   // names of folders that were put aside before
};

// "<topic>-<partition>": the topic may hold '-' itself.
std::optional<TopicPartition> partition_of_name(std::string_view name);
// "<topic>-<partition>.<32 hex digits>-stray".
std::string stray_directory_name(const TopicPartition& partition, const Uuid& id);

Result<FolderScan> scan_partition_folders(runtime::Disk& disk, const std::string& data_folder);

// Renames a folder inside `data_folder`, durably. No error when there is none of that name.
Status rename_partition_folder(runtime::Disk& disk, const std::string& data_folder, const std::string& from,
                               const std::string& to);

}  // namespace moldau::storage
