// What several handlers need to know of topics.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "metadata/image.h"
#include "server/broker.h"

namespace moldau::server::handlers {

// Operation codes of the authorized-operations bit fields (kafka-protocol.md 2.2). Without an authorizer
// every operation that a resource has is allowed.
inline constexpr std::int32_t kAllTopicOperations =
    (1 << 3) | (1 << 4) | (1 << 5) | (1 << 6) | (1 << 7) | (1 << 8) | (1 << 10) | (1 << 11);
inline constexpr std::int32_t kAllClusterOperations =
    (1 << 5) | (1 << 7) | (1 << 8) | (1 << 9) | (1 << 10) | (1 << 11) | (1 << 12);

// The topic of a request that names it by id (non-zero) or by name; null when there is none.
const metadata::Topic* find_topic(const metadata::Image& image, const TopicId& id, const std::string& name);
// The error for a partition of a topic that find_topic() gave: none when this broker leads it. `by_id`: the
// request names topics by id (Produce and Fetch from version 13 on).
wire::ErrorCode check_leader(const Broker& broker, const metadata::Topic* topic, bool by_id,
                             PartitionIndex partition);
// The error for a partition of a topic that find_topic() gave, when there is no such partition. Who leads it
// the partition itself knows best.
wire::ErrorCode check_exists(const metadata::Topic* topic, bool by_id, PartitionIndex partition);
// The endpoint of a broker or controller for clients of this listener; null when it has no such listener.
const metadata::BrokerEndpoint* endpoint_of(const metadata::Broker& broker, std::string_view listener);
const metadata::BrokerEndpoint* endpoint_of(const metadata::ControllerNode& controller,
                                            std::string_view listener);

// What `Body` answers of a partition, at once or as a Task: a PartitionResult.
template <class Body>
using AnswerOf =
    typename runtime::detail::TaskValue<std::invoke_result_t<Body&, replication::Partition&>>::type;

// The shard's half of on_partition.
template <class Body>
runtime::Task<AnswerOf<Body>> run_on(replication::PartitionSet& partitions, TopicIdPartition key, Body body) {
  const std::shared_ptr<replication::Partition> partition = partitions.find(key);
  if (!partition) {
    co_return replication::refuse(partitions.is_offline(key) ? wire::ErrorCode::kafka_storage_error
                                                             : wire::ErrorCode::not_leader_or_follower);
  }
  if constexpr (std::is_same_v<std::invoke_result_t<Body&, replication::Partition&>, AnswerOf<Body>>) {
    co_return body(*partition);
  } else {
    co_return co_await body(*partition);
  }
}

// The answer of `body(Partition&)` on the shard that owns the partition.
template <class Body>
runtime::Task<AnswerOf<Body>> on_partition(Broker& broker, TopicIdPartition key, Body body) {
  const ShardData& shard = broker.shard_of(key);
  return runtime::on_shard(broker.executor, shard.executor, [&partitions = shard.partitions, key, body] {
    return run_on(partitions, key, body);
  });
}

}  // namespace moldau::server::handlers
