#include "simulation/crash_points.h"
#include "unit/storage/log_manager_fixture.h"

namespace moldau::storage {
namespace {

using namespace std::chrono_literals;
using testing::kManaged;
using testing::ManagerHarness;
using ::testing::Test;

constexpr TopicId kA{0xa, 1};
constexpr TopicId kB{0xb, 1};
constexpr TopicId kAnew{0xa, 2};

class Manager : public Test {
 protected:
  void reopen(bool power_loss) {
    harness_.die(power_loss);
    const Status opened = harness_.open();
    ASSERT_TRUE(opened) << opened.error().message;
  }
  bool exists(const std::string& name) { return world_.disk().exists(kManaged + "/" + name).value(); }
  void corrupt(const std::string& path, std::string_view text) {
    ASSERT_TRUE(runtime::write_file_atomically(world_.disk(), path, as_bytes(text)));
  }

  simulation::World world_{1};
  ManagerHarness harness_{world_};
};

TEST_F(Manager, AnEmptyFolderHasNoLogsAndAppendsGoThroughTheCommitLog) {
  ASSERT_TRUE(harness_.open());
  EXPECT_TRUE(harness_.manager().logs().empty());
  Log& log = *harness_.log("a", kA).value();
  EXPECT_FALSE(exists("a-0"));
  EXPECT_EQ(harness_.append(log, 10), 10);
  EXPECT_FALSE(exists("a-0")) << "files come with the first flush";
  ASSERT_TRUE(world_.run(harness_.manager().flush_all()));
  EXPECT_TRUE(exists("a-0"));
  harness_.expect_records(log, 10);
  EXPECT_EQ(harness_.manager().find({kA, 0}), &log);
  EXPECT_EQ(harness_.manager().find({kB, 0}), nullptr);
}

TEST_F(Manager, AnOrderlyCloseNeedsNoRecoveryAndKeepsEverything) {
  ASSERT_TRUE(harness_.open());
  for (PartitionIndex i = 0; i < 5; ++i) harness_.append(*harness_.log("a", kA, i).value(), 10 + i);
  ASSERT_TRUE(harness_.close());
  EXPECT_TRUE(exists(".kafka_cleanshutdown"));
  ASSERT_TRUE(harness_.open());
  EXPECT_EQ(harness_.directory().clean_shutdown()->broker_epoch, 5);
  EXPECT_EQ(harness_.manager().load_report().logs, 5U);
  EXPECT_EQ(harness_.manager().load_report().replayed_entries, 0U);
  for (PartitionIndex i = 0; i < 5; ++i) harness_.expect_records(*harness_.log("a", kA, i).value(), 10 + i);
}

// What has no folder yet waits for metadata to say its name.
TEST_F(Manager, ST_02_WhatOnlyTheCommitLogHoldsComesBackAfterPowerLoss) {
  ASSERT_TRUE(harness_.open());
  harness_.append(*harness_.log("a", kA).value(), 20);
  harness_.append(*harness_.log("b", kB).value(), 5);
  ASSERT_TRUE(world_.run(harness_.log("b", kB).value()->flush()));
  harness_.append(*harness_.log("b", kB).value(), 5);
  reopen(true);
  EXPECT_EQ(harness_.manager().logs().size(), 1U);
  harness_.expect_records(*harness_.log("b", kB).value(), 10);
  harness_.expect_records(*harness_.log("a", kA).value(), 20);
  harness_.append(*harness_.log("a", kA).value(), 5);
  reopen(true);
  harness_.expect_records(*harness_.log("a", kA).value(), 25);
}

// ST-01: a failed sync of a segment leaves clean pages that are not on the device. The next start reads them,
// serves them and makes them its recovery point: they outlive a later power loss, with either durability.
TEST(ManagerFaults, ST_01_WhatAStartServesOfASegmentOutlivesALaterPowerLoss) {
  for (const Durability durability : {Durability::page_cache, Durability::synced}) {
    unsigned served = 0;
    for (std::uint64_t seed = 1; seed <= 60; ++seed) {
      simulation::World world(seed);
      ManagerHarness harness(world);
      harness.options.default_config.durability = durability;
      const LogConfig config = harness.options.default_config;
      ASSERT_TRUE(harness.open());
      harness.append(*harness.log("a", kA, 0, config).value(), 20, 1000);
      world.drive().fail_next_sync("a-0/00000000000000000000.log");
      EXPECT_FALSE(world.run(harness.manager().flush_all()));
      harness.die(false);
      ASSERT_TRUE(harness.open());
      const auto log = harness.log("a", kA, 0, config);
      ASSERT_TRUE(log) << log.error().message;
      const Offset end = (*log)->end_offset().value();
      if (durability == Durability::synced) EXPECT_EQ(end, 20);
      if (end > 0) ++served;
      ASSERT_TRUE(world.run(harness.manager().flush_all()));
      ASSERT_TRUE(world.run(harness.manager().save_checkpoints()));
      harness.die(true);
      ASSERT_TRUE(harness.open());
      const auto again = harness.log("a", kA, 0, config);
      ASSERT_TRUE(again) << "seed " << seed << ": " << again.error().message;
      harness.expect_records(**again, end);
    }
    EXPECT_GT(served, 5U) << "the page cache kept nothing: this shows nothing";
  }
}

// What a truncation leaves may be in the commit log alone: its note that the files are cut does not void
// that.
TEST_F(Manager, ST_07_WhatATruncationOnAFullDiskLeavesOutlivesTheProcess) {
  ASSERT_TRUE(harness_.open());
  Log& log = *harness_.log("a", kA).value();
  harness_.append(log, 5, 200);
  ASSERT_TRUE(world_.run(log.flush()));
  harness_.append(log, 5, 200);
  world_.drive().set_capacity(world_.drive().used_bytes());
  ASSERT_TRUE(world_.run(log.truncate_to(7)));
  ASSERT_GT(log.unflushed_bytes(), 0);
  harness_.append(log, 1, 200);
  world_.drive().set_capacity(UINT64_MAX);
  reopen(true);
  const auto found = harness_.log("a", kA);
  ASSERT_TRUE(found) << found.error().message;
  harness_.expect_records(**found, 8);
}

TEST_F(Manager, PressureOfTheCommitLogIsRelievedByFlushes) {
  ASSERT_TRUE(harness_.open());
  Log& a = *harness_.log("a", kA).value();
  Log& b = *harness_.log("b", kB).value();
  harness_.append(b, 1);
  harness_.append(a, 800, 3000);  // several times the commit log
  EXPECT_GT(harness_.manager().commit_log().end(), 4 * (512 << 10));
  reopen(false);
  harness_.expect_records(*harness_.log("a", kA).value(), 800);
  harness_.expect_records(*harness_.log("b", kB).value(), 1);
}

TEST_F(Manager, CheckpointsAreWrittenFromTimeToTime) {
  ASSERT_TRUE(harness_.open());
  Log& log = *harness_.log("a", kA).value();
  harness_.append(log, 10);
  ASSERT_TRUE(log.set_log_start_offset(4));
  world_.run_for(130s);
  EXPECT_EQ(log.unflushed_bytes(), 0);
  const TopicPartition partition{"a", 0};
  EXPECT_EQ(
      read_offset_checkpoint(world_.disk(), kManaged + "/recovery-point-offset-checkpoint")->at(partition),
      10);
  EXPECT_EQ(read_offset_checkpoint(world_.disk(), kManaged + "/log-start-offset-checkpoint")->at(partition),
            4);
  reopen(true);
  EXPECT_EQ(harness_.log("a", kA).value()->log_start_offset(), 4);
  harness_.expect_records(*harness_.log("a", kA).value(), 10);
}

TEST_F(Manager, LogsThatAreFlushedTogetherShareTheirCheckpointsAndNoneIsLeftOut) {
  ASSERT_TRUE(harness_.open());
  constexpr PartitionIndex kLogs = 60;
  for (PartitionIndex index = 0; index < kLogs; ++index)
    harness_.append(*harness_.log("many", kA, index).value(), 1 + index % 7);
  ASSERT_TRUE(world_.run(harness_.manager().flush_all()));
  const auto saved = read_offset_checkpoint(world_.disk(), kManaged + "/recovery-point-offset-checkpoint");
  ASSERT_TRUE(saved);
  for (PartitionIndex index = 0; index < kLogs; ++index) {
    EXPECT_EQ(saved->at({"many", index}), 1 + index % 7) << index;
    EXPECT_EQ(harness_.log("many", kA, index).value()->unflushed_bytes(), 0);
  }
}

TEST_F(Manager, RetentionRunsByItself) {
  ASSERT_TRUE(harness_.open());
  LogConfig config;
  config.segment_bytes = 4096;
  config.retention_bytes = 8192;
  Log& log = *harness_.log("a", kA, 0, config).value();
  harness_.append(log, 40, 1000);
  world_.run_for(370s);  // with file.delete.delay.ms
  EXPECT_GT(log.log_start_offset(), 20);
  harness_.expect_records(log, 40);
}

// ST-20: nothing of a deleted topic is seen under its name again, wherever the old files stand.
TEST_F(Manager, ST_20_ARecreatedTopicNeverAdoptsOldFiles) {
  ASSERT_TRUE(harness_.open());
  Log& old = *harness_.log("a", kA).value();
  harness_.append(old, 30);
  ASSERT_TRUE(old.set_log_start_offset(25));
  ASSERT_TRUE(world_.run(harness_.manager().save_checkpoints()));
  ASSERT_TRUE(world_.run(harness_.manager().flush_all()));
  ASSERT_TRUE(world_.run(harness_.manager().remove({kA, 0})));
  EXPECT_FALSE(exists("a-0"));
  Log& fresh = *harness_.log("a", kAnew).value();
  EXPECT_EQ(fresh.end_offset().value(), 0);
  harness_.append(fresh, 3);
  reopen(true);
  Log& found = *harness_.log("a", kAnew).value();
  EXPECT_EQ(found.log_start_offset(), 0);
  harness_.expect_records(found, 3);
  EXPECT_EQ(harness_.manager().find({kA, 0}), nullptr);
  world_.run_for(10s);
  ASSERT_TRUE(world_.run(harness_.manager().flush_all()));
  EXPECT_EQ(harness_.folders(), std::vector<std::string>{"a-0"}) << "deleted files are gone in the end";
}

// The deletion did not reach this node before it died: the folder has the wrong id for its name.
// The deleted topic was another manager's, of another commit log, whose folder went offline before it could
// say so.
TEST_F(Manager, ST_20_ANewLogInheritsNoCheckpointThatAnotherManagerLeft) {
  ASSERT_TRUE(harness_.open());
  ASSERT_TRUE(world_.run(harness_.recovery_points().update(1, {{{"a", 0}, 50}})));
  ASSERT_TRUE(world_.run(harness_.log_starts().update(1, {{{"a", 0}, 8}})));
  harness_.append(*harness_.log("a", kAnew).value(), 10);
  ASSERT_TRUE(world_.run(harness_.manager().flush_all()));
  ASSERT_TRUE(world_.run(harness_.manager().save_checkpoints()));
  reopen(true);
  const auto log = harness_.log("a", kAnew);
  ASSERT_TRUE(log) << log.error().message;
  EXPECT_EQ((*log)->log_start_offset(), 0);
  harness_.expect_records(**log, 10);
}

TEST_F(Manager, ST_20_AFolderOfAnotherTopicIdIsPutAside) {
  ASSERT_TRUE(harness_.open());
  harness_.append(*harness_.log("a", kA).value(), 30);
  ASSERT_TRUE(harness_.close());
  ASSERT_TRUE(harness_.open());
  Log& fresh = *harness_.log("a", kAnew).value();
  EXPECT_EQ(fresh.end_offset().value(), 0);
  EXPECT_EQ(fresh.log_start_offset(), 0);
  harness_.append(fresh, 2);
  reopen(true);
  harness_.expect_records(*harness_.log("a", kAnew).value(), 2);
  ASSERT_TRUE(world_.run(harness_.manager().flush_all()));
  const auto folders = harness_.folders();
  ASSERT_EQ(folders.size(), 2U);
  EXPECT_EQ(folders[0], "a-0");
  EXPECT_TRUE(folders[1].starts_with("a-0.") && folders[1].ends_with("-stray")) << folders[1];
}

TEST_F(Manager, ST_20_WhatMetadataDoesNotKnowIsQuarantinedNotDeleted) {
  ASSERT_TRUE(harness_.open());
  harness_.append(*harness_.log("a", kA).value(), 3);
  harness_.append(*harness_.log("b", kB).value(), 4);
  ASSERT_TRUE(world_.run(harness_.manager().flush_all()));
  harness_.append(*harness_.log("never-flushed", kAnew).value(), 4);
  reopen(true);
  const auto put_aside =
      world_.run(harness_.manager().reconcile([](const TopicIdPartition& id) { return id.topic_id == kB; }));
  ASSERT_TRUE(put_aside) << put_aside.error().message;
  EXPECT_EQ(put_aside->size(), 1U);
  EXPECT_EQ(harness_.manager().find({kA, 0}), nullptr);
  EXPECT_NE(harness_.manager().find({kB, 0}), nullptr);
  const auto folders = harness_.folders();
  ASSERT_EQ(folders.size(), 2U);
  EXPECT_TRUE(folders[0].ends_with("-stray")) << folders[0];
  EXPECT_TRUE(exists(folders[0] + "/00000000000000000000.log"));
  EXPECT_EQ(folders[1], "b-0");
  // The commit log has forgotten them too, also after another crash.
  reopen(true);
  EXPECT_EQ(harness_.log("never-flushed", kAnew).value()->end_offset().value(), 0);
  EXPECT_EQ(harness_.log("a", kA).value()->end_offset().value(), 0);
  harness_.expect_records(*harness_.log("b", kB).value(), 4);
}

TEST_F(Manager, ST_20_PowerLossDuringDeletionAndRecreation) {
  Offset fresh_acknowledged = 0;
  bool removed = false;
  simulation::CrashPoints points;
  points.seed = 5;
  points.scenario = [&](simulation::World& world) {
    fresh_acknowledged = 0;
    removed = false;
    ManagerHarness harness(world);
    if (!harness.open()) return;
    auto& manager = harness.manager();
    const auto old = harness.log("a", kA);
    if (!old) return;
    for (int i = 0; i < 5; ++i) {
      static_cast<void>((*old)->append_as_leader(testing::make_batch({.value_size = 500}, i), {.now_ms = 1}));
      if (i == 2) static_cast<void>(world.run((*old)->flush()));
    }
    static_cast<void>((*old)->set_log_start_offset(3));
    static_cast<void>(world.run(manager.save_checkpoints()));
    removed = world.run(manager.remove({kA, 0})).has_value();
    if (!removed) return;
    const auto fresh = harness.log("a", kAnew);
    if (!fresh) return;
    for (int i = 0; i < 2; ++i) {
      static_cast<void>((*fresh)->append_as_leader(testing::make_batch({}, i), {.now_ms = 1}));
    }
    static_cast<void>(world.run((*fresh)->durable_end_offset().reaches(world.shard(0), 2)));
    fresh_acknowledged = (*fresh)->durable_end_offset().value();
    static_cast<void>(world.run((*fresh)->flush()));
  };
  points.recover = [&](simulation::World& world) {
    ManagerHarness harness(world);
    const Status opened = harness.open();
    ASSERT_TRUE(opened) << opened.error().message;
    EXPECT_TRUE(harness.manager().failures().empty());
    if (removed) EXPECT_EQ(harness.manager().find({kA, 0}), nullptr);
    const auto fresh = harness.log("a", kAnew);
    ASSERT_TRUE(fresh) << fresh.error().message;
    EXPECT_EQ((*fresh)->log_start_offset(), 0);
    EXPECT_GE((*fresh)->end_offset().value(), fresh_acknowledged);
    EXPECT_LE((*fresh)->end_offset().value(), 2);
    harness.expect_records(**fresh, (*fresh)->end_offset().value());
  };
  EXPECT_GT(simulation::enumerate_crash_points(points), 40U);
}

// ST-02, ST-10: power lost at every operation, also while the next start recovers.
TEST_F(Manager, ST_10_PowerLossAtEveryOperationAndAgainWhileLoading) {
  std::map<TopicId, Offset> acknowledged;
  simulation::CrashPoints points;
  points.seed = 6;
  points.again_in_recovery = true;
  const auto topic_of = [](TopicId id) { return id == kA ? "a" : "b"; };
  points.scenario = [&](simulation::World& world) {
    acknowledged.clear();
    ManagerHarness harness(world);
    harness.options.commit_log.capacity_bytes = 64 << 10;
    if (!harness.open()) return;
    for (int round = 0; round < 4; ++round) {
      for (const TopicId id : {kA, kB}) {
        const auto log = harness.log(topic_of(id), id);
        if (!log) return;
        const auto number = static_cast<int>((*log)->end_offset().value());
        const auto appended =
            (*log)->append_as_leader(testing::make_batch({.value_size = 2000}, number), {.now_ms = 1});
        if (!appended) return;
        if (!world.run((*log)->durable_end_offset().reaches(world.shard(0), appended->last_offset + 1)))
          return;
        acknowledged[id] = appended->last_offset + 1;
      }
      if (round % 2 == 1) static_cast<void>(world.run(harness.manager().flush_all()));
    }
  };
  points.recover = [&](simulation::World& world) {
    ManagerHarness harness(world);
    harness.options.commit_log.capacity_bytes = 64 << 10;
    const Status opened = harness.open();
    if (!world.machine(0).running()) return;
    ASSERT_TRUE(opened) << opened.error().message;
    for (const TopicId id : {kA, kB}) {
      const auto log = harness.log(topic_of(id), id);
      if (!world.machine(0).running()) return;
      ASSERT_TRUE(log) << log.error().message;
      EXPECT_GE((*log)->end_offset().value(), acknowledged[id]);
      if (world.machine(0).running()) harness.expect_records(**log, (*log)->end_offset().value());
      if (!world.machine(0).running()) return;
    }
    static_cast<void>(world.run(harness.manager().flush_all()));
  };
  EXPECT_GT(simulation::enumerate_crash_points(points), 40U);
}

TEST_F(Manager, ST_05_DamagedCheckpointsAreRebuilt) {
  ASSERT_TRUE(harness_.open());
  harness_.append(*harness_.log("a", kA).value(), 10);
  ASSERT_TRUE(world_.run(harness_.manager().flush_all()));
  for (const std::string name : {"recovery-point-offset-checkpoint", "log-start-offset-checkpoint"}) {
    for (const std::string_view text : {"", "garbage", "0\n5\na 0 10\n", "0\n1\na 0 x\n"}) {
      harness_.die(false);
      corrupt(kManaged + "/" + name, text);
      ASSERT_TRUE(harness_.open());
      ASSERT_FALSE(harness_.manager().load_report().notices.empty());
      EXPECT_NE(harness_.manager().load_report().notices[0].find(name), std::string::npos);
      harness_.expect_records(*harness_.log("a", kA).value(), 10);
      ASSERT_TRUE(world_.run(harness_.manager().save_checkpoints()));
    }
  }
}

TEST_F(Manager, ST_05_DamagedPartitionMetadataKeepsThePartitionOfflineAndNamesTheFile) {
  ASSERT_TRUE(harness_.open());
  harness_.append(*harness_.log("a", kA).value(), 10);
  harness_.append(*harness_.log("b", kB).value(), 5);
  ASSERT_TRUE(harness_.close());
  for (const std::string_view text : {"", "version: 0\n", "version: 0\ntopic_id: short\n"}) {
    corrupt(kManaged + "/a-0/partition.metadata", text);
    ASSERT_TRUE(harness_.open());
    const auto refused = harness_.log("a", kA);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, Errc::corrupt);
    EXPECT_NE(refused.error().message.find("a-0"), std::string::npos) << refused.error().message;
    harness_.expect_records(*harness_.log("b", kB).value(), 5);
    ASSERT_TRUE(harness_.close());
  }
}

// ST-04: one damaged partition does not stop the others, is not shortened, and can be deleted.
TEST_F(Manager, ST_04_ADamagedPartitionIsReportedAndTheOthersServe) {
  ASSERT_TRUE(harness_.open());
  harness_.append(*harness_.log("a", kA).value(), 10);
  harness_.append(*harness_.log("b", kB).value(), 5);
  ASSERT_TRUE(harness_.close());  // the commit log has nothing to mend it with
  ASSERT_TRUE(world_.disk().remove_file(kManaged + "/.kafka_cleanshutdown"));
  world_.drive().flip_bit(kManaged + "/a-0/00000000000000000000.log", 200, 1);
  ASSERT_TRUE(harness_.open());
  ASSERT_EQ(harness_.manager().failures().size(), 1U);
  EXPECT_EQ(harness_.manager().failures().begin()->first, (TopicIdPartition{kA, 0}));
  EXPECT_EQ(harness_.log("a", kA).error().code, Errc::corrupt);
  harness_.expect_records(*harness_.log("b", kB).value(), 5);
  ASSERT_TRUE(world_.run(harness_.manager().remove({kA, 0})));
  EXPECT_FALSE(exists("a-0"));
  EXPECT_EQ(harness_.log("a", kAnew).value()->end_offset().value(), 0);
}

// A bad sector in one partition: it is refused like a damaged one, and the folder stays online.
TEST_F(Manager, ST_04_APartitionThatCannotBeReadIsReportedAndTheOthersServe) {
  const std::string segment = kManaged + "/a-0/00000000000000000000.log";
  ASSERT_TRUE(harness_.open());
  harness_.append(*harness_.log("a", kA).value(), 10);
  harness_.append(*harness_.log("b", kB).value(), 5);
  ASSERT_TRUE(world_.run(harness_.manager().flush_all()));
  harness_.append(*harness_.log("a", kA).value(), 1);
  const auto before = world_.drive().contents(segment);
  world_.drive().fail_reads(segment, 200, 1);
  Offset end = 5;
  for (const bool crash : {true, false, true}) {
    if (crash) harness_.die(true);
    if (!crash) EXPECT_TRUE(harness_.close());
    ASSERT_TRUE(harness_.open());
    ASSERT_EQ(harness_.manager().failures().size(), 1U);
    const Error error = harness_.manager().failures().at({kA, 0});
    EXPECT_EQ(error.code, Errc::corrupt);
    EXPECT_NE(error.message.find(segment), std::string::npos) << error.message;
    EXPECT_EQ(harness_.log("a", kA).error().code, Errc::corrupt);
    end = harness_.append(*harness_.log("b", kB).value(), 5);
    ASSERT_TRUE(world_.run(harness_.manager().flush_all()));
    ASSERT_TRUE(world_.run(harness_.manager().save_checkpoints()));
    EXPECT_EQ(harness_.manager().offline(), nullptr);
  }
  harness_.expect_records(*harness_.log("b", kB).value(), end);
  EXPECT_EQ(world_.drive().contents(segment), before) << "nothing was cut";
  ASSERT_TRUE(world_.run(harness_.manager().remove({kA, 0})));
  EXPECT_EQ(harness_.log("a", kAnew).value()->end_offset().value(), 0);
}

TEST_F(Manager, ST_04_FilesBesideTheSegmentsThatCannotBeReadTakeNothingElseAway) {
  ASSERT_TRUE(harness_.open());
  harness_.append(*harness_.log("a", kA).value(), 10);
  harness_.append(*harness_.log("b", kB).value(), 5);
  ASSERT_TRUE(harness_.close());
  for (const std::string name : {"leader-epoch-checkpoint", "00000000000000000000.index",
                                 "00000000000000000010.snapshot", "partition.metadata"}) {
    world_.drive().fail_reads(kManaged + "/a-0/" + name, 0, 1);
    const Status opened = harness_.open();
    ASSERT_TRUE(opened) << name << ": " << opened.error().message;
    const auto log = harness_.log("a", kA);
    EXPECT_EQ(log.has_value(), name != "partition.metadata") << name;
    if (log) harness_.expect_records(**log, 10);
    harness_.expect_records(*harness_.log("b", kB).value(), 5);
    EXPECT_EQ(harness_.manager().offline(), nullptr) << name;
    if (log) ASSERT_TRUE(harness_.close()) << name;
  }
}

// A closed segment is not read by a start: who reads its records, and retention, find out.
TEST_F(Manager, ST_04_AClosedSegmentThatCannotBeReadIsAStorageErrorOfItsRecordsAlone) {
  LogConfig config;
  config.segment_bytes = 1000;
  config.retention_ms = -1;
  ASSERT_TRUE(harness_.open());
  const Offset end = harness_.append(*harness_.log("a", kA, 0, config).value(), 20);
  ASSERT_TRUE(harness_.close());
  const std::string stem = kManaged + "/a-0/00000000000000000000";
  world_.drive().fail_reads(stem + ".log", 0, 1);
  for (const bool indexed : {true, false}) {
    if (!indexed) ASSERT_TRUE(world_.disk().remove_file(stem + ".index"));
    ASSERT_TRUE(harness_.open());
    Log& log = *harness_.log("a", kA, 0, config).value();
    ASSERT_GT(log.segment_count(), 1U);
    const auto refused = world_.run(log.read(0, 1000, end, true));
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, LogErrorCode::kafka_storage_error);
    EXPECT_TRUE(world_.run(log.read(end - 1, 1000, end, true)));
    EXPECT_EQ(world_.run(harness_.manager().run_retention()).has_value(), indexed);
    EXPECT_EQ(harness_.manager().offline(), nullptr);
    EXPECT_EQ(harness_.append(log, 1), end + (indexed ? 1 : 2));
    ASSERT_TRUE(harness_.close());
  }
}

