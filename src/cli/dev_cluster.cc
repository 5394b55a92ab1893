#include "cli/dev_cluster.h"

#include <algorithm>
#include <set>

#include "cli/json.h"
#include "cli/node_settings.h"

namespace moldau::cli {
namespace {

constexpr std::uint16_t kControllerOffset = 100;
constexpr std::uint16_t kAdminOffset = 552;
constexpr int kMostVoters = 5;
constexpr int kMemoryPercent = 60;  // of all nodes together
constexpr std::string_view kClusterFile = "/cluster.json";

runtime::Endpoint here(int port) { return {"127.0.0.1", static_cast<std::uint16_t>(port)}; }

// Replicas that survive the loss of one node, where there are enough nodes.
int replication_factor(int nodes) { return std::min(3, nodes); }
int min_isr(int nodes) { return nodes >= 3 ? 2 : 1; }

std::string voters_text(const DevCluster& cluster) {
  std::string text;
  for (int node = 1; node <= cluster.voters(); ++node)
    text += (node > 1 ? "," : "") + std::to_string(node) + "@" + cluster.controller(node).to_string();
  return text;
}

std::string listener_text(std::string_view name, const runtime::Endpoint& bind,
                          const runtime::Endpoint& advertise) {
  return "  " + std::string(name) + ":\n    bind: " + bind.to_string() +
         "\n    advertise: " + advertise.to_string() + "\n";
}

// The folders of dev clusters whose nodes run, by their command lines.
std::set<std::string> running_folders(Session& session) {
  std::set<std::string> folders;
  for (const Environment::Process& process : session.environment.processes()) {
    if (!is_node_process(process)) continue;
    for (const std::string& word : process.words) {
      const std::size_t name = word.rfind("/node-");
      if (name != std::string::npos && word.starts_with('/') && word.ends_with(".yaml"))
        folders.insert(word.substr(0, name));
    }
  }
  return folders;
}

}  // namespace

runtime::Endpoint DevCluster::kafka(int node) const { return here(port + node - 1); }
runtime::Endpoint DevCluster::controller(int node) const { return here(port + kControllerOffset + node - 1); }
runtime::Endpoint DevCluster::admin(int node) const { return here(port + kAdminOffset + node - 1); }

int DevCluster::voters() const { return std::min(nodes % 2 == 0 ? nodes - 1 : nodes, kMostVoters); }

std::string DevCluster::brokers() const {
  std::string text;
  for (int node = 1; node <= nodes; ++node)
    text += (node > 1 ? ",localhost:" : "localhost:") + std::to_string(kafka(node).port);
  return text;
}

std::string DevCluster::settings_text(int node) const {
  std::string text = "# Node " + std::to_string(node) + " of " + std::to_string(nodes) +
                     ", written by moldau dev. Alone it is started by: moldau start --daemon -c " +
                     settings_file(node) + "\nnode:\n  id: " + std::to_string(node) +
                     (node > voters() ? "\n  roles: [broker]" : "") + "\n  data_dir: \"" + data_dir(node) +
                     "\"\ncluster:\n  name: dev\n  id: \"" + cluster_id + "\"\nlisteners:\n" +
                     listener_text("plaintext", kafka(node), {"localhost", kafka(node).port});
  // A node alone needs no quorum to be reached by.
  if (nodes > 1 && node <= voters()) text += listener_text("controller", controller(node), controller(node));
  text += "admin:\n  bind: " + admin(node).to_string() + "\nstorage:\n  commit_log_size: 64MiB\n  memory: " +
          std::to_string(std::max(1, kMemoryPercent / nodes)) + "%\nkafka:\n";
  if (nodes > 1) text += "  controller.quorum.voters: \"" + voters_text(*this) + "\"\n";
  return text + "  default.replication.factor: " + std::to_string(replication_factor(nodes)) +
         "\n  min.insync.replicas: " + std::to_string(min_isr(nodes)) + "\n";
}

std::string DevCluster::to_json() const {
  return Json(Json::Object{{"cluster_id", cluster_id}, {"nodes", nodes}, {"port", static_cast<int>(port)}})
             .to_line() +
         "\n";
}

Result<DevCluster> DevCluster::parse(std::string_view json, const std::string& folder) {
  const auto document = Json::parse(json);
  const auto number = [&](std::string_view name) -> std::int64_t {
    const Json* value = document ? document->find(name) : nullptr;
    return value && value->as_integer() ? *value->as_integer() : -1;
  };
  const Json* id = document ? document->find("cluster_id") : nullptr;
  const std::int64_t nodes = number("nodes"), port = number("port");
  const std::int64_t last_port = 65535 - kAdminOffset - kMostDevNodes;
  if (!id || !id->as_string() || nodes < 1 || nodes > kMostDevNodes || port < 1 || port > last_port)
    return fail(Errc::corrupt, folder + std::string(kClusterFile) + " describes no cluster");
  return DevCluster{folder, *id->as_string(), static_cast<int>(nodes), static_cast<std::uint16_t>(port)};
}

std::string dev_folder(const Session& session, std::uint16_t port) {
  if (const auto named = session.arguments.find("data-dir")) return absolute_path(session.invocation, *named);
  if (session.arguments.has("tmp")) return "/tmp/moldau-dev-" + std::to_string(port);
  const config::Sources& process = session.invocation.process;
  return process.is_root || process.home.empty() ? "/var/lib/moldau-dev"
                                                 : process.home + "/.local/share/moldau-dev";
}

Answer<std::optional<DevCluster>> read_dev_cluster(const Session& session, const std::string& folder) {
  const auto text = session.invocation.process.read_file(folder + std::string(kClusterFile));
  if (!text && text.error().code == Errc::not_found) return std::nullopt;
  if (!text) return trouble(trouble_of(text.error(), "cannot read the cluster of " + folder));
  auto cluster = DevCluster::parse(*text, folder);
  if (!cluster) return trouble(trouble_of(cluster.error(), "cannot read the cluster of " + folder));
  return std::move(*cluster);
}

Answer<DevCluster> find_dev_cluster(Session& session) {
  const auto port = session.arguments.number_or("port", kDevPort, 1, UINT16_MAX);
  if (!port) return std::unexpected(port.error());
  const std::string folder = dev_folder(session, static_cast<std::uint16_t>(*port));
  auto found = read_dev_cluster(session, folder);
  if (!found) return std::unexpected(std::move(found).error());
  if (*found) return std::move(**found);
  const auto running = running_folders(session);
  const bool named = session.arguments.has("data-dir") || session.arguments.has("tmp");
  if (!named && running.size() == 1) {
    auto other = read_dev_cluster(session, *running.begin());
    if (!other) return std::unexpected(std::move(other).error());
    if (*other) return std::move(**other);
  }
  std::string others;
  for (const std::string& one : running) others += (others.empty() ? "" : ", ") + one;
  return trouble(Exit::not_found, "there is no cluster in " + folder, {},
                 others.empty() ? "moldau dev starts one; --data-dir names another folder"
                                : "name its folder with --data-dir; nodes run in " + others);
}

std::optional<std::int64_t> dev_node_pid(Session& session, const DevCluster& cluster, int node) {
  const auto pid = read_pid(session.invocation, cluster.data_dir(node));
  if (!pid || !is_running_node(session.environment, *pid)) return std::nullopt;
  return *pid;
}

}  // namespace moldau::cli
