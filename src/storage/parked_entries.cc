#include "storage/parked_entries.h"

#include <charconv>
#include <optional>

#include "storage/commit_log_format.h"
#include "storage/log_files.h"

namespace moldau::storage {

using commit_format::kEntryHeader;
using commit_format::kParkedHeader;
using commit_format::ParkedHeader;

namespace {

constexpr std::string_view kInfix = ".parked.";
// A commit log's ring, and some. More is nobody's.
constexpr std::uint64_t kMaxBytes = 64ULL << 30;

std::optional<TopicIdPartition> partition_of(std::string_view text) {
  const std::size_t dash = text.rfind('-');
  if (dash == std::string_view::npos) return std::nullopt;
  const auto topic_id = Uuid::parse(text.substr(0, dash));
  const std::string_view digits = text.substr(dash + 1);
  PartitionIndex partition = -1;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), partition);
  const bool whole = error == std::errc() && end == digits.data() + digits.size() && partition >= 0;
  return topic_id && whole ? std::optional(TopicIdPartition{*topic_id, partition}) : std::nullopt;
}

Status take_entries(Slice body, std::uint32_t count, const TopicIdPartition& partition, ParkedEntries& into) {
  ByteView left = body;
  for (std::uint32_t i = 0; i < count; ++i) {
    ASSIGN_OR_RETURN(const CommitLog::Entry entry, commit_format::take_entry(left));
    if (entry.topic_id_partition() != partition) return fail(Errc::corrupt, "an entry of another partition");
    into.entries.push_back({entry, body.part(entry.batches)});
  }
  return left.empty() ? Status() : fail(Errc::corrupt, "bytes after the last entry");
}

}  // namespace

std::string parked_file_name(std::string_view commit_log, const TopicIdPartition& partition) {
  return std::string(commit_log) + std::string(kInfix) + partition.topic_id.to_string() + "-" +
         std::to_string(partition.partition);
}

Result<std::vector<ParkedFile>> find_parked(runtime::Disk& disk, const std::string& data_folder,
                                            std::string_view commit_log) {
  const std::string prefix = std::string(commit_log) + std::string(kInfix);
  std::vector<ParkedFile> found;
  ASSIGN_OR_RETURN(const auto entries, disk.list(data_folder));
  for (const runtime::DirectoryEntry& entry : entries) {
    if (entry.is_directory || !entry.name.starts_with(prefix)) continue;
    if (entry.name.ends_with(kTemporarySuffix)) {
      TRY(disk.remove_file(data_folder + "/" + entry.name));
    } else if (const auto partition = partition_of(std::string_view(entry.name).substr(prefix.size()))) {
      found.push_back({entry.name, *partition});
    }
  }
  return found;
}

std::uint64_t parked_size(const ParkedEntries& parked) {
  std::uint64_t bytes = kParkedHeader;
  for (const ParkedEntries::One& one : parked.entries) bytes += kEntryHeader + one.batches.size();
  return bytes;
}

Status write_parked(runtime::Disk& disk, const std::string& path, const ParkedEntries& parked) {
  std::vector<std::byte> bytes(parked_size(parked));
  MutableBytes left = MutableBytes(bytes).subspan(kParkedHeader);
  for (const ParkedEntries::One& one : parked.entries) {
    CommitLog::Entry entry = one.entry;
    entry.batches = one.batches;
    commit_format::encode_entry(entry, left.first(kEntryHeader + entry.batches.size()));
    left = left.subspan(kEntryHeader + entry.batches.size());
  }
  const ParkedHeader header{.file_id = parked.file_id,
                            .up_to = parked.up_to,
                            .body_bytes = bytes.size() - kParkedHeader,
                            .entries = static_cast<std::uint32_t>(parked.entries.size())};
  header.encode_before(bytes);
  return runtime::write_file_atomically(disk, path, bytes);
}

Result<ParkedEntries> read_parked(runtime::Disk& disk, const std::string& path,
                                  const TopicIdPartition& partition) {
  ASSIGN_OR_RETURN(auto bytes, runtime::read_file(disk, path, kMaxBytes));
  const Slice file = Slice::take(std::move(bytes));
  const auto header = ParkedHeader::decode(file);
  if (!header) return fail(Errc::corrupt, path + " is damaged: it held acknowledged records");
  ParkedEntries parked{.file_id = header->file_id, .up_to = header->up_to, .entries = {}};
  if (Status taken = take_entries(file.from(kParkedHeader), header->entries, partition, parked); !taken) {
    return fail(std::move(taken).error().within(path));
  }
  return parked;
}

}  // namespace moldau::storage
