#include "metadata/record.h"

#include <gtest/gtest.h>

#include "base/random.h"
#include "metadata/topic_name.h"

namespace moldau::metadata {
namespace {

std::vector<Record> one_of_each() {
  const Uuid id{0x0123456789abcdef, 42};
  return {
      NoOpRecord{},
      ClusterIdRecord{"MkU3OEVBNTcwNTJENDM2Qg"},
      FeatureLevelRecord{"metadata.version", 29},
      RegisterBrokerRecord{.broker_id = 7,
                           .broker_epoch = 12,
                           .incarnation_id = id,
                           .endpoints = {{"PLAINTEXT", "127.0.0.1", 65535, 0}, {"EXTERNAL", "::1", 1, 3}},
                           .features = {{"metadata.version", 7, 29}},
                           .rack = "",
                           .fenced = false,
                           .in_controlled_shutdown = true,
                           .directories = {id, kLostDirectory}},
      UnregisterBrokerRecord{7, 12},
      BrokerRegistrationChangeRecord{7, 12, false, std::nullopt, std::vector<DirectoryId>{}},
      TopicRecord{"cities", id},
      PartitionRecord{.topic_id = id,
                      .partition = 3,
                      .replicas = {1, 2, 3},
                      .isr = {2},
                      .removing_replicas = {3},
                      .adding_replicas = {4},
                      .eligible_leader_replicas = {1},
                      .last_known_elr = {2},
                      .directories = {id, id, kUnassignedDirectory},
                      .leader = -1,
                      .leader_epoch = 5,
                      .partition_epoch = 6,
                      .recovery_state = LeaderRecoveryState::recovering},
      PartitionChangeRecord{.topic_id = id, .partition = 3, .isr = std::vector<NodeId>{}, .leader = -1},
      RemoveTopicRecord{id},
      ConfigRecord{{ResourceType::broker, ""}, "log.retention.ms", std::nullopt},
      ConfigRecord{{ResourceType::topic, "cities"}, "cleanup.policy", ""},
      ConfigRecord{{ResourceType::topic, "cities"}, "x", "\xff not UTF-8 \xc0"},
      ProducerIdsRecord{7, 12, 1000},
  };
}

TEST(Record, EachKindSurvivesItsBytes) {
  for (const Record& record : one_of_each()) {
    const Slice bytes = serialize(record);
    const auto parsed = parse(bytes);
    ASSERT_TRUE(parsed) << name_of(record) << ": " << parsed.error().message;
    EXPECT_EQ(*parsed, record) << name_of(record);
  }
}

TEST(Record, TheBytesOfOneAreWhatTheyWere) {
  // A change here breaks every log on disk.
  const Slice bytes = serialize(TopicRecord{"cities", {1, 2}});
  const unsigned char expected[] = {0x3a, 28, 0x0a, 6, 'c', 'i', 't', 'i', 'e', 's', 0x12, 18, 9, 1, 0,
                                    0,    0,  0,    0, 0,   0,   17,  2,   0,   0,   0,    0,  0, 0, 0};
  EXPECT_TRUE(equal(bytes, std::as_bytes(std::span(expected))));
}

TEST(Record, UnknownKindsAreToldFromGarbage) {
  const unsigned char of_the_future[] = {0xa2, 0x06, 0x00};  // field 100, empty message
  EXPECT_EQ(parse(std::as_bytes(std::span(of_the_future))).error().code, Errc::unsupported);
  EXPECT_EQ(parse(as_bytes("\x3a\x7f")).error().code, Errc::corrupt);
  EXPECT_EQ(parse({}).error().code, Errc::unsupported);
}

TEST(Record, DamagedBytesNeverCrash) {
  Random random(1);
  for (const Record& record : one_of_each()) {
    const Slice bytes = serialize(record);
    for (int round = 0; round < 200; ++round) {
      std::vector<std::byte> damaged(bytes.view().begin(), bytes.view().end());
      if (damaged.empty()) continue;
      damaged[random.below(damaged.size())] ^= static_cast<std::byte>(1 + random.below(255));
      damaged.resize(random.below(damaged.size() + 1));
      (void)parse(damaged);
    }
  }
}

TEST(TopicName, FollowsKafkasRules) {
  for (const char* good : {"a", "...", "A-b_c.9", "__consumer_offsets"})
    EXPECT_TRUE(validate_topic_name(good)) << good;
  EXPECT_TRUE(validate_topic_name(std::string(249, 'x')));
  for (const char* bad : {"", ".", "..", "a b", "a/b", "ä", "a:b", "a\n"})
    EXPECT_FALSE(validate_topic_name(bad)) << bad;
  const auto too_long = validate_topic_name(std::string(250, 'x'));
  ASSERT_FALSE(too_long);
  EXPECT_NE(too_long.error().message.find("249"), std::string::npos);
}

TEST(TopicName, Collides) {
  EXPECT_EQ(collision_key("a.b_c"), collision_key("a_b.c"));
  EXPECT_NE(collision_key("a-b"), collision_key("a_b"));
  EXPECT_TRUE(has_collision_characters("a.b"));
  EXPECT_FALSE(has_collision_characters("a-b"));
}

}  // namespace
}  // namespace moldau::metadata
