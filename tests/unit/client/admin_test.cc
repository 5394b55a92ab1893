// AdminCore: what it asks whom, and what it makes of the answers.
#include "client/admin.h"

#include "fixture.h"
#include "wire/messages/alter_configs.h"
#include "wire/messages/create_partitions.h"
#include "wire/messages/create_topics.h"
#include "wire/messages/delete_records.h"
#include "wire/messages/delete_topics.h"
#include "wire/messages/describe_cluster.h"
#include "wire/messages/describe_configs.h"
#include "wire/messages/describe_log_dirs.h"
#include "wire/messages/describe_producers.h"
#include "wire/messages/describe_quorum.h"
#include "wire/messages/describe_topic_partitions.h"
#include "wire/messages/incremental_alter_configs.h"
#include "wire/messages/list_config_resources.h"
#include "wire/messages/update_features.h"

namespace moldau::client {
namespace {

using wire::ApiKey;
using wire::ErrorCode;
using Kind = FakeBroker::Script::Kind;

class AdminTest : public ClientTest {
 protected:
  AdminTest() { cluster_.add_topic("t", 2); }

  // All brokers serve it and count their answers in `asked`, by broker.
  template <class Request, class Response>
  void serve(std::function<Response(const Request&)> function) {
    for (const auto& broker : brokers_) {
      broker->serves<Request, Response>([this, function, id = broker->id()](const Request& request) {
        asked.push_back(id);
        return function(request);
      });
    }
  }
  AdminCore admin() { return AdminCore(client()); }
  template <class T>
  auto run(Task<T> task) {
    return world_.run(std::move(task));
  }

