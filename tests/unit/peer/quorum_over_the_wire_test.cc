// Three controllers that know each other only by Kafka's requests on simulated networks: they elect,
// replicate and go on after what networks and machines do to them.
#include <gtest/gtest.h>

#include <algorithm>

#include "peer/forward.h"
#include "quorum_cluster.h"
#include "telemetry/log_sink.h"
#include "wire/messages/api_versions.h"
#include "wire/messages/describe_cluster.h"
#include "wire/messages/metadata.h"

namespace moldau::peer {
namespace {

using wire::ErrorCode;

class Lines final : public telemetry::Sink {
 public:
  bool enabled(telemetry::Level, std::string_view) const override { return true; }
  void write(const telemetry::Line& line) override { all.push_back(telemetry::format_text(line)); }
  std::size_t count(std::string_view words) const {
    return static_cast<std::size_t>(std::ranges::count_if(
        all, [&](const std::string& line) { return line.find(words) != std::string::npos; }));
  }
  std::vector<std::string> all;
};

TEST(QuorumOverTheWire, ElectsOneAndReplicates) {
  for (std::uint64_t seed = 1; seed <= 30; ++seed) {
    QuorumCluster cluster(seed);
    cluster.start_all();
    const NodeId leader = cluster.active();
    ASSERT_NE(leader, kNoNode) << seed;
    for (std::uint64_t n = 0; n < 20; ++n) {
      const auto end = cluster.submit(n);
      ASSERT_TRUE(end) << end.error().message;
    }
    ASSERT_TRUE(cluster.alike()) << seed;
    for (const auto& [id, node] : cluster.nodes()) {
      EXPECT_EQ(node->quorum->leader_id(), leader);
      EXPECT_EQ(node->quorum->image()->topic_count(), 20u);
    }
  }
}

TEST(QuorumOverTheWire, ACommitTakesNoLongPollsTime) {
  QuorumCluster cluster(2);
  cluster.start_all();
  ASSERT_NE(cluster.active(), kNoNode);
  ASSERT_TRUE(cluster.submit(0));
  const auto began = cluster.world().now();
  for (std::uint64_t n = 1; n <= 20; ++n) ASSERT_TRUE(cluster.submit(n));
  // Two round trips and two syncs each: the poll that is held is answered as soon as there is something.
  EXPECT_LT(cluster.world().now() - began, 20 * 50ms);
  ASSERT_TRUE(cluster.alike(100ms)) << "followers hear of the high watermark without waiting for a record";
}

TEST(QuorumOverTheWire, SurvivesKilledLeaders) {
  for (std::uint64_t seed = 1; seed <= 30; ++seed) {
    QuorumCluster cluster(seed);
    cluster.start_all();
    std::uint64_t acknowledged = 0;
    std::uint64_t tried = 0;
    for (int round = 0; round < 4; ++round) {
      for (int i = 0; i < 5; ++i)
        if (cluster.submit(tried++)) ++acknowledged;
      const NodeId leader = cluster.active();
      ASSERT_NE(leader, kNoNode) << seed;
      round % 2 == 0 ? cluster.kill(leader) : cluster.power_loss(leader);
      const NodeId next = cluster.active();
      ASSERT_NE(next, kNoNode) << seed;
      EXPECT_GE(cluster.quorum(next).image()->topic_count(), acknowledged);
      ASSERT_TRUE(cluster.submit(tried++)) << "two of three are a majority";
      ++acknowledged;
      cluster.start(leader);
    }
    ASSERT_TRUE(cluster.alike(60s)) << seed;
    EXPECT_GE(cluster.quorum(1).image()->topic_count(), acknowledged);
    EXPECT_GE(acknowledged, 20u);
  }
}

TEST(QuorumOverTheWire, AnOrderlyStopHandsOverAtOnce) {
  QuorumCluster cluster(3);
  cluster.start_all();
  ASSERT_TRUE(cluster.submit(0));
  const NodeId leader = cluster.active();
  cluster.world().run_for(1s);
  const auto began = cluster.world().now();
  cluster.stop(leader);
  ASSERT_NE(cluster.active(), kNoNode);
  EXPECT_LT(cluster.world().now() - began, 3s);
}

TEST(QuorumOverTheWire, AnIsolatedLeaderAcknowledgesNothing) {  // RA-05
  QuorumCluster cluster(4);
  cluster.start_all();
  const NodeId old = cluster.active();
  ASSERT_NE(old, kNoNode);
  ASSERT_TRUE(cluster.submit(0));
  cluster.isolate(old);
  auto lost = cluster.quorum(old).submit({metadata::TopicRecord{"lost", {9, 9}}});
  const NodeId next = cluster.active(old);
  ASSERT_NE(next, kNoNode);
  ASSERT_TRUE(cluster.submit(1, old));
  ASSERT_TRUE(cluster.world().run_until([&] { return lost.ended(); }, 60s));
  EXPECT_EQ(std::move(lost).take().error().code, Errc::unavailable);
  cluster.heal();
  ASSERT_TRUE(cluster.alike(60s));
  EXPECT_EQ(cluster.quorum(old).image()->topic("lost"), nullptr);
  EXPECT_NE(cluster.quorum(old).image()->topic("t1"), nullptr);
}

TEST(QuorumOverTheWire, GoesOnThroughLossResetsAndDelays) {
  for (std::uint64_t seed = 1; seed <= 30; ++seed) {
    QuorumCluster cluster(seed);
    cluster.start_all();
    ASSERT_NE(cluster.active(), kNoNode);
    auto& faults = cluster.world().fabric().faults();
    faults.loss = 0.02;
    faults.reset = 0.01;
    faults.delay = 0.02;
    faults.long_delay = {50ms, 800ms};
    faults.refused_connect = 0.1;
    std::uint64_t acknowledged = 0;
    for (std::uint64_t n = 0; n < 40; ++n) {
      if (cluster.submit(n)) ++acknowledged;
      cluster.world().run_for(50ms);
    }
    faults = {};
    ASSERT_TRUE(cluster.alike(120s)) << seed;
    ASSERT_NE(cluster.active(), kNoNode);
    EXPECT_GE(cluster.quorum(1).image()->topic_count(), acknowledged);
    EXPECT_GT(acknowledged, 20u) << seed;
  }
}

TEST(QuorumOverTheWire, ALaggingVoterFetchesASnapshotInParts) {  // RA-11
  QuorumCluster cluster(5, {.snapshot_bytes = 300'000});
  cluster.start_all();
  const NodeId leader = cluster.active();
  ASSERT_NE(leader, kNoNode);
  const NodeId lagging = leader == 1 ? 2 : 1;
  cluster.stop(lagging);
  // More than two megabytes of names: the snapshot takes several requests.
  constexpr std::uint64_t kTopics = 1200;
  for (std::uint64_t n = 0; n < kTopics; ++n) ASSERT_TRUE(cluster.submit(n, kNoNode, 2000));
  cluster.world().run_for(2s);
  ASSERT_GT(cluster.quorum(leader).stats().snapshots_written, 0u);
  cluster.start(lagging);
  ASSERT_TRUE(cluster.alike(60s));
  EXPECT_EQ(cluster.quorum(lagging).image()->topic_count(), kTopics);
  EXPECT_LT(cluster.quorum(lagging).stats().records_applied, kTopics);
  cluster.stop(lagging);
  cluster.start(lagging);  // what was installed can be opened
  ASSERT_TRUE(cluster.alike(60s));
}

TEST(QuorumOverTheWire, AnObserverCatchesUpAndFollowsToTheNextLeader) {
  QuorumCluster cluster(6, {.machines = 4, .snapshot_bytes = 2000});
  for (NodeId id = 1; id <= 3; ++id) cluster.start(id);
  ASSERT_NE(cluster.active(), kNoNode);
  for (std::uint64_t n = 0; n < 60; ++n) ASSERT_TRUE(cluster.submit(n));
  cluster.start(4);
  ASSERT_TRUE(cluster.alike());
  EXPECT_EQ(cluster.quorum(4).image()->topic_count(), 60u);
  EXPECT_EQ(cluster.quorum(4).role(), raft::Role::follower);
  const NodeId leader = cluster.active();
  cluster.kill(leader);
  ASSERT_TRUE(cluster.submit(60));
  const NodeId next = cluster.active();
  ASSERT_TRUE(cluster.alike());
  EXPECT_EQ(cluster.quorum(4).leader_id(), next);
  const auto described = cluster.quorum(next).describe();
  ASSERT_EQ(described.observers.size(), 1u);
  EXPECT_EQ(described.observers[0].key, QuorumCluster::key(4));
}

TEST(QuorumOverTheWire, AVoterJoinsAndAnotherLeaves) {  // KIP-853
  for (std::uint64_t seed = 1; seed <= 10; ++seed) {
    QuorumCluster cluster(seed, {.machines = 4, .dynamic = true});
    for (NodeId id = 1; id <= 3; ++id) cluster.start(id);
    ASSERT_TRUE(cluster.submit(0)) << seed;
    cluster.start(4);
    ASSERT_TRUE(cluster.alike()) << "an observer that knows only where to ask";
    NodeId leader = cluster.active();
    const auto ask_leader = [&](raft::Request request) {
      const auto response = cluster.world().run(
          cluster.node(4).transport.call(leader, std::move(request), cluster.world().now() + 20s));
      EXPECT_TRUE(response) << response.error().message;
      return response ? std::get<raft::VoterChangeResponse>(*response) : raft::VoterChangeResponse();
    };
    const raft::AddVoterRequest fourth{
        .voter = {.key = QuorumCluster::key(4), .endpoints = {cluster.endpoint(4)}}, .timeout = 10s};
    const auto added = ask_leader(fourth);
    ASSERT_EQ(added.error, raft::RaftError::none) << added.message;
    EXPECT_EQ(cluster.quorum(leader).voters().size(), 4u);
    EXPECT_EQ(ask_leader(fourth).error, raft::RaftError::duplicate_voter);
    const NodeId leaving = leader == 1 ? 2 : 1;
    const auto removed = ask_leader(raft::RemoveVoterRequest{QuorumCluster::key(leaving)});
    ASSERT_EQ(removed.error, raft::RaftError::none) << removed.message;
    cluster.stop(leaving);
    cluster.kill(leader);
    ASSERT_TRUE(cluster.submit(1)) << "the new voter and the one that is left are a majority of three";
    leader = cluster.active();
    const auto described = cluster.quorum(leader).describe();
    ASSERT_EQ(described.voters.size(), 3u);
    EXPECT_EQ(cluster.node(4).transport.nodes().at(leader), cluster.address(leader));
  }
}

TEST(QuorumOverTheWire, ANodeOfAnotherClusterIsRefusedAndDisturbsNobody) {  // RA-24
  QuorumCluster cluster(7);
  cluster.start(1);
  cluster.start(2);
  ASSERT_TRUE(cluster.submit(0));
  const NodeId leader = cluster.active();
  const LeaderEpoch epoch = cluster.quorum(leader).leader_epoch();
  Lines lines;
  const telemetry::ScopedSink installed(lines);
  cluster.start(3, "another");
  cluster.world().run_for(20s);
  EXPECT_EQ(cluster.active(), leader);
  EXPECT_EQ(cluster.quorum(leader).leader_epoch(), epoch);
  EXPECT_EQ(cluster.quorum(3).leader_id(), kNoNode);
  EXPECT_EQ(cluster.quorum(3).image()->topic_count(), 0u);
  // It is told of each of the others once, and they of it.
  EXPECT_EQ(lines.count("cluster_id=another"), 2u);
  EXPECT_GE(lines.count("cluster_id=cluster"), 1u);
  EXPECT_LE(lines.count("cluster_id=cluster"), 2u);
  EXPECT_EQ(lines.count("controller of another cluster"),
            lines.count("cluster_id=another") + lines.count("cluster_id=cluster"));
  auto response = cluster.world().run(cluster.node(3).transport.call(
      leader, raft::FetchRequest{.replica = QuorumCluster::key(3)}, cluster.world().now() + 5s));
  ASSERT_FALSE(response);
  EXPECT_EQ(response.error().code, Errc::mismatch);
}

TEST(QuorumOverTheWire, TheLeadersAddressIsToldByWhoIsNotTheLeader) {
  QuorumCluster cluster(8, {.machines = 4});
  for (NodeId id = 1; id <= 3; ++id) cluster.start(id);
  const NodeId leader = cluster.active();
  ASSERT_TRUE(cluster.submit(0) && cluster.alike());
  const NodeId other = leader == 1 ? 2 : 1;
  auto& machine = cluster.machine(4);
  PeerClient peers(machine.shard(0), machine.network(0), Random(1));
  // Knows one bootstrap server and nothing else.
  QuorumTransport transport(peers, {.cluster_id = "cluster", .node_id = 4});
  transport.locate(raft::bootstrap_node(0), cluster.endpoint(other));
  EXPECT_TRUE(transport.nodes().empty());
  const raft::FetchRequest fetch{.replica = QuorumCluster::key(4),
                                 .current_leader_epoch = cluster.quorum(leader).leader_epoch()};
  const auto ask = [&](NodeId node) {
    return cluster.world().run(transport.call(node, fetch, cluster.world().now() + 5s));
  };
  auto response = ask(raft::bootstrap_node(0));
  ASSERT_TRUE(response) << response.error().message;
  const auto told = std::get<raft::FetchResponse>(*response);
  EXPECT_EQ(told.error, raft::RaftError::not_leader_or_follower);
  EXPECT_EQ(told.leader_id, leader);
  ASSERT_TRUE(told.leader_endpoint);
  transport.locate(leader, *told.leader_endpoint);
  EXPECT_EQ(transport.nodes().at(leader), cluster.address(leader));
  response = ask(leader);
  ASSERT_TRUE(response) << response.error().message;
  EXPECT_EQ(std::get<raft::FetchResponse>(*response).error, raft::RaftError::none);
  EXPECT_GT(size_of(std::get<raft::FetchResponse>(*response).records), 0u);
  for (const NodeId unknown : {77, raft::bootstrap_node(1)}) {
    response = ask(unknown);
    ASSERT_FALSE(response);
    EXPECT_EQ(response.error().code, Errc::unavailable);
  }
  cluster.world().run(peers.close());
}

// --- what a controller listener serves

class ControllerListener : public testing::Test {
 protected:
  ControllerListener() : cluster_(9, {.machines = 4}) {
    for (NodeId id = 1; id <= 3; ++id) cluster_.start(id);
    leader_ = cluster_.active();
    peers_ =
        std::make_unique<PeerClient>(cluster_.machine(4).shard(0), cluster_.machine(4).network(0), Random(1));
  }
  ~ControllerListener() override { cluster_.world().run(peers_->close()); }
  template <class Response, class Request>
  Result<Response> ask(NodeId node, Request request) {
    return cluster_.world().run(
        peers_->call<Response>(cluster_.address(node), std::move(request), cluster_.world().now() + 5s));
  }

  QuorumCluster cluster_;
  NodeId leader_ = kNoNode;
  std::unique_ptr<PeerClient> peers_;
};

TEST_F(ControllerListener, TellsKafkasApisOfControllers) {
  wire::ApiVersionsRequest request;
  request.client_software_name = request.client_software_version = "test";
  const auto response = ask<wire::ApiVersionsResponse>(leader_, request);
  ASSERT_TRUE(response) << response.error().message;
  std::vector<wire::ApiKey> told;
  for (const auto& range : response->api_keys) {
    const auto key = static_cast<wire::ApiKey>(range.api_key);
    EXPECT_TRUE(wire::api(key).on_controller) << wire::name_of(key);
    told.push_back(key);
  }
  EXPECT_TRUE(std::ranges::is_sorted(told));
  for (const wire::ApiKey key :
       {wire::ApiKey::fetch, wire::ApiKey::api_versions, wire::ApiKey::vote, wire::ApiKey::begin_quorum_epoch,
        wire::ApiKey::end_quorum_epoch, wire::ApiKey::fetch_snapshot, wire::ApiKey::describe_quorum,
        wire::ApiKey::create_topics, wire::ApiKey::add_raft_voter, wire::ApiKey::remove_raft_voter,
        wire::ApiKey::update_raft_voter})
    EXPECT_TRUE(std::ranges::binary_search(told, key)) << wire::name_of(key);
}

TEST_F(ControllerListener, ServesNothingOfBrokers) {
  const auto response = ask<wire::MetadataResponse>(leader_, wire::MetadataRequest());
  ASSERT_FALSE(response);
  EXPECT_EQ(response.error().code, Errc::unsupported);
}

TEST_F(ControllerListener, AnswersByThisNodesControllerAlone) {
  wire::CreateTopicsRequest request;
  request.topics.emplace_back().name = "orders";
  const auto response = ask<wire::CreateTopicsResponse>(leader_, request);
  ASSERT_TRUE(response) << response.error().message;
  EXPECT_EQ(response->topics.at(0).error_code, ErrorCode::not_controller);
}

TEST_F(ControllerListener, AForwardedRequestIsAnsweredAsTheClientsOwn) {
  ASSERT_TRUE(cluster_.submit(0));
  wire::DescribeQuorumRequest request;
  request.topics.push_back({"__cluster_metadata", {{0}}});
  const auto described = cluster_.world().run(forward<wire::DescribeQuorumResponse>(
      *peers_, cluster_.address(leader_), request, {"client", "10.1.2.3"}, cluster_.world().now() + 5s));
  ASSERT_TRUE(described) << described.error().message;
  EXPECT_EQ(described->topics.at(0).partitions.at(0).leader_id, leader_);
}

TEST_F(ControllerListener, ForwardedToAnotherThanTheActiveControllerIsToldByTheEnvelope) {
  wire::CreateTopicsRequest request;
  request.topics.emplace_back().name = "orders";
  const auto created = cluster_.world().run(forward<wire::CreateTopicsResponse>(
      *peers_, cluster_.address(leader_), request, {"client", "10.1.2.3"}, cluster_.world().now() + 5s));
  ASSERT_FALSE(created);
  EXPECT_EQ(created.error().code, Errc::unavailable);
  EXPECT_NE(created.error().message.find("NOT_CONTROLLER"), std::string::npos) << created.error().message;
}

TEST_F(ControllerListener, OnlyWhatMayBeForwardedIsTakenFromAnEnvelope) {
  const auto error_of = [&](wire::ForwardedRequest inside) {
    const auto response = ask<wire::EnvelopeResponse>(leader_, wire::wrap(inside));
    EXPECT_TRUE(response && !response->response_data);
    return response ? response->error_code : ErrorCode::none;
  };
  wire::ForwardedRequest inside;
  inside.header = {wire::ApiKey::vote, 2, 1, "client"};
  EXPECT_EQ(error_of(inside), ErrorCode::invalid_request);
  inside.header = {wire::ApiKey::envelope, 0, 1, "client"};
  EXPECT_EQ(error_of(inside), ErrorCode::invalid_request) << "no envelope in an envelope";
  inside.header = {wire::ApiKey::produce, 3, 1, "client"};
  EXPECT_EQ(error_of(inside), ErrorCode::invalid_request);
  inside.header = {wire::ApiKey::create_topics, 99, 1, "client"};
  EXPECT_EQ(error_of(inside), ErrorCode::unsupported_version);
  inside.header = {wire::ApiKey::create_topics, 7, 1, "client"};
  inside.body = Slice::copy_of(as_bytes("x"));
  EXPECT_EQ(error_of(inside), ErrorCode::unsupported_version) << "a body that is none";
  auto broken = wire::wrap(inside);
  broken.request_principal.reset();
  const auto refused = ask<wire::EnvelopeResponse>(leader_, broken);
  ASSERT_TRUE(refused);
  EXPECT_EQ(refused->error_code, ErrorCode::principal_deserialization_failure);
}

TEST_F(ControllerListener, OnlyTheLeaderDescribesTheQuorum) {
  ASSERT_TRUE(cluster_.submit(0));
  wire::DescribeQuorumRequest request;
  request.topics.push_back({"__cluster_metadata", {{0}}});
  const auto described = ask<wire::DescribeQuorumResponse>(leader_, request);
  ASSERT_TRUE(described) << described.error().message;
  EXPECT_EQ(described->error_code, ErrorCode::none);
  const auto& partition = described->topics.at(0).partitions.at(0);
  EXPECT_EQ(partition.leader_id, leader_);
  EXPECT_EQ(partition.current_voters.size(), 3u);
  ASSERT_EQ(described->nodes.size(), 3u);
  EXPECT_EQ(described->nodes[0].listeners.at(0).host, cluster_.machine(described->nodes[0].node_id).host());
  const auto refused = ask<wire::DescribeQuorumResponse>(leader_ == 1 ? 2 : 1, request);
  ASSERT_TRUE(refused);
  EXPECT_EQ(refused->error_code, ErrorCode::not_leader_or_follower);
}

TEST_F(ControllerListener, TellsTheControllersToWhoWantsControllers) {  // KIP-919
  ASSERT_TRUE(cluster_.submit(0));
  wire::DescribeClusterRequest request;
  request.endpoint_type = 2;
  for (NodeId id = 1; id <= 3; ++id) {
    const auto response = ask<wire::DescribeClusterResponse>(id, request);
    ASSERT_TRUE(response) << response.error().message;
    EXPECT_EQ(response->error_code, ErrorCode::none);
    EXPECT_EQ(response->endpoint_type, 2);
    EXPECT_EQ(response->cluster_id, "cluster");
    EXPECT_EQ(response->controller_id, leader_);
    ASSERT_EQ(response->brokers.size(), 3u);
    EXPECT_EQ(response->brokers[1].host, cluster_.machine(2).host());
  }
  request.endpoint_type = 1;
  EXPECT_EQ(ask<wire::DescribeClusterResponse>(leader_, request)->error_code,
            ErrorCode::mismatched_endpoint_type);
  request.endpoint_type = 9;
  EXPECT_EQ(ask<wire::DescribeClusterResponse>(leader_, request)->error_code,
            ErrorCode::unsupported_endpoint_type);
}

TEST_F(ControllerListener, VotersOfTheSettingsCannotBeChanged) {
  ASSERT_TRUE(cluster_.submit(0));
  const raft::AddVoterRequest fourth{
      .voter = {.key = QuorumCluster::key(4), .endpoints = {cluster_.endpoint(4)}}, .timeout = 1s};
  const auto added = ask<wire::AddRaftVoterResponse>(leader_, quorum::to_wire(fourth, "cluster"));
  ASSERT_TRUE(added) << added.error().message;
  EXPECT_EQ(added->error_code, ErrorCode::unsupported_version);
  EXPECT_TRUE(added->error_message);
  const auto removed = ask<wire::RemoveRaftVoterResponse>(
      leader_, quorum::to_wire(raft::RemoveVoterRequest{QuorumCluster::key(1)}, "cluster"));
  ASSERT_TRUE(removed);
  EXPECT_EQ(removed->error_code, ErrorCode::unsupported_version);
  const auto nowhere = ask<wire::AddRaftVoterResponse>(leader_, wire::AddRaftVoterRequest());
  ASSERT_TRUE(nowhere);
  EXPECT_EQ(nowhere->error_code, ErrorCode::invalid_request);
}

TEST_F(ControllerListener, AChunkIsNoLargerThanAskedFor) {
  ASSERT_TRUE(cluster_.submit(0));
  ASSERT_TRUE(cluster_.world().run(cluster_.quorum(leader_).snapshot()));
  const auto image = cluster_.quorum(leader_).image();
  const raft::FetchSnapshotRequest wanted{.replica = QuorumCluster::key(4),
                                          .current_leader_epoch = cluster_.quorum(leader_).leader_epoch(),
                                          .snapshot = {image->end_offset(), image->end_epoch()}};
  auto request = quorum::to_wire(wanted, "cluster");
  const auto whole = ask<wire::FetchSnapshotResponse>(leader_, request);
  ASSERT_TRUE(whole) << whole.error().message;
  const auto& all = whole->topics.at(0).partitions.at(0);
  EXPECT_EQ(all.error_code, ErrorCode::none);
  EXPECT_EQ(static_cast<std::int64_t>(size_of(all.unaligned_records)), all.size);
  request.max_bytes = 10;
  request.topics[0].partitions[0].position = 5;
  const auto part = ask<wire::FetchSnapshotResponse>(leader_, request);
  ASSERT_TRUE(part);
  const auto& some = part->topics.at(0).partitions.at(0);
  EXPECT_EQ(some.size, all.size);
  EXPECT_EQ(some.position, 5);
  EXPECT_EQ(joined(some.unaligned_records), joined(all.unaligned_records).cut(5, 10));
  request.topics[0].partitions[0].position = all.size;
  const auto beyond = ask<wire::FetchSnapshotResponse>(leader_, request);
  ASSERT_TRUE(beyond);
  EXPECT_EQ(beyond->topics.at(0).partitions.at(0).error_code, ErrorCode::position_out_of_range);
}

}  // namespace
}  // namespace moldau::peer
