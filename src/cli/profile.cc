#include "cli/profile.h"

#include <algorithm>

#include "cli/connection.h"

namespace moldau::cli {
namespace {

// A Java client's file: whatever it holds is taken, as Kafka's clients do.
Answer<Profile> of_command_config(const Session& session, const std::string& path) {
  auto file = read_properties_file(session.invocation, path);
  if (!file) return std::unexpected(std::move(file).error());
  Profile out;
  for (auto& [key, value] : *file)
    out.insert_or_assign(key == "bootstrap.servers" ? "brokers" : std::string(kPropertyPrefix) + key, value);
  return out;
}

Profile of_environment(const std::map<std::string, std::string>& environment) {
  constexpr std::pair<const char*, const char*> kVariables[] = {{"MOLDAU_BROKERS", "brokers"},
                                                                {"MOLDAU_TLS_CA", "tls.ca"},
                                                                {"MOLDAU_TLS_CERT", "tls.cert"},
                                                                {"MOLDAU_TLS_KEY", "tls.key"},
                                                                {"MOLDAU_USER", "sasl.user"},
                                                                {"MOLDAU_PASS", "sasl.password"},
                                                                {"MOLDAU_SASL_MECHANISM", "sasl.mechanism"}};
  Profile out;
  for (const auto& [variable, key] : kVariables) {
    const auto at = environment.find(variable);
    if (at != environment.end() && !at->second.empty()) out.emplace(key, at->second);
  }
  return out;
}

class Gather {
 public:
  explicit Gather(const Session& session) : session_(session) {}

  Answer<std::vector<ClusterSource>> all() {
    auto given = of_command_line();
    if (!given) return std::unexpected(std::move(given).error());
    auto personal = usable_profiles(session_.invocation);
    if (!personal) return std::unexpected(std::move(personal).error());
    file_ = std::move(*personal);
    auto found = below_command_line();
    if (!found) return std::unexpected(std::move(found).error());
    if (!file_.globals.empty()) add_globals();
    return std::move(sources_);
  }

 private:
  Answer<void> of_command_line() {
    const Arguments& arguments = session_.arguments;
    if (const auto brokers = arguments.find("brokers")) add("--brokers", {{"brokers", *brokers}}, true);
    auto assigned = assigned_values(arguments.all("X"));
    if (!assigned) return std::unexpected(std::move(assigned).error());
    add("-X", std::move(*assigned), true);
    if (const auto path = arguments.find("command-config")) {
      auto file = of_command_config(session_, *path);
      if (!file) return std::unexpected(std::move(file).error());
      add("--command-config", std::move(*file), true);
    }
    return {};
  }

  // A profile that is named rules out the weaker ways to name one, and a project's file when --profile does.
  Answer<void> below_command_line() {
    const auto& environment = session_.invocation.process.environment;
    const auto flag = session_.arguments.find("profile");
    if (flag) {
      if (auto added = add_profile(*flag, true); !added) return added;
    }
    add("the environment", of_environment(environment), true);
    if (flag) return {};
    const auto variable = environment.find("MOLDAU_PROFILE");
    const bool by_variable = variable != environment.end() && !variable->second.empty();
    if (by_variable) {
      if (auto added = add_profile(variable->second, true); !added) return added;
    }
    auto project = read_project(session_.invocation);
    if (!project) return std::unexpected(std::move(project).error());
    if (!project->problems.empty())
      return trouble(Exit::bad_file, "the project's file cannot be used",
                     project->problems.front().to_string());
    // A folder from elsewhere may name its own cluster, but says nothing about how another one is trusted.
    if (!project->value.values.contains("brokers"))
      std::erase_if(project->value.values, [](const auto& entry) { return belongs_to_cluster(entry.first); });
    add(project->value.path, project->value.values);
    if (by_variable) return {};
    if (!project->value.profile.empty()) return add_profile(project->value.profile);
    return file_.current.empty() ? Answer<void>() : add_profile(file_.current);
  }

  void add(std::string name, Profile values, bool for_this_run = false) {
    sources_.push_back({std::move(name), std::move(values), {}, for_this_run});
  }

  Answer<void> add_profile(const std::string& name, bool for_this_run = false) {
    const auto at = file_.profiles.find(name);
    if (at == file_.profiles.end())
      return trouble(Exit::usage, "no profile \"" + name + "\"",
                     profiles_path(session_.invocation) + " has: " + file_.names());
    auto values = filled_in(session_.invocation, at->second, name);
    if (!values) return std::unexpected(std::move(values).error());
    sources_.push_back({"profile " + name, std::move(*values), name, for_this_run});
    return {};
  }

  void add_globals() {
    constexpr std::pair<const char*, const char*> kProperties[] = {
        {"command_timeout", "properties.default.api.timeout.ms"},
        {"dial_timeout", "properties.socket.connection.setup.timeout.ms"}};
    Profile values;
    for (const auto& [global, key] : kProperties) {
      const auto at = file_.globals.find(global);
      if (at == file_.globals.end()) continue;
      const auto duration =
          std::chrono::duration_cast<std::chrono::milliseconds>(*parse_duration(at->second));
      values.emplace(key, std::to_string(duration.count()));
    }
    if (const auto at = file_.globals.find("no_default_cluster"); at != file_.globals.end())
      values.emplace("no_default_cluster", at->second);
    add("globals", std::move(values));
  }

  const Session& session_;
  ProfileFile file_;
  std::vector<ClusterSource> sources_;
};

}  // namespace

ClusterChoice choose_cluster(const std::vector<ClusterSource>& strongest_first) {
  ClusterChoice out;
  for (const ClusterSource& source : strongest_first) {
    const bool cluster_is_open = out.from.empty() || source.for_this_run;
    for (const auto& [key, value] : source.values) {
      if (cluster_is_open || !belongs_to_cluster(key)) out.values.emplace(key, value);
    }
    if (cluster_is_open && !source.profile.empty()) out.profile = source.profile;
    if (out.from.empty() && source.values.contains("brokers")) out.from = source.name;
  }
  return out;
}

Answer<Profile> assigned_values(const std::vector<std::string>& assignments) {
  Profile out;
  for (const std::string& assignment : assignments) {
    auto pair = key_value(assignment, "-X");
    if (!pair) return std::unexpected(std::move(pair).error());
    const auto key = profile_key_of(pair->first);
    if (!key) return usage_trouble("-X: " + unknown_assignment(pair->first), "moldau -X list shows them all");
    if (const auto problem = problem_of(*key, pair->second))
      return usage_trouble("-X " + pair->first + ": " + *problem);
    out.insert_or_assign(*key, pair->second);
  }
  return out;
}

Answer<std::vector<ClusterSource>> cluster_sources(const Session& session) { return Gather(session).all(); }

Properties properties_of(const Profile& values) {
  Properties out;
  for (const auto& [key, value] : values) {
    if (key.starts_with(kPropertyPrefix)) out.emplace(key.substr(kPropertyPrefix.size()), value);
  }
  if (const auto brokers = values.find("brokers"); brokers != values.end())
    out.insert_or_assign("bootstrap.servers", brokers->second);
  const bool tls = asks_for_tls(values), sasl = asks_for_sasl(values);
  if (tls || sasl) out.emplace("security.protocol", sasl ? (tls ? "SASL_SSL" : "SASL_PLAINTEXT") : "SSL");
  return out;
}

}  // namespace moldau::cli
