// AdminCore about the cluster itself: the quorum, elections, reassignments, and which controller is asked.
#include "client/admin.h"
#include "fixture.h"
#include "wire/messages/add_raft_voter.h"
#include "wire/messages/alter_partition_reassignments.h"
#include "wire/messages/describe_cluster.h"
#include "wire/messages/describe_quorum.h"
#include "wire/messages/elect_leaders.h"
#include "wire/messages/list_partition_reassignments.h"
#include "wire/messages/remove_raft_voter.h"
#include "wire/messages/unregister_broker.h"

namespace moldau::client {
namespace {

using wire::ApiKey;
using wire::ErrorCode;

class ClusterAdminTest : public ClientTest {
 protected:
  ClusterAdminTest() { cluster_.add_topic("t", 2); }

  AdminCore admin() { return AdminCore(client()); }
  template <class T>
  auto run(Task<T> task) {
    return world_.run(std::move(task));
  }
  // Every broker says that these controllers are there, and that `active` leads.
  void serve_controllers() {
    for (const auto& broker : brokers_) {
      broker->serves<wire::DescribeClusterRequest, wire::DescribeClusterResponse>(
          [this](const wire::DescribeClusterRequest& request) {
            wire::DescribeClusterResponse response;
            response.endpoint_type = request.endpoint_type;
            response.cluster_id = "c";
            response.controller_id = active;
            for (const auto& one : brokers_)
              response.brokers.push_back(
                  {.broker_id = one->id(), .host = one->endpoint().host, .port = one->endpoint().port});
            return response;
          });
    }
  }

