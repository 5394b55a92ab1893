// Leaders and replicas on the move.
#include "client/admin_items.h"
#include "wire/messages/alter_partition_reassignments.h"
#include "wire/messages/elect_leaders.h"
#include "wire/messages/list_partition_reassignments.h"

namespace moldau::client {

Task<Outcome<PerItem<TopicPartition, void>>> AdminCore::elect_leaders(
    ElectionType type, std::optional<std::vector<TopicPartition>> partitions) {
  wire::ElectLeadersRequest request;
  request.election_type = static_cast<std::int8_t>(type);
  request.timeout_ms = timeout_ms_of(cluster_);
  if (partitions) {
    request.topic_partitions.emplace();
    for (const TopicPartition& one : *partitions) {
      topic_entry(*request.topic_partitions, one.topic, &wire::ElectLeadersRequest::TopicPartitions::topic)
          .partitions.push_back(one.partition);
    }
  }
  // Version 0 knows preferred elections alone.
  const CallOptions options{.min_version =
                                static_cast<wire::ApiVersion>(type == ElectionType::preferred ? 0 : 1)};
  auto response = co_await call_controller<wire::ElectLeadersResponse>(cluster_, std::move(request), options);
  if (!response) co_return fail(std::move(response).error());
  if (response->error_code != wire::ErrorCode::none) co_return refusal(response->error_code);
  PerItem<TopicPartition, void> results;
  for (const auto& topic : response->replica_election_results) {
    for (const auto& partition : topic.partition_result) {
      results.emplace_back(TopicPartition{topic.topic, partition.partition_id},
                           outcome_of(partition.error_code, partition.error_message));
    }
  }
  co_return results;
}

Task<Outcome<PerItem<TopicPartition, void>>> AdminCore::alter_partition_reassignments(
    std::vector<NewReassignment> reassignments, bool allow_replication_factor_change) {
  using Request = wire::AlterPartitionReassignmentsRequest;
  Request request;
  request.timeout_ms = timeout_ms_of(cluster_);
  request.allow_replication_factor_change = allow_replication_factor_change;
  for (NewReassignment& one : reassignments) {
    topic_entry(request.topics, one.partition.topic, &Request::Topic::name)
        .partitions.push_back({one.partition.partition, std::move(one.replicas)});
  }
  const CallOptions options{.min_version =
                                static_cast<wire::ApiVersion>(allow_replication_factor_change ? 0 : 1)};
  auto response = co_await call_controller<wire::AlterPartitionReassignmentsResponse>(
      cluster_, std::move(request), options);
  if (!response) co_return fail(std::move(response).error());
  if (response->error_code != wire::ErrorCode::none) {
    co_return refusal(response->error_code, response->error_message);
  }
  PerItem<TopicPartition, void> results;
  for (const auto& topic : response->responses) {
    for (const auto& partition : topic.partitions) {
      results.emplace_back(TopicPartition{topic.name, partition.partition_index},
                           outcome_of(partition.error_code, partition.error_message));
    }
  }
  co_return results;
}

Task<Outcome<std::map<TopicPartition, Reassignment>>> AdminCore::list_partition_reassignments(
    std::optional<std::vector<TopicPartition>> partitions) {
  using Request = wire::ListPartitionReassignmentsRequest;
  Request request;
  request.timeout_ms = timeout_ms_of(cluster_);
  if (partitions) {
    request.topics.emplace();
    for (const TopicPartition& one : *partitions) {
      topic_entry(*request.topics, one.topic, &Request::Topic::name)
          .partition_indexes.push_back(one.partition);
    }
  }
  auto response =
      co_await call_controller<wire::ListPartitionReassignmentsResponse>(cluster_, std::move(request));
  if (!response) co_return fail(std::move(response).error());
  if (response->error_code != wire::ErrorCode::none) {
    co_return refusal(response->error_code, response->error_message);
  }
  std::map<TopicPartition, Reassignment> found;
  for (auto& topic : response->topics) {
    for (auto& partition : topic.partitions) {
      found[{topic.name, partition.partition_index}] = {std::move(partition.replicas),
                                                        std::move(partition.adding_replicas),
                                                        std::move(partition.removing_replicas)};
    }
  }
  co_return found;
}

}  // namespace moldau::client
