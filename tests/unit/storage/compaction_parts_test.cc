// The pure parts of compaction, each alone.
#include "compaction_fixture.h"
#include "storage/batch_filter.h"
#include "storage/cleaner_plan.h"
#include "storage/io_throttle.h"
#include "storage/key_hash.h"

namespace moldau::storage::testing {
namespace {

std::string hex(const KeyHash& hash) {
  std::string text;
  for (const std::uint64_t word : {hash.high, hash.low}) {
    for (int i = 0; i < 8; ++i) {
      const auto byte = static_cast<unsigned>((word >> (8 * i)) & 0xff);
      text += "0123456789abcdef"[byte >> 4];
      text += "0123456789abcdef"[byte & 15];
    }
  }
  return text;
}

// The vectors of the reference implementation: key 00 01 … 0f, message 00 01 … of each length.
TEST(KeyHasher, IsSipHashOf128Bits) {
  const KeyHasher hasher(0x0706050403020100ULL, 0x0f0e0d0c0b0a0908ULL);
  EXPECT_EQ(hex(hasher({})), "a3817f04ba25a8e66df67214c7550293");
  const std::byte zero{0};
  EXPECT_EQ(hex(hasher({&zero, 1})), "da87c1d86b99af44347659119b22fc45");
}

TEST(KeyHasher, TellsKeysApartByEveryByteAndByLength) {
  const KeyHasher hasher(1, 2);
  std::set<std::string> seen;
  for (std::size_t length = 0; length < 40; ++length) {
    std::string key(length, 'a');
    EXPECT_TRUE(seen.insert(hex(hasher(as_bytes(key)))).second);
    for (std::size_t i = 0; i < length; ++i) {
      std::string other = key;
      other[i] = 'b';
      EXPECT_TRUE(seen.insert(hex(hasher(as_bytes(other)))).second) << length << " " << i;
    }
  }
  EXPECT_NE(hex(hasher(as_bytes("x"))), hex(KeyHasher(1, 3)(as_bytes("x"))));
}

TEST(OffsetMap, AnswersAsAMapDoes) {
  OffsetMap map(200 * OffsetMap::kSlotSize, 0.9, KeyHasher(3, 4));
  std::map<std::string, Offset> model;
  Random random(5);
  for (Offset offset = 0; offset < 1000; ++offset) {
    const std::string key = std::to_string(random.below(150));
    ASSERT_TRUE(map.put(as_bytes(key), offset));
    model[key] = offset;
  }
  EXPECT_EQ(map.size(), model.size());
  EXPECT_EQ(map.latest_offset(), 999);
  for (const auto& [key, offset] : model) EXPECT_EQ(map.find(as_bytes(key)), offset);
  EXPECT_EQ(map.find(as_bytes("none")), std::nullopt);
}

TEST(OffsetMap, IsFullAtItsLoadFactorAndStillTakesKnownKeys) {
  OffsetMap map(10 * OffsetMap::kSlotSize, 0.5, KeyHasher(3, 4));
  EXPECT_EQ(map.max_size(), 5u);
  for (Offset i = 0; i < 5; ++i) EXPECT_TRUE(map.put(as_bytes(std::to_string(i)), i));
  EXPECT_FALSE(map.put(as_bytes("new"), 7));
  EXPECT_EQ(map.latest_offset(), 4);
  EXPECT_TRUE(map.put(as_bytes("3"), 8));
  EXPECT_EQ(map.find(as_bytes("3")), 8);
  EXPECT_EQ(map.find(as_bytes("new")), std::nullopt);
}

TEST(OffsetMap, HasRoomForOneKeyHoweverSmall) {
  OffsetMap map(0, 0.01, KeyHasher(3, 4));
  EXPECT_TRUE(map.put(as_bytes("a"), 1));
  EXPECT_FALSE(map.put(as_bytes("b"), 2));
  EXPECT_EQ(map.find(as_bytes("b")), std::nullopt);
}

class Filtering : public ::testing::Test {
 protected:
  using Fate = FilteredBatch::Fate;
  BatchFilter filter() {
    return {map, transactions, *producers, {.now_ms = now, .delete_retention_ms = 100}, codecs};
  }
  FilteredBatch run(const Slice& batch, bool keeps_end = false) {
    auto filtered = filter().filter(record::BatchView::trusted(batch), keeps_end);
    EXPECT_TRUE(filtered);
    return std::move(*filtered);
  }
  void knows(std::string_view key, Offset offset) {
    map.put(as_bytes(key), offset);
    map.advance(1000);
  }
  static std::vector<std::string> keys(const Slice& bytes) {
    std::vector<std::string> found;
    const auto batch = record::BatchView::trusted(bytes);
    EXPECT_TRUE(batch.crc_matches());
    record::Codecs codecs;
    record::RecordReader reader(batch, *record::uncompressed_records(batch, codecs, 1 << 20));
    for (record::RecordView record; *reader.next(record);)
      found.emplace_back(std::string(as_text(*record.key)) + "@" + std::to_string(record.offset) + "/" +
                         std::to_string(record.timestamp));
    return found;
  }
  Slice marker(bool committed, Offset offset, ProducerId id = 7) {
    return record::end_transaction_batch(
        {.committed = committed, .producer_id = id, .producer_epoch = 1, .timestamp = 50}, 3, offset);
  }

