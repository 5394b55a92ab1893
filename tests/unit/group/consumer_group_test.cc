// Groups of the consumer protocol (KIP-848): epochs, step by step reconciliation, who is fenced, and what a
// new coordinator knows.
#include "base/random.h"
#include "coordinator.h"
#include "group/subscription.h"

namespace moldau::group {
namespace {

using Request = wire::ConsumerGroupHeartbeatRequest;
using Response = wire::ConsumerGroupHeartbeatResponse;

// A member that does what it is told: it owns what it was assigned, once it has given up the rest.
class Member {
 public:
  Member(Coordinator& coordinator, std::string id, std::vector<std::string> topics = {"t"})
      : coordinator_(coordinator), id_(std::move(id)), topics_(std::move(topics)) {}

  Request full_request() const {
    Request request;
    request.group_id = group_;
    request.member_id = id_;
    request.member_epoch = epoch_;
    request.instance_id = instance_;
    request.rebalance_timeout_ms = 60'000;
    request.subscribed_topic_names = topics_;
    request.subscribed_topic_regex = regex_;
    request.server_assignor = assignor_;
    request.topic_partitions.emplace();
    owned_.append_to(*request.topic_partitions);
    return request;
  }
  Request request() const {
    Request request;
    request.group_id = group_;
    request.member_id = id_;
    request.member_epoch = epoch_;
    request.instance_id = instance_;
    request.subscribed_topic_names.reset();
    request.topic_partitions.reset();
    return request;
  }
  ErrorCode join() {
    epoch_ = kJoinEpoch;
    owned_ = {};
    return send(full_request());
  }
  // Says what it has when that has changed, as real clients do.
  ErrorCode beat() {
    Request next = request();
    if (owned_ != told_) {
      next.topic_partitions.emplace();
      owned_.append_to(*next.topic_partitions);
    }
    return send(std::move(next));
  }
  ErrorCode send(Request request) {
    if (request.topic_partitions) told_ = Partitions::of(*request.topic_partitions);
    last_ = coordinator_.heartbeat(request);
    if (last_.error_code != ErrorCode::none) return last_.error_code;
    epoch_ = last_.member_epoch;
    if (last_.assignment) owned_ = Partitions::of(last_.assignment->topic_partitions);
    return ErrorCode::none;
  }
  ErrorCode leave(std::int32_t epoch = kLeaveEpoch) {
    Request bye = request();
    bye.member_epoch = epoch;
    const ErrorCode code = coordinator_.heartbeat(bye).error_code;
    if (code == ErrorCode::none) owned_ = {}, told_ = {};
    return code;
  }
  std::size_t count() const {
    std::size_t total = 0;
    for (const auto& [topic, indexes] : owned_.topics()) total += indexes.size();
    return total;
  }

  Coordinator& coordinator_;
  std::string group_ = "g";
  std::string id_;
  std::vector<std::string> topics_;
  std::optional<std::string> regex_;
  std::optional<std::string> instance_;
  std::optional<std::string> assignor_;
  std::int32_t epoch_ = 0;
  Partitions owned_;
  Partitions told_;
  Response last_;
};

class ConsumerGroupTest : public ::testing::Test {
 protected:
  ConsumerGroupTest() { coordinator.topics_->set("t", 4); }

  // Everybody beats so often that nothing changes any more.
  void settle(std::vector<Member*> members) {
    for (int round = 0; round < 6; ++round)
      for (Member* member : members) ASSERT_EQ(member->beat(), ErrorCode::none) << member->id_;
  }
  std::string state() { return coordinator.describe_consumers("g").group_state; }
  void expect_same_after_failover() {
    const std::uint64_t before = coordinator.groups().state_hash();
    coordinator.fail_over();
    EXPECT_EQ(coordinator.groups().state_hash(), before);
  }

