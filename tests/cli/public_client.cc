// Every call of the public client (include/moldau) against the node that MOLDAU_BROKERS names.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <mutex>
#include <set>

#include "moldau/client.h"

namespace moldau::sdk {
namespace {

using namespace std::chrono_literals;

Config config() {
  const char* brokers = std::getenv("MOLDAU_BROKERS");
  return {.bootstrap_servers = brokers ? brokers : "localhost:9092",
          .api_timeout = 10s,
          .linger = 1ms,
          .delivery_timeout = 10s};
}

class PublicClient : public testing::Test {
 protected:
  void SetUp() override {
    auto connected = Client::connect(config());
    ASSERT_TRUE(connected) << connected.error().to_string();
    client.emplace(std::move(*connected));
    admin.emplace(client->admin());
  }
  // A topic of this test's name.
  std::string make_topic(std::int32_t partitions = 1) {
    const std::string name = testing::UnitTest::GetInstance()->current_test_info()->name();
    const auto created = admin->create_topics({{.name = name, .partitions = partitions}});
    EXPECT_TRUE(created && created->front().second);
    return name;
  }
  Producer producer() {
    auto made = client->producer();
    EXPECT_TRUE(made) << made.error().to_string();
    return std::move(*made);
  }
  void fill(const std::string& topic, int records) {
    Producer to = producer();
    for (int i = 0; i < records; ++i) {
      const auto sent =
          to.send({.topic = topic, .value = std::to_string(i), .partition = 0, .timestamp_ms = 1000 + i});
      ASSERT_TRUE(sent) << sent.error().to_string();
      EXPECT_EQ(sent->offset, i);
      EXPECT_EQ(sent->timestamp_ms, 1000 + i);
    }
  }
  std::vector<std::string> values(Consumer& consumer, std::size_t count) {
    std::vector<std::string> found;
    for (int tries = 0; tries < 50 && found.size() < count; ++tries) {
      const auto records = consumer.poll(200ms);
      EXPECT_TRUE(records) << records.error().to_string();
      if (!records) break;
      for (const RecordView& record : *records) found.emplace_back(record.value.value_or("(null)"));
    }
    return found;
  }

