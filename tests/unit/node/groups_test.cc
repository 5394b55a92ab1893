// Consumer groups on one node: every API of the classic protocol at every version, as clients use them.
#include "unit/node/one_node.h"
#include "wire/messages/consumer_group_describe.h"
#include "wire/messages/consumer_group_heartbeat.h"
#include "wire/messages/create_topics.h"
#include "wire/messages/delete_groups.h"
#include "wire/messages/delete_topics.h"
#include "wire/messages/describe_groups.h"
#include "wire/messages/find_coordinator.h"
#include "wire/messages/heartbeat.h"
#include "wire/messages/join_group.h"
#include "wire/messages/leave_group.h"
#include "wire/messages/list_groups.h"
#include "wire/messages/metadata.h"
#include "wire/messages/offset_commit.h"
#include "wire/messages/offset_delete.h"
#include "wire/messages/offset_fetch.h"
#include "wire/messages/sync_group.h"

namespace moldau::node::testing {
namespace {

using wire::ErrorCode;

class Groups : public OneNode {
 protected:
  explicit Groups(unsigned shards = 1, const char* initial_delay_ms = "3000")
      : OneNode(shards), initial_delay_ms_(initial_delay_ms) {
    start(with_delay());
    find("any");
  }
  config::Settings with_delay() const {
    config::Settings settings = OneNode::settings();
    settings.broker.insert({"group.initial.rebalance.delay.ms", initial_delay_ms_});
    return settings;
  }
  void start_again() { start(with_delay()); }

  wire::FindCoordinatorResponse find(const std::string& group, wire::ApiVersion version = 6) {
    wire::FindCoordinatorRequest request;
    request.key = group;
    request.coordinator_keys = {group};
    return ask<wire::FindCoordinatorResponse>(std::move(request), version);
  }
  // Until its groups are loaded.
  void wait_for(const std::string& group) {
    ASSERT_TRUE(world.run_until([&] { return fetch(group).error_code == ErrorCode::none; }, 60s));
  }
  TopicId topic_id() const { return node->image()->topic(kTopic)->id; }

  // --- members
  struct Member {
    std::string group = "g";
    std::string id;
    std::int32_t generation = -1;
    std::optional<std::string> protocol;
    std::string leader;
    std::optional<std::string> instance;
  };
  static wire::JoinGroupRequest join_request(const Member& member) {
    wire::JoinGroupRequest request;
    request.group_id = member.group;
    request.session_timeout_ms = 10'000;
    request.rebalance_timeout_ms = 30'000;
    request.member_id = member.id;
    request.group_instance_id = member.instance;
    request.protocol_type = "consumer";
    request.protocols.push_back({"range", Slice::copy_of("subscription")});
    return request;
  }
  wire::JoinGroupResponse join(Member& member, wire::ApiVersion version = 9) {
    auto answer = ask<wire::JoinGroupResponse>(join_request(member), version);
    member.id = answer.member_id;
    if (answer.error_code == ErrorCode::member_id_required)
      answer = ask<wire::JoinGroupResponse>(join_request(member), version);
    member.generation = answer.generation_id;
    member.protocol = answer.protocol_name;
    member.leader = answer.leader;
    return answer;
  }
  wire::SyncGroupResponse sync(const Member& member, wire::ApiVersion version = 5) {
    wire::SyncGroupRequest request{member.group, member.generation, member.id, member.instance,
                                   "consumer",   member.protocol,   {}};
    if (member.leader == member.id) request.assignments.push_back({member.id, Slice::copy_of("assignment")});
    return ask<wire::SyncGroupResponse>(std::move(request), version);
  }
  ErrorCode heartbeat(const Member& member, wire::ApiVersion version = 4) {
    wire::HeartbeatRequest request{member.group, member.generation, member.id, member.instance};
    return ask<wire::HeartbeatResponse>(std::move(request), version).error_code;
  }
  // Of members that wait for each other.
  Task<wire::JoinGroupResponse> join_with_others(Member& member) {
    const auto connection = co_await connect();
    auto answer = co_await connection->template call<wire::JoinGroupResponse>(join_request(member), 3, 120s);
    EXPECT_TRUE(answer.has_value());
    member.id = answer->member_id;
    member.generation = answer->generation_id;
    member.protocol = answer->protocol_name;
    member.leader = answer->leader;
    co_return *answer;
  }
  Task<wire::SyncGroupResponse> sync_with_others(const Member& member) {
    const auto connection = co_await connect();
    wire::SyncGroupRequest request{member.group, member.generation, member.id, {}, {}, {}, {}};
    auto answer = co_await connection->template call<wire::SyncGroupResponse>(std::move(request), 3, 120s);
    EXPECT_TRUE(answer.has_value());
    co_return *answer;
  }
  Member stable(const std::string& group = "g") {
    Member member{.group = group};
    EXPECT_EQ(join(member).error_code, ErrorCode::none);
    EXPECT_EQ(sync(member).error_code, ErrorCode::none);
    return member;
  }

