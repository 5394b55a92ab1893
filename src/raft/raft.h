// Raft: one replica of the metadata log's consensus, in Kafka's shape (KIP-595 pull replication, KIP-996
// pre-vote, check-quorum, KIP-630 snapshots, KIP-853 changes of the voters). Pure: requests, responses and
// time go in, effects come out; it never does anything itself and reads nothing but its view of the log.
//
// The contract of whoever drives it. After each input: take_effects(), and carry them out in order before the
// next input. PersistQuorumState and Truncate are done when they are durable; appends may be buffered, and
// on_flushed() tells how far the log is durable. A response that an input returned is sent only after that
// input's effects. Requests in Send may be lost; on_request_failed() is a hint. poll() at deadline() at the
// latest. Each VOTERS and KRAFT_VERSION record that is appended, on a leader or a follower, is told by
// on_voters_appended() and on_kraft_version_appended() before the next input.
//
// Voters. With kraft.version 0 they are those of the settings on every node. With 1 they are in the log and
// hold from where they are appended; one change at a time, and only once an entry of the leader's epoch is
// committed (RA-13). A node that is no voter by its own log may still be asked for its vote, and a leader
// that it does not know of may still be followed: its log may be behind.
//
// What it guarantees (Raft, figure 3): one leader per epoch, log matching, a leader has every committed
// entry, the high watermark only rises and only counts what is durable at a majority in the leader's own
// epoch.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <variant>
#include <vector>

#include "base/random.h"
#include "raft/types.h"
#include "raft/voter_history.h"

