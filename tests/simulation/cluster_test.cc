#include "simulation/cluster.h"

#include <gtest/gtest.h>

#include "simulation/runner.h"

namespace moldau::simulation {
namespace {

template <Mutant mutant>
Outcome run_mutant(std::uint64_t, World& world) {
  return cluster_with(mutant, world);
}

Scenario scenario_of(Outcome (*run)(std::uint64_t, World&)) {
  return {"cluster", "a test", cluster_options, run};
}

// Each of them once failed, and showed a fault of the broker.
constexpr std::uint64_t kSeedsThatFoundSomething[] = {1};

TEST(Cluster, SeedsThatFoundSomethingPassForEver) {
  for (const std::uint64_t seed : kSeedsThatFoundSomething) {
    const Summary summary =
        run_seeds(scenario_of(cluster), {.first_seed = seed, .seeds = 1, .repeat_one_in = 0});
    EXPECT_EQ(summary.failures, 0U) << seed;
  }
}

TEST(Cluster, TheSameSeedGivesTheSameTrace) {
  const Summary summary =
      run_seeds(scenario_of(cluster), {.first_seed = 5'001, .seeds = 6, .repeat_one_in = 1});
  EXPECT_EQ(summary.failures, 0U);
  EXPECT_EQ(summary.repeated, 6U);
}

template <Mutant mutant>
void expect_caught(std::uint64_t within = 400) {
  testing::internal::CaptureStderr();
  testing::internal::CaptureStdout();
  const Summary summary =
      run_seeds(scenario_of(run_mutant<mutant>),
                {.seeds = within, .seconds_per_seed = 30, .repeat_one_in = 0, .failures_max = 1});
  testing::internal::GetCapturedStdout();
  const std::string how = testing::internal::GetCapturedStderr();
  EXPECT_GE(summary.failures, 1U);
  std::fprintf(stderr, "caught after %llu seeds: %s\n", static_cast<unsigned long long>(summary.runs),
               how.substr(0, how.find('\n')).c_str());
}

TEST(ClusterMutant, MetadataSyncSkipped) { expect_caught<Mutant::metadata_sync_skipped>(); }
TEST(ClusterMutant, VoteNotPersisted) { expect_caught<Mutant::vote_not_persisted>(); }
TEST(ClusterMutant, SnapshotEndOffByOne) { expect_caught<Mutant::snapshot_end_off_by_one>(); }
TEST(ClusterMutant, VoteForShorterLog) { expect_caught<Mutant::vote_for_shorter_log>(); }
TEST(ClusterMutant, HighWatermarkTooHigh) { expect_caught<Mutant::high_watermark_too_high>(); }
TEST(ClusterMutant, DivergenceIgnored) { expect_caught<Mutant::divergence_ignored>(); }
TEST(ClusterMutant, FetchEpochUnchecked) { expect_caught<Mutant::fetch_epoch_unchecked>(); }
TEST(ClusterMutant, DivergingFetchCounted) { expect_caught<Mutant::diverging_fetch_counted>(); }
TEST(ClusterMutant, StaleBrokerEpochAccepted) { expect_caught<Mutant::stale_broker_epoch_accepted>(); }
TEST(ClusterMutant, AcknowledgedAtAppend) { expect_caught<Mutant::acknowledged_at_append>(); }
TEST(ClusterMutant, CommitLogSyncSkipped) { expect_caught<Mutant::commit_log_sync_skipped>(); }
TEST(ClusterMutant, RetryAsNew) { expect_caught<Mutant::retry_as_new>(); }

}  // namespace
}  // namespace moldau::simulation
