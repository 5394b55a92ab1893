// self-check: a server that counts. Each request is a byte; the server appends an entry to a journal, syncs,
// and answers the count. The client remembers the highest count that it was told; no crash, failed sync or
// broken connection may make it untrue. It shows that the seams hold together, and with a flaw that the world
// finds it.
#pragma once

#include "simulation/scenarios.h"

namespace moldau::simulation {

enum class Flaw { none, no_sync, sync_error_ignored, no_directory_sync };

Options self_check_options(Random& random);
Outcome self_check(std::uint64_t seed, World& world);
Outcome self_check_with(Flaw flaw, World& world);

}  // namespace moldau::simulation
