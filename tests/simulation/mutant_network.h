// Mutants that live in what a node hears and says: frames of connections that it has accepted are decoded,
// changed and encoded again, so that its own rules work on wrong facts as if they were wrong themselves.
#pragma once

#include <memory>

#include "runtime/network.h"
#include "simulation/mutants.h"

namespace moldau::simulation {

bool changes_frames(Mutant mutant);
// `network` outlives the result.
std::unique_ptr<runtime::Network> mutate_network(Mutant mutant, runtime::Network& network);

}  // namespace moldau::simulation
