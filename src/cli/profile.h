// Which cluster a command talks to, out of everything that may name one.
#pragma once

#include "cli/profile_file.h"

namespace moldau::cli {

// What one source says. Its values are by profile_keys() and "properties.…".
struct ClusterSource {
  std::string name;  // for people: "--brokers", "profile prod"
  Profile values;
  std::string profile;  // the profile's name when it is one
  // By flag or variable: it counts even where a stronger source names the brokers.
  bool for_this_run = false;
};

// One source over the other, strongest first. What a file says about security, colour and confirmation goes
// with the brokers that it names, and is left out where a stronger source names other ones: credentials go to
// nobody else's brokers.
struct ClusterChoice {
  Profile values;
  std::string from;     // the source that names the brokers; empty: none
  std::string profile;  // the profile that is in force; empty: none
};
ClusterChoice choose_cluster(const std::vector<ClusterSource>& strongest_first);

// Flags, -X, --command-config, environment, project file and profile of a `moldau` command.
Answer<std::vector<ClusterSource>> cluster_sources(const Session& session);

// The values of -X flags. A usage error for an unknown key, with the nearest known one.
Answer<Profile> assigned_values(const std::vector<std::string>& assignments);

// As properties of the client.
Properties properties_of(const Profile& values);

}  // namespace moldau::cli
