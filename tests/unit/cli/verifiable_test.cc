// kafka-verifiable-producer against a scripted broker; its companion, which needs a group, in
// tests/cli/verifiable_test.py.
#include "cli/json.h"
#include "unit/cli/fake_process.h"
#include "unit/client/fake_broker.h"

namespace moldau::cli {
namespace {

class VerifiableTest : public FakeProcess {
 protected:
  VerifiableTest() {
    environment.world = &world;
    fake.add_topic("v", 1, 1);
  }
  ~VerifiableTest() override {
    world.run(broker.stop());
    world.run_until_idle(std::chrono::minutes(10));
  }

  int produce(std::vector<std::string> words) {
    words.insert(words.begin(), {"kafka-verifiable-producer.sh", "--bootstrap-server",
                                 broker.endpoint().to_string(), "--topic", "v"});
    const int code = run(std::move(words));
    events.clear();
    std::string_view rest = out.text;
    while (!rest.empty()) {
      const std::size_t end = rest.find('\n');
      auto event = Json::parse(rest.substr(0, end));
      EXPECT_TRUE(event) << rest.substr(0, end);
      if (event) events.push_back(std::move(*event));
      rest.remove_prefix(std::min(end, rest.size() - 1) + 1);
    }
    return code;
  }
  std::string names() const {
    std::string all;
    for (const Json& event : events) all += *event.find("name")->as_string() + " ";
    return all;
  }
  // Of all acknowledged or failed sends.
  std::string each(std::string_view field) const {
    std::string all;
    for (const Json& event : events)
      if (const Json* value = event.find(field)) all += value->to_line() + " ";
    return all;
  }

  simulation::World world{9};
  client::FakeCluster fake;
  client::FakeBroker broker{world, fake, 1, 9092};
  std::vector<Json> events;
};

TEST_F(VerifiableTest, TellsWhatBecameOfEachRecord) {
  EXPECT_EQ(produce({"--max-messages", "3", "--value-prefix", "7", "--repeating-keys", "2"}), 0) << err.text;
  EXPECT_EQ(names(),
            "startup_complete producer_send_success producer_send_success producer_send_success "
            "shutdown_complete tool_data ");
  EXPECT_EQ(each("value"), "\"7.0\" \"7.1\" \"7.2\" ");
  EXPECT_EQ(each("key"), "\"0\" \"1\" \"0\" ");
  EXPECT_EQ(each("offset"), "0 1 2 ");
  EXPECT_EQ(each("topic"), "\"v\" \"v\" \"v\" ");
  const Json& data = events.back();
  EXPECT_EQ(*data.find("sent"), Json(3));
  EXPECT_EQ(*data.find("acked"), Json(3));
  EXPECT_EQ(*data.find("target_throughput"), Json(-1));
  EXPECT_GT(*data.find("avg_throughput")->as_real(), 0);
  EXPECT_EQ(fake.partition("v", 0).end, 3);
}

TEST_F(VerifiableTest, KeepsItsPace) {
  const auto before = world.shard(0).now();
  EXPECT_EQ(produce({"--max-messages", "10", "--throughput", "5"}), 0);
  EXPECT_GE(world.shard(0).now() - before, std::chrono::milliseconds(1'900));
  EXPECT_EQ(each("key"), "null null null null null null null null null null ");
}

TEST_F(VerifiableTest, TellsOfFailures) {
  broker.produce_error = [](const auto&, const auto&) { return wire::ErrorCode::message_too_large; };
  EXPECT_EQ(produce({"--max-messages", "1", "--acks", "1"}), 0) << "what failed is in its lines";
  EXPECT_EQ(names(), "startup_complete producer_send_error shutdown_complete tool_data ");
  EXPECT_EQ(each("exception"), "\"class org.apache.kafka.common.errors.RecordTooLargeException\" ");
  EXPECT_EQ(*events.back().find("acked"), Json(0));
}

TEST_F(VerifiableTest, RefusesWhatCannotBe) {
  EXPECT_EQ(run({"kafka-verifiable-producer", "--topic", "v"}), 1);
  EXPECT_TRUE(told("argument --bootstrap-server is required"));
  EXPECT_EQ(run({"kafka-verifiable-producer", "--bootstrap-server", "h:1"}), 1);
  EXPECT_TRUE(told("argument --topic is required"));
  EXPECT_EQ(produce({"--acks", "2"}), 1);
  EXPECT_TRUE(told("choose from {0,1,-1}"));
  EXPECT_EQ(produce({"--repeating-keys", "0"}), 1);
  const std::vector<std::string> consumer{"kafka-verifiable-consumer", "--bootstrap-server",
                                          broker.endpoint().to_string(), "--topic", "v"};
  EXPECT_EQ(run(consumer), 1);
  EXPECT_TRUE(told("argument --group-id is required"));
  auto with = consumer;
  with.insert(with.end(), {"--group-id", "g", "--group-protocol", "share"});
  EXPECT_EQ(run(with), 1);
  EXPECT_TRUE(told("group.protocol"));
}

}  // namespace
}  // namespace moldau::cli
