// Every call of the public client (include/moldau) against the node that MOLDAU_BROKERS names.
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <functional>
#include <future>
#include <mutex>
#include <set>
#include <thread>

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
    const auto created = admin->create_topics({{.name = name, .partitions = partitions}}).get();
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
  const auto again = admin->create_topics({{.name = topic}, {.name = "b/d"}}).get();
  ASSERT_TRUE(again);
  ASSERT_FALSE(again->at(0).second);
  EXPECT_EQ(again->at(0).second.error().kind, ErrorKind::already_exists);
  EXPECT_EQ(again->at(1).second.error().kind, ErrorKind::invalid_argument);
  EXPECT_EQ(again->at(0).second.error().phase, Phase::request);
  const auto listed = admin->list_topics().get();
  ASSERT_TRUE(listed);
  EXPECT_TRUE(std::ranges::any_of(*listed, [&](const auto& one) { return one.name == topic; }));
  const auto described = admin->describe_topics({topic, "none"}).get();
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
  const auto deleted = admin->delete_topics({topic, "none"}).get();
  ASSERT_TRUE(deleted);
  EXPECT_TRUE(deleted->at(0).second);
  EXPECT_FALSE(deleted->at(1).second);
  EXPECT_FALSE(admin->describe_topics({topic}).get()->front().second);
}

TEST_F(PublicClient, Cluster) {
  const auto cluster = admin->describe_cluster().get();
  ASSERT_TRUE(cluster) << cluster.error().to_string();
  EXPECT_EQ(cluster->id.size(), 22U);
  ASSERT_EQ(cluster->brokers.size(), 1U);
  EXPECT_FALSE(cluster->brokers.front().address.empty());
  EXPECT_EQ(cluster->controller, cluster->brokers.front().id);
}

TEST_F(PublicClient, MovesAndElections) {
  const std::string topic = make_topic();
  const std::vector<std::int32_t> replicas{admin->describe_cluster().get()->brokers.front().id};
  const TopicPartition partition{topic, 0};
  const auto moved = admin->reassign({{partition, replicas}, {{topic, 99}, replicas}}).get();
  ASSERT_TRUE(moved) << moved.error().to_string();
  ASSERT_EQ(moved->size(), 2U);
  EXPECT_TRUE(moved->at(0).second);
  EXPECT_FALSE(moved->at(1).second) << "there is no such partition";
  const auto under_way = admin->reassignments().get();
  ASSERT_TRUE(under_way) << under_way.error().to_string();
  EXPECT_TRUE(under_way->empty()) << "it is where it was to go";
  const auto cancelled = admin->reassign({{partition, std::nullopt}}).get();
  ASSERT_TRUE(cancelled) << cancelled.error().to_string();
  EXPECT_FALSE(cancelled->front().second) << "nothing is under way";
  const auto elected = admin->elect_preferred_leaders({partition, {"none", 0}}).get();
  ASSERT_TRUE(elected) << elected.error().to_string();
  EXPECT_TRUE(elected->at(0).second) << "it leads already";
  EXPECT_FALSE(elected->at(1).second);
}

TEST_F(PublicClient, Configs) {
  const std::string topic = make_topic();
  const auto value = [&]() -> std::optional<std::string> {
    const auto configs = admin->topic_configs(topic).get();
    EXPECT_TRUE(configs);
    for (const auto& [name, text] : *configs) {
      if (name == "retention.ms") return text;
    }
    return std::nullopt;
  };
  const auto before = value();
  ASSERT_TRUE(admin->set_topic_configs(topic, {{"retention.ms", "123456"}}).get());
  EXPECT_EQ(value(), "123456");
  ASSERT_TRUE(admin->set_topic_configs(topic, {{"retention.ms", std::nullopt}}).get());
  EXPECT_EQ(value(), before);
  EXPECT_FALSE(admin->set_topic_configs(topic, {{"retention.ms", "long"}}).get());
  EXPECT_EQ(admin->topic_configs("none").get().error().kind, ErrorKind::not_found);
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
  EXPECT_TRUE(client->admin().list_topics().get());
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
  const auto deleted = admin->delete_records({{partition[0], 3}}).get();
  ASSERT_TRUE(deleted);
  EXPECT_EQ(*deleted->front().second, 3);
  const auto first = admin->earliest_offsets(partition).get();
  const auto end = admin->end_offsets(partition).get();
  ASSERT_TRUE(first && end);
  EXPECT_EQ(*first->at(0).second, 3);
  EXPECT_EQ(*end->at(0).second, 5);
  EXPECT_FALSE(first->at(1).second);
  EXPECT_EQ(end->at(1).second.error().kind, ErrorKind::not_found);
}

