#include <algorithm>

#include "storage/commit_log_format.h"
#include "unit/storage/commit_log_fixture.h"

namespace moldau::storage {
namespace {

using namespace std::chrono_literals;

using testing::CommitLogHarness;
using testing::Listener;
using testing::Model;
using testing::small_options;

TEST(CommitLog, WhatWasSyncedIsReplayedAfterAnOrderlyClose) {
  simulation::World world(1);
  Model model;
  CommitLogHarness first(world);
  ASSERT_TRUE(first.open_and_replay(model)->empty());
  for (std::size_t i = 0; i < 20; ++i)
    ASSERT_TRUE(first.append(model, 100 * i, static_cast<PartitionIndex>(i % 3)));
  EXPECT_EQ(first.log().durable().value(), 0);
  ASSERT_TRUE(first.sync(model));
  EXPECT_EQ(model.durable, 20U);
  first.close();

  CommitLogHarness second(world);
  const auto seen = second.open_and_replay(model);
  ASSERT_TRUE(seen) << seen.error().message;
  EXPECT_EQ(seen->size(), 20U);
  model.check(*seen);
}

TEST(CommitLog, OneTurnOfTheLoopIsOneRound) {
  simulation::World world(2);
  Model model;
  CommitLogHarness harness(world);
  ASSERT_TRUE(harness.open_and_replay(model));
  for (int i = 0; i < 50; ++i) ASSERT_TRUE(harness.append(model, 200, i));
  ASSERT_TRUE(harness.sync(model));
  EXPECT_EQ(harness.log().stats().rounds, 1U);
  EXPECT_EQ(harness.listener().durable_calls, 1);
  EXPECT_GE(harness.listener().durable_up_to, model.appended.back().end);
}

TEST(CommitLog, WhatArrivesDuringARoundIsTheNextOne) {
  simulation::World world(3);
  Model model;
  CommitLogHarness harness(world);
  ASSERT_TRUE(harness.open_and_replay(model));
  ASSERT_TRUE(harness.append(model, 100, 0));
  ASSERT_TRUE(world.run_until([&] { return harness.log().stats().under_way > runtime::Duration{}; }));
  for (int i = 0; i < 10; ++i) {
    ASSERT_TRUE(harness.append(model, 100, 0));
    world.run_for(1us);
  }
  ASSERT_TRUE(harness.sync(model));
  EXPECT_EQ(harness.log().stats().rounds, 2U);
}

TEST(CommitLog, TruncationsAndRemovalsAreReplayedInTheirPlace) {
  simulation::World world(4);
  using Kind = CommitLog::Entry::Kind;
  Listener listener;
  {
    CommitLogHarness harness(world);
    ASSERT_TRUE(harness.open_and_replay({}));
    const auto bytes = testing::payload(0, 33);
    ASSERT_TRUE(harness.log().append(
        {.topic_id = {1, 2}, .partition = 5, .leader_epoch = 9, .offset = 10, .batches = bytes}, listener));
    ASSERT_TRUE(harness.log().append(
        {.kind = Kind::truncate, .topic_id = {1, 2}, .partition = 5, .offset = 4}, listener));
    ASSERT_TRUE(harness.log().append({.kind = Kind::remove, .topic_id = {1, 2}, .partition = 5}, listener));
  }
  CommitLogHarness harness(world);
  ASSERT_TRUE(harness.open());
  std::vector<CommitLog::Entry> seen;
  const CommitLog::Visit visit = [&](const CommitLog::Entry& entry, const Slice&,
                                     CommitLog::Position) -> runtime::Task<Status> {
    seen.push_back(entry);
    co_return Status();
  };
  ASSERT_TRUE(world.run(harness.log().replay(visit)));
  ASSERT_EQ(seen.size(), 3U);
  EXPECT_EQ(seen[0].kind, Kind::append);
  EXPECT_EQ(seen[0].batches.size(), 33U);
  EXPECT_EQ(seen[0].leader_epoch, 9);
  EXPECT_EQ(seen[1].kind, Kind::truncate);
  EXPECT_EQ(seen[1].offset, 4);
  EXPECT_EQ(seen[2].kind, Kind::remove);
  EXPECT_EQ(seen[2].topic_id_partition(), (TopicIdPartition{{1, 2}, 5}));
}

TEST(CommitLog, AnErrorOfTheVisitorEndsTheReplay) {
  simulation::World world(5);
  Model model;
  CommitLogHarness harness(world);
  ASSERT_TRUE(harness.open_and_replay(model));
  ASSERT_TRUE(harness.append(model, 100, 0));
  harness.close();
  ASSERT_TRUE(harness.open());
  const CommitLog::Visit visit = [](const CommitLog::Entry&, const Slice&,
                                    CommitLog::Position) -> runtime::Task<Status> {
    co_return fail(Errc::mismatch, "no");
  };
  const auto replayed = world.run(harness.log().replay(visit));
  ASSERT_FALSE(replayed);
  EXPECT_EQ(replayed.error().code, Errc::mismatch);
}

TEST(CommitLog, GoesRoundTheRingManyTimesAndFindsOnlyTheLastLap) {
  for (std::uint64_t seed = 1; seed <= 10; ++seed) {
    simulation::World world(seed);
    Model model;
    CommitLogHarness harness(world);
    for (int life = 0; life < 6; ++life) {
      const auto seen = harness.open_and_replay(model);
      ASSERT_TRUE(seen) << seen.error().message;
      model.check(*seen);
      model.cut_after(*seen);
      for (int i = 0; i < 150; ++i) {
        const auto size = static_cast<std::size_t>(world.random().between(0, 12'000));
        ASSERT_TRUE(harness.append_patiently(model, size, static_cast<PartitionIndex>(i % 5)));
        if (world.random().one_in(3)) harness.sync(model);
        if (world.random().one_in(10)) harness.clean(model, model.durable);
      }
      harness.sync(model);
      EXPECT_GT(harness.log().end(), (life + 1) * 2 * (256 << 10));
      if (world.random().one_in(2)) {
        harness.close();
      } else {
        harness.kill();
      }
    }
  }
}

TEST(CommitLog, AnEntryThatIsTooLargeIsRefusedBeforeItIsAccepted) {
  simulation::World world(7);
  Model model;
  CommitLogHarness harness(world);
  ASSERT_TRUE(harness.open_and_replay(model));
  const auto refused = harness.append(model, harness.log().max_batches_bytes() + 1, 0);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Errc::too_large);
  for (int i = 0; i < 12; ++i) {  // three times round with the largest that there is
    ASSERT_TRUE(harness.append_patiently(model, harness.log().max_batches_bytes(), 0));
    ASSERT_TRUE(harness.sync(model));
    if (i < 11) harness.clean(model, model.durable);
  }
  harness.close();
  const auto seen = harness.open_and_replay(model);
  ASSERT_TRUE(seen) << seen.error().message;
  model.check(*seen);
  EXPECT_EQ(seen->back(), 11);
}

TEST(CommitLog, AsksForFlushesOldestFirstWhenHalfIsInUse) {
  simulation::World world(8);
  Model model;
  CommitLogHarness harness(world);
  ASSERT_TRUE(harness.open_and_replay(model));
  std::vector<TopicIdPartition> asked;
  harness.log().on_pressure([&](std::vector<TopicIdPartition> partitions) { asked = std::move(partitions); });
  PartitionIndex next = 0;
  while (asked.empty()) {
    ASSERT_TRUE(harness.append(model, 7000, next));
    next = (next + 1) % 4;
    ASSERT_TRUE(harness.sync(model));
    ASSERT_LT(harness.log().stats().used_bytes, 160U << 10) << "nobody was asked";
  }
  EXPECT_TRUE(harness.log().stats().pressed);
  ASSERT_EQ(asked.size(), 4U);
  for (PartitionIndex i = 0; i < 4; ++i)
    EXPECT_EQ(asked[static_cast<std::size_t>(i)], (TopicIdPartition{testing::kTopic, i}));
  // One partition that is never flushed holds everything behind it.
  for (std::size_t i = 1; i < model.appended.size(); ++i) {
    if (model.appended[i].partition != 0)
      harness.log().clean({testing::kTopic, model.appended[i].partition}, model.appended[i].end);
  }
  world.run_for(1s);
  EXPECT_TRUE(harness.log().stats().pressed);
  harness.log().clean({testing::kTopic, 0}, model.appended.back().end);
  world.run_for(1s);
  EXPECT_FALSE(harness.log().stats().pressed);
}

TEST(CommitLog, AFullRingRefusesAndGoesOnWhenSpaceComesBack) {
  simulation::World world(9);
  Model model;
  CommitLogHarness harness(world);
  ASSERT_TRUE(harness.open_and_replay(model));
  Result<CommitLog::Appended> appended = fail(Errc::io, "none yet");
  for (int i = 0; i < 1000; ++i) {
    appended = harness.append(model, 5000, 0);
    if (!appended && !harness.sync(model)) break;
    if (!appended && harness.log().stats().used_bytes > (240 << 10)) break;
  }
  ASSERT_FALSE(appended);
  EXPECT_EQ(appended.error().code, Errc::unavailable);
  EXPECT_EQ(harness.log().poisoned(), nullptr);
  harness.note_durable(model);
  EXPECT_EQ(model.durable, model.appended.size());
  harness.clean(model, model.durable);
  world.run(harness.log().wait_for_space());
  ASSERT_TRUE(harness.append_patiently(model, 5000, 0));
  ASSERT_TRUE(harness.sync(model));
}

TEST(CommitLog, SteadyStateUsesTheSameBuffersAgain) {
  simulation::World world(10);
  Model model;
  CommitLogHarness harness(world);
  ASSERT_TRUE(harness.open_and_replay(model));
  for (int i = 0; i < 300; ++i) {
    ASSERT_TRUE(harness.append_patiently(model, 3000, 0));
    ASSERT_TRUE(harness.sync(model));
    harness.clean(model, model.durable);
  }
  EXPECT_LE(harness.log().stats().buffer_bytes, 64U << 10);
}

TEST(CommitLog, ABufferStaysWhileASliceOfItIsHeld) {
  simulation::World world(11);
  Model model;
  CommitLogHarness harness(world);
  ASSERT_TRUE(harness.open_and_replay(model));
  std::vector<std::pair<std::int64_t, Slice>> held;
  for (int i = 0; i < 200; ++i) {
    const auto appended = harness.append(model, 1000, 0);
    if (!appended) {
      harness.sync(model);
      harness.clean(model, model.durable);
      world.run(harness.log().wait_for_space());
      continue;
    }
    held.emplace_back(static_cast<std::int64_t>(model.appended.size()) - 1, appended->batches);
  }
  harness.close();
  EXPECT_GT(held.size(), 100U);
  for (const auto& [i, slice] : held) EXPECT_TRUE(equal(slice, testing::payload(i, 1000)));
}

TEST(CommitLog, WhoHasLeftIsNotTold) {
  simulation::World world(12);
  CommitLogHarness harness(world);
  ASSERT_TRUE(harness.open_and_replay({}));
  auto gone = std::make_unique<Listener>();
  const auto appended = harness.log().append({.topic_id = {1, 1}}, *gone);
  ASSERT_TRUE(appended);
  ASSERT_TRUE(world.run_until([&] { return harness.log().stats().under_way > runtime::Duration{}; }));
  ASSERT_TRUE(harness.log().append({.topic_id = {1, 1}}, *gone));
  harness.log().leave(*gone);
  EXPECT_EQ(gone->durable_calls, 0);
  gone.reset();
  EXPECT_TRUE(world.run(harness.log().durable().reaches(world.shard(0), appended->end)));
}

// A record that an unfinished round left behind the end must not be taken for the one after a new record of
// the same length that is written in its place.
TEST(CommitLog, WhatATornRoundLeftBehindIsNeverReplayed) {
  simulation::World world(13);
  Model model;
  CommitLogOptions options = small_options();
  options.buffer_bytes = 8 << 10;
  CommitLogHarness harness(world, options);
  ASSERT_TRUE(harness.open_and_replay(model));
  // Into the second lap, where nothing is pre-written any more.
  while (harness.log().end() < (300 << 10)) {
    ASSERT_TRUE(harness.append_patiently(model, 8000, 0));
    ASSERT_TRUE(harness.sync(model));
    harness.clean(model, model.durable);
  }
  world.run_for(1s);
  const auto begin = static_cast<std::uint64_t>(harness.log().end());
  const std::uint64_t rounds = harness.log().stats().rounds;
  const std::size_t kept = model.appended.size();
  ASSERT_TRUE(harness.append(model, 8000, 0));
  ASSERT_TRUE(harness.append(model, 8000, 0));
  ASSERT_TRUE(harness.sync(model));
  EXPECT_EQ(harness.log().stats().rounds, rounds + 1);
  harness.kill();
  // As if the first of the two had not arrived.
  world.drive().flip_bit(testing::kCommitLogPath, commit_format::kRingOffset + begin % (256 << 10) + 1000, 3);
  model.appended.resize(kept);
  auto seen = harness.open_and_replay(model);
  ASSERT_TRUE(seen) << seen.error().message;
  ASSERT_TRUE(harness.append(model, 8000, 1));
  ASSERT_TRUE(harness.sync(model));
  harness.kill();
  seen = harness.open_and_replay(model);
  ASSERT_TRUE(seen) << seen.error().message;
  ASSERT_FALSE(seen->empty());
  EXPECT_EQ(seen->back(), static_cast<std::int64_t>(kept));
}

}  // namespace
}  // namespace moldau::storage
