// What an interrupted compaction may leave of a partition's folder, and what it may not: a start finishes it
// or takes it back, removes nothing but for a sound segment that stands in its place, and finds nothing more
// to do when it is done again.
#include <map>
#include <set>

#include "fuzz/fuzz_disk.h"
#include "fuzz/log_bytes.h"
#include "fuzz/target.h"
#include "storage/log_files.h"
#include "storage/segment_swap.h"

namespace moldau::fuzz {
namespace {

constexpr std::size_t kMaxSize = 512;
const std::string kFolder = "/data/t-0";
constexpr std::string_view kSuffixes[] = {storage::kLogSuffix, storage::kOffsetIndexSuffix,
                                          storage::kTimeIndexSuffix, storage::kTransactionIndexSuffix};
constexpr std::string_view kEndings[] = {"", storage::kCleanedSuffix, storage::kSwapSuffix,
                                         storage::kDeletedSuffix};

using Files = std::map<std::string, std::vector<std::byte>>;

Files lay_out(FuzzDisk& disk, Input& in) {
  Files files;
  disk.make(kFolder);
  for (std::size_t count = in.below(12); count > 0; --count) {
    const auto base = static_cast<Offset>(in.below(16));
    const unsigned kind = in.byte();
    const std::string_view suffix = kSuffixes[kind % 4];
    const std::string name = storage::file_name(base, suffix).append(kEndings[kind / 4 % 4]);
    const ByteView plain = suffix == storage::kLogSuffix ? ByteView() : in.piece();
    files[name] =
        suffix == storage::kLogSuffix ? log_bytes(in, base) : std::vector(plain.begin(), plain.end());
    disk.put(kFolder + "/" + name, files[name]);
  }
  return files;
}

std::vector<std::string> names_in(runtime::Disk& disk) {
  std::vector<std::string> names;
  for (const auto& entry : disk.list(kFolder).value()) names.push_back(entry.name);
  return names;
}

// A segment's file that is gone: another one reaches over its offsets, and was a sound .swap.
void check_gone(const std::string& name, const Files& before) {
  std::optional<Offset> base;
  for (const std::string_view suffix : kSuffixes) {
    if (const auto found = storage::offset_of_name(name, suffix)) base = found;
  }
  MOLDAU_ASSERT(base, "something other than a segment's file is gone");
  for (Offset from = 0; from <= *base; ++from) {
    const auto swap = before.find(storage::file_name(from, ".log.swap"));
    if (swap == before.end()) continue;
    const SoundPart sound = sound_part(swap->second, from, true);
    if (sound.bytes == swap->second.size() && sound.next > *base) return;
  }
  MOLDAU_UNREACHABLE("a segment's file is gone, and nothing is in its place");
}

void run(ByteView bytes) {
  Input in(bytes);
  FuzzDisk disk;
  const Files before = lay_out(disk, in);
  const auto settled = storage::settle_swaps(disk.get(), kFolder, names_in(disk.get()));
  const std::vector<std::string> names = names_in(disk.get());
  const std::set<std::string> after(names.begin(), names.end());
  if (!settled) {
    MOLDAU_ASSERT(settled.error().code == Errc::corrupt, "refused for another reason");
    MOLDAU_ASSERT(settled.error().message.find(".log.swap") != std::string::npos, "the file is not named");
  }
  for (const auto& [name, content] : before) {
    const bool plain = !name.ends_with(storage::kCleanedSuffix) && !name.ends_with(storage::kSwapSuffix);
    if (plain && !after.contains(name)) check_gone(name, before);
  }
  if (!settled) return;
  for (const std::string& name : names) {
    MOLDAU_ASSERT(!name.ends_with(storage::kCleanedSuffix) && !name.ends_with(storage::kSwapSuffix));
  }
  const auto again = storage::settle_swaps(disk.get(), kFolder, names);
  MOLDAU_ASSERT(again.has_value() && !*again, "there was more to do");
}

void seeds(Seeds& seeds) {
  const auto add = [&](std::string_view text) { seeds.add(text); };
  add({"\x01\x00\x08\x01\x00", 5});
  add({"\x03\x00\x00\x01\x00\x00\x08\x01\x04\x02\x00\x01\x00", 13});
  add({"\x03\x00\x00\x01\x00\x00\x08\x01\x04\x00\x04\x01\x00", 13});
  add({"\x03\x00\x09\x02xx\x00\x0a\x02yy\x00\x08\x02\x04\x04", 15});
}

MOLDAU_FUZZ_TARGET(segment_swaps, kMaxSize, run, seeds);

}  // namespace
}  // namespace moldau::fuzz
