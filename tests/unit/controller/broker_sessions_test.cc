#include "controller/broker_sessions.h"

#include "cluster.h"

namespace moldau::controller {
namespace {

using namespace std::chrono_literals;

class Sessions : public ::testing::Test {
 protected:
  void SetUp() override { cluster_.create_on("t", {1, 2, 3}); }
  const Image& image() const { return cluster_.image_; }
  BrokerSessions& sessions() { return cluster_.sessions_; }
  Cluster cluster_{3};
};

TEST_F(Sessions, EndAfterTheTimeoutOneBrokerAtATime) {
  EXPECT_EQ(sessions().next_expiry(image()), 9s);
  cluster_.now_ = 4s;
  cluster_.beat(2);
  EXPECT_FALSE(sessions().next_expired(image(), 8999ms));
  EXPECT_EQ(sessions().next_expired(image(), 9s), 1);
  cluster_.fence(1);
  EXPECT_EQ(sessions().next_expired(image(), 9s), 3);
  cluster_.fence(3);
  EXPECT_FALSE(sessions().next_expired(image(), 9s));
  EXPECT_EQ(sessions().next_expiry(image()), 13s);
  cluster_.fence(2);
  EXPECT_EQ(sessions().next_expiry(image()), kNever);
  EXPECT_FALSE(sessions().next_expired(image(), 1h)) << "fenced brokers have nothing to lose";
}

TEST_F(Sessions, TheOneHeardOfFirstExpiresFirst) {
  cluster_.now_ = 1s;
  cluster_.beat(1);
  cluster_.now_ = 2s;
  cluster_.beat(3);
  cluster_.now_ = 3s;
  cluster_.beat(2);
  EXPECT_EQ(sessions().next_expired(image(), 1h), 1);
}

TEST_F(Sessions, ANewControllerGivesEveryUnfencedBrokerAWholeSession) {
  cluster_.fence(3);
  BrokerSessions after_failover(5s);
  EXPECT_EQ(after_failover.next_expiry(image()), kNever);
  after_failover.activate(image(), 100s);
  EXPECT_EQ(after_failover.next_expiry(image()), 105s);
  EXPECT_TRUE(after_failover.is_live(image(), 1, 104s));
  EXPECT_FALSE(after_failover.is_live(image(), 1, 105s));
  EXPECT_FALSE(after_failover.is_live(image(), 3, 101s));
}

TEST_F(Sessions, TheTimeOfAnUnfencedBrokerWithoutOneBeginsWhenItIsMissed) {
  BrokerSessions empty(5s);
  EXPECT_FALSE(empty.next_expired(image(), 100s));
  EXPECT_FALSE(empty.next_expired(image(), 104s));
  EXPECT_EQ(empty.next_expired(image(), 105s), 1);
}

TEST_F(Sessions, RA_25_OfFencedBrokersHoldTheirIdToo) {
  cluster_.beat(2, true);
  EXPECT_TRUE(sessions().is_live(image(), 2, 8s));
  const auto request = cluster_.registration(2);
  EXPECT_EQ(cluster_.controller_
                .register_broker(image(), request, cluster_.next_offset_, sessions().is_live(image(), 2, 8s))
                .response.error_code,
            ErrorCode::duplicate_broker_registration);
  EXPECT_EQ(cluster_.controller_
                .register_broker(image(), request, cluster_.next_offset_, sessions().is_live(image(), 2, 9s))
                .response.error_code,
            ErrorCode::none);
}

TEST_F(Sessions, RA_25_WhatAnEarlierProcessSaidKeepsNobodyAlive) {
  const auto late = cluster_.heartbeat_of(1);
  cluster_.crash_and_register(1);
  cluster_.now_ = 5s;
  const auto response = cluster_.beat(late);
  EXPECT_EQ(response.error_code, ErrorCode::stale_broker_epoch);
  EXPECT_FALSE(sessions().is_live(image(), 1, 10s));
}

TEST_F(Sessions, WhoWasToldToShutDownMayComeBackAtOnce) {
  EXPECT_FALSE(cluster_.beat(1, false, true).should_shut_down);
  cluster_.beat(2), cluster_.beat(3);
  EXPECT_TRUE(sessions().is_live(image(), 1, 1s));
  EXPECT_TRUE(cluster_.beat(1, false, true).should_shut_down);
  EXPECT_FALSE(sessions().is_live(image(), 1, 1s));
}

TEST_F(Sessions, ShutdownWaitsUntilEveryActiveBrokerKnows) {
  auto stale = cluster_.heartbeat_of(2);
  EXPECT_FALSE(cluster_.beat(1, false, true).should_shut_down);
  EXPECT_NE(cluster_.partition("t").leader, 1);
  cluster_.beat(3);
  cluster_.beat(stale);  // has not applied what moved the leader
  EXPECT_FALSE(sessions().has_handed_over(image(), 1));
  EXPECT_FALSE(cluster_.beat(1, false, true).should_shut_down);
  EXPECT_TRUE(cluster_.last_records_.empty());
  cluster_.beat(2);
  EXPECT_TRUE(sessions().has_handed_over(image(), 1));
  EXPECT_TRUE(cluster_.beat(1, false, true).should_shut_down);
}

TEST_F(Sessions, ShutdownDoesNotWaitForTheFenced) {
  EXPECT_FALSE(cluster_.beat(1, false, true).should_shut_down);
  cluster_.beat(3);
  EXPECT_FALSE(sessions().has_handed_over(image(), 1));
  cluster_.fence(2);
  EXPECT_TRUE(sessions().has_handed_over(image(), 1));
}

TEST_F(Sessions, RefusedHeartbeatsDoNotCount) {
  auto request = cluster_.heartbeat_of(1);
  cluster_.now_ = 5s;
  sessions().heartbeat(request, {.error_code = ErrorCode::not_controller}, 100, 5s);
  EXPECT_EQ(sessions().next_expired(image(), 9s), 1);
}

TEST_F(Sessions, OfAnUnregisteredBrokerEnd) {
  cluster_.commit(cluster_.controller_.unregister_broker(image(), {.broker_id = 2}));
  EXPECT_FALSE(sessions().is_live(image(), 2, 1s));
  sessions().forget(2);
  EXPECT_EQ(sessions().next_expired(image(), 9s), 1);
}

}  // namespace
}  // namespace moldau::controller
