// Mutants: one deliberate fault each, only inside the simulated world, to prove that the checks can see
// (reliability.md, appendix D; its number behind each). Most are in what the broker stands on or in what
// nodes hear of each other, and the broker's own code is the same; those of several nodes' decisions are
// rules that the nodes give up (node/rules.h).
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string_view>

#include "node/rules.h"
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
  // of compaction
  cleaned_sync_skipped,           // a new segment gets its name before it is synced
  swap_directory_sync_skipped,    // … and the old ones are gone before its name is
  swap_leaves_old,                // … or they stay beside it
  tombstones_dropped_early,       // delete.retention.ms is taken for 0
  cleaned_beyond_high_watermark,  // up to the end of the log
  // of several nodes
  vote_not_persisted,           // the first vote and epoch that are stored stay
  snapshot_sync_skipped,        // a snapshot of the metadata gets its name before it is synced
  snapshot_end_off_by_one,      // … and is taken for one that ends an offset later
  vote_for_shorter_log,         // every candidate's log is taken for a long one
  high_watermark_too_high,      // followers of the metadata log apply what is not committed
  divergence_ignored,           // followers do not hear that their log differs from the leader's
  fetch_epoch_unchecked,        // a leader checks no epoch of its followers' fetches
  diverging_fetch_counted,      // … not whether their logs end in the epoch that they say
  stale_broker_epoch_accepted,  // replicas join the ISR whatever process they were
  acknowledged_at_append,       // acks=all is answered like acks=1
  // rules given up
  old_epochs_committed,         // a leader of the quorum commits entries of earlier epochs alone (13)
  never_resigns,                // it leads on without a majority (14)
  wiped_voter_counted,          // a voter with an empty disk is taken for the one it was (17)
  voter_changes_overlap,        // (18)
  committed_entries_cut,        // a replica of the metadata log truncates to its start (19)
  truncated_to_high_watermark,  // a follower does, in place of where the epochs part (21)
  unknown_epoch_agreed,         // a leader takes a follower of an unknown epoch for one of its own (22)
  current_isr_counted,          // whom the controller was asked to add does not count yet (24)
  small_isr_commits,            // the high watermark rises with too few in sync (25)
  joins_at_high_watermark,      // before the start of the leader epoch (26)
  fenced_replica_elected,       // (28)
  believes_before_truncation,   // a follower takes over the high watermark before it truncates (29)
};

struct MutantName {
  Mutant mutant;
  std::string_view name;
};
std::span<const MutantName> mutants();

// What a node with the mutant keeps to.
node::Rules rules_of(Mutant mutant);

// `world` with the mutant's fault. Both outlive what is built on the result.
std::unique_ptr<runtime::World> mutate(Mutant mutant, runtime::World& world);

}  // namespace moldau::simulation
