// The records of __transaction_state: the state of each transactional id, in Kafka's format
// (kafka-protocol.md 4.2 and B.4), so that Kafka's coordinators and tools read what is written here, and the
// other way round. A key is an int16 record type and its body, a value an int16 version and its body; a null
// value deletes. Pure.
#pragma once

#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/ids.h"
#include "base/result.h"

namespace moldau::transaction {

// Kafka's numbers and names. A coordinator goes through PrepareEpochFence and Dead within one event: they are
// in no record, and only known as what a filter may ask for.
enum class State : std::int8_t {
  empty = 0,
  ongoing = 1,
  prepare_commit = 2,
  prepare_abort = 3,
  complete_commit = 4,
  complete_abort = 5,
  dead = 6,
  prepare_epoch_fence = 7,
};
std::string_view name_of(State state);
std::optional<State> state_named(std::string_view name);
inline bool is_prepared(State state) {
  return state == State::prepare_commit || state == State::prepare_abort;
}
// No transaction has begun since the id was initialised, or the last one ended.
inline bool is_idle(State state) {
  return state == State::empty || state == State::complete_commit || state == State::complete_abort;
}

// Transaction versions (KIP-890): 0 without tagged fields in the log, 1 with them, 2 with an epoch for each
// transaction.
using TransactionVersion = std::int16_t;
inline constexpr TransactionVersion kFlexibleRecordsFrom = 1;
inline constexpr TransactionVersion kEpochBumpFrom = 2;

struct Transaction {
  ProducerId producer_id = kNoProducerId;
  ProducerId previous_producer_id = kNoProducerId;
  ProducerId next_producer_id = kNoProducerId;  // while it is prepared, when its epochs are used up
  ProducerEpoch epoch = kNoProducerEpoch;
  // The one that InitProducerId bumped for a producer that named it, whose retry is known by it. In no
  // record, as with Kafka: a retry to another coordinator is fenced.
  ProducerEpoch last_epoch = kNoProducerEpoch;
  std::int32_t timeout_ms = 0;
  State state = State::empty;
  std::set<TopicPartition> partitions;
  TimestampMs start_ms = kNoTimestamp;
  TimestampMs last_update_ms = kNoTimestamp;
  TransactionVersion client_version = 0;  // of the producer that began it, or ended it
  friend bool operator==(const Transaction&, const Transaction&) = default;
};

struct Record {
  std::string transactional_id;
  std::optional<Transaction> value;
  friend bool operator==(const Record&, const Record&) = default;
};
using Records = std::vector<Record>;

struct EncodedRecord {
  Slice key;
  std::optional<Slice> value;
};
// In the form that the cluster's transaction.version allows.
EncodedRecord encode(const Record& record, TransactionVersion version);

// Owns all that it holds. Nothing for record types and versions that are not known here: they are skipped, as
// by Kafka. Errc::corrupt, Errc::truncated: not the form of its type and version.
Result<std::optional<Record>> decode(const Slice& key, const std::optional<Slice>& value);

}  // namespace moldau::transaction
