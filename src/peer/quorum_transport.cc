#include "peer/quorum_transport.h"

#include <algorithm>

namespace moldau::peer {

using quorum::NodeEndpoints;
using runtime::Duration;
using runtime::Endpoint;
using runtime::MonotonicTime;
using runtime::Task;

namespace {

constexpr std::size_t kMaxLearned = 64;  // leaders; voters are not counted

}  // namespace

QuorumTransport::QuorumTransport(PeerClient& peers, QuorumTransportOptions options)
    : peers_(peers), options_(std::move(options)), voters_(options_.voters) {
  gather();
}

std::string_view QuorumTransport::listener() const {
  return options_.own.empty() ? std::string_view() : std::string_view(options_.own.front().listener);
}

void QuorumTransport::set_voters(NodeEndpoints voters) {
  voters_ = std::move(voters);
  gather();
}

void QuorumTransport::learn(const NodeEndpoints& nodes) {
  if (nodes.empty()) return;
  for (const auto& [id, at] : nodes) {
    if (learned_.size() >= kMaxLearned && !learned_.contains(id)) learned_.clear();
    learned_.insert_or_assign(id, at);
  }
  gather();
}

void QuorumTransport::gather() {
  nodes_ = voters_;
  nodes_.insert(learned_.begin(), learned_.end());
  if (!options_.own.empty()) nodes_.insert_or_assign(options_.node_id, options_.own.front().at);
}

Result<Endpoint> QuorumTransport::endpoint_of(NodeId node) const {
  if (node < kNoNode) {
    const auto index = static_cast<std::size_t>(-2 - node);
    if (index < options_.bootstrap.size()) return options_.bootstrap[index];
  } else if (const auto found = nodes_.find(node); found != nodes_.end()) {
    return found->second;
  }
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
  learn(quorum::endpoints_in(response));
  auto answer = quorum::from_wire(std::move(response));
  if (!answer) co_return fail(std::move(answer).error().within(wire::name_of(WireRequest::kKey)));
  co_return raft::Response(std::move(*answer));
}

Task<Result<raft::Response>> QuorumTransport::call(NodeId to, raft::Request request, MonotonicTime deadline) {
  CO_ASSIGN_OR_RETURN(const Endpoint at, endpoint_of(to));
  const std::string& cluster = options_.cluster_id;
  if (auto* vote = std::get_if<raft::VoteRequest>(&request))
    co_return co_await exchange<wire::VoteResponse>(at, quorum::to_wire(*vote, cluster), deadline,
                                                    Purpose::quorum);
  if (auto* begin = std::get_if<raft::BeginQuorumEpochRequest>(&request))
    co_return co_await exchange<wire::BeginQuorumEpochResponse>(
        at, quorum::to_wire(*begin, cluster, options_.own), deadline, Purpose::quorum);
  if (auto* end = std::get_if<raft::EndQuorumEpochRequest>(&request))
    co_return co_await exchange<wire::EndQuorumEpochResponse>(
        at, quorum::to_wire(*end, cluster, options_.own), deadline, Purpose::quorum);
  if (auto* fetch = std::get_if<raft::FetchRequest>(&request))
    co_return co_await exchange<wire::FetchResponse>(at, quorum::to_wire(*fetch, cluster, max_wait(deadline)),
                                                     deadline, Purpose::quorum_fetch);
  auto* snapshot = std::get_if<raft::FetchSnapshotRequest>(&request);
  MOLDAU_ASSERT(snapshot != nullptr);
  co_return co_await exchange<wire::FetchSnapshotResponse>(at, quorum::to_wire(*snapshot, cluster), deadline,
                                                           Purpose::quorum_fetch);
}

}  // namespace moldau::peer
