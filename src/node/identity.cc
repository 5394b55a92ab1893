#include "node/identity.h"

#include "base/random.h"
#include "telemetry/log.h"

namespace moldau::node {
namespace {

constexpr NodeId kFirstNode = 1;

Status format_if_new(const config::Settings& settings, runtime::Disk& disk, Random& random) {
  const auto known = storage::DataDirectory::inspect(disk, settings.data_dir);
  if (known || known.error().code != Errc::not_found) return {};
  const std::string cluster_id = settings.cluster_id.value_or(random.uuid().to_string());
  const NodeId node_id = settings.node_id.value_or(kFirstNode);
  const auto formatted =
      storage::DataDirectory::format(disk, settings.data_dir, cluster_id, node_id, random.uuid());
  if (!formatted) return fail(formatted.error());
  telemetry::log_info(
      "node", "data folder formatted",
      {{"path", settings.data_dir}, {"cluster_id", formatted->cluster_id}, {"node_id", node_id}});
  return {};
}

}  // namespace

Result<std::unique_ptr<storage::DataDirectory>> open_data_directory(const config::Settings& settings,
                                                                    runtime::Disk& disk, Random& random) {
  TRY(format_if_new(settings, disk, random));
  ASSIGN_OR_RETURN(const auto known, storage::DataDirectory::inspect(disk, settings.data_dir));
  storage::DataDirectory::Identity expected;
  if (settings.cluster_id) expected.cluster_id = *settings.cluster_id;
  expected.node_id = settings.node_id.value_or(known.node_id);
  return storage::DataDirectory::open(disk, settings.data_dir, expected, random.uuid());
}

}  // namespace moldau::node
