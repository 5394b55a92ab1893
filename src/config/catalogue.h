// The key catalogue: every configuration key that Moldau knows, once. Topic configs and broker properties
// under Kafka's names, and our own keys (the YAML tree, written with dots). What is parsed, validated,
// described and documented is read from here. Names, types, defaults and ranges are Apache Kafka 4.3's, but
// for the clocks of sessions and elections, whose words name Kafka's default: a node starts in milliseconds
// here, and nothing pauses it for a second.
#pragma once

#include <cstdint>
#include <limits>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/result.h"

namespace moldau::config {

// Numbers as in DescribeConfigs (ConfigType).
enum class Type : std::int8_t {
  boolean = 1,
  string = 2,
  int32 = 3,
  int16 = 4,
  int64 = 5,
  real = 6,
  list = 7,  // separated by commas
  class_name = 8,
  password = 9,
};
std::string_view name_of(Type type);  // "BOOLEAN", "INT", "LONG" …

// Of our own keys the form that people write: "512MiB" and "60%" are accepted beside plain numbers.
enum class Unit : std::uint8_t {
  none,
  milliseconds,
  seconds,
  minutes,
  hours,
  bytes,
  bytes_per_second,
  fraction,
  address,  // host:port
};

enum class Scope : std::uint8_t { topic, broker, ours };

// Who may change it while the node runs.
enum class Dynamic : std::uint8_t { read_only, per_broker, cluster_wide /* and per broker */ };

enum class Support : std::uint8_t {
  used,
  harmless,     // accepted and without effect here: this broker has no use for it
  unsupported,  // refused when set to anything but its default; `advice` says what to do instead
};

inline constexpr std::int64_t kMin = std::numeric_limits<std::int64_t>::min();
inline constexpr std::int64_t kMax = std::numeric_limits<std::int64_t>::max();

struct Range {
  std::int64_t min = kMin;
  std::int64_t max = kMax;  // a type's own limits apply as well
};

struct Key {
  std::string_view name;  // "*" stands for one level: listeners.*.bind
  Type type = Type::string;
  std::optional<std::string_view> default_value;  // text; nothing: null
  std::string_view doc;
  Unit unit = Unit::none;
  Range range;
  std::string_view one_of;  // the values allowed (of a list: its elements), separated by commas; empty: any
  // Topic: the broker properties that set its default, in order of precedence. Broker: the property's own
  // fallbacks (log.retention.ms: log.retention.minutes, log.retention.hours). Ours: the Kafka property that
  // means the same.
  std::string_view synonyms;
  Dynamic dynamic = Dynamic::read_only;
  Support support = Support::used;
  std::string_view advice;
  Scope scope = Scope::broker;
};

// By name.
std::span<const Key> topic_keys();
std::span<const Key> broker_keys();
// In the order in which they are documented.
std::span<const Key> own_keys();

const Key* find_topic_key(std::string_view name);
// Also patterns: listener.name.<listener>.<property>, ssl.*, sasl.*, config.providers.*.
const Key* find_broker_key(std::string_view name);
// Matches "*" levels.
const Key* find_own_key(std::string_view path);

// The values of a comma-separated text, without blanks around them; "" has none.
std::vector<std::string> split_list(std::string_view text);
std::string join_list(std::span<const std::string> values);

using Value = std::variant<bool, std::int64_t, double, std::string, std::vector<std::string>>;

// Parses and validates one value. Errc::invalid_argument with Kafka's words and the range, ready for
// INVALID_CONFIG: "Invalid value 5 for configuration segment.bytes: Value must be at least 1048576".
Result<Value> parse_value(const Key& key, std::string_view text);

// What to write for a person: "at least 1048576", "one of: delete, compact", "" when any value will do.
std::string range_text(const Key& key);

// The known name nearest to `name` by edit distance (Damerau), or nothing when none is near. "Did you mean
// …?"
std::optional<std::string_view> nearest(std::string_view name, std::span<const Key> keys);

}  // namespace moldau::config
