// Who a node is at its first start and at the next ones; stumbles 3 and 4 of newcomers.
#include "node/identity.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "simulation/world.h"

namespace moldau::node {
namespace {

using testing::HasSubstr;

class Identity : public ::testing::Test {
 protected:
  // What a start with these settings finds or makes in `folder`.
  Result<storage::MetaProperties> start(config::Settings settings, const std::string& folder = "/data",
                                        const std::optional<std::string>& found = std::nullopt) {
    settings.data_dir = folder;
    ASSIGN_OR_RETURN(const auto directory, open_data_directory(settings, disk(), random_, found));
    return directory->properties();
  }
  runtime::Disk& disk() { return world_.machine(0).process().disk(); }

  static config::Settings voters(std::optional<NodeId> id) {
    config::Settings settings;
    settings.node_id = id;
    settings.voters = {{1, {"a", 9093}}, {2, {"b", 9093}}, {3, {"c", 9093}}};
    return settings;
  }

  simulation::World world_{11};
  Random random_{5};
};

void expect_refused(const Result<storage::MetaProperties>& started, Errc code, const std::string& part) {
  ASSERT_FALSE(started.has_value());
  EXPECT_EQ(started.error().code, code);
  EXPECT_THAT(started.error().message, HasSubstr(part));
}

TEST_F(Identity, ANodeAloneChoosesOnceAndKeepsIt) {
  const auto first = start({});
  ASSERT_TRUE(first) << first.error().message;
  EXPECT_EQ(first->node_id, 1);
  EXPECT_TRUE(Uuid::parse(first->cluster_id));
  EXPECT_EQ(start({}), *first);
  EXPECT_NE(start({}, "/other")->cluster_id, first->cluster_id);
}

TEST_F(Identity, WhatIsOnDiskIsAdopted) {
  config::Settings named;
  named.node_id = 7;
  named.cluster_id = "prague";
  const auto first = start(named);
  ASSERT_TRUE(first);
  EXPECT_EQ(start({}), *first);
  // Also where the settings would form another cluster by now.
  EXPECT_EQ(start(voters(std::nullopt)), *first);
  EXPECT_EQ(start(voters(7), "/data", "another")->cluster_id, "prague");
}

TEST_F(Identity, AnotherNodeIdStops) {
  config::Settings settings;
  settings.node_id = 1001;
  settings.cluster_id = "prague";
  ASSERT_TRUE(start(settings));
  settings.node_id = 1389;
  expect_refused(
      start(settings), Errc::mismatch,
      "/data belongs to node 1001 of cluster 'prague', but this is configured as node 1389 of cluster "
      "'prague': to go on with its data, set node.id to 1001 (auto takes what the folder says); to be "
      "node 1389 of cluster 'prague', name another folder that is empty");
}

TEST_F(Identity, AnotherClusterIdStops) {
  config::Settings settings;
  settings.cluster_id = "prague";
  ASSERT_TRUE(start(settings));
  settings.cluster_id = "brno";
  expect_refused(start(settings), Errc::mismatch, "set cluster.id to prague");
  settings.cluster_id.reset();
  EXPECT_EQ(start(settings)->cluster_id, "prague");
}

TEST_F(Identity, VotersThatFormAClusterAgreeOnItsIdUnasked) {
  const auto first = start(voters(1), "/1");
  ASSERT_TRUE(first) << first.error().message;
  EXPECT_EQ(start(voters(2), "/2")->cluster_id, first->cluster_id);
  auto turned = voters(3);
  std::ranges::reverse(turned.voters);
  EXPECT_EQ(start(turned, "/3")->cluster_id, first->cluster_id);
  auto observer = voters(4);
  observer.controller_role = false;
  EXPECT_EQ(start(observer, "/4")->cluster_id, first->cluster_id);
  auto other = voters(1);
  other.cluster_name = "prod";
  EXPECT_NE(start(other, "/5")->cluster_id, first->cluster_id);
  auto moved = voters(1);
  moved.voters[2].address.host = "d";
  EXPECT_NE(start(moved, "/6")->cluster_id, first->cluster_id);
}

// Releases come and go, and a node that lost its disk must come back to its cluster.
TEST_F(Identity, TheFormedIdIsTheSameForEver) {
  EXPECT_EQ(formed_cluster_id(voters(1)), "ihW3AHDLTIu4Cy8oMlbH3Q");
  EXPECT_EQ(formed_cluster_id({}), std::nullopt);
}

TEST_F(Identity, AMemberNeedsANumber) {
  expect_refused(start(voters(std::nullopt)), Errc::invalid_argument, "node.id is not set");
  EXPECT_FALSE(disk().exists("/data/meta.properties").value());
}

TEST_F(Identity, WhoJoinsIsToldItsCluster) {
  config::Settings settings;
  settings.node_id = 4;
  settings.seeds = {{"a", 9093}};
  expect_refused(start(settings), Errc::invalid_argument, "cluster.id is not set, and no controller");
  EXPECT_EQ(start(settings, "/data", "theirs")->cluster_id, "theirs");
  EXPECT_EQ(start(settings)->cluster_id, "theirs");
}

TEST_F(Identity, OneVoterIsANodeAlone) {
  config::Settings settings;
  settings.node_id = 1;
  settings.voters = {{1, {"localhost", 9094}}};
  const auto first = start(settings, "/1");
  ASSERT_TRUE(first) << first.error().message;
  EXPECT_NE(start(settings, "/2")->cluster_id, first->cluster_id);
}

}  // namespace
}  // namespace moldau::node
