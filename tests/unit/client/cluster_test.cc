#include "client/cluster.h"

#include "fixture.h"

namespace moldau::client {
namespace {

using Kind = FakeBroker::Script::Kind;
using wire::ApiKey;
using wire::ErrorCode;

class ClusterTest : public ClientTest {
 protected:
  ClusterTest() { cluster_.add_topic("t", 2); }
};

TEST_F(ClusterTest, LearnsTopicsAndBrokers) {
  add_broker();
  const auto topics = world_.run(client().topics({}));
  ASSERT_TRUE(topics);
  ASSERT_EQ(topics->size(), 1u);
  EXPECT_EQ(topics->front().partitions.size(), 2u);
  EXPECT_EQ(client().metadata().cluster().brokers.size(), 2u);
  EXPECT_EQ(client().metadata().cluster().cluster_id, "fake");
}

TEST_F(ClusterTest, ABootstrapAddressThatIsDeadIsPassedOver) {
  options_.bootstrap = {{"127.0.0.1", 1}, {"no-such-host", 9092}, broker().endpoint()};
  EXPECT_TRUE(world_.run(client().topics({})));
}

TEST_F(ClusterTest, NobodyThereIsAnErrorThatNamesTheAddress) {
  options_.bootstrap = {{"127.0.0.1", 1}};
  options_.api_timeout = 3s;
  const auto topics = world_.run(client().topics({}));
  ASSERT_FALSE(topics);
  EXPECT_EQ(topics.error().code, Errc::connection_refused);
  EXPECT_EQ(topics.error().address, "127.0.0.1:1");
  EXPECT_LT(world_.elapsed(), 5s);
}

TEST_F(ClusterTest, AnUnknownHostIsNotTriedForLong) {
  options_.bootstrap = {{"no-such-host", 9092}};
  const auto topics = world_.run(client().topics({}));
  ASSERT_FALSE(topics);
  EXPECT_EQ(topics.error().phase, Phase::resolve);
  EXPECT_LT(world_.elapsed(), 1s);
}

TEST_F(ClusterTest, RepeatsWhenTheConnectionIsLost) {
  int drops = 3;
  broker().hook = [&](const wire::RequestFrame& request) -> std::optional<FakeBroker::Script> {
    if (request.header.api_key != ApiKey::metadata || drops-- <= 0) return std::nullopt;
    return FakeBroker::Script{.kind = Kind::drop_connection};
  };
  EXPECT_TRUE(world_.run(client().topics({})));
  EXPECT_EQ(broker().connections, 4u);
}

TEST_F(ClusterTest, CallersAtOnceShareAConnectionAndARefresh) {
  ASSERT_TRUE(world_.run(client().topics({})));
  const auto asked = broker().count(ApiKey::metadata);
  std::vector<Task<Outcome<void>>> refreshes;
  for (int i = 0; i < 5; ++i) refreshes.push_back(client().refresh({"t"}));
  for (auto& refresh : refreshes) EXPECT_TRUE(world_.run(std::move(refresh)));
  EXPECT_EQ(broker().count(ApiKey::metadata), asked + 1);
  EXPECT_EQ(broker().connections, 1u);
}

TEST_F(ClusterTest, WaitsForALeader) {
  cluster_.partition("t", 0).leader = -1;
  auto leader = client().leader_of("t", 0, in(10s));
  world_.run_for(1s);
  cluster_.partition("t", 0).leader = 0;
  cluster_.partition("t", 0).epoch = 2;
  const auto found = world_.run(std::move(leader));
  ASSERT_TRUE(found);
  EXPECT_EQ(*found, 0);
  const auto none = world_.run(client().leader_of("t", 7, in(10s)));
  ASSERT_FALSE(none);
  EXPECT_EQ(none.error().code, Errc::not_found);
}

TEST_F(ClusterTest, CloseCancelsWhatIsUnderWay) {
  broker().hook = [](const wire::RequestFrame& request) {
    return request.header.api_key == ApiKey::metadata
               ? std::optional(FakeBroker::Script{.kind = Kind::never_answer})
               : std::nullopt;
  };
  auto topics = client().topics({});
  world_.run_for(1s);
  world_.run(client().close());
  const auto answer = world_.run(std::move(topics));
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().code, Errc::cancelled);
  EXPECT_LT(world_.elapsed(), 3s);
}

TEST_F(ClusterTest, AnOlderLeaderEpochDoesNotReplaceANewer) {
  ASSERT_TRUE(world_.run(client().topics({})));
  client().note_leader("t", 0, 5, 9);
  ASSERT_TRUE(world_.run(client().refresh({"t"})));
  EXPECT_EQ(client().metadata().partition("t", 0)->leader, 5);
  cluster_.partition("t", 0).epoch = 10;
  ASSERT_TRUE(world_.run(client().refresh({"t"})));
  EXPECT_EQ(client().metadata().partition("t", 0)->leader, 0);
}

TEST(BootstrapTest, ParsesWhatPeopleType) {
  const auto endpoints = parse_bootstrap("a:1, b,[::1]:3,");
  ASSERT_TRUE(endpoints);
  ASSERT_EQ(endpoints->size(), 3u);
  EXPECT_EQ((*endpoints)[0], (Endpoint{"a", 1}));
  EXPECT_EQ((*endpoints)[1], (Endpoint{"b", 9092}));
  EXPECT_EQ((*endpoints)[2].port, 3);
  EXPECT_FALSE(parse_bootstrap(""));
  EXPECT_FALSE(parse_bootstrap("a:banana"));
}

TEST_F(ClusterTest, ListsOffsetsFromTheLeadersAndThroughAMove) {
  add_broker();
  cluster_.partition("t", 0).end = 5;
  cluster_.partition("t", 1).end = 7;
  cluster_.partition("t", 1).leader = 1;
  AdminCore admin(client());
  std::vector<OffsetQuery> queries = {{{"t", 0}}, {{"t", 1}}, {{"missing", 0}}};
  const auto listed = world_.run(admin.list_offsets(queries));
  ASSERT_TRUE(listed);
  ASSERT_EQ(listed->size(), 3u);
  EXPECT_EQ((*listed)[0].second->offset, 5);
  EXPECT_EQ((*listed)[1].second->offset, 7);
  ASSERT_FALSE((*listed)[2].second);
  EXPECT_EQ((*listed)[2].second.error().code, Errc::not_found);
}

}  // namespace
}  // namespace moldau::client
