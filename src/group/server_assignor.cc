#include "group/server_assignor.h"

#include <algorithm>

#include "base/assert.h"
#include "base/even_shares.h"

namespace moldau::group {

namespace {

using Counts = std::map<TopicId, std::int32_t>;
using Assignments = std::map<std::string, Partitions>;

// Static members first, by their instance ids: they get the same again after a restart.
bool comes_before(const AssignedMember& one, const AssignedMember& other) {
  if (one.instance_id && other.instance_id) return *one.instance_id < *other.instance_id;
  if (one.instance_id || other.instance_id) return one.instance_id.has_value();
  return one.id < other.id;
}

Assignments assign_uniformly(const std::vector<AssignedMember>& members, const Counts& counts) {
  std::vector<TopicId> topics;
  std::map<TopicId, std::size_t> numbers;
  std::vector<EvenShares::Kind> kinds;
  for (const auto& [topic, count] : counts) {
    EvenShares::Kind kind{.count = count, .holders = {}};
    for (std::size_t i = 0; i < members.size(); ++i)
      if (members[i].topics.contains(topic)) kind.holders.push_back(i);
    numbers.emplace(topic, topics.size());
    topics.push_back(topic);
    kinds.push_back(std::move(kind));
  }
  EvenShares shares(members.size(), std::move(kinds));
  for (std::size_t i = 0; i < members.size(); ++i) {
    for (const auto& [topic, indexes] : members[i].target.topics()) {
      const auto number = numbers.find(topic);
      if (number == numbers.end()) continue;
      for (const PartitionIndex index : indexes) {
        const EvenShares::Item item(number->second, index);
        if (shares.may_have(i, item) && !shares.holder_of(item)) shares.give(i, item);
      }
    }
  }
  shares.settle();
  Assignments assignments;
  for (std::size_t i = 0; i < members.size(); ++i) {
    Partitions& assigned = assignments[members[i].id];
    for (const EvenShares::Item& item : shares.of(i)) assigned.insert({topics[item.first], item.second});
  }
  return assignments;
}

Assignments assign_ranges(const std::vector<AssignedMember>& members, const Counts& counts) {
  Assignments assignments;
  for (const AssignedMember& member : members) assignments.try_emplace(member.id);
  for (const auto& [topic, count] : counts) {
    std::vector<const AssignedMember*> subscribers;
    for (const AssignedMember& member : members)
      if (member.topics.contains(topic)) subscribers.push_back(&member);
    const auto size = static_cast<std::int32_t>(subscribers.size());
    PartitionIndex next = 0;
    for (std::int32_t i = 0; i < size; ++i) {
      const std::int32_t share = count / size + (i < count % size ? 1 : 0);
      for (std::int32_t n = 0; n < share; ++n)
        assignments[subscribers[static_cast<std::size_t>(i)]->id].insert({topic, next++});
    }
  }
  return assignments;
}

}  // namespace

std::string_view name_of(ServerAssignor assignor) {
  switch (assignor) {
    case ServerAssignor::uniform:
      return "uniform";
    case ServerAssignor::range:
      return "range";
  }
  MOLDAU_UNREACHABLE("an assignor");
}

std::optional<ServerAssignor> server_assignor_of(std::string_view name) {
  for (const ServerAssignor each : {ServerAssignor::uniform, ServerAssignor::range})
    if (name_of(each) == name) return each;
  return std::nullopt;
}

Assignments assign(ServerAssignor assignor, std::vector<AssignedMember> members,
                   const Counts& partition_counts) {
  std::ranges::sort(members, comes_before);
  switch (assignor) {
    case ServerAssignor::uniform:
      return assign_uniformly(members, partition_counts);
    case ServerAssignor::range:
      return assign_ranges(members, partition_counts);
  }
  MOLDAU_UNREACHABLE("an assignor");
}

}  // namespace moldau::group
