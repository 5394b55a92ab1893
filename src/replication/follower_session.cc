#include "replication/follower_session.h"

#include <limits>

namespace moldau::replication {

using wire::ErrorCode;

void add_to(wire::FetchRequest& request, const TopicIdPartition& key, const FollowerPosition& position,
            std::int32_t partition_max_bytes) {
  if (request.topics.empty() || request.topics.back().topic_id != key.topic_id) {
    request.topics.emplace_back().topic_id = key.topic_id;
  }
  auto& partition = request.topics.back().partitions.emplace_back();
  partition.partition = key.partition;
  partition.current_leader_epoch = position.leader_epoch;
  partition.fetch_offset = position.offset;
  partition.last_fetched_epoch = position.last_fetched_epoch;
  partition.log_start_offset = position.log_start;
  partition.partition_max_bytes = partition_max_bytes;
  partition.high_watermark = position.high_watermark;
}

void FollowerSession::want(const TopicIdPartition& key, const FollowerPosition& position) {
  Entry& entry = wanted_[key];
  entry.position = position;
  if (forgotten_.erase(key) > 0) entry.told = true;
  news_.insert(key);
}

void FollowerSession::forget(const TopicIdPartition& key) {
  const auto entry = wanted_.extract(key);
  if (!entry) return;
  news_.erase(key);
  if (entry.mapped().told) forgotten_.insert(key);
}

void FollowerSession::fill(wire::FetchRequest& request, std::int32_t partition_max_bytes) {
  request.session_id = id_;
  request.session_epoch = epoch_;
  if (epoch_ == 0) {
    for (auto& [key, entry] : wanted_) {
      add_to(request, key, entry.position, partition_max_bytes);
      entry.told = true;
    }
  } else {
    for (const TopicIdPartition& key : news_) {
      Entry& entry = wanted_[key];
      add_to(request, key, entry.position, partition_max_bytes);
      entry.told = true;
    }
    for (const TopicIdPartition& key : forgotten_) {
      auto& topics = request.forgotten_topics_data;
      if (topics.empty() || topics.back().topic_id != key.topic_id)
        topics.emplace_back().topic_id = key.topic_id;
      topics.back().partitions.push_back(key.partition);
    }
  }
  news_.clear();
  forgotten_.clear();
}

bool FollowerSession::accept(const wire::FetchResponse& response) {
  if (response.error_code != ErrorCode::none) {
    lose();
    return false;
  }
  id_ = response.session_id;
  // Without a session every request is a full one.
  if (id_ == 0) {
    epoch_ = 0;
  } else {
    epoch_ = epoch_ == std::numeric_limits<std::int32_t>::max() ? 1 : epoch_ + 1;
  }
  return true;
}

void FollowerSession::lose() {
  // The old session, should the leader still have it, is closed by the full request that names it.
  epoch_ = 0;
  for (auto& [key, entry] : wanted_) entry.told = false;
  news_.clear();
  forgotten_.clear();
}

}  // namespace moldau::replication