namespace moldau::raft {

// What the core must know of the replica's log. Answers describe the log with all effects so far carried out.
class LogView {
 public:
  virtual ~LogView() = default;
  // After the last record appended, durable or not; its epoch. Of an empty log: where it starts, and the
  // epoch of the snapshot that it starts from (0 when there is none).
  virtual OffsetAndEpoch end() const = 0;
  // The first offset that is there, and the epoch of the record before it (of the snapshot).
  virtual OffsetAndEpoch start() const = 0;
  // The largest epoch not above `epoch` and where it ends; the start's epoch and offset when there is none.
  virtual OffsetAndEpoch end_of_epoch(LeaderEpoch epoch) const = 0;
  // The newest snapshot on disk. At or below the high watermark, at or above the start.
  virtual std::optional<OffsetAndEpoch> latest_snapshot() const = 0;
};

// What the core keeps to. All of it holds; the simulator takes one rule away, to show that its observers see
// the difference (reliability.md, appendix D).
struct Rules {
  bool commits_through_own_epoch = true;  // Raft 5.4.2 (13)
  bool resigns_without_majority = true;   // check-quorum (14)
  bool one_change_at_a_time = true;       // of the voters (18)
  bool keeps_what_is_committed = true;    // when it truncates (19)
};

struct Settings {
  ReplicaKey self;
  std::vector<Endpoint> self_endpoints;
  std::size_t bootstrap_servers = 0;  // how many can be asked for the leader, as bootstrap_node(0) …
  bool auto_join = false;             // controller.quorum.auto.join.enable: no voter asks to become one
  Duration election_timeout = std::chrono::milliseconds(1000);  // controller.quorum.election.timeout.ms
  Duration fetch_timeout = std::chrono::milliseconds(2000);     // controller.quorum.fetch.timeout.ms
  Duration election_backoff_max =
      std::chrono::milliseconds(1000);                         // controller.quorum.election.backoff.max.ms
  Duration request_timeout = std::chrono::milliseconds(2000);  // controller.quorum.request.timeout.ms
  Duration retry_backoff = std::chrono::milliseconds(20);      // controller.quorum.retry.backoff.ms
  Rules rules = {};
};

// --- effects

struct PersistQuorumState {
  QuorumState state;
};
struct Send {
  NodeId to = kNoNode;
  Request request;
};
// The control record that opens a leader's epoch.
struct AppendLeaderChange {
  LeaderEpoch epoch = 0;
  NodeId leader_id = kNoNode;
  std::vector<ReplicaKey> voters;
  std::vector<ReplicaKey> granting_voters;
};
// Further control records of a leader.
struct AppendKraftVersion {
  LeaderEpoch epoch = 0;
  std::int16_t version = 0;
};
struct AppendVoters {
  LeaderEpoch epoch = 0;
  VoterSet voters;
};
// Batches from the leader, offsets and epochs in them.
struct AppendBatches {
  SliceList batches;
};
// Cut the log so that it ends at `offset`: never below the high watermark.
struct Truncate {
  Offset offset = 0;
};
// Bytes of a snapshot that is being fetched; the first chunk has position 0 and starts over.
struct WriteSnapshotChunk {
  OffsetAndEpoch snapshot;
  std::int64_t position = 0;
  SliceList bytes;
};
// All chunks are there: verify it, replace the log's contents by it, load it, then on_snapshot_installed().
struct InstallSnapshot {
  OffsetAndEpoch snapshot;
};
// All entries below are committed.
struct HighWatermarkAdvanced {
  Offset offset = 0;
};
// This replica leads the epoch and its high watermark has reached the epoch's start: it knows all that is
// committed and may take writes (RA-04).
struct BecameLeader {
  LeaderEpoch epoch = 0;
};
// Who leads now, if known. When it is this replica, BecameLeader follows once it is ready; when it was and
// now is not, it must take no more writes.
struct LeaderChanged {
  LeaderEpoch epoch = 0;
  NodeId leader_id = kNoNode;
};

// The answer to a request for a change of the voters.
using VoterChangeId = std::uint64_t;
struct VoterChangeEnded {
  VoterChangeId id = 0;
  VoterChangeResponse response;
};

using Effect = std::variant<PersistQuorumState, Send, AppendLeaderChange, AppendKraftVersion, AppendVoters,
                            AppendBatches, Truncate, WriteSnapshotChunk, InstallSnapshot,
                            HighWatermarkAdvanced, BecameLeader, LeaderChanged, VoterChangeEnded>;

enum class Role : std::uint8_t { unattached, prospective, candidate, leader, follower, resigned };
std::string_view name_of(Role role);

// How far a replica has come, as its leader knows; for DescribeQuorum.
struct ReplicaProgress {
  ReplicaKey key;
  Offset end_offset = kNoOffset;   // kNoOffset: not heard of
  std::optional<Time> last_fetch;  // none for the leader itself
  std::optional<Time> last_caught_up;
};

class Raft {
 public:
  // `stored`: what quorum-state says; `committed`: a high watermark known to be reached (the snapshot's end).
  // The log is durable up to its end; `voters` is what it and its snapshot say. `log` outlives this object.
  Raft(Settings settings, const LogView& log, VoterHistory voters, QuorumState stored, Offset committed,
       Random random, Time now);

  // --- inputs
  VoteResponse on_vote(const VoteRequest& request, Time now);
  EpochResponse on_begin_quorum_epoch(const BeginQuorumEpochRequest& request, Time now);
  EpochResponse on_end_quorum_epoch(const EndQuorumEpochRequest& request, Time now);
  // An answer without error, divergence and snapshot is to be filled with records from the fetch offset on;
  // it may be held back until there are some.
  FetchResponse on_fetch(const FetchRequest& request, Time now);
  // An answer without error is to be filled with bytes of the snapshot.
  FetchSnapshotResponse on_fetch_snapshot(const FetchSnapshotRequest& request, Time now);

  // Changes of the voters. Each is answered by a VoterChangeEnded with the id returned here, at `deadline`
  // at the latest.
  VoterChangeId on_add_voter(const AddVoterRequest& request, Time deadline, Time now);
  VoterChangeId on_remove_voter(const RemoveVoterRequest& request, Time deadline, Time now);
  VoterChangeId on_update_voter(const UpdateVoterRequest& request, Time deadline, Time now);

