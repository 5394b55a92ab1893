// The table of `moldau profile`, and the commands that change no profile: use, clear, list, print, prompt,
// validate.
#include "cli/profile_commands.h"

#include <algorithm>

#include "cli/cluster_guard.h"
#include "cli/moldau_parser.h"
#include "cli/profile.h"
#include "cli/report.h"

namespace moldau::cli {
namespace {

const Flag kYes{"-y,--yes", "", "do not ask"};

Answer<Exit> switch_to(Session& session, ProfileFile file, std::string name) {
  if (file.current != name) file.previous = std::exchange(file.current, std::move(name));
  const auto text = session.invocation.process.read_file(profiles_path(session.invocation));
  const auto changed = text ? with_current(*text, file) : std::nullopt;
  const auto written = changed ? write_profiles_text(session, *changed) : write_profiles(session, file);
  if (!written) return std::unexpected(written.error());
  return Exit::done;
}

std::string security_of(const Profile& profile) {
  const auto properties = properties_of(profile);
  const auto at = properties.find("security.protocol");
  return at == properties.end() ? "PLAINTEXT" : at->second;
}

std::string value_of(const Profile& profile, std::string_view key) {
  const auto at = profile.find(key);
  return at == profile.end() ? "" : at->second;
}

// The profile that is asked for by its name, else the one in force.
Answer<std::string> asked_or_in_force(Session& session) {
  const auto& words = session.arguments.words();
  if (!words.empty()) return words.front();
  auto name = profile_in_force(session);
  if (name && name->empty())
    return trouble(Exit::not_found, "no profile is in force", {}, "moldau profile use NAME");
  return name;
}

}  // namespace

std::vector<Command> profile_commands() {
  const auto profile = Complete::profile;
  return {
      {"profile create",
       "Add a profile and use it; -b and -X say what is in it",
       "NAME",
       Complete::none,
       {{"--from", "PROFILE", "begin with a copy of this profile", {}, profile},
        {"-d,--description", "TEXT", "what this cluster is"},
        {"--no-use", "", "leave the current profile as it is"}},
       &profile_create},
      {"profile use",
       "Make a profile the current one; - is the one before",
       "NAME",
       profile,
       {},
       &profile_use},
      {"profile list", "List profiles", "", Complete::none, {}, &profile_list},
      {"profile print",
       "Print a profile, without passwords; of no name the one in force",
       "[NAME]",
       profile,
       {},
       &profile_print},
      {"profile edit",
       "Open the file of the profiles in $VISUAL or $EDITOR, and check it",
       "",
       Complete::none,
       {},
       &profile_edit},
      {"profile rename", "Give a profile another name", "OLD NEW", profile, {}, &profile_rename},
      {"profile delete", "Delete profiles", "NAME...", profile, {kYes}, &profile_delete},
      {"profile clear", "Use no profile", "", Complete::none, {}, &profile_clear},
      {"profile validate",
       "Check the profiles and the project's file",
       "",
       Complete::none,
       {},
       &profile_validate},
      {"profile prompt",
       "Print the name of the profile in force in its colour, for the prompt of a shell",
       "",
       Complete::none,
       {{"--shell", "SHELL", "mark the colour as this shell's prompt wants it", "bash,zsh"}},
       &profile_prompt},
      {"profile import",
       "Take profiles from rpk.yaml, kafkactl's config.yml, a config.yaml or a Java client.properties",
       "[FILE]",
       Complete::file,
       {{"--name", "NAME", "of the profile made of a client.properties"},
        {"--overwrite", "", "replace profiles of the same name"}},
       &profile_import},
  };
}

Trouble no_profile(const ProfileFile& file, const std::string& name) {
  std::vector<std::string> names;
  for (const auto& [known, profile] : file.profiles) names.push_back(known);
  const std::string near = nearest_of(name, names);
  return {Exit::not_found, "no profile \"" + name + "\"", "there are: " + file.names(),
          near.empty() ? "moldau profile create " + name : "did you mean " + near + "?"};
}

Answer<void> check_new_name(const ProfileFile& file, const std::string& name) {
  if (!is_profile_name(name))
    return usage_trouble("\"" + name + "\" is no name for a profile", "letters, digits, - and _; at most 64");
  if (file.profiles.contains(name))
    return trouble(Exit::conflict, "there is a profile " + name, {}, "moldau profile print " + name);
  return {};
}

Answer<std::string> profile_in_force(Session& session) {
  const auto sources = cluster_sources(session);
  if (!sources) return std::unexpected(sources.error());
  return choose_cluster(*sources).profile;
}

Answer<Exit> profile_use(Session& session) {
  const auto& words = session.arguments.words();
  if (words.size() != 1) return usage_trouble("which profile?", "moldau profile use NAME");
  auto file = usable_profiles(session.invocation);
  if (!file) return std::unexpected(std::move(file).error());
  if (words.front() == "-" && file->previous.empty())
    return trouble(Exit::not_found, "there is no profile from before");
  const std::string name = words.front() == "-" ? file->previous : words.front();
  if (!file->profiles.contains(name)) return trouble(no_profile(*file, name));
  auto done = switch_to(session, std::move(*file), name);
  if (done && !session.quiet()) session.note("profile " + name);
  return done;
}

Answer<Exit> profile_clear(Session& session) {
  auto file = usable_profiles(session.invocation);
  if (!file) return std::unexpected(std::move(file).error());
  if (file->current.empty()) return Exit::done;
  return switch_to(session, std::move(*file), "");
}

Answer<Exit> profile_list(Session& session) {
  const auto file = usable_profiles(session.invocation);
  if (!file) return std::unexpected(file.error());
  Table table({{"name"},
               {"current"},
               {"brokers"},
               {"security"},
               {"confirm", false, true},
               {"color", false, true},
               {"description", false, true}});
  for (const auto& [name, profile] : file->profiles)
    table.add({name, name == file->current, value_of(profile, "brokers"), security_of(profile),
               value_of(profile, "confirm"), value_of(profile, "color"), value_of(profile, "description")});
  if (auto printed = print_table(session, std::move(table)); !printed)
    return std::unexpected(printed.error());
  return Exit::done;
}

Answer<Exit> profile_print(Session& session) {
  const auto file = usable_profiles(session.invocation);
  if (!file) return std::unexpected(file.error());
  const auto name = asked_or_in_force(session);
  if (!name) return std::unexpected(name.error());
  const auto at = file->profiles.find(*name);
  if (at == file->profiles.end()) return trouble(no_profile(*file, *name));
  session.out.put("# " + *name + "\n" + text_of(at->second, false));
  return Exit::done;
}

Answer<Exit> profile_validate(Session& session) {
  const auto file = read_profiles(session.invocation);
  if (!file) return std::unexpected(file.error());
  const auto project = read_project(session.invocation);
  if (!project) return std::unexpected(project.error());
  auto problems = file->problems;
  problems.insert(problems.end(), project->problems.begin(), project->problems.end());
  const std::string& named = project->value.profile;
  if (!named.empty() && !file->value.profiles.contains(named))
    problems.push_back(
        {config::Severity::error, project->value.path, "profile", no_profile(file->value, named).one_line()});
  for (const config::Problem& problem : problems) session.out.line("error: " + problem.to_string());
  for (const auto& [name, profile] : file->value.profiles) {
    if (const std::string security = security_of(profile); security != "PLAINTEXT")
      session.out.line("warning: profile " + name + ": " + security +
                       " needs TLS or SASL, not in this build yet");
  }
  if (!problems.empty()) return Exit::bad_file;
  if (file->exists) session.out.line(profiles_path(session.invocation) + ": usable");
  if (project->exists) session.out.line(project->value.path + ": usable");
  if (!file->exists && !project->exists)
    session.note("there is neither " + profiles_path(session.invocation) + " nor a .moldau.yaml");
  return Exit::done;
}

// Nothing, and no error, where no profile is in force or the files cannot be read: a prompt must not fail.
Answer<Exit> profile_prompt(Session& session) {
  const auto sources = cluster_sources(session);
  if (!sources) return Exit::done;
  const ClusterChoice choice = choose_cluster(*sources);
  if (choice.profile.empty()) return Exit::done;
  const std::string shell = session.arguments.text("shell");
  const bool plain = session.arguments.text("color", "always") == "never" ||
                     session.invocation.process.environment.contains("NO_COLOR");
  const std::string color = plain ? "" : value_of(choice.values, "color");
  const auto marked = [&shell](const std::string& sequence) {
    if (sequence.empty()) return sequence;
    if (shell == "bash") return "\x01" + sequence + "\x02";
    return shell == "zsh" ? "%{" + sequence + "%}" : sequence;
  };
  session.out.put(marked(color_on(color)) + choice.profile + marked(color.empty() ? "" : "\x1b[0m"));
  return Exit::done;
}

}  // namespace moldau::cli