// As a member of a group; the parameter is its protocol.
class PublicGroups : public PublicClient, public testing::WithParamInterface<GroupProtocol> {
 protected:
  Config member_config() {
    Config wanted = config();
    wanted.group_id = "group of " + topic_name();
    wanted.group_protocol = GetParam();
    wanted.auto_offset_reset = OffsetReset::earliest;
    wanted.enable_auto_commit = false;
    return wanted;
  }
  static std::string topic_name() {
    std::string name = testing::UnitTest::GetInstance()->current_test_info()->name();
    std::ranges::replace(name, '/', '.');
    return name;
  }
  std::string make_group_topic(std::int32_t partitions) {
    const auto created = admin->create_topics({{.name = topic_name(), .partitions = partitions}}).get();
    EXPECT_TRUE(created && created->front().second);
    return topic_name();
  }
  Consumer member() {
    auto made = client->consumer(member_config());
    EXPECT_TRUE(made) << made.error().to_string();
    return std::move(*made);
  }
  // Polls, for the members' hooks to be called.
  bool until(std::vector<Consumer*> members, std::function<bool()> holds) {
    const auto deadline = std::chrono::steady_clock::now() + 30s;
    while (!holds()) {
      if (std::chrono::steady_clock::now() > deadline) return false;
      for (Consumer* one : members) EXPECT_TRUE(one->poll(50ms));
    }
    return true;
  }
};
INSTANTIATE_TEST_SUITE_P(Both, PublicGroups, testing::Values(GroupProtocol::classic, GroupProtocol::consumer),
                         [](const auto& of) {
                           return of.param == GroupProtocol::classic ? "Classic" : "Consumer";
                         });

TEST_P(PublicGroups, HooksCommitsAndTakingOver) {
  const std::string topic = make_group_topic(4);
  std::set<TopicPartition> first_has;
  std::size_t revoked = 0;
  Consumer first = member();
  const RebalanceHooks hooks{.on_assigned =
                                 [&](const auto& partitions) {
                                   first_has.insert(partitions.begin(), partitions.end());
                                   for (const auto& one : partitions) {
                                     EXPECT_TRUE(first.seek(one.topic, one.partition, StartAt::beginning()));
                                   }
                                 },
                             .on_revoked =
                                 [&](const auto& partitions) {
                                   EXPECT_TRUE(first.commit());
                                   revoked += partitions.size();
                                   for (const auto& one : partitions) first_has.erase(one);
                                 }};
  ASSERT_TRUE(first.subscribe({topic}, hooks));
  ASSERT_TRUE(until({&first}, [&] { return first_has.size() == 4; }));
  EXPECT_EQ(first.assignment().size(), 4U);
  Producer to = producer();
  for (int i = 0; i < 8; ++i)
    ASSERT_TRUE(to.send({.topic = topic, .value = std::to_string(i), .partition = i % 4}));
  EXPECT_EQ(values(first, 8).size(), 8U);
  EXPECT_GE(first.group_metadata().generation, 0);
  Consumer second = member();
  ASSERT_TRUE(second.subscribe({topic}));
  ASSERT_TRUE(
      until({&first, &second}, [&] { return first_has.size() == 2 && second.assignment().size() == 2; }));
  EXPECT_GE(revoked, 2U);
  const auto committed = second.committed({{topic, 0}, {topic, 1}, {topic, 2}, {topic, 3}});
  ASSERT_TRUE(committed) << committed.error().to_string();
  EXPECT_GE(committed->size(), 2U) << "by the hook, of what was revoked";
  EXPECT_TRUE(values(second, 0).empty());
  const auto described = admin->describe_groups({member_config().group_id}).get();
  ASSERT_TRUE(described && described->front().second);
  EXPECT_EQ(described->front().second->members.size(), 2U);
  EXPECT_EQ(described->front().second->type, GetParam() == GroupProtocol::classic ? "Classic" : "Consumer");
  first.close();
  EXPECT_TRUE(first_has.empty()) << "close() calls the hooks, too";
  ASSERT_TRUE(until({&second}, [&] { return second.assignment().size() == 4; }));
}

