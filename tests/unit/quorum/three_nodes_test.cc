// Three replicas with static voters.
#include "unit/quorum/net.h"

namespace moldau::quorum {
namespace {

using testing::Net;
using namespace std::chrono_literals;

TEST(ThreeNodes, RA_21_ElectOneAndAllReachTheSameState) {
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

TEST(ThreeNodes, RA_11_ALaggingOneCatchesUpFromASnapshot) {  // RA-11
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

// A device without room is no failed one: the node would have to end.
TEST(ThreeNodes, ST_07_ASnapshotOfTheLeaderWaitsForRoom) {
  Net net(3);
  net.snapshot_bytes_ = 1000;
  for (NodeId id = 1; id <= 3; ++id) net.start(id);
  const NodeId leader = net.active();
  ASSERT_NE(leader, kNoNode);
  const NodeId lagging = leader == 1 ? 2 : 1;
  net.stop(lagging);
  for (std::uint64_t n = 0; n < 60; ++n) ASSERT_TRUE(net.submit(n));
  net.world_.run_for(2s);
  auto& drive = net.world_.drive();
  drive.set_capacity(drive.used_bytes());
  net.start(lagging);
  EXPECT_FALSE(net.alike(5s));
  for (auto& [id, node] : net.nodes_) EXPECT_EQ(node->failure(), nullptr) << node->failure()->message;
  drive.set_capacity(1ULL << 40);
  EXPECT_TRUE(net.alike(60s));
}

TEST(ThreeNodes, RA_05_AnIsolatedLeaderAcknowledgesNothing) {  // RA-05
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

// A bad line, or a leader with a bad disk, does not take its followers down.
TEST(ThreeNodes, RA_09_DamageOnTheWayIsFetchedAgain) {
  for (std::uint64_t seed = 1; seed <= 10; ++seed) {
    Net net(seed);
    net.damage_ = 0.3;
    net.snapshot_bytes_ = 1000;
    for (NodeId id = 1; id <= 3; ++id) net.start(id);
    const NodeId lagging = net.active() == 1 ? 2 : 1;
    net.stop(lagging);
    for (std::uint64_t n = 0; n < 40; ++n) {
      const auto submitted = net.submit(n);
      for (auto& [id, node] : net.nodes_) ASSERT_EQ(node->failure(), nullptr) << node->failure()->message;
      ASSERT_TRUE(submitted) << seed << ": " << submitted.error().message;
    }
    net.world_.run_for(2s);
    net.start(lagging);
    ASSERT_TRUE(net.alike(120s)) << seed;
    for (auto& [id, node] : net.nodes_) EXPECT_EQ(node->failure(), nullptr) << node->failure()->message;
  }
}

TEST(ThreeNodes, AnObserverFollows) {
  Net net(5);
  for (NodeId id = 1; id <= 4; ++id) net.start(id);
  const NodeId leader = net.active();
  ASSERT_NE(leader, kNoNode);
  for (std::uint64_t n = 0; n < 5; ++n) ASSERT_TRUE(net.submit(n));
  ASSERT_TRUE(net.alike());
  EXPECT_EQ(net.nodes_.at(4)->leader_id(), leader);
  const QuorumDescription description = net.nodes_.at(leader)->describe();
  EXPECT_EQ(description.voters.size(), 3u);
  ASSERT_EQ(description.observers.size(), 1u);
  EXPECT_EQ(description.observers[0].key, net.key(4));
  EXPECT_EQ(net.nodes_.at(leader)->kraft_version(), 0);
  // With the leader gone it finds the next one, and never stands itself.
  net.stop(leader);
  const NodeId next = net.active();
  ASSERT_NE(next, kNoNode);
  ASSERT_NE(next, 4);
  ASSERT_TRUE(net.submit(5));
  ASSERT_TRUE(net.alike());
}

TEST(ThreeNodes, StaticVotersAreNotChanged) {
  Net net(6);
  for (NodeId id = 1; id <= 4; ++id) net.start(id);
  EXPECT_EQ(net.change(raft::AddVoterRequest{net.voter(4), 5s}), raft::RaftError::unsupported_version);
  EXPECT_EQ(net.change(raft::RemoveVoterRequest{net.key(2)}), raft::RaftError::unsupported_version);
}

}  // namespace
}  // namespace moldau::quorum
