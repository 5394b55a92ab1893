#include "client/group_consumer.h"

#include <algorithm>

#include "client/admin_items.h"
#include "wire/messages/offset_commit.h"
#include "wire/messages/offset_fetch.h"

namespace moldau::client {

using wire::ErrorCode;

namespace {

constexpr Duration kClosePatience = std::chrono::seconds(10);  // for the last commit
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

ErrorCode group_code(const wire::OffsetFetchResponse& response) {
  return response.groups.empty() ? response.error_code : response.groups.front().error_code;
}

wire::OffsetFetchRequest fetch_request(const std::string& group_id,
                                       const std::vector<TopicPartition>& partitions) {
  wire::OffsetFetchRequest request;
  request.group_id = group_id;
  request.topics.emplace();
  auto& group = request.groups.emplace_back();
  group.group_id = group_id;
  group.topics.emplace();
  request.require_stable = true;
  for (const TopicPartition& one : partitions) {
    topic_entry(*request.topics, one.topic, &wire::OffsetFetchRequest::Topic::name)
        .partition_indexes.push_back(one.partition);
    topic_entry(*group.topics, one.topic, &wire::OffsetFetchRequest::Group::Topic::name)
        .partition_indexes.push_back(one.partition);
  }
  return request;
}

// The first error of a partition, or the offsets.
Outcome<GroupConsumer::Offsets> offsets_in(const wire::OffsetFetchResponse& response) {
  GroupConsumer::Offsets offsets;
  ErrorCode worst = group_code(response);
  const auto note = [&](const std::string& topic, const auto& partition) {
    if (partition.error_code != ErrorCode::none) worst = partition.error_code;
    if (partition.error_code == ErrorCode::none && partition.committed_offset >= 0)
      offsets[{topic, partition.partition_index}] = {
          partition.committed_offset, partition.committed_leader_epoch, partition.metadata.value_or("")};
  };
  for (const auto& topic : response.topics)
    for (const auto& partition : topic.partitions) note(topic.name, partition);
  for (const auto& one : response.groups)
    for (const auto& topic : one.topics)
      for (const auto& partition : topic.partitions) note(topic.name, partition);
  if (worst != ErrorCode::none) return fail(broker_failure(worst));
  return offsets;
}

Failure stalled_failure(Duration interval) {
  const auto ms = std::chrono::duration_cast<std::chrono::milliseconds>(interval).count();
  return local_failure(Errc::timed_out,
                       "nobody polled for max.poll.interval.ms (" + std::to_string(ms) +
                           "): the consumer left its group, which gave its partitions to others",
                       "Poll more often, or raise max.poll.interval.ms, or lower max.poll.records.");
}

}  // namespace

// A poll is under way.
class GroupConsumer::Polling {
 public:
  explicit Polling(GroupConsumer& consumer) : consumer_(consumer) {
    const bool stalled = consumer.is_stalled();
    ++consumer.polling_;
    if (stalled) consumer.member_->wake();
  }
  ~Polling() {
    --consumer_.polling_;
    consumer_.last_poll_ = consumer_.cluster_.executor().now();
  }
  Polling(const Polling&) = delete;

