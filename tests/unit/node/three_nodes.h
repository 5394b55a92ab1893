// Three nodes, each broker and voter, on machines 0 to 2 of a simulated world, and their clients on
// machine 3.
#pragma once

#include <gtest/gtest.h>

#include <array>
#include <functional>
#include <memory>
#include <string>

#include "client/cluster.h"
#include "node/node.h"
#include "record/builder.h"
#include "simulation/node_settings.h"
#include "simulation/world.h"
#include "wire/messages/create_topics.h"
#include "wire/messages/fetch.h"
#include "wire/messages/produce.h"

namespace moldau::node::testing {

using namespace std::chrono_literals;
using runtime::Task;

inline constexpr unsigned kNodes = 3;
inline constexpr std::uint16_t kControllerPort = 9093;
inline constexpr const char* kClusterId = "4L6g3nShT-eMCtK--X86sw";

inline config::Settings settings_of_node(unsigned machine) {
  config::Settings settings = simulation::node_settings();
  settings.node_id = static_cast<NodeId>(machine + 1);
  settings.cluster_id = kClusterId;
  settings.listeners.front().advertise.host = simulation::Fabric::address_of(machine);
  settings.listeners.push_back({.name = "CONTROLLER",
                                .bind = {"0.0.0.0", kControllerPort},
                                .advertise = {simulation::Fabric::address_of(machine), kControllerPort},
                                .controller = true});
  for (unsigned voter = 0; voter < kNodes; ++voter)
    settings.voters.push_back(
        {static_cast<NodeId>(voter + 1), {simulation::Fabric::address_of(voter), kControllerPort}});
  return settings;
}

class ThreeNodes : public ::testing::Test {
 protected:
  ~ThreeNodes() override {
    if (clients) world.run(clients->close());
    // Those that stop last have no majority to leave to: a controlled shutdown takes its time then.
    for (auto& node : nodes)
      if (node) static_cast<void>(world.run(node->stop()));
  }

  virtual config::Settings settings(unsigned machine) const { return settings_of_node(machine); }
  virtual NodeOptions options(unsigned /*machine*/) { return {.admin = false, .process_metrics = {}}; }

  // A node waits for a majority: all of them start at once.
  void start() {
    for (unsigned machine = 0; machine < kNodes; ++machine) begin(machine);
    ASSERT_TRUE(world.run_until([&] { return running() == kNodes; }, 2min)) << world.why_stopped();
    client::ClusterOptions options;
    for (unsigned machine = 0; machine < kNodes; ++machine)
      options.bootstrap.push_back({simulation::Fabric::address_of(machine), simulation::kNodePort});
    clients = std::make_unique<client::ClusterClient>(client, 0, options);
  }
  void begin(unsigned machine) {
    auto start = [](ThreeNodes& self, unsigned at) -> Task<void> {
      auto started =
          co_await Node::start(self.world.machine(at).process(), self.settings(at), self.options(at));
      if (started) {
        self.nodes[at] = std::move(*started);
      } else {
        ADD_FAILURE() << "node " << at + 1 << ": " << started.error().message;
      }
    };
    start(*this, machine).detach();
  }
  std::size_t running() const {
    return static_cast<std::size_t>(
        std::ranges::count_if(nodes, [](const auto& node) { return node != nullptr; }));
  }
  void kill(unsigned machine) {
    world.machine(machine).kill();
    static_cast<void>(world.run(nodes[machine]->stop()));
    nodes[machine].reset();
  }
  void restart(unsigned machine) {
    world.machine(machine).restart();
    begin(machine);
    ASSERT_TRUE(world.run_until([&] { return nodes[machine] != nullptr; }, 2min)) << world.why_stopped();
  }