// The checkpoint that would tell is gone too: nothing in the commit log explains the damage, so it is no torn
// tail.
TEST_F(Manager, ST_04_DamageIsReportedAlsoWithoutTheCheckpoint) {
  ASSERT_TRUE(harness_.open());
  harness_.append(*harness_.log("a", kA).value(), 10);
  ASSERT_TRUE(harness_.close());
  ASSERT_TRUE(world_.disk().remove_file(kManaged + "/.kafka_cleanshutdown"));
  ASSERT_TRUE(world_.disk().remove_file(kManaged + "/recovery-point-offset-checkpoint"));
  world_.drive().flip_bit(kManaged + "/a-0/00000000000000000000.log", 200, 1);
  ASSERT_TRUE(harness_.open());
  ASSERT_EQ(harness_.manager().failures().size(), 1U);
  EXPECT_EQ(harness_.manager().failures().begin()->second.code, Errc::corrupt);
}

// The same while the commit log holds newer records, which must not close the gap.
TEST_F(Manager, ST_04_DamageBelowWhatTheCommitLogHoldsIsReported) {
  ASSERT_TRUE(harness_.open());
  harness_.append(*harness_.log("a", kA).value(), 10);
  ASSERT_TRUE(harness_.close());
  ASSERT_TRUE(harness_.open());
  harness_.append(*harness_.log("a", kA).value(), 3);
  harness_.die(true);
  ASSERT_TRUE(world_.disk().remove_file(kManaged + "/recovery-point-offset-checkpoint"));
  world_.drive().flip_bit(kManaged + "/a-0/00000000000000000000.log", 200, 1);
  ASSERT_TRUE(harness_.open());
  ASSERT_EQ(harness_.manager().failures().size(), 1U);
  EXPECT_EQ(harness_.manager().failures().begin()->second.code, Errc::corrupt);
}

