#include "coordinator/settings.h"

#include <algorithm>

namespace moldau::coordinator {
namespace {

using Milliseconds = Settings::Milliseconds;

constexpr std::int64_t kMinuteMs = 60'000;

class Reader {
 public:
  explicit Reader(const config::ConfigMap& map) : config_({.static_broker = &map}) {}
  std::int64_t number(std::string_view name) const { return config_.int_of(name); }
  std::int32_t number32(std::string_view name) const { return static_cast<std::int32_t>(number(name)); }
  std::string text(std::string_view name) const { return config_.string_of(name); }
  // Bounded, so that nanoseconds can be made of it.
  Milliseconds time(std::string_view name) const {
    constexpr std::int64_t kCenturyMs = 36'500LL * 86'400'000;
    return Milliseconds(std::clamp<std::int64_t>(number(name), 0, kCenturyMs));
  }

 private:
  config::BrokerConfig config_;
};

}  // namespace

Settings Settings::of(const config::ConfigMap& static_broker) {
  const Reader read(static_broker);
  Settings settings;
  settings.groups.max_size = read.number32("group.max.size");
  settings.groups.initial_rebalance_delay = read.time("group.initial.rebalance.delay.ms");
  settings.groups.min_session_timeout_ms = read.number32("group.min.session.timeout.ms");
  settings.groups.max_session_timeout_ms = read.number32("group.max.session.timeout.ms");
  settings.groups.consumer_max_size = read.number32("group.consumer.max.size");
  settings.groups.consumer_session_timeout_ms = read.number32("group.consumer.session.timeout.ms");
  settings.groups.consumer_heartbeat_interval_ms = read.number32("group.consumer.heartbeat.interval.ms");
  const std::string policy = read.text("group.consumer.migration.policy");
  settings.groups.upgrades = policy == "bidirectional" || policy == "upgrade";
  settings.groups.downgrades = policy == "bidirectional" || policy == "downgrade";
  settings.groups.offset_metadata_max_size = read.number32("offset.metadata.max.bytes");
  settings.groups.offsets_retention_ms = read.number("offsets.retention.minutes") * kMinuteMs;
  settings.commit_timeout = read.time("offsets.commit.timeout.ms");
  settings.retention_check_interval = read.time("offsets.retention.check.interval.ms");
  settings.load_buffer_bytes = read.number("offsets.load.buffer.size");
  settings.offsets_partitions = read.number32("offsets.topic.num.partitions");
  constexpr std::string_view kReplication = "offsets.topic.replication.factor";
  if (static_broker.contains(kReplication))
    settings.offsets_replication = static_cast<std::int16_t>(read.number(kReplication));
  settings.offsets_segment_bytes = read.number32("offsets.topic.segment.bytes");
  settings.offsets_codec =
      record::codec_of(read.number32("offsets.topic.compression.codec")).value_or(record::Codec::none);
  return settings;
}

}  // namespace moldau::coordinator
