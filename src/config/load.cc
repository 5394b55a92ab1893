#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <fstream>

#include "config/entries.h"
#include "config/text.h"

extern char** environ;

namespace moldau::config {
namespace {

constexpr std::streamsize kMaxFileBytes = 4 << 20;

FileKind kind_of(const Sources& sources) {
  if (sources.file_kind) return *sources.file_kind;
  return sources.file->ends_with(".properties") ? FileKind::properties : FileKind::yaml;
}

Reading read_settings_file(const Sources& sources) {
  if (!sources.file) return {};
  auto text = sources.read_file(*sources.file);
  if (!text) return {{}, {{Severity::error, *sources.file, "", text.error().message}}, {}};
  return kind_of(sources) == FileKind::yaml ? read_yaml(*text, *sources.file)
                                            : read_properties(*text, *sources.file);
}

std::string hostname_of_process() {
  char name[256] = {};
  return gethostname(name, sizeof name - 1) == 0 && name[0] != 0 ? name : "localhost";
}

}  // namespace

Result<std::string> read_file_of_os(const std::string& path) {
  std::error_code unknown;
  if (std::filesystem::is_directory(path, unknown))
    return fail(Errc::invalid_argument, "is a folder, not a file");
  errno = 0;
  std::ifstream file(path, std::ios::binary);
  if (!file) return fail(error_from_errno(errno, "cannot be read"));
  std::string text(kMaxFileBytes + 1, '\0');
  file.read(text.data(), std::ssize(text));
  if (file.bad()) return fail(error_from_errno(errno, "cannot be read"));
  if (file.gcount() > kMaxFileBytes) return fail(Errc::too_large, "is larger than 4 MiB");
  text.resize(static_cast<std::size_t>(file.gcount()));
  return text;
}

Sources sources_of_process() {
  Sources sources;
  for (char** variable = environ; *variable != nullptr; ++variable) {
    const std::string_view text(*variable);
    const std::size_t equals = text.find('=');
    if (equals != std::string_view::npos)
      sources.environment.emplace(text.substr(0, equals), text.substr(equals + 1));
  }
  sources.is_root = geteuid() == 0;
  if (const auto home = sources.environment.find("HOME"); home != sources.environment.end())
    sources.home = home->second;
  std::error_code unknown;
  const auto here = std::filesystem::current_path(unknown);
  if (!unknown) sources.working_directory = here.string();
  sources.hostname = hostname_of_process();
  return sources;
}

Loaded load(const Sources& sources) {
  Reading file = read_settings_file(sources);
  Reading set = read_set(sources.set);
  interpolate(file, sources);
  interpolate(set, sources);

  std::vector<Entry> entries;
  std::vector<Problem> problems;
  for (Reading reading : {std::move(file), read_environment(sources.environment), std::move(set)}) {
    std::ranges::move(reading.entries, std::back_inserter(entries));
    std::ranges::move(reading.problems, std::back_inserter(problems));
  }
  Loaded loaded = build_settings(std::move(entries), sources);
  loaded.problems.insert(loaded.problems.begin(), problems.begin(), problems.end());
  return loaded;
}

std::string Problem::to_string() const {
  std::string out;
  for (const std::string& part : {origin, key})
    if (!part.empty()) out += part + ": ";
  return out + text;
}

bool Loaded::usable() const { return errors().empty(); }

std::vector<Problem> Loaded::errors() const {
  std::vector<Problem> found;
  std::ranges::copy_if(problems, std::back_inserter(found),
                       [](const Problem& problem) { return problem.severity == Severity::error; });
  return found;
}

}  // namespace moldau::config
