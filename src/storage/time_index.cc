#include "storage/time_index.h"

#include <algorithm>
#include <string>

namespace moldau::storage {
namespace {

bool all_zero(ByteView bytes) {
  return std::ranges::all_of(bytes, [](std::byte b) { return b == std::byte{0}; });
}

}  // namespace

void TimeIndex::maybe_append(TimestampMs timestamp, std::int32_t relative_offset) {
  if (timestamp <= (empty() ? kNoTimestamp : back().timestamp)) return;
  MOLDAU_ASSERT(empty() || relative_offset > back().relative_offset);
  entries_.push_back({timestamp, relative_offset});
}

std::int64_t TimeIndex::older_up_to(TimestampMs timestamp) const {
  const auto after = std::ranges::lower_bound(entries_, timestamp, {}, &Entry::timestamp);
  return after == entries_.begin() ? -1 : std::prev(after)->relative_offset;
}

std::size_t TimeIndex::count_below(std::int64_t relative_offset) const {
  const auto end = std::ranges::lower_bound(entries_, relative_offset, {}, &Entry::relative_offset);
  return static_cast<std::size_t>(end - entries_.begin());
}

void TimeIndex::truncate_to_offset(std::int64_t relative_offset) {
  entries_.resize(count_below(relative_offset));
}

void TimeIndex::thin(std::size_t keep_at_most) {
  if (entries_.size() <= keep_at_most) return;
  const std::size_t step = (entries_.size() + keep_at_most - 1) / keep_at_most;
  std::vector<Entry> kept;
  for (std::size_t i = 0; i + 1 < entries_.size(); i += step) kept.push_back(entries_[i]);
  kept.push_back(entries_.back());
  entries_ = std::move(kept);
}

void TimeIndex::encode(std::size_t from, std::size_t to, Buffer& out) const {
  for (std::size_t i = from; i < to; ++i) {
    out.append_be(entries_[i].timestamp);
    out.append_be(entries_[i].relative_offset);
  }
}

Result<TimeIndex> TimeIndex::decode(ByteView file) {
  TimeIndex index;
  index.entries_.reserve(file.size() / kEntrySize);
  for (; file.size() >= kEntrySize; file = file.subspan(kEntrySize)) {
    const Entry entry{load_be<std::int64_t>(file.data()), load_be<std::int32_t>(file.data() + 8)};
    if (entry == Entry{} && all_zero(file)) break;
    const bool rises = index.empty() || (entry.timestamp > index.back().timestamp &&
                                         entry.relative_offset > index.back().relative_offset);
    if (!rises || entry.timestamp < 0 || entry.relative_offset < 0) {
      return fail(Errc::corrupt,
                  "entry " + std::to_string(index.size()) + " of the time index is out of order");
    }
    index.entries_.push_back(entry);
  }
  if (file.size() % kEntrySize != 0) return fail(Errc::corrupt, "the time index ends within an entry");
  return index;
}

}  // namespace moldau::storage
