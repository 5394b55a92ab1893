#include <algorithm>

#include "client/consumer_parts.h"

namespace moldau::client {
namespace {

using PartitionResponse = wire::FetchResponse::TopicResponse::PartitionResponse;
constexpr wire::ApiVersion kTopicIdsFrom = 13;

std::int32_t as_ms(Duration duration) {
  return static_cast<std::int32_t>(std::chrono::duration_cast<std::chrono::milliseconds>(duration).count());
}

}  // namespace

// The leader, or the follower that it named. kNoNode while there is none.
NodeId ConsumerCore::source_of(const Partition& partition) const {
  const PartitionInfo* known = cluster_.metadata().partition(partition.name.topic, partition.name.partition);
  if (known == nullptr || known->leader < 0 || partition.stale) return kNoNode;
  const bool from_follower = cluster_.metadata().broker(partition.read_replica) != nullptr;
  return from_follower ? partition.read_replica : known->leader;
}

bool ConsumerCore::has_buffered(NodeId node) const {
  return std::ranges::any_of(partitions_, [&](const auto& entry) {
    const Partition& partition = *entry.second;
    return partition.buffered && !partition.paused && source_of(partition) == node;
  });
}

bool ConsumerCore::wants_fetch(const Partition& partition, NodeId node) const {
  if (partition.failed || partition.paused || partition.buffered || partition.looking_up ||
      !partition.position) {
    return false;
  }
  return partition.not_before <= executor_.now() && source_of(partition) == node;
}

// Fetches on and on while there is something to fetch.
Task<void> ConsumerCore::fetch_from(NodePtr node) {
  const runtime::Gate::Pass pass(gate_);
  if (!pass) co_return;
  node->fetching = true;
  while (!closing_ && co_await fetch_once(node)) {
  }
  node->fetching = false;
  schedule_step();
}

// False: nothing to do at the moment.
Task<bool> ConsumerCore::fetch_once(NodePtr node) {
  std::vector<FetchTarget> targets;
  std::map<TopicPartition, std::uint64_t> generations;
  bool all_have_ids = true;
  for (const auto& [name, partition] : partitions_) {
    if (!wants_fetch(*partition, node->id)) continue;
    const TopicInfo* topic = cluster_.metadata().topic(name.topic);
    all_have_ids = all_have_ids && !topic->id.is_zero();
    targets.push_back({.partition = name,
                       .topic_id = topic->id,
                       .offset = *partition->position,
                       .leader_epoch = topic->find(name.partition)->leader_epoch,
                       .max_bytes = options_.max_partition_fetch_bytes});
    generations[name] = partition->generation;
  }
  if (targets.empty()) co_return false;

  const bool waits = !has_buffered(node->id);
  wire::FetchRequest request;
  request.max_wait_ms = waits ? as_ms(options_.fetch_max_wait) : 0;
  request.min_bytes = options_.fetch_min_bytes;
  request.max_bytes = options_.fetch_max_bytes;
  request.isolation_level = static_cast<std::int8_t>(options_.isolation);
  request.rack_id = options_.rack;
  node->session.build(std::move(targets), request);
  const bool incremental = request.session_epoch > 0;
  CallOptions call{.cancellation = &node->cancellation};
  call.timeout = cluster_.options().connection.request_timeout + options_.fetch_max_wait;
  if (!all_have_ids) call.max_version = kTopicIdsFrom - 1;
  auto response = co_await cluster_.call_node<wire::FetchResponse>(node->id, std::move(request), call);
  if (closing_) co_return false;

  const auto still = [&](const TopicPartition& name) -> PartitionPtr {
    const auto at = partitions_.find(name);
    return at != partitions_.end() && at->second->generation == generations[name] ? at->second : nullptr;
  };
  if (!response) node->session.fail();
  if (response && !node->session.accept(*response)) {
    // The session is gone: all is asked for again, once.
    if (incremental) co_return true;
    response = fail(broker_failure(response->error_code));
  }
  if (!response) {
    for (const auto& [name, generation] : generations) {
      if (const PartitionPtr partition = still(name)) fetch_failed(*partition, response.error());
    }
    co_return false;
  }
  for (const auto& endpoint : response->node_endpoints) {
    cluster_.note_broker(endpoint.node_id, endpoint.host, endpoint.port);
  }
  const std::size_t ready_before = ready_.size();
  for (auto& topic : response->responses) {
    for (PartitionResponse& one : topic.partitions) {
      const FetchTarget* target = topic.topic.empty()
                                      ? node->session.find(topic.topic_id, one.partition_index)
                                      : node->session.find({topic.topic, one.partition_index});
      if (target == nullptr) continue;
      if (const PartitionPtr partition = still(target->partition))
        take_partition(partition, target->offset, one);
    }
  }
  arrived_.notify_all();
  node->nothing_more = !waits && ready_.size() == ready_before;
  co_return !node->nothing_more;
}

void ConsumerCore::fetch_failed(Partition& partition, const Failure& failure) {
  if (!failure.retriable) return refuse(partition, failure);
  partition.read_replica = kNoNode;
  partition.stale = true;
  back_off(partition);
  wake_at(partition.not_before);
}

void ConsumerCore::take_partition(const PartitionPtr& partition, Offset fetched_from,
                                  PartitionResponse& response) {
  const TopicPartition& name = partition->name;
  if (response.error_code != wire::ErrorCode::none) {
    const std::uint64_t before = cluster_.metadata().version();
    cluster_.note_leader(name.topic, name.partition, response.current_leader.leader_id,
                         response.current_leader.leader_epoch);
    // Who has just learnt of another leader need not ask.
    if (cluster_.metadata().version() != before && wire::needs_metadata_refresh(response.error_code)) return;
    return handle_error(partition, response.error_code);
  }
  partition->failures = 0;
  partition->fetched = true;
  partition->bounds = {response.log_start_offset, response.last_stable_offset, response.high_watermark};
  if (response.preferred_read_replica >= 0) partition->read_replica = response.preferred_read_replica;
  if (!response.records || size_of(*response.records) == 0) return;
  Fetched fetched{.partition = partition,
                  .generation = partition->generation,
                  .records = joined(*response.records),
                  .from = fetched_from,
                  .aborted = std::move(response.aborted_transactions)
                                 .value_or(std::vector<PartitionResponse::AbortedTransaction>()),
                  .next_offset = fetched_from};
  std::ranges::sort(fetched.aborted, {}, &PartitionResponse::AbortedTransaction::first_offset);
  partition->buffered = true;
  ready_.push_back(std::move(fetched));
}

void ConsumerCore::handle_error(const PartitionPtr& partition, wire::ErrorCode error) {
  if (error == wire::ErrorCode::offset_out_of_range && partition->read_replica != kNoNode) {
    partition->read_replica = kNoNode;  // the leader knows better
    return;
  }
  if (error == wire::ErrorCode::offset_out_of_range && options_.offset_reset != OffsetReset::none) {
    partition->start = options_.offset_reset == OffsetReset::earliest ? StartAt::beginning() : StartAt::end();
    partition->position.reset();
    return;
  }
  if (!wire::is_retriable(error)) {
    Failure failure = broker_failure(error);
    if (error == wire::ErrorCode::offset_out_of_range) {
      failure.hint = "Begin elsewhere, or set auto.offset.reset to earliest or latest.";
    }
    return refuse(*partition, std::move(failure));
  }
  partition->read_replica = kNoNode;
  partition->stale = wire::needs_metadata_refresh(error);
  back_off(*partition);
  wake_at(partition->not_before);
}

}  // namespace moldau::client
