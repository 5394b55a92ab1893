#include "node/metrics_refresh.h"

#include <algorithm>
#include <utility>

namespace moldau::node {
namespace {

void add(storage::CleanerStats& to, const storage::CleanerStats& one) {
  to.passes += one.passes;
  to.sum.bytes_read += one.sum.bytes_read;
  to.sum.bytes_written += one.sum.bytes_written;
  to.max_dirty_ratio = std::max(to.max_dirty_ratio, one.max_dirty_ratio);
  to.max_map_fill = std::max(to.max_map_fill, one.max_map_fill);
  to.uncleanable += one.uncleanable;
}

}  // namespace

PartitionGauges::Gauges& PartitionGauges::of(const TopicIdPartition& key, const TopicPartition& name) {
  if (std::exchange(forgets_, registry_.forgets()) != registry_.forgets()) gauges_.clear();
  if (const auto known = gauges_.find(key); known != gauges_.end()) return known->second;
  const telemetry::Labels labels{{"topic", name.topic}, {"partition", std::to_string(name.partition)}};
  const auto gauge = [&](std::string_view metric, std::string_view help) -> telemetry::Gauge& {
    return registry_.gauge(metric, help, labels);
  };
  Gauges gauges{gauge("moldau_partition_log_start_offset", "First offset of the log."),
                gauge("moldau_partition_log_end_offset", "Offset after the last record of the log."),
                gauge("moldau_partition_high_watermark_offset",
                      "Offset up to which records are acknowledged and seen."),
                gauge("moldau_log_size_bytes", "Bytes of the partition's log.")};
  return gauges_.emplace(key, gauges).first->second;
}

void PartitionGauges::set(const TopicIdPartition& key, storage::Log& log, Offset high_watermark) {
  Gauges& gauges = of(key, log.identity().topic_partition);
  gauges.log_start_offset.set(log.log_start_offset());
  gauges.log_end_offset.set(log.end_offset().value());
  gauges.high_watermark.set(high_watermark);
  gauges.size_bytes.set(log.size_bytes());
}

void refresh_metrics(std::span<HostedLogs* const> hosted, const config::Settings& settings,
                     telemetry::Registry& registry, PartitionGauges& gauges) {
  std::int64_t partitions = 0, offline = 0, bytes = 0, used = 0, capacity = 0;
  std::int64_t led = 0, under_replicated = 0, under_min_isr = 0;
  storage::CleanerStats cleaner;
  for (HostedLogs* group : hosted) {
    partitions += static_cast<std::int64_t>(group->partitions.all().size());
    offline += static_cast<std::int64_t>(group->partitions.offline_count());
    const auto stats = group->logs->commit_log().stats();
    used += static_cast<std::int64_t>(stats.used_bytes);
    capacity += static_cast<std::int64_t>(stats.capacity_bytes);
    add(cleaner, group->logs->cleaner_stats());
    for (const auto& [key, partition] : group->partitions.all()) {
      if (partition->closed()) continue;
      storage::Log& log = *partition->log();
      bytes += log.size_bytes();
      if (const replication::PartitionLeader* leader = partition->leading()) {
        const replication::IsrTracker& tracker = leader->tracker();
        ++led;
        under_replicated += tracker.isr().size() < tracker.replicas().size() ? 1 : 0;
        under_min_isr += leader->enough_in_sync() ? 0 : 1;
      }
      if (settings.partition_metrics == config::PartitionMetrics::off) continue;
      gauges.set(key, log, partition->high_watermark().value());
    }
  }
  const auto set = [&](std::string_view name, std::string_view help, std::int64_t value) {
    registry.gauge(name, help).set(value);
  };
  set("moldau_partitions", "Partitions of which this broker has a replica.", partitions);
  set("moldau_led_partitions", "Partitions that this broker leads.", led);
  set("moldau_under_replicated_partitions", "Partitions led here that have replicas out of sync.",
      under_replicated);
  set("moldau_under_min_isr_partitions",
      "Partitions led here with fewer replicas in sync than min.insync.replicas asks for.", under_min_isr);
  set("moldau_offline_partitions", "Partitions whose logs cannot be used.", offline);
  set("moldau_log_bytes", "Bytes of all logs.", bytes);
  set("moldau_commit_log_used_bytes", "Bytes of the commit logs that are not in synced segments yet.", used);
  set("moldau_commit_log_capacity_bytes", "Size of the commit logs.", capacity);
  set("moldau_cleaner_passes", "Passes of log compaction since the start.",
      static_cast<std::int64_t>(cleaner.passes));
  set("moldau_cleaner_read_bytes", "Bytes that compaction has read to rewrite them since the start.",
      cleaner.sum.bytes_read);
  set("moldau_cleaner_written_bytes", "Bytes that compaction has written since the start.",
      cleaner.sum.bytes_written);
  set("moldau_cleaner_max_dirty_percent", "Dirty part of the dirtiest compacted log.",
      static_cast<std::int64_t>(cleaner.max_dirty_ratio * 100));
  set("moldau_cleaner_max_buffer_utilization_percent", "How full the map of keys was in the last pass.",
      static_cast<std::int64_t>(cleaner.max_map_fill * 100));
  set("moldau_cleaner_uncleanable_partitions", "Partitions that compaction cannot read.",
      static_cast<std::int64_t>(cleaner.uncleanable));
}

}  // namespace moldau::node
