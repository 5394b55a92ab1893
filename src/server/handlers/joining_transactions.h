// What a broker does before it lets a producer begin a transaction in partitions that it leads (KIP-890):
// it asks the transaction's coordinator, and takes each partition's guard for the question.
#pragma once

#include <map>
#include <string>

#include "server/broker.h"
#include "server/request.h"
#include "transaction/transactions.h"
#include "wire/messages/produce.h"

namespace moldau::server::handlers {

// What the client of a request can do, by the request's version.
struct ClientAbilities {
  bool knows_abortable = false;  // TRANSACTION_ABORTABLE
  bool adds = false;             // what it produces to belongs to its transaction by that
};
ClientAbilities abilities_of_produce(wire::ApiVersion version);
ClientAbilities abilities_of_offset_commit(wire::ApiVersion version);

// join_transaction() of the channel: for a client that adds, tried again for a moment while the producer's
// last transaction is ending. Errors are those that the client knows.
runtime::Task<std::map<TopicPartition, wire::ErrorCode>> join_transaction(Broker& broker,
                                                                          std::string transactional_id,
                                                                          transaction::Producer producer,
                                                                          std::set<TopicPartition> partitions,
                                                                          ClientAbilities client);

// Of each partition of a Produce request with transactional batches, by its place in the request.
struct Joined {
  wire::ErrorCode code = wire::ErrorCode::none;
  std::string message;
  replication::TransactionGuard guard = replication::kNoGuard;
};
struct JoinedPartitions {
  bool wants_guards = false;  // the coordinator is asked at all
  std::map<std::pair<std::size_t, std::size_t>, Joined> partitions;
};
// REQUIRES: a transactional id.
runtime::Task<JoinedPartitions> join_for_produce(Broker& broker, const wire::ProduceRequest& message,
                                                 wire::ApiVersion version);

}  // namespace moldau::server::handlers
