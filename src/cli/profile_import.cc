// Profiles out of other tools' files.
#include <algorithm>

#include "cli/profile_commands.h"
#include "config/entries.h"

namespace moldau::cli {
namespace {

// A key of the other tool, below one of its clusters, and ours. Lists come joined by commas.
struct Renamed {
  std::string_view theirs;
  std::string_view ours;
};

constexpr Renamed kOfRpk[] = {
    {"description", "description"},
    {"kafka_api.brokers", "brokers"},
    {"kafka_api.tls.enabled", "tls.enabled"},
    {"kafka_api.tls.ca_file", "tls.ca"},
    {"kafka_api.tls.truststore_file", "tls.ca"},
    {"kafka_api.tls.cert_file", "tls.cert"},
    {"kafka_api.tls.key_file", "tls.key"},
    {"kafka_api.tls.insecure_skip_verify", "tls.insecure_skip_verify"},
    {"kafka_api.sasl.user", "sasl.user"},
    {"kafka_api.sasl.mechanism", "sasl.mechanism"},
    {"admin_api.addresses", "admin"},
};

constexpr Renamed kOfKafkactl[] = {
    {"brokers", "brokers"},
    {"tls.enabled", "tls.enabled"},
    {"tls.ca", "tls.ca"},
    {"tls.cert", "tls.cert"},
    {"tls.certKey", "tls.key"},
    {"tls.insecure", "tls.insecure_skip_verify"},
    {"sasl.username", "sasl.user"},
    {"sasl.mechanism", "sasl.mechanism"},
    {"clientID", "properties.client.id"},
};

constexpr Renamed kOfJava[] = {
    {"bootstrap.servers", "brokers"},
    {"ssl.truststore.location", "tls.ca"},
    {"ssl.keystore.location", "tls.cert"},
    {"sasl.mechanism", "sasl.mechanism"},
};

std::string name_like(std::string_view text) {
  std::string name(text.substr(0, 64));
  for (char& letter : name) {
    if (!is_profile_name(std::string("x") + letter)) letter = '-';
  }
  return is_profile_name(name) ? name : "x" + name.substr(0, 63);
}

// rpk's addresses have no scheme.
std::string urls_of(const std::string& addresses) {
  std::string out;
  for (const std::string& one : split(addresses, ','))
    out += (out.empty() ? "" : ",") + (one.contains("://") ? one : "http://" + one);
  return out;
}

class Import {
 public:
  explicit Import(std::string path) : path_(std::move(path)) {}

  // "profiles.3.kafka_api.brokers" below "profiles." with rpk's names; a list's items have their name inside.
  void tree(const config::Reading& reading, std::string_view above, std::span<const Renamed> names,
            bool is_list) {
    if (is_list) {
      for (const config::Entry& entry : reading.entries) name_of_item(entry, above);
    }
    for (const std::string& path : reading.empty_maps) entry(path, "", above, names, true);
    for (const config::Entry& one : reading.entries) entry(one.path, one.value, above, names, false);
  }

  void properties(const config::Reading& reading, const std::string& name) {
    for (const config::Entry& entry : reading.entries)
      java_property(out_.profiles[name], entry.written, entry.value);
    Profile& profile = out_.profiles[name];
    const auto protocol = profile.find("properties.security.protocol");
    const std::string wanted = protocol == profile.end() ? "PLAINTEXT" : protocol->second;
    // Java's clients look at keys of TLS and SASL only where the protocol asks for them.
    if (!wanted.contains("SSL")) erase_group(profile, "tls.");
    if (!wanted.contains("SASL")) erase_group(profile, "sasl.");
  }

  void current(const std::string& name) { out_.current = name_like(name); }

  Answer<Imported> finish() && {
    for (const std::string& name : without_sasl_) erase_group(out_.profiles[name], "sasl.");
    for (auto& [name, profile] : out_.profiles) {
      for (auto at = profile.begin(); at != profile.end();) {
        const auto problem = problem_of(at->first, at->second);
        if (problem) left_out(name + ": " + at->first, *problem);
        at = problem ? profile.erase(at) : std::next(at);
      }
    }
    if (out_.profiles.empty())
      return trouble(Exit::bad_file, "no profiles in " + path_,
                     "it names no cluster in a way that is known here",
                     "an rpk.yaml, kafkactl's config.yml, a config.yaml or a Java client.properties");
    if (!out_.profiles.contains(out_.current)) out_.current.clear();
    return std::move(out_);
  }

 private:
  static void erase_group(Profile& profile, std::string_view group) {
    std::erase_if(profile, [group](const auto& entry) { return entry.first.starts_with(group); });
  }

  void left_out(const std::string& what, std::string_view why) {
    out_.notes.push_back("left out: " + what + " (" + std::string(why) + ")");
  }

