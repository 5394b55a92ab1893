#include "cluster.h"

#include <unistd.h>

#include <algorithm>

#include "call.h"
#include "wire/messages/describe_quorum.h"
#include "wire/messages/metadata.h"

namespace moldau::load {

namespace {

constexpr wire::ApiVersion kDescribeQuorumVersion = 1;

Socket connect(std::uint16_t port) {
  Socket socket = Socket::connect(port);
  socket.set_timeout(kPatienceSeconds);
  return socket;
}

}  // namespace

std::vector<std::uint16_t> leaders_now(const Socket& socket, const std::string& topic, int partitions,
                                       int in_sync) {
  wire::MetadataRequest request;
  request.topics.emplace().emplace_back().name = topic;
  request.allow_auto_topic_creation = false;
  const auto response = call<wire::MetadataResponse>(socket, request, kMetadataVersion);
  std::vector<std::uint16_t> ports(static_cast<std::size_t>(partitions), 0);
  for (const auto& told : response.topics) {
    for (const auto& partition : told.partitions) {
      if (std::ssize(partition.isr_nodes) < in_sync) continue;
      const auto leader =
          std::ranges::find(response.brokers, partition.leader_id, &wire::MetadataResponse::Broker::node_id);
      if (leader == response.brokers.end()) continue;
      ports.at(static_cast<std::size_t>(partition.partition_index)) =
          static_cast<std::uint16_t>(leader->port);
    }
  }
  return ports;
}

Leaders::Leaders(const std::vector<std::uint16_t>& by_partition) {
  for (const std::uint16_t port : by_partition) {
    const auto found = std::ranges::find(ports_, port);
    const auto leader = static_cast<std::size_t>(found - ports_.begin());
    if (found == ports_.end()) {
      ports_.push_back(port);
      partitions_.emplace_back();
    }
    partitions_[leader].push_back(leader_of_.size());
    leader_of_.push_back(leader);
  }
}

Leaders Leaders::find(std::uint16_t port, const std::string& topic, int partitions, int replicas) {
  if (replicas == 1) return Leaders(std::vector<std::uint16_t>(static_cast<std::size_t>(partitions), port));
  const Socket socket = connect(port);
  for (const std::int64_t deadline = now_ns() + kPatienceSeconds * kSecondNs;; ::usleep(1000)) {
    const auto ports = leaders_now(socket, topic, partitions, replicas);
    if (std::ranges::find(ports, 0) == ports.end()) return Leaders(ports);
    if (now_ns() > deadline) die("the partitions of " + topic + " have no leaders");
  }
}

std::size_t Leaders::connection_of(std::size_t partition, std::size_t connections) const {
  const std::size_t leader = leader_of_[partition];
  if (connections <= leader) die("a connection to each leader is needed");
  const std::size_t to_it = (connections - leader - 1) / count() + 1;
  return leader + count() * (partition % to_it);
}

std::int32_t active_controller(std::uint16_t port) {
  wire::DescribeQuorumRequest request;
  auto& topic = request.topics.emplace_back();
  topic.topic_name = "__cluster_metadata";
  topic.partitions.emplace_back().partition_index = 0;
  const auto response = call<wire::DescribeQuorumResponse>(connect(port), request, kDescribeQuorumVersion);
  if (response.topics.empty() || response.topics[0].partitions.empty()) die("DescribeQuorum tells nothing");
  return response.topics[0].partitions[0].leader_id;
}

}  // namespace moldau::load
