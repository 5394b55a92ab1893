// One node on machine 0 of a simulated world, and its clients on machine 1.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <string>

#include "node/node.h"
#include "simulation/broker_client.h"
#include "simulation/node_settings.h"
#include "simulation/world.h"

namespace moldau::node::testing {

using namespace std::chrono_literals;
using runtime::Task;
using simulation::BrokerConnection;

using simulation::kNodePort;
inline constexpr const char* kTopic = "events";

class OneNode : public ::testing::Test {
 protected:
  explicit OneNode(unsigned shards = 1) : world(23, simulation::Options{.machines = 2, .shards = shards}) {}
  ~OneNode() override {
    if (node) EXPECT_TRUE(world.run(node->stop()));
  }

  // With one topic of one partition.
  virtual config::Settings settings() const {
    config::Settings settings = simulation::node_settings();
    settings.bootstrap_topics.push_back({kTopic, 1, 1});
    return settings;
  }
  void start() { start(settings()); }
  void start(config::Settings with) {
    auto started = world.run(Node::start(world.machine(0).process(), std::move(with), {.admin = false}));
    ASSERT_TRUE(started.has_value()) << started.error().message;
    node = std::move(*started);
  }
  void stop() {
    EXPECT_TRUE(world.run(node->stop()));
    node.reset();
  }
  // The process dies; nothing that it wrote is lost with it.
  void kill() {
    world.machine(0).kill();
    die();
  }
  void lose_power() {
    world.machine(0).power_loss();
    die();
  }

  Task<std::shared_ptr<BrokerConnection>> connect() {
    auto connection =
        co_await BrokerConnection::open(client, {simulation::Fabric::address_of(0), kNodePort},
                                        [](const std::string& problem) { ADD_FAILURE() << problem; });
    EXPECT_TRUE(connection != nullptr);
    co_return connection;
  }
  // The answer on a connection of its own.
  template <class Response, class Request>
  Response ask(Request request, wire::ApiVersion version) {
    auto run = [&]() -> Task<Response> {
      const auto connection = co_await connect();
      auto answer = co_await connection->template call<Response>(std::move(request), version, 60s);
      EXPECT_TRUE(answer.has_value()) << answer.error().message;
      co_return answer ? std::move(*answer) : Response();
    };
    return world.run(run());
  }

  simulation::World world;
  simulation::Machine& client = world.machine(1);
  std::unique_ptr<Node> node;

 private:
  void die() {
    static_cast<void>(world.run(node->stop()));
    node.reset();
    world.machine(0).restart();
  }
};

}  // namespace moldau::node::testing
