#include "config/resolve.h"

#include <algorithm>

#include "base/assert.h"
#include "config/text.h"

namespace moldau::config {
namespace {

constexpr std::string_view kKafka = "kafka.";

std::string_view source_of(const Entry& entry) {
  return std::string_view(entry.origin).substr(0, entry.origin.find(':'));
}

// The key of ours that the property stands for, or null.
const Key* own_key_of(std::string_view property) {
  for (const Key& key : own_keys())
    if (has(split_list(key.synonyms), property)) return &key;
  return nullptr;
}

// parse_value names the key; a problem names it already.
std::string without_key(const Key& key, const std::string& message) {
  return replaced(message, " for configuration " + std::string(key.name), "");
}

bool is_group(std::string_view path) {
  const std::string prefix = std::string(path) + ".";
  return std::ranges::any_of(own_keys(), [&](const Key& key) { return key.name.starts_with(prefix); });
}

// The path's own name where the catalogue has "*", so that a slip elsewhere is found: listeners.external.bnd.
std::optional<std::string> nearest_own(const std::string& path) {
  const std::size_t first = path.find('.');
  const std::size_t second = first == std::string::npos ? first : path.find('.', first + 1);
  if (path.starts_with("listeners.") && second != std::string::npos) {
    const auto near = nearest("listeners.*" + path.substr(second), own_keys());
    if (near) return replaced(*near, "*", path.substr(first + 1, second - first - 1));
  }
  if (find_broker_key(path) != nullptr) return std::string(kKafka) + path;
  const auto near = nearest(path, own_keys());
  return near ? std::optional(std::string(*near)) : std::nullopt;
}

std::optional<std::string> nearest_kafka(std::string_view name) {
  const auto near = nearest(name, broker_keys());
  return near ? std::optional(std::string(*near)) : std::nullopt;
}

}  // namespace

Resolved::Resolved(std::vector<Entry> entries) {
  for (Entry& entry : entries) judge(std::move(entry));
}

const Entry* Resolved::find(const std::string& path) const {
  const auto at = entries_.find(path);
  return at == entries_.end() ? nullptr : &at->second;
}

std::string Resolved::text(const std::string& path) const {
  if (const Entry* entry = find(path)) return entry->value;
  const Key* key = find_own_key(path);
  MOLDAU_ASSERT(key, path);
  return std::string(key->default_value.value_or(""));
}

void Resolved::problem(Severity severity, const Entry& entry, std::string text) {
  problems_.push_back({severity, entry.origin, entry.written, std::move(text)});
}

void Resolved::judge(Entry entry) {
  if (entry.path.starts_with(kKafka))
    judge_property(std::move(entry));
  else
    judge_own(std::move(entry));
}

void Resolved::judge_property(Entry entry) {
  const std::string name = entry.path.substr(kKafka.size());
  const Key* key = find_broker_key(name);
  if (key == nullptr) return reject_unknown(entry);
  if (const Key* ours = own_key_of(name)) {
    entry.path = ours->name;
    return judge_own(std::move(entry));
  }
  if (auto value = parse_value(*key, entry.value); !value)
    return error(entry, without_key(*key, value.error().message));
  const bool is_default = entry.value == key->default_value.value_or("");
  if (key->support == Support::unsupported && !is_default)
    return error(entry, "not supported: " + std::string(key->advice));
  if (key->support == Support::harmless) problem(Severity::debug, entry, "accepted, has no effect here");
  keep(std::move(entry));
}

void Resolved::judge_own(Entry entry) {
  const Key* key = find_own_key(entry.path);
  if (key == nullptr) return reject_unknown(entry);
  if (key->support == Support::unsupported) return error(entry, "not supported: " + std::string(key->advice));
  if (auto value = parse_value(*key, entry.value); !value)
    return error(entry, without_key(*key, value.error().message));
  keep(std::move(entry));
}

void Resolved::reject_unknown(const Entry& entry) {
  if (entry.path.starts_with(kKafka)) {
    const Severity severity = entry.lenient ? Severity::warning : Severity::error;
    const std::string text = unknown_key(entry);
    return problem(severity, entry, entry.lenient ? text + " (ignored)" : text);
  }
  if (is_group(entry.path)) return error(entry, "holds a group of keys, not a value");
  error(entry, unknown_key(entry));
}

std::string Resolved::unknown_key(const Entry& entry) {
  constexpr int kMostGuesses =
      10;  // a file of another kind has unknown keys only, and a guess takes its time
  if (++guesses_ > kMostGuesses) return "unknown key";
  const std::string_view path = entry.path;
  const auto near =
      path.starts_with(kKafka) ? nearest_kafka(path.substr(kKafka.size())) : nearest_own(entry.path);
  return near ? "unknown key; did you mean " + *near + "?" : "unknown key";
}

void Resolved::keep(Entry entry) {
  const auto there = entries_.find(entry.path);
  if (there != entries_.end() && source_of(there->second) == source_of(entry)) {
    // Two names of one key in one source (log.dirs and log.dir, node.id and broker.id): Kafka's first name
    // counts.
    const auto names = split_list(find_own_key(entry.path) ? find_own_key(entry.path)->synonyms : "");
    const auto rank = [&](const Entry& e) { return std::ranges::find(names, e.written) - names.begin(); };
    if (there->second.written != entry.written && rank(entry) > rank(there->second)) return;
  }
  entries_.insert_or_assign(entry.path, std::move(entry));
}

}  // namespace moldau::config
