// Members of our own client library in groups of a node of ours, of both protocols: sharing, handing over,
// coming back, hooks, commits.
#include "client/group_consumer.h"

#include "client/admin.h"
#include "client/producer.h"
#include "unit/node/one_node.h"

namespace moldau::node::testing {
namespace {

using client::Assignor;

constexpr int kPartitions = 4;
constexpr const char* kShared = "shared";

class GroupConsumers : public OneNode {
 protected:
  GroupConsumers() {
    start(shared_settings());
    client::ClusterOptions options;
    options.bootstrap = {{simulation::Fabric::address_of(0), kNodePort}};
    cluster = std::make_unique<client::ClusterClient>(client.process(), 0, options);
  }
  ~GroupConsumers() override {
    for (auto& one : members) world.run(one->consumer.close());
    world.run(cluster->close());
    members.clear();
    cluster.reset();
  }
  config::Settings shared_settings() const {
    config::Settings settings = OneNode::settings();
    settings.bootstrap_topics.push_back({kShared, kPartitions, 1});
    settings.broker.insert({"group.initial.rebalance.delay.ms", "0"});
    return settings;
  }

  // Notes what its consumer is told.
  struct Hooks final : client::RebalanceHooks {
    Task<void> revoked(std::vector<TopicPartition> partitions) override {
      revoked_count += partitions.size();
      if (while_revoking) co_await while_revoking(std::move(partitions));
    }
    void lost(std::vector<TopicPartition> partitions) override { lost_count += partitions.size(); }
    Task<void> assigned(std::vector<TopicPartition> partitions) override {
      assigned_count += partitions.size();
      co_return;
    }
    std::size_t revoked_count = 0, lost_count = 0, assigned_count = 0;
    std::function<Task<void>(std::vector<TopicPartition>)> while_revoking;
  };
  struct Reading {
    Reading(client::ClusterClient& cluster, client::GroupConsumerOptions options)
        : consumer(
              cluster, std::move(options),
              []() -> Task<client::Outcome<std::vector<std::string>>> {
                co_return std::vector<std::string>{kShared};
              },
              &hooks) {}
    Hooks hooks;
    client::GroupConsumer consumer;
    std::vector<std::string> values;
    std::size_t fewest = kPartitions + 1;  // partitions seen at once
  };
  client::GroupConsumerOptions options(std::vector<Assignor> assignors = {Assignor::range}) const {
    client::GroupConsumerOptions options;
    options.group.group_id = "g";
    options.group.protocol = protocol;
    options.group.assignors = std::move(assignors);
    options.group.session_timeout = 10s;
    options.consumer.offset_reset = client::OffsetReset::earliest;
    options.auto_commit_interval = 1s;
    return options;
  }
  Reading& add(client::GroupConsumerOptions with) {
    members.push_back(std::make_unique<Reading>(*cluster, std::move(with)));
    return *members.back();
  }
  void close(std::size_t index) {
    world.run(members[index]->consumer.close());
    members.erase(members.begin() + static_cast<std::ptrdiff_t>(index));
  }

  // Everybody polls in turn until it holds, or a minute is over.
  bool poll_until(std::function<bool()> holds) {
    auto run = [&]() -> Task<bool> {
      auto& executor = client.process().shard(0);
      const auto deadline = executor.now() + 60s;
      while (!holds()) {
        if (executor.now() > deadline) co_return false;
        for (auto& one : members) {
          const auto lots = co_await one->consumer.poll(executor.now() + 50ms);
          EXPECT_TRUE(lots.has_value()) << lots.error().to_string();
          if (!lots) co_return false;
          for (const auto& lot : *lots) {
            for (const auto& record : lot.records) one->values.emplace_back(as_text(*record.value));
            if (!lot.records.empty())
              one->consumer.done({lot.topic, lot.partition}, lot.records.back().offset + 1);
          }
          one->fewest = std::min(one->fewest, one->consumer.assignment().size());
        }
      }
      co_return true;
    };
    return world.run(run());
  }
  bool all_shared() {
    std::size_t total = 0;
    for (auto& one : members) {
      const std::size_t some = one->consumer.assignment().size();
      if (some < kPartitions / members.size()) return false;
      total += some;
    }
    return total == kPartitions;
  }
  std::vector<std::string> all_values() {
    std::vector<std::string> all;
    for (auto& one : members) all.insert(all.end(), one->values.begin(), one->values.end());
    std::ranges::sort(all);
    return all;
  }
  std::vector<std::string> produce(int from, int until) {
    std::vector<std::string> values;
    auto run = [&]() -> Task<void> {
      auto producer = std::move(*client::ProducerCore::create(*cluster, {}));
      for (int i = from; i < until; ++i) {
        const std::string value = "value " + std::to_string(1000 + i);
        const auto done = co_await producer->deliver(
            {.topic = kShared, .partition = i % kPartitions, .value = as_bytes(value)});
        EXPECT_TRUE(done.has_value());
        values.push_back(value);
      }
      co_await producer->close();
    };
    world.run(run());
    return values;
  }
  std::map<TopicPartition, Offset> committed() {
    std::map<TopicPartition, Offset> offsets;
    const auto listed = world.run(client::AdminCore(*cluster).list_group_offsets("g"));
    EXPECT_TRUE(listed.has_value());
    for (const auto& [partition, offset] : *listed) offsets[partition] = offset->offset;
    return offsets;
  }

