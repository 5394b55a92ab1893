#include "client/fetch_session.h"

#include <algorithm>
#include <limits>

namespace moldau::client {
namespace {

constexpr std::int32_t kNoSessionEpoch = -1;

// Elements of one topic stand together; a topic that was created anew is another topic.
template <class Topics>
auto& entry(Topics& topics, const FetchTarget& target) {
  if (topics.empty() || topics.back().topic != target.partition.topic ||
      topics.back().topic_id != target.topic_id) {
    topics.emplace_back();
    topics.back().topic = target.partition.topic;
    topics.back().topic_id = target.topic_id;
  }
  return topics.back();
}

void add(wire::FetchRequest& request, const FetchTarget& target) {
  entry(request.topics, target)
      .partitions.push_back({.partition = target.partition.partition,
                             .current_leader_epoch = target.leader_epoch,
                             .fetch_offset = target.offset,
                             .partition_max_bytes = target.max_bytes});
}

}  // namespace

void FetchSession::build(std::vector<FetchTarget> targets, wire::FetchRequest& request) {
  std::map<TopicPartition, FetchTarget> wanted;
  for (FetchTarget& target : targets) wanted.emplace(target.partition, std::move(target));
  request.session_id = enabled_ ? id_ : 0;
  request.session_epoch = enabled_ ? epoch_ : kNoSessionEpoch;
  const bool incremental = enabled_ && epoch_ > 0;
  for (const auto& [partition, target] : wanted) {
    const auto known = targets_.find(partition);
    if (!incremental || known == targets_.end() || known->second != target) add(request, target);
  }
  if (incremental) {
    for (const auto& [partition, target] : targets_) {
      const auto still = wanted.find(partition);
      if (still != wanted.end() && still->second.topic_id == target.topic_id) continue;
      entry(request.forgotten_topics_data, target).partitions.push_back(partition.partition);
    }
  }
  targets_ = std::move(wanted);
}

bool FetchSession::accept(const wire::FetchResponse& response) {
  if (response.error_code != wire::ErrorCode::none) {
    const bool is_gone = response.error_code == wire::ErrorCode::fetch_session_id_not_found;
    if (is_gone) id_ = 0;
    epoch_ = 0;
    return false;
  }
  if (!enabled_) return true;
  if (epoch_ == 0) {
    id_ = response.session_id;
    epoch_ = id_ == 0 ? 0 : 1;
  } else {
    epoch_ = epoch_ == std::numeric_limits<std::int32_t>::max() ? 1 : epoch_ + 1;
  }
  return true;
}

void FetchSession::fail() { epoch_ = 0; }

const FetchTarget* FetchSession::find(const TopicPartition& partition) const {
  const auto at = targets_.find(partition);
  return at == targets_.end() ? nullptr : &at->second;
}

const FetchTarget* FetchSession::find(const TopicId& id, PartitionIndex index) const {
  const auto at = std::ranges::find_if(targets_, [&](const auto& entry) {
    return entry.second.topic_id == id && entry.first.partition == index;
  });
  return at == targets_.end() ? nullptr : &at->second;
}

}  // namespace moldau::client
