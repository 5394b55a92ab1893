// RA-16, RA-18: a node whose metadata log fails does not go on with what it knew: it says so, naming the
// file, and ends.
#include "unit/node/one_node.h"
#include "unit/node/three_nodes.h"

namespace moldau::node::testing {
namespace {

using wire::ErrorCode;

constexpr const char* kMetadataLog = "__cluster_metadata-0/00000000000000000000.log";

wire::CreateTopicsRequest creation_of(const std::string& name, std::int16_t replicas) {
  wire::CreateTopicsRequest request;
  request.timeout_ms = 2'000;
  auto& topic = request.topics.emplace_back();
  topic.name = name;
  topic.num_partitions = 1;
  topic.replication_factor = replicas;
  return request;
}

class AloneWithoutMetadata : public OneNode {
 protected:
  void start_and_listen() {
    NodeOptions options{.admin = false, .process_metrics = {}};
    options.failed = [this](const Error& error) { told.push_back(error); };
    auto started = world.run(Node::start(world.machine(0).process(), settings(), std::move(options)));
    ASSERT_TRUE(started.has_value()) << started.error().message;
    node = std::move(*started);
  }
  std::vector<Error> told;
};

TEST_F(AloneWithoutMetadata, RA_18_WhoRunsTheNodeIsToldOnceAndByWhichFile) {
  start_and_listen();
  world.machine(0).drive().fail_next_sync(kMetadataLog);
  const auto refused = ask<wire::CreateTopicsResponse>(creation_of("lost", 1), 5);
  EXPECT_NE(refused.topics.at(0).error_code, ErrorCode::none);
  ASSERT_EQ(told.size(), 1U);
  EXPECT_EQ(told.front().code, Errc::io);
  EXPECT_NE(told.front().message.find(kMetadataLog), std::string::npos) << told.front().message;
  auto stopping = node->stop();
  EXPECT_TRUE(world.run_until([&] { return stopping.ended(); }, 5s)) << world.why_stopped();
  static_cast<void>(world.run(std::move(stopping)));
  node.reset();
  EXPECT_EQ(told.size(), 1U);

  world.machine(0).kill();
  world.machine(0).restart();
  start_and_listen();
  const auto created = ask<wire::CreateTopicsResponse>(creation_of("next", 1), 5);
  EXPECT_EQ(created.topics.at(0).error_code, ErrorCode::none);
}

TEST_F(AloneWithoutMetadata, AStartThatMeetsItFailsAtOnce) {
  world.machine(0).drive().fail_next_sync(kMetadataLog);
  const auto before = world.now();
  NodeOptions options{.admin = false, .process_metrics = {}};
  options.failed = [this](const Error& error) { told.push_back(error); };
  auto started = world.run(Node::start(world.machine(0).process(), settings(), std::move(options)));
  ASSERT_FALSE(started.has_value());
  EXPECT_EQ(started.error().code, Errc::io);
  EXPECT_NE(started.error().message.find(kMetadataLog), std::string::npos) << started.error().message;
  EXPECT_LT(world.now() - before, 5s);
  EXPECT_TRUE(told.empty()) << "the start has said it";
}

class WithoutMetadata : public ThreeNodes {
 protected:
  NodeOptions options(unsigned machine) override {
    NodeOptions options{.admin = false, .process_metrics = {}};
    options.failed = [this, machine](const Error& error) {
      told[machine] = error;
      failures.push_back(machine);
    };
    return options;
  }
  // Its metadata log fails at the next change, and it ends as its process would. When that began.
  runtime::MonotonicTime fail(unsigned machine) {
    world.machine(machine).drive().fail_next_sync(kMetadataLog);
    const auto other = static_cast<NodeId>((machine + 1) % kNodes + 1);
    auto change = clients->call_node<wire::CreateTopicsResponse>(other, creation_of("trigger", kNodes));
    EXPECT_TRUE(world.run_until([&] { return told[machine].has_value(); }, 10s));
    const auto began = world.now();
    auto stopping = nodes[machine]->stop();
    EXPECT_TRUE(world.run_until([&] { return stopping.ended(); }, 10s)) << world.why_stopped();
    static_cast<void>(world.run(std::move(stopping)));
    nodes[machine].reset();
    world.machine(machine).kill();
    changes.push_back(std::move(change));
    return began;
  }
  void TearDown() override {
    for (auto& change : changes) static_cast<void>(world.run(std::move(change)));
  }
  std::array<std::optional<Error>, kNodes> told;
  std::vector<unsigned> failures;
  std::vector<Task<client::Outcome<wire::CreateTopicsResponse>>> changes;
};

// Its leaderships go to others before it does.
TEST_F(WithoutMetadata, RA_18_ABrokerIsRelievedAndEnds) {
  start();
  const unsigned controller = this->controller();
  const std::string topic = topic_where([&](unsigned leader) { return leader != controller; });
  const unsigned failed = leader_of(topic);
  produce(topic, "before");
  const auto began = fail(failed);
  EXPECT_NE(leader_of(topic), failed);
  EXPECT_LT(world.now() - began, 3s);
  produce(topic, "meanwhile");
  restart(failed);
  EXPECT_TRUE(world.run_until([&] { return all_in_sync(topic); }, 60s));
  EXPECT_EQ(failures, std::vector{failed});
}

TEST_F(WithoutMetadata, RA_18_TheControllerEndsAndTheOthersGoOn) {
  start();
  create_topic("events", 1, 3);
  ASSERT_TRUE(world.run_until([&] { return all_in_sync("events"); }, 60s));
  const unsigned failed = controller();
  const auto began = fail(failed);
  produce("events", "after");
  EXPECT_LT(world.now() - began, 5s);
  restart(failed);
  EXPECT_TRUE(world.run_until([&] { return all_in_sync("events"); }, 60s));
  EXPECT_EQ(failures, std::vector{failed});
}

}  // namespace
}  // namespace moldau::node::testing
