// Three replicas on one simulated world, joined by a transport that delays and loses: the same code as alone.
#include <gtest/gtest.h>

#include <array>
#include <map>
#include <memory>
#include <set>

#include "quorum/metadata_quorum.h"
#include "simulation/world.h"

namespace moldau::quorum {
namespace {

using metadata::Record;
using runtime::MonotonicTime;
using runtime::Task;
using namespace std::chrono_literals;

class Net;

class Line final : public Transport {
 public:
  Line(Net& net, NodeId from) : net_(net), from_(from) {}
  Task<Result<raft::Response>> call(NodeId to, raft::Request request, MonotonicTime deadline) override;

 private:
  Net& net_;
  NodeId from_;
};

class Net {
 public:
  explicit Net(std::uint64_t seed) : world_(seed), random_(seed) {
    for (NodeId id = 1; id <= 3; ++id) lines_.emplace(id, Line(*this, id));
  }
  ~Net() {
    for (auto& [id, node] : nodes_) world_.run(node->close());
  }

  static raft::ReplicaKey key(NodeId id) { return {id, {0, static_cast<std::uint64_t>(100 + id)}}; }
  void start(NodeId id) {
    QuorumOptions options;
    options.directory = "/data" + std::to_string(id) + "/__cluster_metadata-0";
    options.self = key(id);
    for (NodeId voter = 1; voter <= 3; ++voter) options.voters.push_back({key(voter), {}, {}});
    options.cluster_id = "cluster";
    options.bootstrap = {metadata::ClusterIdRecord{"cluster"}};
    options.max_bytes_between_snapshots = snapshot_bytes_;
    auto opened = world_.run(MetadataQuorum::open(world_, 0, options, &lines_.at(id)));
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
    co_return response;
  }

  simulation::World world_;
  Random random_;
  std::map<NodeId, Line> lines_;
  std::map<NodeId, std::unique_ptr<MetadataQuorum>> nodes_;
  std::set<NodeId> down_;
  double loss_ = 0;
  std::int64_t snapshot_bytes_ = 20 << 20;
};

Task<Result<raft::Response>> Line::call(NodeId to, raft::Request request, MonotonicTime deadline) {
  return net_.carry(from_, to, std::move(request), deadline);
}

TEST(ThreeNodes, ElectOneAndReplicate) {
  for (std::uint64_t seed = 1; seed <= 10; ++seed) {
    Net net(seed);
    for (NodeId id = 1; id <= 3; ++id) net.start(id);
    const NodeId leader = net.active();
    ASSERT_NE(leader, kNoNode) << seed;
    for (std::uint64_t n = 0; n < 20; ++n) ASSERT_TRUE(net.submit(n));
    ASSERT_TRUE(net.alike()) << seed;
    for (auto& [id, node] : net.nodes_) {
      EXPECT_EQ(node->leader_id(), leader);
      EXPECT_EQ(node->image()->topic_count(), 20u);
      EXPECT_EQ(node->is_active(), id == leader);
    }
    const QuorumDescription description = net.nodes_.at(leader)->describe();
    for (const auto& voter : description.voters) EXPECT_NE(voter.last_fetch_ms, kNoTimestamp);
  }
}

TEST(ThreeNodes, SurviveTheLossOfTheLeader) {
  for (std::uint64_t seed = 1; seed <= 10; ++seed) {
    Net net(seed);
    net.loss_ = 0.02;
    for (NodeId id = 1; id <= 3; ++id) net.start(id);
    std::uint64_t acknowledged = 0, tried = 0;
    for (int round = 0; round < 4; ++round) {
      for (int i = 0; i < 5; ++i)
        if (net.submit(tried++)) ++acknowledged;
      const NodeId leader = net.active();
      ASSERT_NE(leader, kNoNode) << seed;
      net.stop(leader);
      const NodeId next = net.active();
      ASSERT_NE(next, kNoNode) << seed;
      ASSERT_NE(next, leader);
      EXPECT_GE(net.nodes_.at(next)->image()->topic_count(), acknowledged);
      net.start(leader);
    }
    net.loss_ = 0;
    ASSERT_TRUE(net.alike(120s)) << seed;
    EXPECT_GE(net.nodes_.at(1)->image()->topic_count(), acknowledged);
    EXPECT_GT(acknowledged, 10u);
  }
}

TEST(ThreeNodes, ALaggingOneCatchesUpFromASnapshot) {  // RA-11
  Net net(3);
  net.snapshot_bytes_ = 1000;
  for (NodeId id = 1; id <= 3; ++id) net.start(id);
  const NodeId leader = net.active();
  ASSERT_NE(leader, kNoNode);
  const NodeId lagging = leader == 1 ? 2 : 1;
  net.stop(lagging);
  for (std::uint64_t n = 0; n < 60; ++n) {
    const auto submitted = net.submit(n);
    ASSERT_TRUE(submitted) << submitted.error().message;
  }
  net.world_.run_for(2s);
  EXPECT_GT(net.nodes_.at(leader)->stats().snapshots_written, 0u);
  net.start(lagging);
  ASSERT_TRUE(net.alike(60s));
  EXPECT_EQ(net.nodes_.at(lagging)->image()->topic_count(), 60u);
  EXPECT_LT(net.nodes_.at(lagging)->stats().records_applied, 100u);
  net.stop(lagging);
  net.start(lagging);  // what was installed can be opened
  ASSERT_TRUE(net.alike(60s));
}

TEST(ThreeNodes, AnIsolatedLeaderAcknowledgesNothing) {  // RA-05
  Net net(4);
  for (NodeId id = 1; id <= 3; ++id) net.start(id);
  const NodeId old = net.active();
  ASSERT_NE(old, kNoNode);
  ASSERT_TRUE(net.submit(0));
  net.down_.insert(old);
  auto lost = net.nodes_.at(old)->submit({metadata::TopicRecord{"lost", {9, 9}}});
  const NodeId next = net.active();
  ASSERT_NE(next, kNoNode);
  ASSERT_NE(next, old);
  ASSERT_TRUE(net.submit(1));
  ASSERT_TRUE(net.world_.run_until([&] { return lost.ended(); }, 60s));
  EXPECT_EQ(std::move(lost).take().error().code, Errc::unavailable);
  net.down_.clear();
  ASSERT_TRUE(net.alike(60s));
  EXPECT_EQ(net.nodes_.at(old)->image()->topic("lost"), nullptr);
  EXPECT_NE(net.nodes_.at(old)->image()->topic("t1"), nullptr);
}

}  // namespace
}  // namespace moldau::quorum
