#include "cli/profile.h"

#include <yaml-cpp/yaml.h>

namespace moldau::cli {
namespace {

std::string join(const YAML::Node& list) {
  if (list.IsScalar()) return list.as<std::string>();
  std::string out;
  for (const YAML::Node& item : list) out += (out.empty() ? "" : ",") + item.as<std::string>();
  return out;
}

Properties properties_of(const YAML::Node& profile) {
  Properties found;
  if (!profile.IsMap()) return found;
  if (const YAML::Node brokers = profile["brokers"]) found["bootstrap.servers"] = join(brokers);
  if (profile["tls"])
    found["security.protocol"] = profile["sasl"] ? "SASL_SSL" : "SSL";
  else if (profile["sasl"])
    found["security.protocol"] = "SASL_PLAINTEXT";
  if (const YAML::Node more = profile["properties"]; more && more.IsMap()) {
    for (const auto& entry : more) found[entry.first.as<std::string>()] = entry.second.as<std::string>();
  }
  return found;
}

// A missing file is an empty document.
Answer<YAML::Node> read_yaml(const Invocation& invocation, const std::string& path) {
  const auto text = invocation.process.read_file(path);
  if (!text && text.error().code == Errc::not_found) return YAML::Node();
  if (!text) return trouble(Exit::bad_file, "cannot read " + path, text.error().message);
  try {
    return YAML::Load(*text);
  } catch (const YAML::Exception& error) {
    return trouble(Exit::bad_file, "cannot read " + path, error.what());
  }
}

std::string parent_of(const std::string& directory) {
  return directory.substr(0, std::max<std::size_t>(directory.rfind('/'), 0));
}

// Upwards from the working directory, no further than the folder that holds .git.
Answer<YAML::Node> project_file(const Invocation& invocation) {
  for (std::string at = invocation.process.working_directory; at.size() > 1; at = parent_of(at)) {
    auto found = read_yaml(invocation, at + "/.moldau.yaml");
    if (!found || !found->IsNull()) return found;
    if (invocation.process.read_file(at + "/.git/HEAD")) break;
  }
  return YAML::Node();
}

std::string names_of(const YAML::Node& profiles) {
  std::string names;
  if (!profiles.IsMap()) return "none";
  for (const auto& entry : profiles) names += (names.empty() ? "" : ", ") + entry.first.as<std::string>();
  return names;
}

Answer<Properties> found_properties(const Invocation& invocation, std::optional<std::string> named) {
  auto project = project_file(invocation);
  if (!project) return std::unexpected(std::move(project).error());
  Properties found = properties_of(*project);
  if (!named && project->IsMap() && (*project)["profile"]) named = (*project)["profile"].as<std::string>();
  const auto& environment = invocation.process.environment;
  if (const auto at = environment.find("MOLDAU_PROFILE"); !named && at != environment.end())
    named = at->second;

  const std::string path = invocation.process.home + "/.config/moldau/config.yaml";
  auto personal = read_yaml(invocation, path);
  if (!personal) return std::unexpected(std::move(personal).error());
  const YAML::Node profiles = personal->IsMap() ? (*personal)["profiles"] : YAML::Node();
  const bool must_exist = named.has_value();
  if (!named && personal->IsMap() && (*personal)["current"]) named = (*personal)["current"].as<std::string>();
  if (!named) return found;
  const YAML::Node profile =
      profiles && profiles.IsMap() ? profiles[*named] : YAML::Node(YAML::NodeType::Undefined);
  if (!profile && must_exist)
    return trouble(Exit::usage, "no profile \"" + *named + "\"", path + " has: " + names_of(profiles));
  if (profile) found.merge(properties_of(profile));
  return found;
}

}  // namespace

Answer<Properties> profile_properties(const Invocation& invocation, std::optional<std::string> named) {
  try {
    return found_properties(invocation, std::move(named));
  } catch (const YAML::Exception& error) {
    return trouble(Exit::bad_file, "cannot read the profile", error.what());
  }
}

}  // namespace moldau::cli
