#include "controller/elections.h"

#include <algorithm>

namespace moldau::controller {

namespace {

using metadata::Image;
using metadata::Partition;
using metadata::PartitionChangeRecord;
using metadata::Record;

bool contains(const std::vector<NodeId>& nodes, NodeId node) {
  return std::ranges::find(nodes, node) != nodes.end();
}

std::vector<NodeId> without(std::vector<NodeId> nodes, NodeId node) {
  std::erase(nodes, node);
  return nodes;
}

bool may_lead(const Image& image, NodeId node) {
  const metadata::Broker* broker = image.broker(node);
  return broker && !broker->fenced && !broker->in_controlled_shutdown;
}

// The first of the partition's replicas, in their order of preference, that is in sync and may lead.
NodeId leader_among(const Image& image, const Partition& partition, const std::vector<NodeId>& isr,
                    NodeId but_not) {
  for (const NodeId replica : partition.replicas)
    if (replica != but_not && contains(isr, replica) && may_lead(image, replica)) return replica;
  return kNoNode;
}

template <class Change>
std::vector<Record> for_each_partition(const Image& image, const Change& change) {
  std::vector<Record> out;
  for (const auto& [name, topic] : image.topics())
    for (const auto& partition : topic->partitions) change(*partition, out);
  return out;
}

}  // namespace

std::vector<Record> partitions_without(const Image& image, NodeId broker) {
  return for_each_partition(image, [&](const Partition& partition, std::vector<Record>& out) {
    if (!contains(partition.isr, broker)) return;
    PartitionChangeRecord change{.topic_id = partition.topic_id, .partition = partition.partition};
    const std::vector<NodeId> isr = without(partition.isr, broker);
    if (!isr.empty()) change.isr = isr;
    if (partition.leader == broker) change.leader = leader_among(image, partition, isr, broker);
    if (change.isr || change.leader) out.push_back(std::move(change));
  });
}

std::vector<Record> partitions_led_again(const Image& image, NodeId broker) {
  return for_each_partition(image, [&](const Partition& partition, std::vector<Record>& out) {
    if (partition.leader != kNoNode) return;
    PartitionChangeRecord change{.topic_id = partition.topic_id, .partition = partition.partition};
    change.leader = broker;
    if (contains(partition.isr, broker)) {
      out.push_back(std::move(change));
    } else if (partition.isr.empty() && contains(partition.eligible_leader_replicas, broker)) {
      change.isr = std::vector<NodeId>{broker};
      change.eligible_leader_replicas = without(partition.eligible_leader_replicas, broker);
      out.push_back(std::move(change));
    }
  });
}

}  // namespace moldau::controller
