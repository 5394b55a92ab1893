// Consumer groups on three nodes: their coordinators move, and nothing that was acknowledged is lost.
#include "unit/node/three_nodes.h"
#include "wire/messages/describe_groups.h"
#include "wire/messages/describe_log_dirs.h"
#include "wire/messages/find_coordinator.h"
#include "wire/messages/heartbeat.h"
#include "wire/messages/join_group.h"
#include "wire/messages/offset_commit.h"
#include "wire/messages/offset_fetch.h"
#include "wire/messages/sync_group.h"
#include "wire/murmur2.h"

namespace moldau::node::testing {
namespace {

using wire::ErrorCode;

const std::string kOffsets = "__consumer_offsets";

class GroupFailover : public ThreeNodes {
 protected:
  config::Settings settings(unsigned machine) const override {
    config::Settings settings = ThreeNodes::settings(machine);
    settings.broker.insert({"offsets.topic.num.partitions", "4"});
    settings.broker.insert({"group.initial.rebalance.delay.ms", "0"});
    return settings;
  }
  void start_with_topic() {
    start();
    create_topic("events", 1, 3);
    ASSERT_TRUE(coordinator_of("g").has_value());
    ASSERT_TRUE(world.run_until([&] { return offsets_in_sync(); }, 60s)) << world.why_stopped();
  }
  bool offsets_in_sync() {
    const metadata::Topic* topic = nodes[alive()]->image()->topic(kOffsets);
    if (topic == nullptr) return false;
    return std::ranges::all_of(topic->partitions, [](const auto& p) { return p->isr.size() == kNodes; });
  }

