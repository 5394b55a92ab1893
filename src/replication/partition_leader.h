// PartitionLeader: a partition while this broker leads it: appends, the high watermark, the in-sync replicas.
// It begins with leadership and ends with it; a later leader epoch of the same leader is the same leadership.
// Lives on the shard of its log.
//
// The high watermark is the end of what every member of the maximal ISR has durably: the leader its durable
// end, a follower the offset that it fetches from. It begins where this replica last knew it, and until it
// has passed the start of the leader epoch nobody can say what the last leader had shown (KIP-207).
//
// A leader that finds a damaged batch in its log answers KAFKA_STORAGE_ERROR or CORRUPT_MESSAGE for it and
// gives up leadership, when others are in sync: it asks the controller, by AlterPartition, for the ISR
// without itself, and the controller chooses another leader. Alone in the ISR it goes on with what can be
// read.
#pragma once

#include <memory>
#include <optional>
#include <string_view>

#include "replication/epoch_fence.h"
#include "replication/isr_tracker.h"
#include "replication/partition_context.h"
#include "replication/transaction_guards.h"
#include "storage/log.h"
#include "wire/messages/alter_partition.h"

namespace moldau::replication {

struct ProduceRules {
  std::int16_t acks = -1;     // 0, 1, -1
  std::int16_t version = 13;  // of the Produce request
  storage::AppendOrigin origin = storage::AppendOrigin::client;
  std::int16_t transaction_version = 0;  // of a marker
  // A batch that begins a transaction is refused without a guard of this partition.
  bool wants_guard = false;
  TransactionGuard guard = kNoGuard;
};

// What a leader asks of the controller.
struct IsrQuestion {
  LeaderEpoch leader_epoch = kNoEpoch;
  std::int32_t partition_epoch = -1;
  std::vector<IsrMember> isr;
  friend bool operator==(const IsrQuestion&, const IsrQuestion&) = default;
};
using IsrAnswer = wire::AlterPartitionResponse::Topic::Partition;

class PartitionLeader {
 public:
  PartitionLeader(storage::Log& log, const PartitionContext& context, Offset high_watermark,
                  std::int32_t min_insync_replicas);

  // A state that the fence has admitted. A new leader epoch begins at the end of the log.
  void lead(const metadata::Partition& state);
  // No longer: whoever waits is to look again.
  void resign();

  // Records may be acknowledged up to here: acks=all, acks=1. Closed by resign() and when the device fails.
  runtime::Watermark& high_watermark() { return high_watermark_; }
  runtime::Watermark& durable_end() { return durable_end_; }
  // The log's durable end has moved, or is closed.
  void on_durable_end();

  PartitionResult<storage::AppendInfo> append(const Slice& records, const ProduceRules& rules,
                                              TimestampMs now_ms);
  // NOT_ENOUGH_REPLICAS when the ISR is too small for acks=all.
  PartitionResult<void> check_in_sync() const;
  bool enough_in_sync() const { return tracker_.enough(rules_); }

  // Whether another may lead by now, unknown to this broker: the controller has not answered its heartbeats
  // for a session's time, so that it is fenced, or will be, or others are to lead as it has no room, and its
  // own metadata log may have none either; and there are no in-sync followers whose fetches tell that it
  // leads all the same. What is produced here would be acknowledged by nobody, and what is read may be all
  // there ever is.
  bool may_be_replaced() const;
  // A follower fetches from an offset up to which its log agrees with this one. NOT_LEADER_OR_FOLLOWER when
  // it is none.
  PartitionResult<void> note_fetch(NodeId replica, const FollowerReport& report);
  // The time for who lags to leave the ISR.
  void scan();
  void set_min_insync_replicas(std::int32_t count);

  // Whether the high watermark is as high as the last leader's can have been.
  bool high_watermark_is_known() const { return high_watermark_.value() >= tracker_.epoch_start(); }
  // Where a consumer in this rack had better read from this offset; empty: here (KIP-392).
  std::optional<NodeId> preferred_read_replica(std::string_view rack, Offset from) const;
  // The smallest log start of all living replicas: what DeleteRecords answers.
  runtime::Watermark& low_watermark() { return low_watermark_; }
  void note_log_start();
  // A batch of the log, at or after `from`, is damaged.
  void note_damage(Offset from);
  const std::optional<Offset>& damaged_from() const { return damaged_from_; }

  // --- what is asked of the controller
  // Empty when there is nothing to ask, any more.
  std::optional<IsrQuestion> isr_question() const;
  // The controller's answer to `asked`, as long as the state is still the one it was asked in. The state that
  // follows from it, if one does and need not come by metadata; `again`: ask again later.
  struct Settled {
    std::optional<metadata::Partition> state;
    bool again = false;
  };
  Settled settle(const IsrQuestion& asked, const IsrAnswer& answer);
  // What was asked may have been heard, or may yet be.
  void note_unanswered() { unanswered_at_ = context_.executor.now(); }

  const metadata::Partition& state() const { return state_; }
  const IsrTracker& tracker() const { return tracker_; }

 private:
  void begin_epoch(const metadata::Partition& state);
  void update_high_watermark();
  void give_up();
  void ask();

  storage::Log& log_;
  const PartitionContext& context_;
  metadata::Partition state_;
  IsrTracker tracker_;
  IsrTracker::Rules rules_;
  runtime::Watermark high_watermark_;
  runtime::Watermark durable_end_;
  runtime::Watermark low_watermark_;
  std::optional<Offset> damaged_from_;
  std::optional<runtime::MonotonicTime> unanswered_at_;
};

}  // namespace moldau::replication
