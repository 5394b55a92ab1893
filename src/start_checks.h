// What a node's process looks at to tell its user more than the node knows: who has a port, and whether the
// addresses that clients are told mean anything on this machine.
#pragma once

#include <string>
#include <vector>

#include "config/settings.h"

namespace moldau {

// One line for each address of the settings that another process listens on, with the key that names it:
// "listeners.plaintext.bind is 127.0.0.1:9092, where process 4711 (java) listens". Blocks.
std::vector<std::string> taken_addresses(const config::Settings& settings);

// One line for each advertised host that this machine cannot resolve. Asks name servers: blocks, perhaps for
// seconds.
std::vector<std::string> unknown_hosts(const config::Settings& settings);

}  // namespace moldau
