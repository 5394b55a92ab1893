// The text files of a data folder and of a partition: checkpoints, meta.properties, partition.metadata.
#include "fuzz/allocations.h"
#include "fuzz/fuzz_disk.h"
#include "fuzz/input.h"
#include "fuzz/target.h"
#include "storage/checkpoint_file.h"
#include "storage/data_directory.h"
#include "storage/leader_epoch_cache.h"
#include "storage/log_files.h"

namespace moldau::fuzz {
namespace {

constexpr std::size_t kMaxSize = 256;
const std::string kPath = "/file";

template <class T>
void check_refusal(const Result<T>& refused) {
  MOLDAU_ASSERT(refused.error().code == Errc::corrupt);
  MOLDAU_ASSERT(refused.error().message.find(kPath) != std::string::npos, "the file is not named");
}

void offsets(ByteView bytes) {
  FuzzDisk disk;
  disk.put(kPath, bytes);
  const auto read = storage::read_offset_checkpoint(disk.get(), kPath);
  if (!read) return check_refusal(read);
  for (const auto& [partition, offset] : *read)
    MOLDAU_ASSERT(partition.partition >= 0 && offset >= 0 && !partition.topic.empty());
  MOLDAU_ASSERT(storage::write_offset_checkpoint(disk.get(), kPath, *read).has_value());
  MOLDAU_ASSERT(storage::read_offset_checkpoint(disk.get(), kPath) == *read);
}

void use_epochs(storage::LeaderEpochCache cache, LeaderEpoch epoch, Offset offset) {
  const auto end = cache.end_offset_for(epoch, offset);
  MOLDAU_ASSERT(end.epoch <= epoch || end == storage::LeaderEpochCache::EpochEnd());
  cache.truncate_from_start(offset / 2);
  cache.assign(epoch, offset);
  cache.truncate_from_end(offset + 1);
  storage::EpochEntry before{-1, -1};
  for (const storage::EpochEntry& entry : cache.entries()) {
    MOLDAU_ASSERT(entry.epoch > before.epoch && entry.start_offset > before.start_offset,
                  "epochs do not rise");
    before = entry;
  }
}

void epochs(ByteView bytes) {
  Input in(bytes);
  const LeaderEpoch epoch = in.byte();
  const Offset offset = in.byte();
  FuzzDisk disk;
  disk.put(kPath, in.rest());
  const auto read = storage::read_epoch_checkpoint(disk.get(), kPath);
  if (!read) return check_refusal(read);
  use_epochs(storage::LeaderEpochCache(*read), epoch, offset);
  MOLDAU_ASSERT(storage::write_epoch_checkpoint(disk.get(), kPath, *read).has_value());
  MOLDAU_ASSERT(storage::read_epoch_checkpoint(disk.get(), kPath) == *read);
}

void properties(ByteView bytes) {
  const auto read = storage::MetaProperties::parse(as_text(bytes), kPath);
  if (!read) return check_refusal(read);
  MOLDAU_ASSERT(read->node_id >= 0);
  const auto again = storage::MetaProperties::parse(read->to_text(), kPath);
  MOLDAU_ASSERT(again == *read, "meta.properties changes by being written");
}

void partition_metadata(ByteView bytes) {
  const auto id = storage::parse_partition_metadata(as_text(bytes));
  if (!id) return;
  MOLDAU_ASSERT(storage::parse_partition_metadata(storage::partition_metadata_text(*id)) == *id);
}

void names(ByteView bytes) {
  const auto offset = storage::offset_of_name(as_text(bytes), storage::kLogSuffix);
  MOLDAU_ASSERT(!offset || storage::file_name(*offset, storage::kLogSuffix) == as_text(bytes));
}

constexpr void (*kKinds[])(ByteView) = {offsets, epochs, properties, partition_metadata, names};

void run(ByteView bytes) {
  Input in(bytes);
  const std::size_t kind = in.below(std::size(kKinds));
  kKinds[kind](in.rest());
}

void seeds(Seeds& seeds) {
  const auto add = [&](char kind, std::string_view text) { seeds.add(std::string(1, kind).append(text)); };
  add(0, "0\n0\n");
  add(0, "0\n2\ncities 0 17\nr.i-v_ers 12 9223372036854775807\n");
  add(1,
      "\x03\x09"
      "0\n3\n0 0\n1 4\n7 9\n");
  add(1,
      "\x03\x09"
      "0\n0\n");
  add(2, "#\nversion=1\ncluster.id=qSYe6-zSSuqmjx8Qf1_Rtw\nnode.id=4\ndirectory.id=7Zb3wE5ATyewm2dLcRLkFw\n");
  add(2, "version=0\nbroker.id=4\n");
  add(3, storage::partition_metadata_text({5, 6}));
  add(4, "00000000000000000042.log");
}

MOLDAU_FUZZ_TARGET(checkpoint_files, kMaxSize, run, seeds);

}  // namespace
}  // namespace moldau::fuzz
