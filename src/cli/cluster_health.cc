#include "cli/handlers.h"
#include "cli/report.h"

namespace moldau::cli {
namespace {

using runtime::Task;

struct Health {
  std::vector<std::string> reasons;
  NodeId controller = kNoNode;
  std::size_t brokers = 0;
  std::vector<std::string> fenced;
  std::vector<std::string> leaderless;
  std::vector<std::string> under_replicated;
  bool healthy() const { return reasons.empty(); }
};

void judge(Health& health, const std::vector<client::TopicInfo>& topics) {
  for (const client::TopicInfo& topic : topics) {
    for (const client::PartitionInfo& partition : topic.partitions) {
      const std::string name = topic.name + "/" + std::to_string(partition.index);
      if (partition.leader < 0) health.leaderless.push_back(name);
      if (partition.isr.size() < partition.replicas.size()) health.under_replicated.push_back(name);
    }
  }
  if (health.controller < 0) health.reasons.emplace_back("no controller");
  if (!health.fenced.empty()) health.reasons.emplace_back("fenced brokers");
  if (!health.leaderless.empty()) health.reasons.emplace_back("leaderless partitions");
  if (!health.under_replicated.empty()) health.reasons.emplace_back("under-replicated partitions");
}

Task<client::Outcome<Health>> look(ClusterSession& session) {
  Health health;
  const auto cluster = co_await session.admin.describe_cluster(true);
  if (!cluster) co_return std::unexpected(cluster.error());
  health.controller = cluster->controller;
  health.brokers = cluster->brokers.size();
  for (const client::BrokerInfo& broker : cluster->brokers) {
    if (broker.fenced) health.fenced.push_back(std::to_string(broker.id));
  }
  // --ready asks only whether this broker serves; to have answered twice is the answer.
  const auto topics = co_await session.admin.list_topics();
  if (!topics) co_return std::unexpected(topics.error());
  if (!session.arguments().has("ready")) judge(health, *topics);
  co_return health;
}

Json list_json(const std::vector<std::string>& items) {
  Json::Array out;
  for (const std::string& item : items) out.emplace_back(item);
  return out;
}

Answer<void> print(Session& session, const Health& health) {
  Table table({{.name = "healthy", .state = true},
               {"reasons"},
               {"controller", true},
               {"brokers", true},
               {"fenced"},
               {"leaderless"},
               {"under_replicated"}});
  table.add({health.healthy(), list_json(health.reasons),
             health.controller < 0 ? Json() : Json(health.controller), health.brokers,
             list_json(health.fenced), list_json(health.leaderless), list_json(health.under_replicated)});
  return print_table(session, std::move(table));
}

}  // namespace

ClusterAnswer cluster_health(ClusterSession& session) {
  const auto patience = session.arguments().duration_or("wait", runtime::Duration(0));
  if (!patience) co_return trouble(patience.error());
  const auto deadline = session.executor().now() + *patience;
  Progress progress(session.session, session.executor());
  for (;;) {
    const auto health = co_await look(session);
    const bool settled = health && health->healthy();
    const bool last = settled || session.interrupt.raised() ||
                      !co_await session.cluster.pause(std::chrono::milliseconds(200), deadline);
    if (last) {
      progress.clear();
      if (!health) co_return trouble(trouble_of(health.error(), "cannot tell the cluster's health"));
      if (auto printed = print(session.session, *health); !printed) co_return trouble(printed.error());
      co_return settled ? Exit::done : Exit::unhealthy;
    }
    progress.show("waiting for a healthy cluster");
  }
}

}  // namespace moldau::cli