TEST_P(PublicGroups, PatternsPausesAndOffsets) {
  const std::string topic = make_group_topic(1);
  fill(topic, 6);
  Consumer consumer = member();
  EXPECT_FALSE(consumer.subscribe_pattern("("));
  EXPECT_FALSE(consumer.subscribe({}));
  ASSERT_TRUE(consumer.subscribe_pattern("Patterns.*" + topic.substr(topic.find('.') + 1)));
  EXPECT_EQ(values(consumer, 6).size(), 6U);
  EXPECT_FALSE(consumer.assign(topic, 0)) << "the group gives the partitions";
  EXPECT_EQ(consumer.positions().at({topic, 0}).offset, 6);
  ASSERT_TRUE(consumer.commit({{{topic, 0}, {.offset = 2, .metadata = "two"}}}));
  EXPECT_EQ(consumer.committed({{topic, 0}})->at({topic, 0}).metadata, "two");
  ASSERT_TRUE(consumer.seek_to_committed());
  consumer.pause(topic, 0);
  EXPECT_TRUE(consumer.poll(300ms)->empty());
  consumer.resume(topic, 0);
  EXPECT_EQ(values(consumer, 4).size(), 4U);
  ASSERT_TRUE(consumer.commit_async().get());
  consumer.unsubscribe();
  EXPECT_TRUE(consumer.assignment().empty());
  EXPECT_EQ(admin->group_offsets(member_config().group_id).get()->at({topic, 0}).offset, 6);
  ASSERT_TRUE(admin->set_group_offsets(member_config().group_id, {{{topic, 0}, {.offset = 1}}}).get());
  ASSERT_TRUE(consumer.assign(topic, 0, StartAt::end()));
  EXPECT_EQ(consumer.committed({{topic, 0}})->at({topic, 0}).offset, 1) << "without being a member";
  ASSERT_TRUE(consumer.seek_to_committed());
  EXPECT_EQ(values(consumer, 5).size(), 5U);
  ASSERT_TRUE(consumer.commit());
  EXPECT_EQ(admin->group_offsets(member_config().group_id).get()->at({topic, 0}).offset, 6);
  EXPECT_TRUE(admin->delete_groups({member_config().group_id}).get()->front().second);
}

