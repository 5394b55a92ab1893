// A follower's side of fetch sessions, against the server's (KIP-227).
#include "replication/follower_session.h"

#include <gtest/gtest.h>

#include "server/fetch_session.h"

namespace moldau::replication {
namespace {

constexpr std::int16_t kVersion = 18;
const TopicIdPartition kA{{1, 1}, 0}, kB{{1, 1}, 1}, kC{{2, 2}, 0};

struct FollowerSessionTest : ::testing::Test {
  // What the leader takes the next fetch to be for: partition and offset.
  std::map<TopicIdPartition, Offset> fetch() {
    request = {};
    session.fill(request, 1000);
    auto context = cache.begin(request, kVersion, runtime::MonotonicTime());
    wire::FetchResponse response;
    std::map<TopicIdPartition, Offset> targets;
    if (context) {
      for (const auto& target : context->targets)
        targets[{target.topic_id, target.partition}] = target.fetch_offset;
      response = cache.finish(std::move(*context), {});
    } else {
      response.error_code = context.error();
    }
    accepted = session.accept(response);
    return targets;
  }
  static FollowerPosition from(Offset offset) { return {3, offset, 3, 0, 0}; }
  std::size_t told() const {
    std::size_t count = 0;
    for (const auto& topic : request.topics) count += topic.partitions.size();
    return count;
  }

  FollowerSession session;
  server::FetchSessionCache cache{0, 1, {}, Random(1)};
  wire::FetchRequest request;
  bool accepted = false;
};

using Targets = std::map<TopicIdPartition, Offset>;

TEST_F(FollowerSessionTest, OnlyWhatHasChangedIsTold) {
  session.want(kA, from(1)), session.want(kB, from(2)), session.want(kC, from(3));
  EXPECT_EQ(fetch(), (Targets{{kA, 1}, {kB, 2}, {kC, 3}}));
  EXPECT_EQ(told(), 3);
  session.want(kB, from(20));
  EXPECT_EQ(fetch(), (Targets{{kA, 1}, {kB, 20}, {kC, 3}}));
  EXPECT_EQ(told(), 1);
  EXPECT_EQ(fetch(), (Targets{{kA, 1}, {kB, 20}, {kC, 3}}));
  EXPECT_EQ(told(), 0);
}

TEST_F(FollowerSessionTest, WhatIsForgottenIsToldOnce) {
  session.want(kA, from(1)), session.want(kB, from(2));
  fetch();
  session.forget(kA);
  EXPECT_EQ(fetch(), (Targets{{kB, 2}}));
  EXPECT_EQ(request.forgotten_topics_data.size(), 1);
  fetch();
  EXPECT_TRUE(request.forgotten_topics_data.empty());
}

TEST_F(FollowerSessionTest, WhatComesBackBeforeItWasToldAndGoesAgainIsStillForgotten) {
  session.want(kA, from(1)), session.want(kB, from(2));
  fetch();
  session.forget(kA);
  session.want(kA, from(5));
  session.forget(kA);
  EXPECT_EQ(fetch(), (Targets{{kB, 2}}));
}

TEST_F(FollowerSessionTest, WhatWasNeverToldNeedNotBeForgotten) {
  session.want(kB, from(2));
  fetch();
  session.want(kA, from(1));
  session.forget(kA);
  EXPECT_EQ(fetch(), (Targets{{kB, 2}}));
  EXPECT_TRUE(request.forgotten_topics_data.empty());
}

TEST_F(FollowerSessionTest, RP_24_WhenTheLeaderDoesNotKnowTheSessionAllIsToldAgain) {
  session.want(kA, from(1)), session.want(kB, from(2));
  fetch();
  cache = server::FetchSessionCache(0, 1, {}, Random(2));  // the leader has restarted
  session.want(kA, from(10));
  fetch();
  EXPECT_FALSE(accepted);
  EXPECT_EQ(fetch(), (Targets{{kA, 10}, {kB, 2}}));
  EXPECT_TRUE(accepted);
}

TEST_F(FollowerSessionTest, RP_24_AfterAnAnswerThatWasLostAllIsToldAgain) {
  session.want(kA, from(1)), session.want(kB, from(2));
  fetch();
  session.want(kA, from(10));
  wire::FetchRequest lost;
  session.fill(lost, 1000);
  session.lose();
  EXPECT_EQ(fetch(), (Targets{{kA, 10}, {kB, 2}}));
  EXPECT_EQ(told(), 2);
  EXPECT_EQ(cache.size(), 1);  // the old one has ended
}

TEST_F(FollowerSessionTest, WithoutASessionEveryRequestIsAFullOne) {
  cache = server::FetchSessionCache(0, 1, {.sessions = 0}, Random(2));
  session.want(kA, from(1)), session.want(kB, from(2));
  fetch();
  EXPECT_EQ(fetch(), (Targets{{kA, 1}, {kB, 2}}));
  EXPECT_EQ(told(), 2);
}

}  // namespace
}  // namespace moldau::replication
