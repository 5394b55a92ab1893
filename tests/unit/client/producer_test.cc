#include "client/producer.h"

#include <algorithm>

#include "fixture.h"
#include "wire/murmur2.h"

namespace moldau::client {
namespace {

using Kind = FakeBroker::Script::Kind;
using wire::ApiKey;
using wire::ErrorCode;

class ProducerTest : public ClientTest {
 protected:
  ProducerTest() {
    cluster_.add_topic("t", 3);
    client();
  }

  // Sends values "0" to "n-1" to one partition and waits for all of them.
  void send_numbers(ProducerCore& producer, int count, PartitionIndex partition = 0) {
    for (int i = 0; i < count; ++i) {
      const std::string value = std::to_string(i);
      ASSERT_TRUE(world_.run(producer.send(record("t", value, partition), collect())));
    }
    world_.run(producer.flush());
  }
  DeliveryCallback collect() {
    return [this, index = collected_++](const Outcome<RecordMetadata>& outcome) {
      EXPECT_TRUE(outcomes_.emplace(index, outcome).second) << "a callback was called twice";
    };
  }
  static std::vector<std::string> numbers(int count) {
    std::vector<std::string> values;
    for (int i = 0; i < count; ++i) values.push_back(std::to_string(i));
    return values;
  }
  void close(ProducerCore& producer) { world_.run(producer.close(in(1min))); }

  void forget_outcomes() {
    outcomes_.clear();
    collected_ = 0;
  }

