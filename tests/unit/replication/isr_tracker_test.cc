// Who is in sync and how far the high watermark may be, as tables of what was fetched when.
#include "replication/isr_tracker.h"

#include <gtest/gtest.h>

#include <limits>

#include "replication/replica_selector.h"

namespace moldau::replication {
namespace {

using metadata::Record;
using namespace std::chrono_literals;
using Nodes = std::vector<NodeId>;

runtime::MonotonicTime at(runtime::Duration since_start) { return runtime::MonotonicTime(since_start); }

struct IsrTrackerTest : ::testing::Test {
  IsrTrackerTest() {
    for (NodeId id = 1; id <= 4; ++id) register_broker(id, 10 + id);
    state.replicas = {1, 2, 3};
    state.isr = {1, 2, 3};
    state.leader = 1;
    state.leader_epoch = 5;
  }

  void register_broker(NodeId id, metadata::BrokerEpoch epoch, std::optional<std::string> rack = {}) {
    apply({metadata::RegisterBrokerRecord{
        .broker_id = id, .broker_epoch = epoch, .rack = rack, .fenced = false}});
  }
  void apply(std::vector<Record> records) {
    auto applied = metadata::apply_records(image, records);
    ASSERT_TRUE(applied) << applied.error().message;
    image = applied->image;
  }
  void begin(Nodes isr, Offset epoch_start = 0, runtime::Duration now = 0s) {
    state.isr = std::move(isr);
    tracker.begin_epoch(state, epoch_start, at(now));
  }
  void update(Nodes isr, runtime::Duration now = 0s) {
    state.isr = std::move(isr);
    tracker.update(state, at(now));
  }
  bool fetch(NodeId id, Offset offset, runtime::Duration now = 0s, Offset leader_end = 100) {
    return tracker.note_fetch(id, {offset, 0, image.broker(id)->broker_epoch}, leader_end, at(now));
  }
  Offset watermark(Offset current = 0, runtime::Duration now = 0s) {
    return tracker.high_watermark(current, rules, image, at(now));
  }
  bool may_join(NodeId id, Offset high_watermark) {
    return tracker.may_join(id, high_watermark, rules, image);
  }

