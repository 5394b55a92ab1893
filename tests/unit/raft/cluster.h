// An in-memory cluster of Raft replicas: every message, flush, crash and clock is picked by one seed, and the
// invariants of reliability.md 3.1 are checked after each event.
#pragma once

#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "raft/raft.h"

namespace moldau::raft::testing {

struct Entry {
  LeaderEpoch epoch = 0;
  std::uint64_t value = 0;  // 0: leader change
  friend bool operator==(const Entry&, const Entry&) = default;
};

// A log in memory: what is flushed survives a crash, of the rest any prefix.
class MemoryLog final : public LogView {
 public:
  OffsetAndEpoch end() const override;
  OffsetAndEpoch start() const override { return start_; }
  OffsetAndEpoch end_of_epoch(LeaderEpoch epoch) const override;
  std::optional<OffsetAndEpoch> latest_snapshot() const override { return snapshot_; }

  void append(Entry entry) { entries_.push_back(entry); }
  void truncate(Offset offset);
  void flush() { flushed_ = end().offset; }
  Offset flushed() const { return flushed_; }
  void crash(Random& random);
  const Entry& at(Offset offset) const {
    return entries_.at(static_cast<std::size_t>(offset - start_.offset));
  }
  LeaderEpoch epoch_before(Offset offset) const {
    return offset == start_.offset ? start_.epoch : at(offset - 1).epoch;
  }
  // Takes a snapshot of all below `offset` and forgets a prefix of what it covers.
  void take_snapshot(Offset offset, Random& random);
  void install_snapshot(OffsetAndEpoch id);

 private:
  std::vector<Entry> entries_;
  OffsetAndEpoch start_;
  Offset flushed_ = 0;
  std::optional<OffsetAndEpoch> snapshot_;
};

struct Faults {
  double drop = 0;
  double duplicate = 0;
  double crash = 0;      // per step
  double partition = 0;  // per step
  Duration max_delay = std::chrono::milliseconds(30);
};

class Cluster {
 public:
  Cluster(int voters, int observers, std::uint64_t seed, Faults faults);

  // One event: delivers, flushes, ticks, crashes, writes.
  void step();
  void run(int steps) {
    for (int i = 0; i < steps && !::testing::Test::HasFailure(); ++i) step();
  }
  // Ends all faults, restarts everybody and runs until all logs are alike; false when that takes too long.
  bool converge();

  NodeId leader() const;  // the ready leader of the highest epoch; kNoNode
  std::size_t committed_count() const { return committed_.size(); }
  LeaderEpoch max_epoch() const;
  void isolate(NodeId node) { isolated_.insert(node); }
  void heal() { isolated_.clear(); }
  void crash(NodeId node);
  void restart(NodeId node);
  void stop_faults() { faults_ = Faults{}; }
  bool write(NodeId node);
  Raft& raft(NodeId node) { return *nodes_.at(node).raft; }
  MemoryLog& log(NodeId node) { return nodes_.at(node).log; }
  Time now() const { return now_; }
  void run_for(Duration duration);
  std::string describe() const;

 private:
  struct Node {
    ReplicaKey key;
    MemoryLog log;
    QuorumState stored;
    QuorumState durable_max;
    Offset snapshot_committed = 0;
    Offset high_watermark = 0;  // of this life
    std::optional<OffsetAndEpoch> incoming_snapshot;
    std::unique_ptr<Raft> raft;  // null while down
    std::optional<Time> flush_at;
  };
  struct Message {
    NodeId from;
    NodeId to;
    Request request;
    std::optional<Response> response;
  };

  void carry_out(NodeId id);
  void deliver(Message message);
  void post(Message message);
  Response answer(NodeId id, const Request& request);
  void fill(NodeId id, const FetchRequest& request, FetchResponse& response);
  void check(NodeId id);
  void commit(NodeId id, Offset offset);
  bool next_event(bool bounded, Time until);
  Duration delay() {
    return Duration(1 + random_.below(static_cast<std::uint64_t>(faults_.max_delay.count())));
  }

  Random random_;
  Faults faults_;
  Time now_{1};
  std::map<NodeId, Node> nodes_;
  std::vector<ReplicaKey> voters_;
  std::multimap<Time, Message> network_;
  std::set<NodeId> isolated_;
  std::uint64_t next_value_ = 1;
  // What must hold for ever.
  std::map<LeaderEpoch, NodeId> leaders_;
  std::map<Offset, Entry> committed_;
  std::map<std::pair<NodeId, LeaderEpoch>, ReplicaKey> votes_;
};

}  // namespace moldau::raft::testing
