// cluster health: is anything missing that would cost data or stop writes?
#include <algorithm>
#include <set>

#include "cli/cluster_view.h"
#include "cli/handlers.h"
#include "cli/report.h"

namespace moldau::cli {
namespace {

using runtime::Task;

constexpr std::int64_t kLeastFreePercent = 5;  // of a disk

struct Health {
  std::vector<std::string> reasons;
  NodeId controller = kNoNode;
  std::size_t brokers = 0;
  std::vector<std::string> nodes_down;
  std::vector<std::string> leaderless;
  std::vector<std::string> under_replicated;
  std::vector<std::string> under_min_isr;
  std::size_t voters = 0;
  std::int64_t quorum_lag = 0;  // of the voter that is farthest behind
  bool healthy() const { return reasons.empty(); }
  void because(bool it_is, std::string reason) {
    if (it_is) reasons.push_back(std::move(reason));
  }
};

// While replicas are added, as many as there are without those.
std::size_t replication_factor(const ClusterView& view, const client::TopicInfo& topic,
                               const client::PartitionInfo& partition) {
  if (!view.moving) return partition.replicas.size();
  const auto at = view.moving->find({topic.name, partition.index});
  return at == view.moving->end() ? partition.replicas.size()
                                  : at->second.replicas.size() - at->second.adding.size();
}

void look_for_nodes(Health& health, const ClusterView& view) {
  std::set<NodeId> known, down;
  for (const client::BrokerInfo& broker : view.cluster.brokers) {
    known.insert(broker.id);
    if (broker.fenced) down.insert(broker.id);
  }
  // An older broker tells only of brokers that are there.
  for (const client::TopicInfo& topic : view.topics) {
    for (const client::PartitionInfo& partition : topic.partitions) {
      for (const NodeId node : partition.replicas) {
        if (node >= 0 && !known.contains(node)) down.insert(node);
      }
    }
  }
  for (const NodeId node : down) health.nodes_down.push_back(std::to_string(node));
  health.because(!down.empty(), "nodes down");
}

void look_at_partitions(Health& health, const ClusterView& view) {
  for (const client::TopicInfo& topic : view.topics) {
    const std::size_t least = view.min_isr_of(topic.name);
    for (const client::PartitionInfo& partition : topic.partitions) {
      const std::string name = partition_name(topic.name, partition.index);
      if (partition.leader < 0) health.leaderless.push_back(name);
      if (partition.isr.size() < replication_factor(view, topic, partition))
        health.under_replicated.push_back(name);
      if (partition.isr.size() < least) health.under_min_isr.push_back(name);
    }
  }
  health.because(!health.leaderless.empty(), "leaderless partitions");
  health.because(!health.under_replicated.empty(), "under-replicated partitions");
  health.because(!health.under_min_isr.empty(), "partitions under min.insync.replicas");
}

void look_at_quorum(Health& health, const ClusterView& view) {
  health.because(view.cluster.controller < 0, "no controller");
  if (!view.quorum) return;
  health.voters = view.quorum->voters.size();
  for (const VoterLag& lag : voter_lags(*view.quorum)) {
    health.quorum_lag = std::max(health.quorum_lag, lag.offsets);
    health.because(lag.ms < 0 || lag.ms >= kVoterIsBehindMs,
                   "voter " + std::to_string(lag.id) + " is behind the quorum");
  }
}

// What --strict asks beyond that.
void look_closer(Health& health, const ClusterView& view) {
  health.because(view.moving && !view.moving->empty(), "replicas on the move");
  health.because(health.voters > 0 && health.voters % 2 == 0,
                 std::to_string(health.voters) + " voters tolerate only " +
                     std::to_string(tolerated_failures(health.voters)) + " failures");
  std::size_t elsewhere = 0;
  for (const client::TopicInfo& topic : view.topics) {
    for (const client::PartitionInfo& partition : topic.partitions)
      elsewhere += partition.leader >= 0 && !partition.replicas.empty() &&
                   partition.leader != partition.replicas.front();
  }
  health.because(elsewhere > 0,
                 std::to_string(elsewhere) + " partitions are not led by their preferred leader");
}

Task<void> look_at_disks(ClusterSession& session, Health& health) {
  const auto brokers = co_await session.admin.describe_log_dirs();
  if (!brokers) co_return;
  for (const auto& [node, dirs] : *brokers) {
    const std::string name = "of broker " + std::to_string(node);
    if (!dirs && dirs.error().code == Errc::unsupported) continue;
    health.because(!dirs, "the disks " + name + " cannot be asked for");
    if (!dirs) continue;
    for (const client::LogDir& dir : *dirs) {
      health.because(dir.error != wire::ErrorCode::none, "folder " + dir.path + " " + name + " is offline");
      health.because(dir.total_bytes > 0 && dir.usable_bytes >= 0 &&
                         dir.usable_bytes < dir.total_bytes / 100 * kLeastFreePercent,
                     "the disk of " + dir.path + " " + name + " is nearly full");
    }
  }
}

Task<client::Outcome<Health>> look(ClusterSession& session) {
  const bool ready = session.arguments().has("ready"), strict = session.arguments().has("strict");
  // --ready asks only whether this broker serves; to have answered is the answer.
  const auto view = co_await look_at_cluster(session, {.quorum = !ready, .moving = !ready});
  if (!view) co_return client::fail(view.error());
  Health health;
  health.controller = view->cluster.controller;
  health.brokers = view->cluster.brokers.size();
  if (ready) co_return health;
  look_at_quorum(health, *view);
  look_for_nodes(health, *view);
  look_at_partitions(health, *view);
  if (strict) {
    look_closer(health, *view);
    co_await look_at_disks(session, health);
  }
  co_return health;
}

Answer<void> print(Session& session, const Health& health) {
  Table table({{.name = "healthy", .state = true},
               {"reasons"},
               {"controller", true},
               {"brokers", true},
               {"nodes_down"},
               {"leaderless"},
               {"under_replicated"},
               {"under_min_isr"},
               {"voters", true, true},
               {"quorum_lag", true, true}});
  table.add({health.healthy(), texts_json(health.reasons),
             health.controller < 0 ? Json() : Json(health.controller), health.brokers,
             texts_json(health.nodes_down), texts_json(health.leaderless),
             texts_json(health.under_replicated), texts_json(health.under_min_isr), health.voters,
             health.quorum_lag});
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
