#include "group/pending_offsets.h"

#include <algorithm>

#include "base/assert.h"

namespace moldau::group {

void PendingOffsets::add(ProducerId producer, const OffsetRecord& record, Offset stored_at) {
  MOLDAU_ASSERT(record.value.has_value());
  CommittedOffset& pending = by_producer_[producer][record.group][record.partition];
  pending = *record.value;
  pending.stored_at = stored_at;
  open_[record.group].insert(producer);
}

std::vector<OffsetRecord> PendingOffsets::take(ProducerId producer) {
  std::vector<OffsetRecord> taken;
  const auto found = by_producer_.find(producer);
  if (found == by_producer_.end()) return taken;
  for (auto& [group, offsets] : found->second) {
    for (auto& [partition, committed] : offsets) taken.push_back({group, partition, std::move(committed)});
    const auto open = open_.find(group);
    open->second.erase(producer);
    if (open->second.empty()) open_.erase(open);
  }
  by_producer_.erase(found);
  return taken;
}

void PendingOffsets::forget(std::string_view group, const TopicPartition& partition) {
  const auto open = open_.find(group);
  if (open == open_.end()) return;
  std::erase_if(open->second, [&](ProducerId producer) {
    const auto groups = by_producer_.find(producer);
    const auto offsets = groups->second.find(group);
    offsets->second.erase(partition);
    if (!offsets->second.empty()) return false;
    groups->second.erase(offsets);
    if (groups->second.empty()) by_producer_.erase(groups);
    return true;
  });
  if (open->second.empty()) open_.erase(open);
}

bool PendingOffsets::contains(std::string_view group, const TopicPartition& partition) const {
  const auto open = open_.find(group);
  if (open == open_.end()) return false;
  return std::ranges::any_of(open->second, [&](ProducerId producer) {
    const auto offsets = by_producer_.at(producer).find(group);
    return offsets != by_producer_.at(producer).end() && offsets->second.contains(partition);
  });
}

}  // namespace moldau::group
