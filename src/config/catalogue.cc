#include "config/catalogue.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>

#include "base/assert.h"
#include "config/text.h"

namespace moldau::config {
namespace {

const Key* find_sorted(std::span<const Key> keys, std::string_view name) {
  const auto at = std::ranges::lower_bound(keys, name, {}, &Key::name);
  return at != keys.end() && at->name == name ? &*at : nullptr;
}

// Families of broker properties whose names are not fixed. The first that matches counts.
struct Pattern {
  std::string_view prefix;
  Key key;
};
constexpr Key family(std::string_view name, Type type, std::string_view doc) {
  return {.name = name, .type = type, .doc = doc, .support = Support::harmless};
}
constexpr std::array<Pattern, 6> kPatterns{{
    {"listener.name.",
     family("listener.name.*", Type::password, "Overrides of TLS and SASL for one listener.")},
    {"ssl.", family("ssl.*", Type::password, "Settings of TLS; they matter only to listeners that use it.")},
    {"sasl.",
     family("sasl.*", Type::password, "Settings of SASL; they matter only to listeners that use it.")},
    {"config.providers.", family("config.providers.*", Type::string,
                                 "Kafka's config providers; ${env:…} and ${file:…} always work.")},
    {"rsm.config.", family("rsm.config.*", Type::password, "Tiered storage.")},
    {"rlmm.config.", family("rlmm.config.*", Type::password, "Tiered storage.")},
}};

std::vector<std::string_view> levels_of(std::string_view path) {
  std::vector<std::string_view> levels;
  for (std::size_t start = 0; start <= path.size();) {
    const std::size_t dot = std::min(path.find('.', start), path.size());
    levels.push_back(path.substr(start, dot - start));
    start = dot + 1;
  }
  return levels;
}

// "kafka.*", "tls.*" and "bootstrap.defaults.*" take all levels that follow: Kafka's names have dots.
bool takes_the_rest(std::string_view pattern) {
  return pattern == "kafka.*" || pattern == "tls.*" || pattern == "auth.*" ||
         pattern == "bootstrap.defaults.*";
}

bool matches(std::string_view pattern, std::string_view path) {
  if (takes_the_rest(pattern)) {
    const std::string_view prefix = pattern.substr(0, pattern.size() - 1);
    return path.starts_with(prefix) && path.size() > prefix.size();
  }
  // A listener's name may have dots.
  constexpr std::string_view kListeners = "listeners.*";
  if (pattern.starts_with(kListeners)) {
    const std::string_view prefix = "listeners.", suffix = pattern.substr(kListeners.size());
    return path.starts_with(prefix) && path.ends_with(suffix) && path.size() > prefix.size() + suffix.size();
  }
  const auto same = [](std::string_view p, std::string_view t) { return p == t || (p == "*" && !t.empty()); };
  return std::ranges::equal(levels_of(pattern), levels_of(path), same);
}

// How often each byte is in a text.
using Letters = std::array<std::int16_t, 256>;

Letters letters_of(std::string_view text) {
  Letters letters{};
  for (const char c : text) ++letters[static_cast<unsigned char>(c)];
  return letters;
}

// Of the letters that one text has and the other lacks, the greater number: no edit distance is below it.
std::size_t differing_letters(Letters letters, std::size_t size, std::string_view other) {
  std::size_t missing = 0;
  for (const char c : other)
    if (letters[static_cast<unsigned char>(c)]-- <= 0) ++missing;
  return std::max(missing, size - (other.size() - missing));
}

// Optimal string alignment: insertions, deletions, replacements and swaps of neighbours. `limit` when it is
// that or more.
std::size_t edit_distance(std::string_view a, std::string_view b, std::size_t limit) {
  if (std::max(a.size(), b.size()) - std::min(a.size(), b.size()) >= limit) return limit;
  std::vector<std::size_t> before(b.size() + 1), last(b.size() + 1), row(b.size() + 1);
  for (std::size_t j = 0; j <= b.size(); ++j) row[j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    before = std::exchange(last, row);
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      row[j] = std::min({last[j] + 1, row[j - 1] + 1, last[j - 1] + (a[i - 1] != b[j - 1])});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
        row[j] = std::min(row[j], before[j - 2] + 1);
    }
    // No later row is below the least of two rows that follow one another.
    if (std::min(std::ranges::min(row), std::ranges::min(last)) >= limit) return limit;
  }
  return std::min(row[b.size()], limit);
}

}  // namespace

std::string_view name_of(Type type) {
  constexpr std::array<std::string_view, 10> kNames{"UNKNOWN", "BOOLEAN", "STRING", "INT",   "SHORT",
                                                    "LONG",    "DOUBLE",  "LIST",   "CLASS", "PASSWORD"};
  return kNames[static_cast<std::size_t>(type)];
}

const Key* find_topic_key(std::string_view name) { return find_sorted(topic_keys(), name); }

const Key* find_broker_key(std::string_view name) {
  if (const Key* key = find_sorted(broker_keys(), name)) return key;
  for (const Pattern& pattern : kPatterns)
    if (name.starts_with(pattern.prefix) && is_name(name.substr(pattern.prefix.size()))) return &pattern.key;
  return nullptr;
}

const Key* find_own_key(std::string_view path) {
  for (const Key& key : own_keys())
    if (key.name == path) return &key;
  for (const Key& key : own_keys())
    if (matches(key.name, path)) return &key;
  return nullptr;
}

std::vector<std::string> split_list(std::string_view text) {
  std::vector<std::string> values;
  if (trimmed(text).empty()) return values;
  for (std::size_t start = 0; start <= text.size();) {
    const std::size_t comma = std::min(text.find(',', start), text.size());
    values.emplace_back(trimmed(text.substr(start, comma - start)));
    start = comma + 1;
  }
  return values;
}

std::string join_list(std::span<const std::string> values) {
  std::string text;
  for (const std::string& value : values) text.append(value).push_back(',');
  if (!text.empty()) text.pop_back();
  return text;
}

std::optional<std::string_view> nearest(std::string_view name, std::span<const Key> keys) {
  // Far enough for a forgotten word's ending or two slips, not so far that any short name fits.
  std::size_t best = std::max<std::size_t>(2, name.size() / 5) + 1;
  std::optional<std::string_view> found;
  const std::string_view asked = name.substr(0, 200);
  const Letters letters = letters_of(asked);
  for (const Key& key : keys) {
    if (differing_letters(letters, asked.size(), key.name) >= best) continue;
    if (const std::size_t distance = edit_distance(asked, key.name, best); distance < best) {
      best = distance;
      found = key.name;
    }
  }
  return found;
}

}  // namespace moldau::config
