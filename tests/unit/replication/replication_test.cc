// The rows of reliability.md 2.2 that concern replication, each with real logs, real fetch handlers and a
// network in memory.
#include <gtest/gtest.h>

#include "cluster.h"
#include "record/batch.h"
#include "record/builder.h"
#include "record/record.h"

namespace moldau::replication::testing {
namespace {

using Values = std::vector<std::string>;

// One record of an idempotent producer.
Slice numbered_batch(ProducerId producer, Sequence sequence) {
  record::BatchBuilder builder(
      {.producer_id = producer, .producer_epoch = 0, .base_sequence = sequence, .compression = {}}, 512);
  builder.append(1000, std::nullopt, as_bytes(std::string_view("v")));
  record::Codecs codecs;
  return *std::move(builder).build(codecs);
}

// The first of a producer's in a transaction.
Slice transactional_batch(ProducerEpoch epoch) {
  const record::BatchFields fields{
      .producer_id = 7, .producer_epoch = epoch, .base_sequence = 0, .transactional = true};
  record::BatchBuilder builder(fields, 512);
  builder.append(1000, std::nullopt, as_bytes(std::string_view("v")));
  record::Codecs codecs;
  return *std::move(builder).build(codecs);
}

ErrorCode append_guarded(Partition& at, const Slice& batch, TransactionGuard guard) {
  ProduceRules rules{-1, 13};
  rules.wants_guard = true;
  rules.guard = guard;
  const auto appended = at.append(batch, rules, 1000);
  return appended ? ErrorCode::none : appended.error().code;
}

// --- the ordinary course

TEST(Replication, ARecordIsAcknowledgedWhenAllHaveIt) {
  Cluster cluster;
  cluster.create_topic();
  EXPECT_EQ(cluster.produced(1, "a"), (Produced{ErrorCode::none, 0}));
  EXPECT_EQ(cluster.produced(1, "b"), (Produced{ErrorCode::none, 1}));
  for (NodeId id : {1, 2, 3}) EXPECT_EQ(cluster.values(id), (Values{"a", "b"})) << id;
  EXPECT_TRUE(cluster.logs_agree(1s));
}

TEST(Replication, OnlyTheLeaderTakesRecordsAndOthersSayWhoItIs) {
  Cluster cluster;
  cluster.create_topic();
  EXPECT_EQ(cluster.produced(2, "a"), (Produced{ErrorCode::not_leader_or_follower, kNoOffset, 1}));
}

TEST(Replication, TheFirstRecordOfANewTopicDoesNotWaitForALongPoll) {
  Cluster cluster;
  cluster.create_topic();
  const auto before = cluster.world.now();
  EXPECT_EQ(cluster.produced(1, "a").code, ErrorCode::none);
  EXPECT_LT(cluster.world.now() - before, 100ms);
}

TEST(Replication, AnAcknowledgementCostsTwoSyncsAndOneWayThereAndBack) {
  Cluster cluster;
  cluster.create_topic();
  ASSERT_EQ(cluster.produced(1, "warm").code, ErrorCode::none);
  cluster.world.run_for(2s);
  const auto before = cluster.world.now();
  for (int i = 0; i < 100; ++i) ASSERT_EQ(cluster.produced(1, std::to_string(i)).code, ErrorCode::none);
  EXPECT_LT((cluster.world.now() - before) / 100, 5ms);  // a sync takes up to one
}

TEST(Replication, FollowersHearOfTheHighWatermarkSoonWithoutFurtherRecords) {
  Cluster cluster;
  cluster.create_topic();
  ASSERT_EQ(cluster.produced(1, "a").code, ErrorCode::none);
  EXPECT_TRUE(cluster.logs_agree(60ms));
}

TEST(Replication, AFollowerThatLosesItsPowerHasWhatItHasConfirmed) {
  for (std::uint64_t seed = 1; seed <= 10; ++seed) {
    Cluster cluster({.brokers = 2}, seed);
    cluster.create_topic();
    for (int i = 0; i < 5; ++i) ASSERT_EQ(cluster.produced(1, std::to_string(i)).code, ErrorCode::none);
    cluster.lose_power(2);
    cluster.lose_power(1);
    cluster.start(2);
    ASSERT_TRUE(cluster.eventually([&] { return cluster.node(2).partition() != nullptr; }));
    EXPECT_EQ(cluster.values(2), (Values{"0", "1", "2", "3", "4"})) << "seed " << seed;
  }
}

TEST(Replication, InPageCacheModeToo) {
  Cluster cluster({.topic = {{"moldau.durability", "page-cache"}}});
  cluster.create_topic();
  EXPECT_EQ(cluster.produced(1, "a").code, ErrorCode::none);
  EXPECT_EQ(cluster.values(3), Values{"a"});
}

TEST(Replication, AcksOneWaitsForTheLeaderAlone) {
  Cluster cluster;
  cluster.create_topic();
  cluster.cut(2, 1);
  cluster.cut(3, 1);
  EXPECT_EQ(cluster.produced(1, "a", 1).code, ErrorCode::none);
  EXPECT_EQ(cluster.high_watermark(1), 0);
  EXPECT_EQ(cluster.produced(1, "b", -1, 1s).code, ErrorCode::request_timed_out);
}

TEST(Replication, DeletedRecordsGoFromAllReplicas) {
  Cluster cluster;
  cluster.create_topic();
  for (int i = 0; i < 4; ++i) ASSERT_EQ(cluster.produced(1, std::to_string(i)).code, ErrorCode::none);
  const auto deleted = cluster.world.run(cluster.at(1).delete_records(2, cluster.world.now() + 10s));
  ASSERT_TRUE(deleted) << name_of(deleted.error().code);
  EXPECT_EQ(*deleted, 2);
  for (NodeId id : {1, 2, 3}) EXPECT_EQ(cluster.at(id).log()->log_start_offset(), 2) << id;
  cluster.cut(3, 1);
  const auto late = cluster.world.run(cluster.at(1).delete_records(3, cluster.world.now() + 2s));
  ASSERT_FALSE(late);
  EXPECT_EQ(late.error().code, ErrorCode::request_timed_out);
}

// --- truncation

TEST(Replication, RP_01_ARestartedFollowerDoesNotTruncateToItsHighWatermark) {
  Cluster cluster({.brokers = 2});
  cluster.create_topic();
  ASSERT_EQ(cluster.produced(1, "a").code, ErrorCode::none);
  // The follower gets "b", and dies before it hears that "b" is committed.
  auto b = cluster.produce(1, "b");
  ASSERT_TRUE(cluster.eventually([&] { return cluster.end(2) == 2; }));
  cluster.hold_answers(2);
  EXPECT_EQ(cluster.world.run(std::move(b)).code, ErrorCode::none);
  EXPECT_LT(cluster.high_watermark(2), 2);
  cluster.kill(2);
  cluster.release();
  // It comes back, and the leader dies before it has answered anything.
  cluster.cut(2, 1);
  cluster.start(2);
  cluster.kill(1);
  cluster.change({.isr = std::vector<NodeId>{2}, .leader = 2});
  ASSERT_TRUE(cluster.eventually([&] { return cluster.at(2).leading() != nullptr; }));
  EXPECT_EQ(cluster.values(2), (Values{"a", "b"}));
}

TEST(Replication, RP_02_TwoHistoriesOfTheSameOffsetBecomeTheNewLeaders) {
  Cluster cluster({.brokers = 2});
  cluster.create_topic();
  ASSERT_EQ(cluster.produced(1, "a").code, ErrorCode::none);
  cluster.cut(2, 1);
  cluster.cut(1, 2);
  auto x = cluster.produce(1, "x", -1, 1s);
  ASSERT_TRUE(cluster.eventually([&] { return cluster.at(1).log()->durable_end_offset().value() == 2; }));
  cluster.lose_power(1);
  cluster.lose_power(2);
  EXPECT_NE(cluster.world.run(std::move(x)).code, ErrorCode::none);
  cluster.mend_all();
  cluster.start(2);
  cluster.elect(2, {2});
  ASSERT_EQ(cluster.produced(2, "y").code, ErrorCode::none);
  cluster.start(1);
  ASSERT_TRUE(cluster.isr_becomes({1, 2}));
  EXPECT_EQ(cluster.values(1), (Values{"a", "y"}));
  EXPECT_EQ(cluster.values(2), (Values{"a", "y"}));
}

TEST(Replication, RP_03_AfterTwoFastChangesOfLeaderAFollowerFindsTheCommonPoint) {
  Cluster cluster;
  cluster.create_topic();
  ASSERT_EQ(cluster.produced(1, "a").code, ErrorCode::none);
  cluster.isolate(1);
  static_cast<void>(cluster.produced(1, "b of 1", 1));
  cluster.elect(2, {2, 3});
  cluster.isolate(2);
  static_cast<void>(cluster.produced(2, "b of 2", 1));
  static_cast<void>(cluster.produced(2, "c of 2", 1));
  cluster.elect(3, {3});
  ASSERT_EQ(cluster.produced(3, "b of 3").code, ErrorCode::none);
  cluster.mend_all();
  ASSERT_TRUE(cluster.isr_becomes({1, 2, 3}));
  for (NodeId id : {1, 2, 3}) EXPECT_EQ(cluster.values(id), (Values{"a", "b of 3"})) << id;
}

TEST(Replication, RP_02_WhatWasNotDurableYetWhenTheLeaderChangedIsCutOff) {
  for (const bool leader : {true, false}) {
    Cluster cluster;
    cluster.create_topic();
    ASSERT_EQ(cluster.produced(1, "a").code, ErrorCode::none);
    ASSERT_TRUE(cluster.logs_agree());
    // "x" comes to one log and is not synced there before another leads.
    const NodeId slow = leader ? 1 : 2;
    const NodeId next = leader ? 2 : 3;
    cluster.world.machine(static_cast<unsigned>(slow - 1)).pool().options().commit = {2s, 2s};
    // Nor comes it to others, who may be waiting for it at the leader.
    cluster.cut(1, 3);
    cluster.cut(3, 1);
    if (leader) {
      cluster.cut(1, 2);
      cluster.cut(2, 1);
    }
    auto x = cluster.produce(1, "x", -1, 10s);
    ASSERT_TRUE(cluster.eventually([&] { return cluster.end(slow) == 2; }));
    ASSERT_EQ(cluster.at(slow).log()->durable_end_offset().value(), 1);
    if (!leader) cluster.isolate(1);
    cluster.mend(3, 1);
    cluster.mend(1, 3);
    cluster.elect(next, leader ? std::vector<NodeId>{2, 3} : std::vector<NodeId>{3, 2});
    static_cast<void>(cluster.produced(next, "y", 1));
    static_cast<void>(cluster.world.run(std::move(x)));
    cluster.world.machine(static_cast<unsigned>(slow - 1)).pool().options().commit = {50us, 1ms};
    static_cast<void>(cluster.produced(next, "z", 1));
    cluster.mend_all();
    ASSERT_TRUE(cluster.logs_agree());
    for (NodeId id : {1, 2, 3}) EXPECT_EQ(cluster.values(id), (Values{"a", "y", "z"})) << id << " " << leader;
  }
}

TEST(Replication, AnEpochThatNobodyWroteInPartsNobody) {
  Cluster cluster;
  cluster.create_topic();
  ASSERT_EQ(cluster.produced(1, "a").code, ErrorCode::none);
  cluster.deafen(3);
  cluster.elect(2);  // for a moment only: 3 never hears of it
  cluster.elect(3, {1, 2, 3});
  cluster.hear_again(3);
  ASSERT_TRUE(cluster.eventually([&] { return cluster.at(3).leading() != nullptr; }));
  EXPECT_EQ(cluster.produced(3, "b").code, ErrorCode::none);
  EXPECT_EQ(cluster.values(2), (Values{"a", "b"}));
}

TEST(Replication, RP_05_AFollowersHighWatermarkNeverPassesWhatItWillCutOff) {
  Cluster cluster;
  cluster.create_topic();
  ASSERT_EQ(cluster.produced(1, "a").code, ErrorCode::none);
  ASSERT_TRUE(cluster.logs_agree());
  cluster.isolate(1);
  for (int i = 0; i < 5; ++i) static_cast<void>(cluster.produced(1, "lost", 1));
  cluster.elect(2, {2, 3});
  for (int i = 0; i < 9; ++i) ASSERT_EQ(cluster.produced(2, "kept").code, ErrorCode::none);
  Offset highest_before_cut = 0;
  bool cut = false;
  cluster.mend_all();
  ASSERT_TRUE(cluster.eventually([&] {
    cut = cut || cluster.end(1) < 6;
    if (!cut) highest_before_cut = std::max(highest_before_cut, cluster.high_watermark(1));
    return cut;
  }));
  EXPECT_EQ(highest_before_cut, 1);
  EXPECT_TRUE(cluster.logs_agree());
  EXPECT_EQ(cluster.values(1), cluster.values(2));
}

TEST(Replication, AFollowerThatHasCutItsLogHearsOfTheHighWatermarkWithoutFurtherRecords) {
  Cluster cluster;
  cluster.create_topic();
  for (int i = 0; i < 3; ++i) ASSERT_EQ(cluster.produced(1, "a").code, ErrorCode::none);
  ASSERT_TRUE(cluster.logs_agree());
  cluster.isolate(1);
  static_cast<void>(cluster.produced(1, "lost", 1));
  cluster.kill(1);  // before its high watermark was in replication-offset-checkpoint
  cluster.elect(2, {2, 3});
  cluster.mend_all();
  cluster.start(1);
  ASSERT_TRUE(cluster.isr_becomes({1, 2, 3}));
  EXPECT_EQ(cluster.end(1), 3);
  EXPECT_TRUE(cluster.eventually([&] { return cluster.high_watermark(1) == 3; }, 5s));
}

// A fetch as a replica sends it.
wire::FetchRequest replica_fetch(Cluster& cluster, NodeId replica, Offset offset, LeaderEpoch last_epoch,
                                 std::optional<LeaderEpoch> current = {}) {
  wire::FetchRequest request;
  request.max_bytes = 1 << 20;
  request.replica_state = {replica, cluster.image().broker(replica)->broker_epoch};
  request.topics.emplace_back().topic_id = kTopicId;
  auto& partition = request.topics.back().partitions.emplace_back();
  partition.fetch_offset = offset;
  partition.last_fetched_epoch = last_epoch;
  partition.current_leader_epoch = current.value_or(cluster.state().leader_epoch);
  partition.partition_max_bytes = 1 << 20;
  return request;
}

wire::FetchResponse::TopicResponse::PartitionResponse ask(Cluster& cluster, NodeId leader,
                                                          wire::FetchRequest request) {
  return cluster.world.run(cluster.node(leader).serve(std::move(request))).responses.at(0).partitions.at(0);
}

TEST(Replication, RP_06_TheOffsetOfAFollowerOfAnotherHistoryDoesNotCount) {
  Cluster cluster({.brokers = 2});
  cluster.create_topic();
  ASSERT_EQ(cluster.produced(1, "a").code, ErrorCode::none);
  cluster.isolate(2);
  cluster.elect(1);  // epoch 1
  static_cast<void>(cluster.produced(1, "b", 1));
  static_cast<void>(cluster.produced(1, "c", 1));
  ASSERT_EQ(cluster.high_watermark(1), 1);
  // The follower says that it has two records more, of epoch 0.
  const auto answer = ask(cluster, 1, replica_fetch(cluster, 2, 3, 0));
  EXPECT_EQ(answer.error_code, ErrorCode::none);
  EXPECT_EQ(answer.diverging_epoch.epoch, 0);
  EXPECT_EQ(answer.diverging_epoch.end_offset, 1);
  EXPECT_EQ(cluster.high_watermark(1), 1);
  // Nor when it does not say of which epoch they are.
  EXPECT_EQ(ask(cluster, 1, replica_fetch(cluster, 2, 3, kNoEpoch)).error_code,
            ErrorCode::offset_out_of_range);
  EXPECT_EQ(cluster.high_watermark(1), 1);
  EXPECT_EQ(ask(cluster, 1, replica_fetch(cluster, 2, 3, 1)).error_code, ErrorCode::none);
  EXPECT_EQ(cluster.high_watermark(1), 3);
}

TEST(Replication, RP_14_AFollowerBehindTheLeadersLogStartBeginsThere) {
  Cluster cluster;
  cluster.create_topic();
  ASSERT_EQ(cluster.produced(1, "0").code, ErrorCode::none);
  cluster.kill(3);
  cluster.fence(3);
  for (int i = 1; i < 6; ++i) ASSERT_EQ(cluster.produced(1, std::to_string(i)).code, ErrorCode::none);
  ASSERT_TRUE(cluster.world.run(cluster.at(1).delete_records(4, cluster.world.now() + 5s)));
  cluster.start(3);
  ASSERT_TRUE(cluster.isr_becomes({1, 2, 3}));
  EXPECT_EQ(cluster.values(3), (Values{"4", "5"}));
  EXPECT_EQ(cluster.at(3).log()->log_start_offset(), 4);
}

TEST(Replication, RP_14_AFollowerBeginsWithTheBatchInWhichTheLeadersLogStarts) {
  Cluster cluster;
  cluster.create_topic();
  cluster.kill(3);
  cluster.fence(3);
  record::BatchBuilder builder(record::BatchFields{});
  for (const char* value : {"0", "1", "2", "3"})
    builder.append(1000, std::nullopt, as_bytes(std::string_view(value)));
  record::Codecs codecs;
  ASSERT_TRUE(cluster.at(1).append(*std::move(builder).build(codecs), {}, 1000));
  ASSERT_EQ(cluster.produced(1, "4").code, ErrorCode::none);
  ASSERT_TRUE(cluster.world.run(cluster.at(1).delete_records(2, cluster.world.now() + 5s)));
  cluster.start(3);
  ASSERT_TRUE(cluster.isr_becomes({1, 2, 3}));
  EXPECT_EQ(cluster.at(3).log()->log_start_offset(), 2);
  EXPECT_EQ(cluster.values(3), cluster.values(1));
  EXPECT_EQ(cluster.fetched(3, 2).error_code, ErrorCode::none);
}

TEST(Replication, RP_16_AFollowersHighWatermarkIsNeverAboveTheEndOfALogThatIsBeingCut) {
  Cluster cluster;
  cluster.create_topic();
  ASSERT_EQ(cluster.produced(1, "a").code, ErrorCode::none);
  cluster.isolate(3);
  cluster.fence(3);
  for (int i = 0; i < 5; ++i) ASSERT_EQ(cluster.produced(1, "lost").code, ErrorCode::none);
  ASSERT_TRUE(cluster.eventually([&] { return cluster.high_watermark(2) == 6; }));
  cluster.mend_all();
  cluster.unfence(3);
  cluster.elect(3, {3});
  Offset most_above = 0;
  ASSERT_TRUE(cluster.eventually([&] {
    for (NodeId id : {1, 2}) most_above = std::max(most_above, cluster.high_watermark(id) - cluster.end(id));
    return cluster.end(1) == 1 && cluster.end(2) == 1;
  }));
  EXPECT_EQ(most_above, 0);
}

TEST(Replication, RP_14_AFollowersHighWatermarkDoesNotFallWhereItBeginsAnew) {
  Cluster cluster;
  cluster.create_topic();
  ASSERT_EQ(cluster.produced(1, "0").code, ErrorCode::none);
  ASSERT_EQ(cluster.produced(1, "1").code, ErrorCode::none);
  ASSERT_TRUE(cluster.logs_agree());
  cluster.isolate(3);
  cluster.fence(3);
  for (int i = 2; i < 6; ++i) ASSERT_EQ(cluster.produced(1, std::to_string(i)).code, ErrorCode::none);
  ASSERT_TRUE(cluster.world.run(cluster.at(1).delete_records(4, cluster.world.now() + 5s)));
  Offset lowest = cluster.high_watermark(3);
  ASSERT_EQ(lowest, 2);
  cluster.mend_all();
  cluster.unfence(3);
  ASSERT_TRUE(cluster.eventually([&] {
    lowest = std::min(lowest, cluster.high_watermark(3));
    return cluster.high_watermark(3) >= 4;
  }));
  EXPECT_EQ(lowest, 2);
}

TEST(Replication, RP_16_AfterAnUncleanElectionTheOthersCutWhatTheNewLeaderDoesNotHave) {
  Cluster cluster;
  cluster.create_topic();
  ASSERT_EQ(cluster.produced(1, "a").code, ErrorCode::none);
  cluster.isolate(3);
  cluster.fence(3);
  ASSERT_EQ(cluster.produced(1, "b").code, ErrorCode::none);
  cluster.kill(1);
  cluster.kill(2);
  cluster.mend_all();
  cluster.unfence(3);
  cluster.elect(3, {3});
  ASSERT_EQ(cluster.produced(3, "c").code, ErrorCode::none);
  cluster.start(1);
  cluster.start(2);
  ASSERT_TRUE(cluster.isr_becomes({1, 2, 3}));
  for (NodeId id : {1, 2, 3}) EXPECT_EQ(cluster.values(id), (Values{"a", "c"})) << id;
}

// --- leaders that are none, and answers that come late

TEST(Replication, RP_04_ALeaderThatTheControllerHasReplacedAcknowledgesNothing) {
  Cluster cluster;
  cluster.create_topic();
  ASSERT_EQ(cluster.produced(1, "a").code, ErrorCode::none);
  // It hears nothing, but everybody hears it.
  cluster.deafen(1);
  cluster.cut(1, kController);
  cluster.elect(2, {2, 3});
  EXPECT_EQ(cluster.produced(1, "zombie's", -1, 3s).code, ErrorCode::request_timed_out);
  EXPECT_EQ(cluster.produced(2, "b").code, ErrorCode::none);
  // Consumers that know better are not served there, and those that do not are told where it counts.
  EXPECT_EQ(cluster.fetched(1, 0, "", 1).error_code, ErrorCode::unknown_leader_epoch);
  EXPECT_EQ(cluster.fetched(2, 0, "", 0).error_code, ErrorCode::fenced_leader_epoch);
  EXPECT_EQ(cluster.fetched(1, 1).high_watermark, 1);
  cluster.mend_all();
  ASSERT_TRUE(cluster.isr_becomes({1, 2, 3}));
  EXPECT_EQ(cluster.values(1), (Values{"a", "b"}));
}

TEST(Replication, RP_13_AnAnswerOfAnEarlierEpochIsForgotten) {
  Cluster cluster;
  cluster.create_topic();
  ASSERT_EQ(cluster.produced(1, "a").code, ErrorCode::none);
  cluster.hold_answers(2);
  auto b = cluster.produce(1, "b", -1, 2s);
  ASSERT_TRUE(cluster.eventually([&] { return cluster.held() > 0; }));
  cluster.elect(2);
  cluster.release();  // what 1 said as the leader comes to the leader
  EXPECT_EQ(cluster.world.run(std::move(b)), (Produced{ErrorCode::not_leader_or_follower, kNoOffset, 2}));
  cluster.world.run_for(1s);
  EXPECT_EQ(cluster.values(2), Values{"a"});
  EXPECT_EQ(cluster.produced(2, "c").code, ErrorCode::none);
  EXPECT_TRUE(cluster.logs_agree());
  EXPECT_EQ(cluster.values(1), (Values{"a", "c"}));
}

// What is being cut off for one leader is not counted by the next one, who has it.
TEST(Replication, RP_13_ALeaderIsNotAskedWhileTheAnswerOfTheOneBeforeIsTakenIn) {
  Cluster cluster;
  cluster.create_topic();
  ASSERT_EQ(cluster.produced(1, "a").code, ErrorCode::none);
  ASSERT_TRUE(cluster.logs_agree());
  // "b" comes to 1 and 3, not to 2, which is elected next and cuts it off at 3; that takes its time.
  cluster.hold_answers(2);
  auto b = cluster.produce(1, "b", -1, 1s);
  ASSERT_TRUE(cluster.eventually([&] { return cluster.at(3).log()->durable_end_offset().value() == 2; }));
  static_cast<void>(cluster.world.run(std::move(b)));
  cluster.world.machine(2).pool().options().commit = {2s, 2s};
  cluster.cut(1, 2);
  cluster.elect(2);
  cluster.release();
  cluster.world.run_for(500ms);
  ASSERT_EQ(cluster.at(3).leader_epoch(), 1);
  ASSERT_EQ(cluster.end(3), 2);
  cluster.mend_all();
  cluster.elect(1);
  bool without = false;
  const auto until = cluster.world.now() + 15s;
  ASSERT_TRUE(cluster.eventually([&] {
    const bool in_sync = cluster.state().isr == std::vector<NodeId>{1, 2, 3};
    without = without || (in_sync && cluster.high_watermark(1) == 2 && cluster.end(3) < 2);
    return cluster.world.now() > until;
  }));
  EXPECT_FALSE(without);  // I-P2
  EXPECT_TRUE(cluster.logs_agree());
  EXPECT_EQ(cluster.values(3), (Values{"a", "b"}));
}

TEST(Replication, RP_19_AnAnswerForAPartitionThatIsNoLongerHereIsForgotten) {
  Cluster cluster;
  cluster.create_topic();
  ASSERT_EQ(cluster.produced(1, "a").code, ErrorCode::none);
  cluster.hold_answers(3);
  static_cast<void>(cluster.produced(1, "b", 1));
  ASSERT_TRUE(cluster.eventually([&] { return cluster.held() > 0; }));
  cluster.change({.replicas = std::vector<NodeId>{1, 2}, .isr = std::vector<NodeId>{1, 2}});
  ASSERT_TRUE(cluster.eventually([&] { return cluster.node(3).partition() == nullptr; }));
  cluster.release();
  cluster.world.run_for(2s);
  EXPECT_EQ(cluster.node(3).partition(), nullptr);
  EXPECT_FALSE(*cluster.node(3).process.disk().exists("/data/events-0"));
  EXPECT_EQ(cluster.produced(1, "c").code, ErrorCode::none);
}

TEST(Replication, RP_21_WhoWaitsWhenTheLeaderChangesIsToldToAskTheNextOne) {
  Cluster cluster;
  cluster.create_topic();
  cluster.cut(2, 1);
  cluster.cut(3, 1);
  cluster.cut(1, 2);  // nor is a fetch answered that waits there already
  cluster.cut(1, 3);
  auto waiting = cluster.produce(1, "a", -1, 30s);
  auto acks_one = cluster.produced(1, "b", 1);
  EXPECT_EQ(acks_one.code, ErrorCode::none);
  cluster.elect(2, {2, 3});
  EXPECT_EQ(cluster.world.run(std::move(waiting)),
            (Produced{ErrorCode::not_leader_or_follower, kNoOffset, 2}));
  cluster.mend_all();
  EXPECT_EQ(cluster.produced(2, "a").code, ErrorCode::none);
  ASSERT_TRUE(cluster.isr_becomes({1, 2, 3}));
  EXPECT_EQ(cluster.values(1), Values{"a"});
}

// Whether an answer to the next leader was still under way is chance: what it brought is the log from then
// on.
TEST(Replication, RP_21_WhatTheNextLeaderHadBeforeIsWhatAllHaveAfter) {
  std::set<Values> begun;
  for (std::uint64_t seed = 1; seed <= 40; ++seed) {
    Cluster cluster({}, seed);
    cluster.create_topic();
    cluster.cut(2, 1);
    cluster.cut(3, 1);
    auto waiting = cluster.produce(1, "a", -1, 30s);
    EXPECT_EQ(cluster.produced(1, "b", 1).code, ErrorCode::none);
    cluster.elect(2, {2, 3});
    EXPECT_EQ(cluster.world.run(std::move(waiting)),
              (Produced{ErrorCode::not_leader_or_follower, kNoOffset, 2}));
    Values expected = cluster.values(2);
    begun.insert(expected);
    cluster.mend_all();
    EXPECT_EQ(cluster.produced(2, "c").code, ErrorCode::none);
    expected.emplace_back("c");
    ASSERT_TRUE(cluster.isr_becomes({1, 2, 3}));
    for (NodeId id : {1, 2, 3}) EXPECT_EQ(cluster.values(id), expected) << "node " << id << ", seed " << seed;
  }
  EXPECT_TRUE(begun.contains(Values{}));
  EXPECT_GT(begun.size(), 1u) << "no answer was under way";
}

TEST(Replication, RP_21_WhoWaitsInOneLeadershipIsNotAnsweredByALaterOne) {
  Cluster cluster;
  cluster.create_topic();
  cluster.cut(2, 1);
  cluster.cut(3, 1);
  auto waiting = cluster.produce(1, "a", -1, 30s);
  // Away and back before the waiter can look: its offset may hold other records by now.
  cluster.elect(2, {1, 2, 3});
  ASSERT_TRUE(cluster.eventually([&] { return cluster.at(1).leading() == nullptr; }));
  cluster.elect(1, {1});
  EXPECT_EQ(cluster.world.run(std::move(waiting)).code, ErrorCode::not_leader_or_follower);
}

TEST(Replication, KAFKA_18723_ABatchOfALaterEpochThanTheFetchIsLeftOutWithTheRest) {
  Cluster cluster({.brokers = 1});
  cluster.create_topic();
  storage::Log& log = *cluster.at(1).log();
  const auto batch = [](Offset base, LeaderEpoch epoch) {
    record::BatchFields fields;
    fields.base_offset = base;
    fields.partition_leader_epoch = epoch;
    record::BatchBuilder builder(fields);
    builder.append(1000, std::nullopt, as_bytes(std::string_view("value")));
    record::Codecs codecs;
    return *std::move(builder).build(codecs);
  };
  ASSERT_TRUE(log.append_as_follower(joined({batch(0, 3), batch(1, 4), batch(2, 5), batch(3, 4)}), 1000, 4));
  EXPECT_EQ(log.end_offset().value(), 2);
  EXPECT_EQ(log.latest_epoch(), 4);
}

TEST(Replication, AFollowerTakesNothingFromALeaderOfAnEarlierEpochThanItsLog) {
  Cluster cluster({.brokers = 1});
  cluster.create_topic();
  storage::Log& log = *cluster.at(1).log();
  record::BatchFields fields;
  fields.partition_leader_epoch = 6;
  record::BatchBuilder builder(fields);
  builder.append(1000, std::nullopt, as_bytes(std::string_view("value")));
  record::Codecs codecs;
  ASSERT_TRUE(log.append_as_follower(*std::move(builder).build(codecs), 1000));
  auto& hosted = *cluster.node(1).host->hosted().front();
  PartitionFollower follower(log, hosted.replicator->context(), 0);
  metadata::Partition state = cluster.state();
  state.leader = 2;
  state.leader_epoch = 5;
  follower.follow(state);
  EXPECT_FALSE(follower.position());
  state.leader_epoch = 6;
  follower.follow(state);
  EXPECT_TRUE(follower.position());
  follower.abandon();
}

// --- the in-sync replicas

TEST(Replication, RP_07_AReplicaThatIsAskedForCountsUntilTheControllerHasSpoken) {
  Cluster cluster;
  cluster.create_topic();
  cluster.isolate(3);
  cluster.change({.isr = std::vector<NodeId>{1, 2}});
  ASSERT_EQ(cluster.produced(1, "a").code, ErrorCode::none);
  // 3 catches up and is added, and the leader does not hear of it.
  cluster.deafen(1);
  cluster.cut(kController, 1);
  cluster.mend(3, 1), cluster.mend(1, 3);
  cluster.hear_again(3);
  ASSERT_TRUE(cluster.isr_becomes({1, 2, 3}));
  cluster.isolate(3);
  EXPECT_EQ(cluster.at(1).leading()->tracker().isr(), (std::vector<NodeId>{1, 2}));
  EXPECT_EQ(cluster.produced(1, "b", -1, 20s).code, ErrorCode::request_timed_out);
  EXPECT_EQ(cluster.high_watermark(1), 1);
}

TEST(Replication, BatchesBehindARefusedOneAreRefusedLikeIt) {
  Cluster cluster({.topic = {{"min.insync.replicas", "2"}}});
  cluster.create_topic();
  const auto append = [&](Sequence sequence) {
    const auto appended = cluster.at(1).append(numbered_batch(7, sequence), {-1, 13}, 1000);
    return appended ? ErrorCode::none : appended.error().code;
  };
  ASSERT_EQ(append(0), ErrorCode::none);
  cluster.isolate(2);
  cluster.isolate(3);
  cluster.change({.isr = std::vector<NodeId>{1}});
  ASSERT_TRUE(cluster.eventually([&] { return cluster.at(1).leading()->tracker().isr().size() == 1; }));
  ASSERT_EQ(append(1), ErrorCode::not_enough_replicas);
  cluster.mend_all();
  ASSERT_TRUE(cluster.isr_becomes({1, 2, 3}));
  EXPECT_EQ(append(2), ErrorCode::not_enough_replicas);  // never OUT_OF_ORDER_SEQUENCE_NUMBER
  EXPECT_EQ(append(1), ErrorCode::none);
  EXPECT_EQ(append(2), ErrorCode::none);
  EXPECT_EQ(append(4), ErrorCode::out_of_order_sequence_number);
}

TEST(Replication, ANewLeaderIsSentASecondBatchWhileTheFirstIsOnItsWayBackFromTheLastOne) {
  Cluster cluster;
  cluster.create_topic();
  const auto append = [&](NodeId at, Sequence sequence) {
    const auto appended = cluster.at(at).append(numbered_batch(7, sequence), {-1, 13}, 1000);
    return appended ? ErrorCode::none : appended.error().code;
  };
  ASSERT_EQ(append(1, 0), ErrorCode::none);
  EXPECT_EQ(append(1, 2), ErrorCode::out_of_order_sequence_number) << "there was no leader before this one";
  ASSERT_TRUE(cluster.logs_agree());
  cluster.elect(2);
  EXPECT_EQ(append(2, 2), ErrorCode::not_leader_or_follower);
  EXPECT_EQ(append(2, 1), ErrorCode::none);
  EXPECT_EQ(append(2, 2), ErrorCode::none);
  EXPECT_EQ(append(2, 4), ErrorCode::not_leader_or_follower);
  cluster.world.run_for(11s);
  EXPECT_EQ(append(2, 4), ErrorCode::out_of_order_sequence_number) << "3 does not come any more";
}

TEST(Replication, BatchesBehindOneThatCameBeforeLeadershipWaitForIt) {
  Cluster cluster;
  cluster.create_topic();
  const auto append = [&](NodeId at, Sequence sequence) {
    const auto appended = cluster.at(at).append(numbered_batch(7, sequence), {-1, 13}, 1000);
    return appended ? ErrorCode::none : appended.error().code;
  };
  ASSERT_EQ(append(1, 0), ErrorCode::none);
  ASSERT_TRUE(cluster.logs_agree());
  ASSERT_EQ(append(2, 1), ErrorCode::not_leader_or_follower);
  cluster.elect(2);
  EXPECT_EQ(append(2, 2), ErrorCode::not_leader_or_follower);  // sent before the first was answered
  EXPECT_EQ(append(2, 1), ErrorCode::none);
  EXPECT_EQ(append(2, 2), ErrorCode::none);
  // What was refused here long ago has come by another leader since.
  ASSERT_TRUE(cluster.logs_agree());
  ASSERT_EQ(append(1, 3), ErrorCode::not_leader_or_follower);
  ASSERT_EQ(append(2, 3), ErrorCode::none);
  ASSERT_EQ(append(2, 4), ErrorCode::none);
  ASSERT_TRUE(cluster.logs_agree());
  cluster.elect(1);
  EXPECT_EQ(append(1, 5), ErrorCode::none);
}

TEST(Replication, ATransactionThatBeginsWhereNobodyLeadsIsSentToTheLeader) {
  Cluster cluster;
  cluster.create_topic();
  const Slice batch = transactional_batch(0);
  const auto guard = cluster.at(2).guard_for(*record::HeaderView::at(batch), true);
  ASSERT_FALSE(guard.has_value());
  EXPECT_EQ(append_guarded(cluster.at(2), batch, kNotAsked), ErrorCode::not_leader_or_follower);
  EXPECT_EQ(append_guarded(cluster.at(2), batch, kNoGuard), ErrorCode::not_leader_or_follower);
  cluster.elect(2);
  ASSERT_TRUE(cluster.eventually([&] { return cluster.leads(2); }));
  EXPECT_EQ(append_guarded(cluster.at(2), batch, kNotAsked), ErrorCode::not_leader_or_follower)
      << "it leads by now, but nobody was asked";
  EXPECT_EQ(append_guarded(cluster.at(2), batch, kNoGuard), ErrorCode::invalid_txn_state);
  const auto asked = cluster.at(2).guard_for(*record::HeaderView::at(batch), true);
  ASSERT_TRUE(asked.has_value());
  cluster.elect(1);
  ASSERT_TRUE(cluster.eventually([&] { return cluster.leads(1) && !cluster.at(2).leading(); }));
  cluster.elect(2);
  ASSERT_TRUE(cluster.eventually([&] { return cluster.leads(2); }));
  EXPECT_EQ(append_guarded(cluster.at(2), batch, *asked), ErrorCode::not_leader_or_follower)
      << "a guard of an earlier leadership";
  const auto again = cluster.at(2).guard_for(*record::HeaderView::at(batch), true);
  ASSERT_TRUE(again.has_value());
  EXPECT_EQ(append_guarded(cluster.at(2), batch, *again), ErrorCode::none);
}

TEST(Replication, ATransactionMayBeginWhileTheMarkerOfTheLastIsOnItsWay) {
  Cluster cluster;
  cluster.create_topic();
  Partition& leader = cluster.at(1);
  const auto guard_of = [&](const Slice& batch) {
    return leader.guard_for(*record::HeaderView::at(batch), true).value();
  };
  const Slice first = transactional_batch(4), second = transactional_batch(5), third = transactional_batch(6);
  ASSERT_EQ(append_guarded(leader, first, guard_of(first)), ErrorCode::none);
  // The coordinator is asked about the next one, and answers once the marker is written.
  const TransactionGuard guard = guard_of(second);
  ASSERT_NE(guard, kNoGuard);
  ASSERT_TRUE(leader.append_marker({.committed = true, .producer_id = 7, .producer_epoch = 5}, 2, 1000));
  EXPECT_EQ(append_guarded(leader, second, guard), ErrorCode::none);
  // In version 1 a marker has the epoch of the transaction that it ends, and of those after it.
  const TransactionGuard next = guard_of(third);
  ASSERT_TRUE(leader.append_marker({.committed = true, .producer_id = 7, .producer_epoch = 6}, 1, 1000));
  EXPECT_EQ(append_guarded(leader, third, next), ErrorCode::invalid_txn_state);
}

TEST(Replication, RP_08_WithoutEnoughInSyncReplicasNothingIsAcknowledgedOrShown) {
  Cluster cluster({.topic = {{"min.insync.replicas", "2"}}});
  cluster.create_topic();
  ASSERT_EQ(cluster.produced(1, "a").code, ErrorCode::none);
  cluster.isolate(2);
  cluster.isolate(3);
  auto waiting = cluster.produce(1, "b", -1, 10s);
  cluster.change({.isr = std::vector<NodeId>{1}});
  EXPECT_EQ(cluster.world.run(std::move(waiting)).code, ErrorCode::not_enough_replicas_after_append);
  EXPECT_EQ(cluster.produced(1, "c").code, ErrorCode::not_enough_replicas);
  EXPECT_EQ(cluster.produced(1, "d", 1).code, ErrorCode::none);
  cluster.world.run_for(5s);
  EXPECT_EQ(cluster.high_watermark(1), 1);
  cluster.mend_all();
  ASSERT_TRUE(cluster.isr_becomes({1, 2, 3}));
  EXPECT_TRUE(cluster.logs_agree());
  EXPECT_EQ(cluster.values(3), (Values{"a", "b", "d"}));
}

TEST(Replication, RP_08_TheDeletionOfATopicShowsNothingThatWasNotReplicated) {
  Cluster cluster({.brokers = 2, .topic = {{"min.insync.replicas", "2"}}});
  cluster.create_topic();
  cluster.kill(2), cluster.fence(2);
  ASSERT_TRUE(cluster.isr_becomes({1}));
  EXPECT_EQ(cluster.produced(1, "a", 1).code, ErrorCode::none);
  auto partition = cluster.node(1).partition();
  cluster.commit({metadata::RemoveTopicRecord{kTopicId}});  // and its configs with it
  ASSERT_TRUE(cluster.eventually([&] { return partition->closed(); }));
  EXPECT_EQ(partition->high_watermark().value(), 0);
}

TEST(Replication, RP_08_ASmallerIsrCountsOnlyTogetherWithTheMinInsyncReplicasBeforeIt) {
  const auto raised = [] {
    return metadata::ConfigRecord{{metadata::ResourceType::topic, kTopic}, "min.insync.replicas", "2"};
  };
  {  // The controller's answer comes before the metadata.
    Cluster cluster;
    cluster.create_topic();
    ASSERT_EQ(cluster.produced(1, "a").code, ErrorCode::none);
    cluster.cut(2, 1);
    cluster.cut(3, 1);
    auto waiting = cluster.produce(1, "b", -1, 100s);
    cluster.deafen(1);
    cluster.commit({raised()});
    ASSERT_TRUE(cluster.isr_becomes({1}));
    cluster.world.run_for(1s);
    EXPECT_EQ(cluster.high_watermark(1), 1);
    EXPECT_EQ(cluster.at(1).leading()->tracker().isr().size(), 3U);
    cluster.hear_again(1);
    EXPECT_EQ(cluster.world.run(std::move(waiting)).code, ErrorCode::not_enough_replicas_after_append);
    EXPECT_EQ(cluster.high_watermark(1), 1);
    cluster.mend_all();
    EXPECT_TRUE(cluster.isr_becomes({1, 2, 3}));
    EXPECT_EQ(cluster.produced(1, "c").code, ErrorCode::none);
  }
  {  // Both come at once.
    Cluster cluster;
    cluster.create_topic();
    ASSERT_EQ(cluster.produced(1, "a").code, ErrorCode::none);
    cluster.cut(2, 1);
    cluster.cut(3, 1);
    auto waiting = cluster.produce(1, "b", -1, 5s);
    metadata::PartitionChangeRecord smaller;
    smaller.topic_id = kTopicId;
    smaller.isr = std::vector<NodeId>{1};
    cluster.commit({raised(), smaller});
    EXPECT_EQ(cluster.world.run(std::move(waiting)).code, ErrorCode::not_enough_replicas_after_append);
    EXPECT_EQ(cluster.high_watermark(1), 1);
  }
}

TEST(Replication, RP_10_AReplicaWhoseProcessTheControllerDoesNotKnowDoesNotJoin) {
  Cluster cluster;
  cluster.create_topic();
  cluster.isolate(3);
  cluster.change({.isr = std::vector<NodeId>{1, 2}});
  ASSERT_EQ(cluster.produced(1, "a").code, ErrorCode::none);
  // The controller has registered another process of 3 since.
  const auto epoch = cluster.node(3).registration.epoch();
  cluster.node(3).registration.set_epoch(epoch - 500);
  cluster.mend_all();
  ASSERT_TRUE(cluster.eventually([&] { return cluster.end(3) == 1; }));
  cluster.world.run_for(40s);
  EXPECT_EQ(cluster.state().isr.size(), 2);
  cluster.node(3).registration.set_epoch(epoch);
  EXPECT_TRUE(cluster.isr_becomes({1, 2, 3}));
}

TEST(Replication, RP_11_AFencedReplicaJoinsWhenItIsFencedNoLonger) {
  Cluster cluster;
  cluster.create_topic();
  cluster.fence(3);
  ASSERT_EQ(cluster.produced(1, "a").code, ErrorCode::none);
  cluster.world.run_for(40s);
  EXPECT_EQ(cluster.end(3), 1);
  EXPECT_EQ(cluster.state().isr.size(), 2);
  cluster.unfence(3);
  EXPECT_TRUE(cluster.isr_becomes({1, 2, 3}));
}

TEST(Replication, RP_28_WhoDoesNotHearTheLeaderLeavesTheIsrAndComesBack) {
  Cluster cluster;
  cluster.create_topic();
  ASSERT_EQ(cluster.produced(1, "a").code, ErrorCode::none);
  cluster.cut(1, 3);  // one way only
  auto waiting = cluster.produce(1, "b", -1, 100s);
  ASSERT_TRUE(cluster.isr_becomes({1, 2}, 60s));
  EXPECT_EQ(cluster.world.run(std::move(waiting)).code, ErrorCode::none);
  cluster.mend(1, 3);
  EXPECT_TRUE(cluster.isr_becomes({1, 2, 3}));
  EXPECT_EQ(cluster.values(3), (Values{"a", "b"}));
}

TEST(Replication, RP_28_ALeaderThatTheControllerMayHaveReplacedSaysSo) {
  Cluster cluster;
  cluster.create_topic();
  ASSERT_EQ(cluster.produced(1, "a").code, ErrorCode::none);
  // The controller answers it no longer, and has another lead.
  cluster.node(1).registration.confirm(cluster.node(1).executor().now());
  cluster.deafen(1);
  cluster.cut(1, kController);
  cluster.elect(2, {2, 3});
  auto waiting = cluster.produce(1, "b", -1, 30s);
  cluster.world.run_for(cluster.session_timeout() + 1001ms);
  // Who the leader is it does not know.
  const Produced refused{ErrorCode::not_leader_or_follower, kNoOffset, kNoNode};
  EXPECT_EQ(cluster.produced(1, "c"), refused);
  EXPECT_EQ(cluster.produced(1, "d", 1), refused);
  const Slice numbered = numbered_batch(7, 1);
  for (int i = 0; i < 2; ++i) {  // the second time as a batch that was refused before
    const auto appended = cluster.at(1).append(numbered, {-1, 13}, 1000);
    ASSERT_FALSE(appended);
    EXPECT_EQ(appended.error().leader, kNoNode);
  }
  EXPECT_EQ(cluster.fetched(1, 0).error_code, ErrorCode::not_leader_or_follower);
  EXPECT_EQ(cluster.fetched(1, 0).current_leader.leader_id, kNoNode);
  EXPECT_EQ(cluster.world.run(std::move(waiting)), refused);
  EXPECT_EQ(cluster.produced(2, "e").code, ErrorCode::none);
  cluster.mend_all();
  ASSERT_TRUE(cluster.isr_becomes({1, 2, 3}));
  EXPECT_EQ(cluster.values(1), (Values{"a", "e"}));
}

TEST(Replication, ALeaderThatIsFollowedLeadsWhileThereIsNoController) {
  Cluster cluster;
  cluster.create_topic();
  const auto confirm = [&] { cluster.node(1).registration.confirm(cluster.node(1).executor().now()); };
  confirm();
  cluster.cut(1, kController);
  cluster.world.run_for(60s);
  EXPECT_EQ(cluster.produced(1, "a").code, ErrorCode::none);
  EXPECT_EQ(cluster.fetched(1, 0).error_code, ErrorCode::none);
  // One of those that have to have it is gone: nothing can be acknowledged, and who knows why.
  cluster.cut(3, 1);
  cluster.world.run_for(2s);
  EXPECT_EQ(cluster.produced(1, "b").code, ErrorCode::not_leader_or_follower);
  confirm();
  EXPECT_EQ(cluster.produced(1, "c", 1).code, ErrorCode::none) << "the controller has answered again";
  cluster.world.run_for(cluster.session_timeout() + 1ms);
  EXPECT_EQ(cluster.produced(1, "d", 1).code, ErrorCode::not_leader_or_follower);
  cluster.mend(3, 1);
  ASSERT_TRUE(cluster.eventually([&] { return !cluster.at(1).leading()->may_be_replaced(); }, 10s));
  EXPECT_EQ(cluster.produced(1, "e").code, ErrorCode::none);
  EXPECT_EQ(cluster.values(3), (Values{"a", "c", "e"}));
}

TEST(Replication, WhoseOnlyReplicaIsHereNeedsNoController) {
  Cluster cluster;
  cluster.create_topic({1});
  cluster.node(1).registration.confirm(cluster.node(1).executor().now());
  cluster.world.run_for(60s);
  EXPECT_EQ(cluster.produced(1, "a").code, ErrorCode::none);
}

TEST(Replication, TheControllerIsAskedAgainUntilItAnswers) {
  Cluster cluster;
  cluster.create_topic();
  cluster.cut(1, kController);
  cluster.cut(1, 3);
  static_cast<void>(cluster.produced(1, "a", 1));
  cluster.world.run_for(100s);
  EXPECT_EQ(cluster.state().isr.size(), 3);
  cluster.mend(1, kController);
  EXPECT_TRUE(cluster.isr_becomes({1, 2}, 20s));
}

// --- consumers

TEST(Replication, RP_22_UntilANewLeaderKnowsTheHighWatermarkItDoesNotSay) {
  Cluster cluster;
  cluster.create_topic();
  ASSERT_EQ(cluster.produced(1, "a").code, ErrorCode::none);
  ASSERT_TRUE(cluster.logs_agree());
  // The followers have "b"; none of them hears that it is committed.
  auto b = cluster.produce(1, "b");
  ASSERT_TRUE(cluster.eventually([&] { return cluster.end(2) == 2 && cluster.end(3) == 2; }));
  cluster.hold_answers(2);
  cluster.cut(3, 1), cluster.cut(1, 3);
  cluster.cut(3, 2);
  static_cast<void>(cluster.world.run(std::move(b)));
  cluster.kill(1);
  cluster.elect(2, {2, 3});
  ASSERT_EQ(cluster.high_watermark(2), 1);
  const auto latest = [&] {
    return cluster.world.run(cluster.at(2).list_offset(list_offsets::kLatest, kNoEpoch, Isolation{}));
  };
  EXPECT_EQ(latest().error().code, ErrorCode::offset_not_available);
  EXPECT_EQ(cluster.world.run(cluster.at(2).list_offset(5000, kNoEpoch, Isolation{})).error().code,
            ErrorCode::offset_not_available);
  EXPECT_TRUE(cluster.world.run(cluster.at(2).list_offset(list_offsets::kEarliest, kNoEpoch, Isolation{})));
  EXPECT_EQ(cluster.fetched(2, 2).error_code, ErrorCode::offset_not_available);  // it had been shown "b"
  EXPECT_EQ(cluster.fetched(2, 0).error_code, ErrorCode::none);
  cluster.release();
  cluster.mend(3, 2);
  ASSERT_TRUE(cluster.eventually([&] { return cluster.high_watermark(2) == 2; }));
  EXPECT_EQ(latest()->offset, 2);
  EXPECT_EQ(cluster.fetched(2, 2).error_code, ErrorCode::none);
}

TEST(Replication, RP_22_TheHighWatermarkSurvivesARestart) {
  Cluster cluster;
  cluster.create_topic();
  for (int i = 0; i < 3; ++i) ASSERT_EQ(cluster.produced(1, "a").code, ErrorCode::none);
  ASSERT_TRUE(cluster.logs_agree());
  cluster.world.run_for(6s);  // replica.high.watermark.checkpoint.interval.ms
  cluster.kill(2);
  cluster.cut(2, 1);
  cluster.start(2);
  ASSERT_TRUE(cluster.eventually([&] { return cluster.node(2).partition() != nullptr; }));
  EXPECT_EQ(cluster.high_watermark(2), 3);
}

TEST(Replication, RP_23_AFollowerShowsNothingAboveWhatItKnowsToBeCommitted) {
  Cluster cluster;
  cluster.create_topic();
  ASSERT_EQ(cluster.produced(1, "a").code, ErrorCode::none);
  ASSERT_TRUE(cluster.logs_agree());
  cluster.cut(3, 1);
  static_cast<void>(cluster.produced(1, "b", 1));
  ASSERT_TRUE(cluster.eventually([&] { return cluster.end(2) == 2; }));
  const auto first = cluster.fetched(2, 0);
  EXPECT_EQ(first.error_code, ErrorCode::none);
  EXPECT_EQ(first.high_watermark, 1);
  EXPECT_GT(size_of(*first.records), 0);
  const auto second = cluster.fetched(2, 1);
  EXPECT_EQ(second.error_code, ErrorCode::none);
  EXPECT_EQ(size_of(*second.records), 0);
}

TEST(Replication, RP_23_AFollowerSendsAConsumerThatIsAheadOfItToTheLeader) {
  Cluster cluster;
  cluster.create_topic();
  ASSERT_EQ(cluster.produced(1, "a").code, ErrorCode::none);
  ASSERT_TRUE(cluster.logs_agree());
  const auto ahead = cluster.fetched(2, 3);
  EXPECT_EQ(ahead.error_code, ErrorCode::not_leader_or_follower);
  EXPECT_EQ(ahead.current_leader.leader_id, 1);
  EXPECT_EQ(cluster.fetched(1, 3).error_code, ErrorCode::offset_out_of_range);
}

TEST(Replication, ConsumersAreSentToAReplicaInTheirRack) {
  Cluster cluster(
      {.broker = {{"replica.selector.class", "org.apache.kafka.common.replica.RackAwareReplicaSelector"}},
       .racks = {"west", "east", "north"}});
  cluster.create_topic();
  ASSERT_EQ(cluster.produced(1, "a").code, ErrorCode::none);
  const auto sent = cluster.fetched(1, 0, "east");
  EXPECT_EQ(sent.preferred_read_replica, 2);
  EXPECT_EQ(size_of(sent.records.value_or(SliceList{})), 0);
  EXPECT_EQ(cluster.fetched(1, 0, "west").preferred_read_replica, kNoNode);
  EXPECT_EQ(cluster.fetched(1, 0, "south").preferred_read_replica, kNoNode);
  EXPECT_EQ(cluster.fetched(2, 0, "east").preferred_read_replica, kNoNode);
}

// --- sessions

// The records of an answer, and the offset behind them.
struct Read {
  Values values;
  Offset next = kNoOffset;
};
Read read_of(const FetchedPartition& answer) {
  Read out;
  const Slice bytes = joined(answer.records.value_or(SliceList()));
  record::Codecs codecs;
  record::BatchReader batches(bytes);
  for (record::BatchView batch; *batches.next(batch);) {
    record::RecordReader records(batch, *record::uncompressed_records(batch, codecs, 1 << 26));
    for (record::RecordView record; *records.next(record);) out.values.emplace_back(as_text(*record.value));
    out.next = batch.next_offset();
  }
  return out;
}

// Batches of three records.
void produce_batches(Cluster& cluster, int count, std::size_t value_bytes = 1) {
  for (int i = 0; i < count; ++i) {
    record::BatchBuilder builder({});
    for (int record = 0; record < 3; ++record)
      builder.append(1000, std::nullopt, as_bytes(std::string(value_bytes, 'v')));
    record::Codecs codecs;
    ASSERT_TRUE(cluster.at(1).append(*std::move(builder).build(codecs), {-1, 13}, 1000));
  }
  ASSERT_TRUE(cluster.logs_agree());
}

wire::FetchRequest fetch_from(Offset offset, std::int32_t max_bytes = 1 << 20) {
  wire::FetchRequest request;
  request.max_bytes = max_bytes;
  request.topics.emplace_back().topic_id = kTopicId;
  auto& partition = request.topics.back().partitions.emplace_back();
  partition.fetch_offset = offset;
  partition.partition_max_bytes = max_bytes;
  return request;
}

TEST(Replication, RP_25_AConsumerAtAnyOffsetGetsWhatIsThere) {
  Cluster cluster(
      {.broker = {{"replica.selector.class", "org.apache.kafka.common.replica.RackAwareReplicaSelector"}},
       .racks = {"a", "b", "c"}});
  cluster.create_topic();
  produce_batches(cluster, 10);
  ASSERT_TRUE(cluster.world.run(cluster.at(1).delete_records(4, cluster.world.now() + 10s)));
  // Also in the middle of a batch, and at a follower.
  for (const NodeId at : {1, 2}) {
    for (Offset from = 4; from < 30; ++from) {
      const auto answer = cluster.fetched(at, from);
      ASSERT_EQ(answer.error_code, ErrorCode::none) << at << ", " << from;
      EXPECT_EQ(read_of(answer).next, 30) << at << ", " << from;
    }
  }
  // In a session each fetch is answered, at once, however often the same is asked for, and whether or not
  // there is news.
  wire::FetchRequest request = fetch_from(10);
  request.max_wait_ms = 30'000;
  request.min_bytes = 1;
  request.session_epoch = 0;
  for (int i = 0; i < 5; ++i) {
    const auto before = cluster.world.now();
    const auto answer = cluster.world.run(cluster.node(1).serve(request));
    ASSERT_EQ(answer.error_code, ErrorCode::none);
    ASSERT_EQ(answer.responses.size(), 1U) << i;
    EXPECT_EQ(read_of(answer.responses[0].partitions.at(0)).next, 30) << i;
    EXPECT_LT(cluster.world.now() - before, 100ms) << i;
    request.topics.clear();
    request.session_id = answer.session_id;
    request.session_epoch = i + 1;
  }
}

TEST(Replication, RP_26_TheFirstBatchComesWholeHoweverLittleIsAskedFor) {
  Cluster cluster({.broker = {{"replica.fetch.max.bytes", "1"}, {"replica.fetch.response.max.bytes", "1"}}});
  cluster.create_topic();
  produce_batches(cluster, 5, 20'000);  // and they come to the followers
  for (Offset from = 0; from < 15;) {
    const auto answer = cluster.world.run(cluster.node(1).serve(fetch_from(from, 1)));
    const Read read = read_of(answer.responses.at(0).partitions.at(0));
    ASSERT_EQ(read.values.size(), 3U) << "one batch, and all of it";
    from = read.next;
  }
}

TEST(Replication, RP_24_AFollowerStartsOverWhenItsSessionIsLost) {
  Cluster cluster;
  cluster.create_topic();
  ASSERT_EQ(cluster.produced(1, "a").code, ErrorCode::none);
  cluster.kill(1);
  cluster.elect(2, {2, 3});
  ASSERT_EQ(cluster.produced(2, "b").code, ErrorCode::none);
  cluster.start(1);
  ASSERT_TRUE(cluster.isr_becomes({1, 2, 3}));
  cluster.elect(1);  // with no session of anybody
  ASSERT_EQ(cluster.produced(1, "c").code, ErrorCode::none);
  EXPECT_TRUE(cluster.logs_agree());
}

// --- who comes and goes

TEST(Replication, RP_17_AReplicaThatIsRemovedAndAddedAgainBeginsWithNothing) {
  Cluster cluster;
  cluster.create_topic();
  for (int i = 0; i < 3; ++i) ASSERT_EQ(cluster.produced(1, std::to_string(i)).code, ErrorCode::none);
  cluster.change({.replicas = std::vector<NodeId>{1, 2}, .isr = std::vector<NodeId>{1, 2}});
  ASSERT_TRUE(cluster.eventually([&] { return cluster.node(3).partition() == nullptr; }));
  cluster.isolate(3);
  cluster.change({.replicas = std::vector<NodeId>{1, 2, 3}});
  cluster.world.run_for(2s);
  EXPECT_EQ(cluster.at(1).leading()->tracker().follower(3)->report.offset, kNoOffset);
  cluster.mend_all();
  ASSERT_TRUE(cluster.isr_becomes({1, 2, 3}));
  EXPECT_EQ(cluster.values(3), (Values{"0", "1", "2"}));
}

TEST(Replication, RP_18_AfterAReassignmentTheOldReplicaHasNothingLeft) {
  Cluster cluster({.brokers = 4});
  cluster.create_topic({1, 2, 3});
  ASSERT_EQ(cluster.produced(1, "a").code, ErrorCode::none);
  cluster.change({.replicas = std::vector<NodeId>{2, 3, 4, 1},
                  .removing_replicas = std::vector<NodeId>{1},
                  .adding_replicas = std::vector<NodeId>{4}});
  ASSERT_TRUE(cluster.isr_becomes({1, 2, 3, 4}));
  cluster.change({.replicas = std::vector<NodeId>{2, 3, 4},
                  .isr = std::vector<NodeId>{2, 3, 4},
                  .removing_replicas = std::vector<NodeId>{},
                  .adding_replicas = std::vector<NodeId>{},
                  .leader = 2});
  ASSERT_TRUE(cluster.eventually([&] { return cluster.node(1).partition() == nullptr; }));
  ASSERT_TRUE(cluster.eventually([&] { return !*cluster.node(1).process.disk().exists("/data/events-0"); }));
  ASSERT_TRUE(cluster.eventually([&] { return cluster.leads(2); }));
  EXPECT_EQ(cluster.produced(2, "b").code, ErrorCode::none);
  EXPECT_EQ(cluster.values(4), (Values{"a", "b"}));
  EXPECT_EQ(cluster.produced(1, "c").code, ErrorCode::not_leader_or_follower);
}

// --- throttles

runtime::Duration catch_up(const std::string& side) {
  Cluster cluster({.broker = {{"replica.fetch.max.bytes", "5000"}}});
  cluster.create_topic();
  cluster.kill(3), cluster.fence(3);
  for (int i = 0; i < 50; ++i) {
    EXPECT_EQ(cluster.produced(1, std::string(1000, 'x')).code, ErrorCode::none);
  }
  if (!side.empty()) {
    const metadata::ConfigResource all_brokers{metadata::ResourceType::broker, ""};
    const metadata::ConfigResource topic{metadata::ResourceType::topic, kTopic};
    cluster.commit({metadata::ConfigRecord{all_brokers, side + ".replication.throttled.rate", "10000"},
                    metadata::ConfigRecord{topic, side + ".replication.throttled.replicas", "0:2,0:3"}});
  }
  cluster.start(3);
  const auto before = cluster.world.now();
  EXPECT_TRUE(cluster.isr_becomes({1, 2, 3}));
  const auto took = cluster.world.now() - before;
  EXPECT_EQ(cluster.produced(1, "in sync: not throttled", -1, 1s).code, ErrorCode::none);
  return took;
}

TEST(Replication, ThrottledReplicasCatchUpSlowly) {
  EXPECT_LT(catch_up(""), 1s);
  EXPECT_GT(catch_up("leader"), 3s);
  EXPECT_GT(catch_up("follower"), 3s);
}

// A whole answer takes ten seconds and more, and is waited for five.
TEST(Replication, AFollowerFarBehindCatchesUpOverASlowLine) {
  Cluster cluster{{.brokers = 2}};
  cluster.create_topic();
  cluster.kill(2);
  cluster.fence(2);
  const std::string value(10'000, 'v');
  for (int i = 0; i < 200; ++i) ASSERT_EQ(cluster.produced(1, value).code, ErrorCode::none);
  cluster.slow_lines(100'000);
  cluster.start(2);
  EXPECT_TRUE(cluster.isr_becomes({1, 2}, 90s));
  EXPECT_TRUE(cluster.logs_agree());
}

// --- damage

// A byte of one batch, in a log whose records are in its one segment file; in its header unless told
// otherwise.
void damage(Cluster& cluster, NodeId id, int batch, std::size_t at = record::kMagicAt) {
  const std::string path = "/data/events-0/00000000000000000000.log";
  auto file = cluster.node(id).process.disk().open(path, runtime::OpenMode::read_write);
  ASSERT_TRUE(file) << file.error().message;
  const auto size = (*file)->size();
  ASSERT_TRUE(size);
  const std::uint64_t batch_bytes = *size / static_cast<std::uint64_t>(cluster.end(id));  // they are alike
  const std::byte wrong{0x77};
  const ByteView parts[] = {ByteView(&wrong, 1)};
  ASSERT_TRUE((*file)->write_at(batch_bytes * static_cast<std::uint64_t>(batch) + at, parts));
}

struct DamageTest : ::testing::Test {
  DamageTest() {
    cluster.create_topic();
    for (int i = 0; i < 6; ++i) EXPECT_EQ(cluster.produced(1, std::to_string(i)).code, ErrorCode::none);
    EXPECT_TRUE(cluster.logs_agree());
  }
  Cluster cluster{{.topic = {{"moldau.durability", "page-cache"}}}};
  const Values all{"0", "1", "2", "3", "4", "5"};
};

TEST_F(DamageTest, AFollowerHealsFromTheLeader) {
  damage(cluster, 2, 3);
  EXPECT_NE(cluster.fetched(2, 3).error_code, ErrorCode::none);
  ASSERT_TRUE(cluster.isr_becomes({1, 3}, 5s));  // until it has everything again
  ASSERT_TRUE(cluster.isr_becomes({1, 2, 3}));
  EXPECT_EQ(cluster.values(2), all);
  EXPECT_EQ(cluster.produced(1, "6").code, ErrorCode::none);
}

TEST_F(DamageTest, ALeaderGivesUpLeadershipAndHeals) {
  damage(cluster, 1, 3);
  EXPECT_NE(cluster.fetched(1, 3).error_code, ErrorCode::none);
  ASSERT_TRUE(cluster.eventually([&] { return cluster.state().leader != 1; }, 5s));
  ASSERT_TRUE(cluster.isr_becomes({1, 2, 3}));
  EXPECT_EQ(cluster.values(1), all);
  EXPECT_EQ(cluster.produced(cluster.state().leader, "6").code, ErrorCode::none);
}

// The device cannot read it: once may be bad luck.
// It would seem to end where nobody has come yet.
TEST_F(DamageTest, ADamagedNumberOfOffsetsDoesNotHoldUpReaders) {
  damage(cluster, 1, 3, record::kLastOffsetDeltaAt + 2);
  EXPECT_NE(cluster.fetched(1, 3).error_code, ErrorCode::none);
  ASSERT_TRUE(cluster.eventually([&] { return cluster.state().leader != 1; }, 5s));
  ASSERT_TRUE(cluster.isr_becomes({1, 2, 3}));
  EXPECT_EQ(cluster.values(1), all);
}

TEST_F(DamageTest, ALeaderThatCannotReadItsLogGivesUpLeadershipAndHeals) {
  cluster.world.machine(0).drive().fail_reads("/data/events-0/00000000000000000000.log", 0, 1);
  EXPECT_EQ(cluster.fetched(1, 0).error_code, ErrorCode::kafka_storage_error);
  EXPECT_FALSE(cluster.eventually([&] { return cluster.state().leader != 1; }, 2s));
  for (int i = 0; i < 2; ++i) EXPECT_NE(cluster.fetched(1, 0).error_code, ErrorCode::none);
  ASSERT_TRUE(cluster.eventually([&] { return cluster.state().leader != 1; }, 5s));
  ASSERT_TRUE(cluster.isr_becomes({1, 2, 3}));
  EXPECT_EQ(cluster.values(1), all);
}

TEST_F(DamageTest, ALeaderDoesNotHandADamagedRecordOn) {
  cluster.kill(3), cluster.fence(3);
  damage(cluster, 1, 3, record::kHeaderSize + 5);
  cluster.start(3);
  cluster.change({.replicas = std::vector<NodeId>{1, 2}});
  ASSERT_TRUE(cluster.eventually([&] { return cluster.node(3).partition() == nullptr; }));
  cluster.change({.replicas = std::vector<NodeId>{1, 2, 3}});  // with nothing
  ASSERT_TRUE(cluster.eventually([&] { return cluster.state().leader == 2; }));
  ASSERT_TRUE(cluster.isr_becomes({1, 2, 3}));
  for (NodeId id : {1, 2, 3}) EXPECT_EQ(cluster.values(id), all) << id;
}

TEST_F(DamageTest, ALeaderThatIsAloneServesWhatItCan) {
  cluster.kill(2), cluster.fence(2);
  cluster.kill(3), cluster.fence(3);
  damage(cluster, 1, 3);
  EXPECT_NE(cluster.fetched(1, 3).error_code, ErrorCode::none);
  cluster.world.run_for(60s);
  EXPECT_EQ(cluster.state().leader, 1);
  EXPECT_EQ(cluster.fetched(1, 0).error_code, ErrorCode::none);
  EXPECT_EQ(cluster.end(1), 6);
}

TEST_F(DamageTest, AReplicaThatCannotBeOpenedIsFetchedAnew) {
  cluster.stop(3);
  auto& disk = cluster.world.machine(2).disk();
  auto file = disk.open("/data/events-0/00000000000000000000.log", runtime::OpenMode::read_write);
  ASSERT_TRUE(file);
  const std::byte wrong{0x77};
  const ByteView parts[] = {ByteView(&wrong, 1)};
  ASSERT_TRUE((*file)->write_at(record::kMagicAt, parts));
  ASSERT_TRUE(disk.remove_file("/data/.kafka_cleanshutdown"));
  ASSERT_TRUE(disk.remove_file("/data/events-0/00000000000000000000.index").has_value() || true);
  cluster.fence(3);
  cluster.start(3);
  ASSERT_TRUE(cluster.isr_becomes({1, 2, 3}));
  EXPECT_EQ(cluster.values(3), all);
}

// --- what a process knows before it has registered

TEST(Replication, AProcessThatHasNotRegisteredOpensNothing) {
  Cluster cluster;
  cluster.create_topic();
  ASSERT_EQ(cluster.produced(1, "a").code, ErrorCode::none);
  // The image of before names it as the leader: the epoch is its predecessor's.
  const auto before = cluster.node(1).heard;
  cluster.kill(1);
  cluster.start_unregistered(1);
  EXPECT_EQ(before->partition(kKey)->leader, 1);
  EXPECT_EQ(cluster.node(1).partition(), nullptr);
  cluster.enter(1);
  ASSERT_TRUE(cluster.eventually([&] { return cluster.node(1).partition() != nullptr; }));
  EXPECT_EQ(cluster.at(1).leading(), nullptr);
  EXPECT_TRUE(cluster.isr_becomes({1, 2, 3}));
  EXPECT_EQ(cluster.values(1), Values{"a"});
}

TEST(Replication, ATopicOfThePastDoesNotTakeTheFolderOfTheOneThatHasItsName) {
  Cluster cluster({.brokers = 1});
  cluster.create_topic();
  ASSERT_EQ(cluster.produced(1, "old").code, ErrorCode::none);
  const auto past = cluster.node(1).heard;
  const TopicIdPartition recreated{TopicId{8, 8}, 0};
  metadata::PartitionRecord partition;
  partition.topic_id = recreated.topic_id;
  partition.replicas = partition.isr = {1};
  partition.leader = 1;
  cluster.commit({metadata::RemoveTopicRecord{kTopicId}});
  cluster.commit({metadata::TopicRecord{kTopic, recreated.topic_id}, partition});
  const auto find = [&] { return cluster.node(1).host->hosted().front()->partitions.find(recreated); };
  ASSERT_TRUE(cluster.eventually([&] { return find() != nullptr && find()->leading() != nullptr; }));
  record::BatchBuilder builder(record::BatchFields{});
  builder.append(1000, std::nullopt, as_bytes(std::string_view("new")));
  record::Codecs codecs;
  ASSERT_TRUE(find()->append(*std::move(builder).build(codecs), {}, 1000));
  ASSERT_TRUE(cluster.eventually([&] { return find()->high_watermark().value() == 1; }));
  // A process that begins with an image of the past.
  cluster.kill(1);
  cluster.start_unregistered(1, past);
  cluster.enter(1);
  ASSERT_TRUE(cluster.eventually([&] { return find() != nullptr; }));
  EXPECT_EQ(find()->log()->end_offset().value(), 1);
}

}  // namespace
}  // namespace moldau::replication::testing
