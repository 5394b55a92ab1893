#include "storage/dirty_partitions.h"

#include <algorithm>

namespace moldau::storage {

void DirtyPartitions::note(const TopicIdPartition& partition, Position end) {
  MOLDAU_ASSERT(!record_starts_.empty());
  const auto [at, first] = needs_.try_emplace(partition, Need{record_starts_.back(), end});
  if (first) by_age_.emplace(at->second.from, partition);
  at->second.end = end;
}

void DirtyPartitions::clean(const TopicIdPartition& partition, Position up_to) {
  const auto at = needs_.find(partition);
  if (at == needs_.end() || up_to <= at->second.from) return;
  by_age_.erase({at->second.from, partition});
  if (up_to >= at->second.end) {
    needs_.erase(at);
    return;
  }
  at->second.from = up_to;
  by_age_.emplace(up_to, partition);
}

std::optional<DirtyPartitions::Position> DirtyPartitions::oldest() {
  if (by_age_.empty()) {
    // The record that is open may still get entries: its start stays.
    while (record_starts_.size() > 1) record_starts_.pop_front();
    return std::nullopt;
  }
  // After a partial clean() a need begins inside a record, which is needed from its start.
  const auto behind = std::upper_bound(record_starts_.begin(), record_starts_.end(), by_age_.begin()->first);
  MOLDAU_ASSERT(behind != record_starts_.begin());
  record_starts_.erase(record_starts_.begin(), behind - 1);
  return record_starts_.front();
}

std::vector<TopicIdPartition> DirtyPartitions::before(Position limit) const {
  std::vector<TopicIdPartition> partitions;
  for (const auto& [from, partition] : by_age_) {
    if (from >= limit) break;
    partitions.push_back(partition);
  }
  return partitions;
}

}  // namespace moldau::storage
