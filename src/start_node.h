// `moldau start`: one node in this process, on the real World, from its first line to its last.
#pragma once

#include "cli/cli.h"

namespace moldau {

// Returns a cli::StartExit. Blocks until the node was told to stop (SIGINT, SIGTERM); as a daemon until the
// child serves or has failed.
int start_node(const cli::StartRequest& request);

}  // namespace moldau
