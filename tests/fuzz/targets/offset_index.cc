// An .index file: refused, or in order, looked up as a scan of it would, and written back as it was.
#include "storage/offset_index.h"

#include "fuzz/allocations.h"
#include "fuzz/input.h"
#include "fuzz/target.h"

namespace moldau::fuzz {
namespace {

using storage::OffsetIndex;

constexpr std::size_t kMaxSize = 256;

void check_order(const OffsetIndex& index, std::int64_t segment_bytes) {
  OffsetIndex::Entry before{-1, -1};
  for (const OffsetIndex::Entry& entry : index.entries()) {
    MOLDAU_ASSERT(entry.relative_offset > before.relative_offset && entry.position > before.position);
    MOLDAU_ASSERT(entry.position < segment_bytes);
    before = entry;
  }
}

void check_lookups(const OffsetIndex& index, std::int64_t offset) {
  std::int32_t position = 0;
  for (const OffsetIndex::Entry& entry : index.entries())
    if (entry.relative_offset <= offset) position = entry.position;
  MOLDAU_ASSERT(index.position_at_or_before(offset) == position, "a lookup differs from a scan");
}

void check_changes(OffsetIndex index, std::int64_t position, std::int64_t segment_bytes) {
  OffsetIndex cut = index;
  cut.truncate_to_position(position);
  MOLDAU_ASSERT(cut.size() == index.count_below(position));
  MOLDAU_ASSERT(cut.empty() || cut.back().position < position);
  index.thin(position);
  check_order(index, segment_bytes);
}

void run(ByteView bytes) {
  Input in(bytes);
  const auto segment_bytes = static_cast<std::int64_t>(in.number<std::uint32_t>());
  const auto looked_for = static_cast<std::int64_t>(in.number<std::int32_t>());
  const Allocations allocations;
  const auto index = OffsetIndex::decode(in.rest(), segment_bytes);
  MOLDAU_ASSERT(allocations.total() <= in.rest().size() + 512);
  if (!index) {
    MOLDAU_ASSERT(index.error().code == Errc::corrupt);
    return;
  }
  check_order(*index, segment_bytes);
  check_lookups(*index, looked_for);
  Buffer out;
  index->encode(0, index->size(), out);
  MOLDAU_ASSERT(equal(out.view(), in.rest().first(out.size())), "an index is not written as it was read");
  for (const std::byte left : in.rest().subspan(out.size())) MOLDAU_ASSERT(left == std::byte{0});
  if (looked_for >= 0) check_changes(*index, looked_for, segment_bytes);
}

void seeds(Seeds& seeds) {
  OffsetIndex index;
  Buffer seed;
  seed.append_be<std::uint32_t>(1 << 20);
  seed.append_be<std::uint32_t>(5);
  seeds.add(seed.view());
  for (int i = 0; i < 12; ++i) index.append(i * 3, i * 5000);
  index.encode(0, index.size(), seed);
  seeds.add(seed.view());
  seed.extend(64);
  seeds.add(seed.view());
}

MOLDAU_FUZZ_TARGET(offset_index, kMaxSize, run, seeds);

}  // namespace
}  // namespace moldau::fuzz
