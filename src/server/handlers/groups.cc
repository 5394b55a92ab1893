// Members of groups, and groups as a whole: JoinGroup, SyncGroup, Heartbeat, LeaveGroup, DescribeGroups,
// ListGroups, DeleteGroups; ConsumerGroupHeartbeat and ConsumerGroupDescribe (KIP-848).
#include <set>

#include "server/handlers/handlers.h"

namespace moldau::server::handlers {

using wire::ErrorCode;

namespace {

// READ, DELETE, DESCRIBE, DESCRIBE_CONFIGS, ALTER_CONFIGS (kafka-protocol.md 2.2).
constexpr std::int32_t kAllGroupOperations = (1 << 3) | (1 << 6) | (1 << 8) | (1 << 10) | (1 << 11);

template <class Response>
Response answer_of(Broker& broker, const Request& request, GroupResult<Response> result) {
  Response response;
  if (result) {
    response = std::move(*result);
  } else {
    response.error_code = result.error();
  }
  broker.metrics.error(request.header.api_key, response.error_code);
  return response;
}

// group.version: a cluster may go back to one in which brokers do not know the consumer protocol.
bool has_consumer_protocol(const Broker& broker) {
  return broker.image()->feature_level("group.version") >= 1;
}

// What is named again is described once, so that small requests have no large answers.
std::vector<std::string> distinct(std::vector<std::string> names) {
  std::set<std::string> seen;
  std::erase_if(names, [&](const std::string& name) { return !seen.insert(name).second; });
  return names;
}

}  // namespace

// An address as Java prints it, which is what Kafka shows of a member.
group::Client client_of(const Request& request) {
  return {request.client_id(), "/" + request.peer.address.host, request.header.api_version};
}

Task<wire::JoinGroupResponse> join_group(Broker& broker, const Request& request,
                                         wire::JoinGroupRequest message) {
  const std::string member_id = message.member_id;
  auto result = co_await broker.groups->ask(std::move(message), client_of(request), request.closing);
  const bool refused = !result;
  auto response = answer_of(broker, request, std::move(result));
  if (refused) response.member_id = member_id;
  co_return response;
}

Task<wire::SyncGroupResponse> sync_group(Broker& broker, const Request& request,
                                         wire::SyncGroupRequest message) {
  co_return answer_of(broker, request,
                      co_await broker.groups->ask(std::move(message), client_of(request), request.closing));
}

Task<wire::HeartbeatResponse> heartbeat(Broker& broker, const Request& request,
                                        wire::HeartbeatRequest message) {
  co_return answer_of(broker, request, co_await broker.groups->ask(std::move(message)));
}

Task<wire::LeaveGroupResponse> leave_group(Broker& broker, const Request& request,
                                           wire::LeaveGroupRequest message) {
  co_return answer_of(broker, request, co_await broker.groups->ask(std::move(message), client_of(request)));
}

Task<wire::DescribeGroupsResponse> describe_groups(Broker& broker, const Request& request,
                                                   wire::DescribeGroupsRequest message) {
  wire::DescribeGroupsResponse response;
  Turn turn;
  for (const std::string& name : distinct(std::move(message.groups))) {
    if (turn.over()) co_await runtime::yield(broker.executor);
    auto described = co_await broker.groups->describe(name, request.header.api_version);
    auto& group = response.groups.emplace_back();
    if (described) {
      group = std::move(*described);
    } else {
      group.group_id = name;
      group.error_code = described.error();
    }
    if (message.include_authorized_operations && group.error_code == ErrorCode::none)
      group.authorized_operations = kAllGroupOperations;
    broker.metrics.error(wire::ApiKey::describe_groups, group.error_code);
  }
  co_return response;
}

Task<wire::ConsumerGroupHeartbeatResponse> consumer_group_heartbeat(
    Broker& broker, const Request& request, wire::ConsumerGroupHeartbeatRequest message) {
  GroupResult<wire::ConsumerGroupHeartbeatResponse> result = std::unexpected(ErrorCode::unsupported_version);
  if (has_consumer_protocol(broker))
    result = co_await broker.groups->ask(std::move(message), client_of(request));
  if (!result) {
    wire::ConsumerGroupHeartbeatResponse refused;
    refused.error_message = std::string(wire::describe(result.error()));
    refused.assignment.reset();
    refused.member_id.reset();
    refused.error_code = result.error();
    result = std::move(refused);
  }
  broker.metrics.error(request.header.api_key, result->error_code);
  co_return std::move(*result);
}

Task<wire::ConsumerGroupDescribeResponse> consumer_group_describe(
    Broker& broker, const Request&, wire::ConsumerGroupDescribeRequest message) {
  wire::ConsumerGroupDescribeResponse response;
  Turn turn;
  for (const std::string& name : distinct(std::move(message.group_ids))) {
    if (turn.over()) co_await runtime::yield(broker.executor);
    GroupResult<wire::ConsumerGroupDescribeResponse::Group> described =
        std::unexpected(ErrorCode::unsupported_version);
    if (has_consumer_protocol(broker)) described = co_await broker.groups->describe_consumers(name);
    auto& group = response.groups.emplace_back();
    if (described) {
      group = std::move(*described);
    } else {
      group.group_id = name;
      group.error_code = described.error();
    }
    if (message.include_authorized_operations && group.error_code == ErrorCode::none)
      group.authorized_operations = kAllGroupOperations;
    broker.metrics.error(wire::ApiKey::consumer_group_describe, group.error_code);
  }
  co_return response;
}

Task<wire::ListGroupsResponse> list_groups(Broker& broker, const Request&, wire::ListGroupsRequest message) {
  wire::ListGroupsResponse response;
  auto groups = co_await broker.groups->list(std::move(message));
  if (groups) {
    response.groups = std::move(*groups);
  } else {
    response.error_code = groups.error();
  }
  broker.metrics.error(wire::ApiKey::list_groups, response.error_code);
  co_return response;
}

Task<wire::DeleteGroupsResponse> delete_groups(Broker& broker, const Request&,
                                               wire::DeleteGroupsRequest message) {
  wire::DeleteGroupsResponse response;
  Turn turn;
  for (const std::string& name : distinct(std::move(message.groups_names))) {
    if (turn.over()) co_await runtime::yield(broker.executor);
    const auto deleted = co_await broker.groups->delete_group(name);
    const ErrorCode code = deleted ? *deleted : deleted.error();
    response.results.push_back({name, code});
    broker.metrics.error(wire::ApiKey::delete_groups, code);
  }
  co_return response;
}

}  // namespace moldau::server::handlers
