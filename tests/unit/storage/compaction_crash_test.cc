// Compaction that is interrupted (ST-16, I-S5): power lost at every operation on the disk, also within the
// recovery after it; and the states of the folder that Kafka and we leave, one by one.
#include "compaction_fixture.h"
#include "simulation/crash_points.h"
#include "storage/segment_swap.h"

namespace moldau::storage::testing {
namespace {

// What was acknowledged, for the check after the crash.
struct Written {
  std::map<Offset, Keyed> committed;
  std::set<Offset> aborted;
  Offset end = 0;
};

struct Writer {
  CompactingLog& log;
  Written& written;
  int batches = 9;  // in a round
  Sequence sequence = 0;

  bool wait(Offset end) {
    LogHarness& node = log.node;
    if (!node.world.run(node.log->durable_end_offset().reaches(node.world.shard(0), end))) return false;
    written.end = end;
    return true;
  }
  bool append(const std::string& key, std::optional<std::string> value) {
    const auto info = log.node.append(make_keyed({.records = {{key, value}}}));
    if (!info) return false;
    written.committed[info->first_offset] = {key, value};
    return wait(info->last_offset + 1);
  }
  bool abort_one(const std::string& key) {
    const auto info = log.node.append(make_keyed(
        {.records = {{key, "aborted"}, {"only-" + key, "x"}}, .producer = {3, 0, sequence, true}}));
    if (!info) return false;
    sequence += 2;
    written.aborted.insert({info->first_offset, info->last_offset});
    const auto marker = log.node.log->append_as_leader(
        record::end_transaction_batch(
            {.committed = false, .producer_id = 3, .producer_epoch = 0, .timestamp = 1000}, 0),
        {.now_ms = log.node.now, .origin = AppendOrigin::coordinator});
    return marker && wait(marker->last_offset + 1);
  }
  bool work(int rounds) {
    for (int round = 0; round < rounds; ++round) {
      for (int i = 0; i < batches; ++i) {
        std::optional<std::string> value = std::to_string(round * 10 + i) + std::string(70, '.');
        if (i == 5) value.reset();
        if (!append("k" + std::to_string(i % 6), value)) return false;
      }
      if (!abort_one("k1")) return false;
      log.node.now += 700;
      const auto compacted = log.compact();
      if (!compacted) return false;
    }
    return true;
  }
};

void check(CompactingLog& log, const Written& written) {
  LogHarness& node = log.node;
  const Status status = node.open();
  if (!node.world.machine(0).running()) return;
  ASSERT_TRUE(status) << status.error().message;
  EXPECT_GE(node.log->end_offset().value(), written.end);
  std::map<std::string, Keyed> newest;
  std::set<std::string> later;  // written without an acknowledgement, or after it
  for (const auto& [offset, record] : written.committed) {
    if (offset < written.end) newest[record.key] = record;
    if (offset >= written.end) later.insert(record.key);
  }
  std::map<std::string, Keyed> last;
  const auto seen = visible(node);
  if (!node.world.machine(0).running()) return;
  for (const Seen& one : seen) {
    if (one.offset >= written.end) continue;
    ASSERT_FALSE(written.aborted.contains(one.offset)) << "ST-15 " << one.offset;
    ASSERT_TRUE(written.committed.contains(one.offset)) << one.offset;
    EXPECT_EQ(written.committed.at(one.offset), one.record);
    last[one.record.key] = one.record;
  }
  for (const auto& [key, record] : newest) {
    if (later.contains(key)) continue;
    if (record.value || last.contains(key)) EXPECT_EQ(last[key], record) << key;
  }
  // And it goes on.
  Written more;
  Writer writer{log, more};
  if (!writer.append("more", "1") && !node.world.machine(0).running()) return;
  const auto again = log.compact();
  if (!node.world.machine(0).running()) return;
  EXPECT_TRUE(again) << again.error().message;
  for (const std::string& name : log.files())
    EXPECT_FALSE(name.ends_with(kCleanedSuffix) || name.ends_with(kSwapSuffix)) << name;
}

std::uint64_t enumerate(std::uint64_t seed, Durability durability, bool again_in_recovery, unsigned rounds) {
  Written written;
  return simulation::enumerate_crash_points({.seed = seed,
                                             .scenario =
                                                 [&](simulation::World& world) {
                                                   written = Written();
                                                   CompactingLog log(world, durability);
                                                   log.node.config.segment_bytes = 600;
                                                   Writer writer{log, written, again_in_recovery ? 5 : 9};
                                                   if (!log.node.open()) return;
                                                   writer.work(again_in_recovery ? 1 : 3);
                                                 },
                                             .recover =
                                                 [&](simulation::World& world) {
                                                   CompactingLog log(world, durability);
                                                   log.node.config.segment_bytes = 600;
                                                   check(log, written);
                                                 },
                                             .again_in_recovery = again_in_recovery,
                                             .rounds = rounds});
}

TEST(CompactionCrashRows, ST_16_PowerLossAtEveryOperation) {
  EXPECT_GT(enumerate(1, Durability::synced, false, 3), 500u);
}

TEST(CompactionCrashRows, ST_16_PowerLossWithinRecoveryToo) {
  EXPECT_GT(enumerate(2, Durability::synced, true, 1), 500u);
}

// The folder before and after one compaction, to lay out what lies between.
class SwapStates : public ::testing::Test {
 protected:
  using Files = std::map<std::string, std::vector<std::byte>>;

