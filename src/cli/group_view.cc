#include "cli/group_view.h"

#include <algorithm>
#include <numeric>

namespace moldau::cli {

using runtime::Task;

namespace {

GroupPartition partition_of(const TopicPartition& partition,
                            const std::map<TopicPartition, client::Outcome<client::GroupOffset>>& offsets,
                            std::optional<std::size_t> member) {
  GroupPartition out{.partition = partition, .member = member};
  const auto committed = offsets.find(partition);
  if (committed == offsets.end()) return out;
  if (committed->second)
    out.committed = *committed->second;
  else
    out.error = words_of(committed->second.error());
  return out;
}

// Looks one offset of every partition up, and puts it where `place` says.
Task<Answer<void>> look_up(ClusterSession& session, std::vector<GroupPartition>& partitions,
                           client::OffsetSpec which, bool read_committed,
                           std::optional<Offset> GroupPartition::* place) {
  std::vector<client::OffsetQuery> queries;
  for (const GroupPartition& one : partitions)
    queries.push_back({one.partition, static_cast<std::int64_t>(which)});
  const auto listed = co_await session.admin.list_offsets(std::move(queries), read_committed);
  if (!listed) co_return trouble(trouble_of(listed.error(), "cannot look offsets up"));
  for (std::size_t i = 0; i < partitions.size(); ++i) {
    const auto& found = (*listed)[i].second;
    if (found)
      partitions[i].*place = found->offset;
    else
      partitions[i].error = words_of(found.error());
  }
  co_return Answer<void>();
}

}  // namespace

std::optional<std::int64_t> GroupPartition::lag() const {
  if (!committed || !log_end) return std::nullopt;
  return *log_end - committed->offset;
}

std::vector<std::size_t> member_order(const std::vector<client::GroupMember>& members) {
  std::vector<std::size_t> order(members.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::erase_if(order, [&](std::size_t place) { return members[place].assignment.empty(); });
  std::ranges::sort(order, {}, [&](std::size_t place) {
    return std::pair(-static_cast<std::int64_t>(members[place].assignment.size()), place);
  });
  return order;
}

Task<Answer<GroupView>> view_group(ClusterSession& session, client::GroupDescription group, bool bounds) {
  const auto offsets = co_await session.admin.list_group_offsets(group.id);
  if (!offsets)
    co_return trouble(trouble_of(offsets.error(), "cannot read the offsets of group " + group.id));
  GroupView view{std::move(group), {}};
  std::map<TopicPartition, bool> assigned;
  for (const std::size_t place : member_order(view.group.members)) {
    for (const TopicPartition& partition : view.group.members[place].assignment) {
      assigned[partition] = true;
      view.partitions.push_back(partition_of(partition, *offsets, place));
    }
  }
  for (const auto& [partition, committed] : *offsets)
    if (!assigned.contains(partition))
      view.partitions.push_back(partition_of(partition, *offsets, std::nullopt));
  if (view.partitions.empty()) co_return view;
  auto looked_up =
      co_await look_up(session, view.partitions, client::OffsetSpec::latest, false, &GroupPartition::log_end);
  if (looked_up && bounds)
    looked_up = co_await look_up(session, view.partitions, client::OffsetSpec::earliest, false,
                                 &GroupPartition::log_start);
  if (looked_up && bounds)
    looked_up = co_await look_up(session, view.partitions, client::OffsetSpec::latest, true,
                                 &GroupPartition::last_stable);
  if (!looked_up) co_return trouble(std::move(looked_up).error());
  co_return view;
}

std::string why_it_lags(const GroupView& view, const GroupPartition& partition) {
  if (!partition.error.empty()) return partition.error;
  const auto lag = partition.lag();
  if (lag && *lag == 0) return "";
  const std::string& state = view.group.state;
  if (state == "Empty") return "the group has no members";
  if (state != "Stable") return "the group is rebalancing";
  if (!partition.member) return "no member has this partition";
  if (!partition.committed) return "nothing is committed yet";
  if (lag && *lag < 0) return "the committed offset is above the log's end";
  if (partition.log_start && partition.committed->offset < *partition.log_start)
    return "the committed offset is below the log's start";
  if (partition.last_stable && partition.committed->offset >= *partition.last_stable)
    return "an open transaction at " + std::to_string(*partition.last_stable) + " holds readers up";
  return "";
}

bool is_inactive(const client::GroupDescription& group) {
  return group.state == "Empty" || group.state == "Dead";
}

}  // namespace moldau::cli
