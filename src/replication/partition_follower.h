// PartitionFollower: a partition while another broker leads it, or none: takes what the leader answers to
// fetches, and cuts its log where the two have gone apart, by epochs alone, never by the high watermark
// (KIP-101, 279, 320). Who fetches for it is ReplicaFetcher. Lives on the shard of its log.
//
// It fetches from where its log is durable, as the topic's durability has it: the leader takes that offset
// for what this replica will still have after a power failure. What lies beyond comes from an earlier leader,
// or from the time when this was the leader. The leader has not compared it, and it is cut off before
// anything is appended.
//
// A damaged batch in its own log is healed from the leader: the log is emptied, and fetched anew. That
// takes back what the in-sync replicas have promised, so it waits until the controller has put this replica
// into the lost directory. What this broker knows of the ISR is not enough: it may have joined since. Until
// then it does not fetch.
#pragma once

#include <memory>
#include <optional>

#include "replication/partition_context.h"
#include "replication/partition_error.h"
#include "storage/log.h"
#include "wire/messages/fetch.h"

namespace moldau::replication {

using FetchedPartition = wire::FetchResponse::TopicResponse::PartitionResponse;

// Where a follower's next fetch begins.
struct FollowerPosition {
  LeaderEpoch leader_epoch = kNoEpoch;
  Offset offset = 0;
  LeaderEpoch last_fetched_epoch = kNoEpoch;
  Offset log_start = 0;
  Offset high_watermark = 0;
};

// What became of an answer.
enum class Taken : std::uint8_t {
  went_on,     // fetch again at once
  try_later,   // the leader, or this replica, cannot just now
  superseded,  // it was for another epoch, or another leader: forgotten
};

class PartitionFollower {
 public:
  PartitionFollower(storage::Log& log, const PartitionContext& context, Offset high_watermark);

  // A state that the fence has admitted.
  void follow(const metadata::Partition& state);
  // Leadership begins, or the partition goes: ends when nothing of this changes the log any more.
  runtime::Task<void> stop();
  // The same without waiting, for who may not wait: answers under way come to nothing.
  void abandon();

  NodeId leader() const { return state_.leader; }
  LeaderEpoch leader_epoch() const { return state_.leader_epoch; }
  bool is_in_sync() const;
  // How far consumers may read here: what this replica knows of the leader's, at most its own end.
  runtime::Watermark& high_watermark() { return high_watermark_; }

  // Empty: it is not to be fetched, for there is no leader, damage waits to be healed, or there is no room.
  std::optional<FollowerPosition> position() const;
  // The leader's answer to a fetch from `asked`. What it appends is durable when the log's durable end comes
  // to its end.
  runtime::Task<Taken> take(FetchedPartition answer, FollowerPosition asked, TimestampMs now_ms);

  // A batch at or after `from` is damaged.
  void note_damage(Offset from);
  // In the lost directory, and not emptied since.
  bool is_to_heal() const;
  // An answer is being taken in, or the log is being emptied: what it holds now may be on its way out.
  bool is_changing() const { return changing_.entered() > 0; }
  bool damaged() const { return damaged_from_.has_value(); }
  const std::optional<Offset>& damaged_from() const { return damaged_from_; }
  // Empties the log of a lost replica, if that may be now. True when it was done.
  runtime::Task<bool> heal();

 private:
  bool is_of_use(LeaderEpoch fetched_in) const { return !stopped_ && fetched_in == state_.leader_epoch; }
  // What nobody counts on may be given up.
  bool is_counted_on() const;
  runtime::Task<bool> start_with(const Slice& batches);
  runtime::Task<Taken> append(const SliceList& batches, LeaderEpoch fetched_in, TimestampMs now_ms);
  runtime::Task<Taken> truncate_by_epoch(storage::LeaderEpochCache::EpochEnd leaders);
  runtime::Task<Taken> start_over(Offset leader_start);
  runtime::Task<Taken> cut(Offset offset);
  runtime::Task<Taken> cut_uncompared(Offset compared);
  void learn(const FetchedPartition& answer);
  void ask_to_be_lost();

  storage::Log& log_;
  const PartitionContext& context_;
  metadata::Partition state_;
  runtime::Watermark high_watermark_;
  std::optional<Offset> damaged_from_;
  bool healing_ = false;
  bool healed_ = false;     // since it was lost
  runtime::Gate changing_;  // the log
  bool stopped_ = false;
  LeaderEpoch begun_in_ = kNoEpoch;  // the leader of this epoch has been heard
};

}  // namespace moldau::replication
