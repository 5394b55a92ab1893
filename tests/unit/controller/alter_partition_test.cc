// Leaders' wishes for another ISR, and what keeps wrong replicas out of it.
#include "cluster.h"

namespace moldau::controller {
namespace {

class AlterPartition : public ::testing::Test {
 protected:
  void SetUp() override { cluster_.create_on("a", {1, 2, 3}); }
  const Partition& partition() const { return cluster_.partition("a"); }
  // The code for the wish with one thing wrong; nothing may have changed.
  template <class Change>
  ErrorCode refused(const Nodes& isr, const Change& change) {
    auto request = cluster_.isr_wish("a", isr);
    change(request, request.topics[0].partitions[0]);
    const Partition before = partition();
    const ErrorCode code = cluster_.alter(request).error_code;
    EXPECT_TRUE(cluster_.last_records_.empty());
    EXPECT_EQ(partition(), before);
    return code;
  }
  ErrorCode refused(const Nodes& isr) {
    return refused(isr, [](auto&, auto&) {});
  }
  Cluster cluster_{4};
};

TEST_F(AlterPartition, ShrinksAndGrowsTheIsr) {
  auto answer = cluster_.alter(cluster_.isr_wish("a", {1, 3}));
  EXPECT_EQ(answer.error_code, ErrorCode::none);
  EXPECT_EQ(answer.isr, (Nodes{1, 3}));
  EXPECT_EQ(answer.leader_id, 1);
  EXPECT_EQ(answer.leader_epoch, 0);
  EXPECT_EQ(answer.partition_epoch, 1);
  EXPECT_EQ(answer.isr, partition().isr);
  EXPECT_EQ(answer.partition_epoch, partition().partition_epoch);
  answer = cluster_.alter(cluster_.isr_wish("a", {1, 3, 2}));
  EXPECT_EQ(answer.isr, (Nodes{1, 3, 2}));
  EXPECT_EQ(answer.partition_epoch, 2);
  EXPECT_EQ(partition().leader_epoch, 0);
}

TEST_F(AlterPartition, TheSameAgainChangesNothing) {
  const auto answer = cluster_.alter(cluster_.isr_wish("a", {1, 2, 3}));
  EXPECT_EQ(answer.error_code, ErrorCode::none);
  EXPECT_EQ(answer.partition_epoch, 0);
  EXPECT_TRUE(cluster_.last_records_.empty());
}

TEST_F(AlterPartition, Version2HasNoEpochs) {
  auto request = cluster_.isr_wish("a", {});
  request.topics[0].partitions[0].new_isr = {1, 2};
  EXPECT_EQ(cluster_.alter(request).isr, (Nodes{1, 2}));
}

TEST_F(AlterPartition, OfAnEarlierLeaderOrStateIsRefused) {  // RP-04
  EXPECT_EQ(refused({1}, [](auto&, auto& wish) { --wish.leader_epoch; }), ErrorCode::fenced_leader_epoch);
  EXPECT_EQ(refused({1}, [](auto&, auto& wish) { --wish.partition_epoch; }),
            ErrorCode::invalid_update_version);
  // Whoever knows more has heard of it from a later controller than this.
  EXPECT_EQ(refused({1}, [](auto&, auto& wish) { ++wish.leader_epoch; }), ErrorCode::not_controller);
  EXPECT_EQ(refused({1}, [](auto&, auto& wish) { ++wish.partition_epoch; }), ErrorCode::not_controller);
}

TEST_F(AlterPartition, OnlyTheLeaderMayAsk) {
  EXPECT_EQ(refused({1, 2},
                    [&](auto& request, auto&) {
                      request.broker_id = 2;
                      request.broker_epoch = cluster_.image_.broker(2)->broker_epoch;
                    }),
            ErrorCode::invalid_request);
}

TEST_F(AlterPartition, TheLeadersOwnEpochIsChecked) {
  auto request = cluster_.isr_wish("a", {1, 2});
  --request.broker_epoch;
  EXPECT_EQ(cluster_.controller_.alter_partition(cluster_.image_, request).response.error_code,
            ErrorCode::stale_broker_epoch);
  request.broker_id = 99;
  EXPECT_EQ(cluster_.controller_.alter_partition(cluster_.image_, request).response.error_code,
            ErrorCode::stale_broker_epoch);
}

TEST_F(AlterPartition, AnIsrThatIsNoneIsRefused) {
  EXPECT_EQ(refused({2, 3}), ErrorCode::invalid_request) << "without the leader";
  EXPECT_EQ(refused({}), ErrorCode::invalid_request);
  EXPECT_EQ(refused({1, 2, 2}), ErrorCode::invalid_request);
  EXPECT_EQ(refused({1, 4}), ErrorCode::invalid_request) << "no replica";
  EXPECT_EQ(refused({1, -1}), ErrorCode::invalid_request);
}

TEST_F(AlterPartition, UnknownTopicsAndPartitions) {
  auto request = cluster_.isr_wish("a", {1});
  request.topics[0].topic_id = {9, 9};
  EXPECT_EQ(cluster_.alter(request).error_code, ErrorCode::unknown_topic_id);
  EXPECT_EQ(refused({1}, [](auto&, auto& wish) { wish.partition_index = 1; }),
            ErrorCode::unknown_topic_or_partition);
  EXPECT_EQ(refused({1}, [](auto&, auto& wish) { wish.partition_index = -1; }),
            ErrorCode::unknown_topic_or_partition);
}

TEST_F(AlterPartition, EachPartitionByItselfAndOnce) {
  auto request = cluster_.isr_wish("a", {1, 2});
  auto& wishes = request.topics[0].partitions;
  wishes.push_back(wishes[0]);
  wishes.push_back(wishes[0]);
  wishes[2].partition_index = 7;
  const auto response = cluster_.commit(cluster_.controller_.alter_partition(cluster_.image_, request));
  const auto& answers = response.topics.at(0).partitions;
  EXPECT_EQ(answers.at(0).error_code, ErrorCode::none);
  EXPECT_EQ(answers.at(1).error_code, ErrorCode::invalid_request) << "named twice";
  EXPECT_EQ(answers.at(2).error_code, ErrorCode::unknown_topic_or_partition);
  EXPECT_EQ(partition().partition_epoch, 1);
}

// The follower was restarted: what its earlier process had fetched, the new one may have lost. Fails with
// mutant 27 (stale broker epoch accepted).
TEST_F(AlterPartition, AReplicaWithAStaleBrokerEpochIsIneligible) {  // RP-10
  auto wish = cluster_.isr_wish("a", {1, 2, 3});
  cluster_.crash_and_register(3);
  cluster_.beat(3);
  ASSERT_EQ(partition().isr, (Nodes{1, 2}));
  auto& partition_wish = wish.topics[0].partitions[0];
  partition_wish.partition_epoch = partition().partition_epoch;
  EXPECT_EQ(cluster_.alter(wish).error_code, ErrorCode::ineligible_replica);
  EXPECT_EQ(partition().isr, (Nodes{1, 2}));
  partition_wish.new_isr_with_epochs[2].broker_epoch = cluster_.image_.broker(3)->broker_epoch + 1;
  EXPECT_EQ(cluster_.alter(wish).error_code, ErrorCode::ineligible_replica);
  partition_wish.new_isr_with_epochs[2].broker_epoch = cluster_.image_.broker(3)->broker_epoch;
  EXPECT_EQ(cluster_.alter(wish).error_code, ErrorCode::none);
  EXPECT_EQ(partition().isr, (Nodes{1, 2, 3}));
}

TEST_F(AlterPartition, ALeaderThatDoesNotKnowTheEpochMaySaySo) {  // KIP-903
  cluster_.set_isr("a", {1, 2});
  auto wish = cluster_.isr_wish("a", {1, 2, 3});
  wish.topics[0].partitions[0].new_isr_with_epochs[2].broker_epoch = -1;
  EXPECT_EQ(cluster_.alter(wish).error_code, ErrorCode::none);
}

TEST_F(AlterPartition, FencedLeavingAndUnknownReplicasAreIneligible) {  // RP-11
  cluster_.fence(3);
  EXPECT_EQ(refused({1, 2, 3}), ErrorCode::ineligible_replica);
  cluster_.create_on("b", {2, 1});
  cluster_.beat(2, false, true);
  EXPECT_EQ(refused({1, 2}), ErrorCode::ineligible_replica);
  cluster_.commit(cluster_.controller_.unregister_broker(cluster_.image_, {.broker_id = 3}));
  EXPECT_EQ(refused({1, 3}), ErrorCode::ineligible_replica);
  // Version 2 cannot tell epochs; fenced is fenced all the same.
  EXPECT_EQ(refused({}, [](auto&, auto& wish) { wish.new_isr = {1, 2}; }), ErrorCode::ineligible_replica);
}

TEST_F(AlterPartition, BelowMinIsrWhoLeavesStaysEligible) {  // RP-08, KIP-966
  cluster_.set_config(ResourceType::topic, "a", "min.insync.replicas", "2");
  cluster_.set_isr("a", {1, 2});
  EXPECT_EQ(partition().eligible_leader_replicas, Nodes{}) << "2 is enough: more may be committed without 3";
  cluster_.set_isr("a", {1});
  EXPECT_EQ(partition().eligible_leader_replicas, Nodes{2}) << "nothing is committed with 1 alone";
  cluster_.set_isr("a", {1, 3});
  EXPECT_EQ(partition().eligible_leader_replicas, Nodes{}) << "again enough";
}

TEST_F(AlterPartition, MinIsrAboveTheReplicasMeansAllOfThem) {
  cluster_.set_config(ResourceType::topic, "a", "min.insync.replicas", "9");
  cluster_.set_isr("a", {1, 2});
  EXPECT_EQ(partition().eligible_leader_replicas, Nodes{3});
  cluster_.set_isr("a", {1, 2, 3});
  EXPECT_EQ(partition().eligible_leader_replicas, Nodes{});
}

TEST_F(AlterPartition, ALeaderThatRecoversIsAloneUntilItHas) {  // RP-16
  EXPECT_EQ(refused({1}, [](auto&, auto& wish) { wish.leader_recovery_state = 1; }),
            ErrorCode::invalid_request)
      << "it did not begin to";
  cluster_.set_isr("a", {1});
  cluster_.fence(1);
  ASSERT_EQ(cluster_.elect("a", 1).error_code, ErrorCode::none);
  ASSERT_EQ(partition().leader, 2);
  ASSERT_EQ(partition().recovery_state, LeaderRecoveryState::recovering);
  EXPECT_EQ(refused({2, 3}, [](auto&, auto& wish) { wish.leader_recovery_state = 1; }),
            ErrorCode::invalid_request);
  EXPECT_EQ(refused({2}, [](auto&, auto& wish) { wish.leader_recovery_state = 2; }),
            ErrorCode::invalid_request);
  const auto answer = cluster_.alter(cluster_.isr_wish("a", {2, 3}));
  EXPECT_EQ(answer.error_code, ErrorCode::none);
  EXPECT_EQ(answer.leader_recovery_state, 0);
  EXPECT_EQ(partition().recovery_state, LeaderRecoveryState::recovered);
}

TEST_F(AlterPartition, RP_18_ThatCompletesAReassignmentMayTakeTheLeadership) {
  cluster_.reassign("a", Nodes{4, 2});
  ASSERT_EQ(partition().leader, 1);
  const auto answer = cluster_.alter(cluster_.isr_wish("a", {1, 2, 3, 4}));
  EXPECT_EQ(answer.error_code, ErrorCode::new_leader_elected);
  EXPECT_EQ(partition().leader, 4);
  EXPECT_EQ(partition().replicas, (Nodes{4, 2}));
  EXPECT_EQ(partition().isr, (Nodes{2, 4}));
  EXPECT_EQ(partition().leader_epoch, 1);
}

TEST_F(AlterPartition, ThatCompletesAReassignmentMayKeepTheLeader) {
  cluster_.reassign("a", Nodes{1, 4});
  const auto answer = cluster_.alter(cluster_.isr_wish("a", {1, 2, 3, 4}));
  EXPECT_EQ(answer.error_code, ErrorCode::none);
  EXPECT_EQ(answer.leader_id, 1);
  EXPECT_EQ(answer.isr, (Nodes{1, 4}));
  EXPECT_EQ(answer.leader_epoch, 1) << "whoever still fetches as 2 or 3 is fenced";
}

}  // namespace
}  // namespace moldau::controller
