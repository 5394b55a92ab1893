// The small parts: indexes, epochs, producer state, names; bytes as Kafka has them.
#include <gtest/gtest.h>

#include "log_fixture.h"
#include "storage/offset_index.h"
#include "storage/replay_queue.h"
#include "storage/segment_scan.h"
#include "storage/time_index.h"

namespace moldau::storage::testing {
namespace {

template <class... Bytes>
std::vector<std::byte> bytes_of(Bytes... values) {
  return {static_cast<std::byte>(values)...};
}

TEST(OffsetIndex, FindsTheBatchBefore) {
  OffsetIndex index;
  index.append(10, 400);
  index.append(20, 900);
  EXPECT_EQ(index.position_at_or_before(9), 0);
  EXPECT_EQ(index.position_at_or_before(10), 400);
  EXPECT_EQ(index.position_at_or_before(19), 400);
  EXPECT_EQ(index.position_at_or_before(1000), 900);
  EXPECT_EQ(index.count_below(900), 1u);
  index.truncate_to_position(900);
  EXPECT_EQ(index.size(), 1u);
}

TEST(OffsetIndex, HasKafkasBytes) {
  OffsetIndex index;
  index.append(10, 400);
  index.append(0x10203, 0x40506);
  Buffer out;
  index.encode(0, 2, out);
  EXPECT_TRUE(equal(out.view(), bytes_of(0, 0, 0, 10, 0, 0, 1, 0x90, 0, 1, 2, 3, 0, 4, 5, 6)));
  EXPECT_EQ(OffsetIndex::decode(out.view(), 1 << 20)->entries(), index.entries());
}

TEST(OffsetIndex, RefusesWhatCannotBe) {
  OffsetIndex index;
  index.append(10, 400);
  index.append(20, 900);
  Buffer out;
  index.encode(0, 2, out);
  EXPECT_FALSE(OffsetIndex::decode(out.view(), 900)) << "points behind the segment";
  EXPECT_FALSE(OffsetIndex::decode(out.view().first(15), 1 << 20));
  out.append_be<std::int32_t>(15);
  out.append_be<std::int32_t>(1000);
  EXPECT_FALSE(OffsetIndex::decode(out.view(), 1 << 20)) << "does not rise";
  out.truncate(16);
  out.extend(80);
  EXPECT_EQ(OffsetIndex::decode(out.view(), 1 << 20)->size(), 2u) << "Kafka preallocates with zeros";
}

TEST(TimeIndex, KeepsOnlyRisingTimestamps) {
  TimeIndex index;
  index.maybe_append(100, 5);
  index.maybe_append(90, 6);
  index.maybe_append(200, 9);
  EXPECT_EQ(index.size(), 2u);
  EXPECT_EQ(index.older_up_to(100), -1);
  EXPECT_EQ(index.older_up_to(101), 5);
  EXPECT_EQ(index.older_up_to(201), 9);
  Buffer out;
  index.encode(0, 2, out);
  EXPECT_EQ(out.size(), 24u);
  EXPECT_EQ(TimeIndex::decode(out.view())->entries(), index.entries());
  EXPECT_FALSE(TimeIndex::decode(out.view().first(23)));
}

TEST(TransactionIndex, HasKafkasBytes) {
  Buffer out;
  encode_transaction_index({{1, 2, 3, 4}}, out);
  ASSERT_EQ(out.size(), kTransactionIndexEntrySize);
  EXPECT_EQ(load_be<std::int16_t>(out.data()), 0);
  EXPECT_EQ(load_be<std::int64_t>(out.data() + 26), 4);
  EXPECT_EQ(decode_transaction_index(out.view())->at(0), (AbortedTransaction{1, 2, 3, 4}));
  EXPECT_FALSE(decode_transaction_index(out.view().first(33)));
  out.data()[1] = std::byte{7};
  EXPECT_FALSE(decode_transaction_index(out.view()));
}

TEST(LeaderEpochCache, AnswersAsKafkaDoes) {
  LeaderEpochCache cache;
  EXPECT_EQ(cache.end_offset_for(0, 10), (LeaderEpochCache::EpochEnd{}));
  EXPECT_TRUE(cache.assign(2, 10));
  EXPECT_FALSE(cache.assign(2, 15));
  EXPECT_TRUE(cache.assign(5, 20));
  EXPECT_EQ(cache.end_offset_for(5, 30), (LeaderEpochCache::EpochEnd{5, 30}));
  EXPECT_EQ(cache.end_offset_for(3, 30), (LeaderEpochCache::EpochEnd{2, 20}));
  EXPECT_EQ(cache.end_offset_for(2, 30), (LeaderEpochCache::EpochEnd{2, 20}));
  EXPECT_EQ(cache.end_offset_for(1, 30), (LeaderEpochCache::EpochEnd{1, 10}));
  EXPECT_EQ(cache.end_offset_for(6, 30), (LeaderEpochCache::EpochEnd{}));
  EXPECT_EQ(cache.end_offset_for(-1, 30), (LeaderEpochCache::EpochEnd{}));
  EXPECT_EQ(cache.epoch_of(9), kNoEpoch);
  EXPECT_EQ(cache.epoch_of(19), 2);
}

TEST(LeaderEpochCache, Truncates) {
  LeaderEpochCache cache({{2, 10}, {5, 20}, {7, 30}});
  EXPECT_TRUE(cache.truncate_from_end(30));
  EXPECT_TRUE(cache.truncate_from_start(15));
  EXPECT_EQ(cache.entries(), (std::vector<EpochEntry>{{2, 15}, {5, 20}}));
  EXPECT_TRUE(cache.truncate_from_start(25));
  EXPECT_EQ(cache.entries(), (std::vector<EpochEntry>{{5, 25}}));
  EXPECT_TRUE(cache.assign(4, 40)) << "a lower epoch later contradicts";
  EXPECT_EQ(cache.entries(), (std::vector<EpochEntry>{{4, 40}}));
}

TEST(LogFiles, NamesAreKafkas) {
  EXPECT_EQ(file_name(42, kLogSuffix), "00000000000000000042.log");
  EXPECT_EQ(offset_of_name("00000000000000000042.log", kLogSuffix), 42);
  EXPECT_EQ(offset_of_name("42.log", kLogSuffix), std::nullopt);
  EXPECT_EQ(offset_of_name("0000000000000000004x.log", kLogSuffix), std::nullopt);
  EXPECT_EQ(offset_of_name("99999999999999999999.log", kLogSuffix), std::nullopt);
  EXPECT_EQ(deleted_directory_name({"t", 3}, {1, 0xab}), "t-3.000000000000000100000000000000ab-delete");
  EXPECT_EQ(deleted_directory_name({std::string(249, 'a'), 3}, {1, 2}).size(), 255u);
  EXPECT_EQ(parse_partition_metadata(partition_metadata_text(kCities)), kCities);
  EXPECT_EQ(parse_partition_metadata("version: 0\ntopic_id: ?"), std::nullopt);
}

TEST(ReplayQueue, LeavesOutWhatLaterEntriesUndo) {
  ReplayQueue queue;
  const auto append = [&](Offset at) {
    ASSERT_TRUE(queue.add({.kind = CommitLog::Entry::Kind::append, .offset = at},
                          make_batch({.base_offset = at}), at));
  };
  const auto note = [&](CommitLog::Entry::Kind kind, Offset at) {
    ASSERT_TRUE(queue.add({.kind = kind, .offset = at}, Slice(), 0));
  };
  for (Offset at = 5; at < 9; ++at) append(at);
  note(CommitLog::Entry::Kind::truncate, 7);
  ASSERT_EQ(queue.operations().size(), 3u);
  append(7);
  append(8);
  note(CommitLog::Entry::Kind::append, 8);  // settled up to 8
  ASSERT_EQ(queue.operations().size(), 1u);
  EXPECT_EQ(queue.operations()[0].base_offset, 8);
  note(CommitLog::Entry::Kind::remove, 0);
  EXPECT_TRUE(queue.operations().empty());
  EXPECT_FALSE(queue.add({.kind = CommitLog::Entry::Kind::append}, Slice::copy_of(std::string(70, 'x')), 0));
}

// Producers.

record::HeaderView header_of(const Slice& batch) { return record::HeaderView::trusted(batch); }

struct Producing {
  ProducerStateTable table;
  Offset next = 0;
  std::optional<LogErrorCode> send(Producer producer, int records = 1, bool* duplicate = nullptr) {
    const Slice batch = make_batch({.records = records, .producer = producer, .base_offset = next});
    auto checked = table.check_client_batch(header_of(batch));
    if (duplicate) *duplicate = checked && *checked != nullptr;
    if (!checked) return checked.error().code;
    if (*checked != nullptr) return std::nullopt;
    table.append(header_of(batch));
    next += records;
    return std::nullopt;
  }
};

TEST(ProducerState, AcceptsSequencesInOrder) {
  Producing p;
  EXPECT_EQ(p.send({7, 0, 100}, 3), std::nullopt) << "unknown producers start anywhere";
  EXPECT_EQ(p.send({7, 0, 103}), std::nullopt);
  EXPECT_EQ(p.send({7, 0, 105}), LogErrorCode::out_of_order_sequence_number);
  EXPECT_EQ(p.send({7, 0, 104}), std::nullopt);
}

TEST(ProducerState, KnowsTheLastFiveBatches) {
  Producing p;
  for (int i = 0; i < 6; ++i) ASSERT_EQ(p.send({7, 0, 2 * i}, 2), std::nullopt);
  for (int i = 1; i < 6; ++i) {
    const Slice again = make_batch({.records = 2, .producer = {7, 0, 2 * i}});
    const auto found = p.table.check_client_batch(header_of(again));
    ASSERT_TRUE(found && *found);
    EXPECT_EQ((*found)->first_offset(), 2 * i);
  }
  EXPECT_EQ(p.send({7, 0, 0}, 2), LogErrorCode::out_of_order_sequence_number) << "older than the window";
  EXPECT_EQ(p.send({7, 0, 10}, 1), LogErrorCode::out_of_order_sequence_number) << "other last sequence";
}

TEST(ProducerState, SequencesWrap) {
  Producing p;
  EXPECT_EQ(p.send({7, 0, 0x7ffffffe}, 2), std::nullopt);
  EXPECT_EQ(p.send({7, 0, 0}), std::nullopt);
  Producing q;
  EXPECT_EQ(q.send({7, 0, 0x7fffffff}, 3), std::nullopt) << "within a batch";
  bool duplicate = false;
  EXPECT_EQ(q.send({7, 0, 0x7fffffff}, 3, &duplicate), std::nullopt);
  EXPECT_TRUE(duplicate);
  EXPECT_EQ(q.send({7, 0, 2}), std::nullopt);
}

TEST(ProducerState, EpochsRise) {
  Producing p;
  ASSERT_EQ(p.send({7, 3, 0}), std::nullopt);
  EXPECT_EQ(p.send({7, 2, 1}), LogErrorCode::invalid_producer_epoch);
  EXPECT_EQ(p.send({7, 4, 1}), LogErrorCode::out_of_order_sequence_number) << "a new epoch begins at 0";
  EXPECT_EQ(p.send({7, 4, 0}), std::nullopt);
  EXPECT_EQ(p.send({7, 3, 1}), LogErrorCode::invalid_producer_epoch);
}

TransactionMarker marker(ProducerId id, ProducerEpoch epoch, bool aborted, Offset offset,
                         int coordinator = 0) {
  return {id, epoch, coordinator, aborted, offset, 5};
}

TEST(ProducerState, TransactionsHoldTheStableOffset) {
  Producing p;
  ASSERT_EQ(p.send({1, 0, 0, true}), std::nullopt);
  ASSERT_EQ(p.send({2, 0, 0, true}), std::nullopt);
  EXPECT_EQ(p.send({1, 0, 1, false}), LogErrorCode::invalid_txn_state);
  EXPECT_EQ(p.table.first_unstable_offset(10), 0);
  const auto aborted = p.table.append(marker(1, 0, true, 2));
  EXPECT_EQ(aborted, (AbortedTransaction{1, 0, 2, 1}));
  EXPECT_EQ(p.table.first_unstable_offset(2), 0) << "the marker is not below the high watermark yet";
  EXPECT_EQ(p.table.first_unstable_offset(3), 1);
  EXPECT_EQ(p.table.append(marker(2, 0, false, 3)), std::nullopt);
  EXPECT_EQ(p.table.first_unstable_offset(4), std::nullopt);
}

TEST(ProducerState, ChecksMarkers) {
  Producing p;
  ASSERT_EQ(p.send({1, 4, 0, true}), std::nullopt);
  EXPECT_EQ(p.table.check_marker(marker(1, 3, true, 1), 1).error().code,
            LogErrorCode::invalid_producer_epoch);
  EXPECT_TRUE(p.table.check_marker(marker(1, 4, true, 1), 1));
  EXPECT_FALSE(p.table.check_marker(marker(1, 4, true, 1), 2)) << "KIP-890: the epoch must have risen";
  EXPECT_TRUE(p.table.check_marker(marker(1, 5, true, 1), 2));
  p.table.append(marker(1, 5, true, 1, 9));
  EXPECT_TRUE(p.table.check_marker(marker(1, 5, true, 2, 9), 2)) << "a retry";
  EXPECT_EQ(p.table.check_marker(marker(1, 6, true, 2, 8), 2).error().code,
            LogErrorCode::transaction_coordinator_fenced);
}

TEST(ProducerState, SnapshotsKeepEveryBatchThatARetryMayRepeat) {
  Producing p;
  for (int i = 0; i < 3; ++i) ASSERT_EQ(p.send({7, 1, i}), std::nullopt);
  ASSERT_EQ(p.send({8, 0, 0, true}), std::nullopt);
  const Slice bytes = p.table.encode();
  EXPECT_EQ(bytes.size(), 10u + 4 * 46)
      << "Kafka's entries, one for each batch: the last of a producer counts for it";
  EXPECT_EQ(load_be<std::int16_t>(bytes.data()), 1);
  auto table = ProducerStateTable::decode(bytes);
  ASSERT_TRUE(table);
  EXPECT_EQ(table->producers().at(7).last_sequence(), 2);
  EXPECT_EQ(table->producers().at(7).last_offset(), 2);
  EXPECT_EQ(table->producers().at(7).batch_count, 3);
  EXPECT_EQ(table->producers().at(7).batches[0].last_sequence, 0);
  EXPECT_EQ(table->producers().at(7).batches[1].last_offset, 1);
  EXPECT_EQ(table->first_unstable_offset(100), 3);
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    std::vector<std::byte> damaged(bytes.view().begin(), bytes.view().end());
    damaged[i] ^= std::byte{1};
    EXPECT_FALSE(ProducerStateTable::decode(damaged)) << i;
    EXPECT_FALSE(ProducerStateTable::decode(bytes.view().first(i))) << i;
  }
}

TEST(ProducerState, ExpiresIdleProducersWithoutATransaction) {
  Producing p;
  ASSERT_EQ(p.send({7, 0, 0}), std::nullopt);
  ASSERT_EQ(p.send({8, 0, 0, true}), std::nullopt);
  p.table.expire(500'000, 1'000);
  EXPECT_EQ(p.table.producers().size(), 2u) << "its timestamps do not count";
  p.table.expire(500'999, 1'000);
  EXPECT_EQ(p.table.producers().size(), 2u);
  p.table.expire(501'000, 1'000);
  EXPECT_FALSE(p.table.producers().contains(7));
  EXPECT_TRUE(p.table.producers().contains(8));
}

TEST(ProducerState, WhoAppendsIsNotIdleAndAClockThatWentBackCountsFromThereOn) {
  Producing p;
  ASSERT_EQ(p.send({7, 0, 0}), std::nullopt);
  p.table.expire(500'000, 1'000);
  ASSERT_EQ(p.send({7, 0, 1}), std::nullopt);
  p.table.expire(501'000, 1'000);
  EXPECT_TRUE(p.table.producers().contains(7));
  p.table.expire(100'000, 1'000);
  p.table.expire(100'999, 1'000);
  EXPECT_TRUE(p.table.producers().contains(7));
  p.table.expire(101'000, 1'000);
  EXPECT_TRUE(p.table.empty());
}

TEST(ProducerState, OfASnapshotIsIdleSinceItsLastTimestamp) {
  Producing p;
  ASSERT_EQ(p.send({7, 0, 0}), std::nullopt);
  auto table = ProducerStateTable::decode(p.table.encode());
  ASSERT_TRUE(table.has_value());
  const TimestampMs last = table->producers().at(7).last_timestamp;
  table->expire(last + 999, 1'000);
  EXPECT_FALSE(table->empty());
  table->expire(last + 1'000, 1'000);
  EXPECT_TRUE(table->empty());
}

}  // namespace
}  // namespace moldau::storage::testing
