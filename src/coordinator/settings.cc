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
  bool flag(std::string_view name) const { return config_.bool_of(name); }
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
  settings.transactions.max_timeout_ms = read.number32("transaction.max.timeout.ms");
  settings.transactions.id_expiration_ms = read.number("transactional.id.expiration.ms");
  settings.transaction_abort_interval =
      read.time("transaction.abort.timed.out.transaction.cleanup.interval.ms");
  settings.transaction_expire_interval =
      read.time("transaction.remove.expired.transaction.cleanup.interval.ms");
  settings.transaction_load_buffer_bytes = read.number("transaction.state.log.load.buffer.size");
  settings.verifies_partitions = read.flag("transaction.partition.verification.enable");
  settings.transaction_partitions = read.number32("transaction.state.log.num.partitions");
  constexpr std::string_view kTransactionReplication = "transaction.state.log.replication.factor";
  if (static_broker.contains(kTransactionReplication))
    settings.transaction_replication = static_cast<std::int16_t>(read.number(kTransactionReplication));
  constexpr std::string_view kTransactionMinIsr = "transaction.state.log.min.isr";
  if (static_broker.contains(kTransactionMinIsr))
    settings.transaction_min_isr = read.number32(kTransactionMinIsr);
  settings.transaction_segment_bytes = read.number32("transaction.state.log.segment.bytes");
  return settings;
}

}  // namespace moldau::coordinator
