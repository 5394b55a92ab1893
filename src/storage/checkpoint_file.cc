#include "storage/checkpoint_file.h"

#include <charconv>
#include <optional>

namespace moldau::storage {

namespace {

// 10,000 partitions with topic names of 249 characters stay well below it.
constexpr std::uint64_t kMaxCheckpointBytes = 64ULL << 20;
constexpr std::size_t kHeaderLines = 2;
constexpr std::size_t kMaxTopicLength = 249;

std::unexpected<Error> bad_line(const std::string& path, std::size_t line, const std::string& why) {
  return fail(Errc::corrupt, path + " line " + std::to_string(line) + ": " + why);
}

template <class T>
std::optional<T> parse_number(std::string_view text) {
  T value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

std::vector<std::string_view> split(std::string_view text, char separator) {
  std::vector<std::string_view> parts;
  for (std::size_t at; (at = text.find(separator)) != std::string_view::npos; text.remove_prefix(at + 1)) {
    parts.push_back(text.substr(0, at));
  }
  parts.push_back(text);
  return parts;
}

bool legal_topic(std::string_view topic) {
  constexpr std::string_view kLegal = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-";
  return !topic.empty() && topic.size() <= kMaxTopicLength && topic != "." && topic != ".." &&
         topic.find_first_not_of(kLegal) == std::string_view::npos;
}

std::string quoted(std::string_view text) {
  constexpr std::size_t kShown = 80;
  std::string out = "'";
  for (const char c : text.substr(0, kShown)) out += c >= ' ' && c <= '~' ? c : '?';
  return out + (text.size() > kShown ? "…'" : "'");
}

Status check_head(const std::string& path, const std::vector<std::string_view>& lines, int version) {
  const auto found = parse_number<int>(lines[0]);
  if (!found) return bad_line(path, 1, "expected the version, found " + quoted(lines[0]));
  if (*found != version) {
    return bad_line(path, 1,
                    "version " + std::to_string(*found) + ", only " + std::to_string(version) + " is known");
  }
  const auto count = parse_number<std::uint64_t>(lines[1]);
  if (!count) return bad_line(path, 2, "expected the number of entries, found " + quoted(lines[1]));
  const std::size_t entries = lines.size() - kHeaderLines;
  if (*count != entries) {
    return bad_line(
        path, 2, "says " + std::to_string(*count) + " entries, but " + std::to_string(entries) + " follow");
  }
  return {};
}

Result<std::pair<TopicPartition, Offset>> parse_offset_line(const std::string& path, std::size_t line,
                                                            std::string_view text) {
  const auto parts = split(text, ' ');
  if (parts.size() != 3)
    return bad_line(path, line, "expected 'topic partition offset', found " + quoted(text));
  const auto partition = parse_number<PartitionIndex>(parts[1]);
  const auto offset = parse_number<Offset>(parts[2]);
  if (!legal_topic(parts[0])) return bad_line(path, line, "illegal topic " + quoted(parts[0]));
  if (!partition || *partition < 0) return bad_line(path, line, "illegal partition " + quoted(parts[1]));
  if (!offset || *offset < 0) return bad_line(path, line, "illegal offset " + quoted(parts[2]));
  return std::pair(TopicPartition{std::string(parts[0]), *partition}, *offset);
}

Result<EpochEntry> parse_epoch_line(const std::string& path, std::size_t line, std::string_view text) {
  const auto parts = split(text, ' ');
  if (parts.size() != 2) return bad_line(path, line, "expected 'epoch start-offset', found " + quoted(text));
  const auto epoch = parse_number<LeaderEpoch>(parts[0]);
  const auto offset = parse_number<Offset>(parts[1]);
  if (!epoch || *epoch < 0) return bad_line(path, line, "illegal epoch " + quoted(parts[0]));
  if (!offset || *offset < 0) return bad_line(path, line, "illegal offset " + quoted(parts[1]));
  return EpochEntry{*epoch, *offset};
}

}  // namespace

Result<std::vector<std::string>> read_checkpoint_lines(runtime::Disk& disk, const std::string& path,
                                                       int version) {
  ASSIGN_OR_RETURN(const auto contents, runtime::read_file(disk, path, kMaxCheckpointBytes));
  const std::string_view text = as_text(contents);
  if (text.empty()) return fail(Errc::corrupt, path + " is empty");
  if (text.back() != '\n') return fail(Errc::corrupt, path + " is cut short: its last line does not end");
  const auto lines = split(text.substr(0, text.size() - 1), '\n');
  if (lines.size() < kHeaderLines) return bad_line(path, 2, "the number of entries is missing");
  TRY(check_head(path, lines, version));
  return std::vector<std::string>(lines.begin() + kHeaderLines, lines.end());
}

namespace {

std::string checkpoint_text(int version, const std::vector<std::string>& lines) {
  std::string text = std::to_string(version) + "\n" + std::to_string(lines.size()) + "\n";
  for (const std::string& line : lines) text += line + "\n";
  return text;
}

}  // namespace

Status write_checkpoint_lines(runtime::Disk& disk, const std::string& path, int version,
                              const std::vector<std::string>& lines) {
  return runtime::write_file_atomically(disk, path, as_bytes(checkpoint_text(version, lines)));
}

Result<OffsetCheckpoint> read_offset_checkpoint(runtime::Disk& disk, const std::string& path) {
  ASSIGN_OR_RETURN(const auto lines, read_checkpoint_lines(disk, path, 0));
  OffsetCheckpoint offsets;
  for (std::size_t i = 0; i < lines.size(); ++i) {
    const std::size_t line = i + kHeaderLines + 1;
    ASSIGN_OR_RETURN(auto entry, parse_offset_line(path, line, lines[i]));
    if (!offsets.insert(std::move(entry)).second)
      return bad_line(path, line, "named before: " + quoted(lines[i]));
  }
  return offsets;
}

Status write_offset_checkpoint(runtime::Disk& disk, const std::string& path,
                               const OffsetCheckpoint& offsets) {
  std::vector<std::string> lines;
  lines.reserve(offsets.size());
  for (const auto& [partition, offset] : offsets) {
    lines.push_back(partition.topic + " " + std::to_string(partition.partition) + " " +
                    std::to_string(offset));
  }
  return write_checkpoint_lines(disk, path, 0, lines);
}

Result<std::vector<EpochEntry>> read_epoch_checkpoint(runtime::Disk& disk, const std::string& path) {
  ASSIGN_OR_RETURN(const auto lines, read_checkpoint_lines(disk, path, 0));
  std::vector<EpochEntry> epochs;
  for (std::size_t i = 0; i < lines.size(); ++i) {
    const std::size_t line = i + kHeaderLines + 1;
    ASSIGN_OR_RETURN(const auto entry, parse_epoch_line(path, line, lines[i]));
    const bool rises = epochs.empty() ||
                       (entry.epoch > epochs.back().epoch && entry.start_offset > epochs.back().start_offset);
    if (!rises) return bad_line(path, line, "does not rise above the line before: " + quoted(lines[i]));
    epochs.push_back(entry);
  }
  return epochs;
}

std::string epoch_checkpoint_text(const std::vector<EpochEntry>& epochs) {
  std::vector<std::string> lines;
  lines.reserve(epochs.size());
  for (const EpochEntry& entry : epochs) {
    lines.push_back(std::to_string(entry.epoch) + " " + std::to_string(entry.start_offset));
  }
  return checkpoint_text(0, lines);
}

Status write_epoch_checkpoint(runtime::Disk& disk, const std::string& path,
                              const std::vector<EpochEntry>& epochs) {
  return runtime::write_file_atomically(disk, path, as_bytes(epoch_checkpoint_text(epochs)));
}

}  // namespace moldau::storage
