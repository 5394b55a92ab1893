// Partitions of topics by id, as members of consumer groups have them, and what is done with sets of them.
#pragma once

#include <map>
#include <set>
#include <vector>

#include "base/ids.h"

namespace moldau::group {

class Partitions {
 public:
  using Topics = std::map<TopicId, std::set<PartitionIndex>>;

  bool empty() const { return topics_.empty(); }
  bool contains(const TopicIdPartition& one) const {
    const auto found = topics_.find(one.topic_id);
    return found != topics_.end() && found->second.contains(one.partition);
  }
  bool contains_all(const Partitions& others) const;
  bool contains_any(const Partitions& others) const;
  void insert(const TopicIdPartition& one) { topics_[one.topic_id].insert(one.partition); }
  void insert(const Partitions& others);
  void erase(const TopicIdPartition& one);
  const Topics& topics() const { return topics_; }

  // In both; in one and not in the other.
  friend Partitions intersection(const Partitions& one, const Partitions& other);
  friend Partitions difference(const Partitions& one, const Partitions& other);
  friend bool operator==(const Partitions&, const Partitions&) = default;

  // Of and to lists of {topic_id, partitions}, as messages and records have them.
  template <class List>
  static Partitions of(const List& list) {
    Partitions out;
    for (const auto& topic : list)
      for (const PartitionIndex index : topic.partitions) out.insert({topic.topic_id, index});
    return out;
  }
  template <class List>
  void append_to(List& list) const {
    for (const auto& [topic, indexes] : topics_) {
      auto& entry = list.emplace_back();
      entry.topic_id = topic;
      entry.partitions.assign(indexes.begin(), indexes.end());
    }
  }

 private:
  Topics topics_;  // none of the sets is empty
};

}  // namespace moldau::group