// A commit log whose entries cover the damage mends it.
TEST_F(Manager, ST_04_DamageThatTheCommitLogCoversIsMended) {
  ASSERT_TRUE(harness_.open());
  harness_.append(*harness_.log("a", kA).value(), 10);
  ASSERT_TRUE(world_.run(harness_.manager().flush_all()));
  harness_.die(false);
  ASSERT_TRUE(world_.disk().remove_file(kManaged + "/recovery-point-offset-checkpoint"));
  world_.drive().flip_bit(kManaged + "/a-0/00000000000000000000.log", 200, 1);
  ASSERT_TRUE(harness_.open());
  EXPECT_TRUE(harness_.manager().failures().empty());
  harness_.expect_records(*harness_.log("a", kA).value(), 10);
}

TEST_F(Manager, ST_05_ADamagedCommitLogIsRefusedByName) {
  ASSERT_TRUE(harness_.open());
  harness_.append(*harness_.log("a", kA).value(), 1);
  harness_.append(*harness_.log("a", kA).value(), 1);
  harness_.append(*harness_.log("a", kA).value(), 1);
  harness_.die(false);
  world_.drive().flip_bit(kManaged + "/commit-log-0", 8192 + 100, 1);
  const Status opened = harness_.open();
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().code, Errc::corrupt);
  EXPECT_NE(opened.error().message.find("commit-log-0"), std::string::npos);
}

