#include "node/identity.h"

#include <algorithm>

#include "base/random.h"
#include "config/cluster_settings.h"
#include "peer/peer_client.h"
#include "telemetry/log.h"
#include "wire/messages/describe_cluster.h"

namespace moldau::node {

using runtime::Task;

namespace {

constexpr NodeId kFirstNode = 1;
constexpr std::int8_t kControllers = 2;  // KIP-919
constexpr runtime::Duration kOneAnswer = std::chrono::milliseconds(500);
constexpr runtime::Duration kAskAgain = std::chrono::milliseconds(250);

// FNV-1a: the same on every machine and in every release.
std::uint64_t hash_of(std::string_view text) {
  std::uint64_t hash = 0xcbf29ce484222325ULL;
  for (const char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3ULL;
  return hash;
}

bool is_alone(const config::Settings& settings) {
  const auto is_other = [&](const config::Voter& voter) { return voter.id != settings.node_id; };
  return settings.seeds.empty() && std::ranges::none_of(settings.voters, is_other);
}

Result<NodeId> first_node_id(const config::Settings& settings) {
  if (settings.node_id) return *settings.node_id;
  if (is_alone(settings)) return kFirstNode;
  return fail(
      Errc::invalid_argument,
      "node.id is not set: each node of a cluster needs a number of its own (node.id, KAFKA_NODE_ID)");
}

Result<std::string> first_cluster_id(const config::Settings& settings, Random& random,
                                     const std::optional<std::string>& found) {
  if (settings.cluster_id) return *settings.cluster_id;
  if (found) return *found;
  if (auto formed = formed_cluster_id(settings)) return std::move(*formed);
  if (is_alone(settings)) return random.uuid().to_string();
  return fail(
      Errc::invalid_argument,
      "cluster.id is not set, and no controller of cluster.seeds (controller.quorum.bootstrap.servers) "
      "tells which cluster this node is to join: is one of them up? To form a new cluster, set "
      "cluster.initial_size on its controllers");
}

Status format_if_new(const config::Settings& settings, runtime::Disk& disk, Random& random,
                     const std::optional<std::string>& found) {
  const auto known = storage::DataDirectory::inspect(disk, settings.data_dir);
  if (known || known.error().code != Errc::not_found) return {};
  ASSIGN_OR_RETURN(const NodeId node_id, first_node_id(settings));
  ASSIGN_OR_RETURN(const std::string cluster_id, first_cluster_id(settings, random, found));
  const auto formatted =
      storage::DataDirectory::format(disk, settings.data_dir, cluster_id, node_id, random.uuid());
  if (!formatted) return fail(formatted.error());
  telemetry::log_info(
      "node", "data folder formatted",
      {{"path", settings.data_dir}, {"cluster_id", formatted->cluster_id}, {"node_id", node_id}});
  return {};
}

// Who may know the cluster, but for this node itself.
std::vector<runtime::Endpoint> others_of(const config::Settings& settings) {
  if (settings.voters.empty()) return settings.seeds;
  std::vector<runtime::Endpoint> others;
  for (const config::Voter& voter : settings.voters)
    if (voter.id != settings.node_id) others.push_back(voter.address);
  return others;
}

bool may_form(const config::Settings& settings) {
  return settings.controller_role && std::ranges::find(settings.voters, settings.node_id.value_or(kNoNode),
                                                       &config::Voter::id) != settings.voters.end();
}

// Nothing when it does not answer, or says nothing that is an id.
Task<std::optional<std::string>> cluster_id_at(peer::PeerClient& peers, const runtime::Endpoint& address) {
  wire::DescribeClusterRequest request;
  request.endpoint_type = kControllers;
  const auto answer = co_await peers.call<wire::DescribeClusterResponse>(address, request,
                                                                         peers.executor().now() + kOneAnswer);
  if (!answer || answer->error_code != wire::ErrorCode::none || answer->cluster_id.empty())
    co_return std::nullopt;
  co_return answer->cluster_id;
}

peer::PeerOptions impatient() {
  peer::PeerOptions options;
  options.connect_timeout = kOneAnswer;
  return options;
}

Task<std::optional<std::string>> ask_in_turn(peer::PeerClient& peers,
                                             const std::vector<runtime::Endpoint>& others,
                                             runtime::MonotonicTime deadline) {
  bool told = false;
  while (true) {
    for (const runtime::Endpoint& address : others)
      if (auto id = co_await cluster_id_at(peers, address)) co_return id;
    if (peers.executor().now() >= deadline) co_return std::nullopt;
    if (!std::exchange(told, true))
      telemetry::log_info("node", "waiting for a controller that tells which cluster this is",
                          {{"first", others.front().to_string()}});
    co_await runtime::sleep_for(peers.executor(), kAskAgain);
  }
}

}  // namespace

Task<std::optional<std::string>> find_cluster_id(runtime::World& world, const config::Settings& settings) {
  const auto others = others_of(settings);
  // Without a number it goes no further, whatever anybody says.
  if (settings.cluster_id || !settings.node_id || others.empty()) co_return std::nullopt;
  runtime::Executor& executor = world.shard(0);
  const bool is_new = co_await world.pool().run(runtime::Lane::background, executor, [&] {
    const auto known = storage::DataDirectory::inspect(world.disk(), settings.data_dir);
    return !known && known.error().code == Errc::not_found;
  });
  if (!is_new) co_return std::nullopt;
  const auto patience = config::ClusterSettings::of(settings.broker).initial_broker_registration_timeout;
  const auto deadline = may_form(settings) ? executor.now() : executor.now() + patience;
  peer::PeerClient peers(executor, world.network(0), Random(world.entropy()), impatient());
  auto found = co_await ask_in_turn(peers, others, deadline);
  co_await peers.close();
  co_return found;
}

Task<Status> check_cluster_of_peers(runtime::World& world, const config::Settings& settings,
                                    const std::string& cluster_id) {
  peer::PeerClient peers(world.shard(0), world.network(0), Random(world.entropy()), impatient());
  Status checked;
  for (const runtime::Endpoint& address : others_of(settings)) {
    const auto theirs = co_await cluster_id_at(peers, address);
    if (!theirs || *theirs == cluster_id) continue;
    checked =
        fail(Errc::mismatch, "the controller at " + address.to_string() + " belongs to cluster '" + *theirs +
                                 "', " + settings.data_dir + " to cluster '" + cluster_id +
                                 "': name the controllers of this node's own cluster (controller.quorum." +
                                 "voters, cluster.seeds); or, to join the other one, set cluster.id to " +
                                 *theirs + " and name a data folder that is empty");
    break;
  }
  co_await peers.close();
  co_return checked;
}

std::optional<std::string> formed_cluster_id(const config::Settings& settings) {
  if (settings.voters.size() < 2) return std::nullopt;
  std::vector<std::string> lines;
  for (const config::Voter& voter : settings.voters)
    lines.push_back(std::to_string(voter.id) + "@" + voter.address.to_string());
  std::ranges::sort(lines);
  std::string text = settings.cluster_name;
  for (const std::string& line : lines) text += "\n" + line;
  return Random(hash_of(text)).uuid().to_string();
}

Result<std::unique_ptr<storage::DataDirectory>> open_data_directory(const config::Settings& settings,
                                                                    runtime::Disk& disk, Random& random,
                                                                    const std::optional<std::string>& found) {
  TRY(format_if_new(settings, disk, random, found));
  ASSIGN_OR_RETURN(const auto known, storage::DataDirectory::inspect(disk, settings.data_dir));
  storage::DataDirectory::Identity expected;
  if (settings.cluster_id) expected.cluster_id = *settings.cluster_id;
  expected.node_id = settings.node_id.value_or(known.node_id);
  return storage::DataDirectory::open(disk, settings.data_dir, expected, random.uuid());
}

}  // namespace moldau::node
