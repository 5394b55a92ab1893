#include "cli/profile_file.h"

#include <algorithm>

#include "cli/moldau_parser.h"
#include "config/entries.h"

namespace moldau::cli {
namespace {

using config::Problem;

Problem error_of(const config::Entry& entry, std::string text) {
  return config::error_at(entry, std::move(text));
}

// "prefix.rest": the rest.
std::optional<std::string_view> below(std::string_view path, std::string_view prefix) {
  if (!path.starts_with(prefix)) return std::nullopt;
  return path.substr(prefix.size());
}

void put(Profile& into, const config::Entry& entry, std::string_view key, std::span<const ProfileKey> keys,
         std::vector<Problem>& problems) {
  if (auto problem = problem_of(key, entry.value, keys))
    problems.push_back(error_of(entry, std::move(*problem)));
  else
    into.insert_or_assign(std::string(key), entry.value);
}

void read_entry(const config::Entry& entry, Checked<ProfileFile>& into) {
  ProfileFile& file = into.value;
  if (entry.path == "current") {
    file.current = entry.value;
  } else if (entry.path == "previous") {
    file.previous = entry.value;
  } else if (const auto global = below(entry.path, "globals.")) {
    put(file.globals, entry, *global, global_keys(), into.problems);
  } else if (const auto rest = below(entry.path, "profiles.")) {
    const std::string name(rest->substr(0, rest->find('.')));
    if (!is_profile_name(name) || name.size() == rest->size())
      into.problems.push_back(error_of(entry, "a profile is a name with a map of keys below it"));
    else
      put(file.profiles[name], entry, rest->substr(name.size() + 1), profile_keys(), into.problems);
  } else {
    const std::string near = nearest_of(entry.path, {"current", "previous", "profiles", "globals"});
    into.problems.push_back(
        error_of(entry, "unknown key" + (near.empty() ? "" : "; did you mean " + near + "?")));
  }
}

// `tls: {}` asks for TLS, and `local: {}` is a profile.
void read_empty_map(const std::string& path, const std::string& origin, Checked<ProfileFile>& into) {
  if (path.empty() || path == "profiles" || path == "globals") return;
  const auto rest = below(path, "profiles.");
  const std::string name(rest ? rest->substr(0, rest->find('.')) : "");
  const std::string_view key = rest ? rest->substr(name.size()) : "";
  const bool known = key.empty() || key == ".tls" || key == ".sasl" || key == ".properties";
  if (!is_profile_name(name) || !known) {
    into.problems.push_back({config::Severity::error, origin, path, "unknown key, with nothing in it"});
    return;
  }
  Profile& profile = into.value.profiles[name];
  if (key == ".tls") profile.emplace("tls.enabled", "true");
}

// A scalar as YAML reads it back: quoted unless it is plain beyond doubt.
std::string yaml_scalar(std::string_view text) {
  const auto plain = [](char letter) {
    return (letter >= 'a' && letter <= 'z') || (letter >= 'A' && letter <= 'Z') ||
           (letter >= '0' && letter <= '9') || std::string_view("_./:+").contains(letter) || letter == '-';
  };
  const bool bare = !text.empty() && std::ranges::all_of(text, plain) &&
                    !std::string_view("-.:+").contains(text.front()) && !text.ends_with(':') &&
                    text != "null" && text != "~";
  if (bare) return std::string(text);
  std::string out = "\"";
  for (const char letter : text) {
    constexpr std::string_view kHex = "0123456789abcdef";
    const auto byte = static_cast<unsigned char>(letter);
    if (letter == '"' || letter == '\\')
      out += std::string("\\") + letter;
    else if (byte < 0x20 || byte == 0x7f)
      out += std::string("\\x") + kHex[byte >> 4] + kHex[byte & 15];
    else
      out += letter;
  }
  return out + "\"";
}

std::string yaml_value(const ProfileKey* key, const std::string& value) {
  if (!key || !key->list) return yaml_scalar(value);
  std::string out;
  for (const std::string& one : split(value, ',')) out += (out.empty() ? "" : ", ") + yaml_scalar(one);
  return "[" + out + "]";
}

// The keys "tls.…", "sasl.…" and "properties.…" of a profile, as the map that they stand in.
std::string group_text(const Profile& profile, std::string_view group, bool with_secrets,
                       std::string_view indent) {
  std::string out;
  for (const auto& [key, value] : profile) {
    const auto rest = below(key, group);
    if (!rest || !rest->starts_with('.')) continue;
    const ProfileKey* known = find_profile_key(key);
    const bool hidden = known && known->secret && !with_secrets && !value.contains("${");
    out += std::string(indent) + "  " + std::string(rest->substr(1)) + ": " +
           (hidden ? "\"[hidden]\"" : yaml_scalar(value)) + "\n";
  }
  return out.empty() ? out : std::string(indent) + std::string(group) + ":\n" + out;
}

std::string profile_text(const Profile& profile, bool with_secrets, std::string_view indent) {
  std::string out;
  for (const ProfileKey& key : profile_keys()) {
    const auto at = profile.find(key.name);
    if (key.name.contains('.') || at == profile.end()) continue;
    out += std::string(indent) + std::string(key.name) + ": " + yaml_value(&key, at->second) + "\n";
  }
  for (const std::string_view group : {"tls", "sasl", "properties"})
    out += group_text(profile, group, with_secrets, indent);
  return out;
}

std::string name_line(std::string_view key, const std::string& name) {
  return name.empty() ? "" : std::string(key) + ": " + yaml_scalar(name) + "\n";
}

}  // namespace

std::string ProfileFile::names() const {
  std::string out;
  for (const auto& [name, profile] : profiles) out += (out.empty() ? "" : ", ") + name;
  return out.empty() ? "none" : out;
}

bool is_profile_name(std::string_view name) {
  constexpr std::size_t kLongest = 64;
  return !name.empty() && name.size() <= kLongest && name.front() != '-' &&
         std::ranges::all_of(name, [](char letter) {
           return (letter >= 'a' && letter <= 'z') || (letter >= 'A' && letter <= 'Z') ||
                  (letter >= '0' && letter <= '9') || letter == '-' || letter == '_';
         });
}

Checked<ProfileFile> parse_profiles(std::string_view text, const std::string& path) {
  Checked<ProfileFile> out;
  config::Reading reading = config::read_yaml(text, path);
  out.problems = std::move(reading.problems);
  for (const std::string& empty : reading.empty_maps) read_empty_map(empty, path, out);
  for (const config::Entry& entry : reading.entries) read_entry(entry, out);
  const ProfileFile& file = out.value;
  if (!file.current.empty() && !file.profiles.contains(file.current))
    out.problems.push_back({config::Severity::error, path, "current",
                            "there is no profile " + file.current + "; there are: " + file.names()});
  return out;
}

std::string text_of(const Profile& profile, bool with_secrets) {
  const std::string out = profile_text(profile, with_secrets, "");
  return out.empty() ? "{}\n" : out;
}

std::string text_of(const ProfileFile& file) {
  std::string out = name_line("current", file.current) + name_line("previous", file.previous);
  if (!file.profiles.empty()) out += "profiles:\n";
  for (const auto& [name, profile] : file.profiles) {
    const std::string inner = profile_text(profile, true, "    ");
    out += "  " + yaml_scalar(name) + (inner.empty() ? ": {}\n" : ":\n" + inner);
  }
  if (!file.globals.empty()) out += "globals:\n";
  for (const auto& [key, value] : file.globals) out += "  " + key + ": " + yaml_scalar(value) + "\n";
  return out;
}

std::optional<std::string> with_current(const std::string& text, const ProfileFile& file) {
  std::string rest;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = std::min(text.find('\n', at), text.size() - 1) + 1;
    const std::string line = text.substr(at, end - at);
    if (!line.starts_with("current:") && !line.starts_with("previous:")) rest += line;
    at = end;
  }
  std::string changed = name_line("current", file.current) + name_line("previous", file.previous) + rest;
  const auto again = parse_profiles(changed, "");
  if (!again.problems.empty() || again.value != file) return std::nullopt;
  return changed;
}

}  // namespace moldau::cli
