// IsrTracker: what a leader knows of its followers, and what follows from it: how far the high watermark may
// go, who may join the in-sync replicas and who must leave them (kafka-protocol.md 6.4; KIP-497, 841, 903,
// 966). Pure: time and the cluster's image are arguments.
//
// The leader counts on the *maximal* ISR: the committed one and whoever it has asked the controller to add.
// The controller may have added them already, and then may choose a leader among them. Whom it has asked to
// take out still counts, until the controller has said so.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "metadata/image.h"
#include "replication/rules.h"
#include "runtime/time.h"

namespace moldau::replication {

// What a follower's fetch says of its replica.
struct FollowerReport {
  Offset offset = kNoOffset;     // it has everything below, as durable as the topic asks for
  Offset log_start = kNoOffset;  // of its log
  metadata::BrokerEpoch broker_epoch = metadata::kNoBrokerEpoch;  // of its process
};

struct IsrMember {
  NodeId id = kNoNode;
  metadata::BrokerEpoch broker_epoch = metadata::kNoBrokerEpoch;
  friend bool operator==(const IsrMember&, const IsrMember&) = default;
};

class IsrTracker {
 public:
  struct Follower {
    NodeId id = kNoNode;
    FollowerReport report;  // offset kNoOffset: it has not fetched in this leader epoch
    std::optional<runtime::MonotonicTime> caught_up_at;  // when it last had all that there was
    runtime::MonotonicTime fetched_at{};
    Offset leader_end_at_fetch = kNoOffset;
  };
  struct Rules {
    std::int32_t min_insync_replicas = 1;
    runtime::Duration lag_max = std::chrono::seconds(30);  // replica.lag.time.max.ms
    replication::Rules kept = {};
  };

  explicit IsrTracker(NodeId self) : self_(self) {}

  // A leader epoch begins: nobody has fetched in it. Members of the ISR have lag_max to show themselves.
  // `epoch_start`: where the log ended.
  void begin_epoch(const metadata::Partition& state, Offset epoch_start, runtime::MonotonicTime now);
  // A later state of the same leader epoch. What was asked for is settled by it.
  void update(const metadata::Partition& state, runtime::MonotonicTime now);

  // A follower has fetched; `leader_end` is the end of the leader's log. False when it is no replica.
  bool note_fetch(NodeId replica, const FollowerReport& report, Offset leader_end,
                  runtime::MonotonicTime now);
  // How far the leader's own log is durable.
  void set_durable_end(Offset offset) { durable_end_ = offset; }
  Offset durable_end() const { return durable_end_; }

  // How far the high watermark may be, which was at `current`: everybody in the maximal ISR has what is
  // below, and who is about to join. It stands still while the ISR is smaller than min.insync.replicas asks
  // for (KIP-966's strict rule).
  Offset high_watermark(Offset current, const Rules& rules, const metadata::Image& image,
                        runtime::MonotonicTime now) const;
  // min.insync.replicas, or the number of replicas when that is less.
  std::size_t required(const Rules& rules) const;
  bool enough(const Rules& rules) const { return isr_.size() >= required(rules); }

  // Whether the ISR is to be asked for with this follower in it: it has reached the high watermark and the
  // epoch's start, fetched in this epoch, and metadata has nothing against the process that did.
  bool may_join(NodeId replica, Offset high_watermark, const Rules& rules,
                const metadata::Image& image) const;
  // Members of the ISR that have not had everything for longer than lag_max.
  std::vector<NodeId> laggards(Offset leader_end, const Rules& rules, runtime::MonotonicTime now) const;

  // Whether the in-sync replicas are enough, and all of them, with who may have joined them, have fetched
  // lately. Then no other leader has been elected that they would know of.
  bool is_followed(const Rules& rules, runtime::Duration within, runtime::MonotonicTime now) const;

  const std::vector<NodeId>& replicas() const { return replicas_; }
  const std::vector<NodeId>& isr() const { return isr_; }
  std::vector<NodeId> maximal_isr() const;
  bool in_maximal_isr(NodeId replica) const;
  std::size_t maximal_size() const { return isr_.size() + (joining_ == kNoNode ? 0 : 1); }
  // Null when it is no replica; the leader itself is none.
  const Follower* follower(NodeId id) const;
  const std::vector<Follower>& followers() const { return followers_; }
  Offset epoch_start() const { return epoch_start_; }
  // The smallest log start among the replicas whose brokers are alive, the leader's being `own`.
  Offset low_watermark(Offset own, const metadata::Image& image) const;

  // --- what is asked of the controller, one thing at a time
  void ask_to_add(NodeId replica);
  void ask_to_remove(std::vector<NodeId> replicas);
  bool asking() const { return joining_ != kNoNode || !leaving_.empty(); }
  // The ISR that is asked for, with the epochs of the processes that fetched; self's is `own_epoch`.
  std::vector<IsrMember> asked_isr(metadata::BrokerEpoch own_epoch) const;
  // The controller has refused for certain: as if nothing had been asked.
  void withdraw();

 private:
  Follower* find(NodeId id);
  void assign(const metadata::Partition& state, runtime::MonotonicTime now);
  bool caught_up(const Follower& follower, Offset leader_end, runtime::Duration lag_max,
                 runtime::MonotonicTime now) const;

  NodeId self_;
  std::vector<NodeId> replicas_;
  std::vector<NodeId> isr_;  // committed
  std::vector<Follower> followers_;
  Offset durable_end_ = 0;
  Offset epoch_start_ = 0;
  NodeId joining_ = kNoNode;
  std::vector<NodeId> leaving_;
};

// Whether metadata lets a broker be in sync: it is registered and unfenced, it does not shut down, and its
// process is the one that fetched (KIP-841, KIP-903). `fetched_as` kNoBrokerEpoch: it did not say.
bool may_be_in_sync(const metadata::Image& image, NodeId broker, metadata::BrokerEpoch fetched_as);

}  // namespace moldau::replication
