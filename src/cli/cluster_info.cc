// cluster info, quorum, logdirs, features.
#include "cli/handlers.h"
#include "cli/sections.h"
#include "cli/timestamp_text.h"
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

Json time_or_null(TimestampMs at) { return at < 0 ? Json() : Json(rfc3339(at)); }

}  // namespace

ClusterAnswer cluster_info(ClusterSession& session) {
  const Arguments& arguments = session.arguments();
  const auto format = format_of(session.session);
  if (!format) co_return trouble(format.error());
  const auto cluster = co_await session.admin.describe_cluster(true);
  if (!cluster) co_return trouble(trouble_of(cluster.error(), "cannot describe the cluster"));
  const auto topics = co_await session.admin.list_topics();
  if (!topics) co_return trouble(trouble_of(topics.error(), "cannot list topics"));
  const bool all = !arguments.has("cluster") && !arguments.has("nodes") && !arguments.has("topics");
  Sections sections;
  if (all || arguments.has("cluster"))
    sections.add({"CLUSTER", "cluster", cluster_table(*cluster), Section::Shape::object});
  if (all || arguments.has("nodes")) sections.add({"BROKERS", "brokers", broker_table(*cluster)});
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

ClusterAnswer cluster_quorum(ClusterSession& session) {
  const auto quorum = co_await session.admin.describe_quorum();
  if (!quorum) co_return trouble(trouble_of(quorum.error(), "cannot describe the quorum"));
  Table table({{"node", true},
               {.name = "status", .state = true},
               {"log_end_offset", true},
               {"lag", true},
               {"last_caught_up"},
               {"leader_epoch", true, true},
               {"high_watermark", true, true},
               {"directory_id", false, true}});
  Offset leader_end = quorum->high_watermark;
  for (const client::QuorumReplica& voter : quorum->voters) {
    if (voter.id == quorum->leader) leader_end = voter.log_end_offset;
  }
  const auto add = [&](const client::QuorumReplica& replica, std::string_view status) {
    table.add({replica.id, status, replica.log_end_offset, leader_end - replica.log_end_offset,
               time_or_null(replica.last_caught_up), quorum->leader_epoch, quorum->high_watermark,
               replica.directory_id.to_string()});
  };
  for (const client::QuorumReplica& voter : quorum->voters)
    add(voter, voter.id == quorum->leader ? "leader" : "follower");
  for (const client::QuorumReplica& observer : quorum->observers) add(observer, "observer");
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
