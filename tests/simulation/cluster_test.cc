#include "simulation/cluster.h"

#include <gtest/gtest.h>

#include "simulation/runner.h"

namespace moldau::simulation {
namespace {

Scenario scenario() { return *find_scenario("cluster"); }

// Each of them once failed, and showed a fault of the broker. What a seed means changes with the code; but
// none that has shown something may fail again.
TEST(Cluster, SeedsThatFoundSomethingPassForEver) {
  for (const std::uint64_t seed :
       {2, 9, 14, 36, 38, 40, 46, 135, 167, 272, 275, 333, 502, 753, 1003, 1263, 1353, 3178, 3302}) {
    const Summary summary = run_seeds(scenario(), {.first_seed = seed, .seeds = 1, .repeat_one_in = 0});
    EXPECT_EQ(summary.failures, 0U) << seed;
  }
}

TEST(Cluster, TheSameSeedGivesTheSameTrace) {
  const Summary summary = run_seeds(scenario(), {.first_seed = 5'001, .seeds = 20, .repeat_one_in = 1});
  EXPECT_EQ(summary.failures, 0U);
  EXPECT_EQ(summary.repeated, 20U);
}

void expect_caught(Mutant mutant) {
  Scenario mutated = scenario();
  mutated.mutant = mutant;
  testing::internal::CaptureStdout();
  const Summary summary =
      run_seeds(mutated, {.seeds = 600, .seconds_per_seed = 20, .repeat_one_in = 0, .failures_max = 1});
  const std::string how = testing::internal::GetCapturedStdout();
  EXPECT_GE(summary.failures, 1U);
  std::fprintf(stderr, "caught after %llu seeds: %s", static_cast<unsigned long long>(summary.runs),
               how.c_str());
}

// Those that are found soon; campaigns.md has all of them.
TEST(ClusterMutant, AcknowledgedAtAppend) { expect_caught(Mutant::acknowledged_at_append); }

}  // namespace
}  // namespace moldau::simulation
