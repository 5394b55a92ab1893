#include <algorithm>

#include "config/text.h"
#include "config/topic_config.h"

namespace moldau::config {
namespace {

std::unexpected<Error> unknown(std::string_view kind, std::string_view name, std::span<const Key> keys) {
  std::string message = "Unknown " + std::string(kind) + " config name: " + std::string(name.substr(0, 200));
  if (const auto near = nearest(name, keys)) message.append("; did you mean ").append(*near).append("?");
  return fail(Errc::invalid_argument, std::move(message));
}

Status check_supported(const Key& key, std::string_view value) {
  if (key.support != Support::unsupported || trimmed(value) == key.default_value.value_or("")) return {};
  std::string message = "Invalid value " + std::string(value.substr(0, 200)) + " for configuration ";
  return fail(Errc::invalid_argument, std::move(message.append(key.name).append(": ").append(key.advice)));
}

Status check_value(const Key& key, std::string_view value) {
  TRY(parse_value(key, value));
  return check_supported(key, value);
}

std::int64_t int_in(const ConfigMap& configs, std::string_view name) {
  const Key* key = find_topic_key(name);
  const auto set = configs.find(name);
  return std::get<std::int64_t>(*parse_value(*key, set == configs.end() ? *key->default_value : set->second));
}

Status check_compaction_lags(const ConfigMap& configs) {
  const std::int64_t least = int_in(configs, "min.compaction.lag.ms");
  const std::int64_t most = int_in(configs, "max.compaction.lag.ms");
  if (least <= most) return {};
  return fail(Errc::invalid_argument, "conflict topic config setting min.compaction.lag.ms (" +
                                          std::to_string(least) + ") > max.compaction.lag.ms (" +
                                          std::to_string(most) + ")");
}

Result<std::vector<std::string>> list_of(const Key& key, std::string_view text) {
  if (key.type != Type::list)
    return fail(Errc::invalid_argument,
                "Config value append is not allowed for config key: " + std::string(key.name));
  return split_list(text);
}

}  // namespace

Status validate_topic_config(std::string_view name, std::string_view value) {
  const Key* key = find_topic_key(name);
  return key == nullptr ? unknown("topic", name, topic_keys()) : check_value(*key, value);
}

Status validate_topic_configs(const ConfigMap& configs) {
  for (const auto& [name, value] : configs) TRY(validate_topic_config(name, value));
  return check_compaction_lags(configs);
}

Status validate_broker_config(std::string_view name, std::string_view value, bool cluster_wide) {
  const Key* key = find_broker_key(name);
  if (key == nullptr) return unknown("broker", name, broker_keys());
  if (key->dynamic == Dynamic::read_only)
    return fail(Errc::invalid_argument,
                "Cannot update these configs dynamically: Set(" + std::string(name) + ")");
  if (cluster_wide && key->dynamic == Dynamic::per_broker)
    return fail(Errc::invalid_argument, "Cannot update these per-broker configs for the whole cluster: Set(" +
                                            std::string(name) + ")");
  return check_value(*key, value);
}

Result<std::string> append_to_list(const Key& key, std::string_view current, std::string_view added) {
  ASSIGN_OR_RETURN(std::vector<std::string> values, list_of(key, current));
  for (std::string& value : split_list(added))
    if (!has(values, value)) values.push_back(std::move(value));
  return join_list(values);
}

Result<std::string> subtract_from_list(const Key& key, std::string_view current, std::string_view removed) {
  ASSIGN_OR_RETURN(std::vector<std::string> values, list_of(key, current));
  const auto gone = split_list(removed);
  std::erase_if(values, [&](const std::string& value) { return has(gone, value); });
  return join_list(values);
}

}  // namespace moldau::config
