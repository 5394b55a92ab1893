#include "client/admin_items.h"
#include "wire/messages/create_partitions.h"
#include "wire/messages/create_topics.h"
#include "wire/messages/delete_topics.h"
#include "wire/messages/describe_topic_partitions.h"

namespace moldau::client {
namespace {

using wire::DescribeTopicPartitionsRequest;
using wire::DescribeTopicPartitionsResponse;

wire::CreateTopicsRequest::Topic request_of(NewTopic topic) {
  wire::CreateTopicsRequest::Topic out;
  out.name = std::move(topic.name);
  out.num_partitions = topic.assignment.empty() ? topic.partitions : -1;
  out.replication_factor = topic.assignment.empty() ? topic.replication_factor : std::int16_t{-1};
  for (std::size_t i = 0; i < topic.assignment.size(); ++i) {
    out.assignments.push_back({static_cast<PartitionIndex>(i), std::move(topic.assignment[i])});
  }
  for (auto& [name, value] : topic.configs) out.configs.push_back({std::move(name), std::move(value)});
  return out;
}

PartitionInfo partition_from(const DescribeTopicPartitionsResponse::Topic::Partition& from) {
  return {.index = from.partition_index,
          .error = from.error_code,
          .leader = from.leader_id,
          .leader_epoch = from.leader_epoch,
          .replicas = from.replica_nodes,
          .isr = from.isr_nodes,
          .offline = from.offline_replicas,
          .eligible_leader_replicas = from.eligible_leader_replicas,
          .last_known_elr = from.last_known_elr};
}

// A topic whose partitions span two pages comes twice.
void add_page(std::vector<TopicInfo>& topics, const DescribeTopicPartitionsResponse& page) {
  for (const auto& from : page.topics) {
    const std::string name = from.name.value_or("");
    if (topics.empty() || topics.back().name != name) {
      topics.push_back(
          {.name = name, .id = from.topic_id, .error = from.error_code, .internal = from.is_internal});
    }
    for (const auto& partition : from.partitions)
      topics.back().partitions.push_back(partition_from(partition));
  }
}

PerItem<std::string, TopicInfo> per_topic(std::vector<TopicInfo> topics) {
  PerItem<std::string, TopicInfo> results;
  for (TopicInfo& topic : topics) {
    std::ranges::sort(topic.partitions, {}, &PartitionInfo::index);
    std::string name = topic.name;
    const wire::ErrorCode error = topic.error;
    results.emplace_back(std::move(name), outcome_of(error, std::nullopt, std::move(topic)));
  }
  return results;
}

}  // namespace

Task<Outcome<PerItem<std::string, CreatedTopic>>> AdminCore::create_topics(std::vector<NewTopic> topics,
                                                                           bool validate_only) {
  wire::CreateTopicsRequest request;
  for (NewTopic& topic : topics) request.topics.push_back(request_of(std::move(topic)));
  request.timeout_ms = timeout_ms_of(cluster_);
  request.validate_only = validate_only;
  auto response = co_await cluster_.call_any<wire::CreateTopicsResponse>(std::move(request));
  if (!response) co_return fail(std::move(response).error());
  PerItem<std::string, CreatedTopic> results;
  for (const auto& topic : response->topics) {
    results.emplace_back(topic.name,
                         outcome_of(topic.error_code, topic.error_message,
                                    CreatedTopic{.id = topic.topic_id,
                                                 .partitions = topic.num_partitions,
                                                 .replication_factor = topic.replication_factor}));
  }
  co_return results;
}

Task<Outcome<PerItem<std::string, void>>> AdminCore::delete_topics(std::vector<std::string> names) {
  wire::DeleteTopicsRequest request;
  for (const std::string& name : names) request.topics.push_back({.name = name});
  request.topic_names = std::move(names);
  request.timeout_ms = timeout_ms_of(cluster_);
  auto response = co_await cluster_.call_any<wire::DeleteTopicsResponse>(std::move(request));
  if (!response) co_return fail(std::move(response).error());
  PerItem<std::string, void> results;
  for (const auto& topic : response->responses) {
    results.emplace_back(topic.name.value_or(""), outcome_of(topic.error_code, topic.error_message));
  }
  co_return results;
}

Task<Outcome<PerItem<TopicId, void>>> AdminCore::delete_topics(std::vector<TopicId> ids) {
  wire::DeleteTopicsRequest request;
  for (const TopicId& id : ids) request.topics.push_back({.topic_id = id});
  request.timeout_ms = timeout_ms_of(cluster_);
  auto response =
      co_await cluster_.call_any<wire::DeleteTopicsResponse>(std::move(request), {.min_version = 6});
  if (!response) co_return fail(std::move(response).error());
  PerItem<TopicId, void> results;
  for (const auto& topic : response->responses) {
    results.emplace_back(topic.topic_id, outcome_of(topic.error_code, topic.error_message));
  }
  co_return results;
}

Task<Outcome<PerItem<std::string, void>>> AdminCore::create_partitions(std::vector<NewPartitions> topics,
                                                                       bool validate_only) {
  wire::CreatePartitionsRequest request;
  for (NewPartitions& topic : topics) {
    auto& out = request.topics.emplace_back();
    out.name = std::move(topic.topic);
    out.count = topic.total_count;
    if (!topic.assignment) continue;
    out.assignments.emplace();
    for (auto& brokers : *topic.assignment) out.assignments->push_back({std::move(brokers)});
  }
  request.timeout_ms = timeout_ms_of(cluster_);
  request.validate_only = validate_only;
  auto response = co_await cluster_.call_any<wire::CreatePartitionsResponse>(std::move(request));
  if (!response) co_return fail(std::move(response).error());
  PerItem<std::string, void> results;
  for (const auto& topic : response->results) {
    results.emplace_back(topic.name, outcome_of(topic.error_code, topic.error_message));
  }
  co_return results;
}

Task<Outcome<std::vector<TopicInfo>>> AdminCore::list_topics() { return cluster_.topics({}); }

Task<Outcome<std::vector<TopicInfo>>> AdminCore::describe_page_by_page(std::vector<std::string> names) {
  std::ranges::sort(names);
  std::vector<TopicInfo> topics;
  DescribeTopicPartitionsRequest request;
  for (std::string& name : names) request.topics.push_back({std::move(name)});
  for (;;) {
    auto page = co_await cluster_.call_any<DescribeTopicPartitionsResponse>(request);
    if (!page) co_return fail(std::move(page).error());
    add_page(topics, *page);
    if (!page->next_cursor) co_return topics;
    const auto& next = *page->next_cursor;
    if (request.cursor && std::tie(next.topic_name, next.partition_index) <=
                              std::tie(request.cursor->topic_name, request.cursor->partition_index)) {
      co_return fail(local_failure(Errc::corrupt, "the broker's pages of topic descriptions do not advance"));
    }
    auto& cursor = request.cursor.emplace();
    cursor.topic_name = next.topic_name;
    cursor.partition_index = next.partition_index;
    std::erase_if(request.topics, [&](const auto& topic) { return topic.name < next.topic_name; });
  }
}

Task<Outcome<PerItem<std::string, TopicInfo>>> AdminCore::describe_topics(std::vector<std::string> names) {
  if (names.empty()) co_return PerItem<std::string, TopicInfo>();
  auto topics = co_await describe_page_by_page(names);
  if (!topics && topics.error().code == Errc::unsupported)
    topics = co_await cluster_.topics({.names = names});
  if (!topics) co_return fail(std::move(topics).error());
  co_return per_topic(std::move(*topics));
}

}  // namespace moldau::client
