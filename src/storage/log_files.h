// The names of a partition's files (kafka-protocol.md 3.4).
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/ids.h"
#include "base/result.h"
#include "runtime/disk.h"

namespace moldau::storage {

inline constexpr std::string_view kLogSuffix = ".log";
inline constexpr std::string_view kOffsetIndexSuffix = ".index";
inline constexpr std::string_view kTimeIndexSuffix = ".timeindex";
inline constexpr std::string_view kTransactionIndexSuffix = ".txnindex";
inline constexpr std::string_view kSnapshotSuffix = ".snapshot";
inline constexpr std::string_view kDeletedSuffix = ".deleted";
inline constexpr std::string_view kCleanedSuffix = ".cleaned";
inline constexpr std::string_view kSwapSuffix = ".swap";
inline constexpr std::string_view kTemporarySuffix = ".tmp";
inline constexpr std::string_view kPartitionMetadataFile = "partition.metadata";
inline constexpr std::string_view kDeletedDirectorySuffix = "-delete";

// "00000000000000000042.log".
std::string file_name(Offset offset, std::string_view suffix);
std::string file_path(const std::string& directory, Offset offset, std::string_view suffix);
// The offset of a name of exactly 20 digits and this suffix.
std::optional<Offset> offset_of_name(std::string_view name, std::string_view suffix);
// "<topic>-<partition>.<32 hex digits>-delete", the topic's name cut so that it fits a file name.
std::string deleted_directory_name(const TopicPartition& partition, const Uuid& id);

Status remove_if_there(runtime::Disk& disk, const std::string& path);

// Contents of partition.metadata.
std::string partition_metadata_text(const TopicId& topic_id);
std::optional<TopicId> parse_partition_metadata(std::string_view text);

}  // namespace moldau::storage
