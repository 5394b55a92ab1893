#include "simulation/crash_points.h"
#include "storage/commit_log_format.h"
#include "unit/storage/commit_log_fixture.h"

namespace moldau::storage {
namespace {

using namespace std::chrono_literals;

using commit_format::kBlock;
using commit_format::kRingOffset;
using testing::CommitLogHarness;
using testing::kCommitLogPath;
using testing::Model;
using testing::small_options;

CommitLogOptions tiny_options() {
  CommitLogOptions options = small_options();
  options.capacity_bytes = 64 << 10;
  options.buffer_bytes = 8 << 10;
  options.reserve_step_bytes = 32 << 10;
  options.prewrite_step_bytes = 8 << 10;
  return options;
}

// Appends in small groups and gives up space behind itself, more than once round the ring.
void write_some(CommitLogHarness& harness, Model& model, int groups) {
  for (int group = 0; group < groups; ++group) {
    for (int i = 0; i <= group % 3; ++i) {
      const auto size = static_cast<std::size_t>(1 + 2500 * ((group + i) % 4));
      if (!harness.append_patiently(model, size, static_cast<PartitionIndex>((group + i) % 3))) return;
    }
    if (!harness.sync(model)) return;
    if (group % 4 == 3) harness.clean(model, model.durable - 1);
  }
}

// ST-02, ST-03: everything reported durable is replayed, wherever the power was lost; nothing else is made
// up.
TEST(CommitLogFaults, ST_02_PowerLossAtEveryOperation) {
  Model model;
  simulation::CrashPoints points;
  points.seed = 20;
  points.rounds = 3;
  points.again_in_recovery = true;
  points.scenario = [&](simulation::World& world) {
    model = {};
    CommitLogHarness harness(world, tiny_options());
    if (!harness.open_and_replay(model)) return;
    write_some(harness, model, 30);
    harness.note_durable(model);
  };
  points.recover = [&](simulation::World& world) {
    CommitLogHarness harness(world, tiny_options());
    const auto seen = harness.open_and_replay(model);
    if (!world.machine(0).running()) return;
    ASSERT_TRUE(seen) << seen.error().message;
    model.check(*seen);
    model.cut_after(*seen);
    write_some(harness, model, 4);
  };
  EXPECT_GT(simulation::enumerate_crash_points(points), 100U);
}

// A bit flip in what an orderly close left is reported, or hits padding: entries are never silently missing.
TEST(CommitLogFaults, ST_04_BitFlipsAreReportedNeverSkipped) {
  simulation::World world(21);
  Model model;
  CommitLogHarness harness(world);
  ASSERT_TRUE(harness.open_and_replay(model));
  for (int i = 0; i < 20; ++i) {
    ASSERT_TRUE(harness.append(model, 700 * static_cast<std::size_t>(i % 5), i));
    ASSERT_TRUE(harness.sync(model));
  }
  const auto end = static_cast<std::uint64_t>(harness.log().end());
  harness.close();
  unsigned reported = 0;
  for (std::uint64_t at = 0; at < end; at += 97) {
    const auto bit = static_cast<unsigned>(at % 8);
    const simulation::DiskTree before = world.drive().dump();
    world.drive().flip_bit(kCommitLogPath, kRingOffset + at, bit);
    const auto seen = harness.open_and_replay(model);
    if (seen) {
      EXPECT_EQ(seen->size(), model.appended.size()) << "flip at " << at;
    } else {
      ++reported;
      EXPECT_EQ(seen.error().code, Errc::corrupt);
      EXPECT_NE(seen.error().message.find(kCommitLogPath), std::string::npos) << seen.error().message;
      EXPECT_NE(seen.error().message.find("position"), std::string::npos) << seen.error().message;
    }
    harness.close();
    world.kill();
    world.drive().copy_from(before);
    world.restart();
  }
  EXPECT_GT(reported, end / 97 / 4);
}

// After a kill only the last round may be taken for a torn tail: no later record says that it was durable.
TEST(CommitLogFaults, ST_04_DamageInTheMiddleIsToldFromATornTail) {
  simulation::World world(22);
  Model model;
  CommitLogHarness harness(world);
  ASSERT_TRUE(harness.open_and_replay(model));
  std::vector<CommitLog::Position> begins;
  for (int i = 0; i < 10; ++i) {
    begins.push_back(harness.log().end());
    ASSERT_TRUE(harness.append(model, 3000, 0));
    ASSERT_TRUE(harness.sync(model));
  }
  harness.kill();
  for (std::size_t i = 0; i < begins.size(); ++i) {
    const simulation::DiskTree before = world.drive().dump();
    world.drive().flip_bit(kCommitLogPath, kRingOffset + static_cast<std::uint64_t>(begins[i]) + 200, 1);
    const auto seen = harness.open_and_replay(model);
    if (i + 1 < begins.size()) {
      ASSERT_FALSE(seen);
      EXPECT_EQ(seen.error().code, Errc::corrupt);
      EXPECT_NE(seen.error().message.find("position " + std::to_string(begins[i])), std::string::npos);
    } else {
      ASSERT_TRUE(seen) << seen.error().message;
      EXPECT_EQ(seen->size(), i);
    }
    harness.close();
    world.kill();
    world.drive().copy_from(before);
    world.restart();
  }
}

TEST(CommitLogFaults, ST_05_OneCopyOfTheHeaderIsEnoughAndNoneIsRefused) {
  simulation::World world(23);
  Model model;
  CommitLogHarness harness(world);
  ASSERT_TRUE(harness.open_and_replay(model));
  write_some(harness, model, 40);  // several laps
  harness.close();
  for (std::uint64_t byte = 0; byte < 64; ++byte) {
    for (std::uint64_t copy = 0; copy < 2; ++copy) {
      const simulation::DiskTree before = world.drive().dump();
      world.drive().flip_bit(kCommitLogPath, copy * kBlock + byte, static_cast<unsigned>(byte % 8));
      const auto seen = harness.open_and_replay(model);
      ASSERT_TRUE(seen) << "byte " << byte << " of copy " << copy << ": " << seen.error().message;
      model.check(*seen);
      harness.close();
      world.kill();
      world.drive().copy_from(before);
      world.restart();
    }
  }
  world.drive().flip_bit(kCommitLogPath, 20, 0);
  world.drive().flip_bit(kCommitLogPath, kBlock + 20, 0);
  const auto opened = harness.open_and_replay(model);
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().code, Errc::corrupt);
  EXPECT_NE(opened.error().message.find(kCommitLogPath), std::string::npos);
}

TEST(CommitLogFaults, ST_05_AnEmptiedOrTruncatedFileIsRefused) {
  simulation::World world(24);
  Model model;
  CommitLogHarness harness(world);
  ASSERT_TRUE(harness.open_and_replay(model));
  for (int i = 0; i < 8; ++i) ASSERT_TRUE(harness.append(model, 5000, 0));
  harness.close();
  for (const std::uint64_t size :
       std::initializer_list<std::uint64_t>{0, 10, kRingOffset, kRingOffset + kBlock}) {
    const simulation::DiskTree before = world.drive().dump();
    ASSERT_TRUE(world.disk().open(kCommitLogPath, runtime::OpenMode::read_write).value()->truncate(size));
    const auto seen = harness.open_and_replay(model);
    ASSERT_FALSE(seen) << size;
    EXPECT_EQ(seen.error().code, Errc::corrupt);
    harness.close();
    world.kill();
    world.drive().copy_from(before);
    world.restart();
  }
}

// Whatever is overwritten, the older copy still leads to everything that is needed.
TEST(CommitLogFaults, ST_05_EitherCopyIsEnoughAtEveryPointOfALap) {
  for (int groups = 20; groups < 60; ++groups) {
    simulation::World world(30);
    Model model;
    CommitLogHarness harness(world, tiny_options());
    ASSERT_TRUE(harness.open_and_replay(model));
    write_some(harness, model, groups);
    harness.kill();
    for (std::uint64_t copy = 0; copy < 2; ++copy) {
      const simulation::DiskTree before = world.drive().dump();
      world.drive().flip_bit(kCommitLogPath, copy * kBlock + 20, 1);
      const auto seen = harness.open_and_replay(model);
      ASSERT_TRUE(seen) << "copy " << copy << " after " << groups << " groups: " << seen.error().message;
      model.check(*seen);
      harness.close();
      world.kill();
      world.drive().copy_from(before);
      world.restart();
    }
  }
}

void expect_poisoned(simulation::World& world, CommitLogHarness& harness, Model& model) {
  EXPECT_FALSE(harness.sync(model));
  ASSERT_NE(harness.log().poisoned(), nullptr);
  EXPECT_TRUE(harness.log().durable().closed());
  EXPECT_EQ(harness.listener().poisoned_calls, 1);
  const testing::Position durable = harness.log().durable().value();
  for (int i = 0; i < 3; ++i) {
    const auto refused = harness.append(model, 100, 0);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, Errc::unavailable);
    world.run_for(1s);
  }
  EXPECT_EQ(harness.log().durable().value(), durable)
      << "a later sync acknowledged what a failed one had lost";
}