// ST-01, ST-09: the first failure of the device takes the folder offline.
TEST_F(Manager, ST_01_AFailedSyncTakesTheFolderOffline) {
  ASSERT_TRUE(harness_.open());
  Log& log = *harness_.log("a", kA).value();
  harness_.append(log, 2);
  world_.run_for(1s);
  std::string told;
  harness_.manager().on_offline([&](const Error& error) { told = error.message; });
  world_.drive().fail_next_sync("commit-log");
  ASSERT_TRUE(log.append_as_leader(testing::make_batch({}, 2), {.now_ms = 1}));
  EXPECT_FALSE(world_.run(log.durable_end_offset().reaches(world_.shard(0), 3)));
  world_.run_for(1s);
  ASSERT_NE(harness_.manager().offline(), nullptr);
  EXPECT_NE(told.find(kManaged), std::string::npos) << told;
  EXPECT_FALSE(log.append_as_leader(testing::make_batch({}, 3), {.now_ms = 1}));
  EXPECT_FALSE(harness_.log("b", kB));
  EXPECT_FALSE(harness_.close()) << "a folder that is offline is not marked clean";
  EXPECT_FALSE(exists(".kafka_cleanshutdown"));
  ASSERT_TRUE(harness_.open());
  Log& again = *harness_.log("a", kA).value();
  EXPECT_GE(again.end_offset().value(), 2);
  harness_.expect_records(again, again.end_offset().value());
}

