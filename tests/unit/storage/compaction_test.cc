// Compaction of one log among everything else that goes on in it (reliability.md: I-S5, rows ST-12 to ST-17).
#include "compaction_fixture.h"

namespace moldau::storage::testing {
namespace {

class Compaction : public ::testing::Test {
 protected:
  LogResult<AppendInfo> append(const std::vector<Keyed>& records, Producer producer = {},
                               record::Codec codec = record::Codec::none) {
    auto info = node.commit(
        make_keyed({.records = records, .timestamp = timestamp += 10, .producer = producer, .codec = codec}));
    EXPECT_TRUE(info) << (info ? "" : info.error().message);
    if (!info || info->duplicate) return info;
    for (std::size_t i = 0; i < records.size(); ++i) {
      history.push_back(
          {info->first_offset + static_cast<Offset>(i), timestamp + static_cast<TimestampMs>(i), records[i]});
    }
    return info;
  }
  void end_transaction(ProducerId id, ProducerEpoch epoch, bool committed) {
    const auto info = node.log->append_as_leader(
        record::end_transaction_batch(
            {.committed = committed, .producer_id = id, .producer_epoch = epoch, .timestamp = timestamp}, 0),
        {.now_ms = node.now, .origin = AppendOrigin::coordinator});
    ASSERT_TRUE(info) << info.error().message;
    ASSERT_TRUE(world.run(node.log->durable_end_offset().reaches(world.shard(0), info->last_offset + 1)));
  }
  void compact() {
    const auto report = log.compact();
    ASSERT_TRUE(report) << report.error().message;
  }
  // What is seen is a part of what was written, in its order; the newest record of each key is there, or has
  // been a tombstone. Below the clean end there is one record for each key.
  void check(const std::vector<Seen>& seen) {
    std::map<Offset, Seen> written;
    std::map<std::string, Seen> newest;
    for (const Seen& one : history) {
      written[one.offset] = one;
      newest[one.record.key] = one;
    }
    std::map<std::string, Seen> last;
    std::map<std::string, int> below;
    const Offset first_dirty = *node.log->first_dirty();
    for (const Seen& one : seen) {
      ASSERT_TRUE(written.contains(one.offset)) << one.offset;
      EXPECT_EQ(written[one.offset], one) << one.offset;
      last[one.record.key] = one;
      if (one.offset < first_dirty) ++below[one.record.key];
    }
    for (const auto& [key, one] : newest) {
      if (one.record.value) EXPECT_EQ(last[key], one) << key;
      if (!one.record.value && last.contains(key)) EXPECT_EQ(last[key], one) << key;
    }
    for (const auto& [key, count] : below) EXPECT_EQ(count, 1) << key;
  }
  void reopen(bool power) {
    const Status status = node.crash(power);
    ASSERT_TRUE(status) << status.error().message;
  }
  void fill(int count, int keys = 10, std::size_t value_size = 60) {
    for (int i = 0; i < count; ++i) {
      append({{"key-" + std::to_string(i % keys), std::to_string(i) + std::string(value_size, '.')}});
    }
  }
  // While a compaction is under way, the records below an offset are deleted, with their segments.
  void retention_comes_after(runtime::Duration delay) {
    node.config.cleanup_delete = true;
    if (!node.log) ASSERT_TRUE(node.open());
    fill(100);
    ASSERT_TRUE(node.log->roll(node.now));
    ASSERT_TRUE(log.flush());
    const auto range = world.run(node.log->cleanable(log.high_watermark, node.now));
    ASSERT_TRUE(range);
    log.tools.throttle = IoThrottle(20'000);
    auto compacting = node.log->compact(*range, log.tools, node.now);
    world.run_for(delay);
    const Offset start = node.log->end_offset().value() - 40;
    ASSERT_TRUE(node.log->set_log_start_offset(start));
    const auto dropped = world.run(node.log->run_retention(node.now, node.log->end_offset().value()));
    ASSERT_TRUE(dropped) << dropped.error().message;
    EXPECT_GT(*dropped, 0u);
    const auto report = world.run(std::move(compacting));
    if (!report) {
      EXPECT_TRUE(report.error().code == Errc::cancelled || report.error().code == Errc::not_found)
          << report.error().message;
    }
    std::erase_if(history, [&](const Seen& one) { return one.offset < start; });
    check(visible(node));
    log.tools.throttle = IoThrottle();
    fill(10);
    compact();
    check(visible(node));
    EXPECT_GE(node.log->log_start_offset(), start);
  }

  simulation::World world{11};
  CompactingLog log{world};
  LogHarness& node = log.node;
  std::vector<Seen> history;
  TimestampMs timestamp = 1'000;
};

TEST_F(Compaction, LeavesTheNewestOfEachKey) {
  ASSERT_TRUE(node.open());
  fill(100);
  compact();
  const auto seen = visible(node);
  EXPECT_EQ(seen.size(), 10u);
  EXPECT_EQ(seen.front().offset, 90);
  check(seen);
  EXPECT_EQ(node.log->first_dirty(), 100);
  EXPECT_EQ(node.log->end_offset().value(), 100);
  EXPECT_EQ(node.log->log_start_offset(), 0);
}

TEST_F(Compaction, MakesOneSegmentOfSeveralSmallOnes) {
  ASSERT_TRUE(node.open());
  fill(100);
  const std::size_t before = node.log->segment_count();
  ASSERT_GT(before, 5u);
  compact();
  fill(20);
  compact();
  EXPECT_LT(node.log->segment_count(), before);
  const auto names = log.files();
  for (const std::string& name : names) {
    EXPECT_FALSE(name.ends_with(".cleaned") || name.ends_with(".swap")) << name;
  }
  world.run_for(std::chrono::seconds(1));
  for (const std::string& name : log.files()) EXPECT_FALSE(name.ends_with(".deleted")) << name;
}

TEST_F(Compaction, ReadsInAGapGiveTheNextRecord) {
  ASSERT_TRUE(node.open());
  fill(100);
  compact();
  const std::vector<Seen> seen = visible(node);
  ASSERT_EQ(seen.front().offset, 90);
  for (Offset from = 0; from < 100; ++from) {
    auto piece = node.read(from);
    ASSERT_TRUE(piece);
    std::optional<Offset> first;
    for (Offset at = from; at < 100 && !first;) {
      piece = node.read(at);
      ASSERT_TRUE(piece && !piece->batches.empty()) << "ST-17 " << from;
      const Slice whole = joined(piece->batches);
      record::BatchReader reader(whole);
      for (record::BatchView batch; *reader.next(batch);) {
        if (!first && batch.record_count() > 0 && batch.last_offset() >= from) first = batch.last_offset();
      }
      ASSERT_GT(piece->next_offset, at);
      at = piece->next_offset;
    }
    EXPECT_EQ(first, std::max<Offset>(from, 90)) << from;
  }
}

TEST_F(Compaction, NeverTouchesTheActiveSegment) {
  ASSERT_TRUE(node.open());
  fill(8, 1, 20);
  ASSERT_EQ(node.log->segment_count(), 1u);
  ASSERT_TRUE(log.flush());
  const auto range = world.run(node.log->cleanable(log.high_watermark, node.now));
  EXPECT_EQ(range->dirty_bytes, 0);
  EXPECT_EQ(visible(node).size(), 8u);
}

TEST_F(Compaction, NeverTouchesWhatIsNotFlushed) {
  ASSERT_TRUE(node.open());
  fill(60);
  ASSERT_TRUE(log.flush());
  const auto before = world.run(node.log->cleanable(log.high_watermark, node.now));
  fill(60);
  const auto after = world.run(node.log->cleanable(log.high_watermark, node.now));
  EXPECT_LE(after->end, node.log->recovery_point());
  EXPECT_GE(after->end, before->end);
}

TEST_F(Compaction, ST_13_StopsAtTheHighWatermark) {
  ASSERT_TRUE(node.open());
  fill(100);
  log.high_watermark = 37;
  compact();
  EXPECT_LE(*node.log->first_dirty(), 37);
  const auto seen = visible(node);
  check(seen);
  std::set<Offset> offsets;
  for (const Seen& one : seen) offsets.insert(one.offset);
  for (Offset at = 37; at < 100; ++at) EXPECT_TRUE(offsets.contains(at)) << at;
}

TEST_F(Compaction, ST_13_StopsAtTheLastStableOffset) {
  ASSERT_TRUE(node.open());
  fill(30);
  append({{"open", "1"}}, {5, 0, 0, true});
  fill(70);
  compact();
  EXPECT_LE(*node.log->first_dirty(), 30);
  EXPECT_GE(visible(node).size(), 71u);
}

TEST_F(Compaction, ATombstoneHidesItsKeyAndGoesAfterItsTime) {
  ASSERT_TRUE(node.open());
  append({{"a", "1"}, {"b", "1"}});
  append({{"a", std::nullopt}});
  compact();
  auto seen = visible(node);
  ASSERT_EQ(seen.size(), 2u);
  EXPECT_EQ(seen[1].record, (Keyed{"a", std::nullopt}));
  check(seen);
  append({{"c", "1"}});
  node.now += 999;
  compact();
  EXPECT_EQ(visible(node).size(), 3u) << "delete.retention.ms has not passed";
  append({{"d", "1"}});
  node.now += 1;
  compact();
  seen = visible(node);
  ASSERT_EQ(seen.size(), 3u);
  check(seen);
  EXPECT_EQ(seen[0].record.key, "b");
}

TEST_F(Compaction, ALogOfTombstonesAloneKeepsItsEnd) {
  ASSERT_TRUE(node.open());
  append({{"a", "1"}});
  append({{"a", std::nullopt}});
  compact();
  append({{"a", std::nullopt}});
  node.now += 5000;
  compact();
  append({{"x", "1"}});
  node.now += 5000;
  compact();
  node.now += 5000;
  append({{"x", "2"}});
  compact();
  EXPECT_EQ(visible(node).size(), 1u);
  EXPECT_EQ(node.log->end_offset().value(), 5);
  reopen(true);
  EXPECT_EQ(node.log->end_offset().value(), 5);
  EXPECT_EQ(visible(node).size(), 1u);
}

TEST_F(Compaction, AbortedRecordsGoAndReadCommittedSeesTheSame) {
  ASSERT_TRUE(node.open());
  int sequence = 0;
  std::vector<Seen> kept;
  for (int i = 0; i < 12; ++i) {
    const bool committed = i % 3 != 0;
    const std::size_t before = history.size();
    append({{"t-" + std::to_string(i % 4), std::to_string(i)}, {"u", std::to_string(i)}},
           {5, 0, sequence, true});
    sequence += 2;
    fill(3, 2);
    end_transaction(5, 0, committed);
    if (!committed) {
      history.erase(history.begin() + static_cast<std::ptrdiff_t>(before),
                    history.begin() + static_cast<std::ptrdiff_t>(before) + 2);
    }
  }
  check(visible(node));
  for (int round = 0; round < 4; ++round) {
    compact();
    check(visible(node));
    append({{"more", std::to_string(round)}});
    node.now += 600;
  }
  reopen(false);
  check(visible(node));
}

TEST_F(Compaction, MarkersGoInTheEndAndTheTransactionIndexWithThem) {
  ASSERT_TRUE(node.open());
  append({{"a", "1"}}, {5, 0, 0, true});
  end_transaction(5, 0, false);
  append({{"a", "2"}}, {6, 0, 0, true});
  end_transaction(6, 0, true);
  append({{"a", "3"}});
  for (int i = 0; i < 2; ++i) append({{"p", std::to_string(i)}}, {5, 1, i, false});
  for (int i = 0; i < 2; ++i) append({{"q", std::to_string(i)}}, {6, 1, i, false});
  const auto aborted = [&] { return world.run(node.log->aborted_transactions(0, 100))->size(); };
  EXPECT_EQ(aborted(), 1u);
  compact();
  EXPECT_EQ(aborted(), 1u) << "its records went just now";
  for (int i = 0; i < 3; ++i) {
    append({{"b", std::to_string(i)}});
    node.now += 1001;
    compact();
  }
  EXPECT_EQ(aborted(), 0u);
  int controls = 0;
  const auto piece = node.read(0);
  ASSERT_TRUE(piece);
  for (const Slice& slice : piece->batches) {
    record::BatchReader reader(slice);
    for (record::BatchView batch; *reader.next(batch);) controls += batch.is_control() ? 1 : 0;
  }
  EXPECT_EQ(controls, 0);
  reopen(true);
  EXPECT_EQ(node.log->last_stable_offset(100), 100) << "nothing looks like an open transaction";
}

// A pass may end between a transaction's records and its marker: what it is was known, or it had not come so
// far.
TEST_F(Compaction, AMarkerBehindThePassDecidesWhatLiesBelow) {
  ASSERT_TRUE(node.open());
  append({{"a", "1"}});
  append({{"a", "2"}}, {5, 0, 0, true});
  history.pop_back();
  append({{"b", "1"}}, {6, 0, 0, true});
  fill(40);
  ASSERT_TRUE(node.log->roll(node.now));
  const Offset markers = node.log->end_offset().value();
  end_transaction(5, 0, false);
  end_transaction(6, 0, true);
  ASSERT_TRUE(log.flush());
  const auto report = log.compact_again();
  ASSERT_TRUE(report) << report.error().message;
  EXPECT_EQ(*node.log->first_dirty(), markers) << "the active segment is left alone";
  const auto check_all = [&] {
    const auto seen = visible(node);
    check(seen);
    EXPECT_EQ(std::ranges::count(seen, std::string("b"), [](const Seen& one) { return one.record.key; }), 1);
    EXPECT_EQ(node.log->last_stable_offset(100), 100);
  };
  check_all();
  EXPECT_EQ(world.run(node.log->aborted_transactions(0, 100))->size(), 1u);
  reopen(true);
  check_all();
  compact();
  check_all();
}

TEST_F(Compaction, AnOpenTransactionStaysWhateverItsProducerHadDecidedBefore) {
  ASSERT_TRUE(node.open());
  append({{"a", "1"}}, {5, 0, 0, true});
  end_transaction(5, 0, true);
  append({{"a", "2"}}, {5, 0, 1, true});
  end_transaction(5, 0, false);
  history.pop_back();
  fill(20);
  const Offset open = append({{"a", "3"}}, {5, 0, 2, true})->first_offset;
  fill(40);
  append({{"a", "4"}}, {5, 0, 3, true});
  for (int round = 0; round < 3; ++round) {
    // There may be nothing to compact any more.
    if (const auto report = log.compact(); !report) EXPECT_EQ(report.error().code, Errc::cancelled);
    EXPECT_LE(*node.log->first_dirty(), open);
    const auto seen = visible(node);
    const auto of_a =
        std::ranges::count(seen, std::string("a"), [](const Seen& one) { return one.record.key; });
    EXPECT_EQ(of_a, 3) << "what was committed, and both that are open";
    EXPECT_EQ(node.log->last_stable_offset(1000), open);
    fill(10);
    node.now += 2000;
    reopen(round == 1);
  }
  end_transaction(5, 0, false);
  std::erase_if(history, [&](const Seen& one) { return one.record.key == "a" && one.offset >= open; });
  for (int round = 0; round < 3; ++round) {
    fill(10);
    compact();
    check(visible(node));
    node.now += 2000;
  }
  const auto seen = visible(node);
  EXPECT_EQ(std::ranges::count(seen, std::string("a"), [](const Seen& one) { return one.record.key; }), 1);
}

TEST_F(Compaction, TX_01_ATransactionalProducerIsKnownAfterTheLogWasReadAnew) {
  ASSERT_TRUE(node.open());
  for (int i = 0; i < 8; ++i) {
    append({{"a", std::to_string(i)}}, {5, 0, i, true});
    end_transaction(5, 0, i % 2 == 0);
    if (i % 2 != 0) history.pop_back();
  }
  fill(40);
  append({{"a", "last"}});
  for (int round = 0; round < 4; ++round) {
    compact();
    check(visible(node));
    node.now += 2000;
    fill(5);
  }
  ASSERT_TRUE(node.close());
  for (const std::string& name : log.files()) {
    if (name.ends_with(kSnapshotSuffix)) ASSERT_TRUE(world.disk().remove_file(kLogFolder + "/" + name));
  }
  ASSERT_TRUE(node.open());
  EXPECT_EQ(node.log->last_stable_offset(1000), 1000) << "its transactions have all ended";
  EXPECT_FALSE(node.append(make_keyed({.records = {{"a", "x"}}, .producer = {5, 0, 9, true}})));
  EXPECT_TRUE(node.append(make_keyed({.records = {{"a", "x"}}, .producer = {5, 0, 8, true}})));
}

TEST_F(Compaction, TX_01_ARetryIsKnownAfterTheLogWasReadAnew) {
  ASSERT_TRUE(node.open());
  std::vector<Offset> offsets;
  for (int i = 0; i < 8; ++i)
    offsets.push_back(append({{"a", std::to_string(i)}}, {5, 0, i, false})->first_offset);
  fill(40);
  append({{"a", "last"}});
  compact();
  check(visible(node));
  // Without its snapshots: what a new replica would learn from the batches.
  ASSERT_TRUE(node.close());
  for (const std::string& name : log.files()) {
    if (name.ends_with(kSnapshotSuffix)) ASSERT_TRUE(world.disk().remove_file(kLogFolder + "/" + name));
  }
  ASSERT_TRUE(node.open());
  for (int i = 3; i < 8; ++i) {
    const auto again =
        node.append(make_keyed({.records = {{"a", std::to_string(i)}}, .producer = {5, 0, i, false}}));
    ASSERT_TRUE(again) << again.error().message;
    EXPECT_TRUE(again->duplicate) << i;
    EXPECT_EQ(again->first_offset, offsets[static_cast<std::size_t>(i)]);
  }
  EXPECT_FALSE(node.append(make_keyed({.records = {{"a", "x"}}, .producer = {5, 0, 9, false}})));
  EXPECT_TRUE(node.append(make_keyed({.records = {{"a", "x"}}, .producer = {5, 0, 8, false}})));
}

TEST_F(Compaction, ASmallMapTakesSeveralPasses) {
  log.tools.dedupe_buffer_bytes = 12 * OffsetMap::kSlotSize;
  ASSERT_TRUE(node.open());
  fill(120, 40, 30);
  auto report = log.compact();
  ASSERT_TRUE(report) << report.error().message;
  EXPECT_TRUE(report->map_full);
  EXPECT_LE(report->keys, 10u);
  int passes = 1;
  for (; report->map_full && passes < 50; ++passes) {
    check(visible(node));
    const Offset before = report->first_dirty;
    report = log.compact_again();
    ASSERT_TRUE(report) << report.error().message;
    EXPECT_GT(report->first_dirty, before);
  }
  EXPECT_GT(passes, 3);
  EXPECT_EQ(node.log->first_dirty(), 120);
  const auto seen = visible(node);
  EXPECT_EQ(seen.size(), 40u);
  check(seen);
}

TEST_F(Compaction, LargeBatchesPassThroughASmallBuffer) {
  node.config.segment_bytes = 20'000;
  ASSERT_TRUE(node.open());
  for (int i = 0; i < 12; ++i) {
    append({{"big-" + std::to_string(i % 2), std::string(5000, static_cast<char>('a' + i))},
            {"small", std::to_string(i)}},
           {}, i % 2 == 0 ? record::Codec::lz4 : record::Codec::none);
  }
  compact();
  const auto seen = visible(node);
  EXPECT_EQ(seen.size(), 3u);
  check(seen);
}

TEST_F(Compaction, ReadersThatAreUnderWaySeeTheSameLog) {
  ASSERT_TRUE(node.open());
  fill(150, 20);
  ASSERT_TRUE(node.log->roll(node.now));
  ASSERT_TRUE(log.flush());
  // Many readers, of which each takes a step at a time, while the log is compacted below them.
  struct Reader {
    Offset at = 0;
    std::vector<Offset> offsets = {};
    bool failed = false;
  };
  std::vector<Reader> readers(20);
  const auto read_all = [](LogHarness& on, Reader& reader) -> runtime::Task<void> {
    while (reader.at < 150) {
      auto piece = co_await on.log->read(reader.at, 300, 150, true);
      if (!piece || piece->batches.empty()) {
        reader.failed = true;
        co_return;
      }
      for (const Slice& slice : piece->batches) {
        record::BatchReader batches(slice);
        for (record::BatchView batch; *batches.next(batch);) {
          if (batch.record_count() > 0) reader.offsets.push_back(batch.base_offset());
        }
      }
      reader.at = piece->next_offset;
    }
  };
  // Nothing in the page cache: each read waits for the device.
  reopen(true);
  std::vector<runtime::Task<void>> tasks;
  for (Reader& reader : readers) tasks.push_back(read_all(node, reader));
  const auto range = world.run(node.log->cleanable(log.high_watermark, node.now));
  ASSERT_TRUE(range);
  auto compacting = node.log->compact(*range, log.tools, node.now);
  ASSERT_TRUE(world.run_until([&] {
    return compacting.ended() &&
           std::ranges::all_of(tasks, [](const runtime::Task<void>& task) { return task.ended(); });
  }));
  ASSERT_TRUE(std::move(compacting).take());
  const auto after = visible(node);
  check(after);
  for (const Reader& reader : readers) {
    EXPECT_FALSE(reader.failed);
    EXPECT_TRUE(std::ranges::is_sorted(reader.offsets));
    for (const Seen& one : after)
      EXPECT_TRUE(std::ranges::binary_search(reader.offsets, one.offset)) << one.offset;
  }
}

TEST_F(Compaction, ATruncationEndsIt) {
  ASSERT_TRUE(node.open());
  fill(100);
  ASSERT_TRUE(node.log->roll(node.now));
  ASSERT_TRUE(log.flush());
  const auto range = world.run(node.log->cleanable(log.high_watermark, node.now));
  log.tools.throttle = IoThrottle(20'000);
  auto compacting = node.log->compact(*range, log.tools, node.now);
  world.run_for(std::chrono::milliseconds(30));
  EXPECT_FALSE(compacting.ended());
  ASSERT_TRUE(world.run(node.log->truncate_to(55)));
  const auto report = world.run(std::move(compacting));
  ASSERT_FALSE(report);
  EXPECT_EQ(report.error().code, Errc::cancelled);
  history.resize(55);
  EXPECT_EQ(visible(node).size(), 55u);
  EXPECT_LE(*node.log->first_dirty(), 55);
  for (const std::string& name : log.files()) EXPECT_FALSE(name.ends_with(".cleaned")) << name;
  fill(40);
  log.tools.throttle = IoThrottle();
  compact();
  check(visible(node));
}

TEST_F(Compaction, TheEndOfTheLogEndsIt) {
  for (const bool removed : {false, true}) {
    ASSERT_TRUE(node.open());
    fill(100);
    ASSERT_TRUE(node.log->roll(node.now));
    ASSERT_TRUE(log.flush());
    const auto range = world.run(node.log->cleanable(log.high_watermark, node.now));
    log.tools.throttle = IoThrottle(20'000);
    auto compacting = node.log->compact(*range, log.tools, node.now);
    world.run_for(std::chrono::milliseconds(30));
    ASSERT_FALSE(compacting.ended());
    EXPECT_TRUE(removed ? world.run(node.log->remove()) : node.close());
    EXPECT_TRUE(compacting.ended());
    EXPECT_EQ(world.run(std::move(compacting)).error().code, Errc::cancelled);
    if (removed) EXPECT_FALSE(*world.disk().exists(kLogFolder)) << "nothing is written to where it was";
  }
}

TEST_F(Compaction, ST_12_RetentionOfTheSameSegmentsBeforeTheyAreCleaned) {
  retention_comes_after(std::chrono::milliseconds(30));
}

TEST_F(Compaction, ST_12_RetentionOfTheSameSegmentsWhileTheyAreCleaned) {
  for (int i = 0; i < 6; ++i) retention_comes_after(std::chrono::milliseconds(750 + 60 * i));
}

TEST_F(Compaction, AppendsAndFlushesGoOnBesideIt) {
  ASSERT_TRUE(node.open());
  fill(100);
  ASSERT_TRUE(node.log->roll(node.now));
  ASSERT_TRUE(log.flush());
  const auto range = world.run(node.log->cleanable(log.high_watermark, node.now));
  log.tools.throttle = IoThrottle(50'000);
  auto compacting = node.log->compact(*range, log.tools, node.now);
  int beside = 0;
  while (!compacting.ended() && beside < 400) {
    append({{"key-" + std::to_string(beside % 7), "beside" + std::to_string(beside)}});
    if (beside % 10 == 0) ASSERT_TRUE(log.flush());
    ++beside;
    world.run_for(std::chrono::milliseconds(1));
  }
  EXPECT_GT(beside, 20);
  ASSERT_TRUE(world.run(std::move(compacting)));
  check(visible(node));
  reopen(true);
  check(visible(node));
}

TEST_F(Compaction, TheThrottleHoldsItBack) {
  ASSERT_TRUE(node.open());
  fill(100);
  ASSERT_TRUE(node.log->roll(node.now));
  ASSERT_TRUE(log.flush());
  const auto range = world.run(node.log->cleanable(log.high_watermark, node.now));
  log.tools.throttle = IoThrottle(10'000);
  const auto start = world.now();
  const auto report = world.run(node.log->compact(*range, log.tools, node.now));
  ASSERT_TRUE(report);
  const auto& stats = report->stats;
  const std::int64_t bytes = stats.bytes_mapped + stats.bytes_read + stats.bytes_written;
  const double seconds = std::chrono::duration<double>(world.now() - start).count();
  EXPECT_NEAR(seconds, static_cast<double>(bytes) / 10'000, 0.5 + seconds / 10);
  EXPECT_GT(seconds, 1);
}

TEST_F(Compaction, DamageIsReportedAndNothingChanges) {
  ASSERT_TRUE(node.open());
  fill(100);
  ASSERT_TRUE(node.log->roll(node.now));
  ASSERT_TRUE(log.flush());
  const auto before = log.files();
  auto file = world.disk().open(file_path(kLogFolder, 0, kLogSuffix), runtime::OpenMode::read_write);
  ASSERT_TRUE(file);
  const std::byte flipped[] = {std::byte{0x5a}};
  ASSERT_TRUE((*file)->write_at(400, flipped));
  const auto report = log.compact_again();
  ASSERT_FALSE(report);
  EXPECT_EQ(report.error().code, Errc::corrupt);
  EXPECT_NE(report.error().message.find(file_path(kLogFolder, 0, kLogSuffix)), std::string::npos);
  EXPECT_EQ(log.files(), before);
  EXPECT_EQ(node.log->poisoned(), nullptr);
  EXPECT_EQ(node.log->first_dirty(), 0);
}

TEST_F(Compaction, AFailedSyncLeavesTheOldSegments) {
  ASSERT_TRUE(node.open());
  fill(100);
  ASSERT_TRUE(node.log->roll(node.now));
  ASSERT_TRUE(log.flush());
  world.drive().fail_next_sync(".cleaned");
  const auto report = log.compact_again();
  ASSERT_FALSE(report);
  EXPECT_EQ(node.log->poisoned(), nullptr) << "nothing that was acknowledged is in doubt";
  EXPECT_EQ(visible(node).size(), 100u);
  reopen(true);
  check(visible(node));
}

TEST_F(Compaction, TimestampsAndEpochsAreFoundAsBefore) {
  ASSERT_TRUE(node.open());
  fill(100);
  compact();
  const auto seen = visible(node);
  for (const Seen& one : seen) {
    const auto found = world.run(node.log->offset_for_timestamp(one.timestamp));
    ASSERT_TRUE(found && *found);
    EXPECT_EQ((*found)->offset, one.offset);
  }
  const auto first = world.run(node.log->offset_for_timestamp(0));
  EXPECT_EQ((*first)->offset, seen.front().offset);
  const auto highest = world.run(node.log->offset_of_max_timestamp());
  ASSERT_TRUE(highest && *highest);
  EXPECT_EQ((*highest)->offset, 99);
  EXPECT_EQ(node.log->offset_for_leader_epoch(0).end_offset, 100);
}

// A follower of a compacted log gets its gaps, and has them after a crash too.
TEST_F(Compaction, AFollowerTakesTheGaps) {
  ASSERT_TRUE(node.open());
  fill(200, 30);
  compact();
  fill(25, 30);
  const auto seen = visible(node);
  for (const Durability durability : {Durability::synced, Durability::page_cache}) {
    for (const bool power : {false, true}) {
      simulation::World other(12);
      CompactingLog copy(other, durability);
      ASSERT_TRUE(copy.node.open());
      const auto fetch = [&](Offset until) {
        while (copy.node.log->end_offset().value() < until) {
          const auto piece = node.read(copy.node.log->end_offset().value(), 600);
          ASSERT_TRUE(piece && !piece->batches.empty());
          const Slice all = joined(piece->batches);
          const auto appended = copy.node.log->append_as_follower(all, copy.node.now);
          ASSERT_TRUE(appended) << appended.error().message;
        }
        ASSERT_TRUE(other.run(copy.node.log->durable_end_offset().reaches(
            other.shard(0), copy.node.log->end_offset().value())));
      };
      fetch(120);
      if (durability == Durability::page_cache && power) ASSERT_TRUE(copy.flush());
      const Status status = copy.node.crash(power);
      ASSERT_TRUE(status) << status.error().message;
      EXPECT_GE(copy.node.log->end_offset().value(), 120);
      fetch(225);
      EXPECT_EQ(visible(copy.node), seen);
      ASSERT_TRUE(copy.compact());
      check(visible(copy.node));
    }
  }
}

// What is flushed ends before the gap, what is not begins behind it: the recovery point lies where the
// segments end, or a start would miss records that there never were.
TEST_F(Compaction, TheRecoveryPointIsNotBehindAGap) {
  ASSERT_TRUE(node.open());
  const auto follow = [&](Offset base) {
    const Slice batch = make_keyed({.records = {{"k", "v"}}, .base_offset = base, .epoch = 0});
    ASSERT_TRUE(node.log->append_as_follower(batch, node.now));
  };
  follow(0);
  ASSERT_TRUE(world.run(node.log->durable_end_offset().reaches(world.shard(0), 1)));
  follow(10);
  auto flushing = node.log->flush();
  ASSERT_TRUE(world.run(std::move(flushing)));
  EXPECT_TRUE(node.log->recovery_point() == 1 || node.log->recovery_point() == 11)
      << node.log->recovery_point();
  ASSERT_TRUE(world.run(node.log->durable_end_offset().reaches(world.shard(0), 11)));
  follow(20);
  ASSERT_TRUE(world.run(node.log->flush()));
  EXPECT_NE(node.log->recovery_point(), 20);
  reopen(true);
  EXPECT_GE(node.log->end_offset().value(), 11);
}

// Keyed writes, tombstones, transactions and compactions as they come, with crashes between: whatever comes,
// the log is what a map of the newest values says.
class CompactionModel : public ::testing::TestWithParam<int> {};

TEST_P(CompactionModel, I_S5_HoldsWhateverComes) {
  const auto seed = static_cast<std::uint64_t>(GetParam());
  simulation::World world(seed);
  Random random(seed);
  CompactingLog log(world, random.one_in(3) ? Durability::page_cache : Durability::synced);
  LogHarness& node = log.node;
  node.config.segment_bytes = static_cast<std::int64_t>(400 + random.below(2500));
  node.config.delete_retention_ms = static_cast<std::int64_t>(random.below(3000));
  log.tools.dedupe_buffer_bytes = random.one_in(2) ? 4 << 20 : 6 * OffsetMap::kSlotSize + random.below(600);
  log.tools.io_buffer_bytes = 62 + random.below(2000);
  ASSERT_TRUE(node.open());

  struct Open {
    std::vector<Seen> records;
    bool any = false;
  };
  std::map<Offset, Seen> committed;
  std::map<ProducerId, Open> open;
  std::map<ProducerId, Sequence> sequences;
  TimestampMs timestamp = 1000;
  const auto wait = [&](Offset end) {
    return world.run(node.log->durable_end_offset().reaches(world.shard(0), end));
  };
  const auto check = [&] {
    const Offset stable = node.log->last_stable_offset(node.log->end_offset().value());
    std::map<std::string, Offset> newest;
    std::map<std::string, Offset> last;
    std::map<std::string, int> below;
    for (const auto& [offset, one] : committed)
      if (offset < stable) newest[one.record.key] = offset;
    for (const Seen& one : visible(node)) {
      if (one.offset >= stable) continue;
      ASSERT_TRUE(committed.contains(one.offset)) << "aborted or never written: " << one.offset;
      ASSERT_EQ(committed[one.offset], one);
      last[one.record.key] = one.offset;
      if (one.offset < *node.log->first_dirty()) ASSERT_EQ(++below[one.record.key], 1) << one.record.key;
    }
    for (const auto& [key, offset] : newest) {
      if (committed[offset].record.value || last.contains(key)) ASSERT_EQ(last[key], offset) << key;
    }
  };
  for (int step = 0; step < 150 && !::testing::Test::HasFailure(); ++step) {
    node.now += static_cast<TimestampMs>(random.below(400));
    const std::uint64_t what = random.below(20);
    if (what < 13) {
      KeyedBatch batch{.timestamp = timestamp += 50};
      batch.codec = static_cast<record::Codec>(random.below(5));
      for (std::uint64_t i = 0, count = 1 + random.below(4); i < count; ++i) {
        Keyed record{"k" + std::to_string(random.below(25)), std::nullopt};
        if (!random.one_in(4)) record.value = std::string(random.below(80), 'v') + std::to_string(step);
        batch.records.push_back(std::move(record));
      }
      if (random.one_in(2)) {
        const auto id = static_cast<ProducerId>(random.below(4));
        batch.producer = {id, 0, sequences[id], id >= 2};
        sequences[id] += static_cast<Sequence>(batch.records.size());
      }
      const auto info = node.append(make_keyed(batch));
      ASSERT_TRUE(info) << info.error().message;
      for (std::size_t i = 0; i < batch.records.size(); ++i) {
        Seen one{info->first_offset + static_cast<Offset>(i), batch.timestamp + static_cast<TimestampMs>(i),
                 batch.records[i]};
        if (batch.producer.transactional) {
          open[batch.producer.id].records.push_back(std::move(one));
        } else {
          committed[one.offset] = std::move(one);
        }
      }
      ASSERT_TRUE(wait(info->last_offset + 1));
    } else if (what < 15 && !open.empty()) {
      auto ended = open.extract(open.begin());
      const bool commits = random.one_in(2);
      const auto info = node.log->append_as_leader(
          record::end_transaction_batch(
              {.committed = commits, .producer_id = ended.key(), .producer_epoch = 0, .timestamp = timestamp},
              0),
          {.now_ms = node.now, .origin = AppendOrigin::coordinator});
      ASSERT_TRUE(info) << info.error().message;
      ASSERT_TRUE(wait(info->last_offset + 1));
      if (commits)
        for (Seen& one : ended.mapped().records) committed[one.offset] = std::move(one);
    } else if (what < 18) {
      const auto report = log.compact();
      if (!report) ASSERT_EQ(report.error().code, Errc::cancelled) << report.error().message;
      check();
    } else {
      if (node.config.durability == Durability::page_cache) ASSERT_TRUE(log.flush());
      const Status status = node.crash(random.one_in(2));
      ASSERT_TRUE(status) << status.error().message;
      check();
    }
  }
  check();
}

INSTANTIATE_TEST_SUITE_P(Seeds, CompactionModel, ::testing::Range(1, 41));

}  // namespace
}  // namespace moldau::storage::testing
