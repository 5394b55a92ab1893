// With which voters kafka-storage format begins a quorum (KIP-853).
#pragma once

#include <string_view>
#include <vector>

#include "cli/trouble.h"
#include "config/settings.h"
#include "raft/voter_set.h"

namespace moldau::cli {

// "1@host:port:directory-id,…" of --initial-controllers, each reached by a listener of this name. Kafka's
// words for what is no such list.
Answer<raft::VoterSet> parse_initial_controllers(std::string_view spec, const std::string& listener);

// This node alone, with its controller listeners. REQUIRES: it has one.
raft::VoterSet standalone_voters(const config::Settings& settings, NodeId node_id, DirectoryId directory);

// The first of the node's controller listeners, or null.
const config::Listener* controller_listener(const config::Settings& settings);

}  // namespace moldau::cli
