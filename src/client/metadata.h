// What a client knows of a cluster: brokers, topics, who leads. Values, and a cache of them that Metadata
// responses fill and that leader hints in other responses (KIP-951) correct.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/ids.h"
#include "runtime/network.h"
#include "wire/error_code.h"

namespace moldau::wire {
struct MetadataResponse;
}

namespace moldau::client {

struct BrokerInfo {
  NodeId id = kNoNode;
  runtime::Endpoint endpoint;
  std::optional<std::string> rack;
  bool fenced = false;  // known from DescribeCluster only
  friend bool operator==(const BrokerInfo&, const BrokerInfo&) = default;
};

struct PartitionInfo {
  PartitionIndex index = 0;
  wire::ErrorCode error = wire::ErrorCode::none;
  NodeId leader = kNoNode;
  LeaderEpoch leader_epoch = kNoEpoch;
  std::vector<NodeId> replicas;
  std::vector<NodeId> isr;
  std::vector<NodeId> offline;
  // Known from DescribeTopicPartitions only.
  std::optional<std::vector<NodeId>> eligible_leader_replicas;
  std::optional<std::vector<NodeId>> last_known_elr;
};

struct TopicInfo {
  std::string name;
  TopicId id;
  wire::ErrorCode error = wire::ErrorCode::none;
  bool internal = false;
  std::vector<PartitionInfo> partitions;  // ascending by index

  const PartitionInfo* find(PartitionIndex index) const;
};

struct ClusterInfo {
  std::string cluster_id;
  NodeId controller = kNoNode;
  std::vector<BrokerInfo> brokers;  // ascending by id
};

class MetadataCache {
 public:
  // Brokers are replaced; topics that the response names are replaced, others stay. A topic with an error is
  // forgotten. A partition keeps a leader of a higher epoch than the response has (KIP-320).
  void update(const wire::MetadataResponse& response);
  // A leader hint; one with an epoch that is not higher than the known one has no effect.
  void set_leader(std::string_view topic, PartitionIndex partition, NodeId leader, LeaderEpoch epoch);
  void add_broker(BrokerInfo broker);
  void forget(std::string_view topic);

  const ClusterInfo& cluster() const { return cluster_; }
  const BrokerInfo* broker(NodeId id) const;
  // Null when unknown. Valid until the next change of the cache.
  const TopicInfo* topic(std::string_view name) const;
  const TopicInfo* topic(const TopicId& id) const;
  const PartitionInfo* partition(std::string_view topic, PartitionIndex index) const;
  // Changes with every change of the cache.
  std::uint64_t version() const { return version_; }

 private:
  void replace(TopicInfo topic);

  ClusterInfo cluster_;
  std::map<std::string, TopicInfo, std::less<>> topics_;
  std::unordered_map<TopicId, std::string> names_;
  std::uint64_t version_ = 0;
};

}  // namespace moldau::client
