// Kafka's rules for topic names.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"

namespace moldau::metadata {

inline constexpr std::size_t kMaxTopicNameLength = 249;
inline constexpr std::string_view kClusterMetadataTopic = "__cluster_metadata";
inline constexpr std::string_view kOffsetsTopic = "__consumer_offsets";
inline constexpr std::string_view kTransactionStateTopic = "__transaction_state";
inline constexpr std::string_view kShareGroupStateTopic = "__share_group_state";

// 1 to 249 characters of [a-zA-Z0-9._-], not "." or "..". Errc::invalid_argument with a message that names
// the rule.
Status validate_topic_name(std::string_view name);
// Whether the name holds a character that metric names treat as another: '.' or '_'.
bool has_collision_characters(std::string_view name);
// Names with equal keys collide: every '.' is made '_'.
std::string collision_key(std::string_view name);
// Topics of the broker's own; clients may read but not produce to them.
bool is_internal_topic(std::string_view name);

}  // namespace moldau::metadata
