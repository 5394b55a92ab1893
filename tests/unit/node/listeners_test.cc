// NW-11: the addresses that the node tells its clients, also when they have changed since it last ran.
#include "unit/node/one_node.h"
#include "wire/messages/describe_cluster.h"
#include "wire/messages/metadata.h"

namespace moldau::node::testing {
namespace {

using wire::ErrorCode;

class Listeners : public OneNode {
 protected:
  config::Settings advertising(const std::string& host, std::uint16_t port) const {
    config::Settings settings = OneNode::settings();
    settings.listeners.front().advertise = {host, port};
    return settings;
  }
  void expect_address(const std::string& host, std::int32_t port) {
    wire::MetadataRequest request;
    request.topics.emplace().emplace_back().name = kTopic;
    const auto metadata = ask<wire::MetadataResponse>(std::move(request), 9);
    ASSERT_EQ(metadata.brokers.size(), 1U);
    EXPECT_EQ(metadata.brokers[0].host, host);
    EXPECT_EQ(metadata.brokers[0].port, port);
    ASSERT_EQ(metadata.topics.size(), 1U);
    ASSERT_EQ(metadata.topics[0].partitions.size(), 1U);
    EXPECT_EQ(metadata.topics[0].partitions[0].error_code, ErrorCode::none);
    EXPECT_EQ(metadata.topics[0].partitions[0].leader_id, metadata.brokers[0].node_id);
    const auto cluster = ask<wire::DescribeClusterResponse>(wire::DescribeClusterRequest(), 0);
    ASSERT_EQ(cluster.brokers.size(), 1U);
    EXPECT_EQ(cluster.brokers[0].host, host);
    EXPECT_EQ(cluster.brokers[0].port, port);
  }
};

// Bootstrapping needs no more than the address that the client came by.
TEST_F(Listeners, ANameThatNobodyKnowsHereIsToldAsItIs) {
  start(advertising("moldau.example.org", 19092));
  expect_address("moldau.example.org", 19092);
}

TEST_F(Listeners, AChangedAddressReplacesTheOldOne) {
  start(advertising("old.example.org", 9092));
  expect_address("old.example.org", 9092);
  stop();
  start(advertising("new.example.org", 9093));
  expect_address("new.example.org", 9093);
  kill();
  start(advertising("newest.example.org", 9094));
  expect_address("newest.example.org", 9094);
}

}  // namespace
}  // namespace moldau::node::testing
