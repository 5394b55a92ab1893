// The rows ST-01 to ST-25 of reliability.md 2.1 that concern one log of one node.
#include "log_fixture.h"

namespace moldau::storage::testing {
namespace {

class StorageRows : public ::testing::Test {
 protected:
  StorageRows() {
    node.config.segment_bytes = 4000;
    node.config.index_interval_bytes = 300;
    node.config.retention_ms = -1;
  }
  void append(int from, int to, std::size_t value_size = 100) {
    for (int i = from; i < to; ++i) {
      auto info = node.commit(make_batch({.value_size = value_size}, i));
      ASSERT_TRUE(info) << info.error().message;
    }
  }
  void flush() {
    const Status status = world.run(node.log->flush());
    ASSERT_TRUE(status) << status.error().message;
  }
  void page_cache() { node.config.durability = Durability::page_cache; }
  std::string segment(Offset base) { return file_path(kLogFolder, base, kLogSuffix); }
  void reopen(bool power) {
    const Status status = node.crash(power);
    ASSERT_TRUE(status) << status.error().message;
  }

  simulation::World world{3};
  LogHarness node{world};
};

TEST_F(StorageRows, ST_01_AFailedSyncOfTheCommitLogIsNeverAcknowledged) {
  ASSERT_TRUE(node.open());
  append(0, 5);
  world.drive().fail_next_sync("commit-log");
  EXPECT_FALSE(node.commit(make_batch({}, 5)));
  EXPECT_NE(node.log->poisoned(), nullptr);
  EXPECT_TRUE(node.log->durable_end_offset().closed());
  EXPECT_EQ(node.log->durable_end_offset().value(), 5);
  EXPECT_EQ(node.append(make_batch({}, 6)).error().code, LogErrorCode::kafka_storage_error);
  EXPECT_EQ(node.read(0)->first_offset, 0) << "reads go on";
  reopen(true);
  const auto found = node.numbers();
  EXPECT_EQ(std::vector<int>(found.begin(), found.begin() + 5), sequence(0, 5));
  append(static_cast<int>(node.log->end_offset().value()), 9);
}

TEST_F(StorageRows, ST_01_AFailedSyncOfASegmentPoisonsTheLog) {
  for (const bool power : {false, true}) {
    ASSERT_TRUE(node.open());
    const int first = static_cast<int>(node.log->end_offset().value());
    append(first, first + 5);
    world.drive().fail_next_sync(".log");
    EXPECT_FALSE(world.run(node.log->flush()));
    EXPECT_FALSE(world.run(node.log->flush())) << "the next sync would succeed, and prove nothing";
    EXPECT_FALSE(node.append(make_batch({}, 99)));
    reopen(power);
    EXPECT_EQ(node.numbers(), sequence(0, first + 5));
    node.drop();
  }
}

TEST_F(StorageRows, ST_03_KillWithinAnAppendCutsTheTornTail) {
  page_cache();
  ASSERT_TRUE(node.open());
  append(0, 8);
  const Slice torn = make_batch({.base_offset = 8}, 8);
  const auto file = *world.disk().open(segment(0), runtime::OpenMode::read_write);
  for (const std::size_t length : {std::size_t{1}, std::size_t{40}, torn.size() - 1}) {
    SCOPED_TRACE(length);
    const auto other = *world.disk().open(segment(0), runtime::OpenMode::read_write);
    ASSERT_TRUE(
        other->write_at(static_cast<std::uint64_t>(node.log->size_bytes()), torn.view().first(length)));
    reopen(false);
    EXPECT_EQ(node.numbers(), sequence(0, 8));
    EXPECT_EQ(static_cast<std::int64_t>(world.drive().contents(segment(0))->size()), node.log->size_bytes());
  }
}

TEST_F(StorageRows, ST_04_ABitFlipInAClosedSegmentIsReported) {
  ASSERT_TRUE(node.open());
  append(0, 100);
  ASSERT_TRUE(node.close());
  ASSERT_TRUE(node.open());
  const std::uint64_t size = world.drive().contents(segment(0))->size();
  world.drive().flip_bit(segment(0), size / 2, 3);
  std::size_t good = 0;
  LogResult<ReadResult> piece = node.read(0);
  while (piece && !piece->batches.empty()) {
    good = static_cast<std::size_t>(piece->next_offset);
    piece = node.read(piece->next_offset);
  }
  ASSERT_FALSE(piece);
  EXPECT_EQ(piece.error().code, LogErrorCode::corrupt_message);
  EXPECT_NE(piece.error().message.find("00000000000000000000.log"), std::string::npos)
      << piece.error().message;
  EXPECT_GT(good, 5u) << "what comes before it can be read";
  EXPECT_EQ(node.numbers(90), sequence(90, 100)) << "and what comes after";
  EXPECT_EQ(node.log->end_offset().value(), 100) << "nothing was cut";
}

TEST_F(StorageRows, ST_04_ABitFlipInALengthIsReported) {
  node.config.segment_bytes = 1 << 20;
  ASSERT_TRUE(node.open());
  append(0, 20);
  flush();
  world.drive().flip_bit(segment(0), 3 * make_batch({.value_size = 100}).size() + record::kLengthAt + 1, 0);
  const auto damaged = node.read(3);
  ASSERT_FALSE(damaged);
  EXPECT_EQ(damaged.error().code, LogErrorCode::corrupt_message);
}

TEST_F(StorageRows, ST_04_ABitFlipBelowTheRecoveryPointStopsRecovery) {
  ASSERT_TRUE(node.open());
  append(0, 20);
  flush();
  append(20, 22);
  world.drive().flip_bit(segment(0), 700, 3);
  const auto before = world.drive().contents(segment(0));
  const Status status = node.crash(false);
  ASSERT_FALSE(status);
  EXPECT_EQ(status.error().code, Errc::corrupt);
  EXPECT_NE(status.error().message.find(segment(0)), std::string::npos) << status.error().message;
  EXPECT_EQ(world.drive().contents(segment(0)), before) << "nothing was cut";
}

TEST_F(StorageRows, ST_04_ABitFlipWithWholeBatchesAfterItIsNoTornTail) {
  page_cache();
  ASSERT_TRUE(node.open());
  append(0, 20);
  world.drive().flip_bit(segment(0), 700, 3);
  const Status status = node.crash(false);
  ASSERT_FALSE(status);
  EXPECT_EQ(status.error().code, Errc::corrupt);
}

// A sector whose older version, with no more than the header, was written back, torn right behind that.
TEST_F(StorageRows, ST_03_RecordsThatBeginWithAZeroAreATornTail) {
  page_cache();
  ASSERT_TRUE(node.open());
  append(0, 20);
  const std::byte zero[] = {std::byte{0}};
  const std::size_t records = 7 * make_batch({.value_size = 100}).size() + record::kHeaderSize;
  ASSERT_TRUE((*world.disk().open(segment(0), runtime::OpenMode::read_write))->write_at(records, zero));
  reopen(false);
  EXPECT_EQ(node.numbers(), sequence(0, 7));
}

// A sector that begins within the base offset of the first batch that was not synced, with its beginning
// lost: of offset 300 the byte 44 is left.
TEST_F(StorageRows, ST_03_ABaseOffsetThatLostItsFirstBytesIsATornTail) {
  page_cache();
  node.config.segment_bytes = 1 << 20;
  ASSERT_TRUE(node.open());
  append(0, 320, 10);
  const std::byte zeros[7] = {};
  const std::size_t at = 300 * make_batch({.value_size = 10}, 300).size();
  ASSERT_EQ(make_batch({.value_size = 10}, 0).size(), make_batch({.value_size = 10}, 300).size());
  ASSERT_TRUE((*world.disk().open(segment(0), runtime::OpenMode::read_write))->write_at(at, zeros));
  reopen(false);
  EXPECT_EQ(node.numbers(), sequence(0, 300));
}

TEST_F(StorageRows, ST_04_ABaseOffsetWithOtherBytesIsNoTornTail) {
  page_cache();
  node.config.segment_bytes = 1 << 20;
  ASSERT_TRUE(node.open());
  append(0, 320, 10);
  const std::size_t at = 300 * make_batch({.value_size = 10}, 300).size();
  world.drive().flip_bit(segment(0), at + 7, 2);  // 300 becomes 296
  const Status status = node.crash(false);
  ASSERT_FALSE(status);
  EXPECT_EQ(status.error().code, Errc::corrupt);
}

// A read that looks for a record behind such a batch must not go on in the next segment.
TEST_F(StorageRows, ST_04_ALengthThatReachesBeyondItsSegmentIsReportedNotSkipped) {
  ASSERT_TRUE(node.open());
  append(0, 60);
  flush();
  ASSERT_GT(node.log->segment_count(), 1u);
  const std::size_t batch = make_batch({.value_size = 100}).size();
  const std::size_t batches = world.drive().contents(segment(0))->size() / batch;
  const auto last = static_cast<Offset>(batches - 1);
  for (const unsigned byte : {1u, 2u}) {  // a length of 16 MB, and one of 256 bytes and more
    world.drive().flip_bit(segment(0), (batches - 2) * batch + record::kLengthAt + byte, byte == 1 ? 0 : 3);
    for (const Offset from : {last - 1, last}) {
      const auto damaged = node.read(from);
      ASSERT_FALSE(damaged) << "read from " << from << " gave records from " << damaged->first_offset;
      EXPECT_EQ(damaged.error().code, LogErrorCode::corrupt_message);
    }
    world.drive().flip_bit(segment(0), (batches - 2) * batch + record::kLengthAt + byte, byte == 1 ? 0 : 3);
  }
  EXPECT_EQ(node.numbers(last - 1), sequence(static_cast<int>(last) - 1, 60));
}

TEST_F(StorageRows, ST_04_WhatTheCommitLogStillHasIsHealed) {
  ASSERT_TRUE(node.open());
  append(0, 20);
  node.context->save_recovery_points = []() -> runtime::Task<Status> {
    co_return fail(Errc::no_space, "no checkpoint");
  };
  EXPECT_FALSE(world.run(node.log->flush())) << "written, but the recovery point stays";
  world.drive().flip_bit(segment(0), 700, 3);
  reopen(false);
  EXPECT_EQ(node.numbers(), sequence(0, 20));
}

// One byte of one file changed, cut off, or all of it gone: the log opens with all records, or names the
// file.
TEST_F(StorageRows, ST_05_EveryByteOfEveryMetadataFile) {
  ASSERT_TRUE(node.open());
  append(0, 50);
  ASSERT_TRUE(node.commit(make_batch({.producer = {9, 0, 0}}, 50)));
  ASSERT_TRUE(node.close());
  const auto image = world.drive().dump();
  const auto attempt = [&](const std::string& file, auto change) {
    world.power_loss();
    world.drive().copy_from(image);
    world.restart();
    auto bytes = *world.drive().contents(file);
    change(bytes);
    {
      const auto handle = *world.disk().open(file, runtime::OpenMode::read_write);
      ASSERT_TRUE(handle->truncate(0));
      ASSERT_TRUE(handle->write_at(0, bytes));
    }
    const Status status = node.open();
    if (!status) {
      EXPECT_TRUE(file.ends_with("partition.metadata") || file == kRecoveryPoints) << status.error().message;
      EXPECT_NE(status.error().message.find(file), std::string::npos) << status.error().message;
    } else {
      EXPECT_EQ(node.numbers(), sequence(0, 51)) << file;
      EXPECT_EQ(node.log->latest_epoch(), 0);
      EXPECT_TRUE(node.commit(make_batch({.producer = {9, 0, 0}}, 50))->duplicate);
    }
    node.drop();
  };
  std::size_t files = 0;
  for (const std::string& file : world.drive().files()) {
    if (!file.starts_with(kLogFolder) || file.ends_with(".log")) continue;
    SCOPED_TRACE(file);
    ++files;
    const std::size_t size = world.drive().contents(file)->size();
    attempt(file, [](auto& bytes) { bytes.clear(); });
    for (std::size_t at = 0; at < size && !HasFailure(); at += 1 + size / 60) {
      SCOPED_TRACE(at);
      attempt(file, [&](auto& bytes) { bytes[at] ^= std::byte{0x55}; });
      attempt(file, [&](auto& bytes) { bytes.resize(at); });
    }
  }
  EXPECT_GE(files, 6u);
}

TEST_F(StorageRows, ST_05_MissingFilesAreRebuilt) {
  ASSERT_TRUE(node.open());
  append(0, 50);
  ASSERT_TRUE(node.close());
  for (const std::string& file : world.drive().files()) {
    const bool kept = file.ends_with(".log") || !file.starts_with(kLogFolder);
    if (!kept) ASSERT_TRUE(world.disk().remove_file(file));
  }
  ASSERT_TRUE(node.open());
  EXPECT_EQ(node.numbers(), sequence(0, 50));
  EXPECT_EQ(node.log->latest_epoch(), 0);
  flush();
  ASSERT_TRUE(node.close());
  EXPECT_TRUE(*world.disk().exists(file_path(kLogFolder, 0, kOffsetIndexSuffix)));
}

TEST_F(StorageRows, ST_05_AnEmptiedSegmentIsNoEmptyLog) {
  ASSERT_TRUE(node.open());
  append(0, 20);
  flush();
  ASSERT_TRUE((*world.disk().open(segment(0), runtime::OpenMode::read_write))->truncate(0));
  const Status status = node.crash(false);
  ASSERT_FALSE(status);
  EXPECT_EQ(status.error().code, Errc::corrupt);
}

TEST_F(StorageRows, ST_07_AFullDiskInThePageCache) {
  page_cache();
  ASSERT_TRUE(node.open());
  append(0, 10);
  world.drive().set_capacity(world.drive().used_bytes() + 50);
  const auto refused = node.append(make_batch({.value_size = 100}, 10));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, LogErrorCode::kafka_storage_error);
  EXPECT_EQ(refused.error().cause, Errc::no_space);
  EXPECT_EQ(node.log->end_offset().value(), 10);
  EXPECT_EQ(node.numbers(), sequence(0, 10));
  world.drive().set_capacity(1 << 30);
  append(10, 12);
  reopen(false);
  EXPECT_EQ(node.numbers(), sequence(0, 12));
}

TEST_F(StorageRows, ST_07_AFullDiskBehindTheCommitLog) {
  ASSERT_TRUE(node.open());
  append(0, 10);
  world.drive().set_capacity(world.drive().used_bytes() + 100);
  const Status full = world.run(node.log->flush());
  ASSERT_FALSE(full);
  EXPECT_EQ(full.error().code, Errc::no_space);
  EXPECT_EQ(node.log->poisoned(), nullptr);
  append(10, 12);
  EXPECT_EQ(node.numbers(), sequence(0, 12)) << "the commit log has its place already";
  world.drive().set_capacity(1 << 30);
  flush();
  EXPECT_EQ(node.log->recovery_point(), 12);
  reopen(true);
  EXPECT_EQ(node.numbers(), sequence(0, 12));
}

TEST_F(StorageRows, ST_07_RetentionMakesRoomOnAFullDisk) {
  node.config.segment_bytes = 500;
  ASSERT_TRUE(node.open());
  append(0, 40);
  flush();
  append(40, 60);
  world.drive().set_capacity(world.drive().used_bytes());
  EXPECT_FALSE(world.run(node.log->flush())) << "what is in memory finds no room";
  LogConfig config = node.config;
  config.retention_bytes = 2000;
  config.file_delete_delay_ms = 0;
  node.log->configure(config);
  const std::uint64_t used = world.drive().used_bytes();
  const auto dropped = world.run(node.log->run_retention(node.now, node.log->durable_end_offset().value()));
  ASSERT_TRUE(dropped.has_value()) << dropped.error().message;
  EXPECT_GT(*dropped, 0u);
  world.run_for(std::chrono::seconds(1));
  EXPECT_LT(world.drive().used_bytes(), used);
  EXPECT_TRUE(world.run(node.log->flush()));
  EXPECT_EQ(node.numbers(node.log->log_start_offset()),
            sequence(static_cast<int>(node.log->log_start_offset()), 60));
  reopen(false);
  EXPECT_EQ(node.log->end_offset().value(), 60);
}

TEST_F(StorageRows, ST_08_AFailedAppendLeavesNoTrace) {
  page_cache();
  ASSERT_TRUE(node.open());
  append(0, 4);
  world.drive().fail_next_write(".log");
  EXPECT_FALSE(node.append(make_batch({.records = 3, .producer = {5, 0, 0, true}}, 4)));
  EXPECT_EQ(node.log->end_offset().value(), 4);
  EXPECT_TRUE(node.log->producers().empty());
  EXPECT_EQ(node.log->last_stable_offset(4), 4);
  reopen(false);
  auto again = node.commit(make_batch({.records = 3, .producer = {5, 0, 0, true}}, 4));
  ASSERT_TRUE(again);
  EXPECT_EQ(again->first_offset, 4);
  EXPECT_FALSE(again->duplicate);
  EXPECT_EQ(node.log->last_stable_offset(7), 4);
}

TEST_F(StorageRows, ST_09_NoAppendAfterAnErrorUntilReopened) {
  page_cache();
  ASSERT_TRUE(node.open());
  append(0, 4);
  world.drive().fail_next_write(".log");
  EXPECT_FALSE(node.append(make_batch({}, 4)));
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(node.append(make_batch({}, 4)).error().code, LogErrorCode::kafka_storage_error);
  }
  EXPECT_EQ(node.numbers(), sequence(0, 4));
  reopen(false);
  append(4, 6);
  EXPECT_EQ(node.numbers(), sequence(0, 6));
}

