#include <algorithm>

#include "cli/connection.h"
#include "cli/handlers.h"
#include "cli/message_formatter.h"
#include "cli/reading.h"
#include "cli/topic_names.h"

namespace moldau::cli {
namespace {

using runtime::Task;

Answer<MessageFormatter> formatter_of(Session& session) {
  const Arguments& arguments = session.arguments;
  Properties properties;
  for (const std::string& text : arguments.all("property")) {
    auto pair = key_value(text, "--formatter-property");
    if (!pair) return std::unexpected(std::move(pair).error());
    properties.insert_or_assign(std::move(pair->first), std::move(pair->second));
  }
  if (const auto path = arguments.find("formatter-config")) {
    auto file = read_properties_file(session.invocation, *path);
    if (!file) return std::unexpected(std::move(file).error());
    properties.merge(std::move(*file));
  }
  if (const auto name = arguments.find("key-deserializer")) properties["key.deserializer"] = *name;
  if (const auto name = arguments.find("value-deserializer")) properties["value.deserializer"] = *name;
  return MessageFormatter::create(arguments.text("formatter"), properties);
}

Answer<OffsetRange> range_of(const Session& session) {
  const Arguments& arguments = session.arguments;
  if (arguments.has("from-beginning") && arguments.has("offset"))
    return usage_trouble("Options from-beginning and offset cannot be specified together.");
  if (arguments.has("offset") && !arguments.has("partition"))
    return usage_trouble("The partition is required when offset is specified.");
  if (arguments.has("from-beginning")) return OffsetRange{};
  const auto reset = session.properties.find("auto.offset.reset");
  const bool from_start = reset != session.properties.end() && reset->second == "earliest";
  const std::string offset = arguments.text("offset", from_start ? "earliest" : "latest");
  if (offset == "earliest") return OffsetRange{};
  if (offset == "latest") return OffsetRange{{OffsetBound::Kind::end, 0}, {}};
  const auto value = whole_number(offset);
  if (!value || *value < 0)
    return usage_trouble("The provided offset value '" + offset +
                         "' is incorrect. Valid values are 'earliest', 'latest', or a non-negative long");
  return OffsetRange{{OffsetBound::Kind::offset, *value}, {}};
}

struct Plan {
  MessageFormatter formatter;
  OffsetRange range;
  client::ConsumerOptions options;
  ReadLimits limits;
  std::int64_t most = INT64_MAX;
  std::vector<PartitionIndex> partitions;
};

Answer<client::ConsumerOptions> options_of(const Session& session) {
  Properties properties = session.properties;
  if (const auto level = session.arguments.find("isolation-level")) properties["isolation.level"] = *level;
  properties["auto.offset.reset"] = "earliest";
  return consumer_options(properties);
}

// Empty: every partition is read, and nothing committed. (Kafka's makes up a group that it does not commit
// for.)
std::string group_of(const Session& session) {
  const auto property = session.properties.find("group.id");
  return session.arguments.text("group", property == session.properties.end() ? "" : property->second);
}

Answer<client::GroupConsumerOptions> group_options_of(const Session& session, const Plan& plan) {
  Properties properties = session.properties;
  properties["group.id"] = group_of(session);
  if (session.arguments.has("from-beginning")) properties["auto.offset.reset"] = "earliest";
  auto options = group_consumer_options(properties);
  if (!options) return options;
  options->consumer.isolation = plan.options.isolation;
  constexpr runtime::Duration kLookInterval = std::chrono::seconds(5);
  options->group.look_interval = kLookInterval;
  return options;
}

Answer<Plan> plan_of(Session& session) {
  const Arguments& arguments = session.arguments;
  if (arguments.has("topic") == arguments.has("include"))
    return usage_trouble("Exactly one of --include/--topic is required.");
  if (arguments.has("partition") && !group_of(session).empty())
    return usage_trouble("Options group and partition cannot be specified together.");
  auto formatter = formatter_of(session);
  if (!formatter) return std::unexpected(std::move(formatter).error());
  const auto range = range_of(session);
  if (!range) return std::unexpected(range.error());
  auto options = options_of(session);
  if (!options) return std::unexpected(std::move(options).error());
  const auto most = arguments.number_or("max-messages", -1, -1);
  if (!most) return std::unexpected(most.error());
  const auto timeout = arguments.number_or("timeout-ms", -1, -1);
  if (!timeout) return std::unexpected(timeout.error());
  const auto partition = arguments.number("partition", 0, INT32_MAX);
  if (!partition) return std::unexpected(partition.error());
  Plan plan{.formatter = std::move(*formatter), .range = *range, .options = std::move(*options)};
  if (*timeout >= 0) plan.limits.idle = runtime::milliseconds(*timeout);
  if (*most >= 0) plan.most = *most;
  if (*partition) plan.partitions.push_back(static_cast<PartitionIndex>(**partition));
  return plan;
}

Task<Answer<std::vector<std::string>>> topics_now(ClusterSession& session) {
  const Arguments& arguments = session.arguments();
  const auto topics = co_await session.admin.list_topics();
  if (!topics) co_return trouble(trouble_of(topics.error(), "cannot list topics"));
  std::vector<std::string> names;
  for (const client::TopicInfo& topic : *topics) {
    if (!arguments.has("topic") || topic.name == arguments.text("topic")) names.push_back(topic.name);
  }
  if (arguments.has("topic")) co_return names;
  std::string pattern = arguments.text("include");
  std::ranges::replace(pattern, ',', '|');
  co_return matching(pattern, names);
}

// Like Kafka's: a topic that is not there is waited for.
Task<Answer<std::vector<std::string>>> awaited_topics(ClusterSession& session, const ReadLimits& limits) {
  const auto started = session.executor().now();
  for (bool told = false;; told = true) {
    auto names = co_await topics_now(session);
    if (!names || !names->empty() || session.interrupt.raised()) co_return names;
    if (limits.idle && session.executor().now() - started >= *limits.idle) co_return names;
    if (!told)
      session.session.note("WARN there is no topic " + session.arguments().text("topic", "that matches") +
                           " (UNKNOWN_TOPIC_OR_PARTITION); waiting for it");
    co_await session.cluster.pause(std::chrono::milliseconds(200), runtime::kForever);
  }
}

Task<Answer<ReadEnd>> read_alone(ClusterSession& session, Plan& plan, const std::vector<std::string>& topics,
                                 VisitRecord visit) {
  auto partitions = co_await partitions_of(session, topics, plan.partitions);
  if (!partitions) co_return trouble(std::move(partitions).error());
  auto spans = co_await spans_of(session, *partitions, plan.range);
  if (!spans) co_return trouble(std::move(spans).error());
  const PartitionsNow partitions_now = [&]() -> Task<Answer<std::vector<TopicPartition>>> {
    auto names = co_await topics_now(session);
    if (!names) co_return trouble(std::move(names).error());
    co_return co_await partitions_of(session, std::move(*names), {});
  };
  if (plan.partitions.empty()) plan.limits.partitions_now = partitions_now;
  if (plan.range.from.kind == OffsetBound::Kind::end)
    plan.limits.on_silence = co_await silence_hint(session, *spans, "--from-beginning shows them");
  co_return co_await read_records(session, plan.options, std::move(*spans), std::move(plan.limits),
                                  std::move(visit), [&] { session.out().flush(); });
}

Task<Answer<ReadEnd>> read_in_group(ClusterSession& session, Plan& plan, VisitRecord visit) {
  auto options = group_options_of(session.session, plan);
  if (!options) co_return trouble(std::move(options).error());
  const client::Membership::Subscription subscription =
      [&session]() -> Task<client::Outcome<std::vector<std::string>>> {
    auto names = co_await topics_now(session);
    if (!names) co_return client::fail(client::local_failure(Errc::unavailable, names.error().one_line()));
    co_return std::move(*names);
  };
  co_return co_await read_as_member(session, std::move(*options), subscription, false, std::move(plan.limits),
                                    std::move(visit), [&] { session.out().flush(); });
}

Task<Answer<ReadEnd>> print_all(ClusterSession& session, Plan& plan, std::int64_t& count) {
  const auto topics = co_await awaited_topics(session, plan.limits);
  if (!topics) co_return trouble(topics.error());
  if (topics->empty()) co_return session.interrupt.raised() ? ReadEnd::interrupted : ReadEnd::idle;
  if (plan.most == 0) co_return ReadEnd::stopped;
  bool undecodable = false;
  const auto visit = [&](const PrintedRecord& printed) {
    std::string text;
    if (!plan.formatter.append(text, printed)) {
      if (session.arguments().has("skip-message-on-error")) return Visit::go_on;
      undecodable = true;
      return Visit::stop;
    }
    session.out().put(text);
    return go_on_if(++count < plan.most && !session.out().broken());
  };
  auto end = group_of(session.session).empty() ? co_await read_alone(session, plan, *topics, visit)
                                               : co_await read_in_group(session, plan, visit);
  if (undecodable)
    co_return trouble(Exit::failed, "Error processing message, terminating consumer process",
                      "a key or value is not what its deserializer or formatter reads");
  co_return end;
}

}  // namespace

ClusterAnswer kafka_console_consumer(ClusterSession& session) {
  session.session.handles_interrupt = true;
  auto plan = plan_of(session.session);
  if (!plan) co_return trouble(std::move(plan).error());
  std::int64_t count = 0;
  const auto end = co_await print_all(session, *plan, count);
  session.session.note("Processed a total of " + std::to_string(count) + " messages");
  if (!end) co_return trouble(end.error());
  if (*end == ReadEnd::interrupted) co_return exit_of(session.interrupt);
  co_return Exit::done;
}

}  // namespace moldau::cli
