#include "cli/connection.h"

#include <algorithm>

#include "cli/profile.h"
#include "cli/text_file.h"

namespace moldau::cli {
namespace {

constexpr std::string_view kDefaultBrokers = "localhost:9092";

void merge_below(Properties& over, Properties&& under) { over.merge(std::move(under)); }

Answer<void> add_assignments(Properties& properties, const std::vector<std::string>& assignments,
                             std::string_view flag) {
  for (const std::string& assignment : assignments) {
    auto pair = key_value(assignment, flag);
    if (!pair) return std::unexpected(std::move(pair).error());
    properties.insert_or_assign(pair->first, pair->second);
  }
  return {};
}

Properties of_environment(const std::map<std::string, std::string>& environment) {
  Properties found;
  if (const auto at = environment.find("MOLDAU_BROKERS"); at != environment.end())
    found["bootstrap.servers"] = at->second;
  return found;
}

// -X brokers=… and the property of the client both name the cluster.
void rename(Properties& properties, const std::string& from, const std::string& to) {
  if (auto node = properties.extract(from)) properties.emplace(to, std::move(node.mapped()));
}

Answer<void> add_file(Properties& properties, Session& session) {
  const auto path = session.arguments.find("command-config");
  if (!path) return {};
  auto file = read_properties_file(session.invocation, *path);
  if (!file) return std::unexpected(std::move(file).error());
  merge_below(properties, std::move(*file));
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
  const Arguments& arguments = session.arguments;
  Properties properties;
  if (auto added = add_assignments(properties, arguments.all("X"), "-X"); !added) return added;
  rename(properties, "brokers", "bootstrap.servers");
  if (const auto brokers = arguments.find("brokers"))
    properties.insert_or_assign("bootstrap.servers", *brokers);
  if (auto added = add_file(properties, session); !added) return added;
  merge_below(properties, of_environment(session.invocation.process.environment));
  auto profile = profile_properties(session.invocation, arguments.find("profile"));
  if (!profile) return std::unexpected(std::move(profile).error());
  merge_below(properties, std::move(*profile));
  if (const auto timeout = arguments.find("timeout")) properties.emplace("default.api.timeout", *timeout);
  session.properties = std::move(properties);
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
  session.properties = std::move(properties);
  use_default_brokers(session);
  return {};
}

}  // namespace moldau::cli
