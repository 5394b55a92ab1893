// kafka-consumer-groups, with the lines of Kafka's own. Where that one says "Error:" and ends well, ours ends
// with an error code too.
#include <re2/re2.h>

#include <algorithm>
#include <map>

#include "cli/connection.h"
#include "cli/handlers.h"
#include "cli/kafka_columns.h"
#include "cli/kafka_exception.h"
#include "cli/kafka_group_describe.h"
#include "cli/kafka_reset_offsets.h"
#include "cli/new_offsets.h"

namespace moldau::cli {
namespace {

using runtime::Task;

constexpr std::string_view kActions[] = {"list",          "describe",       "delete",
                                         "reset-offsets", "delete-offsets", "validate-regex"};
// In the order in which Kafka's tool lists them.
constexpr std::string_view kStates[] = {
    "PreparingRebalance", "CompletingRebalance", "Stable", "Dead", "Empty", "Assigning", "Reconciling"};
constexpr std::string_view kTypes[] = {"Classic", "Consumer"};

std::string lower_case(std::string_view text) {
  std::string out(text);
  std::ranges::transform(out, out.begin(), [](unsigned char c) { return std::tolower(c); });
  std::erase(out, ' ');
  return out;
}

std::string joined(std::span<const std::string_view> words) {
  std::string out;
  for (const std::string_view word : words) out += (out.empty() ? "" : ", ") + std::string(word);
  return out;
}

// --- flags

Answer<void> check_describe_flags(const Arguments& arguments) {
  if (!arguments.has("group") && !arguments.has("all-groups"))
    return usage_trouble("Option [describe] takes one of these options: [group], [all-groups]");
  if (arguments.has("members") + arguments.has("offsets") + arguments.has("state") > 1)
    return usage_trouble(
        "Option [describe] takes at most one of these options: [members], [offsets], [state]");
  if (arguments.find("state")) return usage_trouble("Option [describe] does not take a value for [state]");
  return {};
}

Answer<void> check_flags(const Arguments& arguments) {
  const auto actions = std::ranges::count_if(kActions, [&](auto name) { return arguments.has(name); });
  if (actions != 1)
    return usage_trouble(
        "Command must include exactly one action: --list, --describe, --delete, --reset-offsets, "
        "--delete-offsets, --validate-regex");
  if (arguments.has("group") && arguments.has("all-groups"))
    return usage_trouble("Option [group] can't be used with option [all-groups]");
  if (arguments.has("group") && arguments.has("list"))
    return usage_trouble("Option [group] can't be used with option [list]");
  if (arguments.has("describe")) return check_describe_flags(arguments);
  if (arguments.has("reset-offsets")) return check_reset_flags(arguments);
  if (arguments.has("delete")) {
    if (!arguments.has("group") && !arguments.has("all-groups"))
      return usage_trouble("Option [delete] takes one of these options: [group], [all-groups]");
    if (arguments.has("topic"))
      return usage_trouble(
          "The consumer does not support topic-specific offset deletion from a consumer group.");
  }
  if (arguments.has("delete-offsets") && (!arguments.has("group") || !arguments.has("topic")))
    return usage_trouble("Option [delete-offsets] takes the following options: [group], [topic]");
  return {};
}

// Those that --state or --type names; empty: all.
Answer<std::vector<std::string>> filter_of(const Arguments& arguments, std::string_view flag,
                                           std::span<const std::string_view> known, std::string_view plural) {
  std::vector<std::string> wanted;
  for (const std::string& word : split(arguments.text(flag), ',')) {
    const auto is_it = [&](std::string_view name) { return lower_case(name) == lower_case(word); };
    if (std::ranges::none_of(known, is_it))
      return usage_trouble("Invalid " + std::string(plural) + " list '" + arguments.text(flag) + "'. Valid " +
                           std::string(plural) + "s are: " + joined(known));
    wanted.push_back(lower_case(word));
  }
  return wanted;
}

bool passes(const std::vector<std::string>& wanted, const std::string& value) {
  return wanted.empty() || std::ranges::find(wanted, lower_case(value)) != wanted.end();
}

// --- what it does

Task<Answer<std::vector<client::GroupListing>>> consumer_groups(ClusterSession& session) {
  auto groups = co_await session.admin.list_groups();
  if (!groups) co_return trouble(trouble_of(groups.error(), "cannot list groups"));
  std::erase_if(*groups, [](const client::GroupListing& group) {
    return (!group.protocol_type.empty() && group.protocol_type != "consumer") || group.type == "Share" ||
           group.type == "Streams";
  });
  co_return std::move(*groups);
}

// --group, as often as it is given, or all.
Task<Answer<std::vector<std::string>>> named_groups(ClusterSession& session) {
  std::vector<std::string> names = session.arguments().all("group");
  if (session.arguments().has("all-groups")) {
    const auto groups = co_await consumer_groups(session);
    if (!groups) co_return trouble(groups.error());
    for (const client::GroupListing& group : *groups) names.push_back(group.id);
  }
  std::ranges::sort(names);
  names.erase(std::unique(names.begin(), names.end()), names.end());
  co_return names;
}

Task<Answer<Exit>> list(ClusterSession& session) {
  const Arguments& arguments = session.arguments();
  const auto states = filter_of(arguments, "state", kStates, "state");
  if (!states) co_return trouble(states.error());
  const auto types = filter_of(arguments, "type", kTypes, "type");
  if (!types) co_return trouble(types.error());
  auto groups = co_await consumer_groups(session);
  if (!groups) co_return trouble(std::move(groups).error());
  std::erase_if(*groups, [&](const client::GroupListing& group) {
    return !passes(*states, group.state) || !passes(*types, group.type);
  });
  constexpr std::size_t kLeast = 15, kMargin = 10, kWord = 20;
  std::size_t width = kLeast;
  for (const client::GroupListing& group : *groups) width = std::max(width, group.id.size());
  const auto line = [&](const std::string& id, const std::string& type, const std::string& state) {
    session.out().line(padded(id, width + kMargin) +
                       (arguments.has("type") ? " " + padded(type, kWord) : "") +
                       (arguments.has("state") ? " " + padded(state, kWord) : ""));
  };
  const bool plain = !arguments.has("type") && !arguments.has("state");
  if (!plain) line("GROUP", "TYPE", "STATE");
  for (const client::GroupListing& group : *groups) {
    if (plain)
      session.out().line(group.id);
    else
      line(group.id, group.type.empty() ? "Unknown" : group.type,
           group.state.empty() ? "Unknown" : group.state);
  }
  co_return Exit::done;
}

std::string quoted(const std::vector<std::string>& groups) {
  std::string out;
  for (const std::string& group : groups) out += (out.empty() ? "'" : ", '") + group + "'";
  return out;
}

Task<Answer<Exit>> delete_named(ClusterSession& session, std::vector<std::string> groups) {
  const auto results = co_await session.admin.delete_groups(std::move(groups));
  if (!results) co_return trouble(trouble_of(results.error(), "cannot delete groups"));
  std::vector<std::string> deleted;
  std::vector<std::string> failures;
  for (const auto& [group, result] : *results) {
    if (result)
      deleted.push_back(group);
    else
      failures.push_back("* Group '" + group +
                         "' could not be deleted due to: " + exception_text(result.error()));
  }
  if (failures.empty()) {
    session.out().line("Deletion of requested consumer groups (" + quoted(deleted) + ") was successful.");
    co_return Exit::done;
  }
  const Exit exit = kafka_error(session.session, "Deletion of some consumer groups failed:");
  for (const std::string& line : failures) session.out().line(line);
  if (!deleted.empty())
    session.out().line("\nThese consumer groups were deleted successfully: " + quoted(deleted));
  co_return exit;
}

// --- --delete-offsets

using Deleted = std::map<TopicPartition, std::string>;  // empty: successful

void note_all(Deleted& deleted, const std::vector<TopicPartition>& partitions, const std::string& status) {
  for (const TopicPartition& one : partitions) deleted[one] = status;
}

void print(Session& session, const Deleted& deleted) {
  constexpr std::size_t kLeast = 15, kPartition = 10;
  std::size_t width = kLeast;
  for (const auto& [partition, status] : deleted) width = std::max(width, partition.topic.size());
  const auto line = [&](const std::string& topic, const std::string& partition, const std::string& status) {
    session.out.put("\n" + padded(topic, width) + " " + padded(partition, kPartition) + " " +
                    padded(status, kLeast));
  };
  line("TOPIC", "PARTITION", "STATUS");
  for (const auto& [partition, status] : deleted)
    line(partition.topic, partition.partition < 0 ? "-" : std::to_string(partition.partition),
         status.empty() ? "Successful" : "Error: " + status);
  session.out.line("");
}

// Of each topic that is not there one line.
Task<Answer<std::vector<TopicPartition>>> partitions_to_delete(ClusterSession& session, Deleted& deleted) {
  std::vector<TopicPartition> partitions;
  for (const std::string& topic : session.arguments().all("topic")) {
    const auto some = co_await partitions_of_topics(session, {topic});
    if (some)
      partitions.insert(partitions.end(), some->begin(), some->end());
    else if (some.error().exit == Exit::not_found)
      deleted[{topic, -1}] = "org.apache.kafka.common.errors.UnknownTopicOrPartitionException: " +
                             std::string(wire::describe(wire::ErrorCode::unknown_topic_or_partition));
    else
      co_return trouble(some.error());
  }
  co_return partitions;
}

Task<Answer<Exit>> delete_offsets(ClusterSession& session) {
  const std::string group = session.arguments().text("group");
  Deleted deleted;
  const auto partitions = co_await partitions_to_delete(session, deleted);
  if (!partitions) co_return trouble(partitions.error());
  Exit exit = deleted.empty() ? Exit::done : Exit::failed;
  const auto results = co_await session.admin.delete_group_offsets(group, *partitions);
  if (!results) {
    if (results.error().broker == wire::ErrorCode::none)
      co_return trouble(trouble_of(results.error(), "cannot delete the offsets of group " + group));
    exit = kafka_error(session.session, words_of(results.error()));
    note_all(deleted, *partitions, exception_text(results.error()));
  } else {
    bool failed = false;
    for (const auto& [partition, result] : *results) {
      deleted[partition] = result ? "" : exception_text(result.error());
      failed = failed || !result;
    }
    if (failed)
      exit =
          kafka_error(session.session, "Encountered some partition-level error, see the follow-up details.");
    else
      session.out().line("Request succeeded for deleting offsets from group " + group + ".");
  }
  print(session.session, deleted);
  co_return exit;
}

Exit validate_regex(Session& session, const std::string& pattern) {
  RE2::Options options;
  options.set_log_errors(false);
  const RE2 compiled(pattern, options);
  session.out.line("The regular expression `" + pattern + "` is " +
                   (compiled.ok() ? "valid." : "invalid: " + compiled.error() + "."));
  return compiled.ok() ? Exit::done : Exit::failed;
}

Task<Answer<Exit>> act(ClusterSession& session) {
  const Arguments& arguments = session.arguments();
  if (arguments.has("list")) co_return co_await list(session);
  if (arguments.has("delete-offsets")) co_return co_await delete_offsets(session);
  auto groups = co_await named_groups(session);
  if (!groups) co_return trouble(std::move(groups).error());
  if (arguments.has("describe")) co_return co_await describe_as_kafka(session, std::move(*groups));
  if (arguments.has("delete")) co_return co_await delete_named(session, std::move(*groups));
  co_return co_await reset_as_kafka(session, std::move(*groups));
}

}  // namespace

Answer<Exit> kafka_consumer_groups(Session& session) {
  const Arguments& arguments = session.arguments;
  if (auto checked = check_flags(arguments); !checked) return std::unexpected(std::move(checked).error());
  if (const auto pattern = arguments.find("validate-regex")) return validate_regex(session, *pattern);
  constexpr std::int64_t kDay = 86'400'000;
  const auto timeout = arguments.number("timeout", 1, kDay);
  if (!timeout) return std::unexpected(timeout.error());
  if (auto resolved = resolve_kafka_properties(session); !resolved) return std::unexpected(resolved.error());
  if (*timeout) session.properties.insert_or_assign("default.api.timeout.ms", std::to_string(**timeout));
  return run_on_cluster(session, &act);
}

}  // namespace moldau::cli
