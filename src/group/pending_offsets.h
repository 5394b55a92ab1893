// PendingOffsets: what was committed in transactions that are open. It counts once the transaction is
// committed; until then a reader that wants what is stable is told to come again (KIP-447). Pure.
#pragma once

#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "group/record.h"

namespace moldau::group {

class PendingOffsets {
 public:
  // A record of the producer's transaction. REQUIRES: it has a value.
  void add(ProducerId producer, const OffsetRecord& record, Offset stored_at);
  // The transaction has ended: what it had committed, each partition once, with the places of the records.
  std::vector<OffsetRecord> take(ProducerId producer);
  // A tombstone: what was committed for the partition before it counts no more, whoever committed it.
  // Compaction makes the same of it.
  void forget(std::string_view group, const TopicPartition& partition);

  bool contains(std::string_view group, const TopicPartition& partition) const;
  bool contains(std::string_view group) const { return open_.contains(group); }
  bool empty() const { return by_producer_.empty(); }
  // The group's partitions and what is pending for each, by producer.
  template <class Visit>
  void for_each_of(std::string_view group, Visit visit) const {
    const auto open = open_.find(group);
    if (open == open_.end()) return;
    for (const ProducerId producer : open->second)
      for (const auto& [partition, committed] : by_producer_.at(producer).find(group)->second)
        visit(partition, committed);
  }
  // Of all that is pending, in an order of its own.
  template <class Visit>
  void for_each(Visit visit) const {
    for (const auto& [producer, groups] : by_producer_)
      for (const auto& [group, offsets] : groups)
        for (const auto& [partition, committed] : offsets)
          visit(producer, OffsetRecord{group, partition, committed});
  }

 private:
  using Offsets = std::map<TopicPartition, CommittedOffset>;
  std::map<ProducerId, std::map<std::string, Offsets, std::less<>>> by_producer_;
  std::map<std::string, std::set<ProducerId>, std::less<>> open_;  // by group
};

}  // namespace moldau::group