 private:
  GroupConsumer& consumer_;
};

GroupConsumer::GroupConsumer(ClusterClient& cluster, GroupConsumerOptions options,
                             Membership::Subscription subscription, RebalanceHooks* hooks)
    : cluster_(cluster),
      options_(std::move(options)),
      hooks_(hooks),
      consumer_(cluster, options_.consumer),
      coordinator_(cluster, options_.group.group_id),
      member_(Membership::make(cluster, options_.group, std::move(subscription), *this)),
      next_commit_(cluster.executor().now() + options_.auto_commit_interval),
      last_poll_(cluster.executor().now()),
      commit_ended_(cluster.executor()) {
  member_->start();
}

GroupConsumer::~GroupConsumer() { MOLDAU_ASSERT(closing_); }

bool GroupConsumer::is_stalled() const {
  return polling_ == 0 && !closing_ &&
         cluster_.executor().now() - last_poll_ > options_.group.rebalance_timeout;
}

Task<Outcome<std::vector<FetchedRecords>>> GroupConsumer::poll(MonotonicTime deadline,
                                                               std::size_t max_records) {
  const Polling polling(*this);
  if (member_->failure()) co_return fail(*member_->failure());
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

Outcome<void> GroupConsumer::seek(const TopicPartition& partition, StartAt start) {
  const auto owned = member_->owned();
  if (std::ranges::find(owned, partition) == owned.end())
    return fail(local_failure(Errc::invalid_argument,
                              partition.to_string() + " is not one of those that the group gave"));
  done_.erase(partition);
  polled_.erase(partition);
  committed_.erase(partition);
  consumer_.seek(partition.topic, partition.partition, start);
  return {};
}

Task<Outcome<void>> GroupConsumer::seek_to_committed() {
  const auto offsets = co_await committed(member_->owned());
  if (!offsets) co_return fail(offsets.error());
  for (const TopicPartition& one : member_->owned()) {
    const auto at = offsets->find(one);
    if (at == offsets->end() && options_.consumer.offset_reset == OffsetReset::none)
      co_return fail(nowhere_to_begin(one));
    const StartAt start =
        at != offsets->end() ? StartAt::offset(at->second.offset) : place_of(options_.consumer.offset_reset);
    if (auto sought = seek(one, start); !sought) co_return sought;
  }
  co_return Outcome<void>();
}

void GroupConsumer::pause(const TopicPartition& partition) {
  paused_.insert(partition);
  consumer_.pause(partition.topic, partition.partition);
}

void GroupConsumer::resume(const TopicPartition& partition) {
  paused_.erase(partition);
  if (!held_.contains(partition)) consumer_.resume(partition.topic, partition.partition);
}

GroupIdentity GroupConsumer::identity() const {
  return {options_.group.group_id, member_->generation(), member_->id(), options_.group.instance_id};
}

// --- commits

// Where nothing was handed out the place at which reading began is committed, as by Kafka's consumer: the
// next one does not begin anew by its own policy.
GroupConsumer::Offsets GroupConsumer::to_commit() const {
  Offsets offsets;
  for (const auto& [partition, offset] : done_)
    offsets[partition] = {.offset = offset, .leader_epoch = epoch_before(partition, offset), .metadata = {}};
  for (const TopicPartition& one : member_->owned()) {
    if (polled_.contains(one)) continue;
    const auto position = consumer_.position(one.topic, one.partition);
    const auto known = committed_.find(one);
    if (position && (known == committed_.end() || known->second != *position))
      offsets.emplace(one, GroupOffset{.offset = *position});
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
  Offsets offsets = to_commit();
  if (offsets.empty() || member_->generation() < 0) co_return Outcome<void>();
  co_return co_await commit(std::move(offsets));
}

Task<Outcome<void>> GroupConsumer::commit(Offsets offsets) {
  if (offsets.empty()) co_return Outcome<void>();
  if (member_->failure()) co_return fail(*member_->failure());
  if (member_->generation() < 0)
    co_return fail(local_failure(Errc::unavailable, "the consumer is not in its group at the moment",
                                 "What it read may be read again by others; poll, so that it joins."));
  ++committing_;
  auto committed = co_await send_commit(offsets);
  --committing_;
  commit_ended_.notify_all();
  co_return committed;
}

Task<Outcome<void>> GroupConsumer::send_commit(const Offsets& offsets) {
  wire::OffsetCommitRequest request;
  request.group_id = options_.group.group_id;
  request.generation_id_or_member_epoch = member_->generation();
  request.member_id = member_->id();
  request.group_instance_id = options_.group.instance_id;
  for (const auto& [partition, offset] : offsets)
    topic_entry(request.topics, partition.topic, &wire::OffsetCommitRequest::Topic::name)
        .partitions.push_back({.partition_index = partition.partition,
                               .committed_offset = offset.offset,
                               .committed_leader_epoch = offset.leader_epoch,
                               .committed_metadata = offset.metadata});
  const auto response = co_await coordinator_.call<wire::OffsetCommitResponse>(std::move(request), code_of,
                                                                               {.max_version = kLastByName});
  if (!response) co_return fail(response.error());
  const ErrorCode code = code_of(*response);
  if (code != ErrorCode::none) {
    member_->note_refusal(code);
    co_return fail(broker_failure(code, {}, coordinator_.address()));
  }
  for (const auto& [partition, offset] : offsets) {
    committed_.insert_or_assign(partition, offset.offset);
    const auto at = done_.find(partition);
    if (at != done_.end() && at->second == offset.offset) done_.erase(at);
  }
  co_return Outcome<void>();
}

Task<void> GroupConsumer::close() {
  if (closing_) co_return;
  closing_ = true;
  coordinator_.hurry(kClosePatience);
  co_await member_->close();
  while (committing_ > 0) co_await commit_ended_.wait();
  co_await coordinator_.close();
  co_await consumer_.close();
}

// --- what the group gives and takes

void GroupConsumer::drop(const std::vector<TopicPartition>& partitions) {
  for (const TopicPartition& one : partitions) {
    consumer_.unassign(one.topic, one.partition);
    done_.erase(one);
    polled_.erase(one);
    committed_.erase(one);
    paused_.erase(one);
    held_.erase(one);
  }
}

Task<void> GroupConsumer::revoked(std::vector<TopicPartition> partitions) {
  for (const TopicPartition& one : partitions) {
    held_.insert(one);
    consumer_.pause(one.topic, one.partition);
  }
  if (hooks_ != nullptr) co_await hooks_->revoked(partitions);
  if (options_.auto_commit) static_cast<void>(co_await commit());
  while (committing_ > 0) co_await commit_ended_.wait();
  drop(partitions);
}

void GroupConsumer::lost(std::vector<TopicPartition> partitions) {
  if (is_stalled()) notice_ = stalled_failure(options_.group.rebalance_timeout);
  drop(partitions);
  if (hooks_ != nullptr) hooks_->lost(std::move(partitions));
}

Failure GroupConsumer::nowhere_to_begin(const TopicPartition& partition) const {
  return local_failure(Errc::not_found, "group " + options_.group.group_id + " has committed no offset for " +
                                            partition.to_string() + ", and auto.offset.reset is none");
}

void GroupConsumer::begin_at(const TopicPartition& partition, const Offsets& committed) {
  const auto at = committed.find(partition);
  if (at != committed.end()) {
    committed_.insert_or_assign(partition, at->second.offset);
    consumer_.assign(partition.topic, partition.partition, StartAt::offset(at->second.offset));
  } else if (options_.consumer.offset_reset != OffsetReset::none) {
    consumer_.assign(partition.topic, partition.partition, place_of(options_.consumer.offset_reset));
  } else {
    failure_ =
        local_failure(Errc::not_found, "group " + options_.group.group_id + " has committed no offset for " +
                                           partition.to_string() + ", and auto.offset.reset is none");
  }
}

Task<void> GroupConsumer::assigned(std::vector<TopicPartition> partitions) {
  if (partitions.empty() && hooks_ == nullptr) co_return;
  const Offsets committed = partitions.empty() ? Offsets() : co_await committed_of(partitions);
  if (closing_) co_return;
  const auto owned = member_->owned();  // some may have been lost meanwhile
  std::erase_if(partitions, [&](const auto& one) { return std::ranges::find(owned, one) == owned.end(); });
  for (const TopicPartition& one : partitions) begin_at(one, committed);
  if (hooks_ == nullptr) co_return;
  for (const TopicPartition& one : partitions) {
    held_.insert(one);
    consumer_.pause(one.topic, one.partition);
  }
  co_await hooks_->assigned(partitions);
  let_go_on(partitions);
}

void GroupConsumer::let_go_on(const std::vector<TopicPartition>& partitions) {
  for (const TopicPartition& one : partitions)
    if (held_.erase(one) > 0 && !paused_.contains(one)) consumer_.resume(one.topic, one.partition);
}

Task<Outcome<GroupConsumer::Offsets>> GroupConsumer::fetch_committed(
    const std::vector<TopicPartition>& partitions) {
  const auto response = co_await coordinator_.call<wire::OffsetFetchResponse>(
      fetch_request(options_.group.group_id, partitions), group_code, {.max_version = kLastByName});
  if (!response) co_return fail(response.error());
  co_return offsets_in(*response);
}

Task<Outcome<GroupConsumer::Offsets>> GroupConsumer::committed(std::vector<TopicPartition> partitions) {
  const MonotonicTime deadline = cluster_.executor().now() + cluster_.options().api_timeout;
  Backoff backoff = cluster_.new_backoff();
  for (;;) {
    auto fetched = co_await fetch_committed(partitions);
    if (fetched || !fetched.error().retriable || closing_) co_return fetched;
    if (!co_await cluster_.pause(backoff.next(), deadline)) co_return fetched;
  }
}

Task<GroupConsumer::Offsets> GroupConsumer::committed_of(const std::vector<TopicPartition>& partitions) {
  Backoff backoff = cluster_.new_backoff();
  while (!closing_ && !cluster_.is_closed()) {
    auto fetched = co_await fetch_committed(partitions);
    if (fetched) co_return std::move(*fetched);
    co_await cluster_.pause(backoff.next(), runtime::kForever);
  }
  co_return Offsets();
}

}  // namespace moldau::client
