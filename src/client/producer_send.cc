#include <algorithm>

#include "client/producer_parts.h"
#include "wire/messages/init_producer_id.h"
#include "wire/messages/produce.h"

namespace moldau::client {
namespace {

constexpr wire::ApiVersion kTopicIdsFrom = 13;
constexpr wire::ApiVersion kAddsToTransactionFrom = 12;
constexpr std::size_t kRequestOverhead = 64;  // of one partition, about

std::int32_t as_ms(Duration duration) {
  return static_cast<std::int32_t>(std::chrono::duration_cast<std::chrono::milliseconds>(duration).count());
}

}  // namespace

void ProducerCore::schedule_pass() {
  if (pass_posted_) return;
  pass_posted_ = true;
  executor_.post([this] {
    pass_posted_ = false;
    if (!gate_.closing()) pass();
  });
}

void ProducerCore::wake_at(MonotonicTime when) {
  if (timer_at_ <= when) return;
  executor_.cancel(timer_);
  timer_at_ = when;
  timer_ = executor_.call_at(when, [this] {
    timer_ = runtime::TimerId::none;
    timer_at_ = runtime::kForever;
    schedule_pass();
  });
}

void ProducerCore::look_at_metadata() {
  const MetadataCache& metadata = cluster_.metadata();
  if (metadata.version() == metadata_version_) return;
  metadata_version_ = metadata.version();
  for (auto& [name, topic] : topics_) {
    if (const TopicInfo* info = metadata.topic(name)) sync_topic(*topic, *info);
  }
}

void ProducerCore::pass() {
  look_at_metadata();
  if (transaction_ != nullptr && transaction_->failure()) drop_queued(*transaction_->failure());
  // A callback may send, and so add to the list.
  for (std::size_t i = 0; i < active_.size(); ++i) expire(*active_[i]);
  for (Partition* partition : active_) consider(*partition);
  for (auto& [id, node] : nodes_) send_to(*node);
  std::erase_if(active_, [](Partition* partition) {
    partition->active = !partition->queue.empty();
    return !partition->active;
  });
  const bool old = executor_.now() - refreshed_at_ > cluster_.options().metadata_max_age;
  if (old && !active_.empty()) refresh_leaders();
}

bool ProducerCore::is_due(const Batch& batch) const {
  return batch.full || batch.is_sealed() || batch.number < flush_below_ || closing_ || !waiting_.empty() ||
         executor_.now() - batch.created >= options_.linger;
}

// Whether the first queued batch may go now without breaking the order or a sequence.
bool ProducerCore::may_send(const Partition& partition) const {
  if (partition.flying.size() >= options_.max_in_flight) return false;
  const Batch& next = *partition.queue.front();
  if (next.not_before > executor_.now()) return false;
  if (!options_.idempotent) return true;
  if (producer_id_ == kNoProducerId || partition.gap) return false;
  if (!partition.established && !partition.flying.empty()) return false;
  // A retried batch goes alone, and when all before it are through.
  if (next.has_sequence()) return is_lowest(partition, next);
  return !partition.unresolved;
}

// Hands the partition to its leader's broker if something is due, else says when to look again.
void ProducerCore::consider(Partition& partition) {
  if (partition.queue.empty()) return;
  const Batch& next = *partition.queue.front();
  wake_at(next.created + options_.delivery_timeout);
  if (!is_due(next)) return wake_at(next.created + options_.linger);
  if (next.not_before > executor_.now()) return wake_at(next.not_before);
  if (options_.idempotent && producer_id_ == kNoProducerId) return ask_for_producer_id();
  if (partition.leader < 0) return refresh_leaders();
  if (!may_send(partition)) return;
  if (transaction_ != nullptr && !transaction_->includes(partition.topic.name, partition.index)) return;
  auto& node = nodes_[partition.leader];
  if (!node) node = std::make_unique<Node>(partition.leader);
  node->ready.push_back(&partition);
}

void ProducerCore::send_to(Node& node) {
  std::vector<Partition*> ready = std::exchange(node.ready, {});
  if (ready.empty() || node.in_flight >= options_.max_in_flight) return;
  const BrokerConnection::Ptr connection = cluster_.open_connection(node.id);
  if (!connection) {
    if (!node.opening) open(node).detach();
    return;
  }
  std::rotate(ready.begin(), ready.begin() + static_cast<std::ptrdiff_t>(node.first++ % ready.size()),
              ready.end());
  while (node.in_flight < options_.max_in_flight && !ready.empty()) {
    std::vector<BatchPtr> batches;
    std::vector<Partition*> later;
    std::size_t size = 0;
    for (Partition* partition : ready) {
      if (partition->queue.empty() || !is_due(*partition->queue.front()) || !may_send(*partition)) continue;
      if (size > 0 && size + partition->queue.front()->memory > options_.max_request_size) {
        later.push_back(partition);
        continue;
      }
      BatchPtr batch = take_front(*partition);
      if (!batch) continue;
      size += batch->bytes.size() + kRequestOverhead;
      batches.push_back(std::move(batch));
      later.push_back(partition);
    }
    if (batches.empty()) return;
    run_request(node, connection, std::move(batches)).detach();
    ready = std::move(later);
  }
}

// The first queued batch, ready to be sent; null when it cannot be built.
ProducerCore::BatchPtr ProducerCore::take_front(Partition& partition) {
  BatchPtr batch = std::move(partition.queue.front());
  partition.queue.pop_front();
  if (const Status sealed = seal(partition, *batch); !sealed) {
    fail_batch(*batch, local_failure(sealed.error().code, sealed.error().message));
    return nullptr;
  }
  partition.flying.push_back(batch.get());
  ++batch->tries;
  return batch;
}

// Gives the batch its place in the producer's sequence, once, and builds it.
Status ProducerCore::seal(Partition& partition, Batch& batch) {
  if (batch.is_sealed()) return {};
  if (options_.idempotent) {
    if (partition.producer_id == kNoProducerId) {
      partition.producer_id = producer_id_;
      partition.producer_epoch = producer_epoch_;
      partition.next_sequence = 0;
    }
    batch.base_sequence = partition.next_sequence;
    partition.next_sequence = record::sequence_after(partition.next_sequence, batch.record_count);
    batch.builder.set_producer(partition.producer_id, partition.producer_epoch, batch.base_sequence);
  }
  batch.uncompressed = batch.builder.size_bytes();
  ASSIGN_OR_RETURN(batch.bytes, std::move(batch.builder).build(codecs_));
  batch.sealed_at = executor_.now();
  return {};
}

namespace {

struct Answers {
  std::optional<Failure> failure;  // of the whole request
  wire::ProduceResponse response;
};

Task<Answers> ask(BrokerConnection::Ptr connection, wire::ProduceRequest request, CallOptions options) {
  Answers answers;
  if (request.acks == 0) {
    auto sent = co_await connection->send(std::move(request), options);
    if (!sent) answers.failure = std::move(sent).error();
    co_return answers;
  }
  auto response = co_await connection->call<wire::ProduceResponse>(std::move(request), options);
  if (response) {
    answers.response = std::move(*response);
  } else {
    answers.failure = std::move(response).error();
  }
  co_return answers;
}

const wire::ProduceResponse::TopicResponse::PartitionResponse* find_partition(
    const wire::ProduceResponse& response, const std::string& topic, const TopicId& id,
    PartitionIndex index) {
  for (const auto& one : response.responses) {
    if (one.name.empty() ? one.topic_id != id : one.name != topic) continue;
    const auto at = std::ranges::find(one.partition_responses, index,
                                      &wire::ProduceResponse::TopicResponse::PartitionResponse::index);
    if (at != one.partition_responses.end()) return &*at;
  }
  return nullptr;
}

}  // namespace

Task<void> ProducerCore::run_request(Node& node, BrokerConnection::Ptr connection,
                                     std::vector<BatchPtr> batches) {
  const runtime::Gate::Pass gate(gate_);
  ++node.in_flight;
  ++counters_.requests_sent;
  wire::ProduceRequest request;
  request.acks = options_.acks;
  request.timeout_ms = as_ms(cluster_.options().connection.request_timeout);
  CallOptions call;
  if (transaction_ != nullptr) {
    request.transactional_id = transaction_->id();
    if (transaction_->adds_by_producing())
      call.min_version = kAddsToTransactionFrom;
    else
      call.max_version = kAddsToTransactionFrom - 1;
  }
  std::ranges::sort(batches, {}, [](const BatchPtr& batch) { return &batch->partition.topic; });
  for (const BatchPtr& batch : batches) {
    const Topic& topic = batch->partition.topic;
    if (topic.id.is_zero())
      call.max_version = std::min<wire::ApiVersion>(call.max_version, kTopicIdsFrom - 1);
    if (request.topic_data.empty() || request.topic_data.back().name != topic.name) {
      request.topic_data.push_back({.name = topic.name, .topic_id = topic.id});
    }
    request.topic_data.back().partition_data.push_back({batch->partition.index, SliceList{batch->bytes}});
    ++counters_.batches_sent;
    counters_.bytes_sent += batch->bytes.size();
  }
  std::vector<TopicId> ids;
  for (const BatchPtr& batch : batches) ids.push_back(batch->partition.topic.id);
  Answers answers = co_await ask(connection, std::move(request), call);
  --node.in_flight;
  // What was garbled may have been appended; a sequence makes it safe to ask again.
  if (answers.failure && answers.failure->code == Errc::corrupt)
    answers.failure->retriable = options_.idempotent;
  for (const auto& endpoint : answers.response.node_endpoints) {
    cluster_.note_broker(endpoint.node_id, endpoint.host, endpoint.port);
  }
  for (std::size_t i = 0; i < batches.size(); ++i) {
    const Partition& partition = batches[i]->partition;
    Answer answer{.failure = answers.failure};
    const auto* one = find_partition(answers.response, partition.topic.name, ids[i], partition.index);
    if (one != nullptr) {
      answer.base_offset = one->base_offset;
      answer.log_append_time = one->log_append_time_ms;
      if (one->error_code != wire::ErrorCode::none) {
        answer.failure = broker_failure(one->error_code, one->error_message, connection->address());
      }
      cluster_.note_leader(partition.topic.name, partition.index, one->current_leader.leader_id,
                           one->current_leader.leader_epoch);
    } else if (!answer.failure && options_.acks != 0) {
      answer.failure = Failure{.code = Errc::corrupt,
                               .address = connection->address(),
                               .phase = Phase::request,
                               .cause = "the broker's answer left this partition out",
                               .retriable = true};
    }
    settle(std::move(batches[i]), answer);
  }
  schedule_pass();
}

Task<void> ProducerCore::open(Node& node) {
  const runtime::Gate::Pass gate(gate_);
  node.opening = true;
  const auto opened = co_await cluster_.connection(node.id);
  node.opening = false;
  if (!opened) {
    for (Partition* partition : active_) {
      if (partition->leader != node.id || partition->queue.empty()) continue;
      partition->queue.front()->last_failure = opened.error();
    }
    refresh_leaders();
  }
  schedule_pass();
}

void ProducerCore::ask_for_producer_id() {
  MOLDAU_ASSERT(transaction_ == nullptr, "use() comes first");
  if (asking_producer_id_ || gate_.closing()) return;
  asking_producer_id_ = true;
  obtain_producer_id().detach();
}

Task<void> ProducerCore::obtain_producer_id() {
  const runtime::Gate::Pass gate(gate_);
  Backoff backoff = cluster_.new_backoff();
  while (!unsettled_.empty()) {
    wire::InitProducerIdRequest request;
    request.transaction_timeout_ms = std::numeric_limits<std::int32_t>::max();
    auto response = co_await cluster_.call_any<wire::InitProducerIdResponse>(
        std::move(request), {.max_version = 5, .repeat_for = Duration::zero()});
    if (response && response->error_code == wire::ErrorCode::none) {
      producer_id_ = response->producer_id;
      producer_epoch_ = response->producer_epoch;
      break;
    }
    Failure failure = response ? broker_failure(response->error_code) : std::move(response).error();
    if (failure.code == Errc::unsupported)
      failure.hint = "This broker has no idempotence: enable.idempotence=false.";
    if (!failure.retriable) {
      fail_queued(failure);
      break;
    }
    for (Partition* partition : active_) {
      if (!partition->queue.empty()) partition->queue.front()->last_failure = failure;
    }
    if (!co_await cluster_.pause(backoff.next(), runtime::kForever)) break;
  }
  asking_producer_id_ = false;
  schedule_pass();
}

void ProducerCore::refresh_leaders() {
  if (refreshing_ || gate_.closing()) return;
  if (executor_.now() < refresh_not_before_) return wake_at(refresh_not_before_);
  std::vector<std::string> topics;
  for (Partition* partition : active_) topics.push_back(partition->topic.name);
  std::ranges::sort(topics);
  topics.erase(std::unique(topics.begin(), topics.end()), topics.end());
  refreshing_ = true;
  run_refresh(std::move(topics)).detach();
}

Task<void> ProducerCore::run_refresh(std::vector<std::string> topics) {
  const runtime::Gate::Pass gate(gate_);
  co_await cluster_.refresh(std::move(topics), options_.auto_create_topics);
  refreshing_ = false;
  refreshed_at_ = executor_.now();
  refresh_not_before_ = refreshed_at_ + cluster_.options().retry_backoff;
  schedule_pass();
}

}  // namespace moldau::client
