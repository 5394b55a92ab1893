// What clients see when the data folder fails under a running node.
#include <gtest/gtest.h>

#include "node/node.h"
#include "record/builder.h"
#include "simulation/broker_client.h"
#include "simulation/node_settings.h"
#include "simulation/world.h"
#include "telemetry/log_sink.h"
#include "wire/messages/fetch.h"
#include "wire/messages/list_offsets.h"
#include "wire/messages/produce.h"

namespace moldau::node {
namespace {

using namespace std::chrono_literals;
using runtime::Task;
using simulation::BrokerConnection;
using wire::ErrorCode;

constexpr PartitionIndex kPartitions = 4;
constexpr const char* kTopic = "events";

// Counts the lines that tell of a failed folder.
class OfflineLines final : public telemetry::Sink {
 public:
  bool enabled(telemetry::Level, std::string_view) const override { return true; }
  void write(const telemetry::Line& line) override {
    if (telemetry::format_text(line).find("the data folder is offline") != std::string::npos) ++count;
  }
  int count = 0;
};

class OfflineFolder : public testing::TestWithParam<unsigned> {
 protected:
  static simulation::Options options() {
    simulation::Options options;
    options.machines = 2;
    options.shards = GetParam();
    return options;
  }
  static config::Settings settings() {
    config::Settings settings = simulation::node_settings();
    settings.bootstrap_topics.push_back({kTopic, kPartitions, 1});
    return settings;
  }

  Task<std::shared_ptr<BrokerConnection>> connect() {
    return BrokerConnection::open(client, {simulation::Fabric::address_of(0), simulation::kNodePort},
                                  [](const std::string& problem) { ADD_FAILURE() << problem; });
  }

  Task<ErrorCode> produce(BrokerConnection& to, PartitionIndex partition) {
    record::BatchBuilder batch(record::BatchFields{});
    const std::string value(1000, 'v');
    batch.append(client.wall_clock().now_ms(), std::nullopt, as_bytes(value));
    wire::ProduceRequest request;
    request.acks = -1;
    request.timeout_ms = 30'000;
    auto& topic = request.topic_data.emplace_back();
    topic.name = kTopic;
    auto& data = topic.partition_data.emplace_back();
    data.index = partition;
    data.records = SliceList{*std::move(batch).build(codecs)};
    const auto answer = co_await to.call<wire::ProduceResponse>(std::move(request), 9, 60s);
    EXPECT_TRUE(answer.has_value());
    co_return answer ? answer->responses.at(0).partition_responses.at(0).error_code
                     : ErrorCode::unknown_server_error;
  }

  Task<ErrorCode> fetch(BrokerConnection& from, PartitionIndex partition, Offset offset,
                        std::int32_t max_wait_ms) {
    wire::FetchRequest request;
    request.max_wait_ms = max_wait_ms;
    request.min_bytes = 1;
    auto& topic = request.topics.emplace_back();
    topic.topic = kTopic;
    auto& wanted = topic.partitions.emplace_back();
    wanted.partition = partition;
    wanted.fetch_offset = offset;
    wanted.partition_max_bytes = 1 << 20;
    const auto answer = co_await from.call<wire::FetchResponse>(std::move(request), 12, 120s);
    EXPECT_TRUE(answer.has_value());
    co_return answer ? answer->responses.at(0).partitions.at(0).error_code : ErrorCode::unknown_server_error;
  }

  simulation::World world{23, options()};
  simulation::Machine& client = world.machine(1);
  record::Codecs codecs;
};

TEST_P(OfflineFolder, AFailedFlushStopsAllLogsAndIsToldOnce) {
  OfflineLines lines;
  const telemetry::ScopedSink installed(lines);
  auto started = world.run(Node::start(world.machine(0).process(), settings(), {.admin = false}));
  ASSERT_TRUE(started.has_value()) << started.error().message;
  auto run = [&]() -> Task<int> {
    const auto connection = co_await connect();
    EXPECT_TRUE(connection != nullptr);
    if (!connection) co_return 0;
    for (PartitionIndex partition = 0; partition < kPartitions; ++partition) {
      EXPECT_EQ(co_await produce(*connection, partition), ErrorCode::none);
    }
    const auto poller = co_await connect();
    auto waiting = fetch(*poller, 3, 1, 60'000);
    // One segment cannot be written; its log only is to blame, but the device is everybody's.
    world.machine(0).drive().fail_next_write(std::string(kTopic) + "-0/");
    const auto began = client.shard(0).now();
    EXPECT_EQ(co_await std::move(waiting), ErrorCode::kafka_storage_error) << "who waits is answered";
    EXPECT_LT(client.shard(0).now() - began, 90s);
    for (PartitionIndex partition = 0; partition < kPartitions; ++partition) {
      EXPECT_EQ(co_await produce(*connection, partition), ErrorCode::kafka_storage_error) << partition;
      EXPECT_EQ(co_await fetch(*connection, partition, 0, 0), ErrorCode::kafka_storage_error) << partition;
    }
    co_return 0;
  };
  world.run(run());
  EXPECT_EQ(lines.count, 1);
  EXPECT_FALSE(world.run((*started)->stop())) << "the folder must not be marked clean";
  started->reset();

  // After a restart everything that was acknowledged is there again.
  world.machine(0).kill();
  world.machine(0).restart();
  auto again = world.run(Node::start(world.machine(0).process(), settings(), {.admin = false}));
  ASSERT_TRUE(again.has_value()) << again.error().message;
  auto check = [&]() -> Task<int> {
    const auto connection = co_await connect();
    EXPECT_TRUE(connection != nullptr);
    if (!connection) co_return 0;
    for (PartitionIndex partition = 0; partition < kPartitions; ++partition) {
      EXPECT_EQ(co_await fetch(*connection, partition, 0, 0), ErrorCode::none);
      EXPECT_EQ(co_await produce(*connection, partition), ErrorCode::none);
    }
    co_return 0;
  };
  world.run(check());
  EXPECT_TRUE(world.run((*again)->stop()));
}

INSTANTIATE_TEST_SUITE_P(Shards, OfflineFolder, testing::Values(1U, 2U));

}  // namespace
}  // namespace moldau::node
