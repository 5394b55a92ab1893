#include "storage/leader_epoch_cache.h"

#include <algorithm>

namespace moldau::storage {

bool LeaderEpochCache::assign(LeaderEpoch epoch, Offset start) {
  if (epoch < 0) return false;  // none, or bytes of a batch that nobody wrote
  const auto contradicts = [&](const EpochEntry& entry) {
    return entry.epoch > epoch || entry.start_offset > start ||
           (entry.start_offset == start && entry.epoch != epoch);
  };
  while (!entries_.empty() && contradicts(entries_.back())) entries_.pop_back();
  if (!entries_.empty() && entries_.back().epoch == epoch) return false;
  entries_.push_back({epoch, start});
  return true;
}

bool LeaderEpochCache::truncate_from_end(Offset end) {
  const std::size_t before = entries_.size();
  while (!entries_.empty() && entries_.back().start_offset >= end) entries_.pop_back();
  return entries_.size() != before;
}

bool LeaderEpochCache::truncate_from_start(Offset start) {
  const auto after = std::ranges::upper_bound(entries_, start, {}, &EpochEntry::start_offset);
  if (after == entries_.begin()) return false;
  const auto in_force = std::prev(after);
  const bool changed = in_force != entries_.begin() || in_force->start_offset != start;
  in_force->start_offset = start;
  entries_.erase(entries_.begin(), in_force);
  return changed;
}

LeaderEpoch LeaderEpochCache::epoch_of(Offset offset) const {
  const auto after = std::ranges::upper_bound(entries_, offset, {}, &EpochEntry::start_offset);
  return after == entries_.begin() ? kNoEpoch : std::prev(after)->epoch;
}

LeaderEpochCache::EpochEnd LeaderEpochCache::end_offset_for(LeaderEpoch requested, Offset log_end) const {
  if (requested == kNoEpoch || entries_.empty() || requested > latest()) return {};
  if (requested == latest()) return {requested, log_end};
  const auto next = std::ranges::upper_bound(entries_, requested, {}, &EpochEntry::epoch);
  if (next == entries_.begin()) return {requested, next->start_offset};
  return {std::prev(next)->epoch, next->start_offset};
}

}  // namespace moldau::storage
