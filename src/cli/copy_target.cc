#include <algorithm>

#include "cli/record_copy.h"

namespace moldau::cli {
namespace {

using runtime::Task;

// Configs that were set on the topic itself; who replicates which of its replicas slowly is none of them.
Task<Answer<client::NewTopic>> like(ClusterSession& source, const client::TopicInfo& from,
                                    const CopyPlan& plan) {
  const auto configs =
      co_await source.admin.describe_configs({.resources = {{client::ConfigResourceType::topic, plan.from}}});
  if (!configs) co_return trouble(trouble_of(configs.error(), "cannot read the configs of " + plan.from));
  const auto& entries = configs->front().second;
  if (!entries) co_return trouble(trouble_of(entries.error(), "cannot read the configs of " + plan.from));
  const std::size_t replicas = from.partitions.empty() ? 1 : from.partitions.front().replicas.size();
  client::NewTopic topic{.name = plan.to,
                         .partitions = static_cast<std::int32_t>(from.partitions.size()),
                         .replication_factor = static_cast<std::int16_t>(
                             plan.replicas.value_or(static_cast<std::int64_t>(replicas)))};
  for (const client::ConfigEntry& entry : *entries) {
    if (entry.source == client::ConfigSource::topic && !entry.name.ends_with("throttled.replicas"))
      topic.configs.emplace_back(entry.name, entry.value);
  }
  co_return topic;
}

Task<Answer<void>> create(ClusterSession& source, ClusterSession& target, const client::TopicInfo& from,
                          const CopyPlan& plan) {
  auto topic = co_await like(source, from, plan);
  if (!topic) co_return trouble(std::move(topic).error());
  const auto results = co_await target.admin.create_topics({std::move(*topic)}, plan.dry_run);
  if (!results) co_return trouble(trouble_of(results.error(), "cannot create topic " + plan.to));
  const auto& result = results->front().second;
  if (!result) co_return trouble(trouble_of(result.error(), "cannot create topic " + plan.to));
  target.session.note((plan.dry_run ? "would create topic " : "created topic ") + plan.to);
  co_return Answer<void>{};
}

}  // namespace

runtime::Task<Answer<bool>> prepare_target(ClusterSession& source, ClusterSession& target,
                                           const client::TopicInfo& from, const CopyPlan& plan) {
  const auto found = co_await target.cluster.topics({.names = std::vector{plan.to}});
  if (!found) co_return trouble(trouble_of(found.error(), "cannot look up topic " + plan.to));
  if (found->empty() || found->front().error == wire::ErrorCode::unknown_topic_or_partition) {
    if (!plan.create)
      co_return trouble(Exit::not_found, "no topic " + plan.to, {},
                        "with --create it is made with the partitions and configs of " + plan.from);
    if (auto created = co_await create(source, target, from, plan); !created)
      co_return trouble(std::move(created).error());
    co_return !plan.dry_run;
  }
  const client::TopicInfo& to = found->front();
  if (to.error != wire::ErrorCode::none)
    co_return trouble(trouble_of(client::broker_failure(to.error), "cannot use topic " + plan.to));
  if (to.id == from.id && !to.id.is_zero())
    co_return usage_trouble("a topic cannot be copied into itself", "--to-brokers leads to the same cluster");
  if (to.partitions.size() < from.partitions.size())
    co_return trouble(Exit::conflict, "topic " + plan.to + " has too few partitions",
                      std::to_string(to.partitions.size()) + ", and " + plan.from + " has " +
                          std::to_string(from.partitions.size()),
                      "moldau topic add-partitions " + plan.to + " -n " +
                          std::to_string(from.partitions.size() - to.partitions.size()));
  co_return true;
}

}  // namespace moldau::cli