TEST_P(PublicGroups, TransactionsTakeOffsetsAlong) {
  const std::string topic = make_group_topic(1);
  fill(topic, 4);
  Consumer consumer = member();
  ASSERT_TRUE(consumer.subscribe({topic}));
  EXPECT_EQ(values(consumer, 4).size(), 4U);
  auto to = client->transactional_producer("producer of " + topic);
  ASSERT_TRUE(to) << to.error().to_string();
  {
    auto dropped = to->begin();
    ASSERT_TRUE(dropped) << dropped.error().to_string();
    EXPECT_FALSE(to->begin()) << "one at a time";
    EXPECT_TRUE(dropped->send_async({.topic = topic, .value = "never"}).get());
    ASSERT_TRUE(dropped->send_offsets(consumer));
  }
  EXPECT_TRUE(admin->group_offsets(member_config().group_id).get()->empty()) << "its end aborted it";
  auto kept = to->begin();
  ASSERT_TRUE(kept) << kept.error().to_string();
  kept->send({.topic = topic, .value = "stays"}, nullptr);
  ASSERT_TRUE(kept->send_offsets(consumer));
  const auto committed = kept->commit();
  ASSERT_TRUE(committed) << committed.error().to_string();
  EXPECT_FALSE(kept->commit()) << "once";
  for (int tries = 0; tries < 100 && admin->group_offsets(member_config().group_id).get()->empty(); ++tries)
    std::this_thread::sleep_for(50ms);
  EXPECT_EQ(admin->group_offsets(member_config().group_id).get()->at({topic, 0}).offset, 4);
  Config strict = config();
  strict.isolation = Isolation::read_committed;
  auto reader = client->consumer(strict);
  ASSERT_TRUE(reader->assign(topic, 0, StartAt::offset(4)));
  EXPECT_EQ(values(*reader, 1), std::vector<std::string>{"stays"});
  auto newer = client->transactional_producer("producer of " + topic);
  ASSERT_TRUE(newer) << newer.error().to_string();
  auto late = to->begin();
  ASSERT_TRUE(late) << "it does not know yet";
  late->send({.topic = topic, .value = "late"}, nullptr);
  EXPECT_FALSE(late->commit());
  EXPECT_EQ(late->abort().error().kind, ErrorKind::fenced);
  EXPECT_FALSE(to->begin()) << "for good";
}

TEST_F(PublicClient, FuturesAreAwaitedCalledBackAndCancelled) {
  const std::string topic = make_topic();
  Producer to = producer();
  const auto both = [](Producer& by, std::string name) -> Future<std::int64_t> {
    const auto first = co_await by.send_async({.topic = name, .value = "one"});
    if (!first) co_return std::unexpected(first.error());
    const auto second = co_await by.send_async({.topic = name, .value = "two"});
    if (!second) co_return std::unexpected(second.error());
    co_return second->offset;
  };
  EXPECT_EQ(both(to, topic).get(), 1);
  std::promise<std::size_t> told;
  admin->list_topics().then([&](const auto& topics) { told.set_value(topics->size()); });
  EXPECT_GE(told.get_future().get(), 1U);
  auto tried = to.try_send({.topic = topic, .value = "three"});
  ASSERT_TRUE(tried);
  EXPECT_EQ(tried->get()->offset, 2);
  EXPECT_EQ(to.counters().records_delivered, 3U);
  EXPECT_TRUE(to.flush_async().get());

  Consumer consumer = client->consumer();
  ASSERT_TRUE(consumer.assign(topic, 0, StartAt::end()));
  auto polling = consumer.poll_async(1h);
  EXPECT_FALSE(polling.wait_for(200ms));
  polling.cancel();
  EXPECT_EQ(polling.get().error().kind, ErrorKind::cancelled);
  std::thread waker([&] {
    std::this_thread::sleep_for(200ms);
    consumer.wakeup();
  });
  EXPECT_EQ(consumer.poll(1h).error().kind, ErrorKind::cancelled);
  waker.join();
  ASSERT_TRUE(to.send({.topic = topic, .value = "four"}));
  EXPECT_EQ(values(consumer, 1), std::vector<std::string>{"four"}) << "no record is lost by it";
}

