// The active controller on a quorum of its own: what it commits, and in which order.
#include "node/active_controller.h"

#include <gtest/gtest.h>

#include "controller/features.h"
#include "simulation/world.h"

namespace moldau::node {
namespace {

using namespace std::chrono_literals;
using wire::ErrorCode;

constexpr TopicId kTopicId{7, 7};
constexpr PartitionIndex kPartitions = 5;

class ActiveControllerTest : public ::testing::Test {
 protected:
  ~ActiveControllerTest() override {
    world.run(active->stop());
    static_cast<void>(world.run(quorum->close()));
    world.run(peers.close());
  }

  void start(ActiveControllerOptions options) {
    quorum::QuorumOptions on;
    on.directory = "/data/__cluster_metadata-0";
    on.self = {1, {5, 5}};
    on.cluster_id = "cluster";
    on.bootstrap = controller::bootstrap_records("cluster");
    quorum = std::move(*world.run(quorum::MetadataQuorum::open(world, 0, on)));
    quorum->subscribe([this](const quorum::Published& published) { applied.publish(published.image); });
    local = std::make_unique<LocalQuorum>(world.shard(0), *quorum, transport, "cluster", 1);
    active = std::make_unique<ActiveController>(world, *quorum, *local, controller::Controller({}), options);
    active->set_applied(applied);
    active->start();
    ASSERT_TRUE(world.run(quorum->becomes_active(world.now() + 10s)));
  }
  // Brokers 1 and 2, of which the second leads a topic.
  void two_brokers() {
    std::vector<metadata::Record> records;
    for (const NodeId id : {1, 2})
      records.push_back(metadata::RegisterBrokerRecord{
          .broker_id = id, .broker_epoch = epoch_of(id), .incarnation_id = {8, 8}, .fenced = false});
    records.push_back(metadata::TopicRecord{"events", kTopicId});
    for (PartitionIndex index = 0; index < kPartitions; ++index)
      records.push_back(metadata::PartitionRecord{
          .topic_id = kTopicId, .partition = index, .replicas = {2, 1}, .isr = {2, 1}, .leader = 2});
    ASSERT_TRUE(world.run(quorum->submit(std::move(records))));
  }
  static metadata::BrokerEpoch epoch_of(NodeId broker) { return 100 + broker; }
  wire::BrokerHeartbeatRequest heartbeat_of(NodeId broker) {
    wire::BrokerHeartbeatRequest request;
    request.broker_id = broker;
    request.broker_epoch = epoch_of(broker);
    request.current_metadata_offset = 1000;
    return request;
  }

