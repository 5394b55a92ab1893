// StateLog: the log of a state machine that a coordinator hosts: one partition of an internal topic, for as
// long as this broker leads it without a break. Reads all of it, appends batches, and says when they are
// committed. Lives on the partition's shard.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <span>

#include "base/bytes.h"
#include "record/codec.h"
#include "replication/partition_set.h"
#include "runtime/executor.h"
#include "runtime/time.h"

namespace moldau::coordinator {

class StateLog {
 public:
  // REQUIRES: is_leading(partitions, key). `partitions` outlives this object.
  StateLog(replication::PartitionSet& partitions, TopicIdPartition key);

  // Whether this broker leads the partition.
  static bool is_leading(const replication::PartitionSet& partitions, const TopicIdPartition& key);
  // It has led since this object was made, and the log can be used. Once false it stays so.
  bool is_led() const { return partition() != nullptr; }
  // Of the partition as it is led now: what tells a coordinator from those before it.
  LeaderEpoch leader_epoch() const;

  struct Entry {
    Slice key;
    std::optional<Slice> value;
  };
  // Gives every record of the log to `visit`, in order, also what is not committed yet: it will be, or this
  // broker will lead no longer. Gives way after every `at_once` bytes. Batches of transactions, and of
  // control, are passed over. Errors: as Partition::fetch; not_leader_or_follower when the leadership has
  // ended.
  using Visit = std::function<void(Offset offset, const Slice& key, const std::optional<Slice>& value)>;
  runtime::Task<replication::PartitionResult<void>> read_all(runtime::Executor& executor, std::size_t at_once,
                                                             Visit visit);

  // The same of a log in which transactions are written, too: their records with their producer, and their
  // ends.
  struct TransactionVisit {
    Visit record;
    std::function<void(Offset offset, const Slice& key, const std::optional<Slice>& value,
                       ProducerId producer)>
        pending;
    std::function<void(Offset offset, ProducerId producer, bool committed)> end;
  };
  runtime::Task<replication::PartitionResult<void>> read_all(runtime::Executor& executor, std::size_t at_once,
                                                             TransactionVisit visit);

  // Whose transaction a batch belongs to.
  struct Producer {
    ProducerId id = kNoProducerId;
    ProducerEpoch epoch = kNoProducerEpoch;
    // Whether its coordinator has been asked about this partition, and with which guard.
    bool wants_guard = false;
    replication::TransactionGuard guard = replication::kNoGuard;
  };
  // As Partition::guard_for.
  replication::PartitionResult<replication::TransactionGuard> guard_for(ProducerId producer_id,
                                                                        ProducerEpoch epoch);
  // Appends the records as one batch and gives the offset of the first, without waiting. Errors: as
  // Partition::append.
  replication::PartitionResult<Offset> append(std::span<const Entry> entries, TimestampMs now_ms,
                                              record::Codec codec,
                                              const std::optional<Producer>& producer = {});
  // Appends the end of a transaction and gives its offset, likewise. Errors: as Partition::append_marker.
  replication::PartitionResult<Offset> append_marker(const record::EndTransaction& marker,
                                                     std::int16_t transaction_version, TimestampMs now_ms);
  // As many of the entries as a batch may hold, one at least.
  std::size_t fitting(std::span<const Entry> entries) const;
  // After an append was refused with PartitionError::passes.
  runtime::Task<void> wait_for_space(runtime::MonotonicTime deadline);

  // Whether all that ends at or below `end` is committed.
  bool is_committed(Offset end) const;
  // Until it is. Errors: as Partition::acknowledged.
  runtime::Task<replication::PartitionResult<void>> committed(Offset end, runtime::MonotonicTime deadline);

 private:
  std::shared_ptr<replication::Partition> partition() const;

  replication::PartitionSet& partitions_;
  const TopicIdPartition key_;
  const std::weak_ptr<replication::Partition> led_;
  const replication::Leadership leadership_;
  record::Codecs codecs_;
};

}  // namespace moldau::coordinator
