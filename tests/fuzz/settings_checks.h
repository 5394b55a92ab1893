// What must hold of settings from any file: either errors that say where, or settings that read the same from
// what they are shown as.
#pragma once

#include "config/settings.h"
#include "fuzz/target.h"

namespace moldau::fuzz {

inline config::Sources sources_with(std::string text, config::FileKind kind) {
  config::Sources sources;
  sources.file = kind == config::FileKind::yaml ? "/f.yaml" : "/f.properties";
  sources.file_kind = kind;
  sources.home = "/home/u";
  sources.read_file = [text = std::move(text)](const std::string& path) -> Result<std::string> {
    if (path.starts_with("/f.")) return text;
    return fail(Errc::not_found, path);
  };
  return sources;
}

inline void check_problems(const config::Loaded& loaded) {
  for (const config::Problem& problem : loaded.problems)
    MOLDAU_ASSERT(!problem.text.empty() && !problem.to_string().empty());
  MOLDAU_ASSERT(loaded.usable() == loaded.errors().empty());
}

inline void check_settings(const config::Settings& settings) {
  MOLDAU_ASSERT(!settings.listeners.empty() && settings.data_dir.starts_with('/'));
  const std::string shown = config::effective_yaml(settings);
  const auto again = config::load(sources_with(shown, config::FileKind::yaml));
  MOLDAU_ASSERT(again.usable(), "what is shown as in force cannot be read");
  MOLDAU_ASSERT(config::effective_yaml(again.settings) == shown,
                "what is shown as in force reads differently");
}

inline void fuzz_settings(std::string_view text, config::FileKind kind) {
  const auto loaded = config::load(sources_with(std::string(text), kind));
  check_problems(loaded);
  if (loaded.usable()) check_settings(loaded.settings);
}

}  // namespace moldau::fuzz
