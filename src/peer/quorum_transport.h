// QuorumTransport: carries the requests of this node's Raft replica to the others, over PeerClient, and knows
// where each node takes them. Lives on the shard of the metadata quorum.
//
// An address comes from the settings (controller.quorum.voters), else from locate(): the voters of the log
// and what leaders say of themselves (KIP-853), and the bootstrap servers before anybody is known.
#pragma once

#include <set>
#include <string>
#include <vector>

#include "peer/peer_client.h"
#include "quorum/messages.h"

namespace moldau::peer {

struct QuorumTransportOptions {
  std::string cluster_id;
  NodeId node_id = kNoNode;
  std::vector<raft::Endpoint> own;  // this node's controller listeners, as others reach them
  quorum::NodeEndpoints voters;     // controller.quorum.voters; those that are in the log are located
  // How long a leader may hold a fetch for which there is nothing; half the time to the deadline at most.
  runtime::Duration fetch_max_wait = std::chrono::milliseconds(500);
};

class QuorumTransport final : public quorum::Transport {
 public:
  // `peers` outlives this object.
  QuorumTransport(PeerClient& peers, QuorumTransportOptions options);

  // Errors: those of PeerClient::call; Errc::mismatch (another cluster's node); Errc::unavailable (no address
  // known, or an error that raft has no word for).
  runtime::Task<Result<raft::Response>> call(NodeId to, raft::Request request,
                                             runtime::MonotonicTime deadline) override;

  void locate(NodeId node, const raft::Endpoint& at) override;
  // Every node of which an address is known, this one included.
  const quorum::NodeEndpoints& nodes() const { return nodes_; }
  // The name of the listeners that the quorum uses; empty without any.
  std::string_view listener() const;

 private:
  Result<runtime::Endpoint> endpoint_of(NodeId node) const;
  template <class WireResponse, class WireRequest>
  runtime::Task<Result<raft::Response>> exchange(runtime::Endpoint to, WireRequest request,
                                                 runtime::MonotonicTime deadline, Purpose purpose);
  runtime::Duration max_wait(runtime::MonotonicTime deadline) const;
  runtime::Task<Result<raft::Response>> carry(runtime::Endpoint at, raft::Request request,
                                              runtime::MonotonicTime deadline);
  void note_cluster(NodeId node, const runtime::Endpoint& at, const Result<raft::Response>& response);

  PeerClient& peers_;
  const QuorumTransportOptions options_;
  quorum::NodeEndpoints nodes_;
  quorum::NodeEndpoints bootstrap_;
  std::set<NodeId> strangers_;  // of other clusters; told once until they answer
};

}  // namespace moldau::peer
