// Transactions: what the coordinator of one partition of __transaction_state knows and decides: the
// transactional ids that belong there, who produces under them, and what becomes of their transactions
// (kafka-protocol.md 6.8; KIP-98, KIP-360, KIP-890). Pure: no clock, no I/O; the same events give the same
// records and answers.
//
// Everything changes by replay() alone. Whoever drives this appends the records that an event gives, then
// replays them before the next event, and lets an answer leave when the log is committed as far as it says:
// so nothing is shown that might be gone after a fail-over, and a new coordinator that replays the log knows
// all that was. An event whose records could not be appended has not happened. That is why the pending states
// of Kafka's coordinator, PrepareEpochFence among them, are not here.
//
// A transaction that is to end is written down first (PrepareCommit, PrepareAbort): from there on its end is
// decided. Whoever drives this then has markers written to its partitions, again and again until all of them
// have one, and says so by complete().
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "transaction/record.h"
#include "transaction/settings.h"
#include "wire/api.h"
#include "wire/error_code.h"
#include "wire/messages/describe_transactions.h"
#include "wire/messages/end_txn.h"
#include "wire/messages/init_producer_id.h"
#include "wire/messages/list_transactions.h"

namespace moldau::transaction {

// Who asks.
struct Producer {
  ProducerId id = kNoProducerId;
  ProducerEpoch epoch = kNoProducerEpoch;
};

// The answer to a request: after its records, if there are any, are committed, and after `after`.
template <class Response>
struct Outcome {
  Response response;
  Records records = {};
  Offset after = 0;
};

// A transaction whose end is decided: what its partitions are to be told.
struct Ending {
  std::string transactional_id;
  Producer producer;
  bool committed = false;
  std::set<TopicPartition> partitions;
  TransactionVersion version = 0;  // by whose rules the marker's epoch is judged
  Offset after = 0;                // not before the log is committed up to here
};

class Transactions {
 public:
  explicit Transactions(Settings settings) : settings_(settings) {}
  Transactions(const Transactions&) = delete;
  Transactions& operator=(const Transactions&) = delete;

  // The record at `offset`: of the log that is loaded, or of what was appended for an event.
  void replay(const Record& record, Offset offset);

  // --- requests
  // An epoch for the producer of this id, above all before it: whoever had one is fenced. A transaction that
  // is under way is aborted first, and the answer is CONCURRENT_TRANSACTIONS until that is done.
  // `fresh`: a producer id that nobody has had. REQUIRES: it is there when needs_producer_id() says so.
  Outcome<wire::InitProducerIdResponse> init_producer_id(const wire::InitProducerIdRequest& request,
                                                         std::optional<ProducerId> fresh,
                                                         TimestampMs now_ms) const;
  // Whether an event about this id may take a new producer id: it is not known yet, or its epochs are used
  // up.
  bool needs_producer_id(std::string_view id) const;
  bool knows(std::string_view id) const { return find(id) != nullptr; }

  // The partitions belong to the transaction, which begins with the first of them.
  Outcome<wire::ErrorCode> add_partitions(const std::string& id, Producer producer,
                                          const std::set<TopicPartition>& partitions,
                                          TransactionVersion client_version, TimestampMs now_ms) const;
  // Whether they do (KIP-890): for each, TRANSACTION_ABORTABLE when not.
  Outcome<std::map<TopicPartition, wire::ErrorCode>> verify(const std::string& id, Producer producer,
                                                            const std::set<TopicPartition>& partitions) const;
  // Decides. `client_version` 2: the epoch is raised, and a request that names the one before is known for a
  // retry. `fresh`, as above, when client_version is 2.
  Outcome<wire::EndTxnResponse> end(const wire::EndTxnRequest& request, TransactionVersion client_version,
                                    std::optional<ProducerId> fresh, TimestampMs now_ms) const;

  Outcome<wire::DescribeTransactionsResponse::TransactionState> describe(const std::string& id) const;
  // REQUIRES: no pattern; names are filtered by whoever has the expressions.
  Outcome<wire::ListTransactionsResponse> list(const wire::ListTransactionsRequest& filters,
                                               TimestampMs now_ms) const;

  // --- what is decided
  // The ids of all transactions that are prepared.
  std::vector<std::string> prepared() const;
  // Nothing: it is not prepared (any more).
  std::optional<Ending> ending_of(std::string_view id) const;
  // Every partition has its marker. No records: it was not this one.
  Records complete(const Ending& ending, TimestampMs now_ms) const;

  // --- time
  // The ids of transactions that have been open for longer than their producers wanted.
  std::vector<std::string> timed_out(TimestampMs now_ms) const;
  // Aborts such a transaction, and fences its producer. No records: it has ended meanwhile.
  Records abort_timed_out(const std::string& id, std::optional<ProducerId> fresh, TimestampMs now_ms) const;
  // Drops ids that nobody has used for their time (transactional.id.expiration.ms).
  Records expire_ids(TimestampMs now_ms) const;

  // Of all that is durable; equal for equal states, however the log looks that they come from.
  std::uint64_t state_hash() const;
  std::size_t size() const { return entries_.size(); }

 private:
  struct Entry {
    Transaction transaction;
    Offset end = 0;  // of its last record
  };
  const Entry* find(std::string_view id) const;
  bool has_timed_out(const Transaction& transaction, TimestampMs now_ms) const;

  const Settings settings_;
  std::map<std::string, Entry, std::less<>> entries_;
  Offset end_ = 0;  // of the last record
};

}  // namespace moldau::transaction
