// A .timeindex file: refused, or in order, looked up as a scan of it would, and written back as it was.
#include "storage/time_index.h"

#include "fuzz/allocations.h"
#include "fuzz/input.h"
#include "fuzz/target.h"

namespace moldau::fuzz {
namespace {

using storage::TimeIndex;

constexpr std::size_t kMaxSize = 256;

void check_order(const TimeIndex& index) {
  TimeIndex::Entry before{-1, -1};
  for (const TimeIndex::Entry& entry : index.entries()) {
    MOLDAU_ASSERT(entry.timestamp > before.timestamp && entry.relative_offset > before.relative_offset);
    before = entry;
  }
}

void check_lookup(const TimeIndex& index, TimestampMs timestamp) {
  std::int64_t older = -1;
  for (const TimeIndex::Entry& entry : index.entries())
    if (entry.timestamp < timestamp) older = entry.relative_offset;
  MOLDAU_ASSERT(index.older_up_to(timestamp) == older, "a lookup differs from a scan");
}

void check_changes(TimeIndex index, std::int64_t offset, std::size_t keep) {
  TimeIndex cut = index;
  cut.truncate_to_offset(offset);
  MOLDAU_ASSERT(cut.size() == index.count_below(offset));
  const auto last = index.empty() ? TimeIndex::Entry{} : index.back();
  index.thin(keep);
  check_order(index);
  MOLDAU_ASSERT(index.empty() || index.back() == last, "thinning loses the highest timestamp");
  if (index.empty()) return;
  index.maybe_append(last.timestamp, last.relative_offset);  // not higher: without effect
  check_order(index);
}

void run(ByteView bytes) {
  Input in(bytes);
  const auto looked_for = in.number<std::int64_t>();
  const std::size_t keep = 1 + in.below(8);
  const Allocations allocations;
  const auto index = TimeIndex::decode(in.rest());
  MOLDAU_ASSERT(allocations.total() <= in.rest().size() * 2 + 512);
  if (!index) {
    MOLDAU_ASSERT(index.error().code == Errc::corrupt);
    return;
  }
  check_order(*index);
  check_lookup(*index, looked_for);
  Buffer out;
  index->encode(0, index->size(), out);
  MOLDAU_ASSERT(equal(out.view(), in.rest().first(out.size())), "an index is not written as it was read");
  for (const std::byte left : in.rest().subspan(out.size())) MOLDAU_ASSERT(left == std::byte{0});
  check_changes(*index, looked_for, keep);
}

void seeds(Seeds& seeds) {
  TimeIndex index;
  Buffer seed;
  seed.append_be<std::uint64_t>(1500);
  seed.append_be<std::uint8_t>(2);
  seeds.add(seed.view());
  for (int i = 0; i < 10; ++i) index.maybe_append(1000 + i * 100, i * 7);
  index.encode(0, index.size(), seed);
  seeds.add(seed.view());
  seed.extend(36);
  seeds.add(seed.view());
}

MOLDAU_FUZZ_TARGET(time_index, kMaxSize, run, seeds);

}  // namespace
}  // namespace moldau::fuzz
