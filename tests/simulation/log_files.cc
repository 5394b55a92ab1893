#include "simulation/log_files.h"

#include <map>

namespace moldau::simulation {
namespace {

struct Folder {
  std::map<Offset, std::string> segments;  // base offset → path without ".log"
};

// "/data/topic-0-1/00000000000000000000.log" → folder and base offset.
void collect(std::map<std::string, Folder>& folders, const std::string& path,
             const std::string& data_folder) {
  if (!path.ends_with(".log") || !path.starts_with(data_folder + "/topic-")) return;
  const std::size_t slash = path.rfind('/');
  const std::string folder = path.substr(0, slash);
  if (folder.ends_with("-delete") || folder.ends_with("-stray")) return;
  const std::string stem = path.substr(slash + 1, path.size() - slash - 5);
  folders[folder].segments[std::stoll(stem)] = path.substr(0, path.size() - 4);
}

std::optional<TopicIdPartition> key_of(const Drive& drive, const std::string& folder) {
  const auto bytes = drive.contents(folder + "/partition.metadata");
  if (!bytes) return std::nullopt;
  const std::string_view text = as_text(*bytes);
  constexpr std::string_view kField = "topic_id: ";
  const std::size_t at = text.find(kField);
  if (at == std::string_view::npos) return std::nullopt;
  const auto id = Uuid::parse(text.substr(at + kField.size(), 22));
  if (!id) return std::nullopt;
  return TopicIdPartition{*id, std::stoi(folder.substr(folder.rfind('-') + 1))};
}

class FolderCheck {
 public:
  FolderCheck(const Drive& drive, Auditor& auditor, TopicIdPartition key)
      : drive_(drive), auditor_(auditor), key_(key) {}

  void run(const Folder& folder) {
    for (const auto& [base, stem] : folder.segments) segment(base, stem);
    if (expected_ >= 0 && expected_ < auditor_.known_end(key_) && !auditor_.may_lose_records(key_))
      auditor_.report("files of " + folder.segments.begin()->second + " end at " + std::to_string(expected_) +
                      ", the high watermark was " + std::to_string(auditor_.known_end(key_)));
  }

 private:
  void segment(Offset base, const std::string& stem) {
    const auto bytes = drive_.contents(stem + ".log");
    if (expected_ >= 0 && base != expected_)
      auditor_.report(stem + ".log: the segment before ends at " + std::to_string(expected_));
    expected_ = base;
    std::map<std::uint64_t, std::pair<Offset, Offset>> batches;  // position → first, last offset
    record::BatchReader reader(*bytes);
    for (record::BatchView batch;;) {
      const std::size_t position = bytes->size() - reader.rest().size();
      const auto more = reader.next(batch);
      if (!more || (!*more && !reader.rest().empty()))
        return auditor_.report(stem + ".log: no batch at " + std::to_string(position) + " of " +
                               std::to_string(bytes->size()) + " bytes");
      if (!*more) break;
      if (!batch.crc_matches())
        return auditor_.report(stem + ".log: wrong checksum at " + std::to_string(position));
      if (batch.base_offset() != expected_)
        return auditor_.report(stem + ".log: offset " + std::to_string(batch.base_offset()) + " where " +
                               std::to_string(expected_) + " was due");
      expected_ = auditor_.on_file_batch(key_, batch);
      batches[position] = {batch.base_offset(), batch.last_offset()};
    }
    offset_index(base, stem, batches);
  }

  // Entries: 4 bytes of offset above the base, 4 bytes of position in the segment.
  void offset_index(Offset base, const std::string& stem,
                    const std::map<std::uint64_t, std::pair<Offset, Offset>>& batches) {
    const auto bytes = drive_.contents(stem + ".index");
    for (std::size_t at = 0; bytes && at + 8 <= bytes->size(); at += 8) {
      const Offset offset = base + load_be<std::int32_t>(bytes->data() + at);
      const auto position = load_be<std::uint32_t>(bytes->data() + at + 4);
      if (at > 0 && offset == base && position == 0) break;  // preallocated
      const auto found = batches.find(position);
      if (found == batches.end() || offset < found->second.first || offset > found->second.second)
        return auditor_.report(stem + ".index: entry " + std::to_string(at / 8) + " says offset " +
                               std::to_string(offset) + " at " + std::to_string(position));
    }
  }

  const Drive& drive_;
  Auditor& auditor_;
  TopicIdPartition key_;
  Offset expected_ = -1;
};

}  // namespace

void check_log_files(const Drive& drive, const std::string& data_folder, Auditor& auditor) {
  std::map<std::string, Folder> folders;
  for (const std::string& path : drive.files()) collect(folders, path, data_folder);
  for (const auto& [name, folder] : folders) {
    const auto key = key_of(drive, name);
    if (!key) {
      auditor.report(name + " has no topic id");
      continue;
    }
    const TopicModel* topic = auditor.topic(key->topic_id);
    if (topic == nullptr || topic->damaged || topic->state != TopicModel::State::live) continue;
    FolderCheck(drive, auditor, *key).run(folder);
  }
}

std::vector<ClosedSegment> closed_segments(const Drive& drive, const std::string& data_folder) {
  std::map<std::string, Folder> folders;
  for (const std::string& path : drive.files()) collect(folders, path, data_folder);
  std::vector<ClosedSegment> closed;
  for (const auto& [name, folder] : folders) {
    const auto key = key_of(drive, name);
    if (!key) continue;
    const Offset newest = folder.segments.rbegin()->first;
    for (const auto& [base, stem] : folder.segments) {
      if (base != newest) closed.push_back({*key, stem + ".log"});
    }
  }
  return closed;
}

}  // namespace moldau::simulation