TEST_F(StorageRows, ST_11_ASnapshotNewerThanTheLogIsIgnored) {
  ASSERT_TRUE(node.open());
  ASSERT_TRUE(node.commit(make_batch({.producer = {5, 0, 0}})));
  flush();
  ProducerStateTable newer;
  newer.append(record::HeaderView::trusted(make_batch({.producer = {5, 0, 7}, .base_offset = 20})));
  ASSERT_TRUE(runtime::write_file_atomically(world.disk(), file_path(kLogFolder, 21, kSnapshotSuffix),
                                             newer.encode()));
  reopen(false);
  EXPECT_FALSE(*world.disk().exists(file_path(kLogFolder, 21, kSnapshotSuffix)));
  EXPECT_EQ(node.log->producers().producers().at(5).last_sequence(), 0);
  EXPECT_TRUE(node.commit(make_batch({.producer = {5, 0, 0}}))->duplicate);
  EXPECT_TRUE(node.commit(make_batch({.producer = {5, 0, 1}})));
}

TEST_F(StorageRows, ST_11_ProducerStateIsCutWithTheLog) {
  for (const bool flushed : {false, true}) {
    ASSERT_TRUE(node.open());
    ASSERT_TRUE(world.run(node.log->truncate_fully_and_start_at(0)));
    for (int i = 0; i < 60; ++i)
      ASSERT_TRUE(node.commit(make_batch({.value_size = 200, .producer = {5, 0, i}}, i)));
    if (flushed) flush();
    ASSERT_TRUE(world.run(node.log->truncate_to(40)));
    EXPECT_EQ(node.log->producers().producers().at(5).last_sequence(), 39);
    EXPECT_EQ(node.append(make_batch({.producer = {5, 0, 41}})).error().code,
              LogErrorCode::out_of_order_sequence_number);
    EXPECT_FALSE(node.commit(make_batch({.producer = {5, 0, 40}}, 40))->duplicate);
    reopen(true);
    EXPECT_EQ(node.log->producers().producers().at(5).last_sequence(), 40);
    EXPECT_TRUE(node.commit(make_batch({.producer = {5, 0, 40}}, 40))->duplicate);
    node.drop();
  }
}

