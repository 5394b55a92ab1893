#include "metadata/image.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "base/random.h"

namespace moldau::metadata {
namespace {

const TopicId kCities{1, 1};

Image after(const Image& before, std::vector<Record> records, Delta* delta = nullptr) {
  auto applied = apply_records(before, records);
  EXPECT_TRUE(applied) << applied.error().message;
  if (delta) *delta = applied->delta;
  return applied->image;
}
PartitionRecord partition(TopicId topic, PartitionIndex index) {
  return {.topic_id = topic, .partition = index, .replicas = {1, 2}, .isr = {1, 2}, .leader = 1};
}
Image with_cities() {
  return after({}, {TopicRecord{"cities", kCities}, partition(kCities, 0), partition(kCities, 1)});
}
Errc error_of(const Image& before, std::vector<Record> records) {
  auto applied = apply_records(before, records);
  return applied ? Errc::already_exists : applied.error().code;
}

TEST(Image, FindsTopicsByNameAndId) {
  const Image image = with_cities();
  ASSERT_NE(image.topic("cities"), nullptr);
  EXPECT_EQ(image.topic("cities"), image.topic(kCities));
  EXPECT_EQ(image.topic("cities")->partition_count(), 2);
  EXPECT_EQ(image.partition({kCities, 1})->replicas, (std::vector<NodeId>{1, 2}));
  EXPECT_EQ(image.partition({kCities, 2}), nullptr);
  EXPECT_EQ(image.partition({kCities, -1}), nullptr);
  EXPECT_EQ(image.topic("towns"), nullptr);
}

TEST(Image, AChangeLeavesTheImageBeforeAlone) {
  const Image before = with_cities();
  Delta delta;
  const Image now = after(
      before,
      {PartitionChangeRecord{.topic_id = kCities, .partition = 1, .isr = std::vector<NodeId>{2}, .leader = 2},
       ConfigRecord{{ResourceType::topic, "cities"}, "retention.ms", "1"}},
      &delta);
  EXPECT_EQ(before.partition({kCities, 1})->leader, 1);
  EXPECT_EQ(before.partition({kCities, 1})->leader_epoch, 0);
  EXPECT_TRUE(before.configs({ResourceType::topic, "cities"}).empty());
  EXPECT_EQ(now.partition({kCities, 1})->leader, 2);
  EXPECT_EQ(now.partition({kCities, 1})->leader_epoch, 1);
  EXPECT_EQ(now.partition({kCities, 1})->partition_epoch, 1);
  EXPECT_EQ(now.partition({kCities, 0}), before.partition({kCities, 0}));  // shared
  EXPECT_EQ(delta.changed_partitions, (std::set<TopicIdPartition>{{kCities, 1}}));
  EXPECT_EQ(delta.changed_configs.size(), 1u);
  EXPECT_TRUE(delta.created_topics.empty());
}

TEST(Image, AnIsrChangeAloneKeepsTheLeaderEpoch) {
  const Image now =
      after(with_cities(),
            {PartitionChangeRecord{.topic_id = kCities, .partition = 0, .isr = std::vector<NodeId>{1}}});
  EXPECT_EQ(now.partition({kCities, 0})->leader_epoch, 0);
  EXPECT_EQ(now.partition({kCities, 0})->partition_epoch, 1);
}

TEST(Image, RemovingATopicRemovesItsConfigsAndAllowsItsNameAgain) {
  const Image before = after(with_cities(), {ConfigRecord{{ResourceType::topic, "cities"}, "a", "b"}});
  Delta delta;
  const TopicId second{2, 2};
  const Image now = after(
      before, {RemoveTopicRecord{kCities}, TopicRecord{"cities", second}, partition(second, 0)}, &delta);
  EXPECT_EQ(now.topic(kCities), nullptr);
  EXPECT_EQ(now.topic("cities")->id, second);
  EXPECT_TRUE(now.configs({ResourceType::topic, "cities"}).empty());
  EXPECT_EQ(delta.removed_topics, std::set<TopicId>{kCities});
  EXPECT_EQ(delta.created_topics, std::set<TopicId>{second});
  EXPECT_EQ(delta.changed_partitions, (std::set<TopicIdPartition>{{second, 0}}));
  EXPECT_TRUE(delta.changed_configs.contains({ResourceType::topic, "cities"}));
}

TEST(Image, ATopicThatCameAndWentIsNoChange) {
  Delta delta;
  after({}, {TopicRecord{"cities", kCities}, partition(kCities, 0), RemoveTopicRecord{kCities}}, &delta);
  EXPECT_TRUE(delta.empty());
}

TEST(Image, RecordsThatDoNotFitAreRefusedAsAWhole) {
  const Image cities = with_cities();
  EXPECT_EQ(error_of(cities, {TopicRecord{"cities", {3, 3}}}), Errc::corrupt);
  EXPECT_EQ(error_of(cities, {TopicRecord{"towns", kCities}}), Errc::corrupt);
  EXPECT_EQ(error_of(cities, {partition(kCities, 3)}), Errc::corrupt);
  EXPECT_EQ(error_of(cities, {partition(kCities, 1)}), Errc::corrupt);
  EXPECT_EQ(error_of(cities, {partition({9, 9}, 0)}), Errc::corrupt);
  EXPECT_EQ(error_of(cities, {PartitionChangeRecord{.topic_id = kCities, .partition = 2}}), Errc::corrupt);
  EXPECT_EQ(error_of(cities, {RemoveTopicRecord{{9, 9}}}), Errc::corrupt);
  EXPECT_EQ(error_of(cities, {UnregisterBrokerRecord{1, 1}}), Errc::corrupt);
  EXPECT_EQ(error_of(cities, {ProducerIdsRecord{1, 1, 1000}, ProducerIdsRecord{1, 1, 999}}), Errc::corrupt);
  EXPECT_EQ(error_of(cities, {ClusterIdRecord{"a"}, ClusterIdRecord{"b"}}), Errc::corrupt);
  auto refused = apply_records(cities, std::vector<Record>{RemoveTopicRecord{{9, 9}}});
  EXPECT_TRUE(refused.error().message.starts_with("RemoveTopicRecord: ")) << refused.error().message;
}

TEST(Image, BrokersRegisterChangeAndLeave) {
  const RegisterBrokerRecord one{.broker_id = 1, .broker_epoch = 5, .fenced = true};
  const Image fenced = after({}, {one});
  EXPECT_FALSE(fenced.is_unfenced(1));
  const Image open = after(fenced, {BrokerRegistrationChangeRecord{1, 5, false, {}, {}}});
  EXPECT_TRUE(open.is_unfenced(1));
  EXPECT_EQ(error_of(open, {one}), Errc::corrupt);  // the same epoch again
  EXPECT_EQ(error_of(open, {BrokerRegistrationChangeRecord{1, 4, true, {}, {}}}), Errc::corrupt);
  EXPECT_EQ(after(open, {UnregisterBrokerRecord{1, 5}}).broker(1), nullptr);
}

TEST(Image, ActiveIsNeitherFencedNorAboutToLeave) {
  const auto active = [](bool fenced, bool leaving) {
    const Image image = after(
        {}, {RegisterBrokerRecord{.broker_id = 1, .fenced = fenced, .in_controlled_shutdown = leaving}});
    return image.is_active(1);
  };
  EXPECT_TRUE(active(false, false));
  EXPECT_FALSE(active(true, false));
  EXPECT_FALSE(active(false, true));
  EXPECT_FALSE(Image().is_active(1));
}

TEST(Image, ControllersRegisterAndTakeTheirEarlierPlace) {
  Delta delta;
  const RegisterControllerRecord first{3000, {1, 1}, {{"CONTROLLER", "h", 9093, 0}}, {}};
  Image image = after({}, {first}, &delta);
  EXPECT_EQ(delta.changed_controllers, std::set<NodeId>{3000});
  EXPECT_FALSE(delta.empty());
  EXPECT_EQ(*image.controller(3000), first);
  EXPECT_EQ(image.controller(1), nullptr);
  RegisterControllerRecord second = first;
  second.endpoints[0].port = 9094;
  const Image moved = after(image, {second});
  EXPECT_EQ(moved.controller(3000)->endpoints[0].port, 9094);
  EXPECT_EQ(moved.controllers().size(), 1u);
  EXPECT_FALSE(moved.same_state(image));
  EXPECT_EQ(difference(image, moved).changed_controllers, std::set<NodeId>{3000});
  EXPECT_EQ(error_of(image, {RegisterControllerRecord{}}), Errc::corrupt);
}

TEST(Image, ALeaderThatIsNamedAgainHasANewEpoch) {
  const Partition before = partition(kCities, 0);
  const Partition same =
      changed(before, {.topic_id = kCities, .partition = 0, .isr = std::vector<NodeId>{1}});
  EXPECT_EQ(same.leader_epoch, before.leader_epoch);
  EXPECT_EQ(same.partition_epoch, before.partition_epoch + 1);
  const Partition again = changed(before, {.topic_id = kCities, .partition = 0, .leader = before.leader});
  EXPECT_EQ(again.leader_epoch, before.leader_epoch + 1);
}

TEST(Image, ConfigsAreLookedUpInKafkasOrder) {
  const ConfigResource topic{ResourceType::topic, "cities"}, broker{ResourceType::broker, "1"},
      all{ResourceType::broker, ""};
  const std::string_view synonyms[] = {"log.retention.ms", "log.retention.minutes"};
  Image image = with_cities();
  const auto found = [&] { return image.topic_config("cities", "retention.ms", 1, synonyms); };
  EXPECT_FALSE(found());
  image = after(image, {ConfigRecord{all, "log.retention.minutes", "3"}});
  EXPECT_EQ(found()->source, DynamicSource::cluster_default);
  EXPECT_EQ(found()->key, "log.retention.minutes");
  image = after(image, {ConfigRecord{broker, "log.retention.ms", "2"}});
  EXPECT_EQ(found()->source, DynamicSource::broker);
  EXPECT_EQ(image.topic_config("cities", "retention.ms", 2, synonyms)->value, "3");
  image = after(image, {ConfigRecord{topic, "retention.ms", "1"}});
  EXPECT_EQ(found()->source, DynamicSource::topic);
  EXPECT_EQ(found()->value, "1");
  image = after(image, {ConfigRecord{topic, "retention.ms", std::nullopt}});
  EXPECT_EQ(found()->value, "2");
  EXPECT_EQ(image.all_configs().size(), 2u);
}

TEST(Image, TopicNamesCollideInMetricNames) {
  Image image = after({}, {TopicRecord{"a.b", kCities}, partition(kCities, 0)});
  ASSERT_NE(image.colliding_topic("a_b"), nullptr);
  EXPECT_EQ(image.colliding_topic("a_b")->name, "a.b");
  EXPECT_EQ(image.colliding_topic("a.b"), nullptr);
  EXPECT_EQ(image.colliding_topic("a-b"), nullptr);
  image = after(image, {RemoveTopicRecord{kCities}});
  EXPECT_EQ(image.colliding_topic("a_b"), nullptr);
}

TEST(Image, FeaturesAndIdentity) {
  Image image = after({}, {ClusterIdRecord{"c"}, FeatureLevelRecord{"metadata.version", 29}});
  EXPECT_EQ(image.cluster_id(), "c");
  EXPECT_EQ(image.feature_level("metadata.version"), 29);
  EXPECT_EQ(image.feature_level("group.version"), 0);
  image = after(image, {FeatureLevelRecord{"metadata.version", 0}, ProducerIdsRecord{1, 1, 1000}});
  EXPECT_TRUE(image.features().empty());
  EXPECT_EQ(image.next_producer_id(), 1000);
  const Image moved = image.at(17, 3);
  EXPECT_EQ(moved.end_offset(), 17);
  EXPECT_EQ(moved.end_epoch(), 3);
  EXPECT_TRUE(moved.same_state(image));
}

// Random histories: whatever the split into batches, the same records give the same image; a snapshot's
// records give an equal one; the delta of a batch is what a comparison of the two images finds.
class History {
 public:
  explicit History(std::uint64_t seed) : random_(seed) {}

