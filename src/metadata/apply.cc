#include <algorithm>

#include "metadata/image.h"
#include "metadata/topic_name.h"

namespace moldau::metadata {

Partition changed(const Partition& before, const PartitionChangeRecord& record) {
  Partition partition = before;
  if (record.replicas) partition.replicas = *record.replicas;
  if (record.isr) partition.isr = *record.isr;
  if (record.removing_replicas) partition.removing_replicas = *record.removing_replicas;
  if (record.adding_replicas) partition.adding_replicas = *record.adding_replicas;
  if (record.eligible_leader_replicas) partition.eligible_leader_replicas = *record.eligible_leader_replicas;
  if (record.last_known_elr) partition.last_known_elr = *record.last_known_elr;
  if (record.directories) partition.directories = *record.directories;
  if (record.recovery_state) partition.recovery_state = *record.recovery_state;
  if (record.leader) {
    partition.leader = *record.leader;
    ++partition.leader_epoch;
  }
  ++partition.partition_epoch;
  return partition;
}

// Works on a copy of the image before. What a run of records changes again and again (one topic's partitions,
// one resource's configs) is kept as a draft of its own until the end, so that each is copied once.
class Applier {
 public:
  explicit Applier(const Image& before) : image_(before) {}

  Status apply(std::span<const Record> records) {
    for (const Record& record : records) {
      Status status = std::visit([this](const auto& kind) { return apply(kind); }, record);
      if (!status) return fail(std::move(status.error()).within(name_of(record)));
    }
    return {};
  }

  Applied finish() && {
    for (auto& [id, topic] : topic_drafts_) publish(std::move(topic));
    for (auto& [resource, map] : config_drafts_) publish(resource, std::move(map));
    return {std::move(image_), std::move(delta_)};
  }

 private:
  static std::unexpected<Error> misfit(std::string message) {
    return fail(Errc::corrupt, std::move(message));
  }

  Status apply(const NoOpRecord&) { return {}; }

  Status apply(const ClusterIdRecord& record) {
    if (!image_.cluster_id_.empty() && image_.cluster_id_ != record.cluster_id)
      return misfit("the cluster's id is " + image_.cluster_id_ + " and cannot become " + record.cluster_id);
    image_.cluster_id_ = record.cluster_id;
    return {};
  }

  Status apply(const FeatureLevelRecord& record) {
    if (record.level == 0) {
      image_.features_.erase(record.name);
    } else {
      image_.features_[record.name] = record.level;
    }
    delta_.features_changed = true;
    return {};
  }

  Status apply(const RegisterBrokerRecord& record) {
    if (record.broker_id < 0) return misfit("broker id " + std::to_string(record.broker_id));
    if (const Broker* old = image_.broker(record.broker_id); old && record.broker_epoch <= old->broker_epoch)
      return misfit("epoch " + std::to_string(record.broker_epoch) + " of broker " +
                    std::to_string(record.broker_id) + " is not above " + std::to_string(old->broker_epoch));
    set_broker(record);
    return {};
  }

  Status apply(const UnregisterBrokerRecord& record) {
    TRY(check_broker(record.broker_id, record.broker_epoch));
    image_.brokers_.erase(record.broker_id);
    delta_.changed_brokers.insert(record.broker_id);
    return {};
  }

  Status apply(const BrokerRegistrationChangeRecord& record) {
    TRY(check_broker(record.broker_id, record.broker_epoch));
    Broker broker = *image_.broker(record.broker_id);
    if (record.fenced) broker.fenced = *record.fenced;
    if (record.in_controlled_shutdown) broker.in_controlled_shutdown = *record.in_controlled_shutdown;
    if (record.directories) broker.directories = *record.directories;
    set_broker(std::move(broker));
    return {};
  }

  Status apply(const RegisterControllerRecord& record) {
    const NodeId id = record.controller_id;
    if (id < 0) return misfit("controller id " + std::to_string(id));
    image_.controllers_.set(id, std::make_shared<const ControllerNode>(record));
    delta_.changed_controllers.insert(id);
    return {};
  }

  Status check_broker(NodeId id, BrokerEpoch epoch) const {
    const Broker* broker = image_.broker(id);
    if (!broker) return misfit("broker " + std::to_string(id) + " is not registered");
    if (broker->broker_epoch != epoch)
      return misfit("epoch " + std::to_string(epoch) + " of broker " + std::to_string(id) + " is not " +
                    std::to_string(broker->broker_epoch));
    return {};
  }

  void set_broker(Broker broker) {
    const NodeId id = broker.broker_id;
    image_.brokers_.set(id, std::make_shared<const Broker>(std::move(broker)));
    delta_.changed_brokers.insert(id);
  }

  Status apply(const TopicRecord& record) {
    if (image_.topic(record.name)) return misfit("topic " + record.name + " exists");
    if (record.topic_id.is_zero() || image_.topic(record.topic_id))
      return misfit("topic id " + record.topic_id.to_string() + " is taken");
    auto topic = std::make_shared<Topic>(Topic{record.name, record.topic_id, {}});
    image_.topics_by_name_.set(record.name, topic);
    image_.topics_by_id_.set(record.topic_id, topic);
    // The draft is the very object that the maps hold until finish(): nobody else can see them yet.
    topic_drafts_.insert_or_assign(record.topic_id, std::move(topic));
    add_collision(record.name);
    delta_.created_topics.insert(record.topic_id);
    return {};
  }

