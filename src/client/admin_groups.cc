// Consumer groups: listed at every broker, all else asked of their coordinators.
#include "client/admin_items.h"
#include "client/coordinator.h"
#include "wire/messages/consumer_group_describe.h"
#include "wire/messages/consumer_protocol.h"
#include "wire/messages/delete_groups.h"
#include "wire/messages/describe_groups.h"
#include "wire/messages/leave_group.h"
#include "wire/messages/list_groups.h"
#include "wire/messages/offset_commit.h"
#include "wire/messages/offset_delete.h"
#include "wire/messages/offset_fetch.h"
#include "wire/reader.h"

namespace moldau::client {
namespace {

using wire::ErrorCode;

constexpr std::string_view kConsumers = "consumer";
constexpr std::string_view kClassic = "Classic";
constexpr wire::ApiVersion kAllTopicsFrom = 2;  // of OffsetFetch
constexpr wire::ApiVersion kLastByName = 9;     // of OffsetFetch and OffsetCommit: later by topic id
constexpr wire::ApiVersion kLeaveManyFrom = 3;  // of LeaveGroup

// What the leader assigned to a consumer; nothing when it is no such thing.
std::vector<TopicPartition> partitions_of(const Slice& assignment) {
  wire::Reader in(assignment);
  const auto version = in.number<std::int16_t>();
  wire::ConsumerProtocolAssignment parsed;
  parsed.read(in, 0);  // every version begins like the first
  if (version < 0 || !in.finish(false)) return {};
  std::vector<TopicPartition> partitions;
  for (const auto& topic : parsed.assigned_partitions)
    for (const PartitionIndex index : topic.partitions) partitions.push_back({topic.topic, index});
  std::ranges::sort(partitions);
  return partitions;
}

std::vector<TopicPartition> partitions_of(const wire::ConsumerGroupDescribeResponse::Assignment& assignment) {
  std::vector<TopicPartition> partitions;
  for (const auto& topic : assignment.topic_partitions)
    for (const PartitionIndex index : topic.partitions) partitions.push_back({topic.topic_name, index});
  std::ranges::sort(partitions);
  return partitions;
}

Outcome<GroupDescription> description_of(wire::DescribeGroupsResponse::Group group) {
  if (group.error_code != ErrorCode::none) return refusal(group.error_code, group.error_message);
  GroupDescription out{.id = std::move(group.group_id),
                       .type = std::string(kClassic),
                       .state = std::move(group.group_state),
                       .protocol_type = std::move(group.protocol_type),
                       .assignor = std::move(group.protocol_data)};
  for (auto& member : group.members) {
    GroupMember& described = out.members.emplace_back();
    if (out.protocol_type == kConsumers) described.assignment = partitions_of(member.member_assignment);
    described.id = std::move(member.member_id);
    described.instance_id = std::move(member.group_instance_id);
    described.client_id = std::move(member.client_id);
    described.host = std::move(member.client_host);
  }
  return out;
}

Outcome<GroupDescription> description_of(wire::ConsumerGroupDescribeResponse::Group group) {
  constexpr std::int8_t kUnknownMember = -1, kConsumerMember = 1;
  if (group.error_code != ErrorCode::none) return refusal(group.error_code, group.error_message);
  GroupDescription out{.id = std::move(group.group_id),
                       .type = "Consumer",
                       .state = std::move(group.group_state),
                       .protocol_type = std::string(kConsumers),
                       .assignor = std::move(group.assignor_name),
                       .epoch = group.group_epoch,
                       .assignment_epoch = group.assignment_epoch};
  for (auto& member : group.members) {
    GroupMember& described = out.members.emplace_back();
    described.assignment = partitions_of(member.assignment);
    described.target_assignment = partitions_of(member.target_assignment);
    described.id = std::move(member.member_id);
    described.instance_id = std::move(member.instance_id);
    described.client_id = std::move(member.client_id);
    described.host = std::move(member.client_host);
    described.epoch = member.member_epoch;
    if (member.member_type != kUnknownMember) described.upgraded = member.member_type == kConsumerMember;
  }
  return out;
}

// "classic" in ListGroups is what is shown as Classic.
std::string type_of(std::string name) {
  if (!name.empty()) name.front() = static_cast<char>(std::toupper(static_cast<unsigned char>(name.front())));
  return name;
}

template <class Response>
ErrorCode first_code(const Response& response) {
  return response.groups.empty() ? ErrorCode::none : response.groups.front().error_code;
}

template <class Response>
Outcome<GroupDescription> only_description(Outcome<Response> response) {
  if (!response) return fail(std::move(response).error());
  if (response->groups.size() != 1)
    return fail(local_failure(Errc::corrupt, "the coordinator did not answer for this group"));
  return description_of(std::move(response->groups.front()));
}

// A broker without KIP-848 has no groups of that kind.
bool is_not_of_consumers(const Failure& failure) {
  return failure.code == Errc::unsupported || failure.broker == ErrorCode::group_id_not_found ||
         failure.broker == ErrorCode::unsupported_version;
}

Task<Outcome<GroupDescription>> describe_consumers(ClusterClient& cluster, std::string group) {
  wire::ConsumerGroupDescribeRequest request;
  request.group_ids = {group};
  using Response = wire::ConsumerGroupDescribeResponse;
  co_return only_description(
      co_await call_coordinator<Response>(cluster, group, std::move(request), first_code<Response>));
}

Task<Outcome<GroupDescription>> describe_classic(ClusterClient& cluster, std::string group) {
  wire::DescribeGroupsRequest request;
  request.groups = {group};
  using Response = wire::DescribeGroupsResponse;
  co_return only_description(
      co_await call_coordinator<Response>(cluster, group, std::move(request), first_code<Response>));
}

Task<Outcome<GroupDescription>> describe(ClusterClient& cluster, std::string group) {
  auto described = co_await describe_consumers(cluster, group);
  if (!described && is_not_of_consumers(described.error()))
    described = co_await describe_classic(cluster, group);
  if (!described) co_return described;
  // It may have moved since: what is shown is where it was asked for last.
  auto coordinator = co_await find_coordinator(cluster, group);
  if (!coordinator) co_return fail(std::move(coordinator).error());
  described->coordinator = std::move(*coordinator);
  co_return described;
}

void note_offset(std::map<TopicPartition, Outcome<GroupOffset>>& offsets, const std::string& topic,
                 const auto& partition) {
  if (partition.error_code != ErrorCode::none) {
    offsets.emplace(TopicPartition{topic, partition.partition_index}, refusal(partition.error_code));
  } else if (partition.committed_offset >= 0) {
    offsets.emplace(TopicPartition{topic, partition.partition_index},
                    GroupOffset{partition.committed_offset, partition.committed_leader_epoch,
                                partition.metadata.value_or("")});
  }
}

ErrorCode code_of_offsets(const wire::OffsetFetchResponse& response) {
  return response.groups.empty() ? response.error_code : response.groups.front().error_code;
}

}  // namespace

Task<Outcome<std::vector<GroupListing>>> AdminCore::list_groups() {
  const auto cluster = co_await cluster_.cluster();
  if (!cluster) co_return fail(cluster.error());
  const MonotonicTime deadline = cluster_.executor().now() + cluster_.options().api_timeout;
  std::vector<GroupListing> groups;
  for (const BrokerInfo& broker : cluster->brokers) {
    Backoff backoff = cluster_.new_backoff();
    for (;;) {
      auto response =
          co_await cluster_.call_node<wire::ListGroupsResponse>(broker.id, wire::ListGroupsRequest());
      Failure failure = response ? broker_failure(response->error_code) : response.error();
      if (response && response->error_code == ErrorCode::none) {
        for (auto& group : response->groups)
          groups.push_back({std::move(group.group_id), std::move(group.protocol_type),
                            std::move(group.group_state), type_of(std::move(group.group_type)), broker.id});
        break;
      }
      if (!failure.retriable || !co_await cluster_.pause(backoff.next(), deadline))
        co_return fail(std::move(failure));
    }
  }
  std::ranges::sort(groups, {}, &GroupListing::id);
  // One whose coordinator is changing may be named by two.
  const auto again = std::ranges::unique(groups, {}, &GroupListing::id);
  groups.erase(again.begin(), again.end());
  co_return groups;
}

Task<Outcome<PerItem<std::string, GroupDescription>>> AdminCore::describe_groups(
    std::vector<std::string> groups) {
  PerItem<std::string, GroupDescription> results;
  for (std::string& group : groups) {
    auto described = co_await describe(cluster_, group);
    results.emplace_back(std::move(group), std::move(described));
  }
  co_return results;
}

Task<Outcome<std::map<TopicPartition, Outcome<GroupOffset>>>> AdminCore::list_group_offsets(
    std::string group, std::optional<std::vector<TopicPartition>> partitions) {
  wire::OffsetFetchRequest request;
  request.group_id = group;
  request.topics.reset();
  auto& asked = request.groups.emplace_back();
  asked.group_id = group;
  asked.topics.reset();
  if (partitions) {
    request.topics.emplace();
    asked.topics.emplace();
    for (const TopicPartition& one : *partitions) {
      topic_entry(*request.topics, one.topic, &wire::OffsetFetchRequest::Topic::name)
          .partition_indexes.push_back(one.partition);
      topic_entry(*asked.topics, one.topic, &wire::OffsetFetchRequest::Group::Topic::name)
          .partition_indexes.push_back(one.partition);
    }
  }
  const CallOptions options{.max_version = kLastByName,
                            .min_version = partitions ? wire::ApiVersion{1} : kAllTopicsFrom};
  auto response = co_await call_coordinator<wire::OffsetFetchResponse>(cluster_, group, std::move(request),
                                                                       code_of_offsets, options);
  if (!response) co_return fail(std::move(response).error());
  if (code_of_offsets(*response) != ErrorCode::none) co_return refusal(code_of_offsets(*response));
  std::map<TopicPartition, Outcome<GroupOffset>> offsets;
  for (const auto& topic : response->topics)
    for (const auto& partition : topic.partitions) note_offset(offsets, topic.name, partition);
  for (const auto& one : response->groups)
    for (const auto& topic : one.topics)
      for (const auto& partition : topic.partitions) note_offset(offsets, topic.name, partition);
  co_return offsets;
}

Task<Outcome<PerItem<TopicPartition, void>>> AdminCore::alter_group_offsets(
    std::string group, std::vector<std::pair<TopicPartition, GroupOffset>> offsets) {
  wire::OffsetCommitRequest request;
  request.group_id = group;
  for (auto& [partition, offset] : offsets) {
    auto& topic = topic_entry(request.topics, partition.topic, &wire::OffsetCommitRequest::Topic::name);
    topic.partitions.push_back({.partition_index = partition.partition,
                                .committed_offset = offset.offset,
                                .committed_leader_epoch = offset.leader_epoch,
                                .committed_metadata = std::move(offset.metadata)});
  }
  // What is said of the group is said of each of its partitions.
  const auto code_of = [](const wire::OffsetCommitResponse& response) {
    for (const auto& topic : response.topics)
      for (const auto& partition : topic.partitions)
        if (coordinator_passes(partition.error_code)) return partition.error_code;
    return ErrorCode::none;
  };
  auto response = co_await call_coordinator<wire::OffsetCommitResponse>(
      cluster_, group, std::move(request), code_of, {.max_version = kLastByName});
  if (!response) co_return fail(std::move(response).error());
  PerItem<TopicPartition, void> results;
  for (const auto& topic : response->topics)
    for (const auto& partition : topic.partitions)
      results.emplace_back(TopicPartition{topic.name, partition.partition_index},
                           outcome_of(partition.error_code));
  co_return results;
}

Task<Outcome<PerItem<TopicPartition, void>>> AdminCore::delete_group_offsets(
    std::string group, std::vector<TopicPartition> partitions) {
  wire::OffsetDeleteRequest request;
  request.group_id = group;
  for (const TopicPartition& one : partitions)
    topic_entry(request.topics, one.topic, &wire::OffsetDeleteRequest::Topic::name)
        .partitions.push_back({one.partition});
  const auto code_of = [](const wire::OffsetDeleteResponse& response) { return response.error_code; };
  auto response =
      co_await call_coordinator<wire::OffsetDeleteResponse>(cluster_, group, std::move(request), code_of);
  if (!response) co_return fail(std::move(response).error());
  if (response->error_code != ErrorCode::none) co_return refusal(response->error_code);
  PerItem<TopicPartition, void> results;
  for (const auto& topic : response->topics)
    for (const auto& partition : topic.partitions)
      results.emplace_back(TopicPartition{topic.name, partition.partition_index},
                           outcome_of(partition.error_code));
  co_return results;
}

Task<Outcome<PerItem<std::string, void>>> AdminCore::delete_groups(std::vector<std::string> groups) {
  const auto code_of = [](const wire::DeleteGroupsResponse& response) {
    return response.results.empty() ? ErrorCode::none : response.results.front().error_code;
  };
  PerItem<std::string, void> results;
  for (std::string& group : groups) {
    wire::DeleteGroupsRequest request;
    request.groups_names = {group};
    auto response =
        co_await call_coordinator<wire::DeleteGroupsResponse>(cluster_, group, std::move(request), code_of);
    if (response)
      results.emplace_back(std::move(group), outcome_of(code_of(*response)));
    else
      results.emplace_back(std::move(group), fail(std::move(response).error()));
  }
  co_return results;
}

Task<Outcome<PerItem<std::string, void>>> AdminCore::remove_group_members(
    std::string group, std::vector<LeavingMember> members) {
  wire::LeaveGroupRequest request;
  request.group_id = group;
  for (LeavingMember& member : members)
    request.members.push_back(
        {std::move(member.id), std::move(member.instance_id), std::move(member.reason)});
  const auto code_of = [](const wire::LeaveGroupResponse& response) { return response.error_code; };
  auto response = co_await call_coordinator<wire::LeaveGroupResponse>(
      cluster_, group, std::move(request), code_of, {.min_version = kLeaveManyFrom});
  if (!response) co_return fail(std::move(response).error());
  if (response->error_code != ErrorCode::none) co_return refusal(response->error_code);
  PerItem<std::string, void> results;
  for (const auto& member : response->members)
    results.emplace_back(member.group_instance_id.value_or(member.member_id), outcome_of(member.error_code));
  co_return results;
}

}  // namespace moldau::client
