// Whole clusters under seeded faults: safety after every event, convergence once the faults stop (RA-01 to
// RA-11, RA-20, RA-24; I-R1 to I-R9, I-L1, I-L2).
#include "unit/raft/cluster.h"

#include <algorithm>

namespace moldau::raft::testing {
namespace {

struct Shape {
  int voters;
  int observers;
};

void run_seeds(Shape shape, std::uint64_t seeds, int steps, auto faults_of) {
  std::size_t committed = 0;
  for (std::uint64_t seed = 1; seed <= seeds; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed) + ", voters " + std::to_string(shape.voters));
    Random random(seed);
    Cluster cluster(shape.voters, shape.observers, seed, faults_of(random));
    cluster.run(steps);
    if (::testing::Test::HasFailure()) return;
    const std::size_t before = cluster.committed_count();
    ASSERT_TRUE(cluster.converge()) << cluster.describe();
    ASSERT_GE(cluster.committed_count(), before);
    committed += cluster.committed_count();
  }
  // A cluster that never commits would pass all checks.
  EXPECT_GT(committed, seeds * 5);
}

Faults calm(Random&) { return {}; }
Faults rough(Random& random) {
  return {.drop = random.unit() * 0.3,
          .duplicate = random.unit() * 0.2,
          .crash = random.unit() * 0.01,
          .partition = random.unit() * 0.01,
          .max_delay = std::chrono::milliseconds(1 + random.below(random.one_in(4) ? 1500 : 60))};
}

TEST(RaftCluster, OfOneVoterUnderCrashes) { run_seeds({1, 0}, 500, 500, rough); }
TEST(RaftCluster, OfOneVoterWithObservers) { run_seeds({1, 2}, 200, 1000, rough); }
TEST(RaftCluster, OfThreeVotersInPeace) { run_seeds({3, 0}, 100, 1000, calm); }
TEST(RaftCluster, OfThreeVotersUnderFaults) { run_seeds({3, 0}, 1500, 1500, rough); }
TEST(RaftCluster, OfThreeVotersAndAnObserverUnderFaults) { run_seeds({3, 1}, 300, 1500, rough); }
TEST(RaftCluster, OfFiveVotersUnderFaults) { run_seeds({5, 0}, 400, 2500, rough); }

TEST(RaftCluster, AnIsolatedVoterDoesNotDisturb) {  // RA-06, I-L2
  for (std::uint64_t seed = 1; seed <= 100; ++seed) {
    Cluster cluster(3, 0, seed, {});
    cluster.run_for(std::chrono::seconds(10));
    const NodeId leader = cluster.leader();
    ASSERT_NE(leader, kNoNode);
    const LeaderEpoch epoch = cluster.max_epoch();
    const NodeId other = leader == 1 ? 2 : 1;
    cluster.isolate(other);
    cluster.run_for(std::chrono::seconds(60));
    EXPECT_EQ(cluster.max_epoch(), epoch) << "pre-vote did not hold it back";
    cluster.heal();
    cluster.run_for(std::chrono::seconds(10));
    EXPECT_EQ(cluster.leader(), leader);
    EXPECT_LE(cluster.max_epoch(), epoch + 1);
  }
}

TEST(RaftCluster, AnIsolatedLeaderResignsAndIsReplaced) {  // RA-05
  for (std::uint64_t seed = 1; seed <= 100; ++seed) {
    Cluster cluster(3, 0, seed, {});
    cluster.run_for(std::chrono::seconds(10));
    const NodeId old = cluster.leader();
    ASSERT_NE(old, kNoNode);
    cluster.isolate(old);
    cluster.run_for(std::chrono::seconds(20));
    EXPECT_NE(cluster.raft(old).role(), Role::leader);
    EXPECT_FALSE(cluster.write(old));
    const NodeId next = cluster.leader();
    ASSERT_NE(next, kNoNode);
    EXPECT_NE(next, old);
    EXPECT_TRUE(cluster.write(next));
    ASSERT_TRUE(cluster.converge()) << cluster.describe();
  }
}

TEST(RaftCluster, AMinorityElectsNobody) {
  Cluster cluster(3, 0, 7, {});
  cluster.crash(1);
  cluster.crash(2);
  cluster.run_for(std::chrono::seconds(60));
  EXPECT_EQ(cluster.leader(), kNoNode);
  EXPECT_EQ(cluster.committed_count(), 0u);
  cluster.restart(1);
  cluster.run_for(std::chrono::seconds(10));
  EXPECT_NE(cluster.leader(), kNoNode);
}

TEST(RaftCluster, AResigningLeaderHandsOverQuickly) {
  for (std::uint64_t seed = 1; seed <= 50; ++seed) {
    Cluster cluster(3, 0, seed, {});
    cluster.run_for(std::chrono::seconds(10));
    const NodeId old = cluster.leader();
    ASSERT_NE(old, kNoNode);
    cluster.raft(old).resign(cluster.now());
    cluster.run_for(std::chrono::milliseconds(1));  // carries the farewell out with the next event
    cluster.run_for(std::chrono::seconds(4));
    EXPECT_NE(cluster.leader(), kNoNode);
  }
}

}  // namespace
}  // namespace moldau::raft::testing
