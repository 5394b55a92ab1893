#include "log_fixture.h"

namespace moldau::storage::testing {
namespace {

LogConfig with(Durability durability, std::int64_t segment_bytes = 1 << 20) {
  LogConfig config;
  config.durability = durability;
  config.segment_bytes = segment_bytes;
  config.index_interval_bytes = 256;
  return config;
}

class LogTest : public ::testing::TestWithParam<Durability> {
 protected:
  void append(int from, int to, std::size_t value_size = 20) {
    for (int i = from; i < to; ++i) {
      auto info = node.commit(make_batch({.value_size = value_size}, i));
      ASSERT_TRUE(info) << info.error().message;
      EXPECT_EQ(info->first_offset, i);
    }
  }
  simulation::World world{1};
  LogHarness node{world, with(GetParam())};
};

TEST_P(LogTest, HasNoFilesBeforeTheFirstRecord) {
  ASSERT_TRUE(node.open());
  EXPECT_FALSE(*world.disk().exists(kLogFolder));
  EXPECT_EQ(node.log->end_offset().value(), 0);
  EXPECT_TRUE(node.read(0)->batches.empty());
  ASSERT_TRUE(node.close());
  EXPECT_FALSE(*world.disk().exists(kLogFolder));
}

TEST_P(LogTest, GivesBackWhatWasAppended) {
  ASSERT_TRUE(node.open());
  append(0, 50);
  EXPECT_EQ(node.numbers(), sequence(0, 50));
  EXPECT_EQ(node.numbers(17), sequence(17, 50));
  ASSERT_TRUE(world.run(node.log->flush()));
  EXPECT_EQ(node.log->recovery_point(), 50);
  EXPECT_EQ(node.log->unflushed_bytes(), 0);
  EXPECT_EQ(node.numbers(), sequence(0, 50));
  append(50, 60);
  EXPECT_EQ(node.numbers(45), sequence(45, 60));
}

TEST_P(LogTest, StampsOffsetsAndLeaderEpoch) {
  ASSERT_TRUE(node.open());
  ASSERT_TRUE(node.commit(make_batch({.records = 3}), 4));
  auto info = node.commit(make_batch({.records = 2}), 5);
  ASSERT_TRUE(info);
  EXPECT_EQ(info->first_offset, 3);
  EXPECT_EQ(info->last_offset, 4);
  for (int round = 0; round < 2; ++round) {
    const auto piece = node.read(4);
    const auto batch = *record::BatchView::at(piece->batches.at(0));
    EXPECT_EQ(batch.base_offset(), 3);
    EXPECT_EQ(batch.partition_leader_epoch(), 5);
    EXPECT_TRUE(batch.crc_matches());
    ASSERT_TRUE(world.run(node.log->flush()));
  }
  EXPECT_EQ(node.log->offset_for_leader_epoch(4), (LeaderEpochCache::EpochEnd{4, 3}));
  EXPECT_EQ(node.log->offset_for_leader_epoch(5), (LeaderEpochCache::EpochEnd{5, 5}));
  EXPECT_EQ(node.log->offset_for_leader_epoch(6), (LeaderEpochCache::EpochEnd{}));
}

TEST_P(LogTest, ReadsUpToLimits) {
  ASSERT_TRUE(node.open());
  append(0, 20);
  for (int round = 0; round < 2; ++round) {
    const std::size_t one = node.read(0, 1)->batches.at(0).size();
    EXPECT_EQ(node.read(0, 1)->next_offset, 1);
    EXPECT_EQ(node.read(5, 3 * one)->next_offset, 8);
    EXPECT_EQ(size_of(node.read(5, 3 * one + 5)->batches), 3 * one);
    EXPECT_EQ(node.read(5, 1 << 20, 9)->next_offset, 9);
    EXPECT_TRUE(node.read(9, 1 << 20, 9)->batches.empty());
    EXPECT_TRUE(world.run(node.log->read(5, one - 1, 20, false))->batches.empty());
    EXPECT_TRUE(node.read(20)->batches.empty());
    EXPECT_EQ(node.read(21).error().code, LogErrorCode::offset_out_of_range);
    ASSERT_TRUE(world.run(node.log->flush()));
  }
}

TEST_P(LogTest, ReadsBatchesLargerThanAPiece) {
  node.config.max_message_bytes = 8 << 20;
  node.config.segment_bytes = 64 << 20;
  node.commit_log_bytes = 64 << 20;
  ASSERT_TRUE(node.open());
  append(0, 3, 3 << 20);
  EXPECT_EQ(node.numbers(), sequence(0, 3));
  ASSERT_TRUE(world.run(node.log->flush()));
  EXPECT_EQ(node.numbers(1), sequence(1, 3));
}

TEST_P(LogTest, SurvivesACleanShutdown) {
  ASSERT_TRUE(node.open());
  append(0, 50, 200);
  ASSERT_TRUE(node.close());
  ASSERT_TRUE(node.open());
  EXPECT_EQ(node.log->end_offset().value(), 50);
  EXPECT_EQ(node.log->durable_end_offset().value(), 50);
  append(50, 70, 200);
  EXPECT_EQ(node.numbers(), sequence(0, 70));
}

TEST_P(LogTest, SurvivesKill) {
  ASSERT_TRUE(node.open());
  append(0, 30, 200);
  ASSERT_TRUE(world.run(node.log->flush()));
  append(30, 40, 200);
  const Status status = node.crash(false);
  ASSERT_TRUE(status) << status.error().message;
  EXPECT_EQ(node.numbers(), sequence(0, 40));
  append(40, 45, 200);
  EXPECT_EQ(node.numbers(), sequence(0, 45));
}

TEST_P(LogTest, RollsBySizeAndReadsAcrossSegments) {
  node.config.segment_bytes = 2000;
  ASSERT_TRUE(node.open());
  append(0, 60, 200);
  EXPECT_GT(node.log->segment_count(), 5u);
  EXPECT_EQ(node.numbers(), sequence(0, 60));
  ASSERT_TRUE(world.run(node.log->flush()));
  EXPECT_EQ(node.numbers(), sequence(0, 60));
  ASSERT_TRUE(node.close());
  ASSERT_TRUE(node.open());
  EXPECT_EQ(node.numbers(3), sequence(3, 60));
}

TEST_P(LogTest, RollsByTime) {
  node.config.segment_ms = 1000;
  ASSERT_TRUE(node.open());
  ASSERT_TRUE(node.commit(make_batch({.timestamp = 5000})));
  ASSERT_TRUE(node.commit(make_batch({.timestamp = 6000})));
  EXPECT_EQ(node.log->segment_count(), 1u);
  ASSERT_TRUE(node.commit(make_batch({.timestamp = 6001})));
  EXPECT_EQ(node.log->segment_count(), 2u);
}

TEST_P(LogTest, TruncatesWhereverTheOffsetLies) {
  node.config.segment_bytes = 2000;
  for (const Offset cut : {Offset{39}, Offset{38}, Offset{21}, Offset{20}, Offset{7}, Offset{1}, Offset{0}}) {
    SCOPED_TRACE(cut);
    ASSERT_TRUE(node.open());
    append(static_cast<int>(node.log->end_offset().value()), 20, 200);
    ASSERT_TRUE(world.run(node.log->flush()));
    append(20, 40, 200);
    ASSERT_TRUE(world.run(node.log->truncate_to(cut)));
    EXPECT_EQ(node.log->end_offset().value(), cut);
    EXPECT_EQ(node.log->durable_end_offset().value(), cut);
    EXPECT_EQ(node.numbers(), sequence(0, static_cast<int>(cut)));
    const Status status = node.crash(true);
    ASSERT_TRUE(status) << status.error().message;
    EXPECT_EQ(node.numbers(), sequence(0, static_cast<int>(cut)));
    append(static_cast<int>(cut), 42, 200);
    EXPECT_EQ(node.numbers(), sequence(0, 42));
    ASSERT_TRUE(world.run(node.log->truncate_to(std::min<Offset>(cut, 15))));
    ASSERT_TRUE(node.close());
  }
}

TEST_P(LogTest, StartsAnewAtAnOffset) {
  ASSERT_TRUE(node.open());
  append(0, 10);
  ASSERT_TRUE(world.run(node.log->truncate_fully_and_start_at(100)));
  EXPECT_EQ(node.log->log_start_offset(), 100);
  EXPECT_EQ(node.commit(make_batch({}, 100))->first_offset, 100);
  ASSERT_TRUE(node.crash(true));
  EXPECT_EQ(node.log->log_start_offset(), 100);
  EXPECT_EQ(node.log->end_offset().value(),
            GetParam() == Durability::synced ? 101 : node.log->end_offset().value());
  EXPECT_EQ(node.read(5).error().code, LogErrorCode::offset_out_of_range);
}

// Readers were at the device when the log lost its segments, and began to look again before it had another.
TEST_P(LogTest, ReadersOfALogThatIsBegunAnewFindNothing) {
  simulation::Options options;
  options.disk.faults.cache_miss = 1;
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    simulation::World its(seed, options);
    LogHarness log{its, with(GetParam())};
    ASSERT_TRUE(log.open());
    for (int i = 0; i < 10; ++i) ASSERT_TRUE(log.commit(make_batch({}, i)));
    ASSERT_TRUE(log.close());
    ASSERT_TRUE(log.open());
    std::vector<runtime::Task<LogResult<ReadResult>>> reads;
    auto emptied = log.log->truncate_fully_and_start_at(100);
    while (!emptied.ended()) {
      reads.push_back(log.log->read(5, 1 << 16, 1LL << 60, true));
      ASSERT_TRUE(its.run_for(std::chrono::microseconds(50)));
    }
    EXPECT_TRUE(std::move(emptied).take());
    for (auto& read : reads) {
      ASSERT_TRUE(its.run_until([&] { return read.ended(); }, std::chrono::seconds(10)));
      const auto result = std::move(read).take();
      if (!result) EXPECT_EQ(result.error().code, LogErrorCode::offset_out_of_range);
    }
    ASSERT_TRUE(log.close());
  }
}

TEST_P(LogTest, DeletesRecordsForwardOnly) {
  ASSERT_TRUE(node.open());
  append(0, 10);
  ASSERT_TRUE(node.log->set_log_start_offset(4));
  ASSERT_TRUE(node.log->set_log_start_offset(2));
  EXPECT_EQ(node.log->log_start_offset(), 4);
  EXPECT_EQ(node.read(3).error().code, LogErrorCode::offset_out_of_range);
  EXPECT_EQ(node.numbers(4), sequence(4, 10));
  EXPECT_EQ(node.log->set_log_start_offset(11).error().code, LogErrorCode::offset_out_of_range);
}

TEST_P(LogTest, RetentionDropsWholeSegments) {
  node.config.segment_bytes = 2000;
  node.config.retention_ms = 1000;
  node.config.file_delete_delay_ms = 500;
  ASSERT_TRUE(node.open());
  append(0, 40, 200);
  const auto segments = node.log->segment_count();
  EXPECT_EQ(*world.run(node.log->run_retention(1500, 40)), 0u);
  EXPECT_EQ(*world.run(node.log->run_retention(5000, 0)), 0u) << "nothing above the high watermark goes";
  EXPECT_EQ(*world.run(node.log->run_retention(5000, 40)), segments);
  EXPECT_EQ(node.log->segment_count(), 1u);
  EXPECT_EQ(node.log->log_start_offset(), 40);
  append(40, 45, 200);
  EXPECT_EQ(node.numbers(40), sequence(40, 45));
  world.run_for(runtime::milliseconds(1000));
  for (const std::string& file : world.drive().files())
    EXPECT_EQ(file.find(".deleted"), std::string::npos) << file;
  ASSERT_TRUE(node.crash(true));
  EXPECT_EQ(node.log->log_start_offset(), 40);
}

TEST_P(LogTest, RetentionBySizeAndLogStart) {
  node.config.segment_bytes = 2000;
  node.config.retention_ms = -1;
  node.config.retention_bytes = 6000;
  ASSERT_TRUE(node.open());
  append(0, 60, 200);
  EXPECT_GT(*world.run(node.log->run_retention(5000, 60)), 0u);
  EXPECT_GE(node.log->size_bytes(), 6000);
  EXPECT_LT(node.log->size_bytes(), 8100);
  ASSERT_TRUE(node.log->set_log_start_offset(59));
  node.config.retention_bytes = -1;
  node.log->configure(node.config);
  EXPECT_GT(*world.run(node.log->run_retention(5000, 60)), 0u);
  EXPECT_LE(node.log->segment_count(), 2u);
  EXPECT_EQ(node.numbers(59), sequence(59, 60));
}

TEST_P(LogTest, RemoveLeavesNothing) {
  ASSERT_TRUE(node.open());
  append(0, 10);
  ASSERT_TRUE(world.run(node.log->flush()));
  append(10, 12);
  ASSERT_TRUE(world.run(node.log->remove()));
  node.log.reset();
  world.run_until_idle();
  EXPECT_FALSE(*world.disk().exists(kLogFolder));
  for (const std::string& file : world.drive().files())
    EXPECT_EQ(file.find("cities"), std::string::npos) << file;
}

TEST_P(LogTest, FollowerAppendsKeepOffsets) {
  ASSERT_TRUE(node.open());
  Buffer batches;
  for (int i = 0; i < 5; ++i) {
    batches.append(make_batch({.records = 2, .base_offset = 2 * i, .epoch = i / 2}, 2 * i).view());
  }
  batches.append(make_batch({.base_offset = 10, .epoch = 3}).view().first(40));
  const Slice fetched = std::move(batches).to_slice();
  auto info = node.log->append_as_follower(fetched, 1);
  ASSERT_TRUE(info) << info.error().message;
  EXPECT_EQ(info->last_offset, 9);
  EXPECT_EQ(node.numbers(), sequence(0, 10));
  EXPECT_EQ(node.log->latest_epoch(), 2);
  EXPECT_TRUE(node.log->append_as_follower(fetched, 1));
  EXPECT_EQ(node.log->end_offset().value(), 10) << "what was there before is skipped";
  EXPECT_FALSE(node.log->append_as_follower(make_batch({.base_offset = 4}).cut(0, 61), 1)->record_count);
}

TEST_P(LogTest, DurabilityChangesWhileItRuns) {
  ASSERT_TRUE(node.open());
  int next = 0;
  for (const Durability durability :
       {Durability::page_cache, Durability::synced, Durability::page_cache, Durability::synced}) {
    node.config.durability = durability;
    node.log->configure(node.config);
    append(next, next + 10);
    next += 10;
  }
  world.run_until_idle();
  append(next, next + 5);
  ASSERT_TRUE(node.crash(true));
  EXPECT_EQ(node.numbers(), sequence(0, next + 5));
}

INSTANTIATE_TEST_SUITE_P(Durability, LogTest, ::testing::Values(Durability::synced, Durability::page_cache),
                         [](const auto& info) {
                           return std::string(info.param == Durability::synced ? "Synced" : "PageCache");
                         });

TEST(LogEpochs, ThatKnowLessThanTheFilesAreMadeAnew) {
  simulation::World world(1);
  LogHarness harness(world);
  ASSERT_TRUE(harness.open());
  for (const LeaderEpoch epoch : {3, 3, 4, 5})
    ASSERT_TRUE(harness.commit(make_batch({.records = 10}), epoch));
  const std::vector<EpochEntry> epochs = harness.log->epochs().entries();
  EXPECT_EQ(epochs, (std::vector<EpochEntry>{{3, 0}, {4, 20}, {5, 30}}));
  ASSERT_TRUE(harness.close());
  // Records below 35 were deleted, and a power loss has brought them back.
  ASSERT_TRUE(write_epoch_checkpoint(world.disk(), kLogFolder + "/leader-epoch-checkpoint", {{5, 35}}));
  ASSERT_TRUE(harness.open());
  EXPECT_EQ(harness.log->epochs().entries(), epochs);
  EXPECT_EQ(harness.log->offset_for_leader_epoch(3).end_offset, 20);
  ASSERT_TRUE(harness.close());
  // Deleted, they are not missed.
  ASSERT_TRUE(write_epoch_checkpoint(world.disk(), kLogFolder + "/leader-epoch-checkpoint", {{5, 35}}));
  harness.log_start = 35;
  ASSERT_TRUE(harness.open());
  EXPECT_EQ(harness.log->epochs().entries(), (std::vector<EpochEntry>{{5, 35}}));
}

}  // namespace
}  // namespace moldau::storage::testing
