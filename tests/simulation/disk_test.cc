#include "simulation/disk.h"

#include <gtest/gtest.h>

#include <set>

#include "runtime/file_system.h"
#include "simulation/crash_points.h"
#include "simulation/world.h"

namespace moldau::simulation {
namespace {

using runtime::OpenMode;

std::vector<std::byte> bytes_of(Random& random, std::size_t size) {
  std::vector<std::byte> bytes(size);
  random.fill(bytes);
  return bytes;
}

std::unique_ptr<runtime::File> open(World& world, const std::string& path) {
  auto file = world.disk().open(path, OpenMode::create);
  EXPECT_TRUE(file) << file.error().message;
  return std::move(*file);
}

std::vector<std::byte> read_all(World& world, const std::string& path) {
  return world.drive().contents(path).value_or(std::vector<std::byte>());
}

void lose_power_and_restart(World& world) {
  world.power_loss();
  world.restart();
}

TEST(Disk, ReadsWhatWasWrittenAndZerosInGaps) {
  World world(1);
  auto file = open(world, "/a");
  ASSERT_TRUE(file->write_at(5000, as_bytes("hello")));
  EXPECT_EQ(file->size(), 5005U);
  std::byte into[8];
  EXPECT_EQ(file->read_at(4998, into), 7U);
  EXPECT_EQ(as_text(ByteView(into, 7)), std::string_view("\0\0hello", 7));
  EXPECT_EQ(file->read_at(5005, into), 0U);
  ASSERT_TRUE(file->truncate(5002));
  ASSERT_TRUE(file->truncate(6000));
  EXPECT_EQ(file->read_at(5000, into), 8U);
  EXPECT_EQ(as_text(ByteView(into, 8)), std::string_view("he\0\0\0\0\0\0", 8));
}

TEST(Disk, ASyncOfTheFileSystemMakesEverythingDurableOrFailsAndDropsSome) {
  unsigned lost = 0;
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    World world(seed);
    const auto system = runtime::open_file_system(world.disk(), "/");
    ASSERT_TRUE(system);
    ASSERT_TRUE(world.disk().create_directories("/x/y"));
    for (const std::string name : {"/x/a", "/x/y/b"})
      ASSERT_TRUE(open(world, name)->write_at(0, as_bytes("here")));
    ASSERT_TRUE((*system)->sync());
    ASSERT_TRUE(open(world, "/x/y/c")->write_at(0, as_bytes("here")));
    world.drive().fail_next_sync("(file system)");
    EXPECT_EQ((*system)->sync().error().code, Errc::io);
    EXPECT_TRUE((*system)->sync()) << "the next one succeeds, and proves nothing";
    lose_power_and_restart(world);
    for (const std::string name : {"/x/a", "/x/y/b"}) EXPECT_EQ(as_text(read_all(world, name)), "here");
    lost += as_text(read_all(world, "/x/y/c")) != "here";
    EXPECT_FALSE((*system)->sync()) << "of a process that has died";
  }
  EXPECT_GT(lost, 3U);
  EXPECT_LT(lost, 20U);
}

TEST(Disk, NamesAndTheirErrors) {
  World world(1);
  runtime::Disk& disk = world.disk();
  ASSERT_TRUE(disk.create_directories("/data/x/y"));
  ASSERT_TRUE(disk.create_directories("/data/x/y"));
  ASSERT_TRUE(open(world, "/data/x/b"));
  ASSERT_TRUE(open(world, "/data/x/a")->write_at(0, as_bytes("abc")));
  const auto entries = disk.list("/data/x");
  ASSERT_TRUE(entries);
  ASSERT_EQ(entries->size(), 3U);
  EXPECT_EQ((*entries)[0].name, "a");
  EXPECT_EQ((*entries)[0].size_bytes, 3U);
  EXPECT_TRUE((*entries)[2].is_directory);
  EXPECT_EQ(disk.open("/none", OpenMode::read).error().code, Errc::not_found);
  EXPECT_EQ(disk.open("/none/a", OpenMode::create).error().code, Errc::not_found);
  EXPECT_EQ(disk.open("/data/x/a", OpenMode::create_new).error().code, Errc::already_exists);
  EXPECT_EQ(disk.list("/none").error().code, Errc::not_found);
  EXPECT_FALSE(disk.remove_directory("/data/x"));
  EXPECT_FALSE(disk.remove_file("/data/x"));
  EXPECT_FALSE(disk.create_directories("/data/x/a/z"));
  ASSERT_TRUE(disk.rename("/data/x/a", "/data/x/b"));
  EXPECT_EQ(as_text(*world.drive().contents("/data/x/b")), "abc");
  EXPECT_EQ(disk.exists("/data/x/a"), false);
  ASSERT_TRUE(runtime::remove_tree(disk, "/data"));
  EXPECT_EQ(world.drive().used_bytes(), 0U);
}

TEST(Disk, AHandleOutlivesTheNameOfItsFile) {
  World world(1);
  auto file = open(world, "/a");
  ASSERT_TRUE(world.disk().remove_file("/a"));
  ASSERT_TRUE(file->write_at(0, as_bytes("still")));
  std::byte into[5];
  EXPECT_EQ(file->read_at(0, into), 5U);
  EXPECT_EQ(world.drive().used_bytes(), 0U);
}

// Random writes, syncs and a power loss, against a model that knows every version that each byte has had
// since the last sync: what is found must be one of them, and what was synced must be there.
TEST(Disk, WhatWasSyncedSurvivesPowerLossAndTheRestIsSomeVersionOfIt) {
  constexpr std::size_t kSize = 20'000;
  std::uint64_t lost = 0;
  std::uint64_t kept = 0;
  for (std::uint64_t seed = 1; seed <= 1000; ++seed) {
    World world(seed);
    Random& random = world.random();
    ASSERT_TRUE(runtime::write_file_atomically(world.disk(), "/a", bytes_of(random, kSize)));
    auto file = open(world, "/a");
    std::vector<std::byte> now = read_all(world, "/a");
    std::vector<std::set<std::byte>> allowed(kSize);
    const auto settle = [&] {
      for (std::size_t i = 0; i < kSize; ++i) allowed[i] = {now[i]};
    };
    settle();
    for (int operation = 0; operation < 12; ++operation) {
      if (random.one_in(5)) {
        ASSERT_TRUE(file->sync_data());
        settle();
        continue;
      }
      const std::size_t offset = random.below(kSize - 1);
      const auto bytes = bytes_of(random, 1 + random.below(std::min<std::size_t>(3000, kSize - offset)));
      ASSERT_TRUE(file->write_at(offset, bytes));
      for (std::size_t i = 0; i < bytes.size(); ++i) {
        now[offset + i] = bytes[i];
        allowed[offset + i].insert(bytes[i]);
      }
    }
    lose_power_and_restart(world);
    const auto found = read_all(world, "/a");
    ASSERT_EQ(found.size(), kSize);
    for (std::size_t i = 0; i < kSize; ++i) ASSERT_TRUE(allowed[i].contains(found[i])) << seed << " at " << i;
    lost += world.faults()[Fault::lost_sector];
    kept += world.faults()[Fault::kept_sector];
    EXPECT_EQ(world.drive().durable_contents("/a"), found);
  }
  EXPECT_GT(lost, 1'000U);
  EXPECT_GT(kept, 1'000U);
}

TEST(Disk, AnUnsyncedAppendMayVanishStayOrStayInPart) {
  std::set<std::size_t> sizes;
  std::set<unsigned> sectors_found;
  for (std::uint64_t seed = 1; seed <= 2000; ++seed) {
    World world(seed);
    ASSERT_TRUE(runtime::write_file_atomically(world.disk(), "/a", as_bytes("synced!!")));
    const std::vector<std::byte> ones(4 * 512 - 8, std::byte{1});
    ASSERT_TRUE(open(world, "/a")->write_at(8, ones));
    lose_power_and_restart(world);
    const auto found = read_all(world, "/a");
    sizes.insert(found.size());
    ASSERT_GE(found.size(), 8U);
    if (found.size() < 4 * 512) continue;
    unsigned mask = 0;
    for (unsigned sector = 0; sector < 4; ++sector)
      mask |= unsigned{found[sector * 512 + 100] == std::byte{1}} << sector;
    sectors_found.insert(mask);
  }
  EXPECT_TRUE(sizes.contains(8));
  EXPECT_TRUE(sizes.contains(4 * 512));
  EXPECT_GT(sizes.size(), 100U);
  EXPECT_EQ(sectors_found.size(), 16U) << "every subset of sectors is possible";
}

TEST(Disk, AnUnsyncedTruncationHappensOrNot) {
  std::set<std::string> outcomes;
  for (std::uint64_t seed = 1; seed <= 300; ++seed) {
    World world(seed);
    ASSERT_TRUE(runtime::write_file_atomically(world.disk(), "/a", as_bytes("old bytes")));
    auto file = open(world, "/a");
    ASSERT_TRUE(file->truncate(3));
    ASSERT_TRUE(file->truncate(5));
    lose_power_and_restart(world);
    outcomes.emplace(as_text(read_all(world, "/a")));
  }
  EXPECT_TRUE(outcomes.contains("old bytes"));
  EXPECT_TRUE(outcomes.contains("old"));
  EXPECT_TRUE(outcomes.contains(std::string("old\0\0", 5)));
  EXPECT_FALSE(outcomes.contains("old b")) << "what was cut came back in front of zeros";
}

TEST(Disk, NamesNeedTheSyncOfTheirFolder) {
  for (const auto names : {PowerLossOptions::Names::prefix, PowerLossOptions::Names::any_subset}) {
    std::set<std::string> outcomes;
    for (std::uint64_t seed = 1; seed <= 300; ++seed) {
      World world(seed, {.disk = {.power_loss = {.names = names}}});
      ASSERT_TRUE(world.disk().create_directories("/d"));
      ASSERT_TRUE(world.disk().sync_directory("/"));
      for (const char* name : {"/d/a", "/d/b"}) ASSERT_TRUE(open(world, name)->sync_data());
      lose_power_and_restart(world);
      std::string outcome;
      for (const std::string& path : world.drive().files()) outcome += path.back();
      outcomes.insert(outcome);
    }
    const bool subset = names == PowerLossOptions::Names::any_subset;
    EXPECT_EQ(outcomes,
              subset ? std::set<std::string>({"", "a", "ab", "b"}) : std::set<std::string>({"", "a", "ab"}));
  }
}

TEST(Disk, SyncedNamesSurvive) {
  for (std::uint64_t seed = 1; seed <= 300; ++seed) {
    World world(seed);
    ASSERT_TRUE(world.disk().create_directories("/d/e"));
    ASSERT_TRUE(world.disk().sync_directory("/"));
    ASSERT_TRUE(world.disk().sync_directory("/d"));
    ASSERT_TRUE(open(world, "/d/e/a")->sync_data());
    ASSERT_TRUE(world.disk().rename("/d/e/a", "/d/e/b"));
    ASSERT_TRUE(world.disk().sync_directory("/d/e"));
    ASSERT_TRUE(open(world, "/d/e/c")->sync_data());
    lose_power_and_restart(world);
    EXPECT_EQ(world.disk().exists("/d/e/b"), true);
    EXPECT_EQ(world.disk().exists("/d/e/a"), false);
  }
}

TEST(Disk, ARenameOverAFileLeavesTheOldOrTheNewOne) {
  bool old_found = false;
  bool new_found = false;
  for (std::uint64_t seed = 1; seed <= 500; ++seed) {
    World world(seed);
    ASSERT_TRUE(runtime::write_file_atomically(world.disk(), "/a", as_bytes("old")));
    auto file = open(world, "/a.tmp");
    ASSERT_TRUE(file->write_at(0, as_bytes("new")));
    ASSERT_TRUE(file->sync_data());
    ASSERT_TRUE(world.disk().rename("/a.tmp", "/a"));
    lose_power_and_restart(world);
    const auto found = world.drive().contents("/a");
    ASSERT_TRUE(found);
    ASSERT_TRUE(as_text(*found) == "old" || as_text(*found) == "new") << as_text(*found);
    (as_text(*found) == "old" ? old_found : new_found) = true;
  }
  EXPECT_TRUE(old_found && new_found);
}

TEST(Disk, ARenameWithoutTheSyncOfTheFileCanLeaveAnEmptyFile) {
  bool empty = false;
  for (std::uint64_t seed = 1; seed <= 500 && !empty; ++seed) {
    World world(seed);
    ASSERT_TRUE(open(world, "/a.tmp")->write_at(0, as_bytes("new")));
    ASSERT_TRUE(world.disk().rename("/a.tmp", "/a"));
    ASSERT_TRUE(world.disk().sync_directory("/"));
    lose_power_and_restart(world);
    empty = read_all(world, "/a").empty();
  }
  EXPECT_TRUE(empty);
}

TEST(Disk, KillLosesNothing) {
  World world(1);
  auto file = open(world, "/a");
  ASSERT_TRUE(file->write_at(0, as_bytes("unsynced")));
  world.kill();
  EXPECT_FALSE(file->write_at(0, as_bytes("dead")));
  EXPECT_FALSE(file->sync_data());
  EXPECT_FALSE(world.disk().exists("/a"));
  world.restart();
  EXPECT_EQ(as_text(read_all(world, "/a")), "unsynced");
  EXPECT_FALSE(file->size()) << "the handle of a dead process stays dead";
}

TEST(Disk, AFailedSyncDropsPagesAndTheNextOneSucceedsWithoutThem) {
  bool reverted_at_once = false;
  bool still_visible = false;
  for (std::uint64_t seed = 1; seed <= 200; ++seed) {
    World world(seed);
    ASSERT_TRUE(runtime::write_file_atomically(world.disk(), "/a", as_bytes("old")));
    auto file = open(world, "/a");
    ASSERT_TRUE(file->write_at(0, as_bytes("new")));
    world.drive().fail_next_sync("/a");
    EXPECT_EQ(file->sync_data().error().code, Errc::io);
    EXPECT_TRUE(file->sync_data());
    (as_text(read_all(world, "/a")) == "old" ? reverted_at_once : still_visible) = true;
    lose_power_and_restart(world);
    ASSERT_EQ(as_text(read_all(world, "/a")), "old");
    EXPECT_EQ(world.faults()[Fault::sync_error], 1U);
  }
  EXPECT_TRUE(reverted_at_once && still_visible);
}

TEST(Disk, NoSpaceLeavesAPrefixAndGoesAwayWithTheFile) {
  World world(1);
  world.drive().set_capacity(10'000);
  auto file = open(world, "/a");
  ASSERT_TRUE(file->write_at(0, std::vector<std::byte>(8000)));
  EXPECT_EQ(file->write_at(8000, std::vector<std::byte>(4000)).error().code, Errc::no_space);
  EXPECT_EQ(file->size(), 10'000U);
  EXPECT_TRUE(file->write_at(0, std::vector<std::byte>(8000))) << "no growth";
  EXPECT_EQ(file->allocate(0, 20'000).error().code, Errc::no_space);
  EXPECT_EQ(world.disk().space("/")->available_bytes, 0U);
  ASSERT_TRUE(world.disk().remove_file("/a"));
  EXPECT_EQ(world.disk().space("/")->available_bytes, 10'000U);
  EXPECT_EQ(world.faults()[Fault::no_space], 2U);
}

TEST(Disk, SingleFaults) {
  World world(1);
  auto file = open(world, "/a");
  ASSERT_TRUE(file->write_at(0, std::vector<std::byte>(10'000)));
  world.drive().fail_next_write("/b");
  EXPECT_TRUE(file->write_at(0, as_bytes("x"))) << "another file";
  world.drive().fail_next_write("/a");
  EXPECT_EQ(file->write_at(0, as_bytes("x")).error().code, Errc::io);
  EXPECT_TRUE(file->write_at(0, as_bytes("x")));

  std::byte into[100];
  world.drive().fail_reads("/a", 4096, 512);
  EXPECT_TRUE(file->read_at(0, into));
  EXPECT_EQ(file->read_at(4050, into).error().code, Errc::io);
  EXPECT_TRUE(file->write_at(4096, std::vector<std::byte>(512)));
  EXPECT_TRUE(file->read_at(4050, into)) << "written again";

  const auto before = read_all(world, "/a");
  const std::uint64_t at = world.drive().flip_random_bit("/a", 100, 50);
  auto after = read_all(world, "/a");
  EXPECT_NE(after[at], before[at]);
  after[at] = before[at];
  EXPECT_EQ(after, before);
}

TEST(Disk, AMisdirectedWriteLandsElsewhere) {
  World world(3);
  auto file = open(world, "/a");
  ASSERT_TRUE(file->write_at(0, std::vector<std::byte>(100'000)));
  world.drive().misdirect_next_write("/a");
  ASSERT_TRUE(file->write_at(0, as_bytes("astray")));
  const auto found = read_all(world, "/a");
  const std::size_t at = as_text(found).find("astray");
  EXPECT_NE(at, 0U);
  EXPECT_NE(at, std::string::npos);
}

TEST(Disk, CachedReadsMayAnswerWouldBlockOrLess) {
  World world(1);
  auto file = open(world, "/a");
  ASSERT_TRUE(file->write_at(0, as_bytes("0123456789")));
  int blocked = 0;
  int partial = 0;
  for (int i = 0; i < 1000; ++i) {
    std::byte into[10];
    const auto read = file->read_cached_at(0, into);
    if (!read) {
      EXPECT_EQ(read.error().code, Errc::would_block);
      ++blocked;
    } else {
      EXPECT_EQ(as_text(ByteView(into, *read)), std::string_view("0123456789").substr(0, *read));
      partial += *read < 10;
    }
  }
  EXPECT_GT(blocked, 100);
  EXPECT_GT(partial, 30);
}

TEST(Disk, LocksExcludeUntilReleasedOrDead) {
  World world(1);
  auto lock = world.disk().lock("/.lock");
  ASSERT_TRUE(lock);
  EXPECT_EQ(world.disk().lock("/.lock").error().code, Errc::locked);
  lock->reset();
  lock = world.disk().lock("/.lock");
  ASSERT_TRUE(lock);
  world.kill();
  world.restart();
  EXPECT_TRUE(world.disk().lock("/.lock"));
}

TEST(Disk, DescriptorsRunOut) {
  World world(1, {.descriptors = 2});
  auto a = world.disk().open("/a", OpenMode::create);
  auto b = world.disk().open("/b", OpenMode::create);
  ASSERT_TRUE(a && b);
  EXPECT_EQ(world.disk().open("/c", OpenMode::create).error().code, Errc::no_descriptors);
  a->reset();
  EXPECT_TRUE(world.disk().open("/c", OpenMode::create));
}

TEST(Disk, StartsFromAnOldCopy) {
  World world(1);
  auto file = open(world, "/a");
  ASSERT_TRUE(file->write_at(0, as_bytes("old")));
  const DiskTree old = world.drive().dump();
  ASSERT_TRUE(file->write_at(0, as_bytes("new")));
  world.kill();
  EXPECT_EQ(as_text(read_all(world, "/a")), "new");
  world.drive().copy_from(old);
  world.restart();
  EXPECT_EQ(as_text(read_all(world, "/a")), "old");
  world.kill();
  world.drive().wipe();
  world.restart();
  EXPECT_TRUE(world.drive().files().empty());
}

void replace(World& world, std::string_view contents) {
  runtime::write_file_atomically(world.disk(), "/state", as_bytes(contents));
}

TEST(CrashPoints, AtomicReplacementLeavesOldOrNewAtEveryPoint) {
  bool old_found = false;
  bool new_found = false;
  CrashPoints points;
  points.prepare = [](World& world) { replace(world, "old"); };
  points.scenario = [](World& world) { replace(world, "new"); };
  points.recover = [&](World& world) {
    const auto found = world.drive().contents("/state");
    ASSERT_TRUE(found);
    EXPECT_TRUE(as_text(*found) == "old" || as_text(*found) == "new");
    (as_text(*found) == "old" ? old_found : new_found) = true;
    replace(world, as_text(*found));
  };
  points.again_in_recovery = true;
  points.rounds = 20;
  // Create, truncate, write, sync, rename, sync of the folder; each with the same again in the recovery
  // (there the temporary file may be left over, so that there is no create).
  EXPECT_GE(enumerate_crash_points(points), 20U * (6 + 6 * 5));
  EXPECT_TRUE(old_found && new_found);
}

// A program that writes in place: the enumeration must see it.
TEST(CrashPoints, FindTheTornInPlaceUpdate) {
  bool torn = false;
  CrashPoints points;
  const std::string old_contents(2000, 'o');
  const std::string new_contents(2000, 'n');
  points.prepare = [&](World& world) { replace(world, old_contents); };
  points.scenario = [&](World& world) {
    auto file = world.disk().open("/state", OpenMode::read_write);
    if (!file) return;
    if (!(*file)->write_at(0, as_bytes(new_contents))) return;
    static_cast<void>((*file)->sync_data());
  };
  points.recover = [&](World& world) {
    const auto found = read_all(world, "/state");
    torn |= as_text(found) != old_contents && as_text(found) != new_contents;
  };
  points.rounds = 20;
  EXPECT_EQ(enumerate_crash_points(points), 40U);
  EXPECT_TRUE(torn);
}

}  // namespace
}  // namespace moldau::simulation
