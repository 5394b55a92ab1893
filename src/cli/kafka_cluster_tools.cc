// kafka-broker-api-versions, kafka-cluster, kafka-log-dirs.
#include <algorithm>

#include "cli/handlers.h"
#include "cli/json.h"
#include "cli/kafka_columns.h"
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

// Columns as wide as the hosts and racks, the others as Kafka has them; a controller has no state.
ClusterAnswer kafka_cluster_list_endpoints(ClusterSession& session) {
  const bool controllers = session.arguments().has("bootstrap-controller");
  const bool fenced = session.arguments().has("include-fenced-brokers");
  if (controllers && fenced)
    co_return trouble(Exit::failed,
                      "The option --include-fenced-brokers is only supported with --bootstrap-server option");
  const auto cluster = co_await session.admin.describe_cluster(fenced);
  if (!cluster) co_return trouble(trouble_of(cluster.error(), "cannot describe the cluster"));
  constexpr std::size_t kColumn = 10, kLastColumn = 15;
  std::size_t host_width = 0, rack_width = 0;
  for (const client::BrokerInfo& node : cluster->brokers) {
    host_width = std::max(host_width, node.endpoint.host.size());
    rack_width = std::max(rack_width, node.rack.value_or("").size());
  }
  if (rack_width == 0) rack_width = kColumn;
  const auto row = [&](const std::string& id, const std::string& host, const std::string& port,
                       const std::string& rack, const std::string& state, const std::string& type) {
    session.out().line(padded(id, kColumn) + " " + padded(host, host_width) + " " + padded(port, kColumn) +
                       " " + padded(rack, rack_width) + " " +
                       (controllers ? "" : padded(state, kColumn) + " ") + padded(type, kLastColumn));
  };
  row("ID", "HOST", "PORT", "RACK", "STATE", "ENDPOINT_TYPE");
  for (const client::BrokerInfo& node : cluster->brokers)
    row(std::to_string(node.id), node.endpoint.host, std::to_string(node.endpoint.port),
        node.rack.value_or("null"), node.fenced ? "fenced" : "unfenced",
        controllers ? "controller" : "broker");
  co_return Exit::done;
}

ClusterAnswer kafka_cluster_unregister(ClusterSession& session) {
  const auto id = session.arguments().number("id", 0, INT32_MAX);
  if (!id) co_return trouble(id.error());
  if (!*id) co_return usage_trouble("argument --id/-i is required");
  const auto done = co_await session.admin.unregister_broker(static_cast<NodeId>(**id));
  if (done) {
    session.out().line("Broker " + std::to_string(**id) + " is no longer registered.");
    co_return Exit::done;
  }
  if (done.error().code != Errc::unsupported)
    co_return trouble(trouble_of(done.error(), "cannot unregister broker " + std::to_string(**id)));
  session.out().line("The target cluster does not support the broker unregistration API.");
  co_return Exit::failed;
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
