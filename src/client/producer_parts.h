// The inside of ProducerCore: batches, partitions, topics and brokers as the producer sees them.
#pragma once

#include <deque>
#include <memory>
#include <string>
#include <vector>

#include "client/producer.h"

namespace moldau::client {

struct ProducerCore::Batch {
  struct Ack {
    std::int32_t index;  // of the record in the batch
    TimestampMs timestamp;
    DeliveryCallback callback;
  };

  Batch(std::uint64_t created_as, MonotonicTime at, Partition& of, record::BatchFields fields,
        std::size_t reserve)
      : number(created_as), created(at), partition(of), builder(std::move(fields), reserve) {}

  bool has_sequence() const { return base_sequence != kNoSequence; }
  bool is_sealed() const { return !bytes.empty(); }

  std::uint64_t number;
  MonotonicTime created;
  MonotonicTime not_before{};  // of the next try
  Partition& partition;
  record::BatchBuilder builder;  // spent once sealed
  Slice bytes;                   // the finished batch, empty before
  std::int32_t record_count = 0;
  std::size_t memory = 0;
  std::size_t uncompressed = 0;  // bytes, once sealed; and since when it is
  MonotonicTime sealed_at{};
  Sequence base_sequence = kNoSequence;
  unsigned tries = 0;
  bool full = false;
  Failure last_failure;
  std::vector<Ack> acks;
};

struct ProducerCore::Partition {
  Partition(Topic& of, PartitionIndex at) : topic(of), index(at) {}

  Topic& topic;
  PartitionIndex index;
  NodeId leader = kNoNode;
  std::deque<BatchPtr> queue;        // ascending by number
  std::vector<const Batch*> flying;  // ascending by number unless retried
  bool active = false;

  ProducerId producer_id = kNoProducerId;
  ProducerEpoch producer_epoch = kNoProducerEpoch;
  Sequence next_sequence = 0;
  // The leader has a batch of this producer. Before, it would take any sequence (kafka-protocol.md 3.3), so a
  // second batch could overtake a refused first one.
  bool established = false;
  // The broker misses something before the lowest batch: a new epoch begins once nothing is under way.
  bool gap = false;
  // A batch with a sequence was given up: the next new one needs a new epoch.
  bool unresolved = false;
};

struct ProducerCore::Topic {
  std::string name;
  TopicId id;
  std::vector<std::unique_ptr<Partition>> partitions;  // by index; empty until known
  std::size_t sticky = 0;
  std::size_t sticky_bytes = 0;
  bool sticky_chosen = false;
  bool asking = false;
};

struct ProducerCore::Node {
  explicit Node(NodeId of) : id(of) {}
  NodeId id;
  unsigned in_flight = 0;
  bool opening = false;
  std::vector<Partition*> ready;  // filled and emptied by one pass
  std::size_t first = 0;          // where the next request begins to fill up: no partition starves
};

struct ProducerCore::Waiting {
  Waiting(runtime::Executor& executor, const NewRecord& of, std::size_t size, DeliveryCallback with)
      : record(of), size_bytes(size), callback(std::move(with)), done(executor) {}
  void finish(Outcome<void> with) {
    outcome = std::move(with);
    done.fire();
  }
  NewRecord record;
  std::size_t size_bytes;
  DeliveryCallback callback;
  Outcome<void> outcome;
  runtime::OneShot done;
};

// What a broker said of one batch.
struct ProducerCore::Answer {
  std::optional<Failure> failure;
  Offset base_offset = kNoOffset;
  TimestampMs log_append_time = kNoTimestamp;
};

}  // namespace moldau::client
