// TestCluster: real nodes that are killed, stopped and paused under a client.
#include "moldau/test_cluster.h"

#include <gtest/gtest.h>
#include <stdlib.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <optional>
#include <string>

#include "moldau/client.h"

namespace moldau::sdk {
namespace {

using namespace std::chrono_literals;

// More where the nodes are slower, as with sanitizers.
int patience() {
  const char* factor = std::getenv("MOLDAU_TEST_PATIENCE");
  return factor != nullptr ? std::max(1, std::atoi(factor)) : 1;
}

TestClusterOptions options(int nodes) { return {.nodes = nodes, .patience = patience() * 60s}; }

// The folder that a cluster has, for all of this process are in one of its own.
class TestClusters : public testing::Test {
 protected:
  void SetUp() override {
    std::string name = std::filesystem::temp_directory_path() / "moldau-test-clusters-XXXXXX";
    ASSERT_NE(::mkdtemp(name.data()), nullptr);
    folder_ = name;
    if (const char* before = std::getenv("TMPDIR")) before_ = before;
    ::setenv("TMPDIR", folder_.c_str(), 1);
  }
  void TearDown() override {
    EXPECT_TRUE(std::filesystem::is_empty(folder_)) << "every cluster takes its folder with it";
    std::filesystem::remove_all(folder_);
    before_ ? ::setenv("TMPDIR", before_->c_str(), 1) : ::unsetenv("TMPDIR");
  }

  static Client client(const TestCluster& cluster) {
    auto connected = Client::connect({.bootstrap_servers = cluster.bootstrap_servers(),
                                      .request_timeout = 5s,
                                      .delivery_timeout = patience() * 60s});
    EXPECT_TRUE(connected) << connected.error().to_string();
    return std::move(*connected);
  }
  static void make_topic(Client& by, const std::string& topic) {
    const auto created = by.admin().create_topics({{.name = topic, .partitions = 1}}).get();
    ASSERT_TRUE(created) << created.error().to_string();
    ASSERT_TRUE(created->front().second) << created->front().second.error().to_string();
  }
  static void send(Producer& by, const std::string& topic, int from, int to) {
    for (int i = from; i < to; ++i) {
      const auto sent = by.send({.topic = topic, .value = std::to_string(i)});
      ASSERT_TRUE(sent) << sent.error().to_string();
      EXPECT_EQ(sent->offset, i);
    }
  }
  static void expect_records(Client& in, const std::string& topic, int count) {
    Consumer consumer = in.consumer();
    ASSERT_TRUE(consumer.assign(topic, 0, StartAt::beginning()));
    int next = 0;
    for (int tries = 0; tries < 100 * patience() && next < count; ++tries) {
      const auto polled = consumer.poll(200ms);
      ASSERT_TRUE(polled) << polled.error().to_string();
      for (const RecordView& record : *polled) EXPECT_EQ(record.value, std::to_string(next++));
    }
    EXPECT_EQ(next, count);
  }

 private:
  std::string folder_;
  std::optional<std::string> before_;
};

TEST_F(TestClusters, ANodeThatIsKilledHasItsRecordsWhenItComesBack) {
  auto cluster = TestCluster::start(options(1));
  ASSERT_TRUE(cluster) << cluster.error().to_string();
  EXPECT_EQ(cluster->bootstrap_servers(), cluster->address(1));
  Client by = client(*cluster);
  ASSERT_NO_FATAL_FAILURE(make_topic(by, "t"));
  Producer producer = *by.producer();
  ASSERT_NO_FATAL_FAILURE(send(producer, "t", 0, 20));
  ASSERT_TRUE(cluster->kill(1));
  EXPECT_EQ(cluster->kill(1).error().kind, ErrorKind::invalid_argument) << "it does not run";
  EXPECT_EQ(cluster->pause(1).error().kind, ErrorKind::invalid_argument);
  const auto back = cluster->restart(1);
  ASSERT_TRUE(back) << back.error().to_string();
  EXPECT_EQ(cluster->restart(1).error().kind, ErrorKind::invalid_argument) << "it runs already";
  ASSERT_NO_FATAL_FAILURE(send(producer, "t", 20, 30));
  expect_records(by, "t", 30);
  const auto ended = cluster->stop(1);
  EXPECT_TRUE(ended) << ended.error().to_string();
  EXPECT_FALSE(cluster->log(1).empty());
}

TEST_F(TestClusters, ThreeNodesGoOnWithoutOneOfThem) {
  auto cluster = TestCluster::start(options(3));
  ASSERT_TRUE(cluster) << cluster.error().to_string();
  EXPECT_EQ(cluster->nodes(), 3);
  Client by = client(*cluster);
  EXPECT_EQ(by.admin().describe_cluster().get()->brokers.size(), 3U);
  ASSERT_NO_FATAL_FAILURE(make_topic(by, "t"));
  Producer producer = *by.producer();
  ASSERT_NO_FATAL_FAILURE(send(producer, "t", 0, 10));
  const auto described = by.admin().describe_topics({"t"}).get();
  ASSERT_TRUE(described && described->front().second);
  EXPECT_EQ(described->front().second->partitions.front().replicas.size(), 3U);
  const int leader = described->front().second->partitions.front().leader;
  ASSERT_TRUE(cluster->kill(leader));
  ASSERT_NO_FATAL_FAILURE(send(producer, "t", 10, 20));
  const auto back = cluster->restart(leader);
  ASSERT_TRUE(back) << back.error().to_string();
  const int other = leader % 3 + 1;
  ASSERT_TRUE(cluster->pause(other));
  EXPECT_EQ(cluster->pause(other).error().kind, ErrorKind::invalid_argument) << "it is paused already";
  ASSERT_NO_FATAL_FAILURE(send(producer, "t", 20, 30));
  ASSERT_TRUE(cluster->resume(other));
  EXPECT_EQ(cluster->resume(other).error().kind, ErrorKind::invalid_argument);
  expect_records(by, "t", 30);
}

TEST_F(TestClusters, SayWhyTheyDoNotStart) {
  const auto none = TestCluster::start(options(0));
  ASSERT_FALSE(none);
  EXPECT_EQ(none.error().kind, ErrorKind::invalid_argument);
  TestClusterOptions wanted = options(1);
  wanted.binary = "/nowhere/moldau";
  const auto missing = TestCluster::start(wanted);
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().kind, ErrorKind::not_found);
  EXPECT_NE(missing.error().cause.find("/nowhere/moldau"), std::string::npos);
  wanted = options(1);
  wanted.settings = {{"log.retention.hors", "1"}};
  const auto refused = TestCluster::start(wanted);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().kind, ErrorKind::unavailable);
  EXPECT_NE(refused.error().hint.find("log.retention.hors"), std::string::npos)
      << "what the node said: " << refused.error().hint;
  wanted.settings = {{"num.partitions", "3"}};
  auto cluster = TestCluster::start(wanted);
  ASSERT_TRUE(cluster) << cluster.error().to_string();
  EXPECT_EQ(cluster->kill(2).error().kind, ErrorKind::invalid_argument) << "there is no second one";
  Client by = client(*cluster);
  ASSERT_TRUE(by.admin().create_topics({{.name = "t"}}).get());
  const auto described = by.admin().describe_topics({"t"}).get();
  ASSERT_TRUE(described && described->front().second);
  EXPECT_EQ(described->front().second->partitions.size(), 3U);
}

}  // namespace
}  // namespace moldau::sdk