  // The node that clients are told to go to, asked until there is one.
  std::optional<NodeId> coordinator_of(const std::string& group) {
    auto run = [&]() -> Task<std::optional<NodeId>> {
      for (int i = 0; i < 300; ++i) {
        wire::FindCoordinatorRequest request;
        request.coordinator_keys = {group};
        const auto answer = co_await clients->call_any<wire::FindCoordinatorResponse>(request);
        if (answer && answer->coordinators.at(0).error_code == ErrorCode::none)
          co_return answer->coordinators[0].node_id;
        co_await runtime::sleep_for(client.shard(0), 100ms);
      }
      co_return std::nullopt;
    };
    return world.run(run());
  }
  unsigned machine_of(const std::string& group) { return static_cast<unsigned>(*coordinator_of(group) - 1); }
  // As a client does: to the coordinator, wherever it is, until it is one.
  template <class Response, class Request>
  Response ask(const std::string& group, Request request, std::function<ErrorCode(const Response&)> code_of) {
    for (int i = 0; i < 300; ++i) {
      const auto to = coordinator_of(group);
      if (!to) break;
      static_cast<void>(world.run(clients->refresh(std::vector<std::string>())));
      const auto answer = world.run(clients->call_node<Response>(*to, request));
      const ErrorCode code = answer ? code_of(*answer) : ErrorCode::network_exception;
      const bool again = code == ErrorCode::not_coordinator ||
                         code == ErrorCode::coordinator_load_in_progress ||
                         code == ErrorCode::coordinator_not_available || code == ErrorCode::network_exception;
      if (!again) return *answer;
      world.run_for(100ms);
    }
    ADD_FAILURE() << "the coordinator of " << group << " never answered";
    return {};
  }
  ErrorCode commit(const std::string& group, Offset offset, const std::string& metadata = "") {
    wire::OffsetCommitRequest request;
    request.group_id = group;
    auto& topic = request.topics.emplace_back();
    topic.name = "events";
    topic.topic_id = nodes[alive()]->image()->topic("events")->id;
    topic.partitions.push_back(
        {.partition_index = 0, .committed_offset = offset, .committed_metadata = metadata});
    const auto code = [](const wire::OffsetCommitResponse& r) {
      return r.topics.at(0).partitions.at(0).error_code;
    };
    return code(ask<wire::OffsetCommitResponse>(group, request, code));
  }
  Offset committed(const std::string& group) {
    wire::OffsetFetchRequest request;
    auto& asked = request.groups.emplace_back();
    asked.group_id = group;
    asked.topics.emplace().push_back({"events", nodes[alive()]->image()->topic("events")->id, {0}});
    const auto answer = ask<wire::OffsetFetchResponse>(
        group, request, [](const wire::OffsetFetchResponse& r) { return r.groups.at(0).error_code; });
    return answer.groups.at(0).topics.at(0).partitions.at(0).committed_offset;
  }
  struct Member {
    std::string group = "g";
    std::string id;
    std::int32_t generation = -1;
  };
  Member stable(const std::string& group) {
    Member member{group, "", -1};
    wire::JoinGroupRequest join;
    join.group_id = group;
    join.session_timeout_ms = 30'000;
    join.rebalance_timeout_ms = 30'000;
    join.group_instance_id = "instance";
    join.protocol_type = "consumer";
    join.protocols.push_back({"range", Slice::copy_of("subscription")});
    const auto joined = ask<wire::JoinGroupResponse>(
        group, join, [](const wire::JoinGroupResponse& r) { return r.error_code; });
    EXPECT_EQ(joined.error_code, ErrorCode::none);
    member.id = joined.member_id;
    member.generation = joined.generation_id;
    wire::SyncGroupRequest sync{group,
                                member.generation,
                                member.id,
                                "instance",
                                "consumer",
                                "range",
                                {{member.id, Slice::copy_of("everything")}}};
    const auto synced = ask<wire::SyncGroupResponse>(
        group, sync, [](const wire::SyncGroupResponse& r) { return r.error_code; });
    EXPECT_EQ(synced.assignment.text(), "everything");
    return member;
  }
  ErrorCode heartbeat(const Member& member) {
    wire::HeartbeatRequest request{member.group, member.generation, member.id, "instance"};
    return ask<wire::HeartbeatResponse>(member.group, request,
                                        [](const wire::HeartbeatResponse& r) { return r.error_code; })
        .error_code;
  }
  // Of the partition that the group belongs to, on the node that leads it.
  std::optional<std::uint64_t> state_hash(unsigned machine, const std::string& group) {
    const PartitionIndex at = wire::coordinator_partition(group, 4);
    for (const auto& coordinator : nodes[machine]->group_coordinators()) {
      const auto hashes = coordinator->state_hashes();
      if (const auto found = hashes.find(at); found != hashes.end()) return found->second;
    }
    return std::nullopt;
  }
};

TEST_F(GroupFailover, TheTopicHasAReplicaOnEveryNode) {
  start_with_topic();
  const metadata::Topic* topic = nodes[0]->image()->topic(kOffsets);
  ASSERT_NE(topic, nullptr);
  EXPECT_EQ(topic->partition_count(), 4);
  for (const auto& partition : topic->partitions) EXPECT_EQ(partition->replicas.size(), kNodes);
}

TEST_F(GroupFailover, GC05ACommitSurvivesItsCoordinator) {
  start_with_topic();
  const Member member = stable("g");
  for (Offset offset = 1; offset <= 20; ++offset) ASSERT_EQ(commit("h", offset), ErrorCode::none);
  const unsigned before = machine_of("h");
  const auto hash = state_hash(before, "h");
  ASSERT_TRUE(hash.has_value());
  kill(before);
  EXPECT_EQ(committed("h"), 20);
  const unsigned after = machine_of("h");
  EXPECT_NE(after, before);
  EXPECT_EQ(state_hash(after, "h"), hash) << "I-G5";
  EXPECT_EQ(commit("h", 21), ErrorCode::none);
  restart(before);
  EXPECT_EQ(committed("h"), 21);
}

TEST_F(GroupFailover, GC03AMemberDoesNotNoticeThatItsCoordinatorHasMoved) {
  start_with_topic();
  const Member member = stable("g");
  const unsigned before = machine_of("g");
  const auto hash = state_hash(before, "g");
  kill(before);
  EXPECT_EQ(heartbeat(member), ErrorCode::none);
  EXPECT_EQ(state_hash(machine_of("g"), "g"), hash) << "I-G5";
  const auto described = ask<wire::DescribeGroupsResponse>(
      "g", wire::DescribeGroupsRequest{{"g"}, false},
      [](const wire::DescribeGroupsResponse& r) { return r.groups.at(0).error_code; });
  EXPECT_EQ(described.groups.at(0).group_state, "Stable");
  EXPECT_EQ(described.groups.at(0).members.at(0).member_assignment.text(), "everything");
}

class CompactedFailover : public GroupFailover {
 protected:
  static constexpr std::int64_t kSegmentBytes = 1 << 20;  // the least that a topic may have
  config::Settings settings(unsigned machine) const override {
    config::Settings settings = GroupFailover::settings(machine);
    settings.broker.insert({"offsets.topic.segment.bytes", std::to_string(kSegmentBytes)});
    settings.broker.insert({"log.cleaner.backoff.ms", "500"});
    return settings;
  }
  std::int64_t log_size(unsigned machine, PartitionIndex at) {
    wire::DescribeLogDirsRequest request;
    request.topics.emplace().push_back({kOffsets, {at}});
    const auto answer = world.run(
        clients->call_node<wire::DescribeLogDirsResponse>(static_cast<NodeId>(machine + 1), request));
    std::int64_t size = 0;
    if (!answer) return size;
    for (const auto& folder : answer->results)
      for (const auto& topic : folder.topics)
        for (const auto& partition : topic.partitions) size += partition.partition_size;
    return size;
  }
};

// Each replica is compacted by itself; whoever becomes coordinator reads the same from its own.
TEST_F(CompactedFailover, WhatEachReplicaHasLeftTellsTheSame) {
  start_with_topic();
  for (Offset offset = 1; offset <= 1'200; ++offset)
    ASSERT_EQ(commit("h", offset, std::string(3'000, 'm')), ErrorCode::none) << offset;
  const PartitionIndex at = wire::coordinator_partition("h", 4);
  for (unsigned machine = 0; machine < kNodes; ++machine)
    EXPECT_TRUE(world.run_until([&] { return log_size(machine, at) < kSegmentBytes * 3 / 2; }, 120s))
        << "node " << machine + 1 << " has " << log_size(machine, at);
  const auto hash = state_hash(machine_of("h"), "h");
  ASSERT_TRUE(hash.has_value());
  for (int i = 0; i < 2; ++i) {
    const unsigned before = machine_of("h");
    kill(before);
    EXPECT_EQ(committed("h"), 1'200);
    const unsigned after = machine_of("h");
    EXPECT_NE(after, before);
    EXPECT_EQ(state_hash(after, "h"), hash) << "I-G5";
    restart(before);
    ASSERT_TRUE(world.run_until([&] { return offsets_in_sync(); }, 2min));
  }
}

TEST_F(GroupFailover, AnOrderlyStopHandsTheGroupsOver) {
  start_with_topic();
  const Member member = stable("g");
  ASSERT_EQ(commit("h", 5), ErrorCode::none);
  for (const char* group : {"g", "h"}) {
    const unsigned before = machine_of(group);
    EXPECT_TRUE(world.run(nodes[before]->stop()));
    nodes[before].reset();
    EXPECT_EQ(heartbeat(member), ErrorCode::none);
    EXPECT_EQ(committed("h"), 5);
    world.machine(before).kill();
    restart(before);
    ASSERT_TRUE(world.run_until([&] { return offsets_in_sync(); }, 2min));
  }
}

}  // namespace
}  // namespace moldau::node::testing
