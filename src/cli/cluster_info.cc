// cluster info, brokers, logdirs, features.
#include <algorithm>

#include "cli/cluster_view.h"
#include "cli/handlers.h"
#include "cli/sections.h"
#include "cli/topic_names.h"

namespace moldau::cli {
namespace {

Table broker_table(const client::ClusterInfo& cluster) {
  Table table({{"id"}, {"host"}, {"port", true}, {"rack"}, {"fenced"}});
  for (const client::BrokerInfo& broker : cluster.brokers)
    table.add({std::to_string(broker.id) + (broker.id == cluster.controller ? "*" : ""), broker.endpoint.host,
               static_cast<std::int32_t>(broker.endpoint.port), broker.rack ? Json(*broker.rack) : Json(),
               broker.fenced});
  return table;
}

Table topic_table(const std::vector<client::TopicInfo>& topics) {
  Table table({{"name"}, {"partitions", true}, {"replicas", true}});
  for (const client::TopicInfo& topic : topics)
    table.add({topic.name, topic.partitions.size(),
               topic.partitions.empty() ? 0 : topic.partitions.front().replicas.size()});
  return table;
}

Table cluster_table(const client::ClusterInfo& cluster) {
  Table table({{"cluster_id"}, {"controller", true}, {"brokers", true}});
  table.add({cluster.cluster_id, cluster.controller < 0 ? Json() : Json(cluster.controller),
             cluster.brokers.size()});
  return table;
}

Table controller_table(const client::QuorumInfo& quorum) {
  Table table({{"id"}, {"endpoint"}, {"directory_id"}, {"log_end_offset", true}});
  for (const client::QuorumReplica& voter : quorum.voters) {
    std::string endpoint;
    for (const client::QuorumNode& node : quorum.nodes) {
      if (node.id == voter.id && !node.listeners.empty())
        endpoint = node.listeners.front().endpoint.to_string();
    }
    table.add({std::to_string(voter.id) + (voter.id == quorum.leader ? "*" : ""),
               endpoint.empty() ? Json() : Json(endpoint), voter.directory_id.to_string(),
               voter.log_end_offset});
  }
  return table;
}

// What a broker has of the partitions.
struct Share {
  std::size_t leads = 0, preferred = 0, replicas = 0, out_of_sync = 0;
};

std::map<NodeId, Share> shares_of(const ClusterView& view) {
  std::map<NodeId, Share> shares;
  for (const client::TopicInfo& topic : view.topics) {
    for (const client::PartitionInfo& partition : topic.partitions) {
      if (partition.leader >= 0) ++shares[partition.leader].leads;
      if (!partition.replicas.empty()) ++shares[partition.replicas.front()].preferred;
      for (const NodeId node : partition.replicas) {
        ++shares[node].replicas;
        if (std::ranges::find(partition.isr, node) == partition.isr.end()) ++shares[node].out_of_sync;
      }
    }
  }
  return shares;
}

}  // namespace

ClusterAnswer cluster_info(ClusterSession& session) {
  const Arguments& arguments = session.arguments();
  const auto format = format_of(session.session);
  if (!format) co_return trouble(format.error());
  const auto cluster = co_await session.admin.describe_cluster(true);
  if (!cluster) co_return trouble(trouble_of(cluster.error(), "cannot describe the cluster"));
  const auto topics = co_await session.admin.list_topics();
  if (!topics) co_return trouble(trouble_of(topics.error(), "cannot list topics"));
  const bool all = !arguments.has("cluster") && !arguments.has("nodes") && !arguments.has("topics") &&
                   !arguments.has("controllers");
  Sections sections;
  if (all || arguments.has("cluster"))
    sections.add({"CLUSTER", "cluster", cluster_table(*cluster), Section::Shape::object});
  if (all || arguments.has("nodes")) sections.add({"BROKERS", "brokers", broker_table(*cluster)});
  if (all || arguments.has("controllers")) {
    const auto quorum = co_await session.admin.describe_quorum();
    if (quorum)
      sections.add({"CONTROLLERS", "controllers", controller_table(*quorum)});
    else if (quorum.error().code != Errc::unsupported)
      co_return trouble(trouble_of(quorum.error(), "cannot describe the quorum"));
  }
  if (all || arguments.has("topics")) sections.add({"TOPICS", "topics", topic_table(*topics)});
  if (auto chosen = sections.choose(arguments); !chosen) co_return trouble(chosen.error());
  if (!is_machine(*format)) {
    if (auto printed = sections.print(session.session, *format); !printed) co_return trouble(printed.error());
    co_return Exit::done;
  }
  const Json whole = sections.to_json();
  session.out().put(*format == Format::yaml    ? whole.to_yaml()
                    : *format == Format::jsonl ? whole.to_line() + "\n"
                                               : whole.to_pretty() + "\n");
  co_return Exit::done;
}

ClusterAnswer cluster_brokers(ClusterSession& session) {
  const auto view = co_await look_at_cluster(session, {.quorum = false, .moving = false});
  if (!view) co_return trouble(trouble_of(view.error(), "cannot describe the cluster"));
  auto shares = shares_of(*view);
  Table table({{"id", true},
               {"address"},
               {"rack"},
               {.name = "state", .state = true},
               {"leads", true},
               {"replicas", true},
               {"out_of_sync", true},
               {"preferred", true, true},
               {"controller", false, true}});
  const auto add = [&](NodeId id, Json address, Json rack, std::string_view state) {
    const Share share = shares[id];
    table.add({id, std::move(address), std::move(rack), state, share.leads, share.replicas, share.out_of_sync,
               share.preferred, id == view->cluster.controller});
    shares.erase(id);
  };
  for (const client::BrokerInfo& broker : view->cluster.brokers)
    add(broker.id, broker.endpoint.to_string(), broker.rack ? Json(*broker.rack) : Json(),
        broker.fenced ? "fenced" : "up");
  while (!shares.empty()) add(shares.begin()->first, Json(), Json(), "unknown");
  if (auto printed = print_table(session.session, std::move(table)); !printed)
    co_return trouble(printed.error());
  co_return Exit::done;
}

ClusterAnswer cluster_logdirs(ClusterSession& session) {
  const Arguments& arguments = session.arguments();
  const auto nodes = parse_partitions(arguments.text("node"));
  if (!nodes) co_return trouble(nodes.error());
  std::optional<std::vector<std::string>> topics;
  if (!arguments.words().empty()) topics = arguments.words();
  const auto brokers = co_await session.admin.describe_log_dirs(*nodes, topics);
  if (!brokers) co_return trouble(trouble_of(brokers.error(), "cannot describe log folders"));
  const bool by_dir = arguments.has("by-dir");
  Table table(by_dir ? std::vector<Column>{{"broker", true},
                                           {"dir"},
                                           {"partitions", true},
                                           {"size_bytes", true},
                                           {"total_bytes", true},
                                           {"usable_bytes", true},
                                           {"error"}}
                     : std::vector<Column>{{"broker", true},
                                           {"dir"},
                                           {"topic"},
                                           {"partition", true},
                                           {"size_bytes", true},
                                           {"offset_lag", true, true}});
  Exit exit = Exit::done;
  for (const auto& [node, dirs] : *brokers) {
    if (!dirs) {
      session.session.tell(trouble_of(dirs.error(), "cannot ask broker " + std::to_string(node)));
      exit = Exit::failed;
      continue;
    }
    for (const client::LogDir& dir : *dirs) {
      std::int64_t total = 0;
      for (const client::ReplicaSize& replica : dir.replicas) {
        total += replica.size_bytes;
        if (!by_dir)
          table.add({node, dir.path, replica.partition.topic, replica.partition.partition, replica.size_bytes,
                     replica.offset_lag});
      }
      if (by_dir)
        table.add({node, dir.path, dir.replicas.size(), total, dir.total_bytes, dir.usable_bytes,
                   dir.error == wire::ErrorCode::none ? Json() : Json(wire::name_of(dir.error))});
    }
  }
  if (auto printed = print_table(session.session, std::move(table)); !printed)
    co_return trouble(printed.error());
  co_return exit;
}

ClusterAnswer cluster_features(ClusterSession& session) {
  const auto features = co_await session.admin.describe_features();
  if (!features) co_return trouble(trouble_of(features.error(), "cannot describe features"));
  Table table({{"feature"},
               {"supported_min", true},
               {"supported_max", true},
               {"finalized", true},
               {"epoch", true, true}});
  for (const client::FeatureInfo& feature : features->features)
    table.add({feature.name, feature.supported_min, feature.supported_max, feature.finalized,
               features->finalized_epoch});
  if (auto printed = print_table(session.session, std::move(table)); !printed)
    co_return trouble(printed.error());
  co_return Exit::done;
}

}  // namespace moldau::cli