  NodeId active = 0;
};

TEST_F(ClusterAdminTest, ElectLeadersNamesPartitionsByTopicAndGivesEachItsResult) {
  wire::ElectLeadersRequest sent;
  broker().serves<wire::ElectLeadersRequest, wire::ElectLeadersResponse>([&](const auto& request) {
    sent = request;
    wire::ElectLeadersResponse response;
    auto& topic = response.replica_election_results.emplace_back();
    topic.topic = "t";
    topic.partition_result.push_back({.partition_id = 0});
    topic.partition_result.push_back(
        {.partition_id = 1, .error_code = ErrorCode::election_not_needed, .error_message = "it leads"});
    return response;
  });
  const auto results =
      run(admin().elect_leaders(ElectionType::unclean, std::vector<TopicPartition>{{"t", 0}, {"t", 1}}));
  ASSERT_TRUE(results) << results.error().to_string();
  EXPECT_EQ(sent.election_type, 1);
  ASSERT_TRUE(sent.topic_partitions);
  ASSERT_EQ(sent.topic_partitions->size(), 1U);
  EXPECT_EQ(sent.topic_partitions->front().partitions, (std::vector<PartitionIndex>{0, 1}));
  EXPECT_TRUE(results->at(0).second);
  ASSERT_FALSE(results->at(1).second);
  EXPECT_EQ(results->at(1).second.error().broker, ErrorCode::election_not_needed);

  ASSERT_TRUE(run(admin().elect_leaders(ElectionType::preferred, {})));
  EXPECT_FALSE(sent.topic_partitions) << "all of them";
}

TEST_F(ClusterAdminTest, UncleanElectionsNeedAVersionThatHasThem) {
  broker().serves<wire::ElectLeadersRequest, wire::ElectLeadersResponse>(
      [](const auto&) { return wire::ElectLeadersResponse{}; });
  broker().ranges[ApiKey::elect_leaders] = {0, 0};
  EXPECT_TRUE(run(admin().elect_leaders(ElectionType::preferred, {})));
  EXPECT_EQ(run(admin().elect_leaders(ElectionType::unclean, {})).error().code, Errc::unsupported);
}

TEST_F(ClusterAdminTest, AnElectionThatIsRefusedAsAWholeIsAFailure) {
  broker().serves<wire::ElectLeadersRequest, wire::ElectLeadersResponse>([](const auto&) {
    wire::ElectLeadersResponse response;
    response.error_code = ErrorCode::cluster_authorization_failed;
    return response;
  });
  const auto refused = run(admin().elect_leaders(ElectionType::preferred, {}));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Errc::permission);
}

TEST_F(ClusterAdminTest, ReassignmentsAreStartedAndCancelled) {
  wire::AlterPartitionReassignmentsRequest sent;
  broker().serves<wire::AlterPartitionReassignmentsRequest, wire::AlterPartitionReassignmentsResponse>(
      [&](const auto& request) {
        sent = request;
        wire::AlterPartitionReassignmentsResponse response;
        auto& topic = response.responses.emplace_back();
        topic.name = "t";
        topic.partitions.push_back({.partition_index = 0});
        topic.partitions.push_back({.partition_index = 1,
                                    .error_code = ErrorCode::no_reassignment_in_progress,
                                    .error_message = "nothing moves"});
        return response;
      });
  const auto results = run(admin().alter_partition_reassignments(
      {{{"t", 0}, std::vector<NodeId>{2, 1}}, {{"t", 1}, std::nullopt}}, false));
  ASSERT_TRUE(results) << results.error().to_string();
  EXPECT_FALSE(sent.allow_replication_factor_change);
  ASSERT_EQ(sent.topics.size(), 1U);
  EXPECT_EQ(sent.topics[0].partitions.at(0).replicas, (std::vector<NodeId>{2, 1}));
  EXPECT_FALSE(sent.topics[0].partitions.at(1).replicas);
  EXPECT_TRUE(results->at(0).second);
  EXPECT_EQ(results->at(1).second.error().broker, ErrorCode::no_reassignment_in_progress);
  EXPECT_NE(results->at(1).second.error().cause.find("nothing moves"), std::string::npos);
}

TEST_F(ClusterAdminTest, AnOldBrokerCannotKeepTheReplicationFactor) {
  broker().serves<wire::AlterPartitionReassignmentsRequest, wire::AlterPartitionReassignmentsResponse>(
      [](const auto&) { return wire::AlterPartitionReassignmentsResponse{}; });
  broker().ranges[ApiKey::alter_partition_reassignments] = {0, 0};
  EXPECT_TRUE(run(admin().alter_partition_reassignments({}, true)));
  EXPECT_EQ(run(admin().alter_partition_reassignments({}, false)).error().code, Errc::unsupported);
}

TEST_F(ClusterAdminTest, ReassignmentsUnderWay) {
  wire::ListPartitionReassignmentsRequest sent;
  ErrorCode error = ErrorCode::none;
  broker().serves<wire::ListPartitionReassignmentsRequest, wire::ListPartitionReassignmentsResponse>(
      [&](const auto& request) {
        sent = request;
        wire::ListPartitionReassignmentsResponse response;
        response.error_code = error;
        auto& topic = response.topics.emplace_back();
        topic.name = "t";
        topic.partitions.push_back(
            {.partition_index = 1, .replicas = {3, 1, 2}, .adding_replicas = {3}, .removing_replicas = {2}});
        return response;
      });
  const auto all = run(admin().list_partition_reassignments());
  ASSERT_TRUE(all) << all.error().to_string();
  EXPECT_FALSE(sent.topics);
  ASSERT_EQ(all->size(), 1U);
  EXPECT_EQ(all->begin()->first, (TopicPartition{"t", 1}));
  EXPECT_EQ(all->begin()->second.adding, std::vector<NodeId>{3});
  EXPECT_EQ(all->begin()->second.removing, std::vector<NodeId>{2});
  ASSERT_TRUE(run(admin().list_partition_reassignments(std::vector<TopicPartition>{{"t", 1}, {"u", 0}})));
  ASSERT_TRUE(sent.topics);
  EXPECT_EQ(sent.topics->size(), 2U);
  error = ErrorCode::cluster_authorization_failed;
  EXPECT_EQ(run(admin().list_partition_reassignments()).error().code, Errc::permission);
}

TEST_F(ClusterAdminTest, VotersComeAndGo) {
  wire::AddRaftVoterRequest added;
  wire::RemoveRaftVoterRequest removed;
  broker().serves<wire::AddRaftVoterRequest, wire::AddRaftVoterResponse>([&](const auto& request) {
    added = request;
    return wire::AddRaftVoterResponse{};
  });
  broker().serves<wire::RemoveRaftVoterRequest, wire::RemoveRaftVoterResponse>([&](const auto& request) {
    removed = request;
    wire::RemoveRaftVoterResponse response;
    response.error_code = ErrorCode::voter_not_found;
    response.error_message = "no voter 7";
    return response;
  });
  ASSERT_TRUE(run(admin().add_raft_voter({4, Uuid{1, 2}}, {{"CONTROLLER", {"h", 9093}}})));
  EXPECT_EQ(added.voter_id, 4);
  EXPECT_EQ(added.voter_directory_id, (Uuid{1, 2}));
  ASSERT_EQ(added.listeners.size(), 1U);
  EXPECT_EQ(added.listeners[0].name, "CONTROLLER");
  EXPECT_EQ(added.listeners[0].port, 9093);
  const auto missing = run(admin().remove_raft_voter({7, Uuid{3, 4}}));
  ASSERT_FALSE(missing);
  EXPECT_EQ(removed.voter_id, 7);
  EXPECT_EQ(missing.error().broker, ErrorCode::voter_not_found);
}

TEST_F(ClusterAdminTest, UnregisterBroker) {
  broker().serves<wire::UnregisterBrokerRequest, wire::UnregisterBrokerResponse>([](const auto& request) {
    wire::UnregisterBrokerResponse response;
    if (request.broker_id != 3) response.error_code = ErrorCode::broker_id_not_registered;
    return response;
  });
  EXPECT_TRUE(run(admin().unregister_broker(3)));
  EXPECT_EQ(run(admin().unregister_broker(4)).error().broker, ErrorCode::broker_id_not_registered);
}

TEST_F(ClusterAdminTest, ThereMayBeNoControllerForAMoment) {
  unsigned refusals = 2;
  broker().serves<wire::UnregisterBrokerRequest, wire::UnregisterBrokerResponse>([&](const auto&) {
    wire::UnregisterBrokerResponse response;
    if (refusals > 0) --refusals, response.error_code = ErrorCode::not_controller;
    return response;
  });
  EXPECT_TRUE(run(admin().unregister_broker(3)));
  refusals = 1'000'000;
  options_.api_timeout = 2s;
  world_.run(client().close());
  client_.reset();
  const auto late = run(admin().unregister_broker(3));
  ASSERT_FALSE(late);
  EXPECT_EQ(late.error().broker, ErrorCode::not_controller);
}

TEST_F(ClusterAdminTest, OfControllersTheActiveOneIsAsked) {
  add_broker();
  add_broker();
  options_.bootstrap_controllers = true;
  serve_controllers();
  std::vector<NodeId> asked;
  for (const auto& one : brokers_) {
    one->serves<wire::DescribeQuorumRequest, wire::DescribeQuorumResponse>(
        [this, &asked, id = one->id()](const auto&) {
          asked.push_back(id);
          wire::DescribeQuorumResponse response;
          if (id != active) {
            response.error_code = ErrorCode::not_leader_or_follower;
            return response;
          }
          auto& partition = response.topics.emplace_back().partitions.emplace_back();
          partition.leader_id = id;
          return response;
        });
  }
  active = 2;
  const auto quorum = run(admin().describe_quorum());
  ASSERT_TRUE(quorum) << quorum.error().to_string();
  EXPECT_EQ(quorum->leader, 2);
  EXPECT_EQ(asked, std::vector<NodeId>{2});
  active = 1;
  EXPECT_EQ(run(admin().describe_quorum())->leader, 1);
  const auto cluster = run(admin().describe_cluster());
  ASSERT_TRUE(cluster) << cluster.error().to_string();
  EXPECT_EQ(cluster->brokers.size(), 3U);
  EXPECT_EQ(cluster->controller, 1);
  active = kNoNode;
  options_.api_timeout = 1s;
  world_.run(client().close());
  client_.reset();
  const auto none = run(admin().describe_quorum());
  ASSERT_FALSE(none);
  EXPECT_NE(none.error().cause.find("no leader"), std::string::npos) << none.error().cause;
}

TEST_F(ClusterAdminTest, FeaturesOfOneNode) {
  add_broker();
  cluster_.partition("t", 1).leader = 1;
  const std::size_t before = broker(1).count(ApiKey::api_versions);
  ASSERT_TRUE(run(admin().describe_features(1)));
  EXPECT_GT(broker(1).count(ApiKey::api_versions), before);
  EXPECT_EQ(run(admin().describe_features(9)).error().code, Errc::unavailable);
}

}  // namespace
}  // namespace moldau::client
