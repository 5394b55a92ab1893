#include "cli/kafka_group_describe.h"

#include <algorithm>
#include <map>

#include "cli/group_view.h"
#include "cli/kafka_columns.h"
#include "cli/kafka_exception.h"

namespace moldau::cli {

using runtime::Task;

namespace {

using client::GroupDescription;
using client::GroupMember;

constexpr std::size_t kLeast = 15;
constexpr std::string_view kMissing = "-";

template <class T>
std::string text_of(const std::optional<T>& value) {
  return value ? std::to_string(*value) : std::string(kMissing);
}

std::string or_missing(const std::string& text) { return text.empty() ? std::string(kMissing) : text; }

// Says on stderr how the group is.
void tell_state(Session& session, const GroupDescription& group) {
  if (group.state == "Empty")
    session.note("\nConsumer group '" + group.id + "' has no active members.");
  else if (group.state != "Stable")
    session.note("\nWarning: Consumer group '" + group.id + "' is rebalancing.");
}

std::size_t widest(std::size_t least, const auto& items, auto text_of_item) {
  for (const auto& item : items) least = std::max(least, text_of_item(item).size());
  return least;
}

// --- offsets

struct OffsetRow {
  std::string topic, partition, epoch, offset, end, lag, member, host, client;
};

OffsetRow row_of(const GroupView& view, const GroupPartition& one) {
  const GroupMember* member = one.member ? &view.group.members[*one.member] : nullptr;
  const auto of_member = [&](std::string GroupMember::* what) {
    return std::string(member == nullptr ? kMissing : std::string_view(member->*what));
  };
  OffsetRow row;
  row.topic = one.partition.topic;
  row.partition = std::to_string(one.partition.partition);
  const bool has_epoch = one.committed && one.committed->leader_epoch >= 0;
  row.epoch = has_epoch ? std::to_string(one.committed->leader_epoch) : std::string(kMissing);
  row.offset = one.committed ? std::to_string(one.committed->offset) : std::string(kMissing);
  row.end = text_of(one.log_end);
  row.lag = text_of(one.lag());
  row.member = of_member(&GroupMember::id);
  row.host = of_member(&GroupMember::host);
  row.client = of_member(&GroupMember::client_id);
  return row;
}

void print_offsets(Session& session, const GroupView& view) {
  tell_state(session, view.group);
  if (view.partitions.empty()) return;
  const bool verbose = session.arguments.has("verbose");
  std::vector<OffsetRow> rows{{"TOPIC", "PARTITION", "LEADER-EPOCH", "CURRENT-OFFSET", "LOG-END-OFFSET",
                               "LAG", "CONSUMER-ID", "HOST", "CLIENT-ID"}};
  for (const GroupPartition& one : view.partitions) rows.push_back(row_of(view, one));
  const std::size_t group = std::max(kLeast, view.group.id.size());
  const std::size_t topic = widest(kLeast, rows, [](const auto& row) { return row.topic; });
  const std::size_t member = widest(kLeast, rows, [](const auto& row) { return row.member; });
  const std::size_t host = widest(kLeast, rows, [](const auto& row) { return row.host; });
  constexpr std::size_t kPartition = 10;
  bool heading = true;
  for (const OffsetRow& row : rows) {
    session.out.put("\n" + padded(std::exchange(heading, false) ? "GROUP" : view.group.id, group) + " " +
                    padded(row.topic, topic) + " " + padded(row.partition, kPartition) + " " +
                    (verbose ? padded(row.epoch, kLeast) + " " : "") + padded(row.offset, kLeast) + " " +
                    padded(row.end, kLeast) + " " + padded(row.lag, kLeast) + " " +
                    padded(row.member, member) + " " + padded(row.host, host) + " " + row.client);
  }
  session.out.line("");
}

// --- members

// "t:0,1;u:2"
std::string assignment_text(const std::vector<TopicPartition>& partitions) {
  std::map<std::string, std::string> by_topic;
  for (const TopicPartition& one : partitions) {
    std::string& indexes = by_topic[one.topic];
    indexes += (indexes.empty() ? "" : ",") + std::to_string(one.partition);
  }
  std::string out;
  for (const auto& [topic, indexes] : by_topic) out += (out.empty() ? "" : ";") + topic + ":" + indexes;
  return or_missing(out);
}

bool has_both_kinds(const std::vector<GroupMember>& members) {
  const auto is = [&](bool upgraded) {
    return std::ranges::any_of(members, [&](const GroupMember& one) { return one.upgraded == upgraded; });
  };
  return is(true) && is(false);
}

struct MemberRow {
  std::string group, member, instance, host, client, partitions, epoch, assignment, target_epoch, target,
      upgraded;
};

MemberRow row_of(const GroupDescription& group, const GroupMember& member) {
  return {group.id,
          member.id,
          member.instance_id.value_or(""),
          member.host,
          member.client_id,
          std::to_string(member.assignment.size()),
          text_of(member.epoch),
          assignment_text(member.assignment),
          text_of(group.assignment_epoch),
          assignment_text(member.target_assignment),
          member.upgraded ? (*member.upgraded ? "true" : "false") : std::string(kMissing)};
}

void print_members(Session& session, const GroupDescription& group) {
  tell_state(session, group);
  const bool verbose = session.arguments.has("verbose");
  const bool with_upgrade = has_both_kinds(group.members);
  const bool with_instance = std::ranges::any_of(
      group.members, [](const GroupMember& one) { return !one.instance_id.value_or("").empty(); });
  std::vector<MemberRow> rows{{"GROUP", "CONSUMER-ID", "GROUP-INSTANCE-ID", "HOST", "CLIENT-ID",
                               "#PARTITIONS", "CURRENT-EPOCH", "CURRENT-ASSIGNMENT", "TARGET-EPOCH",
                               "TARGET-ASSIGNMENT", "UPGRADED"}};
  for (const GroupMember& member : group.members) rows.push_back(row_of(group, member));
  const auto width = [&](std::size_t least, std::string MemberRow::* cell) {
    return widest(least, rows, [cell](const MemberRow& row) { return row.*cell; });
  };
  constexpr std::size_t kAssignment = 20;
  session.out.line("");
  for (const MemberRow& row : rows) {
    std::string line = padded(row.group, width(kLeast, &MemberRow::group)) + " " +
                       padded(row.member, width(kLeast, &MemberRow::member)) + " ";
    if (with_instance) line += padded(row.instance, width(kLeast, &MemberRow::instance)) + " ";
    line += padded(row.host, width(kLeast, &MemberRow::host)) + " " +
            padded(row.client, width(kLeast, &MemberRow::client)) + " " + padded(row.partitions, kLeast) +
            " ";
    if (verbose) {
      line += padded(row.epoch, kLeast) + " " +
              padded(row.assignment, width(kAssignment, &MemberRow::assignment)) + " " +
              padded(row.target_epoch, kLeast) + " " +
              padded(row.target, width(kAssignment, &MemberRow::target));
      if (with_upgrade) line += " " + row.upgraded;
    }
    session.out.line(line);
  }
}

// --- states

void print_state(Session& session, const GroupDescription& group) {
  tell_state(session, group);
  const bool verbose = session.arguments.has("verbose");
  const client::BrokerInfo& at = group.coordinator;
  const std::string coordinator =
      at.endpoint.host + ":" + std::to_string(at.endpoint.port) + "  (" + std::to_string(at.id) + ")";
  constexpr std::size_t kCoordinator = 25, kState = 20;
  const auto line = [&](const std::string& id, const std::string& where, const std::string& assignor,
                        const std::string& state, const std::string& epoch, const std::string& assigned,
                        const std::string& members) {
    session.out.put("\n" + padded(id, std::max(kLeast, group.id.size())) + " " +
                    padded(where, std::max(kCoordinator, coordinator.size())) + " " +
                    padded(assignor, kState) + " " + padded(state, kState) + " " +
                    (verbose ? padded(epoch, kLeast) + " " + padded(assigned, kCoordinator) + " " : "") +
                    members);
  };
  line("GROUP", "COORDINATOR (ID)", "ASSIGNMENT-STRATEGY", "STATE", "GROUP-EPOCH", "TARGET-ASSIGNMENT-EPOCH",
       "#MEMBERS");
  line(group.id, coordinator, or_missing(group.assignor), group.state, text_of(group.epoch),
       text_of(group.assignment_epoch), std::to_string(group.members.size()));
  session.out.line("");
}

}  // namespace

Exit kafka_error(Session& session, const std::string& text) {
  session.out.put("\nError: " + text + "\n");
  return Exit::failed;
}

Task<Answer<Exit>> describe_as_kafka(ClusterSession& session, std::vector<std::string> groups) {
  Session& printed = session.session;
  auto described = co_await session.admin.describe_groups(std::move(groups));
  if (!described) co_return trouble(trouble_of(described.error(), "cannot describe groups"));
  std::map<std::string, GroupDescription> by_id;
  for (auto& [id, group] : *described) {
    if (!group)
      co_return kafka_error(
          printed, "Executing consumer group command failed due to " + exception_text(group.error()));
    if (!group->protocol_type.empty() && group->protocol_type != "consumer")
      co_return kafka_error(printed,
                            "Executing consumer group command failed due to "
                            "java.lang.IllegalArgumentException: GroupId " +
                                id + " is not a consumer group (" + group->protocol_type + ").");
    by_id.emplace(id, std::move(*group));
  }
  for (auto& [id, group] : by_id) {
    if (group.state == "Dead") {
      kafka_error(printed, "Consumer group '" + id + "' does not exist.");
    } else if (printed.arguments.has("members")) {
      print_members(printed, group);
    } else if (printed.arguments.has("state")) {
      print_state(printed, group);
    } else {
      const auto view = co_await view_group(session, std::move(group), false);
      if (!view) co_return trouble(view.error());
      print_offsets(printed, *view);
    }
  }
  co_return Exit::done;
}

}  // namespace moldau::cli
