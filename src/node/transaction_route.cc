#include "node/transaction_route.h"

#include <algorithm>

#include "metadata/topic_name.h"
#include "telemetry/log.h"
#include "wire/messages/add_partitions_to_txn.h"
#include "wire/murmur2.h"

namespace moldau::node {

using coordinator::TransactionCoordinator;
using runtime::Task;
using server::TransactionResult;
using wire::ErrorCode;

namespace {

using Codes = std::map<TopicPartition, ErrorCode>;

constexpr std::int32_t kCreateTimeoutMs = 30'000;
constexpr std::int16_t kDefaultReplication = 3;
constexpr std::int32_t kDefaultMinIsr = 2;
// The coordinator's own append waits for its replicas; a producer waits longer than this.
constexpr runtime::Duration kJoinTimeout = std::chrono::seconds(10);

Codes same_for_all(const std::set<TopicPartition>& partitions, ErrorCode code) {
  Codes codes;
  for (const TopicPartition& partition : partitions) codes.emplace(partition, code);
  return codes;
}

wire::AddPartitionsToTxnRequest request_of(const std::string& id, transaction::Producer producer,
                                           const std::set<TopicPartition>& partitions, bool adds) {
  wire::AddPartitionsToTxnRequest request;
  auto& one = request.transactions.emplace_back();
  one.transactional_id = id;
  one.producer_id = producer.id;
  one.producer_epoch = producer.epoch;
  one.verify_only = !adds;
  for (const TopicPartition& partition : partitions) {
    if (one.topics.empty() || one.topics.back().name != partition.topic)
      one.topics.emplace_back().name = partition.topic;
    one.topics.back().partitions.push_back(partition.partition);
  }
  return request;
}

// What is not answered for is taken for lost.
Codes codes_of(const wire::AddPartitionsToTxnResponse& response, const std::set<TopicPartition>& partitions) {
  if (response.error_code != ErrorCode::none) return same_for_all(partitions, response.error_code);
  Codes codes = same_for_all(partitions, ErrorCode::network_exception);
  for (const auto& transaction : response.results_by_transaction)
    for (const auto& topic : transaction.topic_results)
      for (const auto& partition : topic.results_by_partition) {
        const auto found = codes.find({topic.name, partition.partition_index});
        if (found != codes.end()) found->second = partition.partition_error_code;
      }
  return codes;
}

}  // namespace

// --- a coordinator's

Task<Result<ProducerId>> CoordinatorLinks::next_producer_id() {
  if (controller_ == nullptr) co_return fail(Errc::unavailable, "the node is starting");
  co_return co_await controller_->next_producer_id();
}

Task<Result<wire::WriteTxnMarkersResponse>> CoordinatorLinks::write_markers(
    NodeId broker, wire::WriteTxnMarkersRequest request, runtime::MonotonicTime deadline) {
  return peers_.ask<wire::WriteTxnMarkersResponse>(broker, std::move(request), deadline,
                                                   peer::Purpose::transaction_markers);
}

// --- a shard's

std::optional<TransactionRoute::Place> TransactionRoute::place_of(std::string_view transactional_id) const {
  const auto image = images_->current();
  const metadata::Topic* topic = image->topic(metadata::kTransactionStateTopic);
  if (topic == nullptr) return std::nullopt;
  const PartitionIndex at = wire::coordinator_partition(transactional_id, topic->partition_count());
  return Place{&parts_.homes[replication::shard_of({topic->id, at}, parts_.homes.size())], at,
               topic->partition(at)->leader};
}

template <class Response, class Call>
Task<TransactionResult<Response>> TransactionRoute::go(std::string_view transactional_id, Call call) {
  const auto place = place_of(transactional_id);
  if (!place) co_return std::unexpected(ErrorCode::not_coordinator);
  co_return co_await runtime::on_shard(parts_.executor, place->home->executor,
                                       [&coordinator = place->home->coordinator, at = place->at,
                                        call = std::move(call)]() mutable { return call(coordinator, at); });
}

Task<TransactionResult<wire::InitProducerIdResponse>> TransactionRoute::ask(
    wire::InitProducerIdRequest request) {
  const std::string id = request.transactional_id.value_or("");
  co_return co_await go<wire::InitProducerIdResponse>(
      id, [request = std::move(request)](TransactionCoordinator& coordinator, PartitionIndex at) mutable {
        return coordinator.init_producer_id(at, std::move(request));
      });
}

Task<TransactionResult<ErrorCode>> TransactionRoute::add_partitions(
    std::string transactional_id, transaction::Producer producer, std::set<TopicPartition> partitions,
    transaction::TransactionVersion client_version) {
  co_return co_await go<ErrorCode>(
      transactional_id, [transactional_id, producer, partitions = std::move(partitions), client_version](
                            TransactionCoordinator& coordinator, PartitionIndex at) mutable {
        return coordinator.add_partitions(at, transactional_id, producer, std::move(partitions),
                                          client_version);
      });
}

Task<TransactionResult<Codes>> TransactionRoute::verify(std::string transactional_id,
                                                        transaction::Producer producer,
                                                        std::set<TopicPartition> partitions) {
  co_return co_await go<Codes>(
      transactional_id, [transactional_id, producer, partitions = std::move(partitions)](
                            TransactionCoordinator& coordinator, PartitionIndex at) mutable {
        return coordinator.verify(at, transactional_id, producer, std::move(partitions));
      });
}

Task<TransactionResult<wire::EndTxnResponse>> TransactionRoute::ask(
    wire::EndTxnRequest request, transaction::TransactionVersion client_version) {
  const std::string id = request.transactional_id;
  co_return co_await go<wire::EndTxnResponse>(
      id, [request = std::move(request), client_version](TransactionCoordinator& coordinator,
                                                         PartitionIndex at) mutable {
        return coordinator.end(at, std::move(request), client_version);
      });
}

Task<TransactionResult<wire::DescribeTransactionsResponse::TransactionState>> TransactionRoute::describe(
    std::string transactional_id) {
  co_return co_await go<wire::DescribeTransactionsResponse::TransactionState>(
      transactional_id, [transactional_id](TransactionCoordinator& coordinator, PartitionIndex at) {
        return coordinator.describe(at, transactional_id);
      });
}

Task<TransactionResult<wire::ListTransactionsResponse>> TransactionRoute::list(
    wire::ListTransactionsRequest filters) {
  wire::ListTransactionsResponse all;
  for (const std::string& name : filters.state_filters)
    if (!transaction::state_named(name)) all.unknown_state_filters.push_back(name);
  for (const TransactionHome& home : parts_.homes) {
    auto some = co_await runtime::on_shard(
        parts_.executor, home.executor,
        [&coordinator = home.coordinator, filters] { return coordinator.list(filters); });
    if (!some) co_return std::unexpected(some.error());
    std::ranges::move(some->transaction_states, std::back_inserter(all.transaction_states));
  }
  co_return all;
}

// --- for partitions

Task<Codes> TransactionRoute::join_here(std::string transactional_id, transaction::Producer producer,
                                        std::set<TopicPartition> partitions, bool adds) {
  if (!adds) {
    auto verified = co_await verify(std::move(transactional_id), producer, partitions);
    co_return verified ? std::move(*verified) : same_for_all(partitions, verified.error());
  }
  const auto added =
      co_await add_partitions(std::move(transactional_id), producer, partitions, transaction::kEpochBumpFrom);
  co_return same_for_all(partitions, added ? *added : added.error());
}

Task<Codes> TransactionRoute::join_transaction(std::string transactional_id, transaction::Producer producer,
                                               std::set<TopicPartition> partitions, bool adds) {
  const auto place = place_of(transactional_id);
  if (!place || place->leader == kNoNode)
    co_return same_for_all(partitions, ErrorCode::coordinator_not_available);
  if (place->leader == parts_.self)
    co_return co_await join_here(std::move(transactional_id), producer, std::move(partitions), adds);
  const auto response = co_await parts_.peers.ask<wire::AddPartitionsToTxnResponse>(
      place->leader, request_of(transactional_id, producer, partitions, adds),
      parts_.executor.now() + kJoinTimeout, peer::Purpose::transactions);
  co_return response ? codes_of(*response, partitions)
                     : same_for_all(partitions, ErrorCode::network_exception);
}

// --- the topic

// As many replicas as Kafka's default, if the cluster has so many brokers and the operator says nothing else;
// and as many of them in sync as they allow.
Task<void> TransactionRoute::create_topic() {
  const coordinator::Settings& settings = parts_.settings;
  const std::size_t brokers = std::max(images_->current()->brokers().size(), parts_.expected_brokers);
  const auto replicas = settings.transaction_replication.value_or(
      static_cast<std::int16_t>(std::clamp<std::size_t>(brokers, 1, kDefaultReplication)));
  const std::int32_t min_isr =
      settings.transaction_min_isr.value_or(std::min<std::int32_t>(kDefaultMinIsr, replicas));
  wire::CreateTopicsRequest request;
  request.timeout_ms = kCreateTimeoutMs;
  auto& topic = request.topics.emplace_back();
  topic.name = metadata::kTransactionStateTopic;
  topic.num_partitions = settings.transaction_partitions;
  topic.replication_factor = replicas;
  topic.configs = {{"cleanup.policy", "compact"},
                   {"compression.type", "uncompressed"},
                   {"min.insync.replicas", std::to_string(min_isr)},
                   {"segment.bytes", std::to_string(settings.transaction_segment_bytes)},
                   {"unclean.leader.election.enable", "false"}};
  const auto created = co_await parts_.controller.ask(std::move(request));
  for (const auto& each : created.topics) {
    if (each.error_code == ErrorCode::none || each.error_code == ErrorCode::topic_already_exists) continue;
    telemetry::log_warn(
        "node", "the topic of transactions cannot be created",
        {{"code", wire::name_of(each.error_code)}, {"error", each.error_message.value_or("")}});
  }
}

}  // namespace moldau::node
