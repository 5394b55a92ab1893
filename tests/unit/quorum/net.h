// Replicas on one simulated world, joined by a transport that delays and loses: the same code as alone.
#pragma once

#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <set>

#include "quorum/metadata_quorum.h"
#include "simulation/world.h"

namespace moldau::quorum::testing {

using metadata::Record;
using runtime::MonotonicTime;
using runtime::Task;
using namespace std::chrono_literals;

class Net;

class Line final : public Transport {
 public:
  Line(Net& net, NodeId from) : net_(net), from_(from) {}
  Task<Result<raft::Response>> call(NodeId to, raft::Request request, MonotonicTime deadline) override;
  // Node N is at the host "nodeN".
  void locate(NodeId node, const raft::Endpoint& at) override {
    places_[node] = static_cast<NodeId>(std::stoi(at.host.substr(4)));
  }

 private:
  Net& net_;
  NodeId from_;
  std::map<NodeId, NodeId> places_;
};

class Net {
 public:
  explicit Net(std::uint64_t seed) : world_(seed), random_(seed) {
    for (NodeId id = 1; id <= 5; ++id) {
      lines_.emplace(id, Line(*this, id));
      directories_[id] = static_cast<std::uint64_t>(100 + id);
    }
  }
  ~Net() {
    for (auto& [id, node] : nodes_) world_.run(node->close());
  }

  raft::ReplicaKey key(NodeId id) const { return {id, {0, directories_.at(id)}}; }
  static std::vector<raft::Endpoint> endpoints(NodeId id) {
    return {{"CONTROLLER", "node" + std::to_string(id), 9093}};
  }
  raft::Voter voter(NodeId id) const { return {key(id), endpoints(id), {}}; }
  static std::string folder(NodeId id) { return "/data" + std::to_string(id) + "/__cluster_metadata-0"; }

  // Of static voters 1 to 3; a test with dynamic ones changes that.
  QuorumOptions options(NodeId id) const {
    QuorumOptions options;
    options.directory = folder(id);
    options.self = key(id);
    options.self_endpoints = endpoints(id);
    if (dynamic_) {
      for (NodeId server = 1; server <= 3; ++server)
        options.bootstrap_servers.push_back(endpoints(server)[0]);
    } else {
      for (NodeId voter = 1; voter <= 3; ++voter) options.voters.push_back({{voter, {}}, {}, {}});
    }
    options.cluster_id = "cluster";
    options.bootstrap = {metadata::ClusterIdRecord{"cluster"}};
    options.max_bytes_between_snapshots = snapshot_bytes_;
    return options;
  }
  void start(NodeId id) { start(id, options(id)); }
  void start(NodeId id, QuorumOptions options) {
    auto opened = world_.run(MetadataQuorum::open(world_, 0, std::move(options), &lines_.at(id)));
    ASSERT_TRUE(opened) << opened.error().message;
    nodes_.emplace(id, std::move(*opened));
  }
  void stop(NodeId id) {
    down_.insert(id);
    (void)world_.run(nodes_.at(id)->close());
    nodes_.erase(id);
    down_.erase(id);
  }
  NodeId active(runtime::Duration within = 30s) {
    NodeId found = kNoNode;
    world_.run_until(
        [&] {
          for (auto& [id, node] : nodes_)
            if (node->is_active() && !down_.contains(id)) found = id;
          return found != kNoNode;
        },
        within);
    return found;
  }
  bool alike(runtime::Duration within = 30s) {
    return world_.run_until(
        [&] {
          const auto& first = *nodes_.begin()->second;
          for (auto& [id, node] : nodes_)
            if (node->image()->end_offset() != first.image()->end_offset() ||
                !node->image()->same_state(*first.image()))
              return false;
          return true;
        },
        within);
  }
  Result<Offset> submit(std::uint64_t n) {
    const NodeId leader = active();
    if (leader == kNoNode) return fail(Errc::unavailable, "nobody leads");
    const TopicId id{7, n + 1};
    return world_.run(
        nodes_.at(leader)->submit({metadata::TopicRecord{"t" + std::to_string(n), id},
                                   metadata::PartitionRecord{.topic_id = id, .replicas = {1}}}));
  }
  Task<Result<raft::Response>> carry(NodeId from, NodeId to, raft::Request request, MonotonicTime deadline) {
    runtime::Executor& shard = world_.shard(0);
    co_await runtime::sleep_for(shard, std::chrono::microseconds(random_.below(3000)));
    const auto lost = [&] {
      return down_.contains(from) || down_.contains(to) || !nodes_.contains(to) || random_.chance(loss_);
    };
    if (lost()) {
      co_await runtime::sleep_until(shard, shard.now() + 200ms);
      co_return fail(Errc::timed_out, "lost");
    }
    auto response =
        co_await nodes_.at(to)->handle(std::move(request), std::min(deadline, shard.now() + 500ms));
    if (lost()) co_return fail(Errc::timed_out, "lost");
    if (response && random_.chance(damage_)) damage(*response);
    co_return response;
  }

  // A change of the voters, asked of the active controller.
  raft::RaftError change(raft::Request request) {
    const NodeId leader = active();
    if (leader == kNoNode) return raft::RaftError::not_leader_or_follower;
    auto answer = world_.run(
        nodes_.at(leader)->handle(std::move(request), world_.shard(0).now() + std::chrono::seconds(10)));
    return answer ? std::get<raft::VoterChangeResponse>(*answer).error
                  : raft::RaftError::not_leader_or_follower;
  }

  void damage(raft::Response& response) {
    const auto spoil = [&](SliceList& slices) {
      const Slice whole = joined(slices);
      if (whole.empty()) return;
      std::vector<std::byte> bytes(whole.view().begin(), whole.view().end());
      bytes[random_.below(bytes.size())] ^= std::byte{1};
      slices = {Slice::take(std::move(bytes))};
    };
    if (auto* fetched = std::get_if<raft::FetchResponse>(&response)) spoil(fetched->records);
    if (auto* chunk = std::get_if<raft::FetchSnapshotResponse>(&response)) spoil(chunk->bytes);
  }

  simulation::World world_;
  Random random_;
  bool dynamic_ = false;
  std::map<NodeId, std::uint64_t> directories_;
  std::map<NodeId, Line> lines_;
  std::map<NodeId, std::unique_ptr<MetadataQuorum>> nodes_;
  std::set<NodeId> down_;
  double loss_ = 0;
  double damage_ = 0;  // of records and of bytes of snapshots
  std::int64_t snapshot_bytes_ = 20 << 20;
};

inline Task<Result<raft::Response>> Line::call(NodeId to, raft::Request request, MonotonicTime deadline) {
  const auto place = places_.find(to);
  return net_.carry(from_, place == places_.end() ? to : place->second, std::move(request), deadline);
}

}  // namespace moldau::quorum::testing
