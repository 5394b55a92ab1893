#include "node/local_quorum.h"

#include <algorithm>

namespace moldau::node {

using runtime::Task;
using wire::ErrorCode;

namespace {

// However long a replica wants to wait, it hears from its leader this often.
constexpr runtime::Duration kMaxFetchWait = std::chrono::seconds(5);
// Of the changes of voters that say no time of their own, and the longest that one may say.
constexpr runtime::Duration kChangeTimeout = std::chrono::seconds(10);
constexpr runtime::Duration kMaxChangeTimeout = std::chrono::minutes(10);

// No more than the replica asked for.
void limit(SliceList& bytes, std::int32_t max_bytes) {
  auto room = static_cast<std::size_t>(std::max(max_bytes, 0));
  SliceList kept;
  for (Slice& slice : bytes) {
    if (room == 0) break;
    const std::size_t taken = std::min(room, slice.size());
    kept.push_back(taken == slice.size() ? std::move(slice) : slice.cut(0, taken));
    room -= taken;
  }
  bytes = std::move(kept);
}

}  // namespace

LocalQuorum::LocalQuorum(runtime::Executor& executor, quorum::MetadataQuorum& quorum,
                         peer::QuorumTransport& transport, std::string cluster_id, NodeId node_id)
    : executor_(executor),
      quorum_(quorum),
      transport_(transport),
      cluster_id_(std::move(cluster_id)),
      node_id_(node_id) {}

// The replica's answer to a request that may reach it; `convert` gives it Kafka's form.
template <class RaftResponse, class WireRequest, class Convert>
auto LocalQuorum::answer(WireRequest request, runtime::Duration most, Convert convert) {
  using WireResponse = std::invoke_result_t<Convert&, RaftResponse>;
  return [](LocalQuorum& self, WireRequest asked, runtime::Duration within,
            Convert converted) -> Task<WireResponse> {
    auto read = quorum::from_wire(asked, self.self());
    if (!read) co_return std::move(read).error();
    auto response =
        co_await self.quorum_.handle(raft::Request(std::move(*read)), self.executor_.now() + within);
    // It is closing, or has failed and will.
    if (!response) co_return quorum::refusal<WireResponse>(ErrorCode::broker_not_available);
    auto* expected = std::get_if<RaftResponse>(&*response);
    MOLDAU_ASSERT(expected != nullptr, "each request has its kind of answer");
    co_return converted(std::move(*expected));
  }(*this, std::move(request), most, std::move(convert));
}

Task<wire::VoteResponse> LocalQuorum::ask(wire::VoteRequest request) {
  return answer<raft::VoteResponse>(std::move(request), {}, [this](const raft::VoteResponse& response) {
    return quorum::to_wire(response, transport_.nodes());
  });
}

Task<wire::BeginQuorumEpochResponse> LocalQuorum::ask(wire::BeginQuorumEpochRequest request) {
  return answer<raft::EpochResponse>(std::move(request), {}, [this](const raft::EpochResponse& response) {
    return quorum::begin_to_wire(response, transport_.nodes());
  });
}

Task<wire::EndQuorumEpochResponse> LocalQuorum::ask(wire::EndQuorumEpochRequest request) {
  return answer<raft::EpochResponse>(std::move(request), {}, [this](const raft::EpochResponse& response) {
    return quorum::end_to_wire(response, transport_.nodes());
  });
}

Task<wire::FetchResponse> LocalQuorum::ask(wire::FetchRequest request) {
  const auto wait = std::min(runtime::milliseconds(request.max_wait_ms), kMaxFetchWait);
  return answer<raft::FetchResponse>(std::move(request), wait, [this](raft::FetchResponse response) {
    return quorum::to_wire(std::move(response), transport_.nodes());
  });
}

Task<wire::FetchSnapshotResponse> LocalQuorum::ask(wire::FetchSnapshotRequest request) {
  const std::int32_t max_bytes = request.max_bytes;
  return answer<raft::FetchSnapshotResponse>(
      std::move(request), {}, [this, max_bytes](raft::FetchSnapshotResponse response) {
        limit(response.bytes, max_bytes);
        return quorum::to_wire(std::move(response), transport_.nodes());
      });
}

Task<wire::DescribeQuorumResponse> LocalQuorum::ask(wire::DescribeQuorumRequest request) {
  std::optional<quorum::QuorumDescription> description;
  if (quorum_.role() == raft::Role::leader) description = quorum_.describe();
  co_return quorum::describe_to_wire(request, description ? &*description : nullptr, transport_.listener(),
                                     transport_.nodes());
}

server::Controllers LocalQuorum::controllers() const {
  return {quorum_.leader_id(), {transport_.nodes().begin(), transport_.nodes().end()}};
}

Task<wire::AddRaftVoterResponse> LocalQuorum::ask(wire::AddRaftVoterRequest request) {
  const auto within = std::clamp(runtime::milliseconds(request.timeout_ms), {}, kMaxChangeTimeout);
  return answer<raft::VoterChangeResponse>(
      std::move(request), within,
      [](const raft::VoterChangeResponse& response) { return quorum::added_to_wire(response); });
}

Task<wire::RemoveRaftVoterResponse> LocalQuorum::ask(wire::RemoveRaftVoterRequest request) {
  return answer<raft::VoterChangeResponse>(
      std::move(request), kChangeTimeout,
      [](const raft::VoterChangeResponse& response) { return quorum::removed_to_wire(response); });
}

Task<wire::UpdateRaftVoterResponse> LocalQuorum::ask(wire::UpdateRaftVoterRequest request) {
  return answer<raft::VoterChangeResponse>(std::move(request), kChangeTimeout,
                                           [this](const raft::VoterChangeResponse& response) {
                                             return quorum::updated_to_wire(response, transport_.nodes());
                                           });
}

}  // namespace moldau::node
