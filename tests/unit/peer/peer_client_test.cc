// PeerClient against scripted brokers on the simulated network.
#include "peer/peer_client.h"

#include <gtest/gtest.h>

#include "../client/fake_broker.h"
#include "wire/messages/vote.h"

namespace moldau::peer {
namespace {

using client::FakeBroker;
using runtime::Task;
using namespace std::chrono_literals;
using Kind = FakeBroker::Script::Kind;

class PeerClientTest : public testing::Test {
 protected:
  PeerClientTest() { start_broker(); }
  ~PeerClientTest() override {
    if (peers_) close();
    stop_broker();
    world_.run_until_idle(10min);
  }

  void start_broker() {
    broker_ = std::make_unique<FakeBroker>(world_, cluster_, 0, 9092);
    broker_->serves<wire::VoteRequest, wire::VoteResponse>([](const wire::VoteRequest& request) {
      wire::VoteResponse response;
      response.topics.emplace_back().topic_name = request.cluster_id.value_or("");
      return response;
    });
  }
  void stop_broker() {
    if (broker_) world_.run(broker_->stop());
    world_.run_for(10ms);
    broker_.reset();
    cluster_.brokers.clear();
  }
  PeerClient& peers() {
    if (!peers_)
      peers_ = std::make_unique<PeerClient>(world_.shard(0), world_.network(0), Random(7), options_);
    return *peers_;
  }
  void close() {
    world_.run(peers_->close());
    peers_.reset();
  }
  runtime::Endpoint there() const { return {"127.0.0.1", 9092}; }
  runtime::MonotonicTime in(runtime::Duration duration) { return world_.shard(0).now() + duration; }
  static wire::VoteRequest vote(std::string text = "x") {
    wire::VoteRequest request;
    request.cluster_id = std::move(text);
    return request;
  }
  Task<Result<wire::VoteResponse>> start(runtime::Duration within = 5s, Purpose purpose = Purpose::quorum) {
    return peers().call<wire::VoteResponse>(there(), vote(), in(within), purpose);
  }
  Result<wire::VoteResponse> ask(runtime::Duration within = 5s, Purpose purpose = Purpose::quorum) {
    return world_.run(start(within, purpose));
  }
  Errc error_of(Result<wire::VoteResponse> response) {
    EXPECT_FALSE(response);
    return response ? Errc::io : response.error().code;
  }