  metadata::Image image;
  metadata::Partition state;
  IsrTracker tracker{1};
  IsrTracker::Rules rules{1, 30s};
};

TEST_F(IsrTrackerTest, TheHighWatermarkIsTheSmallestDurableOffsetInTheIsr) {
  begin({1, 2, 3});
  tracker.set_durable_end(100);
  EXPECT_EQ(watermark(), 0);  // nobody has fetched
  fetch(2, 70);
  EXPECT_EQ(watermark(), 0);
  fetch(3, 50);
  EXPECT_EQ(watermark(), 50);
  fetch(3, 90);
  EXPECT_EQ(watermark(50), 70);
  fetch(2, 100);
  fetch(3, 100);
  tracker.set_durable_end(80);  // the leader's own sync is the last
  EXPECT_EQ(watermark(70), 80);
}

TEST_F(IsrTrackerTest, ItNeverGoesBack) {
  begin({1, 2, 3});
  tracker.set_durable_end(100);
  fetch(2, 40), fetch(3, 40);
  EXPECT_EQ(watermark(60), 60);
  begin({1, 2, 3});  // a new epoch: nobody has fetched in it
  EXPECT_EQ(watermark(60), 60);
}

TEST_F(IsrTrackerTest, AloneItIsTheDurableEnd) {
  state.replicas = {1};
  begin({1});
  tracker.set_durable_end(7);
  EXPECT_EQ(watermark(), 7);
}

TEST_F(IsrTrackerTest, RP_08_ItStandsStillWhileTheIsrIsSmallerThanMinInsyncReplicas) {
  rules.min_insync_replicas = 2;
  begin({1});
  tracker.set_durable_end(100);
  EXPECT_EQ(watermark(30), 30);
  EXPECT_FALSE(tracker.enough(rules));
  update({1, 2});
  fetch(2, 100);
  EXPECT_TRUE(tracker.enough(rules));
  EXPECT_EQ(watermark(30), 100);
}

TEST_F(IsrTrackerTest, MoreInsyncReplicasThanReplicasCannotBeAskedFor) {
  state.replicas = {1, 2};
  rules.min_insync_replicas = 3;
  begin({1, 2});
  tracker.set_durable_end(10);
  fetch(2, 10);
  EXPECT_TRUE(tracker.enough(rules));
  EXPECT_EQ(watermark(), 10);
}

TEST_F(IsrTrackerTest, RP_07_WhoIsAskedForCountsAtOnceAndWhoIsToLeaveCountsToTheEnd) {
  begin({1, 2});
  tracker.set_durable_end(100);
  fetch(2, 100);
  fetch(3, 100, 1s);
  EXPECT_EQ(watermark(50, 1s), 100);
  tracker.ask_to_add(3);
  tracker.note_fetch(3, {60, 0, 13}, 200, at(2s));
  EXPECT_EQ(watermark(50, 100s), 60);  // long after it was caught up: it counts because it was asked for
  tracker.withdraw();
  EXPECT_EQ(watermark(60, 100s), 100);

  update({1, 2, 3}, 100s);
  tracker.ask_to_remove({3});
  EXPECT_EQ(tracker.asked_isr(77), (std::vector<IsrMember>{{1, 77}, {2, 12}}));
  EXPECT_EQ(watermark(60, 200s), 60);
  update({1, 2}, 200s);
  EXPECT_FALSE(tracker.asking());
  EXPECT_EQ(watermark(60, 300s), 100);
}

TEST_F(IsrTrackerTest, WhoIsAboutToJoinIsWaitedFor) {
  begin({1, 2});
  tracker.set_durable_end(100);
  fetch(2, 100, 10s);
  fetch(3, 90, 10s, 90);  // it had everything then
  EXPECT_EQ(watermark(80, 11s), 90);
  EXPECT_EQ(watermark(80, 41s), 100);  // it had its time
}

TEST_F(IsrTrackerTest, WhoWasTakenOutIsWaitedForOnlyOnceItFetchesAgain) {
  begin({1, 2, 3});
  tracker.set_durable_end(100);
  fetch(2, 100, 10s);
  fetch(3, 90, 10s, 90);
  EXPECT_EQ(watermark(80, 11s), 90);
  update({1, 2}, 11s);
  EXPECT_EQ(watermark(90, 11s), 100);
  tracker.set_durable_end(120);
  fetch(2, 120, 12s, 120);
  fetch(3, 110, 12s, 110);
  EXPECT_EQ(watermark(100, 12s), 110);
}

TEST_F(IsrTrackerTest, WhoMayNotJoinIsNotWaitedFor) {
  begin({1, 2});
  tracker.set_durable_end(100);
  fetch(2, 100, 10s);
  fetch(3, 90, 10s, 90);
  apply({metadata::BrokerRegistrationChangeRecord{.broker_id = 3, .broker_epoch = 13, .fenced = true}});
  EXPECT_EQ(watermark(80, 11s), 100);
}

TEST_F(IsrTrackerTest, RP_12_AFollowerJoinsAtTheHighWatermarkAndTheStartOfTheEpoch) {
  begin({1, 2}, 50);
  EXPECT_FALSE(may_join(3, 0));  // has not fetched in this epoch
  fetch(3, 49);
  EXPECT_FALSE(may_join(3, 40));  // before the epoch's start
  fetch(3, 50);
  EXPECT_TRUE(may_join(3, 40));
  EXPECT_FALSE(may_join(3, 51));  // below the high watermark
  EXPECT_FALSE(may_join(2, 40));  // is a member
  EXPECT_FALSE(may_join(4, 40));  // is no replica
  tracker.ask_to_add(3);
  EXPECT_FALSE(may_join(3, 40));  // is asked for
}

TEST_F(IsrTrackerTest, RP_10_AFetchOfAnEarlierProcessDoesNotCount) {
  begin({1, 2});
  tracker.note_fetch(3, {100, 0, 13}, 100, at(0s));
  EXPECT_TRUE(may_join(3, 0));
  register_broker(3, 99);  // it has restarted since
  EXPECT_FALSE(may_join(3, 0));
  tracker.note_fetch(3, {100, 0, 99}, 100, at(1s));
  EXPECT_TRUE(may_join(3, 0));
  tracker.ask_to_add(3);
  EXPECT_EQ(tracker.asked_isr(77).back(), (IsrMember{3, 99}));
}

TEST_F(IsrTrackerTest, RP_11_WhoIsFencedOrShutsDownDoesNotJoin) {
  begin({1, 2});
  fetch(3, 100);
  apply({metadata::BrokerRegistrationChangeRecord{.broker_id = 3, .broker_epoch = 13, .fenced = true}});
  EXPECT_FALSE(may_join(3, 0));
  apply({metadata::BrokerRegistrationChangeRecord{
      .broker_id = 3, .broker_epoch = 13, .fenced = false, .in_controlled_shutdown = true}});
  EXPECT_FALSE(may_join(3, 0));
  apply({metadata::UnregisterBrokerRecord{3, 13}});
  EXPECT_FALSE(may_join(3, 0));
}

TEST_F(IsrTrackerTest, LaggardsAreThoseThatHaveNotHadEverythingForTooLong) {
  begin({1, 2, 3}, 0, 100s);
  EXPECT_EQ(tracker.laggards(100, rules, at(130s)), Nodes{});  // they have had no time yet
  fetch(2, 100, 125s);
  fetch(3, 99, 125s);
  EXPECT_EQ(tracker.laggards(100, rules, at(131s)), Nodes{3});
  EXPECT_EQ(tracker.laggards(100, rules, at(500s)), Nodes{3});  // 2 has everything there is
  EXPECT_EQ(tracker.laggards(101, rules, at(500s)), (Nodes{2, 3}));
}

TEST_F(IsrTrackerTest, RP_27_UnderLoadAFollowerIsCaughtUpWhenItAsksForWhatCameSinceItsLastFetch) {
  begin({1, 2, 3}, 0, 0s);
  for (int second = 1; second <= 100; ++second) {
    fetch(2, 10 * (second - 1), std::chrono::seconds(second), 10 * second);  // always one fetch behind
    fetch(3, second, std::chrono::seconds(second), 10 * second);             // falls behind for good
  }
  EXPECT_EQ(tracker.laggards(1000, rules, at(101s)), Nodes{3});
}

TEST_F(IsrTrackerTest, RP_27_WhoHasJustJoinedIsNotAskedToLeave) {
  begin({1, 2}, 0, 0s);
  fetch(3, 40, 100s);  // has reached the high watermark, never the end
  update({1, 2, 3}, 101s);
  fetch(2, 100, 101s);
  EXPECT_EQ(tracker.laggards(100, rules, at(130s)), Nodes{});
  EXPECT_EQ(tracker.laggards(100, rules, at(132s)), Nodes{3});
}

TEST_F(IsrTrackerTest, ALeaderIsFollowedWhenAllThatCountFetch) {
  rules.min_insync_replicas = 2;
  begin({1, 2});
  EXPECT_FALSE(tracker.is_followed(rules, 1s, at(0s))) << "nobody has fetched in this epoch";
  fetch(2, 10, 5s);
  EXPECT_TRUE(tracker.is_followed(rules, 1s, at(6s)));
  EXPECT_FALSE(tracker.is_followed(rules, 1s, at(6001ms)));
  fetch(2, 10, 10s);
  fetch(3, 10, 10s);
  tracker.ask_to_add(3);
  EXPECT_TRUE(tracker.is_followed(rules, 1s, at(11s)));
  fetch(2, 10, 20s);
  EXPECT_FALSE(tracker.is_followed(rules, 1s, at(20s))) << "3 may be in sync by now";
  update({1, 2});
  EXPECT_TRUE(tracker.is_followed(rules, 1s, at(20s)));
  update({1});
  EXPECT_FALSE(tracker.is_followed(rules, 1s, at(20s))) << "alone it cannot acknowledge";
  rules.min_insync_replicas = 1;
  EXPECT_TRUE(tracker.is_followed(rules, 1s, at(200s))) << "nobody else can be elected";
}

TEST_F(IsrTrackerTest, RP_17_AReplicaThatWasGoneCountsFromNothing) {
  begin({1, 2});
  fetch(3, 100);
  state.replicas = {1, 2};
  update({1, 2});
  EXPECT_FALSE(fetch(3, 100));
  state.replicas = {1, 2, 3};
  update({1, 2});
  EXPECT_FALSE(may_join(3, 0));
  fetch(3, 0);
  EXPECT_FALSE(may_join(3, 10));
}

TEST_F(IsrTrackerTest, TheLowWatermarkIsTheSmallestLogStartOfTheLiving) {
  begin({1, 2, 3});
  EXPECT_EQ(tracker.low_watermark(20, image), 0);
  tracker.note_fetch(2, {100, 20, 12}, 100, at(0s));
  tracker.note_fetch(3, {100, 10, 13}, 100, at(0s));
  EXPECT_EQ(tracker.low_watermark(20, image), 10);
  apply({metadata::BrokerRegistrationChangeRecord{.broker_id = 3, .broker_epoch = 13, .fenced = true}});
  EXPECT_EQ(tracker.low_watermark(20, image), 20);
}

// --- which replica a consumer had better read from

struct ReplicaSelectorTest : IsrTrackerTest {
  ReplicaSelectorTest() {
    register_broker(1, 111, "west");
    register_broker(2, 112, "east");
    register_broker(3, 113, "east");
    begin({1, 2, 3});
  }
  std::optional<NodeId> select(const std::string& rack, Offset from) {
    return select_replica(tracker, image, 1, rack, from);
  }
};

TEST_F(ReplicaSelectorTest, ChoosesTheFurthestInTheRack) {
  fetch(2, 50, 1s), fetch(3, 60, 1s);
  EXPECT_EQ(select("east", 10), 3);
  fetch(2, 60, 2s, 60);
  EXPECT_EQ(select("east", 10), 2);  // as far, and later
}

TEST_F(ReplicaSelectorTest, TheLeaderServesItsOwnRackAndThoseThatNobodyElseServes) {
  fetch(2, 50), fetch(3, 60);
  EXPECT_EQ(select("west", 10), std::nullopt);
  EXPECT_EQ(select("north", 10), std::nullopt);
  EXPECT_EQ(select("east", 61), std::nullopt);  // nobody there has it yet
  EXPECT_EQ(select("east", 55), 3);
  update({1});
  EXPECT_EQ(select("east", 10), std::nullopt);  // they are not in sync
}

TEST_F(ReplicaSelectorTest, NotWhoseLogStartsLater) {
  tracker.note_fetch(2, {50, 0, 12}, 100, at(0s));
  tracker.note_fetch(3, {60, 20, 13}, 100, at(0s));
  EXPECT_EQ(select("east", 10), 2);
  EXPECT_EQ(select("east", 20), 3);
}

}  // namespace
}  // namespace moldau::replication
