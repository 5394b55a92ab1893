#include "group/partitions.h"

#include <algorithm>

namespace moldau::group {

bool Partitions::contains_all(const Partitions& others) const {
  return std::ranges::all_of(others.topics_, [this](const auto& other) {
    const auto found = topics_.find(other.first);
    return found != topics_.end() && std::ranges::includes(found->second, other.second);
  });
}

bool Partitions::contains_any(const Partitions& others) const { return !intersection(*this, others).empty(); }

void Partitions::insert(const Partitions& others) {
  for (const auto& [topic, indexes] : others.topics_) topics_[topic].insert(indexes.begin(), indexes.end());
}

void Partitions::erase(const TopicIdPartition& one) {
  const auto found = topics_.find(one.topic_id);
  if (found == topics_.end()) return;
  found->second.erase(one.partition);
  if (found->second.empty()) topics_.erase(found);
}

Partitions intersection(const Partitions& one, const Partitions& other) {
  Partitions out;
  for (const auto& [topic, indexes] : one.topics_) {
    const auto found = other.topics_.find(topic);
    if (found == other.topics_.end()) continue;
    std::set<PartitionIndex> both;
    std::ranges::set_intersection(indexes, found->second, std::inserter(both, both.end()));
    if (!both.empty()) out.topics_.emplace(topic, std::move(both));
  }
  return out;
}

Partitions difference(const Partitions& one, const Partitions& other) {
  Partitions out;
  for (const auto& [topic, indexes] : one.topics_) {
    const auto found = other.topics_.find(topic);
    std::set<PartitionIndex> rest = indexes;
    if (found != other.topics_.end())
      std::erase_if(rest, [&](PartitionIndex index) { return found->second.contains(index); });
    if (!rest.empty()) out.topics_.emplace(topic, std::move(rest));
  }
  return out;
}

}  // namespace moldau::group
