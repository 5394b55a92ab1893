// kafka-broker-api-versions, kafka-cluster, kafka-features, kafka-metadata-quorum, kafka-log-dirs.
#include <algorithm>

#include "cli/handlers.h"
#include "cli/json.h"
#include "cli/timestamp_text.h"
#include "controller/features.h"
#include "wire/api.h"

namespace moldau::cli {
namespace {

using runtime::Task;

std::string api_line(const wire::ApiVersionsResponse& versions, std::size_t index) {
  const auto& range = versions.api_keys[index];
  const wire::ApiInfo* api = wire::find_api(range.api_key);
  const std::string name = api ? std::string(api->name) : "UNKNOWN";
  std::string line =
      "\t" + name + "(" + std::to_string(range.api_key) + "): " + std::to_string(range.min_version);
  if (range.max_version != range.min_version) line += " to " + std::to_string(range.max_version);
  const std::int16_t ours = api ? std::min(api->max_version, range.max_version) : std::int16_t{-1};
  const bool usable = api && ours >= std::max(api->min_version, range.min_version);
  line += usable ? " [usable: " + std::to_string(ours) + "]" : " [unusable: node too old]";
  return line + (index + 1 < versions.api_keys.size() ? "," : "");
}

std::string padded(std::string text, std::size_t width) {
  text.resize(std::max(text.size(), width), ' ');
  return text;
}

Json voters_json(const client::QuorumInfo& quorum, const std::vector<client::QuorumReplica>& replicas,
                 bool endpoints) {
  Json::Array out;
  for (const client::QuorumReplica& replica : replicas) {
    Json::Object item{{"id", replica.id}};
    if (!replica.directory_id.is_zero()) item.emplace_back("directoryId", replica.directory_id.to_string());
    Json::Array addresses;
    for (const client::QuorumNode& node : quorum.nodes) {
      if (node.id != replica.id) continue;
      for (const auto& listener : node.listeners)
        addresses.emplace_back(listener.name + "://" + listener.endpoint.to_string());
    }
    if (endpoints) item.emplace_back("endpoints", std::move(addresses));
    out.emplace_back(std::move(item));
  }
  return out;
}

// As Kafka prints it: a blank behind colons and commas.
std::string spaced(const Json& json) {
  std::string out;
  bool quoted = false;
  for (const char c : json.to_line()) {
    if (c == '"') quoted = !quoted;
    out += c;
    if (!quoted && (c == ':' || c == ',')) out += ' ';
  }
  return out;
}

struct Lag {
  std::int64_t offsets = 0;
  std::int64_t ms = 0;
};

Lag largest_lag(const client::QuorumInfo& quorum) {
  Offset leader_end = 0;
  TimestampMs leader_time = -1;
  for (const client::QuorumReplica& voter : quorum.voters) {
    if (voter.id == quorum.leader) leader_end = voter.log_end_offset, leader_time = voter.last_caught_up;
  }
  Lag lag;
  for (const client::QuorumReplica& voter : quorum.voters) {
    lag.offsets = std::max(lag.offsets, leader_end - voter.log_end_offset);
    if (leader_time >= 0 && voter.last_caught_up >= 0)
      lag.ms = std::max(lag.ms, leader_time - voter.last_caught_up);
  }
  return lag;
}

void print_status(Printer& out, const std::string& cluster_id, const client::QuorumInfo& quorum) {
  constexpr std::size_t kValueColumn = 24;
  const auto line = [&](std::string name, const std::string& value) {
    out.line(padded(std::move(name), kValueColumn) + value);
  };
  const Lag lag = largest_lag(quorum);
  line("ClusterId:", cluster_id);
  line("LeaderId:", std::to_string(quorum.leader));
  line("LeaderEpoch:", std::to_string(quorum.leader_epoch));
  line("HighWatermark:", std::to_string(quorum.high_watermark));
  line("MaxFollowerLag:", std::to_string(lag.offsets));
  line("MaxFollowerLagTimeMs:", std::to_string(lag.ms));
  line("CurrentVoters:", spaced(voters_json(quorum, quorum.voters, true)));
  line("CurrentObservers:", spaced(voters_json(quorum, quorum.observers, false)));
}

void print_replication(ClusterSession& session, const client::QuorumInfo& quorum) {
  const bool readable = session.arguments().has("human-readable");
  const TimestampMs now = session.world.wall_clock().now_ms();
  std::vector<std::vector<std::string>> rows{{"NodeId", "DirectoryId", "LogEndOffset", "Lag",
                                              "LastFetchTimestamp", "LastCaughtUpTimestamp", "Status"}};
  Offset leader_end = quorum.high_watermark;
  for (const client::QuorumReplica& voter : quorum.voters) {
    if (voter.id == quorum.leader) leader_end = voter.log_end_offset;
  }
  const auto time = [&](TimestampMs at) {
    return readable && at > 0 ? std::to_string(now - at) + " ms ago" : std::to_string(at);
  };
  const auto add = [&](const client::QuorumReplica& replica, const std::string& status) {
    rows.push_back({std::to_string(replica.id), replica.directory_id.to_string(),
                    std::to_string(replica.log_end_offset),
                    std::to_string(leader_end - replica.log_end_offset), time(replica.last_fetch),
                    time(replica.last_caught_up), status});
  };
  for (const bool leads : {true, false}) {
    for (const client::QuorumReplica& voter : quorum.voters) {
      if ((voter.id == quorum.leader) == leads) add(voter, leads ? "Leader" : "Follower");
    }
  }
  for (const client::QuorumReplica& observer : quorum.observers) add(observer, "Observer");
  std::vector<std::size_t> widths(rows.front().size(), 0);
  for (const auto& row : rows) {
    for (std::size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], row[i].size());
  }
  for (const auto& row : rows) {
    std::string line;
    for (std::size_t i = 0; i < row.size(); ++i) line += padded(row[i], widths[i]) + "\t";
    session.out().line(line);
  }
}

Answer<std::vector<client::FeatureUpdate>> updates_of(const Session& session) {
  const Arguments& arguments = session.arguments;
  const bool disable = session.command->name.ends_with("disable");
  const bool lower = session.command->name.ends_with("downgrade") || disable;
  const auto kind = !lower                    ? client::FeatureUpgrade::upgrade
                    : arguments.has("unsafe") ? client::FeatureUpgrade::unsafe_downgrade
                                              : client::FeatureUpgrade::safe_downgrade;
  std::vector<client::FeatureUpdate> updates;
  for (const std::string& text : arguments.all("feature")) {
    if (disable) {
      updates.push_back({text, 0, kind});
      continue;
    }
    auto pair = key_value(text, "--feature");
    if (!pair) return std::unexpected(std::move(pair).error());
    const auto level = whole_number(pair->second);
    if (!level || *level < 0 || *level > INT16_MAX)
      return usage_trouble("--feature: " + text + " has no level");
    updates.push_back({pair->first, static_cast<std::int16_t>(*level), kind});
  }
  const std::string release = arguments.text("metadata", arguments.text("release-version"));
  for (std::int16_t level = 1; !release.empty() && level < 100; ++level) {
    const std::string_view name = controller::metadata_version_name(level);
    if (name == release || std::to_string(level) == release || name.starts_with(release + "-"))
      updates.push_back({std::string(controller::kMetadataVersion), level, kind});
  }
  if (updates.empty())
    return usage_trouble("You must specify --release-version or at least one --feature of this version");
  if (!release.empty()) updates.erase(updates.begin(), updates.end() - 1);
  return updates;
}

}  // namespace

