// QuorumCluster: metadata quorums on several simulated machines that reach each other only by Kafka's
// requests: each node has a real server with a controller listener, PeerClient, QuorumTransport and
// MetadataQuorum, and can be stopped, killed, cut off and started again. Node i runs on machine i-1; the
// first ones vote.
#pragma once

#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <optional>

#include "no_controller.h"
#include "node/local_quorum.h"
#include "node/shard.h"
#include "peer/quorum_transport.h"
#include "quorum/metadata_quorum.h"
#include "simulation/world.h"

namespace moldau::peer {

using namespace std::chrono_literals;

class QuorumCluster {
 public:
  static constexpr std::uint16_t kPort = 9093;
  struct Options {
    unsigned voters = 3;
    unsigned machines = 3;
    std::string cluster_id = "cluster";
    std::int64_t snapshot_bytes = 20 << 20;
    // The first voters are in the log and may change (KIP-853); every node is told of them only where to ask.
    bool dynamic = false;
  };

  // One life of one node.
  struct Node {
    Node(QuorumCluster& cluster, NodeId id)
        : machine(cluster.machine(id)),
          peers(machine.shard(0), machine.network(0), Random(machine.entropy()),
                {.client_id = "node-" + std::to_string(id)}),
          transport(peers, cluster.transport_options(id)) {}

    simulation::Machine& machine;
    PeerClient peers;
    QuorumTransport transport;
    std::unique_ptr<quorum::MetadataQuorum> quorum;
    std::unique_ptr<node::LocalQuorum> local;
    std::unique_ptr<node::LocalQuorumChannel> channel;
    NoController controller;
    config::Settings settings;
    std::unique_ptr<node::Shard> shard;
  };

  explicit QuorumCluster(std::uint64_t seed) : QuorumCluster(seed, Options()) {}
  QuorumCluster(std::uint64_t seed, Options options)
      : options_(std::move(options)), world_(seed, world_options(options_)) {
    for (NodeId id = 1; id <= static_cast<NodeId>(options_.machines); ++id) {
      auto& disk = machine(id).disk();
      EXPECT_TRUE(disk.create_directories("/data") && disk.sync_directory("/"));
    }
  }
  ~QuorumCluster() {
    world_.fabric().heal_all();
    while (!nodes_.empty()) stop(nodes_.begin()->first);
    world_.run_until_idle(10min);
  }

  simulation::World& world() { return world_; }
  simulation::Machine& machine(NodeId id) { return world_.machine(static_cast<unsigned>(id - 1)); }
  runtime::Endpoint address(NodeId id) { return {machine(id).host(), kPort}; }
  raft::Endpoint endpoint(NodeId id) { return {"CONTROLLER", machine(id).host(), kPort}; }
  static raft::ReplicaKey key(NodeId id) { return {id, {0, static_cast<std::uint64_t>(100 + id)}}; }
  bool is_up(NodeId id) const { return nodes_.contains(id); }
  Node& node(NodeId id) { return *nodes_.at(id); }
  quorum::MetadataQuorum& quorum(NodeId id) { return *node(id).quorum; }
  const std::map<NodeId, std::unique_ptr<Node>>& nodes() const { return nodes_; }

  void start_all() {
    for (NodeId id = 1; id <= static_cast<NodeId>(options_.machines); ++id) start(id);
  }
  void start(NodeId id, std::optional<std::string> cluster_id = std::nullopt) {
    const std::string cluster = cluster_id.value_or(options_.cluster_id);
    other_cluster_[id] = cluster;
    auto fresh = std::make_unique<Node>(*this, id);
    auto opened = world_.run(
        quorum::MetadataQuorum::open(fresh->machine, 0, quorum_options(id, cluster), &fresh->transport));
    ASSERT_TRUE(opened) << opened.error().message;
    fresh->quorum = std::move(*opened);
    fresh->local = std::make_unique<node::LocalQuorum>(fresh->machine.shard(0), *fresh->quorum,
                                                       fresh->transport, cluster, id);
    fresh->channel = std::make_unique<node::LocalQuorumChannel>(fresh->machine.shard(0), *fresh->local);
    fresh->shard = make_shard(*fresh, id, cluster);
    fresh->quorum->subscribe([&shard = *fresh->shard](const quorum::Published& published) {
      shard.images().publish(published.image);
    });
    auto socket = fresh->machine.network(0).listen({"0.0.0.0", kPort}, {});
    ASSERT_TRUE(socket) << socket.error().message;
    fresh->shard->server().serve("CONTROLLER", std::move(*socket), true);
    nodes_.emplace(id, std::move(fresh));
  }
  // In order: hands leadership over.
  void stop(NodeId id) { end(id); }
  // The process is gone at once, or the machine.
  void kill(NodeId id) {
    machine(id).kill();
    end(id);
    machine(id).restart();
  }
  void power_loss(NodeId id) {
    machine(id).power_loss();
    end(id);
    machine(id).restart();
  }
  void isolate(NodeId id) { world_.fabric().isolate({static_cast<unsigned>(id - 1)}); }
  void heal() { world_.fabric().heal_all(); }

