#include "storage/checkpoint_file.h"

#include <gtest/gtest.h>

#include "simulation/crash_points.h"
#include "storage/shared_checkpoint.h"

namespace moldau::storage {
namespace {

const std::string kPath = "/data/recovery-point-offset-checkpoint";

class CheckpointFile : public ::testing::Test {
 protected:
  CheckpointFile() { EXPECT_TRUE(world_.disk().create_directories("/data")); }

  void write(std::string_view text) {
    ASSERT_TRUE(runtime::write_file_atomically(world_.disk(), kPath, as_bytes(text)));
  }
  void expect_refused(std::string_view text, const std::string& words) {
    write(text);
    const auto read = read_offset_checkpoint(world_.disk(), kPath);
    ASSERT_FALSE(read) << text;
    EXPECT_EQ(read.error().code, Errc::corrupt);
    EXPECT_NE(read.error().message.find(kPath), std::string::npos) << read.error().message;
    EXPECT_NE(read.error().message.find(words), std::string::npos) << read.error().message;
  }

  simulation::World world_{1};
};

TEST_F(CheckpointFile, OffsetsAreKafkasText) {
  const OffsetCheckpoint offsets{{{"a-b.c_d", 0}, 7}, {{"a-b.c_d", 12}, 0}, {{"z", 1}, 9'000'000'000}};
  ASSERT_TRUE(write_offset_checkpoint(world_.disk(), kPath, offsets));
  const auto text = runtime::read_file(world_.disk(), kPath, 1000).value();
  EXPECT_EQ(as_text(text), "0\n3\na-b.c_d 0 7\na-b.c_d 12 0\nz 1 9000000000\n");
  EXPECT_EQ(read_offset_checkpoint(world_.disk(), kPath).value(), offsets);
}

TEST_F(CheckpointFile, EpochsAreKafkasText) {
  const std::vector<EpochEntry> epochs{{0, 0}, {3, 100}, {4, 101}};
  ASSERT_TRUE(write_epoch_checkpoint(world_.disk(), kPath, epochs));
  const auto text = runtime::read_file(world_.disk(), kPath, 1000).value();
  EXPECT_EQ(as_text(text), "0\n3\n0 0\n3 100\n4 101\n");
  EXPECT_EQ(read_epoch_checkpoint(world_.disk(), kPath).value(), epochs);
}

TEST_F(CheckpointFile, NoEntriesAreAFileToo) {
  write("0\n0\n");
  EXPECT_TRUE(read_offset_checkpoint(world_.disk(), kPath)->empty());
}

TEST_F(CheckpointFile, MissingIsNotDamaged) {
  EXPECT_EQ(read_offset_checkpoint(world_.disk(), kPath).error().code, Errc::not_found);
}

TEST_F(CheckpointFile, EveryFaultNamesFileAndLine) {
  expect_refused("", "is empty");
  expect_refused("0", "cut short");
  expect_refused("0\n", "line 2");
  expect_refused("x\n0\n", "line 1");
  expect_refused("1\n0\n", "line 1: version 1");
  expect_refused("0\n-1\n", "line 2");
  expect_refused("0\n2\na 0 1\n", "line 2: says 2 entries, but 1 follow");
  expect_refused("0\n1\na 0 1\nb 0 1\n", "line 2");
  expect_refused("0\n1\na 0 12", "cut short");
  expect_refused("0\n1\na 0\n", "line 3");
  expect_refused("0\n1\na 0 1 2\n", "line 3");
  expect_refused("0\n1\na -1 1\n", "line 3: illegal partition");
  expect_refused("0\n1\na 0 -1\n", "line 3: illegal offset");
  expect_refused("0\n1\na 0 99999999999999999999\n", "line 3: illegal offset");
  expect_refused("0\n1\n.. 0 1\n", "line 3: illegal topic");
  expect_refused("0\n1\na/b 0 1\n", "line 3: illegal topic");
  expect_refused("0\n2\na 0 1\na 0 2\n", "line 4: named before");
}

TEST_F(CheckpointFile, EpochsThatDoNotRiseAreRefused) {
  for (const std::string_view lines :
       {"0\n2\n1 5\n1 6\n", "0\n2\n1 5\n2 5\n", "0\n2\n2 5\n1 6\n", "0\n1\n-1 5\n"}) {
    write(lines);
    const auto read = read_epoch_checkpoint(world_.disk(), kPath);
    ASSERT_FALSE(read) << lines;
    EXPECT_EQ(read.error().code, Errc::corrupt);
  }
}

// ST-05: no byte changed, no end cut off gives anything but a refusal or a well-formed file.
TEST_F(CheckpointFile, ST_05_EveryCutIsNoticed) {
  const OffsetCheckpoint offsets{{{"topic", 0}, 17}, {{"topic", 1}, 234}, {{"other", 0}, 5}};
  ASSERT_TRUE(write_offset_checkpoint(world_.disk(), kPath, offsets));
  const auto whole = runtime::read_file(world_.disk(), kPath, 1000).value();
  for (std::size_t size = 0; size < whole.size(); ++size) {
    write(as_text(whole).substr(0, size));
    EXPECT_EQ(read_offset_checkpoint(world_.disk(), kPath).error().code, Errc::corrupt) << size;
  }
  for (std::size_t at = 0; at < whole.size(); ++at) {
    for (unsigned bit = 0; bit < 8; ++bit) {
      auto flipped = whole;
      flipped[at] ^= static_cast<std::byte>(1U << bit);
      write(as_text(flipped));
      const auto read = read_offset_checkpoint(world_.disk(), kPath);
      if (!read) EXPECT_EQ(read.error().code, Errc::corrupt);
      if (read) EXPECT_EQ(read->size(), 3U);
    }
  }
}

// ST-06: the old content or the new one, as a unit.
TEST(CheckpointFilePowerLoss, ST_06_OldOrNewAsAUnit) {
  const OffsetCheckpoint old{{{"a", 0}, 1}};
  const OffsetCheckpoint next{{{"a", 0}, 2}, {{"b", 0}, 3}};
  simulation::CrashPoints points;
  points.rounds = 20;
  points.prepare = [&](simulation::World& world) {
    ASSERT_TRUE(world.disk().create_directories("/data"));
    ASSERT_TRUE(write_offset_checkpoint(world.disk(), kPath, old));
  };
  points.scenario = [&](simulation::World& world) {
    static_cast<void>(write_offset_checkpoint(world.disk(), kPath, next));
  };
  points.recover = [&](simulation::World& world) {
    const auto read = read_offset_checkpoint(world.disk(), kPath);
    ASSERT_TRUE(read) << read.error().message;
    EXPECT_TRUE(*read == old || *read == next);
  };
  EXPECT_GE(simulation::enumerate_crash_points(points), 4U);
}

TEST_F(CheckpointFile, PartsOfSeveralManagersShareOneFile) {
  write("0\n3\ngone 0 5\nmine 0 1\nother 0 2\n");
  auto shared =
      world_.run(SharedCheckpoint::load(world_.shard(0), world_.pool(), world_.disk(), kPath)).value();
  EXPECT_EQ(shared->loaded().size(), 3U);
  ASSERT_TRUE(world_.run(shared->update(0, {{{"mine", 0}, 10}})));
  OffsetCheckpoint expected{{{"gone", 0}, 5}, {{"mine", 0}, 10}, {{"other", 0}, 2}};
  EXPECT_EQ(read_offset_checkpoint(world_.disk(), kPath).value(), expected);
  shared->forget_unclaimed();
  ASSERT_TRUE(world_.run(shared->update(1, {{{"other", 0}, 20}})));
  expected = {{{"mine", 0}, 10}, {{"other", 0}, 20}};
  EXPECT_EQ(read_offset_checkpoint(world_.disk(), kPath).value(), expected);
}

// A manager that is offline does not take its names out any more: who gives a name to a new log does.
TEST_F(CheckpointFile, ANameIsTakenOutOfWhatEveryManagerSaid) {
  write("0\n1\nunclaimed 0 5\n");
  auto shared =
      world_.run(SharedCheckpoint::load(world_.shard(0), world_.pool(), world_.disk(), kPath)).value();
  ASSERT_TRUE(world_.run(shared->update(0, {{{"a", 0}, 50}, {{"b", 0}, 1}})));
  EXPECT_TRUE(shared->mentions({"a", 0}));
  EXPECT_TRUE(shared->mentions({"unclaimed", 0}));
  EXPECT_FALSE(shared->mentions({"a", 1}));
  ASSERT_TRUE(world_.run(shared->update(1, {{{"c", 0}, 2}}, {{"a", 0}, {"unclaimed", 0}})));
  EXPECT_FALSE(shared->mentions({"a", 0}));
  EXPECT_FALSE(shared->mentions({"unclaimed", 0}));
  const OffsetCheckpoint expected{{{"b", 0}, 1}, {{"c", 0}, 2}};
  EXPECT_EQ(read_offset_checkpoint(world_.disk(), kPath).value(), expected);
}

TEST_F(CheckpointFile, UpdatesThatComeTogetherShareWrites) {
  auto shared =
      world_.run(SharedCheckpoint::load(world_.shard(0), world_.pool(), world_.disk(), kPath)).value();
  const std::uint64_t before = world_.drive().operations();
  std::vector<runtime::Task<Status>> updates;
  for (Offset i = 0; i < 50; ++i) updates.push_back(shared->update(0, {{{"a", 0}, i}}));
  for (auto& update : updates) EXPECT_TRUE(world_.run(std::move(update)));
  EXPECT_LE(world_.drive().operations() - before, 20U);
  EXPECT_EQ(read_offset_checkpoint(world_.disk(), kPath)->begin()->second, 49);
}

TEST_F(CheckpointFile, ST_05_ADamagedFileCountsAsEmptyAndSaysSo) {
  write("0\n1\nmine 0\n");
  const auto shared =
      world_.run(SharedCheckpoint::load(world_.shard(0), world_.pool(), world_.disk(), kPath)).value();
  EXPECT_TRUE(shared->loaded().empty());
  ASSERT_TRUE(shared->damage());
  EXPECT_NE(shared->damage()->message.find("line 3"), std::string::npos);
}

}  // namespace
}  // namespace moldau::storage
