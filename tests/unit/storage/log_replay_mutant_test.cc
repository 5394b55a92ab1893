// Mutants of the replay (reliability.md, appendix D): a comparison with what was appended and cut sees that
// truncations are forgotten. Entries that are replayed twice change nothing: each says its offset.
#include "unit/storage/log_fixture.h"

namespace moldau::storage {
namespace {

using testing::LogHarness;
using testing::make_batch;

enum class Mutant : std::uint8_t { none, forgets_truncations, replays_twice };

// Appends, cuts, flushes and crashes at random. False when the log is not what the model says.
bool right(std::uint64_t seed, Mutant mutant) {
  simulation::World world(seed);
  Random random(seed);
  LogHarness node(world);
  node.config.segment_bytes = random.between(500, 5'000);
  node.forgets_truncations = mutant == Mutant::forgets_truncations;
  node.replays_twice = mutant == Mutant::replays_twice;
  if (!node.open()) return false;
  std::vector<int> model;
  int next = 0;
  for (int step = 0; step < 40; ++step) {
    const auto action = random.below(10);
    if (action == 0) {
      static_cast<void>(world.run(node.log->flush()));
    } else if (action == 1) {
      model.resize(random.below(model.size() + 1));
      if (!world.run(node.log->truncate_to(static_cast<Offset>(model.size())))) return false;
    } else if (action == 2) {
      if (!node.crash(random.one_in(2)) || node.numbers() != model) return false;
    } else {
      if (!node.commit(make_batch({}, next))) return false;
      model.push_back(next++);
    }
  }
  return true;
}

std::uint64_t seeds_until_caught(Mutant mutant) {
  constexpr std::uint64_t kSeeds = 60;
  for (std::uint64_t seed = 1; seed <= kSeeds; ++seed) {
    if (!right(seed, mutant)) return seed;
  }
  return kSeeds + 1;
}

TEST(ReplayMutant, TheReplayItselfIsRight) { EXPECT_EQ(seeds_until_caught(Mutant::none), 61U); }
TEST(ReplayMutant, ForgottenTruncationsAreCaught) {
  EXPECT_LE(seeds_until_caught(Mutant::forgets_truncations), 30U);
}
TEST(ReplayMutant, EntriesReplayedTwiceChangeNothing) {
  EXPECT_EQ(seeds_until_caught(Mutant::replays_twice), 61U);
}

}  // namespace
}  // namespace moldau::storage
