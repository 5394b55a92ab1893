// Moving replicas: at every step the partition ends in the old or the new ones.
#include "cluster.h"

namespace moldau::controller {
namespace {

class Reassignment : public ::testing::Test {
 protected:
  void SetUp() override { cluster_.create_on("a", {1, 2, 3}); }
  const Partition& partition() const { return cluster_.partition("a"); }
  Cluster cluster_{6};
};

TEST_F(Reassignment, RP_18_KeepsTheOldReplicasUntilTheNewOnesAreInSync) {
  EXPECT_EQ(cluster_.reassign("a", Nodes{4, 5, 3}).error_code, ErrorCode::none);
  EXPECT_EQ(partition().replicas, (Nodes{4, 5, 3, 1, 2}));
  EXPECT_EQ(partition().adding_replicas, (Nodes{4, 5}));
  EXPECT_EQ(partition().removing_replicas, (Nodes{1, 2}));
  EXPECT_EQ(partition().isr, (Nodes{1, 2, 3}));
  EXPECT_EQ(partition().leader, 1);
  EXPECT_EQ(partition().leader_epoch, 0);
  EXPECT_EQ(partition().directories[0], Cluster::directory(4));
  EXPECT_EQ(partition().directories[3], Cluster::directory(1));
  cluster_.set_isr("a", {1, 2, 3, 4});
  EXPECT_EQ(partition().adding_replicas, (Nodes{4, 5})) << "5 is missing";
  cluster_.set_isr("a", {1, 3, 4, 5});
  EXPECT_EQ(partition().replicas, (Nodes{4, 5, 3}));
  EXPECT_EQ(partition().isr, (Nodes{3, 4, 5}));
  EXPECT_EQ(partition().leader, 4);
  EXPECT_TRUE(partition().adding_replicas.empty() && partition().removing_replicas.empty());
  EXPECT_EQ(partition().directories,
            (std::vector<DirectoryId>{Cluster::directory(4), Cluster::directory(5), Cluster::directory(3)}));
}

TEST_F(Reassignment, AnotherOrderIsDoneAtOnce) {
  EXPECT_EQ(cluster_.reassign("a", Nodes{3, 1, 2}).error_code, ErrorCode::none);
  EXPECT_EQ(partition().replicas, (Nodes{3, 1, 2}));
  EXPECT_TRUE(partition().adding_replicas.empty() && partition().removing_replicas.empty());
  EXPECT_EQ(partition().leader, 1) << "an election is another matter";
  EXPECT_EQ(cluster_.reassign("a", Nodes{3, 1, 2}).error_code, ErrorCode::none);
  EXPECT_TRUE(cluster_.last_records_.empty()) << "nothing to do";
}

TEST_F(Reassignment, FewerReplicasAreDoneAtOnceWhenTheyAreInSync) {
  EXPECT_EQ(cluster_.reassign("a", Nodes{2, 3}).error_code, ErrorCode::none);
  EXPECT_EQ(partition().replicas, (Nodes{2, 3}));
  EXPECT_EQ(partition().isr, (Nodes{2, 3}));
  EXPECT_EQ(partition().leader, 2);
  EXPECT_EQ(partition().leader_epoch, 1);
}

TEST_F(Reassignment, RP_18_NeverCompletesBelowTheNewReplicas) {
  cluster_.set_isr("a", {1, 3});
  cluster_.reassign("a", Nodes{2, 3});
  EXPECT_EQ(partition().removing_replicas, Nodes{1}) << "2 is not in sync";
  EXPECT_EQ(partition().leader, 1);
  cluster_.set_isr("a", {1, 3, 2});
  EXPECT_EQ(partition().replicas, (Nodes{2, 3}));
}

// Replica 3 goes and comes back while its old data and fetches are still about.
TEST_F(Reassignment, AReplicaThatWasRemovedAndAddedAgainCountsFromZero) {  // RP-17
  cluster_.reassign("a", Nodes{1, 2});
  EXPECT_EQ(partition().leader, 1);
  EXPECT_EQ(partition().leader_epoch, 1) << "its fetches are fenced by the epoch";
  EXPECT_EQ(partition().isr, (Nodes{1, 2}));
  cluster_.reassign("a", Nodes{1, 2, 3});
  EXPECT_EQ(partition().isr, (Nodes{1, 2})) << "it is not in sync because it once was";
  EXPECT_EQ(partition().adding_replicas, Nodes{3});
  cluster_.set_isr("a", {1, 2, 3});
  EXPECT_TRUE(partition().adding_replicas.empty());
}

TEST_F(Reassignment, RP_18_CancelledLeadsBack) {
  cluster_.reassign("a", Nodes{4, 5, 3});
  cluster_.set_isr("a", {1, 3, 4});
  EXPECT_EQ(cluster_.reassign("a", std::nullopt).error_code, ErrorCode::none);
  EXPECT_EQ(partition().replicas, (Nodes{3, 1, 2}));
  EXPECT_EQ(partition().isr, (Nodes{1, 3}));
  EXPECT_EQ(partition().leader, 1);
  EXPECT_EQ(partition().leader_epoch, 1) << "4 and 5 are fenced";
  EXPECT_TRUE(partition().adding_replicas.empty() && partition().removing_replicas.empty());
  const auto again = cluster_.reassign("a", std::nullopt);
  EXPECT_EQ(again.error_code, ErrorCode::no_reassignment_in_progress);
  EXPECT_TRUE(cluster_.last_records_.empty());
}

TEST_F(Reassignment, CancelledWhileANewReplicaLeadsMovesTheLeader) {
  cluster_.reassign("a", Nodes{4, 5, 3});
  cluster_.set_isr("a", {1, 3, 4});
  cluster_.elect("a", 0);
  ASSERT_EQ(partition().leader, 4);
  EXPECT_EQ(cluster_.reassign("a", std::nullopt).error_code, ErrorCode::none);
  EXPECT_EQ(partition().leader, 3);
  EXPECT_EQ(partition().recovery_state, LeaderRecoveryState::recovered);
}

TEST_F(Reassignment, IsNotCancelledWhenOnlyNewReplicasHaveEverything) {
  cluster_.reassign("a", Nodes{4, 5, 6});
  cluster_.set_isr("a", {1, 4});
  cluster_.fence(1);
  ASSERT_EQ(partition().isr, Nodes{4});
  const auto refused = cluster_.reassign("a", std::nullopt);
  EXPECT_EQ(refused.error_code, ErrorCode::invalid_replica_assignment);
  EXPECT_NE(refused.error_message->find("would require an unclean leader election"), std::string::npos);
  EXPECT_TRUE(cluster_.last_records_.empty());
  cluster_.set_config(ResourceType::topic, "a", "unclean.leader.election.enable", "true");
  EXPECT_EQ(cluster_.reassign("a", std::nullopt).error_code, ErrorCode::none);
  EXPECT_EQ(partition().replicas, (Nodes{1, 2, 3}));
  EXPECT_EQ(partition().leader, 2) << "1 is fenced";
  EXPECT_EQ(partition().recovery_state, LeaderRecoveryState::recovering);
}

TEST_F(Reassignment, IsCancelledCleanlyWhenAnOldReplicaIsEligible) {
  cluster_.set_config(ResourceType::topic, "a", "min.insync.replicas", "3");
  cluster_.reassign("a", Nodes{4, 5, 6});
  cluster_.set_isr("a", {1, 4});
  cluster_.fence(1);
  ASSERT_EQ(partition().isr, Nodes{4});
  ASSERT_TRUE(contains(partition().eligible_leader_replicas, 2));
  EXPECT_EQ(cluster_.reassign("a", std::nullopt).error_code, ErrorCode::none);
  EXPECT_EQ(partition().leader, 2);
  EXPECT_EQ(partition().recovery_state, LeaderRecoveryState::recovered);
}

TEST_F(Reassignment, RP_18_ReplacedByAnotherStillKnowsTheFirstReplicas) {
  cluster_.reassign("a", Nodes{4, 2, 3});
  cluster_.set_isr("a", {1, 2, 3, 4});
  ASSERT_EQ(partition().replicas, (Nodes{4, 2, 3})) << "that was quick";
  cluster_.reassign("a", Nodes{5, 2, 3});
  cluster_.set_isr("a", {4, 2, 3});
  EXPECT_EQ(cluster_.reassign("a", Nodes{6, 2, 3}).error_code, ErrorCode::none);
  EXPECT_EQ(std::set(partition().replicas.begin(), partition().replicas.end()), (std::set{2, 3, 4, 5, 6}))
      << "5 stays for now: it might be the only one in sync";
  EXPECT_EQ(partition().adding_replicas, (Nodes{5, 6}));
  EXPECT_EQ(partition().removing_replicas, (Nodes{4, 5}));
  const Image replaced = cluster_.image_;
  cluster_.reassign("a", std::nullopt);
  EXPECT_EQ(std::set(partition().replicas.begin(), partition().replicas.end()), (std::set{2, 3, 4}));
  cluster_.image_ = replaced;
  cluster_.set_isr("a", {2, 3, 4, 6});
  EXPECT_EQ(partition().replicas, (Nodes{6, 2, 3}));
}

TEST_F(Reassignment, RP_18_SurvivesTheLossOfAnyBrokerOnTheWay) {
  for (const NodeId lost : {1, 2, 3, 4, 5}) {
    Cluster cluster(6);
    cluster.create_on("a", {1, 2, 3});
    cluster.reassign("a", Nodes{4, 5, 3});
    cluster.set_isr("a", {1, 2, 3, 4});
    cluster.fence(lost);
    EXPECT_NE(cluster.partition("a").leader, kNoNode) << lost;
    cluster.beat(lost);
    const NodeId leader = cluster.partition("a").leader;
    Nodes isr{leader};
    for (const NodeId id : cluster.partition("a").replicas)
      if (id != leader) isr.push_back(id);
    cluster.set_isr("a", isr);
    EXPECT_EQ(cluster.partition("a").replicas, (Nodes{4, 5, 3})) << lost;
    EXPECT_NE(cluster.partition("a").leader, kNoNode) << lost;
  }
}

TEST_F(Reassignment, RefusesWithKafkasCodes) {
  const auto code = [&](const std::string& name, std::optional<Nodes> replicas, PartitionIndex index = 0,
                        bool may_change_factor = true) {
    const auto result = cluster_.reassign(name, std::move(replicas), may_change_factor, index);
    EXPECT_TRUE(cluster_.last_records_.empty());
    EXPECT_TRUE(result.error_message);
    return result.error_code;
  };
  EXPECT_EQ(code("nope", Nodes{1}), ErrorCode::unknown_topic_or_partition);
  EXPECT_EQ(code("a", Nodes{1}, 1), ErrorCode::unknown_topic_or_partition);
  EXPECT_EQ(code("a", Nodes{1}, -1), ErrorCode::unknown_topic_or_partition);
  EXPECT_EQ(code("a", Nodes{}), ErrorCode::invalid_replica_assignment);
  EXPECT_EQ(code("a", Nodes{1, 1}), ErrorCode::invalid_replica_assignment);
  EXPECT_EQ(code("a", Nodes{1, 99}), ErrorCode::invalid_replica_assignment);
  EXPECT_EQ(code("a", Nodes{-1}), ErrorCode::invalid_replica_assignment);
  EXPECT_EQ(code("a", std::nullopt), ErrorCode::no_reassignment_in_progress);
  EXPECT_EQ(code("a", Nodes{1, 2}, 0, false), ErrorCode::invalid_replication_factor);
  EXPECT_EQ(cluster_.reassign("a", Nodes{1, 2, 4}, false).error_code, ErrorCode::none);
  EXPECT_EQ(code("a", Nodes{1, 2, 4, 5}, 0, false), ErrorCode::invalid_replication_factor)
      << "3 are wanted, though 4 are there";
}

TEST_F(Reassignment, OfOnePartitionOncePerRequest) {
  wire::AlterPartitionReassignmentsRequest request;
  request.topics.resize(1);
  request.topics[0].name = "a";
  request.topics[0].partitions = {{.partition_index = 0, .replicas = Nodes{4}},
                                  {.partition_index = 0, .replicas = Nodes{5}}};
  const auto response =
      cluster_.commit(cluster_.controller_.alter_partition_reassignments(cluster_.image_, request));
  EXPECT_EQ(response.responses[0].partitions[0].error_code, ErrorCode::none);
  EXPECT_EQ(response.responses[0].partitions[1].error_code, ErrorCode::invalid_request);
  EXPECT_EQ(partition().adding_replicas, Nodes{4});
}

TEST_F(Reassignment, IsListedWhileItGoesOn) {
  cluster_.create_on("b", {1});
  const auto list = [&](std::optional<std::vector<wire::ListPartitionReassignmentsRequest::Topic>> topics) {
    const auto out =
        cluster_.controller_.list_partition_reassignments(cluster_.image_, {.topics = std::move(topics)});
    EXPECT_TRUE(out.records.empty());
    return out.response.topics;
  };
  EXPECT_TRUE(list(std::nullopt).empty());
  cluster_.reassign("a", Nodes{4, 2});
  const auto all = list(std::nullopt);
  ASSERT_EQ(all.size(), 1u);
  EXPECT_EQ(all[0].name, "a");
  ASSERT_EQ(all[0].partitions.size(), 1u);
  EXPECT_EQ(all[0].partitions[0].replicas, (Nodes{4, 2, 1, 3}));
  EXPECT_EQ(all[0].partitions[0].adding_replicas, Nodes{4});
  EXPECT_EQ(all[0].partitions[0].removing_replicas, (Nodes{1, 3}));
  EXPECT_EQ(list({{{.name = "a", .partition_indexes = {0, 0, 7, -1}}}}).at(0).partitions.size(), 1u);
  EXPECT_TRUE(
      list({{{.name = "b", .partition_indexes = {0}}, {.name = "nope", .partition_indexes = {0}}}}).empty());
}

}  // namespace
}  // namespace moldau::controller
