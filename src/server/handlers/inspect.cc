// DescribeProducers and DescribeLogDirs: what the shards know of their logs.
#include <algorithm>
#include <map>
#include <set>

#include "metadata/topic_name.h"
#include "server/handlers/handlers.h"
#include "server/handlers/topics.h"

namespace moldau::server::handlers {

using wire::ErrorCode;

namespace {

using ActiveProducer = wire::DescribeProducersResponse::Topic::Partition::ActiveProducer;

replication::PartitionResult<std::vector<ActiveProducer>> producers_here(replication::Partition& partition) {
  if (partition.closed()) return replication::refuse(ErrorCode::unknown_topic_or_partition);
  std::vector<ActiveProducer> active;
  for (const auto& [id, state] : partition.log()->producers().producers()) {
    active.push_back({id, state.epoch, state.last_sequence(), state.last_timestamp, state.coordinator_epoch,
                      state.transaction_first_offset});
  }
  std::ranges::sort(active, {}, &ActiveProducer::producer_id);
  return active;
}

struct LogSize {
  TopicPartition topic_partition;
  std::int64_t size_bytes;
};

std::vector<LogSize> sizes_here(const replication::PartitionSet& partitions) {
  std::vector<LogSize> sizes;
  for (const auto& [key, partition] : partitions.all()) {
    if (partition->closed()) continue;
    sizes.push_back({partition->log()->identity().topic_partition, partition->log()->size_bytes()});
  }
  return sizes;
}

// The partitions that the request asks for; nothing: all.
std::optional<std::set<TopicPartition>> wanted_by(const wire::DescribeLogDirsRequest& message) {
  if (!message.topics) return std::nullopt;
  std::set<TopicPartition> wanted;
  for (const auto& topic : *message.topics) {
    for (const PartitionIndex partition : topic.partitions) wanted.insert({topic.topic, partition});
  }
  return wanted;
}

}  // namespace

Task<wire::DescribeProducersResponse> describe_producers(Broker& broker, const Request&,
                                                         wire::DescribeProducersRequest message) {
  wire::DescribeProducersResponse response;
  const auto image = broker.image();
  // A partition may have so many producers that one answer for each time that it is named would be too much.
  std::set<std::pair<std::string_view, PartitionIndex>> described;
  Turn turn;
  for (const auto& topic : message.topics) {
    auto& topic_answer = response.topics.emplace_back();
    topic_answer.name = topic.name;
    const metadata::Topic* known = image->topic(topic.name);
    for (const PartitionIndex index : topic.partition_indexes) {
      if (turn.over()) co_await runtime::yield(broker.executor);
      if (!described.emplace(topic.name, index).second) continue;
      auto& answer = topic_answer.partitions.emplace_back();
      answer.partition_index = index;
      answer.error_code = metadata::validate_topic_name(topic.name)
                              ? check_leader(broker, known, false, index)
                              : ErrorCode::invalid_topic_exception;
      if (answer.error_code != ErrorCode::none) {
        answer.error_message = wire::describe(answer.error_code);
        continue;
      }
      auto active = co_await on_partition(broker, {known->id, index},
                                          [](replication::Partition& at) { return producers_here(at); });
      if (active) {
        answer.active_producers = std::move(*active);
      } else {
        answer.error_code = active.error().code;
      }
    }
  }
  co_return response;
}

Task<wire::DescribeLogDirsResponse> describe_log_dirs(Broker& broker, const Request&,
                                                      wire::DescribeLogDirsRequest message) {
  wire::DescribeLogDirsResponse response;
  const auto wanted = wanted_by(message);
  std::map<std::string, std::map<PartitionIndex, std::int64_t>> sizes;
  for (const ShardData& shard : broker.shards) {
    const auto here = co_await runtime::on_shard(broker.executor, shard.executor,
                                                 [&] { return sizes_here(shard.partitions); });
    for (const LogSize& log : here) {
      if (!wanted || wanted->contains(log.topic_partition)) {
        sizes[log.topic_partition.topic][log.topic_partition.partition] = log.size_bytes;
      }
    }
  }
  auto& directory = response.results.emplace_back();
  directory.log_dir = broker.settings.data_dir;
  for (const auto& [topic, partitions] : sizes) {
    auto& topic_answer = directory.topics.emplace_back();
    topic_answer.name = topic;
    for (const auto& [index, size] : partitions) topic_answer.partitions.push_back({index, size, 0, false});
  }
  runtime::Disk& disk = broker.world.disk();
  const std::string path = broker.settings.data_dir;
  const auto space = co_await broker.world.pool().run(runtime::Lane::background, broker.executor,
                                                      [&] { return disk.space(path); });
  if (space) {
    directory.total_bytes = static_cast<std::int64_t>(space->total_bytes);
    directory.usable_bytes = static_cast<std::int64_t>(space->available_bytes);
  } else {
    directory.error_code = ErrorCode::kafka_storage_error;
  }
  co_return response;
}

}  // namespace moldau::server::handlers
