#include "client/admin_items.h"
#include "wire/messages/alter_configs.h"
#include "wire/messages/describe_configs.h"
#include "wire/messages/incremental_alter_configs.h"
#include "wire/messages/list_config_resources.h"

namespace moldau::client {
namespace {

using Changes = std::vector<std::pair<ConfigResource, std::vector<ConfigChange>>>;

ConfigResource resource_from(std::int8_t type, const std::string& name) {
  return {static_cast<ConfigResourceType>(type), name};
}

// Configs of a broker are the broker's own to tell and to change.
std::optional<NodeId> broker_of(const ConfigResource& resource) {
  const bool of_broker =
      resource.type == ConfigResourceType::broker || resource.type == ConfigResourceType::broker_logger;
  if (!of_broker || resource.name.empty()) return std::nullopt;
  NodeId id = 0;
  for (const char digit : resource.name) {
    if (digit < '0' || digit > '9' || id > 200'000'000) return std::nullopt;
    id = id * 10 + (digit - '0');
  }
  return id;
}

ConfigEntry entry_from(const wire::DescribeConfigsResponse::ResourceResult::Config& from) {
  ConfigEntry entry{.name = from.name,
                    .value = from.value,
                    .source = static_cast<ConfigSource>(from.config_source),
                    .read_only = from.read_only,
                    .sensitive = from.is_sensitive,
                    .type = from.config_type,
                    .documentation = from.documentation};
  for (const auto& synonym : from.synonyms) {
    entry.synonyms.push_back({synonym.name, synonym.value, static_cast<ConfigSource>(synonym.source)});
  }
  return entry;
}

template <class Response, class Request>
Task<Outcome<Response>> ask(ClusterClient& cluster, std::optional<NodeId> node, Request request) {
  if (node) co_return co_await cluster.call_node<Response>(*node, std::move(request));
  co_return co_await cluster.call_any<Response>(std::move(request));
}

template <class Resource>
std::map<std::optional<NodeId>, std::vector<Resource>> by_broker(std::vector<Resource> resources,
                                                                 auto&& resource_of) {
  std::map<std::optional<NodeId>, std::vector<Resource>> groups;
  for (Resource& one : resources) groups[broker_of(resource_of(one))].push_back(std::move(one));
  return groups;
}

template <class Response, class Request>
Task<Outcome<PerItem<ConfigResource, void>>> change(ClusterClient& cluster, Changes changes,
                                                    bool validate_only,
                                                    void (*add)(Request&, ConfigResource,
                                                                std::vector<ConfigChange>)) {
  PerItem<ConfigResource, void> results;
  for (auto& [node, group] : by_broker(std::move(changes), [](const auto& one) { return one.first; })) {
    Request request;
    for (auto& [resource, entries] : group) add(request, std::move(resource), std::move(entries));
    request.validate_only = validate_only;
    auto response = co_await ask<Response>(cluster, node, std::move(request));
    if (!response) co_return fail(std::move(response).error());
    for (const auto& one : response->responses) {
      results.emplace_back(resource_from(one.resource_type, one.resource_name),
                           outcome_of(one.error_code, one.error_message));
    }
  }
  co_return results;
}

template <class Request>
auto& add_resource(Request& request, ConfigResource resource) {
  auto& out = request.resources.emplace_back();
  out.resource_type = static_cast<std::int8_t>(resource.type);
  out.resource_name = std::move(resource.name);
  return out;
}

void add_whole(wire::AlterConfigsRequest& request, ConfigResource resource,
               std::vector<ConfigChange> changes) {
  auto& out = add_resource(request, std::move(resource));
  for (ConfigChange& one : changes) out.configs.push_back({std::move(one.name), std::move(one.value)});
}

void add_patch(wire::IncrementalAlterConfigsRequest& request, ConfigResource resource,
               std::vector<ConfigChange> changes) {
  auto& out = add_resource(request, std::move(resource));
  for (ConfigChange& one : changes) {
    out.configs.push_back(
        {std::move(one.name), static_cast<std::int8_t>(one.operation), std::move(one.value)});
  }
}

}  // namespace

std::string_view name_of(ConfigSource source) {
  switch (source) {
    case ConfigSource::unknown:
      return "UNKNOWN";
    case ConfigSource::topic:
      return "DYNAMIC_TOPIC_CONFIG";
    case ConfigSource::dynamic_broker:
      return "DYNAMIC_BROKER_CONFIG";
    case ConfigSource::dynamic_default_broker:
      return "DYNAMIC_DEFAULT_BROKER_CONFIG";
    case ConfigSource::static_broker:
      return "STATIC_BROKER_CONFIG";
    case ConfigSource::built_in:
      return "DEFAULT_CONFIG";
    case ConfigSource::dynamic_broker_logger:
      return "DYNAMIC_BROKER_LOGGER_CONFIG";
    case ConfigSource::client_metrics:
      return "DYNAMIC_CLIENT_METRICS_CONFIG";
    case ConfigSource::group:
      return "DYNAMIC_GROUP_CONFIG";
  }
  return "UNKNOWN";  // a newer broker's
}

Task<Outcome<PerItem<ConfigResource, std::vector<ConfigEntry>>>> AdminCore::describe_configs(
    ConfigQuery query) {
  PerItem<ConfigResource, std::vector<ConfigEntry>> results;
  for (auto& [node, group] : by_broker(std::move(query.resources), [](const auto& one) { return one; })) {
    wire::DescribeConfigsRequest request;
    for (ConfigResource& resource : group)
      add_resource(request, std::move(resource)).configuration_keys = query.keys;
    request.include_synonyms = query.synonyms;
    request.include_documentation = query.documentation;
    auto response = co_await ask<wire::DescribeConfigsResponse>(cluster_, node, std::move(request));
    if (!response) co_return fail(std::move(response).error());
    for (const auto& one : response->results) {
      std::vector<ConfigEntry> entries;
      for (const auto& config : one.configs) entries.push_back(entry_from(config));
      results.emplace_back(resource_from(one.resource_type, one.resource_name),
                           outcome_of(one.error_code, one.error_message, std::move(entries)));
    }
  }
  co_return results;
}

Task<Outcome<PerItem<ConfigResource, void>>> AdminCore::alter_configs(Changes changes, bool validate_only) {
  return change<wire::AlterConfigsResponse>(cluster_, std::move(changes), validate_only, add_whole);
}

Task<Outcome<PerItem<ConfigResource, void>>> AdminCore::incremental_alter_configs(Changes changes,
                                                                                  bool validate_only) {
  return change<wire::IncrementalAlterConfigsResponse>(cluster_, std::move(changes), validate_only,
                                                       add_patch);
}

Task<Outcome<std::vector<ConfigResource>>> AdminCore::list_config_resources(
    std::vector<ConfigResourceType> types) {
  wire::ListConfigResourcesRequest request;
  for (const ConfigResourceType type : types)
    request.resource_types.push_back(static_cast<std::int8_t>(type));
  auto response = co_await cluster_.call_any<wire::ListConfigResourcesResponse>(std::move(request));
  if (!response) co_return fail(std::move(response).error());
  if (response->error_code != wire::ErrorCode::none) co_return refusal(response->error_code);
  std::vector<ConfigResource> resources;
  for (const auto& one : response->config_resources) {
    resources.push_back(resource_from(one.resource_type, one.resource_name));
  }
  co_return resources;
}

}  // namespace moldau::client
