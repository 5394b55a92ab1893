#include "client/consumer.h"

#include <algorithm>

#include "client/admin_items.h"
#include "client/consumer_parts.h"
#include "wire/messages/list_offsets.h"

namespace moldau::client {
namespace {

constexpr std::int64_t kLatest = -1;
constexpr std::int64_t kEarliest = -2;
// A topic that was just created is known to every broker after a moment; this many answers say that it is
// not.
constexpr unsigned kTriesIfUnknown = 5;

std::int64_t timestamp_of(const StartAt& start) {
  switch (start.kind) {
    case StartAt::Kind::beginning:
      return kEarliest;
    case StartAt::Kind::timestamp:
      return start.value;
    case StartAt::Kind::end:
    case StartAt::Kind::offset:
      return kLatest;
  }
  MOLDAU_UNREACHABLE();
}

}  // namespace

ConsumerCore::ConsumerCore(ClusterClient& cluster, ConsumerOptions options)
    : cluster_(cluster),
      executor_(cluster.executor()),
      options_(std::move(options)),
      arrived_(executor_),
      gate_(executor_) {}

ConsumerCore::~ConsumerCore() {
  MOLDAU_ASSERT(gate_.entered() == 0 && !step_posted_ && timer_ == runtime::TimerId::none,
                "close the consumer first");
}

ConsumerCore::PartitionPtr ConsumerCore::find(const std::string& topic, PartitionIndex partition) const {
  const auto at = partitions_.find({topic, partition});
  return at == partitions_.end() ? nullptr : at->second;
}

void ConsumerCore::assign(std::string topic, PartitionIndex partition, StartAt start) {
  const auto assigned = std::make_shared<Partition>();
  assigned->name = {std::move(topic), partition};
  assigned->start = start;
  assigned->generation = next_generation_++;
  if (start.kind == StartAt::Kind::offset) assigned->position = start.value;
  unassign(assigned->name.topic, partition);
  partitions_[assigned->name] = assigned;
  schedule_step();
}

void ConsumerCore::unassign(const std::string& topic, PartitionIndex partition) {
  const PartitionPtr gone = find(topic, partition);
  if (!gone) return;
  gone->generation = 0;  // what is under way for it is dropped
  partitions_.erase(gone->name);
  std::erase_if(ready_, [&](const Fetched& fetched) { return fetched.partition == gone; });
}

void ConsumerCore::seek(const std::string& topic, PartitionIndex partition, StartAt start) {
  const bool paused = is_paused(topic, partition);
  assign(topic, partition, start);
  if (paused) pause(topic, partition);
}

bool ConsumerCore::is_paused(const std::string& topic, PartitionIndex partition) const {
  const auto found = find(topic, partition);
  return found && found->paused;
}

void ConsumerCore::interrupt() {
  interrupted_ = true;
  arrived_.notify_all();
}

void ConsumerCore::pause(const std::string& topic, PartitionIndex partition) {
  if (const auto found = find(topic, partition)) found->paused = true;
}
void ConsumerCore::resume(const std::string& topic, PartitionIndex partition) {
  if (const auto found = find(topic, partition)) found->paused = false;
  arrived_.notify_all();
  schedule_step();
}

std::vector<TopicPartition> ConsumerCore::assignment() const {
  std::vector<TopicPartition> names;
  for (const auto& [name, partition] : partitions_) names.push_back(name);
  return names;
}

std::optional<Offset> ConsumerCore::position(const std::string& topic, PartitionIndex partition) const {
  const auto found = find(topic, partition);
  return found ? found->position : std::nullopt;
}

PartitionBounds ConsumerCore::bounds(const std::string& topic, PartitionIndex partition) const {
  const auto found = find(topic, partition);
  return found ? found->bounds : PartitionBounds{};
}

bool ConsumerCore::at_end(const std::string& topic, PartitionIndex partition) const {
  const auto found = find(topic, partition);
  if (!found || !found->fetched || !found->position || found->buffered) return false;
  const bool committed = options_.isolation == Isolation::read_committed;
  return *found->position >= (committed ? found->bounds.last_stable_offset : found->bounds.high_watermark);
}

Task<void> ConsumerCore::close() {
  if (closing_) co_return;
  closing_ = true;
  arrived_.notify_all();
  Task<void> left = gate_.close();
  for (const auto& [id, node] : nodes_) node->cancellation.cancel();
  co_await std::move(left);
  executor_.cancel(std::exchange(timer_, runtime::TimerId::none));
  while (step_posted_) co_await runtime::yield(executor_);
}

Task<Outcome<std::vector<FetchedRecords>>> ConsumerCore::poll(MonotonicTime deadline,
                                                              std::size_t max_records) {
  const runtime::Gate::Pass pass(gate_);
  for (;;) {
    if (closing_) co_return fail(local_failure(Errc::cancelled, "the consumer was closed"));
    if (std::exchange(interrupted_, false))
      co_return fail(local_failure(Errc::cancelled, "the poll was interrupted"));
    std::vector<FetchedRecords> records;
    collect(records, max_records);
    schedule_step();
    if (!records.empty()) co_return records;
    if (!failures_.empty()) {
      Failure failure = std::move(failures_.front());
      failures_.pop_front();
      co_return fail(std::move(failure));
    }
    if (!co_await arrived_.wait(deadline)) co_return records;
  }
}

void ConsumerCore::schedule_step() {
  if (step_posted_ || closing_) return;
  step_posted_ = true;
  executor_.post([this] {
    step_posted_ = false;
    if (!closing_) step();
  });
}

void ConsumerCore::wake_at(MonotonicTime when) {
  if (timer_at_ <= when || closing_) return;
  executor_.cancel(timer_);
  timer_at_ = when;
  timer_ = executor_.call_at(when, [this] {
    timer_ = runtime::TimerId::none;
    timer_at_ = runtime::kForever;
    schedule_step();
  });
}

void ConsumerCore::step() {
  std::map<NodeId, std::vector<PartitionPtr>> lookups;
  std::vector<std::string> leaderless;
  for (const auto& [name, partition] : partitions_) {
    if (partition->failed || partition->looking_up) continue;
    if (partition->not_before > executor_.now()) {
      wake_at(partition->not_before);
      continue;
    }
    const PartitionInfo* known = cluster_.metadata().partition(name.topic, name.partition);
    if (known == nullptr || known->leader < 0 || partition->stale) {
      if (leaderless.empty() || leaderless.back() != name.topic) leaderless.push_back(name.topic);
    } else if (!partition->position) {
      lookups[known->leader].push_back(partition);
    } else {
      const NodeId source = source_of(*partition);
      auto& node = nodes_[source];
      if (!node) node = std::make_shared<Node>(source, options_.use_sessions);
    }
  }
  for (auto& [node, partitions] : lookups) look_up(node, std::move(partitions)).detach();
  if (!leaderless.empty() && !refreshing_) {
    executor_.now() < refresh_not_before_ ? wake_at(refresh_not_before_)
                                          : refresh(std::move(leaderless)).detach();
  }
  for (const auto& [id, node] : nodes_) {
    if (node->fetching || (node->nothing_more && has_buffered(id))) continue;
    const auto wanted = [&](const auto& entry) { return wants_fetch(*entry.second, node->id); };
    if (std::ranges::any_of(partitions_, wanted)) fetch_from(node).detach();
  }
}

Task<void> ConsumerCore::refresh(std::vector<std::string> topics) {
  const runtime::Gate::Pass pass(gate_);
  if (!pass) co_return;
  refreshing_ = true;
  // One by one, so that each topic's own error is known.
  bool failed = false;
  for (const std::string& topic : topics) {
    const Outcome<void> asked = co_await cluster_.refresh({topic}, options_.auto_create_topics);
    note_missing(topic, asked);
    failed = failed || !asked;
  }
  refreshing_ = false;
  refreshes_failed_ = failed ? refreshes_failed_ + 1 : 0;
  refresh_not_before_ = executor_.now() + cluster_.new_backoff().nth(refreshes_failed_);
  schedule_step();
}

// Gives up partitions that the cluster keeps saying it does not have.
void ConsumerCore::note_missing(const std::string& topic, const Outcome<void>& asked) {
  for (const auto& [name, partition] : partitions_) {
    if (name.topic != topic || partition->failed) continue;
    const TopicInfo* info = cluster_.metadata().topic(topic);
    if (asked) partition->stale = false;
    const bool is_missing = asked ? info != nullptr && info->find(name.partition) == nullptr
                                  : asked.error().code == Errc::not_found;
    if (!asked && !asked.error().retriable) {
      refuse(*partition, asked.error());
    } else if (is_missing && ++partition->failures >= kTriesIfUnknown) {
      refuse(*partition, asked ? local_failure(Errc::not_found,
                                               topic + " has no partition " + std::to_string(name.partition))
                               : asked.error());
    }
  }
}

Task<void> ConsumerCore::look_up(NodeId node, std::vector<PartitionPtr> partitions) {
  const runtime::Gate::Pass pass(gate_);
  if (!pass) co_return;
  wire::ListOffsetsRequest request;
  request.replica_id = -1;
  request.isolation_level = static_cast<std::int8_t>(options_.isolation);
  std::vector<std::uint64_t> generations;
  for (const PartitionPtr& partition : partitions) {
    partition->looking_up = true;
    generations.push_back(partition->generation);
    topic_entry(request.topics, partition->name.topic, &wire::ListOffsetsRequest::Topic::name)
        .partitions.push_back(
            {.partition_index = partition->name.partition, .timestamp = timestamp_of(partition->start)});
  }
  const bool committed = options_.isolation == Isolation::read_committed;
  auto response = co_await cluster_.call_node<wire::ListOffsetsResponse>(
      node, std::move(request), {.min_version = static_cast<wire::ApiVersion>(committed ? 2 : 1)});
  for (std::size_t i = 0; i < partitions.size(); ++i) {
    const PartitionPtr& partition = partitions[i];
    partition->looking_up = false;
    if (partition->generation != generations[i]) continue;
    if (!response) {
      if (!response.error().retriable) {
        refuse(*partition, response.error());
      } else {
        partition->stale = true;
        back_off(*partition);
      }
      continue;
    }
    wire::ErrorCode error = wire::ErrorCode::leader_not_available;  // when the answer leaves it out
    Offset offset = kNoOffset;
    for (const auto& topic : response->topics) {
      if (topic.name != partition->name.topic) continue;
      for (const auto& one : topic.partitions) {
        if (one.partition_index != partition->name.partition) continue;
        error = one.error_code;
        offset = one.offset;
      }
    }
    looked_up(partition, error, offset);
  }
  schedule_step();
}

void ConsumerCore::looked_up(const PartitionPtr& partition, wire::ErrorCode error, Offset offset) {
  if (error != wire::ErrorCode::none) return handle_error(partition, error);
  partition->failures = 0;
  if (offset >= 0) {
    const bool before_end = partition->start.kind == StartAt::Kind::end && partition->start.value > 0;
    partition->position = before_end ? std::max<Offset>(0, offset - partition->start.value) : offset;
  } else {
    partition->start = StartAt::end();  // no record is that young
  }
}

void ConsumerCore::back_off(Partition& partition) {
  partition.not_before = executor_.now() + cluster_.new_backoff().nth(partition.failures++);
}

void ConsumerCore::refuse(Partition& partition, Failure failure) {
  partition.failed = true;
  failure.cause = partition.name.to_string() + ": " + failure.cause;
  failures_.push_back(std::move(failure));
  arrived_.notify_all();
}

}  // namespace moldau::client
