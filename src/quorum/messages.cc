#include "quorum/messages.h"

#include <algorithm>

#include "metadata/topic_name.h"

namespace moldau::quorum {

using raft::RaftError;
using wire::ErrorCode;

namespace {

constexpr PartitionIndex kMetadataPartition = 0;
constexpr std::size_t kMaxListeners = 16;  // of one node
constexpr std::int32_t kMaxPort = 0xffff;

// The messages name topics and partitions in different ways.
template <class Topic>
bool is_metadata_topic(const Topic& topic) {
  if constexpr (requires { topic.topic_id; }) {
    if (!topic.topic_id.is_zero()) return topic.topic_id == kMetadataTopicId;
    return topic.topic == metadata::kClusterMetadataTopic;
  } else if constexpr (requires { topic.topic_name; }) {
    return topic.topic_name == metadata::kClusterMetadataTopic;
  } else {
    return topic.name == metadata::kClusterMetadataTopic;
  }
}
template <class Partition>
auto& index_in(Partition& partition) {
  if constexpr (requires { partition.partition_index; }) {
    return partition.partition_index;
  } else if constexpr (requires { partition.partition; }) {
    return partition.partition;
  } else {
    return partition.index;
  }
}
template <class Message>
auto& topics_in(Message& message) {
  if constexpr (requires { message.responses; }) {
    return message.responses;
  } else {
    return message.topics;
  }
}

// The metadata log's partition when the message is about it and nothing else, else null.
template <class Message>
auto* the_partition(Message& message) {
  auto& topics = topics_in(message);
  using Partition = std::remove_reference_t<decltype(topics.front().partitions.front())>;
  const bool fits = topics.size() == 1 && is_metadata_topic(topics.front()) &&
                    topics.front().partitions.size() == 1 &&
                    index_in(topics.front().partitions.front()) == kMetadataPartition;
  return fits ? &topics.front().partitions.front() : static_cast<Partition*>(nullptr);
}
template <class Message>
auto& add_the_partition(Message& message) {
  auto& topic = topics_in(message).emplace_back();
  if constexpr (requires { topic.topic_id; }) {
    topic.topic_id = kMetadataTopicId;
    topic.topic = metadata::kClusterMetadataTopic;
  } else if constexpr (requires { topic.topic_name; }) {
    topic.topic_name = metadata::kClusterMetadataTopic;
  } else {
    topic.name = metadata::kClusterMetadataTopic;
  }
  auto& partition = topic.partitions.emplace_back();
  index_in(partition) = kMetadataPartition;
  return partition;
}

template <class Response>
std::unexpected<Response> refuse(ErrorCode code) {
  return std::unexpected(refusal<Response>(code));
}
// About the right partition, but with values that cannot be.
template <class Response>
std::unexpected<Response> refuse_values(ErrorCode code) {
  Response response;
  auto& partition = add_the_partition(response);
  partition.error_code = code;
  if constexpr (requires { partition.current_leader; }) {
    partition.current_leader = {kNoNode, kNoEpoch};
  } else {
    partition.leader_id = kNoNode;
    partition.leader_epoch = kNoEpoch;
  }
  if constexpr (std::is_same_v<Response, wire::FetchResponse>) {
    partition.high_watermark = kNoOffset;
    partition.records.emplace();
  }
  return std::unexpected(std::move(response));
}

// Kafka does not insist on a cluster id.
bool is_of(const std::optional<std::string>& cluster_id, const Receiver& self) {
  return !cluster_id || *cluster_id == self.cluster_id;
}

// Old versions name no voter: whoever gets it is meant.
raft::ReplicaKey voter_key(NodeId voter_id, const DirectoryId& directory, const Receiver& self) {
  return {voter_id == kNoNode ? self.node_id : voter_id, directory};
}

template <class Listeners>
void put_endpoints(const std::vector<raft::Endpoint>& endpoints, Listeners& out) {
  for (const raft::Endpoint& one : endpoints) out.push_back({one.name, one.host, one.port});
}
template <class Listeners>
std::vector<raft::Endpoint> take_endpoints(const Listeners& listeners) {
  std::vector<raft::Endpoint> out;
  for (const auto& one : listeners) {
    if (out.size() == kMaxListeners) break;
    if (!one.host.empty() && one.port != 0) out.push_back({one.name, one.host, one.port});
  }
  return out;
}

// Where the leader is, by the response itself or else by `nodes`; host empty when nobody knows.
template <class RaftResponse>
raft::Endpoint leader_of(const RaftResponse& response, const NodeEndpoints& nodes) {
  if (response.leader_id == kNoNode) return {};
  if (response.leader_endpoint) return *response.leader_endpoint;
  const auto known = nodes.find(response.leader_id);
  if (known == nodes.end()) return {};
  return {.host = known->second.host, .port = known->second.port};
}
template <class Response, class RaftResponse>
void add_leader(Response& out, const RaftResponse& response, const NodeEndpoints& nodes) {
  const raft::Endpoint at = leader_of(response, nodes);
  if (at.host.empty()) return;
  auto& node = out.node_endpoints.emplace_back();
  node.node_id = response.leader_id;
  node.host = at.host;
  node.port = at.port;
}
template <class Response>
std::optional<raft::Endpoint> leader_in(const Response& response, NodeId leader) {
  for (const auto& node : response.node_endpoints) {
    if (leader == kNoNode || node.node_id != leader) continue;
    if (node.host.empty() || node.port <= 0 || node.port > kMaxPort) continue;
    return raft::Endpoint{.host = node.host, .port = static_cast<std::uint16_t>(node.port)};
  }
  return std::nullopt;
}

template <class Response>
Response epoch_to_wire(const raft::EpochResponse& response, const NodeEndpoints& nodes) {
  Response out;
  auto& partition = add_the_partition(out);
  partition.error_code = error_code_of(response.error);
  partition.leader_id = response.leader_id;
  partition.leader_epoch = response.leader_epoch;
  add_leader(out, response, nodes);
  return out;
}

Status whole(ErrorCode code) {
  if (code == ErrorCode::none) return {};
  if (code == ErrorCode::inconsistent_cluster_id)
    return fail(Errc::mismatch, "the other node belongs to another cluster");
  return fail(Errc::unavailable, std::string(wire::name_of(code)));
}

// The response's one partition and its error in raft's words.
template <class Response>
struct Answer {
  std::remove_reference_t<decltype(topics_in(std::declval<Response&>()).front().partitions.front())>*
      partition;
  RaftError error;
};
template <class Response>
Result<Answer<Response>> answer_in(Response& response) {
  TRY(whole(response.error_code));
  auto* partition = the_partition(response);
  if (!partition) return fail(Errc::corrupt, "the response is not about the metadata log");
  const auto error = raft_error_of(partition->error_code);
  if (!error) return fail(Errc::unavailable, std::string(wire::name_of(partition->error_code)));
  return Answer<Response>{partition, *error};
}

Status check_leader(NodeId id, LeaderEpoch epoch) {
  // Who refuses a request without having looked at it says no epoch.
  if (id < kNoNode || epoch < kNoEpoch || (epoch == kNoEpoch && id != kNoNode))
    return fail(Errc::corrupt,
                "the response names leader " + std::to_string(id) + " of epoch " + std::to_string(epoch));
  return {};
}

template <class Response>
Result<raft::EpochResponse> epoch_from_wire(const Response& response) {
  ASSIGN_OR_RETURN(const auto answer, answer_in(response));
  TRY(check_leader(answer.partition->leader_id, answer.partition->leader_epoch));
  const NodeId leader = answer.partition->leader_id;
  return raft::EpochResponse{answer.error, answer.partition->leader_epoch, leader,
                             leader_in(response, leader)};
}

std::int32_t to_ms(runtime::Duration duration) {
  return static_cast<std::int32_t>(std::chrono::duration_cast<std::chrono::milliseconds>(duration).count());
}

}  // namespace

// --- errors

ErrorCode error_code_of(RaftError error) {
  switch (error) {
    case RaftError::none:
      return ErrorCode::none;
    case RaftError::fenced_leader_epoch:
      return ErrorCode::fenced_leader_epoch;
    case RaftError::unknown_leader_epoch:
      return ErrorCode::unknown_leader_epoch;
    case RaftError::not_leader_or_follower:
      return ErrorCode::not_leader_or_follower;
    case RaftError::inconsistent_voter_set:
      return ErrorCode::inconsistent_voter_set;
    case RaftError::invalid_voter_key:
      return ErrorCode::invalid_voter_key;
    case RaftError::invalid_request:
      return ErrorCode::invalid_request;
    case RaftError::snapshot_not_found:
      return ErrorCode::snapshot_not_found;
    case RaftError::position_out_of_range:
      return ErrorCode::position_out_of_range;
    case RaftError::duplicate_voter:
      return ErrorCode::duplicate_voter;
    case RaftError::voter_not_found:
      return ErrorCode::voter_not_found;
    case RaftError::request_timed_out:
      return ErrorCode::request_timed_out;
    case RaftError::unsupported_version:
      return ErrorCode::unsupported_version;
  }
  MOLDAU_UNREACHABLE();
}

std::optional<RaftError> raft_error_of(ErrorCode code) {
  for (const RaftError error :
       {RaftError::none, RaftError::fenced_leader_epoch, RaftError::unknown_leader_epoch,
        RaftError::not_leader_or_follower, RaftError::inconsistent_voter_set, RaftError::invalid_voter_key,
        RaftError::invalid_request, RaftError::snapshot_not_found, RaftError::position_out_of_range,
        RaftError::duplicate_voter, RaftError::voter_not_found, RaftError::request_timed_out,
        RaftError::unsupported_version}) {
    if (error_code_of(error) == code) return error;
  }
  return std::nullopt;
}

// --- Vote

wire::VoteRequest to_wire(const raft::VoteRequest& request, const std::string& cluster_id) {
  wire::VoteRequest out;
  out.cluster_id = cluster_id;
  out.voter_id = request.voter.id;
  auto& partition = add_the_partition(out);
  partition.replica_epoch = request.epoch;
  partition.replica_id = request.candidate.id;
  partition.replica_directory_id = request.candidate.directory;
  partition.voter_directory_id = request.voter.directory;
  partition.last_offset_epoch = request.last.epoch;
  partition.last_offset = request.last.offset;
  partition.pre_vote = request.pre_vote;
  return out;
}

std::expected<raft::VoteRequest, wire::VoteResponse> from_wire(const wire::VoteRequest& request,
                                                               const Receiver& self) {
  using Response = wire::VoteResponse;
  if (!is_of(request.cluster_id, self)) return refuse<Response>(ErrorCode::inconsistent_cluster_id);
  const auto* asked = the_partition(request);
  if (!asked) return refuse<Response>(ErrorCode::invalid_request);
  // A candidate stands for an epoch after all that its log has; a pre-vote is asked for in the epoch it is
  // in.
  const bool epochs_fit = asked->pre_vote ? asked->last_offset_epoch <= asked->replica_epoch
                                          : asked->last_offset_epoch < asked->replica_epoch;
  if (asked->replica_id < 0 || asked->last_offset < 0 || asked->last_offset_epoch < 0 || !epochs_fit)
    return refuse_values<Response>(ErrorCode::invalid_request);
  return raft::VoteRequest{.epoch = asked->replica_epoch,
                           .candidate = {asked->replica_id, asked->replica_directory_id},
                           .voter = voter_key(request.voter_id, asked->voter_directory_id, self),
                           .last = {asked->last_offset, asked->last_offset_epoch},
                           .pre_vote = asked->pre_vote};
}

wire::VoteResponse to_wire(const raft::VoteResponse& response, const NodeEndpoints& nodes) {
  wire::VoteResponse out;
  auto& partition = add_the_partition(out);
  partition.error_code = error_code_of(response.error);
  partition.leader_id = response.leader_id;
  partition.leader_epoch = response.leader_epoch;
  partition.vote_granted = response.granted;
  add_leader(out, response, nodes);
  return out;
}

Result<raft::VoteResponse> from_wire(const wire::VoteResponse& response) {
  ASSIGN_OR_RETURN(const auto answer, answer_in(response));
  TRY(check_leader(answer.partition->leader_id, answer.partition->leader_epoch));
  const NodeId leader = answer.partition->leader_id;
  return raft::VoteResponse{answer.error, answer.partition->leader_epoch, leader,
                            answer.partition->vote_granted, leader_in(response, leader)};
}

// --- BeginQuorumEpoch, EndQuorumEpoch

wire::BeginQuorumEpochRequest to_wire(const raft::BeginQuorumEpochRequest& request,
                                      const std::string& cluster_id) {
  wire::BeginQuorumEpochRequest out;
  out.cluster_id = cluster_id;
  out.voter_id = request.voter.id;
  auto& partition = add_the_partition(out);
  partition.voter_directory_id = request.voter.directory;
  partition.leader_id = request.leader_id;
  partition.leader_epoch = request.leader_epoch;
  put_endpoints(request.leader_endpoints, out.leader_endpoints);
  return out;
}

std::expected<raft::BeginQuorumEpochRequest, wire::BeginQuorumEpochResponse> from_wire(
    const wire::BeginQuorumEpochRequest& request, const Receiver& self) {
  using Response = wire::BeginQuorumEpochResponse;
  if (!is_of(request.cluster_id, self)) return refuse<Response>(ErrorCode::inconsistent_cluster_id);
  const auto* asked = the_partition(request);
  if (!asked) return refuse<Response>(ErrorCode::invalid_request);
  if (asked->leader_id < 0 || asked->leader_epoch < 0)
    return refuse_values<Response>(ErrorCode::invalid_request);
  return raft::BeginQuorumEpochRequest{asked->leader_id, asked->leader_epoch,
                                       voter_key(request.voter_id, asked->voter_directory_id, self),
                                       take_endpoints(request.leader_endpoints)};
}

wire::BeginQuorumEpochResponse begin_to_wire(const raft::EpochResponse& response,
                                             const NodeEndpoints& nodes) {
  return epoch_to_wire<wire::BeginQuorumEpochResponse>(response, nodes);
}
Result<raft::EpochResponse> from_wire(const wire::BeginQuorumEpochResponse& response) {
  return epoch_from_wire(response);
}

wire::EndQuorumEpochRequest to_wire(const raft::EndQuorumEpochRequest& request,
                                    const std::string& cluster_id) {
  wire::EndQuorumEpochRequest out;
  out.cluster_id = cluster_id;
  auto& partition = add_the_partition(out);
  partition.leader_id = request.leader_id;
  partition.leader_epoch = request.leader_epoch;
  for (const raft::ReplicaKey& candidate : request.preferred_candidates) {
    partition.preferred_successors.push_back(candidate.id);
    partition.preferred_candidates.push_back({candidate.id, candidate.directory});
  }
  put_endpoints(request.leader_endpoints, out.leader_endpoints);
  return out;
}

std::expected<raft::EndQuorumEpochRequest, wire::EndQuorumEpochResponse> from_wire(
    const wire::EndQuorumEpochRequest& request, const Receiver& self) {
  using Response = wire::EndQuorumEpochResponse;
  if (!is_of(request.cluster_id, self)) return refuse<Response>(ErrorCode::inconsistent_cluster_id);
  const auto* asked = the_partition(request);
  if (!asked) return refuse<Response>(ErrorCode::invalid_request);
  if (asked->leader_id < 0 || asked->leader_epoch < 0)
    return refuse_values<Response>(ErrorCode::invalid_request);
  raft::EndQuorumEpochRequest out{
      asked->leader_id, asked->leader_epoch, {}, take_endpoints(request.leader_endpoints)};
  for (const auto& candidate : asked->preferred_candidates)
    out.preferred_candidates.push_back({candidate.candidate_id, candidate.candidate_directory_id});
  if (out.preferred_candidates.empty()) {  // version 0
    for (const NodeId id : asked->preferred_successors) out.preferred_candidates.push_back({id, {}});
  }
  return out;
}

wire::EndQuorumEpochResponse end_to_wire(const raft::EpochResponse& response, const NodeEndpoints& nodes) {
  return epoch_to_wire<wire::EndQuorumEpochResponse>(response, nodes);
}
Result<raft::EpochResponse> from_wire(const wire::EndQuorumEpochResponse& response) {
  return epoch_from_wire(response);
}

// --- Fetch

wire::FetchRequest to_wire(const raft::FetchRequest& request, const std::string& cluster_id,
                           runtime::Duration max_wait) {
  wire::FetchRequest out;
  out.cluster_id = cluster_id;
  out.replica_id = request.replica.id;
  out.replica_state.replica_id = request.replica.id;
  out.max_wait_ms = to_ms(max_wait);
  auto& partition = add_the_partition(out);
  partition.current_leader_epoch = request.current_leader_epoch;
  partition.fetch_offset = request.fetch_offset;
  partition.last_fetched_epoch = request.last_fetched_epoch;
  partition.replica_directory_id = request.replica.directory;
  partition.high_watermark = request.high_watermark;
  return out;
}

std::expected<raft::FetchRequest, wire::FetchResponse> from_wire(const wire::FetchRequest& request,
                                                                 const Receiver& self) {
  using Response = wire::FetchResponse;
  if (!is_of(request.cluster_id, self)) return refuse<Response>(ErrorCode::inconsistent_cluster_id);
  const auto* asked = the_partition(request);
  if (!asked) return refuse<Response>(ErrorCode::invalid_request);
  if (request.max_wait_ms < 0 || asked->fetch_offset < 0 || asked->last_fetched_epoch < 0 ||
      asked->current_leader_epoch < asked->last_fetched_epoch)
    return refuse_values<Response>(ErrorCode::invalid_request);
  const NodeId id = request.replica_id != kNoNode ? request.replica_id : request.replica_state.replica_id;
  return raft::FetchRequest{.replica = {id, asked->replica_directory_id},
                            .current_leader_epoch = asked->current_leader_epoch,
                            .last_fetched_epoch = asked->last_fetched_epoch,
                            .fetch_offset = asked->fetch_offset,
                            .high_watermark = asked->high_watermark};
}

wire::FetchResponse to_wire(raft::FetchResponse response, const NodeEndpoints& nodes) {
  wire::FetchResponse out;
  auto& partition = add_the_partition(out);
  partition.error_code = error_code_of(response.error);
  partition.high_watermark = response.high_watermark;
  partition.current_leader = {response.leader_id, response.leader_epoch};
  if (response.diverging) partition.diverging_epoch = {response.diverging->epoch, response.diverging->offset};
  if (response.snapshot) partition.snapshot_id = {response.snapshot->offset, response.snapshot->epoch};
  partition.records = std::move(response.records);
  add_leader(out, response, nodes);
  return out;
}

Result<raft::FetchResponse> from_wire(wire::FetchResponse response) {
  ASSIGN_OR_RETURN(const auto answer, answer_in(response));
  auto& partition = *answer.partition;
  TRY(check_leader(partition.current_leader.leader_id, partition.current_leader.leader_epoch));
  raft::FetchResponse out{.error = answer.error,
                          .leader_epoch = partition.current_leader.leader_epoch,
                          .leader_id = partition.current_leader.leader_id,
                          .high_watermark = std::max<Offset>(partition.high_watermark, 0),
                          .leader_endpoint = leader_in(response, partition.current_leader.leader_id)};
  const auto& diverging = partition.diverging_epoch;
  if (diverging.epoch >= 0) {
    if (diverging.end_offset < 0) return fail(Errc::corrupt, "a diverging epoch without its end");
    out.diverging = {diverging.end_offset, diverging.epoch};
  }
  const auto& snapshot = partition.snapshot_id;
  if (snapshot.epoch >= 0 || snapshot.end_offset >= 0) {
    if (snapshot.epoch < 0 || snapshot.end_offset < 0)
      return fail(Errc::corrupt, "half the id of a snapshot");
    out.snapshot = {snapshot.end_offset, snapshot.epoch};
  }
  if (partition.records) out.records = std::move(*partition.records);
  return out;
}

// --- FetchSnapshot

wire::FetchSnapshotRequest to_wire(const raft::FetchSnapshotRequest& request, const std::string& cluster_id) {
  wire::FetchSnapshotRequest out;
  out.cluster_id = cluster_id;
  out.replica_id = request.replica.id;
  auto& partition = add_the_partition(out);
  partition.current_leader_epoch = request.current_leader_epoch;
  partition.snapshot_id = {request.snapshot.offset, request.snapshot.epoch};
  partition.position = request.position;
  partition.replica_directory_id = request.replica.directory;
  return out;
}

std::expected<raft::FetchSnapshotRequest, wire::FetchSnapshotResponse> from_wire(
    const wire::FetchSnapshotRequest& request, const Receiver& self) {
  using Response = wire::FetchSnapshotResponse;
  if (!is_of(request.cluster_id, self)) return refuse<Response>(ErrorCode::inconsistent_cluster_id);
  if (request.topics.size() != 1 || request.topics[0].partitions.size() != 1)
    return refuse<Response>(ErrorCode::invalid_request);
  const auto* asked = the_partition(request);
  if (!asked) {
    Response response;
    auto& topic = response.topics.emplace_back();
    topic.name = request.topics[0].name;
    auto& partition = topic.partitions.emplace_back();
    partition.index = request.topics[0].partitions[0].partition;
    partition.error_code = ErrorCode::unknown_topic_or_partition;
    return std::unexpected(std::move(response));
  }
  if (asked->current_leader_epoch < 0) return refuse_values<Response>(ErrorCode::invalid_request);
  if (asked->snapshot_id.end_offset < 0 || asked->snapshot_id.epoch < 0)
    return refuse_values<Response>(ErrorCode::snapshot_not_found);
  return raft::FetchSnapshotRequest{.replica = {request.replica_id, asked->replica_directory_id},
                                    .current_leader_epoch = asked->current_leader_epoch,
                                    .snapshot = {asked->snapshot_id.end_offset, asked->snapshot_id.epoch},
                                    .position = asked->position};
}

wire::FetchSnapshotResponse to_wire(raft::FetchSnapshotResponse response, const NodeEndpoints& nodes) {
  wire::FetchSnapshotResponse out;
  auto& partition = add_the_partition(out);
  partition.error_code = error_code_of(response.error);
  partition.snapshot_id = {response.snapshot.offset, response.snapshot.epoch};
  partition.current_leader = {response.leader_id, response.leader_epoch};
  partition.size = response.size;
  partition.position = response.position;
  partition.unaligned_records = std::move(response.bytes);
  add_leader(out, response, nodes);
  return out;
}

Result<raft::FetchSnapshotResponse> from_wire(wire::FetchSnapshotResponse response) {
  ASSIGN_OR_RETURN(const auto answer, answer_in(response));
  auto& partition = *answer.partition;
  TRY(check_leader(partition.current_leader.leader_id, partition.current_leader.leader_epoch));
  raft::FetchSnapshotResponse out{.error = answer.error,
                                  .leader_epoch = partition.current_leader.leader_epoch,
                                  .leader_id = partition.current_leader.leader_id,
                                  .snapshot = {partition.snapshot_id.end_offset, partition.snapshot_id.epoch},
                                  .size = partition.size,
                                  .position = partition.position,
                                  .bytes = std::move(partition.unaligned_records),
                                  .leader_endpoint = leader_in(response, partition.current_leader.leader_id)};
  if (out.error == RaftError::none && (out.size < 0 || out.position < 0))
    return fail(Errc::corrupt, "a snapshot of negative size");
  return out;
}

// --- changes of the voters

namespace {

// A voter that can be told from the one that its node was with another disk.
bool is_voter(NodeId id, const DirectoryId& directory) { return id >= 0 && !directory.is_zero(); }

template <class Response>
std::unexpected<Response> refuse(ErrorCode code, std::string why) {
  Response response = refusal<Response>(code);
  response.error_message = std::move(why);
  return std::unexpected(std::move(response));
}

template <class Response>
Response change_to_wire(const raft::VoterChangeResponse& response) {
  Response out = refusal<Response>(error_code_of(response.error));
  if (response.error != RaftError::none) out.error_message = response.message;
  return out;
}

template <class Response>
Result<raft::VoterChangeResponse> change_from_wire(const Response& response) {
  const auto error = raft_error_of(response.error_code);
  if (!error) TRY(whole(response.error_code));
  raft::VoterChangeResponse out{.error = *error};
  if constexpr (requires { response.error_message; }) out.message = response.error_message.value_or("");
  return out;
}

}  // namespace

wire::AddRaftVoterRequest to_wire(const raft::AddVoterRequest& request, const std::string& cluster_id) {
  wire::AddRaftVoterRequest out;
  out.cluster_id = cluster_id;
  out.timeout_ms = to_ms(request.timeout);
  out.voter_id = request.voter.key.id;
  out.voter_directory_id = request.voter.key.directory;
  put_endpoints(request.voter.endpoints, out.listeners);
  out.ack_when_committed = request.ack_when_committed;
  return out;
}

std::expected<raft::AddVoterRequest, wire::AddRaftVoterResponse> from_wire(
    const wire::AddRaftVoterRequest& request, const Receiver& self) {
  using Response = wire::AddRaftVoterResponse;
  if (!is_of(request.cluster_id, self))
    return refuse<Response>(ErrorCode::inconsistent_cluster_id, "the request is for another cluster");
  if (!is_voter(request.voter_id, request.voter_directory_id))
    return refuse<Response>(ErrorCode::invalid_request, "a voter has a node id and a directory id");
  raft::AddVoterRequest out{.voter = {.key = {request.voter_id, request.voter_directory_id},
                                      .endpoints = take_endpoints(request.listeners)},
                            .timeout = runtime::milliseconds(std::max(request.timeout_ms, 0)),
                            .ack_when_committed = request.ack_when_committed};
  if (out.voter.endpoints.empty())
    return refuse<Response>(ErrorCode::invalid_request, "a voter has a controller listener");
  return out;
}

wire::AddRaftVoterResponse added_to_wire(const raft::VoterChangeResponse& response) {
  return change_to_wire<wire::AddRaftVoterResponse>(response);
}
Result<raft::VoterChangeResponse> from_wire(const wire::AddRaftVoterResponse& response) {
  return change_from_wire(response);
}

wire::RemoveRaftVoterRequest to_wire(const raft::RemoveVoterRequest& request, const std::string& cluster_id) {
  wire::RemoveRaftVoterRequest out;
  out.cluster_id = cluster_id;
  out.voter_id = request.voter.id;
  out.voter_directory_id = request.voter.directory;
  return out;
}

std::expected<raft::RemoveVoterRequest, wire::RemoveRaftVoterResponse> from_wire(
    const wire::RemoveRaftVoterRequest& request, const Receiver& self) {
  using Response = wire::RemoveRaftVoterResponse;
  if (!is_of(request.cluster_id, self))
    return refuse<Response>(ErrorCode::inconsistent_cluster_id, "the request is for another cluster");
  if (!is_voter(request.voter_id, request.voter_directory_id))
    return refuse<Response>(ErrorCode::invalid_request, "a voter has a node id and a directory id");
  return raft::RemoveVoterRequest{{request.voter_id, request.voter_directory_id}};
}

wire::RemoveRaftVoterResponse removed_to_wire(const raft::VoterChangeResponse& response) {
  return change_to_wire<wire::RemoveRaftVoterResponse>(response);
}
Result<raft::VoterChangeResponse> from_wire(const wire::RemoveRaftVoterResponse& response) {
  return change_from_wire(response);
}

wire::UpdateRaftVoterRequest to_wire(const raft::UpdateVoterRequest& request, const std::string& cluster_id) {
  wire::UpdateRaftVoterRequest out;
  out.cluster_id = cluster_id;
  out.current_leader_epoch = request.current_leader_epoch;
  out.voter_id = request.voter.key.id;
  out.voter_directory_id = request.voter.key.directory;
  put_endpoints(request.voter.endpoints, out.listeners);
  out.kraft_version_feature = {request.voter.kraft_versions.min, request.voter.kraft_versions.max};
  return out;
}

std::expected<raft::UpdateVoterRequest, wire::UpdateRaftVoterResponse> from_wire(
    const wire::UpdateRaftVoterRequest& request, const Receiver& self) {
  using Response = wire::UpdateRaftVoterResponse;
  if (!is_of(request.cluster_id, self)) return refuse<Response>(ErrorCode::inconsistent_cluster_id);
  const raft::VersionRange range{request.kraft_version_feature.min_supported_version,
                                 request.kraft_version_feature.max_supported_version};
  const bool is_range = range.min >= 0 && range.max >= range.min;
  raft::UpdateVoterRequest out{.current_leader_epoch = request.current_leader_epoch,
                               .voter = {.key = {request.voter_id, request.voter_directory_id},
                                         .endpoints = take_endpoints(request.listeners),
                                         .kraft_versions = range}};
  if (!is_voter(request.voter_id, request.voter_directory_id) || request.current_leader_epoch < 0 ||
      !is_range || out.voter.endpoints.empty())
    return refuse<Response>(ErrorCode::invalid_request);
  return out;
}

wire::UpdateRaftVoterResponse updated_to_wire(const raft::VoterChangeResponse& response,
                                              const NodeEndpoints& nodes) {
  auto out = refusal<wire::UpdateRaftVoterResponse>(error_code_of(response.error));
  const raft::Endpoint at = leader_of(response, nodes);
  out.current_leader.leader_id = response.leader_id;
  out.current_leader.leader_epoch = response.leader_epoch;
  out.current_leader.host = at.host;
  out.current_leader.port = at.port;
  return out;
}

Result<raft::VoterChangeResponse> from_wire(const wire::UpdateRaftVoterResponse& response) {
  ASSIGN_OR_RETURN(raft::VoterChangeResponse out, change_from_wire(response));
  const auto& leader = response.current_leader;
  TRY(check_leader(leader.leader_id, leader.leader_epoch));
  out.leader_id = leader.leader_id;
  out.leader_epoch = leader.leader_epoch;
  if (leader.leader_id != kNoNode && !leader.host.empty() && leader.port > 0 && leader.port <= kMaxPort)
    out.leader_endpoint = {.host = leader.host, .port = static_cast<std::uint16_t>(leader.port)};
  return out;
}

// --- DescribeQuorum

namespace {

using Described = wire::DescribeQuorumResponse;

void describe_replicas(const std::vector<ReplicaDescription>& replicas,
                       std::vector<Described::ReplicaState>& out) {
  for (const ReplicaDescription& replica : replicas)
    out.push_back({replica.key.id, replica.key.directory, replica.log_end_offset, replica.last_fetch_ms,
                   replica.last_caught_up_ms});
}

}  // namespace

wire::DescribeQuorumResponse describe_to_wire(const wire::DescribeQuorumRequest& request,
                                              const QuorumDescription* description, std::string_view listener,
                                              const NodeEndpoints& nodes) {
  Described out;
  if (!the_partition(request)) {
    for (const auto& asked : request.topics) {
      auto& topic = out.topics.emplace_back();
      topic.topic_name = asked.topic_name;
      for (const auto& partition : asked.partitions) {
        auto& unknown = topic.partitions.emplace_back();
        unknown.partition_index = partition.partition_index;
        unknown.error_code = ErrorCode::unknown_topic_or_partition;
      }
    }
    return out;
  }
  if (!description) {
    out.error_code = ErrorCode::not_leader_or_follower;
    out.error_message = std::string(wire::describe(out.error_code));
    return out;
  }
  auto& partition = add_the_partition(out);
  partition.leader_id = description->leader_id;
  partition.leader_epoch = description->leader_epoch;
  partition.high_watermark = description->high_watermark;
  describe_replicas(description->voters, partition.current_voters);
  describe_replicas(description->observers, partition.observers);
  std::map<NodeId, std::vector<raft::Endpoint>> described;
  for (const auto& node : description->nodes) described.emplace(node.id, node.endpoints);
  for (const ReplicaDescription& voter : description->voters) {
    std::vector<raft::Endpoint>& endpoints = described[voter.key.id];
    if (const auto known = nodes.find(voter.key.id); endpoints.empty() && known != nodes.end())
      endpoints.push_back({std::string(listener), known->second.host, known->second.port});
    if (endpoints.empty()) continue;
    auto& node = out.nodes.emplace_back();
    node.node_id = voter.key.id;
    put_endpoints(endpoints, node.listeners);
  }
  return out;
}

}  // namespace moldau::quorum
