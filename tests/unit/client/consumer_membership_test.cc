// A member of the consumer protocol against a scripted coordinator: what heartbeats say, and what their
// answers do. Groups of several members are tested on a node (tests/unit/node).
#include "client/consumer_membership.h"

#include "fixture.h"
#include "wire/messages/find_coordinator.h"

namespace moldau::client {
namespace {

using wire::ApiKey;
using wire::ErrorCode;
using Request = wire::ConsumerGroupHeartbeatRequest;
using Response = wire::ConsumerGroupHeartbeatResponse;

struct Told final : GroupListener {
  Task<void> revoked(std::vector<TopicPartition> partitions) override {
    log.push_back("revoked " + text(partitions));
    co_return;
  }
  void lost(std::vector<TopicPartition> partitions) override { log.push_back("lost " + text(partitions)); }
  Task<void> assigned(std::vector<TopicPartition> partitions) override {
    log.push_back("assigned " + text(partitions));
    co_return;
  }
  bool is_stalled() const override { return stalled; }
  static std::string text(const std::vector<TopicPartition>& partitions) {
    std::string all;
    for (const auto& one : partitions) all += (all.empty() ? "" : " ") + one.to_string();
    return all;
  }
  std::vector<std::string> log;
  bool stalled = false;
};

class ConsumerMembershipTest : public ClientTest {
 protected:
  ConsumerMembershipTest() {
    cluster_.add_topic("t", 4);
    broker().serves<wire::FindCoordinatorRequest, wire::FindCoordinatorResponse>([](const auto& request) {
      wire::FindCoordinatorResponse response;
      for (const std::string& key : request.coordinator_keys)
        response.coordinators.push_back({key, 0, "127.0.0.1", 9092, ErrorCode::none, {}});
      return response;
    });
    serve_heartbeats();
    group_.group_id = "g";
    group_.protocol = GroupProtocol::consumer;
    group_.rebalance_timeout = 30s;
  }
  ~ConsumerMembershipTest() override {
    if (member_) world_.run(member_->close());
  }

  // As a coordinator that gives `wanted_` to whoever asks.
  void serve_heartbeats() {
    broker().serves<Request, Response>([this](const Request& request) {
      requests_.push_back(request);
      Response response;
      response.member_id = request.member_id;
      response.member_epoch = request.member_epoch <= 0 ? ++epoch_ : epoch_;
      response.heartbeat_interval_ms = 1000;
      if (!codes_.empty()) {
        response.error_code = codes_.front();
        response.error_message = "as scripted";
        codes_.pop_front();
        return response;
      }
      if (request.member_epoch == 0 || changed_) {
        auto& topics = response.assignment.emplace().topic_partitions;
        if (!wanted_.empty()) topics.push_back({cluster_.topics.at("t").id, wanted_});
        changed_ = false;
      }
      return response;
    });
  }
  void start() {
    member_ = Membership::make(
        client(), group_,
        []() -> Task<Outcome<std::vector<std::string>>> { co_return std::vector<std::string>{"t"}; }, told_);
    member_->start();
  }
  void give(std::vector<std::int32_t> partitions) {
    wanted_ = std::move(partitions);
    changed_ = true;
    ++epoch_;
  }
  bool until(std::function<bool()> holds) { return world_.run_until(std::move(holds), 30s); }
  bool told(const std::vector<std::string>& log) {
    return until([&] { return told_.log == log; });
  }

