// What the sources say, before it is judged: one entry for each key and source.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "config/settings.h"

namespace moldau::config {

struct Entry {
  std::string path;     // with dots; Kafka's properties under "kafka."
  std::string value;    // lists joined by commas
  std::string origin;   // "moldau.yaml:12"
  std::string written;  // the key in its author's words
  // Unknown keys of Kafka's own sources are only warned of, as Kafka does.
  bool lenient = false;
};

// Entries in the order of their source, and what was wrong with it.
struct Reading {
  std::vector<Entry> entries;
  std::vector<Problem> problems;
  std::vector<std::string> empty_maps;  // paths of YAML maps that hold nothing
};

Reading read_yaml(std::string_view text, const std::string& name);
Reading read_properties(std::string_view text, const std::string& name);
Reading read_environment(const std::map<std::string, std::string>& environment);
Reading read_set(const std::vector<std::string>& assignments);

// Replaces ${env:…} and ${file:…} in the entries' values.
void interpolate(Reading& reading, const Sources& sources);

// The Kafka property that an environment variable of Kafka's container images stands for, without its prefix:
// "_" is a dot, "__" an underscore, "___" a dash.
std::string property_of_variable(std::string_view variable);

// Settings out of the entries; a later entry for the same key has precedence.
Loaded build_settings(std::vector<Entry> entries, const Sources& sources);

inline Problem error_at(const Entry& entry, std::string text) {
  return {Severity::error, entry.origin, entry.written, std::move(text)};
}

}  // namespace moldau::config
