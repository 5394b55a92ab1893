// The gauges that are computed rather than counted: offsets and sizes of partitions, the commit log's state.
#pragma once

#include <span>
#include <unordered_map>

#include "config/settings.h"
#include "node/partition_host.h"
#include "telemetry/metrics.h"

namespace moldau::node {

// The gauges of a shard's partitions, which are looked up once and not at every refresh. On that shard.
class PartitionGauges {
 public:
  explicit PartitionGauges(telemetry::Registry& registry) : registry_(registry) {}
  void set(const TopicIdPartition& key, storage::Log& log, Offset high_watermark);

 private:
  struct Gauges {
    telemetry::Gauge& log_start_offset;
    telemetry::Gauge& log_end_offset;
    telemetry::Gauge& high_watermark;
    telemetry::Gauge& size_bytes;
  };
  Gauges& of(const TopicIdPartition& key, const TopicPartition& name);

  telemetry::Registry& registry_;
  std::uint64_t forgets_ = 0;  // of the registry, when all below were looked up
  std::unordered_map<TopicIdPartition, Gauges> gauges_;
};

// Brings a shard's registry up to date, from all the logs that it hosts; on that shard. Partitions have
// series of their own only when the settings want them.
void refresh_metrics(std::span<HostedLogs* const> hosted, const config::Settings& settings,
                     telemetry::Registry& registry, PartitionGauges& gauges);

}  // namespace moldau::node
