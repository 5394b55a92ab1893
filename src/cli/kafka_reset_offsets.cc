#include "cli/kafka_reset_offsets.h"

#include <algorithm>

#include "cli/group_view.h"
#include "cli/kafka_columns.h"
#include "cli/kafka_exception.h"
#include "cli/kafka_group_describe.h"
#include "cli/new_offsets.h"
#include "cli/text_file.h"
#include "cli/timestamp_text.h"

namespace moldau::cli {

using runtime::Task;

namespace {

using Plans = std::map<std::string, NewOffsets>;  // by group

constexpr std::string_view kTargets[] = {"to-offset",   "shift-by",  "to-datetime", "by-duration",
                                         "to-earliest", "to-latest", "to-current",  "from-file"};

Answer<OffsetTarget> target_of(ClusterSession& session) {
  using Kind = OffsetTarget::Kind;
  const Arguments& arguments = session.arguments();
  const TimestampMs now = session.world.wall_clock().now_ms();
  if (arguments.has("to-earliest")) return OffsetTarget{Kind::earliest};
  if (arguments.has("to-latest")) return OffsetTarget{Kind::latest};
  if (arguments.has("to-current")) return OffsetTarget{Kind::current};
  if (const auto text = arguments.find("to-datetime")) {
    const auto at = parse_time(*text, now);
    if (!at) return usage_trouble("Error parsing timestamp with: " + *text);
    return OffsetTarget{Kind::timestamp, *at};
  }
  if (const auto text = arguments.find("by-duration")) {
    const auto ago = parse_iso_duration(*text);
    if (!ago) return usage_trouble("Text cannot be parsed to a Duration: " + *text);
    return OffsetTarget{Kind::timestamp, now - *ago};
  }
  const bool shifts = arguments.has("shift-by");
  const auto number = arguments.number(shifts ? "shift-by" : "to-offset", INT64_MIN, INT64_MAX);
  if (!number) return std::unexpected(number.error());
  return OffsetTarget{shifts ? Kind::shift : Kind::offset, number->value_or(0)};
}

// What the file plans for this group; nothing when it is not in it.
Answer<std::optional<NewOffsets>> planned_in_file(ClusterSession& session, const std::string& group) {
  const std::string path = session.arguments().text("from-file");
  const auto text = read_text_file(session.session.invocation, path);
  if (!text) return std::unexpected(text.error());
  const auto plan = parse_offset_plan(*text, path);
  if (!plan) return std::unexpected(plan.error());
  std::optional<NewOffsets> offsets;
  for (const PlannedOffset& one : *plan) {
    const bool of_only_group = one.group.empty() && session.arguments().all("group").size() == 1;
    if (one.group != group && !of_only_group) continue;
    if (!offsets) offsets.emplace();
    (*offsets)[one.partition] = one.offset;
  }
  return offsets;
}

Task<Answer<std::vector<TopicPartition>>> partitions_to_reset(ClusterSession& session,
                                                              const std::string& group) {
  if (!session.arguments().has("all-topics"))
    co_return co_await partitions_of_topics(session, session.arguments().all("topic"));
  const auto committed = co_await session.admin.list_group_offsets(group);
  if (!committed)
    co_return trouble(trouble_of(committed.error(), "cannot read the offsets of group " + group));
  std::vector<TopicPartition> partitions;
  for (const auto& [partition, offset] : *committed) partitions.push_back(partition);
  co_return partitions;
}

Task<Answer<NewOffsets>> plan_for(ClusterSession& session, const std::string& group) {
  if (session.arguments().has("from-file")) {
    auto planned = planned_in_file(session, group);
    if (!planned) co_return trouble(std::move(planned).error());
    if (*planned) co_return co_await within_logs(session, std::move(**planned));
    kafka_error(session.session, "No reset plan for group " + group + " found.");
    co_return NewOffsets();
  }
  const auto target = target_of(session);
  if (!target) co_return trouble(target.error());
  auto partitions = co_await partitions_to_reset(session, group);
  if (!partitions) co_return trouble(std::move(partitions).error());
  auto plan = co_await plan_offsets(session, group, std::move(*partitions), *target);
  if (!plan) co_return trouble(std::move(plan).error());
  for (const TopicPartition& one : plan->without_record)
    session.out().put("\nWarn: Partition " + std::to_string(one.partition) + " from topic " + one.topic +
                      " is empty. Falling back to latest known offset.\n");
  co_return std::move(plan->offsets);
}

Task<Answer<void>> execute(ClusterSession& session, const std::string& group, const NewOffsets& plan) {
  if (plan.empty()) co_return Answer<void>();
  std::vector<std::pair<TopicPartition, client::GroupOffset>> offsets;
  for (const auto& [partition, offset] : plan) offsets.push_back({partition, {.offset = offset}});
  const auto results = co_await session.admin.alter_group_offsets(group, std::move(offsets));
  if (!results) co_return trouble(trouble_of(results.error(), exception_text(results.error())));
  for (const auto& [partition, result] : *results)
    if (!result) co_return trouble(trouble_of(result.error(), exception_text(result.error())));
  co_return Answer<void>();
}

void print(Session& session, const Plans& plans) {
  constexpr std::size_t kLeast = 15, kPartition = 10;
  std::size_t group_width = kLeast, topic_width = kLeast;
  for (const auto& [group, plan] : plans) {
    group_width = std::max(group_width, group.size());
    for (const auto& [partition, offset] : plan) topic_width = std::max(topic_width, partition.topic.size());
  }
  const auto line = [&](const std::string& group, const std::string& topic, const std::string& partition,
                        const std::string& offset) {
    session.out.put("\n" + padded(group, group_width) + " " + padded(topic, topic_width) + " " +
                    padded(partition, kPartition) + " " + offset);
  };
  if (!plans.empty()) line("GROUP", "TOPIC", "PARTITION", "NEW-OFFSET");
  for (const auto& [group, plan] : plans)
    for (const auto& [partition, offset] : plan)
      line(group, partition.topic, std::to_string(partition.partition), std::to_string(offset));
  session.out.line("");
}

void print_csv(Session& session, const Plans& plans) {
  const bool grouped = session.arguments.all("group").size() != 1;
  for (const auto& [group, plan] : plans)
    for (const auto& [partition, offset] : plan)
      session.out.line((grouped ? csv_text(group) + "," : "") + csv_text(partition.topic) + "," +
                       std::to_string(partition.partition) + "," + std::to_string(offset));
  session.out.line("");
}

}  // namespace

Answer<void> check_reset_flags(const Arguments& arguments) {
  if (arguments.has("dry-run") && arguments.has("execute"))
    return usage_trouble("Option [reset-offsets] only accepts one of [execute] and [dry-run]");
  if (!arguments.has("group") && !arguments.has("all-groups"))
    return usage_trouble("Option [reset-offsets] takes one of these options: [group], [all-groups]");
  const auto targets = std::ranges::count_if(kTargets, [&](auto name) { return arguments.has(name); });
  if (targets > 1) return usage_trouble("Only one of the targets of [reset-offsets] can be used");
  if (!arguments.has("all-topics") && !arguments.has("topic") && !arguments.has("from-file"))
    return usage_trouble("One of the reset scopes should be defined: --all-topics, --topic.");
  if (targets == 0)
    return usage_trouble(
        "Option '[reset-offsets]' requires one of the following scenarios: [to-offset], [shift-by], "
        "[to-datetime], [by-duration], [to-earliest], [to-latest], [to-current], [from-file]");
  return {};
}

Task<Answer<Exit>> reset_as_kafka(ClusterSession& session, std::vector<std::string> groups) {
  const Arguments& arguments = session.arguments();
  if (!arguments.has("dry-run") && !arguments.has("execute"))
    session.session.note("WARN: without --execute the new offsets are only shown");
  const auto described = co_await session.admin.describe_groups(std::move(groups));
  if (!described) co_return trouble(trouble_of(described.error(), "cannot describe groups"));
  Plans plans;
  Exit exit = Exit::done;
  for (const auto& [id, group] : *described) {
    NewOffsets& plan = plans[id];
    // A group that is not there yet begins with these offsets.
    const bool absent = !group && group.error().broker == wire::ErrorCode::group_id_not_found;
    if (!group && !absent)
      co_return kafka_error(
          session.session, "Executing consumer group command failed due to " + exception_text(group.error()));
    if (!absent && !is_inactive(*group)) {
      exit =
          kafka_error(session.session, "Assignments can only be reset if the group '" + id +
                                           "' is inactive, but the current state is " + group->state + ".");
      continue;
    }
    auto planned = co_await plan_for(session, id);
    if (planned) plan = std::move(*planned);
    if (!planned && planned.error().exit == Exit::usage) co_return trouble(std::move(planned).error());
    Answer<void> done;
    if (!planned) done = std::unexpected(planned.error());
    if (done && arguments.has("execute")) done = co_await execute(session, id, plan);
    if (!done)
      co_return kafka_error(session.session,
                            "Executing consumer group command failed due to " + done.error().what);
  }
  if (arguments.has("export"))
    print_csv(session.session, plans);
  else
    print(session.session, plans);
  co_return exit;
}

}  // namespace moldau::cli