  std::vector<NodeId> asked;
};

TEST_F(AdminTest, CreateTopicsSendsEveryPartAndGivesEachItsResult) {
  wire::CreateTopicsRequest sent;
  serve<wire::CreateTopicsRequest, wire::CreateTopicsResponse>([&](const auto& request) {
    sent = request;
    wire::CreateTopicsResponse response;
    auto& made = response.topics.emplace_back();
    made.name = "a";
    made.topic_id = TopicId{1, 2};
    made.num_partitions = 3;
    made.replication_factor = 1;
    auto& refused = response.topics.emplace_back();
    refused.name = "b";
    refused.error_code = ErrorCode::invalid_config;
    refused.error_message = "retention.ms is no number";
    return response;
  });
  const auto results =
      run(admin().create_topics({{.name = "a", .partitions = 3, .replication_factor = 1},
                                 {.name = "b", .assignment = {{0, 1}, {1, 0}}, .configs = {{"k", "v"}}}},
                                /*validate_only=*/true));
  ASSERT_TRUE(results) << results.error().to_string();
  ASSERT_EQ(results->size(), 2U);
  EXPECT_EQ(results->at(0).second->id, (TopicId{1, 2}));
  EXPECT_EQ(results->at(0).second->partitions, 3);
  ASSERT_FALSE(results->at(1).second);
  EXPECT_EQ(results->at(1).second.error().broker, ErrorCode::invalid_config);
  EXPECT_NE(results->at(1).second.error().cause.find("no number"), std::string::npos);
  EXPECT_TRUE(sent.validate_only);
  ASSERT_EQ(sent.topics.size(), 2U);
  EXPECT_EQ(sent.topics[0].num_partitions, 3);
  EXPECT_EQ(sent.topics[1].num_partitions, -1);
  ASSERT_EQ(sent.topics[1].assignments.size(), 2U);
  EXPECT_EQ(sent.topics[1].assignments[1].broker_ids, (std::vector<NodeId>{1, 0}));
  EXPECT_EQ(sent.topics[1].configs.front().value, "v");
}

TEST_F(AdminTest, ARequestIsRepeatedWhenItsConnectionBreaks) {
  serve<wire::CreateTopicsRequest, wire::CreateTopicsResponse>([&](const auto& request) {
    wire::CreateTopicsResponse response;
    for (const auto& topic : request.topics) response.topics.emplace_back().name = topic.name;
    return response;
  });
  int times = 0;
  broker().hook = [&](const wire::RequestFrame& frame) -> std::optional<FakeBroker::Script> {
    if (frame.header.api_key != ApiKey::create_topics || times++ > 0) return std::nullopt;
    return FakeBroker::Script{.kind = Kind::drop_connection, .raw = {}};
  };
  const auto results = run(admin().create_topics({{.name = "a"}}));
  ASSERT_TRUE(results) << results.error().to_string();
  EXPECT_EQ(broker().count(ApiKey::create_topics), 2U);
}

TEST_F(AdminTest, ABrokerThatDoesNotServeARequestIsTold) {
  broker().ranges.erase(ApiKey::create_topics);
  const auto results = run(admin().create_topics({{.name = "a"}}));
  ASSERT_FALSE(results);
  EXPECT_EQ(results.error().code, Errc::unsupported);
}

TEST_F(AdminTest, DeleteTopicsByNameAndById) {
  serve<wire::DeleteTopicsRequest, wire::DeleteTopicsResponse>([&](const auto& request) {
    wire::DeleteTopicsResponse response;
    for (const auto& topic : request.topics) {
      auto& one = response.responses.emplace_back();
      one.name = topic.name;
      one.topic_id = topic.topic_id;
      const bool known = topic.name == "t" || topic.topic_id == TopicId{7, 7};
      if (!known) one.error_code = ErrorCode::unknown_topic_or_partition;
    }
    return response;
  });
  const auto by_name = run(admin().delete_topics(std::vector<std::string>{"t", "gone"}));
  ASSERT_TRUE(by_name) << by_name.error().to_string();
  EXPECT_TRUE(by_name->at(0).second);
  EXPECT_EQ(by_name->at(1).first, "gone");
  EXPECT_EQ(by_name->at(1).second.error().code, Errc::not_found);
  const auto by_id = run(admin().delete_topics(std::vector<TopicId>{{7, 7}, {8, 8}}));
  ASSERT_TRUE(by_id) << by_id.error().to_string();
  EXPECT_TRUE(by_id->at(0).second);
  EXPECT_FALSE(by_id->at(1).second);
}

TEST_F(AdminTest, TopicIdsNeedAVersionThatHasThem) {
  serve<wire::DeleteTopicsRequest, wire::DeleteTopicsResponse>(
      [&](const auto&) { return wire::DeleteTopicsResponse(); });
  broker().ranges[ApiKey::delete_topics] = {1, 5};
  const auto by_id = run(admin().delete_topics(std::vector<TopicId>{{7, 7}}));
  ASSERT_FALSE(by_id);
  EXPECT_EQ(by_id.error().code, Errc::unsupported);
}

TEST_F(AdminTest, CreatePartitions) {
  wire::CreatePartitionsRequest sent;
  serve<wire::CreatePartitionsRequest, wire::CreatePartitionsResponse>([&](const auto& request) {
    sent = request;
    wire::CreatePartitionsResponse response;
    auto& one = response.results.emplace_back();
    one.name = "t";
    one.error_code = ErrorCode::invalid_partitions;
    one.error_message = "t has 2 already";
    return response;
  });
  const auto results = run(admin().create_partitions(
      {{.topic = "t", .total_count = 4, .assignment = std::vector<std::vector<NodeId>>{{0}, {0}}}}));
  ASSERT_TRUE(results) << results.error().to_string();
  EXPECT_EQ(results->front().second.error().broker, ErrorCode::invalid_partitions);
  EXPECT_EQ(sent.topics.front().count, 4);
  EXPECT_EQ(sent.topics.front().assignments->size(), 2U);
  EXPECT_FALSE(sent.validate_only);
}

// Three partitions a page, so that a topic spans two.
wire::DescribeTopicPartitionsResponse page_of(const wire::DescribeTopicPartitionsRequest& request) {
  wire::DescribeTopicPartitionsResponse response;
  int room = 3;
  for (const auto& asked : request.topics) {
    auto& topic = response.topics.emplace_back();
    topic.name = asked.name;
    if (asked.name == "gone") {
      topic.error_code = ErrorCode::unknown_topic_or_partition;
      continue;
    }
    const bool begun = request.cursor && request.cursor->topic_name == asked.name;
    for (PartitionIndex index = begun ? request.cursor->partition_index : 0; index < 2; ++index) {
      if (room-- == 0) {
        response.next_cursor.emplace();
        response.next_cursor->topic_name = asked.name;
        response.next_cursor->partition_index = index;
        return response;
      }
      topic.partitions.push_back({.partition_index = index, .leader_id = 0});
      topic.partitions.back().eligible_leader_replicas = std::vector<NodeId>{5};
    }
  }
  return response;
}

TEST_F(AdminTest, DescribeTopicsGoesPageByPage) {
  serve<wire::DescribeTopicPartitionsRequest, wire::DescribeTopicPartitionsResponse>(page_of);
  const auto results = run(admin().describe_topics({"b", "gone", "a"}));
  ASSERT_TRUE(results) << results.error().to_string();
  EXPECT_EQ(asked.size(), 2U);
  ASSERT_EQ(results->size(), 3U);
  for (const auto& [name, topic] : *results) {
    if (name == "gone") {
      EXPECT_EQ(topic.error().code, Errc::not_found);
      continue;
    }
    ASSERT_TRUE(topic) << name;
    ASSERT_EQ(topic->partitions.size(), 2U) << name;
    EXPECT_EQ(topic->partitions[1].eligible_leader_replicas, std::vector<NodeId>{5});
  }
}

TEST_F(AdminTest, PagesThatDoNotAdvanceAreRefused) {
  serve<wire::DescribeTopicPartitionsRequest, wire::DescribeTopicPartitionsResponse>([](const auto&) {
    wire::DescribeTopicPartitionsResponse response;
    response.next_cursor.emplace();
    response.next_cursor->topic_name = "a";
    return response;
  });
  const auto results = run(admin().describe_topics({"a"}));
  ASSERT_FALSE(results);
  EXPECT_EQ(results.error().code, Errc::corrupt);
}

TEST_F(AdminTest, DescribeTopicsFallsBackToMetadata) {
  broker().ranges.erase(ApiKey::describe_topic_partitions);
  const auto results = run(admin().describe_topics({"t", "gone"}));
  ASSERT_TRUE(results) << results.error().to_string();
  ASSERT_EQ(results->size(), 2U);
  for (const auto& [name, topic] : *results) {
    ASSERT_EQ(topic.has_value(), name == "t") << name;
    if (topic) {
      EXPECT_EQ(topic->partitions.size(), 2U);
    }
  }
  EXPECT_TRUE(run(admin().describe_topics({}))->empty());
}

wire::DescribeConfigsResponse configs_of(const wire::DescribeConfigsRequest& request) {
  wire::DescribeConfigsResponse response;
  for (const auto& resource : request.resources) {
    auto& result = response.results.emplace_back();
    result.resource_type = resource.resource_type;
    result.resource_name = resource.resource_name;
    if (resource.resource_name == "gone") result.error_code = ErrorCode::unknown_topic_or_partition;
    auto& config = result.configs.emplace_back();
    config.name = resource.configuration_keys ? resource.configuration_keys->front() : "k";
    config.value = "v";
    config.config_source = static_cast<std::int8_t>(ConfigSource::topic);
    config.read_only = true;
    if (request.include_synonyms) config.synonyms.push_back({"s", "w", 5});
  }
  return response;
}

TEST_F(AdminTest, ConfigsOfABrokerAreAskedOfThatBroker) {
  add_broker();
  add_broker();
  serve<wire::DescribeConfigsRequest, wire::DescribeConfigsResponse>(configs_of);
  const auto results = run(admin().describe_configs(
      {.resources = {{ConfigResourceType::broker, "2"}, {ConfigResourceType::broker_logger, "1"}},
       .keys = std::vector<std::string>{"log.dirs"},
       .synonyms = true}));
  ASSERT_TRUE(results) << results.error().to_string();
  std::ranges::sort(asked);
  EXPECT_EQ(asked, (std::vector<NodeId>{1, 2}));
  for (const auto& [resource, entries] : *results) {
    ASSERT_TRUE(entries);
    EXPECT_EQ(entries->front().name, "log.dirs");
    EXPECT_TRUE(entries->front().read_only);
    EXPECT_EQ(entries->front().synonyms.front().source, ConfigSource::built_in);
  }
}

TEST_F(AdminTest, ConfigsOfTopicsAreAskedTogether) {
  serve<wire::DescribeConfigsRequest, wire::DescribeConfigsResponse>(configs_of);
  const auto results = run(admin().describe_configs({.resources = {{ConfigResourceType::topic, "t"},
                                                                   {ConfigResourceType::topic, "gone"},
                                                                   {ConfigResourceType::broker, ""}}}));
  ASSERT_TRUE(results) << results.error().to_string();
  EXPECT_EQ(asked.size(), 1U) << "the cluster-wide default is no broker's own";
  ASSERT_EQ(results->size(), 3U);
  EXPECT_EQ(name_of(results->at(0).second->front().source), "DYNAMIC_TOPIC_CONFIG");
  EXPECT_EQ(results->at(1).second.error().code, Errc::not_found);
}

TEST_F(AdminTest, ABrokerThatDoesNotExistHasNoConfigs) {
  serve<wire::DescribeConfigsRequest, wire::DescribeConfigsResponse>(configs_of);
  options_.api_timeout = 2s;
  EXPECT_FALSE(run(admin().describe_configs({.resources = {{ConfigResourceType::broker, "9"}}})));
}

TEST_F(AdminTest, AlterConfigsReplacesAndIncrementalPatches) {
  wire::AlterConfigsRequest whole;
  serve<wire::AlterConfigsRequest, wire::AlterConfigsResponse>([&](const auto& request) {
    whole = request;
    wire::AlterConfigsResponse response;
    response.responses.push_back({ErrorCode::none, std::nullopt, 2, "t"});
    return response;
  });
  wire::IncrementalAlterConfigsRequest patch;
  serve<wire::IncrementalAlterConfigsRequest, wire::IncrementalAlterConfigsResponse>(
      [&](const auto& request) {
        patch = request;
        wire::IncrementalAlterConfigsResponse response;
        response.responses.push_back({ErrorCode::invalid_config, "no such key", 2, "t"});
        return response;
      });
  const ConfigResource topic{ConfigResourceType::topic, "t"};
  const auto replaced = run(admin().alter_configs({{topic, {{.name = "a", .value = "1"}}}}, true));
  ASSERT_TRUE(replaced) << replaced.error().to_string();
  EXPECT_TRUE(replaced->front().second);
  EXPECT_TRUE(whole.validate_only);
  EXPECT_EQ(whole.resources.front().configs.front().value, "1");
  const auto patched = run(admin().incremental_alter_configs(
      {{topic, {{.name = "a", .operation = ConfigOperation::remove}, {"b", ConfigOperation::append, "x"}}}}));
  ASSERT_TRUE(patched) << patched.error().to_string();
  EXPECT_EQ(patched->front().first, topic);
  EXPECT_EQ(patched->front().second.error().broker, ErrorCode::invalid_config);
  const auto& configs = patch.resources.front().configs;
  ASSERT_EQ(configs.size(), 2U);
  EXPECT_EQ(configs[0].config_operation, 1);
  EXPECT_EQ(configs[0].value, std::nullopt);
  EXPECT_EQ(configs[1].config_operation, 2);
}

TEST_F(AdminTest, ListConfigResources) {
  ErrorCode error = ErrorCode::none;
  serve<wire::ListConfigResourcesRequest, wire::ListConfigResourcesResponse>([&](const auto&) {
    wire::ListConfigResourcesResponse response;
    response.error_code = error;
    response.config_resources.push_back({"t", 2});
    return response;
  });
  const auto found = run(admin().list_config_resources({ConfigResourceType::topic}));
  ASSERT_TRUE(found) << found.error().to_string();
  EXPECT_EQ(*found, (std::vector<ConfigResource>{{ConfigResourceType::topic, "t"}}));
  error = ErrorCode::cluster_authorization_failed;
  EXPECT_EQ(run(admin().list_config_resources()).error().code, Errc::permission);
}

TEST_F(AdminTest, DeleteRecordsAsksEachLeader) {
  add_broker();
  cluster_.partition("t", 1).leader = 1;
  serve<wire::DeleteRecordsRequest, wire::DeleteRecordsResponse>([](const auto& request) {
    wire::DeleteRecordsResponse response;
    for (const auto& topic : request.topics) {
      auto& out = response.topics.emplace_back();
      out.name = topic.name;
      for (const auto& one : topic.partitions)
        out.partitions.push_back({one.partition_index, one.offset, ErrorCode::none});
    }
    return response;
  });
  const auto results = run(admin().delete_records({{{"t", 0}, 5}, {{"t", 1}, 7}}));
  ASSERT_TRUE(results) << results.error().to_string();
  std::ranges::sort(asked);
  EXPECT_EQ(asked, (std::vector<NodeId>{0, 1}));
  EXPECT_EQ(*results->at(0).second, 5);
  EXPECT_EQ(*results->at(1).second, 7);
}

TEST_F(AdminTest, DeleteRecordsFollowsTheLeaderAndKeepsFinalErrors) {
  int times = 0;
  serve<wire::DeleteRecordsRequest, wire::DeleteRecordsResponse>([&](const auto& request) {
    wire::DeleteRecordsResponse response;
    auto& out = response.topics.emplace_back();
    out.name = "t";
    for (const auto& one : request.topics.front().partitions) {
      const ErrorCode error = one.partition_index == 1 ? ErrorCode::offset_out_of_range
                              : times++ < 2            ? ErrorCode::not_leader_or_follower
                                                       : ErrorCode::none;
      out.partitions.push_back({one.partition_index, one.offset, error});
    }
    return response;
  });
  const auto results = run(admin().delete_records({{{"t", 0}, 5}, {{"t", 1}, 7}, {{"gone", 0}, 1}}));
  ASSERT_TRUE(results) << results.error().to_string();
  EXPECT_EQ(*results->at(0).second, 5);
  EXPECT_EQ(results->at(1).second.error().broker, ErrorCode::offset_out_of_range);
  EXPECT_EQ(results->at(2).second.error().code, Errc::not_found);
  EXPECT_EQ(asked.size(), 3U) << "the final error was not asked for again";
}

TEST_F(AdminTest, DescribeProducers) {
  serve<wire::DescribeProducersRequest, wire::DescribeProducersResponse>([](const auto& request) {
    wire::DescribeProducersResponse response;
    auto& topic = response.topics.emplace_back();
    topic.name = "t";
    auto& partition = topic.partitions.emplace_back();
    partition.partition_index = request.topics.front().partition_indexes.front();
    partition.active_producers.push_back({.producer_id = 4000, .producer_epoch = 1, .last_sequence = 9});
    return response;
  });
  const auto results = run(admin().describe_producers({{"t", 1}}));
  ASSERT_TRUE(results) << results.error().to_string();
  EXPECT_EQ(results->front().second->front().id, 4000);
  EXPECT_EQ(results->front().second->front().last_sequence, 9);
}

TEST_F(AdminTest, DescribeCluster) {
  serve<wire::DescribeClusterRequest, wire::DescribeClusterResponse>([](const auto& request) {
    wire::DescribeClusterResponse response;
    response.cluster_id = "c";
    response.controller_id = 2;
    response.brokers.push_back({.broker_id = 2, .host = "127.0.0.1", .port = 9093});
    response.brokers.push_back({.broker_id = 1, .host = "127.0.0.1", .port = 9092, .rack = "r"});
    response.brokers.back().is_fenced = request.include_fenced_brokers;
    return response;
  });
  const auto info = run(admin().describe_cluster(true));
  ASSERT_TRUE(info) << info.error().to_string();
  EXPECT_EQ(info->controller, 2);
  ASSERT_EQ(info->brokers.size(), 2U);
  EXPECT_EQ(info->brokers[0].id, 1) << "ascending by id";
  EXPECT_TRUE(info->brokers[0].fenced);
}

TEST_F(AdminTest, DescribeClusterFallsBackToMetadata) {
  broker().ranges.erase(ApiKey::describe_cluster);
  const auto info = run(admin().describe_cluster());
  ASSERT_TRUE(info) << info.error().to_string();
  EXPECT_EQ(info->cluster_id, "fake");
}

TEST_F(AdminTest, LogDirsAreAskedOfEveryBroker) {
  add_broker();
  cluster_.partition("t", 1).leader = 1;
  std::optional<std::vector<wire::DescribeLogDirsRequest::Topic>> sent;
  serve<wire::DescribeLogDirsRequest, wire::DescribeLogDirsResponse>([&](const auto& request) {
    sent = request.topics;
    wire::DescribeLogDirsResponse response;
    response.results.emplace_back().log_dir = "/d";
    auto& topic = response.results.back().topics.emplace_back();
    topic.name = "t";
    topic.partitions.push_back({.partition_index = 0, .partition_size = 77});
    return response;
  });
  const auto all = run(admin().describe_log_dirs());
  ASSERT_TRUE(all) << all.error().to_string();
  EXPECT_EQ(all->size(), 2U);
  EXPECT_FALSE(sent);
  EXPECT_EQ(all->front().second->front().replicas.front().size_bytes, 77);
  const auto some = run(admin().describe_log_dirs({1}, std::vector<std::string>{"t"}));
  ASSERT_TRUE(some) << some.error().to_string();
  ASSERT_EQ(some->size(), 1U);
  EXPECT_EQ(some->front().first, 1);
  ASSERT_TRUE(sent);
  EXPECT_EQ(sent->front().partitions, (std::vector<PartitionIndex>{0, 1}));
}

TEST_F(AdminTest, ABrokerThatIsDownIsOneFailedItem) {
  add_broker();
  cluster_.partition("t", 1).leader = 1;
  serve<wire::DescribeLogDirsRequest, wire::DescribeLogDirsResponse>([&](const auto&) {
    wire::DescribeLogDirsResponse response;
    response.results.emplace_back().log_dir = "/d";
    return response;
  });
  broker(1).hook = [](const wire::RequestFrame&) {
    return FakeBroker::Script{.kind = Kind::drop_connection, .raw = {}};
  };
  const auto all = run(admin().describe_log_dirs());
  ASSERT_TRUE(all) << all.error().to_string();
  EXPECT_TRUE(all->at(0).second);
  ASSERT_FALSE(all->at(1).second);
  EXPECT_FALSE(all->at(1).second.error().address.empty());
}

TEST_F(AdminTest, DescribeQuorum) {
  bool empty = false;
  serve<wire::DescribeQuorumRequest, wire::DescribeQuorumResponse>([&](const auto& request) {
    wire::DescribeQuorumResponse response;
    if (empty) return response;
    auto& topic = response.topics.emplace_back();
    topic.topic_name = request.topics.front().topic_name;
    auto& partition = topic.partitions.emplace_back();
    partition.leader_id = 1;
    partition.high_watermark = 50;
    partition.current_voters.push_back({.replica_id = 1, .log_end_offset = 51});
    partition.observers.push_back({.replica_id = 4, .log_end_offset = 49});
    auto& node = response.nodes.emplace_back();
    node.node_id = 1;
    node.listeners.push_back({"CONTROLLER", "h", 9093});
    return response;
  });
  const auto quorum = run(admin().describe_quorum());
  ASSERT_TRUE(quorum) << quorum.error().to_string();
  EXPECT_EQ(quorum->high_watermark, 50);
  EXPECT_EQ(quorum->voters.front().log_end_offset, 51);
  EXPECT_EQ(quorum->observers.front().id, 4);
  EXPECT_EQ(quorum->nodes.front().listeners.front().endpoint.port, 9093);
  empty = true;
  EXPECT_EQ(run(admin().describe_quorum()).error().code, Errc::corrupt);
}

TEST_F(AdminTest, UpdateFeaturesGivesOneResultForEach) {
  ErrorCode error = ErrorCode::none;
  wire::UpdateFeaturesRequest sent;
  serve<wire::UpdateFeaturesRequest, wire::UpdateFeaturesResponse>([&](const auto& request) {
    sent = request;
    wire::UpdateFeaturesResponse response;
    response.error_code = error;
    return response;
  });
  const std::vector<FeatureUpdate> updates{{.name = "a", .level = 3},
                                           {.name = "b", .level = 1, .kind = FeatureUpgrade::safe_downgrade}};
  const auto done = run(admin().update_features(updates, true));
  ASSERT_TRUE(done) << done.error().to_string();
  ASSERT_EQ(done->size(), 2U);
  EXPECT_TRUE(done->at(1).second);
  EXPECT_TRUE(sent.validate_only);
  EXPECT_EQ(sent.feature_updates.at(1).upgrade_type, 2);
  error = ErrorCode::feature_update_failed;
  const auto refused = run(admin().update_features(updates));
  ASSERT_TRUE(refused) << refused.error().to_string();
  for (const auto& [name, result] : *refused) EXPECT_FALSE(result) << name;
}

TEST_F(AdminTest, ApiVersionsOfEachBroker) {
  add_broker();
  cluster_.partition("t", 1).leader = 1;
  broker(1).ranges[ApiKey::produce] = {3, 9};
  const auto all = run(admin().api_versions());
  ASSERT_TRUE(all) << all.error().to_string();
  ASSERT_EQ(all->size(), 2U);
  for (const auto& [broker, versions] : *all) ASSERT_TRUE(versions) << broker.id;
  const auto produce = [](const wire::ApiVersionsResponse& response) {
    for (const auto& range : response.api_keys) {
      if (range.api_key == 0) return range.max_version;
    }
    return wire::ApiVersion{-1};
  };
  EXPECT_EQ(produce(*all->at(1).second), 9);
  EXPECT_GT(produce(*all->at(0).second), 9);
}

TEST_F(AdminTest, DescribeFeaturesIsNeverOld) {
  ASSERT_TRUE(run(admin().describe_features()));
  const std::size_t before = broker().count(ApiKey::api_versions);
  ASSERT_TRUE(run(admin().describe_features()));
  EXPECT_EQ(broker().count(ApiKey::api_versions), before + 1);
}

}  // namespace
}  // namespace moldau::client
