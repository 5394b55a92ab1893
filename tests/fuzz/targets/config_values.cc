// Values of topic and broker configs as clients set them: refused in Kafka's words, or parsed within the
// key's range, the same again from what was parsed.
#include "config/catalogue.h"
#include "config/topic_config.h"
#include "fuzz/input.h"
#include "fuzz/target.h"

namespace moldau::fuzz {
namespace {

using config::Key;
using config::Value;

constexpr std::size_t kMaxSize = 96;

const Key& key_of(Input& in) {
  switch (in.below(3)) {
    case 0:
      return config::topic_keys()[in.byte() % config::topic_keys().size()];
    case 1:
      return config::broker_keys()[in.number<std::uint16_t>() % config::broker_keys().size()];
    default:
      return config::own_keys()[in.byte() % config::own_keys().size()];
  }
}

std::string text_of(const Value& value) {
  if (const auto* flag = std::get_if<bool>(&value)) return *flag ? "true" : "false";
  if (const auto* number = std::get_if<std::int64_t>(&value)) return std::to_string(*number);
  if (const auto* text = std::get_if<std::string>(&value)) return *text;
  if (const auto* list = std::get_if<std::vector<std::string>>(&value)) return config::join_list(*list);
  return {};
}

void check_value(const Key& key, const Value& value) {
  if (const auto* number = std::get_if<std::int64_t>(&value)) {
    MOLDAU_ASSERT(*number >= key.range.min && *number <= key.range.max, "a value outside of its range");
    if (key.type == config::Type::int32) MOLDAU_ASSERT(*number == static_cast<std::int32_t>(*number));
    if (key.type == config::Type::int16) MOLDAU_ASSERT(*number == static_cast<std::int16_t>(*number));
  }
  if (const auto* real = std::get_if<double>(&value)) {
    MOLDAU_ASSERT(*real >= static_cast<double>(key.range.min) && *real <= static_cast<double>(key.range.max));
    return;
  }
  const auto again = config::parse_value(key, text_of(value));
  MOLDAU_ASSERT(again == value, "a value changes by being written");
}

void check_lists(const Key& key, std::string_view current, std::string_view change) {
  const auto longer = config::append_to_list(key, current, change);
  const auto shorter = config::subtract_from_list(key, current, change);
  MOLDAU_ASSERT(longer.has_value() == (key.type == config::Type::list) &&
                shorter.has_value() == longer.has_value());
  if (!longer) return;
  MOLDAU_ASSERT(config::append_to_list(key, *longer, change) == *longer, "appended twice");
  MOLDAU_ASSERT(config::subtract_from_list(key, *shorter, change) == *shorter, "subtracted twice");
}

void check_topic(const Key& key, std::string_view text) {
  const config::ConfigMap configs{{std::string(key.name), std::string(text)}};
  const bool valid = config::validate_topic_configs(configs).has_value();
  if (valid) MOLDAU_ASSERT(config::validate_topic_config(key.name, text).has_value());
  (void)config::effective_topic_config({.topic = &configs});  // also from a value that is none
  (void)config::validate_broker_config(key.name, text, text.size() % 2 == 0);
}

void run(ByteView bytes) {
  Input in(bytes);
  const Key& key = key_of(in);
  const auto other = as_text(in.piece());
  const std::string_view text = in.text();
  const auto value = config::parse_value(key, text);
  if (value) check_value(key, *value);
  if (!value) MOLDAU_ASSERT(value.error().code == Errc::invalid_argument && !value.error().message.empty());
  check_lists(key, text, other);
  if (key.scope == config::Scope::topic) check_topic(key, text);
  (void)config::nearest(other, config::topic_keys());
}

void seeds(Seeds& seeds) {
  const auto add = [&](std::uint8_t kind, std::size_t place, const Key& key) {
    Buffer seed;
    seed.append_be<std::uint8_t>(kind);
    if (kind == 1) seed.append_be<std::uint16_t>(static_cast<std::uint16_t>(place));
    if (kind != 1) seed.append_be<std::uint8_t>(static_cast<std::uint8_t>(place));
    seed.append(
        std::string_view("\x02"
                         "xy",
                         3));
    seed.append(key.default_value.value_or("-1"));
    if (seed.size() <= kMaxSize) seeds.add(seed.view());
  };
  for (std::size_t i = 0; i < config::topic_keys().size(); ++i) add(0, i, config::topic_keys()[i]);
  for (std::size_t i = 0; i < config::broker_keys().size(); i += 7) add(1, i, config::broker_keys()[i]);
  for (std::size_t i = 0; i < config::own_keys().size(); ++i) add(2, i, config::own_keys()[i]);
}

MOLDAU_FUZZ_TARGET(config_values, kMaxSize, run, seeds);

}  // namespace
}  // namespace moldau::fuzz