  // Who leads and takes writes, not counting `except`; kNoNode when nobody does in time.
  NodeId active(NodeId except = kNoNode, runtime::Duration within = 30s) {
    NodeId found = kNoNode;
    world_.run_until(
        [&] {
          for (auto& [id, node] : nodes_)
            if (node->quorum->is_active() && id != except) found = id;
          return found != kNoNode;
        },
        within);
    return found;
  }
  // All that are up have the same image, and it has no end in sight of another's log.
  bool alike(runtime::Duration within = 30s) {
    return world_.run_until(
        [&] {
          const auto& first = *nodes_.begin()->second->quorum;
          for (auto& [id, node] : nodes_)
            if (node->quorum->image()->end_offset() != first.image()->end_offset() ||
                !node->quorum->image()->same_state(*first.image()))
              return false;
          return true;
        },
        within);
  }
  // The n-th topic, by the active controller.
  Result<Offset> submit(std::uint64_t n, NodeId except = kNoNode, std::size_t name_size = 0) {
    const NodeId leader = active(except);
    if (leader == kNoNode) return fail(Errc::unavailable, "nobody leads");
    const TopicId id{7, n + 1};
    std::string name = topic(n);
    if (name.size() < name_size) name.append(name_size - name.size(), 'x');
    return world_.run(quorum(leader).submit({metadata::TopicRecord{std::move(name), id},
                                             metadata::PartitionRecord{.topic_id = id, .replicas = {1}}}));
  }
  static std::string topic(std::uint64_t n) { return "t" + std::to_string(n); }

 private:
  static simulation::Options world_options(const Options& options) {
    simulation::Options out;
    out.machines = options.machines;
    return out;
  }
  QuorumTransportOptions transport_options(NodeId id) {
    QuorumTransportOptions out;
    out.cluster_id = other_cluster_.at(id);
    out.node_id = id;
    out.own = {endpoint(id)};
    for (NodeId voter = 1; voter <= static_cast<NodeId>(options_.voters) && !options_.dynamic; ++voter)
      out.voters.emplace(voter, address(voter));
    return out;
  }
  quorum::QuorumOptions quorum_options(NodeId id, const std::string& cluster_id) {
    quorum::QuorumOptions out;
    out.directory = "/data/__cluster_metadata-0";
    out.self = key(id);
    out.self_endpoints = {endpoint(id)};
    for (NodeId voter = 1; voter <= static_cast<NodeId>(options_.voters); ++voter) {
      if (!options_.dynamic) {
        out.voters.push_back({.key = {voter, {}}});
        continue;
      }
      out.bootstrap_servers.push_back({.host = machine(voter).host(), .port = kPort});
      if (id <= static_cast<NodeId>(options_.voters))
        out.initial_voters.push_back({.key = key(voter), .endpoints = {endpoint(voter)}});
    }
    out.cluster_id = cluster_id;
    out.bootstrap = {metadata::ClusterIdRecord{cluster_id}};
    out.max_bytes_between_snapshots = options_.snapshot_bytes;
    return out;
  }
  static std::unique_ptr<node::Shard> make_shard(Node& node, NodeId id, const std::string& cluster_id) {
    return std::make_unique<node::Shard>(node::Shard::Parts{.world = node.machine,
                                                            .index = 0,
                                                            .settings = node.settings,
                                                            .node_id = id,
                                                            .cluster_id = cluster_id,
                                                            .data = {},
                                                            .controller = node.controller,
                                                            .own_controller = &node.controller,
                                                            .quorum = node.channel.get(),
                                                            .request_memory_bytes = 8 << 20});
  }
  void end(NodeId id) {
    Node& node = *nodes_.at(id);
    (void)world_.run(node.quorum->close());
    world_.run(node.shard->server().stop());
    world_.run(node.peers.close());
    nodes_.erase(id);
  }

  Options options_;
  simulation::World world_;
  std::map<NodeId, std::string> other_cluster_;
  std::map<NodeId, std::unique_ptr<Node>> nodes_;
};

}  // namespace moldau::peer
