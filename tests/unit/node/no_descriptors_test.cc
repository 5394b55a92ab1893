// ST-24: what could not be opened for want of file descriptors, partitions and connections, is open once
// there are some again, and until then nobody is kept busy by it.
#include "record/builder.h"
#include "unit/node/one_node.h"
#include "wire/messages/fetch.h"
#include "wire/messages/produce.h"

namespace moldau::node::testing {
namespace {

using wire::ErrorCode;

const std::string kSegment = "/data/events-0/00000000000000000000.log";

class NoDescriptors : public OneNode {
 protected:
  ErrorCode produced(const std::string& value) { return world.run(produce(value)); }
  Task<ErrorCode> produce(std::string value) {
    record::BatchBuilder batch({});
    batch.append(client.wall_clock().now_ms(), std::nullopt, as_bytes(value));
    record::Codecs codecs;
    wire::ProduceRequest request;
    request.acks = -1;
    request.timeout_ms = 30'000;
    auto& data = request.topic_data.emplace_back();
    data.topic_id = node->image()->topic(kTopic)->id;
    data.partition_data.emplace_back().records = SliceList{*std::move(batch).build(codecs)};
    const auto connection = co_await connect();
    const auto answer = co_await connection->call<wire::ProduceResponse>(std::move(request), 13, 60s);
    EXPECT_TRUE(answer.has_value());
    co_return answer ? answer->responses.at(0).partition_responses.at(0).error_code
                     : ErrorCode::network_exception;
  }
  // How many bytes of records there are from the offset on; less than zero: an error.
  std::int64_t fetched(Offset from) {
    wire::FetchRequest request;
    request.max_bytes = 1 << 20;
    auto& asked = request.topics.emplace_back();
    asked.topic_id = node->image()->topic(kTopic)->id;
    auto& partition = asked.partitions.emplace_back();
    partition.fetch_offset = from;
    partition.partition_max_bytes = 1 << 20;
    const auto answer = ask<wire::FetchResponse>(std::move(request), 13);
    const auto& found = answer.responses.at(0).partitions.at(0);
    if (found.error_code != ErrorCode::none) return -1;
    return found.records ? static_cast<std::int64_t>(size_of(*found.records)) : 0;
  }
  auto& drive() { return world.machine(0).drive(); }
};

TEST_F(NoDescriptors, APartitionIsOpenedLater) {
  start();
  ASSERT_EQ(produced("flushed"), ErrorCode::none);
  world.run_for(5s);
  ASSERT_EQ(produced("in the commit log"), ErrorCode::none);
  kill();
  drive().refuse_opens(kSegment, 6);
  start();
  EXPECT_EQ(produced("too early"), ErrorCode::kafka_storage_error);
  EXPECT_TRUE(world.run_until([&] { return drive().refusals_left() == 0; }, 60s));
  world.run_for(31s);
  EXPECT_GT(fetched(1), 0);
  EXPECT_EQ(produced("after"), ErrorCode::none);
  EXPECT_GT(fetched(2), 0);
  lose_power();
  start();
  EXPECT_GT(fetched(0), 0);
  EXPECT_GT(fetched(2), 0);
  EXPECT_EQ(fetched(3), 0);
}

// Tried at longer and longer intervals: a process that has none left is not kept busy by it.
TEST_F(NoDescriptors, ItIsTriedLessAndLessOften) {
  start();
  ASSERT_EQ(produced("flushed"), ErrorCode::none);
  stop();
  drive().refuse_opens(kSegment, 1'000);
  start();
  world.run_for(120s);
  const unsigned after_two_minutes = 1'000 - drive().refusals_left();
  EXPECT_GE(after_two_minutes, 6U);
  EXPECT_LE(after_two_minutes, 14U);
  drive().disarm();
  world.run_for(31s);
  EXPECT_GT(fetched(0), 0);
}

TEST_F(NoDescriptors, NewConnectionsWaitAndKeepNobodyBusy) {
  start();
  auto& descriptors = world.machine(0).process().descriptors();
  const auto tries = [&] { return world.faults()[simulation::Fault::accept_no_descriptors]; };
  descriptors.limit = descriptors.used;
  auto waiting = produce("at last");
  world.run_for(10s);
  EXPECT_FALSE(waiting.ended());
  EXPECT_GE(tries(), 10U);
  EXPECT_LE(tries(), 101U);
  descriptors.limit = UINT64_MAX;
  EXPECT_EQ(world.run(std::move(waiting)), ErrorCode::none);
}

TEST_F(NoDescriptors, DamageStaysWhatItIs) {
  start();
  ASSERT_EQ(produced("flushed"), ErrorCode::none);
  world.run_for(5s);
  ASSERT_EQ(produced("in the commit log"), ErrorCode::none);
  kill();
  drive().flip_bit(kSegment, 70, 1);
  start();
  world.run_for(2s);
  drive().flip_bit(kSegment, 70, 1);
  world.run_for(60s);
  EXPECT_EQ(fetched(0), -1) << "until a start finds it whole";
  kill();
  start();
  EXPECT_GT(fetched(1), 0);
}

}  // namespace
}  // namespace moldau::node::testing
