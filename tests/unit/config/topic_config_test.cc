#include "config/topic_config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace moldau::config {
namespace {

const DescribedConfig& find(const std::vector<DescribedConfig>& configs, std::string_view name) {
  for (const DescribedConfig& config : configs)
    if (config.name == name) return config;
  throw std::runtime_error("no config " + std::string(name));
}

TEST(TopicConfig, DefaultsAreTheStructs) { EXPECT_EQ(effective_topic_config({}), TopicConfig{}); }

TEST(TopicConfig, TheHighestLayerWins) {
  const ConfigMap topic{{"retention.ms", "1"}};
  const ConfigMap broker{{"log.retention.ms", "2"}};
  const ConfigMap cluster{{"log.retention.ms", "3"}};
  const ConfigMap fixed{{"log.retention.ms", "4"}, {"log.retention.hours", "1"}};
  EXPECT_EQ(effective_topic_config({&topic, &broker, &cluster, &fixed}).retention_ms, 1);
  EXPECT_EQ(effective_topic_config({nullptr, &broker, &cluster, &fixed}).retention_ms, 2);
  EXPECT_EQ(effective_topic_config({nullptr, nullptr, &cluster, &fixed}).retention_ms, 3);
  EXPECT_EQ(effective_topic_config({nullptr, nullptr, nullptr, &fixed}).retention_ms, 4);
}

TEST(TopicConfig, FallbacksAreConverted) {
  ConfigMap fixed{{"log.retention.hours", "2"}, {"log.roll.hours", "3"}};
  EXPECT_EQ(effective_topic_config({.static_broker = &fixed}).retention_ms, 7'200'000);
  EXPECT_EQ(effective_topic_config({.static_broker = &fixed}).segment_ms, 10'800'000);
  fixed["log.retention.minutes"] = "5";
  EXPECT_EQ(effective_topic_config({.static_broker = &fixed}).retention_ms, 300'000);
  fixed["log.retention.minutes"] = "-1";
  EXPECT_EQ(effective_topic_config({.static_broker = &fixed}).retention_ms, -1);
  fixed["log.flush.scheduler.interval.ms"] = "77";
  EXPECT_EQ(effective_topic_config({.static_broker = &fixed}).flush_ms, 77);
}

TEST(TopicConfig, PassesOverWhatDoesNotParse) {
  const ConfigMap topic{{"retention.ms", "soon"}};
  const ConfigMap fixed{{"log.retention.ms", "4"}};
  EXPECT_EQ(effective_topic_config({.topic = &topic, .static_broker = &fixed}).retention_ms, 4);
}

TEST(TopicConfig, ReadsEveryField) {
  const ConfigMap topic{{"cleanup.policy", "compact"},
                        {"compression.type", "zstd"},
                        {"compression.gzip.level", "5"},
                        {"compression.lz4.level", "3"},
                        {"compression.zstd.level", "-7"},
                        {"delete.retention.ms", "1"},
                        {"file.delete.delay.ms", "2"},
                        {"flush.messages", "3"},
                        {"flush.ms", "4"},
                        {"index.interval.bytes", "5"},
                        {"max.compaction.lag.ms", "6"},
                        {"max.message.bytes", "7"},
                        {"message.timestamp.after.max.ms", "8"},
                        {"message.timestamp.before.max.ms", "9"},
                        {"message.timestamp.type", "LogAppendTime"},
                        {"min.cleanable.dirty.ratio", "0.25"},
                        {"min.compaction.lag.ms", "10"},
                        {"min.insync.replicas", "2"},
                        {"preallocate", "true"},
                        {"retention.bytes", "11"},
                        {"retention.ms", "12"},
                        {"segment.bytes", "1048577"},
                        {"segment.index.bytes", "13"},
                        {"segment.jitter.ms", "14"},
                        {"segment.ms", "15"},
                        {"unclean.leader.election.enable", "true"},
                        {"moldau.durability", "page-cache"}};
  const TopicConfig want{.cleanup_delete = false,
                         .cleanup_compact = true,
                         .compression_type = CompressionType::zstd,
                         .compression_gzip_level = 5,
                         .compression_lz4_level = 3,
                         .compression_zstd_level = -7,
                         .delete_retention_ms = 1,
                         .file_delete_delay_ms = 2,
                         .flush_messages = 3,
                         .flush_ms = 4,
                         .index_interval_bytes = 5,
                         .max_compaction_lag_ms = 6,
                         .max_message_bytes = 7,
                         .message_timestamp_after_max_ms = 8,
                         .message_timestamp_before_max_ms = 9,
                         .message_timestamp_type = TimestampType::log_append_time,
                         .min_cleanable_dirty_ratio = 0.25,
                         .min_compaction_lag_ms = 10,
                         .min_insync_replicas = 2,
                         .preallocate = true,
                         .retention_bytes = 11,
                         .retention_ms = 12,
                         .segment_bytes = 1048577,
                         .segment_index_bytes = 13,
                         .segment_jitter_ms = 14,
                         .segment_ms = 15,
                         .unclean_leader_election_enable = true,
                         .durability = Durability::page_cache};
  EXPECT_EQ(effective_topic_config({.topic = &topic}), want);
}

TEST(TopicConfig, InternalSegmentBytesHasNoFloor) {
  const ConfigMap topic{{"internal.segment.bytes", "100"}, {"segment.bytes", "2000000"}};
  EXPECT_EQ(effective_topic_config({.topic = &topic}).segment_bytes, 100);
}

TEST(DescribeTopic, ListsSynonymsInOrder) {
  const ConfigMap topic{{"retention.ms", "1"}};
  const ConfigMap cluster{{"log.retention.ms", "3"}};
  const ConfigMap fixed{{"log.retention.hours", "2"}};
  const auto configs = describe_topic_config({.topic = &topic, .cluster = &cluster, .static_broker = &fixed});
  const DescribedConfig& retention = find(configs, "retention.ms");
  EXPECT_EQ(retention.value, "1");
  EXPECT_EQ(retention.source, Source::topic);
  EXPECT_EQ(retention.type, Type::int64);
  EXPECT_FALSE(retention.read_only);
  EXPECT_THAT(retention.synonyms,
              testing::ElementsAre(Synonym{"retention.ms", "1", Source::topic},
                                   Synonym{"log.retention.ms", "3", Source::dynamic_cluster},
                                   Synonym{"log.retention.hours", "2", Source::static_broker}));
}

TEST(DescribeTopic, ShowsWhatWasParsed) {
  const ConfigMap topic{{"retention.ms", " 8000 "}, {"preallocate", "TRUE"}};
  const auto configs = describe_topic_config({.topic = &topic});
  EXPECT_EQ(find(configs, "retention.ms").value, "8000");
  EXPECT_EQ(find(configs, "preallocate").value, "true");
}

TEST(DescribeTopic, ShowsDefaultsInTheTopicsUnit) {
  const auto configs = describe_topic_config({});
  EXPECT_EQ(find(configs, "retention.ms").value, "604800000");
  EXPECT_EQ(find(configs, "retention.ms").source, Source::built_in);
  EXPECT_TRUE(find(configs, "retention.ms").synonyms.empty());  // the default is that of another unit
  EXPECT_THAT(find(configs, "segment.bytes").documentation, testing::HasSubstr("at least 1048576"));
}

TEST(DescribeBroker, HasNoValueWhereOnlyAFallbackHasADefault) {
  const auto configs = describe_broker_config({});
  EXPECT_EQ(find(configs, "log.retention.ms").value, std::nullopt);
  EXPECT_EQ(find(configs, "log.retention.hours").value, "168");
}

TEST(DescribeBroker, ShowsSourcesAndHidesSecrets) {
  const ConfigMap broker{{"log.retention.ms", "2"}};
  const ConfigMap fixed{{"num.partitions", "3"}, {"log.retention.hours", "2"}};
  const auto configs = describe_broker_config({.broker = &broker, .static_broker = &fixed});
  EXPECT_EQ(find(configs, "num.partitions").value, "3");
  EXPECT_EQ(find(configs, "num.partitions").source, Source::static_broker);
  EXPECT_TRUE(find(configs, "num.partitions").read_only);
  EXPECT_EQ(find(configs, "log.retention.ms").source, Source::dynamic_broker);
  EXPECT_FALSE(find(configs, "log.retention.ms").read_only);
  EXPECT_EQ(find(configs, "message.max.bytes").value, "1048588");
}

TEST(BrokerConfig, ReadsTypedValues) {
  const ConfigMap fixed{{"num.partitions", "3"},
                        {"auto.create.topics.enable", "false"},
                        {"log.roll.hours", "1"},
                        {"log.cleanup.policy", "compact,delete"}};
  const BrokerConfig config({.static_broker = &fixed});
  EXPECT_EQ(config.int_of("num.partitions"), 3);
  EXPECT_EQ(config.int_of("log.roll.ms"), 3'600'000);
  EXPECT_EQ(config.int_of("socket.request.max.bytes"), 104857600);
  EXPECT_EQ(config.int_of("node.id", -1), -1);
  EXPECT_FALSE(config.bool_of("auto.create.topics.enable"));
  EXPECT_TRUE(config.bool_of("delete.topic.enable"));
  EXPECT_EQ(config.real_of("log.cleaner.min.cleanable.ratio"), 0.5);
  EXPECT_EQ(config.string_of("compression.type"), "producer");
  EXPECT_THAT(config.list_of("log.cleanup.policy"), testing::ElementsAre("compact", "delete"));
}

}  // namespace
}  // namespace moldau::config