// What runs beside the reads of ST-12.
runtime::Task<void> read_all(LogHarness& node, int& reads, bool& stop) {
  while (!stop) {
    const Offset from = node.log->log_start_offset();
    auto piece = co_await node.log->read(from, 500, node.log->end_offset().value(), true);
    if (!piece) EXPECT_EQ(piece.error().code, LogErrorCode::offset_out_of_range) << piece.error().message;
    ++reads;
    co_await runtime::yield(node.world.shard(0));
  }
}

TEST_F(StorageRows, ST_12_RetentionAndTruncationBesideReads) {
  node.config.retention_bytes = 3000;
  node.config.segment_bytes = 1000;
  node.config.file_delete_delay_ms = 1;
  ASSERT_TRUE(node.open());
  int reads = 0;
  bool stop = false;
  auto reader = read_all(node, reads, stop);
  Offset start = 0;
  for (int i = 0; i < 30; ++i) {
    for (int j = 0; j < 10; ++j) ASSERT_TRUE(node.commit(make_batch({.value_size = 100}, i)));
    auto retention = node.log->run_retention(node.now, node.log->end_offset().value());
    auto truncation = node.log->truncate_to(node.log->end_offset().value() - 3);
    auto flush = node.log->flush();
    EXPECT_TRUE(world.run(std::move(retention)));
    EXPECT_TRUE(world.run(std::move(truncation)));
    EXPECT_TRUE(world.run(std::move(flush)));
    EXPECT_GE(node.log->log_start_offset(), start);
    start = node.log->log_start_offset();
  }
  stop = true;
  world.run(std::move(reader));
  EXPECT_GT(start, 0);
  EXPECT_GT(reads, 30);
}

