// The log cleaner of a manager: which log, when, and what a start knows of it.
#include "compaction_fixture.h"
#include "unit/storage/log_manager_fixture.h"

namespace moldau::storage::testing {
namespace {

using namespace std::chrono_literals;

constexpr TopicId kTable{0x7ab1e, 1};
constexpr TopicId kOther{0x07e4, 1};

LogConfig compacted() {
  LogConfig config = CompactingLog::config_of(Durability::synced);
  config.min_cleanable_dirty_ratio = 0.5;
  return config;
}

class Cleaner : public ::testing::Test {
 protected:
  Cleaner() { harness.options.cleaner = {.backoff = 10s, .io_buffer_bytes = 1000}; }

  Log& open_log(LogConfig config = compacted(), const std::string& topic = "table", TopicId id = kTable) {
    auto log = harness.log(topic, id, 0, std::move(config));
    EXPECT_TRUE(log) << (log ? "" : log.error().message);
    return **log;
  }
  void write(Log& log, int count, int keys = 5) {
    for (int i = 0; i < count; ++i) {
      const Slice batch = make_keyed(
          {.records = {{"k" + std::to_string(number % keys), std::string(80, 'x') + std::to_string(number)}},
           .timestamp = world.wall_clock().now_ms()});
      ++number;
      const auto info = log.append_as_leader(batch, {.now_ms = world.wall_clock().now_ms()});
      ASSERT_TRUE(info) << info.error().message;
      ASSERT_TRUE(world.run(log.durable_end_offset().reaches(world.shard(0), info->last_offset + 1)));
    }
  }
  std::size_t records(Log& log) {
    return count_if(
        log, [](const record::BatchView& batch) { return static_cast<std::size_t>(batch.record_count()); });
  }
  // Of that key, with whatever value.
  std::size_t count_of(Log& log, std::string_view key) {
    record::Codecs codecs;
    return count_if(log, [&](const record::BatchView& batch) {
      std::size_t count = 0;
      record::RecordReader reader(batch, *record::uncompressed_records(batch, codecs, 1 << 20));
      for (record::RecordView record; *reader.next(record);) count += as_text(*record.key) == key ? 1 : 0;
      return count;
    });
  }
  std::size_t count_if(Log& log, const std::function<std::size_t(const record::BatchView&)>& of) {
    std::size_t count = 0;
    for (Offset at = log.log_start_offset(); at < log.end_offset().value();) {
      const auto piece = world.run(log.read(at, 1 << 20, 1LL << 60, true));
      EXPECT_TRUE(piece && !piece->batches.empty());
      if (!piece || piece->batches.empty()) return count;
      for (const Slice& slice : piece->batches) {
        record::BatchReader reader(slice);
        for (record::BatchView batch; *reader.next(batch);) count += of(batch);
      }
      at = piece->next_offset;
    }
    return count;
  }
  std::optional<Offset> checkpoint(const std::string& topic = "table") {
    const auto offsets =
        read_offset_checkpoint(world.disk(), kManaged + "/" + std::string(kCleanerCheckpoint));
    if (!offsets || !offsets->contains({topic, 0})) return std::nullopt;
    return offsets->at({topic, 0});
  }
  void reopen(bool power) {
    harness.die(power);
    const Status opened = harness.open();
    ASSERT_TRUE(opened) << opened.error().message;
  }

