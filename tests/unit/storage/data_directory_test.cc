#include "storage/data_directory.h"

#include <gtest/gtest.h>

#include "simulation/crash_points.h"

namespace moldau::storage {
namespace {

const std::string kFolder = "/srv/data";
const std::string kMeta = "/srv/data/meta.properties";
constexpr DirectoryId kId{5, 6};
const std::string kCluster = "4L6g3nShT-eMCtK--X86sw";

class DataFolder : public ::testing::Test {
 protected:
  Result<std::unique_ptr<DataDirectory>> open(NodeId node = 1, std::string cluster = kCluster) {
    return DataDirectory::open(world_.disk(), kFolder, {std::move(cluster), node}, kId);
  }
  void format() { ASSERT_TRUE(DataDirectory::format(world_.disk(), kFolder, kCluster, 1, kId)); }
  void write(const std::string& path, std::string_view text) {
    ASSERT_TRUE(world_.disk().create_directories(runtime::directory_of(path)));
    ASSERT_TRUE(runtime::write_file_atomically(world_.disk(), path, as_bytes(text)));
  }
  void expect_error(const Result<std::unique_ptr<DataDirectory>>& opened, Errc code,
                    std::initializer_list<std::string> words) {
    ASSERT_FALSE(opened);
    EXPECT_EQ(opened.error().code, code) << opened.error().message;
    for (const std::string& word : words) {
      EXPECT_NE(opened.error().message.find(word), std::string::npos) << opened.error().message;
    }
  }

