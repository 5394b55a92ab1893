#include "replication/partition_set.h"

namespace moldau::replication {

unsigned shard_of(const TopicIdPartition& key, std::size_t shard_count) {
  // Consecutive partitions of a topic go to different shards.
  const std::size_t start = std::hash<Uuid>()(key.topic_id) >> 7;
  return static_cast<unsigned>((start + static_cast<std::size_t>(key.partition)) % shard_count);
}

void ImageHolder::publish(std::shared_ptr<const metadata::Image> image) {
  image_ = std::move(image);
  offset_.advance(image_->end_offset());
}

std::shared_ptr<Partition> PartitionSet::find(const TopicIdPartition& key) const {
  const auto found = partitions_.find(key);
  return found == partitions_.end() ? nullptr : found->second;
}

Partition* PartitionSet::peek(const TopicIdPartition& key) const {
  const auto found = partitions_.find(key);
  return found == partitions_.end() ? nullptr : found->second.get();
}

void PartitionSet::add(const TopicIdPartition& key, std::shared_ptr<Partition> partition) {
  if (all_offline_) {
    partition->go_offline();
    set_offline(key);
  }
  partitions_[key] = std::move(partition);
}

void PartitionSet::go_offline() {
  all_offline_ = true;
  for (const auto& [key, partition] : partitions_) {
    partition->go_offline();
    set_offline(key);
  }
}

void PartitionSet::remove(const TopicIdPartition& key) {
  const auto found = partitions_.find(key);
  if (found == partitions_.end()) return;
  found->second->close();
  partitions_.erase(found);
}

}  // namespace moldau::replication