  simulation::World world{21};
  ManagerHarness harness{world};
  int number = 0;
};

TEST_F(Cleaner, CompactsWhatIsDirtyAndSaysSo) {
  ASSERT_TRUE(harness.open());
  Log& log = open_log();
  EXPECT_EQ(checkpoint(), 0) << "what is compacted is known before its first record";
  write(log, 100);
  world.run_for(30s);
  EXPECT_LT(records(log), 30u);
  EXPECT_GT(*log.first_dirty(), 80);
  EXPECT_EQ(checkpoint(), log.first_dirty());
  const CleanerStats& stats = harness.manager().cleaner_stats();
  EXPECT_GT(stats.passes, 0u);
  EXPECT_GT(stats.sum.bytes_read, stats.sum.bytes_written);
  EXPECT_GT(stats.sum.records_read, stats.sum.records_kept);
  EXPECT_EQ(stats.uncleanable, 0u);
}

TEST_F(Cleaner, LeavesOtherTopicsAlone) {
  ASSERT_TRUE(harness.open());
  LogConfig config = compacted();
  config.cleanup_compact = false;
  Log& log = open_log(config);
  write(log, 100);
  world.run_for(60s);
  EXPECT_EQ(records(log), 100u);
  EXPECT_EQ(checkpoint(), std::nullopt);
  EXPECT_EQ(harness.manager().cleaner_stats().passes, 0u);
}

TEST_F(Cleaner, DoesNothingWhenItIsOff) {
  harness.options.cleaner.enabled = false;
  ASSERT_TRUE(harness.open());
  Log& log = open_log();
  write(log, 100);
  world.run_for(60s);
  EXPECT_EQ(records(log), 100u);
}

TEST_F(Cleaner, WaitsForTheRatio) {
  ASSERT_TRUE(harness.open());
  Log& log = open_log();
  write(log, 100, 90);
  world.run_for(30s);
  const auto passes = harness.manager().cleaner_stats().passes;
  EXPECT_GT(passes, 0u);
  write(log, 20, 90);
  world.run_for(60s);
  EXPECT_EQ(harness.manager().cleaner_stats().passes, passes);
  EXPECT_GT(harness.manager().cleaner_stats().max_dirty_ratio, 0);
  write(log, 200, 90);
  world.run_for(60s);
  EXPECT_GT(harness.manager().cleaner_stats().passes, passes);
}

TEST_F(Cleaner, TheLongestLagOverridesTheRatioAndRollsTheSegment) {
  ASSERT_TRUE(harness.open());
  LogConfig config = compacted();
  config.min_cleanable_dirty_ratio = 1;
  config.max_compaction_lag_ms = 120'000;
  Log& log = open_log(config);
  write(log, 30);
  world.run_for(90s);
  EXPECT_EQ(records(log), 30u);
  world.run_for(60s);
  EXPECT_LT(records(log), 30u);
  const std::size_t before = log.segment_count();
  world.run_for(60s);
  write(log, 1);
  EXPECT_EQ(log.segment_count(), before + 1) << "KIP-354";
}

TEST_F(Cleaner, TheShortestLagProtectsWhatIsRecent) {
  ASSERT_TRUE(harness.open());
  LogConfig config = compacted();
  config.min_compaction_lag_ms = 100'000;
  Log& log = open_log(config);
  write(log, 60);
  world.run_for(60s);
  EXPECT_EQ(records(log), 60u);
  world.run_for(60s);
  EXPECT_LT(records(log), 60u);
}

TEST_F(Cleaner, NeverPassesTheHighWatermark) {
  ASSERT_TRUE(harness.open());
  harness.manager().set_high_watermark([](const TopicIdPartition&) { return Offset{0}; });
  Log& log = open_log();
  write(log, 100);
  world.run_for(60s);
  EXPECT_EQ(records(log), 100u);
}

TEST_F(Cleaner, GoesOnWhereItWasAfterAStart) {
  ASSERT_TRUE(harness.open());
  write(open_log(), 100);
  world.run_for(30s);
  const auto clean = checkpoint();
  ASSERT_GT(*clean, 50);
  for (const bool crash : {false, true}) {
    if (crash) {
      reopen(true);
    } else {
      ASSERT_TRUE(harness.close());
      ASSERT_TRUE(harness.open());
    }
    Log& log = open_log();
    EXPECT_EQ(log.first_dirty(), clean);
    EXPECT_EQ(log.end_offset().value(), 100);
    EXPECT_LT(records(log), 30u);
  }
}

// A topic whose policy changes: a start must know of it before anything is missing.
TEST_F(Cleaner, APolicyThatChangesIsSavedBeforeTheFirstSwap) {
  LogConfig config = compacted();
  config.durability = Durability::page_cache;
  LogConfig plain = config;
  plain.cleanup_compact = false;
  harness.options.recovery_point_interval = std::chrono::hours(1);
  ASSERT_TRUE(harness.open());
  Log& log = open_log(plain);
  write(log, 100);
  ASSERT_TRUE(world.run(harness.manager().flush_all()));
  log.configure(config);
  EXPECT_EQ(checkpoint(), std::nullopt);
  ASSERT_TRUE(world.run_until([&] { return *log.first_dirty() > 0; }, 60s));
  // As if power were lost before the pass was saved.
  EXPECT_NE(checkpoint(), std::nullopt);
  const std::size_t left = records(log);
  EXPECT_LT(left, 30u);
  reopen(true);
  EXPECT_TRUE(harness.manager().failures().empty());
  EXPECT_EQ(records(open_log(config)), left);
}

TEST_F(Cleaner, APolicyThatChangesIsSavedAtOnceWhenItsOwnerWaits) {
  LogConfig plain = compacted();
  plain.cleanup_compact = false;
  ASSERT_TRUE(harness.open());
  Log& log = open_log(plain);
  write(log, 3);
  log.configure(compacted());
  world.run(harness.manager().remember_compacted());
  EXPECT_EQ(checkpoint(), 0);
}

TEST_F(Cleaner, NewSettingsTakeEffectWhileItRuns) {
  harness.options.cleaner.bytes_per_second = 10;
  ASSERT_TRUE(harness.open());
  Log& log = open_log();
  write(log, 100);
  world.run_for(60s);
  EXPECT_EQ(*log.first_dirty(), 0);
  CleanerOptions faster = harness.options.cleaner;
  faster.bytes_per_second = IoThrottle::kUnlimited;
  harness.manager().set_cleaner(faster);
  // The piece that is under way was to take a while.
  EXPECT_TRUE(world.run_until([&] { return *log.first_dirty() > 80; }, std::chrono::hours(2)));
}

// What is written in the place of what was cut is dirty, also after a start.
TEST_F(Cleaner, ATruncationIsSaidBeforeItHappens) {
  for (const bool whole : {false, true}) {
    SCOPED_TRACE(whole);
    if (!harness.opened()) ASSERT_TRUE(harness.open());
    const TopicId id{0x7ab1eU + (whole ? 1 : 0), 2};
    const std::string topic = whole ? "whole" : "cut";
    Log* log = &open_log(compacted(), topic, id);
    write(*log, 100);
    world.run_for(30s);
    ASSERT_GT(*checkpoint(topic), 80);
    const auto cut =
        whole ? world.run(log->truncate_fully_and_start_at(40)) : world.run(log->truncate_to(40));
    ASSERT_TRUE(cut) << cut.error().message;
    const Offset end = log->end_offset().value();
    EXPECT_LE(*log->first_dirty(), end);
    EXPECT_LE(*checkpoint(topic), end);
    reopen(true);
    log = &open_log(compacted(), topic, id);
    EXPECT_LE(*log->first_dirty(), end);
  }
}

// Its tombstone goes only after what it deletes has gone.
TEST_F(Cleaner, WhatIsDeletedAfterATruncationDoesNotComeBack) {
  ASSERT_TRUE(harness.open());
  Log* log = &open_log();
  write(*log, 100);
  world.run_for(30s);
  ASSERT_GT(*log->first_dirty(), 80);
  ASSERT_TRUE(world.run(log->truncate_to(20)));
  const auto put = [&](const std::string& key, std::optional<std::string> value) {
    const TimestampMs now = world.wall_clock().now_ms();
    const auto info =
        log->append_as_leader(make_keyed({.records = {{key, value}}, .timestamp = now}), {.now_ms = now});
    ASSERT_TRUE(info && world.run(log->durable_end_offset().reaches(world.shard(0), info->last_offset + 1)));
  };
  put("gone", "value");
  put("gone", std::nullopt);
  const Offset deleted = log->end_offset().value();
  while (log->end_offset().value() < 90) put("other", "value");
  reopen(true);
  log = &open_log();
  for (int pass = 0; pass < 3; ++pass) {
    for (int i = 0; i < 200; ++i) put("k" + std::to_string(i % 7), "value");
    world.run_for(30s);
  }
  ASSERT_GT(*log->first_dirty(), deleted);
  EXPECT_EQ(count_of(*log, "gone"), 0u);
}

TEST_F(Cleaner, DamagedFilesKeepOneLogOutAndNotTheOthers) {
  ASSERT_TRUE(harness.open());
  Log& bad = open_log();
  Log& good = open_log(compacted(), "other", kOther);
  write(bad, 100);
  write(good, 100);
  ASSERT_TRUE(world.run(harness.manager().flush_all()));
  auto file =
      world.disk().open(kManaged + "/table-0/00000000000000000000.log", runtime::OpenMode::read_write);
  ASSERT_TRUE(file);
  const std::byte flipped[] = {std::byte{0x77}};
  ASSERT_TRUE((*file)->write_at(300, flipped));
  world.run_for(60s);
  EXPECT_LT(records(good), 30u);
  EXPECT_EQ(*bad.first_dirty(), 0);
  ASSERT_EQ(harness.manager().uncleanable().size(), 1u);
  EXPECT_TRUE(harness.manager().uncleanable().contains({kTable, 0}));
  EXPECT_EQ(harness.manager().cleaner_stats().uncleanable, 1u);
  EXPECT_EQ(harness.manager().offline(), nullptr);
}

TEST_F(Cleaner, AFullDiskIsWaitedFor) {
  ASSERT_TRUE(harness.open());
  Log& log = open_log();
  write(log, 100);
  ASSERT_TRUE(world.run(harness.manager().flush_all()));
  world.drive().set_capacity(0);
  world.run_for(60s);
  EXPECT_EQ(harness.manager().offline(), nullptr);
  EXPECT_EQ(log.poisoned(), nullptr);
  EXPECT_EQ(records(log), 100u);
  world.drive().set_capacity(1LL << 40);
  world.run_for(60s);
  EXPECT_LT(records(log), 30u);
}

TEST_F(Cleaner, RemovalAndCloseDoNotWaitForIt) {
  harness.options.cleaner.bytes_per_second = 500;
  ASSERT_TRUE(harness.open());
  Log& log = open_log();
  write(log, 100);
  write(open_log(compacted(), "other", kOther), 100);
  world.run_for(12s);
  const auto start = world.now();
  ASSERT_TRUE(world.run(harness.manager().remove({kTable, 0})));
  EXPECT_LT(world.now() - start, 2s);
  world.run_for(12s);
  const auto closing = world.now();
  ASSERT_TRUE(harness.close());
  EXPECT_LT(world.now() - closing, 2s);
  ASSERT_TRUE(harness.open());
  EXPECT_EQ(records(open_log(compacted(), "other", kOther)), 100u);
}

TEST_F(Cleaner, ANewTopicOfTheNameStartsAnew) {
  ASSERT_TRUE(harness.open());
  write(open_log(), 100);
  world.run_for(30s);
  ASSERT_GT(*checkpoint(), 0);
  ASSERT_TRUE(world.run(harness.manager().remove({kTable, 0})));
  EXPECT_EQ(checkpoint(), std::nullopt);
  Log& log = open_log(compacted(), "table", kOther);
  EXPECT_EQ(log.first_dirty(), 0);
  EXPECT_EQ(checkpoint(), 0);
}

// A follower's log has the gaps of its leader's. Before metadata says what it is, a start must know.
TEST_F(Cleaner, AFollowersGapsAreNoDamageAtAStart) {
  for (const bool power : {false, true}) {
    if (!harness.opened()) ASSERT_TRUE(harness.open());
    const TopicId id{power ? 0x9a1U : 0x9a0U, 1};
    const std::string topic = power ? "gaps-1" : "gaps-0";
    Log* log = &open_log(compacted(), topic, id);
    Offset next = 3;
    const auto follow = [&](int count) {
      for (int i = 0; i < count; ++i, next += 7) {
        const Slice batch = make_keyed({.records = {{"k" + std::to_string(next), std::string(90, 'y')}},
                                        .base_offset = next,
                                        .epoch = 0});
        ASSERT_TRUE(log->append_as_follower(batch, world.wall_clock().now_ms()));
        ASSERT_TRUE(world.run(log->durable_end_offset().reaches(world.shard(0), next + 1)));
      }
    };
    follow(30);
    ASSERT_TRUE(world.run(log->flush()));
    follow(10);
    reopen(power);
    EXPECT_TRUE(harness.manager().failures().empty());
    log = &open_log(compacted(), topic, id);
    EXPECT_EQ(records(*log), 40u);
    follow(3);
    EXPECT_EQ(records(*log), 43u);
    // The topic is not compacted any more: what it misses is still no damage.
    LogConfig plain = compacted();
    plain.cleanup_compact = false;
    reopen(power);
    log = &open_log(plain, topic, id);
    EXPECT_EQ(records(*log), 43u);
    follow(3);
    reopen(power);
    log = &open_log(plain, topic, id);
    EXPECT_EQ(records(*log), 46u);
  }
}

}  // namespace
}  // namespace moldau::storage::testing