TEST_F(StorageRows, ST_17_AReadInAGapGivesTheNextRecord) {
  node.config.cleanup_compact = true;
  ASSERT_TRUE(node.open());
  for (const Offset base : {0, 5, 6, 30, 31, 90}) {
    ASSERT_TRUE(
        node.log->append_as_follower(make_batch({.value_size = 900, .base_offset = base, .epoch = 0}), 1));
  }
  world.run(node.log->durable_end_offset().reaches(world.shard(0), 91));
  for (int round = 0; round < 3; ++round) {
    SCOPED_TRACE(round);
    for (const auto& [from, found] :
         std::vector<std::pair<Offset, Offset>>{{1, 5}, {7, 30}, {29, 30}, {32, 90}}) {
      EXPECT_EQ(node.read(from, 1)->first_offset, found) << from;
    }
    EXPECT_TRUE(node.read(91)->batches.empty());
    if (round == 0) flush();
    if (round == 1) reopen(true);
  }
}

TEST_F(StorageRows, ST_18_ASegmentRollsBeforeItsOffsetsOverflow) {
  node.config.cleanup_compact = true;
  ASSERT_TRUE(node.open());
  const Offset far = (1LL << 31) + 5;
  ASSERT_TRUE(node.log->append_as_follower(make_batch({.base_offset = 0, .epoch = 0}, 1), 1));
  ASSERT_TRUE(node.log->append_as_follower(make_batch({.base_offset = far, .epoch = 0}, 2), 1));
  EXPECT_EQ(node.log->segment_count(), 2u);
  world.run(node.log->durable_end_offset().reaches(world.shard(0), far + 1));
  reopen(true);
  EXPECT_EQ(node.numbers(), (std::vector<int>{1, 2}));
  node.config.cleanup_compact = false;
  node.log->configure(node.config);
  EXPECT_EQ(node.append(make_batch({.value_size = 5000})).error().code, LogErrorCode::record_list_too_large);
}