TEST_F(PublicClient, HooksAreToldOfBatchesRequestsAndConnections) {
  const std::string topic = make_topic();
  std::mutex mutex;
  std::multiset<std::string> requests;
  int opened = 0, ended = 0, batches = 0;
  Config wanted = config();
  wanted.compression = Compression::lz4;
  wanted.hooks.on_batch = [&](const BatchReport& one) {
    const std::lock_guard lock(mutex);
    EXPECT_EQ(one.topic, topic);
    EXPECT_EQ(one.base_offset, batches);
    EXPECT_EQ(one.records, 1);
    EXPECT_EQ(one.compression, Compression::lz4);
    EXPECT_LT(one.bytes, one.uncompressed_bytes);
    EXPECT_FALSE(one.error);
    ++batches;
  };
  wanted.hooks.on_request = [&](const RequestReport& one) {
    const std::lock_guard lock(mutex);
    EXPECT_FALSE(one.address.empty());
    requests.emplace(one.api);
  };
  wanted.hooks.on_connection = [&](const ConnectionReport& one) {
    const std::lock_guard lock(mutex);
    EXPECT_NE(one.open, !one.why.empty());
    ++(one.open ? opened : ended);
  };
  {
    auto watched = Client::connect(wanted);
    ASSERT_TRUE(watched) << watched.error().to_string();
    auto by = watched->producer();
    ASSERT_TRUE(by) << by.error().to_string();
    for (int i = 0; i < 3; ++i) ASSERT_TRUE(by->send({.topic = topic, .value = std::string(5000, 'x')}));
  }
  EXPECT_EQ(batches, 3);
  EXPECT_EQ(requests.count("Produce"), 3U);
  EXPECT_GE(requests.count("Metadata"), 1U);
  EXPECT_EQ(requests.count("InitProducerId"), 1U);
  EXPECT_GE(opened, 1);
  EXPECT_GE(ended, opened) << "with the client";
}

TEST_P(PublicGroups, AMemberIsClosedWithoutWaiting) {
  const std::string topic = make_group_topic(1);
  fill(topic, 2);
  std::atomic<std::size_t> assigned = 0, revoked = 0;
  Consumer one = member();
  const RebalanceHooks hooks{.on_assigned = [&](const auto& partitions) { assigned += partitions.size(); },
                             .on_revoked = [&](const auto& partitions) { revoked += partitions.size(); }};
  ASSERT_TRUE(one.subscribe({topic}, hooks));
  EXPECT_EQ(values(one, 2).size(), 2U);
  EXPECT_EQ(assigned, 1U);
  Future<void> first = one.close_async();
  Future<void> second = one.close_async();
  EXPECT_TRUE(first.get());
  EXPECT_TRUE(second.get());
  EXPECT_EQ(revoked, 1U);
  EXPECT_EQ(one.poll(1s).error().kind, ErrorKind::closed);
  const auto left = admin->describe_groups({member_config().group_id}).get();
  ASSERT_TRUE(left && left->front().second);
  EXPECT_TRUE(left->front().second->members.empty());
}

TEST_F(PublicClient, ProducersAreClosedWithoutWaiting) {
  const std::string topic = make_topic();
  Producer to = producer();
  auto sent = to.send_async({.topic = topic, .value = "before"});
  Future<void> first = to.close_async();
  Future<void> second = to.close_async();
  const auto late = to.send({.topic = topic, .value = "late"});
  ASSERT_FALSE(late);
  EXPECT_EQ(late.error().kind, ErrorKind::closed);
  EXPECT_TRUE(first.get());
  EXPECT_TRUE(second.get());
  EXPECT_TRUE(sent.get()) << "what was sent before is delivered";
  to.close();

  auto by = client->transactional_producer("of " + topic);
  ASSERT_TRUE(by) << by.error().to_string();
  {
    auto open = by->begin();
    ASSERT_TRUE(open) << open.error().to_string();
    EXPECT_TRUE(open->send_async({.topic = topic, .value = "never"}).get());
    EXPECT_TRUE(by->close_async().get());
  }
  EXPECT_EQ(by->begin().error().kind, ErrorKind::closed);
  const auto after = admin->describe_transactions({"of " + topic}).get();
  ASSERT_TRUE(after && after->front().second);
  EXPECT_NE(after->front().second->state, "Ongoing") << "what was open is aborted";
}