  // The cluster and the key in it; nothing for a path elsewhere.
  static std::optional<std::pair<std::string, std::string>> split_path(std::string_view path,
                                                                       std::string_view above) {
    if (!path.starts_with(above)) return std::nullopt;
    path.remove_prefix(above.size());
    const std::size_t dot = path.find('.');
    if (dot == std::string_view::npos) return std::nullopt;
    return std::pair(std::string(path.substr(0, dot)), std::string(path.substr(dot + 1)));
  }

  void name_of_item(const config::Entry& entry, std::string_view above) {
    const auto parts = split_path(entry.path, above);
    if (parts && parts->second == "name") names_[parts->first] = name_like(entry.value);
  }

  void entry(const std::string& path, const std::string& value, std::string_view above,
             std::span<const Renamed> names, bool empty_map) {
    const auto parts = split_path(path, above);
    if (!parts) return;
    const auto& [item, key] = *parts;
    const auto named = names_.find(item);
    const std::string name = named == names_.end() ? name_like(item) : named->second;
    if (empty_map) {
      if (key == "tls" || key.ends_with(".tls")) out_.profiles[name].emplace("tls.enabled", "true");
      return;
    }
    if (key.ends_with("password")) return left_out(name + ": " + key, "passwords are not copied");
    if (key == "sasl.enabled" && value == "false") without_sasl_.push_back(name);
    const auto at = std::ranges::find(names, key, &Renamed::theirs);
    if (at == names.end()) return;
    out_.profiles[name].insert_or_assign(std::string(at->ours), at->ours == "admin" ? urls_of(value) : value);
  }

  // username="alice" of sasl.jaas.config.
  static std::string user_of(std::string_view jaas) {
    const std::size_t at = jaas.find("username=");
    if (at == std::string_view::npos) return {};
    std::string_view rest = jaas.substr(at + 9);
    const bool quoted = rest.starts_with('"') || rest.starts_with('\'');
    const char end = quoted ? rest.front() : ' ';
    if (quoted) rest.remove_prefix(1);
    return std::string(rest.substr(0, rest.find(end)));
  }

  void java_property(Profile& profile, const std::string& key, const std::string& value) {
    const auto at = std::ranges::find(kOfJava, key, &Renamed::theirs);
    if (at != std::end(kOfJava)) {
      profile.insert_or_assign(std::string(at->ours), value);
    } else if (key == "sasl.jaas.config") {
      if (const std::string user = user_of(value); !user.empty()) profile.insert_or_assign("sasl.user", user);
      left_out(key, "its user was taken; passwords are not copied");
    } else if (key.ends_with("password")) {
      left_out(key, "passwords are not copied");
    } else if (is_client_property(key)) {
      profile.insert_or_assign(std::string(kPropertyPrefix) + key, value);
    } else {
      left_out(key, "of no meaning here");
    }
  }

  std::string path_;
  Imported out_;
  std::map<std::string, std::string> names_;  // of a list's items, by their index
  std::vector<std::string> without_sasl_;     // profiles whose SASL is switched off
};

std::string value_at(const config::Reading& reading, std::string_view path) {
  const auto at = std::ranges::find(reading.entries, path, &config::Entry::path);
  return at == reading.entries.end() ? "" : at->value;
}

bool has_below(const config::Reading& reading, std::string_view above) {
  return std::ranges::any_of(reading.entries,
                             [above](const config::Entry& entry) { return entry.path.starts_with(above); });
}

Answer<Imported> import_ours(std::string_view text, const std::string& path) {
  auto checked = parse_profiles(text, path);
  if (!checked.problems.empty())
    return trouble(Exit::bad_file, "cannot import " + path, checked.problems.front().to_string());
  Imported out{std::move(checked.value.profiles), std::move(checked.value.current), {}};
  for (auto& [name, profile] : out.profiles) {
    if (profile.erase("sasl.password") > 0)
      out.notes.push_back("left out: " + name + ": sasl.password (passwords are not copied)");
  }
  return out;
}

}  // namespace

Answer<Imported> import_profiles(std::string_view text, const std::string& path, const std::string& name) {
  Import import(path);
  if (!path.ends_with(".yaml") && !path.ends_with(".yml")) {
    if (!is_profile_name(name))
      return usage_trouble("\"" + name + "\" is no name for a profile", "give one with --name");
    import.properties(config::read_properties(text, path), name);
    return std::move(import).finish();
  }
  const config::Reading reading = config::read_yaml(text, path);
  if (!reading.problems.empty())
    return trouble(Exit::bad_file, "cannot import " + path, reading.problems.front().to_string());
  if (has_below(reading, "contexts.")) {
    import.tree(reading, "contexts.", kOfKafkactl, false);
    import.current(value_at(reading, "current-context"));
  } else if (has_below(reading, "profiles.0.")) {
    import.tree(reading, "profiles.", kOfRpk, true);
    import.current(value_at(reading, "current_profile"));
  } else {
    return import_ours(text, path);
  }
  return std::move(import).finish();
}

}  // namespace moldau::cli
