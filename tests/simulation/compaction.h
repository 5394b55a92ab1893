// compaction: two replicas of one compacted partition in a data folder of a simulated machine, with their log
// manager and its cleaner. One is written to, the other follows it, and they change places; the high
// watermark trails behind; the process is killed, cut off from power at any operation, and started again,
// while either log is compacted on its own. After every life, and in between, both must be what
// CompactionModel says.
#pragma once

#include "simulation/mutants.h"
#include "simulation/scenarios.h"

namespace moldau::simulation {

Options compaction_options(Random& random);
Outcome compaction(std::uint64_t seed, World& world);
Outcome compaction_with(Mutant mutant, World& world);

}  // namespace moldau::simulation