  simulation::World world_{static_cast<std::uint64_t>(testing::UnitTest::GetInstance()->random_seed()) + 1};
  client::FakeCluster cluster_;
  std::unique_ptr<FakeBroker> broker_;
  PeerOptions options_;
  std::unique_ptr<PeerClient> peers_;
};

TEST_F(PeerClientTest, OneConnectionForEachAddressAndPurpose) {
  for (int i = 0; i < 3; ++i) {
    const auto response = ask();
    ASSERT_TRUE(response) << response.error().message;
    EXPECT_EQ(response->topics.at(0).topic_name, "x");
  }
  EXPECT_EQ(broker_->connections, 1u);
  ASSERT_TRUE(ask(5s, Purpose::quorum_fetch));
  EXPECT_EQ(broker_->connections, 2u);
  EXPECT_EQ(peers().connection_count(), 2u);
}

TEST_F(PeerClientTest, CallsThatComeTogetherShareTheOneConnection) {
  std::vector<Task<Result<wire::VoteResponse>>> calls;
  for (int i = 0; i < 20; ++i) calls.push_back(start());
  for (auto& call : calls) EXPECT_TRUE(world_.run(std::move(call)));
  EXPECT_EQ(broker_->connections, 1u);
}

TEST_F(PeerClientTest, ALongPollHoldsUpOnlyItsOwnPurpose) {
  broker_->hook = [](const wire::RequestFrame& request) -> std::optional<FakeBroker::Script> {
    if (request.header.api_key == wire::ApiKey::fetch) return FakeBroker::Script{.kind = Kind::never_answer};
    return std::nullopt;
  };
  auto poll = peers().call<wire::FetchResponse>(there(), wire::FetchRequest(), in(3s), Purpose::quorum_fetch);
  EXPECT_TRUE(ask(1s));
  EXPECT_FALSE(poll.ended());
  const auto polled = world_.run(std::move(poll));
  ASSERT_FALSE(polled);
  EXPECT_EQ(polled.error().code, Errc::timed_out);
  EXPECT_TRUE(ask(1s));
}

TEST_F(PeerClientTest, NobodyThereIsToldAtOnceAndTheNextAttemptWaits) {
  stop_broker();
  const auto began = world_.now();
  EXPECT_EQ(error_of(ask()), Errc::connection_refused);
  EXPECT_LT(world_.now() - began, 10ms);
  for (int i = 0; i < 12; ++i) EXPECT_EQ(error_of(ask()), Errc::connection_refused);
  // 25 to 50 ms, doubled each time up to half a second to a second.
  EXPECT_GT(world_.now() - began, 3s);
  EXPECT_LT(world_.now() - began, 10s);
  start_broker();
  EXPECT_TRUE(ask());
  EXPECT_TRUE(ask());
}

TEST_F(PeerClientTest, ACallThatWaitsForTheBackOffEndsAtItsDeadline) {
  stop_broker();
  for (int i = 0; i < 8; ++i) EXPECT_EQ(error_of(ask()), Errc::connection_refused);
  const auto began = world_.now();
  const auto response = ask(100ms);
  EXPECT_EQ(error_of(response), Errc::timed_out);
  EXPECT_NE(response.error().message.find("127.0.0.1:9092"), std::string::npos);
  EXPECT_NE(response.error().message.find("refused"), std::string::npos);
  EXPECT_LE(world_.now() - began, 110ms);
}

TEST_F(PeerClientTest, ABrokenConnectionFailsWhatWasUnderWayAndIsReplacedAtOnce) {
  ASSERT_TRUE(ask());
  broker_->hook = [](const wire::RequestFrame& request) -> std::optional<FakeBroker::Script> {
    if (request.header.api_key == wire::ApiKey::vote)
      return FakeBroker::Script{.kind = Kind::drop_after_apply};
    return std::nullopt;
  };
  EXPECT_EQ(error_of(ask()), Errc::unavailable);
  EXPECT_EQ(broker_->count(wire::ApiKey::vote), 2u) << "nothing is repeated";
  broker_->hook = nullptr;
  const auto began = world_.now();
  EXPECT_TRUE(ask());
  EXPECT_LT(world_.now() - began, 10ms);
}

TEST_F(PeerClientTest, WhoIsPutOutAgainAndAgainBacksOff) {
  broker_->hook = [](const wire::RequestFrame& request) -> std::optional<FakeBroker::Script> {
    if (request.header.api_key == wire::ApiKey::vote)
      return FakeBroker::Script{.kind = Kind::drop_connection};
    return std::nullopt;
  };
  const auto began = world_.now();
  for (int i = 0; i < 10; ++i) EXPECT_EQ(error_of(ask()), Errc::unavailable);
  EXPECT_GT(world_.now() - began, 2s);
  EXPECT_EQ(broker_->connections, 10u);
}

TEST_F(PeerClientTest, ASilentPeerEndsTheCallAtItsDeadline) {
  ASSERT_TRUE(ask());
  broker_->hook = [](const wire::RequestFrame&) { return FakeBroker::Script{.kind = Kind::never_answer}; };
  const auto began = world_.now();
  EXPECT_EQ(error_of(ask(300ms)), Errc::timed_out);
  EXPECT_GE(world_.now() - began, 300ms);
  EXPECT_LE(world_.now() - began, 310ms);
}

TEST_F(PeerClientTest, APeerThatDoesNotAgreeOnVersionsIsGivenUpInTime) {
  broker_->hook = [](const wire::RequestFrame&) { return FakeBroker::Script{.kind = Kind::never_answer}; };
  const auto began = world_.now();
  const auto response = ask(30s);
  EXPECT_FALSE(response);
  EXPECT_LE(world_.now() - began, options_.connect_timeout * 2);
}

TEST_F(PeerClientTest, WhatThePeerDoesNotServeIsUnsupported) {
  broker_->ranges.erase(wire::ApiKey::vote);
  EXPECT_EQ(error_of(ask()), Errc::unsupported);
}

TEST_F(PeerClientTest, ADeadlineThatHasPassedSendsNothing) {
  ASSERT_TRUE(ask());
  EXPECT_EQ(error_of(ask(0s)), Errc::timed_out);
  EXPECT_EQ(broker_->count(wire::ApiKey::vote), 1u);
}

TEST_F(PeerClientTest, TooManyThatWaitAreRefused) {
  stop_broker();
  options_.max_waiting = 5;
  EXPECT_EQ(error_of(ask()), Errc::connection_refused);
  std::vector<Task<Result<wire::VoteResponse>>> calls;
  for (int i = 0; i < 5; ++i) calls.push_back(start());
  auto refused = start();
  ASSERT_TRUE(refused.ended());
  EXPECT_EQ(error_of(std::move(refused).take()), Errc::unavailable);
  for (auto& call : calls) EXPECT_EQ(error_of(world_.run(std::move(call))), Errc::connection_refused);
}

TEST_F(PeerClientTest, ConnectionsThatNobodyUsesMakeRoom) {
  options_.max_connections = 2;
  ASSERT_TRUE(ask(5s, Purpose::quorum));
  world_.run_for(1s);
  ASSERT_TRUE(ask(5s, Purpose::control));
  world_.run_for(1s);
  ASSERT_TRUE(ask(5s, Purpose::forward));
  EXPECT_EQ(peers().connection_count(), 2u);
  ASSERT_TRUE(ask(5s, Purpose::control));
  EXPECT_EQ(broker_->connections, 3u) << "the one used last stayed";
}

TEST_F(PeerClientTest, CloseEndsWhatIsUnderWay) {
  broker_->hook = [](const wire::RequestFrame& request) -> std::optional<FakeBroker::Script> {
    if (request.header.api_key == wire::ApiKey::vote) return FakeBroker::Script{.kind = Kind::never_answer};
    return std::nullopt;
  };
  ASSERT_TRUE(world_.run(
      peers().call<wire::MetadataResponse>(there(), wire::MetadataRequest(), in(5s), Purpose::quorum)));
  auto sent = start(1h);
  auto connecting = peers().call<wire::VoteResponse>({"127.0.0.1", 1}, vote(), in(1h), Purpose::quorum);
  const auto began = world_.now();
  world_.run(peers().close());
  EXPECT_LE(world_.now() - began, options_.connect_timeout);
  ASSERT_TRUE(sent.ended() && connecting.ended());
  EXPECT_EQ(error_of(std::move(sent).take()), Errc::cancelled);
  EXPECT_FALSE(std::move(connecting).take());
  EXPECT_EQ(error_of(ask()), Errc::cancelled);
  peers_.reset();
}

TEST_F(PeerClientTest, CloseDoesNotWaitForABackOff) {
  stop_broker();
  for (int i = 0; i < 8; ++i) EXPECT_EQ(error_of(ask()), Errc::connection_refused);
  auto waiting = start(1h);
  const auto began = world_.now();
  world_.run(peers().close());
  EXPECT_LE(world_.now() - began, 10ms);
  ASSERT_TRUE(waiting.ended());
  EXPECT_EQ(error_of(std::move(waiting).take()), Errc::cancelled);
  peers_.reset();
}

}  // namespace
}  // namespace moldau::peer
