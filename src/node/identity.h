// Who this node is: what its settings say, else what its data folder says, else a first choice that is kept.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "base/random.h"
#include "config/settings.h"
#include "runtime/wait.h"
#include "runtime/world.h"
#include "storage/data_directory.h"

namespace moldau::node {

// The id of the cluster that several voters form when nobody has named one: computed from the cluster's name
// and its voters, so that each of them has the same before it has heard of another. Nothing where the
// settings name no other voter. What it computes never changes: a node that lost its disk must find it again.
std::optional<std::string> formed_cluster_id(const config::Settings& settings);

// The id of the cluster that the settings' other controllers belong to, when this node's folder is new and
// its settings name no id. A voter that may be the first of its cluster asks each of the others once; whoever
// can only join asks until somebody answers, at most initial.broker.registration.timeout.ms. Nothing when
// nobody was to be asked or has answered. On shard 0.
runtime::Task<std::optional<std::string>> find_cluster_id(runtime::World& world,
                                                          const config::Settings& settings);

// For a node that nobody lets in: Errc::mismatch when another controller of the settings belongs to another
// cluster than `cluster_id`; names both, and what to do. Asks each of them once.
runtime::Task<Status> check_cluster_of_peers(runtime::World& world, const config::Settings& settings,
                                             const std::string& cluster_id);

// Opens the data folder and locks it; formats it first when it is missing or empty. A formatted folder keeps
// its ids; settings that name others are refused. A new one gets, for its cluster, the id of the settings, or
// `found`, what the cluster's controllers have told, or formed_cluster_id(), or, for a node alone, one by
// chance; for its node, the id of the settings, or 1 for a node alone. Blocks.
//
// Errors: those of DataDirectory::format and open; Errc::invalid_argument: a member of a cluster needs a
// node.id, or a cluster.id, that it has not got.
Result<std::unique_ptr<storage::DataDirectory>> open_data_directory(
    const config::Settings& settings, runtime::Disk& disk, Random& random,
    const std::optional<std::string>& found = std::nullopt);

}  // namespace moldau::node
