// Whole clusters under seeded faults: safety after every event, convergence once the faults stop (RA-01 to
// RA-14, RA-20, RA-24; I-R1 to I-R12, I-L1, I-L2); and what is deliberately wrong is found.
#include "unit/raft/cluster.h"

#include <algorithm>
#include <cstdio>
#include <optional>

namespace moldau::raft::testing {
namespace {

void run_seeds(Shape shape, std::uint64_t seeds, int steps, auto faults_of) {
  std::size_t committed = 0;
  for (std::uint64_t seed = 1; seed <= seeds; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed) + ", voters " + std::to_string(shape.voters));
    Random random(seed);
    Cluster cluster(shape, seed, faults_of(random));
    cluster.run(steps);
    ASSERT_FALSE(cluster.failed()) << cluster.describe();
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
          .refusal = random.unit(),
          .partition = random.unit() * 0.01,
          .max_delay = std::chrono::milliseconds(1 + random.below(random.one_in(4) ? 1500 : 60))};
}

TEST(RaftCluster, OfOneVoterUnderCrashes) { run_seeds({1}, 500, 500, rough); }
TEST(RaftCluster, OfOneVoterWithObservers) { run_seeds({1, 2}, 200, 1000, rough); }
TEST(RaftCluster, OfThreeVotersInPeace) { run_seeds({3}, 100, 1000, calm); }
TEST(RaftCluster, OfThreeVotersUnderFaults) { run_seeds({3}, 1500, 1500, rough); }
TEST(RaftCluster, OfThreeVotersAndAnObserverUnderFaults) { run_seeds({3, 1}, 300, 1500, rough); }
TEST(RaftCluster, OfFiveVotersUnderFaults) { run_seeds({5}, 400, 2500, rough); }

TEST(RaftCluster, RA_06_AnIsolatedVoterDoesNotDisturb) {  // RA-06, I-L2
  for (std::uint64_t seed = 1; seed <= 100; ++seed) {
    Cluster cluster({3}, seed, {});
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

TEST(RaftCluster, RA_05_AnIsolatedLeaderResignsAndIsReplaced) {  // RA-05
  for (std::uint64_t seed = 1; seed <= 100; ++seed) {
    Cluster cluster({3}, seed, {});
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

// A leader whose process is gone is not waited for: nobody listens at its address.
TEST(RaftCluster, ALeaderThatIsKilledIsReplacedWithinHalfASecond) {
  int replaced = 0;
  constexpr int kSeeds = 200;
  for (std::uint64_t seed = 1; seed <= kSeeds; ++seed) {
    Cluster cluster({3}, seed, {.refusal = 1, .max_delay = std::chrono::milliseconds(1)});
    cluster.run_for(std::chrono::seconds(10));
    const NodeId old = cluster.leader();
    ASSERT_NE(old, kNoNode);
    cluster.crash(old);
    cluster.run_for(std::chrono::milliseconds(500));
    ASSERT_FALSE(cluster.failed()) << cluster.describe();
    replaced += cluster.leader() != kNoNode;
  }
  EXPECT_GT(replaced, kSeeds * 9 / 10);  // else two stood at the same moment, and one does so again later
}

TEST(RaftCluster, AMinorityElectsNobody) {
  Cluster cluster({3}, 7, {});
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
    Cluster cluster({3}, seed, {});
    cluster.run_for(std::chrono::seconds(10));
    const NodeId old = cluster.leader();
    ASSERT_NE(old, kNoNode);
    cluster.raft(old).resign(cluster.now());
    cluster.carry_out(old);
    cluster.run_for(std::chrono::seconds(1));
    EXPECT_NE(cluster.leader(), kNoNode) << seed;
    EXPECT_NE(cluster.leader(), old) << seed;
  }
}

// Two candidates at once, long pauses, any clock: somebody leads within ten election timeouts of peace.
TEST(RaftCluster, RA_20_SomebodyLeadsSoonAfterChaos) {
  for (std::uint64_t seed = 1; seed <= 300; ++seed) {
    Cluster cluster({5}, seed, {.drop = 0.3, .crash = 0.01, .max_delay = std::chrono::milliseconds(800)});
    cluster.run(300);
    ASSERT_FALSE(cluster.failed()) << cluster.describe();
    cluster.stop_faults();
    cluster.heal();
    for (const NodeId id : cluster.ids()) cluster.restart(id);
    for (const NodeId id : cluster.ids()) cluster.time_out(id);  // all at the same moment
    cluster.run_for(std::chrono::seconds(20));
    ASSERT_FALSE(cluster.failed()) << cluster.describe();
    ASSERT_NE(cluster.leader(), kNoNode) << seed << "\n" << cluster.describe();
  }
}

// --- voters that come and go

Faults changing(Random& random) {
  Faults out = rough(random);
  out.max_delay = std::chrono::milliseconds(1 + random.below(random.one_in(8) ? 800 : 60));
  out.drop *= 0.5;
  out.change = random.unit() * 0.05;
  out.wipe = random.unit() * 0.005;
  return out;
}

TEST(DynamicVoters, OfOneUnderFaults) { run_seeds({1, 3, true}, 200, 600, changing); }
TEST(DynamicVoters, OfThreeUnderFaults) { run_seeds({3, 2, true}, 1000, 600, changing); }
TEST(DynamicVoters, OfFiveUnderFaults) { run_seeds({5, 1, true}, 200, 1000, changing); }

// --- the checks can see (reliability.md, appendix D)

// Messages that take longer than elections: many stand in one epoch.
Faults slow(Random& random) {
  return {.drop = random.unit() * 0.2, .crash = 0.02, .max_delay = std::chrono::milliseconds(1500)};
}

// How many seeds it takes to find the mutant; nothing within `seeds`.
std::optional<std::uint64_t> found_within(std::uint64_t seeds, Shape shape, Mutant mutant) {
  for (std::uint64_t seed = 1; seed <= seeds; ++seed) {
    Random random(seed);
    const bool votes = mutant == Mutant::vote_not_persisted;
    Cluster cluster(shape, seed, votes ? slow(random) : changing(random), mutant);
    cluster.run(600);
    if (!cluster.failed()) continue;
    std::printf("%-42s seed %4llu: %s\n", std::string(name_of(mutant)).c_str(),
                static_cast<unsigned long long>(seed), cluster.violation().c_str());
    return seed;
  }
  return std::nullopt;
}

class Mutants : public ::testing::TestWithParam<Mutant> {};
TEST_P(Mutants, IsFound) {
  const Shape shape = GetParam() == Mutant::vote_not_persisted ? Shape{5} : Shape{3, 2, true};
  EXPECT_TRUE(found_within(10'000, shape, GetParam()));
}
INSTANTIATE_TEST_SUITE_P(Raft, Mutants,
                         ::testing::Values(Mutant::vote_not_persisted, Mutant::vote_for_shorter_log,
                                           Mutant::old_entry_committed, Mutant::leader_never_resigns,
                                           Mutant::ack_before_fsync, Mutant::wiped_voter_counted,
                                           Mutant::two_changes_at_once, Mutant::truncation_below_commit),
                         [](const auto& test) {
                           std::string name(name_of(test.param));
                           std::ranges::replace(name, ' ', '_');
                           return name;
                         });

}  // namespace
}  // namespace moldau::raft::testing
