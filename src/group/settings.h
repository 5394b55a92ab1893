// What the operator says about groups: Kafka's broker properties of the same names.
#pragma once

#include <cstdint>
#include <limits>

#include "group/event.h"

namespace moldau::group {

struct Settings {
  std::int32_t max_size = std::numeric_limits<std::int32_t>::max();  // group.max.size
  Duration initial_rebalance_delay = std::chrono::seconds(3);        // group.initial.rebalance.delay.ms
  std::int32_t min_session_timeout_ms = 6'000;                       // group.min.session.timeout.ms
  std::int32_t max_session_timeout_ms = 1'800'000;                   // group.max.session.timeout.ms
  std::int32_t consumer_max_size = std::numeric_limits<std::int32_t>::max();  // group.consumer.max.size
  std::int32_t consumer_session_timeout_ms = 45'000;    // group.consumer.session.timeout.ms
  std::int32_t consumer_heartbeat_interval_ms = 5'000;  // group.consumer.heartbeat.interval.ms
  // group.consumer.migration.policy: whether classic groups with members become such of the consumer protocol
  // when somebody joins who speaks that, and the other way round when the last of those leaves.
  bool upgrades = true;
  bool downgrades = true;
  std::int32_t offset_metadata_max_size = 4'096;                             // offset.metadata.max.bytes
  std::int64_t offsets_retention_ms = std::int64_t{7} * 24 * 3'600 * 1'000;  // offsets.retention.minutes
};

}  // namespace moldau::group
