#include "simulation/single_node.h"

#include <gtest/gtest.h>

#include "simulation/runner.h"

namespace moldau::simulation {
namespace {

template <Mutant mutant>
Outcome run_mutant(std::uint64_t, World& world) {
  return single_node_with(mutant, world);
}

Scenario scenario_of(Outcome (*run)(std::uint64_t, World&)) {
  return {"single-node", "a test", single_node_options, run};
}

// Each of them once failed, and showed a fault of the broker.
TEST(SingleNode, SeedsThatFoundSomethingPassForEver) {
  const Scenario scenario = scenario_of(single_node);
  for (const std::uint64_t seed :
       {1,      3,      7,      19,     25,     33,     80,     171,    280,    320,    385,
        20'321, 20'560, 21'449, 198,    10'343, 20'383, 20'062, 20'795, 20'790, 21'044, 30'852,
        31'180, 31'979, 50'553, 51'327, 51'295, 60'013, 62'284, 40'747, 52'111, 64'649}) {
    const Summary summary = run_seeds(scenario, {.first_seed = seed, .seeds = 1, .repeat_one_in = 0});
    EXPECT_EQ(summary.failures, 0U) << seed;
  }
}

TEST(SingleNode, TheSameSeedGivesTheSameTrace) {
  const Summary summary =
      run_seeds(scenario_of(single_node), {.first_seed = 5'001, .seeds = 12, .repeat_one_in = 1});
  EXPECT_EQ(summary.failures, 0U);
  EXPECT_EQ(summary.repeated, 12U);
}

template <Mutant mutant>
void expect_caught() {
  testing::internal::CaptureStdout();
  const Summary summary =
      run_seeds(scenario_of(run_mutant<mutant>),
                {.seeds = 600, .seconds_per_seed = 20, .repeat_one_in = 0, .failures_max = 1});
  const std::string how = testing::internal::GetCapturedStdout();
  EXPECT_GE(summary.failures, 1U);
  std::fprintf(stderr, "caught after %llu seeds: %s", static_cast<unsigned long long>(summary.runs),
               how.c_str());
}

TEST(SingleNodeMutant, CommitLogSyncSkipped) { expect_caught<Mutant::commit_log_sync_skipped>(); }
TEST(SingleNodeMutant, CommitLogSyncLate) { expect_caught<Mutant::commit_log_sync_late>(); }
TEST(SingleNodeMutant, SyncErrorsIgnored) { expect_caught<Mutant::sync_errors_ignored>(); }
TEST(SingleNodeMutant, DirectorySyncSkipped) { expect_caught<Mutant::directory_sync_skipped>(); }
TEST(SingleNodeMutant, MetadataSyncSkipped) { expect_caught<Mutant::metadata_sync_skipped>(); }
TEST(SingleNodeMutant, SegmentWriteLost) { expect_caught<Mutant::segment_write_lost>(); }
TEST(SingleNodeMutant, SegmentWriteMisdirected) { expect_caught<Mutant::segment_write_misdirected>(); }
TEST(SingleNodeMutant, CommitLogTailForgotten) { expect_caught<Mutant::commit_log_tail_forgotten>(); }
TEST(SingleNodeMutant, IndexOffByOne) { expect_caught<Mutant::index_off_by_one>(); }
TEST(SingleNodeMutant, StaleRead) { expect_caught<Mutant::stale_read>(); }
TEST(SingleNodeMutant, RetryAsNew) { expect_caught<Mutant::retry_as_new>(); }

}  // namespace
}  // namespace moldau::simulation
