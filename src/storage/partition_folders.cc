#include "storage/partition_folders.h"

#include <algorithm>
#include <charconv>

#include "storage/log_files.h"
#include "storage/unreadable.h"

namespace moldau::storage {

namespace {

constexpr std::uint64_t kMaxMetadataBytes = 4096;

bool ends_with(std::string_view name, std::string_view suffix) { return name.ends_with(suffix); }

Status read_identity(runtime::Disk& disk, const std::string& path, PartitionFolder& folder) {
  const std::string file = path + "/" + std::string(kPartitionMetadataFile);
  const auto contents = or_unreadable(runtime::read_file(disk, file, kMaxMetadataBytes));
  if (contents) folder.topic_id = parse_partition_metadata(as_text(*contents));
  const Errc code = contents ? Errc::corrupt : contents.error().code;
  if (folder.topic_id || code == Errc::not_found) return {};
  if (code != Errc::corrupt && code != Errc::too_large) return fail(contents.error());
  const bool unread = !contents && code == Errc::corrupt;
  folder.damage = unread ? contents.error() : Error{Errc::corrupt, file + " does not name a topic id"};
  return {};
}

}  // namespace

std::optional<TopicPartition> partition_of_name(std::string_view name) {
  const std::size_t dash = name.rfind('-');
  if (dash == std::string_view::npos || dash == 0) return std::nullopt;
  const std::string_view digits = name.substr(dash + 1);
  PartitionIndex partition = -1;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), partition);
  if (error != std::errc() || end != digits.data() + digits.size() || partition < 0) return std::nullopt;
  // "topic-007" is nobody's name of partition 7.
  if (std::to_string(partition) != digits) return std::nullopt;
  return TopicPartition{std::string(name.substr(0, dash)), partition};
}

std::string stray_directory_name(const TopicPartition& partition, const Uuid& id) {
  const std::string deleted = deleted_directory_name(partition, id);
  return deleted.substr(0, deleted.size() - kDeletedDirectorySuffix.size()) +
         std::string(kStrayDirectorySuffix);
}

Result<FolderScan> scan_partition_folders(runtime::Disk& disk, const std::string& data_folder) {
  FolderScan scan;
  ASSIGN_OR_RETURN(const auto entries, disk.list(data_folder));
  for (const runtime::DirectoryEntry& entry : entries) {
    if (!entry.is_directory || entry.name == kClusterMetadataFolder) continue;
    if (ends_with(entry.name, kDeletedDirectorySuffix)) {
      scan.deleted.push_back(entry.name);
    } else if (ends_with(entry.name, kStrayDirectorySuffix)) {
      scan.strays.push_back(entry.name);
    } else if (auto partition = partition_of_name(entry.name)) {
      PartitionFolder folder{.name = entry.name, .partition = *std::move(partition)};
      const std::string path = data_folder + "/" + entry.name;
      TRY(read_identity(disk, path, folder));
      const auto files = or_unreadable(disk.list(path));
      if (!files && files.error().code != Errc::corrupt) return fail(files.error());
      if (!files) folder.damage = files.error();
      folder.empty = files && files->empty();
      scan.partitions.push_back(std::move(folder));
    }
  }
  return scan;
}

Status rename_partition_folder(runtime::Disk& disk, const std::string& data_folder, const std::string& from,
                               const std::string& to) {
  const Status renamed = disk.rename(data_folder + "/" + from, data_folder + "/" + to);
  if (!renamed && renamed.error().code == Errc::not_found) return {};
  TRY(renamed);
  return disk.sync_directory(data_folder);
}

}  // namespace moldau::storage
