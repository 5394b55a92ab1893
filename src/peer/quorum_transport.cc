#include "peer/quorum_transport.h"

#include <algorithm>

#include "telemetry/log.h"

namespace moldau::peer {

using quorum::NodeEndpoints;
using runtime::Duration;
using runtime::Endpoint;
using runtime::MonotonicTime;
using runtime::Task;

namespace {

constexpr std::size_t kMaxLocated = 1000;  // voters and leaders, over the life of a process

}  // namespace

QuorumTransport::QuorumTransport(PeerClient& peers, QuorumTransportOptions options)
    : peers_(peers), options_(std::move(options)), nodes_(options_.voters) {
  if (!options_.own.empty())
    nodes_.insert_or_assign(options_.node_id, Endpoint{options_.own.front().host, options_.own.front().port});
}

std::string_view QuorumTransport::listener() const {
  return options_.own.empty() ? std::string_view() : std::string_view(options_.own.front().name);
}

void QuorumTransport::locate(NodeId node, const raft::Endpoint& at) {
  if (options_.voters.contains(node) || node == options_.node_id) return;
  NodeEndpoints& known = node < kNoNode ? bootstrap_ : nodes_;
  if (known.size() >= kMaxLocated && !known.contains(node)) return;
  known.insert_or_assign(node, Endpoint{at.host, at.port});
}

Result<Endpoint> QuorumTransport::endpoint_of(NodeId node) const {
  const NodeEndpoints& known = node < kNoNode ? bootstrap_ : nodes_;
  if (const auto found = known.find(node); found != known.end()) return found->second;
  return fail(Errc::unavailable, "no address of node " + std::to_string(node) + " is known");
}

Duration QuorumTransport::max_wait(MonotonicTime deadline) const {
  const Duration left = deadline - peers_.executor().now();
  return std::clamp(left / 2, Duration(0), options_.fetch_max_wait);
}

template <class WireResponse, class WireRequest>
Task<Result<raft::Response>> QuorumTransport::exchange(Endpoint to, WireRequest request,
                                                       MonotonicTime deadline, Purpose purpose) {
  CO_ASSIGN_OR_RETURN(WireResponse response, co_await peers_.call<WireResponse>(
                                                 std::move(to), std::move(request), deadline, purpose));
  auto answer = quorum::from_wire(std::move(response));
  if (!answer) co_return fail(std::move(answer).error().within(wire::name_of(WireRequest::kKey)));
  co_return raft::Response(std::move(*answer));
}

Task<Result<raft::Response>> QuorumTransport::call(NodeId to, raft::Request request, MonotonicTime deadline) {
  CO_ASSIGN_OR_RETURN(const Endpoint at, endpoint_of(to));
  auto response = co_await carry(at, std::move(request), deadline);
  note_cluster(to, at, response);
  co_return response;
}

// A beginner's mistake that would otherwise show as a node that never finds a leader.
void QuorumTransport::note_cluster(NodeId node, const Endpoint& at, const Result<raft::Response>& response) {
  if (response) {
    strangers_.erase(node);
  } else if (response.error().code == Errc::mismatch && strangers_.insert(node).second) {
    telemetry::log_error(
        "peer", "a controller of another cluster is named as one of this cluster's",
        {{"node_id", node}, {"address", at.to_string()}, {"cluster_id", options_.cluster_id}});
  }
}

Task<Result<raft::Response>> QuorumTransport::carry(Endpoint at, raft::Request request,
                                                    MonotonicTime deadline) {
  const std::string& cluster = options_.cluster_id;
  const auto send = [&]<class Response>(std::type_identity<Response>, auto message, Purpose purpose) {
    return exchange<Response>(std::move(at), std::move(message), deadline, purpose);
  };
  const auto with_own = [&](auto message) {
    if (message.leader_endpoints.empty()) message.leader_endpoints = options_.own;
    return message;
  };
  if (auto* vote = std::get_if<raft::VoteRequest>(&request))
    co_return co_await send(std::type_identity<wire::VoteResponse>(), quorum::to_wire(*vote, cluster),
                            Purpose::quorum);
  if (auto* begin = std::get_if<raft::BeginQuorumEpochRequest>(&request))
    co_return co_await send(std::type_identity<wire::BeginQuorumEpochResponse>(),
                            quorum::to_wire(with_own(*begin), cluster), Purpose::quorum);
  if (auto* end = std::get_if<raft::EndQuorumEpochRequest>(&request))
    co_return co_await send(std::type_identity<wire::EndQuorumEpochResponse>(),
                            quorum::to_wire(with_own(*end), cluster), Purpose::quorum);
  if (auto* fetch = std::get_if<raft::FetchRequest>(&request))
    co_return co_await send(std::type_identity<wire::FetchResponse>(),
                            quorum::to_wire(*fetch, cluster, max_wait(deadline)), Purpose::quorum_fetch);
  if (auto* snapshot = std::get_if<raft::FetchSnapshotRequest>(&request))
    co_return co_await send(std::type_identity<wire::FetchSnapshotResponse>(),
                            quorum::to_wire(*snapshot, cluster), Purpose::quorum_fetch);
  // A change of the voters waits to be committed: no vote is to wait behind it.
  if (auto* added = std::get_if<raft::AddVoterRequest>(&request))
    co_return co_await send(std::type_identity<wire::AddRaftVoterResponse>(),
                            quorum::to_wire(*added, cluster), Purpose::control);
  if (auto* removed = std::get_if<raft::RemoveVoterRequest>(&request))
    co_return co_await send(std::type_identity<wire::RemoveRaftVoterResponse>(),
                            quorum::to_wire(*removed, cluster), Purpose::control);
  auto* updated = std::get_if<raft::UpdateVoterRequest>(&request);
  MOLDAU_ASSERT(updated != nullptr);
  co_return co_await send(std::type_identity<wire::UpdateRaftVoterResponse>(),
                          quorum::to_wire(*updated, cluster), Purpose::control);
}

}  // namespace moldau::peer
