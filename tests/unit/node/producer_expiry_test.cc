// When what is known of an idempotent producer is forgotten (producer.id.expiration.ms, RE-06, TX-13).
#include "record/builder.h"
#include "unit/node/one_node.h"
#include "wire/messages/describe_producers.h"
#include "wire/messages/incremental_alter_configs.h"
#include "wire/messages/produce.h"

namespace moldau::node::testing {
namespace {

using wire::ErrorCode;

constexpr ProducerId kProducer = 7;

class ProducerExpiry : public OneNode {
 protected:
  config::Settings settings() const override {
    config::Settings settings = OneNode::settings();
    settings.broker["log.retention.check.interval.ms"] = "5000";
    settings.broker["log.message.timestamp.before.max.ms"] = std::to_string(INT64_MAX);
    for (const auto& [name, value] : more_settings) settings.broker[name] = value;
    return settings;
  }
  Offset produce(TimestampMs timestamp) {
    record::BatchFields fields;
    fields.producer_id = kProducer;
    fields.producer_epoch = 0;
    fields.base_sequence = 0;
    record::BatchBuilder batch(fields);
    batch.append(timestamp, std::nullopt, as_bytes("value"));
    wire::ProduceRequest request;
    request.acks = -1;
    request.timeout_ms = 30'000;
    auto& topic = request.topic_data.emplace_back();
    topic.name = kTopic;
    topic.partition_data.emplace_back().records = SliceList{*std::move(batch).build(codecs)};
    const auto answer = ask<wire::ProduceResponse>(std::move(request), 9);
    const auto& partition = answer.responses.at(0).partition_responses.at(0);
    EXPECT_EQ(partition.error_code, ErrorCode::none);
    return partition.base_offset;
  }
  std::size_t known_producers() {
    wire::DescribeProducersRequest request;
    auto& topic = request.topics.emplace_back();
    topic.name = kTopic;
    topic.partition_indexes = {0};
    return ask<wire::DescribeProducersResponse>(std::move(request), 0)
        .topics.at(0)
        .partitions.at(0)
        .active_producers.size();
  }

  config::ConfigMap more_settings;
  record::Codecs codecs;
};

TEST_F(ProducerExpiry, HappensAfterTheTimeThatIsSet) {
  more_settings["producer.id.expiration.ms"] = "60000";
  start();
  produce(world.wall_clock().now_ms());
  world.run_for(50s);
  EXPECT_EQ(known_producers(), 1U);
  world.run_for(30s);
  EXPECT_EQ(known_producers(), 0U);
}

TEST_F(ProducerExpiry, FollowsAChangeOfTheClustersConfig) {
  start();
  produce(world.wall_clock().now_ms());
  world.run_for(80s);
  EXPECT_EQ(known_producers(), 1U) << "a day is the default";
  wire::IncrementalAlterConfigsRequest change;
  auto& resource = change.resources.emplace_back();
  resource.resource_type = 4;
  auto& config = resource.configs.emplace_back();
  config.name = "producer.id.expiration.ms";
  config.value = "60000";
  const auto answer = ask<wire::IncrementalAlterConfigsResponse>(std::move(change), 1);
  EXPECT_EQ(answer.responses.at(0).error_code, ErrorCode::none);
  world.run_for(20s);
  EXPECT_EQ(known_producers(), 0U);
}

// A client copies old records: their timestamps say nothing of when it was here.
TEST_F(ProducerExpiry, IsCountedFromTheLastAppendAndNotFromTheTimestampsOfTheRecords) {
  start();
  const TimestampMs last_year = world.wall_clock().now_ms() - 365LL * 86'400'000;
  EXPECT_EQ(produce(last_year), 0);
  world.run_for(60s);
  EXPECT_EQ(produce(last_year), 0) << "sent again after some checks of retention";
}

}  // namespace
}  // namespace moldau::node::testing
