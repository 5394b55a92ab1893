// topic offsets and topic trim.
#include "cli/handlers.h"
#include "cli/reading.h"
#include "cli/report.h"
#include "cli/text_file.h"
#include "cli/timestamp_text.h"
#include "cli/topic_names.h"

namespace moldau::cli {
namespace {

using runtime::Task;

Task<Answer<std::vector<TopicPartition>>> selected(ClusterSession& session) {
  const auto only = parse_partitions(session.arguments().text("partitions"));
  if (!only) co_return trouble(only.error());
  auto names = co_await topics_of_words(session);
  if (!names) co_return trouble(std::move(names).error());
  co_return co_await partitions_of(session, std::move(*names), *only);
}

Task<Answer<std::map<TopicPartition, Json>>> listed(ClusterSession& session,
                                                    const std::vector<TopicPartition>& partitions,
                                                    std::int64_t at) {
  std::vector<client::OffsetQuery> queries;
  for (const TopicPartition& partition : partitions) queries.push_back({partition, at});
  const auto results = co_await session.admin.list_offsets(std::move(queries));
  if (!results) co_return trouble(trouble_of(results.error(), "cannot look offsets up"));
  std::map<TopicPartition, Json> out;
  for (const auto& [partition, offset] : *results) {
    if (!offset)
      out[partition] = Json(wire::name_of(offset.error().broker));
    else
      out[partition] = offset->offset == kNoOffset ? Json() : Json(offset->offset);
  }
  co_return out;
}

using Targets = std::vector<std::pair<TopicPartition, Offset>>;

// Lines: TOPIC PARTITION OFFSET.
Answer<Targets> targets_of_file(const Invocation& invocation, const std::string& path) {
  const auto text = read_text_file(invocation, path);
  if (!text) return std::unexpected(text.error());
  Targets targets;
  for (const std::string& line : split(*text, '\n')) {
    const auto words = split(line, ' ');
    const auto partition = words.size() == 3 ? whole_number(words[1]) : std::nullopt;
    const auto offset = words.size() == 3 ? whole_number(words[2]) : std::nullopt;
    if (!partition || !offset || *partition < 0 || *partition > INT32_MAX)
      return trouble(Exit::bad_file, path + ": \"" + line + "\" is not TOPIC PARTITION OFFSET");
    targets.push_back({{words[0], static_cast<PartitionIndex>(*partition)}, *offset});
  }
  return targets;
}

Task<Answer<Targets>> targets_of(ClusterSession& session) {
  const Arguments& arguments = session.arguments();
  if (const auto path = arguments.find("file")) co_return targets_of_file(session.session.invocation, *path);
  const auto before = arguments.find("before");
  if (!before) co_return usage_trouble("up to where?", "--before OFFSET, --before @TIME or --before end");
  const auto range = parse_offset_range(*before, session.world.wall_clock().now_ms());
  if (!range) co_return trouble(range.error());
  auto partitions = co_await selected(session);
  if (!partitions) co_return trouble(std::move(partitions).error());
  const auto spans = co_await spans_of(session, std::move(*partitions), *range);
  if (!spans) co_return trouble(spans.error());
  Targets targets;
  for (const ReadSpan& span : *spans) targets.emplace_back(span.partition, span.from);
  co_return targets;
}

}  // namespace

ClusterAnswer topic_offsets(ClusterSession& session) {
  auto partitions = co_await selected(session);
  if (!partitions) co_return trouble(std::move(partitions).error());
  const auto start =
      co_await listed(session, *partitions, static_cast<std::int64_t>(client::OffsetSpec::earliest));
  if (!start) co_return trouble(start.error());
  const auto end =
      co_await listed(session, *partitions, static_cast<std::int64_t>(client::OffsetSpec::latest));
  if (!end) co_return trouble(end.error());
  std::map<TopicPartition, Json> at_time;
  if (const auto text = session.arguments().find("at")) {
    const auto at = parse_time(*text, session.world.wall_clock().now_ms());
    if (!at)
      co_return usage_trouble("--at: \"" + *text + "\" is no time", "for example 2024-02-29T12:00:00Z");
    auto found = co_await listed(session, *partitions, *at);
    if (!found) co_return trouble(std::move(found).error());
    at_time = std::move(*found);
  }
  Table table({{"topic"},
               {"partition", true},
               {"start", true},
               {"end", true},
               {"records", true},
               {"at_time", true, at_time.empty()}});
  for (const TopicPartition& partition : *partitions) {
    const Json& low = start->at(partition);
    const Json& high = end->at(partition);
    const bool numbers = low.as_integer() && high.as_integer();
    table.add({partition.topic, partition.partition, low, high,
               numbers ? Json(*high.as_integer() - *low.as_integer()) : Json(), at_time[partition]});
  }
  if (auto printed = print_table(session.session, std::move(table)); !printed)
    co_return trouble(printed.error());
  co_return Exit::done;
}

ClusterAnswer topic_trim(ClusterSession& session) {
  const auto targets = co_await targets_of(session);
  if (!targets) co_return trouble(targets.error());
  const bool dry_run = session.arguments().has("dry-run");
  if (!dry_run) {
    const auto sure =
        confirmed(session.session, "delete records of " + std::to_string(targets->size()) + " partitions");
    if (!sure) co_return trouble(sure.error());
    if (!*sure) co_return usage_trouble("nothing was deleted");
  }
  ItemReport report("topic", {{"partition", true}, {"new_start_offset", true}});
  if (dry_run) {
    for (const auto& [partition, offset] : *targets)
      report.done(partition.topic, {partition.partition, offset});
    co_return std::move(report).finish(session.session);
  }
  const auto results = co_await session.admin.delete_records(*targets);
  if (!results) co_return trouble(trouble_of(results.error(), "cannot delete records"));
  for (const auto& [partition, start] : *results) {
    if (start)
      report.done(partition.topic, {partition.partition, *start});
    else
      report.failed(partition.topic, start.error(), {partition.partition, Json()});
  }
  co_return std::move(report).finish(session.session);
}

}  // namespace moldau::cli
