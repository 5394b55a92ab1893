// Partitions that cannot be opened do not fill the commit log: what it holds for them is parked.
#include "storage/parked_entries.h"

#include "simulation/crash_points.h"
#include "unit/storage/log_manager_fixture.h"

namespace moldau::storage {
namespace {

using testing::kManaged;
using testing::ManagerHarness;
using ::testing::Test;

constexpr TopicId kA{0xa, 1};
constexpr TopicId kB{0xb, 1};
const std::string kSegment = kManaged + "/a-0/00000000000000000000.log";
const std::string kParked = kManaged + "/" + parked_file_name("commit-log-0", {kA, 0});

// A second flip of the same bit takes the damage away.
void flip(simulation::World& world) { world.drive().flip_bit(kSegment, 100, 1); }

class Parked : public Test {
 protected:
  void SetUp() override { ASSERT_TRUE(harness_.open()); }

  // Partition a has `flushed` batches in its segment and `more` in the commit log alone; its segment is
  // damaged below the recovery point.
  void damage(int flushed = 5, int more = 3, std::size_t value_size = 1000) {
    Log& a = whole("a", kA);
    harness_.append(a, flushed, 200);
    ASSERT_TRUE(world_.run(a.flush()));
    harness_.append(a, more, value_size);
    harness_.die(false);
    flip(world_);
  }
  void open() {
    const Status opened = harness_.open();
    ASSERT_TRUE(opened) << opened.error().message;
  }
  void reopen() {
    harness_.die(true);
    open();
  }
  Log& whole(const std::string& topic, TopicId id) {
    const auto log = harness_.log(topic, id, 0, config_);
    if (!log) throw std::runtime_error(log.error().message);
    return **log;
  }
  bool parked() { return world_.disk().exists(kParked).value(); }
  void expect_failed() {
    ASSERT_EQ(harness_.manager().failures().size(), 1U);
    EXPECT_EQ(harness_.manager().failures().begin()->first, (TopicIdPartition{kA, 0}));
    EXPECT_EQ(harness_.log("a", kA).error().code, Errc::corrupt);
  }