  std::vector<Record> some(const Image& image) {
    Image now = image;
    std::vector<Record> out;
    for (std::uint64_t n = random_.below(8); n > 0; --n) {
      const Record record = next(now);
      out.push_back(record);
      now = after(now, {record});
    }
    return out;
  }

 private:
  Record next(const Image& image) {
    const Topic* topic = any_topic(image);
    switch (random_.below(topic ? 8 : 4)) {
      case 0:
        return TopicRecord{name(), random_.uuid()};
      case 1:
        return ConfigRecord{{ResourceType::broker, ""}, key(), value()};
      case 2:
        return RegisterBrokerRecord{.broker_id = static_cast<NodeId>(random_.below(3)),
                                    .broker_epoch = ++epoch_};
      case 3:
        return RegisterControllerRecord{static_cast<NodeId>(random_.below(3)), random_.uuid(), {}, {}};
      case 4:
        return RemoveTopicRecord{topic->id};
      case 5:
        return ConfigRecord{{ResourceType::topic, topic->name}, key(), value()};
      case 6:
        return partition(topic->id, topic->partition_count());
      default:
        if (topic->partitions.empty()) return partition(topic->id, 0);
        return PartitionChangeRecord{
            .topic_id = topic->id, .partition = 0, .leader = static_cast<NodeId>(random_.below(3))};
    }
  }
  const Topic* any_topic(const Image& image) {
    const auto at = image.topics().lower_bound("t" + std::to_string(random_.below(1'000'000)));
    return at == image.topics().end() ? nullptr : at->second.get();
  }
  std::string name() { return "t" + std::to_string(serial_++) + (random_.one_in(2) ? ".x" : "_x"); }
  std::string key() { return "k" + std::to_string(random_.below(3)); }
  std::optional<std::string> value() {
    return random_.one_in(3) ? std::nullopt : std::optional(std::to_string(random_.below(5)));
  }