  std::optional<Client> client;
  std::optional<Admin> admin;
};

TEST_F(PublicClient, Topics) {
  const std::string topic = make_topic(3);
  const auto again = admin->create_topics({{.name = topic}, {.name = "b/d"}});
  ASSERT_TRUE(again);
  ASSERT_FALSE(again->at(0).second);
  EXPECT_EQ(again->at(0).second.error().kind, ErrorKind::already_exists);
  EXPECT_EQ(again->at(1).second.error().kind, ErrorKind::invalid_argument);
  EXPECT_EQ(again->at(0).second.error().phase, Phase::request);
  const auto listed = admin->list_topics();
  ASSERT_TRUE(listed);
  EXPECT_TRUE(std::ranges::any_of(*listed, [&](const auto& one) { return one.name == topic; }));
  const auto described = admin->describe_topics({topic, "none"});
  ASSERT_TRUE(described);
  for (const auto& [name, one] : *described) {
    if (name == "none") {
      EXPECT_EQ(one.error().kind, ErrorKind::not_found);
      continue;
    }
    ASSERT_TRUE(one);
    ASSERT_EQ(one->partitions.size(), 3U);
    EXPECT_EQ(one->partitions[2].index, 2);
    EXPECT_GE(one->partitions[2].leader, 0);
    EXPECT_EQ(one->id.size(), 22U);
  }
  const auto deleted = admin->delete_topics({topic, "none"});
  ASSERT_TRUE(deleted);
  EXPECT_TRUE(deleted->at(0).second);
  EXPECT_FALSE(deleted->at(1).second);
  EXPECT_FALSE(admin->describe_topics({topic})->front().second);
}

TEST_F(PublicClient, Cluster) {
  const auto cluster = admin->describe_cluster();
  ASSERT_TRUE(cluster) << cluster.error().to_string();
  EXPECT_EQ(cluster->id.size(), 22U);
  ASSERT_EQ(cluster->brokers.size(), 1U);
  EXPECT_FALSE(cluster->brokers.front().address.empty());
  EXPECT_EQ(cluster->controller, cluster->brokers.front().id);
}

TEST_F(PublicClient, MovesAndElections) {
  const std::string topic = make_topic();
  const std::vector<std::int32_t> replicas{admin->describe_cluster()->brokers.front().id};
  const TopicPartition partition{topic, 0};
  const auto moved = admin->reassign({{partition, replicas}, {{topic, 99}, replicas}});
  ASSERT_TRUE(moved) << moved.error().to_string();
  ASSERT_EQ(moved->size(), 2U);
  EXPECT_TRUE(moved->at(0).second);
  EXPECT_FALSE(moved->at(1).second) << "there is no such partition";
  const auto under_way = admin->reassignments();
  ASSERT_TRUE(under_way) << under_way.error().to_string();
  EXPECT_TRUE(under_way->empty()) << "it is where it was to go";
  const auto cancelled = admin->reassign({{partition, std::nullopt}});
  ASSERT_TRUE(cancelled) << cancelled.error().to_string();
  EXPECT_FALSE(cancelled->front().second) << "nothing is under way";
  const auto elected = admin->elect_preferred_leaders({partition, {"none", 0}});
  ASSERT_TRUE(elected) << elected.error().to_string();
  EXPECT_TRUE(elected->at(0).second) << "it leads already";
  EXPECT_FALSE(elected->at(1).second);
}

TEST_F(PublicClient, Configs) {
  const std::string topic = make_topic();
  const auto value = [&]() -> std::optional<std::string> {
    const auto configs = admin->topic_configs(topic);
    EXPECT_TRUE(configs);
    for (const auto& [name, text] : *configs) {
      if (name == "retention.ms") return text;
    }
    return std::nullopt;
  };
  const auto before = value();
  ASSERT_TRUE(admin->set_topic_configs(topic, {{"retention.ms", "123456"}}));
  EXPECT_EQ(value(), "123456");
  ASSERT_TRUE(admin->set_topic_configs(topic, {{"retention.ms", std::nullopt}}));
  EXPECT_EQ(value(), before);
  EXPECT_FALSE(admin->set_topic_configs(topic, {{"retention.ms", "long"}}));
  EXPECT_EQ(admin->topic_configs("none").error().kind, ErrorKind::not_found);
}

TEST_F(PublicClient, RecordsComeBackAsTheyWere) {
  const std::string topic = make_topic();
  Producer to = producer();
  const auto sent = to.send({.topic = topic,
                             .key = "k",
                             .value = std::string("\0\xff", 2),
                             .headers = {{"h", "x"}, {"none", std::nullopt}},
                             .timestamp_ms = 5000});
  ASSERT_TRUE(sent) << sent.error().to_string();
  ASSERT_TRUE(to.send({.topic = topic, .key = "gone"}));
  Consumer consumer = client->consumer();
  ASSERT_TRUE(consumer.assign(topic, StartAt::beginning()));
  std::size_t seen = 0;
  for (int tries = 0; tries < 50 && seen < 2; ++tries) {
    const auto records = consumer.poll(200ms);
    ASSERT_TRUE(records);
    for (const RecordView& record : *records) {
      EXPECT_EQ(record.topic, topic);
      EXPECT_EQ(record.offset, static_cast<std::int64_t>(seen));
      if (seen++ > 0) {
        EXPECT_EQ(record.key, "gone");
        EXPECT_FALSE(record.value);
        continue;
      }
      EXPECT_EQ(record.key, "k");
      EXPECT_EQ(record.value, std::string_view("\0\xff", 2));
      EXPECT_EQ(record.timestamp_ms, 5000);
      ASSERT_EQ(record.headers.size(), 2U);
      EXPECT_EQ(record.headers[0].value, "x");
      EXPECT_FALSE(record.headers[1].value);
    }
  }
  EXPECT_EQ(seen, 2U);
}

TEST_F(PublicClient, SendsOfEveryKind) {
  const std::string topic = make_topic();
  Producer to = producer();
  auto first = to.send_async({.topic = topic, .value = "async"});
  std::mutex mutex;
  std::vector<std::int64_t> offsets;
  std::vector<ErrorKind> failures;
  const Producer::Callback note = [&](const Expected<RecordMetadata>& outcome) {
    const std::lock_guard lock(mutex);
    if (outcome)
      offsets.push_back(outcome->offset);
    else
      failures.push_back(outcome.error().kind);
  };
  for (int i = 0; i < 100; ++i) to.send({.topic = topic, .value = "called back"}, note);
  to.send({.topic = topic, .value = std::string(2'000'000, 'x')}, note);
  to.flush();
  const auto metadata = first.get();
  ASSERT_TRUE(metadata) << metadata.error().to_string();
  {
    const std::lock_guard lock(mutex);
    EXPECT_EQ(std::set(offsets.begin(), offsets.end()).size(), 100U);
    EXPECT_EQ(failures, std::vector{ErrorKind::too_large});
  }
  to.close(5s);
  to.close(5s);
  const auto late = to.send({.topic = topic, .value = "late"});
  ASSERT_FALSE(late);
  EXPECT_EQ(late.error().kind, ErrorKind::closed);
}

TEST_F(PublicClient, AProducerAndAConsumerMayMove) {
  const std::string topic = make_topic();
  Producer one = producer();
  Producer two = std::move(one);
  ASSERT_TRUE(two.send({.topic = topic, .value = "moved"}));
  Consumer first = client->consumer();
  Consumer second = std::move(first);
  second.assign(topic, 0, StartAt::beginning());
  EXPECT_EQ(values(second, 1), std::vector<std::string>{"moved"});
  Client moved = std::move(*client);
  client.emplace(std::move(moved));
  EXPECT_TRUE(client->admin().list_topics());
}

TEST_F(PublicClient, WhereToBegin) {
  const std::string topic = make_topic();
  fill(topic, 10);
  using Values = std::vector<std::string>;
  const auto read = [&](StartAt start, std::size_t count) {
    Consumer consumer = client->consumer();
    consumer.assign(topic, 0, start);
    auto found = values(consumer, count);
    EXPECT_EQ(consumer.position(topic, 0), 10);
    EXPECT_TRUE(consumer.at_end(topic, 0));
    return found;
  };
  EXPECT_EQ(read(StartAt::offset(8), 2), (Values{"8", "9"}));
  EXPECT_EQ(read(StartAt::timestamp(1009), 1), Values{"9"});
  Consumer consumer = client->consumer();
  consumer.assign(topic, 0, StartAt::end());
  ASSERT_TRUE(consumer.poll(500ms)->empty());
  ASSERT_TRUE(producer().send({.topic = topic, .value = "new"}));
  EXPECT_EQ(values(consumer, 1), Values{"new"});
  consumer.close();
}

TEST_F(PublicClient, PauseResumeAndUnassign) {
  const std::string topic = make_topic();
  fill(topic, 3);
  Consumer consumer = client->consumer();
  consumer.assign(topic, 0, StartAt::beginning());
  consumer.pause(topic, 0);
  EXPECT_TRUE(consumer.poll(300ms)->empty());
  consumer.resume(topic, 0);
  EXPECT_EQ(values(consumer, 3).size(), 3U);
  consumer.unassign(topic, 0);
  EXPECT_EQ(consumer.position(topic, 0), std::nullopt);
  EXPECT_FALSE(consumer.at_end(topic, 0));
  EXPECT_FALSE(consumer.assign("none"));
}

TEST_F(PublicClient, OffsetsAndDeletedRecords) {
  const std::string topic = make_topic();
  fill(topic, 5);
  const std::vector<TopicPartition> partition{{topic, 0}, {"none", 0}};
  const auto deleted = admin->delete_records({{partition[0], 3}});
  ASSERT_TRUE(deleted);
  EXPECT_EQ(*deleted->front().second, 3);
  const auto first = admin->earliest_offsets(partition);
  const auto end = admin->end_offsets(partition);
  ASSERT_TRUE(first && end);
  EXPECT_EQ(*first->at(0).second, 3);
  EXPECT_EQ(*end->at(0).second, 5);
  EXPECT_FALSE(first->at(1).second);
  EXPECT_EQ(end->at(1).second.error().kind, ErrorKind::not_found);
}

TEST(Connect, SaysWhatIsWrong) {
  Config wrong = config();
  wrong.bootstrap_servers = "127.0.0.1:1";
  wrong.api_timeout = 1s;
  const auto refused = Client::connect(wrong);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().kind, ErrorKind::unreachable);
  EXPECT_EQ(refused.error().phase, Phase::connect);
  EXPECT_EQ(refused.error().address, "127.0.0.1:1");
  EXPECT_NE(refused.error().to_string().find("127.0.0.1:1"), std::string::npos);
  const auto from = Config::from_properties({{"bootstrap.servers", "localhost:1"}, {"linger.ms", "7"}});
  ASSERT_TRUE(from);
  EXPECT_EQ(from->linger, 7ms);
  wrong = config();
  wrong.acks = Acks::leader;
  auto client = Client::connect(wrong);
  ASSERT_TRUE(client) << client.error().to_string();
  EXPECT_FALSE(client->producer()) << "idempotence needs acks all";
}

}  // namespace
}  // namespace moldau::sdk
