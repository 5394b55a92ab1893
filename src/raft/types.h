// The vocabulary of the quorum: who votes, what is stored, what is said (KIP-595, KIP-630, KIP-853, KIP-996).
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <variant>
#include <vector>

#include "base/bytes.h"
#include "base/ids.h"
#include "base/result.h"
#include "raft/voter_set.h"

namespace moldau::raft {

// Nanoseconds since the monotonic clock's start.
using Time = std::chrono::nanoseconds;
using Duration = std::chrono::nanoseconds;

// The end of a log, a snapshot or an epoch: offset after the last record, epoch of the last record.
struct OffsetAndEpoch {
  Offset offset = 0;
  LeaderEpoch epoch = 0;
  friend bool operator==(const OffsetAndEpoch&, const OffsetAndEpoch&) = default;
};
// Raft 5.4.1: a log is as good as another by its last epoch first, then by its length.
inline bool at_least_as_good(const OffsetAndEpoch& log, const OffsetAndEpoch& other) {
  return log.epoch != other.epoch ? log.epoch > other.epoch : log.offset >= other.offset;
}

// What a node must never forget. Durable before anything that follows from it is said.
struct QuorumState {
  LeaderEpoch epoch = 0;
  NodeId leader_id = kNoNode;  // of this epoch, if known
  ReplicaKey voted;            // for whom in this epoch; id kNoNode: for nobody
  friend bool operator==(const QuorumState&, const QuorumState&) = default;
};

// Each one is an error code of Kafka's with the same name.
enum class RaftError : std::uint8_t {
  none,
  fenced_leader_epoch,
  unknown_leader_epoch,
  not_leader_or_follower,
  inconsistent_voter_set,
  invalid_voter_key,
  invalid_request,
  snapshot_not_found,
  position_out_of_range,
  duplicate_voter,
  voter_not_found,
  request_timed_out,
  unsupported_version,
};
std::string_view name_of(RaftError error);

struct VoteRequest {
  LeaderEpoch epoch = 0;  // of a pre-vote: the epoch that the candidate is in; else the one it stands for
  ReplicaKey candidate;
  ReplicaKey voter;
  OffsetAndEpoch last;  // of the candidate's log
  bool pre_vote = false;
};
struct VoteResponse {
  RaftError error = RaftError::none;
  LeaderEpoch leader_epoch = 0;
  NodeId leader_id = kNoNode;
  bool granted = false;
  std::optional<Endpoint> leader_endpoint;  // here and below: NodeEndpoints, of leader_id, where known
};

struct BeginQuorumEpochRequest {
  NodeId leader_id = kNoNode;
  LeaderEpoch leader_epoch = 0;
  ReplicaKey voter;
  std::vector<Endpoint> leader_endpoints;
};
struct EndQuorumEpochRequest {
  NodeId leader_id = kNoNode;
  LeaderEpoch leader_epoch = 0;
  std::vector<ReplicaKey> preferred_candidates;  // the best log first
  std::vector<Endpoint> leader_endpoints;
};
// Of BeginQuorumEpoch and EndQuorumEpoch.
struct EpochResponse {
  RaftError error = RaftError::none;
  LeaderEpoch leader_epoch = 0;
  NodeId leader_id = kNoNode;
  std::optional<Endpoint> leader_endpoint;
};

struct FetchRequest {
  ReplicaKey replica;
  LeaderEpoch current_leader_epoch = 0;
  LeaderEpoch last_fetched_epoch = 0;
  Offset fetch_offset = 0;  // everything below is durable at the sender
  Offset high_watermark = 0;
};
struct FetchResponse {
  RaftError error = RaftError::none;
  LeaderEpoch leader_epoch = 0;
  NodeId leader_id = kNoNode;
  Offset high_watermark = 0;
  std::optional<OffsetAndEpoch> diverging;  // the end of the largest epoch that both may have
  std::optional<OffsetAndEpoch> snapshot;   // the log starts too late: fetch this snapshot
  SliceList records;                        // whole batches from the fetch offset on
  std::optional<Endpoint> leader_endpoint;
};

struct FetchSnapshotRequest {
  ReplicaKey replica;
  LeaderEpoch current_leader_epoch = 0;
  OffsetAndEpoch snapshot;
  std::int64_t position = 0;
};
struct FetchSnapshotResponse {
  RaftError error = RaftError::none;
  LeaderEpoch leader_epoch = 0;
  NodeId leader_id = kNoNode;
  OffsetAndEpoch snapshot;
  std::int64_t size = 0;
  std::int64_t position = 0;
  SliceList bytes;
  std::optional<Endpoint> leader_endpoint;
};

// Changes of the voter set, one at a time (KIP-853). Asked of the leader.
struct AddVoterRequest {
  Voter voter;
  Duration timeout{};              // for the wire; who handles the request passes its deadline
  bool ack_when_committed = true;  // false: answered once it is in the leader's log
};
struct RemoveVoterRequest {
  ReplicaKey voter;
};
// A voter's own: its endpoints have changed, or the versions that it supports.
struct UpdateVoterRequest {
  LeaderEpoch current_leader_epoch = 0;
  Voter voter;
};
// Of all three.
struct VoterChangeResponse {
  RaftError error = RaftError::none;
  std::string message;  // why not, for a person; empty without an error
  LeaderEpoch leader_epoch = 0;
  NodeId leader_id = kNoNode;
  std::optional<Endpoint> leader_endpoint;
};

using Request = std::variant<VoteRequest, BeginQuorumEpochRequest, EndQuorumEpochRequest, FetchRequest,
                             FetchSnapshotRequest, AddVoterRequest, RemoveVoterRequest, UpdateVoterRequest>;
using Response =
    std::variant<VoteResponse, EpochResponse, FetchResponse, FetchSnapshotResponse, VoterChangeResponse>;

template <class Request>
struct ResponseOf;
template <>
struct ResponseOf<VoteRequest> : std::type_identity<VoteResponse> {};
template <>
struct ResponseOf<BeginQuorumEpochRequest> : std::type_identity<EpochResponse> {};
template <>
struct ResponseOf<EndQuorumEpochRequest> : std::type_identity<EpochResponse> {};
template <>
struct ResponseOf<FetchRequest> : std::type_identity<FetchResponse> {};
template <>
struct ResponseOf<FetchSnapshotRequest> : std::type_identity<FetchSnapshotResponse> {};
template <>
struct ResponseOf<AddVoterRequest> : std::type_identity<VoterChangeResponse> {};
template <>
struct ResponseOf<RemoveVoterRequest> : std::type_identity<VoterChangeResponse> {};
template <>
struct ResponseOf<UpdateVoterRequest> : std::type_identity<VoterChangeResponse> {};

// Where a bootstrap server is asked whose node id is not known: its place in Settings::bootstrap_servers.
inline constexpr NodeId bootstrap_node(std::size_t place) { return -2 - static_cast<NodeId>(place); }

// The file quorum-state: Kafka's JSON, version 1. Errc::corrupt or Errc::unsupported (another version).
std::string to_json(const QuorumState& state);
Result<QuorumState> quorum_state_from_json(std::string_view json);

}  // namespace moldau::raft