// Its last steps destroy the producer, and the client, on the client's own thread.
TEST_F(PublicClient, ACoroutineMayBeTheLastToHoldIt) {
  const std::string topic = make_topic();
  const auto last = [](Client held, std::string name) -> Future<std::int64_t> {
    auto by = held.producer();
    if (!by) co_return std::unexpected(by.error());
    const auto sent = co_await by->send_async({.topic = name, .value = "v"});
    if (!sent) co_return std::unexpected(sent.error());
    const auto closed = co_await by->close_async();
    if (!closed) co_return std::unexpected(closed.error());
    co_return sent->offset;
  };
  admin.reset();
  Client held = std::move(*client);
  client.reset();
  EXPECT_EQ(last(std::move(held), topic).get(), 0);
  std::this_thread::sleep_for(200ms);  // its thread ends meanwhile
}

TEST_F(PublicClient, TransactionsAreShownAbortedAndFenced) {
  const std::string topic = make_topic();
  const std::string id = "of " + topic;
  const TopicPartition partition{topic, 0};
  auto by = client->transactional_producer(id);
  ASSERT_TRUE(by) << by.error().to_string();
  auto open = by->begin();
  ASSERT_TRUE(open) << open.error().to_string();
  ASSERT_TRUE(open->send_async({.topic = topic, .value = "open"}).get());

  const auto listed = admin->list_transactions({.states = {"Ongoing"}, .id_pattern = "of .*Fenced"}).get();
  ASSERT_TRUE(listed) << listed.error().to_string();
  ASSERT_EQ(listed->size(), 1U);
  EXPECT_EQ(listed->front().id, id);
  EXPECT_EQ(listed->front().state, "Ongoing");
  EXPECT_TRUE(admin->list_transactions({.longer_than = 1h, .id_pattern = "of .*Fenced"}).get()->empty());
  EXPECT_FALSE(admin->list_transactions({.id_pattern = "("}).get());

  const auto described = admin->describe_transactions({id, "nobody's"}).get();
  ASSERT_TRUE(described) << described.error().to_string();
  ASSERT_EQ(described->size(), 2U);
  ASSERT_TRUE(described->at(0).second) << described->at(0).second.error().to_string();
  const TransactionDescription& shown = *described->at(0).second;
  EXPECT_EQ(shown.partitions, std::vector{partition});
  EXPECT_EQ(shown.producer_id, listed->front().producer_id);
  EXPECT_EQ(shown.timeout, config().transaction_timeout);
  EXPECT_TRUE(shown.started_ms);
  ASSERT_FALSE(described->at(1).second);
  EXPECT_EQ(described->at(1).second.error().kind, ErrorKind::not_found);

  const auto producers = [&] { return admin->describe_producers({partition, {"none", 0}}).get(); };
  const auto before = producers();
  ASSERT_TRUE(before) << before.error().to_string();
  ASSERT_TRUE(before->at(0).second && before->at(0).second->size() == 1);
  EXPECT_EQ(before->at(1).second.error().kind, ErrorKind::not_found);
  const ActiveProducer writer = before->at(0).second->front();
  EXPECT_EQ(writer.producer_id, shown.producer_id);
  EXPECT_EQ(writer.transaction_start, 0);
  const auto aborted = admin->abort_transaction(partition, writer).get();
  ASSERT_TRUE(aborted) << aborted.error().to_string();
  const auto after = producers();
  ASSERT_TRUE(after && after->at(0).second);
  for (const ActiveProducer& one : *after->at(0).second) EXPECT_FALSE(one.transaction_start);

  const auto fenced = admin->fence_producers({id}).get();
  ASSERT_TRUE(fenced && fenced->front().second);
  EXPECT_EQ(fenced->front().second->producer_id, shown.producer_id);
  EXPECT_GT(fenced->front().second->producer_epoch, shown.producer_epoch);
  const auto late = open->commit();
  ASSERT_FALSE(late);
  EXPECT_EQ(late.error().kind, ErrorKind::fenced) << late.error().to_string();
}

