#include "simulation/marks.h"

namespace moldau::simulation {
namespace {

constexpr std::string_view kNames[] = {
    "controller_failover",
    "leader_resigned",
    "metadata_log_truncated",
    "metadata_snapshot_written",
    "metadata_snapshot_installed",
    "two_leaders_at_once",
    "quorum_lost",
    "all_nodes_down",
    "voter_added",
    "voter_removed",
    "voter_wiped",
    "leader_changed",
    "leader_back_at_preferred",
    "isr_shrunk",
    "isr_grown",
    "elr_used",
    "elr_filled",
    "partition_offline",
    "unclean_election",
    "follower_truncated",
    "election_during_reassignment",
    "reassignment_finished",
    "reassignment_cancelled",
    "broker_fenced",
    "broker_unfenced",
    "controlled_shutdown",
    "topic_deleted_with_replica_down",
    "topic_recreated",
    "killed_in_start",
    "killed_in_stop",
    "start_waited_for_quorum",
    "start_failed",
    "node_gone_for_good",
    "acknowledged_by_another_leader",
    "duplicate_acknowledged",
    "not_enough_replicas",
    "not_enough_replicas_after_append",
    "produce_timed_out",
    "fetched_from_old_leader",
    "offset_not_available",
    "unknown_leader_epoch",
    "fenced_leader_epoch",
};
static_assert(std::size(kNames) == kMarkCount);

}  // namespace

std::string_view name_of(Mark mark) { return kNames[static_cast<std::size_t>(mark)]; }

void Marks::add(const Marks& other) {
  for (std::size_t i = 0; i < kMarkCount; ++i) counts_[i] += other.counts_[i];
}

std::uint64_t Marks::total() const {
  std::uint64_t sum = 0;
  for (const std::uint64_t count : counts_) sum += count;
  return sum;
}

std::string Marks::to_string() const {
  std::string text, never;
  for (std::size_t i = 0; i < kMarkCount; ++i) {
    if (counts_[i] == 0) {
      never.append(" ").append(kNames[i]);
      continue;
    }
    text.append("  ").append(kNames[i]).append(kNames[i].size() < 34 ? 34 - kNames[i].size() : 1, ' ');
    text.append(std::to_string(counts_[i])) += '\n';
  }
  if (!never.empty()) text.append("  never:").append(never) += '\n';
  return text;
}

}  // namespace moldau::simulation