ClusterAnswer kafka_broker_api_versions(ClusterSession& session) {
  const auto brokers = co_await session.admin.api_versions();
  if (!brokers) co_return trouble(trouble_of(brokers.error(), "cannot ask for API versions"));
  Exit exit = Exit::done;
  for (const auto& [broker, versions] : *brokers) {
    const std::string head = broker.endpoint.to_string() + " (id: " + std::to_string(broker.id) +
                             " rack: " + broker.rack.value_or("null") +
                             " isFenced: " + (broker.fenced ? "true" : "false") + ") -> ";
    if (!versions) {
      session.out().line(head + "ERROR: " + versions.error().to_string());
      exit = Exit::failed;
      continue;
    }
    session.out().line(head + "(");
    for (std::size_t i = 0; i < versions->api_keys.size(); ++i) session.out().line(api_line(*versions, i));
    session.out().line(")");
  }
  co_return exit;
}

ClusterAnswer kafka_cluster_id(ClusterSession& session) {
  const auto cluster = co_await session.admin.describe_cluster();
  if (!cluster) co_return trouble(trouble_of(cluster.error(), "cannot describe the cluster"));
  session.out().line("Cluster ID: " + cluster->cluster_id);
  co_return Exit::done;
}

ClusterAnswer kafka_cluster_list_endpoints(ClusterSession& session) {
  const bool fenced = session.arguments().has("include-fenced-brokers");
  const auto cluster = co_await session.admin.describe_cluster(fenced);
  if (!cluster) co_return trouble(trouble_of(cluster.error(), "cannot describe the cluster"));
  std::size_t host_width = 4, rack_width = 4;
  for (const client::BrokerInfo& broker : cluster->brokers) {
    host_width = std::max(host_width, broker.endpoint.host.size());
    rack_width = std::max(rack_width, broker.rack.value_or("null").size());
  }
  const auto row = [&](const std::string& id, const std::string& host, const std::string& port,
                       const std::string& rack, const std::string& state, const std::string& type) {
    session.out().line(padded(id, 10) + " " + padded(host, host_width + 1) + padded(port, 10) + " " +
                       padded(rack, rack_width + 1) + padded(state, 10) + " " + type);
  };
  row("ID", "HOST", "PORT", "RACK", "STATE", "ENDPOINT_TYPE");
  for (const client::BrokerInfo& broker : cluster->brokers)
    row(std::to_string(broker.id), broker.endpoint.host, std::to_string(broker.endpoint.port),
        broker.rack.value_or("null"), broker.fenced ? "fenced" : "unfenced", "broker");
  co_return Exit::done;
}

