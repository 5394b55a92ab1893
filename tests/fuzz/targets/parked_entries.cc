// A file of parked entries whose bytes say anything, half of the time with right checksums: refused by its
// name, or entries of its partition that are the same after they were written.
#include "storage/parked_entries.h"

#include "fuzz/fuzz_disk.h"
#include "fuzz/input.h"
#include "fuzz/target.h"
#include "storage/commit_log_format.h"

namespace moldau::fuzz {
namespace {

namespace format = storage::commit_format;

constexpr std::size_t kMaxSize = 384;
const TopicIdPartition kPartition{{1, 2}, 0};
const std::string kPath = "/" + storage::parked_file_name("commit-log-0", kPartition);

std::vector<std::byte> sealed(Input& in) {
  const auto file_id = in.byte();
  const auto up_to = in.byte();
  const std::uint32_t entries = in.byte();
  const ByteView body = in.rest();
  std::vector<std::byte> file(format::kParkedHeader);
  file.insert(file.end(), body.begin(), body.end());
  format::ParkedHeader{.file_id = file_id, .up_to = up_to, .body_bytes = body.size(), .entries = entries}
      .encode_before(file);
  return file;
}

void check_same(const storage::ParkedEntries& a, const storage::ParkedEntries& b) {
  MOLDAU_ASSERT(a.file_id == b.file_id && a.up_to == b.up_to && a.entries.size() == b.entries.size());
  for (std::size_t i = 0; i < a.entries.size(); ++i) {
    const auto& one = a.entries[i];
    const auto& other = b.entries[i];
    MOLDAU_ASSERT(one.entry.kind == other.entry.kind && one.entry.offset == other.entry.offset);
    MOLDAU_ASSERT(one.entry.leader_epoch == other.entry.leader_epoch && one.batches == other.batches);
    MOLDAU_ASSERT(one.entry.topic_id_partition() == kPartition, "an entry of another partition");
  }
}

void run(ByteView bytes) {
  Input in(bytes);
  FuzzDisk disk;
  std::vector<std::byte> file;
  if (in.flag()) {
    file = sealed(in);
  } else {
    const ByteView rest = in.rest();
    file.assign(rest.begin(), rest.end());
  }
  disk.put(kPath, file);
  const auto parked = storage::read_parked(disk.get(), kPath, kPartition);
  if (!parked) {
    MOLDAU_ASSERT(parked.error().code == Errc::corrupt, "refused for another reason");
    MOLDAU_ASSERT(parked.error().message.find(kPath) != std::string::npos, "the file is not named");
    return;
  }
  MOLDAU_ASSERT(storage::parked_size(*parked) == file.size(), "bytes of the file belong to no entry");
  MOLDAU_ASSERT(storage::write_parked(disk.get(), kPath, *parked).has_value());
  const auto again = storage::read_parked(disk.get(), kPath, kPartition);
  MOLDAU_ASSERT(again.has_value(), "what was written is refused");
  check_same(*parked, *again);
}

void seeds(Seeds& seeds) {
  storage::CommitLog::Entry entry{
      .topic_id = kPartition.topic_id, .offset = 5, .batches = as_bytes("batches")};
  std::vector<std::byte> body(format::kEntryHeader + entry.batches.size());
  format::encode_entry(entry, body);
  std::string seed("\x01\x07\x40\x01", 4);
  seeds.add(seed + std::string(as_text(ByteView(body))));
  seeds.add(std::string_view("\x01\x07\x40\x00", 4));
  seeds.add(std::string_view("\x00MCLP", 5));
}

MOLDAU_FUZZ_TARGET(parked_entries, kMaxSize, run, seeds);

}  // namespace
}  // namespace moldau::fuzz
