// DescribeCluster, DescribeTopicPartitions: what the image answers by itself.
#include <algorithm>
#include <map>

#include "metadata/topic_name.h"
#include "server/handlers/handlers.h"
#include "server/handlers/topics.h"

namespace moldau::server::handlers {

using wire::ErrorCode;

namespace {

constexpr std::int8_t kBrokers = 1;
constexpr std::int8_t kControllers = 2;

using DescribedTopic = wire::DescribeTopicPartitionsResponse::Topic;

DescribedTopic::Partition describe(const metadata::Image& image, const metadata::Partition& state) {
  DescribedTopic::Partition answer;
  answer.partition_index = state.partition;
  answer.leader_id = state.leader;
  answer.leader_epoch = state.leader_epoch;
  answer.replica_nodes = state.replicas;
  answer.isr_nodes = state.isr;
  answer.eligible_leader_replicas = state.eligible_leader_replicas;
  answer.last_known_elr = state.last_known_elr;
  std::ranges::copy_if(state.replicas, std::back_inserter(answer.offline_replicas),
                       [&](NodeId replica) { return !image.is_unfenced(replica); });
  if (!image.is_unfenced(state.leader)) {
    answer.error_code = ErrorCode::leader_not_available;
    answer.leader_id = kNoNode;
  }
  return answer;
}

// Adds the topic's partitions from `first` on while `room` lasts; the index at which to go on, if not all
// fit.
std::optional<PartitionIndex> add_topic(const metadata::Image& image, const metadata::Topic& topic,
                                        PartitionIndex first, std::int32_t& room,
                                        wire::DescribeTopicPartitionsResponse& response) {
  if (room <= 0) return first;
  auto& answer = response.topics.emplace_back();
  answer.name = topic.name;
  answer.topic_id = topic.id;
  answer.is_internal = metadata::is_internal_topic(topic.name);
  answer.topic_authorized_operations = kAllTopicOperations;
  for (PartitionIndex index = first; index < topic.partition_count(); ++index) {
    if (room-- <= 0) return index;
    answer.partitions.push_back(describe(image, *topic.partition(index)));
  }
  return std::nullopt;
}

// A cursor names a partition of a topic that the request names, too.
bool fits(const wire::DescribeTopicPartitionsRequest& message) {
  if (!message.cursor) return true;
  if (message.cursor->partition_index < 0) return false;
  return message.topics.empty() || std::ranges::any_of(message.topics, [&](const auto& topic) {
           return topic.name == message.cursor->topic_name;
         });
}

wire::DescribeTopicPartitionsResponse refuse(const wire::DescribeTopicPartitionsRequest& message,
                                             ErrorCode code) {
  wire::DescribeTopicPartitionsResponse response;
  for (const auto& topic : message.topics)
    response.topics.push_back({.error_code = code, .name = topic.name});
  return response;
}

std::vector<std::string> sorted_names(const metadata::Image& image,
                                      const wire::DescribeTopicPartitionsRequest& message) {
  std::vector<std::string> names;
  for (const auto& topic : message.topics) names.push_back(topic.name);
  if (message.topics.empty()) {
    for (const auto& [name, topic] : image.topics()) names.push_back(name);
  }
  std::ranges::sort(names);
  names.erase(std::ranges::unique(names).begin(), names.end());
  return names;
}

// The answer to who wants nodes of another kind than this listener's (KIP-919); nothing when they fit.
std::optional<wire::DescribeClusterResponse> wrong_endpoint(std::int8_t wanted, std::int8_t ours) {
  if (wanted == ours) return std::nullopt;
  wire::DescribeClusterResponse response;
  const bool known = wanted == kBrokers || wanted == kControllers;
  response.error_code = known ? ErrorCode::mismatched_endpoint_type : ErrorCode::unsupported_endpoint_type;
  const std::string sent_to = ours == kBrokers ? "BROKER" : "CONTROLLER";
  const std::string wanted_of = wanted == kBrokers ? "BROKER" : "CONTROLLER";
  response.error_message = known ? "The request was sent to an endpoint of type " + sent_to +
                                       ", but we wanted an endpoint of type " + wanted_of
                                 : "Unsupported endpoint type " + std::to_string(wanted);
  return response;
}

}  // namespace

Task<wire::DescribeClusterResponse> describe_cluster(Broker& broker, const Request& request,
                                                     wire::DescribeClusterRequest message) {
  if (auto refused = wrong_endpoint(message.endpoint_type, kBrokers)) co_return std::move(*refused);
  wire::DescribeClusterResponse response;
  response.cluster_id = broker.cluster_id;
  const auto image = broker.image();
  for (const auto& [id, known] : image->brokers()) {
    if (known->fenced && !message.include_fenced_brokers) continue;
    const auto* endpoint = endpoint_of(*known, request.peer.listener);
    if (endpoint == nullptr) continue;
    response.brokers.push_back({id, endpoint->host, endpoint->port, known->rack, known->fenced});
  }
  response.controller_id = broker.node_id;
  if (message.include_cluster_authorized_operations)
    response.cluster_authorized_operations = kAllClusterOperations;
  co_return response;
}

// As they have registered themselves, by this listener; who has not yet, as the quorum knows it.
Task<wire::DescribeClusterResponse> describe_controllers(Broker& broker, const Request& request,
                                                         wire::DescribeClusterRequest message) {
  if (auto refused = wrong_endpoint(message.endpoint_type, kControllers)) co_return std::move(*refused);
  wire::DescribeClusterResponse response;
  response.endpoint_type = kControllers;
  response.cluster_id = broker.cluster_id;
  const Controllers controllers = co_await broker.quorum->controllers();
  response.controller_id = controllers.active;
  const auto image = broker.image();
  std::map<NodeId, runtime::Endpoint> nodes(controllers.nodes.begin(), controllers.nodes.end());
  for (const auto& [id, known] : image->controllers()) {
    if (const auto* endpoint = endpoint_of(*known, request.peer.listener))
      nodes[id] = {endpoint->host, endpoint->port};
  }
  for (const auto& [id, at] : nodes) response.brokers.push_back({id, at.host, at.port, {}, false});
  if (message.include_cluster_authorized_operations)
    response.cluster_authorized_operations = kAllClusterOperations;
  co_return response;
}

Task<wire::DescribeTopicPartitionsResponse> describe_topic_partitions(
    Broker& broker, const Request&, wire::DescribeTopicPartitionsRequest message) {
  if (!fits(message)) co_return refuse(message, ErrorCode::invalid_request);
  wire::DescribeTopicPartitionsResponse response;
  const auto image = broker.image();
  const auto page = static_cast<std::int32_t>(
      broker.broker_config(*image).int_of("max.request.partition.size.limit", 2000));
  std::int32_t room = std::clamp(message.response_partition_limit, 1, page);
  for (const std::string& name : sorted_names(*image, message)) {
    PartitionIndex first = 0;
    if (message.cursor) {
      if (name < message.cursor->topic_name) continue;
      if (name == message.cursor->topic_name) first = message.cursor->partition_index;
    }
    const metadata::Topic* topic = image->topic(name);
    if (topic == nullptr) {
      auto& answer = response.topics.emplace_back();
      answer.name = name;
      answer.error_code = metadata::validate_topic_name(name) ? ErrorCode::unknown_topic_or_partition
                                                              : ErrorCode::invalid_topic_exception;
      answer.topic_authorized_operations = kAllTopicOperations;
      continue;
    }
    if (const auto rest = add_topic(*image, *topic, first, room, response)) {
      response.next_cursor.emplace();
      response.next_cursor->topic_name = name;
      response.next_cursor->partition_index = *rest;
      break;
    }
  }
  co_return response;
}

}  // namespace moldau::server::handlers