  GroupOptions group_;
  Told told_;
  std::unique_ptr<Membership> member_;
  std::vector<Request> requests_;
  std::deque<ErrorCode> codes_;
  std::vector<std::int32_t> wanted_{0, 1};
  bool changed_ = false;
  std::int32_t epoch_ = 0;
};

TEST_F(ConsumerMembershipTest, JoinsTakesWhatItIsGivenAndSaysSo) {
  group_.remote_assignor = "range";
  start();
  ASSERT_TRUE(told({"assigned t-0 t-1"}));
  ASSERT_TRUE(until([&] { return requests_.size() >= 3; }));
  const Request& join = requests_[0];
  EXPECT_EQ(join.member_epoch, 0);
  EXPECT_FALSE(join.member_id.empty());
  EXPECT_EQ(join.rebalance_timeout_ms, 30'000);
  EXPECT_EQ(join.subscribed_topic_names, std::vector<std::string>{"t"});
  EXPECT_EQ(join.server_assignor, "range");
  ASSERT_TRUE(join.topic_partitions);
  EXPECT_TRUE(join.topic_partitions->empty());
  const Request& owns = requests_[1];
  EXPECT_EQ(owns.member_epoch, 1);
  EXPECT_FALSE(owns.subscribed_topic_names) << "what has not changed is not said again";
  EXPECT_EQ(owns.rebalance_timeout_ms, -1);
  ASSERT_TRUE(owns.topic_partitions);
  ASSERT_EQ(owns.topic_partitions->size(), 1u);
  EXPECT_EQ(owns.topic_partitions->front().partitions, (std::vector<std::int32_t>{0, 1}));
  EXPECT_FALSE(requests_[2].topic_partitions);
  EXPECT_EQ(member_->generation(), 1);
}

TEST_F(ConsumerMembershipTest, GivesUpBeforeItTakes) {
  start();
  ASSERT_TRUE(told({"assigned t-0 t-1"}));
  give({1, 2});
  ASSERT_TRUE(told({"assigned t-0 t-1", "revoked t-0", "assigned t-2"}));
  EXPECT_EQ(member_->owned(), (std::vector<TopicPartition>{{"t", 1}, {"t", 2}}));
  give({});
  ASSERT_TRUE(told({"assigned t-0 t-1", "revoked t-0", "assigned t-2", "revoked t-1 t-2"}));
  ASSERT_TRUE(
      until([&] { return requests_.back().topic_partitions && requests_.back().topic_partitions->empty(); }));
}

TEST_F(ConsumerMembershipTest, WhoIsFencedHasLostEverythingAndJoinsAgain) {
  for (const ErrorCode code : {ErrorCode::fenced_member_epoch, ErrorCode::unknown_member_id}) {
    told_.log.clear();
    if (!member_) start();
    ASSERT_TRUE(until([&] { return member_->owned().size() == 2; }));
    told_.log.clear();
    const std::string id = member_->id();
    const std::size_t before = requests_.size();
    codes_ = {code};
    ASSERT_TRUE(told({"lost t-0 t-1", "assigned t-0 t-1"}));
    EXPECT_EQ(member_->id(), id) << "for life";
    const auto joins = [](const Request& request) { return request.member_epoch == 0; };
    EXPECT_TRUE(
        std::ranges::any_of(requests_.begin() + static_cast<std::ptrdiff_t>(before), requests_.end(), joins));
  }
}

TEST_F(ConsumerMembershipTest, ACommitThatWasRefusedTellsTheMemberToo) {
  start();
  ASSERT_TRUE(told({"assigned t-0 t-1"}));
  member_->note_refusal(ErrorCode::rebalance_in_progress);
  EXPECT_EQ(told_.log.size(), 1u) << "nothing follows from that";
  member_->note_refusal(ErrorCode::unknown_member_id);
  ASSERT_TRUE(told({"assigned t-0 t-1", "lost t-0 t-1", "assigned t-0 t-1"}));
}

TEST_F(ConsumerMembershipTest, WhatPassesIsAskedAgainInFull) {
  start();
  ASSERT_TRUE(told({"assigned t-0 t-1"}));
  const std::size_t before = requests_.size();
  codes_ = {ErrorCode::coordinator_load_in_progress, ErrorCode::not_coordinator};
  ASSERT_TRUE(until([&] { return requests_.size() >= before + 3; }));
  EXPECT_TRUE(requests_[before + 2].subscribed_topic_names);
  ASSERT_TRUE(requests_[before + 2].topic_partitions);
  EXPECT_EQ(requests_[before + 2].topic_partitions->front().partitions.size(), 2u);
  EXPECT_EQ(told_.log.size(), 1u) << "it keeps what it has";
  EXPECT_FALSE(member_->failure());
}

TEST_F(ConsumerMembershipTest, WhatNoRetryMendsEndsItWithAHint) {
  for (const ErrorCode code : {ErrorCode::unsupported_assignor, ErrorCode::unreleased_instance_id}) {
    codes_ = {code};
    start();
    ASSERT_TRUE(until([&] { return member_->failure().has_value(); }));
    EXPECT_EQ(member_->failure()->broker, code);
    EXPECT_NE(member_->failure()->cause.find("as scripted"), std::string::npos) << "the broker's own words";
    EXPECT_FALSE(member_->failure()->address.empty());
    EXPECT_FALSE(member_->failure()->hint.empty());
    world_.run(member_->close());
    member_.reset();
  }
}

TEST_F(ConsumerMembershipTest, ABrokerWithoutTheProtocolIsTold) {
  broker().ranges.erase(ApiKey::consumer_group_heartbeat);
  start();
  ASSERT_TRUE(until([&] { return member_->failure().has_value(); }));
  EXPECT_EQ(member_->failure()->code, Errc::unsupported);
  EXPECT_NE(member_->failure()->hint.find("classic"), std::string::npos);
}

TEST_F(ConsumerMembershipTest, LeavesForGoodOrAsAStaticMemberForNow) {
  start();
  ASSERT_TRUE(told({"assigned t-0 t-1"}));
  world_.run(member_->close());
  EXPECT_EQ(requests_.back().member_epoch, -1);
  EXPECT_EQ(told_.log.back(), "revoked t-0 t-1");
  member_.reset();
  told_.log.clear();
  group_.instance_id = "one";
  start();
  ASSERT_TRUE(told({"assigned t-0 t-1"}));
  EXPECT_EQ(requests_.back().instance_id, "one");
  world_.run(member_->close());
  EXPECT_EQ(requests_.back().member_epoch, -2);
  member_.reset();
}

TEST_F(ConsumerMembershipTest, WhoIsStalledLeavesAndComesBackWhenItIsWoken) {
  start();
  ASSERT_TRUE(told({"assigned t-0 t-1"}));
  told_.stalled = true;
  ASSERT_TRUE(told({"assigned t-0 t-1", "lost t-0 t-1"}));
  EXPECT_EQ(requests_.back().member_epoch, -1);
  const std::size_t before = requests_.size();
  world_.run(runtime::sleep_for(world_.shard(0), 20s));
  EXPECT_EQ(requests_.size(), before) << "it stays away";
  told_.stalled = false;
  member_->wake();
  ASSERT_TRUE(told({"assigned t-0 t-1", "lost t-0 t-1", "assigned t-0 t-1"}));
}

TEST_F(ConsumerMembershipTest, PatternsGoToTheBroker) {
  group_.pattern = "t.*";
  start();
  ASSERT_TRUE(told({"assigned t-0 t-1"})) << "names of the topics are looked up";
  EXPECT_EQ(requests_[0].subscribed_topic_regex, "t.*");
  EXPECT_TRUE(requests_[0].subscribed_topic_names && requests_[0].subscribed_topic_names->empty());
}

}  // namespace
}  // namespace moldau::client