  simulation::World world{1};
  peer::PeerClient peers{world.shard(0), world.network(0), Random(1)};
  peer::QuorumTransport transport{peers, {}};
  replication::ImageHolder applied{world.shard(0)};
  std::unique_ptr<quorum::MetadataQuorum> quorum;
  std::unique_ptr<LocalQuorum> local;
  std::unique_ptr<ActiveController> active;
};

TEST_F(ActiveControllerTest, NobodysChangeComesBetweenThePiecesOfALargeOne) {
  start({.max_records_at_once = 2});
  two_brokers();
  const Offset before = quorum->next_offset();
  wire::BrokerHeartbeatRequest leaving = heartbeat_of(2);
  leaving.want_fence = true;
  auto fenced = active->ask(leaving);
  EXPECT_EQ(quorum->next_offset(), before + kPartitions + 1)
      << "every piece is submitted before any is written";
  EXPECT_EQ(quorum->image()->end_offset(), before) << "none is committed yet";

  // Who asks now is judged by the whole of it.
  wire::AlterPartitionRequest stale;
  stale.broker_id = 2;
  stale.broker_epoch = epoch_of(2);
  auto& partition = stale.topics.emplace_back(wire::AlterPartitionRequest::Topic{.topic_id = kTopicId})
                        .partitions.emplace_back();
  partition.partition_index = kPartitions - 1;
  partition.new_isr_with_epochs = {{2, epoch_of(2)}};
  auto altered = active->ask(stale);

  EXPECT_TRUE(world.run(std::move(fenced)).is_fenced);
  EXPECT_NE(world.run(std::move(altered)).topics.at(0).partitions.at(0).error_code, ErrorCode::none);
  EXPECT_TRUE(quorum->image()->broker(2)->fenced);
  for (const auto& state : quorum->image()->topic(kTopicId)->partitions) EXPECT_EQ(state->leader, 1);
}

TEST_F(ActiveControllerTest, WithoutALeadershipNothingIsCommitted) {
  start({});
  two_brokers();
  world.power_loss();
  world.run_for(1s);
  wire::BrokerHeartbeatRequest leaving = heartbeat_of(2);
  leaving.want_fence = true;
  EXPECT_NE(world.run(active->ask(leaving)).error_code, ErrorCode::none);
}

// --- registrations

class RegistrationTest : public ActiveControllerTest {
 protected:
  ErrorCode register_as(NodeId broker, Uuid incarnation) {
    wire::BrokerRegistrationRequest request;
    request.broker_id = broker;
    request.cluster_id = "cluster";
    request.incarnation_id = incarnation;
    request.log_dirs = {{9, static_cast<std::uint64_t>(1000 + broker)}};
    request.listeners.push_back({"PLAINTEXT", "127.0.0.1", 9092, 0});
    for (const metadata::SupportedFeature& feature : controller::supported_features())
      request.features.push_back({feature.name, feature.min_level, feature.max_level});
    return world.run(active->ask(std::move(request))).error_code;
  }
};

TEST_F(RegistrationTest, ABrokerThatRestartsWithItsControllerNeedNotWaitForTheSessionOfTheOneBefore) {
  const Uuid own{3, 3};
  start({.incarnation_id = own});
  ASSERT_EQ(register_as(1, {4, 4}), ErrorCode::none);
  EXPECT_EQ(register_as(1, {5, 5}), ErrorCode::duplicate_broker_registration) << "another process's";
  EXPECT_EQ(register_as(1, own), ErrorCode::none);
  EXPECT_TRUE(quorum->image()->broker(1)->fenced) << "until its heartbeats say that it has caught up";
  EXPECT_EQ(quorum->image()->broker(1)->incarnation_id, own);
}

// --- partitions without a leader

class UncleanTest : public ActiveControllerTest {
 protected:
  // Broker 2 was the last in sync, and is gone for good.
  void lose_the_leader() {
    start({.session_timeout = 1h});
    two_brokers();
    std::vector<metadata::Record> records;
    for (PartitionIndex index = 0; index < kPartitions; ++index)
      records.push_back(metadata::PartitionChangeRecord{
          .topic_id = kTopicId, .partition = index, .isr = std::vector<NodeId>{2}, .leader = kNoNode});
    records.push_back(metadata::BrokerRegistrationChangeRecord{2, epoch_of(2), true, {}, {}});
    ASSERT_TRUE(world.run(quorum->submit(std::move(records))));
    world.run_for(10s);
    ASSERT_FALSE(led());
  }
  bool led() {
    return std::ranges::all_of(quorum->image()->topic(kTopicId)->partitions,
                               [](const auto& state) { return state->leader == 1; });
  }
  void set(std::int8_t type, std::string name, std::string key, std::string value) {
    wire::IncrementalAlterConfigsRequest request;
    auto& resource = request.resources.emplace_back();
    resource.resource_type = type;
    resource.resource_name = std::move(name);
    resource.configs.push_back({.name = std::move(key), .config_operation = 0, .value = std::move(value)});
    const auto response = world.run(active->ask(request));
    ASSERT_EQ(response.responses.at(0).error_code, ErrorCode::none)
        << response.responses.at(0).error_message.value_or("");
  }
  static constexpr std::int8_t kTopic = 2;
  static constexpr std::int8_t kBroker = 4;
};

TEST_F(UncleanTest, RP_16_ALeaderIsElectedAsSoonAsTheTopicAllowsIt) {
  lose_the_leader();
  set(kTopic, "events", "retention.ms", "1000000");
  world.run_for(10s);
  EXPECT_FALSE(led());
  set(kTopic, "events", "unclean.leader.election.enable", "true");
  EXPECT_TRUE(world.run_until([&] { return led(); }, 100ms));
}

TEST_F(UncleanTest, RP_16_OrTheClusterDoes) {
  lose_the_leader();
  set(kBroker, "", "unclean.leader.election.enable", "true");
  EXPECT_TRUE(world.run_until([&] { return led(); }, 100ms));
}

TEST_F(UncleanTest, RP_15_NotWhenItIsForbidden) {
  lose_the_leader();
  set(kTopic, "events", "unclean.leader.election.enable", "false");
  set(kBroker, "", "unclean.leader.election.enable", "true");
  world.run_for(10s);
  EXPECT_FALSE(led());
}

}  // namespace
}  // namespace moldau::node
