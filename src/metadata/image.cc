#include "metadata/image.h"

#include <algorithm>

#include "metadata/topic_name.h"

namespace moldau::metadata {

bool Delta::empty() const {
  return created_topics.empty() && removed_topics.empty() && changed_partitions.empty() &&
         changed_configs.empty() && changed_brokers.empty() && changed_controllers.empty() &&
         !features_changed;
}

namespace {

template <class Map, class Key>
auto pointer_in(const Map& map, const Key& key) {
  const auto* found = map.find(key);
  return found ? found->get() : nullptr;
}

bool same(const Topic& a, const Topic& b) {
  return &a == &b || (a.name == b.name && a.id == b.id &&
                      std::ranges::equal(a.partitions, b.partitions,
                                         [](const auto& p, const auto& q) { return p == q || *p == *q; }));
}
template <class T>
bool same(const T& a, const T& b) {
  return &a == &b || a == b;
}

template <class Key, class Value>
bool same_map(const PersistentMap<Key, std::shared_ptr<const Value>>& a,
              const PersistentMap<Key, std::shared_ptr<const Value>>& b) {
  if (a.size() != b.size()) return false;
  for (auto x = a.begin(), y = b.begin(); x != a.end(); ++x, ++y)
    if (x->first != y->first || !same(*x->second, *y->second)) return false;
  return true;
}

// Calls `changed` with each key whose value is not the same in both maps.
template <class Key, class Value, class Changed>
void for_each_difference(const PersistentMap<Key, std::shared_ptr<const Value>>& before,
                         const PersistentMap<Key, std::shared_ptr<const Value>>& after,
                         const Changed& changed) {
  for (const auto& [key, value] : before) {
    const Value* now = pointer_in(after, key);
    if (!now || !same(*value, *now)) changed(key);
  }
  for (const auto& [key, value] : after)
    if (!before.contains(key)) changed(key);
}

}  // namespace

const Topic* Image::topic(std::string_view name) const { return pointer_in(topics_by_name_, name); }
const Topic* Image::topic(const TopicId& id) const { return pointer_in(topics_by_id_, id); }

const Partition* Image::partition(const TopicIdPartition& key) const {
  const Topic* owner = topic(key.topic_id);
  return owner ? owner->partition(key.partition) : nullptr;
}

const Topic* Image::colliding_topic(std::string_view name) const {
  if (!has_collision_characters(name)) return nullptr;
  const std::set<std::string>* names = collisions_.find(collision_key(name));
  if (!names) return nullptr;
  for (const std::string& other : *names)
    if (other != name) return topic(other);
  return nullptr;
}

const Broker* Image::broker(NodeId id) const { return pointer_in(brokers_, id); }

bool Image::is_unfenced(NodeId id) const {
  const Broker* found = broker(id);
  return found && !found->fenced;
}

bool Image::is_active(NodeId id) const {
  const Broker* found = broker(id);
  return found && !found->fenced && !found->in_controlled_shutdown;
}

const ControllerNode* Image::controller(NodeId id) const { return pointer_in(controllers_, id); }

const ConfigMap& Image::configs(const ConfigResource& resource) const {
  static const ConfigMap kNone;
  const ConfigMap* found = pointer_in(configs_, resource);
  return found ? *found : kNone;
}

std::optional<DynamicConfig> Image::topic_config(std::string_view topic, std::string_view key, NodeId broker,
                                                 std::span<const std::string_view> broker_synonyms) const {
  const ConfigMap& own = configs({ResourceType::topic, std::string(topic)});
  if (const auto found = own.find(key); found != own.end())
    return DynamicConfig{found->first, found->second, DynamicSource::topic};
  return broker_config(broker, broker_synonyms);
}

std::optional<DynamicConfig> Image::broker_config(NodeId broker,
                                                  std::span<const std::string_view> keys) const {
  const auto in = [&](const std::string& name, DynamicSource source) -> std::optional<DynamicConfig> {
    const ConfigMap& map = configs({ResourceType::broker, name});
    for (const std::string_view key : keys)
      if (const auto found = map.find(key); found != map.end())
        return DynamicConfig{found->first, found->second, source};
    return std::nullopt;
  };
  if (configs_.empty()) return std::nullopt;
  if (auto found = in(std::to_string(broker), DynamicSource::broker)) return found;
  return in("", DynamicSource::cluster_default);
}

std::int16_t Image::feature_level(std::string_view name) const {
  const auto found = features_.find(name);
  return found == features_.end() ? std::int16_t{0} : found->second;
}

Image Image::at(Offset end_offset, LeaderEpoch end_epoch) const {
  Image copy = *this;
  copy.end_offset_ = end_offset;
  copy.end_epoch_ = end_epoch;
  return copy;
}

void Image::to_records(const std::function<void(Record)>& visit) const {
  if (!cluster_id_.empty()) visit(ClusterIdRecord{cluster_id_});
  for (const auto& [name, level] : features_) visit(FeatureLevelRecord{name, level});
  for (const auto& [id, broker] : brokers_) visit(*broker);
  for (const auto& [id, controller] : controllers_) visit(*controller);
  for (const auto& [name, topic] : topics_by_name_) {
    visit(TopicRecord{topic->name, topic->id});
    for (const auto& partition : topic->partitions) visit(*partition);
  }
  for (const auto& [resource, map] : configs_)
    for (const auto& [key, value] : *map) visit(ConfigRecord{resource, key, value});
  if (next_producer_id_ > 0) visit(ProducerIdsRecord{kNoNode, kNoBrokerEpoch, next_producer_id_});
}

bool Image::same_state(const Image& other) const {
  return cluster_id_ == other.cluster_id_ && features_ == other.features_ &&
         next_producer_id_ == other.next_producer_id_ && same_map(brokers_, other.brokers_) &&
         same_map(controllers_, other.controllers_) && same_map(topics_by_name_, other.topics_by_name_) &&
         same_map(configs_, other.configs_);
}

Delta difference(const Image& before, const Image& after) {
  Delta delta;
  for (const auto& [name, topic] : before.topics())
    if (!after.topic(topic->id)) delta.removed_topics.insert(topic->id);
  for (const auto& [name, topic] : after.topics()) {
    const Topic* old = before.topic(topic->id);
    if (!old) delta.created_topics.insert(topic->id);
    for (const auto& partition : topic->partitions) {
      const Partition* was = old ? old->partition(partition->partition) : nullptr;
      if (!was || !same(*was, *partition)) delta.changed_partitions.insert({topic->id, partition->partition});
    }
  }
  for_each_difference(before.brokers(), after.brokers(),
                      [&](NodeId id) { delta.changed_brokers.insert(id); });
  for_each_difference(before.controllers(), after.controllers(),
                      [&](NodeId id) { delta.changed_controllers.insert(id); });
  for_each_difference(before.all_configs(), after.all_configs(),
                      [&](const ConfigResource& resource) { delta.changed_configs.insert(resource); });
  delta.features_changed = before.features() != after.features();
  return delta;
}

}  // namespace moldau::metadata
