// cluster: several nodes that replicate, on simulated machines, their clients on others, every fault that the
// simulated world has within the budget of ClusterFaults, and observers that look at every node after each of
// its steps. First safety: faults go on. Then a core is healed and has to come back within a bounded time;
// everything that was acknowledged is read from the leaders, and the replicas are alike.
#pragma once

#include "simulation/mutants.h"
#include "simulation/scenarios.h"

namespace moldau::simulation {

Options cluster_options(Random& random);
Outcome cluster(std::uint64_t seed, World& world);
Outcome cluster_with(Mutant mutant, World& world);

}  // namespace moldau::simulation
