// ST-07: the disk is full, so that the metadata log can be written where its reserve was, or not at all.
#include "unit/node/metadata_reserve.h"
#include "unit/node/one_node.h"
#include "wire/messages/create_topics.h"

namespace moldau::node::testing {
namespace {

using wire::ErrorCode;

wire::CreateTopicsRequest creation_of(const std::string& name) {
  wire::CreateTopicsRequest request;
  request.timeout_ms = 30'000;
  auto& topic = request.topics.emplace_back();
  topic.name = name;
  topic.num_partitions = 1;
  topic.replication_factor = 1;
  return request;
}

class FullDisk : public OneNode {
 protected:
  FullDisk() {
    start();
    take_reserve(world.machine(0));
    world.machine(0).drive().set_capacity(world.machine(0).drive().used_bytes());
  }
  void make_room() { world.machine(0).drive().set_capacity(1ULL << 40); }
};

TEST_F(FullDisk, AChangeOfMetadataIsAnsweredAndMayBeTriedAgain) {
  auto run = [&]() -> Task<int> {
    const auto connection = co_await connect();
    const auto began = client.shard(0).now();
    const auto refused = co_await connection->call<wire::CreateTopicsResponse>(creation_of("late"), 5, 120s);
    EXPECT_TRUE(refused.has_value());
    if (refused) EXPECT_EQ(refused->topics.at(0).error_code, ErrorCode::request_timed_out);
    EXPECT_LT(client.shard(0).now() - began, 45s);
    make_room();
    const auto created = co_await connection->call<wire::CreateTopicsResponse>(creation_of("next"), 5, 120s);
    EXPECT_TRUE(created.has_value());
    if (created) EXPECT_EQ(created->topics.at(0).error_code, ErrorCode::none);
    co_return 0;
  };
  world.run(run());
  EXPECT_NE(node->image()->topic("late"), nullptr) << "what was not in time may come to pass later";
}

TEST_F(FullDisk, AChangeThatWaitsForRoomDoesNotKeepTheNodeFromStopping) {
  bool answered = false;
  auto wait = [&]() -> Task<void> {
    const auto connection = co_await connect();
    const auto answer = co_await connection->call<wire::CreateTopicsResponse>(creation_of("late"), 5, 120s);
    EXPECT_TRUE(answer.has_value());
    if (answer) EXPECT_NE(answer->topics.at(0).error_code, ErrorCode::none);
    answered = true;
  };
  auto waiting = wait();
  world.run_for(1s);
  ASSERT_FALSE(answered);
  auto stopping = node->stop();
  EXPECT_TRUE(world.run_until([&] { return stopping.ended(); }, 15s)) << world.why_stopped();
  if (!stopping.ended()) make_room();
  static_cast<void>(world.run(std::move(stopping)));
  node.reset();
  world.run(std::move(waiting));
  EXPECT_TRUE(answered);
}

class Reserve : public OneNode {};

TEST_F(Reserve, AChangeOfMetadataTakesItsPlaceOnAFullDisk) {
  start();
  EXPECT_EQ(reserve_bytes(world.machine(0)), 4U << 20);
  world.machine(0).drive().set_capacity(world.machine(0).drive().used_bytes());
  const auto began = world.now();
  const auto created = ask<wire::CreateTopicsResponse>(creation_of("late"), 5);
  EXPECT_EQ(created.topics.at(0).error_code, ErrorCode::none);
  EXPECT_LT(world.now() - began, 1s);
  kill();
  start();
  EXPECT_NE(node->image()->topic("late"), nullptr) << "a start on a full disk has it, too";
  world.machine(0).drive().set_capacity(1ULL << 40);
  EXPECT_TRUE(world.run_until([&] { return reserve_bytes(world.machine(0)) == 4U << 20; }, 5s));
}

}  // namespace
}  // namespace moldau::node::testing
