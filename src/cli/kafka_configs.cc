#include "cli/connection.h"
#include "cli/handlers.h"

namespace moldau::cli {
namespace {

using client::ConfigResource;
using client::ConfigResourceType;
using runtime::Task;

// What --entity-type and its short forms name.
struct Entity {
  ConfigResource resource;
  bool all = false;  // no name was given: describe each of them
  std::string_view word() const {
    switch (resource.type) {
      case ConfigResourceType::topic:
        return "topic";
      case ConfigResourceType::broker:
        return "broker";
      case ConfigResourceType::broker_logger:
        return "broker-logger";
      case ConfigResourceType::client_metrics:
        return "client-metric";
      case ConfigResourceType::group:
        return "group";
    }
    return "";
  }
  bool is_default_broker() const {
    return resource.type == ConfigResourceType::broker && resource.name.empty() && !all;
  }
};

Answer<ConfigResourceType> type_named(const std::string& name) {
  constexpr std::pair<std::string_view, ConfigResourceType> kTypes[] = {
      {"topics", ConfigResourceType::topic},
      {"brokers", ConfigResourceType::broker},
      {"broker-loggers", ConfigResourceType::broker_logger},
      {"groups", ConfigResourceType::group},
      {"client-metrics", ConfigResourceType::client_metrics}};
  for (const auto& [known, type] : kTypes) {
    if (known == name) return type;
  }
  if (name == "users" || name == "clients" || name == "ips")
    return trouble(Exit::failed, "kafka-configs --entity-type " + name +
                                     ": quotas and users are not available in this version");
  return usage_trouble(
      "Invalid entity type " + name +
      ", the entity type must be one of topics, clients, users, brokers, broker-loggers, ips, "
      "client-metrics, groups");
}

Answer<Entity> entity_of(const Arguments& arguments) {
  for (const std::string_view flag :
       {"user", "user-defaults", "client", "client-defaults", "ip", "ip-defaults"}) {
    if (arguments.has(flag))
      return trouble(Exit::failed, "kafka-configs --" + std::string(flag) +
                                       ": quotas and users are not available in this version");
  }
  constexpr std::pair<std::string_view, ConfigResourceType> kShort[] = {
      {"topic", ConfigResourceType::topic},
      {"broker", ConfigResourceType::broker},
      {"broker-logger", ConfigResourceType::broker_logger},
      {"group", ConfigResourceType::group},
      {"client-metrics", ConfigResourceType::client_metrics}};
  for (const auto& [flag, type] : kShort) {
    if (arguments.has(flag)) return Entity{{type, arguments.text(flag)}};
  }
  if (arguments.has("broker-defaults")) return Entity{{ConfigResourceType::broker, ""}};
  const auto& types = arguments.all("entity-type");
  if (types.empty()) return usage_trouble("At least one entity type must be specified");
  for (const std::string& name : types) {
    if (const auto type = type_named(name); !type) return std::unexpected(type.error());
  }
  Entity entity{{*type_named(types.front()), arguments.text("entity-name")}};
  entity.all = !arguments.has("entity-name") && !arguments.has("entity-default");
  return entity;
}

// "a=b,c=[d,e]": brackets keep commas together.
Answer<std::vector<client::ConfigChange>> additions(const std::string& text) {
  std::vector<client::ConfigChange> changes;
  std::size_t start = 0;
  int depth = 0;
  for (std::size_t i = 0; i <= text.size(); ++i) {
    if (i < text.size() && text[i] == '[') ++depth;
    if (i < text.size() && text[i] == ']') --depth;
    if (i < text.size() && (text[i] != ',' || depth > 0)) continue;
    std::string one = text.substr(start, i - start);
    start = i + 1;
    if (one.empty()) continue;
    auto pair = key_value(one, "--add-config");
    if (!pair) return std::unexpected(std::move(pair).error());
    std::string& value = pair->second;
    if (value.starts_with('[') && value.ends_with(']')) value = value.substr(1, value.size() - 2);
    changes.push_back({std::move(pair->first), client::ConfigOperation::set, std::move(value)});
  }
  return changes;
}

Answer<std::vector<client::ConfigChange>> changes_of(const Session& session) {
  const Arguments& arguments = session.arguments;
  auto changes = additions(arguments.text("add-config"));
  if (!changes) return changes;
  if (const auto path = arguments.find("add-config-file")) {
    auto file = read_properties_file(session.invocation, *path);
    if (!file) return std::unexpected(std::move(file).error());
    for (auto& [name, value] : *file) changes->push_back({name, client::ConfigOperation::set, value});
  }
  for (const std::string& name : split(arguments.text("delete-config"), ','))
    changes->push_back({name, client::ConfigOperation::remove, std::nullopt});
  if (changes->empty())
    return usage_trouble(
        "At least one of --add-config, --add-config-file, or --delete-config must be specified with --alter");
  return changes;
}

Task<Answer<Exit>> alter(ClusterSession& session, Entity entity) {
  const auto changes = changes_of(session.session);
  if (!changes) co_return trouble(changes.error());
  if (entity.all) co_return usage_trouble("An entity name must be specified with --alter");
  const auto results = co_await session.admin.incremental_alter_configs({{entity.resource, *changes}});
  const std::string name = std::string(entity.word()) + " " + entity.resource.name;
  if (!results) co_return trouble(trouble_of(results.error(), "Error while executing config command"));
  if (const auto& result = results->front().second; !result)
    co_return trouble(
        trouble_of(result.error(), "Error while executing config command with args for " + name));
  session.out().line(entity.is_default_broker()
                         ? "Completed updating default config for brokers in the cluster."
                         : "Completed updating config for " + name + ".");
  co_return Exit::done;
}

std::string synonyms_text(const client::ConfigEntry& entry) {
  std::string out;
  for (const client::ConfigSynonym& synonym : entry.synonyms)
    out += (out.empty() ? "" : ", ") + std::string(client::name_of(synonym.source)) + ":" + synonym.name +
           "=" + synonym.value.value_or("null");
  return out;
}

bool shown(const client::ConfigEntry& entry, const Entity& entity, bool all) {
  using Source = client::ConfigSource;
  if (all) return true;
  switch (entity.resource.type) {
    case ConfigResourceType::topic:
      return entry.source == Source::topic;
    case ConfigResourceType::broker:
      return entry.source ==
             (entity.resource.name.empty() ? Source::dynamic_default_broker : Source::dynamic_broker);
    default:
      return entry.source != Source::built_in;
  }
}

Task<Answer<std::vector<ConfigResource>>> resources_of(ClusterSession& session, const Entity& entity) {
  std::vector<ConfigResource> found;
  if (!entity.all) co_return std::vector{entity.resource};
  if (entity.resource.type == ConfigResourceType::topic) {
    const auto topics = co_await session.admin.list_topics();
    if (!topics) co_return trouble(trouble_of(topics.error(), "cannot list topics"));
    for (const client::TopicInfo& topic : *topics) found.push_back({entity.resource.type, topic.name});
    co_return found;
  }
  if (entity.resource.type == ConfigResourceType::broker) {
    const auto cluster = co_await session.admin.describe_cluster();
    if (!cluster) co_return trouble(trouble_of(cluster.error(), "cannot describe the cluster"));
    for (const client::BrokerInfo& broker : cluster->brokers)
      found.push_back({entity.resource.type, std::to_string(broker.id)});
    found.push_back({entity.resource.type, ""});
    co_return found;
  }
  const auto listed = co_await session.admin.list_config_resources({entity.resource.type});
  if (!listed) co_return trouble(trouble_of(listed.error(), "cannot list config resources"));
  co_return *listed;
}

Task<Answer<Exit>> describe(ClusterSession& session, Entity entity) {
  const bool all = session.arguments().has("all");
  auto resources = co_await resources_of(session, entity);
  if (!resources) co_return trouble(std::move(resources).error());
  entity.all = false;
  for (const ConfigResource& resource : *resources) {
    entity.resource = resource;
    const auto results = co_await session.admin.describe_configs({.resources = {resource}, .synonyms = true});
    if (!results) co_return trouble(trouble_of(results.error(), "Error while executing config command"));
    const auto& entries = results->front().second;
    if (!entries)
      co_return trouble(
          trouble_of(entries.error(), "cannot describe " + std::string(entity.word()) + " " + resource.name));
    session.out().line(entity.is_default_broker()
                           ? "Default configs for brokers in the cluster are:"
                           : std::string(all ? "All" : "Dynamic") + " configs for " +
                                 std::string(entity.word()) + " " + resource.name + " are:");
    for (const client::ConfigEntry& entry : *entries) {
      if (!shown(entry, entity, all)) continue;
      session.out().line("  " + entry.name + "=" + entry.value.value_or("null") + " sensitive=" +
                         (entry.sensitive ? "true" : "false") + " synonyms={" + synonyms_text(entry) + "}");
    }
  }
  co_return Exit::done;
}

}  // namespace

ClusterAnswer kafka_configs(ClusterSession& session) {
  const Arguments& arguments = session.arguments();
  if (arguments.has("describe") == arguments.has("alter"))
    co_return usage_trouble("Command must include exactly one action: --describe, --alter");
  auto entity = entity_of(arguments);
  if (!entity) co_return trouble(std::move(entity).error());
  if (arguments.has("alter")) co_return co_await alter(session, std::move(*entity));
  co_return co_await describe(session, std::move(*entity));
}

}  // namespace moldau::cli
