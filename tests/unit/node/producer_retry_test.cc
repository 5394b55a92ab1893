// NW-10: an idempotent producer that sends a batch again, on another connection and while the first attempt
// is still on its way to the disk, has it in the log once and in its order.
#include "record/builder.h"
#include "record/record.h"
#include "unit/node/one_node.h"
#include "wire/messages/fetch.h"
#include "wire/messages/init_producer_id.h"
#include "wire/messages/list_offsets.h"
#include "wire/messages/produce.h"

namespace moldau::node::testing {
namespace {

using wire::ErrorCode;

constexpr auto kSlowSync = 4s;

struct Answered {
  ErrorCode error = ErrorCode::unknown_server_error;
  Offset base_offset = kNoOffset;
  bool in_time = false;  // an answer came at all
  friend bool operator==(const Answered&, const Answered&) = default;
};

constexpr Answered appended_at(Offset offset) { return {ErrorCode::none, offset, true}; }
constexpr Answered refused(ErrorCode error) { return {error, kNoOffset, true}; }

class ProducerRetry : public OneNode {
 protected:
  ProducerRetry() { start(); }

  // Everything that waits for a sync from here on waits this long.
  void slow_syncs() { world.machine(0).pool().options().commit = {kSlowSync, kSlowSync}; }

  ProducerId new_producer() {
    const auto answer = ask<wire::InitProducerIdResponse>(wire::InitProducerIdRequest(), 1);
    EXPECT_EQ(answer.error_code, ErrorCode::none);
    return answer.producer_id;
  }

  // One record whose sequence is its number.
  wire::ProduceRequest request_of(ProducerId producer, Sequence number, std::int16_t acks = -1) {
    record::BatchFields fields;
    fields.producer_id = producer;
    fields.producer_epoch = 0;
    fields.base_sequence = number;
    record::BatchBuilder batch(fields);
    batch.append(client.wall_clock().now_ms(), std::nullopt, as_bytes(std::to_string(number)));
    wire::ProduceRequest request;
    request.acks = acks;
    request.timeout_ms = 30'000;
    auto& topic = request.topic_data.emplace_back();
    topic.name = kTopic;
    topic.partition_data.emplace_back().records = SliceList{*std::move(batch).build(codecs)};
    return request;
  }
  Task<Answered> send(BrokerConnection& to, ProducerId producer, Sequence number,
                      runtime::Duration timeout = 60s) {
    const auto answer = co_await to.call<wire::ProduceResponse>(request_of(producer, number), 9, timeout);
    if (!answer) co_return Answered();
    const auto& partition = answer->responses.at(0).partition_responses.at(0);
    co_return Answered{partition.error_code, partition.base_offset, true};
  }
  Answered send_alone(ProducerId producer, Sequence number) {
    auto run = [&]() -> Task<Answered> {
      const auto connection = co_await connect();
      co_return co_await send(*connection, producer, number);
    };
    return world.run(run());
  }

  // The numbers of the records in the log, in its order.
  std::vector<std::string> values() {
    wire::FetchRequest request;
    request.max_bytes = 1 << 20;
    auto& topic = request.topics.emplace_back();
    topic.topic = kTopic;
    topic.partitions.emplace_back().partition_max_bytes = 1 << 20;
    const auto answer = ask<wire::FetchResponse>(std::move(request), 12);
    std::vector<std::string> values;
    const Slice bytes = joined(*answer.responses.at(0).partitions.at(0).records);
    record::BatchReader batches(bytes);
    for (record::BatchView batch; batches.next(batch).value();) {
      record::RecordReader records(batch, *record::uncompressed_records(batch, codecs, 1 << 20));
      for (record::RecordView view; records.next(view).value();) {
        values.emplace_back(reinterpret_cast<const char*>(view.value->data()), view.value->size());
      }
    }
    return values;
  }