  void SetUp() override {
    simulation::World world(5);
    CompactingLog log(world, Durability::page_cache);
    log.node.config.segment_bytes = 100'000;
    ASSERT_TRUE(log.node.open());
    Writer writer{log, written};
    ASSERT_TRUE(writer.abort_one("k0"));
    for (int i = 0; i < 40; ++i) {
      ASSERT_TRUE(writer.append("k" + std::to_string(i % 4), std::string(100, 'x') + std::to_string(i)));
      if (i % 5 == 4) ASSERT_TRUE(log.node.log->roll(0));
    }
    ASSERT_TRUE(log.flush());
    before = read(world);
    everything = visible(log.node);
    log.high_watermark = 40;
    ASSERT_TRUE(log.compact_again());
    compacted = visible(log.node);
    ASSERT_LT(compacted.size(), everything.size());
    world.run_for(std::chrono::seconds(1));
    after = read(world);
    points[TopicPartition{"cities", 0}] = log.node.log->recovery_point();
    for (const auto& [name, bytes] : before) {
      const bool goes = name != "partition.metadata" && (!after.contains(name) || after[name] != bytes);
      if (goes && offset_of_name(name, kLogSuffix)) bases.push_back(*offset_of_name(name, kLogSuffix));
    }
    ASSERT_GT(bases.size(), 2u);
    for (const std::string suffix : {".log", ".index", ".timeindex", ".txnindex"}) {
      ASSERT_TRUE(after.contains(name_of(suffix))) << suffix;
      fresh.push_back(suffix);
    }
  }

  static Files read(simulation::World& world) {
    Files files;
    for (const auto& entry : world.disk().list(kLogFolder).value())
      files[entry.name] = *runtime::read_file(world.disk(), kLogFolder + "/" + entry.name, 1 << 20);
    return files;
  }
  std::string name_of(const std::string& suffix) const { return file_name(bases.front(), suffix); }
  // The new segment's files, under these endings, in the order of `fresh`.
  void add_new(Files& files, const std::vector<std::string>& endings) {
    for (std::size_t i = 0; i < fresh.size(); ++i)
      files[name_of(fresh[i]) + endings[i]] = after[name_of(fresh[i])];
  }
  void mark_deleted(Files& files, std::size_t first, std::size_t last) {
    for (std::size_t i = first; i < last; ++i) {
      for (const std::string suffix : {".log", ".index", ".timeindex", ".txnindex"}) {
        auto node = files.extract(file_name(bases[i], suffix));
        if (node.empty()) continue;
        node.key() += ".deleted";
        files.insert(std::move(node));
      }
    }
  }

  Result<std::vector<Seen>> open(const Files& files) {
    log.reset();
    world.emplace(6);
    TRY(world->disk().create_directories(kLogFolder));
    for (const auto& [name, bytes] : files) {
      ASSIGN_OR_RETURN(const auto file,
                       world->disk().open(kLogFolder + "/" + name, runtime::OpenMode::create));
      if (!bytes.empty()) TRY(file->write_at(0, bytes));
    }
    TRY(write_offset_checkpoint(world->disk(), kRecoveryPoints, points));
    log.emplace(*world, Durability::page_cache);
    TRY(log->node.open());
    return visible(log->node);
  }
  void expect(const Files& files, const std::vector<Seen>& seen) {
    const auto opened = open(files);
    ASSERT_TRUE(opened) << opened.error().message;
    EXPECT_EQ(*opened, seen);
    for (const std::string& name : log->files()) {
      EXPECT_FALSE(name.ends_with(".cleaned") || name.ends_with(".swap") || name.ends_with(".deleted"))
          << name;
    }
    EXPECT_FALSE(log->node.crash(false).has_value() && visible(log->node) != seen);
  }

