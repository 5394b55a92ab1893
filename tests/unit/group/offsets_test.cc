// Committed offsets: who may commit, what is found, when they go.
#include "coordinator.h"

namespace moldau::group {
namespace {

constexpr TopicId kOld{1, 1};
constexpr TopicId kNew{2, 2};
constexpr Duration kRetention = 7 * 24h;

Records expire(Coordinator& coordinator) {
  Records records = coordinator.groups().expire_offsets(coordinator.now_);
  coordinator.apply(records);
  return records;
}

TEST(Offsets, AreCommittedByMembersAndFound) {
  Coordinator coordinator;
  Consumer a(coordinator);
  stabilize(coordinator, {&a});
  EXPECT_EQ(coordinator.committed("g").committed_offset, kNoOffset);
  EXPECT_EQ(a.commit(42), ErrorCode::none);
  const auto committed = coordinator.committed("g");
  EXPECT_EQ(committed.committed_offset, 42);
  EXPECT_EQ(committed.committed_leader_epoch, 7);
  EXPECT_EQ(committed.metadata, "");
  EXPECT_EQ(committed.error_code, ErrorCode::none);
  EXPECT_EQ(coordinator.committed("g", "other").committed_offset, kNoOffset);
  EXPECT_EQ(coordinator.committed("g", "t", 1).committed_offset, kNoOffset);
  EXPECT_EQ(coordinator.committed("nobody").committed_offset, kNoOffset);
}

TEST(Offsets, NeedNoGroupBeforehand) {
  Coordinator coordinator;
  EXPECT_EQ(coordinator.commit({.group = "simple", .offset = 5, .metadata = "note"}), ErrorCode::none);
  EXPECT_EQ(coordinator.committed("simple").metadata, "note");
  EXPECT_EQ(coordinator.state("simple"), "Empty");
  EXPECT_EQ(coordinator.commit({.group = "", .offset = 5}), ErrorCode::none) << "old clients commit so";
  EXPECT_EQ(coordinator.committed("").committed_offset, 5);
}

TEST(Offsets, OfAllTopicsAreFoundByName) {
  Coordinator coordinator;
  EXPECT_EQ(coordinator.commit({.topic = "a", .partition = 0, .offset = 1}), ErrorCode::none);
  EXPECT_EQ(coordinator.commit({.topic = "a", .topic_id = kOld, .partition = 1, .offset = 2}),
            ErrorCode::none);
  EXPECT_EQ(coordinator.commit({.topic = "b", .topic_id = kNew, .partition = 0, .offset = 3}),
            ErrorCode::none);
  wire::OffsetFetchRequest::Group request;
  request.group_id = "g";
  const auto response = coordinator.groups().fetch_offsets(request).response;
  ASSERT_EQ(response.topics.size(), 3U);
  EXPECT_EQ(response.topics[0].name, "a");
  EXPECT_TRUE(response.topics[0].topic_id.is_zero());
  EXPECT_EQ(response.topics[1].topic_id, kOld);
  EXPECT_EQ(response.topics[1].partitions[0].committed_offset, 2);
  EXPECT_EQ(response.topics[2].name, "b");
  request.group_id = "nobody";
  EXPECT_TRUE(coordinator.groups().fetch_offsets(request).response.topics.empty());
}

TEST(GC02, AZombieOfAnEarlierGenerationCannotCommit) {
  Coordinator coordinator;
  Consumer a(coordinator), b(coordinator);
  stabilize(coordinator, {&a, &b});
  ASSERT_EQ(a.commit(10), ErrorCode::none);
  Consumer zombie = a;
  a.leave();
  b.join();
  ASSERT_TRUE(b.take_join());
  EXPECT_EQ(b.commit(11), ErrorCode::rebalance_in_progress) << "it has no assignment yet";
  b.sync();
  EXPECT_EQ(zombie.commit(5), ErrorCode::unknown_member_id);
  b.generation_ = 1;
  EXPECT_EQ(b.commit(5), ErrorCode::illegal_generation);
  EXPECT_EQ(coordinator.commit({.offset = 5}), ErrorCode::unknown_member_id)
      << "an operator, while it is in use";
  EXPECT_EQ(coordinator.commit({.generation = 2, .member = b.id_, .instance = "i", .offset = 5}),
            ErrorCode::unknown_member_id);
  EXPECT_EQ(coordinator.committed("g").committed_offset, 10);
}

TEST(GC02, AGenerationOfAGroupThatIsNotThereCannotCommit) {
  Coordinator coordinator;
  EXPECT_EQ(coordinator.commit({.generation = 1, .member = "m", .version = 8}),
            ErrorCode::illegal_generation);
  EXPECT_EQ(coordinator.commit({.generation = 1, .member = "m", .version = 9}),
            ErrorCode::group_id_not_found);
  EXPECT_EQ(coordinator.log_size(), 0U);
}

TEST(Offsets, MetadataIsBounded) {
  Coordinator coordinator({.offset_metadata_max_size = 4});
  EXPECT_EQ(coordinator.commit({.metadata = "1234"}), ErrorCode::none);
  EXPECT_EQ(coordinator.commit({.metadata = "12345"}), ErrorCode::offset_metadata_too_large);
  EXPECT_EQ(coordinator.commit({.metadata = "\u00e4\u00f6\u00fc\u20ac"}), ErrorCode::none)
      << "characters count";
  EXPECT_EQ(coordinator.commit({.metadata = "ab\U0001F600c"}), ErrorCode::offset_metadata_too_large)
      << "as UTF-16 has them";
  EXPECT_EQ(coordinator.committed("g").metadata, "\u00e4\u00f6\u00fc\u20ac");
}

// An answer shows nothing that is not committed: it waits for the log.
TEST(GC05, WhatIsReadWaitsForWhatIsWritten) {
  Coordinator coordinator;
  Consumer a(coordinator);
  stabilize(coordinator, {&a});
  wire::OffsetFetchRequest::Group request;
  request.group_id = "g";
  EXPECT_EQ(coordinator.groups().fetch_offsets(request).after, 0) << "nothing was committed";
  ASSERT_EQ(a.commit(1), ErrorCode::none);
  EXPECT_EQ(coordinator.groups().fetch_offsets(request).after, coordinator.end());
  const Offset members_end = coordinator.groups().describe("g", 6).after;
  EXPECT_LT(members_end, coordinator.end()) << "who is a member does not depend on offsets";
  const wire::HeartbeatRequest heartbeat{"g", a.generation_, a.id_, std::nullopt};
  EXPECT_EQ(coordinator.groups().heartbeat(heartbeat, coordinator.now_).after, members_end);
  EXPECT_EQ(coordinator.groups().list({}).after, coordinator.end());
  EXPECT_EQ(coordinator.groups().delete_group("none").after, coordinator.end());
}

TEST(Offsets, AreDeletedUnlessSubscribed) {
  Coordinator coordinator;
  Consumer a(coordinator);
  stabilize(coordinator, {&a});
  ASSERT_EQ(a.commit(1), ErrorCode::none);
  ASSERT_EQ(coordinator.commit({.generation = 1, .member = a.id_, .topic = "u", .offset = 2}),
            ErrorCode::none);
  EXPECT_EQ(coordinator.delete_offset("g", "t"), ErrorCode::group_subscribed_to_topic);
  EXPECT_EQ(coordinator.delete_offset("g", "u"), ErrorCode::none);
  const std::size_t before = coordinator.log_size();
  EXPECT_EQ(coordinator.delete_offset("g", "u", 9), ErrorCode::none) << "there is none";
  EXPECT_EQ(coordinator.log_size(), before);
  EXPECT_EQ(coordinator.committed("g", "u").committed_offset, kNoOffset);
  EXPECT_EQ(coordinator.committed("g", "t").committed_offset, 1);
  EXPECT_EQ(coordinator.delete_offset("none", "t"), ErrorCode::group_id_not_found);
  EXPECT_EQ(coordinator.delete_offset("", "t"), ErrorCode::invalid_group_id);
  ASSERT_EQ(coordinator.commit({.group = "", .offset = 1}), ErrorCode::none);
  EXPECT_EQ(coordinator.delete_offset("", "t"), ErrorCode::invalid_group_id) << "also when there is one";
}

TEST(Offsets, OfAGroupWhoseSubscriptionsCannotBeReadCountAsSubscribed) {
  Coordinator coordinator;
  Consumer a(coordinator);
  for (const char* garbage : {"", "\x01", "\xff\xff\x00\x00", "\x00\x01\x7f\xff\xff\xff"}) {
    auto request = a.request();
    request.group_id = "odd";
    request.protocols.front().metadata = Slice::copy_of(std::string_view(garbage, garbage[0] == 0 ? 6 : 1));
    const Ticket ticket = coordinator.join(request, {"c", "/h", 3});
    coordinator.advance(10s);
    const JoinGroupResponse* joined = coordinator.joined(ticket);
    ASSERT_NE(joined, nullptr);
    ASSERT_EQ(joined->error_code, ErrorCode::none) << "what members say to each other is theirs";
    EXPECT_EQ(coordinator.delete_offset("odd", "t"), ErrorCode::group_subscribed_to_topic);
    coordinator.leave("odd", {{joined->member_id, std::nullopt, std::nullopt}});
  }
}

// --- groups that go

TEST(GC07, ADeletedGroupStaysDeleted) {
  Coordinator coordinator;
  Consumer a(coordinator);
  stabilize(coordinator, {&a});
  ASSERT_EQ(a.commit(1), ErrorCode::none);
  EXPECT_EQ(coordinator.delete_group("g"), ErrorCode::non_empty_group);
  a.leave();
  EXPECT_EQ(coordinator.delete_group("g"), ErrorCode::none);
  EXPECT_EQ(coordinator.delete_group("g"), ErrorCode::group_id_not_found);
  EXPECT_EQ(coordinator.state("g"), "Dead");
  coordinator.fail_over();
  EXPECT_EQ(coordinator.state("g"), "Dead");
  EXPECT_EQ(coordinator.committed("g").committed_offset, kNoOffset);
  coordinator.compact(true);
  EXPECT_EQ(coordinator.log_size(), 0U);
}

TEST(GC07, AGroupOfOffsetsAloneIsDeletedToo) {
  Coordinator coordinator;
  ASSERT_EQ(coordinator.commit({.offset = 3}), ErrorCode::none);
  EXPECT_EQ(coordinator.delete_group("g"), ErrorCode::none);
  coordinator.fail_over();
  EXPECT_EQ(coordinator.groups().size(), 0U);
}

TEST(GC06, OffsetsOfAnEmptyGroupGoAfterTheirTimeFromWhenItBecameEmpty) {
  Coordinator coordinator;
  Consumer a(coordinator);
  stabilize(coordinator, {&a});
  ASSERT_EQ(a.commit(1), ErrorCode::none);
  for (int i = 0; i < 20; ++i) {
    coordinator.now_.wall_ms += 24 * 3'600 * 1'000;
    EXPECT_TRUE(expire(coordinator).empty()) << "the group is subscribed";
  }
  a.leave();
  coordinator.advance(kRetention - 1ms);
  EXPECT_TRUE(expire(coordinator).empty());
  coordinator.advance(1ms);
  EXPECT_EQ(expire(coordinator).size(), 2U) << "the offset and the group";
  EXPECT_EQ(coordinator.state("g"), "Dead");
  coordinator.fail_over();
  EXPECT_EQ(coordinator.groups().size(), 0U);
}

TEST(GC06, AGroupThatIsUsedAgainKeepsItsOffsets) {
  Coordinator coordinator;
  Consumer a(coordinator);
  stabilize(coordinator, {&a});
  ASSERT_EQ(a.commit(1), ErrorCode::none);
  a.leave();
  coordinator.advance(kRetention - 1h);
  coordinator.fail_over();
  Consumer again(coordinator, {.session_ms = 1'800'000});
  stabilize(coordinator, {&again});
  coordinator.now_.wall_ms += 2 * 3'600 * 1'000;
  EXPECT_TRUE(expire(coordinator).empty());
  EXPECT_EQ(coordinator.committed("g").committed_offset, 1);
}

TEST(GC06, OffsetsOfTopicsThatAreNotSubscribedAnyMoreGoAfterTheirCommit) {
  Coordinator coordinator;
  Consumer a(coordinator, {.session_ms = 1'800'000});
  stabilize(coordinator, {&a});
  ASSERT_EQ(a.commit(1), ErrorCode::none);
  ASSERT_EQ(coordinator.commit({.generation = 1, .member = a.id_, .topic = "old", .offset = 2}),
            ErrorCode::none);
  coordinator.now_.wall_ms +=
      std::chrono::milliseconds(std::chrono::duration_cast<std::chrono::milliseconds>(kRetention)).count();
  EXPECT_EQ(expire(coordinator).size(), 1U);
  EXPECT_EQ(coordinator.committed("g", "old").committed_offset, kNoOffset);
  EXPECT_EQ(coordinator.committed("g", "t").committed_offset, 1);
}

TEST(GC06, OffsetsWithoutAGroupGoAfterTheirCommit) {
  Coordinator coordinator;
  ASSERT_EQ(coordinator.commit({.partition = 0, .offset = 1}), ErrorCode::none);
  coordinator.advance(24h);
  ASSERT_EQ(coordinator.commit({.partition = 1, .offset = 2}), ErrorCode::none);
  coordinator.advance(kRetention - 24h);
  EXPECT_EQ(expire(coordinator).size(), 1U);
  EXPECT_EQ(coordinator.committed("g", "t", 1).committed_offset, 2);
  coordinator.advance(24h);
  EXPECT_EQ(expire(coordinator).size(), 2U);
  EXPECT_EQ(coordinator.groups().size(), 0U);
}

TEST(GC06, ARetentionOfTheClientsOwnCounts) {
  Coordinator coordinator;
  constexpr auto kForever = std::numeric_limits<std::int64_t>::max();
  ASSERT_EQ(coordinator.commit({.partition = 0, .offset = 1, .retention_ms = 5'000, .version = 4}),
            ErrorCode::none);
  ASSERT_EQ(coordinator.commit({.partition = 1, .offset = 2, .retention_ms = kForever, .version = 4}),
            ErrorCode::none);
  EXPECT_TRUE(expire(coordinator).empty());
  coordinator.advance(5s);
  EXPECT_EQ(expire(coordinator).size(), 1U);
  coordinator.advance(2 * kRetention);
  EXPECT_TRUE(expire(coordinator).empty());
  const std::uint64_t before = coordinator.groups().state_hash();
  coordinator.fail_over();
  EXPECT_EQ(coordinator.groups().state_hash(), before);
  EXPECT_EQ(coordinator.committed("g", "t", 1).committed_offset, 2);
}

TEST(GC06, AGroupOfWhichNothingWasEverStoredGoesWithoutARecord) {
  Coordinator coordinator;
  Consumer ghost(coordinator);
  static_cast<void>(coordinator.join(ghost.request(), ghost.client()));
  EXPECT_TRUE(expire(coordinator).empty());
  EXPECT_EQ(coordinator.groups().size(), 1U) << "its client may come yet";
  coordinator.advance(10s);
  EXPECT_TRUE(expire(coordinator).empty());
  EXPECT_EQ(coordinator.groups().size(), 0U);
}

TEST(GC16, WhatWasCommittedForADeletedTopicIsNotFoundForANewOneOfItsName) {
  Coordinator coordinator;
  ASSERT_EQ(coordinator.commit({.topic_id = kOld, .offset = 100}), ErrorCode::none);
  EXPECT_EQ(coordinator.committed("g", "t", 0, kOld).committed_offset, 100);
  EXPECT_EQ(coordinator.committed("g", "t", 0, kNew).committed_offset, kNoOffset);
  EXPECT_EQ(coordinator.committed("g", "t", 0, kZeroUuid).committed_offset, 100) << "asked for by name alone";
  coordinator.fail_over();
  EXPECT_EQ(coordinator.committed("g", "t", 0, kNew).committed_offset, kNoOffset);
  ASSERT_EQ(coordinator.commit({.topic_id = kNew, .offset = 1}), ErrorCode::none);
  EXPECT_EQ(coordinator.committed("g", "t", 0, kNew).committed_offset, 1);
}

TEST(GC16, ADeletedTopicTakesItsOffsetsAlong) {
  Coordinator coordinator;
  ASSERT_EQ(coordinator.commit({.group = "a", .topic_id = kOld, .offset = 1}), ErrorCode::none);
  ASSERT_EQ(coordinator.commit({.group = "b", .topic_id = kNew, .offset = 2}), ErrorCode::none);
  ASSERT_EQ(coordinator.commit({.group = "c", .offset = 3}), ErrorCode::none);
  ASSERT_EQ(coordinator.commit({.group = "d", .topic = "other", .offset = 4}), ErrorCode::none);
  coordinator.apply(coordinator.groups().forget_topics({{"t", kOld}}));
  EXPECT_EQ(coordinator.committed("a").committed_offset, kNoOffset);
  EXPECT_EQ(coordinator.committed("b").committed_offset, 2) << "of the topic that has the name now";
  EXPECT_EQ(coordinator.committed("c").committed_offset, kNoOffset) << "committed by name";
  EXPECT_EQ(coordinator.committed("d", "other").committed_offset, 4);
}

}  // namespace
}  // namespace moldau::group
