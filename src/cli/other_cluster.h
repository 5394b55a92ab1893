// A second cluster beside the session's: where topic copy writes to and perf compare measures.
#pragma once

#include <functional>

#include "cli/session.h"

namespace moldau::cli {

// Runs `task` with a session on the cluster at `brokers`; every other property is the session's. The client
// is closed when the task has ended. What cannot be reached is told as of the first cluster.
runtime::Task<Answer<Exit>> with_other_cluster(
    ClusterSession& session, std::string brokers,
    std::function<runtime::Task<Answer<Exit>>(ClusterSession& other)> task);

}  // namespace moldau::cli