  Written written;
  Files before, after;
  std::vector<std::string> fresh;
  std::vector<Offset> bases;  // of the segments that were replaced
  std::vector<Seen> everything, compacted;
  OffsetCheckpoint points;
  std::optional<simulation::World> world;
  std::optional<CompactingLog> log;
};

TEST_F(SwapStates, CleanedFilesAloneAreNothing) {
  Files files = before;
  add_new(files, {".cleaned", ".cleaned", ".cleaned", ".cleaned"});
  expect(files, everything);
}

TEST_F(SwapStates, WhatIsHalfRenamedIsTakenBack) {
  for (unsigned mask = 1; mask < 15; ++mask) {
    std::vector<std::string> endings;
    for (unsigned i = 0; i < 4; ++i) endings.emplace_back((mask >> i & 1U) != 0 ? ".swap" : ".cleaned");
    Files files = before;
    add_new(files, endings);
    expect(files, everything);
  }
}

TEST_F(SwapStates, ASwapIsFinished) {
  for (std::size_t gone = 0; gone <= bases.size(); ++gone) {
    Files files = before;
    mark_deleted(files, 0, gone);
    add_new(files, {".swap", ".swap", ".swap", ".swap"});
    expect(files, compacted);
    Files other_end = before;
    mark_deleted(other_end, bases.size() - gone, bases.size());
    add_new(other_end, {".swap", ".swap", ".swap", ".swap"});
    expect(other_end, compacted);
  }
}

TEST_F(SwapStates, FinalNamesComeOneByOne) {
  const std::vector<std::vector<std::string>> states = {{"", ".swap", ".swap", ".swap"},
                                                        {"", "", ".swap", ".swap"},
                                                        {"", ".swap", ".swap", ""},
                                                        {"", "", "", ".swap"},
                                                        {"", "", "", ""}};
  for (const auto& endings : states) {
    Files files = before;
    mark_deleted(files, 0, bases.size());
    add_new(files, endings);
    expect(files, compacted);
    const auto aborted = log->world.run(log->node.log->aborted_transactions(0, 1000));
    ASSERT_TRUE(aborted);
    EXPECT_EQ(aborted->size(), 1u) << "ST-15";
  }
}

// Kafka splits a segment into several: while one of them is .cleaned, none of them counts.
TEST_F(SwapStates, ASwapBehindACleanedSegmentIsTakenBack) {
  Files files = before;
  add_new(files, {".swap", ".swap", ".swap", ".swap"});
  if (bases.front() == 0) files[file_name(0, ".log.cleaned")] = {};
  expect(files, everything);
}

TEST_F(SwapStates, AnIndexThatWasLeftOfASwapTakenBackIsRemoved) {
  Files files = before;
  add_new(files, {".swap", ".swap", ".swap", ".swap"});
  files.erase(name_of(".log") + ".swap");
  expect(files, everything);
}

TEST_F(SwapStates, ADamagedSwapIsRefusedAndNothingIsRemoved) {
  Files files = before;
  add_new(files, {".swap", ".swap", ".swap", ".swap"});
  auto& bytes = files[name_of(".log") + ".swap"];
  bytes[bytes.size() / 2] ^= std::byte{1};
  const auto opened = open(files);
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().code, Errc::corrupt);
  EXPECT_NE(opened.error().message.find(".log.swap"), std::string::npos) << opened.error().message;
  for (const auto& [name, content] : files)
    EXPECT_TRUE(*world->disk().exists(kLogFolder + "/" + name)) << name;
}

TEST_F(SwapStates, ALeftoverOfAnotherPassDoesNotTakeASwapBack) {
  Files files = before;
  files[file_name(0, ".timeindex.cleaned")] = {};
  files[file_name(7, ".txnindex.cleaned")] = {};
  const auto opened = open(before);
  ASSERT_TRUE(opened);
  for (const std::string& name : {file_name(0, ".timeindex.cleaned"), file_name(7, ".txnindex.cleaned")})
    ASSERT_TRUE(world->disk().open(kLogFolder + "/" + name, runtime::OpenMode::create));
  log->high_watermark = 40;
  ASSERT_TRUE(log->compact());
  for (const std::string& name : log->files()) EXPECT_FALSE(name.ends_with(".cleaned")) << name;
}

TEST(SegmentSwap, NothingToSettleTouchesNothing) {
  simulation::World world(1);
  ASSERT_TRUE(world.disk().create_directories(kLogFolder));
  const auto settled = settle_swaps(world.disk(), kLogFolder,
                                    {"00000000000000000000.log", "00000000000000000000.log.deleted",
                                     "leader-epoch-checkpoint", "note.swap", "x.cleaned"});
  ASSERT_TRUE(settled);
  EXPECT_FALSE(*settled);
}

}  // namespace
}  // namespace moldau::storage::testing