  // --- offsets
  wire::OffsetCommitRequest commit_request(const std::string& group, Offset offset,
                                           wire::ApiVersion version) {
    wire::OffsetCommitRequest request;
    request.group_id = group;
    auto& topic = request.topics.emplace_back();
    topic.name = kTopic;
    topic.topic_id = topic_id();
    auto& partition = topic.partitions.emplace_back();
    partition.committed_offset = offset;
    partition.committed_leader_epoch = 3;
    partition.committed_metadata = "v" + std::to_string(version);
    return request;
  }
  ErrorCode commit(const std::string& group, Offset offset, wire::ApiVersion version = 9) {
    const auto answer = ask<wire::OffsetCommitResponse>(commit_request(group, offset, version), version);
    return answer.topics.at(0).partitions.at(0).error_code;
  }
  struct Fetched {
    ErrorCode error_code = ErrorCode::unknown_server_error;
    Offset offset = kNoOffset;
    LeaderEpoch epoch = kNoEpoch;
    std::string metadata;
  };
  Fetched fetch(const std::string& group, wire::ApiVersion version = 9) {
    wire::OffsetFetchRequest request;
    request.group_id = group;
    request.topics.emplace().push_back({kTopic, {0}});
    auto& asked = request.groups.emplace_back();
    asked.group_id = group;
    asked.topics.emplace().push_back({kTopic, topic_id(), {0}});
    const auto answer = ask<wire::OffsetFetchResponse>(std::move(request), version);
    if (version < 8) {
      if (answer.topics.empty()) return {answer.error_code};
      const auto& partition = answer.topics.at(0).partitions.at(0);
      return {partition.error_code, partition.committed_offset, partition.committed_leader_epoch,
              partition.metadata.value_or("")};
    }
    const auto& answered = answer.groups.at(0);
    if (answered.topics.empty()) return {answered.error_code};
    const auto& partition = answered.topics.at(0).partitions.at(0);
    return {partition.error_code, partition.committed_offset, partition.committed_leader_epoch,
            partition.metadata.value_or("")};
  }
  wire::DescribeGroupsResponse::Group describe(const std::string& group, wire::ApiVersion version = 6) {
    return ask<wire::DescribeGroupsResponse>(wire::DescribeGroupsRequest{{group}, false}, version)
        .groups.at(0);
  }

