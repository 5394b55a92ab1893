#include "cli/handlers.h"
#include "cli/report.h"
#include "cli/topic_names.h"

namespace moldau::cli {
namespace {

// Size over all replicas of each topic; empty when brokers do not say.
runtime::Task<std::map<std::string, std::int64_t>> sizes_by_topic(ClusterSession& session) {
  std::map<std::string, std::int64_t> sizes;
  const auto brokers = co_await session.admin.describe_log_dirs();
  if (!brokers) co_return sizes;
  for (const auto& [node, dirs] : *brokers) {
    if (!dirs) continue;
    for (const client::LogDir& dir : *dirs) {
      for (const client::ReplicaSize& replica : dir.replicas)
        sizes[replica.partition.topic] += replica.size_bytes;
    }
  }
  co_return sizes;
}

runtime::Task<std::map<std::string, std::string>> retention_by_topic(ClusterSession& session,
                                                                     const std::vector<std::string>& names) {
  std::map<std::string, std::string> retention;
  client::ConfigQuery query{.keys = std::vector<std::string>{"retention.ms"}};
  for (const std::string& name : names) query.resources.push_back({client::ConfigResourceType::topic, name});
  const auto answered = co_await session.admin.describe_configs(std::move(query));
  if (!answered) co_return retention;
  for (const auto& [resource, entries] : *answered) {
    if (entries && !entries->empty() && entries->front().value)
      retention[resource.name] = *entries->front().value;
  }
  co_return retention;
}

Json number_or_null(const std::map<std::string, std::string>& texts, const std::string& name) {
  const auto at = texts.find(name);
  const auto value = at == texts.end() ? std::nullopt : whole_number(at->second);
  return value ? Json(*value) : Json();
}

std::size_t count_of(const client::TopicInfo& topic, auto condition) {
  return static_cast<std::size_t>(std::ranges::count_if(topic.partitions, condition));
}

}  // namespace

ClusterAnswer topic_list(ClusterSession& session) {
  const Arguments& arguments = session.arguments();
  auto topics = co_await session.admin.list_topics();
  if (!topics) co_return trouble(trouble_of(topics.error(), "cannot list topics"));
  std::vector<std::string> names;
  for (const client::TopicInfo& topic : *topics) {
    if (!topic.internal || arguments.has("internal")) names.push_back(topic.name);
  }
  if (const auto pattern = arguments.find("regex")) {
    auto matched = matching(*pattern, names);
    if (!matched) co_return trouble(std::move(matched).error());
    names = std::move(*matched);
  }
  const auto sizes = co_await sizes_by_topic(session);
  const auto retention =
      names.empty() ? std::map<std::string, std::string>() : co_await retention_by_topic(session, names);

  Table table({{"name"},
               {"partitions", true},
               {"replicas", true},
               {"size_bytes", true},
               {"retention_ms", true},
               {"leaderless", true, true},
               {"under_replicated", true, true},
               {"topic_id", false, true},
               {"internal", false, true}});
  for (const client::TopicInfo& topic : *topics) {
    if (!std::ranges::binary_search(names, topic.name)) continue;
    const auto size = sizes.find(topic.name);
    table.add({topic.name, topic.partitions.size(),
               topic.partitions.empty() ? 0 : topic.partitions.front().replicas.size(),
               size == sizes.end() ? Json() : Json(size->second), number_or_null(retention, topic.name),
               count_of(topic, [](const auto& one) { return one.leader < 0; }),
               count_of(topic, [](const auto& one) { return one.isr.size() < one.replicas.size(); }),
               topic.id.to_string(), topic.internal});
  }
  if (arguments.has("detail") && !arguments.has("format")) session.session.arguments.add("format", "wide");
  if (auto printed = print_table(session.session, std::move(table)); !printed)
    co_return trouble(printed.error());
  co_return Exit::done;
}

}  // namespace moldau::cli
