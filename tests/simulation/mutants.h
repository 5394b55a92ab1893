// Mutants: one deliberate fault each in what the broker stands on, only inside the simulated world, to prove
// that the checks can see (reliability.md, appendix D). The broker's own code is the same.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string_view>

#include "runtime/world.h"

namespace moldau::simulation {

enum class Mutant : std::uint8_t {
  none,
  commit_log_sync_skipped,    // acknowledges before the records are durable
  commit_log_sync_late,       // the sync happens, but after its answer
  sync_errors_ignored,        // a failed sync counts as done
  directory_sync_skipped,     // new names are lost with the power
  metadata_sync_skipped,      // of the metadata log
  segment_write_lost,         // one write to a segment in some hundred is dropped
  segment_write_misdirected,  // … or lands a little further on
  commit_log_tail_forgotten,  // recovery does not see the newest entries
  index_off_by_one,           // index entries point beside their batch
  stale_read,                 // a read of a segment gives bytes of another place
  retry_as_new,               // the client's: a retry is appended again, as without deduplication
};

struct MutantName {
  Mutant mutant;
  std::string_view name;
};
std::span<const MutantName> mutants();

// `world` with the mutant's fault. Both outlive what is built on the result.
std::unique_ptr<runtime::World> mutate(Mutant mutant, runtime::World& world);

}  // namespace moldau::simulation