  void create_topic(const std::string& name, std::int32_t partitions, std::int16_t replicas) {
    wire::CreateTopicsRequest request;
    request.timeout_ms = 30'000;
    auto& topic = request.topics.emplace_back();
    topic.name = name;
    topic.num_partitions = partitions;
    topic.replication_factor = replicas;
    const auto answer = world.run(clients->call_any<wire::CreateTopicsResponse>(std::move(request)));
    ASSERT_TRUE(answer.has_value());
    ASSERT_EQ(answer->topics.at(0).error_code, wire::ErrorCode::none)
        << answer->topics.at(0).error_message.value_or("");
  }
  const metadata::Partition* state(unsigned at, const std::string& topic, PartitionIndex partition) {
    image = nodes[at]->image();
    const metadata::Topic* found = image->topic(topic);
    return found ? found->partition(partition) : nullptr;
  }
  // A topic with one partition on all nodes, led by one that will do.
  std::string topic_where(const std::function<bool(unsigned leader)>& will_do) {
    for (int i = 0; i < 20; ++i) {
      std::string name = "topic-" + std::to_string(i);
      create_topic(name, 1, kNodes);
      EXPECT_TRUE(world.run_until([&] { return all_in_sync(name); }, 60s));
      if (will_do(leader_of(name))) return name;
    }
    ADD_FAILURE() << "no such leader";
    return "topic-0";
  }
  unsigned controller() const { return static_cast<unsigned>(nodes[alive()]->quorum().leader_id() - 1); }
  bool all_in_sync(const std::string& topic) {
    for (unsigned at = 0; at < kNodes; ++at) {
      if (!nodes[at]) return false;
      const metadata::Partition* partition = state(at, topic, 0);
      if (partition == nullptr || partition->isr.size() != kNodes) return false;
    }
    return true;
  }

  wire::ProduceRequest record(const TopicId& topic_id, const std::string& value) {
    record::BatchBuilder batch({});
    batch.append(client.wall_clock().now_ms(), std::nullopt, as_bytes(value));
    wire::ProduceRequest request;
    request.acks = -1;
    request.timeout_ms = 5'000;
    auto& data = request.topic_data.emplace_back();
    data.topic_id = topic_id;
    data.partition_data.emplace_back().records = SliceList{*std::move(batch).build(codecs)};
    return request;
  }
  // Acknowledged by all in-sync replicas, tried until it is.
  void produce(const std::string& topic, const std::string& value) {
    auto run = [&]() -> Task<bool> {
      const TopicId id = nodes[alive()]->image()->topic(topic)->id;
      const auto deadline = client.shard(0).now() + 60s;
      while (client.shard(0).now() < deadline) {
        static_cast<void>(co_await clients->refresh({topic}));
        const auto leader = co_await clients->leader_of(topic, 0, deadline);
        if (leader) {
          const auto answer = co_await clients->call_node<wire::ProduceResponse>(*leader, record(id, value));
          if (answer && answer->responses.at(0).partition_responses.at(0).error_code == wire::ErrorCode::none)
            co_return true;
        }
        co_await runtime::sleep_for(client.shard(0), 100ms);
      }
      co_return false;
    };
    EXPECT_TRUE(world.run(run())) << "never acknowledged: " << value;
  }
  // One record to a broker that may not lead any more; the answer's error.
  wire::ErrorCode produced_at(unsigned machine, const std::string& topic, std::int32_t timeout_ms = 30'000) {
    return world.run(produce_at(machine, topic, timeout_ms));
  }
  Task<wire::ErrorCode> produce_at(unsigned machine, std::string topic, std::int32_t timeout_ms) {
    wire::ProduceRequest request = record(nodes[machine]->image()->topic(topic)->id, "here");
    request.timeout_ms = timeout_ms;
    const auto answer =
        co_await clients->call_node<wire::ProduceResponse>(static_cast<NodeId>(machine + 1), request);
    if (!answer) co_return wire::ErrorCode::network_exception;
    const auto& partition = answer->responses.at(0).partition_responses.at(0);
    EXPECT_NE(partition.current_leader.leader_id, static_cast<NodeId>(machine + 1)) << "it names itself";
    co_return partition.error_code;
  }
  unsigned alive() const {
    for (unsigned at = 0; at < kNodes; ++at)
      if (nodes[at]) return at;
    return 0;
  }
  unsigned leader_of(const std::string& topic) {
    return static_cast<unsigned>(state(alive(), topic, 0)->leader - 1);
  }

  simulation::World world{23, simulation::Options{.machines = kNodes + 1}};
  simulation::Machine& client = world.machine(kNodes);
  std::array<std::unique_ptr<Node>, kNodes> nodes;
  std::unique_ptr<client::ClusterClient> clients;
  std::shared_ptr<const metadata::Image> image;
  record::Codecs codecs;
};

}  // namespace moldau::node::testing