TEST_F(PublicClient, FoldersQuorumAndFeatures) {
  const std::string topic = make_topic();
  fill(topic, 3);
  const std::int32_t broker = admin->describe_cluster().get()->brokers.front().id;
  const auto folders = admin->describe_log_dirs().get();
  ASSERT_TRUE(folders) << folders.error().to_string();
  ASSERT_EQ(folders->size(), 1U);
  EXPECT_EQ(folders->front().first, broker);
  ASSERT_TRUE(folders->front().second && !folders->front().second->empty());
  const LogDirDescription& folder = folders->front().second->front();
  EXPECT_FALSE(folder.error);
  EXPECT_FALSE(folder.path.empty());
  EXPECT_GT(folder.total_bytes.value_or(0), 0);
  const auto replica = std::ranges::find(folder.replicas, TopicPartition{topic, 0}, &ReplicaSize::partition);
  ASSERT_NE(replica, folder.replicas.end());
  EXPECT_GT(replica->size_bytes, 0);
  EXPECT_FALSE(replica->is_future);
  const auto nobody = admin->describe_log_dirs({99}).get();
  ASSERT_TRUE(nobody);
  EXPECT_FALSE(nobody->front().second);

  const auto quorum = admin->describe_quorum().get();
  ASSERT_TRUE(quorum) << quorum.error().to_string();
  EXPECT_EQ(quorum->leader, broker);
  ASSERT_EQ(quorum->voters.size(), 1U);
  EXPECT_EQ(quorum->voters.front().id, broker);
  EXPECT_EQ(quorum->voters.front().directory_id.size(), 22U);
  EXPECT_GE(quorum->voters.front().log_end_offset, quorum->high_watermark);

  const auto level = [&](std::string_view name) -> std::int16_t {
    const auto features = admin->describe_features().get();
    EXPECT_TRUE(features) << features.error().to_string();
    const auto found = std::ranges::find(*features, name, &FeatureDescription::name);
    return found == features->end() ? std::int16_t{-1} : found->finalized;
  };
  const std::int16_t now = level("group.version");
  ASSERT_GE(now, 1);
  const FeatureUpdate off{.name = "group.version", .level = 0, .kind = FeatureUpdate::Kind::safe_downgrade};
  const auto asked = admin->update_features({off}, true).get();
  ASSERT_TRUE(asked && asked->size() == 1);
  EXPECT_TRUE(asked->front().second) << asked->front().second.error().to_string();
  EXPECT_EQ(level("group.version"), now) << "it was only asked";
  const auto refused = admin->update_features({{.name = "group.version", .level = 99}}).get();
  ASSERT_TRUE(refused && refused->size() == 1);
  EXPECT_FALSE(refused->front().second);
  EXPECT_EQ(level("group.version"), now);
}

TEST_F(PublicClient, RecordsGoWhereThePartitionerSays) {
  const std::string topic = make_topic(4);
  const auto partition_of = [&](Partitioner partitioner, const char* key) {
    Config wanted = config();
    wanted.partitioner = partitioner;
    auto by = client->producer(wanted);
    EXPECT_TRUE(by);
    const auto sent = by->send({.topic = topic, .key = key, .value = "v"});
    EXPECT_TRUE(sent) << sent.error().to_string();
    return sent ? sent->partition : -1;
  };
  EXPECT_EQ(partition_of(Partitioner::murmur2, "foobar"), (-790332482 & 0x7fffffff) % 4);
  EXPECT_EQ(partition_of(Partitioner::crc32, "foobar"), static_cast<int>(0x9ef61f95U % 4));
  EXPECT_EQ(partition_of(Partitioner::round_robin, "foobar"), 0);
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
  wrong = config();
  wrong.security_protocol = "SASL_SSL";
  EXPECT_EQ(Client::connect(wrong).error().kind, ErrorKind::unsupported);
}

}  // namespace
}  // namespace moldau::sdk
