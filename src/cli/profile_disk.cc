// Where the files of profiles are, reading and writing them.
#include "cli/profile_file.h"
#include "config/entries.h"
#include "runtime/disk.h"

namespace moldau::cli {
namespace {

std::string parent_of(const std::string& directory) {
  const std::size_t slash = directory.rfind('/');
  return slash == std::string::npos ? "" : directory.substr(0, slash);
}

// In a worktree .git is a file, else a folder.
bool is_top_of_repository(const Invocation& invocation, const std::string& directory) {
  return invocation.process.read_file(directory + "/.git/HEAD").has_value() ||
         invocation.process.read_file(directory + "/.git").has_value();
}

// From the working directory up to the top of its repository; only itself outside of one.
std::vector<std::string> project_folders(const Invocation& invocation) {
  std::vector<std::string> folders;
  for (std::string at = invocation.process.working_directory; at.size() > 1; at = parent_of(at)) {
    folders.push_back(at);
    if (is_top_of_repository(invocation, at)) return folders;
  }
  folders.resize(std::min<std::size_t>(folders.size(), 1));
  return folders;
}

Checked<ProjectFile> parse_project(std::string_view text, const std::string& path) {
  Checked<ProjectFile> out;
  out.exists = true;
  out.value.path = path;
  config::Reading reading = config::read_yaml(text, path);
  out.problems = std::move(reading.problems);
  for (const std::string& empty : reading.empty_maps) {
    if (empty == "tls") out.value.values.emplace("tls.enabled", "true");
  }
  for (const config::Entry& entry : reading.entries) {
    if (entry.path == "profile")
      out.value.profile = entry.value;
    else if (auto problem = problem_of(entry.path, entry.value))
      out.problems.push_back(config::error_at(entry, std::move(*problem)));
    else
      out.value.values.insert_or_assign(entry.path, entry.value);
  }
  return out;
}

}  // namespace

std::string profiles_path(const Invocation& invocation) {
  const auto& process = invocation.process;
  const auto folder = process.environment.find("XDG_CONFIG_HOME");
  if (folder != process.environment.end() && folder->second.starts_with('/'))
    return folder->second + "/moldau/config.yaml";
  return process.home.empty() ? "" : process.home + "/.config/moldau/config.yaml";
}

Answer<Checked<ProfileFile>> read_profiles(const Invocation& invocation) {
  const std::string path = profiles_path(invocation);
  if (path.empty()) return Checked<ProfileFile>{};
  const auto text = invocation.process.read_file(path);
  if (!text && text.error().code == Errc::not_found) return Checked<ProfileFile>{};
  if (!text) return trouble(Exit::bad_file, "cannot read " + path, text.error().message);
  auto out = parse_profiles(*text, path);
  out.exists = true;
  return out;
}

Answer<Checked<ProjectFile>> read_project(const Invocation& invocation) {
  for (const std::string& folder : project_folders(invocation)) {
    const std::string path = folder + "/.moldau.yaml";
    const auto text = invocation.process.read_file(path);
    if (text) return parse_project(*text, path);
    const bool nothing = text.error().code == Errc::not_found || text.error().code == Errc::permission;
    if (!nothing) return trouble(Exit::bad_file, "cannot read " + path, text.error().message);
  }
  return Checked<ProjectFile>{};
}

Answer<ProfileFile> usable_profiles(const Invocation& invocation) {
  auto read = read_profiles(invocation);
  if (!read) return std::unexpected(std::move(read).error());
  if (!read->problems.empty())
    return trouble(Exit::bad_file, "the profiles cannot be used", read->problems.front().to_string(),
                   "moldau profile validate tells all that is wrong, moldau profile edit mends it");
  return std::move(read->value);
}

Answer<void> write_profiles_text(Session& session, const std::string& text) {
  const std::string path = profiles_path(session.invocation);
  if (path.empty())
    return trouble(Exit::failed, "no place for profiles", "HOME and XDG_CONFIG_HOME are not set");
  Status written;
  session.environment.run_task([&](Context context) -> runtime::Task<int> {
    written =
        co_await context.world.pool().run(runtime::Lane::background, context.world.shard(0),
                                          [&disk = context.world.disk(), &path, &text]() -> Status {
                                            TRY(disk.create_directories(runtime::directory_of(path)));
                                            return runtime::write_file_atomically(disk, path, as_bytes(text));
                                          });
    co_return 0;
  });
  if (!written) return trouble(trouble_of(written.error(), "cannot write " + path));
  return {};
}

Answer<void> write_profiles(Session& session, const ProfileFile& file) {
  const std::string text = text_of(file);
  const auto again = parse_profiles(text, "");
  if (!again.problems.empty() || again.value != file)
    return trouble(Exit::failed, "the profiles cannot be written", "a value is no text that YAML can hold");
  return write_profiles_text(session, text);
}

Answer<Profile> filled_in(const Invocation& invocation, const Profile& profile, const std::string& name) {
  config::Reading reading;
  for (const auto& [key, value] : profile)
    reading.entries.push_back({key, value, "profile " + name, key, false});
  std::erase_if(reading.entries, [](const config::Entry& entry) {
    return entry.path.starts_with("tls.") || entry.path.starts_with("sasl.");
  });
  config::interpolate(reading, invocation.process);
  if (!reading.problems.empty())
    return trouble(Exit::bad_file, "the profile cannot be used", reading.problems.front().to_string());
  Profile out = profile;
  for (config::Entry& entry : reading.entries) out.insert_or_assign(entry.path, std::move(entry.value));
  return out;
}

}  // namespace moldau::cli
