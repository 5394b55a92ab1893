#include "client/admin_items.h"
#include "wire/messages/delete_records.h"
#include "wire/messages/describe_producers.h"
#include "wire/messages/list_offsets.h"

namespace moldau::client {
namespace {

using OffsetResults = PerItem<TopicPartition, ListedOffset>;
using Before = std::pair<TopicPartition, Offset>;

// The version of ListOffsets that knows the sentinel (kafka-protocol.md 2.2).
wire::ApiVersion version_needed(std::int64_t timestamp) {
  switch (timestamp) {
    case static_cast<std::int64_t>(OffsetSpec::max_timestamp):
      return 7;
    case static_cast<std::int64_t>(OffsetSpec::earliest_local):
      return 8;
    case static_cast<std::int64_t>(OffsetSpec::latest_tiered):
      return 9;
    case static_cast<std::int64_t>(OffsetSpec::earliest_pending_upload):
      return 11;
    default:
      return 1;
  }
}

Task<Outcome<OffsetResults>> ask_offsets(ClusterClient& cluster, NodeId node,
                                         std::vector<OffsetQuery> queries, std::int8_t isolation) {
  wire::ListOffsetsRequest request;
  request.replica_id = -1;
  request.isolation_level = isolation;
  request.timeout_ms = timeout_ms_of(cluster);
  wire::ApiVersion needed = isolation != 0 ? 2 : 1;
  for (const OffsetQuery& query : queries) {
    auto& topic = topic_entry(request.topics, query.partition.topic, &wire::ListOffsetsRequest::Topic::name);
    topic.partitions.push_back({.partition_index = query.partition.partition, .timestamp = query.timestamp});
    needed = std::max(needed, version_needed(query.timestamp));
  }
  auto response = co_await cluster.call_node<wire::ListOffsetsResponse>(node, std::move(request),
                                                                        {.min_version = needed});
  if (!response) co_return fail(std::move(response).error());
  OffsetResults results;
  for (const auto& topic : response->topics) {
    for (const auto& partition : topic.partitions) {
      results.emplace_back(TopicPartition{topic.name, partition.partition_index},
                           outcome_of(partition.error_code, std::nullopt,
                                      ListedOffset{.offset = partition.offset,
                                                   .timestamp = partition.timestamp,
                                                   .leader_epoch = partition.leader_epoch}));
    }
  }
  co_return results;
}

Task<Outcome<OffsetResults>> ask_uncommitted(ClusterClient& cluster, NodeId node,
                                             std::vector<OffsetQuery> queries) {
  return ask_offsets(cluster, node, std::move(queries), 0);
}
Task<Outcome<OffsetResults>> ask_committed(ClusterClient& cluster, NodeId node,
                                           std::vector<OffsetQuery> queries) {
  return ask_offsets(cluster, node, std::move(queries), 1);
}

Task<Outcome<PerItem<TopicPartition, Offset>>> ask_delete(ClusterClient& cluster, NodeId node,
                                                          std::vector<Before> before) {
  wire::DeleteRecordsRequest request;
  for (const auto& [partition, offset] : before) {
    auto& topic = topic_entry(request.topics, partition.topic, &wire::DeleteRecordsRequest::Topic::name);
    topic.partitions.push_back({partition.partition, offset});
  }
  request.timeout_ms = timeout_ms_of(cluster);
  auto response = co_await cluster.call_node<wire::DeleteRecordsResponse>(node, std::move(request));
  if (!response) co_return fail(std::move(response).error());
  PerItem<TopicPartition, Offset> results;
  for (const auto& topic : response->topics) {
    for (const auto& partition : topic.partitions) {
      results.emplace_back(TopicPartition{topic.name, partition.partition_index},
                           outcome_of(partition.error_code, std::nullopt, partition.low_watermark));
    }
  }
  co_return results;
}

using ProducerResults = PerItem<TopicPartition, std::vector<ActiveProducer>>;

std::vector<ActiveProducer> producers_from(
    const wire::DescribeProducersResponse::Topic::Partition& partition) {
  std::vector<ActiveProducer> producers;
  for (const auto& one : partition.active_producers) {
    producers.push_back({.id = one.producer_id,
                         .epoch = one.producer_epoch,
                         .last_sequence = one.last_sequence,
                         .last_timestamp = one.last_timestamp,
                         .coordinator_epoch = one.coordinator_epoch,
                         .transaction_start = one.current_txn_start_offset});
  }
  return producers;
}

}  // namespace

Task<Outcome<ProducerResults>> ask_producers(ClusterClient& cluster, NodeId node,
                                             std::vector<TopicPartition> partitions) {
  wire::DescribeProducersRequest request;
  for (const TopicPartition& partition : partitions) {
    topic_entry(request.topics, partition.topic, &wire::DescribeProducersRequest::Topic::name)
        .partition_indexes.push_back(partition.partition);
  }
  auto response = co_await cluster.call_node<wire::DescribeProducersResponse>(node, std::move(request));
  if (!response) co_return fail(std::move(response).error());
  ProducerResults results;
  for (const auto& topic : response->topics) {
    for (const auto& partition : topic.partitions) {
      results.emplace_back(
          TopicPartition{topic.name, partition.partition_index},
          outcome_of(partition.error_code, partition.error_message, producers_from(partition)));
    }
  }
  co_return results;
}

Task<Outcome<PerItem<TopicPartition, ListedOffset>>> AdminCore::list_offsets(std::vector<OffsetQuery> queries,
                                                                             bool read_committed) {
  LeaderRound<ListedOffset, OffsetQuery> round(
      cluster_, std::move(queries), [](const OffsetQuery& query) { return query.partition; },
      read_committed ? ask_committed : ask_uncommitted);
  co_return co_await round.run();
}

Task<Outcome<PerItem<TopicPartition, Offset>>> AdminCore::delete_records(std::vector<Before> before) {
  LeaderRound<Offset, Before> round(
      cluster_, std::move(before), [](const Before& one) { return one.first; }, ask_delete);
  co_return co_await round.run();
}

Task<Outcome<PerItem<TopicPartition, std::vector<ActiveProducer>>>> AdminCore::describe_producers(
    std::vector<TopicPartition> partitions) {
  LeaderRound<std::vector<ActiveProducer>, TopicPartition> round(
      cluster_, std::move(partitions), [](const TopicPartition& one) { return one; }, ask_producers);
  co_return co_await round.run();
}

}  // namespace moldau::client
