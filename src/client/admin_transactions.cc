#include "client/admin_transactions.h"

#include "client/admin_items.h"
#include "client/coordinator.h"
#include "wire/messages/describe_transactions.h"
#include "wire/messages/init_producer_id.h"
#include "wire/messages/list_transactions.h"
#include "wire/messages/write_txn_markers.h"

namespace moldau::client {
namespace {

using wire::ErrorCode;

CoordinatorKey key_of(std::string id) { return {std::move(id), CoordinatorKey::Kind::transaction}; }

// The version of ListTransactions that knows what the filter asks for; an older broker would answer with
// everything.
wire::ApiVersion version_needed(const TransactionFilter& filter) {
  if (filter.id_pattern) return 2;
  return filter.longer_than ? 1 : 0;
}

wire::ListTransactionsRequest request_of(TransactionFilter filter) {
  wire::ListTransactionsRequest request;
  request.state_filters = std::move(filter.states);
  request.producer_id_filters = std::move(filter.producers);
  if (filter.longer_than)
    request.duration_filter =
        std::chrono::duration_cast<std::chrono::milliseconds>(*filter.longer_than).count();
  request.transactional_id_pattern = std::move(filter.id_pattern);
  return request;
}

TransactionDescription description_of(wire::DescribeTransactionsResponse::TransactionState state,
                                      NodeId coordinator) {
  TransactionDescription out{.id = std::move(state.transactional_id),
                             .coordinator = coordinator,
                             .producer = state.producer_id,
                             .epoch = state.producer_epoch,
                             .state = std::move(state.transaction_state),
                             .timeout_ms = state.transaction_timeout_ms};
  if (state.transaction_start_time_ms >= 0) out.started = state.transaction_start_time_ms;
  for (const auto& topic : state.topics)
    for (const PartitionIndex index : topic.partitions) out.partitions.push_back({topic.topic, index});
  std::ranges::sort(out.partitions);
  return out;
}

ErrorCode code_of_description(const wire::DescribeTransactionsResponse& response) {
  return response.transaction_states.empty() ? ErrorCode::none
                                             : response.transaction_states.front().error_code;
}

Task<Outcome<PerItem<TopicPartition, void>>> ask_markers(ClusterClient& cluster, NodeId node,
                                                         std::vector<AbortMarker> markers) {
  wire::WriteTxnMarkersRequest request;
  for (const AbortMarker& marker : markers) {
    auto& out = request.markers.emplace_back();
    out.producer_id = marker.producer;
    out.producer_epoch = marker.epoch;
    out.transaction_result = false;
    out.coordinator_epoch = marker.coordinator_epoch;
    out.topics.push_back({marker.partition.topic, {marker.partition.partition}});
  }
  auto response = co_await cluster.call_node<wire::WriteTxnMarkersResponse>(node, std::move(request));
  if (!response) co_return fail(std::move(response).error());
  PerItem<TopicPartition, void> results;
  for (const auto& marker : response->markers)
    for (const auto& topic : marker.topics)
      for (const auto& partition : topic.partitions)
        results.emplace_back(TopicPartition{topic.name, partition.partition_index},
                             outcome_of(partition.error_code));
  co_return results;
}

}  // namespace

Task<Outcome<std::vector<TransactionListing>>> TransactionAdmin::list(TransactionFilter filter) {
  const auto cluster = co_await cluster_.cluster();
  if (!cluster) co_return fail(cluster.error());
  const MonotonicTime deadline = cluster_.executor().now() + cluster_.options().api_timeout;
  const CallOptions options{.min_version = version_needed(filter)};
  const wire::ListTransactionsRequest request = request_of(std::move(filter));
  std::vector<TransactionListing> transactions;
  for (const BrokerInfo& broker : cluster->brokers) {
    Backoff backoff = cluster_.new_backoff();
    for (;;) {
      auto response =
          co_await cluster_.call_node<wire::ListTransactionsResponse>(broker.id, request, options);
      Failure failure = response ? broker_failure(response->error_code) : response.error();
      if (response && response->error_code == ErrorCode::none) {
        for (auto& one : response->transaction_states)
          transactions.push_back({std::move(one.transactional_id), one.producer_id,
                                  std::move(one.transaction_state), broker.id});
        break;
      }
      if (!failure.retriable || !co_await cluster_.pause(backoff.next(), deadline))
        co_return fail(std::move(failure));
    }
  }
  std::ranges::sort(transactions, {}, &TransactionListing::id);
  // One whose coordinator is changing may be named by two.
  const auto again = std::ranges::unique(transactions, {}, &TransactionListing::id);
  transactions.erase(again.begin(), again.end());
  co_return transactions;
}

Task<Outcome<TransactionDescription>> TransactionAdmin::describe(std::string id) {
  wire::DescribeTransactionsRequest request;
  request.transactional_ids = {id};
  auto response = co_await call_coordinator<wire::DescribeTransactionsResponse>(
      cluster_, key_of(id), std::move(request), code_of_description);
  if (!response) co_return fail(std::move(response).error());
  if (response->transaction_states.size() != 1)
    co_return fail(local_failure(Errc::corrupt, "the coordinator did not answer for this transactional id"));
  auto& state = response->transaction_states.front();
  if (state.error_code != ErrorCode::none) co_return refusal(state.error_code);
  // It may have moved since: what is shown is where it was asked for last.
  const auto coordinator = co_await find_coordinator(cluster_, key_of(id));
  if (!coordinator) co_return fail(coordinator.error());
  co_return description_of(std::move(state), coordinator->id);
}

Task<Outcome<PerItem<TopicPartition, std::vector<ActiveProducer>>>> TransactionAdmin::producers_on(
    NodeId broker, std::vector<TopicPartition> partitions) {
  co_return co_await ask_producers(cluster_, broker, std::move(partitions));
}

Task<Outcome<void>> TransactionAdmin::write(AbortMarker marker) {
  LeaderRound<void, AbortMarker> round(
      cluster_, {std::move(marker)}, [](const AbortMarker& one) { return one.partition; }, ask_markers);
  auto results = co_await round.run();
  if (!results) co_return fail(std::move(results).error());
  co_return std::move(results->front().second);
}

Task<Outcome<FencedProducer>> TransactionAdmin::fence(std::string id) {
  const MonotonicTime deadline = cluster_.executor().now() + cluster_.options().api_timeout;
  Backoff backoff = cluster_.new_backoff();
  const auto code_of = [](const wire::InitProducerIdResponse& response) { return response.error_code; };
  for (;;) {
    wire::InitProducerIdRequest request;
    request.transactional_id = id;
    request.transaction_timeout_ms = timeout_ms_of(cluster_);
    auto response = co_await call_coordinator<wire::InitProducerIdResponse>(cluster_, key_of(id),
                                                                            std::move(request), code_of);
    if (!response) co_return fail(std::move(response).error());
    if (response->error_code == ErrorCode::none)
      co_return FencedProducer{response->producer_id, response->producer_epoch};
    // What was open is being aborted.
    if (response->error_code != ErrorCode::concurrent_transactions ||
        !co_await cluster_.pause(backoff.next(), deadline))
      co_return refusal(response->error_code);
  }
}

}  // namespace moldau::client
