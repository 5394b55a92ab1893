// RefusedBatches: whose batch was refused for a reason that passes (the ISR is too small, the disk is full,
// this broker does not lead yet), so that what its producer has sent behind it is refused like it.
//
// An idempotent producer has several batches under way. When the first is refused and the next one is
// appended or, as it is out of sequence, answered by OUT_OF_ORDER_SEQUENCE_NUMBER, the producer takes it for
// a loss: librdkafka begins a new epoch, for all partitions, and sends again in it whatever it has no answer
// for; what was there already is there twice then. Or it gives up, where the first was refused by who was
// just about to lead. So all of them get the first one's answer, and come again in their order.
//
// Pure: time, and what the log knows, are arguments. Belongs to one replica of one partition.
#pragma once

#include <optional>
#include <unordered_map>

#include "record/batch.h"
#include "runtime/time.h"
#include "wire/error_code.h"

namespace moldau::replication {

class RefusedBatches {
 public:
  // A producer that has not come again by then has given the batch up: delivery.timeout.ms of Kafka's.
  static constexpr runtime::Duration kRemembered = std::chrono::seconds(120);
  static constexpr std::size_t kMostProducers = 1'000;

  // `expected`, here and below: the sequence that comes next from the batch's producer by what the log holds,
  // which may have come by another leader; empty: it holds nothing of this epoch.

  // This batch was refused with a code that its producer retries.
  void note(const record::HeaderView& batch, wire::ErrorCode code, std::optional<Sequence> expected,
            runtime::MonotonicTime now);
  // What this batch is answered in place of being appended; empty: nothing is in its way.
  std::optional<wire::ErrorCode> answer_to(const record::HeaderView& batch, std::optional<Sequence> expected,
                                           runtime::MonotonicTime now) const;
  // This batch is in the log.
  void forget(const record::HeaderView& batch);

  bool empty() const { return refused_.empty(); }
  std::size_t size() const { return refused_.size(); }

 private:
  struct Refused {
    ProducerEpoch epoch = kNoProducerEpoch;
    Sequence sequence = kNoSequence;  // of the first batch that is missing
    wire::ErrorCode code = wire::ErrorCode::none;
    runtime::MonotonicTime at{};
  };
  std::unordered_map<ProducerId, Refused> refused_;
};

}  // namespace moldau::replication