// ST-01, ST-09: the first failed sync is the last one; what it held is never acknowledged.
TEST(CommitLogFaults, ST_01_AFailedSyncPoisons) {
  simulation::World world(25);
  Model model;
  CommitLogHarness harness(world);
  ASSERT_TRUE(harness.open_and_replay(model));
  ASSERT_TRUE(harness.append(model, 100, 0));
  ASSERT_TRUE(harness.sync(model));
  world.run_for(1s);  // what is pre-written is synced
  world.drive().fail_next_sync("commit-log");
  ASSERT_TRUE(harness.append(model, 100, 0));
  expect_poisoned(world, harness, model);
  EXPECT_EQ(model.durable, 1U);
  const auto closed = harness.close();
  ASSERT_FALSE(closed);
  EXPECT_NE(closed.error().message.find("commit-log-0"), std::string::npos) << closed.error().message;
}

// ST-01: what a failed sync dropped is still in the page cache, clean: no later sync would write it. What a
// replay shows is on the device all the same.
TEST(CommitLogFaults, ST_01_WhatAReplayShowsOutlivesALaterPowerLoss) {
  unsigned shown = 0;
  for (std::uint64_t seed = 1; seed <= 40; ++seed) {
    simulation::World world(seed);
    Model model;
    CommitLogHarness harness(world);
    ASSERT_TRUE(harness.open_and_replay(model));
    ASSERT_TRUE(world.disk().sync_directory("/"));
    ASSERT_TRUE(harness.append(model, 100, 0));
    ASSERT_TRUE(harness.sync(model));
    world.run_for(1s);
    world.drive().fail_next_sync("commit-log");
    for (int i = 0; i < 3; ++i) ASSERT_TRUE(harness.append(model, 3000, 0));
    EXPECT_FALSE(harness.sync(model));
    harness.kill();
    const auto seen = harness.open_and_replay(model);
    ASSERT_TRUE(seen) << seen.error().message;
    model.check(*seen);
    model.cut_after(*seen);
    if (seen->size() > 1) ++shown;
    if (seed % 2 == 0) {
      ASSERT_TRUE(harness.append(model, 100, 0));
      ASSERT_TRUE(harness.sync(model));
    }
    harness.kill();
    world.power_loss();
    world.restart();
    const auto after = harness.open_and_replay(model);
    ASSERT_TRUE(after) << "seed " << seed << ": " << after.error().message;
    model.check(*after);
  }
  EXPECT_GT(shown, 10U) << "the page cache kept nothing: this shows nothing";
}

