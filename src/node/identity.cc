#include "node/identity.h"

#include <algorithm>

#include "base/random.h"
#include "telemetry/log.h"

namespace moldau::node {
namespace {

constexpr NodeId kFirstNode = 1;

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

}  // namespace

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
