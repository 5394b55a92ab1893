// group delete, group offset-delete and group remove-member.
#include "cli/confirmation.h"
#include "cli/group_names.h"
#include "cli/handlers.h"
#include "cli/new_offsets.h"
#include "cli/report.h"

namespace moldau::cli {
namespace {

using runtime::Task;

Task<Answer<std::vector<client::LeavingMember>>> leaving(ClusterSession& session, const std::string& group) {
  std::vector<client::LeavingMember> members;
  const auto& words = session.arguments().words();
  const std::string reason = "removed by moldau group remove-member";
  if (session.arguments().has("all")) {
    const auto described = co_await session.admin.describe_groups({group});
    if (!described) co_return trouble(trouble_of(described.error(), "cannot describe group " + group));
    const auto& found = described->front().second;
    if (!found) co_return trouble(co_await group_trouble(session, group, found.error()));
    for (const client::GroupMember& member : found->members)
      members.push_back({member.id, member.instance_id, reason});
    co_return members;
  }
  for (std::size_t i = 1; i < words.size(); ++i) members.push_back({words[i], {}, reason});
  for (const std::string& instance : session.arguments().all("instance"))
    members.push_back({"", instance, reason});
  if (members.empty())
    co_return usage_trouble("which members?",
                            "their ids, --instance ID, or --all; moldau group describe shows them");
  co_return members;
}

}  // namespace

ClusterAnswer group_delete(ClusterSession& session) {
  const auto names = co_await groups_of_words(session);
  if (!names) co_return trouble(names.error());
  const auto go =
      goes_on(session.session, "delete " + std::to_string(names->size()) + " groups and their offsets");
  if (!go) co_return trouble(go.error());
  ItemReport report("group");
  if (!*go) {
    for (const std::string& name : *names) report.done(name);
    co_return std::move(report).finish(session.session);
  }
  const auto results = co_await session.admin.delete_groups(*names);
  if (!results) co_return trouble(trouble_of(results.error(), "cannot delete groups"));
  for (const auto& [group, result] : *results) {
    if (result)
      report.done(group);
    else
      report.failed(group, result.error());
  }
  co_return std::move(report).finish(session.session);
}

ClusterAnswer group_offset_delete(ClusterSession& session) {
  const auto group = group_of_words(session.session);
  if (!group) co_return trouble(group.error());
  if (!session.arguments().has("topics"))
    co_return usage_trouble("of which topics?", "--topics T, --topics T:0,1");
  const auto partitions = co_await partitions_of_topics(session, session.arguments().all("topics"));
  if (!partitions) co_return trouble(partitions.error());
  const auto go = goes_on(session.session,
                          "delete " + std::to_string(partitions->size()) + " offsets of group " + *group);
  if (!go) co_return trouble(go.error());
  ItemReport report("topic", {{"partition", true}});
  if (!*go) {
    for (const TopicPartition& one : *partitions) report.done(one.topic, {one.partition});
    co_return std::move(report).finish(session.session);
  }
  const auto results = co_await session.admin.delete_group_offsets(*group, *partitions);
  if (!results) co_return trouble(co_await group_trouble(session, *group, results.error()));
  for (const auto& [partition, result] : *results) {
    if (result)
      report.done(partition.topic, {partition.partition});
    else
      report.failed(partition.topic, result.error(), {partition.partition});
  }
  co_return std::move(report).finish(session.session);
}

ClusterAnswer group_remove_member(ClusterSession& session) {
  const auto& words = session.arguments().words();
  if (words.empty()) co_return usage_trouble("which group?");
  auto members = co_await leaving(session, words.front());
  if (!members) co_return trouble(std::move(members).error());
  const auto go = goes_on(
      session.session, "put " + std::to_string(members->size()) + " members out of group " + words.front());
  if (!go) co_return trouble(go.error());
  ItemReport report("member");
  if (!*go || members->empty()) {
    for (const client::LeavingMember& member : *members) report.done(member.instance_id.value_or(member.id));
    co_return std::move(report).finish(session.session);
  }
  const auto results = co_await session.admin.remove_group_members(words.front(), std::move(*members));
  if (!results) co_return trouble(co_await group_trouble(session, words.front(), results.error()));
  for (const auto& [member, result] : *results) {
    if (result)
      report.done(member);
    else
      report.failed(member, result.error());
  }
  co_return std::move(report).finish(session.session);
}

}  // namespace moldau::cli