  simulation::World world_{1};
  ManagerHarness harness_{world_};
  LogConfig config_;
};

TEST_F(Parked, ADamagedPartitionDoesNotFillTheCommitLog) {
  damage();
  open();
  expect_failed();
  EXPECT_TRUE(parked());
  Log& b = whole("b", kB);
  harness_.append(b, 800, 3000);  // several times the ring
  EXPECT_GT(harness_.manager().commit_log().end(), 4 * (512 << 10));
  reopen();
  expect_failed();
  EXPECT_TRUE(parked());
  harness_.expect_records(whole("b", kB), 800);
}

TEST_F(Parked, WhatIsParkedComesBackWithThePartition) {
  damage();
  open();
  Log& b = whole("b", kB);
  harness_.append(b, 800, 3000);
  harness_.die(true);
  flip(world_);
  open();
  EXPECT_TRUE(harness_.manager().failures().empty());
  EXPECT_FALSE(parked());
  Log& a = whole("a", kA);
  harness_.expect_records(a, 8);
  EXPECT_EQ(harness_.append(a, 2), 10);
  reopen();
  harness_.expect_records(whole("a", kA), 10);
  ASSERT_TRUE(harness_.close());
  open();
  harness_.expect_records(whole("a", kA), 10);
}

// Without descriptors a partition is not damaged: it is opened when it is asked for again.
TEST_F(Parked, ST_24_WhatLackedADescriptorIsOpenedAgain) {
  Log& first = whole("a", kA);
  harness_.append(first, 5, 200);
  ASSERT_TRUE(world_.run(first.flush()));
  harness_.append(first, 3, 1000);
  harness_.die(false);
  world_.drive().refuse_opens(kSegment, 3);
  open();
  ASSERT_EQ(harness_.manager().failures().size(), 1U);
  EXPECT_TRUE(parked());
  harness_.append(whole("b", kB), 800, 3000);  // several times the ring
  for (int i = 0; i < 2; ++i) {
    EXPECT_EQ(harness_.log("a", kA).error().code, Errc::no_descriptors);
    EXPECT_TRUE(parked());
    EXPECT_EQ(harness_.manager().failures().size(), 1U);
  }
  Log& a = whole("a", kA);
  EXPECT_FALSE(parked());
  EXPECT_TRUE(harness_.manager().failures().empty());
  harness_.expect_records(a, 8);
  EXPECT_EQ(harness_.append(a, 2), 10);
  reopen();
  harness_.expect_records(whole("a", kA), 10);
  ASSERT_TRUE(harness_.close());
  open();
  harness_.expect_records(whole("a", kA), 10);
}

// What deletions left of the log is what it was, however often its opening failed.
TEST_F(Parked, ST_24_ALogThatIsOpenedAgainKeepsItsStart) {
  Log& first = whole("a", kA);
  harness_.append(first, 8, 200);
  ASSERT_TRUE(world_.run(first.flush()));
  ASSERT_TRUE(first.set_log_start_offset(6));
  ASSERT_TRUE(world_.run(harness_.manager().save_checkpoints()));
  harness_.die(false);
  world_.drive().refuse_opens(kSegment, 1);
  open();
  ASSERT_EQ(harness_.manager().failures().size(), 1U);
  EXPECT_EQ(whole("a", kA).log_start_offset(), 6);
  harness_.expect_records(whole("a", kA), 8);
}

// The process may end after the entries were parked and before the ring has given up their space.
TEST_F(Parked, WhatBothHoldIsAppliedOnce) {
  damage();
  open();
  for (const bool power_loss : {false, true}) {
    harness_.die(power_loss);
    open();
    expect_failed();
    EXPECT_TRUE(parked());
  }
  harness_.die(false);
  flip(world_);
  open();
  harness_.expect_records(whole("a", kA), 8);
}

TEST_F(Parked, TruncationsAreParkedInTheirPlace) {
  Log& a = whole("a", kA);
  harness_.append(a, 5, 200);
  ASSERT_TRUE(world_.run(a.flush()));
  harness_.append(a, 5, 200);
  world_.drive().set_capacity(world_.drive().used_bytes());  // the truncation is not settled by a flush
  ASSERT_TRUE(world_.run(a.truncate_to(7)));
  harness_.append(a, 1, 200);
  world_.drive().set_capacity(UINT64_MAX);
  harness_.die(false);
  flip(world_);
  open();
  expect_failed();
  reopen();
  harness_.die(false);
  flip(world_);
  open();
  harness_.expect_records(whole("a", kA), 8);
}

TEST_F(Parked, ADeletedPartitionTakesItsFileAlong) {
  damage();
  open();
  ASSERT_TRUE(parked());
  ASSERT_TRUE(world_.run(harness_.manager().remove({kA, 0})));
  EXPECT_FALSE(parked());
  reopen();
  EXPECT_TRUE(harness_.manager().failures().empty());
  EXPECT_EQ(harness_.log("a", kA).value()->end_offset().value(), 0);
}

TEST_F(Parked, APartitionThatMetadataDoesNotKnowTakesItsFileAlong) {
  damage();
  open();
  ASSERT_TRUE(parked());
  ASSERT_TRUE(world_.run(harness_.manager().reconcile([](const TopicIdPartition&) { return false; })));
  EXPECT_FALSE(parked());
  reopen();
  EXPECT_EQ(harness_.log("a", kA).value()->end_offset().value(), 0);
}

// What the commit log holds may belong to a folder that does not even say its topic id.
TEST_F(Parked, ThePartitionMayBecomeKnownLaterOnly) {
  const std::string metadata = kManaged + "/a-0/partition.metadata";
  Log& a = whole("a", kA);
  harness_.append(a, 5, 200);
  ASSERT_TRUE(world_.run(a.flush()));
  harness_.append(a, 3, 200);
  const auto good = runtime::read_file(world_.disk(), metadata, 1000).value();
  ASSERT_TRUE(runtime::write_file_atomically(world_.disk(), metadata, as_bytes("garbage\n")));
  reopen();
  EXPECT_FALSE(parked());
  EXPECT_EQ(harness_.log("a", kA).error().code, Errc::corrupt);
  EXPECT_TRUE(parked());
  harness_.append(whole("b", kB), 800, 3000);
  ASSERT_TRUE(runtime::write_file_atomically(world_.disk(), metadata, good));
  reopen();
  harness_.expect_records(whole("a", kA), 8);
  EXPECT_FALSE(parked());
}

// A file that is damaged, or holds another partition's entries, keeps its partition closed and nothing else.
TEST_F(Parked, ST_05_EveryDamageOfTheFileIsReportedByName) {
  damage(5, 2, 40);
  open();
  ASSERT_TRUE(parked());
  harness_.append(whole("b", kB), 800, 3000);
  harness_.die(true);
  flip(world_);
  const auto good = runtime::read_file(world_.disk(), kParked, 1 << 20).value();
  const auto expect_refused = [&](ByteView bytes) {
    ASSERT_TRUE(runtime::write_file_atomically(world_.disk(), kParked, bytes));
    open();
    const auto refused = harness_.log("a", kA);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, Errc::corrupt);
    EXPECT_NE(refused.error().message.find(kParked), std::string::npos) << refused.error().message;
    EXPECT_TRUE(harness_.log("b", kB));
    EXPECT_TRUE(parked());
    harness_.die(false);
  };
  for (std::size_t at = 0; at < good.size(); at += 11) {
    auto flipped = good;
    flipped[at] ^= std::byte{4};
    SCOPED_TRACE(at);
    expect_refused(flipped);
  }
  for (const std::size_t length : {std::size_t{0}, std::size_t{63}, good.size() - 1}) {
    expect_refused(ByteView(good).first(length));
  }
  expect_refused(as_bytes(std::string(200, 'x')));
  ASSERT_TRUE(runtime::write_file_atomically(world_.disk(), kParked, good));
  open();
  harness_.expect_records(whole("a", kA), 7);
}

// All files together are no larger than the ring. What does not fit stays there.
TEST_F(Parked, NoMoreIsParkedThanTheRingIsLarge) {
  harness_.options.commit_log.capacity_bytes = 128 << 10;
  ASSERT_TRUE(harness_.close());
  ASSERT_TRUE(world_.disk().remove_file(kManaged + "/commit-log-0"));
  open();
  damage(5, 18, 2500);  // most of what is left before the ring is half full
  open();
  ASSERT_TRUE(parked());
  constexpr int kRounds = 3;
  for (int i = 0; i < kRounds; ++i) {
    const std::string topic(1, static_cast<char>('c' + i));
    Log& log = *harness_.log(topic, {0xc, static_cast<std::uint64_t>(i)}).value();
    harness_.append(log, 5, 200);
    ASSERT_TRUE(world_.run(log.flush()));
    harness_.append(log, 18, 2500);
    harness_.die(false);
    world_.drive().flip_bit(kManaged + "/" + topic + "-0/00000000000000000000.log", 100, 1);
    open();
    EXPECT_EQ(harness_.manager().failures().size(), static_cast<std::size_t>(i) + 2);
  }
  std::uint64_t bytes = 0;
  for (const auto& entry : world_.disk().list(kManaged).value()) {
    if (entry.name.find(".parked.") != std::string::npos) bytes += entry.size_bytes;
  }
  EXPECT_LE(bytes, 128U << 10);
  EXPECT_GT(bytes, 64U << 10);
  harness_.die(true);
  flip(world_);
  for (int i = 0; i < kRounds; ++i) {
    const std::string topic(1, static_cast<char>('c' + i));
    world_.drive().flip_bit(kManaged + "/" + topic + "-0/00000000000000000000.log", 100, 1);
  }
  open();
  harness_.expect_records(whole("a", kA), 23);
  for (int i = 0; i < kRounds; ++i) {
    const std::string topic(1, static_cast<char>('c' + i));
    Log& log = *harness_.log(topic, {0xc, static_cast<std::uint64_t>(i)}).value();
    harness_.expect_records(log, 23);
  }
}

// A full disk leaves the entries in the ring, until it is in the way.
TEST_F(Parked, ST_07_AFullDiskParksLater) {
  damage();
  world_.drive().set_capacity(world_.drive().used_bytes());
  open();
  expect_failed();
  EXPECT_FALSE(parked());
  world_.drive().set_capacity(UINT64_MAX);
  harness_.append(whole("b", kB), 800, 3000);
  EXPECT_TRUE(parked());
  harness_.die(true);
  flip(world_);
  open();
  harness_.expect_records(whole("a", kA), 8);
}

// The whole way, with power lost at every operation and once more in what follows: from the damage over laps
// of the ring to the partition that is whole again.
TEST(ParkedPowerLoss, ST_02_NothingIsLostOrAppliedTwice) {
  constexpr Offset kBefore = 8;
  bool damaged = false;
  Offset a_acknowledged = 0;
  Offset b_acknowledged = 0;
  const auto append = [](simulation::World& world, Log& log, Offset& acknowledged) {
    const auto number = static_cast<int>(log.end_offset().value());
    const auto appended =
        log.append_as_leader(testing::make_batch({.value_size = 4000}, number), {.now_ms = 1});
    if (!appended) return appended.error().cause == Errc::unavailable && world.machine(0).running();
    if (!world.run(log.durable_end_offset().reaches(world.shard(0), number + 1))) return false;
    acknowledged = number + 1;
    return true;
  };
  const auto mend = [&damaged](simulation::World& world) {
    if (std::exchange(damaged, false)) flip(world);
  };
  simulation::CrashPoints points;
  points.seed = 8;
  points.again_in_recovery = true;
  points.prepare = [&](simulation::World& world) {
    ManagerHarness harness(world);
    harness.options.commit_log.capacity_bytes = 64 << 10;
    ASSERT_TRUE(harness.open());
    Log& a = *harness.log("a", kA).value();
    harness.append(a, 5, 200);
    ASSERT_TRUE(world.run(a.flush()));
    harness.append(a, 3, 200);
    harness.die(false);
    flip(world);
  };
  points.scenario = [&](simulation::World& world) {
    damaged = true;
    a_acknowledged = kBefore;
    b_acknowledged = 0;
    ManagerHarness harness(world);
    harness.options.commit_log.capacity_bytes = 64 << 10;
    if (!harness.open()) return;
    const auto b = harness.log("b", kB);
    for (int i = 0; b && i < 24; ++i) {
      if (!append(world, **b, b_acknowledged)) return;
      if (i % 8 == 7) static_cast<void>(world.run(harness.manager().flush_all()));
    }
    if (!harness.close()) return;
    mend(world);
    if (!harness.open()) return;
    const auto a = harness.log("a", kA);
    if (!a) return;
    static_cast<void>(world.run((*a)->truncate_to(6)));
    if (!world.machine(0).running()) return;
    a_acknowledged = 6;
    for (int i = 0; i < 3; ++i) {
      if (!append(world, **a, a_acknowledged)) return;
    }
  };
  points.recover = [&](simulation::World& world) {
    mend(world);
    ManagerHarness harness(world);
    harness.options.commit_log.capacity_bytes = 64 << 10;
    const Status opened = harness.open();
    if (!world.machine(0).running()) return;
    ASSERT_TRUE(opened) << opened.error().message;
    for (const auto& [topic, id, acknowledged] :
         {std::tuple("a", kA, a_acknowledged), std::tuple("b", kB, b_acknowledged)}) {
      const auto log = harness.log(topic, id);
      if (!world.machine(0).running()) return;
      ASSERT_TRUE(log) << log.error().message;
      EXPECT_GE((*log)->end_offset().value(), std::min<Offset>(acknowledged, topic[0] == 'a' ? 6 : 99));
      if (world.machine(0).running()) harness.expect_records(**log, (*log)->end_offset().value());
      if (!world.machine(0).running()) return;
    }
    static_cast<void>(world.run(harness.manager().flush_all()));
  };
  EXPECT_GT(simulation::enumerate_crash_points(points), 60U);
}

class FullRing : public Parked {
 protected:
  FullRing() { harness_.options.commit_log.reserve_step_bytes = harness_.options.commit_log.capacity_bytes; }

