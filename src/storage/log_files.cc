#include "storage/log_files.h"

#include <algorithm>
#include <charconv>

namespace moldau::storage {
namespace {

constexpr std::size_t kOffsetDigits = 20;
constexpr std::size_t kMaxFileName = 255;

std::string hex(std::uint64_t value) {
  std::string text(16, '0');
  for (auto digit = text.rbegin(); digit != text.rend(); ++digit, value >>= 4) {
    *digit = "0123456789abcdef"[value & 0xf];
  }
  return text;
}

}  // namespace

std::string file_name(Offset offset, std::string_view suffix) {
  const std::string digits = std::to_string(offset);
  return std::string(kOffsetDigits - digits.size(), '0').append(digits).append(suffix);
}

std::string file_path(const std::string& directory, Offset offset, std::string_view suffix) {
  return directory + "/" + file_name(offset, suffix);
}

std::optional<Offset> offset_of_name(std::string_view name, std::string_view suffix) {
  if (name.size() != kOffsetDigits + suffix.size() || !name.ends_with(suffix)) return std::nullopt;
  Offset offset = 0;
  const char* end = name.data() + kOffsetDigits;
  const auto [stopped, error] = std::from_chars(name.data(), end, offset);
  if (error != std::errc() || stopped != end || offset < 0) return std::nullopt;
  return offset;
}

std::string deleted_directory_name(const TopicPartition& partition, const Uuid& id) {
  const std::string suffix = "." + hex(id.high) + hex(id.low) + std::string(kDeletedDirectorySuffix);
  const std::string name = partition.to_string();
  return name.substr(0, std::min(name.size(), kMaxFileName - suffix.size())) + suffix;
}

Status remove_if_there(runtime::Disk& disk, const std::string& path) {
  const Status status = disk.remove_file(path);
  return status || status.error().code == Errc::not_found ? Status() : status;
}

std::string partition_metadata_text(const TopicId& topic_id) {
  return "version: 0\ntopic_id: " + topic_id.to_string() + "\n";
}

std::optional<TopicId> parse_partition_metadata(std::string_view text) {
  constexpr std::string_view kStart = "version: 0\ntopic_id: ";
  if (!text.starts_with(kStart)) return std::nullopt;
  text.remove_prefix(kStart.size());
  if (text.ends_with('\n')) text.remove_suffix(1);
  return Uuid::parse(text);
}

}  // namespace moldau::storage
