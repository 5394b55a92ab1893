// Fetch: session, reads in the session's order within the byte limits, and the long poll, which wakes up when
// one of just these partitions has something new (kafka-protocol.md 6.3). For a follower that is a record; a
// higher high watermark alone it is told a little later, so that under load it comes with the next records.
#include <algorithm>
#include <deque>
#include <map>

#include "server/handlers/handlers.h"
#include "server/handlers/topics.h"

namespace moldau::server::handlers {

using wire::ErrorCode;

namespace {

constexpr wire::ApiVersion kLeadersFrom = 16;
constexpr std::int64_t kMaxWaitMs = 3'600'000;
constexpr wire::ApiVersion kFollowersReadFrom = 11;  // KIP-392
// What a fetch may return, whatever else waits to be sent.
constexpr std::uint64_t kLeastBytes = 64 * 1024;
// How long a follower may wait to hear of a high watermark that no record goes with.
constexpr runtime::Duration kWatermarkDelay = std::chrono::milliseconds(10);

// Where a partition stood when it was read; the poll waits for it to move.
struct Watched {
  TopicIdPartition key;
  Offset end;             // of the log for a follower, else the high watermark
  Offset high_watermark;  // that a follower knows
};

struct Round {
  std::vector<FetchOutcome> outcomes;
  std::vector<Watched> watched;
  std::size_t bytes = 0;
  bool answer_at_once = false;  // an error or a divergence, which waiting would not mend
  bool watermark_news = false;  // for a follower
};

struct Limits {
  std::size_t max_bytes;
  std::size_t min_bytes;
  replication::Isolation isolation;
  bool names_leaders;  // to who asks the wrong broker (KIP-951)
  replication::Fetcher fetcher;
  bool incremental = false;  // only what is new is answered
};

FetchOutcome outcome_of(const FetchTarget& target) {
  FetchOutcome outcome{target.topic_id, target.topic, {}};
  outcome.partition.partition_index = target.partition;
  outcome.partition.high_watermark = kNoOffset;
  outcome.partition.records = SliceList();
  return outcome;
}

void fill(FetchedPartition& answer, replication::Fetched fetched) {
  answer.high_watermark = fetched.high_watermark;
  answer.last_stable_offset = fetched.last_stable_offset;
  answer.log_start_offset = fetched.log_start_offset;
  answer.records = std::move(fetched.batches);
  if (fetched.preferred_read_replica) answer.preferred_read_replica = *fetched.preferred_read_replica;
  if (fetched.diverging_epoch) {
    answer.diverging_epoch = {fetched.diverging_epoch->epoch, fetched.diverging_epoch->end_offset};
  }
  if (fetched.aborted) {
    answer.aborted_transactions.emplace();
    for (const storage::AbortedProducer& aborted : *fetched.aborted) {
      answer.aborted_transactions->push_back({aborted.producer_id, aborted.first_offset});
    }
  }
}

// A follower that has fallen out of the log begins anew where it starts; others ask by ListOffsets.
void fill_error(FetchedPartition& answer, const replication::PartitionError& error, bool replica) {
  answer.error_code = error.code;
  if (replica) answer.log_start_offset = error.log_start;
  answer.current_leader = {error.leader, error.leader_epoch};
}

// Kafka takes every negative epoch for none.
LeaderEpoch epoch_or_none(LeaderEpoch epoch) { return std::max(epoch, kNoEpoch); }

Task<void> read_target(Broker& broker, const metadata::Image& image, const FetchTarget& target,
                       const Limits& limits, Round& round) {
  FetchOutcome outcome = outcome_of(target);
  FetchedPartition& answer = outcome.partition;
  const metadata::Topic* topic = find_topic(image, target.topic_id, target.topic);
  answer.error_code = check_exists(topic, !target.topic_id.is_zero(), target.partition);
  if (answer.error_code == ErrorCode::none) {
    const TopicIdPartition key{topic->id, target.partition};
    const std::size_t left = limits.max_bytes > round.bytes ? limits.max_bytes - round.bytes : 0;
    const auto wanted = static_cast<std::size_t>(std::max(target.max_bytes, 0));
    const replication::FetchLimits fetch_limits{std::min(left, wanted), round.bytes == 0, limits.isolation};
    const replication::FetchPosition position{target.fetch_offset, epoch_or_none(target.current_leader_epoch),
                                              epoch_or_none(target.last_fetched_epoch)};
    auto fetched = co_await on_partition(broker, key, [&](replication::Partition& partition) {
      replication::Fetcher fetcher = limits.fetcher;
      fetcher.log_start = target.log_start_offset;
      return partition.fetch(position, fetch_limits, std::move(fetcher));
    });
    if (fetched) {
      round.answer_at_once |= fetched->diverging_epoch || fetched->preferred_read_replica;
      round.watermark_news |= fetched->high_watermark > target.known_high_watermark;
      round.bytes += size_of(fetched->batches);
      const Offset end = limits.fetcher.is_replica() ? fetched->visible_end : fetched->high_watermark;
      round.watched.push_back({key, end, fetched->high_watermark});
      fill(answer, std::move(*fetched));
    } else {
      fill_error(answer, fetched.error(), limits.fetcher.is_replica());
    }
  }
  if (limits.names_leaders && answer.error_code == ErrorCode::not_leader_or_follower && topic != nullptr) {
    const metadata::Partition* state = topic->partition(target.partition);
    // The partition may know of a leader that this image does not know yet, or that this broker is it no
    // longer.
    if (state != nullptr && state->leader_epoch >= answer.current_leader.leader_epoch &&
        state->leader != broker.node_id)
      answer.current_leader = {state->leader, state->leader_epoch};
  } else {
    answer.current_leader = {};
  }
  // Of what is not there Kafka sends an empty list, in place of null.
  if (topic == nullptr || topic->partition(target.partition) == nullptr)
    answer.aborted_transactions.emplace();
  round.answer_at_once |= answer.error_code != ErrorCode::none;
  round.outcomes.push_back(std::move(outcome));
}

// Most of a follower's partitions have nothing new, most of the time: said without the ceremony of a read.
bool has_nothing_new(Broker& broker, const FetchTarget& target, const Limits& limits, Round& round) {
  if (!limits.incremental || target.told_error || target.topic_id.is_zero()) return false;
  const TopicIdPartition key{target.topic_id, target.partition};
  const ShardData& shard = broker.shard_of(key);
  replication::Partition* partition =
      &shard.executor == &broker.executor ? shard.partitions.peek(key) : nullptr;
  if (partition == nullptr) return false;
  const replication::FollowerReport report{target.fetch_offset, target.log_start_offset,
                                           limits.fetcher.broker_epoch};
  const bool nothing = partition->has_nothing_new(
      {target.fetch_offset, target.current_leader_epoch, target.last_fetched_epoch}, limits.fetcher, report,
      target.known_high_watermark, target.told_log_start);
  if (nothing) round.watched.push_back({key, target.fetch_offset, target.known_high_watermark});
  return nothing;
}

Task<Round> read_all(Broker& broker, const std::vector<FetchTarget>& targets, const Limits& limits) {
  // Reads that go on meanwhile, for the sake of other shards, must not count on the same memory.
  const MemoryBudget::Hold reserved = broker.request_memory.note(limits.max_bytes);
  Round round;
  const auto image = broker.image();
  Turn turn;
  for (const FetchTarget& target : targets) {
    if (has_nothing_new(broker, target, limits, round)) continue;
    if (turn.over()) co_await runtime::yield(broker.executor);
    co_await read_target(broker, *image, target, limits, round);
  }
  co_return round;
}

// Wakes the poll from other shards; alive until the last of its watchers has ended.
struct Poll {
  explicit Poll(runtime::Executor& home) : home(home), shot(home) {}
  runtime::Executor& home;
  runtime::OneShot shot;
};

// Watches partitions of the shard at hand until one has moved beyond where it stood, or `shot` fires.
Task<void> watch(std::span<const ShardData> shards, std::vector<Watched> watched, bool replica,
                 runtime::OneShot& shot, runtime::MonotonicTime deadline) {
  std::deque<runtime::Watermark::Watcher> watchers;
  std::vector<std::shared_ptr<replication::Partition>> kept;
  for (const Watched& at : watched) {
    const ShardData& shard = shards[replication::shard_of(at.key, shards.size())];
    auto partition = shard.partitions.find(at.key);
    if (!partition || partition->closed()) {
      shot.fire();
      break;
    }
    // The device has failed: nothing more comes, and a watcher would fire again and again.
    if (partition->high_watermark().closed()) continue;
    watchers.emplace_back(partition->visible_watermark(replica), at.end + 1, shot);
    if (replica) watchers.emplace_back(partition->high_watermark(), at.high_watermark + 1, shot);
    kept.push_back(std::move(partition));
  }
  co_await shot.wait(deadline);
}

Task<void> watch_far(std::span<const ShardData> shards, std::vector<Watched> watched, bool replica,
                     std::shared_ptr<Poll> poll, std::shared_ptr<runtime::OneShot> far_shot,
                     runtime::MonotonicTime deadline) {
  co_await watch(shards, std::move(watched), replica, *far_shot, deadline);
  runtime::Executor& home = poll->home;
  home.post_remote([poll = std::move(poll)] { poll->shot.fire(); });
}

// Until a partition has moved, the connection is to end, or the deadline.
Task<void> await_progress(Broker& broker, const std::vector<Watched>& watched, bool replica,
                          runtime::Watermark& closing, runtime::MonotonicTime deadline) {
  // In the order of the shards: a simulated run does not depend on addresses.
  std::map<unsigned, std::vector<Watched>> by_shard;
  for (const Watched& at : watched) by_shard[broker.shard_of(at.key).executor.shard()].push_back(at);

  auto poll = std::make_shared<Poll>(broker.executor);
  const runtime::Watermark::Watcher closed(closing, 1, poll->shot);
  std::vector<std::pair<runtime::Executor*, std::shared_ptr<runtime::OneShot>>> far;
  std::vector<Watched> here;
  for (auto& [shard, group] : by_shard) {
    runtime::Executor* executor = &broker.shard_of(group.front().key).executor;
    if (executor == &broker.executor) {
      here = std::move(group);
      continue;
    }
    auto far_shot = std::make_shared<runtime::OneShot>(*executor);
    far.emplace_back(executor, far_shot);
    executor->post_remote([shards = broker.shards, group = std::move(group), replica, poll, far_shot,
                           deadline]() mutable {
      watch_far(shards, std::move(group), replica, std::move(poll), std::move(far_shot), deadline).detach();
    });
  }
  co_await watch(broker.shards, std::move(here), replica, poll->shot, deadline);
  for (auto& [executor, shot] : far) executor->post_remote([shot = std::move(shot)] { shot->fire(); });
}

// Answers that nobody reads must not fill the memory: half of it is theirs, and one answer gets at most half
// of what is left of that. There is always a first batch, so that every reader gets on.
std::size_t fair_share(const MemoryBudget& memory) {
  const std::uint64_t half = memory.total_bytes() / 2;
  const std::uint64_t left = half - std::min(half, memory.used_bytes());
  return static_cast<std::size_t>(std::max(left / 2, kLeastBytes));
}

Limits limits_of(const Broker& broker, const wire::FetchRequest& message, wire::ApiVersion version) {
  const auto image = broker.image();
  const auto cap = static_cast<std::size_t>(broker.broker_config(*image).int_of("fetch.max.bytes", 57671680));
  const std::size_t max_bytes = std::min(
      {static_cast<std::size_t>(std::max(message.max_bytes, 0)), cap, fair_share(broker.request_memory)});
  const std::size_t min_bytes = std::min(static_cast<std::size_t>(std::max(message.min_bytes, 0)), max_bytes);
  replication::Fetcher fetcher;
  fetcher.replica = version < 15 ? message.replica_id : message.replica_state.replica_id;
  fetcher.broker_epoch = version < 15 ? metadata::kNoBrokerEpoch : message.replica_state.replica_epoch;
  fetcher.rack = message.rack_id;
  fetcher.follower_reads = version >= kFollowersReadFrom;
  return {max_bytes, min_bytes, static_cast<replication::Isolation>(message.isolation_level),
          version >= kLeadersFrom, std::move(fetcher)};
}

void add_node_endpoints(const Broker& broker, const Request& request, wire::FetchResponse& response) {
  if (request.header.api_version < kLeadersFrom) return;
  const auto image = broker.image();
  for (const auto& topic : response.responses) {
    for (const auto& partition : topic.partitions) {
      const metadata::Broker* leader = image->broker(partition.current_leader.leader_id);
      const auto* endpoint = leader ? endpoint_of(*leader, request.peer.listener) : nullptr;
      if (endpoint == nullptr || partition.current_leader.leader_id == broker.node_id) continue;
      response.node_endpoints.push_back(
          {partition.current_leader.leader_id, endpoint->host, endpoint->port, leader->rack});
    }
  }
}

void downgrade_errors(wire::FetchResponse& response, wire::ApiVersion version) {
  for (auto& topic : response.responses) {
    for (auto& partition : topic.partitions) {
      if (version <= 5 && partition.error_code == ErrorCode::kafka_storage_error) {
        partition.error_code = ErrorCode::not_leader_or_follower;
      }
    }
  }
}

}  // namespace

Task<wire::FetchResponse> fetch(Broker& broker, const Request& request, wire::FetchRequest message) {
  const wire::ApiVersion version = request.header.api_version;
  wire::FetchResponse refused;
  if (message.isolation_level < 0 || message.isolation_level > 1) {
    refused.error_code = ErrorCode::invalid_request;
    co_return refused;
  }
  auto context = broker.fetch_sessions.begin(message, version, broker.executor.now());
  if (!context) {
    refused.error_code = context.error();
    co_return refused;
  }
  Limits limits = limits_of(broker, message, version);
  const std::int64_t wait_ms = std::clamp<std::int64_t>(message.max_wait_ms, 0, kMaxWaitMs);
  auto deadline = request.arrived + runtime::milliseconds(wait_ms);

  const bool replica = limits.fetcher.is_replica();
  limits.incremental = replica && !context->full;
  Round round = co_await read_all(broker, context->targets, limits);
  limits.fetcher.reports = false;  // what it has it had when it asked
  while (round.bytes < limits.min_bytes && !round.answer_at_once && !round.watched.empty() &&
         broker.executor.now() < deadline && request.closing.value() == 0) {
    if (replica && round.watermark_news)
      deadline = std::min(deadline, broker.executor.now() + kWatermarkDelay);
    co_await await_progress(broker, round.watched, replica, request.closing, deadline);
    round = co_await read_all(broker, context->targets, limits);
  }
  broker.metrics.fetched_bytes.add(round.bytes);
  for (const FetchOutcome& outcome : round.outcomes) {
    broker.metrics.error(wire::ApiKey::fetch, outcome.partition.error_code);
  }
  wire::FetchResponse response = broker.fetch_sessions.finish(std::move(*context), std::move(round.outcomes));
  add_node_endpoints(broker, request, response);
  downgrade_errors(response, version);
  co_return response;
}

}  // namespace moldau::server::handlers
