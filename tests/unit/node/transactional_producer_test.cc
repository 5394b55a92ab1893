// The client library's transactions on a node of ours, of both versions: what is seen, what is not, who is
// fenced, and what becomes of a transaction whose node goes away.
#include "client/transactional_producer.h"

#include "client/admin.h"
#include "client/consumer.h"
#include "unit/node/one_node.h"

namespace moldau::node::testing {
namespace {

using client::Outcome;
using client::TransactionalProducer;
using ProducerPtr = std::unique_ptr<TransactionalProducer>;

constexpr const char* kOut = "out";
constexpr int kPartitions = 3;

// The parameter: transaction.version of the cluster.
class TransactionalProducers : public OneNode, public ::testing::WithParamInterface<std::int16_t> {
 protected:
  TransactionalProducers() {
    start(with_topics());
    client::ClusterOptions options;
    options.bootstrap = {{simulation::Fabric::address_of(0), kNodePort}};
    cluster = std::make_unique<client::ClusterClient>(client.process(), 0, options);
    if (GetParam() == 2) return;
    client::AdminCore admin(*cluster);
    const auto updated = world.run(admin.update_features(
        {{.name = "transaction.version", .level = 1, .kind = client::FeatureUpgrade::safe_downgrade}}));
    EXPECT_TRUE(updated.has_value() && updated->front().second.has_value());
  }
  ~TransactionalProducers() override {
    for (auto& one : producers) world.run(one->close(client.process().shard(0).now() + 20s));
    world.run(cluster->close());
    producers.clear();
    cluster.reset();
  }
  config::Settings with_topics() const {
    config::Settings settings = OneNode::settings();
    settings.bootstrap_topics.push_back({kOut, kPartitions, 1});
    return settings;
  }

  TransactionalProducer& open(const std::string& id = "t", client::ProducerOptions options = {}) {
    auto opened = world.run(TransactionalProducer::open(*cluster, options, {.id = id}));
    EXPECT_TRUE(opened.has_value()) << opened.error().to_string();
    producers.push_back(std::move(*opened));
    return *producers.back();
  }
  Outcome<client::RecordMetadata> send(TransactionalProducer& to, const std::string& value,
                                       PartitionIndex partition = 0) {
    return world.run(to.records().deliver({.topic = kOut, .partition = partition, .value = as_bytes(value)}));
  }
  // What a reader of committed records has seen when it is at the end of the topic.
  std::vector<std::string> seen(client::Isolation isolation = client::Isolation::read_committed) {
    std::vector<std::string> values;
    auto read = [&]() -> Task<void> {
      client::ConsumerCore consumer(*cluster, {.isolation = isolation});
      for (PartitionIndex i = 0; i < kPartitions; ++i) consumer.assign(kOut, i, client::StartAt::beginning());
      const auto at_end = [&] {
        for (PartitionIndex i = 0; i < kPartitions; ++i)
          if (!consumer.at_end(kOut, i)) return false;
        return true;
      };
      const auto deadline = client.process().shard(0).now() + 30s;
      while (!at_end() && client.process().shard(0).now() < deadline) {
        const auto lots = co_await consumer.poll(client.process().shard(0).now() + 100ms);
        EXPECT_TRUE(lots.has_value()) << lots.error().to_string();
        if (!lots) break;
        for (const auto& lot : *lots)
          for (const auto& record : lot.records) values.emplace_back(as_text(*record.value));
      }
      EXPECT_TRUE(at_end());
      co_await consumer.close();
    };
    world.run(read());
    std::ranges::sort(values);
    return values;
  }
  bool comes_to_be_seen(std::vector<std::string> expected) {
    for (int tries = 0; tries < 50; ++tries)
      if (seen() == expected) return true;
    return seen() == expected;
  }
  std::map<TopicPartition, Offset> committed(const std::string& group) {
    std::map<TopicPartition, Offset> offsets;
    const auto listed = world.run(client::AdminCore(*cluster).list_group_offsets(group));
    EXPECT_TRUE(listed.has_value());
    for (const auto& [partition, offset] : *listed) offsets[partition] = offset->offset;
    return offsets;
  }