// --- a stop that syncs the file system in place of files

// Logs of every kind: new ones, some that grow, one in the page cache, one with closed segments.
class CloseTogether : public Manager {
 protected:
  static constexpr PartitionIndex kLogs = 6;
  CloseTogether() { harness_.options.logs_closed_together = 2; }
  static LogConfig config_of(PartitionIndex partition) {
    LogConfig config;
    config.segment_bytes = 2000;
    config.retention_ms = -1;
    if (partition == 1) config.durability = Durability::page_cache;
    return config;
  }
  static Log& log_of(ManagerHarness& harness, PartitionIndex partition) {
    const auto log = harness.log("a", kA, partition, config_of(partition));
    if (!log) throw std::runtime_error(log.error().message);
    return **log;
  }
  static void fill(simulation::World& world, ManagerHarness& harness) {
    for (PartitionIndex i = 0; i < kLogs; ++i) harness.append(log_of(harness, i), 5 + i);
    ASSERT_TRUE(world.run(harness.manager().flush_all()));
    for (PartitionIndex i = 0; i < kLogs; ++i) harness.append(log_of(harness, i), 3 + 10 * i);
    harness.append(*harness.log("b", kB).value(), 7);  // in the commit log alone
  }
  // A power loss may take the end of a partition in the page cache.
  static void expect_whole_but_page_cache(simulation::World& world, ManagerHarness& harness) {
    for (PartitionIndex i = 0; i < kLogs; ++i) {
      const auto log = harness.log("a", kA, i, config_of(i));
      if (!world.machine(0).running()) return;
      ASSERT_TRUE(log) << i << ": " << log.error().message;
      const Offset end = i == 1 ? (*log)->end_offset().value() : 8 + 11 * i;
      EXPECT_GE(end, 5 + i) << i;
      harness.expect_records(**log, end);
    }
    const auto log = harness.log("b", kB);
    if (!world.machine(0).running()) return;
    ASSERT_TRUE(log) << log.error().message;
    harness.expect_records(**log, 7);
  }
  static void expect_whole(ManagerHarness& harness) {
    for (PartitionIndex i = 0; i < kLogs; ++i) harness.expect_records(log_of(harness, i), 8 + 11 * i);
    harness.expect_records(*harness.log("b", kB).value(), 7);
  }
};

