// Raft's vocabulary in Kafka's messages: every version there and back, and what is refused.
#include "quorum/messages.h"

#include <gtest/gtest.h>

#include "base/random.h"
#include "wire/writer.h"

namespace moldau::quorum {
namespace {

using raft::RaftError;
using wire::ErrorCode;
using namespace std::chrono_literals;

const std::string kCluster = "cluster";
const Receiver kSelf{kCluster, 2};
const DirectoryId kOwnDirectory{7, 8};
const DirectoryId kOtherDirectory{9, 10};
const NodeEndpoints kNodes{{1, {"one", 9093}}, {2, {"two", 9094}}};
const std::vector<raft::Endpoint> kOwnEndpoints{{"INTERNAL", "far", 1}, {"CONTROLLER", "one", 9093}};

// What the other side reads of it at this version.
template <class Message>
Message over_the_wire(const Message& message, wire::ApiVersion version) {
  wire::Writer out;
  message.encode(out, version);
  auto decoded = Message::decode(std::move(out).finish_contiguous(), version);
  EXPECT_TRUE(decoded) << decoded.error().message;
  return std::move(*decoded);
}

raft::VoteRequest vote_request(bool pre_vote = false) {
  return {.epoch = 5,
          .candidate = {1, kOtherDirectory},
          .voter = {2, kOwnDirectory},
          .last = {100, 4},
          .pre_vote = pre_vote};
}
raft::FetchRequest fetch_request() {
  return {.replica = {1, kOtherDirectory},
          .current_leader_epoch = 5,
          .last_fetched_epoch = 4,
          .fetch_offset = 100,
          .high_watermark = 90};
}
raft::FetchSnapshotRequest snapshot_request() {
  return {.replica = {1, kOtherDirectory}, .current_leader_epoch = 5, .snapshot = {80, 3}, .position = 4096};
}
wire::VoteRequest wire_vote() { return to_wire(vote_request(), kCluster); }
wire::FetchRequest wire_fetch() { return to_wire(fetch_request(), kCluster, 500ms); }
wire::FetchSnapshotRequest wire_snapshot() { return to_wire(snapshot_request(), kCluster); }

TEST(Messages, EveryErrorHasOneCodeOfTheSameName) {
  for (int i = 0; i <= static_cast<int>(RaftError::position_out_of_range); ++i) {
    const auto error = static_cast<RaftError>(i);
    EXPECT_EQ(wire::name_of(error_code_of(error)), raft::name_of(error));
    EXPECT_EQ(raft_error_of(error_code_of(error)), error);
  }
  EXPECT_EQ(raft_error_of(ErrorCode::broker_not_available), std::nullopt);
  EXPECT_EQ(raft_error_of(static_cast<ErrorCode>(9999)), std::nullopt);
}

// --- requests

TEST(Messages, AVoteKeepsWhatItsVersionCanSay) {
  for (wire::ApiVersion version = 0; version <= 2; ++version) {
    const auto read = from_wire(over_the_wire(to_wire(vote_request(true), kCluster), version), kSelf);
    ASSERT_TRUE(read) << version;
    EXPECT_EQ(read->epoch, 5);
    EXPECT_EQ(read->candidate.id, 1);
    EXPECT_EQ(read->voter.id, 2) << "before version 1 whoever gets it is meant";
    EXPECT_EQ(read->last, (raft::OffsetAndEpoch{100, 4}));
    EXPECT_EQ(read->candidate.directory, version >= 1 ? kOtherDirectory : DirectoryId());
    EXPECT_EQ(read->voter.directory, version >= 1 ? kOwnDirectory : DirectoryId());
    EXPECT_EQ(read->pre_vote, version >= 2);
  }
}

TEST(Messages, TheEndsOfEpochsKeepWhatTheirVersionCanSay) {
  for (wire::ApiVersion version = 0; version <= 1; ++version) {
    const auto endpoints = version >= 1 ? kOwnEndpoints : std::vector<raft::Endpoint>();
    const auto begin = from_wire(
        over_the_wire(
            to_wire(raft::BeginQuorumEpochRequest{1, 5, {2, kOwnDirectory}, kOwnEndpoints}, kCluster),
            version),
        kSelf);
    ASSERT_TRUE(begin);
    EXPECT_EQ(begin->leader_id, 1);
    EXPECT_EQ(begin->leader_epoch, 5);
    EXPECT_EQ(begin->voter, (raft::ReplicaKey{2, version >= 1 ? kOwnDirectory : DirectoryId()}));
    EXPECT_EQ(begin->leader_endpoints, endpoints);

    const auto end = from_wire(
        over_the_wire(
            to_wire(
                raft::EndQuorumEpochRequest{1, 5, {{3, kOtherDirectory}, {2, kOwnDirectory}}, kOwnEndpoints},
                kCluster),
            version),
        kSelf);
    ASSERT_TRUE(end);
    EXPECT_EQ(end->leader_id, 1);
    EXPECT_EQ(end->leader_epoch, 5);
    ASSERT_EQ(end->preferred_candidates.size(), 2u);
    EXPECT_EQ(end->preferred_candidates[0],
              (raft::ReplicaKey{3, version >= 1 ? kOtherDirectory : DirectoryId()}));
    EXPECT_EQ(end->preferred_candidates[1].id, 2);
    EXPECT_EQ(end->leader_endpoints, endpoints);
  }
}

TEST(Messages, ListenersThatCannotBeAreNotLearned) {
  auto request = to_wire(raft::BeginQuorumEpochRequest{1, 5, {2, {}}, {}}, kCluster);
  request.leader_endpoints = {{"A", "", 1}, {"B", "b", 0}, {"C", "c", 9093}};
  EXPECT_EQ(from_wire(request, kSelf)->leader_endpoints, (std::vector<raft::Endpoint>{{"C", "c", 9093}}));
  request.leader_endpoints.assign(10'000, {"C", "c", 9093});
  EXPECT_LE(from_wire(request, kSelf)->leader_endpoints.size(), 16u);
}

TEST(Messages, AFetchKeepsWhatItsVersionCanSay) {
  for (wire::ApiVersion version = 12; version <= 18; ++version) {
    const auto sent = over_the_wire(wire_fetch(), version);
    EXPECT_EQ(sent.max_wait_ms, 500);
    const auto read = from_wire(sent, kSelf);
    ASSERT_TRUE(read) << version;
    EXPECT_EQ(read->replica.id, 1);
    EXPECT_EQ(read->replica.directory, version >= 17 ? kOtherDirectory : DirectoryId());
    EXPECT_EQ(read->current_leader_epoch, 5);
    EXPECT_EQ(read->last_fetched_epoch, 4);
    EXPECT_EQ(read->fetch_offset, 100);
    // Who cannot tell is never woken for a high watermark alone.
    EXPECT_EQ(read->high_watermark, version >= 18 ? 90 : INT64_MAX);
  }
}

TEST(Messages, AFetchOfBeforeVersion12CannotBeOfAReplica) {
  const auto read = from_wire(over_the_wire(wire_fetch(), 11), kSelf);
  ASSERT_FALSE(read);
  EXPECT_EQ(read.error().responses.at(0).partitions.at(0).error_code, ErrorCode::invalid_request);
}

TEST(Messages, AFetchOfASnapshotKeepsWhatItsVersionCanSay) {
  for (wire::ApiVersion version = 0; version <= 1; ++version) {
    const auto read = from_wire(over_the_wire(wire_snapshot(), version), kSelf);
    ASSERT_TRUE(read);
    EXPECT_EQ(read->replica, (raft::ReplicaKey{1, version >= 1 ? kOtherDirectory : DirectoryId()}));
    EXPECT_EQ(read->current_leader_epoch, 5);
    EXPECT_EQ(read->snapshot, (raft::OffsetAndEpoch{80, 3}));
    EXPECT_EQ(read->position, 4096);
  }
}

// --- requests that never reach raft

// One request of each kind with its reading as "the error of the whole" and "the error of the partition".
struct Refusal {
  ErrorCode whole = ErrorCode::none;
  ErrorCode partition = ErrorCode::none;
  friend bool operator==(const Refusal&, const Refusal&) = default;
};
template <class Request>
std::optional<Refusal> refusal_of(const Request& request) {
  const auto read = from_wire(request, kSelf);
  if (read) return std::nullopt;
  Refusal out{.whole = read.error().error_code};
  const auto first = [&](const auto& topics) {
    if (!topics.empty()) out.partition = topics.at(0).partitions.at(0).error_code;
  };
  if constexpr (requires { read.error().responses; }) {
    first(read.error().responses);
  } else {
    first(read.error().topics);
  }
  return out;
}

template <class Request>
void expect_identity_checks(const Request& good, ErrorCode other_partition_whole, ErrorCode other_partition) {
  EXPECT_EQ(refusal_of(good), std::nullopt);
  Request request = good;
  request.cluster_id.reset();
  EXPECT_EQ(refusal_of(request), std::nullopt) << "a cluster id is not insisted on";
  request = good;
  request.cluster_id = "other";
  EXPECT_EQ(refusal_of(request), (Refusal{ErrorCode::inconsistent_cluster_id}));
  request = good;
  request.topics.clear();
  EXPECT_EQ(refusal_of(request), (Refusal{ErrorCode::invalid_request}));
  request = good;
  request.topics.push_back(request.topics[0]);
  EXPECT_EQ(refusal_of(request), (Refusal{ErrorCode::invalid_request}));
  request = good;
  request.topics[0].partitions.clear();
  EXPECT_EQ(refusal_of(request), (Refusal{ErrorCode::invalid_request}));
  request = good;
  request.topics[0].partitions.push_back(request.topics[0].partitions[0]);
  EXPECT_EQ(refusal_of(request), (Refusal{ErrorCode::invalid_request}));
  request = good;
  auto& topic = request.topics[0];
  if constexpr (requires { topic.topic_id; }) {
    topic.topic_id = {1, 2};
  } else if constexpr (requires { topic.topic_name; }) {
    topic.topic_name = "orders";
  } else {
    topic.name = "orders";
  }
  EXPECT_EQ(refusal_of(request), (Refusal{other_partition_whole, other_partition}));
  request = good;
  auto& partition = request.topics[0].partitions[0];
  if constexpr (requires { partition.partition_index; }) {
    partition.partition_index = 1;
  } else {
    partition.partition = 1;
  }
  EXPECT_EQ(refusal_of(request), (Refusal{other_partition_whole, other_partition}));
}

TEST(Messages, OfAnotherClusterOrPartitionIsRefusedWithKafkasErrors) {
  expect_identity_checks(wire_vote(), ErrorCode::invalid_request, ErrorCode::none);
  expect_identity_checks(to_wire(raft::BeginQuorumEpochRequest{1, 5, {2, {}}}, kCluster),
                         ErrorCode::invalid_request, ErrorCode::none);
  expect_identity_checks(to_wire(raft::EndQuorumEpochRequest{1, 5, {}}, kCluster), ErrorCode::invalid_request,
                         ErrorCode::none);
  expect_identity_checks(wire_fetch(), ErrorCode::invalid_request, ErrorCode::none);
  expect_identity_checks(wire_snapshot(), ErrorCode::none, ErrorCode::unknown_topic_or_partition);
}

TEST(Messages, AFetchByNameOfBeforeTopicIdsIsRead) {
  auto request = wire_fetch();
  request.topics[0].topic_id = {};
  EXPECT_EQ(refusal_of(request), std::nullopt);
  request.topics[0].topic = "orders";
  EXPECT_EQ(refusal_of(request), (Refusal{ErrorCode::invalid_request}));
}

template <class Request, class Change>
void expect_bad_values(Request request, Change change, ErrorCode code = ErrorCode::invalid_request) {
  change(request.topics[0].partitions[0]);
  EXPECT_EQ(refusal_of(request), (Refusal{ErrorCode::none, code}));
}

TEST(Messages, ValuesThatCannotBeAreRefused) {
  expect_bad_values(wire_vote(), [](auto& partition) { partition.replica_id = -1; });
  expect_bad_values(wire_vote(), [](auto& partition) { partition.last_offset = -1; });
  expect_bad_values(wire_vote(), [](auto& partition) { partition.last_offset_epoch = -1; });
  expect_bad_values(wire_vote(), [](auto& partition) { partition.last_offset_epoch = 5; });
  expect_bad_values(to_wire(vote_request(true), kCluster),
                    [](auto& partition) { partition.last_offset_epoch = 6; });
  const auto begin = to_wire(raft::BeginQuorumEpochRequest{1, 5, {2, {}}}, kCluster);
  expect_bad_values(begin, [](auto& partition) { partition.leader_id = -1; });
  expect_bad_values(begin, [](auto& partition) { partition.leader_epoch = -1; });
  const auto end = to_wire(raft::EndQuorumEpochRequest{1, 5, {}}, kCluster);
  expect_bad_values(end, [](auto& partition) { partition.leader_id = -1; });
  expect_bad_values(end, [](auto& partition) { partition.leader_epoch = -1; });
  expect_bad_values(wire_fetch(), [](auto& partition) { partition.fetch_offset = -1; });
  expect_bad_values(wire_fetch(), [](auto& partition) { partition.last_fetched_epoch = -1; });
  expect_bad_values(wire_fetch(), [](auto& partition) { partition.last_fetched_epoch = 6; });
  auto impatient = wire_fetch();
  impatient.max_wait_ms = -1;
  expect_bad_values(impatient, [](auto&) {});
  expect_bad_values(wire_snapshot(), [](auto& partition) { partition.current_leader_epoch = -1; });
  expect_bad_values(
      wire_snapshot(), [](auto& partition) { partition.snapshot_id.epoch = -1; },
      ErrorCode::snapshot_not_found);
}

TEST(Messages, APreVoteMayBeOfTheLogsOwnEpoch) {
  auto request = vote_request(true);
  request.last.epoch = request.epoch;
  EXPECT_EQ(refusal_of(to_wire(request, kCluster)), std::nullopt);
}

// Whatever a request says, it is read or refused in a form that every version can encode.
TEST(Messages, RandomRequestsAreReadOrRefused) {
  Random random(1);
  const auto check = [&]<class Request>(std::type_identity<Request>) {
    for (int i = 0; i < 300; ++i) {
      const auto version =
          static_cast<wire::ApiVersion>(random.between(Request::kMinVersion, Request::kMaxVersion));
      Request request = Request::random(random, version);
      if (random.one_in(2)) request.cluster_id = kCluster;
      const auto read = from_wire(request, kSelf);
      if (!read) over_the_wire(read.error(), version);
    }
  };
  check(std::type_identity<wire::VoteRequest>());
  check(std::type_identity<wire::BeginQuorumEpochRequest>());
  check(std::type_identity<wire::EndQuorumEpochRequest>());
  check(std::type_identity<wire::FetchRequest>());
  check(std::type_identity<wire::FetchSnapshotRequest>());
}

// --- responses

std::optional<raft::Endpoint> address(std::string host, std::uint16_t port) {
  return raft::Endpoint{.host = std::move(host), .port = port};
}
const std::optional<raft::Endpoint> kNoAddress;

TEST(Messages, ResponsesTellTheLeadersAddressFromTheVersionThatCan) {
  for (wire::ApiVersion version = 0; version <= 2; ++version) {
    const auto read = from_wire(over_the_wire(
        to_wire(raft::VoteResponse{RaftError::fenced_leader_epoch, 6, 1, false, {}}, kNodes), version));
    ASSERT_TRUE(read);
    EXPECT_EQ(read->error, RaftError::fenced_leader_epoch);
    EXPECT_EQ(read->leader_epoch, 6);
    EXPECT_EQ(read->leader_id, 1);
    EXPECT_FALSE(read->granted);
    EXPECT_EQ(read->leader_endpoint, version >= 1 ? address("one", 9093) : kNoAddress);
  }
  for (wire::ApiVersion version = 0; version <= 1; ++version) {
    const raft::EpochResponse response{RaftError::none, 6, 2, {}};
    for (const auto& read : {from_wire(over_the_wire(begin_to_wire(response, kNodes), version)),
                             from_wire(over_the_wire(end_to_wire(response, kNodes), version))}) {
      ASSERT_TRUE(read);
      EXPECT_EQ(read->error, RaftError::none);
      EXPECT_EQ(read->leader_epoch, 6);
      EXPECT_EQ(read->leader_id, 2);
      EXPECT_EQ(read->leader_endpoint, version >= 1 ? address("two", 9094) : kNoAddress);
    }
  }
}

TEST(Messages, WhatTheReplicaKnowsOfTheLeaderGoesBeforeTheSettings) {
  const raft::VoteResponse moved{RaftError::none, 6, 1, true, raft::Endpoint{"CONTROLLER", "moved", 1}};
  const auto read = from_wire(to_wire(moved, kNodes));
  ASSERT_TRUE(read);
  EXPECT_TRUE(read->granted);
  EXPECT_EQ(read->leader_endpoint, address("moved", 1));
  const raft::VoteResponse unknown{RaftError::none, 6, kNoNode, true, {}};
  EXPECT_TRUE(to_wire(unknown, kNodes).node_endpoints.empty());
  const raft::VoteResponse elsewhere{RaftError::none, 6, 9, true, {}};
  EXPECT_TRUE(to_wire(elsewhere, kNodes).node_endpoints.empty());
}

TEST(Messages, AnAnswerToAFetchComesBackWhole) {
  raft::FetchResponse response{.leader_epoch = 6,
                               .leader_id = 1,
                               .high_watermark = 120,
                               .records = {Slice::copy_of(as_bytes("batch"))}};
  for (wire::ApiVersion version = 12; version <= 18; ++version) {
    const auto read = from_wire(over_the_wire(to_wire(response, kNodes), version));
    ASSERT_TRUE(read) << version << read.error().message;
    EXPECT_EQ(read->leader_endpoint, version >= 16 ? address("one", 9093) : kNoAddress);
    EXPECT_EQ(read->error, RaftError::none);
    EXPECT_EQ(read->leader_epoch, 6);
    EXPECT_EQ(read->leader_id, 1);
    EXPECT_EQ(read->high_watermark, 120);
    EXPECT_FALSE(read->diverging || read->snapshot);
    EXPECT_EQ(as_text(joined(read->records)), "batch");
  }
  response.records.clear();
  response.diverging = {50, 3};
  const auto diverging = from_wire(over_the_wire(to_wire(response, kNodes), 18));
  ASSERT_TRUE(diverging);
  EXPECT_EQ(diverging->diverging, (raft::OffsetAndEpoch{50, 3}));
  EXPECT_FALSE(diverging->snapshot);
  response.diverging.reset();
  response.snapshot = {80, 0};
  const auto behind = from_wire(over_the_wire(to_wire(response, kNodes), 18));
  ASSERT_TRUE(behind);
  EXPECT_EQ(behind->snapshot, (raft::OffsetAndEpoch{80, 0}));
  EXPECT_FALSE(behind->diverging);
  EXPECT_EQ(size_of(behind->records), 0u);
}

TEST(Messages, AChunkOfASnapshotComesBackWhole) {
  const raft::FetchSnapshotResponse response{.leader_epoch = 6,
                                             .leader_id = 2,
                                             .snapshot = {80, 3},
                                             .size = 5000,
                                             .position = 4096,
                                             .bytes = {Slice::copy_of(as_bytes("chunk"))}};
  for (wire::ApiVersion version = 0; version <= 1; ++version) {
    const auto read = from_wire(over_the_wire(to_wire(response, kNodes), version));
    ASSERT_TRUE(read);
    EXPECT_EQ(read->leader_epoch, 6);
    EXPECT_EQ(read->leader_id, 2);
    EXPECT_EQ(read->snapshot, (raft::OffsetAndEpoch{80, 3}));
    EXPECT_EQ(read->size, 5000);
    EXPECT_EQ(read->position, 4096);
    EXPECT_EQ(as_text(joined(read->bytes)), "chunk");
    EXPECT_EQ(read->leader_endpoint, version >= 1 ? address("two", 9094) : kNoAddress);
  }
}

TEST(Messages, ResponsesThatCannotBeUsedAreErrors) {
  const auto code = [](const auto& read) { return read ? Errc::io : read.error().code; };
  EXPECT_EQ(code(from_wire(refusal<wire::VoteResponse>(ErrorCode::inconsistent_cluster_id))), Errc::mismatch);
  EXPECT_EQ(code(from_wire(refusal<wire::FetchResponse>(ErrorCode::broker_not_available))),
            Errc::unavailable);
  EXPECT_EQ(code(from_wire(wire::VoteResponse())), Errc::corrupt);
  EXPECT_EQ(code(from_wire(wire::FetchResponse())), Errc::corrupt);
  auto vote = to_wire(raft::VoteResponse{RaftError::none, 6, 1, true, {}}, kNodes);
  vote.topics[0].partitions[0].error_code = ErrorCode::unknown_server_error;
  EXPECT_EQ(code(from_wire(vote)), Errc::unavailable);
  vote = to_wire(raft::VoteResponse{RaftError::none, 6, 1, true, {}}, kNodes);
  vote.topics[0].partitions[0].leader_epoch = -1;
  EXPECT_EQ(code(from_wire(vote)), Errc::corrupt);
  vote.topics[0].partitions[0].leader_epoch = 6;
  vote.topics[0].topic_name = "orders";
  EXPECT_EQ(code(from_wire(vote)), Errc::corrupt);
  auto fetch = to_wire(raft::FetchResponse{.leader_epoch = 6, .leader_id = 1}, kNodes);
  fetch.responses[0].partitions[0].snapshot_id.epoch = 3;
  EXPECT_EQ(code(from_wire(fetch)), Errc::corrupt);
  fetch = to_wire(raft::FetchResponse{.leader_epoch = 6, .leader_id = 1}, kNodes);
  fetch.responses[0].partitions[0].diverging_epoch.epoch = 3;
  EXPECT_EQ(code(from_wire(fetch)), Errc::corrupt);
  auto chunk = to_wire(raft::FetchSnapshotResponse{.leader_epoch = 6, .leader_id = 1}, kNodes);
  chunk.topics[0].partitions[0].size = -1;
  EXPECT_EQ(code(from_wire(chunk)), Errc::corrupt);
}

TEST(Messages, ARefusalOfValuesTeachesNothing) {
  auto request = wire_vote();
  request.topics[0].partitions[0].replica_id = -1;
  const auto read = from_wire(from_wire(request, kSelf).error());
  ASSERT_TRUE(read);
  EXPECT_EQ(read->error, RaftError::invalid_request);
  EXPECT_EQ(read->leader_id, kNoNode);
  EXPECT_EQ(read->leader_epoch, kNoEpoch);
}

TEST(Messages, AddressesThatCannotBeAreNotLearned) {
  wire::FetchResponse response = to_wire(raft::FetchResponse{.leader_epoch = 6, .leader_id = 4}, kNodes);
  for (const wire::FetchResponse::NodeEndpoint& bad :
       {wire::FetchResponse::NodeEndpoint{4, "", 1}, {4, "b", 0}, {4, "c", 70000}, {5, "d", 9093}}) {
    response.node_endpoints = {bad};
    EXPECT_EQ(from_wire(response)->leader_endpoint, kNoAddress);
  }
  response.node_endpoints.push_back({4, "d", 9093});
  EXPECT_EQ(from_wire(response)->leader_endpoint, address("d", 9093));
}

// --- changes of the voters

raft::Voter joining() {
  return {.key = {4, kOtherDirectory}, .endpoints = kOwnEndpoints, .kraft_versions = {0, 1}};
}
template <class Request>
ErrorCode change_error(const Request& request) {
  const auto read = from_wire(request, kSelf);
  return read ? ErrorCode::none : read.error().error_code;
}

TEST(Messages, ChangesOfTheVotersComeBackWhole) {
  for (wire::ApiVersion version = 0; version <= 1; ++version) {
    const auto added = from_wire(
        over_the_wire(to_wire(raft::AddVoterRequest{joining(), 7s, false}, kCluster), version), kSelf);
    ASSERT_TRUE(added);
    EXPECT_EQ(added->voter.key, joining().key);
    EXPECT_EQ(added->voter.endpoints, kOwnEndpoints);
    EXPECT_EQ(added->timeout, 7s);
    EXPECT_EQ(added->ack_when_committed, version == 0);
  }
  const auto removed =
      from_wire(over_the_wire(to_wire(raft::RemoveVoterRequest{joining().key}, kCluster), 0), kSelf);
  ASSERT_TRUE(removed);
  EXPECT_EQ(removed->voter, joining().key);
  const auto updated =
      from_wire(over_the_wire(to_wire(raft::UpdateVoterRequest{5, joining()}, kCluster), 0), kSelf);
  ASSERT_TRUE(updated);
  EXPECT_EQ(updated->current_leader_epoch, 5);
  EXPECT_EQ(updated->voter, joining());
}

TEST(Messages, ChangesOfTheVotersThatCannotBeAreRefused) {
  const auto add = to_wire(raft::AddVoterRequest{joining(), 7s, true}, kCluster);
  const auto remove = to_wire(raft::RemoveVoterRequest{joining().key}, kCluster);
  const auto update = to_wire(raft::UpdateVoterRequest{5, joining()}, kCluster);
  const auto check_each = [&](auto change, ErrorCode code) {
    auto a = add;
    auto r = remove;
    auto u = update;
    change(a), change(r), change(u);
    EXPECT_EQ(change_error(a), code);
    EXPECT_EQ(change_error(r), code);
    EXPECT_EQ(change_error(u), code);
  };
  check_each([](auto&) {}, ErrorCode::none);
  check_each([](auto& request) { request.cluster_id.reset(); }, ErrorCode::none);
  check_each([](auto& request) { request.cluster_id = "other"; }, ErrorCode::inconsistent_cluster_id);
  check_each([](auto& request) { request.voter_id = -1; }, ErrorCode::invalid_request);
  check_each([](auto& request) { request.voter_directory_id = {}; }, ErrorCode::invalid_request);
  auto nowhere = add;
  nowhere.listeners.clear();
  EXPECT_EQ(change_error(nowhere), ErrorCode::invalid_request);
  auto moved = update;
  moved.listeners.clear();
  EXPECT_EQ(change_error(moved), ErrorCode::invalid_request);
  moved = update;
  moved.kraft_version_feature = {1, 0};
  EXPECT_EQ(change_error(moved), ErrorCode::invalid_request);
  moved = update;
  moved.current_leader_epoch = -1;
  EXPECT_EQ(change_error(moved), ErrorCode::invalid_request);
}

TEST(Messages, AnswersToChangesOfTheVotersComeBackWhole) {
  const raft::VoterChangeResponse refused{.error = RaftError::duplicate_voter,
                                          .message = "node 4 votes already",
                                          .leader_epoch = 6,
                                          .leader_id = 1};
  for (const auto& read : {from_wire(over_the_wire(added_to_wire(refused), 1)),
                           from_wire(over_the_wire(removed_to_wire(refused), 0))}) {
    ASSERT_TRUE(read);
    EXPECT_EQ(read->error, RaftError::duplicate_voter);
    EXPECT_EQ(read->message, "node 4 votes already");
  }
  const auto updated = from_wire(over_the_wire(updated_to_wire(refused, kNodes), 0));
  ASSERT_TRUE(updated);
  EXPECT_EQ(updated->error, RaftError::duplicate_voter);
  EXPECT_EQ(updated->leader_epoch, 6);
  EXPECT_EQ(updated->leader_id, 1);
  EXPECT_EQ(updated->leader_endpoint, address("one", 9093));
  EXPECT_EQ(from_wire(refusal<wire::AddRaftVoterResponse>(ErrorCode::inconsistent_cluster_id)).error().code,
            Errc::mismatch);
  EXPECT_EQ(from_wire(refusal<wire::UpdateRaftVoterResponse>(ErrorCode::broker_not_available)).error().code,
            Errc::unavailable);
  EXPECT_FALSE(added_to_wire(raft::VoterChangeResponse()).error_message);
}

// --- DescribeQuorum

wire::DescribeQuorumRequest describe_request(std::string topic = "__cluster_metadata") {
  wire::DescribeQuorumRequest request;
  request.topics.push_back({std::move(topic), {{0}}});
  return request;
}

TEST(Messages, OnlyTheLeaderDescribesTheQuorum) {
  const auto refused = describe_to_wire(describe_request(), nullptr, "CONTROLLER", kNodes);
  EXPECT_EQ(refused.error_code, ErrorCode::not_leader_or_follower);
  const QuorumDescription description{
      .leader_id = 2,
      .leader_epoch = 6,
      .high_watermark = 120,
      .voters = {{{1, kOtherDirectory}, 119, 5000, 4000}, {{3, {}}, -1, -1, -1}},
      .observers = {{{8, {}}, 7, 6, 5}}};
  const auto described = describe_to_wire(describe_request(), &description, "CONTROLLER", kNodes);
  EXPECT_EQ(described.error_code, ErrorCode::none);
  const auto& partition = described.topics.at(0).partitions.at(0);
  EXPECT_EQ(described.topics[0].topic_name, "__cluster_metadata");
  EXPECT_EQ(partition.error_code, ErrorCode::none);
  EXPECT_EQ(partition.leader_id, 2);
  EXPECT_EQ(partition.leader_epoch, 6);
  EXPECT_EQ(partition.high_watermark, 120);
  ASSERT_EQ(partition.current_voters.size(), 2u);
  EXPECT_EQ(partition.current_voters[0].replica_directory_id, kOtherDirectory);
  EXPECT_EQ(partition.current_voters[0].log_end_offset, 119);
  EXPECT_EQ(partition.current_voters[0].last_fetch_timestamp, 5000);
  EXPECT_EQ(partition.current_voters[0].last_caught_up_timestamp, 4000);
  ASSERT_EQ(partition.observers.size(), 1u);
  EXPECT_EQ(partition.observers[0].replica_id, 8);
  ASSERT_EQ(described.nodes.size(), 1u) << "of the voters, those whose address is known";
  EXPECT_EQ(described.nodes[0].node_id, 1);
  EXPECT_EQ(described.nodes[0].listeners.at(0).name, "CONTROLLER");
  EXPECT_EQ(described.nodes[0].listeners.at(0).host, "one");
  QuorumDescription located = description;
  located.nodes = {{1, {{"CONTROLLER", "moved", 1}}}, {3, {{"CONTROLLER", "three", 3}}}};
  const auto known = describe_to_wire(describe_request(), &located, "CONTROLLER", kNodes);
  ASSERT_EQ(known.nodes.size(), 2u);
  EXPECT_EQ(known.nodes[0].listeners.at(0).host, "moved");
  EXPECT_EQ(known.nodes[1].listeners.at(0).host, "three");
  const auto other = describe_to_wire(describe_request("orders"), &description, "CONTROLLER", kNodes);
  EXPECT_EQ(other.error_code, ErrorCode::none);
  EXPECT_EQ(other.topics.at(0).partitions.at(0).error_code, ErrorCode::unknown_topic_or_partition);
}

}  // namespace
}  // namespace moldau::quorum