  void on_response(NodeId from, const VoteRequest& request, const VoteResponse& response, Time now);
  void on_response(NodeId from, const BeginQuorumEpochRequest& request, const EpochResponse& response,
                   Time now);
  void on_response(NodeId from, const EndQuorumEpochRequest& request, const EpochResponse& response,
                   Time now);
  void on_response(NodeId from, const FetchRequest& request, FetchResponse response, Time now);
  void on_response(NodeId from, const FetchSnapshotRequest& request, FetchSnapshotResponse response,
                   Time now);
  // To a request of this replica for a change of the voters.
  void on_response(NodeId from, const VoterChangeResponse& response, Time now);
  // `refused`: nobody listens at its address, so its process is gone. A follower that is refused twice by its
  // leader looks for another one at once instead of after the fetch timeout; pre-vote keeps that harmless.
  void on_request_failed(NodeId to, const Request& request, bool refused, Time now);

  // The log is durable below `end`. Not for what was truncated since: flushes end before a Truncate is done.
  void on_flushed(Offset end, Time now);
  void on_snapshot_installed(const Configuration& configuration, Time now);
  // What was sent could not be appended or installed (damaged on its way, no room): nothing of it, or only
  // what comes before the damage, is in the log. It is fetched again after a while.
  void on_records_refused(Time now);
  void on_snapshot_refused(Time now);
  void on_voters_appended(Offset offset, VoterSet voters, Time now);
  void on_kraft_version_appended(Offset offset, std::int16_t version);
  // The log's prefix was cut behind a snapshot of its own.
  void on_log_start_moved() { history_.forget_before(log_.start().offset); }
  // The node is going away: hands leadership over.
  void resign(Time now);
  void poll(Time now);

  // --- outputs
  std::vector<Effect> take_effects();
  // When poll() has something to do next.
  Time deadline() const;

  Role role() const { return role_; }
  LeaderEpoch epoch() const { return state_.epoch; }
  NodeId leader_id() const { return state_.leader_id; }
  const QuorumState& state() const { return state_; }
  Offset high_watermark() const { return high_watermark_; }
  const VoterSet& voters() const { return history_.voters(); }
  bool is_voter() const { return voters().contains(settings_.self); }
  std::int16_t kraft_version() const { return history_.kraft_version(); }
  Configuration configuration_before(Offset end) const { return history_.before(end); }
  // Where a node is, if the voter set or an answer said so.
  std::optional<Endpoint> endpoint_of(NodeId node) const;
  // May take writes, see BecameLeader.
  bool is_ready_leader() const { return role_ == Role::leader && ready_; }
  // Of voters, and of observers heard of lately. REQUIRES: role() == leader.
  std::vector<ReplicaProgress> voter_progress() const;
  std::vector<ReplicaProgress> observer_progress(Time now) const;

 private:
  friend struct RaftTestAccess;  // for mutants only
  struct Replica {
    Offset end_offset = kNoOffset;
    std::optional<Time> last_fetch;
    std::optional<Time> last_caught_up;
    Offset leader_end = 0;  // at its last fetch
    Time next_begin{};
  };
  struct SnapshotFetch {
    OffsetAndEpoch id;
    std::int64_t position = 0;
    bool complete = false;
  };

  // A change of the voters on its way.
  struct VoterChange {
    VoterChangeId id = 0;
    Time deadline{};
    std::optional<Voter> joining;  // until it has caught up and is appended
    Offset offset = kNoOffset;     // of the VOTERS record
    bool ack_when_committed = true;
  };

  void emit(Effect effect) { effects_.push_back(std::move(effect)); }
  void send(NodeId to, Request request) { emit(Send{to, std::move(request)}); }
  void persist() { emit(PersistQuorumState{state_}); }
  std::size_t majority() const { return voters().majority(); }
  bool is_dynamic() const { return history_.kraft_version() > 0; }
  bool is_self(const ReplicaKey& key) const { return key.id == settings_.self.id; }
  bool is_only_voter() const { return voters().size() == 1 && is_voter(); }
  // A voter, also one whose removal is not committed: nobody else may have the longest log.
  bool may_stand() const;
  Duration random_election_timeout();
  std::optional<Endpoint> leader_endpoint() const;

