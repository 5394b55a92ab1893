#include "cli/dev_plan.h"

#include "base/random.h"

namespace moldau::cli {
namespace {

using runtime::Task;

constexpr std::int64_t kDefaultNodes = 3;

// "a:3,b".
Answer<std::vector<TopicWish>> topics_of(const Arguments& arguments) {
  std::vector<TopicWish> topics;
  for (const std::string& text : split(arguments.text("topic"), ',')) {
    const std::size_t colon = text.find(':');
    TopicWish topic{.name = text.substr(0, colon)};
    if (colon != std::string::npos) {
      const auto count = whole_number(text.substr(colon + 1));
      if (!count || *count < 1 || *count > INT16_MAX)
        return usage_trouble("--topic: \"" + text + "\" is no topic",
                             "for example --topic orders:3,payments");
      topic.partitions = static_cast<std::int32_t>(*count);
    }
    if (topic.name.empty()) return usage_trouble("--topic: \"" + text + "\" has no name");
    topics.push_back(std::move(topic));
  }
  return topics;
}

std::string new_cluster_id(Session& session) {
  std::string id;
  session.environment.run_task([&](Context context) -> Task<int> {
    id = Random(context.world.entropy()).uuid().to_string();
    co_return 0;
  });
  return id;
}

// The cluster that the folder has, or else a new one by the flags. Flags that say otherwise are refused.
Answer<DevCluster> cluster_of_flags(Session& session) {
  const Arguments& arguments = session.arguments;
  const auto nodes = arguments.number("nodes", 1, kMostDevNodes);
  if (!nodes) return std::unexpected(nodes.error());
  const auto port = arguments.number("port", 1, UINT16_MAX);
  if (!port) return std::unexpected(port.error());
  const std::string folder = dev_folder(session, static_cast<std::uint16_t>(port->value_or(kDevPort)));
  const auto there = read_dev_cluster(session, folder);
  if (!there) return std::unexpected(there.error());
  if (*there) {
    const DevCluster& cluster = **there;
    if ((*nodes && **nodes != cluster.nodes) || (*port && **port != cluster.port))
      return trouble(Exit::conflict,
                     "the cluster in " + folder + " has " + std::to_string(cluster.nodes) +
                         " nodes on port " + std::to_string(cluster.port),
                     {}, "moldau dev purge removes it; --data-dir names another folder");
    return cluster;
  }
  DevCluster cluster{.folder = folder,
                     .cluster_id = {},
                     .nodes = static_cast<int>(nodes->value_or(kDefaultNodes)),
                     .port = static_cast<std::uint16_t>(port->value_or(kDevPort))};
  cluster.cluster_id = new_cluster_id(session);
  if (const auto usable = DevCluster::parse(cluster.to_json(), folder);
      !usable && !cluster.cluster_id.empty())
    return usage_trouble("--port " + std::to_string(cluster.port) + " leaves no room for the other ports",
                         "the admin ports are 552 above it");
  return cluster;
}

}  // namespace

Answer<DevPlan> plan_of_flags(Session& session) {
  if (session.arguments.has("tmp") && session.arguments.has("data-dir"))
    return usage_trouble("--tmp and --data-dir exclude one another");
  DevPlan plan;
  Trouble why;
  if (!take(topics_of(session.arguments), plan.topics, why) ||
      !take(session.arguments.duration_or("wait", std::chrono::minutes(1)), plan.patience, why) ||
      !take(cluster_of_flags(session), plan.cluster, why))
    return trouble(std::move(why));
  plan.temporary = session.arguments.has("tmp");
  plan.background = session.arguments.has("detach");
  for (int node = 1; node <= plan.cluster.nodes; ++node) {
    if (dev_node_pid(session, plan.cluster, node))
      return trouble(Exit::conflict, "the cluster in " + plan.cluster.folder + " runs already", {},
                     "moldau dev status shows it, moldau dev stop ends it");
  }
  return plan;
}

}  // namespace moldau::cli
