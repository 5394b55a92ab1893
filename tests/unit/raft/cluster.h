// An in-memory cluster of Raft replicas: every message, flush, crash and clock is picked by one seed, and the
// invariants of reliability.md 3.1 are checked after each event. With static voters, or with dynamic ones
// that come and go.
#pragma once

#include <gtest/gtest.h>

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "raft/raft.h"
#include "unit/raft/memory_log.h"

namespace moldau::raft::testing {

struct Faults {
  double drop = 0;
  double duplicate = 0;
  double crash = 0;      // per step
  double refusal = 0;    // of a request to a node that is down: its sender hears that nobody listens there
  double partition = 0;  // per step
  double change = 0;     // of the voters, per step
  double wipe = 0;       // of a disk, per step
  Duration max_delay = std::chrono::milliseconds(30);
  Offset fetch_entries = 0;  // that an answer has at most; 0: one to four
};

// One deliberate fault each, to prove that the checks can see (reliability.md, appendix D).
enum class Mutant : std::uint8_t {
  none,
  vote_not_persisted,
  vote_for_shorter_log,
  old_entry_committed,
  leader_never_resigns,
  ack_before_fsync,
  wiped_voter_counted,
  two_changes_at_once,
  truncation_below_commit,
};
std::string_view name_of(Mutant mutant);

struct Shape {
  int voters = 3;
  int observers = 0;
  bool dynamic = false;  // kraft.version 1; observers know the voters as bootstrap servers only
};

class Cluster {
 public:
  Cluster(Shape shape, std::uint64_t seed, Faults faults, Mutant mutant = Mutant::none);

  // One event: delivers, flushes, ticks, crashes, writes, changes voters.
  void step();
  void run(int steps) {
    for (int i = 0; i < steps && !failed(); ++i) step();
  }
  // Ends all faults, restarts everybody and runs until all logs are alike; false when that takes too long.
  bool converge();
  void run_for(Duration duration);

  // --- what was found. Nothing is checked after the first violation.
  bool failed() const { return !violation_.empty(); }
  const std::string& violation() const { return violation_; }

  // --- the world
  void isolate(NodeId node) { isolated_.insert(node); }
  void heal() { isolated_.clear(); }
  void crash(NodeId node);
  void restart(NodeId node);
  // Crashes the node for good: what restarts under its id has an empty disk and another directory.
  void wipe(NodeId node);
  void stop_faults() { faults_ = Faults{.max_delay = faults_.max_delay}; }
  // The log and vote that a node begins with: entries of these epochs, durable. REQUIRES: it is down.
  void preset(NodeId node, const std::vector<LeaderEpoch>& epochs, QuorumState state);
  void take_snapshot(NodeId node, bool cut);
  void forget_network() { network_.clear(); }
  void time_out(NodeId node);  // its patience with its leader, or with the election, ends now
  Time now() const { return now_; }
  // Told of role changes, commits, truncations …; and of messages, if so wished.
  std::function<void(const std::string&)> trace;
  bool trace_messages = false;

  // --- its nodes
  NodeId leader() const;  // the ready leader of the highest epoch; kNoNode
  bool write(NodeId node);
  VoterChangeId add_voter(NodeId at, NodeId voter);
  VoterChangeId remove_voter(NodeId at, ReplicaKey voter);
  const std::map<VoterChangeId, VoterChangeResponse>& outcomes(NodeId node) const {
    return nodes_.at(node).outcomes;
  }
  std::vector<NodeId> ids() const;
  bool is_up(NodeId node) const { return nodes_.at(node).raft != nullptr; }
  Raft& raft(NodeId node) { return *nodes_.at(node).raft; }
  const ReplicaKey& key(NodeId node) const { return nodes_.at(node).key; }
  MemoryLog& log(NodeId node) { return nodes_.at(node).log; }
  const QuorumState& stored(NodeId node) const { return nodes_.at(node).stored; }
  void carry_out(NodeId id);  // what was done to raft() from outside
  std::size_t committed_count() const { return committed_.size(); }
  LeaderEpoch max_epoch() const;
  std::string describe() const;

 private:
  struct Message {
    NodeId from;
    NodeId to;
    NodeId asked;  // as the sender knows the receiver
    Request request;
    std::optional<Response> response;
    bool refused = false;
  };
  struct Held {
    Message fetch;
    Time until;
  };
  struct Node {
    ReplicaKey key;
    MemoryLog log;
    Configuration initial;
    QuorumState stored;
    Offset snapshot_committed = 0;
    Offset high_watermark = 0;  // of this life
    std::optional<OffsetAndEpoch> incoming_snapshot;
    std::unique_ptr<Raft> raft;  // null while down
    std::optional<Time> flush_at;
    std::vector<Held> held;
    std::map<VoterChangeId, VoterChangeResponse> outcomes;
    Role last_role = Role::unattached;
    Time led_since{};
    std::map<NodeId, Time> fetched;  // from it, by whom and when
  };

  bool violated(NodeId id, const std::string& what);
  void note(NodeId id, const std::string& what);
  Voter voter(NodeId id) const;

  // Effects.
  void run_effects(NodeId id);
  void carry_out_one(NodeId id, Effect& effect);
  void persist(NodeId id, const QuorumState& state);
  void open_epoch(NodeId id, const AppendLeaderChange& opening);
  void append(NodeId id, Entry entry);
  void append_voters(NodeId id, const VoterSet& voters);
  void truncate(NodeId id, Offset offset);
  void install(NodeId id, OffsetAndEpoch snapshot);

  // Messages.
  void deliver(Message message);
  void post(Message message);
  void answer(NodeId id, Message message);
  void answer_held(NodeId id);
  bool has_news(NodeId id, const FetchRequest& request, const FetchResponse& response) const;
  FetchSnapshotResponse snapshot_answer(NodeId id, const FetchSnapshotRequest& request);
  void fill(NodeId id, const FetchRequest& request, FetchResponse& response);
  void receive_response(NodeId id, const Message& message);

  // Checks.
  void check(NodeId id);
  void check_vote(const ReplicaKey& voter, LeaderEpoch epoch, const ReplicaKey& candidate);
  void check_entry(NodeId id, Offset offset);
  bool has_been_durable(const ReplicaKey& key, Offset offset, const Entry& entry) const;
  void check_quorum(NodeId id);
  void commit(NodeId id, Offset offset);

  void change_voters();
  bool may_wipe(NodeId id);
  bool next_event(bool bounded, Time until);
  Duration delay() {
    return Duration(1 + random_.below(static_cast<std::uint64_t>(faults_.max_delay.count())));
  }

  Random random_;
  Faults faults_;
  const Shape shape_;
  const Mutant mutant_;
  Time now_{1};
  std::map<NodeId, Node> nodes_;
  std::multimap<Time, Message> network_;
  std::set<NodeId> isolated_;
  std::uint64_t next_value_ = 1;
  std::vector<VoterSet> voter_sets_;  // of VOTERS records
  std::map<std::pair<Offset, LeaderEpoch>, Configuration> snapshots_;
  // What must hold for ever.
  std::string violation_;
  std::map<LeaderEpoch, NodeId> leaders_;
  std::map<Offset, Entry> committed_;
  std::map<std::pair<Offset, LeaderEpoch>, std::pair<Entry, LeaderEpoch>> written_;  // and the epoch before
  std::map<std::pair<ReplicaKey, LeaderEpoch>, ReplicaKey> votes_;
  std::map<ReplicaKey, MemoryLog> lost_logs_;  // of disks that were wiped
  VoterSet committed_voters_;
};

}  // namespace moldau::raft::testing