TEST_F(CloseTogether, WhatWasClosedTogetherSurvivesAPowerLossAndNeedsNoRecovery) {
  ASSERT_TRUE(harness_.open());
  fill(world_, harness_);
  const std::uint64_t before = world_.drive().operations();
  ASSERT_TRUE(harness_.close());
  const std::uint64_t operations = world_.drive().operations() - before;
  EXPECT_TRUE(exists(".kafka_cleanshutdown"));
  world_.power_loss();
  world_.restart();
  ASSERT_TRUE(harness_.open());
  EXPECT_TRUE(harness_.directory().clean_shutdown());
  EXPECT_EQ(harness_.manager().load_report().replayed_entries, 0U);
  EXPECT_EQ(harness_.manager().logs().size(), 7U);
  expect_whole(harness_);
  ASSERT_TRUE(harness_.close());
  std::string all;
  for (const std::string& path : world_.drive().files()) all += path + "\n";
  EXPECT_EQ(all.find(".tmp"), std::string::npos) << all << operations;
}

TEST_F(CloseTogether, ST_02_PowerLossAtEveryOperationOfTheStop) {
  unsigned crashes = 0;
  for (std::uint64_t seed = 1; seed <= 3; ++seed) {
    for (std::uint64_t operation = 1;; ++operation) {
      simulation::World world(seed);
      ManagerHarness harness(world);
      harness.options.logs_closed_together = 2;
      ASSERT_TRUE(harness.open());
      fill(world, harness);
      world.drive().crash_after(operation);
      const bool closed = harness.close().has_value();
      if (world.machine(0).running()) {
        EXPECT_TRUE(closed);
        break;
      }
      ++crashes;
      world.restart();
      const Status opened = harness.open();
      ASSERT_TRUE(opened) << opened.error().message;
      ASSERT_TRUE(harness.manager().failures().empty())
          << harness.manager().failures().begin()->second.message;
      expect_whole_but_page_cache(world, harness);
      if (HasFailure()) FAIL() << "seed " << seed << ", operation " << operation;
    }
  }
  EXPECT_GT(crashes, 150U);
}

