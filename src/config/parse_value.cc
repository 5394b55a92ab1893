#include <algorithm>
#include <limits>

#include "base/assert.h"
#include "config/catalogue.h"
#include "config/text.h"

namespace moldau::config {
namespace {

// Kafka's words (ConfigException), so that tools and people recognise them.
std::unexpected<Error> refuse(const Key& key, std::string_view value, std::string_view why) {
  std::string message("Invalid value ");
  message += key.type == Type::password ? "[hidden]" : std::string(value.substr(0, 200));
  message.append(" for configuration ").append(key.name).append(": ").append(why);
  return fail(Errc::invalid_argument, std::move(message));
}

std::string spaced(std::string_view one_of) { return replaced(one_of, ",", ", "); }

Range range_of(const Key& key) {
  using Int32 = std::numeric_limits<std::int32_t>;
  using Int16 = std::numeric_limits<std::int16_t>;
  switch (key.type) {
    case Type::int32:
      return {std::max<std::int64_t>(key.range.min, Int32::min()),
              std::min<std::int64_t>(key.range.max, Int32::max())};
    case Type::int16:
      return {std::max<std::int64_t>(key.range.min, Int16::min()),
              std::min<std::int64_t>(key.range.max, Int16::max())};
    default:
      return key.range;
  }
}

std::string not_a_number(const Key& key) {
  return std::string("Not a number of type ").append(name_of(key.type));
}

Result<Value> parse_boolean(const Key& key, std::string_view text) {
  if (equal_ignoring_case(text, "true")) return Value(true);
  if (equal_ignoring_case(text, "false")) return Value(false);
  return refuse(key, text, "Expected value to be either true or false");
}

Result<Value> parse_int(const Key& key, std::string_view text) {
  const bool sized = key.scope == Scope::ours && key.unit == Unit::bytes;
  const auto number = sized ? parse_size(text) : parse_integer(text);
  if (!number) return refuse(key, text, sized ? "Expected a size such as 512MiB" : not_a_number(key));
  // A value outside its Java type is no number to Kafka; name the range all the same.
  const Range range = range_of(key);
  if (*number < range.min)
    return refuse(key, text,
                  "Value must be at least " +
                      (sized ? size_text(static_cast<std::uint64_t>(range.min)) : std::to_string(range.min)));
  if (*number > range.max)
    return refuse(key, text,
                  "Value must be no more than " +
                      (sized ? size_text(static_cast<std::uint64_t>(range.max)) : std::to_string(range.max)));
  if (key.name == "compression.gzip.level" && *number == 0)
    return refuse(key, text, "Value must be between 1 and 9 or equal to -1");
  return Value(*number);
}

Result<Value> parse_double(const Key& key, std::string_view text) {
  const auto number = parse_real(text);
  if (!number) return refuse(key, text, not_a_number(key));
  if (key.range.min != kMin && *number < static_cast<double>(key.range.min))
    return refuse(key, text, "Value must be at least " + std::to_string(key.range.min));
  if (key.range.max != kMax && *number > static_cast<double>(key.range.max))
    return refuse(key, text, "Value must be no more than " + std::to_string(key.range.max));
  return Value(*number);
}

bool is_one_of(const Key& key, std::string_view text) {
  return key.one_of.empty() || has(split_list(key.one_of), text);
}

Result<Value> parse_string(const Key& key, std::string_view text) {
  // Our own words may be written in any case: security: PLAINTEXT.
  const std::string value = key.scope == Scope::ours && !key.one_of.empty() ? lower(text) : std::string(text);
  if (!is_one_of(key, value)) return refuse(key, text, "String must be one of: " + spaced(key.one_of));
  return Value(value);
}

// partition:broker, or * alone (ThrottledReplicaListValidator).
bool is_throttled_replica(std::string_view text) {
  const std::size_t colon = text.find(':');
  if (colon == std::string_view::npos) return false;
  const auto natural = [](std::string_view part) {
    return !part.empty() && part.find_first_not_of("0123456789") == std::string_view::npos;
  };
  return natural(text.substr(0, colon)) && natural(text.substr(colon + 1));
}

bool is_throttled_list(const std::vector<std::string>& values) {
  return (values.size() == 1 && values[0] == "*") || std::ranges::all_of(values, is_throttled_replica);
}

Result<Value> parse_list(const Key& key, std::string_view text) {
  std::vector<std::string> values = split_list(text);
  if (has(values, "")) return refuse(key, text, "List must not contain empty values");
  for (const std::string& value : values)
    if (!is_one_of(key, value)) return refuse(key, text, "String must be one of: " + spaced(key.one_of));
  if (key.name.ends_with("replication.throttled.replicas") && !is_throttled_list(values))
    return refuse(key, text,
                  "Must be the literal '*' or a list of replicas in the format "
                  "[partitionId]:[brokerId],[partitionId]:[brokerId]");
  std::vector<std::string> sorted = values;
  std::ranges::sort(sorted);
  if (!key.one_of.empty() && std::ranges::adjacent_find(sorted) != sorted.end())
    return refuse(key, text, "List must not contain duplicate values");
  return Value(std::move(values));
}

}  // namespace

Result<Value> parse_value(const Key& key, std::string_view text) {
  text = trimmed(text);
  switch (key.type) {
    case Type::boolean:
      return parse_boolean(key, text);
    case Type::int16:
    case Type::int32:
    case Type::int64:
      return parse_int(key, text);
    case Type::real:
      return parse_double(key, text);
    case Type::list:
      return parse_list(key, text);
    case Type::string:
    case Type::class_name:
    case Type::password:
      return parse_string(key, text);
  }
  MOLDAU_UNREACHABLE("config::Type");
}

std::string range_text(const Key& key) {
  if (!key.one_of.empty()) return (key.type == Type::list ? "any of: " : "one of: ") + spaced(key.one_of);
  const bool sized = key.scope == Scope::ours && key.unit == Unit::bytes;
  const auto show = [&](std::int64_t limit) {
    return sized ? size_text(static_cast<std::uint64_t>(limit)) : std::to_string(limit);
  };
  if (key.range.min != kMin && key.range.max != kMax)
    return show(key.range.min) + " to " + show(key.range.max);
  if (key.range.min != kMin) return "at least " + show(key.range.min);
  if (key.range.max != kMax) return "at most " + show(key.range.max);
  return key.type == Type::boolean ? "true or false" : "";
}

}  // namespace moldau::config