  Coordinator coordinator;
  Member a{coordinator, "a"}, b{coordinator, "b"}, c{coordinator, "c"};
};

TEST_F(ConsumerGroupTest, WhoIsAloneGetsEverythingAtOnce) {
  ASSERT_EQ(a.join(), ErrorCode::none);
  EXPECT_EQ(a.epoch_, 1);
  EXPECT_EQ(a.count(), 4u);
  EXPECT_EQ(a.last_.heartbeat_interval_ms, 5'000);
  EXPECT_EQ(state(), "Stable");
  ASSERT_EQ(a.beat(), ErrorCode::none);
  EXPECT_FALSE(a.last_.assignment.has_value()) << "nothing has changed";
  const std::size_t before = coordinator.log_size();
  ASSERT_EQ(a.beat(), ErrorCode::none);
  EXPECT_EQ(coordinator.log_size(), before) << "a heartbeat writes nothing";
}

TEST_F(ConsumerGroupTest, GC_01_AMemberGetsAPartitionOnceItsOwnerHasGivenItUp) {
  ASSERT_EQ(a.join(), ErrorCode::none);
  ASSERT_EQ(b.join(), ErrorCode::none);
  EXPECT_EQ(b.epoch_, 2);
  EXPECT_EQ(b.count(), 0u);
  EXPECT_EQ(state(), "Reconciling");
  ASSERT_EQ(a.beat(), ErrorCode::none);
  EXPECT_EQ(a.count(), 2u) << "it is told to give two up";
  EXPECT_EQ(a.epoch_, 1) << "and keeps its epoch meanwhile";
  ASSERT_EQ(b.beat(), ErrorCode::none);
  EXPECT_EQ(b.count(), 0u) << "it has not said yet that it has";
  ASSERT_EQ(a.beat(), ErrorCode::none);
  EXPECT_EQ(a.epoch_, 2);
  ASSERT_EQ(b.beat(), ErrorCode::none);
  EXPECT_EQ(b.count(), 2u);
  EXPECT_FALSE(a.owned_.contains_any(b.owned_));
  EXPECT_EQ(state(), "Stable");
}

TEST_F(ConsumerGroupTest, WhoWaitsForOthersComesAgainSooner) {
  ASSERT_EQ(a.join(), ErrorCode::none);
  EXPECT_EQ(a.last_.heartbeat_interval_ms, 5'000);
  ASSERT_EQ(b.join(), ErrorCode::none);
  EXPECT_EQ(b.last_.heartbeat_interval_ms, 500);
  ASSERT_EQ(a.beat(), ErrorCode::none);
  EXPECT_EQ(a.last_.heartbeat_interval_ms, 5'000) << "it has something to give up, and waits for nobody";
  ASSERT_EQ(b.beat(), ErrorCode::none);
  EXPECT_EQ(b.last_.heartbeat_interval_ms, 500);
  ASSERT_EQ(a.beat(), ErrorCode::none);
  ASSERT_EQ(b.beat(), ErrorCode::none);
  EXPECT_EQ(b.count(), 2u);
  EXPECT_EQ(b.last_.heartbeat_interval_ms, 5'000);
}

TEST_F(ConsumerGroupTest, WhoWaitsComesAgainInTimeHoweverShortTheIntervalIs) {
  Settings settings;
  settings.consumer_heartbeat_interval_ms = 3;
  Coordinator hasty(settings);
  hasty.topics_->set("t", 2);
  Member one(hasty, "one"), other(hasty, "other");
  ASSERT_EQ(one.join(), ErrorCode::none);
  ASSERT_EQ(other.join(), ErrorCode::none);
  EXPECT_EQ(other.last_.heartbeat_interval_ms, 1);
}

// Many members, of which each has one of so many partitions and some have two.
class LargeConsumerGroupTest : public ConsumerGroupTest {
 protected:
  static constexpr std::size_t kMembers = 100;
  static constexpr std::size_t kPartitions = 150;

  LargeConsumerGroupTest() { coordinator.topics_->set("t", static_cast<std::int32_t>(kPartitions)); }

  void join(std::size_t count) {
    for (std::size_t i = 0; i < count; ++i) {
      members_.push_back(std::make_unique<Member>(coordinator, "m" + std::to_string(1000 + members_.size())));
      ASSERT_EQ(members_.back()->join(), ErrorCode::none);
    }
  }
  void beat_all() {
    for (const auto& member : members_) ASSERT_EQ(member->beat(), ErrorCode::none);
  }
  void settle_all() {
    for (int round = 0; round < 6; ++round) {
      coordinator.advance(1s);
      beat_all();
    }
  }
  void expect_all_owned_once() {
    Partitions all;
    std::size_t total = 0;
    for (const auto& member : members_) {
      all.insert(member->owned_);
      total += member->count();
      EXPECT_GE(member->count(), kPartitions / members_.size());
      EXPECT_LE(member->count(), kPartitions / members_.size() + 1);
    }
    EXPECT_EQ(total, kPartitions);
    EXPECT_EQ(all.topics().begin()->second.size(), kPartitions);
  }
  std::size_t targets_made() {
    return static_cast<std::size_t>(std::ranges::count_if(coordinator.log(), [](const auto& stored) {
      const auto record = decode(stored.record.key, stored.record.value);
      return record && *record && std::holds_alternative<TargetEpochRecord>(**record);
    }));
  }

  std::vector<std::unique_ptr<Member>> members_;
};

TEST_F(LargeConsumerGroupTest, ManyWhoComeTogetherGetOneTarget) {
  join(kMembers);
  EXPECT_EQ(state(), "Assigning");
  settle_all();
  EXPECT_EQ(state(), "Stable");
  expect_all_owned_once();

  const std::size_t before = targets_made();
  const std::int32_t epoch = members_.front()->epoch_;
  join(10);
  EXPECT_EQ(targets_made(), before + 1) << "the first of them gets one at once: the last one is long ago";
  const auto& last = *members_.back();
  EXPECT_EQ(last.epoch_, epoch + 1) << "the others join into that";
  EXPECT_EQ(last.count(), 0u);
  EXPECT_EQ(last.last_.heartbeat_interval_ms, 500) << "and are to come again soon";
  beat_all();
  EXPECT_EQ(targets_made(), before + 1);
  coordinator.advance(21ms);
  beat_all();
  EXPECT_EQ(targets_made(), before + 1) << "not yet: a group of 110 has one in 22 ms";
  coordinator.advance(1ms);
  beat_all();
  EXPECT_EQ(targets_made(), before + 2);
  settle_all();
  EXPECT_EQ(state(), "Stable");
  EXPECT_EQ(last.last_.heartbeat_interval_ms, 5'000);
  expect_all_owned_once();
  expect_same_after_failover();
}

TEST_F(LargeConsumerGroupTest, ManyWhoLeaveTogetherAreReplacedByOneTarget) {
  join(kMembers);
  settle_all();
  const std::size_t before = targets_made();
  for (int i = 0; i < 10; ++i) {
    ASSERT_EQ(members_.front()->leave(), ErrorCode::none);
    members_.erase(members_.begin());
    beat_all();
  }
  EXPECT_EQ(targets_made(), before + 1) << "the first of them, and the rest later";
  coordinator.advance(20ms);
  beat_all();
  EXPECT_EQ(targets_made(), before + 2);
  settle_all();
  EXPECT_EQ(state(), "Stable");
  expect_all_owned_once();
}

TEST_F(LargeConsumerGroupTest, ANewCoordinatorMakesATargetThatIsOwingAtOnce) {
  join(kMembers);
  ASSERT_EQ(state(), "Assigning");
  coordinator.fail_over();
  ASSERT_EQ(members_.front()->beat(), ErrorCode::none);
  EXPECT_EQ(state(), "Reconciling");
}

TEST_F(ConsumerGroupTest, WhoLeavesIsReplacedByTheOthers) {
  ASSERT_EQ(a.join(), ErrorCode::none);
  ASSERT_EQ(b.join(), ErrorCode::none);
  settle({&a, &b});
  ASSERT_EQ(a.leave(), ErrorCode::none);
  EXPECT_EQ(state(), "Assigning");
  settle({&b});
  EXPECT_EQ(b.count(), 4u);
  EXPECT_EQ(a.beat(), ErrorCode::unknown_member_id);
  ASSERT_EQ(b.leave(), ErrorCode::none);
  EXPECT_EQ(state(), "Empty");
  EXPECT_EQ(b.leave(), ErrorCode::unknown_member_id);
}

TEST_F(ConsumerGroupTest, GC_02_EpochsOfThePastAndOfTheFutureAreFenced) {
  ASSERT_EQ(a.join(), ErrorCode::none);
  ASSERT_EQ(b.join(), ErrorCode::none);
  settle({&a, &b});
  a.epoch_ = 9;
  EXPECT_EQ(a.beat(), ErrorCode::fenced_member_epoch);
  a.epoch_ = 1;
  EXPECT_EQ(a.beat(), ErrorCode::fenced_member_epoch) << "it does not say what it has";
  EXPECT_EQ(coordinator.commit({.generation = 1, .member = "a", .version = 9}),
            ErrorCode::stale_member_epoch);
  EXPECT_EQ(coordinator.commit({.generation = 2, .member = "a", .offset = 5, .version = 9}), ErrorCode::none);
  EXPECT_EQ(coordinator.commit({.generation = 2, .member = "a", .version = 8}),
            ErrorCode::unsupported_version);
  EXPECT_EQ(coordinator.commit({.generation = 2, .member = "x", .version = 9}), ErrorCode::unknown_member_id);
  EXPECT_EQ(coordinator.commit({.version = 9}), ErrorCode::unknown_member_id) << "not while it has members";
  EXPECT_EQ(coordinator.committed("g").committed_offset, 5);
  ASSERT_EQ(a.join(), ErrorCode::none) << "it may always join again";
  EXPECT_EQ(a.epoch_, 2);
  EXPECT_EQ(a.count(), 2u);
}

TEST_F(ConsumerGroupTest, AMemberWhoseAnswerWasLostMayRepeatItself) {
  ASSERT_EQ(a.join(), ErrorCode::none);
  ASSERT_EQ(b.join(), ErrorCode::none);
  ASSERT_EQ(a.beat(), ErrorCode::none);
  const std::int32_t before = a.epoch_;
  ASSERT_EQ(a.beat(), ErrorCode::none);
  ASSERT_GT(a.epoch_, before);
  a.epoch_ = before;
  ASSERT_EQ(a.send(a.full_request()), ErrorCode::none);
  EXPECT_EQ(a.epoch_, before + 1);
  a.epoch_ = before;
  a.owned_.insert(b.owned_);
  a.owned_.insert({FakeTopics::id_of("t"), 77});
  EXPECT_EQ(a.send(a.full_request()), ErrorCode::fenced_member_epoch) << "it has what it was not given";
}

TEST_F(ConsumerGroupTest, SilentMembersAreForgotten) {
  ASSERT_EQ(a.join(), ErrorCode::none);
  ASSERT_EQ(b.join(), ErrorCode::none);
  settle({&a, &b});
  coordinator.advance(40s);
  ASSERT_EQ(b.beat(), ErrorCode::none);
  coordinator.advance(10s);
  EXPECT_EQ(a.beat(), ErrorCode::unknown_member_id);
  settle({&b});
  EXPECT_EQ(b.count(), 4u);
}

TEST_F(ConsumerGroupTest, WhoDoesNotGiveUpInTimeIsFenced) {
  ASSERT_EQ(a.join(), ErrorCode::none);
  ASSERT_EQ(b.join(), ErrorCode::none);
  ASSERT_EQ(a.beat(), ErrorCode::none);
  ASSERT_EQ(a.count(), 2u);
  for (int i = 0; i < 5; ++i) {  // a goes on as if it still had all
    coordinator.advance(10s);
    ASSERT_EQ(a.send(a.request()), ErrorCode::none);
    ASSERT_EQ(b.beat(), ErrorCode::none);
  }
  EXPECT_EQ(b.count(), 0u);
  coordinator.advance(10s);
  EXPECT_EQ(a.send(a.request()), ErrorCode::unknown_member_id);
  settle({&b});
  EXPECT_EQ(b.count(), 4u);
}

TEST_F(ConsumerGroupTest, StaticMembersComeBackToTheirPartitions) {
  a.instance_ = "one";
  ASSERT_EQ(a.join(), ErrorCode::none);
  ASSERT_EQ(b.join(), ErrorCode::none);
  settle({&a, &b});
  const Partitions before = a.owned_;
  Member again(coordinator, "again");
  again.instance_ = "one";
  EXPECT_EQ(again.join(), ErrorCode::unreleased_instance_id);
  ASSERT_EQ(a.leave(kLeaveForAWhileEpoch), ErrorCode::none);
  settle({&b});
  EXPECT_EQ(b.count(), 2u) << "nobody gets them meanwhile";
  ASSERT_EQ(again.join(), ErrorCode::none);
  EXPECT_EQ(again.owned_, before);
  EXPECT_EQ(a.beat(), ErrorCode::fenced_instance_id);
  settle({&again, &b});
  EXPECT_EQ(state(), "Stable");
  ASSERT_EQ(again.leave(kLeaveForAWhileEpoch), ErrorCode::none);
  coordinator.advance(40s);
  settle({&b});
  coordinator.advance(10s);
  settle({&b});
  EXPECT_EQ(b.count(), 4u) << "its session has ended";
  again.instance_ = "two";
  again.epoch_ = 3;
  EXPECT_EQ(again.beat(), ErrorCode::unknown_member_id);
}

// Found by the fuzzer of groups: the instance that a member had been was still known when that was gone.
TEST_F(ConsumerGroupTest, AMemberThatJoinsAnewAsAnotherInstanceLeavesNothingBehind) {
  a.instance_ = "one";
  ASSERT_EQ(a.join(), ErrorCode::none);
  a.instance_ = "two";
  ASSERT_EQ(a.join(), ErrorCode::none);
  b.instance_ = "one";
  b.epoch_ = 1;
  EXPECT_EQ(b.beat(), ErrorCode::unknown_member_id) << "nobody is that instance";
  expect_same_after_failover();
  ASSERT_EQ(a.leave(), ErrorCode::none);
  EXPECT_EQ(b.beat(), ErrorCode::unknown_member_id);
  ASSERT_EQ(b.join(), ErrorCode::none);
  settle({&b});
  EXPECT_EQ(b.count(), 4u);
}

TEST_F(ConsumerGroupTest, RegularExpressionsFollowTheTopics) {
  a.topics_ = {};
  a.regex_ = "t.*";
  ASSERT_EQ(a.join(), ErrorCode::none);
  EXPECT_EQ(a.count(), 4u);
  coordinator.topics_->set("tea", 2);
  coordinator.topics_->set("coffee", 2);
  settle({&a});
  EXPECT_EQ(a.count(), 6u);
  EXPECT_EQ(coordinator.describe_consumers("g").members.front().subscribed_topic_regex, "t.*");
  coordinator.topics_->remove("t");
  settle({&a});
  EXPECT_EQ(a.count(), 2u);
  expect_same_after_failover();
  Request change = a.request();
  change.subscribed_topic_regex = "";
  change.subscribed_topic_names = std::vector<std::string>{"coffee"};
  ASSERT_EQ(a.send(change), ErrorCode::none);
  settle({&a});
  EXPECT_EQ(a.count(), 2u);
  change.subscribed_topic_regex = "(";
  EXPECT_EQ(a.send(change), ErrorCode::invalid_regular_expression);
}

TEST_F(ConsumerGroupTest, MorePartitionsRaiseTheEpoch) {
  ASSERT_EQ(a.join(), ErrorCode::none);
  const std::int32_t before = a.epoch_;
  coordinator.topics_->set("other", 3);
  settle({&a});
  EXPECT_EQ(a.epoch_, before) << "nobody subscribes to it";
  coordinator.topics_->set("t", 6);
  settle({&a});
  EXPECT_EQ(a.epoch_, before + 1);
  EXPECT_EQ(a.count(), 6u);
}

TEST_F(ConsumerGroupTest, UnsubscribedTopicsAreGivenUpAndOthersTaken) {
  coordinator.topics_->set("u", 2);
  ASSERT_EQ(a.join(), ErrorCode::none);
  ASSERT_EQ(a.beat(), ErrorCode::none);  // it says what it has
  Request change = a.request();
  change.subscribed_topic_names = std::vector<std::string>{"u"};
  ASSERT_EQ(a.send(change), ErrorCode::none);
  settle({&a});
  EXPECT_EQ(a.count(), 2u);
  EXPECT_TRUE(a.owned_.contains({FakeTopics::id_of("u"), 0}));
}

TEST_F(ConsumerGroupTest, TheMajorityChoosesTheAssignor) {
  coordinator.topics_->set("u", 4);
  for (Member* member : {&a, &b, &c}) member->topics_ = {"t", "u"};
  a.assignor_ = b.assignor_ = "range";
  c.assignor_ = "uniform";
  for (Member* member : {&a, &b, &c}) ASSERT_EQ(member->join(), ErrorCode::none);
  settle({&a, &b, &c});
  EXPECT_EQ(coordinator.describe_consumers("g").assignor_name, "range");
  EXPECT_TRUE(a.owned_.contains({FakeTopics::id_of("t"), 1}));
  EXPECT_TRUE(a.owned_.contains({FakeTopics::id_of("u"), 1}));
  EXPECT_EQ(a.count(), 4u);
  EXPECT_EQ(c.count(), 2u);
  Request change = c.request();
  change.server_assignor = "no-such";
  EXPECT_EQ(c.send(change), ErrorCode::unsupported_assignor);
}

TEST_F(ConsumerGroupTest, RequestsAreChecked) {
  const auto code = [&](auto change, wire::ApiVersion version = 1) {
    Request request = a.full_request();
    request.topic_partitions.emplace();
    change(request);
    return coordinator.heartbeat(request, version).error_code;
  };
  EXPECT_EQ(code([](Request& r) { r.group_id = ""; }), ErrorCode::invalid_request);
  EXPECT_EQ(code([](Request& r) { r.member_id = ""; }), ErrorCode::invalid_request);
  EXPECT_EQ(code([](Request& r) { r.instance_id = ""; }), ErrorCode::invalid_request);
  EXPECT_EQ(code([](Request& r) { r.rack_id = ""; }), ErrorCode::invalid_request);
  EXPECT_EQ(code([](Request& r) { r.rebalance_timeout_ms = -1; }), ErrorCode::invalid_request);
  EXPECT_EQ(code([](Request& r) { r.topic_partitions.reset(); }), ErrorCode::invalid_request);
  EXPECT_EQ(code([](Request& r) { r.topic_partitions->push_back({FakeTopics::id_of("t"), {0}}); }),
            ErrorCode::invalid_request);
  EXPECT_EQ(code([](Request& r) { r.subscribed_topic_names.reset(); }), ErrorCode::invalid_request);
  EXPECT_EQ(code([](Request& r) { r.member_epoch = -3; }), ErrorCode::invalid_request);
  EXPECT_EQ(code([](Request& r) { r.member_epoch = -2; }), ErrorCode::invalid_request);
  EXPECT_EQ(code([](Request& r) { r.member_epoch = 1; }), ErrorCode::group_id_not_found);
  EXPECT_EQ(coordinator.log_size(), 0u);
  EXPECT_TRUE(coordinator.list().empty());
  EXPECT_EQ(code([](Request& r) { r.member_id = ""; }, 0), ErrorCode::none) << "it is given an id";
}

TEST_F(ConsumerGroupTest, TheSizeIsLimited) {
  Settings settings;
  settings.consumer_max_size = 1;
  Coordinator small(settings);
  Member one(small, "one"), two(small, "two");
  ASSERT_EQ(one.join(), ErrorCode::none);
  EXPECT_EQ(two.join(), ErrorCode::group_max_size_reached);
  EXPECT_EQ(one.join(), ErrorCode::none);
}

TEST_F(ConsumerGroupTest, GC_03_ANewCoordinatorGoesOnWhereTheOldOneWas) {
  ASSERT_EQ(a.join(), ErrorCode::none);
  ASSERT_EQ(b.join(), ErrorCode::none);
  ASSERT_EQ(a.beat(), ErrorCode::none);  // a is giving up, b waits
  for (const bool drop_tombstones : {false, true}) {
    expect_same_after_failover();
    coordinator.compact(drop_tombstones);
    expect_same_after_failover();
  }
  settle({&a, &b});
  EXPECT_EQ(a.count(), 2u);
  EXPECT_EQ(b.count(), 2u);
  ASSERT_EQ(a.leave(), ErrorCode::none);
  expect_same_after_failover();
  settle({&b});
  coordinator.advance(46s);
  EXPECT_EQ(b.beat(), ErrorCode::unknown_member_id) << "sessions go on there";
  EXPECT_EQ(coordinator.delete_group("g"), ErrorCode::none);
  EXPECT_TRUE(coordinator.list().empty());
  expect_same_after_failover();
  coordinator.compact(true);
  EXPECT_EQ(coordinator.log_size(), 0u) << "a deleted group leaves nothing";
}

TEST_F(ConsumerGroupTest, GC_14_TheProtocolsDoNotMixWhereNobodyUnderstandsBoth) {
  ASSERT_EQ(a.join(), ErrorCode::none);
  Consumer classic(coordinator, {.protocol_type = "connect"});
  classic.join();
  ASSERT_NE(classic.join_answer(), nullptr);
  EXPECT_EQ(classic.join_answer()->error_code, ErrorCode::inconsistent_group_protocol);
  EXPECT_EQ(coordinator.describe("g").error_code, ErrorCode::group_id_not_found);
  EXPECT_EQ(coordinator.list({}, {"consumer"}), std::vector<std::string>{"g"});
  EXPECT_TRUE(coordinator.list({}, {"classic"}).empty());
  EXPECT_EQ(coordinator.list({"stable"}), std::vector<std::string>{"g"});
  EXPECT_EQ(coordinator.delete_group("g"), ErrorCode::non_empty_group);
  ASSERT_EQ(a.leave(), ErrorCode::none);
  // Nobody is in it: it becomes one of the other protocol, and back.
  Consumer first(coordinator);
  stabilize(coordinator, {&first});
  EXPECT_EQ(coordinator.state("g"), "Stable");
  EXPECT_EQ(coordinator.describe_consumers("g").error_code, ErrorCode::group_id_not_found);
  expect_same_after_failover();
  EXPECT_EQ(a.join(), ErrorCode::group_id_not_found);
  ASSERT_EQ(first.leave(), ErrorCode::none);
  coordinator.advance(10s);
  ASSERT_EQ(a.join(), ErrorCode::none);
  EXPECT_EQ(a.count(), 4u);
  expect_same_after_failover();
}

TEST_F(ConsumerGroupTest, OffsetsOfSubscribedTopicsStayAndOthersExpire) {
  ASSERT_EQ(a.join(), ErrorCode::none);
  ASSERT_EQ(coordinator.commit({.generation = 1, .member = "a", .offset = 1, .version = 9}), ErrorCode::none);
  ASSERT_EQ(coordinator.commit({.generation = 1, .member = "a", .topic = "u", .offset = 1, .version = 9}),
            ErrorCode::none);
  EXPECT_EQ(coordinator.delete_offset("g", "t"), ErrorCode::group_subscribed_to_topic);
  coordinator.now_.wall_ms += std::int64_t{8} * 24 * 3'600 * 1'000;
  coordinator.apply(coordinator.groups().expire_offsets(coordinator.now_));
  EXPECT_EQ(coordinator.committed("g", "t").committed_offset, 1);
  EXPECT_EQ(coordinator.committed("g", "u").committed_offset, kNoOffset);
  ASSERT_EQ(a.leave(), ErrorCode::none);
  coordinator.apply(coordinator.groups().expire_offsets(coordinator.now_));
  EXPECT_TRUE(coordinator.list().empty()) << "nothing is left of it";
}

TEST_F(ConsumerGroupTest, MembersReadOffsetsUnderTheirEpochs) {
  ASSERT_EQ(a.join(), ErrorCode::none);
  wire::OffsetFetchRequest::Group request;
  request.group_id = "g";
  request.topics.reset();
  EXPECT_EQ(coordinator.groups().fetch_offsets(request).response.error_code, ErrorCode::none);
  request.member_id = "a";
  request.member_epoch = 1;
  EXPECT_EQ(coordinator.groups().fetch_offsets(request).response.error_code, ErrorCode::none);
  request.member_epoch = 2;
  EXPECT_EQ(coordinator.groups().fetch_offsets(request).response.error_code, ErrorCode::stale_member_epoch);
  request.member_id = "x";
  EXPECT_EQ(coordinator.groups().fetch_offsets(request).response.error_code, ErrorCode::unknown_member_id);
}

TEST_F(ConsumerGroupTest, WhatIsNotAppendedHasNotHappened) {
  ASSERT_EQ(a.join(), ErrorCode::none);
  const std::uint64_t before = coordinator.groups().state_hash();
  coordinator.refuse_ = ErrorCode::not_enough_replicas;
  static_cast<void>(b.join());
  EXPECT_EQ(coordinator.groups().state_hash(), before);
  coordinator.refuse_.reset();
  ASSERT_EQ(b.join(), ErrorCode::none);
  settle({&a, &b});
  EXPECT_EQ(b.count(), 2u);
}

TEST_F(ConsumerGroupTest, WhoCannotBeForgottenNowIsLater) {
  ASSERT_EQ(a.join(), ErrorCode::none);
  coordinator.refuse_ = ErrorCode::not_enough_replicas;
  coordinator.advance(50s);
  coordinator.refuse_.reset();
  EXPECT_EQ(coordinator.describe_consumers("g").members.size(), 1u);
  coordinator.advance(2s);
  EXPECT_TRUE(coordinator.describe_consumers("g").members.empty());
}

// --- both protocols in one group

// A classic member that does what real ones do: it joins again when it is told to, and knows its part.
class ClassicMember {
 public:
  ClassicMember(Coordinator& coordinator, std::string client, std::vector<std::string> protocols = {"range"})
      : consumer_(coordinator, {.client_id = std::move(client), .protocols = std::move(protocols)}) {}
  bool join() {
    consumer_.join();
    return consumer_.take_join();
  }
  ErrorCode sync() {
    consumer_.sync();
    const SyncGroupResponse* answer = consumer_.sync_answer();
    if (answer == nullptr) return ErrorCode::unknown_server_error;
    if (answer->error_code == ErrorCode::none) {
      const auto assigned = read_assignment(answer->assignment);
      EXPECT_TRUE(assigned.has_value());
      partitions_ = assigned->partitions;
    }
    return answer->error_code;
  }
  // Heartbeats, and joins again as often as it is told to.
  void go_on() {
    for (int i = 0; i < 10; ++i) {
      if (consumer_.heartbeat() != ErrorCode::rebalance_in_progress) return;
      partitions_.clear();  // eager: it gives everything up first
      ASSERT_TRUE(join());
      if (sync() == ErrorCode::none) continue;
    }
  }
  Consumer consumer_;
  std::vector<TopicPartition> partitions_;
};

class Migration : public ConsumerGroupTest {
 protected:
  // Alone in a classic group, with all partitions.
  void begin_classic() {
    old.consumer_.join();
    coordinator.advance(10s);
    ASSERT_TRUE(old.consumer_.take_join());
    wire::SyncGroupRequest request{"g", old.consumer_.generation_, old.consumer_.id_, {}, "consumer", "range",
                                   {}};
    request.assignments.push_back(
        {old.consumer_.id_, write_assignment({{"t", 0}, {"t", 1}, {"t", 2}, {"t", 3}}, subscription({"t"}))});
    ASSERT_EQ(coordinator.synced(coordinator.sync(request))->error_code, ErrorCode::none);
    ASSERT_EQ(coordinator.state("g"), "Stable");
  }
  void settle_both() {
    for (int round = 0; round < 8; ++round) {
      old.go_on();
      ASSERT_EQ(a.beat(), ErrorCode::none);
    }
  }
  ClassicMember old{coordinator, "old"};
};

TEST_F(Migration, AClassicGroupBecomesOneOfConsumersWhenOneJoins) {
  begin_classic();
  ASSERT_EQ(coordinator.commit({.generation = 1, .member = old.consumer_.id_, .offset = 3}), ErrorCode::none);
  ASSERT_EQ(a.join(), ErrorCode::none);
  EXPECT_EQ(a.count(), 0u) << "the classic member has everything still";
  EXPECT_EQ(coordinator.list({}, {"consumer"}), std::vector<std::string>{"g"});
  EXPECT_EQ(old.consumer_.heartbeat(), ErrorCode::rebalance_in_progress);
  expect_same_after_failover();
  settle_both();
  EXPECT_EQ(old.partitions_.size(), 2u);
  EXPECT_EQ(a.count(), 2u);
  for (const TopicPartition& one : old.partitions_)
    EXPECT_FALSE(a.owned_.contains({FakeTopics::id_of("t"), one.partition}));
  EXPECT_EQ(state(), "Stable");
  EXPECT_EQ(old.consumer_.heartbeat(), ErrorCode::none);
  EXPECT_EQ(coordinator.committed("g").committed_offset, 3);
  EXPECT_EQ(old.consumer_.commit(9), ErrorCode::none) << "its generation is its epoch";
  EXPECT_EQ(coordinator.commit({.generation = 1, .member = old.consumer_.id_}),
            ErrorCode::illegal_generation);
  const auto described = coordinator.describe_consumers("g");
  ASSERT_EQ(described.members.size(), 2u);
  EXPECT_EQ(described.members[0].member_type + described.members[1].member_type, 1);
}

TEST_F(Migration, TheLastOfTheConsumersLeavesAClassicGroup) {
  begin_classic();
  ASSERT_EQ(a.join(), ErrorCode::none);
  settle_both();
  ASSERT_EQ(a.leave(), ErrorCode::none);
  EXPECT_EQ(coordinator.list({}, {"classic"}), std::vector<std::string>{"g"});
  expect_same_after_failover();
  EXPECT_EQ(coordinator.describe_consumers("g").error_code, ErrorCode::group_id_not_found);
}

TEST_F(Migration, TheClassicGroupThatIsLeftHasItsMembersShareAnew) {
  begin_classic();
  ASSERT_EQ(a.join(), ErrorCode::none);
  settle_both();
  ASSERT_EQ(a.leave(), ErrorCode::none);
  EXPECT_EQ(coordinator.state("g"), "PreparingRebalance");
  EXPECT_EQ(old.consumer_.heartbeat(), ErrorCode::rebalance_in_progress);
  ASSERT_TRUE(old.join());
  old.consumer_.sync();
  EXPECT_EQ(old.consumer_.assignment(), "to " + old.consumer_.id_);
  EXPECT_EQ(coordinator.state("g"), "Stable");
}

TEST_F(Migration, ClassicMembersJoinAGroupOfConsumers) {
  ASSERT_EQ(a.join(), ErrorCode::none);
  ASSERT_TRUE(old.join());
  EXPECT_EQ(old.sync(), ErrorCode::none);
  settle_both();
  EXPECT_EQ(old.partitions_.size(), 2u);
  EXPECT_EQ(a.count(), 2u);
  expect_same_after_failover();
  EXPECT_EQ(old.consumer_.leave(), ErrorCode::none);
  settle({&a});
  EXPECT_EQ(a.count(), 4u);
  EXPECT_EQ(old.consumer_.heartbeat(), ErrorCode::unknown_member_id);
  EXPECT_EQ(old.consumer_.leave(), ErrorCode::unknown_member_id);
}

// It keeps what it is not told to give up, and says in JoinGroup what it has.
TEST_F(Migration, CooperativeMembersGiveUpNoMoreThanTheyMust) {
  begin_classic();
  ASSERT_EQ(a.join(), ErrorCode::none);
  wire::ConsumerProtocolSubscription told;
  told.topics = {"t"};
  told.owned_partitions.push_back({"t", {0, 1, 2, 3}});
  const auto join = [&] {
    auto request = old.consumer_.request();
    wire::Writer out;
    out.number<std::int16_t>(1);
    told.encode(out, 1);
    request.protocols.front().metadata = std::move(out).finish_contiguous();
    old.consumer_.ticket_ = coordinator.join(request, old.consumer_.client());
    ASSERT_TRUE(old.consumer_.take_join());
  };
  join();
  ASSERT_EQ(old.sync(), ErrorCode::none);
  EXPECT_EQ(old.partitions_.size(), 2u);
  ASSERT_EQ(a.beat(), ErrorCode::none);
  EXPECT_EQ(a.count(), 0u) << "it has not said that it has given up";
  EXPECT_EQ(old.consumer_.heartbeat(), ErrorCode::rebalance_in_progress);
  told.owned_partitions.front().partitions.clear();
  for (const TopicPartition& one : old.partitions_)
    told.owned_partitions.front().partitions.push_back(one.partition);
  join();
  ASSERT_EQ(old.sync(), ErrorCode::none);
  EXPECT_EQ(old.consumer_.heartbeat(), ErrorCode::none);
  ASSERT_EQ(a.beat(), ErrorCode::none);
  EXPECT_EQ(a.count(), 2u);
}

TEST_F(Migration, ClassicMembersAreCheckedAsInTheirOwnGroups) {
  ASSERT_EQ(a.join(), ErrorCode::none);
  ASSERT_TRUE(old.join());
  ASSERT_EQ(old.sync(), ErrorCode::none);
  ClassicMember other(coordinator, "other", {"sticky"});
  EXPECT_FALSE(other.join()) << "no protocol in common";
  other.consumer_.options_.protocol_type = "connect";
  EXPECT_FALSE(other.join());
  const auto sync = [&](auto change) {
    wire::SyncGroupRequest request{"g", old.consumer_.generation_, old.consumer_.id_, {}, "consumer", "range",
                                   {}};
    change(request);
    return coordinator.synced(coordinator.sync(request))->error_code;
  };
  EXPECT_EQ(sync([](auto& r) { ++r.generation_id; }), ErrorCode::illegal_generation);
  EXPECT_EQ(sync([](auto& r) { r.protocol_name = "sticky"; }), ErrorCode::inconsistent_group_protocol);
  EXPECT_EQ(sync([](auto& r) { r.member_id = "a"; }), ErrorCode::unknown_member_id)
      << "of the other protocol";
  EXPECT_EQ(sync([](auto& r) { r.group_instance_id = "i"; }), ErrorCode::unknown_member_id);
  coordinator.advance(20s);
  EXPECT_EQ(old.consumer_.heartbeat(), ErrorCode::unknown_member_id) << "its own session is shorter";
  EXPECT_EQ(a.beat(), ErrorCode::none);
}

TEST_F(Migration, GroupsThatCannotBeUnderstoodStayClassic) {
  Consumer first(coordinator);
  stabilize(coordinator, {&first});  // its assignment is none of a consumer
  EXPECT_EQ(a.join(), ErrorCode::group_id_not_found);
  EXPECT_EQ(first.heartbeat(), ErrorCode::none);
}

TEST_F(Migration, WithoutItsRecordsNothingIsJoined) {
  ASSERT_EQ(a.join(), ErrorCode::none);
  coordinator.refuse_ = ErrorCode::not_enough_replicas;
  EXPECT_FALSE(old.join());
  ASSERT_NE(old.consumer_.join_answer(), nullptr);
  EXPECT_EQ(old.consumer_.join_answer()->error_code, ErrorCode::not_enough_replicas);
  coordinator.refuse_.reset();
  ASSERT_TRUE(old.join());
}

// Members come, go, fall silent, and repeat themselves in any order, coordinators change: nobody ever has
// what another one has (I-G2), a new coordinator knows the same (I-G5), and at the end everything is shared
// out.
TEST(ConsumerGroups, GC_01_NeverTwoOwnersWhateverHappens) {
  for (std::uint64_t seed = 1; seed <= 200; ++seed) {
    Random random(seed);
    Coordinator coordinator;
    coordinator.topics_->set("t", static_cast<std::int32_t>(1 + random.below(8)));
    coordinator.topics_->set("u", static_cast<std::int32_t>(1 + random.below(8)));
    std::vector<std::unique_ptr<Member>> members;
    std::set<std::size_t> alive;
    for (std::size_t i = 0; i < 5; ++i) {
      members.push_back(std::make_unique<Member>(coordinator, "m" + std::to_string(i)));
      if (random.below(2) == 0) members.back()->topics_ = {"t", "u"};
      if (random.below(4) == 0) members.back()->assignor_ = "range";
      if (random.below(4) == 0) members.back()->regex_ = "[tu]";
    }
    const auto give_up = [&](std::size_t i) {
      members[i]->owned_ = {};
      members[i]->told_ = {};
      alive.erase(i);
    };
    for (int step = 0; step < 120; ++step) {
      const std::size_t i = random.below(members.size());
      Member& member = *members[i];
      const auto kind = random.below(12);
      if (!alive.contains(i)) {
        if (kind < 6 && member.join() == ErrorCode::none) alive.insert(i);
      } else if (kind == 0) {
        ASSERT_EQ(member.leave(), ErrorCode::none);
        give_up(i);
      } else if (kind == 1) {
        coordinator.advance(std::chrono::seconds(random.below(30)));
      } else if (kind == 2) {
        const std::uint64_t before = coordinator.groups().state_hash();
        if (random.below(2) == 0) coordinator.compact(random.below(2) == 0);
        coordinator.fail_over();
        ASSERT_EQ(coordinator.groups().state_hash(), before) << seed;
      } else if (kind == 3) {
        coordinator.topics_->set("u", static_cast<std::int32_t>(1 + random.below(9)));
      } else if (member.beat() != ErrorCode::none) {
        give_up(i);
      }
      // One whose session has ended gives up what it has by itself, before others get it.
      for (const std::size_t each : std::set<std::size_t>(alive)) {
        const auto known = coordinator.describe_consumers("g").members;
        if (std::ranges::find(known, members[each]->id_, &decltype(known)::value_type::member_id) ==
            known.end())
          give_up(each);
      }
      for (const std::size_t one : alive)
        for (const std::size_t other : alive)
          ASSERT_TRUE(one == other || !members[one]->owned_.contains_any(members[other]->owned_))
              << "seed " << seed << " step " << step;
    }
    for (int round = 0; round < 12; ++round)
      for (const std::size_t i : alive) ASSERT_EQ(members[i]->beat(), ErrorCode::none) << seed;
    if (alive.empty()) continue;
    ASSERT_EQ(coordinator.describe_consumers("g").group_state, "Stable") << seed;
    std::size_t total = 0;
    for (const std::size_t i : alive) total += members[i]->count();
    ASSERT_GE(total, static_cast<std::size_t>(coordinator.topics_->find("t")->partitions)) << seed;
  }
}

TEST(ServerAssignors, UniformMovesNoMoreThanItMust) {
  const TopicId t = FakeTopics::id_of("t");
  const auto member = [&](const std::string& id, const Partitions& target) {
    return AssignedMember{id, {}, {t}, target};
  };
  auto first = assign(ServerAssignor::uniform, {member("a", {}), member("b", {})}, {{t, 6}});
  EXPECT_EQ(first.at("a").topics().at(t).size(), 3u);
  const auto second =
      assign(ServerAssignor::uniform,
             {member("a", first.at("a")), member("b", first.at("b")), member("c", {})}, {{t, 6}});
  EXPECT_TRUE(first.at("a").contains_all(second.at("a")));
  EXPECT_TRUE(first.at("b").contains_all(second.at("b")));
  EXPECT_EQ(second.at("c").topics().at(t).size(), 2u);
}

TEST(ConsumerRecords, ComeBackFromTheirForm) {
  Random random(7);
  const auto check = [](const Record& record) {
    const EncodedRecord encoded = encode(record);
    const auto decoded = decode(encoded.key, encoded.value);
    ASSERT_TRUE(decoded.has_value()) << decoded.error().message;
    ASSERT_TRUE(decoded->has_value());
    EXPECT_EQ(**decoded, record);
  };
  for (int i = 0; i < 100; ++i) {
    check(EpochRecord{"g", EpochRecord::Value::random(random, 0)});
    check(SubscriptionRecord{"g", "m", SubscriptionRecord::Value::random(random, 0)});
    check(TargetEpochRecord{"g", TargetEpochRecord::Value::random(random, 0)});
    check(TargetRecord{"g", "m", TargetRecord::Value::random(random, 0)});
    check(CurrentRecord{"g", "m", CurrentRecord::Value::random(random, 0)});
    check(PatternRecord{"g", "p", PatternRecord::Value::random(random, 0)});
  }
  check(EpochRecord{"g", {}});
  check(SubscriptionRecord{"g", "m", {}});
  check(TargetEpochRecord{"g", {}});
  check(TargetRecord{"g", "m", {}});
  check(CurrentRecord{"g", "m", {}});
  check(PatternRecord{"g", "p", {}});
}

}  // namespace
}  // namespace moldau::group
