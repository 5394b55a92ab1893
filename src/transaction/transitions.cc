#include "transaction/transitions.h"

#include <limits>

#include "base/assert.h"

namespace moldau::transaction {
namespace {

constexpr ProducerEpoch kLastEpoch = std::numeric_limits<ProducerEpoch>::max();

// Nothing is under way under the id.
Transaction emptied(const Transaction& from, std::int32_t timeout_ms, TimestampMs now_ms) {
  Transaction next = from;
  next.previous_producer_id = from.producer_id;
  next.next_producer_id = kNoProducerId;
  next.timeout_ms = timeout_ms;
  next.state = State::empty;
  next.partitions.clear();
  next.start_ms = kNoTimestamp;
  next.last_update_ms = now_ms;
  return next;
}

}  // namespace

Transaction bumped(const Transaction& from, std::int32_t timeout_ms, bool keeps_last, TimestampMs now_ms) {
  MOLDAU_ASSERT(!is_exhausted(from.epoch));
  Transaction next = emptied(from, timeout_ms, now_ms);
  next.epoch = static_cast<ProducerEpoch>(from.epoch + 1);
  next.last_epoch = keeps_last ? from.epoch : kNoProducerEpoch;
  return next;
}

Transaction rotated(const Transaction& from, ProducerId fresh, std::int32_t timeout_ms, bool keeps_last,
                    TimestampMs now_ms) {
  Transaction next = emptied(from, timeout_ms, now_ms);
  next.producer_id = fresh;
  next.epoch = 0;
  next.last_epoch = keeps_last ? from.epoch : kNoProducerEpoch;
  return next;
}

Transaction initialised_again(const Transaction& from, std::int32_t timeout_ms, TimestampMs now_ms) {
  Transaction next = emptied(from, timeout_ms, now_ms);
  next.previous_producer_id = from.previous_producer_id;
  return next;
}

Transaction with_partitions(const Transaction& from, const std::set<TopicPartition>& added,
                            TransactionVersion client_version, TimestampMs now_ms) {
  Transaction next = from;
  if (from.state != State::ongoing) {
    next.start_ms = now_ms;
    next.partitions.clear();
  }
  next.previous_producer_id = from.producer_id;
  next.state = State::ongoing;
  next.partitions.insert(added.begin(), added.end());
  next.last_update_ms = now_ms;
  next.client_version = client_version;
  return next;
}

Transaction prepared(const Transaction& from, const Decision& decision, TimestampMs now_ms) {
  Transaction next = from;
  const bool bumps = decision.client_version >= kEpochBumpFrom;
  if (bumps || decision.fences) {
    // The last one that there is only fences: nobody produces in it. There is none above it, whoever wrote it
    // into the log.
    next.epoch = from.epoch < kLastEpoch ? static_cast<ProducerEpoch>(from.epoch + 1) : from.epoch;
    next.last_epoch = decision.fences ? kNoProducerEpoch : from.epoch;
  }
  next.previous_producer_id = from.producer_id;
  next.next_producer_id = kNoProducerId;
  if (bumps && is_exhausted(from.epoch)) {
    MOLDAU_ASSERT(decision.fresh.has_value(), "whose epochs are used up needs another id");
    next.next_producer_id = *decision.fresh;
  }
  // A client of version 2 may abort before it has begun anything.
  if (from.state != State::ongoing) {
    next.start_ms = now_ms;
    next.partitions.clear();
  }
  next.state = decision.state;
  next.last_update_ms = now_ms;
  next.client_version = decision.client_version;
  return next;
}

Successor successor_of(const Transaction& prepared) {
  if (prepared.next_producer_id != kNoProducerId) return {prepared.next_producer_id, 0};
  return {prepared.producer_id, prepared.epoch};
}

Transaction completed(const Transaction& from, TimestampMs now_ms) {
  MOLDAU_ASSERT(is_prepared(from.state));
  Transaction next = from;
  const Successor successor = successor_of(from);
  next.previous_producer_id = from.producer_id;
  next.producer_id = successor.id;
  next.epoch = successor.epoch;
  next.next_producer_id = kNoProducerId;
  next.state = from.state == State::prepare_commit ? State::complete_commit : State::complete_abort;
  next.partitions.clear();
  next.last_update_ms = now_ms;
  return next;
}

}  // namespace moldau::transaction