  void add_collision(const std::string& name) {
    if (!has_collision_characters(name)) return;
    const std::string key = collision_key(name);
    const std::set<std::string>* old = image_.collisions_.find(key);
    std::set<std::string> names = old ? *old : std::set<std::string>();
    names.insert(name);
    image_.collisions_.set(key, std::move(names));
  }
  void remove_collision(const std::string& name) {
    const std::string key = collision_key(name);
    const std::set<std::string>* old = image_.collisions_.find(key);
    if (!old) return;
    std::set<std::string> names = *old;
    names.erase(name);
    if (names.empty()) {
      image_.collisions_.erase(key);
    } else {
      image_.collisions_.set(key, std::move(names));
    }
  }

  // Null when there is no such topic.
  Topic* draft(const TopicId& id) {
    if (const auto found = topic_drafts_.find(id); found != topic_drafts_.end()) return found->second.get();
    const Topic* topic = image_.topic(id);
    if (!topic) return nullptr;
    return topic_drafts_.emplace(id, std::make_shared<Topic>(*topic)).first->second.get();
  }
  static std::string described(const TopicId& id, PartitionIndex partition) {
    return "partition " + std::to_string(partition) + " of topic " + id.to_string();
  }
  void set_partition(Topic& topic, Partition partition) {
    const auto index = static_cast<std::size_t>(partition.partition);
    delta_.changed_partitions.insert({topic.id, partition.partition});
    auto shared = std::make_shared<const Partition>(std::move(partition));
    if (index == topic.partitions.size()) {
      topic.partitions.push_back(std::move(shared));
    } else {
      topic.partitions[index] = std::move(shared);
    }
  }

  Status apply(const PartitionRecord& record) {
    Topic* topic = draft(record.topic_id);
    if (!topic) return misfit("unknown topic id " + record.topic_id.to_string());
    if (record.partition != topic->partition_count())
      return misfit(described(record.topic_id, record.partition) + " does not follow the " +
                    std::to_string(topic->partition_count()) + " that are there");
    if (record.replicas.empty())
      return misfit(described(record.topic_id, record.partition) + " has no replicas");
    set_partition(*topic, record);
    return {};
  }

  Status apply(const PartitionChangeRecord& record) {
    Topic* topic = draft(record.topic_id);
    const Partition* old = topic ? topic->partition(record.partition) : nullptr;
    if (!old) return misfit("there is no " + described(record.topic_id, record.partition));
    set_partition(*topic, changed(*old, record));
    return {};
  }

  Status apply(const RemoveTopicRecord& record) {
    const Topic* topic = image_.topic(record.topic_id);
    if (!topic) return misfit("unknown topic id " + record.topic_id.to_string());
    const std::string name = topic->name;
    topic_drafts_.erase(record.topic_id);
    image_.topics_by_name_.erase(name);
    image_.topics_by_id_.erase(record.topic_id);
    remove_collision(name);
    remove_configs({ResourceType::topic, name});
    const TopicId id = record.topic_id;
    std::erase_if(delta_.changed_partitions, [&](const TopicIdPartition& p) { return p.topic_id == id; });
    if (delta_.created_topics.erase(id) == 0) delta_.removed_topics.insert(id);
    return {};
  }

  void remove_configs(const ConfigResource& resource) {
    if (image_.configs(resource).empty() && !config_drafts_.contains(resource)) return;
    config_drafts_.insert_or_assign(resource, std::make_shared<ConfigMap>());
    delta_.changed_configs.insert(resource);
  }

  Status apply(const ConfigRecord& record) {
    std::shared_ptr<ConfigMap>& map = config_drafts_[record.resource];
    if (!map) map = std::make_shared<ConfigMap>(image_.configs(record.resource));
    if (record.value) {
      map->insert_or_assign(record.key, *record.value);
    } else {
      map->erase(record.key);
    }
    delta_.changed_configs.insert(record.resource);
    return {};
  }

  Status apply(const ProducerIdsRecord& record) {
    if (record.next_producer_id < image_.next_producer_id_)
      return misfit("next producer id " + std::to_string(record.next_producer_id) + " is below " +
                    std::to_string(image_.next_producer_id_));
    image_.next_producer_id_ = record.next_producer_id;
    return {};
  }

  void publish(std::shared_ptr<Topic> topic) {
    const std::string name = topic->name;
    const TopicId id = topic->id;
    std::shared_ptr<const Topic> published = std::move(topic);
    image_.topics_by_name_.set(name, published);
    image_.topics_by_id_.set(id, std::move(published));
  }
  void publish(const ConfigResource& resource, std::shared_ptr<ConfigMap> map) {
    if (map->empty()) {
      image_.configs_.erase(resource);
    } else {
      image_.configs_.set(resource, std::move(map));
    }
  }

  Image image_;
  Delta delta_;
  std::map<TopicId, std::shared_ptr<Topic>> topic_drafts_;
  std::map<ConfigResource, std::shared_ptr<ConfigMap>> config_drafts_;
};

Result<Applied> apply_records(const Image& before, std::span<const Record> records) {
  Applier applier(before);
  TRY(applier.apply(records));
  return std::move(applier).finish();
}

}  // namespace moldau::metadata
