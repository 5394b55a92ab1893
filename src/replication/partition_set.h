// PartitionSet: the partitions of which one shard has replicas, and ImageHolder: the shard's view of the
// cluster.
#pragma once

#include <memory>
#include <set>
#include <unordered_map>

#include "metadata/image.h"
#include "replication/partition.h"
#include "runtime/wait.h"

namespace moldau::replication {

// Which of `shard_count` shards owns the partition: the same on every start with the same count.
unsigned shard_of(const TopicIdPartition& key, std::size_t shard_count);

// The newest image that a shard works with.
class ImageHolder {
 public:
  explicit ImageHolder(runtime::Executor& executor) : executor_(executor) {}

  std::shared_ptr<const metadata::Image> current() const { return image_; }
  void publish(std::shared_ptr<const metadata::Image> image);
  // True once an image with this end offset or a later one is published; false at the deadline.
  runtime::Task<bool> reaches(Offset end_offset, runtime::MonotonicTime deadline) {
    return offset_.reaches(executor_, end_offset, deadline);
  }

 private:
  runtime::Executor& executor_;
  std::shared_ptr<const metadata::Image> image_ = std::make_shared<metadata::Image>();
  runtime::Watermark offset_;
};

class PartitionSet {
 public:
  using Map = std::unordered_map<TopicIdPartition, std::shared_ptr<Partition>>;

  // Null when this shard has no replica of it.
  std::shared_ptr<Partition> find(const TopicIdPartition& key) const;
  // The same for a look within this turn of the loop.
  Partition* peek(const TopicIdPartition& key) const;

  void add(const TopicIdPartition& key, std::shared_ptr<Partition> partition);
  // Closes the partition: those who wait on it are answered.
  void remove(const TopicIdPartition& key);
  // Its log could not be opened or has failed: the partition answers KAFKA_STORAGE_ERROR.
  void set_offline(const TopicIdPartition& key) { offline_.insert(key); }
  bool is_offline(const TopicIdPartition& key) const { return offline_.contains(key); }
  void clear_offline(const TopicIdPartition& key) { offline_.erase(key); }
  // The folder has failed: all partitions go offline, and those that come later.
  void go_offline();
  std::size_t offline_count() const { return offline_.size(); }
  const Map& all() const { return partitions_; }

 private:
  Map partitions_;
  std::set<TopicIdPartition> offline_;
  bool all_offline_ = false;
};

}  // namespace moldau::replication
