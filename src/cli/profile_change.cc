// profile create, rename, delete, edit, import: those that change profiles. The file is written anew by them;
// only its comments are lost (edit and use keep them).
#include <algorithm>

#include "cli/profile.h"
#include "cli/profile_commands.h"
#include "cli/report.h"
#include "cli/text_file.h"
#include "runtime/disk.h"

namespace moldau::cli {
namespace {

Answer<Exit> save(Session& session, const ProfileFile& file) {
  if (auto written = write_profiles(session, file); !written) return std::unexpected(written.error());
  return Exit::done;
}

bool holds_secret(const Profile& profile, std::string& which) {
  for (const auto& [key, value] : profile) {
    const ProfileKey* known = find_profile_key(key);
    if (known && known->secret && !value.starts_with("${")) return which = key, true;
  }
  return false;
}

// --from, then -X, then -b and --description.
Answer<Profile> new_profile(Session& session, const ProfileFile& file) {
  Profile profile;
  if (const auto from = session.arguments.find("from")) {
    const auto at = file.profiles.find(*from);
    if (at == file.profiles.end()) return trouble(no_profile(file, *from));
    profile = at->second;
  }
  auto assigned = assigned_values(session.arguments.all("X"));
  if (!assigned) return std::unexpected(std::move(assigned).error());
  if (std::string key; holds_secret(*assigned, key))
    return usage_trouble("passwords are not written into the file of profiles: " + key,
                         "use ${env:NAME}, sasl.password_file or sasl.password_command");
  for (auto& [key, value] : *assigned) profile.insert_or_assign(key, std::move(value));
  for (const auto& [flag, key] : {std::pair{"brokers", "brokers"}, std::pair{"description", "description"}}) {
    if (const auto value = session.arguments.find(flag)) profile.insert_or_assign(key, *value);
  }
  profile.try_emplace("brokers", "localhost:9092");
  if (const auto problem = problem_of("brokers", profile.at("brokers")))
    return usage_trouble("--brokers: " + *problem);
  return profile;
}

void use(ProfileFile& file, const std::string& name) {
  if (file.current != name) file.previous = std::exchange(file.current, name);
}

void forget(ProfileFile& file, const std::string& name) {
  file.profiles.erase(name);
  if (file.current == name) file.current.clear();
  if (file.previous == name) file.previous.clear();
}

Answer<std::string> read_import(Session& session, std::string& path) {
  const auto& words = session.arguments.words();
  if (words.size() > 1) return usage_trouble("one file at a time", "moldau profile import FILE");
  path = words.empty() ? session.invocation.process.home + "/.config/rpk/rpk.yaml" : words.front();
  return read_text_file(session.invocation, path);
}

std::string stem_of(const std::string& path) {
  const std::string base = path.substr(path.rfind('/') + 1);
  return base.substr(0, base.find('.'));
}

// Blocks; the editor has the terminal.
Answer<void> run_editor(Session& session, const std::string& path) {
  const auto& environment = session.invocation.process.environment;
  std::string editor;
  for (const char* variable : {"VISUAL", "EDITOR"}) {
    if (const auto at = environment.find(variable); editor.empty() && at != environment.end())
      editor = at->second;
  }
  if (editor.empty()) return usage_trouble("no editor", "set EDITOR, or change " + path + " yourself");
  session.out.flush();
  const auto code = session.environment.run_program({"/bin/sh", "-c", editor + " \"$@\"", "sh", path});
  if (!code) return trouble(trouble_of(code.error(), "cannot run " + editor));
  if (*code != 0)
    return trouble(Exit::failed, editor + " ended with " + std::to_string(*code), {}, "nothing was changed");
  return {};
}

// A change of files beside the profiles' own, on the real disk.
Status on_disk(Session& session, const std::function<Status(runtime::Disk&)>& change) {
  Status changed;
  session.environment.run_task([&](Context context) -> runtime::Task<int> {
    changed = co_await context.world.pool().run(runtime::Lane::background, context.world.shard(0),
                                                [&] { return change(context.world.disk()); });
    co_return 0;
  });
  return changed;
}

Status remove_if_there(runtime::Disk& disk, const std::string& path) {
  const Status removed = disk.remove_file(path);
  return removed || removed.error().code == Errc::not_found ? Status() : removed;
}

constexpr std::string_view kFirstLines =
    "# Clusters by name; moldau -X help shows the keys. For example:\n"
    "# current: local\n"
    "# profiles:\n"
    "#   local: {brokers: [localhost:9092]}\n";

}  // namespace

Answer<Exit> profile_create(Session& session) {
  const auto& words = session.arguments.words();
  if (words.size() != 1) return usage_trouble("which name?", "moldau profile create NAME -b host:port");
  auto file = usable_profiles(session.invocation);
  if (!file) return std::unexpected(std::move(file).error());
  if (auto checked = check_new_name(*file, words.front()); !checked) return std::unexpected(checked.error());
  auto profile = new_profile(session, *file);
  if (!profile) return std::unexpected(std::move(profile).error());
  file->profiles.emplace(words.front(), std::move(*profile));
  if (!session.arguments.has("no-use")) use(*file, words.front());
  return save(session, *file);
}

Answer<Exit> profile_rename(Session& session) {
  const auto& words = session.arguments.words();
  if (words.size() != 2)
    return usage_trouble("which profile, and its new name?", "moldau profile rename OLD NEW");
  auto file = usable_profiles(session.invocation);
  if (!file) return std::unexpected(std::move(file).error());
  if (!file->profiles.contains(words[0])) return trouble(no_profile(*file, words[0]));
  if (auto checked = check_new_name(*file, words[1]); !checked) return std::unexpected(checked.error());
  auto node = file->profiles.extract(words[0]);
  node.key() = words[1];
  file->profiles.insert(std::move(node));
  for (std::string* name : {&file->current, &file->previous}) {
    if (*name == words[0]) *name = words[1];
  }
  return save(session, *file);
}

Answer<Exit> profile_delete(Session& session) {
  const auto& words = session.arguments.words();
  if (words.empty()) return usage_trouble("which profile?", "moldau profile delete NAME");
  auto file = usable_profiles(session.invocation);
  if (!file) return std::unexpected(std::move(file).error());
  std::string list;
  for (const std::string& name : words) {
    if (!file->profiles.contains(name)) return trouble(no_profile(*file, name));
    list += (list.empty() ? "" : ", ") + name;
  }
  const auto sure = confirmed(session, "delete profile " + list);
  if (!sure) return std::unexpected(sure.error());
  if (!*sure) return usage_trouble("nothing was deleted");
  for (const std::string& name : words) forget(*file, name);
  return save(session, *file);
}

Answer<Exit> profile_edit(Session& session) {
  const std::string path = profiles_path(session.invocation);
  if (path.empty())
    return trouble(Exit::failed, "no place for profiles", "HOME and XDG_CONFIG_HOME are not set");
  const auto before = session.invocation.process.read_file(path);
  const std::string copy = path + ".edit";
  const Status copied = on_disk(session, [&](runtime::Disk& disk) -> Status {
    TRY(disk.create_directories(runtime::directory_of(path)));
    return runtime::write_file_atomically(disk, copy, as_bytes(before ? *before : std::string(kFirstLines)));
  });
  if (!copied) return trouble(trouble_of(copied.error(), "cannot write " + copy));
  auto edited = run_editor(session, copy);
  if (edited) {
    const auto text = session.invocation.process.read_file(copy);
    if (!text) return trouble(trouble_of(text.error(), "cannot read " + copy));
    const auto checked = parse_profiles(*text, copy);
    for (const config::Problem& problem : checked.problems) session.note("error: " + problem.to_string());
    if (!checked.problems.empty())
      return trouble(Exit::bad_file, "the profiles were left as they were",
                     "what was typed has mistakes and is in " + copy);
    if (auto written = write_profiles_text(session, *text); !written) return std::unexpected(written.error());
  }
  const Status removed = on_disk(session, [&](runtime::Disk& disk) { return remove_if_there(disk, copy); });
  if (!edited) return std::unexpected(edited.error());
  if (!removed) return trouble(trouble_of(removed.error(), "cannot remove " + copy));
  return Exit::done;
}

Answer<Exit> profile_import(Session& session) {
  std::string path;
  const auto text = read_import(session, path);
  if (!text) return std::unexpected(text.error());
  auto file = usable_profiles(session.invocation);
  if (!file) return std::unexpected(std::move(file).error());
  auto imported = import_profiles(*text, path, session.arguments.text("name", stem_of(path)));
  if (!imported) return std::unexpected(std::move(imported).error());
  for (const std::string& note : imported->notes) session.note(note);
  for (auto& [name, profile] : imported->profiles) {
    if (!session.arguments.has("overwrite") && file->profiles.contains(name))
      return trouble(Exit::conflict, "there is a profile " + name, {},
                     "--overwrite replaces it, --name gives another name");
    file->profiles.insert_or_assign(name, std::move(profile));
    session.out.line(name);
  }
  if (file->current.empty()) file->current = imported->current;
  return save(session, *file);
}

}  // namespace moldau::cli
