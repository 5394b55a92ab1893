#include "client/metadata.h"

#include <algorithm>
#include <limits>

#include "client/metadata_from.h"

namespace moldau::client {
namespace {

using wire::MetadataResponse;

PartitionInfo partition_from(const MetadataResponse::Topic::Partition& partition) {
  return {.index = partition.partition_index,
          .error = partition.error_code,
          .leader = partition.leader_id,
          .leader_epoch = partition.leader_epoch,
          .replicas = partition.replica_nodes,
          .isr = partition.isr_nodes,
          .offline = partition.offline_replicas};
}

}  // namespace

std::optional<runtime::Endpoint> endpoint_of(std::string_view host, std::int32_t port) {
  if (host.empty() || port <= 0 || port > std::numeric_limits<std::uint16_t>::max()) return std::nullopt;
  return runtime::Endpoint{std::string(host), static_cast<std::uint16_t>(port)};
}

TopicInfo topic_from(const MetadataResponse::Topic& topic) {
  TopicInfo info{.name = topic.name.value_or(""),
                 .id = topic.topic_id,
                 .error = topic.error_code,
                 .internal = topic.is_internal};
  for (const auto& partition : topic.partitions) info.partitions.push_back(partition_from(partition));
  std::ranges::sort(info.partitions, {}, &PartitionInfo::index);
  return info;
}

ClusterInfo cluster_from(const MetadataResponse& response) {
  ClusterInfo info{.cluster_id = response.cluster_id.value_or(""), .controller = response.controller_id};
  for (const auto& broker : response.brokers) {
    if (auto endpoint = endpoint_of(broker.host, broker.port)) {
      info.brokers.push_back({.id = broker.node_id, .endpoint = *endpoint, .rack = broker.rack});
    }
  }
  std::ranges::sort(info.brokers, {}, &BrokerInfo::id);
  return info;
}

const PartitionInfo* TopicInfo::find(PartitionIndex index) const {
  const auto at = std::ranges::lower_bound(partitions, index, {}, &PartitionInfo::index);
  return at != partitions.end() && at->index == index ? &*at : nullptr;
}

void MetadataCache::update(const MetadataResponse& response) {
  ++version_;
  cluster_ = cluster_from(response);
  for (const auto& topic : response.topics) {
    TopicInfo info = topic_from(topic);
    if (info.error != wire::ErrorCode::none) {
      forget(info.name);
    } else {
      replace(std::move(info));
    }
  }
}

void MetadataCache::replace(TopicInfo topic) {
  TopicInfo& known = topics_[topic.name];
  if (known.id != topic.id) {
    names_.erase(known.id);
  } else {
    for (PartitionInfo& partition : topic.partitions) {
      const PartitionInfo* before = known.find(partition.index);
      const bool tells_epoch = partition.leader_epoch != kNoEpoch;
      if (before == nullptr || !tells_epoch || before->leader_epoch <= partition.leader_epoch) continue;
      partition.leader = before->leader;
      partition.leader_epoch = before->leader_epoch;
    }
  }
  if (!topic.id.is_zero()) names_[topic.id] = topic.name;
  known = std::move(topic);
}

void MetadataCache::set_leader(std::string_view topic, PartitionIndex partition, NodeId leader,
                               LeaderEpoch epoch) {
  const auto at = topics_.find(topic);
  if (at == topics_.end() || leader < 0) return;
  const auto known = std::ranges::find(at->second.partitions, partition, &PartitionInfo::index);
  if (known == at->second.partitions.end() || known->leader_epoch >= epoch) return;
  known->leader = leader;
  known->leader_epoch = epoch;
  ++version_;
}

void MetadataCache::add_broker(BrokerInfo broker) {
  const auto at = std::ranges::lower_bound(cluster_.brokers, broker.id, {}, &BrokerInfo::id);
  if (at != cluster_.brokers.end() && at->id == broker.id) {
    if (*at == broker) return;
    *at = std::move(broker);
  } else {
    cluster_.brokers.insert(at, std::move(broker));
  }
  ++version_;
}

void MetadataCache::forget(std::string_view topic) {
  const auto at = topics_.find(topic);
  if (at == topics_.end()) return;
  names_.erase(at->second.id);
  topics_.erase(at);
  ++version_;
}

const BrokerInfo* MetadataCache::broker(NodeId id) const {
  const auto at = std::ranges::lower_bound(cluster_.brokers, id, {}, &BrokerInfo::id);
  return at != cluster_.brokers.end() && at->id == id ? &*at : nullptr;
}

const TopicInfo* MetadataCache::topic(std::string_view name) const {
  const auto at = topics_.find(name);
  return at == topics_.end() ? nullptr : &at->second;
}

const TopicInfo* MetadataCache::topic(const TopicId& id) const {
  const auto at = names_.find(id);
  return at == names_.end() ? nullptr : topic(at->second);
}

const PartitionInfo* MetadataCache::partition(std::string_view name, PartitionIndex index) const {
  const TopicInfo* known = topic(name);
  return known == nullptr ? nullptr : known->find(index);
}

}  // namespace moldau::client
