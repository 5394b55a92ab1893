// DescribeConfigs and ListConfigResources. What resources there are and where their values come from is
// Kafka's; the documentation lines are our own.
#include <algorithm>
#include <set>

#include "metadata/topic_name.h"
#include "server/handlers/handlers.h"
#include "server/handlers/topics.h"

namespace moldau::server::handlers {

using metadata::ResourceType;
using wire::ErrorCode;

namespace {

using ResourceRequest = wire::DescribeConfigsRequest::Resource;
using ResourceAnswer = wire::DescribeConfigsResponse::ResourceResult;

ResourceAnswer::Config to_wire(const config::DescribedConfig& described,
                               const wire::DescribeConfigsRequest& message) {
  ResourceAnswer::Config config;
  config.name = described.name;
  config.value = described.value;
  config.read_only = described.read_only;
  config.config_source = static_cast<std::int8_t>(described.source);
  config.is_sensitive = described.sensitive;
  config.config_type = static_cast<std::int8_t>(described.type);
  if (message.include_documentation) config.documentation = described.documentation;
  if (message.include_synonyms) {
    for (const config::Synonym& synonym : described.synonyms) {
      config.synonyms.push_back({synonym.name, synonym.value, static_cast<std::int8_t>(synonym.source)});
    }
  }
  return config;
}

void add_configs(std::vector<config::DescribedConfig> all, const ResourceRequest& resource,
                 const wire::DescribeConfigsRequest& message, ResourceAnswer& answer) {
  for (const config::DescribedConfig& described : all) {
    const auto& keys = resource.configuration_keys;  // null or empty: all of them
    if (keys && !keys->empty() && std::ranges::find(*keys, described.name) == keys->end()) continue;
    answer.configs.push_back(to_wire(described, message));
  }
}

void refuse(ResourceAnswer& answer, ErrorCode code, std::string message) {
  answer.error_code = code;
  answer.error_message = std::move(message);
}

void describe_topic(Broker& broker, const metadata::Image& image, const ResourceRequest& resource,
                    const wire::DescribeConfigsRequest& message, ResourceAnswer& answer) {
  if (const Status legal = metadata::validate_topic_name(resource.resource_name); !legal) {
    return refuse(answer, ErrorCode::invalid_topic_exception, legal.error().message);
  }
  if (image.topic(resource.resource_name) == nullptr) {
    return refuse(answer, ErrorCode::unknown_topic_or_partition,
                  "there is no topic \"" + resource.resource_name + "\"");
  }
  const auto layers = broker.config_layers(image, &resource.resource_name);
  add_configs(config::describe_topic_config(layers), resource, message, answer);
}

void describe_broker(Broker& broker, const metadata::Image& image, const ResourceRequest& resource,
                     const wire::DescribeConfigsRequest& message, ResourceAnswer& answer) {
  config::ConfigLayers layers = broker.config_layers(image);
  if (resource.resource_name.empty()) {
    // Only what is set for all brokers.
    auto all = config::describe_broker_config(layers);
    std::erase_if(all, [](const auto& one) { return one.source != config::Source::dynamic_cluster; });
    return add_configs(std::move(all), resource, message, answer);
  }
  if (resource.resource_name != std::to_string(broker.node_id)) {
    return refuse(answer, ErrorCode::invalid_request,
                  "Unexpected broker id, expected " + std::to_string(broker.node_id) +
                      " or empty string, but received " + resource.resource_name);
  }
  add_configs(config::describe_broker_config(layers), resource, message, answer);
}

ResourceAnswer describe(Broker& broker, const metadata::Image& image, const ResourceRequest& resource,
                        const wire::DescribeConfigsRequest& message) {
  ResourceAnswer answer;
  answer.resource_type = resource.resource_type;
  answer.resource_name = resource.resource_name;
  answer.error_message = "";
  switch (static_cast<ResourceType>(resource.resource_type)) {
    case ResourceType::topic:
      describe_topic(broker, image, resource, message, answer);
      break;
    case ResourceType::broker:
      describe_broker(broker, image, resource, message, answer);
      break;
    case ResourceType::broker_logger:
      refuse(answer, ErrorCode::invalid_request,
             "loggers of this broker are set in its log section, not here");
      break;
    case ResourceType::client_metrics:
    case ResourceType::group:
      refuse(answer, ErrorCode::invalid_request, "this broker has no resources of this type yet");
      break;
    default:
      refuse(answer, ErrorCode::invalid_request,
             "Unsupported resource type: " + std::to_string(resource.resource_type));
  }
  return answer;
}

bool is_wanted(const wire::ListConfigResourcesRequest& message, ResourceType type) {
  const auto code = static_cast<std::int8_t>(type);
  return message.resource_types.empty() ||
         std::ranges::find(message.resource_types, code) != message.resource_types.end();
}

}  // namespace

Task<wire::DescribeConfigsResponse> describe_configs(Broker& broker, const Request&,
                                                     wire::DescribeConfigsRequest message) {
  wire::DescribeConfigsResponse response;
  const auto image = broker.image();
  // All configs of a resource are a large answer to a few bytes: they are given once.
  std::set<std::pair<std::int8_t, std::string_view>> described;
  for (const ResourceRequest& resource : message.resources) {
    co_await runtime::yield(broker.executor);  // each takes as long as all that is to be known of the broker
    const bool in_full = !resource.configuration_keys || resource.configuration_keys->empty();
    if (in_full && !described.emplace(resource.resource_type, resource.resource_name).second) continue;
    response.results.push_back(describe(broker, *image, resource, message));
    broker.metrics.error(wire::ApiKey::describe_configs, response.results.back().error_code);
  }
  co_return response;
}

Task<wire::ListConfigResourcesResponse> list_config_resources(Broker& broker, const Request& request,
                                                              wire::ListConfigResourcesRequest message) {
  wire::ListConfigResourcesResponse response;
  // Version 0 lists client metrics subscriptions only, of which there are none.
  if (request.header.api_version == 0) co_return response;
  const auto is_known = [](std::int8_t code) {
    return code == 2 || code == 4 || code == 8 || code == 16 || code == 32;
  };
  if (!std::ranges::all_of(message.resource_types, is_known)) {
    response.error_code = ErrorCode::unsupported_version;
    co_return response;
  }
  const auto image = broker.image();
  const auto add = [&](std::string name, ResourceType type) {
    response.config_resources.push_back({std::move(name), static_cast<std::int8_t>(type)});
  };
  if (is_wanted(message, ResourceType::topic)) {
    for (const auto& [name, topic] : image->topics()) add(name, ResourceType::topic);
  }
  for (const auto& [id, known] : image->brokers()) {
    if (is_wanted(message, ResourceType::broker)) add(std::to_string(id), ResourceType::broker);
    if (is_wanted(message, ResourceType::broker_logger)) add(std::to_string(id), ResourceType::broker_logger);
  }
  for (const auto& [resource, configs] : image->all_configs()) {
    const bool other = resource.type == ResourceType::group || resource.type == ResourceType::client_metrics;
    if (other && is_wanted(message, resource.type)) add(resource.name, resource.type);
  }
  co_return response;
}

}  // namespace moldau::server::handlers
