// moldau profile …: the commands, and what they share.
#pragma once

#include "cli/command.h"
#include "cli/profile_file.h"

namespace moldau::cli {

std::vector<Command> profile_commands();

Answer<Exit> profile_create(Session& session);
Answer<Exit> profile_use(Session& session);
Answer<Exit> profile_list(Session& session);
Answer<Exit> profile_print(Session& session);
Answer<Exit> profile_edit(Session& session);
Answer<Exit> profile_rename(Session& session);
Answer<Exit> profile_delete(Session& session);
Answer<Exit> profile_clear(Session& session);
Answer<Exit> profile_validate(Session& session);
Answer<Exit> profile_prompt(Session& session);
Answer<Exit> profile_import(Session& session);

// Exit::not_found, with the nearest name that there is.
Trouble no_profile(const ProfileFile& file, const std::string& name);
// Exit::usage where the name cannot be one, Exit::conflict where it is taken.
Answer<void> check_new_name(const ProfileFile& file, const std::string& name);
// The name in force for this command line and folder; empty: none.
Answer<std::string> profile_in_force(Session& session);

// What another tool's file says about clusters.
struct Imported {
  std::map<std::string, Profile, std::less<>> profiles;
  std::string current;             // may be empty
  std::vector<std::string> notes;  // what was left out
};
// rpk's rpk.yaml, kafkactl's config.yml, a config.yaml of ours, or a Java client.properties, which becomes
// one profile `name`. Passwords are left out. Exit::bad_file for anything else.
Answer<Imported> import_profiles(std::string_view text, const std::string& path, const std::string& name);

}  // namespace moldau::cli
