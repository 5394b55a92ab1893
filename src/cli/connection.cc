#include "cli/connection.h"

#include "cli/profile.h"
#include "cli/text_file.h"

namespace moldau::cli {
namespace {

constexpr std::string_view kDefaultBrokers = "localhost:9092";

Answer<void> add_assignments(Properties& properties, const std::vector<std::string>& assignments,
                             std::string_view flag) {
  for (const std::string& assignment : assignments) {
    auto pair = key_value(assignment, flag);
    if (!pair) return std::unexpected(std::move(pair).error());
    properties.insert_or_assign(pair->first, pair->second);
  }
  return {};
}

Answer<void> add_file(Properties& properties, Session& session) {
  const auto path = session.arguments.find("command-config");
  if (!path) return {};
  auto file = read_properties_file(session.invocation, *path);
  if (!file) return std::unexpected(std::move(file).error());
  properties.merge(std::move(*file));
  return {};
}

void use_default_brokers(Session& session) {
  session.defaults_used =
      session.properties.emplace("bootstrap.servers", std::string(kDefaultBrokers)).second;
}

}  // namespace

Answer<Properties> read_properties_file(const Invocation& invocation, const std::string& path) {
  const auto text = read_text_file(invocation, path);
  if (!text) return std::unexpected(text.error());
  auto parsed = config::parse_properties(*text);
  if (!parsed) return trouble(Exit::bad_file, "cannot read " + path, parsed.error().message);
  Properties found;
  for (config::Property& property : *parsed)
    found.insert_or_assign(std::move(property.key), std::move(property.value));
  return found;
}

Answer<void> resolve_properties(Session& session) {
  const auto sources = cluster_sources(session);
  if (!sources) return std::unexpected(sources.error());
  const ClusterChoice choice = choose_cluster(*sources);
  const auto text = [&choice](std::string_view key) {
    const auto at = choice.values.find(key);
    return at == choice.values.end() ? std::string() : at->second;
  };
  session.properties = properties_of(choice.values);
  session.cluster = {choice.from, choice.profile, text("color"), text("confirm") == "always"};
  if (const auto timeout = session.arguments.find("timeout"))
    session.properties.emplace("default.api.timeout", *timeout);
  if (choice.from.empty() && text("no_default_cluster") == "true")
    return usage_trouble("no cluster is named, and globals.no_default_cluster rules localhost:9092 out",
                         "moldau profile use NAME, or --brokers host:port");
  use_default_brokers(session);
  return {};
}

Answer<void> resolve_kafka_properties(Session& session) {
  Properties properties;
  const Arguments& arguments = session.arguments;
  if (auto added = add_assignments(properties, arguments.all("command-property"), "--command-property");
      !added)
    return added;
  if (const auto servers = arguments.find("bootstrap-server"))
    properties.insert_or_assign("bootstrap.servers", *servers);
  if (auto added = add_file(properties, session); !added) return added;
  if (const auto controllers = arguments.find("bootstrap-controller")) {
    if (arguments.has("bootstrap-server"))
      return usage_trouble("Please don't specify both --bootstrap-server and --bootstrap-controller");
    properties.insert_or_assign("bootstrap.controllers", *controllers);
    properties.erase("bootstrap.servers");
  }
  session.properties = std::move(properties);
  if (!session.properties.contains("bootstrap.controllers")) use_default_brokers(session);
  return {};
}

}  // namespace moldau::cli
