// The two files that profiles are kept in: a person's own (~/.config/moldau/config.yaml, or the same under
// XDG_CONFIG_HOME) and a project's (.moldau.yaml).
//
//   current: prod                       brokers: [localhost:9092]
//   previous: local                     profile: local        # for what is not said here
//   profiles:                           properties: {linger.ms: 5}
//     local: {brokers: [localhost:9092]}
//     prod:
//       brokers: [k1:9092, k2:9092]
//       color: red
//       confirm: always
//       properties: {acks: all}
//   globals: {command_timeout: 30s}
//
// ${env:NAME} and ${file:/path} are replaced in the person's own file only: a project's file may be
// anybody's.
#pragma once

#include "cli/profile_keys.h"
#include "cli/session.h"
#include "config/settings.h"

namespace moldau::cli {

struct ProfileFile {
  std::string current, previous;  // empty: none
  std::map<std::string, Profile, std::less<>> profiles;
  Profile globals;  // by global_keys()

  std::string names() const;  // "local, prod"; "none"
  friend bool operator==(const ProfileFile&, const ProfileFile&) = default;
};

struct ProjectFile {
  std::string path;     // empty: there is none
  std::string profile;  // may be empty
  Profile values;
};

// With all that is wrong, by line; what is wrong is left out of the value.
template <class T>
struct Checked {
  T value;
  std::vector<config::Problem> problems;
  bool exists = false;
};

// Letters, digits, "-" and "_", not beginning with "-": a name is part of a key.
bool is_profile_name(std::string_view name);

Checked<ProfileFile> parse_profiles(std::string_view text, const std::string& path);
// What parse_profiles reads back to the same value.
std::string text_of(const ProfileFile& file);
std::string text_of(const Profile& profile, bool with_secrets);
// The text with another `current` and `previous`; the rest, with its comments, stays as it is. Nothing when
// the text has a form that this cannot be done to.
std::optional<std::string> with_current(const std::string& text, const ProfileFile& file);

// Empty where neither a home nor XDG_CONFIG_HOME is known.
std::string profiles_path(const Invocation& invocation);
// A missing file is an empty one; a file that cannot be read is a trouble.
Answer<Checked<ProfileFile>> read_profiles(const Invocation& invocation);
// From the working directory up to the top of its git repository; outside of a repository the working
// directory's only.
Answer<Checked<ProjectFile>> read_project(const Invocation& invocation);
// The value, or the first problem as a trouble.
Answer<ProfileFile> usable_profiles(const Invocation& invocation);

// Atomic; makes the folder.
Answer<void> write_profiles_text(Session& session, const std::string& text);
Answer<void> write_profiles(Session& session, const ProfileFile& file);

// Replaces ${env:…} and ${file:…} in what a profile says, except about security, which is not used yet.
Answer<Profile> filled_in(const Invocation& invocation, const Profile& profile, const std::string& name);

}  // namespace moldau::cli
