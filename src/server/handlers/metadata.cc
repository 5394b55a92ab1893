#include <algorithm>
#include <set>

#include "metadata/topic_name.h"
#include "server/handlers/handlers.h"
#include "server/handlers/topics.h"

namespace moldau::server::handlers {

using wire::ErrorCode;

namespace {

using TopicRequest = wire::MetadataRequest::Topic;
using TopicAnswer = wire::MetadataResponse::Topic;

constexpr wire::ApiVersion kListenerNotFoundFrom = 6;
constexpr wire::ApiVersion kTopicIdsFrom = 12;
constexpr std::int32_t kCreateTimeoutMs = 30000;

void add_brokers(const metadata::Image& image, const Request& request, wire::MetadataResponse& response) {
  for (const auto& [id, known] : image.brokers()) {
    if (known->fenced) continue;
    if (const auto* endpoint = endpoint_of(*known, request.peer.listener)) {
      response.brokers.push_back({id, endpoint->host, endpoint->port, known->rack});
    }
  }
}

std::vector<NodeId> offline_replicas(const metadata::Image& image, const metadata::Partition& state) {
  std::vector<NodeId> offline;
  std::ranges::copy_if(state.replicas, std::back_inserter(offline),
                       [&](NodeId replica) { return !image.is_unfenced(replica); });
  return offline;
}

TopicAnswer::Partition describe(const metadata::Image& image, const Request& request,
                                const metadata::Partition& state) {
  TopicAnswer::Partition answer;
  answer.partition_index = state.partition;
  answer.leader_id = state.leader;
  answer.leader_epoch = state.leader_epoch;
  answer.replica_nodes = state.replicas;
  answer.isr_nodes = state.isr;
  answer.offline_replicas = offline_replicas(image, state);
  const metadata::Broker* leader = image.broker(state.leader);
  if (leader == nullptr || leader->fenced) {
    answer.error_code = ErrorCode::leader_not_available;
    answer.leader_id = kNoNode;
  } else if (endpoint_of(*leader, request.peer.listener) == nullptr) {
    answer.error_code = request.header.api_version >= kListenerNotFoundFrom ? ErrorCode::listener_not_found
                                                                            : ErrorCode::leader_not_available;
    answer.leader_id = kNoNode;
  }
  return answer;
}

TopicAnswer describe(const metadata::Image& image, const Request& request,
                     const wire::MetadataRequest& message, const metadata::Topic& topic) {
  TopicAnswer answer;
  answer.name = topic.name;
  answer.topic_id = topic.id;
  answer.is_internal = metadata::is_internal_topic(topic.name);
  for (const auto& state : topic.partitions) answer.partitions.push_back(describe(image, request, *state));
  if (message.include_topic_authorized_operations) answer.topic_authorized_operations = kAllTopicOperations;
  return answer;
}

TopicAnswer refuse(const TopicRequest& asked, ErrorCode code) {
  TopicAnswer answer;
  answer.error_code = code;
  answer.name = asked.name;
  answer.topic_id = asked.topic_id;
  return answer;
}

// Each topic once, as in Kafka: a small request that repeats a large topic gets no answer larger than the
// memory.
void drop_repeated(std::vector<TopicRequest>& topics) {
  std::set<std::pair<TopicId, std::optional<std::string>>> seen;
  std::erase_if(topics,
                [&](const TopicRequest& topic) { return !seen.emplace(topic.topic_id, topic.name).second; });
}

// Which of the topics asked for by name could be created now.
std::vector<std::string> missing_names(const metadata::Image& image,
                                       const std::vector<TopicRequest>& topics) {
  std::vector<std::string> names;
  for (const TopicRequest& topic : topics) {
    const bool creatable = topic.name && topic.topic_id.is_zero() && image.topic(*topic.name) == nullptr &&
                           metadata::validate_topic_name(*topic.name) &&
                           !metadata::is_internal_topic(*topic.name);
    if (creatable) names.push_back(*topic.name);
  }
  return names;
}

// Creates them with the broker's defaults. The answer then holds them at once, where Kafka has the client ask
// again.
Task<void> create_missing(Broker& broker, const Request& request, std::vector<std::string> names) {
  wire::CreateTopicsRequest create;
  create.timeout_ms = kCreateTimeoutMs;
  for (const std::string& name : names) {
    auto& topic = create.topics.emplace_back();
    topic.name = name;
    topic.num_partitions = -1;
    topic.replication_factor = -1;
  }
  const auto created = co_await broker.controller.ask(std::move(create));
  for (const auto& topic : created.topics) {
    if (topic.error_code != ErrorCode::none) continue;
    telemetry::log_limited(broker.peer_lines, broker.executor.now().time_since_epoch(),
                           telemetry::Level::info, "server", "topic created because a client asked for it",
                           {{"topic", topic.name},
                            {"client_id", request.client_id()},
                            {"peer", request.peer.address.to_string()}});
  }
}

TopicAnswer answer_for(const metadata::Image& image, const Request& request,
                       const wire::MetadataRequest& message, const TopicRequest& asked) {
  const bool by_id = !asked.topic_id.is_zero();
  if ((by_id || !asked.name) && request.header.api_version < kTopicIdsFrom) {
    return refuse(asked, ErrorCode::invalid_request);
  }
  if (!by_id && !asked.name) return refuse(asked, ErrorCode::unknown_topic_id);
  const metadata::Topic* topic = by_id ? image.topic(asked.topic_id) : image.topic(*asked.name);
  if (topic != nullptr) return describe(image, request, message, *topic);
  if (by_id) return refuse(asked, ErrorCode::unknown_topic_id);
  return refuse(asked, metadata::validate_topic_name(*asked.name) ? ErrorCode::unknown_topic_or_partition
                                                                  : ErrorCode::invalid_topic_exception);
}

}  // namespace

Task<wire::MetadataResponse> metadata(Broker& broker, const Request& request, wire::MetadataRequest message) {
  const wire::ApiVersion version = request.header.api_version;
  // Version 0 has no null: an empty list asks for everything.
  const bool all = !message.topics || (version == 0 && message.topics->empty());
  if (!all) drop_repeated(*message.topics);
  if (!all && message.allow_auto_topic_creation) {
    auto image = broker.image();
    auto missing = missing_names(*image, *message.topics);
    if (!missing.empty() && broker.broker_config(*image).bool_of("auto.create.topics.enable")) {
      co_await create_missing(broker, request, std::move(missing));
    }
  }
  wire::MetadataResponse response;
  const auto image = broker.image();
  add_brokers(*image, request, response);
  response.cluster_id = broker.cluster_id;
  // Any live broker will do: each forwards to the controller.
  response.controller_id = response.brokers.empty() ? kNoNode : broker.node_id;
  Turn turn;
  if (all) {
    for (const auto& [name, topic] : image->topics()) {
      if (turn.over()) co_await runtime::yield(broker.executor);
      response.topics.push_back(describe(*image, request, message, *topic));
    }
  } else {
    for (const TopicRequest& asked : *message.topics) {
      if (turn.over()) co_await runtime::yield(broker.executor);
      response.topics.push_back(answer_for(*image, request, message, asked));
      broker.metrics.error(wire::ApiKey::metadata, response.topics.back().error_code);
    }
  }
  if (message.include_cluster_authorized_operations)
    response.cluster_authorized_operations = kAllClusterOperations;
  co_return response;
}

}  // namespace moldau::server::handlers
