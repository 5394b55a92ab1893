// kafka-get-offsets and kafka-delete-records.
#include <algorithm>
#include <set>

#include "cli/handlers.h"
#include "cli/json.h"
#include "cli/text_file.h"
#include "cli/topic_names.h"

namespace moldau::cli {
namespace {

using runtime::Task;

Answer<std::int64_t> timestamp_of(const std::string& text) {
  constexpr std::pair<std::string_view, client::OffsetSpec> kNames[] = {
      {"latest", client::OffsetSpec::latest},
      {"earliest", client::OffsetSpec::earliest},
      {"max-timestamp", client::OffsetSpec::max_timestamp},
      {"earliest-local", client::OffsetSpec::earliest_local},
      {"latest-tiered", client::OffsetSpec::latest_tiered},
      {"earliest-pending-upload", client::OffsetSpec::earliest_pending_upload}};
  for (const auto& [name, spec] : kNames) {
    if (name == text) return static_cast<std::int64_t>(spec);
  }
  if (const auto number = whole_number(text)) return *number;
  return usage_trouble(
      "Malformed time argument " + text +
      ". Please use -1 or latest / -2 or earliest / -3 or max-timestamp / -4 or earliest-local / -5 or "
      "latest-tiered, or a specified long format timestamp");
}

// "topic", "topic:0", "topic:1-3", "topic:-5", ":2"; the topic is a pattern, ranges end before their upper
// bound.
struct Rule {
  std::string pattern;
  std::int64_t from = 0;
  std::int64_t until = INT64_MAX;
};

Answer<Rule> rule_of(const std::string& text) {
  const std::size_t colon = text.find(':');
  Rule rule{text.substr(0, colon)};
  if (rule.pattern.empty()) rule.pattern = ".*";
  if (colon == std::string::npos) return rule;
  const std::string range = text.substr(colon + 1);
  const std::size_t dash = range.find('-');
  const auto low = whole_number(range.substr(0, dash));
  const auto high = dash == std::string::npos ? std::nullopt : whole_number(range.substr(dash + 1));
  const bool malformed = (!low && range.substr(0, dash) != "") ||
                         (dash != std::string::npos && !high && dash + 1 != range.size());
  if (malformed) return usage_trouble("Invalid rule specification: " + text);
  if (low) rule.from = *low;
  if (high)
    rule.until = *high;
  else if (low && dash == std::string::npos)
    rule.until = *low + 1;
  return rule;
}

Answer<std::vector<Rule>> rules_of(const Arguments& arguments) {
  std::vector<Rule> rules;
  if (arguments.has("topic-partitions") && (arguments.has("topic") || arguments.has("partitions")))
    return usage_trouble("--topic-partitions cannot be used with --topic or --partitions");
  for (const std::string& text : split(arguments.text("topic-partitions"), ',')) {
    auto rule = rule_of(text);
    if (!rule) return std::unexpected(std::move(rule).error());
    rules.push_back(std::move(*rule));
  }
  if (!rules.empty()) return rules;
  std::string pattern = arguments.text("topic", ".*");
  std::ranges::replace(pattern, ',', '|');
  const auto partitions = split(arguments.text("partitions"), ',');
  if (partitions.empty()) return std::vector{Rule{pattern}};
  for (const std::string& partition : partitions) {
    const auto index = whole_number(partition);
    if (!index)
      return usage_trouble("--partitions expects a list of numbers or an empty string, but received: " +
                           arguments.text("partitions"));
    rules.push_back({pattern, *index, *index + 1});
  }
  return rules;
}

Task<Answer<std::set<TopicPartition>>> selected(ClusterSession& session, const std::vector<Rule>& rules) {
  const auto topics = co_await session.admin.list_topics();
  if (!topics) co_return trouble(trouble_of(topics.error(), "cannot list topics"));
  std::set<TopicPartition> found;
  for (const Rule& rule : rules) {
    for (const client::TopicInfo& topic : *topics) {
      if (topic.internal && session.arguments().has("exclude-internal-topics")) continue;
      const auto matched = matching(rule.pattern, {topic.name});
      if (!matched) co_return trouble(matched.error());
      if (matched->empty()) continue;
      for (const client::PartitionInfo& partition : topic.partitions) {
        if (partition.index >= rule.from && partition.index < rule.until)
          found.insert({topic.name, partition.index});
      }
    }
  }
  co_return found;
}

using Targets = std::vector<std::pair<TopicPartition, Offset>>;

// {"partitions":[{"topic":"t","partition":0,"offset":3}],"version":1}
Answer<Targets> targets_of(const Invocation& invocation, const std::string& path) {
  const auto text = read_text_file(invocation, path);
  if (!text) return std::unexpected(text.error());
  const auto json = Json::parse(*text);
  if (!json) return trouble(Exit::failed, "The input string is not a valid JSON", json.error().message);
  const Json* partitions = json->find("partitions");
  if (!partitions || !partitions->as_array()) return trouble(Exit::failed, "Missing partitions field");
  Targets targets;
  for (const Json& item : *partitions->as_array()) {
    const Json* topic = item.find("topic");
    const Json* partition = item.find("partition");
    const Json* offset = item.find("offset");
    if (!topic || !topic->as_string() || !partition || !partition->as_integer() || !offset ||
        !offset->as_integer() || *partition->as_integer() < 0 || *partition->as_integer() > INT32_MAX)
      return trouble(Exit::failed,
                     "an entry of " + path + " has no topic, partition and offset: " + item.to_line());
    targets.push_back({{*topic->as_string(), static_cast<PartitionIndex>(*partition->as_integer())},
                       *offset->as_integer()});
  }
  std::set<TopicPartition> seen;
  for (const auto& [partition, offset] : targets) {
    if (!seen.insert(partition).second)
      return trouble(Exit::failed,
                     "Offset json file contains duplicate topic partitions: " + partition.to_string());
  }
  return targets;
}

}  // namespace

ClusterAnswer kafka_get_offsets(ClusterSession& session) {
  const Arguments& arguments = session.arguments();
  const auto timestamp = timestamp_of(arguments.text("time", "latest"));
  if (!timestamp) co_return trouble(timestamp.error());
  const auto rules = rules_of(arguments);
  if (!rules) co_return trouble(rules.error());
  const auto partitions = co_await selected(session, *rules);
  if (!partitions) co_return trouble(partitions.error());
  if (partitions->empty())
    co_return trouble(Exit::failed, "Could not match any topic-partitions with the specified filters");
  std::vector<client::OffsetQuery> queries;
  for (const TopicPartition& partition : *partitions) queries.push_back({partition, *timestamp});
  const auto results = co_await session.admin.list_offsets(std::move(queries));
  if (!results) co_return trouble(trouble_of(results.error(), "cannot look offsets up"));
  std::map<TopicPartition, std::string> lines;
  for (const auto& [partition, listed] : *results) {
    if (listed && listed->offset != kNoOffset)
      lines[partition] = std::to_string(listed->offset);
    else if (listed)
      lines[partition] = "";
    else
      session.session.note("Skip getting offsets for topic-partition " + partition.to_string() +
                           " due to error: " + words_of(listed.error()));
  }
  for (const auto& [partition, offset] : lines)
    session.out().line(partition.topic + ":" + std::to_string(partition.partition) + ":" + offset);
  co_return Exit::done;
}

ClusterAnswer kafka_delete_records(ClusterSession& session) {
  const auto path = session.arguments().find("offset-json-file");
  if (!path) co_return usage_trouble("Missing required option(s) [offset-json-file]");
  const auto targets = targets_of(session.session.invocation, *path);
  if (!targets) co_return trouble(targets.error());
  session.out().line("Executing records delete operation");
  const auto results = co_await session.admin.delete_records(*targets);
  if (!results) co_return trouble(trouble_of(results.error(), "cannot delete records"));
  session.out().line("Records delete operation completed:");
  Exit exit = Exit::done;
  for (const auto& [partition, start] : *results) {
    session.out().line(
        "partition: " + partition.to_string() +
        (start ? "\tlow_watermark: " + std::to_string(*start) : "\terror: " + words_of(start.error())));
    if (!start) exit = Exit::failed;
  }
  co_return exit;
}

}  // namespace moldau::cli
