// The metadata quorum and who belongs to the cluster.
#include "client/admin_items.h"
#include "wire/messages/add_raft_voter.h"
#include "wire/messages/describe_quorum.h"
#include "wire/messages/remove_raft_voter.h"
#include "wire/messages/unregister_broker.h"

namespace moldau::client {
namespace {

constexpr std::string_view kMetadataTopic = "__cluster_metadata";

QuorumReplica replica_from(const wire::DescribeQuorumResponse::ReplicaState& from) {
  return {.id = from.replica_id,
          .directory_id = from.replica_directory_id,
          .log_end_offset = from.log_end_offset,
          .last_fetch = from.last_fetch_timestamp,
          .last_caught_up = from.last_caught_up_timestamp};
}

QuorumNode node_from(const wire::DescribeQuorumResponse::Node& from) {
  QuorumNode node{.id = from.node_id};
  for (const auto& listener : from.listeners) {
    node.listeners.push_back({listener.name, Endpoint{listener.host, listener.port}});
  }
  return node;
}

Outcome<QuorumInfo> quorum_from(const wire::DescribeQuorumResponse& response) {
  if (response.error_code != wire::ErrorCode::none)
    return refusal(response.error_code, response.error_message);
  if (response.topics.empty() || response.topics.front().partitions.empty()) {
    return fail(local_failure(Errc::corrupt, "the broker's answer names no quorum"));
  }
  const auto& from = response.topics.front().partitions.front();
  if (from.error_code != wire::ErrorCode::none) return refusal(from.error_code, from.error_message);
  QuorumInfo info{
      .leader = from.leader_id, .leader_epoch = from.leader_epoch, .high_watermark = from.high_watermark};
  for (const auto& voter : from.current_voters) info.voters.push_back(replica_from(voter));
  for (const auto& observer : from.observers) info.observers.push_back(replica_from(observer));
  for (const auto& node : response.nodes) info.nodes.push_back(node_from(node));
  return info;
}

}  // namespace

Task<Outcome<QuorumInfo>> AdminCore::describe_quorum() {
  wire::DescribeQuorumRequest request;
  request.topics.emplace_back();
  request.topics.back().topic_name = kMetadataTopic;
  request.topics.back().partitions.push_back({0});
  auto response = co_await call_controller<wire::DescribeQuorumResponse>(cluster_, std::move(request));
  if (!response) co_return fail(std::move(response).error());
  co_return quorum_from(*response);
}

Task<Outcome<void>> AdminCore::add_raft_voter(RaftVoter voter, std::vector<QuorumNode::Listener> listeners) {
  wire::AddRaftVoterRequest request;
  request.timeout_ms = timeout_ms_of(cluster_);
  request.voter_id = voter.id;
  request.voter_directory_id = voter.directory_id;
  for (QuorumNode::Listener& listener : listeners) {
    request.listeners.push_back(
        {std::move(listener.name), std::move(listener.endpoint.host), listener.endpoint.port});
  }
  auto response = co_await call_controller<wire::AddRaftVoterResponse>(cluster_, std::move(request));
  if (!response) co_return fail(std::move(response).error());
  co_return outcome_of(response->error_code, response->error_message);
}

Task<Outcome<void>> AdminCore::remove_raft_voter(RaftVoter voter) {
  wire::RemoveRaftVoterRequest request;
  request.voter_id = voter.id;
  request.voter_directory_id = voter.directory_id;
  auto response = co_await call_controller<wire::RemoveRaftVoterResponse>(cluster_, std::move(request));
  if (!response) co_return fail(std::move(response).error());
  co_return outcome_of(response->error_code, response->error_message);
}

Task<Outcome<void>> AdminCore::unregister_broker(NodeId broker) {
  wire::UnregisterBrokerRequest request;
  request.broker_id = broker;
  auto response = co_await call_controller<wire::UnregisterBrokerResponse>(cluster_, std::move(request));
  if (!response) co_return fail(std::move(response).error());
  co_return outcome_of(response->error_code, response->error_message);
}

}  // namespace moldau::client