  // Transitions. Each leaves a valid state and emits what must become durable.
  void enter(Role role);
  void set_state(QuorumState state);
  void become_unattached(LeaderEpoch epoch, Time now);
  void become_prospective(Time now);
  void become_candidate(Time now);
  void become_leader(Time now);
  void become_follower(LeaderEpoch epoch, NodeId leader, Time now);
  void become_resigned(Time now);
  void start_election(Time now);
  void lose_leader(Time now);
  void leader_has_resigned(Time until);
  // Takes over what any message says about epoch and leader. False when the message is of an older epoch.
  bool learn(LeaderEpoch epoch, NodeId leader, const std::optional<Endpoint>& at, Time now);

  bool may_grant(const VoteRequest& request) const;
  void count_vote(NodeId from, bool granted, Time now);
  void send_votes(bool pre_vote);
  void update_high_watermark(Time now);
  void raise_high_watermark(Offset offset);
  void announce_epoch(Time now);
  void note_fetch(Replica& replica, const ReplicaKey& key, Time now);
  void check_removed(Time now);
  void poll_follower(Time now);
  void poll_leader(Time now);
  void look_for_leader(Time now);
  bool may_fetch(Time now);
  Time next_fetch_deadline() const;
  void fetch_from(NodeId node, Time now);
  void forget_old_observers(Time now);
  void fetch(Time now);
  void truncate_for(const OffsetAndEpoch& diverging, Time now);
  Replica* replica_of(const ReplicaKey& key);
  RaftError check_leader(LeaderEpoch epoch) const;

  // Membership.
  void voters_changed(Time now);
  VoterChangeResponse change_response(RaftError error, std::string message) const;
  void begin_change(VoterChange change);
  void end_change(VoterChangeId id, RaftError error, std::string message = {});
  std::optional<std::pair<RaftError, std::string>> refusal_of_changes() const;
  void append_voters(VoterSet voters) { emit(AppendVoters{state_.epoch, std::move(voters)}); }
  void go_on_with_change(Time now);
  void update_self(Time now);
  void ask_for_membership(Time now);
  bool is_listed_as_it_is() const;
  Voter self_as_voter() const { return {settings_.self, settings_.self_endpoints, {}}; }

  const Settings settings_;
  const LogView& log_;
  VoterHistory history_;
  QuorumState state_;
  std::optional<Endpoint> leader_endpoint_;  // as messages said
  Random random_;
  Role role_ = Role::unattached;
  Offset high_watermark_ = 0;
  Offset flushed_ = 0;
  std::vector<Effect> effects_;

  Time election_deadline_{};  // unattached, prospective, candidate, resigned: when to try (again)
  // Prospective and candidate.
  std::set<NodeId> granted_;
  std::set<NodeId> rejected_;
  // Follower.
  Time fetch_deadline_{};
  std::optional<Time> fetch_sent_;  // a fetch is under way since then
  Time next_fetch_{};
  std::size_t next_asked_ = 0;  // unattached: who is asked for the leader next
  Duration ask_backoff_{};
  int refusals_ = 0;  // by the leader, one after the other
  bool fetched_from_leader_ = false;
  LeaderEpoch resigned_epoch_ = kNoEpoch;  // its leader has said that it leads no more
  bool answer_in_doubt_ = false;           // of a fetch that it may have answered before it resigned
  Time next_membership_request_{};
  Offset leader_high_watermark_ = 0;
  std::optional<SnapshotFetch> snapshot_;
  // Leader.
  bool ready_ = false;
  Offset epoch_start_ = 0;
  Time quorum_deadline_{};
  std::set<NodeId> fetched_voters_;   // since the quorum deadline was last moved
  std::map<NodeId, Replica> voters_;  // without this replica
  std::map<ReplicaKey, Replica> observers_;
  VoterChangeId last_change_ = 0;
  std::optional<VoterChange> change_;
};

}  // namespace moldau::raft
