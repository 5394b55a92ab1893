#include "config/catalogue.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "config/topic_config.h"

namespace moldau::config {
namespace {

std::string error_of(std::string_view name, std::string_view value) {
  const auto status = validate_topic_config(name, value);
  return status ? "" : status.error().message;
}

TEST(Catalogue, TablesAreSortedAndUnique) {
  for (const auto keys : {topic_keys(), broker_keys()})
    EXPECT_EQ(std::ranges::adjacent_find(keys, std::greater_equal<>(), &Key::name), keys.end());
  std::set<std::string_view> names;
  for (const Key& key : own_keys()) EXPECT_TRUE(names.insert(key.name).second) << key.name;
}

TEST(Catalogue, EveryKeyIsDocumentedAndItsDefaultIsValid) {
  for (const auto keys : {topic_keys(), broker_keys(), own_keys()})
    for (const Key& key : keys) {
      EXPECT_FALSE(key.doc.empty()) << key.name;
      EXPECT_EQ(key.support == Support::unsupported, !key.advice.empty()) << key.name;
      // Kafka's "no limit" of a double is a value beyond any range of ours.
      if (key.default_value) EXPECT_TRUE(parse_value(key, *key.default_value)) << key.name;
    }
}

TEST(Catalogue, SynonymsExistAndAgreeWithTheTopicsDefault) {
  for (const Key& key : topic_keys()) {
    for (const std::string& synonym : split_list(key.synonyms))
      EXPECT_NE(find_broker_key(synonym), nullptr) << synonym;
  }
  for (const DescribedConfig& config : describe_topic_config({})) {
    const Key* key = find_topic_key(config.name);
    EXPECT_EQ(config.value,
              key->default_value ? std::optional(std::string(*key->default_value)) : std::nullopt)
        << config.name;
  }
}

TEST(Catalogue, HoldsEveryTopicConfigOfKafka) {
  for (const char* name : {"cleanup.policy", "compression.type", "delete.retention.ms", "flush.ms",
                           "follower.replication.throttled.replicas", "local.retention.bytes",
                           "max.compaction.lag.ms", "message.timestamp.before.max.ms", "preallocate",
                           "remote.log.delete.on.disable", "unclean.leader.election.enable"})
    EXPECT_NE(find_topic_key(name), nullptr) << name;
  EXPECT_EQ(topic_keys().size(), 35u);  // 34 of Kafka 4.3, one of them internal; ours
  EXPECT_GE(broker_keys().size(), 340u);
}

TEST(Catalogue, FindsPatterns) {
  EXPECT_NE(find_broker_key("ssl.keystore.location"), nullptr);
  EXPECT_NE(find_broker_key("listener.name.external.ssl.keystore.password"), nullptr);
  EXPECT_EQ(find_broker_key("listener.name."), nullptr);
  EXPECT_EQ(find_own_key("listeners.external.bind")->name, "listeners.*.bind");
  EXPECT_EQ(find_own_key("listeners.in.ner.bind")->name, "listeners.*.bind");
  EXPECT_EQ(find_own_key("listeners.bind"), nullptr);
  EXPECT_EQ(find_own_key("listeners..bind"), nullptr);
  EXPECT_EQ(find_own_key("kafka.log.retention.ms")->name, "kafka.*");
  EXPECT_EQ(find_own_key("kafka."), nullptr);
  EXPECT_EQ(find_own_key("bootstrap.topics.0.name")->name, "bootstrap.topics.*.name");
}

TEST(ParseValue, NamesTheRange) {
  EXPECT_EQ(error_of("segment.bytes", "5"),
            "Invalid value 5 for configuration segment.bytes: Value must be at least 1048576");
  EXPECT_EQ(error_of("retention.ms", "week"),
            "Invalid value week for configuration retention.ms: Not a number of type LONG");
  EXPECT_EQ(error_of("retention.ms", "-2"),
            "Invalid value -2 for configuration retention.ms: Value must be at least -1");
  EXPECT_EQ(
      error_of("max.message.bytes", "2147483648"),
      "Invalid value 2147483648 for configuration max.message.bytes: Value must be no more than 2147483647");
  EXPECT_EQ(error_of("retention.ms", "9223372036854775808"),
            "Invalid value 9223372036854775808 for configuration retention.ms: Not a number of type LONG");
  EXPECT_EQ(error_of("min.cleanable.dirty.ratio", "1.5"),
            "Invalid value 1.5 for configuration min.cleanable.dirty.ratio: Value must be no more than 1");
  EXPECT_EQ(error_of("min.cleanable.dirty.ratio", "nan"),
            "Invalid value nan for configuration min.cleanable.dirty.ratio: Not a number of type DOUBLE");
  EXPECT_EQ(
      error_of("cleanup.policy", "compress"),
      "Invalid value compress for configuration cleanup.policy: String must be one of: compact, delete");
  EXPECT_EQ(
      error_of("cleanup.policy", "delete,delete"),
      "Invalid value delete,delete for configuration cleanup.policy: List must not contain duplicate values");
  EXPECT_EQ(error_of("preallocate", "yes"),
            "Invalid value yes for configuration preallocate: Expected value to be either true or false");
  EXPECT_EQ(error_of("compression.gzip.level", "0"),
            "Invalid value 0 for configuration compression.gzip.level: Value must be between 1 and 9 or "
            "equal to -1");
  EXPECT_EQ(error_of("compression.zstd.level", "23"),
            "Invalid value 23 for configuration compression.zstd.level: Value must be no more than 22");
  EXPECT_EQ(error_of("remote.storage.enable", "true"),
            "Invalid value true for configuration remote.storage.enable: there is no tiered storage; leave "
            "it at its default");
}

TEST(ParseValue, AcceptsTheEdges) {
  for (const auto& [name, value] : std::vector<std::pair<const char*, const char*>>{
           {"segment.bytes", "1048576"},
           {"segment.bytes", " 1048576 "},
           {"retention.ms", "-1"},
           {"cleanup.policy", ""},
           {"cleanup.policy", "compact, delete"},
           {"preallocate", "TRUE"},
           {"compression.gzip.level", "-1"},
           {"min.cleanable.dirty.ratio", "1"},
           {"flush.ms", "9223372036854775807"},
           {"remote.storage.enable", "false"},
           {"leader.replication.throttled.replicas", "*"},
           {"leader.replication.throttled.replicas", "0:1,12:3"}})
    EXPECT_EQ(error_of(name, value), "") << name << "=" << value;
  EXPECT_NE(error_of("leader.replication.throttled.replicas", "0:1,x"), "");
  EXPECT_NE(error_of("leader.replication.throttled.replicas", "*,0:1"), "");
  EXPECT_NE(error_of("retention.ms", ""), "");
  EXPECT_NE(error_of("retention.ms", "1 2"), "");
  EXPECT_NE(error_of("retention.ms", "+-5"), "");
}

TEST(ParseValue, LongInputIsCutInTheMessage) {
  EXPECT_LT(error_of("retention.ms", std::string(1 << 20, 'x')).size(), 400u);
  EXPECT_LT(error_of(std::string(1 << 20, 'x'), "1").size(), 400u);
}

TEST(ValidateTopic, UnknownNamesGetTheNearest) {
  EXPECT_EQ(error_of("retention.m", "1"),
            "Unknown topic config name: retention.m; did you mean retention.ms?");
  EXPECT_EQ(error_of("clenaup.policy", "delete"),
            "Unknown topic config name: clenaup.policy; did you mean cleanup.policy?");
  EXPECT_EQ(error_of("banana", "1"), "Unknown topic config name: banana");
  EXPECT_EQ(error_of("", "1"), "Unknown topic config name: ");
}

TEST(ValidateTopic, TogetherTheyMustAgree) {
  EXPECT_TRUE(validate_topic_configs({{"min.compaction.lag.ms", "5"}, {"max.compaction.lag.ms", "5"}}));
  const auto status =
      validate_topic_configs({{"min.compaction.lag.ms", "6"}, {"max.compaction.lag.ms", "5"}});
  ASSERT_FALSE(status);
  EXPECT_EQ(status.error().message,
            "conflict topic config setting min.compaction.lag.ms (6) > max.compaction.lag.ms (5)");
}

TEST(ValidateBroker, OnlyDynamicKeysChangeWhileItRuns) {
  EXPECT_TRUE(validate_broker_config("log.retention.ms", "1000", true));
  EXPECT_TRUE(validate_broker_config("max.connections", "10", false));
  const auto fixed = validate_broker_config("log.dirs", "/data", false);
  ASSERT_FALSE(fixed);
  EXPECT_EQ(fixed.error().message, "Cannot update these configs dynamically: Set(log.dirs)");
  const auto range = validate_broker_config("log.segment.bytes", "1", true);
  ASSERT_FALSE(range);
  EXPECT_THAT(range.error().message, testing::HasSubstr("at least 1048576"));
  const auto unknown = validate_broker_config("log.retention.mss", "1", true);
  ASSERT_FALSE(unknown);
  EXPECT_THAT(unknown.error().message, testing::HasSubstr("did you mean log.retention.ms?"));
}

TEST(Lists, AppendAndSubtract) {
  const Key& key = *find_topic_key("cleanup.policy");
  EXPECT_EQ(*append_to_list(key, "delete", "compact"), "delete,compact");
  EXPECT_EQ(*append_to_list(key, "delete", "delete"), "delete");
  EXPECT_EQ(*append_to_list(key, "", "a, b"), "a,b");
  EXPECT_EQ(*subtract_from_list(key, "delete,compact", "delete"), "compact");
  EXPECT_EQ(*subtract_from_list(key, "delete", "delete"), "");
  EXPECT_EQ(*subtract_from_list(key, "delete", "compact"), "delete");
  EXPECT_FALSE(append_to_list(*find_topic_key("retention.ms"), "1", "2"));
  EXPECT_FALSE(subtract_from_list(*find_topic_key("retention.ms"), "1", "2"));
}

TEST(SplitList, KeepsEmptyPlacesVisible) {
  EXPECT_THAT(split_list(""), testing::IsEmpty());
  EXPECT_THAT(split_list("  "), testing::IsEmpty());
  EXPECT_THAT(split_list("a,,b,"), testing::ElementsAre("a", "", "b", ""));
}

}  // namespace
}  // namespace moldau::config
