// Which replica a consumer had better read from: RackAwareReplicaSelector (KIP-392). Pure.
#pragma once

#include <optional>
#include <string_view>

#include "replication/isr_tracker.h"

namespace moldau::replication {

// Of the in-sync replicas that have the offset, one in the consumer's rack: the leader if it is there, else
// the one that is furthest. Empty: the leader, because nobody is.
std::optional<NodeId> select_replica(const IsrTracker& tracker, const metadata::Image& image, NodeId leader,
                                     std::string_view rack, Offset from);

}  // namespace moldau::replication
