#include "node/group_metrics.h"

#include <algorithm>
#include <map>
#include <optional>

namespace moldau::node {

namespace {

using Glances = std::vector<group::Glance>;
using Marks = std::map<TopicIdPartition, Offset>;  // high watermarks

constexpr std::string_view kGroupsHelp = "Groups whose coordinator this broker is.";

// The families that have a series for each group count and for each of its partitions.
void add_group(telemetry::Snapshot& out, const group::Glance& group, const metadata::Image& image,
               const Marks& marks) {
  std::map<std::string, std::pair<std::int64_t, std::optional<std::int64_t>>>
      sums;  // offset and lag, by topic
  for (const auto& [partition, offset] : group.offsets) {
    const telemetry::Labels labels{{"consumergroup", group.id},
                                   {"topic", partition.topic},
                                   {"partition", std::to_string(partition.partition)}};
    out.add_gauge("kafka_consumergroup_current_offset", "Offset that the group has committed.", labels,
                  static_cast<double>(offset));
    auto& [offset_sum, lag_sum] = sums[partition.topic];
    offset_sum += offset;
    const metadata::Topic* topic = image.topic(partition.topic);
    const auto mark = topic == nullptr ? marks.end() : marks.find({topic->id, partition.partition});
    if (mark == marks.end()) continue;
    const std::int64_t lag = std::max<std::int64_t>(mark->second - offset, 0);
    out.add_gauge("kafka_consumergroup_lag", "Records behind the committed offset.", labels,
                  static_cast<double>(lag));
    lag_sum = lag_sum.value_or(0) + lag;
  }
  for (const auto& [topic, sum] : sums) {
    const telemetry::Labels labels{{"consumergroup", group.id}, {"topic", topic}};
    out.add_gauge("kafka_consumergroup_current_offset_sum", "Committed offsets of all partitions.", labels,
                  static_cast<double>(sum.first));
    if (sum.second)
      out.add_gauge("kafka_consumergroup_lag_sum", "Records behind, of all partitions.", labels,
                    static_cast<double>(*sum.second));
  }
  out.add_gauge("kafka_consumergroup_members", "Members of the group.", {{"consumergroup", group.id}},
                static_cast<double>(group.members));
}

// Kafka's own: numbers of groups by state, and of offsets.
void add_totals(telemetry::Snapshot& out, const Glances& glances) {
  constexpr std::string_view kManager = "kafka_coordinator_group_groupmetadatamanager_";
  std::map<std::string, std::size_t> by_state{{"numgroups", glances.size()},
                                              {"numoffsets", 0},
                                              {"numgroupspreparingrebalance", 0},
                                              {"numgroupscompletingrebalance", 0},
                                              {"numgroupsstable", 0},
                                              {"numgroupsdead", 0},
                                              {"numgroupsempty", 0}};
  for (const group::Glance& group : glances) {
    std::string state(group.state);
    std::ranges::transform(state, state.begin(), [](unsigned char c) { return std::tolower(c); });
    ++by_state["numgroups" + state];
    by_state["numoffsets"] += group.offsets.size();
  }
  for (const auto& [name, count] : by_state)
    out.add_gauge(std::string(kManager) + name, name == "numoffsets" ? "Offsets that are kept." : kGroupsHelp,
                  {}, static_cast<double>(count));
}

// By log, the partitions that groups have committed for.
std::vector<std::vector<TopicIdPartition>> committed_partitions(const Glances& glances, std::size_t logs,
                                                                const metadata::Image& image) {
  std::vector<std::vector<TopicIdPartition>> by_log(logs);
  for (const group::Glance& group : glances) {
    for (const auto& [partition, offset] : group.offsets) {
      const metadata::Topic* topic = image.topic(partition.topic);
      if (topic == nullptr) continue;
      const TopicIdPartition key{topic->id, partition.partition};
      by_log[replication::shard_of(key, logs)].push_back(key);
    }
  }
  return by_log;
}

}  // namespace

runtime::Task<telemetry::Snapshot> collect_group_metrics(runtime::Executor& executor,
                                                         std::span<const GroupHome> homes,
                                                         std::span<const std::unique_ptr<HostedLogs>> hosted,
                                                         std::shared_ptr<const metadata::Image> image) {
  Glances glances;
  for (const GroupHome& home : homes) {
    auto some =
        co_await runtime::on_shard(executor, home.executor, [&] { return home.coordinator.glances(); });
    std::ranges::move(some, std::back_inserter(glances));
  }
  Marks marks;
  const auto by_log = committed_partitions(glances, hosted.size(), *image);
  for (std::size_t log = 0; log < by_log.size(); ++log) {
    if (by_log[log].empty()) continue;
    const auto found = co_await runtime::on_shard(executor, hosted[log]->executor, [&] {
      Marks here;
      for (const TopicIdPartition& key : by_log[log])
        if (const auto partition = hosted[log]->partitions.find(key); partition && !partition->closed())
          here[key] = partition->high_watermark().value();
      return here;
    });
    marks.insert(found.begin(), found.end());
  }
  telemetry::Snapshot out;
  add_totals(out, glances);
  std::size_t series = 0;
  for (const group::Glance& group : glances) {
    series += group.offsets.size() + 1;
    if (series > telemetry::kDefaultSeriesCap) break;
    add_group(out, group, *image, marks);
  }
  co_return out;
}

}  // namespace moldau::node
