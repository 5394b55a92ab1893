// Groups on the partitions of a log: loading and unloading, answers that wait for the log, time.
#include "hosted.h"

namespace moldau::coordinator::testing {
namespace {

class Coordinators : public Hosted {
 protected:
  ErrorCode join_error(Task<GroupResult<wire::JoinGroupResponse>> waiting) {
    const auto answer = world.run(std::move(waiting));
    return answer ? answer->error_code : answer.error();
  }
  // A record that no coordinator has written.
  void write(PartitionIndex at, std::string_view key, std::string_view value) {
    record::BatchBuilder batch({});
    batch.append(world.wall_clock().now_ms(), as_bytes(key), as_bytes(value));
    ASSERT_TRUE(partition(at).append(std::move(batch).build_uncompressed(), {}, world.wall_clock().now_ms()));
  }
  std::vector<std::string> list() {
    const auto listed = world.run(coordinator->list({}));
    std::vector<std::string> names;
    if (listed)
      for (const auto& group : *listed) names.push_back(group.group_id);
    std::ranges::sort(names);
    return names;
  }
};

TEST_F(Coordinators, ServeTheGroupsOfThePartitionsThatAreLedHere) {
  start();
  EXPECT_EQ(commit_offset("g", 5), ErrorCode::none);
  EXPECT_EQ(committed("g"), 5);
  const auto member = stable("h");
  EXPECT_EQ(heartbeat("h", member), ErrorCode::none);
  EXPECT_EQ(state("h"), "Stable");
  EXPECT_EQ(list(), (std::vector<std::string>{"g", "h"}));
}

TEST_F(Coordinators, AreNoneBeforeTheTopicIsThere) {
  open();
  EXPECT_EQ(commit_offset("g", 5), ErrorCode::not_coordinator);
  EXPECT_EQ(committed("g").error(), ErrorCode::not_coordinator);
  EXPECT_EQ(join_error(join_later(join_request("g"))), ErrorCode::not_coordinator);
  EXPECT_TRUE(list().empty());
}

// --- GC-04

TEST_F(Coordinators, GC04RequestsWhileTheGroupsAreLoadedAreToldSo) {
  start();
  ASSERT_EQ(commit_offset("g", 5), ErrorCode::none);
  elect(at("g"), kNoNode);
  EXPECT_EQ(commit_offset("g", 6), ErrorCode::not_coordinator);
  elect(at("g"), kSelf);
  auto commit = commit_later("g", 7);
  ASSERT_TRUE(commit.ended()) << "nothing waits for loading";
  EXPECT_EQ(std::move(commit).take().error(), ErrorCode::coordinator_load_in_progress);
  auto fetch = fetch_later("g");
  EXPECT_EQ(std::move(fetch).take().error(), ErrorCode::coordinator_load_in_progress);
  auto join = join_later(join_request("g"));
  EXPECT_EQ(std::move(join).take().error(), ErrorCode::coordinator_load_in_progress);
  auto list = coordinator->list({});
  EXPECT_EQ(std::move(list).take().error(), ErrorCode::coordinator_load_in_progress);
  auto beat = coordinator->heartbeat(at("g"), {"g", 1, "m", std::nullopt});
  EXPECT_EQ(std::move(beat).take()->error_code, ErrorCode::none) << "nobody's session runs";
  ASSERT_TRUE(world.run_until([&] { return coordinator->state_hashes().contains(at("g")); }, 10s));
  EXPECT_EQ(committed("g"), 5);
}

TEST_F(Coordinators, GC04APartitionMayComeAndGoWhileItIsLoaded) {
  start();
  for (int i = 0; i < 50; ++i) ASSERT_EQ(commit_offset("g", i), ErrorCode::none);
  const std::uint64_t before = coordinator->state_hashes().at(at("g"));
  for (int i = 0; i < 5; ++i) {
    elect(at("g"), kNoNode);
    elect(at("g"), kSelf);
  }
  ASSERT_TRUE(world.run_until([&] { return coordinator->state_hashes().contains(at("g")); }, 10s));
  EXPECT_EQ(coordinator->state_hashes().at(at("g")), before);
  elect(at("g"), kNoNode);
  EXPECT_FALSE(coordinator->state_hashes().contains(at("g")));
  world.run_for(10s);
  EXPECT_FALSE(coordinator->state_hashes().contains(at("g")));
  EXPECT_EQ(state("g"), "NOT_COORDINATOR");
}

TEST_F(Coordinators, GC04TheTopicMayGo) {
  start();
  ASSERT_EQ(commit_offset("g", 1), ErrorCode::none);
  auto waiting = join_later(join_request("h"));
  commit({metadata::RemoveTopicRecord{kTopicId}});
  EXPECT_EQ(join_error(std::move(waiting)), ErrorCode::not_coordinator);
  EXPECT_EQ(commit_offset("g", 2), ErrorCode::not_coordinator);
  EXPECT_TRUE(coordinator->state_hashes().empty());
}

// --- GC-03, I-G5

TEST_F(Coordinators, GC03ARestartChangesNothing) {
  start();
  const auto member = stable("h");
  for (int i = 0; i < 30; ++i) ASSERT_EQ(commit_offset("g" + std::to_string(i % 7), i), ErrorCode::none);
  ASSERT_EQ(world.run(coordinator->delete_group(at("g3"), "g3")), ErrorCode::none);
  const auto before = coordinator->state_hashes();
  reopen();
  ASSERT_TRUE(world.run_until([&] { return coordinator->state_hashes().size() == kPartitions; }, 10s));
  EXPECT_EQ(coordinator->state_hashes(), before);
  EXPECT_EQ(heartbeat("h", member), ErrorCode::none);
  EXPECT_EQ(state("g3"), "Dead");
  EXPECT_EQ(committed("g1"), 29);
}

TEST_F(Coordinators, GC03APowerLossLosesNothingThatWasAcknowledged) {
  start();
  for (int i = 0; i < 20; ++i) ASSERT_EQ(commit_offset("g", i), ErrorCode::none);
  world.power_loss();
  close();
  world.restart();
  open();
  ASSERT_TRUE(world.run_until([&] { return coordinator->state_hashes().size() == kPartitions; }, 10s));
  EXPECT_EQ(committed("g"), 19);
}

TEST_F(Coordinators, WhatIsNotARecordOfGroupsIsPassedOver) {
  start();
  ASSERT_EQ(commit_offset("g", 1), ErrorCode::none);
  const PartitionIndex where = at("g");
  write(where, std::string_view("\x00\x01garbage", 9), "no value");
  write(where, std::string_view("\x00\x63\x00\x01x", 5), "of another kind");
  ASSERT_EQ(commit_offset("g", 2), ErrorCode::none);
  reopen();
  ASSERT_TRUE(world.run_until([&] { return coordinator->state_hashes().size() == kPartitions; }, 10s));
  EXPECT_EQ(committed("g"), 2);
}

// --- GC-05: nothing is told before it is committed

TEST_F(Coordinators, GC05ACommitIsAnsweredWhenItIsDurable) {
  start();
  auto commit = commit_later("g", 5);
  EXPECT_FALSE(commit.ended());
  auto fetch = fetch_later("g");
  EXPECT_FALSE(fetch.ended()) << "a read does not show what may be gone";
  auto other = fetch_later("h");
  EXPECT_EQ(at("g") == at("h") || other.ended(), true);
  EXPECT_EQ(world.run(std::move(commit)), ErrorCode::none);
  EXPECT_EQ(world.run(std::move(fetch)), 5);
  static_cast<void>(world.run(std::move(other)));
}

TEST_F(Coordinators, GC05ACommitOfALeaderThatIsDeposedIsNotAcknowledged) {
  open();
  create_topic({}, {kSelf, kOther}, {kSelf, kOther});  // the other one never fetches
  ASSERT_TRUE(world.run_until([&] { return coordinator->state_hashes().size() == kPartitions; }, 10s));
  auto commit = commit_later("g", 5);
  auto fetch = fetch_later("g");
  auto waiting = join_later(join_request("g"));
  ASSERT_FALSE(commit.ended());
  elect(at("g"), kOther);
  EXPECT_EQ(world.run(std::move(commit)).error(), ErrorCode::not_coordinator);
  EXPECT_EQ(world.run(std::move(fetch)).error(), ErrorCode::not_coordinator);
  EXPECT_EQ(join_error(std::move(waiting)), ErrorCode::not_coordinator);
}

TEST_F(Coordinators, GC05WithTooFewReplicasNothingChanges) {
  open();
  create_topic({{"min.insync.replicas", "2"}}, {kSelf, kOther});
  ASSERT_TRUE(world.run_until([&] { return coordinator->state_hashes().size() == kPartitions; }, 10s));
  const auto before = coordinator->state_hashes();
  EXPECT_EQ(commit_offset("g", 5), ErrorCode::coordinator_not_available);
  EXPECT_EQ(committed("g"), kNoOffset);
  const auto joined = world.run(join_later(join_request("h")));
  ASSERT_TRUE(joined && joined->error_code == ErrorCode::none);
  const auto synced = world.run(sync_later("h", *joined));
  ASSERT_TRUE(synced.has_value());
  EXPECT_EQ(synced->error_code, ErrorCode::coordinator_not_available);
  EXPECT_EQ(state("h"), "PreparingRebalance");
  EXPECT_EQ(coordinator->state_hashes(), before);
}

TEST_F(Coordinators, WhatIsTooLargeToBeStoredIsRefused) {
  open();
  create_topic({{"max.message.bytes", "2000"}});
  ASSERT_TRUE(world.run_until([&] { return coordinator->state_hashes().size() == kPartitions; }, 10s));
  const auto joined = world.run(join_later(join_request("h")));
  ASSERT_TRUE(joined.has_value());
  const auto synced = world.run(sync_later("h", *joined, std::string(5'000, 'x')));
  ASSERT_TRUE(synced.has_value());
  EXPECT_EQ(synced->error_code, ErrorCode::unknown_server_error);
  EXPECT_EQ(state("h"), "PreparingRebalance");
}

TEST_F(Coordinators, DeletionsOfManyOffsetsTakeSeveralBatches) {
  open();
  create_topic({{"max.message.bytes", "2000"}});
  ASSERT_TRUE(world.run_until([&] { return coordinator->state_hashes().size() == kPartitions; }, 10s));
  for (int i = 0; i < 60; ++i)
    ASSERT_EQ(commit_offset("g", i, "topic-" + std::to_string(i)), ErrorCode::none);
  EXPECT_EQ(world.run(coordinator->delete_group(at("g"), "g")), ErrorCode::none);
  EXPECT_EQ(state("g"), "Dead");
  reopen();
  ASSERT_TRUE(world.run_until([&] { return coordinator->state_hashes().size() == kPartitions; }, 10s));
  EXPECT_EQ(state("g"), "Dead");
}

// --- members that wait

TEST_F(Coordinators, AMemberJoinsWhenTheDelayIsOver) {
  start();
  const auto began = world.now();
  const auto joined = world.run(join_later(join_request("g")));
  ASSERT_TRUE(joined.has_value());
  EXPECT_EQ(joined->generation_id, 1);
  EXPECT_GE(world.now() - began, 3s);
  EXPECT_LT(world.now() - began, 3100ms);
}

TEST_F(Coordinators, SessionsEnd) {
  start();
  const auto member = stable("g");
  world.run_for(9s);
  EXPECT_EQ(heartbeat("g", member), ErrorCode::none);
  world.run_for(9s);
  EXPECT_EQ(state("g"), "Stable");
  world.run_for(2s);
  EXPECT_EQ(state("g"), "Empty");
  EXPECT_EQ(heartbeat("g", member), ErrorCode::unknown_member_id);
}

TEST_F(Coordinators, AMemberThatIsGivenUpIsNotWaitedFor) {
  start();
  const auto member = stable("g");
  auto gone = join_later(join_request("g"));
  const group::Ticket ticket = last_ticket;
  EXPECT_EQ(heartbeat("g", member), ErrorCode::rebalance_in_progress);
  coordinator->abandon(at("g"), ticket);
  EXPECT_EQ(join_error(std::move(gone)), ErrorCode::not_coordinator);
  auto again = join_later(join_request("g", member.member_id));
  EXPECT_FALSE(again.ended());
  world.run_for(11s);
  ASSERT_TRUE(again.ended()) << "its session has ended";
  EXPECT_EQ(std::move(again).take()->members.size(), 1U);
  coordinator->abandon(at("g"), ticket);
  coordinator->abandon(99, ticket);
}

TEST_F(Coordinators, AStopEndsThoseWhoWait) {
  start();
  auto waiting = join_later(join_request("g"));
  auto commit = commit_later("h", 1);
  world.run(coordinator->stop());
  EXPECT_EQ(join_error(std::move(waiting)), ErrorCode::not_coordinator);
  EXPECT_TRUE(commit.ended());
  static_cast<void>(std::move(commit).take());
  EXPECT_EQ(commit_offset("h", 2), ErrorCode::not_coordinator);
}

TEST_F(Coordinators, OffsetsExpire) {
  settings_.broker.insert({"offsets.retention.minutes", "1"});
  settings_.broker.insert({"offsets.retention.check.interval.ms", "10000"});
  start();
  ASSERT_EQ(commit_offset("g", 1), ErrorCode::none);
  world.run_for(55s);
  EXPECT_EQ(committed("g"), 1);
  world.run_for(20s);
  EXPECT_EQ(committed("g"), kNoOffset);
  EXPECT_EQ(state("g"), "Dead");
}

TEST_F(Coordinators, GC16ADeletedTopicTakesItsOffsetsAlong) {
  start();
  const TopicId doomed{8, 8};
  commit({metadata::TopicRecord{"doomed", doomed}});
  ASSERT_EQ(commit_offset("g", 1, "doomed", doomed), ErrorCode::none);
  ASSERT_EQ(commit_offset("g", 2, "kept"), ErrorCode::none);
  commit({metadata::RemoveTopicRecord{doomed}});
  ASSERT_TRUE(world.run_until([&] { return committed("g", "doomed") == kNoOffset; }, 10s));
  EXPECT_EQ(committed("g", "kept"), 2);
  // Also when the groups are just being loaded.
  commit({metadata::TopicRecord{"doomed", {9, 9}}});
  ASSERT_EQ(commit_offset("g", 3, "doomed", {9, 9}), ErrorCode::none);
  elect(at("g"), kNoNode);
  elect(at("g"), kSelf);
  commit({metadata::RemoveTopicRecord{{9, 9}}});
  ASSERT_TRUE(world.run_until([&] { return coordinator->state_hashes().contains(at("g")); }, 10s));
  ASSERT_TRUE(world.run_until([&] { return committed("g", "doomed") == kNoOffset; }, 10s));
}

// A commit log that is full makes the requests wait.
TEST_F(Coordinators, AFullCommitLogKeepsRequestsWaiting) {
  start();
  std::vector<Task<GroupResult<ErrorCode>>> commits;
  for (int i = 0; i < 4'000; ++i) commits.push_back(commit_later("g", i, "topic-" + std::string(200, 'x')));
  ASSERT_TRUE(world.run_until(
      [&] { return std::ranges::all_of(commits, [](auto& each) { return each.ended(); }); }, 5min));
  for (auto& commit : commits) EXPECT_EQ(std::move(commit).take(), ErrorCode::none);
  const auto before = coordinator->state_hashes();
  reopen();
  ASSERT_TRUE(world.run_until([&] { return coordinator->state_hashes().size() == kPartitions; }, 10s));
  EXPECT_EQ(coordinator->state_hashes(), before);
}

}  // namespace
}  // namespace moldau::coordinator::testing