// Neither of the two syncs may fail and the folder be marked, and a later start finds all that was durable.
TEST_F(CloseTogether, ST_01_AFailedSyncOfTheFileSystemIsNoOrderlyStop) {
  for (const unsigned good : {0U, 1U}) {
    simulation::World world(good + 1);
    ManagerHarness harness(world);
    harness.options.logs_closed_together = 2;
    ASSERT_TRUE(harness.open());
    fill(world, harness);
    unsigned syncs = 0;
    world.drive().on_operation([&](std::string_view what, std::string_view, std::uint64_t, std::uint64_t) {
      if (what == "sync file system" && syncs++ == good) world.drive().fail_next_sync("(file system)");
    });
    EXPECT_FALSE(harness.close()) << good;
    EXPECT_EQ(syncs, good + 1);
    world.drive().on_operation({});
    EXPECT_FALSE(world.disk().exists(kManaged + "/.kafka_cleanshutdown").value());
    world.power_loss();
    world.restart();
    ASSERT_TRUE(harness.open());
    EXPECT_FALSE(harness.directory().clean_shutdown());
    ASSERT_TRUE(harness.manager().failures().empty()) << harness.manager().failures().begin()->second.message;
    expect_whole_but_page_cache(world, harness);
    ASSERT_TRUE(harness.close());
  }
}

