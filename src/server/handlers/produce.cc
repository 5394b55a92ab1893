// Produce. As soon as every partition has appended, the connection may go on with its next request; the
// answer waits for the high watermark in the response queue.
#include <algorithm>

#include "metadata/topic_name.h"
#include "record/batch.h"
#include "server/handlers/handlers.h"
#include "server/handlers/joining_transactions.h"
#include "server/handlers/topics.h"

namespace moldau::server::handlers {

using wire::ErrorCode;

namespace {

using PartitionRequest = wire::ProduceRequest::TopicData::PartitionData;
using PartitionAnswer = wire::ProduceResponse::TopicResponse::PartitionResponse;

constexpr wire::ApiVersion kTopicIdsFrom = 13;
constexpr std::string_view kInternalClient = "__admin_client";
constexpr std::int64_t kMaxWaitMs =
    3'600'000;  // a time-out of a client's that is longer than this is cut to it

// How often it is seen whether a producer that waits for replicas is still there.
constexpr runtime::Duration kClosingCheck = std::chrono::milliseconds(500);
// How often a producer that waits for space is looked after.
constexpr runtime::Duration kSpaceCheck = std::chrono::milliseconds(200);

// A partition whose records are appended and whose answer waits.
struct Waiting {
  TopicIdPartition key;
  Offset until = kNoOffset;                // the end of what was appended
  replication::Leadership leadership = 0;  // in which it was
  std::size_t topic = 0;                   // its place in the response
  std::size_t partition = 0;
};

struct Produce {
  Request request;
  wire::ProduceRequest message;
  wire::ProduceResponse response = {};
  std::vector<Waiting> waiting = {};

