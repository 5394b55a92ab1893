// Three nodes together: a controller is elected, partitions are replicated, and the loss of any one node
// loses nothing that was acknowledged.
#include "record/record.h"
#include "unit/node/three_nodes.h"
#include "wire/messages/describe_cluster.h"

namespace moldau::node::testing {
namespace {

class Cluster : public ThreeNodes {
 protected:
  // The values of the partition, read from its leader.
  std::vector<std::string> values(const std::string& topic) {
    auto run = [&]() -> Task<std::vector<std::string>> {
      std::vector<std::string> out;
      wire::FetchRequest request;
      request.max_bytes = 1 << 20;
      request.max_wait_ms = 1000;
      auto& asked = request.topics.emplace_back();
      asked.topic_id = nodes[alive()]->image()->topic(topic)->id;
      asked.partitions.emplace_back().partition_max_bytes = 1 << 20;
      const auto leader = co_await clients->leader_of(topic, 0, client.shard(0).now() + 30s);
      if (!leader) co_return out;
      const auto answer = co_await clients->call_node<wire::FetchResponse>(*leader, std::move(request));
      if (!answer || answer->responses.empty() || !answer->responses[0].partitions[0].records) co_return out;
      const Slice bytes = joined(*answer->responses[0].partitions[0].records);
      record::BatchReader batches(bytes);
      for (record::BatchView batch; batches.next(batch).value();) {
        record::RecordReader records(batch, *record::uncompressed_records(batch, codecs, 1 << 20));
        for (record::RecordView view; records.next(view).value();) out.emplace_back(as_text(*view.value));
      }
      co_return out;
    };
    static_cast<void>(world.run(clients->refresh({topic})));
    return world.run(run());
  }
};

TEST_F(Cluster, ElectsOneControllerAndRegistersAllBrokers) {
  start();
  ASSERT_EQ(running(), kNodes);
  unsigned active = 0;
  for (const auto& node : nodes) {
    active += node->quorum().is_active();
    EXPECT_EQ(node->image()->brokers().size(), kNodes);
    EXPECT_EQ(node->quorum().leader_id(), nodes[0]->quorum().leader_id());
  }
  EXPECT_EQ(active, 1U);
}

TEST_F(Cluster, ControllersRegisterThemselvesAndTellWhereTheyAre) {
  start();
  const auto all_registered = [&] {
    return std::ranges::all_of(
        nodes, [](const auto& node) { return node->image()->controllers().size() == kNodes; });
  };
  ASSERT_TRUE(world.run_until(all_registered, 30s));
  const metadata::ControllerNode before = *nodes[0]->image()->controller(2);
  ASSERT_EQ(before.endpoints.size(), 1U);
  EXPECT_EQ(before.endpoints[0], (metadata::BrokerEndpoint{"CONTROLLER", "10.0.0.2", kControllerPort, 0}));
  EXPECT_FALSE(before.features.empty());

  // By a controller's listener (KIP-919).
  const auto ask = [&](std::int8_t type) -> Task<wire::DescribeClusterResponse> {
    auto opened = co_await client::BrokerConnection::open(
        client.shard(0), client.network(0), {simulation::Fabric::address_of(0), kControllerPort}, {});
    wire::DescribeClusterRequest request;
    request.endpoint_type = type;
    auto answer = co_await (*opened)->call<wire::DescribeClusterResponse>(request);
    (*opened)->close();
    co_await (*opened)->ended();
    co_return std::move(*answer);
  };
  const auto controllers = world.run(ask(2));
  EXPECT_EQ(controllers.error_code, wire::ErrorCode::none);
  EXPECT_EQ(controllers.controller_id, nodes[0]->quorum().leader_id());
  ASSERT_EQ(controllers.brokers.size(), kNodes);
  EXPECT_EQ(controllers.brokers[1].host, "10.0.0.2");
  EXPECT_EQ(controllers.brokers[1].port, kControllerPort);
  EXPECT_EQ(world.run(ask(1)).error_code, wire::ErrorCode::mismatched_endpoint_type);

  // Each process anew.
  kill(1);
  restart(1);
  EXPECT_TRUE(world.run_until(
      [&] { return nodes[0]->image()->controller(2)->incarnation_id != before.incarnation_id; }, 30s));
}

TEST_F(Cluster, ReplicatesAndSurvivesItsLeader) {
  start();
  create_topic("events", 1, 3);
  ASSERT_TRUE(world.run_until([&] { return all_in_sync("events"); }, 60s));
  for (int i = 0; i < 5; ++i) produce("events", "before " + std::to_string(i));
  const unsigned leader = leader_of("events");
  kill(leader);
  for (int i = 0; i < 5; ++i) produce("events", "after " + std::to_string(i));
  EXPECT_NE(leader_of("events"), leader);
  EXPECT_EQ(values("events").size(), 10U);
  restart(leader);
  EXPECT_TRUE(world.run_until([&] { return all_in_sync("events"); }, 2min)) << "the replica comes back";
  EXPECT_EQ(values("events").size(), 10U);
}

class FailOver : public Cluster {
 protected:
  // From the death of the leader's process to when another node leads.
  runtime::Duration takes(const std::string& topic) {
    const unsigned leader = leader_of(topic);
    const unsigned other = (leader + 1) % kNodes;
    const auto before = world.now();
    world.machine(leader).kill();
    EXPECT_TRUE(world.run_until(
        [&] {
          const NodeId now = state(other, topic, 0)->leader;
          return now != kNoNode && now != static_cast<NodeId>(leader + 1);
        },
        60s));
    const runtime::Duration took = world.now() - before;
    static_cast<void>(world.run(nodes[leader]->stop()));
    nodes[leader].reset();
    return took;
  }
};

// Its host says that nobody is there: no grace, no session that has to end.
TEST_F(FailOver, AKilledLeaderIsReplacedAtOnce) {
  start();
  const std::string topic = topic_where([&](unsigned leader) { return leader != controller(); });
  EXPECT_LT(takes(topic), 150ms);
  produce(topic, "after");
}

TEST_F(FailOver, AlsoWhenItWasTheController) {
  start();
  const std::string topic = topic_where([&](unsigned leader) { return leader == controller(); });
  EXPECT_LT(takes(topic), 600ms) << "an election comes first";
  produce(topic, "after");
}

TEST_F(Cluster, AnyBrokerPassesAdminRequestsOn) {
  start();
  for (unsigned at = 0; at < kNodes; ++at) {
    wire::CreateTopicsRequest request;
    request.timeout_ms = 30'000;
    auto& topic = request.topics.emplace_back();
    topic.name = "topic-" + std::to_string(at);
    topic.num_partitions = 2;
    topic.replication_factor = 2;
    const auto answer =
        world.run(clients->call_node<wire::CreateTopicsResponse>(static_cast<NodeId>(at + 1), request));
    ASSERT_TRUE(answer.has_value());
    EXPECT_EQ(answer->topics.at(0).error_code, wire::ErrorCode::none);
  }
  ASSERT_TRUE(world.run_until([&] { return nodes[0]->image()->topic_count() == kNodes; }, 30s));
}

TEST_F(Cluster, AnOrderlyStopHandsLeadershipOver) {
  start();
  create_topic("events", 1, 3);
  ASSERT_TRUE(world.run_until([&] { return all_in_sync("events"); }, 60s));
  const unsigned leader = leader_of("events");
  EXPECT_TRUE(world.run(nodes[leader]->stop()));
  nodes[leader].reset();
  const metadata::Partition* partition = state(alive(), "events", 0);
  EXPECT_NE(partition->leader, static_cast<NodeId>(leader + 1));
  EXPECT_NE(partition->leader, kNoNode);
  produce("events", "after");
}

}  // namespace
}  // namespace moldau::node::testing