  // By the order of sending. Answers of several requests may be taken in any order in the simulator.
  std::map<std::size_t, Outcome<RecordMetadata>> outcomes_;
  std::size_t collected_ = 0;
};

TEST_F(ProducerTest, DeliversInOrderWithOffsets) {
  auto sender = producer();
  send_numbers(*sender, 100);
  close(*sender);
  EXPECT_EQ(values_in("t"), numbers(100));
  ASSERT_EQ(outcomes_.size(), 100u);
  for (std::size_t i = 0; i < 100; ++i) {
    ASSERT_TRUE(outcomes_.at(i));
    EXPECT_EQ(outcomes_.at(i)->offset, static_cast<Offset>(i));
  }
  EXPECT_EQ(sender->buffered_bytes(), 0u);
  EXPECT_EQ(broker().count(ApiKey::init_producer_id), 1u);
}

TEST_F(ProducerTest, KeysChooseThePartitionAsJavaDoes) {
  auto sender = producer();
  for (const std::string key : {"21", "foobar", "abc"}) {
    NewRecord record{.topic = "t", .key = as_bytes(key), .value = as_bytes("v")};
    const auto delivered = world_.run(sender->deliver(record));
    ASSERT_TRUE(delivered);
    EXPECT_EQ(delivered->partition, wire::partition_for_key(as_bytes(key), 3));
  }
  close(*sender);
}

TEST_F(ProducerTest, RecordsWithoutKeyStickToAPartitionForABatch) {
  auto sender = producer({.batch_size = 1000, .linger = 10ms});
  const std::string value(90, 'x');
  for (int i = 0; i < 300; ++i) {
    ASSERT_TRUE(world_.run(sender->send({.topic = "t", .value = as_bytes(value)})));
  }
  world_.run(sender->flush());
  std::size_t used = 0;
  for (PartitionIndex p = 0; p < 3; ++p) used += !cluster_.partition("t", p).batches.empty();
  EXPECT_GT(used, 1u);
  EXPECT_LT(sender->counters().batches_sent, 60u);
  close(*sender);
}

TEST_F(ProducerTest, EveryCompressionArrives) {
  for (const auto codec :
       {record::Codec::gzip, record::Codec::snappy, record::Codec::lz4, record::Codec::zstd}) {
    cluster_.partition("t", 0) = {};
    auto sender = producer({.compression = {.codec = codec}});
    send_numbers(*sender, 50);
    close(*sender);
    EXPECT_EQ(values_in("t"), numbers(50));
    EXPECT_EQ(record::BatchView::trusted(cluster_.partition("t", 0).batches[0]).codec(), codec);
  }
}

TEST_F(ProducerTest, ALostAnswerDoesNotDuplicate) {
  int dropped = 0;
  broker().hook = [&](const wire::RequestFrame& request) -> std::optional<FakeBroker::Script> {
    if (request.header.api_key != ApiKey::produce || dropped >= 6 || world_.random().one_in(2))
      return std::nullopt;
    ++dropped;
    return FakeBroker::Script{.kind = dropped % 2 == 0 ? Kind::drop_connection : Kind::drop_after_apply};
  };
  auto sender = producer({.batch_size = 100, .linger = 0ms});
  send_numbers(*sender, 300);
  close(*sender);
  EXPECT_EQ(values_in("t"), numbers(300));
  EXPECT_EQ(outcomes_.size(), 300u);
  EXPECT_GT(dropped, 0);
  EXPECT_GT(sender->counters().retries, 0u);
}

TEST_F(ProducerTest, OrderSurvivesRetriableErrorsInTheMiddle) {
  int left = 20;
  broker().produce_error = [&](const auto&, const auto&) -> std::optional<ErrorCode> {
    if (left == 0 || !world_.random().one_in(3)) return std::nullopt;
    --left;
    return ErrorCode::not_enough_replicas;
  };
  auto sender = producer({.batch_size = 120, .linger = 0ms});
  std::vector<Task<Outcome<void>>> sends;
  const auto values = numbers(400);
  for (const std::string& value : values) sends.push_back(sender->send(record("t", value), collect()));
  for (auto& send : sends) EXPECT_TRUE(world_.run(std::move(send)));
  close(*sender);
  EXPECT_EQ(values_in("t"), values);
  for (std::size_t i = 0; i < outcomes_.size(); ++i) {
    ASSERT_TRUE(outcomes_.at(i));
    EXPECT_EQ(outcomes_.at(i)->offset, static_cast<Offset>(i));
  }
}

TEST_F(ProducerTest, FollowsTheLeaderHint) {
  FakeBroker& second = add_broker();
  auto sender = producer();
  send_numbers(*sender, 1);
  cluster_.partition("t", 0).leader = 1;
  cluster_.partition("t", 0).epoch = 2;
  send_numbers(*sender, 1);
  EXPECT_EQ(values_in("t"), (std::vector<std::string>{"0", "0"}));
  EXPECT_EQ(second.count(ApiKey::produce), 1u);
  close(*sender);
}

TEST_F(ProducerTest, FollowsTheLeaderWithoutHints) {
  FakeBroker& second = add_broker();
  broker().hints = false;
  auto sender = producer();
  send_numbers(*sender, 1);
  cluster_.partition("t", 0).leader = 1;
  cluster_.partition("t", 0).epoch = 2;
  send_numbers(*sender, 1);
  for (const auto& [index, outcome] : outcomes_) EXPECT_TRUE(outcome) << outcome.error().to_string();
  EXPECT_EQ(second.count(ApiKey::produce), 1u);
  close(*sender);
}

TEST_F(ProducerTest, ARefusedRecordFailsAloneAndTheRestGoesOn) {
  bool refused = false;
  broker().produce_error = [&](const auto&, const auto&) -> std::optional<ErrorCode> {
    return std::exchange(refused, true) ? std::nullopt : std::optional(ErrorCode::invalid_record);
  };
  auto sender = producer({.batch_size = 100, .linger = 0ms});
  send_numbers(*sender, 200);
  close(*sender);
  ASSERT_EQ(outcomes_.size(), 200u);
  const auto failed =
      static_cast<std::size_t>(std::ranges::count_if(outcomes_, [](const auto& o) { return !o.second; }));
  EXPECT_GT(failed, 0u);
  EXPECT_LT(failed, 10u);
  EXPECT_FALSE(outcomes_.at(0));
  EXPECT_EQ(outcomes_.at(0).error().broker, ErrorCode::invalid_record);
  auto expected = numbers(200);
  expected.erase(expected.begin(), expected.begin() + static_cast<std::ptrdiff_t>(failed));
  EXPECT_EQ(values_in("t"), expected);
}

TEST_F(ProducerTest, AMissingPastIsMetWithANewEpoch) {
  auto sender = producer({.linger = 0ms});
  send_numbers(*sender, 3);
  // The broker forgets what it had: it expects sequence 0 again.
  for (auto& [id, state] : cluster_.partition("t", 0).producers) state = {.epoch = state.epoch, .next = 0};
  send_numbers(*sender, 3);
  close(*sender);
  EXPECT_EQ(cluster_.partition("t", 0).end, 6);
  const auto last = record::BatchView::trusted(cluster_.partition("t", 0).batches.back());
  EXPECT_EQ(last.producer_epoch(), 1);
}

TEST_F(ProducerTest, DeliveryTimesOutWithTheLastCause) {
  broker().produce_error = [](const auto&, const auto&) {
    return std::optional(ErrorCode::not_enough_replicas);
  };
  auto sender = producer({.delivery_timeout = 5s});
  send_numbers(*sender, 1);
  ASSERT_EQ(outcomes_.size(), 1u);
  ASSERT_FALSE(outcomes_.at(0));
  EXPECT_EQ(outcomes_.at(0).error().code, Errc::timed_out);
  EXPECT_NE(outcomes_.at(0).error().cause.find("NOT_ENOUGH_REPLICAS"), std::string::npos);
  EXPECT_LT(world_.elapsed(), 10s);
  close(*sender);
}

TEST_F(ProducerTest, FullMemoryHoldsTheSenderBack) {
  broker().hook = [](const wire::RequestFrame& request) {
    return request.header.api_key == ApiKey::produce
               ? std::optional(FakeBroker::Script{.kind = Kind::never_answer})
               : std::nullopt;
  };
  auto sender =
      producer({.max_request_size = 4000, .buffer_memory = 4000, .max_block = 2s, .delivery_timeout = 10s});
  const std::string value(1000, 'x');
  ASSERT_TRUE(world_.run(sender->send(record("t", value))));
  DeliveryCallback none;
  for (int i = 0; i < 2; ++i) {
    EXPECT_EQ(sender->try_send(record("t", value), none), ProducerCore::Queued::queued);
  }
  EXPECT_EQ(sender->try_send(record("t", value), none), ProducerCore::Queued::would_block);
  const auto blocked = world_.run(sender->send(record("t", value)));
  ASSERT_FALSE(blocked);
  EXPECT_EQ(blocked.error().code, Errc::timed_out);
  EXPECT_LE(sender->buffered_bytes(), 4000u);
  broker().hook = nullptr;
  close(*sender);
}

TEST_F(ProducerTest, AnUnknownTopicTimesOut) {
  auto sender = producer({.max_block = 2s});
  const auto sent = world_.run(sender->send(record("missing", "x")));
  ASSERT_FALSE(sent);
  EXPECT_EQ(sent.error().code, Errc::timed_out);
  EXPECT_NE(sent.error().cause.find("missing"), std::string::npos);
  const auto out_of_range = world_.run(sender->send(record("t", "x", 9)));
  ASSERT_FALSE(out_of_range);
  EXPECT_EQ(out_of_range.error().code, Errc::not_found);
  close(*sender);
}

TEST_F(ProducerTest, ATopicThatAppearsLaterGetsItsRecordsInOrder) {
  auto sender = producer();
  std::vector<Task<Outcome<void>>> sends;
  const auto values = numbers(20);
  for (const auto& value : values) sends.push_back(sender->send(record("late", value)));
  world_.run_for(1s);
  cluster_.add_topic("late", 1);
  for (auto& send : sends) EXPECT_TRUE(world_.run(std::move(send)));
  close(*sender);
  EXPECT_EQ(values_in("late"), values);
}

TEST_F(ProducerTest, AcksZeroAndOneNeedNoIdempotence) {
  for (const std::int16_t acks : {0, 1}) {
    cluster_.partition("t", 0) = {};
    forget_outcomes();
    auto sender = producer({.acks = acks, .idempotent = false});
    send_numbers(*sender, 10);
    close(*sender);
    world_.run_for(1s);
    EXPECT_EQ(values_in("t"), numbers(10));
    ASSERT_EQ(outcomes_.size(), 10u);
    EXPECT_EQ(outcomes_.at(5)->offset, acks == 0 ? kNoOffset : 5);
  }
  EXPECT_EQ(broker().count(ApiKey::init_producer_id), 0u);
}

TEST_F(ProducerTest, TellsWhatHasBecomeOfEachBatch) {
  struct Seen {
    BatchReport report;  // but for what it borrows
    std::string topic;
    std::optional<Failure> failure;
  };
  std::vector<Seen> seen;
  ProducerOptions options{.compression = {.codec = record::Codec::lz4}, .linger = 50ms};
  options.on_batch = [&](const BatchReport& of) {
    seen.push_back({of, std::string(of.topic), of.failure ? std::optional(*of.failure) : std::nullopt});
  };
  auto sender = producer(std::move(options));
  const std::string value(2000, 'x');
  ASSERT_TRUE(world_.run(sender->deliver(record("t", value, 1))));
  ASSERT_EQ(seen.size(), 1u);
  EXPECT_EQ(seen[0].topic, "t");
  EXPECT_EQ(seen[0].report.partition, 1);
  EXPECT_EQ(seen[0].report.base_offset, 0);
  EXPECT_EQ(seen[0].report.records, 1);
  EXPECT_EQ(seen[0].report.tries, 1u);
  EXPECT_EQ(seen[0].report.bytes, sender->counters().bytes_sent);
  EXPECT_GT(seen[0].report.uncompressed_bytes, 2000u);
  EXPECT_LT(seen[0].report.bytes, seen[0].report.uncompressed_bytes);
  EXPECT_GE(seen[0].report.gathered, 50ms);
  EXPECT_GT(seen[0].report.under_way, Duration::zero());
  EXPECT_FALSE(seen[0].failure);

  std::vector<ErrorCode> answers{ErrorCode::invalid_record, ErrorCode::not_enough_replicas};
  broker().produce_error = [&](const auto&, const auto&) -> std::optional<ErrorCode> {
    if (answers.empty()) return std::nullopt;
    const ErrorCode next = answers.back();
    answers.pop_back();
    return next;
  };
  EXPECT_FALSE(world_.run(sender->deliver(record("t", value))));
  ASSERT_EQ(seen.size(), 2u) << "once, when its fate is decided";
  EXPECT_EQ(seen[1].report.tries, 2u);
  EXPECT_EQ(seen[1].report.base_offset, kNoOffset);
  ASSERT_TRUE(seen[1].failure);
  EXPECT_EQ(seen[1].failure->broker, ErrorCode::invalid_record);
  EXPECT_GE(seen[1].report.under_way, client().options().retry_backoff / 2) << "with the pause";

  broker().hook = [](const wire::RequestFrame&) { return FakeBroker::Script{.kind = Kind::never_answer}; };
  ASSERT_TRUE(world_.run(sender->send(record("t", value, 2))));
  world_.run(sender->close(in(1s)));
  ASSERT_EQ(seen.size(), 3u);
  ASSERT_TRUE(seen[2].failure) << "it was given up";
  EXPECT_EQ(seen[2].failure->code, Errc::cancelled);
}

TEST_F(ProducerTest, ContradictingOptionsAreRefused) {
  EXPECT_FALSE(ProducerCore::create(client(), {.acks = 1}));
  EXPECT_FALSE(ProducerCore::create(client(), {.max_in_flight = 6}));
  EXPECT_FALSE(ProducerCore::create(client(), {.acks = 2, .idempotent = false}));
  EXPECT_TRUE(ProducerCore::create(client(), {.idempotent = false, .max_in_flight = 6}));
}

TEST_F(ProducerTest, ATooLargeRecordIsRefusedAtOnce) {
  auto sender = producer({.max_request_size = 1000});
  const std::string value(1000, 'x');
  const auto sent = world_.run(sender->send(record("t", value)));
  ASSERT_FALSE(sent);
  EXPECT_EQ(sent.error().code, Errc::too_large);
  close(*sender);
}

TEST_F(ProducerTest, CloseFailsWhatCannotBeDelivered) {
  auto sender = producer();
  send_numbers(*sender, 1);
  forget_outcomes();
  broker().hook = [](const wire::RequestFrame&) { return FakeBroker::Script{.kind = Kind::never_answer}; };
  ASSERT_TRUE(world_.run(sender->send(record("t", "x"), collect())));
  const auto before = world_.elapsed();
  world_.run(sender->close(in(1s)));
  EXPECT_LT(world_.elapsed() - before, 5s);
  ASSERT_EQ(outcomes_.size(), 1u);
  EXPECT_EQ(outcomes_.at(0).error().code, Errc::cancelled);
}

TEST_F(ProducerTest, NothingIsLostRepeatedOrReorderedUnderTrouble) {
  add_broker();
  for (int round = 0; round < 10; ++round) {
    const std::string topic = "t" + std::to_string(round);
    cluster_.add_topic(topic, 3);
    auto sender = producer({.batch_size = 200, .linger = 1ms});
    std::vector<Task<Outcome<void>>> sends;
    const auto values = numbers(500);
    forget_outcomes();
    for (std::size_t i = 0; i < values.size(); ++i) {
      sends.push_back(sender->send(record(topic, values[i], static_cast<PartitionIndex>(i % 3)), collect()));
      if (world_.random().one_in(25)) world_.run_for(2ms);
      if (world_.random().one_in(60)) brokers_[world_.random().below(2)]->drop_connections();
      if (world_.random().one_in(60)) {
        auto& moved = cluster_.partition(topic, static_cast<PartitionIndex>(world_.random().below(3)));
        moved.leader = 1 - moved.leader;
        ++moved.epoch;
      }
    }
    for (auto& send : sends) EXPECT_TRUE(world_.run(std::move(send)));
    close(*sender);
    for (const auto& [index, outcome] : outcomes_) EXPECT_TRUE(outcome) << outcome.error().to_string();
    EXPECT_EQ(outcomes_.size(), values.size());
    for (PartitionIndex p = 0; p < 3; ++p) {
      std::vector<std::string> expected;
      for (std::size_t i = static_cast<std::size_t>(p); i < values.size(); i += 3)
        expected.push_back(values[i]);
      EXPECT_EQ(values_in(topic, p), expected);
    }
  }
}

}  // namespace
}  // namespace moldau::client