  const std::string initial_delay_ms_;
};

TEST_F(Groups, TheFirstWhoLooksForACoordinatorHasItsTopicCreated) {
  const metadata::Topic* topic = node->image()->topic("__consumer_offsets");
  ASSERT_NE(topic, nullptr);
  EXPECT_EQ(topic->partition_count(), 50);
  EXPECT_EQ(topic->partition(0)->replicas.size(), 1U);
  const auto& configs = node->image()->configs({metadata::ResourceType::topic, topic->name});
  EXPECT_EQ(configs.find("cleanup.policy")->second, "compact");
  EXPECT_EQ(configs.find("segment.bytes")->second, "104857600");
  wire::MetadataRequest request;
  request.topics.emplace().push_back({.name = "__consumer_offsets"});
  EXPECT_TRUE(ask<wire::MetadataResponse>(request, 9).topics.at(0).is_internal);
}

TEST_F(Groups, FindCoordinatorAnswersInEveryVersion) {
  for (wire::ApiVersion version = 0; version <= 6; ++version) {
    SCOPED_TRACE(version);
    const auto answer = find("some group", version);
    if (version < 4) {
      EXPECT_EQ(answer.error_code, ErrorCode::none);
      EXPECT_EQ(answer.node_id, 1);
      EXPECT_EQ(answer.host, simulation::Fabric::address_of(0));
      EXPECT_EQ(answer.port, kNodePort);
      if (version >= 1) EXPECT_EQ(answer.error_message, "NONE");
    } else {
      ASSERT_EQ(answer.coordinators.size(), 1U);
      EXPECT_EQ(answer.coordinators[0].key, "some group");
      EXPECT_EQ(answer.coordinators[0].error_code, ErrorCode::none);
      EXPECT_EQ(answer.coordinators[0].node_id, 1);
      EXPECT_EQ(answer.coordinators[0].port, kNodePort);
    }
  }
  wire::FindCoordinatorRequest odd;
  odd.key_type = 9;
  odd.coordinator_keys = {"a", "b"};
  const auto refused = ask<wire::FindCoordinatorResponse>(odd, 6);
  ASSERT_EQ(refused.coordinators.size(), 2U);
  EXPECT_EQ(refused.coordinators[1].error_code, ErrorCode::invalid_request);
}

TEST_F(Groups, MembersAreServedInEveryVersion) {
  for (wire::ApiVersion version = 0; version <= 9; ++version) {
    SCOPED_TRACE(version);
    const auto at_most = [&](wire::ApiVersion highest) { return std::min(version, highest); };
    Member member{.group = "group-" + std::to_string(version)};
    const auto joined = join(member, version);
    ASSERT_EQ(joined.error_code, ErrorCode::none);
    EXPECT_EQ(joined.generation_id, 1);
    EXPECT_EQ(joined.protocol_name, "range");
    if (version >= 7) EXPECT_EQ(joined.protocol_type, "consumer");
    EXPECT_EQ(joined.leader, member.id);
    ASSERT_EQ(joined.members.size(), 1U);
    EXPECT_EQ(joined.members[0].metadata.text(), "subscription");
    EXPECT_TRUE(member.id.starts_with("simulated-client-"));
    const auto synced = sync(member, at_most(5));
    EXPECT_EQ(synced.error_code, ErrorCode::none);
    EXPECT_EQ(synced.assignment.text(), "assignment");
    if (at_most(5) >= 5) EXPECT_EQ(synced.protocol_name, "range");
    EXPECT_EQ(heartbeat(member, at_most(4)), ErrorCode::none);
    const auto described = describe(member.group, at_most(6));
    EXPECT_EQ(described.group_state, "Stable");
    EXPECT_EQ(described.members.at(0).client_id, "simulated-client");
    EXPECT_EQ(described.members.at(0).client_host, "/" + simulation::Fabric::address_of(1));
    wire::LeaveGroupRequest leave;
    leave.group_id = member.group;
    leave.member_id = member.id;
    leave.members.push_back({member.id, std::nullopt, "done"});
    const auto left = ask<wire::LeaveGroupResponse>(leave, at_most(5));
    EXPECT_EQ(left.error_code, ErrorCode::none);
    if (at_most(5) >= 3) EXPECT_EQ(left.members.at(0).error_code, ErrorCode::none);
    EXPECT_EQ(describe(member.group).group_state, "Empty");
    EXPECT_EQ(heartbeat(member), ErrorCode::unknown_member_id);
  }
}

TEST_F(Groups, OffsetsAreCommittedAndFetchedInEveryVersion) {
  for (wire::ApiVersion version = 2; version <= 10; ++version) {
    SCOPED_TRACE(version);
    ASSERT_EQ(commit("g", 100 + version, version), ErrorCode::none);
    for (wire::ApiVersion fetched_by = 1; fetched_by <= 10; ++fetched_by) {
      SCOPED_TRACE(fetched_by);
      const Fetched fetched = fetch("g", fetched_by);
      EXPECT_EQ(fetched.error_code, ErrorCode::none);
      EXPECT_EQ(fetched.offset, 100 + version);
      EXPECT_EQ(fetched.metadata, "v" + std::to_string(version));
      if (fetched_by >= 5) EXPECT_EQ(fetched.epoch, version >= 6 ? 3 : kNoEpoch);
    }
  }
}

TEST_F(Groups, AllOffsetsOfManyGroupsAreFetchedAtOnce) {
  for (const char* group : {"a", "b"}) ASSERT_EQ(commit(group, 7), ErrorCode::none);
  for (const wire::ApiVersion version : {8, 9, 10}) {
    wire::OffsetFetchRequest request;
    for (const char* group : {"a", "b", "none", "a"}) request.groups.emplace_back().group_id = group;
    const auto answer = ask<wire::OffsetFetchResponse>(request, version);
    ASSERT_EQ(answer.groups.size(), 3U) << "what is named again is answered once";
    for (int i = 0; i < 2; ++i) {
      ASSERT_EQ(answer.groups[i].topics.size(), 1U);
      if (version < 10) EXPECT_EQ(answer.groups[i].topics[0].name, kTopic);
      if (version >= 10) EXPECT_EQ(answer.groups[i].topics[0].topic_id, topic_id());
      EXPECT_EQ(answer.groups[i].topics[0].partitions.at(0).committed_offset, 7);
    }
    EXPECT_TRUE(answer.groups[2].topics.empty());
    EXPECT_EQ(answer.groups[2].error_code, ErrorCode::none);
  }
  wire::OffsetFetchRequest one;
  one.group_id = "a";
  EXPECT_EQ(ask<wire::OffsetFetchResponse>(one, 7).topics.at(0).partitions.at(0).committed_offset, 7);
}

TEST_F(Groups, OffsetsOfWhatIsNotThereAreRefused) {
  auto request = commit_request("g", 1, 9);
  request.topics.push_back({"unknown", {9, 9}, {{.partition_index = 0, .committed_offset = 1}}});
  request.topics[0].partitions.push_back({.partition_index = 77, .committed_offset = 1});
  request.topics[0].partitions.push_back({.partition_index = -1, .committed_offset = 1});
  const auto by_name = ask<wire::OffsetCommitResponse>(request, 9);
  EXPECT_EQ(by_name.topics.at(0).partitions.at(0).error_code, ErrorCode::none);
  EXPECT_EQ(by_name.topics.at(0).partitions.at(1).error_code, ErrorCode::unknown_topic_or_partition);
  EXPECT_EQ(by_name.topics.at(0).partitions.at(2).error_code, ErrorCode::unknown_topic_or_partition);
  EXPECT_EQ(by_name.topics.at(1).partitions.at(0).error_code, ErrorCode::unknown_topic_or_partition);
  const auto by_id = ask<wire::OffsetCommitResponse>(request, 10);
  EXPECT_EQ(by_id.topics.at(1).partitions.at(0).error_code, ErrorCode::unknown_topic_id);
  wire::OffsetFetchRequest fetch;
  auto& group = fetch.groups.emplace_back();
  group.group_id = "g";
  group.topics.emplace().push_back({"", {9, 9}, {0, 1}});
  group.topics->push_back({"", topic_id(), {0, 0, 0}});
  const auto fetched = ask<wire::OffsetFetchResponse>(fetch, 10);
  ASSERT_EQ(fetched.groups.at(0).topics.size(), 2U);
  EXPECT_EQ(fetched.groups[0].topics[0].partitions.at(1).error_code, ErrorCode::unknown_topic_id);
  EXPECT_EQ(fetched.groups[0].topics[1].partitions.size(), 1U);
  EXPECT_EQ(fetched.groups[0].topics[1].partitions[0].committed_offset, 1);
}

TEST_F(Groups, AreListedDescribedAndDeleted) {
  const Member member = stable("in use");
  ASSERT_EQ(commit("for offsets", 1), ErrorCode::none);
  for (wire::ApiVersion version = 0; version <= 5; ++version) {
    const auto listed = ask<wire::ListGroupsResponse>(wire::ListGroupsRequest{}, version);
    ASSERT_EQ(listed.error_code, ErrorCode::none);
    ASSERT_EQ(listed.groups.size(), 2U);
    for (const auto& group : listed.groups) {
      EXPECT_EQ(group.protocol_type, group.group_id == "in use" ? "consumer" : "");
      if (version >= 4) EXPECT_EQ(group.group_state, group.group_id == "in use" ? "Stable" : "Empty");
      if (version >= 5) EXPECT_EQ(group.group_type, "classic");
    }
  }
  EXPECT_EQ(ask<wire::ListGroupsResponse>(wire::ListGroupsRequest{{"stable"}, {}}, 5).groups.size(), 1U);
  const auto described =
      ask<wire::DescribeGroupsResponse>(wire::DescribeGroupsRequest{{"in use", "none", "in use"}, true}, 6);
  ASSERT_EQ(described.groups.size(), 2U);
  EXPECT_EQ(described.groups[0].authorized_operations, 0b110101001000);
  EXPECT_EQ(described.groups[1].error_code, ErrorCode::group_id_not_found);
  for (wire::ApiVersion version = 0; version <= 2; ++version) {
    const auto deleted = ask<wire::DeleteGroupsResponse>(
        wire::DeleteGroupsRequest{{"in use", "for offsets", "none", "none"}}, version);
    ASSERT_EQ(deleted.results.size(), 3U);
    EXPECT_EQ(deleted.results[0].error_code, ErrorCode::non_empty_group);
    EXPECT_EQ(deleted.results[1].error_code, version == 0 ? ErrorCode::none : ErrorCode::group_id_not_found);
    EXPECT_EQ(deleted.results[2].error_code, ErrorCode::group_id_not_found);
  }
  EXPECT_EQ(fetch("for offsets").offset, kNoOffset);
}

TEST_F(Groups, AreSeenInTheMetrics) {
  const Member member = stable("seen");
  ASSERT_EQ(commit("lonely", 0), ErrorCode::none);
  const auto shows = [&](const std::string& line) {
    return node->metrics_text().find("\n" + line + "\n") != std::string::npos;
  };
  const auto until = [&](const std::string& line) {
    return world.run_until([&] { return shows(line); }, 20s);
  };
  EXPECT_TRUE(until(
      "kafka_consumergroup_current_offset{consumergroup=\"lonely\",topic=\"events\",partition=\"0\"} 0"))
      << node->metrics_text();
  EXPECT_TRUE(shows("kafka_consumergroup_lag{consumergroup=\"lonely\",topic=\"events\",partition=\"0\"} 0"));
  EXPECT_TRUE(shows("kafka_consumergroup_members{consumergroup=\"seen\"} 1"));
  EXPECT_TRUE(shows("kafka_coordinator_group_groupmetadatamanager_numgroups 2"));
  EXPECT_TRUE(shows("kafka_coordinator_group_groupmetadatamanager_numgroupsstable 1"));
  wire::DeleteGroupsRequest request;
  request.groups_names = {"lonely"};
  ask<wire::DeleteGroupsResponse>(std::move(request), 2);
  EXPECT_TRUE(until("kafka_coordinator_group_groupmetadatamanager_numgroups 1"));
  EXPECT_EQ(node->metrics_text().find("lonely"), std::string::npos) << "what is gone is gone here, too";
}

// A member of the consumer protocol.
struct Reconciled {
  std::string id;
  std::int32_t epoch = 0;
  std::vector<PartitionIndex> partitions;
};

class ConsumerGroups : public Groups {
 protected:
  wire::ConsumerGroupHeartbeatResponse beat(Reconciled& member, std::int32_t epoch,
                                            wire::ApiVersion version = 1) {
    wire::ConsumerGroupHeartbeatRequest request;
    request.group_id = "modern";
    request.member_id = member.id;
    request.member_epoch = epoch;
    request.topic_partitions.emplace();
    if (epoch == 0) {
      request.rebalance_timeout_ms = 30'000;
      request.subscribed_topic_names = std::vector<std::string>{kTopic};
    } else {
      request.subscribed_topic_names.reset();
      if (!member.partitions.empty()) request.topic_partitions->push_back({topic_id(), member.partitions});
    }
    auto answer = ask<wire::ConsumerGroupHeartbeatResponse>(std::move(request), version);
    if (answer.error_code != ErrorCode::none) return answer;
    member.id = answer.member_id.value_or("");
    member.epoch = answer.member_epoch;
    if (answer.assignment) {
      member.partitions.clear();
      for (const auto& topic : answer.assignment->topic_partitions) member.partitions = topic.partitions;
    }
    return answer;
  }
  wire::ConsumerGroupDescribeResponse::Group describe_modern(wire::ApiVersion version = 1) {
    return ask<wire::ConsumerGroupDescribeResponse>(wire::ConsumerGroupDescribeRequest{{"modern"}, true},
                                                    version)
        .groups.at(0);
  }
};

TEST_F(ConsumerGroups, AreServedInEveryVersion) {
  for (const wire::ApiVersion version : {0, 1}) {
    Reconciled member{.id = version == 0 ? "" : "made up"};
    ASSERT_EQ(beat(member, 0, version).error_code, ErrorCode::none);
    EXPECT_EQ(member.partitions, std::vector<PartitionIndex>{0});
    EXPECT_FALSE(member.id.empty());
    const auto described = describe_modern(version);
    EXPECT_EQ(described.group_state, "Stable");
    EXPECT_EQ(described.assignor_name, "uniform");
    ASSERT_EQ(described.members.size(), 1U);
    EXPECT_EQ(described.members[0].subscribed_topic_names, std::vector<std::string>{kTopic});
    EXPECT_EQ(described.members[0].assignment.topic_partitions.at(0).topic_name, kTopic);
    EXPECT_EQ(beat(member, member.epoch, version).error_code, ErrorCode::none);
    EXPECT_EQ(beat(member, member.epoch + 5, version).error_code, ErrorCode::fenced_member_epoch);
    EXPECT_EQ(beat(member, -1, version).error_code, ErrorCode::none);
    EXPECT_EQ(describe_modern(version).group_state, "Empty");
  }
}

TEST_F(ConsumerGroups, SeeTopicsThatComeAndGo) {
  Reconciled member{.id = "m"};
  ASSERT_EQ(beat(member, 0).error_code, ErrorCode::none);
  const std::int32_t before = member.epoch;
  wire::DeleteTopicsRequest request;
  request.topics.push_back({std::string(kTopic), {}});
  request.timeout_ms = 10'000;
  ask<wire::DeleteTopicsResponse>(std::move(request), 6);
  member.partitions.clear();
  EXPECT_TRUE(world.run_until(
      [&] { return beat(member, member.epoch).error_code == ErrorCode::none && member.epoch > before; },
      20s));
  EXPECT_TRUE(describe_modern().members.at(0).assignment.topic_partitions.empty());
}

TEST_F(ConsumerGroups, AreThereAfterARestart) {
  Reconciled member{.id = "m"};
  ASSERT_EQ(beat(member, 0).error_code, ErrorCode::none);
  stop();
  start_again();
  wait_for("modern");
  EXPECT_EQ(beat(member, member.epoch).error_code, ErrorCode::none);
  EXPECT_EQ(describe_modern().members.size(), 1U);
}

TEST_F(Groups, OffsetsAreDeleted) {
  ASSERT_EQ(commit("g", 1), ErrorCode::none);
  const auto remove = [&](const std::string& group) {
    wire::OffsetDeleteRequest request;
    request.group_id = group;
    request.topics.push_back({kTopic, {{0}, {5}}});
    request.topics.push_back({"unknown", {{0}}});
    return ask<wire::OffsetDeleteResponse>(request, 0);
  };
  const auto removed = remove("g");
  EXPECT_EQ(removed.error_code, ErrorCode::none);
  std::map<std::pair<std::string, PartitionIndex>, ErrorCode> codes;
  for (const auto& topic : removed.topics)
    for (const auto& partition : topic.partitions)
      codes[{topic.name, partition.partition_index}] = partition.error_code;
  EXPECT_EQ((codes[{kTopic, 0}]), ErrorCode::none);
  EXPECT_EQ((codes[{kTopic, 5}]), ErrorCode::unknown_topic_or_partition);
  EXPECT_EQ((codes[{"unknown", 0}]), ErrorCode::unknown_topic_or_partition);
  EXPECT_EQ(codes.size(), 3U);
  EXPECT_EQ(fetch("g").offset, kNoOffset);
  EXPECT_EQ(remove("none").error_code, ErrorCode::group_id_not_found);
}

// --- what lasts

TEST_F(Groups, AreThereAfterARestart) {
  const Member member = stable();
  ASSERT_EQ(commit("for offsets", 5), ErrorCode::none);
  stop();
  start_again();
  wait_for("for offsets");
  wait_for("g");
  EXPECT_EQ(fetch("for offsets").offset, 5);
  EXPECT_EQ(heartbeat(member), ErrorCode::none);
  EXPECT_EQ(describe("g").members.at(0).member_id, member.id);
}

TEST_F(Groups, GC05WhatWasAcknowledgedIsThereAfterAPowerLoss) {
  for (int i = 0; i < 20; ++i) ASSERT_EQ(commit("g", i), ErrorCode::none);
  lose_power();
  start_again();
  wait_for("g");
  EXPECT_EQ(fetch("g").offset, 19);
}

TEST_F(Groups, GC16OffsetsDoNotOutliveTheirTopic) {
  ASSERT_EQ(commit("g", 99), ErrorCode::none);
  wire::DeleteTopicsRequest remove;
  remove.topics.push_back({.name = kTopic});
  remove.timeout_ms = 30'000;
  ASSERT_EQ(ask<wire::DeleteTopicsResponse>(remove, 6).responses.at(0).error_code, ErrorCode::none);
  wire::CreateTopicsRequest create;
  create.topics.push_back({.name = kTopic, .num_partitions = 1, .replication_factor = 1});
  create.timeout_ms = 30'000;
  ASSERT_EQ(ask<wire::CreateTopicsResponse>(create, 7).topics.at(0).error_code, ErrorCode::none);
  for (const wire::ApiVersion version : {1, 7, 9, 10}) EXPECT_EQ(fetch("g", version).offset, kNoOffset);
  ASSERT_EQ(commit("g", 1), ErrorCode::none);
  EXPECT_EQ(fetch("g").offset, 1);
}

// --- connections

TEST_F(Groups, GC08AMemberWhoseConnectionEndsIsNotWaitedFor) {
  const Member member = stable();
  auto join_and_vanish = [&]() -> Task<void> {
    const auto connection = co_await connect();
    const auto vanish = [](simulation::Machine& client,
                           std::shared_ptr<BrokerConnection> connection) -> Task<void> {
      co_await runtime::sleep_for(client.shard(0), 1s);
      connection->close();
    };
    vanish(client, connection).detach();
    Member ghost;
    const auto answer =
        co_await connection->template call<wire::JoinGroupResponse>(join_request(ghost), 3, 60s);
    EXPECT_FALSE(answer.has_value()) << "it waits for the other member";
  };
  world.run(join_and_vanish());
  EXPECT_EQ(heartbeat(member), ErrorCode::rebalance_in_progress);
  Member again = member;
  const auto joined = join(again);
  ASSERT_EQ(joined.error_code, ErrorCode::none);
  EXPECT_EQ(joined.members.size(), 1U);
}

TEST_F(Groups, AnOrderlyStopDoesNotWaitForMembers) {
  auto join_until_it_stops = [&]() -> Task<bool> {
    const auto connection = co_await connect();
    Member member;
    const auto answer =
        co_await connection->template call<wire::JoinGroupResponse>(join_request(member), 3, 60s);
    co_return answer && answer->error_code == ErrorCode::not_coordinator;
  };
  auto joining = join_until_it_stops();
  world.run_for(1s);
  const auto began = world.now();
  stop();
  EXPECT_LT(world.now() - began, 2s);
  EXPECT_TRUE(world.run(std::move(joining)));
  start_again();
}

TEST_F(Groups, TwoMembersShareAGroup) {
  Member a, b;
  auto first = join_with_others(a);
  auto second = join_with_others(b);
  const auto joined_a = world.run(std::move(first));
  const auto joined_b = world.run(std::move(second));
  EXPECT_EQ(joined_a.members.size() + joined_b.members.size(), 2U) << "the leader is told of both";
  EXPECT_EQ(a.generation, b.generation);
  Member& leader = a.leader == a.id ? a : b;
  Member& follower = a.leader == a.id ? b : a;
  auto waiting = sync_with_others(follower);
  world.run_for(1s);
  EXPECT_FALSE(waiting.ended());
  wire::SyncGroupRequest decide{leader.group, leader.generation, leader.id, {}, {}, {}, {}};
  decide.assignments = {{a.id, Slice::copy_of("to a")}, {b.id, Slice::copy_of("to b")}};
  EXPECT_EQ(ask<wire::SyncGroupResponse>(decide, 3).error_code, ErrorCode::none);
  EXPECT_EQ(world.run(std::move(waiting)).assignment.text(), &follower == &a ? "to a" : "to b");
}

// --- shards

class GroupsOnThreeShards : public Groups {
 protected:
  GroupsOnThreeShards() : Groups(3, "0") {}
};

TEST_F(GroupsOnThreeShards, AreServedWhereverTheyBelong) {
  std::vector<std::string> names;
  for (int i = 0; i < 12; ++i) names.push_back("group-" + std::to_string(i));
  std::vector<Member> members;
  for (const std::string& name : names) {
    members.push_back(stable(name));
    ASSERT_EQ(commit(name + " for offsets", 7), ErrorCode::none);
  }
  for (const Member& member : members) EXPECT_EQ(heartbeat(member), ErrorCode::none);
  EXPECT_EQ(ask<wire::ListGroupsResponse>(wire::ListGroupsRequest{}, 5).groups.size(), 24U);
  stop();
  start_again();
  for (const std::string& name : names) wait_for(name);
  for (const std::string& name : names) EXPECT_EQ(fetch(name + " for offsets").offset, 7);
  for (const Member& member : members) EXPECT_EQ(heartbeat(member), ErrorCode::none);
}

TEST_F(GroupsOnThreeShards, MembersThatVanishAreGivenUp) {
  for (int i = 0; i < 6; ++i) {
    const Member member = stable("group-" + std::to_string(i));
    auto join_and_vanish = [&]() -> Task<void> {
      const auto connection = co_await connect();
      const auto vanish = [](simulation::Machine& client,
                             std::shared_ptr<BrokerConnection> open) -> Task<void> {
        co_await runtime::sleep_for(client.shard(0), 100ms);
        open->close();
      };
      vanish(client, connection).detach();
      Member ghost{.group = member.group};
      static_cast<void>(
          co_await connection->template call<wire::JoinGroupResponse>(join_request(ghost), 3, 60s));
    };
    world.run(join_and_vanish());
    Member again = member;
    EXPECT_EQ(join(again).members.size(), 1U);
    EXPECT_EQ(sync(again).error_code, ErrorCode::none);
  }
}

}  // namespace
}  // namespace moldau::node::testing