ClusterAnswer kafka_cluster_unregister(ClusterSession& session) {
  co_return trouble(Exit::failed, "kafka-cluster unregister: brokers cannot be unregistered in this version");
}

ClusterAnswer kafka_features_describe(ClusterSession& session) {
  const auto features = co_await session.admin.describe_features();
  if (!features) co_return trouble(trouble_of(features.error(), "cannot describe features"));
  const auto level = [](const std::string& feature, std::int16_t value) {
    const bool named =
        feature == controller::kMetadataVersion && !controller::metadata_version_name(value).empty();
    return named ? std::string(controller::metadata_version_name(value)) : std::to_string(value);
  };
  for (const client::FeatureInfo& feature : features->features)
    session.out().line("Feature: " + feature.name +
                       "\tSupportedMinVersion: " + level(feature.name, feature.supported_min) +
                       "\tSupportedMaxVersion: " + level(feature.name, feature.supported_max) +
                       "\tFinalizedVersionLevel: " + level(feature.name, feature.finalized) +
                       "\tEpoch: " + std::to_string(features->finalized_epoch));
  co_return Exit::done;
}

ClusterAnswer kafka_features_update(ClusterSession& session) {
  const auto updates = updates_of(session.session);
  if (!updates) co_return trouble(updates.error());
  const bool dry_run = session.arguments().has("dry-run");
  const auto results = co_await session.admin.update_features(*updates, dry_run);
  if (!results) co_return trouble(trouble_of(results.error(), "cannot update features"));
  Exit exit = Exit::done;
  for (const auto& [name, result] : *results) {
    const auto update = std::ranges::find(*updates, name, &client::FeatureUpdate::name);
    const std::string level = std::to_string(update == updates->end() ? 0 : update->level);
    if (result) {
      session.out().line(name + (dry_run ? " can be changed to " : " was changed to ") + level + ".");
    } else {
      session.out().line("Could not change " + name + " to " + level + ". " + words_of(result.error()));
      exit = Exit::failed;
    }
  }
  co_return exit;
}