  OffsetMap map{100 * OffsetMap::kSlotSize, 0.9, KeyHasher(1, 2)};
  CleanedTransactions transactions{{}};
  ProducerStateTable table;
  std::optional<RetainedProducers> producers{table};
  record::Codecs codecs;
  TimestampMs now = 5000;
};

TEST_F(Filtering, KeepsTheNewestOfEachKeyAndWhatLiesAboveTheMap) {
  map.put(as_bytes("a"), 12);
  map.put(as_bytes("b"), 20);
  const Slice batch =
      make_keyed({.records = {{"a", "1"}, {"b", "1"}, {"a", "2"}, {"c", "1"}}, .base_offset = 10});
  const auto filtered = run(batch);
  EXPECT_EQ(filtered.fate, Fate::rewritten);
  EXPECT_EQ(keys(filtered.bytes), (std::vector<std::string>{"a@12/1002", "c@13/1003"}));
  EXPECT_EQ(filtered.records_read, 4);
  EXPECT_EQ(filtered.records_kept, 2);
  const Slice above = make_keyed({.records = {{"a", "0"}, {"b", "0"}}, .base_offset = 21});
  EXPECT_EQ(run(above).fate, Fate::whole);
}

TEST_F(Filtering, KeepsTheHeaderOfABatchThatItRewrites) {
  knows("b", 50);
  for (const auto codec : {record::Codec::none, record::Codec::gzip, record::Codec::snappy,
                           record::Codec::lz4, record::Codec::zstd}) {
    const Slice batch = make_keyed({.records = {{"b", "1"}, {"a", std::string(300, 'x')}, {"b", "2"}},
                                    .producer = {9, 2, 33, true},
                                    .codec = codec,
                                    .base_offset = 40,
                                    .epoch = 6});
    const auto filtered = run(batch);
    ASSERT_EQ(filtered.fate, Fate::rewritten);
    const auto view = record::BatchView::trusted(filtered.bytes);
    EXPECT_EQ(keys(filtered.bytes), std::vector<std::string>{"a@41/1001"});
    EXPECT_EQ(view.base_offset(), 40);
    EXPECT_EQ(view.last_offset(), 42);
    EXPECT_EQ(view.codec(), codec);
    EXPECT_EQ(view.partition_leader_epoch(), 6);
    EXPECT_EQ(view.producer_id(), 9);
    EXPECT_EQ(view.producer_epoch(), 2);
    EXPECT_EQ(view.base_sequence(), 33);
    EXPECT_EQ(view.last_sequence(), 35);
    EXPECT_TRUE(view.is_transactional());
    EXPECT_EQ(view.max_timestamp(), 1001);
  }
}

TEST_F(Filtering, DropsRecordsWithoutAKeyBelowTheEndOfTheMap) {
  knows("a", 500);
  EXPECT_EQ(run(make_batch({.records = 3, .base_offset = 10})).fate, Fate::dropped);
  EXPECT_EQ(run(make_batch({.records = 3, .base_offset = 1001})).fate, Fate::whole);
}

TEST_F(Filtering, KeepsAnEmptyBatchWhereASegmentEnds) {
  knows("a", 500);
  const Slice batch =
      make_keyed({.records = {{"a", "1"}, {"a", "2"}}, .codec = record::Codec::zstd, .base_offset = 10});
  EXPECT_EQ(run(batch).fate, Fate::dropped);
  const auto filtered = run(batch, true);
  ASSERT_EQ(filtered.fate, Fate::emptied);
  const auto view = record::BatchView::trusted(filtered.bytes);
  EXPECT_TRUE(record::check_stored_batch(view, 10));
  EXPECT_EQ(view.record_count(), 0);
  EXPECT_EQ(view.last_offset(), 11);
  EXPECT_EQ(view.max_timestamp(), 1001);
  EXPECT_FALSE(view.is_compressed());
  EXPECT_EQ(run(filtered.bytes, true).fate, Fate::whole);
  EXPECT_EQ(run(filtered.bytes).fate, Fate::dropped);
}

TEST_F(Filtering, ATombstoneGetsAHorizonAndGoesAfterIt) {
  knows("a", 10);
  const Slice batch = make_keyed({.records = {{"a", std::nullopt}, {"z", "1"}}, .base_offset = 10});
  const auto first = run(batch);
  ASSERT_EQ(first.fate, Fate::rewritten);
  const auto view = record::BatchView::trusted(first.bytes);
  EXPECT_EQ(view.delete_horizon(), 5100);
  EXPECT_EQ(keys(first.bytes), (std::vector<std::string>{"a@10/1000", "z@11/1001"}));
  now = 5099;
  EXPECT_EQ(run(first.bytes).fate, Fate::whole) << "the horizon stands";
  now = 5100;
  const auto second = run(first.bytes);
  ASSERT_EQ(second.fate, Fate::rewritten);
  EXPECT_EQ(keys(second.bytes), std::vector<std::string>{"z@11/1001"});
  EXPECT_EQ(record::BatchView::trusted(second.bytes).delete_horizon(), 5100);
}

TEST_F(Filtering, ATombstoneThatIsNotTheNewestGoesAtOnce) {
  knows("a", 12);
  EXPECT_EQ(run(make_keyed({.records = {{"a", std::nullopt}}, .base_offset = 10})).fate, Fate::dropped);
}

TEST_F(Filtering, AHorizonNeverOverflows) {
  knows("a", 10);
  now = std::numeric_limits<TimestampMs>::max() - 50;
  const auto filtered = run(make_keyed({.records = {{"a", std::nullopt}}, .base_offset = 10}));
  EXPECT_EQ(record::BatchView::trusted(filtered.bytes).delete_horizon(),
            std::numeric_limits<TimestampMs>::max());
}

TEST_F(Filtering, DropsAbortedRecordsAndKeepsTheirMarker) {
  map.advance(1000);
  transactions = CleanedTransactions({{7, 10, 14, 15}});
  const Slice data = make_keyed({.records = {{"a", "1"}}, .producer = {7, 1, 0, true}, .base_offset = 10});
  const Slice others = make_keyed({.records = {{"b", "1"}}, .producer = {8, 1, 0, true}, .base_offset = 12});
  EXPECT_EQ(run(data).fate, Fate::dropped);
  EXPECT_EQ(run(others).fate, Fate::whole);
  EXPECT_EQ(run(marker(false, 14)).fate, Fate::whole);
  EXPECT_EQ(transactions.take_marked(), (std::vector<AbortedTransaction>{{7, 10, 14, 15}}));
  EXPECT_EQ(transactions.take_marked(), std::vector<AbortedTransaction>{});
  const Slice later = make_keyed({.records = {{"c", "1"}}, .producer = {7, 1, 1, true}, .base_offset = 16});
  EXPECT_EQ(run(later).fate, Fate::whole) << "another transaction of the same producer";
  EXPECT_EQ(run(marker(true, 17)).fate, Fate::whole);
}

// Retention may take a transaction's marker, and what stands before it, while a pass is under way.
TEST_F(Filtering, AnAbortedTransactionEndsWhereItsMarkerWas) {
  map.advance(1000);
  transactions = CleanedTransactions({{7, 10, 14, 15}, {7, 30, 34, 35}});
  const auto data = [&](Offset offset) {
    return make_keyed({.records = {{"a", "1"}}, .producer = {7, 1, 0, true}, .base_offset = offset});
  };
  EXPECT_EQ(run(data(20)).fate, Fate::whole) << "its transaction was committed";
  EXPECT_EQ(run(marker(true, 21)).fate, Fate::whole);
  EXPECT_EQ(run(data(31)).fate, Fate::dropped);
  EXPECT_EQ(run(marker(false, 34)).fate, Fate::whole);
  EXPECT_EQ(transactions.take_marked(), (std::vector<AbortedTransaction>{{7, 30, 34, 35}}));
  EXPECT_EQ(run(data(40)).fate, Fate::whole);
}

TEST_F(Filtering, AMarkerOfNothingGetsAHorizonAndGoesAfterIt) {
  map.advance(1000);
  for (const bool committed : {false, true}) {
    now = 5000;
    const auto first = run(marker(committed, 14));
    ASSERT_EQ(first.fate, Fate::rewritten);
    EXPECT_EQ(record::BatchView::trusted(first.bytes).delete_horizon(), 5100);
    EXPECT_EQ(record::read_control_record(record::BatchView::trusted(first.bytes))->type,
              committed ? record::ControlType::commit : record::ControlType::abort);
    now = 5099;
    EXPECT_EQ(run(first.bytes).fate, Fate::whole);
    now = 5100;
    EXPECT_EQ(run(first.bytes).fate, Fate::dropped);
  }
  EXPECT_EQ(transactions.take_marked(), std::vector<AbortedTransaction>{});
}

TEST_F(Filtering, AMarkerStaysWhileABatchOfItsTransactionDoesEvenAnEmptyOne) {
  map.advance(1000);
  const Slice data = make_keyed({.records = {{"a", "1"}}, .producer = {7, 1, 0, true}, .base_offset = 10});
  EXPECT_EQ(run(data).fate, Fate::whole);
  EXPECT_EQ(run(marker(true, 11)).fate, Fate::whole);
  knows("a", 500);
  const Slice emptied = run(data, true).bytes;
  run(marker(true, 11));
  EXPECT_EQ(run(emptied, true).fate, Fate::whole);
  EXPECT_EQ(run(marker(true, 11)).fate, Fate::whole);
  EXPECT_EQ(run(marker(true, 11)).fate, Fate::rewritten) << "nothing before it any more";
}

TEST_F(Filtering, AMarkerIsNoRecordOfItsKey) {
  const std::byte commit_key[] = {std::byte{0}, std::byte{0}, std::byte{0}, std::byte{1}};
  map.put(commit_key, 900);
  const Slice data = make_keyed({.records = {{"a", "1"}}, .producer = {7, 1, 0, true}, .base_offset = 10});
  EXPECT_EQ(run(data).fate, Fate::whole);
  EXPECT_EQ(run(marker(true, 11)).fate, Fate::whole) << "ST-14";
}

TEST_F(Filtering, KeepsTheLastBatchesOfAProducer) {
  knows("a", 500);
  std::vector<Slice> batches;
  for (int i = 0; i < 7; ++i) {
    batches.push_back(
        make_keyed({.records = {{"a", "1"}}, .producer = {7, 1, i, false}, .base_offset = 10 + i}));
    table.append(record::HeaderView::trusted(batches.back()));
  }
  producers.emplace(table);
  for (int i = 0; i < 7; ++i) {
    EXPECT_EQ(run(batches[static_cast<std::size_t>(i)]).fate, i < 2 ? Fate::dropped : Fate::emptied) << i;
  }
  const auto view = record::BatchView::trusted(run(batches[6]).bytes);
  EXPECT_EQ(view.base_sequence(), 6);
  EXPECT_EQ(view.producer_epoch(), 1);
}

TEST_F(Filtering, KeepsTheMarkerThatAloneTellsAProducersEpoch) {
  map.advance(1000);
  const Slice end = marker(false, 14);
  table.append(*transaction_marker_of(record::BatchView::trusted(end)));
  producers.emplace(table);
  const Slice first = run(end).bytes;
  now = 6000;
  EXPECT_EQ(run(first).fate, Fate::emptied);
}

TEST_F(Filtering, RefusesDamage) {
  Slice batch = make_keyed({.records = {{"a", "1"}}, .base_offset = 10});
  std::vector<std::byte> bytes(batch.view().begin(), batch.view().end());
  bytes[record::kRecordCountAt + 3] = std::byte{9};
  const auto filtered = filter().filter(record::BatchView::trusted(bytes), false);
  ASSERT_FALSE(filtered);
  EXPECT_EQ(filtered.error().code, Errc::corrupt);
}

std::vector<SegmentShape> shapes(const std::vector<std::int64_t>& sizes, Offset each = 10) {
  std::vector<SegmentShape> all;
  for (const std::int64_t size : sizes) {
    const auto base = static_cast<Offset>(all.size()) * each;
    all.push_back({.base_offset = base,
                   .end_offset = base + each,
                   .size_bytes = size,
                   .first_timestamp = 100 + base,
                   .max_timestamp = 109 + base});
  }
  return all;
}

TEST(CleanableRange, CountsWholeSegmentsBelowTheLimit) {
  const auto closed = shapes({100, 200, 300, 400});
  const auto all = cleanable_range(closed, {0, 45}, 0, 1000, {}, 0);
  EXPECT_EQ(all.end, 40);
  EXPECT_EQ(all.dirty_bytes, 1000);
  EXPECT_EQ(all.clean_bytes, 0);
  EXPECT_EQ(all.dirty_ratio(), 1);
  const auto some = cleanable_range(closed, {0, 45}, 10, 39, {}, 0);
  EXPECT_EQ(some.end, 30) << "the segment that holds the limit is not touched";
  EXPECT_EQ(some.clean_bytes, 100);
  EXPECT_EQ(some.dirty_bytes, 500);
  EXPECT_EQ(cleanable_range(closed, {0, 45}, 0, 9, {}, 0).dirty_bytes, 0);
  EXPECT_EQ(cleanable_range({}, {0, 45}, 0, 9, {}, 0).dirty_bytes, 0);
  const auto clean = cleanable_range(closed, {0, 45}, 40, 1000, {}, 0);
  EXPECT_EQ(clean.dirty_bytes, 0);
  EXPECT_EQ(clean.clean_bytes, 1000);
}

TEST(CleanableRange, StartsAnewWhereTheCheckpointCannotBe) {
  const auto closed = shapes({100, 200});
  EXPECT_EQ(cleanable_range(closed, {5, 25}, 3, 1000, {}, 0).first_dirty, 5);
  EXPECT_EQ(cleanable_range(closed, {5, 25}, 26, 1000, {}, 0).first_dirty, 5);
  EXPECT_EQ(cleanable_range(closed, {5, 25}, 25, 1000, {}, 0).first_dirty, 25);
}

TEST(CleanableRange, MinimalLagStopsAtTheFirstYoungSegment) {
  const auto closed = shapes({100, 100, 100});
  const CompactionRules rules{.min_compaction_lag_ms = 50};
  EXPECT_EQ(cleanable_range(closed, {0, 35}, 0, 1000, rules, 109 + 50).end, 10);
  EXPECT_EQ(cleanable_range(closed, {0, 35}, 0, 1000, rules, 108 + 50).end, 0);
  EXPECT_EQ(cleanable_range(closed, {0, 35}, 0, 1000, rules, 129 + 50).end, 30);
  EXPECT_EQ(cleanable_range(closed, {0, 35}, 10, 1000, rules, 100).end, 10) << "what is clean has no lag";
}

TEST(CleanableRange, IsDueByRatioOrByTheLongestLag) {
  const auto closed = shapes({500, 100});
  const CompactionRules rules{.max_compaction_lag_ms = 1000};
  EXPECT_FALSE(cleanable_range(closed, {0, 25}, 10, 100, rules, 1110).is_due(0.5));
  const auto overdue = cleanable_range(closed, {0, 25}, 10, 100, rules, 1111);
  EXPECT_EQ(overdue.overdue_ms, 1);
  EXPECT_TRUE(overdue.is_due(0.5));
  EXPECT_TRUE(cleanable_range(closed, {0, 25}, 10, 100, rules, 0).is_due(0.1));
  EXPECT_FALSE(cleanable_range(closed, {0, 25}, 20, 100, rules, 1 << 20).is_due(0.1));
}

TEST(SegmentGroups, TakeNeighboursUpToTheSize) {
  const auto all = shapes({100, 100, 100, 250, 10, 10});
  EXPECT_EQ(group_segments(all, 300, 1 << 20, 4096), (std::vector<SegmentGroup>{{0, 3}, {3, 6}}));
  EXPECT_EQ(group_segments(all, 50, 1 << 20, 4096).size(), 5u);
  EXPECT_EQ(group_segments({}, 50, 1 << 20, 4096).size(), 0u);
}

TEST(SegmentGroups, StayWithinTheIndexes) {
  const auto all = shapes({100, 100, 100});
  EXPECT_EQ(group_segments(all, 1000, 2 * 12 * 11, 10), (std::vector<SegmentGroup>{{0, 2}, {2, 3}}));
  const auto far = shapes({1, 1, 1}, 1LL << 30);
  EXPECT_EQ(group_segments(far, 1000, 1 << 20, 10), (std::vector<SegmentGroup>{{0, 2}, {2, 3}}));
}

TEST(IoThrottle, SpreadsBytesOverTime) {
  IoThrottle throttle(1000);
  const runtime::MonotonicTime start{std::chrono::seconds(5)};
  EXPECT_EQ(throttle.next(start, 500) - start, std::chrono::milliseconds(500));
  EXPECT_EQ(throttle.next(start, 500) - start, std::chrono::seconds(1));
  const auto later = start + std::chrono::seconds(9);
  EXPECT_EQ(throttle.next(later, 100) - later, std::chrono::milliseconds(100)) << "no credit for idle time";
  EXPECT_EQ(throttle.slice_bytes(10, 1 << 20), 50);
  EXPECT_EQ(throttle.slice_bytes(64, 1 << 20), 64);
  EXPECT_EQ(IoThrottle().next(start, 1LL << 40), start);
  EXPECT_EQ(IoThrottle().slice_bytes(10, 1 << 20), 1 << 20);
}

}  // namespace
}  // namespace moldau::storage::testing
