#include "client/group_consumer.h"

#include "client/admin_items.h"
#include "client/coordinator.h"
#include "wire/messages/offset_commit.h"
#include "wire/messages/offset_fetch.h"

namespace moldau::client {

using wire::ErrorCode;

namespace {

constexpr wire::ApiVersion kLastByName = 9;  // of OffsetCommit and OffsetFetch: later by topic id

StartAt place_of(OffsetReset reset) {
  return reset == OffsetReset::earliest ? StartAt::beginning() : StartAt::end();
}

// The worst of the partitions' codes.
ErrorCode code_of(const wire::OffsetCommitResponse& response) {
  for (const auto& topic : response.topics)
    for (const auto& partition : topic.partitions)
      if (partition.error_code != ErrorCode::none) return partition.error_code;
  return ErrorCode::none;
}

}  // namespace

GroupConsumer::GroupConsumer(ClusterClient& cluster, GroupConsumerOptions options,
                             Membership::Subscription subscription)
    : cluster_(cluster),
      options_(std::move(options)),
      consumer_(cluster, options_.consumer),
      member_(cluster, options_.group, std::move(subscription), *this),
      next_commit_(cluster.executor().now() + options_.auto_commit_interval) {
  member_.start();
}

GroupConsumer::~GroupConsumer() { MOLDAU_ASSERT(closing_); }

Task<Outcome<std::vector<FetchedRecords>>> GroupConsumer::poll(MonotonicTime deadline,
                                                               std::size_t max_records) {
  if (member_.failure()) co_return fail(*member_.failure());
  if (failure_) co_return fail(*failure_);
  if (options_.auto_commit && cluster_.executor().now() >= next_commit_) {
    next_commit_ = cluster_.executor().now() + options_.auto_commit_interval;
    static_cast<void>(co_await commit());  // the next one says it again
  }
  auto lots = co_await consumer_.poll(deadline, max_records);
  if (lots)
    for (const FetchedRecords& lot : *lots)
      polled_[{lot.topic, lot.partition}] = lot.batches.empty() ? kNoEpoch : lot.batches.back().leader_epoch;
  co_return lots;
}

void GroupConsumer::done(const TopicPartition& partition, Offset next) {
  Offset& at = done_.try_emplace(partition, next).first->second;
  at = std::max(at, next);
}

// Where nothing was handed out the place at which reading began is committed, as by Kafka's consumer: the
// next one does not begin anew by its own policy.
std::map<TopicPartition, Offset> GroupConsumer::to_commit() const {
  std::map<TopicPartition, Offset> offsets = done_;
  for (const TopicPartition& one : member_.owned()) {
    if (polled_.contains(one)) continue;
    const auto position = consumer_.position(one.topic, one.partition);
    const auto known = committed_.find(one);
    if (position && (known == committed_.end() || known->second != *position))
      offsets.emplace(one, *position);
  }
  return offsets;
}

LeaderEpoch GroupConsumer::epoch_before(const TopicPartition& partition, Offset offset) const {
  const auto last = polled_.find(partition);
  if (last == polled_.end() || consumer_.position(partition.topic, partition.partition) != offset)
    return kNoEpoch;
  return last->second;
}

Task<Outcome<void>> GroupConsumer::commit() {
  const std::map<TopicPartition, Offset> committed = to_commit();
  if (committed.empty() || member_.generation() < 0) co_return Outcome<void>();
  wire::OffsetCommitRequest request;
  request.group_id = options_.group.group_id;
  request.generation_id_or_member_epoch = member_.generation();
  request.member_id = member_.id();
  request.group_instance_id = options_.group.instance_id;
  for (const auto& [partition, offset] : committed)
    topic_entry(request.topics, partition.topic, &wire::OffsetCommitRequest::Topic::name)
        .partitions.push_back({.partition_index = partition.partition,
                               .committed_offset = offset,
                               .committed_leader_epoch = epoch_before(partition, offset),
                               .committed_metadata = ""});
  const auto response = co_await call_coordinator<wire::OffsetCommitResponse>(
      cluster_, options_.group.group_id, std::move(request), code_of, {.max_version = kLastByName});
  if (!response) co_return fail(response.error());
  const ErrorCode code = code_of(*response);
  if (code != ErrorCode::none) {
    member_.note_refusal(code);
    co_return fail(broker_failure(code));
  }
  for (const auto& [partition, offset] : committed) {
    committed_.insert_or_assign(partition, offset);
    const auto at = done_.find(partition);
    if (at != done_.end() && at->second == offset) done_.erase(at);
  }
  co_return Outcome<void>();
}

Task<void> GroupConsumer::close() {
  if (closing_) co_return;
  closing_ = true;
  co_await member_.close();
  co_await consumer_.close();
}

// --- what the group gives and takes

void GroupConsumer::drop(const std::vector<TopicPartition>& partitions) {
  for (const TopicPartition& one : partitions) {
    consumer_.unassign(one.topic, one.partition);
    done_.erase(one);
    polled_.erase(one);
    committed_.erase(one);
  }
}

Task<void> GroupConsumer::revoked(std::vector<TopicPartition> partitions) {
  if (options_.auto_commit) static_cast<void>(co_await commit());
  drop(partitions);
}

void GroupConsumer::lost(std::vector<TopicPartition> partitions) { drop(partitions); }

Task<void> GroupConsumer::assigned(std::vector<TopicPartition> partitions) {
  if (partitions.empty()) co_return;
  const auto committed = co_await committed_of(partitions);
  if (closing_) co_return;
  for (const TopicPartition& one : partitions) {
    const auto at = committed.find(one);
    if (at != committed.end()) {
      committed_.insert_or_assign(one, at->second);
      consumer_.assign(one.topic, one.partition, StartAt::offset(at->second));
    } else if (options_.consumer.offset_reset != OffsetReset::none) {
      consumer_.assign(one.topic, one.partition, place_of(options_.consumer.offset_reset));
    } else {
      failure_ = local_failure(Errc::not_found, "group " + options_.group.group_id +
                                                    " has committed no offset for " + one.to_string() +
                                                    ", and auto.offset.reset is none");
    }
  }
}

Task<std::map<TopicPartition, Offset>> GroupConsumer::committed_of(
    const std::vector<TopicPartition>& partitions) {
  wire::OffsetFetchRequest request;
  request.group_id = options_.group.group_id;
  request.topics.emplace();
  auto& group = request.groups.emplace_back();
  group.group_id = options_.group.group_id;
  group.topics.emplace();
  request.require_stable = true;
  for (const TopicPartition& one : partitions) {
    topic_entry(*request.topics, one.topic, &wire::OffsetFetchRequest::Topic::name)
        .partition_indexes.push_back(one.partition);
    topic_entry(*group.topics, one.topic, &wire::OffsetFetchRequest::Group::Topic::name)
        .partition_indexes.push_back(one.partition);
  }
  std::map<TopicPartition, Offset> committed;
  bool unstable = false;
  const auto note = [&](const std::string& topic, const auto& partition) {
    if (partition.error_code == ErrorCode::unstable_offset_commit) unstable = true;
    if (partition.error_code == ErrorCode::none && partition.committed_offset >= 0)
      committed[{topic, partition.partition_index}] = partition.committed_offset;
  };
  const auto group_code = [](const wire::OffsetFetchResponse& response) {
    return response.groups.empty() ? response.error_code : response.groups.front().error_code;
  };
  Backoff backoff = cluster_.new_backoff();
  while (!closing_) {
    unstable = false;
    const auto response = co_await call_coordinator<wire::OffsetFetchResponse>(
        cluster_, options_.group.group_id, request, group_code, {.max_version = kLastByName});
    if (response && group_code(*response) == ErrorCode::none) {
      for (const auto& topic : response->topics)
        for (const auto& partition : topic.partitions) note(topic.name, partition);
      for (const auto& one : response->groups)
        for (const auto& topic : one.topics)
          for (const auto& partition : topic.partitions) note(topic.name, partition);
      if (!unstable) break;
    }
    if (cluster_.is_closed()) break;
    co_await cluster_.pause(backoff.next(), runtime::kForever);
  }
  co_return committed;
}

}  // namespace moldau::client
