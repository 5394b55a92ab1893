// A partition's folder with segments, indexes, a producer snapshot and an epoch checkpoint of any bytes:
// loading refuses it, or keeps every sound batch up to the first damage, leaves nothing but sound batches
// behind, and finds the same when it is done again.
#include "fuzz/fuzz_disk.h"
#include "fuzz/log_bytes.h"
#include "fuzz/target.h"
#include "storage/checkpoint_file.h"
#include "storage/log_files.h"
#include "storage/log_loader.h"

namespace moldau::fuzz {
namespace {

using storage::LoadedLog;
using storage::LoadOptions;

constexpr std::size_t kMaxSize = 384;
const std::string kFolder = "/data/t-0";

struct Shape {
  LoadOptions options;
  Offset second_base = 0;
  bool second = false;
  bool index = false;
  bool snapshot = false;
  bool epochs = false;
};

Shape shape_of(Input& in) {
  const unsigned flags = in.byte();
  const unsigned more = in.byte();
  Shape shape;
  shape.options = {.directory = kFolder,
                   .topic_id = {1, 2},
                   .recovery_point = in.byte() % 16,
                   .clean_shutdown = (flags & 1) != 0,
                   .refilled = (flags & 2) != 0,
                   .compacted = (flags & 4) != 0,
                   .index_interval_bytes = 100,
                   .now_ms = 1'000'000};
  shape.second_base = in.byte() % 16;
  shape.second = (flags & 8) != 0 && shape.second_base > 0;
  shape.index = (more & 1) != 0;
  shape.snapshot = (more & 2) != 0;
  shape.epochs = (more & 4) != 0;
  return shape;
}

std::string path(Offset base, std::string_view suffix) { return storage::file_path(kFolder, base, suffix); }

std::vector<std::byte> lay_out(FuzzDisk& disk, const Shape& shape, Input& in) {
  disk.make(kFolder);
  if (shape.index)
    disk.put(path(shape.second ? shape.second_base : 0, storage::kOffsetIndexSuffix), in.piece());
  if (shape.index)
    disk.put(path(shape.second ? shape.second_base : 0, storage::kTimeIndexSuffix), in.piece());
  if (shape.snapshot) disk.put(path(in.byte() % 16, storage::kSnapshotSuffix), in.piece());
  if (shape.epochs) disk.put(kFolder + "/" + std::string(storage::kLeaderEpochCheckpoint), in.piece());
  auto first = log_bytes(in, 0);
  disk.put(path(0, storage::kLogSuffix), first);
  if (shape.second) disk.put(path(shape.second_base, storage::kLogSuffix), log_bytes(in, shape.second_base));
  return first;
}

// What is left on the disk is what the log says, and all of it is sound.
void check_files(const FuzzDisk& disk, const LoadedLog& log, const LoadOptions& options) {
  Offset next = 0;
  for (const auto& segment : log.segments) {
    const auto file = disk.contents(path(segment->base_offset, storage::kLogSuffix));
    MOLDAU_ASSERT(file && static_cast<std::int64_t>(file->size()) == segment->size_bytes);
    if (options.clean_shutdown) continue;
    MOLDAU_ASSERT(segment->base_offset >= next, "segments overlap");
    if (!segment->indexes_loaded) continue;  // below the recovery point: not looked at
    const SoundPart sound = sound_part(*file, segment->base_offset, true);
    MOLDAU_ASSERT(sound.bytes == file->size(), "recovery leaves bytes that are no batch");
    next = sound.next;
  }
  if (!options.clean_shutdown) MOLDAU_ASSERT(next == log.end_offset);
}

void check_epochs(const LoadedLog& log) {
  storage::EpochEntry before{-1, -1};
  for (const storage::EpochEntry& entry : log.epochs) {
    MOLDAU_ASSERT(entry.epoch > before.epoch && entry.start_offset > before.start_offset,
                  "epochs do not rise");
    MOLDAU_ASSERT(entry.start_offset < log.end_offset, "an epoch begins behind the log");
    before = entry;
  }
}

void check_same(const LoadedLog& first, const LoadedLog& again) {
  MOLDAU_ASSERT(again.end_offset == first.end_offset, "another end when recovery is done again");
  MOLDAU_ASSERT(again.truncated_bytes == 0, "recovery cuts again");
  MOLDAU_ASSERT(again.segments.size() == first.segments.size());
  MOLDAU_ASSERT(again.producers.producers().size() == first.producers.producers().size());
}

void run(ByteView bytes) {
  Input in(bytes);
  Shape shape = shape_of(in);
  FuzzDisk disk;
  const auto first = lay_out(disk, shape, in);
  const auto log = storage::load_log(disk.get(), shape.options);
  if (!log) {
    MOLDAU_ASSERT(log.error().code == Errc::corrupt, "refused for another reason");
    MOLDAU_ASSERT(log.error().message.find(kFolder) != std::string::npos, "the file is not named");
    return;
  }
  check_files(disk, *log, shape.options);
  check_epochs(*log);
  MOLDAU_ASSERT(log->ends_below_recovery_point == (log->end_offset < shape.options.recovery_point));
  const SoundPart sound = sound_part(first, 0, false);
  if (!shape.options.clean_shutdown) MOLDAU_ASSERT(log->end_offset >= sound.next, "sound batches are cut");

  const bool clean = std::exchange(shape.options.clean_shutdown, false);
  const auto again = storage::load_log(disk.get(), shape.options);
  MOLDAU_ASSERT(again.has_value() || log->end_offset < shape.options.recovery_point || clean,
                "what recovery has left is refused");
  if (again && !clean) check_same(*log, *again);
}

void seeds(Seeds& seeds) {
  const auto add = [&](std::string_view text) { seeds.add(text); };
  add({"\x00\x00\x00\x00\x03\x00\x04\x09", 8});
  add({"\x02\x00\x00\x00\x04\x00\x04\x09\x0b\x20", 10});
  add({"\x08\x00\x02\x04\x02\x00\x04\x03\x04\x08\x0d", 11});
  add({"\x01\x00\x00\x00\x03\x00\x04\x09", 8});
  add(
      {"\x00\x00\x02\x00\x03\x00\x04\x03\x05"
       "abcde",
       14});
  add(
      {"\x00\x04\x00\x00\x08"
       "0\n1\n0 0\n\x02\x00\x04",
       16});
  std::string with_snapshot("\x00\x02\x00\x00\x04", 5);
  const Slice table = storage::ProducerStateTable().encode();
  with_snapshot += static_cast<char>(table.size());
  with_snapshot += table.text();
  with_snapshot += std::string_view("\x02\x00\x04", 3);
  add(with_snapshot);
}

MOLDAU_FUZZ_TARGET(segment_recovery, kMaxSize, run, seeds);

}  // namespace
}  // namespace moldau::fuzz
