#include "transaction/record.h"

#include <algorithm>
#include <array>

#include "wire/messages/transaction_state.h"
#include "wire/reader.h"
#include "wire/writer.h"

namespace moldau::transaction {

using wire::ApiVersion;

namespace {

constexpr std::int16_t kKeyType = 0;
constexpr ApiVersion kKeyVersion = 0;

constexpr std::array<std::string_view, 8> kNames = {"Empty",        "Ongoing",          "PrepareCommit",
                                                    "PrepareAbort", "CompleteCommit",   "CompleteAbort",
                                                    "Dead",         "PrepareEpochFence"};

template <class Message>
Slice with_prefix(std::int16_t prefix, const Message& message, ApiVersion version) {
  wire::Writer out;
  out.number<std::int16_t>(prefix);
  message.encode(out, version);
  return std::move(out).finish_contiguous();
}

wire::TransactionLogValue value_of(const Transaction& transaction) {
  wire::TransactionLogValue value;
  value.producer_id = transaction.producer_id;
  value.previous_producer_id = transaction.previous_producer_id;
  value.next_producer_id = transaction.next_producer_id;
  value.producer_epoch = transaction.epoch;
  value.transaction_timeout_ms = transaction.timeout_ms;
  value.transaction_status = static_cast<std::int8_t>(transaction.state);
  value.transaction_last_update_timestamp_ms = transaction.last_update_ms;
  value.transaction_start_timestamp_ms = transaction.start_ms;
  value.client_transaction_version = transaction.client_version;
  if (transaction.state == State::empty) return value;
  auto& topics = value.transaction_partitions.emplace();
  for (const TopicPartition& partition : transaction.partitions) {
    if (topics.empty() || topics.back().topic != partition.topic)
      topics.emplace_back().topic = partition.topic;
    topics.back().partition_ids.push_back(partition.partition);
  }
  return value;
}

struct Prefixed {
  std::int16_t prefix = 0;
  Slice body;
};

Result<Prefixed> read_prefix(const Slice& bytes) {
  wire::Reader in(bytes);
  const auto prefix = in.number<std::int16_t>();
  TRY(in.finish(false));
  return Prefixed{prefix, in.rest()};
}

// What a record may say: the others last for an event only.
bool is_stored(std::int8_t state) {
  return state >= static_cast<std::int8_t>(State::empty) &&
         state <= static_cast<std::int8_t>(State::complete_abort);
}

Result<Transaction> transaction_of(const wire::TransactionLogValue& value) {
  if (!is_stored(value.transaction_status))
    return fail(Errc::corrupt, "transaction state " + std::to_string(value.transaction_status));
  Transaction transaction;
  transaction.producer_id = value.producer_id;
  transaction.previous_producer_id = value.previous_producer_id;
  transaction.next_producer_id = value.next_producer_id;
  transaction.epoch = value.producer_epoch;
  transaction.timeout_ms = value.transaction_timeout_ms;
  transaction.state = static_cast<State>(value.transaction_status);
  transaction.start_ms = value.transaction_start_timestamp_ms;
  transaction.last_update_ms = value.transaction_last_update_timestamp_ms;
  transaction.client_version = value.client_transaction_version;
  if (!value.transaction_partitions) return transaction;
  for (const auto& topic : *value.transaction_partitions)
    for (const PartitionIndex partition : topic.partition_ids)
      transaction.partitions.insert({topic.topic, partition});
  return transaction;
}

}  // namespace

std::string_view name_of(State state) { return kNames.at(static_cast<std::size_t>(state)); }

std::optional<State> state_named(std::string_view name) {
  const auto found = std::ranges::find(kNames, name);
  if (found == kNames.end()) return std::nullopt;
  return static_cast<State>(found - kNames.begin());
}

EncodedRecord encode(const Record& record, TransactionVersion version) {
  const ApiVersion format = version >= kFlexibleRecordsFrom ? 1 : 0;
  EncodedRecord encoded{with_prefix(kKeyType, wire::TransactionLogKey{record.transactional_id}, kKeyVersion),
                        std::nullopt};
  if (record.value) encoded.value = with_prefix(format, value_of(*record.value), format);
  return encoded;
}

Result<std::optional<Record>> decode(const Slice& key, const std::optional<Slice>& value) {
  ASSIGN_OR_RETURN(const Prefixed typed, read_prefix(key));
  if (typed.prefix != kKeyType) return std::nullopt;
  ASSIGN_OR_RETURN(wire::TransactionLogKey id, wire::TransactionLogKey::decode(typed.body, kKeyVersion));
  Record record{std::move(id.transactional_id), std::nullopt};
  if (!value) return record;
  ASSIGN_OR_RETURN(const Prefixed stored, read_prefix(*value));
  if (stored.prefix < wire::TransactionLogValue::kMinVersion ||
      stored.prefix > wire::TransactionLogValue::kMaxVersion)
    return std::nullopt;
  ASSIGN_OR_RETURN(const auto decoded, wire::TransactionLogValue::decode(stored.body, stored.prefix));
  ASSIGN_OR_RETURN(record.value, transaction_of(decoded));
  return record;
}

}  // namespace moldau::transaction
