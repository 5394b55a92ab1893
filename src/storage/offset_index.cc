#include "storage/offset_index.h"

#include <algorithm>
#include <string>

namespace moldau::storage {
namespace {

bool all_zero(ByteView bytes) {
  return std::ranges::all_of(bytes, [](std::byte b) { return b == std::byte{0}; });
}

}  // namespace

void OffsetIndex::append(std::int32_t relative_offset, std::int32_t position) {
  MOLDAU_ASSERT(relative_offset >= 0 && position >= 0);
  MOLDAU_ASSERT(empty() || (relative_offset > back().relative_offset && position > back().position));
  entries_.push_back({relative_offset, position});
}

std::int32_t OffsetIndex::position_at_or_before(std::int64_t relative_offset) const {
  const auto after = std::ranges::upper_bound(entries_, relative_offset, {}, &Entry::relative_offset);
  return after == entries_.begin() ? 0 : std::prev(after)->position;
}

std::size_t OffsetIndex::count_below(std::int64_t position) const {
  return static_cast<std::size_t>(std::ranges::lower_bound(entries_, position, {}, &Entry::position) -
                                  entries_.begin());
}

void OffsetIndex::truncate_to_position(std::int64_t position) { entries_.resize(count_below(position)); }

void OffsetIndex::thin(std::int64_t interval_bytes) {
  std::vector<Entry> kept;
  for (const Entry& entry : entries_) {
    if (kept.empty() || entry.position >= kept.back().position + interval_bytes) kept.push_back(entry);
  }
  kept.shrink_to_fit();
  entries_ = std::move(kept);
}

void OffsetIndex::encode(std::size_t from, std::size_t to, Buffer& out) const {
  for (std::size_t i = from; i < to; ++i) {
    out.append_be(entries_[i].relative_offset);
    out.append_be(entries_[i].position);
  }
}

Result<OffsetIndex> OffsetIndex::decode(ByteView file, std::int64_t segment_bytes) {
  OffsetIndex index;
  index.entries_.reserve(file.size() / kEntrySize);
  for (; file.size() >= kEntrySize; file = file.subspan(kEntrySize)) {
    const Entry entry{load_be<std::int32_t>(file.data()), load_be<std::int32_t>(file.data() + 4)};
    if (entry == Entry{} && all_zero(file)) break;
    const bool rises = index.empty() || (entry.relative_offset > index.back().relative_offset &&
                                         entry.position > index.back().position);
    if (!rises || entry.relative_offset < 0 || entry.position < 0 || entry.position >= segment_bytes) {
      return fail(Errc::corrupt,
                  "entry " + std::to_string(index.size()) + " of the offset index is out of order");
    }
    index.entries_.push_back(entry);
  }
  if (file.size() % kEntrySize != 0) return fail(Errc::corrupt, "the offset index ends within an entry");
  return index;
}

}  // namespace moldau::storage
