// moldau dev: what its nodes are told, and what becomes of their processes.
#include <csignal>

#include "cli/dev_cluster.h"
#include "unit/cli/scripted_cluster.h"

namespace moldau::cli {
namespace {

DevCluster cluster_of(int nodes) {
  return {.folder = "/dev-cluster", .cluster_id = "AAAAAAAAAAAAAAAAAAAAAA", .nodes = nodes, .port = 9092};
}

config::Loaded loaded(const DevCluster& cluster, int node) {
  config::Sources sources;
  sources.file = cluster.settings_file(node);
  sources.read_file = [&](const std::string&) -> Result<std::string> { return cluster.settings_text(node); };
  return config::load(sources);
}

TEST(DevCluster, EveryNodesSettingsAreGoodAndFitTheOthers) {
  for (const int nodes : {1, 2, 3, 4, 5, 9}) {
    const DevCluster cluster = cluster_of(nodes);
    std::set<std::string> addresses;
    for (int node = 1; node <= nodes; ++node) {
      const auto settings = loaded(cluster, node);
      ASSERT_TRUE(settings.usable()) << settings.errors().front().to_string();
      EXPECT_TRUE(settings.problems.empty()) << settings.problems.front().to_string();
      EXPECT_EQ(settings.settings.node_id, node);
      EXPECT_EQ(settings.settings.cluster_id, cluster.cluster_id);
      EXPECT_EQ(settings.settings.data_dir, cluster.data_dir(node));
      const bool votes = nodes > 1 && node <= cluster.voters();
      EXPECT_EQ(settings.settings.find_listener("controller") != nullptr, votes);
      EXPECT_EQ(settings.settings.controller_role, nodes == 1 || votes);
      EXPECT_EQ(settings.settings.voters.size(),
                nodes == 1 ? 0U : static_cast<std::size_t>(cluster.voters()));
      for (const config::Listener& listener : settings.settings.listeners)
        EXPECT_TRUE(addresses.insert(listener.bind.to_string()).second) << listener.bind.to_string();
      EXPECT_TRUE(addresses.insert(settings.settings.admin_bind.to_string()).second);
      EXPECT_EQ(settings.settings.broker.at("default.replication.factor"),
                std::to_string(std::min(3, nodes)));
      EXPECT_EQ(settings.settings.broker.at("min.insync.replicas"), nodes >= 3 ? "2" : "1");
    }
    EXPECT_EQ(cluster.voters() % 2, 1) << "one more would tolerate no more failures";
  }
  EXPECT_EQ(cluster_of(3).brokers(), "localhost:9092,localhost:9093,localhost:9094");
}

TEST(DevCluster, ItsDescriptionIsReadBackAndCheckedFirst) {
  const DevCluster cluster = cluster_of(3);
  const auto again = DevCluster::parse(cluster.to_json(), cluster.folder);
  ASSERT_TRUE(again);
  EXPECT_EQ(again->nodes, 3);
  EXPECT_EQ(again->port, 9092);
  EXPECT_EQ(again->cluster_id, cluster.cluster_id);
  for (const char* bad :
       {"", "{}", R"({"cluster_id":"x","nodes":0,"port":1})", R"({"cluster_id":"x","nodes":10,"port":1})",
        R"({"cluster_id":"x","nodes":3,"port":65000})", R"({"nodes":3,"port":9092})"})
    EXPECT_FALSE(DevCluster::parse(bad, "/d")) << bad;
}

// The scripted broker stands at the first node's address.
class Dev : public ScriptedCluster {
 protected:
  bool on_disk(const std::string& path) { return world.disk().exists(path).value_or(false); }
  std::vector<std::string> words(std::vector<std::string> more = {}) {
    std::vector<std::string> all{"moldau", "dev", "--data-dir", "/dev-cluster"};
    all.insert(all.end(), more.begin(), more.end());
    return all;
  }
  std::vector<std::string> verb(std::string name, std::vector<std::string> more = {}) {
    std::vector<std::string> all{"moldau", "dev", std::move(name), "--data-dir", "/dev-cluster"};
    all.insert(all.end(), more.begin(), more.end());
    return all;
  }
  // As a node writes it.
  void write_pid(int node, std::int64_t pid) {
    const std::string folder = "/dev-cluster/node-" + std::to_string(node);
    ASSERT_TRUE(world.disk().create_directories(folder));
    ASSERT_TRUE(runtime::write_file_atomically(world.disk(), folder + "/moldau.pid",
                                               as_bytes(std::to_string(pid) + "\n")));
  }
};

TEST_F(Dev, InTheBackgroundItEndsOnceTheClusterIsInService) {
  EXPECT_EQ(run(words({"-d", "--wait", "5s"})), 0) << err.text;
  ASSERT_EQ(environment.spawned.size(), 3U);
  EXPECT_EQ(environment.spawned[1].words,
            (std::vector<std::string>{"/opt/moldau/bin/moldau", "start", "-c", "/dev-cluster/node-2.yaml"}));
  EXPECT_EQ(environment.spawned[1].log_file, "/dev-cluster/node-2.log");
  EXPECT_EQ(environment.spawned[1].without, (std::vector<std::string>{"MOLDAU_", "KAFKA_"}));
  EXPECT_TRUE(on_disk("/dev-cluster/node-3.yaml") && on_disk("/dev-cluster/cluster.json"));
  EXPECT_EQ(out.text, "BROKERS=localhost:9092,localhost:9093,localhost:9094\n");
  EXPECT_TRUE(told("/dev-cluster/node-1.log")) << err.text;
  EXPECT_EQ(environment.alive.size(), 3U) << "they go on";
  EXPECT_EQ(run({"moldau", "profile", "print", "dev"}), 0) << err.text;
  EXPECT_TRUE(printed("localhost:9094")) << out.text;

  for (int node = 1; node <= 3; ++node) write_pid(node, 999 + node);
  EXPECT_EQ(run(words({"-d"})), 6);
  EXPECT_TRUE(told("runs already")) << err.text;
  EXPECT_EQ(run(verb("stop")), 0) << err.text;
  EXPECT_EQ(environment.signals,
            (std::vector<std::pair<std::int64_t, int>>{{1000, SIGTERM}, {1001, SIGTERM}, {1002, SIGTERM}}));
  EXPECT_EQ(run(verb("stop")), 5) << "nothing runs any more";
  EXPECT_EQ(run(words({"-n", "5", "-d"})), 6) << "the folder has a cluster of three";
  EXPECT_TRUE(told("moldau dev purge")) << err.text;
  EXPECT_EQ(run(verb("purge")), 2) << "never without a yes";
  EXPECT_TRUE(on_disk("/dev-cluster"));
  EXPECT_EQ(run(verb("purge", {"-y"})), 0) << err.text;
  EXPECT_FALSE(on_disk("/dev-cluster"));
  EXPECT_NE(run({"moldau", "profile", "print", "dev"}), 0) << "its profile is gone, too";
}

TEST_F(Dev, ANodeThatCannotStartIsToldWithItsLastWordsAndTheOthersAreStopped) {
  brokers.erase(3);  // only two are in service
  environment.spawn_fails = true;
  files["/dev-cluster/node-1.log"] =
      "moldau: starting\nerror: cannot start the node\n  cause: address in use\n";
  EXPECT_EQ(run(words({"--wait", "5s"})), 1);
  EXPECT_TRUE(told("node 1 ended with exit code 3")) << err.text;
  EXPECT_TRUE(told("cause: address in use")) << err.text;
  EXPECT_TRUE(told("its log: /dev-cluster/node-1.log")) << err.text;
}

TEST_F(Dev, AClusterThatDoesNotSettleIsStopped) {
  brokers[3].fenced = true;
  EXPECT_EQ(run(words({"--wait", "3s"})), 3);
  EXPECT_TRUE(told("not in service yet")) << err.text;
  EXPECT_EQ(environment.signals.size(), 3U);
  EXPECT_TRUE(environment.alive.empty());
}

TEST_F(Dev, TellsWhenEveryNodeHasEnded) {
  brokers.erase(2);
  brokers.erase(3);
  environment.spawn_fails = true;
  EXPECT_EQ(run(words({"-n", "1", "--wait", "5s"})), 1);
  EXPECT_TRUE(told("node 1 ended with exit code 3")) << err.text;
  EXPECT_TRUE(told("again: moldau start --daemon -c /dev-cluster/node-1.yaml")) << err.text;
  EXPECT_TRUE(told("every node has ended")) << err.text;
}

TEST_F(Dev, FlagsThatCannotBe) {
  EXPECT_EQ(run(words({"-n", "0"})), 2);
  EXPECT_EQ(run(words({"-n", "10"})), 2);
  EXPECT_EQ(run(words({"--tmp"})), 2);
  EXPECT_EQ(run(words({"--topic", "a:none"})), 2);
  EXPECT_EQ(run(words({"--topic", ":3"})), 2);
  EXPECT_EQ(run(words({"--port", "65500"})), 2);
  EXPECT_TRUE(environment.spawned.empty());
  EXPECT_EQ(run(verb("status")), 5);
  EXPECT_TRUE(told("there is no cluster in /dev-cluster")) << err.text;
}

TEST_F(Dev, FindsTheClusterThatRunsWhenTheUsualFolderHasNone) {
  ASSERT_EQ(run(words({"-d", "--wait", "5s"})), 0) << err.text;
  write_pid(1, 1000);
  write_pid(2, 1001);
  environment.alive.erase(1002);
  EXPECT_EQ(run({"moldau", "dev", "status", "--format", "jsonl"}), 10) << "not all run";
  EXPECT_TRUE(printed(R"("node":3,"state":"stopped")")) << out.text;
  environment.alive.clear();
  EXPECT_EQ(run({"moldau", "dev", "status"}), 5);
}

}  // namespace
}  // namespace moldau::cli
