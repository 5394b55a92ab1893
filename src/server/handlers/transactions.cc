// What producers ask of a transaction's coordinator: InitProducerId, AddPartitionsToTxn, AddOffsetsToTxn,
// EndTxn; and what operators ask: DescribeTransactions, ListTransactions.
#include <algorithm>

#include "metadata/topic_name.h"
#include "server/handlers/handlers.h"
#include "server/name_pattern.h"
#include "wire/murmur2.h"

namespace moldau::server::handlers {

using transaction::Producer;
using wire::ErrorCode;

namespace {

constexpr wire::ApiVersion kManyTransactionsFrom = 4;  // of AddPartitionsToTxn: what brokers send
constexpr wire::ApiVersion kEpochBumpFrom = 5;         // of EndTxn

// Clients of the first versions do not know PRODUCER_FENCED, and do the right thing with its forerunner.
ErrorCode as_known(ErrorCode code, const Request& request, wire::ApiVersion known_from) {
  const bool unknown = code == ErrorCode::producer_fenced && request.header.api_version < known_from;
  return unknown ? ErrorCode::invalid_producer_epoch : code;
}

// --- AddPartitionsToTxn

using Transaction = wire::AddPartitionsToTxnRequest::Transaction;
using TransactionAnswer = wire::AddPartitionsToTxnResponse::TransactionResult;
using Codes = std::map<TopicPartition, ErrorCode>;

std::set<TopicPartition> partitions_of(const Transaction& transaction) {
  std::set<TopicPartition> partitions;
  for (const auto& topic : transaction.topics)
    for (const PartitionIndex partition : topic.partitions) partitions.insert({topic.name, partition});
  return partitions;
}

// Of those that exist nothing is added when others do not.
std::optional<Codes> check_all_exist(const metadata::Image& image,
                                     const std::set<TopicPartition>& partitions) {
  Codes codes;
  bool missing = false;
  for (const TopicPartition& partition : partitions) {
    const metadata::Topic* topic = image.topic(partition.topic);
    const bool there = topic != nullptr && topic->partition(partition.partition) != nullptr;
    missing |= !there;
    codes.emplace(partition,
                  there ? ErrorCode::operation_not_attempted : ErrorCode::unknown_topic_or_partition);
  }
  if (!missing) return std::nullopt;
  return codes;
}

Codes same_for_all(const std::set<TopicPartition>& partitions, ErrorCode code) {
  Codes codes;
  for (const TopicPartition& partition : partitions) codes.emplace(partition, code);
  return codes;
}

TransactionAnswer answer_of(const Transaction& transaction, const Codes& codes) {
  TransactionAnswer answer;
  answer.transactional_id = transaction.transactional_id;
  for (const auto& [partition, code] : codes) {
    if (answer.topic_results.empty() || answer.topic_results.back().name != partition.topic)
      answer.topic_results.emplace_back().name = partition.topic;
    answer.topic_results.back().results_by_partition.push_back({partition.partition, code});
  }
  return answer;
}

Task<Codes> add_or_verify(Broker& broker, const Request& request, const Transaction& transaction) {
  constexpr wire::ApiVersion kFencedFrom = 2;
  const std::set<TopicPartition> partitions = partitions_of(transaction);
  const auto image = broker.image();
  if (auto missing = check_all_exist(*image, partitions)) co_return std::move(*missing);
  const Producer producer{transaction.producer_id, transaction.producer_epoch};
  if (transaction.verify_only) {
    auto verified = co_await broker.transactions->verify(transaction.transactional_id, producer, partitions);
    co_return verified ? std::move(*verified) : same_for_all(partitions, verified.error());
  }
  // What a broker adds, it adds for a client of version 2.
  const transaction::TransactionVersion client =
      request.header.api_version >= kManyTransactionsFrom ? transaction::kEpochBumpFrom : 0;
  const auto added = co_await broker.transactions->add_partitions(transaction.transactional_id, producer,
                                                                  partitions, client);
  co_return same_for_all(partitions, as_known(added ? *added : added.error(), request, kFencedFrom));
}

// --- ListTransactions

// Names that match as a whole (KIP-1152). Nothing to filter by: all of them.
bool drop_unmatched(const std::optional<std::string>& pattern, wire::ListTransactionsResponse& response) {
  if (!pattern || pattern->empty()) return true;
  const NamePattern expression(*pattern);
  if (!expression.valid()) return false;
  std::erase_if(response.transaction_states,
                [&](const auto& each) { return !expression.matches(each.transactional_id); });
  return true;
}

}  // namespace

Task<wire::InitProducerIdResponse> init_producer_id(Broker& broker, const Request& request,
                                                    wire::InitProducerIdRequest message) {
  constexpr wire::ApiVersion kFencedFrom = 4;
  wire::InitProducerIdResponse response;
  response.producer_id = kNoProducerId;
  response.producer_epoch = kNoProducerEpoch;
  const bool has_id = message.producer_id != kNoProducerId;
  const bool has_epoch = message.producer_epoch != kNoProducerEpoch;
  if (has_id != has_epoch) {
    response.error_code = ErrorCode::invalid_request;
  } else if (message.transactional_id && message.transactional_id->empty()) {
    response.error_code = ErrorCode::invalid_request;
  } else if (message.transactional_id) {
    auto answer = co_await broker.transactions->ask(std::move(message));
    if (answer) {
      response = std::move(*answer);
    } else {
      response.error_code = answer.error();
    }
    response.error_code = as_known(response.error_code, request, kFencedFrom);
  } else if (const auto id = co_await broker.controller.next_producer_id()) {
    response.producer_id = *id;
    response.producer_epoch = 0;
  } else {
    response.error_code = ErrorCode::coordinator_load_in_progress;
  }
  broker.metrics.error(wire::ApiKey::init_producer_id, response.error_code);
  co_return response;
}

Task<wire::AddPartitionsToTxnResponse> add_partitions_to_txn(Broker& broker, const Request& request,
                                                             wire::AddPartitionsToTxnRequest message) {
  wire::AddPartitionsToTxnResponse response;
  const bool many = request.header.api_version >= kManyTransactionsFrom;
  if (!many) {
    Transaction only;
    only.transactional_id = std::move(message.v3_and_below_transactional_id);
    only.producer_id = message.v3_and_below_producer_id;
    only.producer_epoch = message.v3_and_below_producer_epoch;
    only.topics = std::move(message.v3_and_below_topics);
    message.transactions = {std::move(only)};
  }
  Turn turn;
  for (const Transaction& transaction : message.transactions) {
    if (turn.over()) co_await runtime::yield(broker.executor);
    const Codes codes = co_await add_or_verify(broker, request, transaction);
    for (const auto& [partition, code] : codes)
      broker.metrics.error(wire::ApiKey::add_partitions_to_txn, code);
    response.results_by_transaction.push_back(answer_of(transaction, codes));
  }
  if (!many) {
    response.results_by_topic_v3_and_below = std::move(response.results_by_transaction.front().topic_results);
    response.results_by_transaction.clear();
  }
  co_return response;
}

// The group's partition of __consumer_offsets belongs to the transaction.
Task<wire::AddOffsetsToTxnResponse> add_offsets_to_txn(Broker& broker, const Request& request,
                                                       wire::AddOffsetsToTxnRequest message) {
  constexpr wire::ApiVersion kFencedFrom = 2;
  wire::AddOffsetsToTxnResponse response;
  if (broker.image()->topic(metadata::kOffsetsTopic) == nullptr)
    co_await broker.groups->create_offsets_topic();
  const auto image = broker.image();
  const metadata::Topic* offsets = image->topic(metadata::kOffsetsTopic);
  if (offsets == nullptr) {
    response.error_code = ErrorCode::coordinator_not_available;
  } else {
    const PartitionIndex at = wire::coordinator_partition(message.group_id, offsets->partition_count());
    const auto added = co_await broker.transactions->add_partitions(
        message.transactional_id, {message.producer_id, message.producer_epoch}, {{offsets->name, at}}, 0);
    response.error_code = as_known(added ? *added : added.error(), request, kFencedFrom);
  }
  broker.metrics.error(wire::ApiKey::add_offsets_to_txn, response.error_code);
  co_return response;
}

Task<wire::EndTxnResponse> end_txn(Broker& broker, const Request& request, wire::EndTxnRequest message) {
  constexpr wire::ApiVersion kFencedFrom = 2;
  const transaction::TransactionVersion client =
      request.header.api_version >= kEpochBumpFrom ? transaction::kEpochBumpFrom : 0;
  wire::EndTxnResponse response;
  if (message.transactional_id.empty()) {
    response.error_code = ErrorCode::invalid_request;
  } else {
    auto answer = co_await broker.transactions->ask(std::move(message), client);
    if (answer) {
      response = std::move(*answer);
    } else {
      response.error_code = answer.error();
    }
  }
  response.error_code = as_known(response.error_code, request, kFencedFrom);
  broker.metrics.error(wire::ApiKey::end_txn, response.error_code);
  co_return response;
}

Task<wire::DescribeTransactionsResponse> describe_transactions(Broker& broker, const Request&,
                                                               wire::DescribeTransactionsRequest message) {
  wire::DescribeTransactionsResponse response;
  // What is named again is described once, so that small requests have no large answers.
  std::set<std::string> seen;
  Turn turn;
  for (std::string& id : message.transactional_ids) {
    if (!seen.insert(id).second) continue;
    if (turn.over()) co_await runtime::yield(broker.executor);
    wire::DescribeTransactionsResponse::TransactionState state;
    state.transactional_id = id;
    if (id.empty()) {
      state.error_code = ErrorCode::invalid_request;
    } else if (auto described = co_await broker.transactions->describe(id)) {
      state = std::move(*described);
    } else {
      state.error_code = described.error();
    }
    broker.metrics.error(wire::ApiKey::describe_transactions, state.error_code);
    response.transaction_states.push_back(std::move(state));
  }
  co_return response;
}

Task<wire::ListTransactionsResponse> list_transactions(Broker& broker, const Request&,
                                                       wire::ListTransactionsRequest message) {
  wire::ListTransactionsResponse response;
  const std::optional<std::string> pattern = std::move(message.transactional_id_pattern);
  auto listed = co_await broker.transactions->list(std::move(message));
  if (!listed) {
    response.error_code = listed.error();
  } else if (drop_unmatched(pattern, *listed)) {
    response = std::move(*listed);
  } else {
    response.error_code = ErrorCode::invalid_regular_expression;
  }
  broker.metrics.error(wire::ApiKey::list_transactions, response.error_code);
  co_return response;
}

}  // namespace moldau::server::handlers