  PartitionAnswer& answer(const Waiting& at) {
    return response.responses[at.topic].partition_responses[at.partition];
  }
};

bool has_transactional_batch(const wire::ProduceRequest& message) {
  for (const auto& topic : message.topic_data) {
    for (const auto& partition : topic.partition_data) {
      if (!partition.records || partition.records->empty()) continue;
      const Slice& records = partition.records->front();
      if (records.size() < record::kHeaderSize) continue;
      const auto header = record::HeaderView::at(records);
      if (header && header->is_transactional()) return true;
    }
  }
  return false;
}

// What is wrong with the request as a whole.
ErrorCode check_request(const wire::ProduceRequest& message) {
  if (message.acks < -1 || message.acks > 1) return ErrorCode::invalid_required_acks;
  if (!message.transactional_id && has_transactional_batch(message))
    return ErrorCode::transactional_id_authorization_failed;
  return ErrorCode::none;
}

Slice records_of(const PartitionRequest& partition) {
  return partition.records && !partition.records->empty() ? joined(*partition.records) : Slice();
}

void fill_error(PartitionAnswer& answer, const replication::PartitionError& error) {
  answer.error_code = error.code;
  answer.base_offset = kNoOffset;
  if (error.leader_epoch != kNoEpoch) answer.current_leader = {error.leader, error.leader_epoch};
}

void fill(PartitionAnswer& answer, const replication::PartitionResult<replication::Appended>& appended) {
  if (appended) {
    answer.base_offset = appended->info.first_offset;
    answer.log_append_time_ms = appended->info.log_append_time;
    answer.log_start_offset = appended->info.log_start_offset;
    return;
  }
  fill_error(answer, appended.error());
  if (!appended.error().message.empty()) answer.error_message = appended.error().message;
  for (const storage::RecordError& error : appended.error().record_errors) {
    answer.record_errors.push_back({error.batch_index, error.message});
  }
}

Task<replication::PartitionResult<bool>> await_space(replication::Partition& partition,
                                                     runtime::MonotonicTime deadline) {
  co_await partition.wait_for_space(deadline);
  co_return true;
}

runtime::MonotonicTime deadline_of(const Produce& produce) {
  const std::int64_t timeout_ms = std::clamp<std::int64_t>(produce.message.timeout_ms, 0, kMaxWaitMs);
  return produce.request.arrived + runtime::milliseconds(timeout_ms);
}

// What a partition's transaction, if it has one, has to do with the append.
struct Joining {
  bool wants_guard = false;
  Joined joined = {};
};

Joining joining_of(const JoinedPartitions& all, std::size_t topic, std::size_t partition) {
  const auto found = all.partitions.find({topic, partition});
  return {all.wants_guards, found == all.partitions.end() ? Joined() : found->second};
}

Task<void> append_partition(Broker& broker, Produce& produce, TopicIdPartition key,
                            const PartitionRequest& partition, Waiting place, const Joining& joining) {
  replication::ProduceRules rules{produce.message.acks, produce.request.header.api_version};
  rules.wants_guard = joining.wants_guard;
  rules.guard = joining.joined.guard;
  const Slice records = records_of(partition);
  const TimestampMs now_ms = broker.wall_now_ms();
  const auto append = [&](replication::Partition& at) { return at.append(records, rules, now_ms); };
  auto appended = co_await on_partition(broker, key, append);
  // A full commit log is no error of the client's: its request waits for the segments to be written, and with
  // it the connection, not longer than the client wants to or lives.
  const auto deadline = deadline_of(produce);
  while (!appended && appended.error().passes && broker.executor.now() < deadline &&
         produce.request.closing.value() == 0) {
    const auto next_look = std::min(deadline, broker.executor.now() + kSpaceCheck);
    co_await on_partition(broker, key,
                          [&](replication::Partition& at) { return await_space(at, next_look); });
    appended = co_await on_partition(broker, key, append);
  }
  fill(produce.answer(place), appended);
  if (!appended) co_return;
  const storage::AppendInfo& info = appended->info;
  if (!info.duplicate) {
    broker.metrics.produced_bytes.add(info.size_bytes);
    broker.metrics.produced_records.add(static_cast<std::uint64_t>(info.record_count));
  }
  place.key = key;
  place.until = info.last_offset + 1;
  place.leadership = appended->leadership;
  produce.waiting.push_back(place);
}

Task<void> append_all(Broker& broker, Produce& produce) {
  const ErrorCode refusal = check_request(produce.message);
  const auto image = broker.image();
  const bool by_id = produce.request.header.api_version >= kTopicIdsFrom;
  JoinedPartitions joined;
  if (refusal == ErrorCode::none && produce.message.transactional_id)
    joined = co_await join_for_produce(broker, produce.message, produce.request.header.api_version);
  Turn turn;
  for (const auto& topic_data : produce.message.topic_data) {
    auto& topic_answer = produce.response.responses.emplace_back();
    topic_answer.name = topic_data.name;
    topic_answer.topic_id = topic_data.topic_id;
    const metadata::Topic* topic = find_topic(*image, topic_data.topic_id, topic_data.name);
    const bool refused = topic && metadata::is_internal_topic(topic->name) &&
                         produce.request.header.client_id != kInternalClient;
    for (const PartitionRequest& partition : topic_data.partition_data) {
      if (turn.over()) co_await runtime::yield(broker.executor);
      auto& answer = topic_answer.partition_responses.emplace_back();
      answer.index = partition.index;
      answer.base_offset = kNoOffset;
      answer.error_code = refusal != ErrorCode::none ? refusal
                          : refused                  ? ErrorCode::invalid_topic_exception
                                                     : check_exists(topic, by_id, partition.index);
      if (answer.error_code != ErrorCode::none) continue;
      const Waiting place{{},
                          kNoOffset,
                          0,
                          produce.response.responses.size() - 1,
                          topic_answer.partition_responses.size() - 1};
      const Joining joining = joining_of(joined, place.topic, place.partition);
      if (joining.joined.code != ErrorCode::none) {
        answer.error_code = joining.joined.code;
        if (!joining.joined.message.empty()) answer.error_message = joining.joined.message;
        continue;
      }
      co_await append_partition(broker, produce, {topic->id, partition.index}, partition, place, joining);
    }
  }
}

// Until the records are acknowledged, or never will be in time, or the connection ends: a broker that stops
// does not wait for replicas that may not come.
Task<replication::PartitionResult<void>> await_acknowledgement(Broker& broker, const Produce& produce,
                                                               const Waiting& waiting,
                                                               runtime::MonotonicTime deadline) {
  for (;;) {
    const auto next_look = std::min(deadline, broker.executor.now() + kClosingCheck);
    auto acknowledged = co_await on_partition(broker, waiting.key, [&](replication::Partition& at) {
      return at.acknowledged(waiting.until, produce.message.acks, waiting.leadership, next_look);
    });
    const bool waits =
        !acknowledged && (acknowledged.error().code == ErrorCode::request_timed_out ||
                          acknowledged.error().code == ErrorCode::not_enough_replicas_after_append);
    if (!waits || broker.executor.now() >= deadline || produce.request.closing.value() > 0)
      co_return acknowledged;
  }
}

// The partitions wait one after another: each one's wait also covers those behind it.
Task<void> await_watermarks(Broker& broker, Produce& produce) {
  const auto deadline = deadline_of(produce);
  for (const Waiting& waiting : produce.waiting) {
    const auto acknowledged = co_await await_acknowledgement(broker, produce, waiting, deadline);
    if (!acknowledged) fill_error(produce.answer(waiting), acknowledged.error());
  }
}

void add_leader_hints(const Broker& broker, Produce& produce) {
  if (produce.request.header.api_version < 10) return;
  const auto image = broker.image();
  for (auto& topic : produce.response.responses) {
    const metadata::Topic* known = find_topic(*image, topic.topic_id, topic.name);
    for (auto& partition : topic.partition_responses) {
      if (partition.error_code != ErrorCode::not_leader_or_follower || known == nullptr) continue;
      const metadata::Partition* state = known->partition(partition.index);
      if (state == nullptr) continue;
      // The partition may know of a leader that this image does not know yet, or that this broker is it no
      // longer.
      if (state->leader_epoch >= partition.current_leader.leader_epoch && state->leader != broker.node_id) {
        partition.current_leader = {state->leader, state->leader_epoch};
      }
      const NodeId leader_id = partition.current_leader.leader_id;
      const metadata::Broker* leader = image->broker(leader_id);
      const auto* endpoint = leader ? endpoint_of(*leader, produce.request.peer.listener) : nullptr;
      if (endpoint == nullptr) continue;
      produce.response.node_endpoints.push_back({leader_id, endpoint->host, endpoint->port, leader->rack});
    }
  }
}

bool has_error(const wire::ProduceResponse& response) {
  return std::ranges::any_of(response.responses, [](const auto& topic) {
    return std::ranges::any_of(topic.partition_responses,
                               [](const auto& answer) { return answer.error_code != ErrorCode::none; });
  });
}

void finish(Broker& broker, Produce& produce, ResponseQueue::Slot slot) {
  for (const auto& topic : produce.response.responses) {
    for (const auto& answer : topic.partition_responses) {
      broker.metrics.error(wire::ApiKey::produce, answer.error_code);
    }
  }
  broker.metrics.request_done(
      wire::ApiKey::produce,
      static_cast<std::uint64_t>((broker.executor.now() - produce.request.arrived).count()));
  if (produce.message.acks == 0) {
    // There is no answer to carry an error: the connection ends instead, so that the client notices.
    if (!has_error(produce.response)) std::move(slot).complete({});
    return;
  }
  add_leader_hints(broker, produce);
  const wire::RequestHeader& header = produce.request.header;
  std::move(slot).complete(
      wire::encode_response(header.correlation_id, header.api_version, produce.response));
}

Task<void> answer_later(Broker& broker, Produce produce, ResponseQueue::Slot slot, runtime::Gate::Pass pass) {
  co_await await_watermarks(broker, produce);
  finish(broker, produce, std::move(slot));
}

bool all_reached(Broker& broker, const Produce& produce) {
  return std::ranges::all_of(produce.waiting, [&](const Waiting& waiting) {
    const ShardData& shard = broker.shard_of(waiting.key);
    if (&shard.executor != &broker.executor) return false;
    const auto partition = shard.partitions.find(waiting.key);
    return partition && partition->is_acknowledged(waiting.until, produce.message.acks, waiting.leadership);
  });
}

}  // namespace

Task<void> produce(Broker& broker, Request request, ResponseQueue::Slot slot) {
  auto message = wire::ProduceRequest::decode(request.body, request.header.api_version);
  if (!message) co_return report_undecodable(broker, request, message.error());
  runtime::Gate::Pass pass(request.gate);
  Produce produce{std::move(request), std::move(*message)};
  co_await append_all(broker, produce);
  if (produce.message.acks == 0 || all_reached(broker, produce)) {
    finish(broker, produce, std::move(slot));
    co_return;
  }
  // The records are in the log's own memory now: the frame's may go.
  for (auto& topic : produce.message.topic_data) topic.partition_data.clear();
  produce.request.body = Slice();
  {
    const MemoryBudget::Hold released = std::move(produce.request.hold);
  }
  answer_later(broker, std::move(produce), std::move(slot), std::move(pass)).detach();
}

}  // namespace moldau::server::handlers
