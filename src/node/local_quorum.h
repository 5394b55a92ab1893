// LocalQuorum: this node's replica of the metadata log, as other nodes ask it. LocalQuorumChannel: a shard's
// way to it.
#pragma once

#include "peer/quorum_transport.h"
#include "quorum/metadata_quorum.h"
#include "server/quorum_channel.h"

namespace moldau::node {

// On the shard of the quorum.
class LocalQuorum {
 public:
  // Both outlive this object. `transport` knows the addresses that answers tell.
  LocalQuorum(runtime::Executor& executor, quorum::MetadataQuorum& quorum, peer::QuorumTransport& transport,
              std::string cluster_id, NodeId node_id);

  runtime::Executor& executor() { return executor_; }

  runtime::Task<wire::VoteResponse> ask(wire::VoteRequest request);
  runtime::Task<wire::BeginQuorumEpochResponse> ask(wire::BeginQuorumEpochRequest request);
  runtime::Task<wire::EndQuorumEpochResponse> ask(wire::EndQuorumEpochRequest request);
  runtime::Task<wire::FetchResponse> ask(wire::FetchRequest request);
  runtime::Task<wire::FetchSnapshotResponse> ask(wire::FetchSnapshotRequest request);
  runtime::Task<wire::DescribeQuorumResponse> ask(wire::DescribeQuorumRequest request);
  // Answered when the change is committed, or has failed.
  runtime::Task<wire::AddRaftVoterResponse> ask(wire::AddRaftVoterRequest request);
  runtime::Task<wire::RemoveRaftVoterResponse> ask(wire::RemoveRaftVoterRequest request);
  runtime::Task<wire::UpdateRaftVoterResponse> ask(wire::UpdateRaftVoterRequest request);
  server::Controllers controllers() const;

 private:
  quorum::Receiver self() const { return {cluster_id_, node_id_}; }
  template <class RaftResponse, class WireRequest, class Convert>
  auto answer(WireRequest request, runtime::Duration most, Convert convert);

  runtime::Executor& executor_;
  quorum::MetadataQuorum& quorum_;
  peer::QuorumTransport& transport_;
  const std::string cluster_id_;
  const NodeId node_id_;
};

// The requests of one shard.
class LocalQuorumChannel final : public server::QuorumChannel {
  template <class Request>
  auto pass(Request& request) {
    return runtime::on_shard(here_, quorum_.executor(),
                             [&quorum = quorum_, request = std::move(request)]() mutable {
                               return quorum.ask(std::move(request));
                             });
  }

 public:
  LocalQuorumChannel(runtime::Executor& here, LocalQuorum& quorum) : here_(here), quorum_(quorum) {}

  runtime::Task<wire::VoteResponse> ask(wire::VoteRequest request) override { return pass(request); }
  runtime::Task<wire::BeginQuorumEpochResponse> ask(wire::BeginQuorumEpochRequest request) override {
    return pass(request);
  }
  runtime::Task<wire::EndQuorumEpochResponse> ask(wire::EndQuorumEpochRequest request) override {
    return pass(request);
  }
  runtime::Task<wire::FetchResponse> ask(wire::FetchRequest request) override { return pass(request); }
  runtime::Task<wire::FetchSnapshotResponse> ask(wire::FetchSnapshotRequest request) override {
    return pass(request);
  }
  runtime::Task<wire::DescribeQuorumResponse> ask(wire::DescribeQuorumRequest request) override {
    return pass(request);
  }
  runtime::Task<wire::AddRaftVoterResponse> ask(wire::AddRaftVoterRequest request) override {
    return pass(request);
  }
  runtime::Task<wire::RemoveRaftVoterResponse> ask(wire::RemoveRaftVoterRequest request) override {
    return pass(request);
  }
  runtime::Task<wire::UpdateRaftVoterResponse> ask(wire::UpdateRaftVoterRequest request) override {
    return pass(request);
  }
  runtime::Task<server::Controllers> controllers() override {
    return runtime::on_shard(here_, quorum_.executor(), [&quorum = quorum_] { return quorum.controllers(); });
  }

 private:
  runtime::Executor& here_;
  LocalQuorum& quorum_;
};

}  // namespace moldau::node
