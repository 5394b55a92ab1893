// What a transactional id's state becomes: values to values. Which of them an event may cause, Transactions
// decides. Pure.
#pragma once

#include <optional>

#include "transaction/record.h"

namespace moldau::transaction {

// An epoch that is given out must leave one above it to fence its producer with (KIP-360).
inline constexpr ProducerEpoch kLastUsableEpoch = 32'766;
inline bool is_exhausted(ProducerEpoch epoch) { return epoch >= kLastUsableEpoch; }

// The next epoch for whoever has just been initialised. `keeps_last`: the producer named the epoch before.
// REQUIRES: the epoch is not exhausted.
Transaction bumped(const Transaction& from, std::int32_t timeout_ms, bool keeps_last, TimestampMs now_ms);
// The same with another producer id, whose epochs begin at 0.
Transaction rotated(const Transaction& from, ProducerId fresh, std::int32_t timeout_ms, bool keeps_last,
                    TimestampMs now_ms);
// A retry of bumped() or rotated(): the same epoch once more.
Transaction initialised_again(const Transaction& from, std::int32_t timeout_ms, TimestampMs now_ms);

// Begun, or with more partitions.
Transaction with_partitions(const Transaction& from, const std::set<TopicPartition>& added,
                            TransactionVersion client_version, TimestampMs now_ms);

struct Decision {
  State state = State::prepare_abort;  // or prepare_commit
  TransactionVersion client_version = 0;
  // Its producer is fenced as well, which a client of version 2 is by every end.
  bool fences = false;
  std::optional<ProducerId> fresh;
};
// Its end is decided. REQUIRES: `fresh` when a client of version 2 has used up its epochs.
Transaction prepared(const Transaction& from, const Decision& decision, TimestampMs now_ms);
// Its partitions know. REQUIRES: is_prepared(from.state).
Transaction completed(const Transaction& from, TimestampMs now_ms);
// Who may produce after that.
struct Successor {
  ProducerId id = kNoProducerId;
  ProducerEpoch epoch = kNoProducerEpoch;
};
Successor successor_of(const Transaction& prepared);

}  // namespace moldau::transaction
