// group list and group describe.
#include <algorithm>
#include <cctype>

#include "cli/group_names.h"
#include "cli/group_view.h"
#include "cli/handlers.h"
#include "cli/sections.h"

namespace moldau::cli {
namespace {

using runtime::Task;

std::vector<std::string> lower_words(const std::string& text) {
  std::vector<std::string> words = split(text, ',');
  for (std::string& word : words)
    std::ranges::transform(word, word.begin(), [](unsigned char c) { return std::tolower(c); });
  return words;
}

bool passes(const std::vector<std::string>& wanted, const std::string& value) {
  return wanted.empty() || std::ranges::find(wanted, lower_words(value).front()) != wanted.end();
}

template <class T>
Json or_null(const std::optional<T>& value) {
  return value ? Json(*value) : Json();
}

Json text_or_null(const std::string& text) { return text.empty() ? Json() : Json(text); }

std::string address_of(const client::BrokerInfo& broker) {
  return broker.endpoint.host + ":" + std::to_string(broker.endpoint.port);
}

// Of the partitions whose lag is known.
std::int64_t total_lag(const GroupView& view) {
  std::int64_t total = 0;
  for (const GroupPartition& one : view.partitions) total += std::max<std::int64_t>(one.lag().value_or(0), 0);
  return total;
}

Table summary_of(const GroupView& view) {
  Table table({{"group"},
               {"state", false, false, true},
               {"type"},
               {"coordinator", true},
               {"coordinator_address"},
               {"balancer"},
               {"members", true},
               {"total_lag", true},
               {"epoch", true, true}});
  const client::GroupDescription& group = view.group;
  table.add({group.id, group.state, group.type, group.coordinator.id, address_of(group.coordinator),
             text_or_null(group.assignor), group.members.size(), total_lag(view), or_null(group.epoch)});
  return table;
}

Table members_of(const GroupView& view) {
  Table table({{"member_id"},
               {"instance_id"},
               {"client_id"},
               {"host"},
               {"partitions", true},
               {"lag", true},
               {"epoch", true, true}});
  for (std::size_t i = 0; i < view.group.members.size(); ++i) {
    const client::GroupMember& member = view.group.members[i];
    std::int64_t lag = 0;
    for (const GroupPartition& one : view.partitions)
      if (one.member == i) lag += std::max<std::int64_t>(one.lag().value_or(0), 0);
    table.add({member.id, or_null(member.instance_id), member.client_id, member.host,
               member.assignment.size(), lag, or_null(member.epoch)});
  }
  return table;
}

Table partitions_of(const GroupView& view, bool lag_only) {
  Table table({{"topic"},
               {"partition", true},
               {"current_offset", true},
               {"log_start_offset", true},
               {"log_end_offset", true},
               {"lag", true},
               {"member_id", false, true},
               {"client_id"},
               {"host"},
               {"why"}});
  for (const GroupPartition& one : view.partitions) {
    if (lag_only && one.lag().value_or(1) == 0) continue;
    const client::GroupMember* member = one.member ? &view.group.members[*one.member] : nullptr;
    table.add({one.partition.topic, one.partition.partition,
               one.committed ? Json(one.committed->offset) : Json(), or_null(one.log_start),
               or_null(one.log_end), or_null(one.lag()), member ? Json(member->id) : Json(),
               member ? Json(member->client_id) : Json(), member ? Json(member->host) : Json(),
               text_or_null(why_it_lags(view, one))});
  }
  return table;
}

Answer<void> print(Session& session, const GroupView& view) {
  const Arguments& arguments = session.arguments;
  const bool chosen = arguments.has("summary") || arguments.has("members") || arguments.has("partitions");
  Sections sections;
  if (!chosen || arguments.has("summary"))
    sections.add({"GROUP", "summary", summary_of(view), Section::Shape::fields});
  if (!chosen || arguments.has("members")) sections.add({"MEMBERS", "member_list", members_of(view)});
  if (!chosen || arguments.has("partitions") || arguments.has("lag-only"))
    sections.add({"PARTITIONS", "partition_list", partitions_of(view, arguments.has("lag-only"))});
  const auto format = format_of(session);
  if (!format) return std::unexpected(format.error());
  const auto some = sections.choose(arguments);
  if (!some) return std::unexpected(some.error());
  if (!*some) return {};
  if (is_machine(*format)) {
    print_items(session.out, {sections.to_json()}, *format);
    return {};
  }
  return sections.print(session, *format);
}

}  // namespace

ClusterAnswer group_list(ClusterSession& session) {
  const auto groups = co_await session.admin.list_groups();
  if (!groups) co_return trouble(trouble_of(groups.error(), "cannot list groups"));
  const auto states = lower_words(session.arguments().text("state"));
  const auto types = lower_words(session.arguments().text("type"));
  Table table({{"group"}, {"state", false, false, true}, {"type"}, {"protocol_type"}, {"coordinator", true}});
  for (const client::GroupListing& group : *groups) {
    if (!passes(states, group.state) || !passes(types, group.type)) continue;
    table.add({group.id, text_or_null(group.state), text_or_null(group.type),
               text_or_null(group.protocol_type), group.coordinator});
  }
  if (auto printed = print_table(session.session, std::move(table)); !printed)
    co_return trouble(printed.error());
  co_return Exit::done;
}

ClusterAnswer group_describe(ClusterSession& session) {
  const auto names = co_await groups_of_words(session);
  if (!names) co_return trouble(names.error());
  auto described = co_await session.admin.describe_groups(*names);
  if (!described) co_return trouble(trouble_of(described.error(), "cannot describe groups"));
  bool first = true;
  for (auto& [id, group] : *described) {
    if (!group) co_return trouble(co_await group_trouble(session, id, group.error()));
    if (group->state == "Dead")
      co_return trouble(
          co_await group_trouble(session, id, client::broker_failure(wire::ErrorCode::group_id_not_found)));
    const auto view = co_await view_group(session, std::move(*group), true);
    if (!view) co_return trouble(view.error());
    const auto format = format_of(session.session);
    if (!std::exchange(first, false) && format && !is_machine(*format)) session.out().line("");
    if (auto printed = print(session.session, *view); !printed) co_return trouble(std::move(printed).error());
  }
  co_return Exit::done;
}

}  // namespace moldau::cli