  client::GroupProtocol protocol = client::GroupProtocol::classic;
  std::unique_ptr<client::ClusterClient> cluster;
  std::vector<std::unique_ptr<Reading>> members;
};

class BothProtocols : public GroupConsumers, public ::testing::WithParamInterface<client::GroupProtocol> {
 protected:
  BothProtocols() { protocol = GetParam(); }
};
INSTANTIATE_TEST_SUITE_P(Groups, BothProtocols,
                         ::testing::Values(client::GroupProtocol::classic, client::GroupProtocol::consumer),
                         [](const auto& of) {
                           return of.param == client::GroupProtocol::classic ? "Classic" : "Consumer";
                         });

TEST_P(BothProtocols, ReadWhatIsThereCommitAndGoOnWhereTheyWere) {
  const auto first = produce(0, 20);
  add(options());
  ASSERT_TRUE(poll_until([&] { return members[0]->values.size() == first.size(); }));
  close(0);
  EXPECT_EQ(committed().size(), static_cast<std::size_t>(kPartitions));
  EXPECT_EQ((committed().at({kShared, 0})), 5);
  const auto second = produce(20, 40);
  Reading& again = add(options());
  ASSERT_TRUE(poll_until([&] { return again.values.size() >= second.size(); }));
  EXPECT_EQ(all_values(), second);
}

TEST_P(BothProtocols, ShareThePartitionsAndTakeOverFromWhoLeaves) {
  add(options());
  ASSERT_TRUE(poll_until([&] { return all_shared(); }));
  add(options());
  ASSERT_TRUE(poll_until([&] { return all_shared(); }));
  const auto values = produce(0, 40);
  ASSERT_TRUE(poll_until([&] { return all_values().size() == values.size(); }));
  EXPECT_EQ(all_values(), values);
  EXPECT_EQ(members[0]->values.size(), members[1]->values.size());
  close(0);
  ASSERT_TRUE(poll_until([&] { return all_shared(); }));
  members[0]->values.clear();
  const auto more = produce(40, 60);
  ASSERT_TRUE(poll_until([&] { return all_values().size() >= more.size(); }));
  EXPECT_EQ(all_values(), more);
}

TEST_F(GroupConsumers, CooperativeOnesKeepWhatTheyHaveWhileOthersCome) {
  Reading& first = add(options({Assignor::cooperative_sticky}));
  ASSERT_TRUE(poll_until([&] { return all_shared(); }));
  first.fewest = kPartitions + 1;
  add(options({Assignor::cooperative_sticky}));
  ASSERT_TRUE(poll_until([&] { return all_shared(); }));
  EXPECT_EQ(first.fewest, static_cast<std::size_t>(kPartitions / 2));
}

TEST_F(GroupConsumers, WhoIsPutOutComesBack) {
  Reading& one = add(options());
  ASSERT_TRUE(poll_until([&] { return all_shared(); }));
  const std::string before = one.consumer.member().id();
  const auto removed = world.run(client::AdminCore(*cluster).remove_group_members("g", {{before, {}, {}}}));
  ASSERT_TRUE(removed.has_value());
  ASSERT_TRUE(poll_until([&] { return one.consumer.member().id() != before && all_shared(); }));
}

TEST_F(GroupConsumers, AFencedStaticMemberEndsAndSaysWhy) {
  auto fixed = options();
  fixed.group.instance_id = "one";
  add(fixed);
  ASSERT_TRUE(poll_until([&] { return all_shared(); }));
  auto old = std::move(members[0]);
  members.clear();
  add(fixed);
  ASSERT_TRUE(poll_until([&] { return all_shared(); }));
  const auto ended = [&] { return old->consumer.member().failure().has_value(); };
  ASSERT_TRUE(poll_until(ended));
  EXPECT_EQ(old->consumer.member().failure()->broker, wire::ErrorCode::fenced_instance_id);
  world.run(old->consumer.close());
}

TEST_P(BothProtocols, GoOnAfterTheCoordinatorWasRestarted) {
  add(options());
  add(options());
  ASSERT_TRUE(poll_until([&] { return all_shared(); }));
  stop();
  start(shared_settings());
  const auto values = produce(0, 20);
  ASSERT_TRUE(poll_until([&] { return all_values().size() >= values.size(); }));
  EXPECT_EQ(all_values(), values);
}

TEST_F(GroupConsumers, AGroupThatIsNotNamedByItsTopicsIsFoundByAdministrators) {
  add(options());
  ASSERT_TRUE(poll_until([&] { return all_shared(); }));
  client::AdminCore admin(*cluster);
  const auto listed = world.run(admin.list_groups());
  ASSERT_TRUE(listed.has_value());
  ASSERT_EQ(listed->size(), 1u);
  EXPECT_EQ(listed->front().state, "Stable");
  EXPECT_EQ(listed->front().type, "Classic");
  const auto described = world.run(admin.describe_groups({"g", "none"}));
  ASSERT_TRUE(described.has_value());
  const auto& group = described->front().second;
  ASSERT_TRUE(group.has_value());
  EXPECT_EQ(group->assignor, "range");
  ASSERT_EQ(group->members.size(), 1u);
  EXPECT_EQ(group->members.front().assignment.size(), static_cast<std::size_t>(kPartitions));
  EXPECT_EQ((*described)[1].second.error().broker, wire::ErrorCode::group_id_not_found);
}

TEST_P(BothProtocols, WhoIsToldOfWhatGoesMayStillCommitIt) {
  auto by_hand = options();
  by_hand.auto_commit = false;
  Reading& first = add(by_hand);
  const auto values = produce(0, 8);
  ASSERT_TRUE(poll_until([&] { return first.values.size() == values.size(); }));
  EXPECT_EQ(first.hooks.assigned_count, static_cast<std::size_t>(kPartitions));
  EXPECT_EQ(committed().size(), 0u);
  std::size_t committed_then = 0;
  first.hooks.while_revoking = [&](std::vector<TopicPartition> partitions) -> Task<void> {
    const auto done = co_await first.consumer.commit();
    EXPECT_TRUE(done.has_value()) << done.error().to_string();
    committed_then += partitions.size();
  };
  Reading& second = add(by_hand);
  ASSERT_TRUE(poll_until([&] { return all_shared(); }));
  EXPECT_GE(first.hooks.revoked_count, static_cast<std::size_t>(kPartitions / 2));
  EXPECT_EQ(first.hooks.lost_count, 0u);
  EXPECT_EQ(committed_then, first.hooks.revoked_count);
  EXPECT_EQ(committed().size(), static_cast<std::size_t>(kPartitions));
  EXPECT_TRUE(second.values.empty()) << "what was committed is not read again";
  first.hooks.while_revoking = nullptr;
}

// The rebalance waits for the hook, and heartbeats go on: the member is not put out meanwhile.
TEST_P(BothProtocols, AHookMayTakeLongerThanTheSession) {
  auto patient = options();
  patient.group.session_timeout = 6s;
  patient.group.heartbeat_interval = 1s;
  Reading& first = add(patient);
  ASSERT_TRUE(poll_until([&] { return all_shared(); }));
  bool ended = false;
  first.hooks.while_revoking = [&](std::vector<TopicPartition>) -> Task<void> {
    co_await runtime::sleep_for(client.process().shard(0), 20s);
    ended = true;
  };
  add(patient);
  ASSERT_TRUE(poll_until([&] { return ended && all_shared(); }));
  EXPECT_EQ(first.hooks.lost_count, 0u);
  first.hooks.while_revoking = nullptr;
}

TEST_P(BothProtocols, OffsetsAreCommittedSoughtAndFetched) {
  auto by_hand = options();
  by_hand.auto_commit = false;
  Reading& one = add(by_hand);
  const TopicPartition first{kShared, 0};
  const auto early = world.run(one.consumer.commit({{first, {.offset = 1}}}));
  ASSERT_FALSE(early.has_value()) << "it is in no group yet";
  EXPECT_TRUE(early.error().retriable);
  EXPECT_FALSE(one.consumer.seek({"other", 0}, client::StartAt::beginning()).has_value());
  produce(0, 8);
  ASSERT_TRUE(poll_until([&] { return one.values.size() == 8u; }));
  ASSERT_TRUE(world.run(one.consumer.commit({{first, {.offset = 1, .metadata = "mine"}}})).has_value());
  const auto found = world.run(one.consumer.committed({first, {kShared, 1}}));
  ASSERT_TRUE(found.has_value()) << found.error().to_string();
  ASSERT_EQ(found->size(), 1u);
  EXPECT_EQ(found->at(first).offset, 1);
  EXPECT_EQ(found->at(first).metadata, "mine");
  ASSERT_TRUE(one.consumer.seek(first, client::StartAt::offset(1)).has_value());
  ASSERT_TRUE(poll_until([&] { return one.values.size() == 9u; }));
  EXPECT_EQ(one.values.back(), "value 1004");
}

TEST_P(BothProtocols, WhoDoesNotPollLeavesAndIsToldSo) {
  auto hasty = options();
  hasty.group.rebalance_timeout = 8s;
  hasty.group.heartbeat_interval = 1s;
  Reading& idle = add(hasty);
  ASSERT_TRUE(poll_until([&] { return all_shared(); }));
  auto wait = [&]() -> Task<void> { co_await runtime::sleep_for(client.process().shard(0), 30s); };
  world.run(wait());
  EXPECT_EQ(idle.hooks.lost_count, static_cast<std::size_t>(kPartitions));
  EXPECT_TRUE(idle.consumer.assignment().empty());
  const auto notice = idle.consumer.take_notice();
  ASSERT_TRUE(notice.has_value());
  EXPECT_NE(notice->cause.find("max.poll.interval.ms"), std::string::npos);
  EXPECT_FALSE(idle.consumer.take_notice().has_value()) << "once";
  ASSERT_TRUE(poll_until([&] { return all_shared(); })) << "who polls again joins again";
}

TEST_F(GroupConsumers, MembersOfBothProtocolsShareAGroup) {
  add(options());
  ASSERT_TRUE(poll_until([&] { return all_shared(); }));
  protocol = client::GroupProtocol::consumer;
  add(options());
  ASSERT_TRUE(poll_until([&] { return all_shared(); }));
  const auto values = produce(0, 20);
  ASSERT_TRUE(poll_until([&] { return all_values().size() >= values.size(); }));
  EXPECT_EQ(all_values(), values);
}

TEST_F(GroupConsumers, TheCoordinatorMatchesPatterns) {
  protocol = client::GroupProtocol::consumer;
  auto matching = options();
  matching.group.pattern = "sha.*";
  Reading& one = add(matching);
  ASSERT_TRUE(poll_until([&] { return all_shared(); }));
  auto broken = options();
  broken.group.group_id = "broken";
  broken.group.pattern = "(";
  Reading& other = add(broken);
  const auto ended = [&] { return other.consumer.member().failure().has_value(); };
  ASSERT_TRUE(world.run_until(ended, 30s));
  EXPECT_EQ(other.consumer.member().failure()->broker, wire::ErrorCode::invalid_regular_expression);
  EXPECT_TRUE(one.hooks.revoked_count == 0);
}

TEST_F(GroupConsumers, AStaticMemberOfTheConsumerProtocolKeepsItsPartitionsOverARestart) {
  protocol = client::GroupProtocol::consumer;
  auto fixed = options();
  fixed.group.instance_id = "one";
  add(options());
  add(fixed);
  ASSERT_TRUE(poll_until([&] { return all_shared(); }));
  const auto before = members[1]->consumer.assignment();
  const std::size_t revoked = members[0]->hooks.revoked_count;
  close(1);
  add(fixed);
  ASSERT_TRUE(poll_until([&] { return all_shared(); }));
  EXPECT_EQ(members[1]->consumer.assignment(), before);
  EXPECT_EQ(members[0]->hooks.revoked_count, revoked) << "nothing moved";
}

}  // namespace
}  // namespace moldau::node::testing
