// A snapshot of the metadata: refused, or an image that reads the same once it was written. Half of the
// inputs get right checksums.
#include "fuzz/input.h"
#include "fuzz/metadata_samples.h"
#include "fuzz/target.h"
#include "quorum/snapshot_file.h"
#include "record/batch.h"

namespace moldau::fuzz {
namespace {

constexpr std::size_t kMaxSize = 1024;
constexpr raft::OffsetAndEpoch kPlace{40, 2};

// With the checksum that each batch should have, as far as they can be told apart.
std::vector<std::byte> mended(ByteView bytes) {
  std::vector<std::byte> file(bytes.begin(), bytes.end());
  for (std::size_t at = 0; at + record::kHeaderSize <= file.size();) {
    const auto batch = record::BatchView::at(ByteView(file).subspan(at));
    if (!batch) break;
    const std::size_t size = batch->size();
    record::set_crc(MutableBytes(file).subspan(at, size));
    at += size;
  }
  return file;
}

void check(ByteView bytes) {
  const auto snapshot = quorum::decode_snapshot(bytes, kPlace);
  if (!snapshot) {
    MOLDAU_ASSERT(!snapshot.error().message.empty());
    return;
  }
  const metadata::Image& image = snapshot->image;
  MOLDAU_ASSERT(image.end_offset() == kPlace.offset && image.end_epoch() == kPlace.epoch);
  const auto again =
      quorum::decode_snapshot(quorum::encode_snapshot(image, 5, snapshot->configuration), kPlace);
  MOLDAU_ASSERT(again && again->image.same_state(image) && again->configuration == snapshot->configuration,
                "a snapshot changes by being written");
}

void check_name(ByteView bytes) {
  const auto id = quorum::snapshot_of_name(as_text(bytes));
  MOLDAU_ASSERT(!id || quorum::snapshot_name(*id) == as_text(bytes));
}

void run(ByteView bytes) {
  Input in(bytes);
  switch (in.below(3)) {
    case 0:
      return check(in.rest());
    case 1:
      return check(mended(in.rest()));
    default:
      return check_name(in.rest());
  }
}

void add(Seeds& seeds, std::uint8_t kind, ByteView bytes) {
  Buffer seed;
  seed.append_be<std::uint8_t>(kind);
  seed.append(bytes);
  seeds.add(seed.view());
}

void seeds(Seeds& seeds) {
  for (const metadata::Image& image : {metadata::Image(), sample_image()})
    for (const std::uint8_t kind : {0, 1})
      add(seeds, kind, quorum::encode_snapshot(image.at(kPlace.offset, kPlace.epoch), 5));
  add(seeds, 2, as_bytes(quorum::snapshot_name(kPlace)));
}

MOLDAU_FUZZ_TARGET(metadata_snapshot, kMaxSize, run, seeds);

}  // namespace
}  // namespace moldau::fuzz