  simulation::World world_{1};
};

TEST_F(DataFolder, FormattedThenOpened) {
  EXPECT_EQ(open().error().code, Errc::not_found);
  format();
  const auto text = runtime::read_file(world_.disk(), kMeta, 1000).value();
  EXPECT_EQ(as_text(text),
            "version=1\ncluster.id=" + kCluster + "\nnode.id=1\ndirectory.id=" + kId.to_string() + "\n");
  const auto opened = open();
  ASSERT_TRUE(opened) << opened.error().message;
  EXPECT_EQ((*opened)->properties(), (MetaProperties{kCluster, 1, kId}));
  EXPECT_FALSE((*opened)->clean_shutdown());
}

TEST_F(DataFolder, FormattingTwiceIsRefused) {
  format();
  write(kFolder + "/a-0/partition.metadata", "sorts before meta.properties");
  EXPECT_EQ(DataDirectory::format(world_.disk(), kFolder, kCluster, 1, kId).error().code,
            Errc::already_exists);
}

TEST_F(DataFolder, AForeignFolderIsNeverTouched) {
  write(kFolder + "/holiday.jpg", "pixels");
  const std::uint64_t before = world_.drive().operations();
  const auto formatted = DataDirectory::format(world_.disk(), kFolder, kCluster, 1, kId);
  ASSERT_FALSE(formatted);
  EXPECT_EQ(formatted.error().code, Errc::invalid_argument);
  EXPECT_NE(formatted.error().message.find("holiday.jpg"), std::string::npos);
  EXPECT_EQ(open().error().code, Errc::not_found);
  EXPECT_EQ(world_.drive().files(), std::vector<std::string>{kFolder + "/holiday.jpg"});
  EXPECT_LE(world_.drive().operations(), before + 1);
}

// K-16541: partitions without meta.properties are not an empty folder.
TEST_F(DataFolder, ST_05_PartitionsWithoutMetaPropertiesAreNotReformatted) {
  write(kFolder + "/topic-0/partition.metadata", "version: 0\n");
  EXPECT_EQ(DataDirectory::format(world_.disk(), kFolder, kCluster, 1, kId).error().code,
            Errc::invalid_argument);
}

TEST_F(DataFolder, ST_21_ASecondProcessIsRefused) {
  format();
  const auto first = open();
  ASSERT_TRUE(first);
  expect_error(open(), Errc::locked, {kFolder, "in use by another process"});
}

TEST_F(DataFolder, ST_21_AnotherNodeOrClusterIsRefusedWithBothIdsAndTheWaysOut) {
  format();
  const std::string owner = kFolder + " belongs to node 1 of cluster '" + kCluster + "'";
  expect_error(open(2), Errc::mismatch,
               {owner,
                "configured as node 2 of cluster '" + kCluster +
                    "': to go on with its data, set node.id "
                    "to 1 (auto",
                "to be node 2 of cluster '" + kCluster + "', name another folder"});
  expect_error(open(1, "another"), Errc::mismatch,
               {owner, "configured as node 1 of cluster 'another'",
                "set cluster.id to " + kCluster + " (auto", "name another folder that is empty"});
  expect_error(open(2, "another"), Errc::mismatch, {owner, "set node.id to 1 and cluster.id to " + kCluster});
  EXPECT_TRUE(open(1, "")) << "without a configured cluster id the folder's own counts";
}

TEST_F(DataFolder, VersionZeroIsReadAndGetsADirectoryId) {
  write(kMeta, "#comment\n!another\n broker.id = 1 \n");
  {
    const auto opened = open();
    ASSERT_TRUE(opened) << opened.error().message;
    EXPECT_EQ((*opened)->properties(), (MetaProperties{kCluster, 1, kId}));
  }
  EXPECT_EQ(DataDirectory::inspect(world_.disk(), kFolder).value(), (MetaProperties{kCluster, 1, kId}));
}

TEST_F(DataFolder, ST_05_EveryDamageOfMetaPropertiesIsRefusedByName) {
  for (const std::string_view text :
       {"", " \n", "version=1\n", "version=7\ncluster.id=a\nnode.id=1\n",
        "version=1\ncluster.id=a\nnode.id=x\n", "version=1\ncluster.id=a\nnode.id=-1\n",
        "version=1\nnode.id=1\n", "version=1\ncluster.id\nnode.id=1\n",
        "version=1\ncluster.id=a\nnode.id=1\ndirectory.id=short\n", "garbage",
        "version=1\ncluster.id=a\nnode.id=99999999999\n"}) {
    write(kMeta, text);
    expect_error(open(), Errc::corrupt, {kMeta});
  }
}

TEST_F(DataFolder, ST_05_EveryCutAndFlipOfMetaPropertiesNeverOpensAsSomethingElse) {
  format();
  const auto whole = runtime::read_file(world_.disk(), kMeta, 1000).value();
  for (std::size_t at = 0; at < whole.size(); ++at) {
    auto flipped = whole;
    flipped[at] ^= std::byte{1};
    write(kMeta, as_text(flipped));
    const auto opened = open();
    if (opened) EXPECT_EQ((*opened)->properties().node_id, 1) << at;
    if (opened) EXPECT_EQ((*opened)->properties().cluster_id, kCluster) << at;
    if (!opened)
      EXPECT_TRUE(opened.error().code == Errc::corrupt || opened.error().code == Errc::mismatch) << at;
  }
}

TEST_F(DataFolder, ST_10_TheMarkerIsTakenBeforeAnythingIsLoaded) {
  format();
  ASSERT_TRUE((*open())->mark_clean(42));
  {
    const auto opened = open();
    ASSERT_TRUE((*opened)->clean_shutdown());
    EXPECT_EQ((*opened)->clean_shutdown()->broker_epoch, 42);
  }
  // The process died while it loaded: the next one recovers.
  world_.power_loss();
  world_.restart();
  EXPECT_FALSE((*open())->clean_shutdown());
}

// The process before was killed between the removal of the marker and the sync that makes it durable.
TEST_F(DataFolder, ST_10_TheRemovalOfTheMarkerIsDurableAlsoWhenAnotherProcessBeganIt) {
  const std::string marker = kFolder + "/.kafka_cleanshutdown";
  format();
  ASSERT_TRUE((*open())->mark_clean(42));
  ASSERT_TRUE(world_.disk().remove_file(marker));
  ASSERT_TRUE(world_.drive().durable_contents(marker));
  ASSERT_TRUE(open());
  EXPECT_FALSE(world_.drive().durable_contents(marker)) << "a power loss would bring it back";
}

TEST_F(DataFolder, ST_10_AMarkerThatCannotBeReadIsNone) {
  format();
  for (const std::string_view text :
       {"", "{}", "{\"version\":0,\"brokerEpoch\":", "{\"version\":0,\"brokerEpoch\":x}"}) {
    write(kFolder + "/.kafka_cleanshutdown", text);
    const auto opened = open();
    ASSERT_TRUE(opened);
    EXPECT_FALSE((*opened)->clean_shutdown()) << text;
  }
}

TEST(DataFolderPowerLoss, ST_06_FormattingHappensOrNot) {
  simulation::CrashPoints points;
  points.rounds = 10;
  bool formatted = false;
  points.scenario = [&](simulation::World& world) {
    formatted = DataDirectory::format(world.disk(), kFolder, kCluster, 1, kId).has_value();
  };
  points.recover = [&](simulation::World& world) {
    const auto found = DataDirectory::inspect(world.disk(), kFolder);
    if (found) EXPECT_EQ(*found, (MetaProperties{kCluster, 1, kId}));
    if (!found) {
      EXPECT_FALSE(formatted) << "what was formatted is gone";
      EXPECT_EQ(found.error().code, Errc::not_found);
      const auto again = DataDirectory::format(world.disk(), kFolder, kCluster, 1, kId);
      EXPECT_TRUE(again) << again.error().message;
    }
  };
  EXPECT_GE(simulation::enumerate_crash_points(points), 4U);
}

}  // namespace
}  // namespace moldau::storage