  Random random_;
  int serial_ = 0;
  BrokerEpoch epoch_ = 0;
};

template <class Set>
bool includes(const Set& all, const Set& some) {
  return std::includes(all.begin(), all.end(), some.begin(), some.end());
}

TEST(Image, BatchesSnapshotsAndDeltasAgree) {
  for (std::uint64_t seed = 0; seed < 200; ++seed) {
    History history(seed);
    Image image, one_by_one;
    for (int batch = 0; batch < 20; ++batch) {
      const std::vector<Record> records = history.some(image);
      Delta delta;
      const Image next = after(image, records, &delta);
      for (const Record& record : records) one_by_one = after(one_by_one, {record});
      ASSERT_TRUE(next.same_state(one_by_one)) << seed;

      const Delta found = difference(image, next);
      ASSERT_EQ(found.created_topics, delta.created_topics) << seed;
      ASSERT_EQ(found.removed_topics, delta.removed_topics) << seed;
      // A comparison cannot see a change that was taken back.
      ASSERT_TRUE(includes(delta.changed_partitions, found.changed_partitions)) << seed;
      ASSERT_TRUE(includes(delta.changed_configs, found.changed_configs)) << seed;
      ASSERT_EQ(found.changed_brokers, delta.changed_brokers) << seed;
      ASSERT_EQ(found.changed_controllers, delta.changed_controllers) << seed;
      image = next;
    }
    std::vector<Record> snapshot;
    image.to_records([&](Record record) { snapshot.push_back(std::move(record)); });
    ASSERT_TRUE(after({}, snapshot).same_state(image)) << seed;
    if (image.topic_count() > 0) {
      ASSERT_FALSE(Image().same_state(image));
      ASSERT_FALSE(after(image, {RemoveTopicRecord{image.topics().begin()->second->id}}).same_state(image));
    }
  }
}

TEST(Image, ThousandsOfTopicsStayCheapToChange) {
  Image image;
  for (std::uint64_t i = 1; i <= 5000; ++i)  // one at a time; copying the whole would take minutes
    image = after(image, {TopicRecord{"topic" + std::to_string(i), {i, i}}, partition({i, i}, 0)});
  EXPECT_EQ(image.topic_count(), 5000u);
  std::vector<Record> wide = {TopicRecord{"wide", {9, 9999}}};
  for (PartitionIndex p = 0; p < 10'000; ++p) wide.push_back(partition({9, 9999}, p));
  EXPECT_EQ(after(image, wide).topic("wide")->partition_count(), 10'000);
}

}  // namespace
}  // namespace moldau::metadata