ClusterAnswer kafka_metadata_quorum(ClusterSession& session) {
  const Arguments& arguments = session.arguments();
  if (arguments.has("status") && arguments.has("replication"))
    co_return trouble(Exit::failed,
                      "Only one of --status or --replication should be specified with describe sub-command");
  if (!arguments.has("status") && !arguments.has("replication"))
    co_return trouble(Exit::failed,
                      "One of --status or --replication must be specified with describe sub-command");
  if (arguments.has("status") && arguments.has("human-readable"))
    co_return trouble(Exit::failed, "The option --human-readable is only supported along with --replication");
  const auto quorum = co_await session.admin.describe_quorum();
  if (!quorum) co_return trouble(trouble_of(quorum.error(), "cannot describe the quorum"));
  if (arguments.has("replication")) {
    print_replication(session, *quorum);
    co_return Exit::done;
  }
  const auto cluster = co_await session.admin.describe_cluster();
  if (!cluster) co_return trouble(trouble_of(cluster.error(), "cannot describe the cluster"));
  print_status(session.out(), cluster->cluster_id, *quorum);
  co_return Exit::done;
}

ClusterAnswer kafka_log_dirs(ClusterSession& session) {
  const Arguments& arguments = session.arguments();
  if (!arguments.has("describe")) co_return usage_trouble("Missing required option(s) [describe]");
  std::vector<NodeId> nodes;
  for (const std::string& text : split(arguments.text("broker-list"), ',')) {
    const auto id = whole_number(text);
    if (!id || *id < 0 || *id > INT32_MAX)
      co_return usage_trouble("--broker-list: " + text + " is no broker id");
    nodes.push_back(static_cast<NodeId>(*id));
  }
  std::optional<std::vector<std::string>> topics;
  if (arguments.has("topic-list")) topics = split(arguments.text("topic-list"), ',');
  const auto brokers = co_await session.admin.describe_log_dirs(nodes, topics);
  if (!brokers) co_return trouble(trouble_of(brokers.error(), "cannot describe log folders"));
  Json::Array items;
  std::string ids;
  for (const auto& [node, dirs] : *brokers) {
    ids += (ids.empty() ? "" : ",") + std::to_string(node);
    Json::Array folders;
    if (!dirs) co_return trouble(trouble_of(dirs.error(), "cannot ask broker " + std::to_string(node)));
    for (const client::LogDir& dir : *dirs) {
      Json::Array partitions;
      for (const client::ReplicaSize& replica : dir.replicas)
        partitions.emplace_back(Json::Object{{"partition", replica.partition.to_string()},
                                             {"size", replica.size_bytes},
                                             {"offsetLag", replica.offset_lag},
                                             {"isFuture", replica.is_future}});
      folders.emplace_back(Json::Object{
          {"partitions", std::move(partitions)},
          {"error", dir.error == wire::ErrorCode::none ? Json() : Json(wire::name_of(dir.error))},
          {"logDir", dir.path}});
    }
    items.emplace_back(Json::Object{{"broker", node}, {"logDirs", std::move(folders)}});
  }
  session.out().line("Querying brokers for log directories information");
  session.out().line("Received log directory information from brokers " + ids);
  session.out().line(Json(Json::Object{{"brokers", std::move(items)}, {"version", 1}}).to_line());
  co_return Exit::done;
}

}  // namespace moldau::cli
