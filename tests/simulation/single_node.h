// single-node: the whole broker on one simulated machine, clients on others that speak real frames, an
// auditor, and every fault that the simulated world has. The broker is started, killed, cut off from power,
// stopped in order and started again; then faults stop, it has to come back within a bounded time, and
// everything that was acknowledged is read back, over the network and from its files.
#pragma once

#include "simulation/mutants.h"
#include "simulation/scenarios.h"

namespace moldau::simulation {

Options single_node_options(Random& random);
Outcome single_node(std::uint64_t seed, World& world);
Outcome single_node_with(Mutant mutant, World& world);

}  // namespace moldau::simulation
