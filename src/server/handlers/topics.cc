#include "server/handlers/topics.h"

#include <algorithm>

namespace moldau::server::handlers {

using wire::ErrorCode;

const metadata::Topic* find_topic(const metadata::Image& image, const TopicId& id, const std::string& name) {
  return id.is_zero() ? image.topic(name) : image.topic(id);
}

ErrorCode check_exists(const metadata::Topic* topic, bool by_id, PartitionIndex partition) {
  if (topic == nullptr) {
    return by_id ? ErrorCode::unknown_topic_id : ErrorCode::unknown_topic_or_partition;
  }
  return topic->partition(partition) ? ErrorCode::none : ErrorCode::unknown_topic_or_partition;
}

ErrorCode check_leader(const Broker& broker, const metadata::Topic* topic, bool by_id,
                       PartitionIndex partition) {
  const ErrorCode exists = check_exists(topic, by_id, partition);
  if (exists != ErrorCode::none) return exists;
  return topic->partition(partition)->leader == broker.node_id ? ErrorCode::none
                                                               : ErrorCode::not_leader_or_follower;
}

namespace {

const metadata::BrokerEndpoint* find_endpoint(const std::vector<metadata::BrokerEndpoint>& endpoints,
                                              std::string_view listener) {
  const auto found = std::ranges::find(endpoints, listener, &metadata::BrokerEndpoint::listener);
  return found == endpoints.end() ? nullptr : &*found;
}

}  // namespace

const metadata::BrokerEndpoint* endpoint_of(const metadata::Broker& broker, std::string_view listener) {
  return find_endpoint(broker.endpoints, listener);
}

const metadata::BrokerEndpoint* endpoint_of(const metadata::ControllerNode& controller,
                                            std::string_view listener) {
  return find_endpoint(controller.endpoints, listener);
}

}  // namespace moldau::server::handlers
