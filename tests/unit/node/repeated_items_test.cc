// RE-07, NW-09: a request that names the same thing many times, or very many things, costs about what it
// weighs: neither answers that are larger than the memory nor work that grows with its square.
#include <ctime>

#include "unit/node/one_node.h"
#include "wire/messages/describe_configs.h"
#include "wire/messages/describe_log_dirs.h"
#include "wire/messages/describe_producers.h"
#include "wire/messages/describe_quorum.h"
#include "wire/messages/metadata.h"

namespace moldau::node::testing {
namespace {

using wire::ErrorCode;

constexpr int kMany = 60'000;
constexpr PartitionIndex kPartitions = 200;

class RepeatedItems : public OneNode {
 protected:
  RepeatedItems() { start(); }
  config::Settings settings() const override {
    config::Settings settings = OneNode::settings();
    settings.bootstrap_topics.front().partitions = kPartitions;
    return settings;
  }

  // Processor time of the whole world, the client's part included.
  template <class Work>
  static double seconds_of(Work work) {
    const std::clock_t before = std::clock();
    work();
    return static_cast<double>(std::clock() - before) / CLOCKS_PER_SEC;
  }
};

TEST_F(RepeatedItems, MetadataAnswersATopicOnceHoweverOftenItIsNamed) {
  wire::MetadataRequest request;
  request.topics.emplace(kMany);
  for (auto& topic : *request.topics) topic.name = kTopic;
  request.topics->back().name = "unknown";
  request.allow_auto_topic_creation = false;
  const auto answer = ask<wire::MetadataResponse>(request, 9);
  ASSERT_EQ(answer.topics.size(), 2U);
  EXPECT_EQ(answer.topics[0].name, kTopic);
  EXPECT_EQ(answer.topics[0].partitions.size(), std::size_t{kPartitions});
  EXPECT_EQ(answer.topics[1].error_code, ErrorCode::unknown_topic_or_partition);
}

TEST_F(RepeatedItems, MetadataOfAFloodOfUnknownTopicsDoesNotStallTheNode) {
  wire::MetadataRequest request;
  request.topics.emplace();
  for (int i = 0; i < kMany; ++i) request.topics->emplace_back().name = "flood-" + std::to_string(i);
  wire::MetadataResponse answer;
  EXPECT_LT(seconds_of([&] { answer = ask<wire::MetadataResponse>(request, 9); }), 4.0);
  ASSERT_EQ(answer.topics.size(), std::size_t{kMany});
  EXPECT_EQ(answer.topics.back().error_code, ErrorCode::unknown_topic_or_partition);
}

TEST_F(RepeatedItems, DescribeLogDirsLooksForEachPartitionOnce) {
  wire::DescribeLogDirsRequest request;
  request.topics.emplace();
  for (int i = 0; i < 10 * kMany; ++i) {
    auto& topic = request.topics->emplace_back();
    topic.topic = "others";
    topic.partitions = {i};
  }
  auto& known = request.topics->emplace_back();
  known.topic = kTopic;
  known.partitions = {3, 5, 3};
  wire::DescribeLogDirsResponse answer;
  EXPECT_LT(seconds_of([&] { answer = ask<wire::DescribeLogDirsResponse>(request, 2); }), 4.0);
  ASSERT_EQ(answer.results.size(), 1U);
  ASSERT_EQ(answer.results[0].topics.size(), 1U);
  EXPECT_EQ(answer.results[0].topics[0].partitions.size(), 2U);
}

TEST_F(RepeatedItems, DescribeConfigsAnswersAResourceOnce) {
  wire::DescribeConfigsRequest request;
  request.resources.resize(kMany);
  for (auto& resource : request.resources) {
    resource.resource_type = 4;
    resource.resource_name = "1";
  }
  request.include_documentation = true;
  wire::DescribeConfigsResponse answer;
  EXPECT_LT(seconds_of([&] { answer = ask<wire::DescribeConfigsResponse>(request, 3); }), 4.0);
  ASSERT_EQ(answer.results.size(), 1U);
  EXPECT_GT(answer.results[0].configs.size(), 50U);
}

TEST_F(RepeatedItems, DescribeProducersAnswersAPartitionOnce) {
  wire::DescribeProducersRequest request;
  auto& topic = request.topics.emplace_back();
  topic.name = kTopic;
  topic.partition_indexes = {1, 0, 1, 1};
  request.topics.push_back(topic);
  const auto answer = ask<wire::DescribeProducersResponse>(request, 0);
  std::size_t partitions = 0;
  for (const auto& described : answer.topics) partitions += described.partitions.size();
  EXPECT_EQ(partitions, 2U);
}

// As Kafka does: more than the one partition is no question of a client's.
TEST_F(RepeatedItems, DescribeQuorumAnswersOnlyTheOnePartition) {
  wire::DescribeQuorumRequest request;
  auto& topic = request.topics.emplace_back();
  topic.topic_name = "__cluster_metadata";
  topic.partitions.resize(3);
  const auto answer = ask<wire::DescribeQuorumResponse>(request, 0);
  ASSERT_EQ(answer.topics.size(), 1U);
  ASSERT_EQ(answer.topics[0].partitions.size(), 3U);
  for (const auto& partition : answer.topics[0].partitions) {
    EXPECT_EQ(partition.error_code, ErrorCode::unknown_topic_or_partition);
    EXPECT_TRUE(partition.current_voters.empty());
  }
}

}  // namespace
}  // namespace moldau::node::testing
