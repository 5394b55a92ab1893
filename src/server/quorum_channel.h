// QuorumChannel: the way of the metadata quorum's requests to this node's replica of the metadata log
// (KIP-595, KIP-630, KIP-853). Served on controller listeners; null in a Broker without one.
#pragma once

#include <utility>
#include <vector>

#include "runtime/network.h"
#include "runtime/task.h"
#include "wire/messages/add_raft_voter.h"
#include "wire/messages/begin_quorum_epoch.h"
#include "wire/messages/describe_quorum.h"
#include "wire/messages/end_quorum_epoch.h"
#include "wire/messages/fetch.h"
#include "wire/messages/fetch_snapshot.h"
#include "wire/messages/remove_raft_voter.h"
#include "wire/messages/update_raft_voter.h"
#include "wire/messages/vote.h"

namespace moldau::server {

// The nodes that take part in the quorum, as far as this one knows: their controller listeners.
struct Controllers {
  NodeId active = kNoNode;  // the leader
  std::vector<std::pair<NodeId, runtime::Endpoint>> nodes;
};

class QuorumChannel {
 public:
  virtual ~QuorumChannel() = default;

  // Callable from any shard; goes on there. Failures are error codes of the response: who is not the leader
  // says so and names it, with its address.
  virtual runtime::Task<wire::VoteResponse> ask(wire::VoteRequest request) = 0;
  virtual runtime::Task<wire::BeginQuorumEpochResponse> ask(wire::BeginQuorumEpochRequest request) = 0;
  virtual runtime::Task<wire::EndQuorumEpochResponse> ask(wire::EndQuorumEpochRequest request) = 0;
  // Of the metadata log; held until there is something new, for the request's max_wait_ms at most.
  virtual runtime::Task<wire::FetchResponse> ask(wire::FetchRequest request) = 0;
  virtual runtime::Task<wire::FetchSnapshotResponse> ask(wire::FetchSnapshotRequest request) = 0;
  virtual runtime::Task<wire::DescribeQuorumResponse> ask(wire::DescribeQuorumRequest request) = 0;
  virtual runtime::Task<wire::AddRaftVoterResponse> ask(wire::AddRaftVoterRequest request) = 0;
  virtual runtime::Task<wire::RemoveRaftVoterResponse> ask(wire::RemoveRaftVoterRequest request) = 0;
  virtual runtime::Task<wire::UpdateRaftVoterResponse> ask(wire::UpdateRaftVoterRequest request) = 0;
  virtual runtime::Task<Controllers> controllers() = 0;
};

}  // namespace moldau::server
