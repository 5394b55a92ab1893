// Requests and responses of the quorum as another node may send them: refused in Kafka's form, or taken into
// raft's vocabulary, from which the same message comes again.
#include "fuzz/message_checks.h"
#include "quorum/messages.h"

namespace moldau::fuzz {
namespace {

constexpr std::size_t kMaxSize = 384;
const std::string kCluster = "cluster";
constexpr quorum::Receiver kSelf{.cluster_id = "cluster", .node_id = 1};

template <class Message>
std::optional<Message> decoded(Input& in) {
  const auto version = version_of(in, Message::kMinVersion, Message::kMaxVersion);
  auto message = Message::decode(Slice::borrow(in.rest()), version);
  if (!message) check_refusal(message.error());
  return message ? std::optional(std::move(*message)) : std::nullopt;
}

auto sent(const auto& request) { return quorum::to_wire(request, kCluster); }
auto sent(const raft::FetchRequest& request) {
  return quorum::to_wire(request, kCluster, std::chrono::milliseconds(500));
}

template <class Request>
void check_request(Input& in) {
  auto request = decoded<Request>(in);
  if (!request) return;
  if (in.rest().size() % 2 == 0 && request->cluster_id) request->cluster_id = kCluster;
  const auto taken = quorum::from_wire(*request, kSelf);
  if (!taken) return;
  const auto again = quorum::from_wire(sent(*taken), kSelf);
  MOLDAU_ASSERT(again.has_value(), "what raft would send is refused");
  MOLDAU_ASSERT(sent(*again) == sent(*taken), "a request changes by being sent again");
}

template <class Response>
void check_response(Input& in) {
  auto response = decoded<Response>(in);
  if (!response) return;
  const auto taken = quorum::from_wire(std::move(*response));
  if (taken) return;
  const Errc code = taken.error().code;
  MOLDAU_ASSERT(code == Errc::mismatch || code == Errc::unavailable || code == Errc::corrupt,
                "refused for another reason");
  MOLDAU_ASSERT(!taken.error().message.empty());
}

constexpr void (*kKinds[])(Input&) = {
    check_request<wire::VoteRequest>,
    check_request<wire::BeginQuorumEpochRequest>,
    check_request<wire::EndQuorumEpochRequest>,
    check_request<wire::FetchRequest>,
    check_request<wire::FetchSnapshotRequest>,
    check_request<wire::AddRaftVoterRequest>,
    check_request<wire::RemoveRaftVoterRequest>,
    check_request<wire::UpdateRaftVoterRequest>,
    check_response<wire::VoteResponse>,
    check_response<wire::BeginQuorumEpochResponse>,
    check_response<wire::EndQuorumEpochResponse>,
    check_response<wire::FetchResponse>,
    check_response<wire::FetchSnapshotResponse>,
    check_response<wire::AddRaftVoterResponse>,
    check_response<wire::RemoveRaftVoterResponse>,
    check_response<wire::UpdateRaftVoterResponse>,
};

void run(ByteView bytes) {
  Input in(bytes);
  kKinds[in.below(std::size(kKinds))](in);
}

template <class Message>
void add_sent(Seeds& seeds, std::uint8_t kind, const Message& message) {
  wire::Writer out;
  message.encode(out, Message::kMaxVersion);
  Buffer seed;
  seed.append_be<std::uint8_t>(kind);
  seed.append_be<std::uint8_t>(static_cast<std::uint8_t>(Message::kMaxVersion - Message::kMinVersion));
  seed.append(joined(std::move(out).finish()));
  if (seed.size() <= kMaxSize) seeds.add(seed.view());
}

void seeds(Seeds& seeds) {
  const raft::ReplicaKey candidate{.id = 2, .directory = {3, 4}};
  add_sent(seeds, 0, sent(raft::VoteRequest{.epoch = 5, .candidate = candidate, .voter = {.id = 1}}));
  add_sent(seeds, 1, sent(raft::BeginQuorumEpochRequest{.leader_id = 2, .leader_epoch = 5}));
  add_sent(seeds, 2, sent(raft::EndQuorumEpochRequest{.leader_id = 2, .leader_epoch = 5}));
  add_sent(seeds, 3, sent(raft::FetchRequest{.replica = candidate, .current_leader_epoch = 5}));
  add_sent(seeds, 4, sent(raft::FetchSnapshotRequest{.replica = candidate, .current_leader_epoch = 5}));
  const quorum::NodeEndpoints nodes{{2, {"127.0.0.1", 9093}}};
  add_sent(seeds, 8,
           quorum::to_wire(raft::VoteResponse{.leader_epoch = 5, .leader_id = 2, .granted = true}, nodes));
  add_sent(seeds, 9, quorum::begin_to_wire(raft::EpochResponse{.leader_epoch = 5, .leader_id = 2}, nodes));
  add_sent(seeds, 10, quorum::end_to_wire(raft::EpochResponse{.leader_epoch = 5, .leader_id = 2}, nodes));
  add_sent(seeds, 11, quorum::to_wire(raft::FetchResponse{.leader_epoch = 5, .leader_id = 2}, nodes));
  add_sent(seeds, 12, quorum::to_wire(raft::FetchSnapshotResponse{.leader_epoch = 5, .leader_id = 2}, nodes));
}

MOLDAU_FUZZ_TARGET(quorum_messages, kMaxSize, run, seeds);

}  // namespace
}  // namespace moldau::fuzz
