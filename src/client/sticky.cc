#include "client/sticky.h"

#include <algorithm>

#include "base/even_shares.h"

namespace moldau::client {

namespace {

// Topics as kinds, members as holders.
class Sticky {
 public:
  Sticky(const std::vector<MemberSubscription>& members, const PartitionCounts& counts)
      : members_(members), shares_(members.size(), kinds_of(members, counts)) {
    for (const auto& [topic, count] : counts) {
      numbers_.emplace(topic, topics_.size());
      topics_.push_back(topic);
    }
  }

  MemberAssignments run() {
    keep_owned();
    const EvenShares before = shares_;
    shares_.settle();
    MemberAssignments assignments;
    for (std::size_t i = 0; i < members_.size(); ++i) {
      auto& assigned = assignments[members_[i].member_id];
      for (const EvenShares::Item& item : shares_.of(i))
        if (before.holder_of(item).value_or(i) == i) assigned.push_back({topics_[item.first], item.second});
    }
    return assignments;
  }

 private:
  static std::vector<EvenShares::Kind> kinds_of(const std::vector<MemberSubscription>& members,
                                                const PartitionCounts& counts) {
    std::vector<EvenShares::Kind> kinds;
    for (const auto& [topic, count] : counts) {
      EvenShares::Kind& kind = kinds.emplace_back();
      kind.count = count;
      for (std::size_t i = 0; i < members.size(); ++i)
        if (std::ranges::find(members[i].topics, topic) != members[i].topics.end()) kind.holders.push_back(i);
    }
    return kinds;
  }

  // Who claims a partition of a younger generation has it; where two claim it of the same one, neither does.
  void keep_owned() {
    std::map<EvenShares::Item, std::int32_t> claimed;  // by generation
    for (std::size_t i = 0; i < members_.size(); ++i) {
      for (const TopicPartition& one : members_[i].owned) {
        const auto number = numbers_.find(one.topic);
        if (number == numbers_.end()) continue;
        const EvenShares::Item item(number->second, one.partition);
        if (!shares_.may_have(i, item) || shares_.holder_of(item) == i) continue;
        const std::int32_t generation = members_[i].generation;
        const auto [before, is_first] = claimed.try_emplace(item, generation);
        if (!is_first && before->second > generation) continue;
        const bool disputed = !is_first && before->second == generation;
        before->second = generation;
        shares_.take(item);
        if (!disputed) shares_.give(i, item);
      }
    }
  }

  const std::vector<MemberSubscription>& members_;
  std::vector<std::string> topics_;
  std::map<std::string, std::size_t, std::less<>> numbers_;  // of topics
  EvenShares shares_;
};

}  // namespace

MemberAssignments assign_cooperatively(const std::vector<MemberSubscription>& members,
                                       const PartitionCounts& counts) {
  return Sticky(members, counts).run();
}

}  // namespace moldau::client