// ST-06: whoever made the file may have been killed before its name was durable.
TEST(CommitLogFaults, ST_06_TheNameOfAFileThatIsThereBecomesDurable) {
  simulation::World world(31);
  Model model;
  CommitLogHarness harness(world);
  ASSERT_TRUE(harness.open_and_replay(model));
  ASSERT_TRUE(harness.close());
  ASSERT_TRUE(world.disk().sync_directory("/"));
  ASSERT_TRUE(world.disk().rename(kCommitLogPath, "/data/elsewhere"));
  ASSERT_TRUE(world.disk().sync_directory("/data"));
  ASSERT_TRUE(world.disk().rename("/data/elsewhere", kCommitLogPath));
  ASSERT_FALSE(world.drive().durable_contents(kCommitLogPath));
  ASSERT_TRUE(harness.open_and_replay(model));
  EXPECT_TRUE(world.drive().durable_contents(kCommitLogPath));
}

TEST(CommitLogFaults, ST_09_AFailedWritePoisonsWhatWaitsBehindItToo) {
  simulation::World world(26);
  Model model;
  CommitLogHarness harness(world);
  ASSERT_TRUE(harness.open_and_replay(model));
  world.run_for(1s);
  world.drive().fail_next_write("commit-log");
  ASSERT_TRUE(harness.append(model, 100, 0));
  ASSERT_TRUE(world.run_until([&] { return harness.log().stats().under_way > runtime::Duration{}; }));
  testing::Listener behind;
  ASSERT_TRUE(harness.log().append({.topic_id = {5, 5}}, behind));
  expect_poisoned(world, harness, model);
  EXPECT_EQ(behind.poisoned_calls, 1);
  EXPECT_EQ(behind.durable_calls, 0);
}

