#include "simulation/runner.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include "simulation/self_check.h"

namespace moldau::simulation {
namespace {

Options plain(Random&) { return {}; }

Scenario scenario(Outcome (*run)(std::uint64_t, World&)) { return {"fake", "a test", plain, run}; }

TEST(Runner, CountsRunsTimeAndFaults) {
  const Scenario fake = scenario([](std::uint64_t, World& world) {
    world.run_for(10s);
    world.power_loss();
    return Outcome();
  });
  const Summary summary = run_seeds(fake, {.first_seed = 5, .seeds = 40, .repeat_one_in = 4});
  EXPECT_EQ(summary.runs, 40U);
  EXPECT_EQ(summary.failures, 0U);
  EXPECT_EQ(summary.repeated, 10U);
  EXPECT_EQ(summary.faults[Fault::power_loss], 40U);
  EXPECT_NEAR(summary.simulated_seconds, 400, 0.001);
}

TEST(Runner, ReportsFailureAbortAndHangWithTheSeedAndGoesOn) {
  const Scenario fake = scenario([](std::uint64_t seed, World& world) {
    if (seed == 3) return Outcome::failed("seed three fails");
    if (seed == 4) MOLDAU_ASSERT(world.seed() != 4, "seed four aborts");
    while (seed == 6) usleep(1000);
    return Outcome();
  });
  testing::internal::CaptureStdout();
  const Summary summary = run_seeds(fake, {.seeds = 20, .seconds_per_seed = 1});
  const std::string printed = testing::internal::GetCapturedStdout();
  EXPECT_EQ(summary.runs, 20U);
  EXPECT_EQ(summary.failures, 3U);
  for (const char* seed : {"3", "4", "6"}) {
    EXPECT_NE(printed.find(std::string("./dev sim --scenario fake --seed ") + seed + "\n"), std::string::npos)
        << printed;
  }
}

TEST(Runner, FindsWhatIsNotDeterministic) {
  const Scenario fake = scenario([](std::uint64_t seed, World& world) {
    static int runs = 0;
    if (seed == 2) world.note(std::to_string(++runs));
    return Outcome();
  });
  EXPECT_EQ(run_seeds(fake, {.seeds = 4, .repeat_one_in = 1}).failures, 1U);
}

TEST(SelfCheck, PassesAndEveryFlawIsFound) {
  for (const Flaw flaw : {Flaw::none, Flaw::no_sync, Flaw::sync_error_ignored, Flaw::no_directory_sync}) {
    int failed = 0;
    for (std::uint64_t seed = 1; seed <= 300 && (failed == 0 || flaw == Flaw::none); ++seed) {
      Random random(seed);
      World world(seed, self_check_options(random));
      failed += !self_check_with(flaw, world).passed;
    }
    EXPECT_EQ(failed, flaw == Flaw::none ? 0 : 1) << static_cast<int>(flaw);
  }
}

}  // namespace
}  // namespace moldau::simulation
