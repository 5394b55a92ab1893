// Records of __consumer_offsets as anybody may have written them: read, written again, and loaded.
#include "fuzz/input.h"
#include "fuzz/target.h"
#include "group/groups.h"

namespace moldau::fuzz {
namespace {

constexpr std::size_t kMaxSize = 600;

void check(const Slice& key, const std::optional<Slice>& value, group::Groups& groups, Offset offset) {
  const auto record = group::decode(key, value);
  if (!record) {
    MOLDAU_ASSERT(record.error().code == Errc::corrupt || record.error().code == Errc::truncated);
    return;
  }
  if (!*record) return;
  const group::EncodedRecord written = group::encode(**record);
  const auto again = group::decode(written.key, written.value);
  MOLDAU_ASSERT(again.has_value() && *again == *record, "a record changes by being written");
  groups.replay(**record, offset, {});
}

void run(ByteView bytes) {
  Input in(bytes);
  group::Groups groups({}, Random(1));
  for (Offset offset = 0; !in.empty(); ++offset) {
    const Slice key = Slice::copy_of(in.piece());
    const bool deletes = in.byte() == 0;
    const Slice value = Slice::copy_of(in.long_piece());
    check(key, deletes ? std::nullopt : std::optional(value), groups, offset);
  }
  const std::uint64_t before = groups.state_hash();
  MOLDAU_ASSERT(groups.loaded({}).empty(), "loading changes what is stored");
  MOLDAU_ASSERT(groups.state_hash() == before);
  static_cast<void>(groups.list({}));
}

std::string text_of(const group::Record& record) {
  const group::EncodedRecord encoded = group::encode(record);
  const Slice value = encoded.value.value_or(Slice());
  std::string text(1, static_cast<char>(encoded.key.size()));
  text += encoded.key.text();
  text += encoded.value ? '\1' : '\0';
  text += static_cast<char>(value.size() >> 8);
  text += static_cast<char>(value.size());
  text += value.text();
  return text;
}

void seeds(Seeds& seeds) {
  const group::OffsetRecord offset{"g", {"t", 1}, group::CommittedOffset{5, 2, "m", 9, kNoTimestamp, {1, 2}}};
  const group::OffsetRecord expiring{"g", {"t", 1}, group::CommittedOffset{5, kNoEpoch, "m", 9, 77, {}}};
  group::Generation generation;
  generation.protocol_type = "consumer";
  generation.generation = 3;
  generation.protocol = "range";
  generation.leader = "a";
  generation.members.push_back({"a", "i", "c", "/h", 1, 2, Slice::copy_of("s"), Slice::copy_of("x")});
  const std::vector<group::Record> records{offset, expiring, group::GenerationRecord{"g", generation},
                                           group::OffsetRecord{"g", {"t", 1}, {}},
                                           group::GenerationRecord{"g", {}}};
  std::string all;
  for (const group::Record& record : records) {
    seeds.add(text_of(record));
    all += text_of(record);
  }
  seeds.add(all);
}

MOLDAU_FUZZ_TARGET(group_records, kMaxSize, run, seeds);

}  // namespace
}  // namespace moldau::fuzz
