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
      RegisterControllerRecord{3000, id, {{"CONTROLLER", "127.0.0.1", 9093, 0}}, {{"kraft.version", 0, 1}}},
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

// The bytes of a record with one of its varints exchanged, through protobuf's own tags.
std::vector<std::byte> with_varint(const Record& record, std::byte tag, std::vector<unsigned char> varint) {
  const Slice bytes = serialize(record);
  std::vector<std::byte> out(bytes.view().begin(), bytes.view().end());
  const auto at = std::find(out.begin(), out.end(), tag);
  EXPECT_NE(at, out.end());
  const auto place =
      out.erase(at + 1, std::find_if(at + 1, out.end(), [](std::byte b) { return b < std::byte{0x80}; }) + 1);
  const auto raw = std::as_bytes(std::span(varint));
  out.insert(place, raw.begin(), raw.end());
  // One byte holds the length of the message in the oneof.
  out[1] = static_cast<std::byte>(out.size() - 2);
  return out;
}

TEST(Record, NumbersThatTheirFieldsCannotHoldAreRefused) {
  const Record level = FeatureLevelRecord{"kraft.version", 29};
  constexpr std::byte kLevel{0x10};
  EXPECT_EQ(*parse(with_varint(level, kLevel, {0x1e})), Record(FeatureLevelRecord{"kraft.version", 30}));
  EXPECT_EQ(parse(with_varint(level, kLevel, {0x80, 0x80, 0x02})).error().code, Errc::corrupt) << "2^15";
  EXPECT_EQ(parse(with_varint(level, kLevel, {0x81, 0x80, 0x04})).error().code, Errc::corrupt) << "2^16 + 1";
  const Record config = ConfigRecord{{ResourceType::topic, "t"}, "k", "v"};
  constexpr std::byte kResourceType{0x08};
  EXPECT_TRUE(parse(with_varint(config, kResourceType, {0x04})));
  EXPECT_EQ(parse(with_varint(config, kResourceType, {0x03})).error().code, Errc::corrupt);
  EXPECT_EQ(parse(with_varint(config, kResourceType, {0x82, 0x02})).error().code, Errc::corrupt) << "2^8 + 2";
  const Record change = PartitionChangeRecord{
      .topic_id = {1, 2}, .partition = 3, .recovery_state = LeaderRecoveryState::recovering};
  constexpr std::byte kRecoveryState{0x58};
  EXPECT_TRUE(parse(with_varint(change, kRecoveryState, {0x00})));
  EXPECT_EQ(parse(with_varint(change, kRecoveryState, {0x02})).error().code, Errc::corrupt);
  EXPECT_EQ(parse(with_varint(change, kRecoveryState, {0x80, 0x02})).error().code, Errc::corrupt) << "2^8";
}

TEST(Record, PortsAndFeaturesOfABrokerAreChecked) {
  // register_broker { endpoints { port: N } } and { features { max_level: N } }.
  const auto of_port = [](unsigned char high) {
    const unsigned char bytes[] = {0x22, 6, 0x22, 4, 0x18, 0xff, 0xff, high};
    return parse(std::as_bytes(std::span(bytes)));
  };
  EXPECT_TRUE(of_port(0x03)) << "65535";
  EXPECT_EQ(of_port(0x07).error().code, Errc::corrupt);
  // register_controller { endpoints { port: N } }.
  const unsigned char controller[] = {0x6a, 6, 0x1a, 4, 0x18, 0xff, 0xff, 0x07};
  EXPECT_EQ(parse(std::as_bytes(std::span(controller))).error().code, Errc::corrupt);
  const unsigned char feature[] = {0x22, 6, 0x2a, 4, 0x18, 0xff, 0xff, 0x03};
  EXPECT_EQ(parse(std::as_bytes(std::span(feature))).error().code, Errc::corrupt);
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
