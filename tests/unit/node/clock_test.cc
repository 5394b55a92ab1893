// NW-12: a wall clock that jumps, back or forth, while the node runs. What waits is measured by the monotonic
// clock; only timestamps and retention see the wall clock.
#include "record/builder.h"
#include "unit/node/one_node.h"
#include "wire/messages/fetch.h"
#include "wire/messages/produce.h"

namespace moldau::node::testing {
namespace {

using wire::ErrorCode;

class JumpingClock : public OneNode, public ::testing::WithParamInterface<std::chrono::hours> {
 protected:
  JumpingClock() { start(); }
  config::Settings settings() const override {
    config::Settings settings = OneNode::settings();
    settings.broker["log.retention.check.interval.ms"] = "5000";
    return settings;
  }

  Task<Offset> produce(BrokerConnection& to, Sequence sequence, TimestampMs timestamp) {
    record::BatchFields fields;
    fields.producer_id = 7;
    fields.producer_epoch = 0;
    fields.base_sequence = sequence;
    record::BatchBuilder batch(fields);
    batch.append(timestamp, std::nullopt, as_bytes("value"));
    wire::ProduceRequest request;
    request.acks = -1;
    request.timeout_ms = 30'000;
    auto& topic = request.topic_data.emplace_back();
    topic.name = kTopic;
    topic.partition_data.emplace_back().records = SliceList{*std::move(batch).build(codecs)};
    const auto answer = co_await to.call<wire::ProduceResponse>(std::move(request), 9, 60s);
    EXPECT_TRUE(answer.has_value());
    if (!answer) co_return kNoOffset;
    const auto& partition = answer->responses.at(0).partition_responses.at(0);
    EXPECT_EQ(partition.error_code, ErrorCode::none);
    co_return partition.base_offset;
  }
  static wire::FetchRequest fetch_from(Offset offset, std::int32_t max_wait_ms) {
    wire::FetchRequest request;
    request.max_wait_ms = max_wait_ms;
    request.min_bytes = 1;
    auto& topic = request.topics.emplace_back();
    topic.topic = kTopic;
    auto& partition = topic.partitions.emplace_back();
    partition.fetch_offset = offset;
    partition.partition_max_bytes = 1 << 20;
    return request;
  }

  record::Codecs codecs;
};

TEST_P(JumpingClock, ChangesNoWaitAndLosesNothing) {
  const TimestampMs true_time = client.wall_clock().now_ms();
  auto run = [&]() -> Task<int> {
    const auto connection = co_await connect();
    EXPECT_EQ(co_await produce(*connection, 0, true_time), 0);
    const auto poller = co_await connect();
    const auto began = client.shard(0).now();
    auto polled = poller->call<wire::FetchResponse>(fetch_from(1, 20'000), 12, 60s);
    world.machine(0).clock().step_wall_clock(GetParam());
    // Neither at once nor an hour later.
    const auto empty = co_await std::move(polled);
    EXPECT_TRUE(empty.has_value());
    EXPECT_GE(client.shard(0).now() - began, 20s);
    EXPECT_LT(client.shard(0).now() - began, 25s);
    EXPECT_FALSE(poller->broken());
    EXPECT_FALSE(connection->broken());
    // Some checks of retention later the record and its producer are still known.
    EXPECT_EQ(co_await produce(*connection, 0, true_time), 0);
    const auto read = co_await poller->call<wire::FetchResponse>(fetch_from(0, 0), 12, 60s);
    EXPECT_TRUE(read.has_value());
    if (read) EXPECT_GT(size_of(*read->responses.at(0).partitions.at(0).records), 0U);
    const TimestampMs broker_time = world.machine(0).wall_clock().now_ms();
    EXPECT_EQ(co_await produce(*connection, 1, broker_time), 1);
    co_return 0;
  };
  world.run(run());
  stop();
  start();
  auto check = [&]() -> Task<int> {
    const auto connection = co_await connect();
    EXPECT_EQ(co_await produce(*connection, 1, true_time), 1) << "still known after a restart";
    co_return 0;
  };
  world.run(check());
}

INSTANTIATE_TEST_SUITE_P(Jumps, JumpingClock, ::testing::Values(1h, -1h, 23h));

}  // namespace
}  // namespace moldau::node::testing
