#include "simulation/metadata_log.h"

#include <charconv>

namespace moldau::simulation {
namespace {

constexpr std::size_t kOffsetDigits = 20;

std::string folder_of(const std::string& data_folder) { return data_folder + "/__cluster_metadata-0/"; }

// The number that a file's name begins with.
Offset base_of(const std::string& path, std::size_t folder_size) {
  Offset base = kNoOffset;
  const char* name = path.data() + folder_size;
  if (path.size() >= folder_size + kOffsetDigits) std::from_chars(name, name + kOffsetDigits, base);
  return base;
}

struct File {
  Offset base;
  std::string path;
};
std::vector<File> files_of(const Drive& drive, const std::string& data_folder, std::string_view ending) {
  const std::string folder = folder_of(data_folder);
  std::vector<File> found;
  for (std::string& path : drive.files()) {
    if (!path.starts_with(folder) || !path.ends_with(ending)) continue;
    if (const Offset base = base_of(path, folder.size()); base >= 0) found.push_back({base, std::move(path)});
  }
  return found;
}

}  // namespace

Offset read_metadata_log(const Drive& drive, const std::string& data_folder, Surviving surviving, Offset from,
                         const std::function<void(const record::BatchView&)>& visit) {
  const std::vector<File> segments = files_of(drive, data_folder, ".log");
  Offset end = from;
  Offset expected = kNoOffset;
  for (std::size_t i = 0; i < segments.size(); ++i) {
    if (i + 1 < segments.size() && segments[i + 1].base <= from) continue;
    const auto bytes = surviving == Surviving::durable ? drive.durable_contents(segments[i].path)
                                                       : drive.contents(segments[i].path);
    if (!bytes) break;
    record::BatchReader reader(*bytes);
    for (record::BatchView batch; reader.next(batch).value_or(false);) {
      if (expected != kNoOffset && batch.base_offset() != expected) return end;
      if (!batch.crc_matches()) return end;
      expected = batch.next_offset();
      if (batch.last_offset() < from) continue;
      visit(batch);
      end = batch.next_offset();
    }
  }
  return end;
}

Offset newest_snapshot(const Drive& drive, const std::string& data_folder) {
  const std::vector<File> snapshots = files_of(drive, data_folder, ".checkpoint");
  return snapshots.empty() ? 0 : snapshots.back().base;
}

}  // namespace moldau::simulation
