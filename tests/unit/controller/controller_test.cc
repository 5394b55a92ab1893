// Topics, configs and features.
#include "cluster.h"
#include "controller/placement.h"

namespace moldau::controller {
namespace {

// --- create topics

TEST(CreateTopics, PlacesReplicasAndDescribesConfigs) {
  Cluster cluster;
  const auto out = cluster.create({.name = "cities",
                                   .num_partitions = 6,
                                   .replication_factor = 2,
                                   .configs = {{.name = "retention.ms", .value = "1000"}}});
  EXPECT_EQ(out.error_code, ErrorCode::none) << out.error_message.value_or("");
  EXPECT_EQ(out.num_partitions, 6);
  EXPECT_EQ(out.replication_factor, 2);
  const metadata::Topic& topic = cluster.topic("cities");
  EXPECT_EQ(topic.id, out.topic_id);
  EXPECT_FALSE(out.topic_id.is_zero());
  std::map<NodeId, int> leaders;
  for (const auto& partition : topic.partitions) {
    EXPECT_EQ(partition->replicas.size(), 2u);
    EXPECT_NE(partition->replicas[0], partition->replicas[1]);
    EXPECT_EQ(partition->isr, partition->replicas);
    EXPECT_EQ(partition->leader, partition->replicas[0]);
    EXPECT_EQ(partition->directories[0], Cluster::directory(partition->replicas[0]));
    ++leaders[partition->leader];
  }
  for (const auto& [id, count] : leaders) EXPECT_EQ(count, 2) << id;
  EXPECT_EQ(cluster.image_.configs({ResourceType::topic, "cities"}).at("retention.ms"), "1000");
  const auto described =
      std::ranges::find(*out.configs, "retention.ms", &wire::CreateTopicsResponse::Topic::Config::name);
  ASSERT_NE(described, out.configs->end());
  EXPECT_EQ(described->value, "1000");
  EXPECT_EQ(described->config_source, 1);
}

TEST(CreateTopics, TakesDefaultsFromTheBroker) {
  Cluster cluster(3, {{"num.partitions", "4"}, {"default.replication.factor", "3"}});
  const auto out = cluster.create("cities", -1, -1);
  EXPECT_EQ(out.error_code, ErrorCode::none) << out.error_message.value_or("");
  EXPECT_EQ(out.num_partitions, 4);
  EXPECT_EQ(out.replication_factor, 3);
}

TEST(CreateTopics, RefusesWithKafkasCodes) {
  Cluster cluster(2);
  ASSERT_EQ(cluster.create("a.b").error_code, ErrorCode::none);
  const auto expect = [&](wire::CreateTopicsRequest::Topic topic, ErrorCode code, std::string_view words) {
    const auto out = cluster.create(topic);
    EXPECT_EQ(out.error_code, code) << topic.name << ": " << out.error_message.value_or("");
    EXPECT_NE(out.error_message.value_or("").find(words), std::string::npos)
        << out.error_message.value_or("");
    EXPECT_TRUE(cluster.last_records_.empty());
  };
  expect({.name = "a.b", .num_partitions = 1, .replication_factor = 1}, ErrorCode::topic_already_exists,
         "a.b");
  expect({.name = "a_b", .num_partitions = 1, .replication_factor = 1}, ErrorCode::invalid_topic_exception,
         "collides with existing topic: a.b");
  expect({.name = "a b", .num_partitions = 1, .replication_factor = 1}, ErrorCode::invalid_topic_exception,
         "a b");
  expect({.name = "", .num_partitions = 1, .replication_factor = 1}, ErrorCode::invalid_topic_exception,
         "empty");
  expect({.name = std::string(250, 'x'), .num_partitions = 1, .replication_factor = 1},
         ErrorCode::invalid_topic_exception, "249");
  expect({.name = "__cluster_metadata", .num_partitions = 1, .replication_factor = 1},
         ErrorCode::invalid_request, "prohibited");
  expect({.name = "p", .num_partitions = 0, .replication_factor = 1}, ErrorCode::invalid_partitions,
         "non-positive");
  expect({.name = "p", .num_partitions = -2, .replication_factor = 1}, ErrorCode::invalid_partitions,
         "non-positive");
  expect({.name = "p", .num_partitions = 1, .replication_factor = 0}, ErrorCode::invalid_replication_factor,
         "larger than 0");
  expect({.name = "p", .num_partitions = 1, .replication_factor = 3}, ErrorCode::invalid_replication_factor,
         "only 2 broker(s)");
  expect({.name = "p", .num_partitions = 10'001, .replication_factor = 1}, ErrorCode::policy_violation,
         "10000");
  expect({.name = "p", .num_partitions = INT32_MAX, .replication_factor = 1}, ErrorCode::policy_violation,
         "10000");
  expect({.name = "p",
          .num_partitions = 1,
          .replication_factor = 1,
          .configs = {{.name = "segment.bytes", .value = "5"}}},
         ErrorCode::invalid_config, "1048576");
  expect({.name = "p",
          .num_partitions = 1,
          .replication_factor = 1,
          .configs = {{.name = "no.such.key", .value = "5"}}},
         ErrorCode::invalid_config, "no.such.key");
  expect({.name = "p", .num_partitions = 1, .replication_factor = 1, .configs = {{.name = "retention.ms"}}},
         ErrorCode::invalid_config, "Null value");
}

TEST(CreateTopics, RefusesBadManualAssignments) {
  Cluster cluster(2);
  const auto assigned = [&](std::vector<wire::CreateTopicsRequest::Topic::Assignment> assignments,
                            std::int32_t partitions = -1, std::int16_t rf = -1) {
    return cluster.create({.name = "m",
                           .num_partitions = partitions,
                           .replication_factor = rf,
                           .assignments = std::move(assignments)});
  };
  EXPECT_EQ(assigned({{0, {1}}}, 1).error_code, ErrorCode::invalid_request);
  EXPECT_EQ(assigned({{0, {1}}}, -1, 1).error_code, ErrorCode::invalid_request);
  EXPECT_EQ(assigned({{0, {1}}, {0, {2}}}).error_code, ErrorCode::invalid_replica_assignment);
  EXPECT_EQ(assigned({{0, {1}}, {2, {2}}}).error_code, ErrorCode::invalid_replica_assignment);
  EXPECT_EQ(assigned({{-1, {1}}}).error_code, ErrorCode::invalid_replica_assignment);
  EXPECT_EQ(assigned({{0, {}}}).error_code, ErrorCode::invalid_replica_assignment);
  EXPECT_EQ(assigned({{0, {1, 1}}}).error_code, ErrorCode::invalid_replica_assignment);
  EXPECT_EQ(assigned({{0, {1, 9}}}).error_code, ErrorCode::invalid_replica_assignment);
  EXPECT_EQ(assigned({{0, {1}}, {1, {1, 2}}}).error_code, ErrorCode::invalid_replica_assignment);
  EXPECT_EQ(assigned({{1, {2, 1}}, {0, {1, 2}}}).error_code, ErrorCode::none);
  EXPECT_EQ(cluster.topic("m").partition(1)->leader, 2);
}

TEST(CreateTopics, JudgesEachTopicByItself) {
  Cluster cluster;
  wire::CreateTopicsRequest request;
  for (const char* name : {"twice", "good", "twice", "x.y", "x_y"})
    request.topics.push_back({.name = name, .num_partitions = 1, .replication_factor = 1});
  const auto out =
      cluster.commit(cluster.controller_.create_topics(cluster.image_, request, cluster.random_));
  std::map<std::string, ErrorCode> codes;
  for (const auto& topic : out.topics)
    EXPECT_TRUE(codes.emplace(topic.name, topic.error_code).second) << topic.name;
  EXPECT_EQ(codes.at("twice"), ErrorCode::invalid_request);
  EXPECT_EQ(codes.at("good"), ErrorCode::none);
  EXPECT_EQ(codes.at("x.y"), ErrorCode::none);
  EXPECT_EQ(codes.at("x_y"), ErrorCode::invalid_topic_exception);
  EXPECT_EQ(cluster.image_.topic_count(), 2u);
}

TEST(CreateTopics, ValidateOnlyChangesNothing) {
  Cluster cluster;
  wire::CreateTopicsRequest request{.validate_only = true};
  request.topics.push_back({.name = "a", .num_partitions = 2, .replication_factor = 1});
  const auto out =
      cluster.commit(cluster.controller_.create_topics(cluster.image_, request, cluster.random_));
  EXPECT_EQ(out.topics.at(0).error_code, ErrorCode::none);
  EXPECT_EQ(out.topics.at(0).num_partitions, 2);
  EXPECT_TRUE(cluster.last_records_.empty());
}

TEST(CreateTopics, NeedsALiveBroker) {
  Cluster cluster(1);
  cluster.beat(1, true);
  const auto out = cluster.create("a");
  EXPECT_EQ(out.error_code, ErrorCode::invalid_replication_factor);
  EXPECT_NE(out.error_message->find("fenced"), std::string::npos);
}

TEST(Placement, SpreadsOverRacks) {
  Cluster cluster(0);
  for (NodeId id = 1; id <= 6; ++id) cluster.add_broker(id, "rack" + std::to_string(id % 3));
  for (std::uint64_t seed = 0; seed < 50; ++seed) {
    Random random(seed);
    const auto placed = place(cluster.image_, 12, 3, random);
    ASSERT_TRUE(placed);
    std::map<NodeId, int> leaders, all;
    for (const Replicas& replicas : *placed) {
      std::set<int> racks;
      for (const NodeId node : replicas) racks.insert(node % 3), ++all[node];
      EXPECT_EQ(racks.size(), 3u);
      ++leaders[replicas[0]];
    }
    for (NodeId id = 1; id <= 6; ++id) EXPECT_EQ(all[id], 6) << id;
    for (NodeId id = 1; id <= 6; ++id) EXPECT_EQ(leaders[id], 2) << id;
  }
}

TEST(Placement, FencedBrokersComeLastAndNeverLead) {
  Cluster cluster(4);
  cluster.beat(2, true);
  for (std::uint64_t seed = 0; seed < 50; ++seed) {
    Random random(seed);
    const auto placed = place(cluster.image_, 8, 4, random);
    ASSERT_TRUE(placed);
    for (const Replicas& replicas : *placed) {
      EXPECT_EQ(replicas.back(), 2);
      EXPECT_EQ(std::set(replicas.begin(), replicas.end()).size(), 4u);
    }
  }
}

// --- delete topics

TEST(DeleteTopics, ByNameAndById) {
  Cluster cluster;
  const TopicId a = cluster.create("a").topic_id;
  const TopicId b = cluster.create("b").topic_id;
  wire::DeleteTopicsRequest request;
  request.topics.push_back({.name = "a"});
  request.topics.push_back({.topic_id = b});
  const auto out = cluster.commit(cluster.controller_.delete_topics(cluster.image_, request));
  ASSERT_EQ(out.responses.size(), 2u);
  EXPECT_EQ(out.responses[0].topic_id, a);
  EXPECT_EQ(out.responses[1].name, "b");
  EXPECT_EQ(cluster.image_.topic_count(), 0u);
}

TEST(DeleteTopics, RefusesWithKafkasCodes) {
  Cluster cluster;
  const TopicId a = cluster.create("a").topic_id;
  wire::DeleteTopicsRequest request;
  request.topics = {{.name = "nope"},
                    {.topic_id = {9, 9}},
                    {},
                    {.name = "x", .topic_id = a},
                    {.name = "twice"},
                    {.name = "twice"},
                    {.name = "a"},
                    {.topic_id = a}};
  const auto out = cluster.commit(cluster.controller_.delete_topics(cluster.image_, request));
  std::vector<ErrorCode> codes;
  for (const auto& response : out.responses) codes.push_back(response.error_code);
  EXPECT_EQ(codes, (std::vector{ErrorCode::unknown_topic_or_partition, ErrorCode::unknown_topic_id,
                                ErrorCode::invalid_request, ErrorCode::invalid_request,
                                ErrorCode::invalid_request, ErrorCode::invalid_request}));
  // One answer for what is given twice, by name or by name and id; it stays.
  EXPECT_EQ(out.responses[4].name, "twice");
  EXPECT_EQ(out.responses[5].topic_id, a);
  EXPECT_TRUE(cluster.last_records_.empty());
}

TEST(DeleteTopics, MayBeDisabled) {
  Cluster cluster(1, {{"delete.topic.enable", "false"}});
  cluster.create("a");
  wire::DeleteTopicsRequest request;
  request.topic_names = {"a"};
  const auto out = cluster.commit(cluster.controller_.delete_topics(cluster.image_, request));
  EXPECT_EQ(out.responses.at(0).error_code, ErrorCode::topic_deletion_disabled);
  EXPECT_NE(cluster.image_.topic("a"), nullptr);
}

// --- create partitions

TEST(CreatePartitions, GrowsTopics) {
  Cluster cluster;
  cluster.create("a", 2, 2);
  wire::CreatePartitionsRequest request;
  request.topics.push_back({.name = "a", .count = 5});
  auto out = cluster.commit(cluster.controller_.create_partitions(cluster.image_, request, cluster.random_));
  EXPECT_EQ(out.results.at(0).error_code, ErrorCode::none) << out.results[0].error_message.value_or("");
  EXPECT_EQ(cluster.topic("a").partition_count(), 5);
  EXPECT_EQ(cluster.topic("a").partition(4)->replicas.size(), 2u);
  request.topics[0].count = 6;
  request.topics[0].assignments.emplace().push_back({.broker_ids = {3, 1}});
  out = cluster.commit(cluster.controller_.create_partitions(cluster.image_, request, cluster.random_));
  EXPECT_EQ(cluster.topic("a").partition(5)->replicas, (std::vector<NodeId>{3, 1}));
}

TEST(CreatePartitions, RefusesWithKafkasCodes) {
  Cluster cluster;
  cluster.create("a", 2, 1);
  const auto grow = [&](const std::string& name, std::int32_t count,
                        std::optional<std::vector<std::vector<NodeId>>> assignments = {}) {
    wire::CreatePartitionsRequest request;
    request.topics.push_back({.name = name, .count = count});
    if (assignments) {
      auto& to = request.topics[0].assignments.emplace();
      for (auto& replicas : *assignments) to.push_back({.broker_ids = replicas});
    }
    const auto out =
        cluster.commit(cluster.controller_.create_partitions(cluster.image_, request, cluster.random_));
    EXPECT_TRUE(cluster.last_records_.empty());
    EXPECT_TRUE(out.results.at(0).error_message);
    return out.results.at(0).error_code;
  };
  EXPECT_EQ(grow("nope", 3), ErrorCode::unknown_topic_or_partition);
  EXPECT_EQ(grow("a", 2), ErrorCode::invalid_partitions);
  EXPECT_EQ(grow("a", 1), ErrorCode::invalid_partitions);
  EXPECT_EQ(grow("a", -1), ErrorCode::invalid_partitions);
  EXPECT_EQ(grow("a", INT32_MAX), ErrorCode::policy_violation);
  EXPECT_EQ(grow("a", 4, {{{1}}}), ErrorCode::invalid_replica_assignment);
  EXPECT_EQ(grow("a", 3, {{{1, 2}}}), ErrorCode::invalid_replica_assignment);
  EXPECT_EQ(grow("a", 3, {{{9}}}), ErrorCode::invalid_replica_assignment);
}

// --- configs

class Configs : public ::testing::Test {
 protected:
  using Resource = wire::IncrementalAlterConfigsRequest::Resource;
  wire::IncrementalAlterConfigsResponse::ResourceResponse alter(std::int8_t type, const std::string& name,
                                                                std::vector<Resource::Config> configs,
                                                                bool validate_only = false) {
    wire::IncrementalAlterConfigsRequest request{.validate_only = validate_only};
    request.resources.push_back(
        {.resource_type = type, .resource_name = name, .configs = std::move(configs)});
    return cluster_.commit(cluster_.controller_.incremental_alter_configs(cluster_.image_, request))
        .responses.at(0);
  }
  std::string value(std::int8_t type, const std::string& name, const std::string& key) {
    const auto& map = cluster_.image_.configs({static_cast<ResourceType>(type), name});
    const auto found = map.find(key);
    return found == map.end() ? "(none)" : found->second;
  }
  void SetUp() override { cluster_.create("a"); }

  Cluster cluster_{1, {{"log.cleanup.policy", "compact"}}};
};

TEST_F(Configs, SetAndDelete) {
  EXPECT_EQ(alter(2, "a", {{.name = "retention.ms", .config_operation = 0, .value = "5"}}).error_code,
            ErrorCode::none);
  EXPECT_EQ(value(2, "a", "retention.ms"), "5");
  EXPECT_EQ(alter(2, "a", {{.name = "retention.ms", .config_operation = 0, .value = "5"}}).error_code,
            ErrorCode::none);
  EXPECT_TRUE(cluster_.last_records_.empty());
  EXPECT_EQ(alter(2, "a", {{.name = "retention.ms", .config_operation = 0, .value = "6"}}, true).error_code,
            ErrorCode::none);
  EXPECT_EQ(value(2, "a", "retention.ms"), "5");
  EXPECT_EQ(alter(2, "a", {{.name = "retention.ms", .config_operation = 1}}).error_code, ErrorCode::none);
  EXPECT_EQ(value(2, "a", "retention.ms"), "(none)");
}

TEST_F(Configs, AppendAndSubtractStartFromTheValueInForce) {
  EXPECT_EQ(alter(2, "a", {{.name = "cleanup.policy", .config_operation = 2, .value = "delete"}}).error_code,
            ErrorCode::none);
  EXPECT_EQ(value(2, "a", "cleanup.policy"), "compact,delete");
  EXPECT_EQ(alter(2, "a", {{.name = "cleanup.policy", .config_operation = 3, .value = "compact"}}).error_code,
            ErrorCode::none);
  EXPECT_EQ(value(2, "a", "cleanup.policy"), "delete");
  EXPECT_EQ(alter(2, "a", {{.name = "retention.ms", .config_operation = 2, .value = "1"}}).error_code,
            ErrorCode::invalid_config);
}

TEST_F(Configs, BrokersAndTheirDefault) {
  EXPECT_EQ(alter(4, "1", {{.name = "log.retention.ms", .config_operation = 0, .value = "7"}}).error_code,
            ErrorCode::none);
  EXPECT_EQ(alter(4, "", {{.name = "log.retention.ms", .config_operation = 0, .value = "8"}}).error_code,
            ErrorCode::none);
  EXPECT_EQ(value(4, "1", "log.retention.ms"), "7");
  EXPECT_EQ(value(4, "", "log.retention.ms"), "8");
  EXPECT_EQ(alter(4, "9", {}).error_code, ErrorCode::broker_id_not_registered);
  EXPECT_EQ(alter(4, "one", {}).error_code, ErrorCode::invalid_request);
  EXPECT_EQ(alter(4, "01", {}).error_code, ErrorCode::invalid_request);
  EXPECT_EQ(alter(4, "1", {{.name = "node.id", .config_operation = 0, .value = "7"}}).error_code,
            ErrorCode::invalid_request);
}

TEST_F(Configs, RefusesWithKafkasCodes) {
  EXPECT_EQ(alter(2, "nope", {}).error_code, ErrorCode::unknown_topic_or_partition);
  EXPECT_EQ(alter(2, "a b", {}).error_code, ErrorCode::invalid_topic_exception);
  EXPECT_EQ(alter(2, "", {}).error_code, ErrorCode::invalid_request);
  EXPECT_EQ(alter(99, "a", {}).error_code, ErrorCode::invalid_request);
  EXPECT_EQ(alter(2, "a", {{.name = "retention.ms", .config_operation = 9, .value = "1"}}).error_code,
            ErrorCode::invalid_request);
  EXPECT_EQ(alter(2, "a", {{.name = "retention.ms", .config_operation = 0}}).error_code,
            ErrorCode::invalid_request);
  EXPECT_EQ(alter(2, "a", {{.name = "retention.ms", .config_operation = 0, .value = "x"}}).error_code,
            ErrorCode::invalid_config);
  EXPECT_EQ(alter(2, "a",
                  {{.name = "retention.ms", .config_operation = 0, .value = "1"},
                   {.name = "retention.ms", .config_operation = 1}})
                .error_code,
            ErrorCode::invalid_request);
  // One bad key leaves the others alone too.
  EXPECT_EQ(alter(2, "a",
                  {{.name = "segment.ms", .config_operation = 0, .value = "5"},
                   {.name = "bad", .config_operation = 0, .value = "1"}})
                .error_code,
            ErrorCode::invalid_config);
  EXPECT_EQ(value(2, "a", "segment.ms"), "(none)");
  wire::IncrementalAlterConfigsRequest twice;
  twice.resources = {{.resource_type = 2, .resource_name = "a"}, {.resource_type = 2, .resource_name = "a"}};
  for (const auto& response :
       cluster_.commit(cluster_.controller_.incremental_alter_configs(cluster_.image_, twice)).responses)
    EXPECT_EQ(response.error_code, ErrorCode::invalid_request);
}

TEST_F(Configs, ValuesThatTheWireCannotCarryAreRefused) {  // RA-16
  const std::string key = "follower.replication.throttled.replicas";
  std::string half;
  while (half.size() < 20'000) half += std::to_string(half.size()) + ":1,";
  half.pop_back();
  EXPECT_EQ(alter(2, "a", {{.name = key, .config_operation = 0, .value = half}}).error_code, ErrorCode::none);
  std::string other = half;
  for (char& c : other)
    if (c == '1') c = '2';
  const auto refused = alter(2, "a", {{.name = key, .config_operation = 2, .value = other}});
  EXPECT_EQ(refused.error_code, ErrorCode::invalid_config);
  EXPECT_NE(refused.error_message->find("maximum value size of 32767"), std::string::npos);
  EXPECT_EQ(value(2, "a", key), half);
}

TEST_F(Configs, TheLegacyCallReplacesEverything) {
  alter(2, "a",
        {{.name = "retention.ms", .config_operation = 0, .value = "5"},
         {.name = "segment.ms", .config_operation = 0, .value = "6"}});
  wire::AlterConfigsRequest request;
  request.resources.push_back(
      {.resource_type = 2, .resource_name = "a", .configs = {{.name = "segment.ms", .value = "7"}}});
  const auto out = cluster_.commit(cluster_.controller_.alter_configs(cluster_.image_, request));
  EXPECT_EQ(out.responses.at(0).error_code, ErrorCode::none);
  EXPECT_EQ(value(2, "a", "retention.ms"), "(none)");
  EXPECT_EQ(value(2, "a", "segment.ms"), "7");
}

// --- features

TEST(UpdateFeatures, OnlyWithinWhatIsSupported) {
  Cluster cluster(1);
  std::int16_t kraft_version = 1;
  const auto update = [&](const std::string& feature, std::int16_t level, std::int8_t type = 1) {
    wire::UpdateFeaturesRequest request;
    request.feature_updates.push_back({.feature = feature, .max_version_level = level, .upgrade_type = type});
    return cluster.commit(cluster.controller_.update_features(cluster.image_, request, kraft_version))
        .error_code;
  };
  EXPECT_EQ(update("metadata.version", 30), ErrorCode::none);
  EXPECT_TRUE(cluster.last_records_.empty());
  EXPECT_EQ(update("metadata.version", 31), ErrorCode::invalid_update_version);
  EXPECT_EQ(update("metadata.version", 29), ErrorCode::invalid_update_version);
  EXPECT_EQ(update("metadata.version", 29, 2), ErrorCode::invalid_update_version);
  EXPECT_EQ(update("metadata.version", 0, 3), ErrorCode::invalid_update_version);
  EXPECT_EQ(update("group.version", 2), ErrorCode::invalid_update_version);
  EXPECT_EQ(update("transaction.version", 3), ErrorCode::invalid_update_version);
  EXPECT_EQ(update("streams.version", 1), ErrorCode::invalid_update_version);
  EXPECT_EQ(update("kraft.version", 1, 7), ErrorCode::invalid_request);
  // What the quorum's level is the image does not know.
  EXPECT_EQ(update("kraft.version", 1), ErrorCode::none);
  EXPECT_TRUE(cluster.last_records_.empty());
  EXPECT_EQ(update("kraft.version", 0), ErrorCode::invalid_update_version);
  EXPECT_EQ(update("kraft.version", 0, 2), ErrorCode::invalid_update_version);
  kraft_version = 0;
  EXPECT_EQ(update("kraft.version", 0, 2), ErrorCode::none);
  EXPECT_EQ(update("kraft.version", 1), ErrorCode::invalid_update_version);
  EXPECT_TRUE(cluster.last_records_.empty());
  EXPECT_EQ(cluster.commit(cluster.controller_.update_features(cluster.image_, {}, 0)).error_code,
            ErrorCode::invalid_request);
}

}  // namespace
}  // namespace moldau::controller
