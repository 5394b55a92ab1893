// Image: everything that the cluster has agreed on, as of one offset of the metadata log. Immutable once
// published as std::shared_ptr<const Image>; readable from every shard without locks. A copy costs a few
// pointers, versions share what they have in common. It changes only by applying records (I-R5, RA-21).
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "metadata/persistent_map.h"
#include "metadata/record.h"

namespace moldau::metadata {

using Partition = PartitionRecord;
using Broker = RegisterBrokerRecord;
using ControllerNode = RegisterControllerRecord;
using ConfigMap = std::map<std::string, std::string, std::less<>>;

struct Topic {
  std::string name;
  TopicId id;
  std::vector<std::shared_ptr<const Partition>> partitions;  // by index, without gaps, never null

  std::int32_t partition_count() const { return static_cast<std::int32_t>(partitions.size()); }
  // Null when there is no such partition.
  const Partition* partition(PartitionIndex index) const {
    return index >= 0 && index < partition_count() ? partitions[static_cast<std::size_t>(index)].get()
                                                   : nullptr;
  }
};

// Where a dynamic config was found: Kafka's config source codes.
enum class DynamicSource : std::int8_t { topic = 1, broker = 2, cluster_default = 3 };
struct DynamicConfig {
  std::string_view key;  // the key under which it was found: the topic's own, or a broker synonym
  std::string_view value;
  DynamicSource source;
};

// What records have changed between two images, for those who act on changes.
struct Delta {
  std::set<TopicId> created_topics;
  std::set<TopicId> removed_topics;               // what they were is in the image before
  std::set<TopicIdPartition> changed_partitions;  // also those of created topics, not those of removed ones
  std::set<ConfigResource> changed_configs;
  std::set<NodeId> changed_brokers;
  std::set<NodeId> changed_controllers;
  bool features_changed = false;
  bool empty() const;
};

class Image {
 public:
  // --- topics. Pointers stay valid as long as a copy of this image.
  const Topic* topic(std::string_view name) const;
  const Topic* topic(const TopicId& id) const;
  const Partition* partition(const TopicIdPartition& key) const;
  std::size_t topic_count() const { return topics_by_name_.size(); }
  // By name, in order: for (const auto& [name, topic] : image.topics()).
  const PersistentMap<std::string, std::shared_ptr<const Topic>>& topics() const { return topics_by_name_; }
  // The topic other than `name` whose metric name would be the same ('.' and '_' collide). Null when none.
  const Topic* colliding_topic(std::string_view name) const;

  // --- brokers, fenced ones too.
  const Broker* broker(NodeId id) const;
  const PersistentMap<NodeId, std::shared_ptr<const Broker>>& brokers() const { return brokers_; }
  bool is_unfenced(NodeId id) const;
  // Unfenced and not about to leave: it may lead partitions and join their ISR (KIP-841).
  bool is_active(NodeId id) const;

  // --- controllers that have registered themselves (KIP-919).
  const ControllerNode* controller(NodeId id) const;
  const PersistentMap<NodeId, std::shared_ptr<const ControllerNode>>& controllers() const {
    return controllers_;
  }

  // --- dynamic configs.
  // All that is set on the resource itself; an empty map when nothing is.
  const ConfigMap& configs(const ConfigResource& resource) const;
  const PersistentMap<ConfigResource, std::shared_ptr<const ConfigMap>>& all_configs() const {
    return configs_;
  }
  // The value that holds for a topic on a broker, in Kafka's order: the topic's own `key`, then each of the
  // broker's synonyms in turn on the broker, then on the default of all brokers. What follows (static
  // settings, defaults) is not the image's to know. Views stay valid as long as a copy of this image.
  std::optional<DynamicConfig> topic_config(std::string_view topic, std::string_view key, NodeId broker,
                                            std::span<const std::string_view> broker_synonyms) const;
  // The same for a broker's key.
  std::optional<DynamicConfig> broker_config(NodeId broker, std::span<const std::string_view> keys) const;

  // --- features, producer ids, identity.
  // Finalized features by name.
  const std::map<std::string, std::int16_t, std::less<>>& features() const { return features_; }
  std::int16_t feature_level(std::string_view name) const;  // 0 when it is not finalized
  // The first producer id that no block has been given away of.
  ProducerId next_producer_id() const { return next_producer_id_; }
  // Empty before the first record of the log.
  const std::string& cluster_id() const { return cluster_id_; }

  // --- where in the log this image stands.
  // The offset after the last record applied, and the leader epoch of that record.
  Offset end_offset() const { return end_offset_; }
  LeaderEpoch end_epoch() const { return end_epoch_; }
  // A copy at another place: also control records and no-ops move the place without changing the state.
  Image at(Offset end_offset, LeaderEpoch end_epoch) const;

  // Gives records to `visit` which make an equal image from an empty one, each at most a partition large:
  // what a snapshot holds. Topics come in the order of their names.
  void to_records(const std::function<void(Record)>& visit) const;

  // The same state, whatever the place in the log.
  bool same_state(const Image& other) const;

 private:
  friend class Applier;

  std::string cluster_id_;
  PersistentMap<std::string, std::shared_ptr<const Topic>> topics_by_name_;
  PersistentMap<TopicId, std::shared_ptr<const Topic>> topics_by_id_;
  // Names with '.' or '_', under the name with every '.' made '_'.
  PersistentMap<std::string, std::set<std::string>> collisions_;
  PersistentMap<NodeId, std::shared_ptr<const Broker>> brokers_;
  PersistentMap<NodeId, std::shared_ptr<const ControllerNode>> controllers_;
  PersistentMap<ConfigResource, std::shared_ptr<const ConfigMap>> configs_;
  std::map<std::string, std::int16_t, std::less<>> features_;
  ProducerId next_producer_id_ = 0;
  Offset end_offset_ = 0;
  LeaderEpoch end_epoch_ = 0;
};

struct Applied {
  Image image;
  Delta delta;
};

// The image after the records, which must fit the one before: Errc::corrupt when one does not (an unknown
// topic, a partition out of turn, a lower producer id). All of them or none. The place in the log stays as it
// was: the caller knows it, see at().
Result<Applied> apply_records(const Image& before, std::span<const Record> records);

// The partition after the record, which must be about it.
Partition changed(const Partition& before, const PartitionChangeRecord& record);

// The changes that lead from `before` to `after` when the records between are not at hand (a snapshot was
// loaded).
Delta difference(const Image& before, const Image& after);

}  // namespace moldau::metadata
