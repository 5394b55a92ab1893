// Members of classic groups: joining, rebalancing, staying, leaving (kafka-protocol.md 6.6).
#include "coordinator.h"

namespace moldau::group {
namespace {

std::set<std::string> ids(const std::vector<JoinGroupResponse::Member>& members) {
  std::set<std::string> ids;
  for (const auto& member : members) ids.insert(member.member_id);
  return ids;
}

ErrorCode join_error(const Consumer& consumer) {
  const JoinGroupResponse* response = consumer.join_answer();
  return response == nullptr ? ErrorCode::unknown_server_error : response->error_code;
}

// --- the first generation

TEST(ClassicGroup, AFirstMemberIsGivenAnIdAndJoinsWithIt) {
  Coordinator coordinator;
  Consumer consumer(coordinator);
  const Ticket ticket = coordinator.join(consumer.request(), consumer.client());
  const JoinGroupResponse* first = coordinator.joined(ticket);
  ASSERT_NE(first, nullptr);
  EXPECT_EQ(first->error_code, ErrorCode::member_id_required);
  EXPECT_TRUE(first->member_id.starts_with("client-"));
  EXPECT_EQ(first->member_id.size(), std::string("client-").size() + 36);
  EXPECT_EQ(coordinator.state("g"), "Empty");
  consumer.id_ = first->member_id;
  consumer.join();
  EXPECT_EQ(consumer.join_answer(), nullptr);
  EXPECT_EQ(coordinator.state("g"), "PreparingRebalance");
  coordinator.advance(2999ms);
  EXPECT_EQ(consumer.join_answer(), nullptr) << "the initial delay";
  coordinator.advance(1ms);
  ASSERT_TRUE(consumer.take_join());
  EXPECT_EQ(consumer.generation_, 1);
  EXPECT_TRUE(consumer.leads_);
  EXPECT_EQ(ids(consumer.members_), std::set{consumer.id_});
  EXPECT_EQ(coordinator.state("g"), "CompletingRebalance");
  consumer.sync();
  EXPECT_EQ(consumer.assignment(), "to " + consumer.id_);
  EXPECT_EQ(coordinator.state("g"), "Stable");
  EXPECT_EQ(consumer.heartbeat(), ErrorCode::none);
}

TEST(ClassicGroup, ClientsBeforeVersion4JoinAtOnce) {
  Coordinator coordinator;
  Consumer consumer(coordinator, {.version = 3});
  consumer.join();
  coordinator.advance(3s);
  ASSERT_TRUE(consumer.take_join());
}

TEST(ClassicGroup, TheInitialDelayGrowsWithThoseWhoComeUntilTheRebalanceTimeout) {
  Coordinator coordinator;
  Consumer first(coordinator, {.rebalance_ms = 7'000});
  first.join();
  coordinator.advance(2s);
  Consumer second(coordinator, {.rebalance_ms = 7'000});
  second.join();
  coordinator.advance(3500ms);
  EXPECT_EQ(first.join_answer(), nullptr) << "the delay began anew at 3 s";
  Consumer third(coordinator, {.rebalance_ms = 7'000});
  third.join();
  coordinator.advance(1400ms);  // 6.9 s
  EXPECT_EQ(first.join_answer(), nullptr);
  coordinator.advance(100ms);
  for (Consumer* consumer : {&first, &second, &third}) EXPECT_TRUE(consumer->take_join());
  EXPECT_EQ(ids(first.leads_ ? first.members_ : second.leads_ ? second.members_ : third.members_).size(), 3U);
}

TEST(ClassicGroup, ASecondMemberWaitsForTheFirstToRejoin) {
  Coordinator coordinator;
  Consumer first(coordinator), second(coordinator);
  stabilize(coordinator, {&first});
  second.join();
  EXPECT_EQ(second.join_answer(), nullptr);
  EXPECT_EQ(first.heartbeat(), ErrorCode::rebalance_in_progress);
  first.join();
  ASSERT_TRUE(first.take_join() && second.take_join());
  EXPECT_EQ(first.generation_, 2);
  EXPECT_EQ(second.generation_, 2);
  EXPECT_TRUE(first.leads_);
  EXPECT_TRUE(second.members_.empty()) << "only the leader is told of the others";
  second.sync();
  EXPECT_EQ(second.sync_answer(), nullptr) << "the leader has not decided yet";
  first.sync();
  EXPECT_EQ(second.assignment(), "to " + second.id_);
  EXPECT_EQ(first.assignment(), "to " + first.id_);
}

TEST(ClassicGroup, TheProtocolIsOneOfAllAndTheChoiceOfMost) {
  Coordinator coordinator;
  Consumer a(coordinator, {.protocols = {"x", "range", "sticky"}});
  Consumer b(coordinator, {.protocols = {"sticky", "range"}});
  Consumer c(coordinator, {.protocols = {"sticky", "range", "y"}});
  stabilize(coordinator, {&a, &b, &c});
  EXPECT_EQ(*a.protocol_, "sticky");
  Consumer d(coordinator, {.protocols = {"y", "x"}});
  d.join();
  EXPECT_EQ(join_error(d), ErrorCode::inconsistent_group_protocol);
  Consumer e(coordinator, {.protocol_type = "connect"});
  e.join();
  EXPECT_EQ(join_error(e), ErrorCode::inconsistent_group_protocol);
  EXPECT_EQ(coordinator.state("g"), "Stable");
}

TEST(ClassicGroup, GroupsOfOtherProtocolTypesAreServed) {
  Coordinator coordinator;
  Consumer worker(coordinator, {.protocols = {"sessioned", "compatible"}, .protocol_type = "connect"});
  stabilize(coordinator, {&worker});
  const auto described = coordinator.describe("g");
  EXPECT_EQ(described.protocol_type, "connect");
  EXPECT_EQ(described.protocol_data, "sessioned");
  EXPECT_EQ(coordinator.delete_offset("g", "t"), ErrorCode::non_empty_group);
}

TEST(ClassicGroup, AJoinThatCannotBeIsRefused) {
  Coordinator coordinator;
  for (const std::int32_t session_ms : {5'999, 1'800'001, -1}) {
    Consumer consumer(coordinator, {.session_ms = session_ms});
    consumer.join();
    EXPECT_EQ(join_error(consumer), ErrorCode::invalid_session_timeout);
  }
  Consumer nameless(coordinator, {.group = ""});
  nameless.join();
  EXPECT_EQ(join_error(nameless), ErrorCode::invalid_group_id);
  Consumer typeless(coordinator, {.protocol_type = ""});
  typeless.join();
  EXPECT_EQ(join_error(typeless), ErrorCode::inconsistent_group_protocol);
  Consumer mute(coordinator, {.protocols = {}});
  mute.join();
  EXPECT_EQ(join_error(mute), ErrorCode::inconsistent_group_protocol);
  Consumer stranger(coordinator, {.group = "nobody"});
  stranger.id_ = "made-up";
  stranger.join();
  EXPECT_EQ(join_error(stranger), ErrorCode::unknown_member_id);
  EXPECT_EQ(coordinator.log_size(), 0U);
}

// --- later generations

TEST(ClassicGroup, AFollowerThatRejoinsUnchangedIsToldTheGenerationAgain) {
  Coordinator coordinator;
  Consumer a(coordinator), b(coordinator);
  stabilize(coordinator, {&a, &b});
  Consumer& follower = a.leads_ ? b : a;
  Consumer& leader = a.leads_ ? a : b;
  follower.join();
  ASSERT_TRUE(follower.take_join());
  EXPECT_EQ(follower.generation_, 1);
  EXPECT_TRUE(follower.members_.empty());
  follower.sync();
  EXPECT_EQ(follower.assignment(), "to " + follower.id_);
  leader.join();
  EXPECT_EQ(leader.join_answer(), nullptr) << "the leader wants a new assignment";
  EXPECT_EQ(coordinator.state("g"), "PreparingRebalance");
}

TEST(ClassicGroup, AFollowerThatRejoinsWithOtherTopicsCausesARebalance) {
  Coordinator coordinator;
  Consumer a(coordinator), b(coordinator);
  stabilize(coordinator, {&a, &b});
  Consumer& follower = a.leads_ ? b : a;
  follower.options_.topics = {"t", "u"};
  follower.join();
  EXPECT_EQ(follower.join_answer(), nullptr);
  EXPECT_EQ(coordinator.state("g"), "PreparingRebalance");
}

TEST(ClassicGroup, WhileMembersSyncOneMayAskAgain) {
  Coordinator coordinator;
  Consumer a(coordinator), b(coordinator);
  a.join();
  b.join();
  coordinator.advance(6s);
  ASSERT_TRUE(a.take_join() && b.take_join());
  Consumer& leader = a.leads_ ? a : b;
  leader.join();  // it has missed the answer
  ASSERT_TRUE(leader.take_join());
  EXPECT_EQ(leader.generation_, 1);
  EXPECT_EQ(leader.members_.size(), 2U);
  leader.options_.topics = {"u"};
  leader.join();
  EXPECT_EQ(leader.join_answer(), nullptr);
  EXPECT_EQ(coordinator.state("g"), "PreparingRebalance");
}

TEST(ClassicGroup, WhoDoesNotRejoinInTimeIsOut) {
  Coordinator coordinator;
  Consumer a(coordinator, {.session_ms = 300'000}), b(coordinator, {.session_ms = 300'000});
  Consumer late(coordinator);
  stabilize(coordinator, {&a, &b});
  late.join();
  a.join();
  coordinator.advance(59s);
  EXPECT_EQ(a.join_answer(), nullptr);
  coordinator.advance(1s);
  ASSERT_TRUE(a.take_join() && late.take_join());
  EXPECT_TRUE(a.leads_ || late.leads_);
  EXPECT_EQ(ids(a.leads_ ? a.members_ : late.members_), (std::set{a.id_, late.id_}));
  EXPECT_EQ(b.heartbeat(), ErrorCode::unknown_member_id);
}

TEST(ClassicGroup, AMemberThatIsSilentForItsSessionIsOut) {
  Coordinator coordinator;
  Consumer a(coordinator), b(coordinator);
  stabilize(coordinator, {&a, &b});
  for (int i = 0; i < 4; ++i) {
    coordinator.advance(3s);
    static_cast<void>(a.heartbeat());
  }
  EXPECT_EQ(coordinator.state("g"), "PreparingRebalance");
  EXPECT_EQ(b.heartbeat(), ErrorCode::unknown_member_id);
  EXPECT_EQ(a.heartbeat(), ErrorCode::rebalance_in_progress);
  a.join();
  ASSERT_TRUE(a.take_join());
  EXPECT_EQ(a.generation_, 2);
}

TEST(ClassicGroup, AGroupThatAllHaveLeftIsEmptyInTheLogToo) {
  Coordinator coordinator;
  Consumer a(coordinator);
  stabilize(coordinator, {&a});
  EXPECT_EQ(a.leave(), ErrorCode::none);
  EXPECT_EQ(coordinator.state("g"), "Empty");
  EXPECT_EQ(a.heartbeat(), ErrorCode::unknown_member_id);
  coordinator.fail_over();
  EXPECT_EQ(coordinator.state("g"), "Empty");
  EXPECT_TRUE(coordinator.describe("g").members.empty());
  Consumer again(coordinator);
  stabilize(coordinator, {&again});
  EXPECT_EQ(again.generation_, 3) << "the empty generation was the second";
}

TEST(ClassicGroup, MembersLeaveInBatches) {
  Coordinator coordinator;
  Consumer a(coordinator), b(coordinator, {.instance = "two"}), c(coordinator);
  stabilize(coordinator, {&a, &b, &c});
  const auto response = coordinator.leave("g", {{a.id_, std::nullopt, "bye"},
                                                {"", "two", std::nullopt},
                                                {"who", std::nullopt, std::nullopt},
                                                {"", "three", std::nullopt},
                                                {"", std::nullopt, std::nullopt}});
  std::vector<ErrorCode> codes;
  for (const auto& member : response.members) codes.push_back(member.error_code);
  EXPECT_EQ(codes, (std::vector{ErrorCode::none, ErrorCode::none, ErrorCode::unknown_member_id,
                                ErrorCode::unknown_member_id, ErrorCode::unknown_member_id}));
  EXPECT_EQ(response.error_code, ErrorCode::none);
  c.join();
  ASSERT_TRUE(c.take_join());
  EXPECT_EQ(ids(c.members_), std::set{c.id_});
  const auto old = coordinator.leave("g", {{"who", std::nullopt, std::nullopt}}, 2);
  EXPECT_EQ(old.error_code, ErrorCode::unknown_member_id) << "before version 3 there is one code";
  EXPECT_EQ(coordinator.leave("", {{"a", std::nullopt, std::nullopt}}).error_code,
            ErrorCode::invalid_group_id);
  EXPECT_EQ(coordinator.leave("x", {{"a", std::nullopt, std::nullopt}}).members.front().error_code,
            ErrorCode::unknown_member_id);
}

TEST(ClassicGroup, SyncsAreChecked) {
  Coordinator coordinator;
  Consumer a(coordinator), b(coordinator);
  a.join();
  b.join();
  coordinator.advance(6s);
  ASSERT_TRUE(a.take_join() && b.take_join());
  const auto sync = [&](auto change, wire::ApiVersion version = 5) {
    wire::SyncGroupRequest request{"g", 1, a.id_, std::nullopt, "consumer", "range", {}};
    change(request);
    return coordinator.synced(coordinator.sync(request, version))->error_code;
  };
  EXPECT_EQ(sync([](auto& r) { r.generation_id = 2; }), ErrorCode::illegal_generation);
  EXPECT_EQ(sync([](auto& r) { r.member_id = "x"; }), ErrorCode::unknown_member_id);
  EXPECT_EQ(sync([](auto& r) { r.group_id = "x"; }), ErrorCode::unknown_member_id);
  EXPECT_EQ(sync([](auto& r) { r.group_id = ""; }), ErrorCode::invalid_group_id);
  EXPECT_EQ(sync([](auto& r) { r.group_instance_id = "i"; }), ErrorCode::unknown_member_id);
  EXPECT_EQ(sync([](auto& r) { r.protocol_name = "sticky"; }), ErrorCode::inconsistent_group_protocol);
  EXPECT_EQ(sync([](auto& r) { r.protocol_type = "connect"; }), ErrorCode::inconsistent_group_protocol);
  EXPECT_EQ(sync([](auto& r) { r.protocol_type.reset(); }), ErrorCode::inconsistent_group_protocol);
  const auto anonymous = [](auto& r) { r.group_id = "", r.protocol_name.reset(); };
  EXPECT_EQ(sync(anonymous), ErrorCode::inconsistent_group_protocol);  // before anything else, as by Kafka
  EXPECT_EQ(sync(anonymous, 4), ErrorCode::invalid_group_id);
  Consumer c(coordinator);
  c.join();
  EXPECT_EQ(sync([](auto&) {}), ErrorCode::rebalance_in_progress);
}

TEST(ClassicGroup, ARebalanceEndsTheSyncsThatWait) {
  Coordinator coordinator;
  Consumer a(coordinator), b(coordinator), c(coordinator);
  a.join();
  b.join();
  coordinator.advance(6s);
  ASSERT_TRUE(a.take_join() && b.take_join());
  Consumer& follower = a.leads_ ? b : a;
  follower.sync();
  c.join();
  ASSERT_NE(follower.sync_answer(), nullptr);
  EXPECT_EQ(follower.sync_answer()->error_code, ErrorCode::rebalance_in_progress);
}

TEST(ClassicGroup, AnAssignmentForStrangersIsIgnoredAndWhoGetsNoneHasNone) {
  Coordinator coordinator;
  Consumer a(coordinator), b(coordinator);
  a.join();
  b.join();
  coordinator.advance(6s);
  ASSERT_TRUE(a.take_join() && b.take_join());
  Consumer& leader = a.leads_ ? a : b;
  Consumer& follower = a.leads_ ? b : a;
  follower.sync();
  leader.members_ = {{"stranger", std::nullopt, {}}, {leader.id_, std::nullopt, {}}};
  leader.sync();
  EXPECT_EQ(leader.assignment(), "to " + leader.id_);
  EXPECT_EQ(follower.assignment(), "");
}

// --- what is seen

TEST(ClassicGroup, IsDescribed) {
  Coordinator coordinator;
  Consumer a(coordinator, {.client_id = "app"});
  stabilize(coordinator, {&a});
  const auto stable = coordinator.describe("g");
  EXPECT_EQ(stable.error_code, ErrorCode::none);
  EXPECT_EQ(stable.protocol_type, "consumer");
  EXPECT_EQ(stable.protocol_data, "range");
  ASSERT_EQ(stable.members.size(), 1U);
  EXPECT_EQ(stable.members[0].client_id, "app");
  EXPECT_EQ(stable.members[0].client_host, "/127.0.0.1");
  EXPECT_EQ(stable.members[0].member_metadata, subscription({"t"}));
  EXPECT_EQ(stable.members[0].member_assignment.text(), "to " + a.id_);
  Consumer b(coordinator);
  b.join();
  const auto preparing = coordinator.describe("g");
  EXPECT_EQ(preparing.group_state, "PreparingRebalance");
  EXPECT_TRUE(preparing.protocol_data.empty());
  EXPECT_TRUE(preparing.members.at(0).member_metadata.empty());
}

TEST(ClassicGroup, ThatIsNotThereIsDead) {
  Coordinator coordinator;
  const auto old = coordinator.describe("none", 5);
  EXPECT_EQ(old.error_code, ErrorCode::none);
  EXPECT_EQ(old.group_state, "Dead");
  const auto now = coordinator.describe("none", 6);
  EXPECT_EQ(now.error_code, ErrorCode::group_id_not_found);
  EXPECT_EQ(now.group_state, "Dead");
  EXPECT_EQ(now.error_message, "Group none not found.");
}

TEST(ClassicGroup, AreListedByStateAndType) {
  Coordinator coordinator;
  Consumer a(coordinator, {.group = "a"}), b(coordinator, {.group = "b"});
  stabilize(coordinator, {&a});
  b.join();
  EXPECT_EQ(coordinator.commit({.group = "c"}), ErrorCode::none);
  using Names = std::vector<std::string>;
  EXPECT_EQ(coordinator.list(), (Names{"a", "b", "c"}));
  EXPECT_EQ(coordinator.list({" STABLE "}), (Names{"a"}));
  EXPECT_EQ(coordinator.list({"empty", "preparingrebalance"}), (Names{"b", "c"}));
  EXPECT_EQ(coordinator.list({"Assigning"}), (Names{}));
  EXPECT_EQ(coordinator.list({}, {"Classic"}), (Names{"a", "b", "c"}));
  EXPECT_EQ(coordinator.list({}, {"consumer", "share", "nonsense"}), (Names{}));
  const auto listed = coordinator.groups().list({}).response;
  EXPECT_EQ(listed[0].protocol_type, "consumer");
  EXPECT_EQ(listed[0].group_type, "classic");
  EXPECT_EQ(listed[2].protocol_type, "");
}

// --- the rows of reliability.md

// Two members of one generation never own the same partition: what each is told is what the leader wrote for
// it, and a member of the generation before cannot act any more.
TEST(GC01, EveryMemberOfAGenerationIsGivenWhatItsLeaderDecided) {
  Coordinator coordinator;
  Consumer a(coordinator), b(coordinator), c(coordinator);
  stabilize(coordinator, {&a, &b});
  c.join();
  EXPECT_EQ(a.heartbeat(), ErrorCode::rebalance_in_progress);
  a.join();
  b.join();
  ASSERT_TRUE(a.take_join() && b.take_join() && c.take_join());
  Consumer zombie = a;
  zombie.generation_ = 1;
  zombie.sync();
  EXPECT_EQ(zombie.sync_answer()->error_code, ErrorCode::illegal_generation);
  EXPECT_EQ(zombie.heartbeat(), ErrorCode::illegal_generation);
  for (Consumer* consumer : {&a, &b, &c}) consumer->sync();
  const auto described = coordinator.describe("g");
  for (const auto& member : described.members)
    EXPECT_EQ(member.member_assignment.text(), "to " + member.member_id);
  for (Consumer* consumer : {&a, &b, &c}) EXPECT_EQ(consumer->assignment(), "to " + consumer->id_);
}

TEST(GC08, AClientThatNeverComesWithItsIdIsNoMember) {
  Coordinator coordinator;
  Consumer ghost(coordinator), real(coordinator);
  const Ticket ticket = coordinator.join(ghost.request(), ghost.client());
  ASSERT_EQ(coordinator.joined(ticket)->error_code, ErrorCode::member_id_required);
  real.join();
  coordinator.advance(3s);
  ASSERT_TRUE(real.take_join());
  EXPECT_EQ(ids(real.members_), std::set{real.id_});
  ghost.id_ = coordinator.joined(ticket)->member_id;
  coordinator.advance(8s);
  ghost.join();
  EXPECT_EQ(join_error(ghost), ErrorCode::unknown_member_id) << "the id is kept for a session's time";
}

TEST(GC08, AnIdThatWasGivenOutHoldsUpARebalanceNoLongerThanItsSession) {
  Coordinator coordinator;
  Consumer a(coordinator, {.session_ms = 60'000}), ghost(coordinator), b(coordinator);
  stabilize(coordinator, {&a});
  static_cast<void>(coordinator.join(ghost.request(), ghost.client()));
  b.join();
  a.join();
  EXPECT_EQ(a.join_answer(), nullptr);
  coordinator.advance(10s);
  EXPECT_TRUE(a.take_join() && b.take_join());
}

TEST(GC08, AMemberWhoseConnectionEndsWhileItJoinsIsGivenUp) {
  Coordinator coordinator;
  Consumer a(coordinator, {.session_ms = 60'000}), gone(coordinator);
  stabilize(coordinator, {&a});
  gone.join();
  coordinator.groups().abandon("g", gone.ticket_, coordinator.now_);
  a.join();
  EXPECT_EQ(a.join_answer(), nullptr) << "it may come back";
  coordinator.advance(10s);
  ASSERT_TRUE(a.take_join());
  EXPECT_EQ(ids(a.members_), std::set{a.id_});
}

TEST(GC08, AMemberThatReconnectsGoesOnJoining) {
  Coordinator coordinator;
  Consumer a(coordinator, {.session_ms = 60'000}), back(coordinator);
  stabilize(coordinator, {&a});
  back.join();
  coordinator.groups().abandon("g", back.ticket_, coordinator.now_);
  coordinator.advance(5s);
  back.join();
  a.join();
  EXPECT_TRUE(a.take_join() && back.take_join());
}

TEST(GC08, AnIdThatIsUsedByTwoConnectionsAnswersTheLater) {
  Coordinator coordinator;
  Consumer a(coordinator, {.session_ms = 60'000}), twice(coordinator);
  stabilize(coordinator, {&a});
  twice.join();
  const Ticket first = twice.ticket_;
  twice.join();
  EXPECT_EQ(coordinator.joined(first)->error_code, ErrorCode::rebalance_in_progress);
  a.join();
  EXPECT_TRUE(twice.take_join());
}

TEST(GC08, TheGroupIsNoLargerThanItMayBe) {
  Coordinator coordinator({.max_size = 2});
  Consumer a(coordinator), b(coordinator), c(coordinator);
  stabilize(coordinator, {&a, &b});
  c.join();
  EXPECT_EQ(join_error(c), ErrorCode::group_max_size_reached);
  EXPECT_EQ(coordinator.state("g"), "Stable");
  EXPECT_EQ(a.leave(), ErrorCode::none);
  c.id_.clear();
  c.join();
  EXPECT_EQ(c.join_answer(), nullptr) << "there is room again";
}

TEST(GC08, OfAGroupThatHasBecomeTooLargeTheLastAreRefused) {
  Coordinator coordinator;
  Consumer a(coordinator), b(coordinator), c(coordinator);
  stabilize(coordinator, {&a, &b, &c});
  Coordinator smaller({.max_size = 2});
  smaller.log() = coordinator.log();
  smaller.fail_over();
  EXPECT_EQ(smaller.state("g"), "PreparingRebalance");
  std::vector<Ticket> tickets;
  for (Consumer* consumer : {&a, &b, &c})
    tickets.push_back(smaller.join(consumer->request(), consumer->client()));
  EXPECT_EQ(smaller.joined(tickets[2])->error_code, ErrorCode::group_max_size_reached);
  EXPECT_EQ(smaller.joined(tickets[0])->error_code, ErrorCode::none);
  EXPECT_EQ(smaller.joined(tickets[1])->error_code, ErrorCode::none);
}

TEST(GC09, AStaticMemberThatRestartsTakesItsPlaceWithoutARebalance) {
  Coordinator coordinator;
  Consumer a(coordinator, {.instance = "one"}), b(coordinator, {.instance = "two"});
  stabilize(coordinator, {&a, &b});
  Consumer& follower = a.leads_ ? b : a;
  Consumer restarted = follower;
  restarted.id_.clear();
  const std::size_t before = coordinator.log_size();
  restarted.join();
  ASSERT_TRUE(restarted.take_join());
  EXPECT_EQ(restarted.generation_, 1);
  EXPECT_NE(restarted.id_, follower.id_);
  EXPECT_EQ(coordinator.log_size(), before + 1) << "the new id is in the log before the answer";
  EXPECT_EQ(coordinator.waits_for(restarted.ticket_), coordinator.end());
  restarted.sync();
  EXPECT_EQ(restarted.assignment(), "to " + follower.id_) << "it was assigned to the instance";
  EXPECT_EQ(coordinator.state("g"), "Stable");
  // The one before, should it still be alive.
  EXPECT_EQ(follower.heartbeat(), ErrorCode::fenced_instance_id);
  EXPECT_EQ(follower.commit(1), ErrorCode::fenced_instance_id);
  follower.join();
  EXPECT_EQ(join_error(follower), ErrorCode::fenced_instance_id);
  follower.sync();
  EXPECT_EQ(follower.sync_answer()->error_code, ErrorCode::fenced_instance_id);
  coordinator.fail_over();
  EXPECT_EQ(restarted.heartbeat(), ErrorCode::none);
  EXPECT_EQ(follower.heartbeat(), ErrorCode::fenced_instance_id);
}

TEST(GC09, AStaticLeaderThatRestartsIsToldToSkipTheAssignment) {
  Coordinator coordinator;
  Consumer a(coordinator, {.instance = "one"}), b(coordinator, {.instance = "two"});
  stabilize(coordinator, {&a, &b});
  Consumer restarted = a.leads_ ? a : b;
  restarted.id_.clear();
  restarted.join();
  ASSERT_TRUE(restarted.take_join());
  EXPECT_TRUE(restarted.leads_);
  EXPECT_TRUE(restarted.join_answer()->skip_assignment);
  EXPECT_EQ(restarted.members_.size(), 2U);
}

TEST(GC09, AnOlderStaticLeaderIsNotToldThatItLeads) {
  Coordinator coordinator;
  Consumer a(coordinator, {.instance = "one", .version = 8});
  stabilize(coordinator, {&a});
  Consumer restarted = a;
  restarted.id_.clear();
  restarted.join();
  ASSERT_TRUE(restarted.take_join());
  EXPECT_FALSE(restarted.leads_);
  EXPECT_EQ(restarted.join_answer()->leader, a.id_);
  EXPECT_TRUE(restarted.members_.empty());
}

TEST(GC09, AStaticMemberThatComesBackWithAnotherProtocolCausesARebalance) {
  Coordinator coordinator;
  Consumer a(coordinator, {.instance = "one", .protocols = {"range", "sticky"}});
  stabilize(coordinator, {&a});
  Consumer restarted = a;
  restarted.options_.protocols = {"sticky", "range"};
  restarted.id_.clear();
  restarted.join();
  ASSERT_TRUE(restarted.take_join()) << "it is the only one";
  EXPECT_EQ(restarted.generation_, 2);
  EXPECT_EQ(*restarted.protocol_, "sticky");
}

TEST(GC09, OfTwoThatAreAliveTheLaterStaysAndTheEarlierIsFencedWhileItWaits) {
  Coordinator coordinator;
  Consumer a(coordinator, {.instance = "one"}), other(coordinator);
  a.join();
  other.join();
  Consumer twin(coordinator, {.instance = "one"});
  twin.join();
  ASSERT_NE(a.join_answer(), nullptr);
  EXPECT_EQ(join_error(a), ErrorCode::fenced_instance_id);
  coordinator.advance(10s);
  EXPECT_TRUE(twin.take_join());
  EXPECT_TRUE(other.take_join());
}

TEST(GC09, AStaticMemberThatJoinsAgainWithoutItsInstanceStaysIt) {
  Coordinator coordinator;
  Consumer a(coordinator, {.instance = "one"});
  stabilize(coordinator, {&a});
  Consumer forgetful = a;
  forgetful.options_.instance.reset();
  forgetful.options_.protocols = {"range", "sticky"};  // the group is told anew who it is
  forgetful.join();
  ASSERT_TRUE(forgetful.take_join());
  EXPECT_EQ(forgetful.members_.front().group_instance_id, "one");
  ASSERT_EQ(forgetful.leave(), ErrorCode::none);
  Consumer successor(coordinator, {.instance = "one"});
  successor.join();
  coordinator.advance(10s);
  EXPECT_TRUE(successor.take_join());
}

TEST(GC09, AStaticMemberThatComesBackWhileTheOthersSyncCausesARebalance) {
  Coordinator coordinator;
  Consumer a(coordinator, {.instance = "one"}), b(coordinator, {.instance = "two"});
  a.join();
  b.join();
  coordinator.advance(6s);
  ASSERT_TRUE(a.take_join() && b.take_join());
  Consumer& leader = a.leads_ ? a : b;
  Consumer& follower = a.leads_ ? b : a;
  follower.sync();
  Consumer restarted = follower;
  restarted.id_.clear();
  restarted.join();
  EXPECT_EQ(follower.sync_answer()->error_code, ErrorCode::fenced_instance_id);
  EXPECT_EQ(coordinator.state("g"), "PreparingRebalance");
  leader.join();
  EXPECT_TRUE(restarted.take_join() && leader.take_join());
}

TEST(GC09, AStaticMemberIsMissedOnlyAfterItsSession) {
  Coordinator coordinator;
  Consumer away(coordinator, {.instance = "one", .session_ms = 120'000});
  Consumer here(coordinator, {.session_ms = 120'000});
  Consumer late(coordinator, {.session_ms = 120'000});
  stabilize(coordinator, {&away, &here});
  late.join();
  here.join();
  coordinator.advance(60s);
  ASSERT_TRUE(here.take_join() && late.take_join());
  EXPECT_EQ((here.leads_ ? here : late).members_.size(), 3U) << "it keeps its place";
}

TEST(GC09, ImpatientStaticMembersThatAreAllAwayDoNotKeepTheCoordinatorBusy) {
  Coordinator coordinator;
  Consumer away(coordinator, {.instance = "one"}), gone(coordinator, {.instance = "two"});
  stabilize(coordinator, {&away, &gone});
  for (Consumer* restarted : {&away, &gone}) {
    restarted->id_.clear();
    restarted->options_.rebalance_ms = 0;
    restarted->join();
    ASSERT_TRUE(restarted->take_join());
  }
  gone.leave();
  EXPECT_EQ(coordinator.state("g"), "PreparingRebalance");
  int looks = 0;
  const Time until = coordinator.now_.monotonic + 5s;
  while (coordinator.groups().next_deadline() <= until && looks < 100) {
    coordinator.now_.monotonic = coordinator.groups().next_deadline();
    coordinator.apply(coordinator.groups().expire(coordinator.now_));
    ++looks;
  }
  EXPECT_LE(looks, 7);
  coordinator.advance(10s);
  EXPECT_EQ(coordinator.state("g"), "Empty");
}

TEST(GC10, ALeaderThatDiesBeforeItSyncsHoldsNobodyUpForEver) {
  Coordinator coordinator;
  Consumer a(coordinator, {.rebalance_ms = 20'000}), b(coordinator, {.rebalance_ms = 20'000});
  a.join();
  b.join();
  coordinator.advance(6s);
  ASSERT_TRUE(a.take_join() && b.take_join());
  Consumer& leader = a.leads_ ? a : b;
  Consumer& follower = a.leads_ ? b : a;
  follower.sync();
  coordinator.advance(10s);
  ASSERT_NE(follower.sync_answer(), nullptr) << "the leader's session has ended";
  EXPECT_EQ(follower.sync_answer()->error_code, ErrorCode::rebalance_in_progress);
  EXPECT_EQ(leader.heartbeat(), ErrorCode::unknown_member_id);
  follower.join();
  ASSERT_TRUE(follower.take_join());
  EXPECT_TRUE(follower.leads_);
  follower.sync();
  EXPECT_EQ(follower.assignment(), "to " + follower.id_);
}

TEST(GC10, WhoOnlySendsHeartbeatsAndNeverSyncsIsOutAfterTheRebalanceTimeout) {
  Coordinator coordinator;
  Consumer a(coordinator, {.rebalance_ms = 20'000}), b(coordinator, {.rebalance_ms = 20'000});
  a.join();
  b.join();
  coordinator.advance(6s);
  ASSERT_TRUE(a.take_join() && b.take_join());
  Consumer& leader = a.leads_ ? a : b;
  Consumer& lazy = a.leads_ ? b : a;
  leader.sync();
  for (int i = 0; i < 9; ++i) {
    EXPECT_EQ(lazy.heartbeat(), ErrorCode::none);
    EXPECT_EQ(leader.heartbeat(), ErrorCode::none);
    coordinator.advance(2s);
  }
  coordinator.advance(2s);
  EXPECT_EQ(lazy.heartbeat(), ErrorCode::unknown_member_id);
  EXPECT_EQ(leader.heartbeat(), ErrorCode::rebalance_in_progress);
}

TEST(GC11, HeartbeatsAndCommitsKeepAMemberAliveWhileOthersRejoin) {
  Coordinator coordinator;
  Consumer slow(coordinator, {.rebalance_ms = 300'000}), b(coordinator);
  stabilize(coordinator, {&slow});
  b.join();
  for (int i = 0; i < 10; ++i) {
    coordinator.advance(5s);
    EXPECT_EQ(slow.heartbeat(), ErrorCode::rebalance_in_progress);
    coordinator.advance(5s);
    EXPECT_EQ(slow.commit(i), ErrorCode::none) << "what it has read it may still commit";
  }
  slow.join();
  EXPECT_TRUE(slow.take_join() && b.take_join());
}

TEST(GC11, AMemberThatWaitsForAnAnswerIsAlive) {
  Coordinator coordinator;
  Consumer a(coordinator, {.session_ms = 6'000, .rebalance_ms = 60'000}),
      slow(coordinator, {.session_ms = 60'000});
  Consumer late(coordinator);
  stabilize(coordinator, {&a, &slow});
  late.join();
  a.join();
  coordinator.advance(50s);
  EXPECT_EQ(a.join_answer(), nullptr);
  slow.join();
  EXPECT_TRUE(a.take_join());
}

TEST(GC12, AThousandMembersJoinAtOnce) {
  Coordinator coordinator;
  std::vector<std::unique_ptr<Consumer>> consumers;
  for (int i = 0; i < 1'000; ++i) {
    consumers.push_back(std::make_unique<Consumer>(coordinator));
    consumers.back()->join();
  }
  coordinator.advance(6s);
  Consumer* leader = nullptr;
  for (const auto& consumer : consumers) {
    ASSERT_TRUE(consumer->take_join());
    if (consumer->leads_) leader = consumer.get();
  }
  ASSERT_NE(leader, nullptr);
  EXPECT_EQ(leader->members_.size(), 1'000U);
  for (const auto& consumer : consumers) consumer->sync();
  for (const auto& consumer : consumers) EXPECT_EQ(consumer->assignment(), "to " + consumer->id_);
  EXPECT_EQ(coordinator.log_size(), 1U);
}

TEST(GC12, WhatMembersSayOfThemselvesIsBounded) {
  Coordinator coordinator;
  Slice large = Slice::take(std::vector<std::byte>(std::size_t{30} << 20));
  std::vector<ErrorCode> codes;
  for (int i = 0; i < 3; ++i) {
    Consumer consumer(coordinator, {.version = 3});
    auto request = consumer.request();
    request.protocols.front().metadata = large;
    const JoinGroupResponse* response = coordinator.joined(coordinator.join(request, consumer.client()));
    codes.push_back(response ? response->error_code : ErrorCode::none);
  }
  EXPECT_EQ(codes, (std::vector{ErrorCode::none, ErrorCode::none, ErrorCode::group_max_size_reached}));
}

TEST(GC12, IdsThatAreGivenOutAreBounded) {
  Coordinator coordinator;
  Consumer consumer(coordinator);
  std::map<ErrorCode, int> codes;
  for (int i = 0; i < 10'010; ++i)
    ++codes[coordinator.joined(coordinator.join(consumer.request(), consumer.client()))->error_code];
  EXPECT_EQ(codes[ErrorCode::member_id_required], 10'000);
  EXPECT_EQ(codes[ErrorCode::group_max_size_reached], 10);
}

TEST(GC13, TheWallClockMayJump) {
  Coordinator coordinator;
  Consumer a(coordinator);
  stabilize(coordinator, {&a});
  for (const TimestampMs jump : {3'600'000, -7'200'000, 3'600'000}) {
    coordinator.now_.wall_ms += jump;
    coordinator.advance(9s);
    EXPECT_EQ(a.heartbeat(), ErrorCode::none);
  }
}

// A protocol that is not everybody's never becomes the group's.
TEST(GC14, AssignorsThatDoNotMatchAreRefused) {
  Coordinator coordinator;
  Consumer eager(coordinator, {.protocols = {"range"}});
  stabilize(coordinator, {&eager});
  Consumer cooperative(coordinator, {.protocols = {"cooperative-sticky"}});
  cooperative.join();
  EXPECT_EQ(join_error(cooperative), ErrorCode::inconsistent_group_protocol);
  // A rolling upgrade goes by way of members that know both.
  Consumer both(coordinator, {.protocols = {"cooperative-sticky", "range"}});
  both.join();
  eager.join();
  ASSERT_TRUE(both.take_join() && eager.take_join());
  EXPECT_EQ(*both.protocol_, "range");
  eager.options_.protocols = {"cooperative-sticky", "range"};
  eager.join();
  both.join();
  ASSERT_TRUE(both.take_join() && eager.take_join());
  EXPECT_EQ(*both.protocol_, "cooperative-sticky");
}

}  // namespace
}  // namespace moldau::group