TEST_F(CloseTogether, ST_07_AFullDiskIsToldAndTheOthersAreClosed) {
  ASSERT_TRUE(harness_.open());
  fill(world_, harness_);
  world_.drive().set_capacity(world_.drive().used_bytes() + 3000);
  const Status closed = harness_.close();
  ASSERT_FALSE(closed);
  EXPECT_EQ(closed.error().code, Errc::no_space);
  world_.drive().set_capacity(UINT64_MAX);
  ASSERT_TRUE(harness_.open());
  expect_whole(harness_);
}

TEST_F(Manager, ST_07_AFullDeviceStillDeletesAndGoesOnWhenThereIsSpace) {
  ASSERT_TRUE(harness_.open());
  Log& a = *harness_.log("a", kA).value();
  harness_.append(a, 20, 3000);
  ASSERT_TRUE(world_.run(harness_.manager().flush_all()));
  Log& b = *harness_.log("b", kB).value();
  world_.run_for(5s);
  world_.drive().set_capacity(world_.drive().used_bytes());
  harness_.append(b, 3, 3000);
  const Status flushed = world_.run(harness_.manager().flush_all());
  ASSERT_FALSE(flushed);
  EXPECT_EQ(flushed.error().code, Errc::no_space);
  EXPECT_EQ(harness_.manager().offline(), nullptr);
  harness_.expect_records(b, 3);
  ASSERT_TRUE(world_.run(harness_.manager().remove({kA, 0})));
  world_.run_for(5s);
  ASSERT_TRUE(world_.run(harness_.manager().flush_all()));
  harness_.expect_records(b, 3);
}

TEST_F(Manager, ADeletionThatWasUnderWayIsResumed) {
  ASSERT_TRUE(harness_.open());
  ASSERT_TRUE(harness_.close());
  const std::string left = kManaged + "/old-0.0123456789abcdef0123456789abcdef-delete";
  ASSERT_TRUE(world_.disk().create_directories(left));
  ASSERT_TRUE(
      runtime::write_file_atomically(world_.disk(), left + "/00000000000000000000.log", as_bytes("x")));
  ASSERT_TRUE(harness_.open());
  EXPECT_EQ(harness_.manager().load_report().deletions_resumed, 1U);
  world_.run_for(1s);
  EXPECT_FALSE(world_.disk().exists(left).value());
}

TEST_F(Manager, FoldersThatNameNoTopicIdAreNotAdopted) {
  ASSERT_TRUE(harness_.open());
  ASSERT_TRUE(harness_.close());
  ASSERT_TRUE(world_.disk().create_directories(kManaged + "/empty-0"));
  ASSERT_TRUE(world_.disk().create_directories(kManaged + "/full-3"));
  ASSERT_TRUE(world_.disk().create_directories(kManaged + "/lost+found"));
  ASSERT_TRUE(runtime::write_file_atomically(world_.disk(), kManaged + "/full-3/00000000000000000000.log",
                                             as_bytes("x")));
  ASSERT_TRUE(harness_.open());
  const auto folders = harness_.folders();
  ASSERT_EQ(folders.size(), 2U);
  EXPECT_TRUE(folders[0].starts_with("full-3.") && folders[0].ends_with("-stray")) << folders[0];
  EXPECT_EQ(folders[1], "lost+found");
  EXPECT_EQ(harness_.log("full", kA, 3).value()->end_offset().value(), 0);
}

// The node forgets what nobody claims right after every manager has loaded.
TEST_F(Manager, WhatWasLoadedIsClaimedBeforeTheFirstCheckpoint) {
  ASSERT_TRUE(harness_.open());
  Log& log = *harness_.log("a", kA).value();
  harness_.append(log, 10);
  ASSERT_TRUE(log.set_log_start_offset(4));
  ASSERT_TRUE(harness_.close());
  ASSERT_TRUE(harness_.open());
  harness_.log_starts().forget_unclaimed();
  ASSERT_TRUE(world_.run(harness_.log_starts().update(1, {{{"of-another-manager", 0}, 1}})));
  harness_.die(true);
  ASSERT_TRUE(harness_.open());
  EXPECT_EQ(harness_.log("a", kA).value()->log_start_offset(), 4);
}

TEST_F(Manager, ACommitLogWithOtherPartitionsIsRefused) {
  ASSERT_TRUE(harness_.open());
  harness_.append(*harness_.log("a", kA).value(), 1);
  harness_.die(false);
  harness_.options.owns = [](const TopicIdPartition&) { return false; };
  const Status opened = harness_.open();
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().code, Errc::mismatch);
  EXPECT_EQ(commit_log_count(world_.disk(), kManaged).value(), 1U);
}

TEST(PartitionFolders, NamesAreReadStrictly) {
  EXPECT_EQ(partition_of_name("a-b-12"), (TopicPartition{"a-b", 12}));
  for (const std::string_view name :
       {"", "a", "-1", "a-", "a-01", "a-x", "a-1x", "a--delete", "a-99999999999"}) {
    EXPECT_FALSE(partition_of_name(name)) << name;
  }
  EXPECT_EQ(stray_directory_name({"a", 1}, {1, 2}), "a-1.00000000000000010000000000000002-stray");
}

}  // namespace
}  // namespace moldau::storage
