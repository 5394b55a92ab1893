// Commands on a cluster that says what no healthy one of ours would: what becomes of it, and the exit code.
#include "unit/cli/fake_process.h"
#include "unit/client/fake_broker.h"
#include "wire/messages/create_topics.h"
#include "wire/messages/describe_cluster.h"

namespace moldau::cli {
namespace {

class ClusterCommands : public FakeProcess {
 protected:
  ClusterCommands() {
    environment.world = &world;
    cluster.add_topic("t", 2);
    broker.serves<wire::DescribeClusterRequest, wire::DescribeClusterResponse>(
        [this](const auto&) { return described; });
    described.controller_id = 0;
    described.brokers.push_back({.broker_id = 0, .host = "127.0.0.1", .port = 9092});
  }
  ~ClusterCommands() override {
    world.run(broker.stop());
    world.run_until_idle(std::chrono::minutes(10));
  }
  int on_cluster(std::vector<std::string> words) {
    words.insert(words.begin(), "moldau");
    words.insert(words.end(), {"-b", broker.endpoint().to_string()});
    return run(std::move(words));
  }

  simulation::World world{9};
  client::FakeCluster cluster;
  client::FakeBroker broker{world, cluster, 0, 9092};
  wire::DescribeClusterResponse described;
};

TEST_F(ClusterCommands, HealthTellsWhatIsWrong) {
  EXPECT_EQ(on_cluster({"cluster", "health"}), 0) << err.text;
  described.brokers.push_back({.broker_id = 1, .host = "127.0.0.1", .port = 9093, .is_fenced = true});
  EXPECT_EQ(on_cluster({"cluster", "health", "--format", "jsonl"}), 10);
  EXPECT_TRUE(printed("\"fenced\":[\"1\"]")) << out.text;
  described.brokers.pop_back();
  cluster.partition("t", 1).leader = -1;
  EXPECT_EQ(on_cluster({"cluster", "health", "--format", "jsonl"}), 10);
  EXPECT_TRUE(printed("\"leaderless\":[\"t/1\"]")) << out.text;
  EXPECT_EQ(on_cluster({"cluster", "health", "--wait", "2s"}), 10);
  EXPECT_EQ(on_cluster({"cluster", "health", "--ready"}), 0) << "it serves";
  cluster.partition("t", 1).leader = 0;
  described.controller_id = -1;
  EXPECT_EQ(on_cluster({"cluster", "health"}), 10);
  EXPECT_TRUE(printed("no controller")) << out.text;
}

TEST_F(ClusterCommands, WhoMayNotIsToldSo) {
  broker.serves<wire::CreateTopicsRequest, wire::CreateTopicsResponse>([](const auto& request) {
    wire::CreateTopicsResponse response;
    for (const auto& topic : request.topics)
      response.topics.push_back(
          {.name = topic.name, .error_code = wire::ErrorCode::topic_authorization_failed});
    return response;
  });
  EXPECT_EQ(on_cluster({"topic", "create", "mine", "yours"}), 4) << out.text << err.text;
  EXPECT_TRUE(printed("TOPIC_AUTHORIZATION_FAILED")) << out.text;
}

}  // namespace
}  // namespace moldau::cli
