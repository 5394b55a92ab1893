// Who leads: by request, by timer, and after configs and features have changed.
#include "cluster.h"

namespace moldau::controller {
namespace {

constexpr std::int8_t kPreferred = 0, kUnclean = 1;

TEST(PreferredElection, GivesTheFirstReplicaTheLead) {
  Cluster cluster(3);
  cluster.create_on("a", {1, 2, 3});
  EXPECT_EQ(cluster.elect("a", kPreferred).error_code, ErrorCode::election_not_needed);
  cluster.fence(1);
  ASSERT_EQ(cluster.partition("a").leader, 2);
  EXPECT_EQ(cluster.elect("a", kPreferred).error_code, ErrorCode::preferred_leader_not_available);
  cluster.beat(1);
  EXPECT_EQ(cluster.elect("a", kPreferred).error_code, ErrorCode::preferred_leader_not_available)
      << "it is not in sync";
  cluster.set_isr("a", {2, 3, 1});
  const LeaderEpoch before = cluster.partition("a").leader_epoch;
  EXPECT_EQ(cluster.elect("a", kPreferred).error_code, ErrorCode::none);
  EXPECT_EQ(cluster.partition("a").leader, 1);
  EXPECT_EQ(cluster.partition("a").leader_epoch, before + 1);
}

// The preferred replica is in the ISR still, but fenced: it must not be chosen. Fails with mutant 28 (fenced
// replica elected).
TEST(PreferredElection, RP_20_NeverPicksAFencedReplica) {
  Cluster cluster(3);
  cluster.create_on("a", {1, 2, 3});
  cluster.fence(1);
  cluster.beat(1);
  cluster.set_isr("a", {2, 3, 1});
  // As an older log may have it: fenced without having left the ISR.
  const metadata::Broker one = *cluster.image_.broker(1);
  const auto fenced =
      metadata::apply_records(cluster.image_, std::vector<Record>{metadata::BrokerRegistrationChangeRecord{
                                                  1, one.broker_epoch, true, std::nullopt, std::nullopt}});
  ASSERT_TRUE(contains(fenced->image.partition({cluster.topic("a").id, 0})->isr, 1));
  wire::ElectLeadersRequest request{.election_type = kPreferred};
  request.topic_partitions.emplace().push_back({.topic = "a", .partitions = {0}});
  const auto out = cluster.controller_.elect_leaders(fenced->image, request);
  EXPECT_EQ(out.response.replica_election_results[0].partition_result[0].error_code,
            ErrorCode::preferred_leader_not_available);
  EXPECT_TRUE(out.records.empty());
  EXPECT_TRUE(cluster.controller_.balance_leaders(fenced->image).empty());
  EXPECT_EQ(cluster.controller_.balance_leaders(cluster.image_).size(), 1u) << "unfenced it is";
}

TEST(PreferredElection, RP_20_NorOneThatIsAboutToLeaveOrWhoseDiskIsGone) {
  Cluster cluster(3);
  cluster.create_on("a", {1, 2, 3});
  cluster.fence(1);
  cluster.beat(1);
  cluster.set_isr("a", {2, 3, 1});
  const metadata::Broker one = *cluster.image_.broker(1);
  const auto with = [&](const metadata::BrokerRegistrationChangeRecord& change) {
    const auto applied = metadata::apply_records(cluster.image_, std::vector<Record>{change});
    return cluster.controller_.balance_leaders(applied->image).size();
  };
  EXPECT_EQ(with({1, one.broker_epoch, std::nullopt, true, std::nullopt}), 0u);
  EXPECT_EQ(with({1, one.broker_epoch, std::nullopt, std::nullopt, std::vector<DirectoryId>{{6, 6}}}), 0u);
  EXPECT_EQ(with({1, one.broker_epoch, std::nullopt, std::nullopt, std::nullopt}), 1u);
}

TEST(PreferredElection, OfEverythingTellsWhatThereWasToDo) {
  Cluster cluster(3);
  cluster.create_on("a", {1, 2});
  cluster.create_on("b", {2, 1});
  cluster.create_on("c", {2, 3});
  cluster.fence(2);
  cluster.beat(2);
  cluster.set_isr("b", {1, 2});
  const auto out = cluster.commit(cluster.controller_.elect_leaders(cluster.image_, {}));
  EXPECT_EQ(out.error_code, ErrorCode::none);
  std::map<std::string, std::vector<ErrorCode>> codes;
  for (const auto& result : out.replica_election_results)
    for (const auto& partition : result.partition_result) codes[result.topic].push_back(partition.error_code);
  EXPECT_FALSE(codes.contains("a"));
  EXPECT_EQ(codes["b"], std::vector{ErrorCode::none});
  EXPECT_EQ(codes["c"], std::vector{ErrorCode::preferred_leader_not_available});
  EXPECT_EQ(cluster.partition("b").leader, 2);
}

TEST(Elections, RefuseWithKafkasCodes) {
  Cluster cluster(1);
  cluster.create_on("a", {1});
  EXPECT_EQ(cluster.elect("nope", kPreferred).error_code, ErrorCode::unknown_topic_or_partition);
  EXPECT_EQ(cluster.elect("a", kPreferred, 1).error_code, ErrorCode::unknown_topic_or_partition);
  EXPECT_EQ(cluster.elect("a", kUnclean).error_code, ErrorCode::election_not_needed);
  EXPECT_EQ(cluster.controller_.elect_leaders(cluster.image_, {.election_type = 2}).response.error_code,
            ErrorCode::invalid_request);
  wire::ElectLeadersRequest twice{.election_type = kUnclean};
  cluster.fence(1);
  twice.topic_partitions.emplace().push_back({.topic = "a", .partitions = {0, 0}});
  const auto out = cluster.controller_.elect_leaders(cluster.image_, twice);
  const auto& results = out.response.replica_election_results[0].partition_result;
  EXPECT_EQ(results[0].error_code, ErrorCode::eligible_leaders_not_available);
  EXPECT_EQ(results[1].error_code, ErrorCode::invalid_request);
  EXPECT_TRUE(out.records.empty());
}

// --- unclean elections

TEST(UncleanElection, DisabledThePartitionWaitsForAnIsrMember) {  // RP-15
  Cluster cluster(3);
  cluster.create_on("a", {1, 2, 3});
  cluster.set_isr("a", {1});
  cluster.fence(1);
  EXPECT_EQ(cluster.partition("a").leader, kNoNode);
  EXPECT_TRUE(cluster.controller_.elect_unclean_where_allowed(cluster.image_).empty());
  cluster.beat(2, true), cluster.beat(2);
  EXPECT_EQ(cluster.partition("a").leader, kNoNode);
  cluster.beat(1);
  EXPECT_EQ(cluster.partition("a").leader, 1);
  EXPECT_EQ(cluster.partition("a").recovery_state, LeaderRecoveryState::recovered);
}

TEST(UncleanElection, OnDemandMakesTheNewLeaderTheWholeIsr) {  // RP-16
  Cluster cluster(3);
  cluster.create_on("a", {1, 2, 3});
  cluster.set_isr("a", {1});
  cluster.fence(1);
  const Partition before = cluster.partition("a");
  EXPECT_EQ(cluster.elect("a", kPreferred).error_code, ErrorCode::preferred_leader_not_available);
  EXPECT_EQ(cluster.elect("a", kUnclean).error_code, ErrorCode::none);
  const Partition& after = cluster.partition("a");
  EXPECT_EQ(after.leader, 2);
  EXPECT_EQ(after.isr, Nodes{2});
  EXPECT_EQ(after.eligible_leader_replicas, Nodes{});
  EXPECT_EQ(after.last_known_elr, Nodes{});
  EXPECT_EQ(after.recovery_state, LeaderRecoveryState::recovering);
  EXPECT_EQ(after.leader_epoch, before.leader_epoch + 1);
  cluster.beat(1);
  EXPECT_EQ(cluster.partition("a").isr, Nodes{2}) << "the old leader must follow first";
}

TEST(UncleanElection, HappensByItselfWhereTheTopicAllowsIt) {  // RP-16
  Cluster cluster(3);
  cluster.create_on("a", {1, 2}, {{"unclean.leader.election.enable", "true"}});
  cluster.create_on("b", {1, 2});
  cluster.set_isr("a", {1});
  cluster.set_isr("b", {1});
  cluster.fence(1);
  EXPECT_EQ(cluster.partition("a").leader, 2) << "at once";
  EXPECT_EQ(cluster.partition("a").recovery_state, LeaderRecoveryState::recovering);
  EXPECT_EQ(cluster.partition("b").leader, kNoNode);
  cluster.set_config(ResourceType::broker, "", "unclean.leader.election.enable", "true");
  const auto records = cluster.controller_.elect_unclean_where_allowed(cluster.image_);
  EXPECT_EQ(records.size(), 1u);
  cluster.commit(records);
  EXPECT_EQ(cluster.partition("b").leader, 2);
}

TEST(UncleanElection, TakesACleanLeaderWhenThereIsOne) {
  Cluster cluster(3);
  cluster.create_on("a", {1, 2, 3}, {{"unclean.leader.election.enable", "true"}});
  cluster.set_isr("a", {1, 3});
  cluster.fence(1);
  EXPECT_EQ(cluster.partition("a").leader, 3);
  EXPECT_EQ(cluster.partition("a").recovery_state, LeaderRecoveryState::recovered);
}

TEST(Timers, AreBoundedAndDoNothingTwice) {
  Cluster cluster(2);
  cluster.create({.name = "a",
                  .num_partitions = -1,
                  .replication_factor = -1,
                  .assignments = {{0, {1, 2}}, {1, {1, 2}}, {2, {1, 2}}}});
  cluster.fence(1);
  cluster.beat(1);
  for (PartitionIndex i = 0; i < 3; ++i) cluster.alter(cluster.isr_wish("a", {2, 1}, i));
  EXPECT_EQ(cluster.controller_.balance_leaders(cluster.image_, 2).size(), 2u);
  EXPECT_TRUE(cluster.controller_.balance_leaders(cluster.image_, 0).empty());
  cluster.commit(cluster.controller_.balance_leaders(cluster.image_));
  for (PartitionIndex i = 0; i < 3; ++i) EXPECT_EQ(cluster.partition("a", i).leader, 1);
  EXPECT_TRUE(cluster.controller_.balance_leaders(cluster.image_).empty());
  EXPECT_TRUE(cluster.controller_.elect_unclean_where_allowed(cluster.image_).empty());
}

TEST(Limits, WhatMustBeAtomicIsBoundedWhatNeedNotIsDivided) {  // RA-15
  Cluster cluster(2);
  wire::AlterPartitionReassignmentsRequest reassign;
  for (const char* name : {"a", "b", "c"}) {
    ASSERT_EQ(cluster.create(name, 7000, 1).error_code, ErrorCode::none);
    auto& topic = reassign.topics.emplace_back();
    topic.name = name;
    for (PartitionIndex i = 0; i < 7000; ++i)
      topic.partitions.push_back({.partition_index = i, .replicas = Nodes{1, 2}});
  }
  const auto refused = cluster.controller_.alter_partition_reassignments(cluster.image_, reassign);
  EXPECT_EQ(refused.response.error_code, ErrorCode::policy_violation);
  EXPECT_TRUE(refused.records.empty());
  reassign.topics.pop_back();
  EXPECT_EQ(cluster.controller_.alter_partition_reassignments(cluster.image_, reassign).records.size(),
            14'000u);
  const auto fence = cluster.controller_.fence_broker(cluster.image_, 1);
  EXPECT_GT(fence.size(), 10'000u);
  std::size_t left = fence.size();
  for (const auto& piece : in_pieces(fence, 1000)) {
    EXPECT_LE(piece.size(), 1000u);
    left -= piece.size();
  }
  EXPECT_EQ(left, 0u);
}

// --- eligible leader replicas (KIP-966)

TEST(Elr, RP_09_AnEligibleReplicaLeadsWhenTheIsrIsGone) {
  Cluster cluster(3);
  cluster.create_on("a", {1, 2, 3}, {{"min.insync.replicas", "2"}});
  cluster.fence(3);
  cluster.fence(2);
  EXPECT_EQ(cluster.partition("a").eligible_leader_replicas, Nodes{2}) << "3 left while 2 were enough";
  cluster.beat(3);
  cluster.fence(1);
  EXPECT_EQ(cluster.partition("a").leader, kNoNode) << "3 may lack what 1 and 2 committed";
  EXPECT_EQ(cluster.partition("a").eligible_leader_replicas, (Nodes{1, 2}));
  EXPECT_EQ(cluster.partition("a").last_known_elr, Nodes{1});
  cluster.beat(2);
  EXPECT_EQ(cluster.partition("a").leader, 2);
  EXPECT_EQ(cluster.partition("a").isr, Nodes{2});
  EXPECT_EQ(cluster.partition("a").eligible_leader_replicas, Nodes{1});
  EXPECT_EQ(cluster.partition("a").last_known_elr, Nodes{});
  EXPECT_EQ(cluster.partition("a").recovery_state, LeaderRecoveryState::recovered);
}

TEST(Elr, ALowerMinIsrEndsEligibility) {
  Cluster cluster(3);
  cluster.create_on("a", {1, 2, 3}, {{"min.insync.replicas", "2"}});
  cluster.create_on("b", {1, 2, 3}, {{"min.insync.replicas", "2"}});
  cluster.set_isr("a", {1});
  cluster.set_isr("b", {1});
  ASSERT_EQ(cluster.partition("a").eligible_leader_replicas, (Nodes{2, 3}));
  EXPECT_EQ(cluster.set_config(ResourceType::topic, "a", "min.insync.replicas", "1"), ErrorCode::none);
  EXPECT_EQ(cluster.last_records_.size(), 2u) << "the config and what follows from it, together";
  EXPECT_EQ(cluster.partition("a").eligible_leader_replicas, Nodes{}) << "1 alone commits from now on";
  EXPECT_EQ(cluster.partition("b").eligible_leader_replicas, (Nodes{2, 3}));
}

TEST(Elr, RP_09_WhoIsElectedFromItIsTheLastOneWhenOneIsEnough) {
  Cluster cluster(3);
  cluster.create_on("a", {1, 2, 3}, {{"min.insync.replicas", "3"}});
  for (const NodeId id : {1, 2, 3}) cluster.fence(id);
  ASSERT_EQ(cluster.partition("a").eligible_leader_replicas, (Nodes{1, 2, 3}));
  cluster.set_config(ResourceType::topic, "a", "min.insync.replicas", "1");
  EXPECT_EQ(cluster.partition("a").eligible_leader_replicas, (Nodes{1, 2, 3}))
      << "nobody commits anything yet";
  cluster.beat(2);
  EXPECT_EQ(cluster.partition("a").leader, 2);
  EXPECT_EQ(cluster.partition("a").eligible_leader_replicas, Nodes{}) << "2 alone commits from now on";
}

TEST(Elr, AClusterWideMinIsrCountsForTopicsWithoutTheirOwn) {
  Cluster cluster(3);
  EXPECT_EQ(cluster.set_config(ResourceType::broker, "", "min.insync.replicas", "2"), ErrorCode::none);
  cluster.create_on("a", {1, 2, 3});
  cluster.create_on("b", {1, 2, 3}, {{"min.insync.replicas", "2"}});
  cluster.set_isr("a", {1});
  cluster.set_isr("b", {1});
  EXPECT_EQ(cluster.partition("a").eligible_leader_replicas, (Nodes{2, 3}));
  EXPECT_EQ(cluster.set_config(ResourceType::broker, "", "min.insync.replicas", "1"), ErrorCode::none);
  EXPECT_EQ(cluster.partition("a").eligible_leader_replicas, Nodes{});
  EXPECT_EQ(cluster.partition("b").eligible_leader_replicas, (Nodes{2, 3}));
}

TEST(Elr, AHigherMinIsrKeepsWhoIsEligibleWithoutAddingAny) {
  Cluster cluster(3);
  cluster.create_on("a", {1, 2, 3}, {{"min.insync.replicas", "2"}});
  cluster.set_isr("a", {1, 2});
  cluster.set_isr("a", {1});
  EXPECT_EQ(cluster.set_config(ResourceType::topic, "a", "min.insync.replicas", "3"), ErrorCode::none);
  EXPECT_EQ(cluster.partition("a").eligible_leader_replicas, Nodes{2});
}

TEST(Elr, EveryBrokerGoesByTheSameMinIsr) {
  Cluster cluster(2, {{"min.insync.replicas", "2"}});
  EXPECT_EQ(cluster.image_.configs({ResourceType::broker, ""}).at("min.insync.replicas"), "2")
      << "written down when the cluster began";
  EXPECT_TRUE(cluster.controller_.activation_records(cluster.image_).empty());
  EXPECT_EQ(cluster.set_config(ResourceType::broker, "1", "min.insync.replicas", "1"),
            ErrorCode::invalid_config);
  EXPECT_EQ(cluster.set_config(ResourceType::broker, "1", "min.insync.replicas", std::nullopt),
            ErrorCode::invalid_config)
      << "also where nothing would change, as in Kafka";
  EXPECT_EQ(cluster.set_config(ResourceType::broker, "", "min.insync.replicas", std::nullopt),
            ErrorCode::invalid_config);
  EXPECT_EQ(cluster.set_config(ResourceType::broker, "", "min.insync.replicas", "2"), ErrorCode::none);
  EXPECT_EQ(cluster.set_config(ResourceType::broker, "", "min.insync.replicas", "1"), ErrorCode::none);
}

TEST(Elr, TurnedOffAndOnAgain) {
  Cluster cluster(3);
  cluster.create_on("a", {1, 2, 3}, {{"min.insync.replicas", "2"}});
  cluster.create_on("b", {3, 2, 1}, {{"min.insync.replicas", "2"}});
  cluster.fence(2);
  cluster.fence(3);
  ASSERT_EQ(cluster.partition("a").eligible_leader_replicas, Nodes{3});
  cluster.fence(1);
  ASSERT_EQ(cluster.partition("a").isr, Nodes{});
  EXPECT_EQ(cluster.set_feature(std::string(kElrVersion), 0), ErrorCode::none);
  EXPECT_EQ(cluster.partition("a").isr, (Nodes{1, 3})) << "who was eligible is in the ISR, as ever";
  EXPECT_EQ(cluster.partition("a").eligible_leader_replicas, Nodes{});
  EXPECT_EQ(cluster.set_config(ResourceType::broker, "1", "min.insync.replicas", "1"), ErrorCode::none);
  EXPECT_EQ(cluster.set_config(ResourceType::broker, "", "min.insync.replicas", std::nullopt),
            ErrorCode::none);
  EXPECT_EQ(cluster.set_feature(std::string(kElrVersion), 1), ErrorCode::none);
  EXPECT_TRUE(cluster.image_.configs({ResourceType::broker, "1"}).empty());
  EXPECT_EQ(cluster.image_.configs({ResourceType::broker, ""}).at("min.insync.replicas"), "1");
  EXPECT_EQ(cluster.partition("a").isr, Nodes{});
  EXPECT_EQ(cluster.partition("a").eligible_leader_replicas, (Nodes{1, 3}));
  cluster.beat(3);
  EXPECT_EQ(cluster.partition("a").leader, 3);
  EXPECT_EQ(cluster.partition("b").leader, 3);
}

TEST(Elr, NeedsEveryNodeToKnowIt) {
  Cluster cluster(1);
  cluster.set_feature(std::string(kElrVersion), 0);
  auto old = cluster.registration(2);
  std::erase_if(old.features, [](const auto& feature) { return feature.name == kElrVersion; });
  EXPECT_EQ(cluster.enroll(old).error_code, ErrorCode::none);
  EXPECT_EQ(cluster.set_feature(std::string(kElrVersion), 1), ErrorCode::invalid_update_version);
  cluster.commit(cluster.controller_.unregister_broker(cluster.image_, {.broker_id = 2}));
  wire::ControllerRegistrationRequest controller{.controller_id = 9, .incarnation_id = {1, 1}};
  controller.listeners.push_back({.name = "C", .host = "h", .port = 1});
  cluster.commit(cluster.controller_.register_controller(cluster.image_, controller));
  EXPECT_EQ(cluster.set_feature(std::string(kElrVersion), 1), ErrorCode::invalid_update_version);
  controller.features.push_back({.name = std::string(kElrVersion), .max_supported_version = 1});
  cluster.commit(cluster.controller_.register_controller(cluster.image_, controller));
  EXPECT_EQ(cluster.set_feature(std::string(kElrVersion), 1), ErrorCode::none);
}

// --- directories

TEST(Directories, AreAssignedByTheirBroker) {
  Cluster cluster(2);
  cluster.create_on("a", {1, 2});
  cluster.create_on("b", {2});
  const auto assign = [&](std::int64_t epoch, const TopicId& topic, PartitionIndex index, DirectoryId id) {
    wire::AssignReplicasToDirsRequest request{.broker_id = 1, .broker_epoch = epoch};
    auto& to = request.directories.emplace_back();
    to.id = id;
    to.topics.push_back({.topic_id = topic, .partitions = {{.partition_index = index}}});
    const auto response =
        cluster.commit(cluster.controller_.assign_replicas_to_dirs(cluster.image_, request));
    return response.error_code != ErrorCode::none
               ? response.error_code
               : response.directories.at(0).topics.at(0).partitions.at(0).error_code;
  };
  const auto epoch = cluster.image_.broker(1)->broker_epoch;
  const TopicId a = cluster.topic("a").id;
  EXPECT_EQ(assign(epoch - 1, a, 0, {6, 6}), ErrorCode::stale_broker_epoch);
  EXPECT_EQ(assign(epoch, {9, 9}, 0, {6, 6}), ErrorCode::unknown_topic_id);
  EXPECT_EQ(assign(epoch, a, 3, {6, 6}), ErrorCode::unknown_topic_or_partition);
  EXPECT_EQ(assign(epoch, cluster.topic("b").id, 0, {6, 6}), ErrorCode::not_leader_or_follower);
  EXPECT_EQ(assign(epoch, a, 0, Cluster::directory(1)), ErrorCode::none);
  EXPECT_TRUE(cluster.last_records_.empty()) << "it is there already";
  // To a directory that is not there any more, or to none because it is damaged: the replica is lost.
  EXPECT_EQ(assign(epoch, a, 0, {6, 6}), ErrorCode::none);
  EXPECT_EQ(cluster.partition("a").directories[0], (DirectoryId{6, 6}));
  EXPECT_EQ(cluster.partition("a").leader, 2);
  EXPECT_EQ(cluster.partition("a").isr, Nodes{2});
  EXPECT_EQ(cluster.set_isr("a", {2, 1}), ErrorCode::ineligible_replica);
  EXPECT_EQ(assign(epoch, a, 0, metadata::kLostDirectory), ErrorCode::none);
  EXPECT_EQ(cluster.set_isr("a", {2, 1}), ErrorCode::ineligible_replica);
  EXPECT_EQ(assign(epoch, a, 0, Cluster::directory(1)), ErrorCode::none);
  EXPECT_EQ(cluster.set_isr("a", {2, 1}), ErrorCode::none) << "it was fetched anew";
}

ErrorCode lose(Cluster& cluster, NodeId broker) {
  wire::AssignReplicasToDirsRequest request{.broker_id = broker,
                                            .broker_epoch = cluster.image_.broker(broker)->broker_epoch};
  auto& to = request.directories.emplace_back();
  to.id = metadata::kLostDirectory;
  to.topics.push_back({.topic_id = cluster.topic("a").id, .partitions = {{.partition_index = 0}}});
  return cluster.commit(cluster.controller_.assign_replicas_to_dirs(cluster.image_, request))
      .directories.at(0)
      .topics.at(0)
      .partitions.at(0)
      .error_code;
}

// Two that are given up at the same time: who is judged last stays, also where the other one is eligible by
// name.
TEST(Directories, TheLastInSyncReplicaIsNotGivenUp) {
  for (const char* min_isr : {"1", "2"}) {
    Cluster cluster(2);
    cluster.create_on("a", {1, 2}, {{"min.insync.replicas", min_isr}});
    EXPECT_EQ(lose(cluster, 1), ErrorCode::none);
    EXPECT_EQ(lose(cluster, 2), ErrorCode::invalid_request);
    EXPECT_EQ(cluster.partition("a").leader, 2);
    EXPECT_EQ(cluster.partition("a").isr, Nodes{2});
  }
}

// The ISR is the damaged one alone, but an eligible replica has everything, too.
TEST(Directories, ADamagedReplicaIsGivenUpWhileAnEligibleOneHasEverything) {
  Cluster cluster(2);
  cluster.create_on("a", {1, 2}, {{"min.insync.replicas", "2"}});
  cluster.fence(2);
  EXPECT_EQ(cluster.partition("a").isr, Nodes{1});
  EXPECT_EQ(cluster.partition("a").eligible_leader_replicas, Nodes{2});
  EXPECT_EQ(lose(cluster, 1), ErrorCode::none);
  EXPECT_EQ(cluster.partition("a").leader, kNoNode);
  cluster.beat(2);
  EXPECT_EQ(cluster.partition("a").leader, 2);
  EXPECT_EQ(cluster.partition("a").isr, Nodes{2});
}

TEST(Directories, ADamagedReplicaIsNotEligibleWhenItIsFetchedAnew) {
  Cluster cluster(2);
  cluster.create_on("a", {1, 2}, {{"min.insync.replicas", "2"}});
  const auto assign = [&](DirectoryId id) {
    wire::AssignReplicasToDirsRequest request{.broker_id = 1,
                                              .broker_epoch = cluster.image_.broker(1)->broker_epoch};
    auto& to = request.directories.emplace_back();
    to.id = id;
    to.topics.push_back({.topic_id = cluster.topic("a").id, .partitions = {{.partition_index = 0}}});
    cluster.commit(cluster.controller_.assign_replicas_to_dirs(cluster.image_, request));
  };
  assign(metadata::kLostDirectory);
  EXPECT_EQ(cluster.partition("a").leader, 2);
  cluster.fence(2);
  EXPECT_EQ(cluster.partition("a").leader, kNoNode) << "damaged, it must not lead";
  assign(Cluster::directory(1));
  EXPECT_EQ(cluster.partition("a").eligible_leader_replicas, Nodes{2});
  EXPECT_EQ(cluster.partition("a").leader, kNoNode) << "it begins with nothing";
  cluster.beat(2);
  EXPECT_EQ(cluster.partition("a").leader, 2);
}

}  // namespace
}  // namespace moldau::controller
