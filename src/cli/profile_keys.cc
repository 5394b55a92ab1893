#include "cli/profile_keys.h"

#include <algorithm>

#include "cli/arguments.h"
#include "cli/moldau_parser.h"
#include "client/cluster.h"

namespace moldau::cli {
namespace {

constexpr std::string_view kBooleans = "true,false";

constexpr ProfileKey kProfileKeys[] = {
    {"brokers", "HOST:PORT,…", "brokers to start from", {}, true},
    {"admin", "URL,…", "admin ports of the cluster", {}, true},
    {"description", "TEXT", "what this cluster is"},
    {"color", "COLOR", "of its name on a terminal", "red,green,yellow,blue,magenta,cyan"},
    {"confirm", "WHEN", "always: commands that change the cluster ask first", "always,never"},
    {"tls.enabled", "BOOL", "TLS, also without files", kBooleans},
    {"tls.ca", "FILE", "certificates to trust (PEM)"},
    {"tls.cert", "FILE", "the client's certificate (PEM)"},
    {"tls.key", "FILE", "the client's key (PEM)"},
    {"tls.insecure_skip_verify", "BOOL", "believe any certificate", kBooleans},
    {"sasl.mechanism", "NAME", "PLAIN, SCRAM-SHA-256 or SCRAM-SHA-512"},
    {"sasl.user", "NAME", "who logs in"},
    {"sasl.password", "TEXT", "better ${env:NAME} than the password itself", {}, false, true},
    {"sasl.password_file", "FILE", "holds the password"},
    {"sasl.password_command", "COMMAND", "prints the password"},
};

constexpr ProfileKey kGlobalKeys[] = {
    {"command_timeout", "DUR", "how long commands try (default 30s)"},
    {"dial_timeout", "DUR", "how long a connection may take to open"},
    {"no_default_cluster", "BOOL", "true: never localhost:9092 by default", kBooleans},
};

constexpr ClientProperty kClientProperties[] = {
    {"acks", "all, -1, 0 or 1"},
    {"allow.auto.create.topics", "a topic that is consumed may be created"},
    {"auto.offset.reset", "earliest, latest or none"},
    {"batch.size", "bytes of a batch"},
    {"buffer.memory", "bytes of records that wait to be sent"},
    {"check.crcs", "whether checksums of batches are checked"},
    {"client.id", "name of this client"},
    {"client.rack", "read from replicas in this rack"},
    {"compression.gzip.level", "1 to 9"},
    {"compression.lz4.level", "1 to 17"},
    {"compression.type", "none, gzip, snappy, lz4 or zstd"},
    {"compression.zstd.level", "1 to 22"},
    {"default.api.timeout.ms", "how long a command tries"},
    {"delivery.timeout.ms", "how long a record may take"},
    {"enable.idempotence", "every record once, in order"},
    {"fetch.max.bytes", "of one answer"},
    {"fetch.max.wait.ms", "how long the broker waits for more"},
    {"fetch.min.bytes", "so much, or the wait is over"},
    {"isolation.level", "read_committed or read_uncommitted"},
    {"linger.ms", "how long a batch waits for more"},
    {"max.block.ms", "how long a full buffer is waited for"},
    {"max.in.flight.requests.per.connection", "requests without an answer yet"},
    {"max.partition.fetch.bytes", "of one partition in an answer"},
    {"max.request.size", "largest record and request"},
    {"metadata.max.age.ms", "when metadata is asked for again"},
    {"request.timeout.ms", "how long one request may take"},
    {"retry.backoff.max.ms", "longest pause between two tries"},
    {"retry.backoff.ms", "first pause between two tries"},
    {"socket.connection.setup.timeout.ms", "how long a connection may take to open"},
};

bool about_security(std::string_view property) {
  return property == "security.protocol" || property.starts_with("sasl.") || property.starts_with("ssl.");
}

const ProfileKey* find_key(std::string_view name, std::span<const ProfileKey> keys) {
  const auto at = std::ranges::find(keys, name, &ProfileKey::name);
  return at == keys.end() ? nullptr : &*at;
}

std::vector<std::string> names_of(std::span<const ProfileKey> keys) {
  std::vector<std::string> names;
  for (const ProfileKey& key : keys) names.emplace_back(key.name);
  return names;
}

std::vector<std::string> names_of_profile(std::string_view property_prefix) {
  auto names = names_of(kProfileKeys);
  for (const ClientProperty& property : client_properties())
    names.push_back(std::string(property_prefix) + std::string(property.name));
  return names;
}

std::string unknown(std::string_view key, const std::vector<std::string>& known) {
  const std::string near = nearest_of(key, known);
  return "unknown key " + std::string(key) + (near.empty() ? "" : "; did you mean " + near + "?");
}

bool are_of_profile(std::span<const ProfileKey> keys) { return keys.data() == profile_keys().data(); }

bool is_url(std::string_view text) {
  for (const std::string_view scheme : {"http://", "https://"}) {
    if (text.starts_with(scheme) && text.size() > scheme.size()) return true;
  }
  return false;
}

std::optional<std::string> problem_of_value(const ProfileKey& key, const std::string& value) {
  if (!key.choices.empty()) {
    const auto allowed = split(key.choices, ',');
    if (std::ranges::find(allowed, value) == allowed.end())
      return "\"" + value + "\" is not one of " + std::string(key.choices);
  }
  if (key.value == "DUR" && !parse_duration(value)) return "\"" + value + "\" is no duration like 30s";
  // Placeholders are filled in when the profile is used.
  if (value.contains("${")) return std::nullopt;
  if (key.name == "brokers") {
    if (const auto brokers = client::parse_bootstrap(value); !brokers) return brokers.error().message;
  }
  if (key.name == "admin") {
    for (const std::string& one : split(value, ',')) {
      if (!is_url(one)) return "\"" + one + "\" is no URL like http://localhost:9644";
    }
  }
  return std::nullopt;
}

std::string row(std::string_view name, std::string_view value, std::string_view help) {
  std::string left = "  " + std::string(name) + (value.empty() ? "" : "=" + std::string(value));
  left.resize(std::max<std::size_t>(left.size() + 1, 42), ' ');
  return left + std::string(help) + "\n";
}

}  // namespace

std::span<const ProfileKey> profile_keys() { return kProfileKeys; }
std::span<const ProfileKey> global_keys() { return kGlobalKeys; }
std::span<const ClientProperty> client_properties() { return kClientProperties; }

const ProfileKey* find_profile_key(std::string_view name) { return find_key(name, kProfileKeys); }

bool is_client_property(std::string_view name) {
  return about_security(name) ||
         std::ranges::find(kClientProperties, name, &ClientProperty::name) != std::end(kClientProperties);
}

std::optional<std::string> profile_key_of(std::string_view key) {
  if (key == "bootstrap.servers") return "brokers";
  if (find_profile_key(key)) return std::string(key);
  const bool prefixed = key.starts_with(kPropertyPrefix);
  const std::string_view property = prefixed ? key.substr(kPropertyPrefix.size()) : key;
  if (!is_client_property(property)) return std::nullopt;
  return std::string(kPropertyPrefix) + std::string(property);
}

std::string unknown_key(std::string_view key, std::span<const ProfileKey> keys) {
  return unknown(key, are_of_profile(keys) ? names_of_profile(kPropertyPrefix) : names_of(keys));
}

std::string unknown_assignment(std::string_view key) { return unknown(key, names_of_profile("")); }

std::optional<std::string> problem_of(std::string_view key, std::string_view value,
                                      std::span<const ProfileKey> keys) {
  if (are_of_profile(keys) && key.starts_with(kPropertyPrefix)) {
    if (is_client_property(key.substr(kPropertyPrefix.size()))) return std::nullopt;
    return unknown_key(key, keys);
  }
  const ProfileKey* known = find_key(key, keys);
  if (!known) return unknown_key(key, keys);
  return problem_of_value(*known, std::string(value));
}

bool belongs_to_cluster(std::string_view key) {
  if (key.starts_with(kPropertyPrefix)) return about_security(key.substr(kPropertyPrefix.size()));
  return find_profile_key(key) != nullptr;
}

bool asks_for_tls(const Profile& profile) {
  if (const auto enabled = profile.find("tls.enabled"); enabled != profile.end())
    return enabled->second == "true";
  return std::ranges::any_of(profile, [](const auto& entry) { return entry.first.starts_with("tls."); });
}

bool asks_for_sasl(const Profile& profile) {
  return std::ranges::any_of(profile, [](const auto& entry) { return entry.first.starts_with("sasl."); });
}

std::string assignment_names() {
  std::string out;
  for (const ProfileKey& key : profile_keys()) out += std::string(key.name) + "\n";
  for (const ClientProperty& property : client_properties()) out += std::string(property.name) + "\n";
  return out;
}

std::string assignment_help() {
  std::string out = "-X KEY=VALUE sets a key of the profile for this command, or a property of the client.\n";
  out += "\nKeys of a profile (tls and sasl are refused: this build has neither):\n";
  for (const ProfileKey& key : profile_keys()) out += row(key.name, key.value, key.help);
  out += "\nProperties of the client; in a profile under \"properties\":\n";
  for (const ClientProperty& property : client_properties()) out += row(property.name, "", property.help);
  return out + "\nmoldau -X list prints the names alone.\n";
}

}  // namespace moldau::cli
