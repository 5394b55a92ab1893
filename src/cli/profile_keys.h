// What may be set about a cluster: the keys of a profile, and the client properties that mean something here.
// Profiles, project files, -X, `-X list` and completion read these tables.
#pragma once

#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace moldau::cli {

struct ProfileKey {
  std::string_view name;   // with dots: "tls.ca"
  std::string_view value;  // placeholder
  std::string_view help;
  std::string_view choices = {};  // the only values allowed, separated by commas
  bool list = false;
  bool secret = false;
};
std::span<const ProfileKey> profile_keys();
// Of the file as a whole: globals.*.
std::span<const ProfileKey> global_keys();

// By Kafka's names, without those about security: a profile has keys of its own for them.
struct ClientProperty {
  std::string_view name;
  std::string_view help;
};
std::span<const ClientProperty> client_properties();

// One profile: values by the keys above, client properties as "properties.linger.ms"; lists have commas.
using Profile = std::map<std::string, std::string, std::less<>>;

inline constexpr std::string_view kPropertyPrefix = "properties.";

const ProfileKey* find_profile_key(std::string_view name);
// Whether a client property is read here, or refused on purpose (security).
bool is_client_property(std::string_view name);
// The key of a profile that -X KEY=… means: a key of a profile or a client property; nothing for neither.
std::optional<std::string> profile_key_of(std::string_view key);

// What is wrong with one value of a profile: an unknown key (with the nearest known one), or a value that
// cannot be. Nothing when all is well.
std::optional<std::string> problem_of(std::string_view key, std::string_view value,
                                      std::span<const ProfileKey> keys = profile_keys());
// "unknown key brokrs; did you mean brokers?"
std::string unknown_key(std::string_view key, std::span<const ProfileKey> keys);
// The same of the key of a -X.
std::string unknown_assignment(std::string_view key);

// Keys that say which cluster, and who is allowed to talk to it: they are never mixed from two sources.
bool belongs_to_cluster(std::string_view key);
bool asks_for_tls(const Profile& profile);
bool asks_for_sasl(const Profile& profile);

// `moldau -X list` and `moldau -X help`.
std::string assignment_names();
std::string assignment_help();

}  // namespace moldau::cli