  std::unique_ptr<client::ClusterClient> cluster;
  std::vector<ProducerPtr> producers;
};
INSTANTIATE_TEST_SUITE_P(Versions, TransactionalProducers, ::testing::Values(1, 2),
                         [](const auto& of) { return "Version" + std::to_string(of.param); });

using Values = std::vector<std::string>;

TEST_P(TransactionalProducers, WhatIsCommittedIsSeenTogether) {
  TransactionalProducer& producer = open();
  ProducerEpoch epoch = producer.producer_epoch();
  Values expected;
  for (int round = 0; round < 3; ++round) {
    ASSERT_TRUE(producer.begin().has_value());
    for (int i = 0; i < kPartitions; ++i) {
      expected.push_back(std::to_string(round) + "-" + std::to_string(i));
      const auto sent = send(producer, expected.back(), i);
      ASSERT_TRUE(sent.has_value()) << sent.error().to_string();
    }
    const auto done = world.run(producer.commit());
    ASSERT_TRUE(done.has_value()) << done.error().to_string();
    ASSERT_TRUE(comes_to_be_seen(expected));
    EXPECT_EQ(producer.producer_epoch() > epoch, GetParam() == 2) << "an epoch for each transaction, or one";
    epoch = producer.producer_epoch();
  }
}

TEST_P(TransactionalProducers, WhatIsAbortedIsNotSeen) {
  TransactionalProducer& producer = open();
  ASSERT_TRUE(producer.begin().has_value());
  ASSERT_TRUE(send(producer, "gone").has_value());
  EXPECT_TRUE(seen().empty());
  EXPECT_EQ(seen(client::Isolation::read_uncommitted), Values{"gone"});
  ASSERT_TRUE(world.run(producer.abort()).has_value());
  ASSERT_TRUE(producer.begin().has_value());
  ASSERT_TRUE(send(producer, "stays").has_value());
  ASSERT_TRUE(world.run(producer.commit()).has_value());
  EXPECT_TRUE(comes_to_be_seen({"stays"}));
}

TEST_P(TransactionalProducers, WhatIsQueuedIsSentByTheCommitAndDroppedByTheAbort) {
  client::ProducerOptions lazy;
  lazy.linger = 60s;
  TransactionalProducer& producer = open("t", lazy);
  std::vector<Outcome<client::RecordMetadata>> outcomes;
  const auto queue = [&](const std::string& value) {
    client::DeliveryCallback note = [&](const Outcome<client::RecordMetadata>& one) {
      outcomes.push_back(one);
    };
    return world.run(
        producer.records().send({.topic = kOut, .partition = 1, .value = as_bytes(value)}, std::move(note)));
  };
  ASSERT_TRUE(producer.begin().has_value());
  ASSERT_TRUE(queue("one").has_value());
  ASSERT_TRUE(world.run(producer.commit()).has_value());
  ASSERT_EQ(outcomes.size(), 1u);
  EXPECT_TRUE(outcomes[0].has_value());
  ASSERT_TRUE(producer.begin().has_value());
  ASSERT_TRUE(queue("two").has_value());
  ASSERT_TRUE(world.run(producer.abort()).has_value());
  ASSERT_EQ(outcomes.size(), 2u);
  EXPECT_EQ(outcomes[1].error().code, Errc::cancelled);
  ASSERT_TRUE(producer.begin().has_value());
  ASSERT_TRUE(queue("three").has_value());
  ASSERT_TRUE(world.run(producer.commit()).has_value());
  EXPECT_TRUE(comes_to_be_seen({"one", "three"}));
}

TEST_P(TransactionalProducers, OffsetsBelongToTheTransaction) {
  TransactionalProducer& producer = open();
  const TopicPartition input{kTopic, 0};
  ASSERT_TRUE(producer.begin().has_value());
  ASSERT_TRUE(world.run(producer.send_offsets({.group_id = "g"}, {{input, {.offset = 5}}})).has_value());
  ASSERT_TRUE(world.run(producer.abort()).has_value());
  EXPECT_TRUE(committed("g").empty());
  ASSERT_TRUE(producer.begin().has_value());
  ASSERT_TRUE(send(producer, "five").has_value());
  ASSERT_TRUE(world.run(producer.send_offsets({.group_id = "g"}, {{input, {.offset = 5}}})).has_value());
  ASSERT_TRUE(world.run(producer.commit()).has_value());
  ASSERT_TRUE(world.run_until([&] { return committed("g").size() == 1u; }, 30s));
  EXPECT_EQ(committed("g").at(input), 5);
}

TEST_P(TransactionalProducers, AMemberThatTheGroupDoesNotKnowFailsTheTransaction) {
  TransactionalProducer& producer = open();
  ASSERT_TRUE(producer.begin().has_value());
  ASSERT_TRUE(send(producer, "not seen").has_value());
  const client::GroupIdentity stranger{.group_id = "g", .generation = 3, .member_id = "nobody"};
  const auto sent = world.run(producer.send_offsets(stranger, {{{kTopic, 0}, {.offset = 5}}}));
  ASSERT_FALSE(sent.has_value());
  EXPECT_FALSE(world.run(producer.commit()).has_value()) << "it can only be aborted";
  ASSERT_TRUE(world.run(producer.abort()).has_value());
  EXPECT_TRUE(seen().empty());
  ASSERT_TRUE(producer.begin().has_value());
  ASSERT_TRUE(send(producer, "seen").has_value());
  ASSERT_TRUE(world.run(producer.commit()).has_value());
  EXPECT_TRUE(comes_to_be_seen({"seen"}));
}

TEST_P(TransactionalProducers, ANewerOneFencesTheOlder) {
  TransactionalProducer& older = open();
  ASSERT_TRUE(older.begin().has_value());
  ASSERT_TRUE(send(older, "of the older").has_value());
  TransactionalProducer& newer = open();
  const auto committed = world.run(older.commit());
  ASSERT_FALSE(committed.has_value());
  EXPECT_FALSE(committed.error().retriable);
  EXPECT_FALSE(committed.error().hint.empty());
  EXPECT_FALSE(world.run(older.abort()).has_value());
  EXPECT_FALSE(older.begin().has_value()) << "for good";
  ASSERT_TRUE(newer.begin().has_value());
  ASSERT_TRUE(send(newer, "of the newer").has_value());
  ASSERT_TRUE(world.run(newer.commit()).has_value());
  EXPECT_TRUE(comes_to_be_seen({"of the newer"}));
}

TEST_P(TransactionalProducers, CallsOutOfTurnAreRefused) {
  TransactionalProducer& producer = open();
  EXPECT_EQ(send(producer, "too early").error().code, Errc::invalid_argument);
  EXPECT_EQ(world.run(producer.commit()).error().code, Errc::invalid_argument);
  EXPECT_TRUE(world.run(producer.abort()).has_value()) << "there is nothing to abort";
  EXPECT_FALSE(
      world.run(producer.send_offsets({.group_id = "g"}, {{{kTopic, 0}, {.offset = 1}}})).has_value());
  ASSERT_TRUE(producer.begin().has_value());
  EXPECT_EQ(producer.begin().error().code, Errc::invalid_argument);
  ASSERT_TRUE(world.run(producer.commit()).has_value()) << "an empty one";
  const auto nameless = world.run(TransactionalProducer::open(*cluster, {}, {}));
  ASSERT_FALSE(nameless.has_value());
  const auto unsafe = world.run(TransactionalProducer::open(*cluster, {.idempotent = false}, {.id = "u"}));
  ASSERT_FALSE(unsafe.has_value());
}

TEST_P(TransactionalProducers, ARecordThatCannotBeSentFailsTheTransaction) {
  client::ProducerOptions hasty;
  hasty.delivery_timeout = 3s;
  hasty.linger = 0s;
  TransactionalProducer& producer = open("t", hasty);
  ASSERT_TRUE(producer.begin().has_value());
  ASSERT_TRUE(send(producer, "first").has_value());
  stop();
  EXPECT_FALSE(send(producer, "lost").has_value());
  start(with_topics());
  EXPECT_FALSE(world.run(producer.commit()).has_value());
  Outcome<void> aborted;
  ASSERT_TRUE(world.run_until([&] { return (aborted = world.run(producer.abort())).has_value(); }, 60s))
      << aborted.error().to_string();
  EXPECT_TRUE(seen().empty());
  ASSERT_TRUE(producer.begin().has_value());
  ASSERT_TRUE(send(producer, "again").has_value());
  ASSERT_TRUE(world.run(producer.commit()).has_value());
  EXPECT_TRUE(comes_to_be_seen({"again"}));
}

TEST_P(TransactionalProducers, GoOnAfterTheNodeWasKilled) {
  TransactionalProducer& producer = open();
  ASSERT_TRUE(producer.begin().has_value());
  ASSERT_TRUE(send(producer, "before", 0).has_value());
  kill();
  start(with_topics());
  const auto sent = send(producer, "after", 1);
  ASSERT_TRUE(sent.has_value()) << sent.error().to_string();
  const auto done = world.run(producer.commit());
  ASSERT_TRUE(done.has_value()) << done.error().to_string();
  EXPECT_TRUE(comes_to_be_seen({"after", "before"}));
}

}  // namespace
}  // namespace moldau::node::testing