  record::Codecs codecs;
};

TEST_F(ProducerRetry, OnAnotherConnectionWaitsForTheSyncOfTheFirstAttempt) {
  const ProducerId producer = new_producer();
  slow_syncs();
  auto run = [&]() -> Task<int> {
    const auto first = co_await connect();
    const auto second = co_await connect();
    const auto began = client.shard(0).now();
    auto attempt = send(*first, producer, 0);
    co_await runtime::sleep_for(client.shard(0), 1500ms);  // the client's patience
    const auto retried = client.shard(0).now();
    EXPECT_EQ(co_await send(*second, producer, 0), appended_at(0));
    EXPECT_GE(client.shard(0).now() - began, kSlowSync) << "not before the first attempt is durable";
    EXPECT_LT(client.shard(0).now() - retried, kSlowSync) << "and not for a sync of its own";
    EXPECT_EQ(co_await std::move(attempt), appended_at(0));
    co_return 0;
  };
  world.run(run());
  EXPECT_EQ(values(), std::vector<std::string>{"0"});
}

TEST_F(ProducerRetry, AfterTheFirstConnectionBrokeIsAppendedOnce) {
  const ProducerId producer = new_producer();
  slow_syncs();
  auto run = [&]() -> Task<int> {
    const auto first = co_await connect();
    EXPECT_FALSE((co_await send(*first, producer, 0, 1500ms)).in_time);
    const auto second = co_await connect();
    auto retry = send(*second, producer, 0);
    EXPECT_EQ(co_await send(*second, producer, 1), appended_at(1));
    EXPECT_EQ(co_await std::move(retry), appended_at(0));
    co_return 0;
  };
  world.run(run());
  EXPECT_EQ(values(), (std::vector<std::string>{"0", "1"}));
}

// Five in flight on a connection that breaks; they come again on the next one while the first ones may still
// be read from the old one, in whatever order that is.
TEST_F(ProducerRetry, OfFiveInFlightKeepsTheirOrder) {
  const ProducerId producer = new_producer();
  auto run = [&]() -> Task<int> {
    for (Sequence from = 0; from < 50; from += 5) {
      const auto old = co_await connect();
      const auto fresh = co_await connect();
      std::vector<Task<Answered>> attempts;
      std::vector<Task<Answered>> retries;
      for (Sequence number = from; number < from + 5; ++number) {
        attempts.push_back(send(*old, producer, number));
        retries.push_back(send(*fresh, producer, number));
      }
      for (auto* sent : {&attempts, &retries}) {
        for (Sequence number = from; number < from + 5; ++number) {
          const Answered answer = co_await std::move((*sent)[static_cast<std::size_t>(number - from)]);
          // Ahead of one that is still on the other connection: nothing is appended.
          if (answer != appended_at(number))
            EXPECT_EQ(answer, refused(ErrorCode::out_of_order_sequence_number)) << number;
        }
      }
    }
    co_return 0;
  };
  world.run(run());
  std::vector<std::string> expected;
  for (int number = 0; number < 50; ++number) expected.push_back(std::to_string(number));
  EXPECT_EQ(values(), expected);
}

TEST_F(ProducerRetry, AfterTheProcessDiedBeforeTheSyncIsAppendedOnce) {
  const ProducerId producer = new_producer();
  EXPECT_EQ(send_alone(producer, 0), appended_at(0));
  slow_syncs();
  auto run = [&]() -> Task<int> {
    const auto connection = co_await connect();
    EXPECT_FALSE((co_await send(*connection, producer, 1, 1500ms)).in_time);
    co_return 0;
  };
  world.run(run());
  kill();
  start();
  EXPECT_EQ(send_alone(producer, 0), appended_at(0));
  EXPECT_EQ(send_alone(producer, 1), appended_at(1));
  EXPECT_EQ(send_alone(producer, 2), appended_at(2));
  EXPECT_EQ(values(), (std::vector<std::string>{"0", "1", "2"}));
}

TEST_F(ProducerRetry, AfterAPowerLossAtAnyStepOfTheSyncIsAppendedOnce) {
  const ProducerId producer = new_producer();
  for (Sequence number = 0; number < 12; ++number) {
    world.machine(0).drive().crash_after(static_cast<std::uint64_t>(1 + number % 3));
    auto run = [&]() -> Task<int> {
      const auto connection = co_await connect();
      co_await send(*connection, producer, number, 1500ms);
      co_return 0;
    };
    world.run(run());
    world.machine(0).drive().no_crash();
    lose_power();
    start();
    EXPECT_EQ(send_alone(producer, number), appended_at(number)) << number;
  }
  EXPECT_EQ(values().size(), 12U);
}

// The retry of what was appended and could not be synced is not answered as if it had been.
TEST_F(ProducerRetry, OfABatchWhoseSyncFailedIsNotAcknowledged) {
  const ProducerId producer = new_producer();
  slow_syncs();
  auto run = [&]() -> Task<int> {
    const auto first = co_await connect();
    const auto second = co_await connect();
    world.machine(0).drive().fail_next_sync("commit-log");
    auto attempt = send(*first, producer, 0);
    co_await runtime::sleep_for(client.shard(0), 1500ms);
    EXPECT_EQ((co_await send(*second, producer, 0)).error, ErrorCode::kafka_storage_error);
    EXPECT_EQ((co_await std::move(attempt)).error, ErrorCode::kafka_storage_error);
    EXPECT_EQ((co_await send(*second, producer, 0)).error, ErrorCode::kafka_storage_error) << "and after it";
    co_return 0;
  };
  world.run(run());
  kill();
  start();
  EXPECT_EQ(send_alone(producer, 0), appended_at(0));
  EXPECT_EQ(values(), std::vector<std::string>{"0"});
}

}  // namespace
}  // namespace moldau::node::testing
