// storage.disk_reserve: a device that is all but full takes no more records, others lead in its broker's
// place, what it holds stays, and with room again it goes on by itself.
#include "unit/node/metadata_reserve.h"
#include "unit/node/one_node.h"
#include "unit/node/three_nodes.h"

namespace moldau::node::testing {
namespace {

using wire::ErrorCode;

constexpr std::uint64_t kPlenty = 1ULL << 40;

class DiskReserve : public ThreeNodes {
 protected:
  // What is left is less than a twentieth, and enough for metadata.
  void fill(unsigned machine) {
    auto& drive = world.machine(machine).drive();
    drive.set_capacity(drive.used_bytes() + drive.used_bytes() / 40);
  }
  void make_room(unsigned machine) { world.machine(machine).drive().set_capacity(kPlenty); }
  // To the last byte, by others.
  void fill_up(unsigned machine) {
    auto& drive = world.machine(machine).drive();
    drive.set_capacity(drive.used_bytes());
  }
  // The same, and what the metadata log keeps for itself is gone, too.
  void fill_up_with_reserve(unsigned machine) {
    take_reserve(world.machine(machine));
    fill_up(machine);
  }
  void start_with_topic() {
    start();
    create_topic("events", 1, 3);
    ASSERT_TRUE(world.run_until([&] { return all_in_sync("events"); }, 60s));
    produce("events", "before");
  }
  Offset log_end(unsigned machine, const std::string& topic) {
    const TopicIdPartition key{nodes[machine]->image()->topic(topic)->id, 0};
    for (const auto& hosted : nodes[machine]->partitions()->hosted()) {
      if (const auto partition = hosted->partitions.find(key)) return partition->log()->end_offset().value();
    }
    return kNoOffset;
  }
  // Asked of that node, which asks the controller; shown there, too.
  ErrorCode created_at(unsigned machine, const std::string& name, std::int16_t replicas = kNodes) {
    wire::CreateTopicsRequest request;
    request.timeout_ms = 30'000;
    auto& topic = request.topics.emplace_back();
    topic.name = name;
    topic.num_partitions = 1;
    topic.replication_factor = replicas;
    const auto answer =
        world.run(clients->call_node<wire::CreateTopicsResponse>(id_of(machine), std::move(request)));
    if (!answer) return ErrorCode::network_exception;
    EXPECT_NE(nodes[machine]->image()->topic(name), nullptr) << name;
    return answer->topics.at(0).error_code;
  }
  // As a consumer from the start.
  wire::FetchResponse::TopicResponse::PartitionResponse fetched_at(unsigned machine,
                                                                   const std::string& topic) {
    wire::FetchRequest request;
    request.max_bytes = 1 << 20;
    auto& asked = request.topics.emplace_back();
    asked.topic_id = nodes[machine]->image()->topic(topic)->id;
    asked.partitions.emplace_back().partition_max_bytes = 1 << 20;
    const auto answer =
        world.run(clients->call_node<wire::FetchResponse>(id_of(machine), std::move(request)));
    EXPECT_TRUE(answer.has_value());
    return answer ? answer->responses.at(0).partitions.at(0)
                  : wire::FetchResponse::TopicResponse::PartitionResponse();
  }
  static NodeId id_of(unsigned machine) { return static_cast<NodeId>(machine + 1); }
  bool in_sync(unsigned machine) {
    const auto& isr = state(alive(), "events", 0)->isr;
    return std::ranges::find(isr, static_cast<NodeId>(machine + 1)) != isr.end();
  }
};

TEST_F(DiskReserve, OthersLeadInPlaceOfWhoHasNoRoom) {
  start_with_topic();
  const unsigned full = leader_of("events");
  fill(full);
  EXPECT_TRUE(world.run_until([&] { return leader_of("events") != full && !in_sync(full); }, 700ms));
  const Offset kept = log_end(full, "events");
  for (int i = 0; i < 5; ++i) produce("events", "meanwhile");
  world.run_for(5s);
  EXPECT_EQ(log_end(full, "events"), kept) << "neither emptied nor filled";
  EXPECT_EQ(fetched_at(full, "events").error_code, ErrorCode::not_leader_or_follower)
      << "whoever still takes it for the leader would wait for ever";
  make_room(full);
  EXPECT_TRUE(world.run_until([&] { return all_in_sync("events"); }, 10s));
}

// Its metadata go on: by the room that is kept for them.
TEST_F(DiskReserve, WhoHasNotAByteLeftHearsWhoLeadsAndIsOfUse) {
  start();
  const unsigned controller = this->controller();
  const std::string topic = topic_where([&](unsigned leader) { return leader != controller; });
  const unsigned full = leader_of(topic);
  fill_up(full);
  EXPECT_TRUE(world.run_until([&] { return state(full, topic, 0)->leader != id_of(full); }, 2s));
  for (int i = 0; i < 100; ++i) {
    const auto before = world.now();
    EXPECT_EQ(created_at(full, "late-" + std::to_string(i)), ErrorCode::none);
    EXPECT_LT(world.now() - before, 3s) << i;
  }
  EXPECT_GT(reserve_bytes(world.machine(full)), 3U << 20) << "a change takes what it needs";
  make_room(full);
  EXPECT_TRUE(world.run_until([&] { return reserve_bytes(world.machine(full)) == 4U << 20; }, 5s));
  EXPECT_TRUE(world.run_until([&] { return all_in_sync(topic); }, 10s));
}

TEST_F(DiskReserve, AControllerWithoutAByteLeftGoesOn) {
  start_with_topic();
  const unsigned full = controller();
  fill_up(full);
  for (int i = 0; i < 20; ++i) {
    EXPECT_EQ(created_at(full, "late-" + std::to_string(i)), ErrorCode::none);
    world.run_for(500ms);
  }
  EXPECT_EQ(nodes[(full + 1) % kNodes]->quorum().leader_id(), id_of(full));
  make_room(full);
  EXPECT_TRUE(world.run_until([&] { return all_in_sync("events"); }, 10s));
}

// Its vote is on disk before it is told, on a full one as well.
TEST_F(DiskReserve, WhoHasNotAByteLeftVotes) {
  start();
  const unsigned full = (controller() + 1) % kNodes;
  const unsigned dies = controller();
  fill_up(full);
  world.run_for(1s);
  kill(dies);
  EXPECT_TRUE(world.run_until(
      [&] {
        const NodeId leader = nodes[full]->quorum().leader_id();
        return leader != kNoNode && leader != id_of(dies);
      },
      5s));
  EXPECT_EQ(created_at(full, "meanwhile", 2), ErrorCode::none);
  make_room(full);
  restart(dies);
}

// Where even that is used up metadata stand still, and it never hears who leads in its place.
TEST_F(DiskReserve, WhoCannotEvenWriteMetadataSaysThatItMayLeadNoMore) {
  start();
  const unsigned controller = this->controller();
  const std::string topic = topic_where([&](unsigned leader) { return leader != controller; });
  const unsigned full = leader_of(topic);
  fill_up_with_reserve(full);
  ASSERT_TRUE(world.run_until([&] { return state(controller, topic, 0)->leader != id_of(full); }, 1s));
  world.run_for(1500ms);
  EXPECT_EQ(state(full, topic, 0)->leader, id_of(full));
  EXPECT_EQ(produced_at(full, topic), ErrorCode::not_leader_or_follower);
  produce(topic, "elsewhere");
  make_room(full);
  EXPECT_TRUE(world.run_until([&] { return all_in_sync(topic); }, 10s));
}

TEST_F(DiskReserve, AFollowerWithoutRoomHoldsNobodyUp) {
  start_with_topic();
  const unsigned full = (leader_of("events") + 1) % kNodes;
  fill(full);
  EXPECT_TRUE(world.run_until([&] { return !in_sync(full); }, 700ms));
  const auto before = world.now();
  produce("events", "meanwhile");
  EXPECT_LT(world.now() - before, 200ms);
  make_room(full);
  EXPECT_TRUE(world.run_until([&] { return all_in_sync("events"); }, 10s));
}

TEST_F(DiskReserve, WhenAllAreFullRecordsAreRefusedAndRead) {
  start_with_topic();
  for (unsigned machine = 0; machine < kNodes; ++machine) fill(machine);
  world.run_for(5s);
  const metadata::Partition* partition = state(alive(), "events", 0);
  ASSERT_NE(partition->leader, kNoNode) << "somebody is left who is read from";
  const unsigned leader = leader_of("events");
  const auto before = world.now();
  EXPECT_EQ(produced_at(leader, "events"), ErrorCode::kafka_storage_error);
  EXPECT_LT(world.now() - before, 200ms);
  EXPECT_FALSE(fetched_at(leader, "events").records->empty());
  for (unsigned machine = 0; machine < kNodes; ++machine) make_room(machine);
  EXPECT_TRUE(world.run_until([&] { return all_in_sync("events"); }, 10s));
  produce("events", "after");
}

TEST_F(DiskReserve, AControllerThatCannotWriteItsLogHandsOver) {
  start_with_topic();
  const unsigned full = controller();
  fill_up_with_reserve(full);
  const auto before = world.now();
  const unsigned other = (full + 1) % kNodes;
  const auto handed_over = [&] {
    const NodeId leads_quorum = nodes[other]->quorum().leader_id();
    const auto& isr = state(other, "events", 0)->isr;
    return leads_quorum != kNoNode && leads_quorum != id_of(full) &&
           std::ranges::find(isr, id_of(full)) == isr.end();
  };
  EXPECT_TRUE(world.run_until(handed_over, 3s));
  produce("events", "meanwhile");
  EXPECT_LT(world.now() - before, 4s);
  make_room(full);
  EXPECT_TRUE(world.run_until([&] { return all_in_sync("events"); }, 10s));
}

class AloneWithoutRoom : public OneNode {
 protected:
  wire::ProduceResponse::TopicResponse::PartitionResponse produced() {
    record::BatchBuilder batch({});
    batch.append(client.wall_clock().now_ms(), std::nullopt, as_bytes(std::string_view("v")));
    record::Codecs codecs;
    wire::ProduceRequest request;
    request.acks = -1;
    request.timeout_ms = 30'000;
    auto& data = request.topic_data.emplace_back();
    data.topic_id = node->image()->topic(kTopic)->id;
    data.partition_data.emplace_back().records = SliceList{*std::move(batch).build(codecs)};
    return ask<wire::ProduceResponse>(std::move(request), 13).responses.at(0).partition_responses.at(0);
  }
  auto& drive() { return world.machine(0).drive(); }
};

TEST_F(AloneWithoutRoom, IsToldAtOnce) {
  start();
  EXPECT_EQ(produced().error_code, ErrorCode::none);
  drive().set_capacity(drive().used_bytes() + 1000);
  world.run_for(1100ms);
  const auto before = world.now();
  EXPECT_EQ(produced().error_code, ErrorCode::kafka_storage_error);
  EXPECT_LT(world.now() - before, 200ms);
  drive().set_capacity(kPlenty);
  world.run_for(1100ms);
  EXPECT_EQ(produced().error_code, ErrorCode::none);
}

TEST_F(AloneWithoutRoom, WhatIsToBeKeptFreeIsKept) {
  config::Settings with = settings();
  with.disk_reserve_bytes = 100'000;
  start(with);
  drive().set_capacity(drive().used_bytes() + 300'000);
  world.run_for(1100ms);
  EXPECT_EQ(produced().error_code, ErrorCode::none);
  drive().set_capacity(drive().used_bytes() + 99'000);
  world.run_for(1100ms);
  EXPECT_EQ(produced().error_code, ErrorCode::kafka_storage_error);
  drive().set_capacity(drive().used_bytes() + 110'000);
  world.run_for(1100ms);
  EXPECT_EQ(produced().error_code, ErrorCode::kafka_storage_error) << "a little more is not enough";
  drive().set_capacity(drive().used_bytes() + 130'000);
  world.run_for(1100ms);
  EXPECT_EQ(produced().error_code, ErrorCode::none);
}

}  // namespace
}  // namespace moldau::node::testing
