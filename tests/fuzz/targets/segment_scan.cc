// The pass over a segment's batches that recovery, indexes and dumps rest on, held against a plain reading.
#include "storage/segment_scan.h"

#include "fuzz/fuzz_disk.h"
#include "fuzz/log_bytes.h"
#include "fuzz/target.h"
#include "storage/segment.h"

namespace moldau::fuzz {
namespace {

constexpr std::size_t kMaxSize = 384;

void run(ByteView bytes) {
  Input in(bytes);
  const Offset base = in.byte();
  const bool gaps = in.flag();
  const auto file_bytes = log_bytes(in, base);
  FuzzDisk disk;
  disk.put("/log", file_bytes);
  const auto file = *disk.get().open("/log", runtime::OpenMode::read);
  const auto end = static_cast<std::int64_t>(file_bytes.size());

  storage::SegmentIndexes indexes;
  std::int64_t position = 0;
  const auto visit = [&](const record::BatchView& batch, std::int64_t at) {
    MOLDAU_ASSERT(at == position, "a batch does not begin where the one before it ends");
    position += static_cast<std::int64_t>(batch.size());
    indexes.note(batch, base, at, 100);
  };
  const auto scan =
      storage::scan_segment(*file, 0, end, base, gaps ? std::numeric_limits<Offset>::max() : 0, visit);
  const SoundPart sound = sound_part(file_bytes, base, gaps);
  MOLDAU_ASSERT(scan && scan->valid_bytes == static_cast<std::int64_t>(sound.bytes));
  MOLDAU_ASSERT(scan->next_offset == sound.next && position == scan->valid_bytes);
  MOLDAU_ASSERT(scan->damage.has_value() == (scan->valid_bytes < end), "damage is not told");

  indexes.finish();
  MOLDAU_ASSERT(indexes.times.empty() || indexes.times.back().timestamp == indexes.max_timestamp);
  const auto padding = storage::is_padding(*file, scan->valid_bytes, end);
  const ByteView rest = ByteView(file_bytes).subspan(sound.bytes);
  MOLDAU_ASSERT(padding == std::ranges::all_of(rest, [](std::byte b) { return b == std::byte{0}; }));
  MOLDAU_ASSERT(storage::damage_is_inside(*file, scan->valid_bytes, end, scan->next_offset).has_value());
}

void seeds(Seeds& seeds) {
  seeds.add(std::string_view("\x05\x00\x03\x00\x04\x09", 6));
  seeds.add(std::string_view("\x05\x00\x05\x00\x04\x09\x0b\x10\x08", 9));
  for (const Slice& batch : stock()) {
    Buffer seed;
    seed.append(std::string_view("\x00\x01\x03\x00\x07", 5));
    seed.append_be<std::uint8_t>(static_cast<std::uint8_t>(batch.size()));
    seed.append(batch);
    seed.append(std::string_view("\x03\x02\x01\x02", 4));
    seeds.add(seed.view());
  }
}

MOLDAU_FUZZ_TARGET(segment_scan, kMaxSize, run, seeds);

}  // namespace
}  // namespace moldau::fuzz
