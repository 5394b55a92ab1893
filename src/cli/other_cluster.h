// A second client beside the session's: of another cluster, where topic copy writes to and perf compare
// measures, or of the same one with connections of its own. A broker answers a connection's requests in their
// order: what is written on the connection of a long poll waits for the end of the poll.
#pragma once

#include <functional>

#include "cli/session.h"

namespace moldau::cli {

// Runs `task` with a session on the cluster at `brokers`; every other property is the session's. The client
// is closed when the task has ended. What cannot be reached is told as of the first cluster.
runtime::Task<Answer<Exit>> with_other_cluster(
    ClusterSession& session, std::string brokers,
    std::function<runtime::Task<Answer<Exit>>(ClusterSession& other)> task);

// The same on the session's own cluster.
runtime::Task<Answer<Exit>> with_own_connections(
    ClusterSession& session, std::function<runtime::Task<Answer<Exit>>(ClusterSession& other)> task);

}  // namespace moldau::cli