  // Partition a fills the ring, with one batch of b in the middle. Neither has a folder: there was no space
  // to flush them.
  void fill() {
    Log& a = whole("a", kA);
    Log& b = whole("b", kB);
    world_.run_for(std::chrono::seconds(2));
    world_.drive().set_capacity(world_.drive().used_bytes());
    int count = 0;
    for (int refused = 0; refused < 20; world_.run_for(std::chrono::milliseconds(5))) {
      const Slice batch = testing::make_batch({.value_size = 900}, count);
      a.append_as_leader(batch, {.now_ms = 1}) ? ++count : ++refused;
      if (count == 50) harness_.append(b, 1);
    }
    ASSERT_GT(count, 100);
    harness_.die(true);
    world_.drive().set_capacity(UINT64_MAX);
  }
};

// The removal of what fills the ring finds it full: it is noted all the same, so that a partition that comes
// back is not mixed with what it was.
TEST_F(FullRing, WhatReconcileForgetsDoesNotComeBack) {
  fill();
  open();
  const auto stats = harness_.manager().commit_log().stats();
  ASSERT_GT(stats.used_bytes, stats.capacity_bytes * 7 / 8);
  ASSERT_TRUE(
      world_.run(harness_.manager().reconcile([](const TopicIdPartition& id) { return id.topic_id == kB; })));
  Log& again = whole("a", kA);
  EXPECT_EQ(again.end_offset().value(), 0);
  harness_.append(again, 2);
  reopen();
  harness_.expect_records(whole("a", kA), 2);
  harness_.expect_records(whole("b", kB), 1);
}

// A folder as another broker leaves it: what compaction took is missing between batches, between segments and
// within batches, and no checkpoint here knows of it.
class Foreign : public Parked {
 protected:
  void write(const std::string& name, const std::vector<Slice>& batches) {
    std::string bytes;
    for (const Slice& batch : batches) bytes += as_text(batch);
    const std::string path = kManaged + "/a-0/" + name;
    ASSERT_TRUE(runtime::write_file_atomically(world_.disk(), path, as_bytes(bytes)));
  }
  static Slice batch(Offset base) {
    return testing::make_batch({.value_size = 300, .base_offset = base, .epoch = 0}, static_cast<int>(base));
  }
  void copy_in() {
    ASSERT_TRUE(harness_.close());
    ASSERT_TRUE(world_.disk().create_directories(kManaged + "/a-0"));
    write("partition.metadata", {Slice::copy_of(partition_metadata_text(kA))});
    write("00000000000000000000.log", {batch(3), batch(4), batch(9)});
    write("00000000000000000020.log", {batch(25), batch(31)});
    write("00000000000000000040.log", {batch(40), batch(44)});
    open();
  }
  void copy_again() {
    std::map<std::string, std::vector<std::byte>> files;
    for (const auto& entry : *world_.disk().list(kManaged + "/a-0"))
      files[kManaged + "/a-0/" + entry.name] = *world_.drive().contents(kManaged + "/a-0/" + entry.name);
    ASSERT_TRUE(runtime::remove_tree(world_.disk(), kManaged + "/a-0"));
    ASSERT_TRUE(world_.disk().create_directories(kManaged + "/a-0"));
    for (const auto& [path, bytes] : files)
      ASSERT_TRUE((*world_.disk().open(path, runtime::OpenMode::create_new))->write_at(0, bytes));
    for (const std::string name : {"recovery-point-offset-checkpoint", "log-start-offset-checkpoint"})
      ASSERT_TRUE(runtime::write_file_atomically(world_.disk(), kManaged + "/" + name, as_bytes("0\n0\n")));
  }
  void expect_offsets(const std::vector<Offset>& expected) {
    Log& log = whole("a", kA);
    std::vector<Offset> found;
    for (Offset at = 0; at < log.end_offset().value();) {
      const auto read = world_.run(log.read(at, 1, log.end_offset().value(), true));
      ASSERT_TRUE(read) << read.error().message;
      found.push_back(read->first_offset);
      at = read->next_offset;
    }
    EXPECT_EQ(found, expected);
  }
};

TEST_F(Foreign, GapsOfCompactionAreNoDamage) {
  config_.cleanup_compact = true;
  copy_in();
  EXPECT_TRUE(harness_.manager().failures().empty());
  expect_offsets({3, 4, 9, 25, 31, 40, 44});
  Log& log = whole("a", kA);
  EXPECT_EQ(log.end_offset().value(), 45);
  for (const Offset next : {45, 46}) ASSERT_TRUE(log.append_as_follower(batch(next), 1));
  ASSERT_TRUE(world_.run(log.durable_end_offset().reaches(world_.shard(0), 47)));
  reopen();
  EXPECT_TRUE(harness_.manager().failures().empty());
  expect_offsets({3, 4, 9, 25, 31, 40, 44, 45, 46});
  ASSERT_TRUE(harness_.close());
  open();
  expect_offsets({3, 4, 9, 25, 31, 40, 44, 45, 46});
}

// A crash before any checkpoint was due: the gaps are no torn tail, and what was copied is on the device.
TEST_F(Foreign, ST_02_APowerLossRightAfterTheFirstStartTakesNothing) {
  config_.cleanup_compact = true;
  for (const bool companions : {false, true}) {
    copy_in();
    if (companions) {  // a folder with all that an orderly stop leaves in it, copied and not synced
      ASSERT_TRUE(harness_.close());
      copy_again();
      open();
    }
    reopen();
    EXPECT_TRUE(harness_.manager().failures().empty());
    expect_offsets({3, 4, 9, 25, 31, 40, 44});
    reopen();
    expect_offsets({3, 4, 9, 25, 31, 40, 44});
    ASSERT_TRUE(world_.run(harness_.manager().remove({kA, 0})));
  }
}

// Whether something is missing between segments that were durable is known with the topic's own config.
TEST_F(Foreign, AMissingSegmentIsDamageUnlessTheTopicIsCompacted) {
  copy_in();
  ASSERT_TRUE(world_.run(harness_.manager().save_checkpoints()));
  reopen();
  ASSERT_TRUE(harness_.manager().failures().empty());
  LogConfig compacted;
  compacted.cleanup_compact = true;
  EXPECT_TRUE(harness_.log("a", kA, 0, compacted));
  const auto refused = harness_.log("a", kA);
  ASSERT_FALSE(refused);
  EXPECT_NE(refused.error().message.find("00000000000000000020.log"), std::string::npos);
  expect_failed();
  EXPECT_EQ(harness_.manager().find({kA, 0}), nullptr);
}

TEST_F(Foreign, DamageIsDamageAllTheSame) {
  copy_in();
  harness_.die(false);
  ASSERT_TRUE(world_.disk().remove_file(kManaged + "/recovery-point-offset-checkpoint"));
  world_.drive().flip_bit(kSegment, 600, 1);  // in the second of three batches
  open();
  expect_failed();
}

}  // namespace
}  // namespace moldau::storage
