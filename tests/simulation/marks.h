// "Sometimes" marks: rare branches that a campaign must have taken, or it has shown little. A scenario hits
// them; the runner adds them up and names those that were never hit.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace moldau::simulation {

enum class Mark : std::uint8_t {
  // the quorum
  controller_failover,          // another node leads the quorum than before
  leader_resigned,              // a leader of the quorum stopped leading while its process went on
  metadata_log_truncated,       // a replica of the metadata log cut what it had
  metadata_snapshot_written,    // a log starts later than at 0
  metadata_snapshot_installed,  // a replica's log jumped to a snapshot
  two_leaders_at_once,          // an old leader of the quorum has not heard of the new one
  quorum_lost,                  // no majority of voters was running
  all_nodes_down,
  voter_added,
  voter_removed,
  voter_wiped,
  // partitions
  leader_changed,
  leader_back_at_preferred,
  isr_shrunk,
  isr_grown,
  elr_used,  // a leader came from the eligible replicas, not from the ISR
  elr_filled,
  partition_offline,  // no replica may lead
  unclean_election,
  follower_truncated,  // a replica cut the end of its log
  election_during_reassignment,
  reassignment_finished,
  reassignment_cancelled,
  broker_fenced,
  broker_unfenced,
  controlled_shutdown,
  topic_deleted_with_replica_down,
  topic_recreated,
  // nodes
  killed_in_start,
  killed_in_stop,
  start_waited_for_quorum,  // longer than a second
  start_failed,
  node_gone_for_good,  // after everything was well again
  // clients
  acknowledged_by_another_leader,  // a batch that was first sent to another node
  duplicate_acknowledged,          // a retry of what was in the log already
  not_enough_replicas,
  not_enough_replicas_after_append,
  produce_timed_out,
  fetched_from_old_leader,  // and was told so
  offset_not_available,
  unknown_leader_epoch,
  fenced_leader_epoch,
  count_  // how many marks there are
};

inline constexpr std::size_t kMarkCount = static_cast<std::size_t>(Mark::count_);

std::string_view name_of(Mark mark);

class Marks {
 public:
  void hit(Mark mark) { ++counts_[static_cast<std::size_t>(mark)]; }
  std::uint64_t operator[](Mark mark) const { return counts_[static_cast<std::size_t>(mark)]; }
  void add(const Marks& other);
  std::uint64_t total() const;
  // One line per mark that was hit: name and count; then one line with those that never were.
  std::string to_string() const;

 private:
  std::array<std::uint64_t, kMarkCount> counts_{};
};

}  // namespace moldau::simulation
