// The quorum's requests and responses in Kafka's form (KIP-595, 630, 853, 996): raft's vocabulary to and from
// wire messages about the one partition `__cluster_metadata-0` of one cluster. Pure.
//
// What comes from another node is input: a request of another cluster, about another partition or with values
// that cannot be is answered here, with Kafka's error and form, and never reaches raft.
#pragma once

#include <expected>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "quorum/metadata_quorum.h"
#include "raft/types.h"
#include "runtime/network.h"
#include "wire/error_code.h"
#include "wire/messages/add_raft_voter.h"
#include "wire/messages/begin_quorum_epoch.h"
#include "wire/messages/describe_quorum.h"
#include "wire/messages/end_quorum_epoch.h"
#include "wire/messages/fetch.h"
#include "wire/messages/fetch_snapshot.h"
#include "wire/messages/remove_raft_voter.h"
#include "wire/messages/update_raft_voter.h"
#include "wire/messages/vote.h"

namespace moldau::quorum {

// Where nodes take requests of the quorum: a controller listener of each.
using NodeEndpoints = std::map<NodeId, runtime::Endpoint>;

// --- errors

wire::ErrorCode error_code_of(raft::RaftError error);
// Empty for a code that raft has no word for.
std::optional<raft::RaftError> raft_error_of(wire::ErrorCode code);

// --- requests: to send

wire::VoteRequest to_wire(const raft::VoteRequest& request, const std::string& cluster_id);
wire::BeginQuorumEpochRequest to_wire(const raft::BeginQuorumEpochRequest& request,
                                      const std::string& cluster_id);
wire::EndQuorumEpochRequest to_wire(const raft::EndQuorumEpochRequest& request,
                                    const std::string& cluster_id);
// A long poll of up to `max_wait`.
wire::FetchRequest to_wire(const raft::FetchRequest& request, const std::string& cluster_id,
                           runtime::Duration max_wait);
wire::FetchSnapshotRequest to_wire(const raft::FetchSnapshotRequest& request, const std::string& cluster_id);
wire::AddRaftVoterRequest to_wire(const raft::AddVoterRequest& request, const std::string& cluster_id);
wire::RemoveRaftVoterRequest to_wire(const raft::RemoveVoterRequest& request, const std::string& cluster_id);
wire::UpdateRaftVoterRequest to_wire(const raft::UpdateVoterRequest& request, const std::string& cluster_id);

// --- requests: received

// Who reads them.
struct Receiver {
  std::string_view cluster_id;
  NodeId node_id = kNoNode;
};
// The request, or the response that refuses it.
std::expected<raft::VoteRequest, wire::VoteResponse> from_wire(const wire::VoteRequest& request,
                                                               const Receiver& self);
std::expected<raft::BeginQuorumEpochRequest, wire::BeginQuorumEpochResponse> from_wire(
    const wire::BeginQuorumEpochRequest& request, const Receiver& self);
std::expected<raft::EndQuorumEpochRequest, wire::EndQuorumEpochResponse> from_wire(
    const wire::EndQuorumEpochRequest& request, const Receiver& self);
std::expected<raft::FetchRequest, wire::FetchResponse> from_wire(const wire::FetchRequest& request,
                                                                 const Receiver& self);
std::expected<raft::FetchSnapshotRequest, wire::FetchSnapshotResponse> from_wire(
    const wire::FetchSnapshotRequest& request, const Receiver& self);
std::expected<raft::AddVoterRequest, wire::AddRaftVoterResponse> from_wire(
    const wire::AddRaftVoterRequest& request, const Receiver& self);
std::expected<raft::RemoveVoterRequest, wire::RemoveRaftVoterResponse> from_wire(
    const wire::RemoveRaftVoterRequest& request, const Receiver& self);
std::expected<raft::UpdateVoterRequest, wire::UpdateRaftVoterResponse> from_wire(
    const wire::UpdateRaftVoterRequest& request, const Receiver& self);

// --- responses: to send

// The leader's address is the one that the response has, else, as with static voters, that in `nodes`.
wire::VoteResponse to_wire(const raft::VoteResponse& response, const NodeEndpoints& nodes);
wire::BeginQuorumEpochResponse begin_to_wire(const raft::EpochResponse& response, const NodeEndpoints& nodes);
wire::EndQuorumEpochResponse end_to_wire(const raft::EpochResponse& response, const NodeEndpoints& nodes);
wire::FetchResponse to_wire(raft::FetchResponse response, const NodeEndpoints& nodes);
wire::FetchSnapshotResponse to_wire(raft::FetchSnapshotResponse response, const NodeEndpoints& nodes);
wire::AddRaftVoterResponse added_to_wire(const raft::VoterChangeResponse& response);
wire::RemoveRaftVoterResponse removed_to_wire(const raft::VoterChangeResponse& response);
wire::UpdateRaftVoterResponse updated_to_wire(const raft::VoterChangeResponse& response,
                                              const NodeEndpoints& nodes);
// The whole request failed, with this code.
template <class Response>
Response refusal(wire::ErrorCode code) {
  Response response;
  response.error_code = code;
  return response;
}

// --- responses: received

// Errors: Errc::mismatch (the other node is of another cluster); Errc::unavailable (an error of the whole
// request, or one that raft does not know; the message names it); Errc::corrupt (not an answer to what was
// asked).
Result<raft::VoteResponse> from_wire(const wire::VoteResponse& response);
Result<raft::EpochResponse> from_wire(const wire::BeginQuorumEpochResponse& response);
Result<raft::EpochResponse> from_wire(const wire::EndQuorumEpochResponse& response);
Result<raft::FetchResponse> from_wire(wire::FetchResponse response);
Result<raft::FetchSnapshotResponse> from_wire(wire::FetchSnapshotResponse response);
Result<raft::VoterChangeResponse> from_wire(const wire::AddRaftVoterResponse& response);
Result<raft::VoterChangeResponse> from_wire(const wire::RemoveRaftVoterResponse& response);
Result<raft::VoterChangeResponse> from_wire(const wire::UpdateRaftVoterResponse& response);

// --- DescribeQuorum

// `description`: of a leader, else null: only the leader knows. `nodes`, on `listener`: where voters are of
// which the description does not say it.
wire::DescribeQuorumResponse describe_to_wire(const wire::DescribeQuorumRequest& request,
                                              const QuorumDescription* description, std::string_view listener,
                                              const NodeEndpoints& nodes);

}  // namespace moldau::quorum
