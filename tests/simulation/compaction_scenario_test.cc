#include <gtest/gtest.h>

#include "simulation/compaction.h"
#include "simulation/compaction_model.h"
#include "simulation/runner.h"

namespace moldau::simulation {
namespace {

// --- the model, by itself

CompactionModel two_values_and_a_tombstone() {
  CompactionModel model;
  model.append({.base_offset = 0, .next_offset = 1, .records = {{0, 100, "a", "old"}}});
  model.append({.base_offset = 1, .next_offset = 2, .records = {{1, 110, "a", "new"}}});
  model.append({.base_offset = 2, .next_offset = 3, .records = {{2, 120, "b", std::nullopt}}});
  return model;
}

CompactedView view_of(std::vector<KeyedRecord> records, TimestampMs now_ms = 130) {
  return {.start = 0,
          .end = 3,
          .first_dirty = 3,
          .stable_end = 3,
          .now_ms = now_ms,
          .all = records,
          .committed = records};
}

constexpr CompactionPromises kStable{.high_watermark = 3, .delete_retention_ms = 50};

TEST(CompactionModel, TakesWhatIsCompactedAndWhatIsNot) {
  const CompactionModel model = two_values_and_a_tombstone();
  const KeyedRecord old{0, 100, "a", "old"}, newer{1, 110, "a", "new"}, deleted{2, 120, "b", std::nullopt};
  EXPECT_EQ(model.check(view_of({newer, deleted}), kStable), "");
  EXPECT_EQ(model.check(view_of({newer}, 170), kStable), "") << "the tombstone's time is over";
  CompactedView dirty = view_of({old, newer, deleted});
  EXPECT_NE(model.check(dirty, kStable), "");
  dirty.first_dirty = 0;
  EXPECT_EQ(model.check(dirty, kStable), "");
}

TEST(CompactionModel, SaysWhatIsWrong) {
  const CompactionModel model = two_values_and_a_tombstone();
  const KeyedRecord old{0, 100, "a", "old"}, newer{1, 110, "a", "new"}, deleted{2, 120, "b", std::nullopt};
  EXPECT_EQ(model.check(view_of({deleted}), kStable), "the newest record of a is gone, at offset 1");
  EXPECT_EQ(model.check(view_of({old, deleted}), kStable), "an old record of a at offset 0");
  EXPECT_EQ(model.check(view_of({newer}), kStable),
            "a tombstone went before delete.retention.ms: at offset 2");
  EXPECT_EQ(model.check(view_of({{1, 110, "a", "other"}, deleted}), kStable),
            "nobody wrote what is at offset 1");
  CompactionPromises less = kStable;
  less.high_watermark = 0;
  EXPECT_EQ(model.check(view_of({newer, deleted}), less), "missing above what is stable: at offset 0");
  CompactionPromises young = kStable;
  young.min_compaction_lag_ms = 100;
  EXPECT_EQ(model.check(view_of({newer, deleted}), young),
            "compacted before min.compaction.lag.ms: at offset 0");
}

TEST(CompactionModel, KnowsTransactions) {
  CompactionModel model;
  const auto sent = [&](Offset offset, ProducerId producer) {
    model.append({.base_offset = offset,
                  .next_offset = offset + 1,
                  .records = {{offset, 100, "a", "x"}},
                  .producer_id = producer,
                  .sequence = 0,
                  .transactional = true});
  };
  sent(0, 5);
  sent(1, 6);
  EXPECT_EQ(model.open_transactions(), (std::set<ProducerId>{5, 6}));
  model.append({.base_offset = 2, .next_offset = 3, .producer_id = 5, .commits = false});
  EXPECT_EQ(model.open_transactions(), std::set<ProducerId>{6});
  const KeyedRecord aborted{0, 100, "a", "x"}, open{1, 100, "a", "x"};
  CompactedView view{
      .start = 0, .end = 3, .first_dirty = 0, .stable_end = 1, .now_ms = 130, .all = {aborted, open}};
  EXPECT_EQ(model.check(view, kStable), "");
  view.all = {open};
  EXPECT_EQ(model.check(view, kStable), "") << "what was aborted may go";
  view.all = {};
  EXPECT_EQ(model.check(view, kStable), "missing above what is stable: at offset 1");
  view.all = {aborted, open};
  view.committed = {aborted};
  EXPECT_EQ(model.check(view, kStable), "read_committed sees an aborted record at offset 0");
  view.committed = {open};
  EXPECT_EQ(model.check(view, kStable), "read_committed sees an open transaction at offset 1");
  model.cut(1);
  EXPECT_EQ(model.end(), 1);
  EXPECT_EQ(model.open_transactions(), std::set<ProducerId>{5});
  EXPECT_EQ(model.next_sequence(5), 1);
  EXPECT_EQ(model.next_sequence(6), 0);
}

// --- the scenario

template <Mutant mutant>
Outcome run_mutant(std::uint64_t, World& world) {
  return compaction_with(mutant, world);
}

template <Mutant mutant>
void expect_caught() {
  testing::internal::CaptureStdout();
  const Summary summary =
      run_seeds({"compaction", "a test", compaction_options, run_mutant<mutant>},
                {.seeds = 600, .seconds_per_seed = 20, .repeat_one_in = 0, .failures_max = 1});
  const std::string how = testing::internal::GetCapturedStdout();
  EXPECT_GE(summary.failures, 1U);
  std::fprintf(stderr, "caught after %llu seeds: %s", static_cast<unsigned long long>(summary.runs),
               how.c_str());
}

TEST(CompactionMutant, CleanedSyncSkipped) { expect_caught<Mutant::cleaned_sync_skipped>(); }
TEST(CompactionMutant, SwapDirectorySyncSkipped) { expect_caught<Mutant::swap_directory_sync_skipped>(); }
TEST(CompactionMutant, SwapLeavesOld) { expect_caught<Mutant::swap_leaves_old>(); }
TEST(CompactionMutant, TombstonesDroppedEarly) { expect_caught<Mutant::tombstones_dropped_early>(); }
TEST(CompactionMutant, CleanedBeyondHighWatermark) { expect_caught<Mutant::cleaned_beyond_high_watermark>(); }
TEST(CompactionMutant, IndexOffByOne) { expect_caught<Mutant::index_off_by_one>(); }

TEST(CompactionScenario, TheSameSeedGivesTheSameTrace) {
  const Summary summary = run_seeds({"compaction", "a test", compaction_options, compaction},
                                    {.first_seed = 5'001, .seeds = 12, .repeat_one_in = 1});
  EXPECT_EQ(summary.failures, 0U);
  EXPECT_EQ(summary.repeated, 12U);
}

}  // namespace
}  // namespace moldau::simulation