// ST-07: a full device refuses appends before they are accepted, and nothing has to be restarted when it is
// not full any more.
TEST(CommitLogFaults, ST_07_AFullDeviceRefusesAndRecovers) {
  simulation::World world(27);
  Model model;
  CommitLogHarness harness(world);
  ASSERT_TRUE(harness.open_and_replay(model));
  world.drive().set_capacity(world.drive().used_bytes());
  Result<CommitLog::Appended> appended = fail(Errc::io, "none yet");
  for (int i = 0; i < 200; ++i) {
    appended = harness.append(model, 4000, 0);
    if (!appended && appended.error().code != Errc::unavailable) break;
    ASSERT_TRUE(harness.sync(model));
    world.run_for(10ms);
  }
  ASSERT_FALSE(appended);
  EXPECT_EQ(appended.error().code, Errc::no_space) << appended.error().message;
  EXPECT_EQ(harness.log().poisoned(), nullptr);
  ASSERT_TRUE(harness.sync(model));
  EXPECT_EQ(model.durable, model.appended.size());
  world.drive().set_capacity(UINT64_MAX);
  for (int i = 0; i < 20 && !appended; ++i) {
    world.run_for(500ms);
    appended = harness.append(model, 4000, 0);
  }
  ASSERT_TRUE(appended) << appended.error().message;
  ASSERT_TRUE(harness.sync(model));
}

TEST(CommitLogFaults, ST_07_AFolderWithoutSpaceIsRefusedAtTheStart) {
  simulation::World world(28);
  world.drive().set_capacity(16 << 10);
  CommitLogHarness harness(world);
  const auto opened = harness.open();
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().code, Errc::no_space);
}

// ST-22: a device that hangs for ten seconds acknowledges nothing, and what waits in memory stays bounded.
TEST(CommitLogFaults, ST_22_ASlowDeviceGivesNoFalseAcknowledgement) {
  simulation::World world(29);
  Model model;
  CommitLogOptions options = small_options();
  options.reserve_step_bytes = options.capacity_bytes;
  CommitLogHarness harness(world, options);
  ASSERT_TRUE(harness.open_and_replay(model));
  world.run_for(1s);
  world.pool().options().slow_io = 1;
  world.pool().options().slow = {10s, 10s};
  std::size_t accepted = 0;
  while (harness.append(model, 1000, 0)) {
    ++accepted;
    world.run_for(10us);
    ASSERT_LE(accepted, 66U) << "no bound";
  }
  EXPECT_GE(accepted, 55U);
  world.run_for(9s);
  EXPECT_EQ(harness.listener().durable_calls, 0);
  EXPECT_GT(harness.log().stats().under_way, 8s);
  EXPECT_EQ(harness.log().poisoned(), nullptr);
  ASSERT_TRUE(harness.sync(model));
  EXPECT_EQ(model.durable, accepted);
  EXPECT_TRUE(harness.append(model, 1000, 0));
}

// ST-25: a record that went to another place is not one of that place.
TEST(CommitLogFaults, ST_25_AMisdirectedWriteIsDetected) {
  unsigned reported = 0;
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    simulation::World world(seed);
    Model model;
    CommitLogHarness harness(world);
    ASSERT_TRUE(harness.open_and_replay(model));
    world.run_for(1s);
    for (int i = 0; i < 5; ++i) {
      if (i == 2) world.drive().misdirect_next_write("commit-log");
      ASSERT_TRUE(harness.append(model, 3000, 0));
      ASSERT_TRUE(harness.sync(model));
    }
    harness.close();
    const auto seen = harness.open_and_replay(model);
    if (!seen) {
      ++reported;
      EXPECT_EQ(seen.error().code, Errc::corrupt);
    } else {
      EXPECT_EQ(seen->size(), 5U);
    }
  }
  EXPECT_GT(reported, 10U);
}

}  // namespace
}  // namespace moldau::storage