TEST_F(StorageRows, ST_19_TimestampsInAnyOrder) {
  node.config.segment_bytes = 600;
  node.config.timestamp_after_max_ms = 1LL << 60;
  const TimestampMs far = 1LL << 50;
  ASSERT_TRUE(node.open());
  const std::vector<TimestampMs> times{500, 100, -1, 900, 900, 300, far, 200, 950};
  for (const TimestampMs time : times)
    ASSERT_TRUE(node.commit(make_batch({.value_size = 100, .timestamp = time})));
  for (int round = 0; round < 2; ++round) {
    const auto at = [&](TimestampMs time) {
      const auto found = *world.run(node.log->offset_for_timestamp(time));
      return found ? found->offset : kNoOffset;
    };
    EXPECT_EQ(at(0), 0);
    EXPECT_EQ(at(501), 3);
    EXPECT_EQ(at(901), 6);
    EXPECT_EQ(at(far), 6);
    EXPECT_EQ(at(far + 1), kNoOffset);
    EXPECT_EQ((*world.run(node.log->offset_of_max_timestamp()))->offset, 6);
    ASSERT_TRUE(node.log->set_log_start_offset(round == 0 ? 0 : 7));
    ASSERT_TRUE(node.close());
    ASSERT_TRUE(node.open());
  }
  ASSERT_TRUE(node.log->set_log_start_offset(7));
  EXPECT_EQ((*world.run(node.log->offset_of_max_timestamp()))->offset, 8);
  node.config.retention_ms = 1000;
  node.log->configure(node.config);
  EXPECT_TRUE(world.run(node.log->run_retention(5'000, 9)));
  EXPECT_EQ(node.log->log_start_offset(), 7) << "a segment with a timestamp in the future stays";
}

TEST_F(StorageRows, ST_19_LogAppendTimeComesFromTheBroker) {
  node.config.timestamp_type = record::TimestampType::log_append_time;
  ASSERT_TRUE(node.open());
  node.now = 7'000;
  EXPECT_EQ(node.commit(make_batch({.timestamp = 5}))->log_append_time, 7'000);
  node.now = 8'000;
  EXPECT_EQ(node.commit(make_batch({.timestamp = 9'999}))->log_append_time, 8'000);
  EXPECT_EQ((*world.run(node.log->offset_for_timestamp(7'001)))->offset, 1);
  EXPECT_EQ((*world.run(node.log->offset_for_timestamp(7'001)))->timestamp, 8'000);
}

TEST_F(StorageRows, ST_20_RemovedWhileReadThenMadeAgain) {
  ASSERT_TRUE(node.open());
  append(0, 40);
  flush();
  ASSERT_TRUE(node.close());
  ASSERT_TRUE(node.open());
  auto reading = node.log->read(0, 1 << 20, 40, true);
  auto removal = node.log->remove();
  const auto piece = world.run(std::move(reading));
  EXPECT_TRUE(piece || piece.error().code == LogErrorCode::kafka_storage_error);
  ASSERT_TRUE(world.run(std::move(removal)));
  node.log.reset();
  world.run_until_idle();
  EXPECT_FALSE(*world.disk().exists(kLogFolder));
}

TEST_F(StorageRows, ST_20_AFolderOfAnotherTopicIdIsNotAdopted) {
  ASSERT_TRUE(node.open());
  append(0, 4);
  flush();
  node.drop();
  ASSERT_TRUE(runtime::write_file_atomically(world.disk(), kLogFolder + "/partition.metadata",
                                             as_bytes(partition_metadata_text({5, 5}))));
  const Status status = node.open();
  ASSERT_FALSE(status);
  EXPECT_EQ(status.error().code, Errc::mismatch);
}

TEST_F(StorageRows, ST_22_ASlowDeviceDelaysTheAcknowledgement) {
  ASSERT_TRUE(node.open());
  append(0, 2);
  world.pool().set_slowness(100'000);
  const auto info = node.append(make_batch({}, 2));
  ASSERT_TRUE(info);
  world.run_for(runtime::milliseconds(1000));
  EXPECT_EQ(node.log->durable_end_offset().value(), 2) << "no false acknowledgement";
  EXPECT_EQ(node.numbers(2), sequence(2, 3));
  EXPECT_TRUE(world.run(node.log->durable_end_offset().reaches(world.shard(0), 3)));
  world.pool().set_slowness(1);
}

TEST_F(StorageRows, ST_24_NoDescriptorsLeftForANewSegment) {
  page_cache();
  ASSERT_TRUE(node.open());
  append(0, 10);
  ASSERT_TRUE(node.log->roll(node.now));
  world.run_until_idle();
  auto& descriptors = world.machine(0).process().descriptors();
  node.log->configure(node.config);
  const std::uint64_t limit = std::exchange(descriptors.limit, descriptors.used);
  const auto refused = node.append(make_batch({}, 10));
  if (!refused) EXPECT_EQ(refused.error().cause, Errc::no_descriptors);
  EXPECT_EQ(node.log->poisoned(), nullptr);
  descriptors.limit = limit;
  append(static_cast<int>(node.log->end_offset().value()), 14);
  EXPECT_EQ(node.numbers(), sequence(0, 14));
}

// A flush that fails after it has cut what was preallocated is run again and finds nothing to cut: it is the
// one that has to make the cut durable.
TEST(StoragePreallocated, AClosedSegmentEndsWithItsLastBatchAfterAPowerLoss) {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    simulation::World world(seed);
    LogHarness node(world, {.preallocate = true});
    node.config.segment_bytes = 10'000;
    ASSERT_TRUE(node.open());
    for (int i = 0; i < 10; ++i) ASSERT_TRUE(node.commit(make_batch({}, i)));
    ASSERT_TRUE(world.run(node.log->flush()));
    ASSERT_TRUE(node.log->roll(node.now));
    auto& descriptors = world.machine(0).process().descriptors();
    descriptors.limit = descriptors.used;
    EXPECT_EQ(world.run(node.log->flush()).error().code, Errc::no_descriptors);
    descriptors.limit = UINT64_MAX;
    for (int i = 10; i < 20; ++i) ASSERT_TRUE(node.commit(make_batch({}, i)));
    ASSERT_TRUE(world.run(node.log->flush()));
    ASSERT_TRUE(node.crash(true));
    const auto bytes = world.drive().contents(file_path(kLogFolder, 0, kLogSuffix));
    EXPECT_EQ(bytes->size(), 10 * make_batch({}).size()) << "seed " << seed;
    EXPECT_EQ(node.numbers(), sequence(0, 20));
  }
}

// A roll's cut that the power took back, of a segment that lies before the recovery point: nothing of it
// would be scanned, and a reader would come to zeros.
TEST_F(StorageRows, ST_03_PaddingInASegmentBeforeTheRecoveryPointIsCut) {
  node.config.segment_bytes = 10'000;
  node.config.preallocate = true;
  ASSERT_TRUE(node.open());
  append(0, 10, 20);
  flush();
  ASSERT_TRUE(node.log->roll(node.now));
  flush();
  ASSERT_EQ(node.log->recovery_point(), 10);
  append(10, 13, 20);  // in the commit log alone
  const std::size_t whole = 10 * make_batch({}).size();
  ASSERT_EQ(world.drive().contents(segment(0))->size(), whole);
  ASSERT_TRUE((*world.disk().open(segment(0), runtime::OpenMode::read_write))->truncate(10'000));
  reopen(false);
  EXPECT_EQ(world.drive().contents(segment(0))->size(), whole);
  EXPECT_EQ(node.numbers(), sequence(0, 13));
}

// A flush that was planned before the segment's file was there, beside the append that creates it: what the
// append has written stays.
TEST_F(StorageRows, AFlushBesideAnAppendKeepsTheFileThatTheAppendHasCreated) {
  page_cache();
  node.config.segment_bytes = 1 << 20;
  ASSERT_TRUE(node.open());
  append(0, 5);
  ASSERT_TRUE(node.log->roll(node.now));  // starts a flush, which creates the next segment
  auto flushing = node.log->flush();
  while (!flushing.ended()) {
    append(static_cast<int>(node.log->end_offset().value()),
           static_cast<int>(node.log->end_offset().value()) + 1);
    world.run_for(std::chrono::microseconds(20));
  }
  ASSERT_TRUE(std::move(flushing).take());
  const auto end = static_cast<int>(node.log->end_offset().value());
  ASSERT_GT(end, 6) << "nothing was appended beside the flush";
  EXPECT_EQ(node.numbers(), sequence(0, end));
  flush();
  reopen(true);
  EXPECT_EQ(node.numbers(), sequence(0, end));
}

// Its log start is forgotten with the commit log's entries unless a file says where it goes on: the offsets
// would be given a second time.
TEST_F(StorageRows, ALogWhoseRecordsWereAllDeletedGoesOnWhereItWas) {
  node.config.segment_bytes = 1 << 20;  // nothing is rolled into a segment
  ASSERT_TRUE(node.open());
  append(0, 26);
  ASSERT_TRUE(node.log->set_log_start_offset(26));
  node.log_start = 26;
  ASSERT_TRUE(node.crash(false));
  ASSERT_EQ(node.log->end_offset().value(), 26);
  ASSERT_TRUE(node.close());
  node.log_start = 0;
  ASSERT_TRUE(node.open());
  EXPECT_EQ(node.log->log_start_offset(), 26);
  EXPECT_EQ(node.log->end_offset().value(), 26);
  append(26, 30);
  reopen(true);
  EXPECT_EQ(node.numbers(26), sequence(26, 30));
}

TEST_F(StorageRows, ST_25_AValidBatchInTheWrongPlaceIsDetected) {
  for (const bool flushed : {true, false}) {
    node.drop();
    world.power_loss();
    world.drive().wipe();
    world.restart();
    ASSERT_TRUE(node.open());
    append(0, 20);
    if (!flushed)
      node.context->save_recovery_points = []() -> runtime::Task<Status> { co_return fail(Errc::io, ""); };
    static_cast<void>(world.run(node.log->flush()));
    const std::size_t one = node.read(0, 1)->batches.at(0).size();
    const auto bytes = *world.drive().contents(segment(0));
    const auto file = *world.disk().open(segment(0), runtime::OpenMode::read_write);
    ASSERT_TRUE(file->write_at(5 * one, ByteView(bytes).subspan(2 * one, one)));
    const Status status = node.crash(false);
    if (flushed) {
      ASSERT_FALSE(status);
      EXPECT_EQ(status.error().code, Errc::corrupt);
    } else {
      ASSERT_TRUE(status) << status.error().message;
      EXPECT_EQ(node.numbers(), sequence(0, 20)) << "the commit log has it still";
    }
  }
}

TEST_F(StorageRows, AbortedTransactionsOfARange) {
  node.config.segment_bytes = 1200;
  ASSERT_TRUE(node.open());
  const auto data = [&](ProducerId id, Sequence first) {
    ASSERT_TRUE(node.commit(make_batch({.value_size = 200, .producer = {id, 0, first, true}})));
  };
  const auto end = [&](ProducerId id, bool committed) {
    const Slice marker = record::end_transaction_batch(
        {.committed = committed, .producer_id = id, .producer_epoch = 0, .timestamp = 5}, 0);
    auto info = node.log->append_as_leader(marker, {.now_ms = 5, .origin = AppendOrigin::coordinator});
    ASSERT_TRUE(info) << info.error().message;
    world.run(node.log->durable_end_offset().reaches(world.shard(0), info->last_offset + 1));
  };
  data(1, 0);
  data(2, 0);
  data(1, 1);
  EXPECT_EQ(node.log->last_stable_offset(3), 0);
  end(1, false);
  end(2, true);
  data(1, 2);
  for (int i = 0; i < 10; ++i) data(3, i);
  end(1, false);
  for (int round = 0; round < 3; ++round) {
    SCOPED_TRACE(round);
    const auto aborted = [&](Offset first, Offset last) {
      return *world.run(node.log->aborted_transactions(first, last));
    };
    EXPECT_EQ(aborted(0, 100), (std::vector<AbortedProducer>{{1, 0}, {1, 5}}));
    EXPECT_EQ(aborted(0, 4), (std::vector<AbortedProducer>{{1, 0}}));
    EXPECT_EQ(aborted(4, 100), (std::vector<AbortedProducer>{{1, 5}}));
    EXPECT_EQ(aborted(4, 5), (std::vector<AbortedProducer>{}));
    EXPECT_EQ(node.log->last_stable_offset(17), 6) << "producer 3 is at it still";
    if (round == 0) {
      ASSERT_TRUE(node.close());
      ASSERT_TRUE(node.open());
    }
    if (round == 1) reopen(true);
  }
}

}  // namespace
}  // namespace moldau::storage::testing
