// Raft: one replica of the metadata log's consensus, in Kafka's shape (KIP-595 pull replication, KIP-996
// pre-vote, check-quorum, KIP-630 snapshots). Pure: requests, responses and time go in, effects come out; it
// never does anything itself and reads nothing but its view of the log.
//
// The contract of whoever drives it. After each input: take_effects(), and carry them out in order before the
// next input. PersistQuorumState and Truncate are done when they are durable; appends may be buffered, and
// on_flushed() tells how far the log is durable. A response that an input returned is sent only after that
// input's effects. Requests in Send may be lost; on_request_failed() is a hint. poll() at deadline() at the
// latest.
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

struct Settings {
  ReplicaKey self;
  std::vector<ReplicaKey> voters;                               // an observer is not among them
  Duration election_timeout = std::chrono::milliseconds(1000);  // controller.quorum.election.timeout.ms
  Duration fetch_timeout = std::chrono::milliseconds(2000);     // controller.quorum.fetch.timeout.ms
  Duration election_backoff_max =
      std::chrono::milliseconds(1000);                         // controller.quorum.election.backoff.max.ms
  Duration request_timeout = std::chrono::milliseconds(2000);  // controller.quorum.request.timeout.ms
  Duration retry_backoff = std::chrono::milliseconds(20);      // controller.quorum.retry.backoff.ms
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

using Effect =
    std::variant<PersistQuorumState, Send, AppendLeaderChange, AppendBatches, Truncate, WriteSnapshotChunk,
                 InstallSnapshot, HighWatermarkAdvanced, BecameLeader, LeaderChanged>;

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
  // The log is durable up to its end. `log` outlives this object.
  Raft(Settings settings, const LogView& log, QuorumState stored, Offset committed, Random random, Time now);

  // --- inputs
  VoteResponse on_vote(const VoteRequest& request, Time now);
  EpochResponse on_begin_quorum_epoch(const BeginQuorumEpochRequest& request, Time now);
  EpochResponse on_end_quorum_epoch(const EndQuorumEpochRequest& request, Time now);
  // An answer without error, divergence and snapshot is to be filled with records from the fetch offset on;
  // it may be held back until there are some.
  FetchResponse on_fetch(const FetchRequest& request, Time now);
  // An answer without error is to be filled with bytes of the snapshot.
  FetchSnapshotResponse on_fetch_snapshot(const FetchSnapshotRequest& request, Time now);

  void on_response(NodeId from, const VoteRequest& request, const VoteResponse& response, Time now);
  void on_response(NodeId from, const BeginQuorumEpochRequest& request, const EpochResponse& response,
                   Time now);
  void on_response(NodeId from, const EndQuorumEpochRequest& request, const EpochResponse& response,
                   Time now);
  void on_response(NodeId from, const FetchRequest& request, FetchResponse response, Time now);
  void on_response(NodeId from, const FetchSnapshotRequest& request, FetchSnapshotResponse response,
                   Time now);
  void on_request_failed(NodeId to, const Request& request, Time now);

  // The log is durable below `end`. Not for what was truncated since: flushes end before a Truncate is done.
  void on_flushed(Offset end, Time now);
  void on_snapshot_installed(Time now);
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
  bool is_voter() const { return is_voter_; }
  // May take writes, see BecameLeader.
  bool is_ready_leader() const { return role_ == Role::leader && ready_; }
  const std::vector<ReplicaKey>& voters() const { return settings_.voters; }
  // Of voters, and of observers heard of lately. REQUIRES: role() == leader.
  std::vector<ReplicaProgress> voter_progress() const;
  std::vector<ReplicaProgress> observer_progress() const;

 private:
  struct Replica {
    Offset end_offset = kNoOffset;
    std::optional<Time> last_fetch;
    std::optional<Time> last_caught_up;
    bool acknowledged_epoch = false;
    Time next_begin{};
  };
  struct SnapshotFetch {
    OffsetAndEpoch id;
    std::int64_t position = 0;
    bool complete = false;
  };

  void emit(Effect effect) { effects_.push_back(std::move(effect)); }
  void send(NodeId to, Request request) { emit(Send{to, std::move(request)}); }
  void persist() { emit(PersistQuorumState{state_}); }
  std::size_t majority() const { return settings_.voters.size() / 2 + 1; }
  bool is_self(const ReplicaKey& key) const { return key.id == settings_.self.id; }
  const ReplicaKey* find_voter(NodeId id) const;
  Duration random_election_timeout();

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
  // Takes over what any message says about epoch and leader. False when the message is of an older epoch.
  bool learn(LeaderEpoch epoch, NodeId leader, Time now);

  bool may_grant(const VoteRequest& request) const;
  void count_vote(NodeId from, bool granted, Time now);
  void send_votes(bool pre_vote);
  void update_high_watermark(Time now);
  void raise_high_watermark(Offset offset);
  void announce_epoch(Time now);
  void note_voter_fetch(NodeId voter, Time now);
  void poll_follower(Time now);
  void poll_leader(Time now);
  void fetch_from(NodeId node, Time now);
  void forget_old_observers(Time now);
  void fetch(Time now);
  void truncate_for(const OffsetAndEpoch& diverging, Time now);
  Replica* replica_of(const ReplicaKey& key);
  RaftError check_leader(LeaderEpoch epoch) const;

  const Settings settings_;
  const LogView& log_;
  QuorumState state_;
  Random random_;
  const bool is_voter_;
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
  bool fetched_from_leader_ = false;
  Offset leader_high_watermark_ = 0;
  std::optional<SnapshotFetch> snapshot_;
  // Leader.
  bool ready_ = false;
  Offset epoch_start_ = 0;
  Time quorum_deadline_{};
  std::set<NodeId> fetched_voters_;   // since the quorum deadline was last moved
  std::map<NodeId, Replica> voters_;  // without this replica
  std::map<ReplicaKey, Replica> observers_;
};

}  // namespace moldau::raft
