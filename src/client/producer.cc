#include "client/producer.h"

#include <algorithm>

#include "client/producer_parts.h"
#include "wire/murmur2.h"

namespace moldau::client {
namespace {

std::optional<Failure> contradiction(const ProducerOptions& options) {
  const auto refuse = [](std::string cause, std::string hint = {}) {
    return local_failure(Errc::invalid_argument, std::move(cause), std::move(hint));
  };
  if (options.acks < -1 || options.acks > 1) return refuse("acks is all (-1), 0 or 1");
  if (options.max_in_flight == 0) return refuse("max.in.flight.requests.per.connection is at least 1");
  if (options.idempotent && options.acks != -1) {
    return refuse("enable.idempotence needs acks=all", "Set enable.idempotence=false to use other acks.");
  }
  if (options.idempotent && options.max_in_flight > 5) {
    return refuse("enable.idempotence needs max.in.flight.requests.per.connection <= 5");
  }
  if (options.max_request_size > options.buffer_memory)
    return refuse("max.request.size is above buffer.memory");
  if (options.delivery_timeout < options.linger) return refuse("delivery.timeout.ms is below linger.ms");
  return std::nullopt;
}

record::NewRecord to_append(const NewRecord& record, TimestampMs timestamp) {
  return {.timestamp = timestamp, .key = record.key, .value = record.value, .headers = record.headers};
}

}  // namespace

Outcome<std::unique_ptr<ProducerCore>> ProducerCore::create(ClusterClient& cluster, ProducerOptions options,
                                                            ProducerTransaction* transaction) {
  if (auto wrong = contradiction(options)) return fail(std::move(*wrong));
  if (transaction != nullptr && !options.idempotent) {
    return fail(local_failure(Errc::invalid_argument, "transactional.id needs enable.idempotence=true"));
  }
  return std::unique_ptr<ProducerCore>(new ProducerCore(cluster, std::move(options), transaction));
}

ProducerCore::ProducerCore(ClusterClient& cluster, ProducerOptions options, ProducerTransaction* transaction)
    : cluster_(cluster),
      executor_(cluster.executor()),
      options_(std::move(options)),
      transaction_(transaction),
      memory_left_(options_.buffer_memory),
      settled_(executor_),
      gate_(executor_) {}

ProducerCore::~ProducerCore() {
  MOLDAU_ASSERT(unsettled_.empty() && gate_.entered() == 0, "close the producer first");
  MOLDAU_ASSERT(!pass_posted_ && timer_ == runtime::TimerId::none, "close the producer first");
}

ProducerCore::Topic* ProducerCore::find_topic(std::string_view name) {
  const bool same = last_topic_ != nullptr && last_topic_->name == name;
  if (same && !last_topic_->partitions.empty()) return last_topic_;
  auto at = topics_.find(name);
  if (at == topics_.end()) {
    at = topics_.emplace(name, std::make_unique<Topic>()).first;
    at->second->name = name;
  }
  Topic& topic = *at->second;
  if (topic.partitions.empty()) {
    if (const TopicInfo* info = cluster_.metadata().topic(name)) sync_topic(topic, *info);
  }
  return last_topic_ = &topic;
}

void ProducerCore::sync_topic(Topic& topic, const TopicInfo& info) {
  topic.id = info.id;
  for (const PartitionInfo& partition : info.partitions) {
    const auto index = static_cast<std::size_t>(partition.index);
    // Indexes are dense; what is not was invented by the peer.
    if (partition.index < 0 || index >= info.partitions.size()) continue;
    while (topic.partitions.size() <= index) {
      const auto next = static_cast<PartitionIndex>(topic.partitions.size());
      topic.partitions.push_back(std::make_unique<Partition>(topic, next));
    }
    topic.partitions[index]->leader = partition.leader;
  }
}

ProducerCore::Partition& ProducerCore::sticky_partition(Topic& topic, std::size_t size_bytes) {
  if (!topic.sticky_chosen || topic.sticky_bytes >= options_.batch_size) {
    std::vector<std::size_t> led;
    for (std::size_t i = 0; i < topic.partitions.size(); ++i) {
      if (topic.partitions[i]->leader >= 0) led.push_back(i);
    }
    topic.sticky = led.empty() ? cluster_.random().below(topic.partitions.size())
                               : led[cluster_.random().below(led.size())];
    topic.sticky_chosen = true;
    topic.sticky_bytes = 0;
  }
  topic.sticky_bytes += size_bytes;
  return *topic.partitions[topic.sticky];
}

// Null: the record names a partition that the topic does not have.
ProducerCore::Partition* ProducerCore::partition_for(Topic& topic, const NewRecord& record,
                                                     std::size_t size_bytes) {
  const auto count = static_cast<PartitionIndex>(topic.partitions.size());
  std::optional<PartitionIndex> chosen = record.partition;
  if (!chosen && options_.partitioner) chosen = options_.partitioner(record, count);
  if (chosen) {
    const PartitionIndex index = *chosen;
    return index >= 0 && index < count ? topic.partitions[static_cast<std::size_t>(index)].get() : nullptr;
  }
  if (!record.key) return &sticky_partition(topic, size_bytes);
  return topic.partitions[static_cast<std::size_t>(wire::partition_for_key(*record.key, count))].get();
}

Outcome<void> ProducerCore::check(const NewRecord& record, std::size_t size_bytes) const {
  if (closing_) return fail(local_failure(Errc::cancelled, "the producer was closed"));
  if (transaction_ != nullptr) {
    if (auto accepted = transaction_->accepts(); !accepted) return accepted;
  }
  if (record.topic.empty()) return fail(local_failure(Errc::invalid_argument, "a record needs a topic"));
  if (size_bytes + record::kHeaderSize > options_.max_request_size) {
    return fail(local_failure(Errc::too_large, "a record of " + std::to_string(size_bytes) +
                                                   " bytes is over max.request.size (" +
                                                   std::to_string(options_.max_request_size) + ")"));
  }
  return {};
}

ProducerCore::Batch& ProducerCore::batch_with_room(Partition& partition, std::size_t size_bytes) {
  if (!partition.queue.empty()) {
    Batch& last = *partition.queue.back();
    const bool fits = last.builder.size_bytes() + size_bytes <= options_.batch_size;
    if (!last.full && !last.is_sealed() && fits) return last;
    if (!last.full) schedule_pass();
    last.full = true;
  }
  const record::BatchFields fields{.compression = options_.compression,
                                   .transactional = transaction_ != nullptr};
  const std::size_t reserve = std::max(options_.batch_size, record::kHeaderSize + size_bytes);
  const std::uint64_t number = next_batch_++;
  unsettled_.insert(unsettled_.end(), number);
  partition.queue.push_back(std::make_unique<Batch>(number, executor_.now(), partition, fields, reserve));
  if (!partition.active) active_.push_back(&partition);
  partition.active = true;
  options_.linger > Duration::zero() ? wake_at(executor_.now() + options_.linger) : schedule_pass();
  return *partition.queue.back();
}

// REQUIRES: the topic is known and `size_bytes` of memory are left.
Outcome<void> ProducerCore::append(Topic& topic, const NewRecord& record, std::size_t size_bytes,
                                   DeliveryCallback& callback) {
  Partition* partition = partition_for(topic, record, size_bytes);
  if (partition == nullptr) {
    const std::string which = record.partition ? "no partition " + std::to_string(*record.partition)
                                               : "not the partitioner's partition";
    return fail(local_failure(Errc::not_found, topic.name + " has " + which + ", only 0 to " +
                                                   std::to_string(topic.partitions.size() - 1)));
  }
  Batch& batch = batch_with_room(*partition, size_bytes);
  const TimestampMs timestamp =
      record.timestamp == kNoTimestamp ? cluster_.wall_clock().now_ms() : record.timestamp;
  batch.builder.append(to_append(record, timestamp));
  memory_left_ -= size_bytes;
  batch.memory += size_bytes;
  if (callback) batch.acks.push_back({batch.record_count, timestamp, std::move(callback)});
  ++batch.record_count;
  ++counters_.records_queued;
  if (batch.builder.size_bytes() >= options_.batch_size) {
    batch.full = true;
    schedule_pass();
  }
  return {};
}

Outcome<ProducerCore::Queued> ProducerCore::try_send(const NewRecord& record, DeliveryCallback& callback) {
  const std::size_t size = record::BatchBuilder::max_size_of(to_append(record, 0));
  if (auto allowed = check(record, size); !allowed) return fail(std::move(allowed).error());
  Topic* topic = find_topic(record.topic);
  if (topic->partitions.empty()) {
    ask_for_topic(topic->name);
    return Queued::would_block;
  }
  if (!waiting_.empty() || size > memory_left_) return Queued::would_block;
  if (auto appended = append(*topic, record, size, callback); !appended)
    return fail(std::move(appended).error());
  return Queued::queued;
}

Task<Outcome<void>> ProducerCore::send(NewRecord record, DeliveryCallback callback) {
  const std::size_t size = record::BatchBuilder::max_size_of(to_append(record, 0));
  if (auto allowed = check(record, size); !allowed) co_return allowed;
  const runtime::Gate::Pass pass(gate_);
  Waiting waiting(executor_, record, size, std::move(callback));
  waiting_.push_back(&waiting);
  serve_waiting();
  if (co_await waiting.done.wait(executor_.now() + options_.max_block)) co_return std::move(waiting.outcome);
  std::erase(waiting_, &waiting);
  const bool unknown = find_topic(record.topic)->partitions.empty();
  serve_waiting();
  co_return fail(local_failure(Errc::timed_out, unknown ? "topic " + std::string(record.topic) +
                                                              " did not become known within max.block.ms"
                                                        : "buffer.memory stayed full for max.block.ms"));
}

// In order; only those wait on whose topic is not known, or for whom there is no memory.
void ProducerCore::serve_waiting() {
  for (auto at = waiting_.begin(); at != waiting_.end();) {
    Waiting& next = **at;
    Topic* topic = find_topic(next.record.topic);
    if (topic->partitions.empty()) {
      ask_for_topic(topic->name);
      ++at;
      continue;
    }
    if (next.size_bytes > memory_left_) return schedule_pass();
    at = waiting_.erase(at);
    next.finish(append(*topic, next.record, next.size_bytes, next.callback));
  }
}

void ProducerCore::ask_for_topic(const std::string& name) {
  Topic& topic = *find_topic(name);
  if (topic.asking || gate_.closing()) return;
  topic.asking = true;
  find_out(name).detach();
}

// Asks until the topic is there or nobody waits for it any more.
Task<void> ProducerCore::find_out(std::string name) {
  const runtime::Gate::Pass pass(gate_);
  Backoff backoff = cluster_.new_backoff();
  const auto is_ours = [](const Waiting* waiting, const std::string& topic) {
    return waiting->record.topic == topic;
  };
  for (;;) {
    const Outcome<void> asked = co_await cluster_.refresh({name}, options_.auto_create_topics);
    if (asked || !asked.error().retriable) {
      if (!asked) {
        std::deque<Waiting*> refused;
        for (Waiting* waiting : waiting_) {
          if (is_ours(waiting, name)) refused.push_back(waiting);
        }
        std::erase_if(waiting_, [&](Waiting* waiting) { return is_ours(waiting, name); });
        for (Waiting* waiting : refused) waiting->finish(asked);
      }
      break;
    }
    const bool wanted =
        std::ranges::any_of(waiting_, [&](Waiting* waiting) { return is_ours(waiting, name); });
    if (!wanted || closing_ || !co_await cluster_.pause(backoff.next(), runtime::kForever)) break;
  }
  topics_.at(name)->asking = false;
  if (cluster_.metadata().topic(name) != nullptr) serve_waiting();
}

Task<Outcome<RecordMetadata>> ProducerCore::deliver(NewRecord record) {
  struct Delivery {
    explicit Delivery(runtime::Executor& executor) : done(executor) {}
    Outcome<RecordMetadata> outcome;
    runtime::OneShot done;
  };
  const auto delivery = std::make_shared<Delivery>(executor_);
  auto queued = co_await send(record, [delivery](const Outcome<RecordMetadata>& outcome) {
    delivery->outcome = outcome;
    delivery->done.fire();
  });
  if (!queued) co_return fail(std::move(queued).error());
  co_await delivery->done.wait();
  co_return std::move(delivery->outcome);
}

void ProducerCore::use(ProducerId id, ProducerEpoch epoch) {
  MOLDAU_ASSERT(transaction_ != nullptr && unsettled_.empty());
  if (id == producer_id_ && epoch == producer_epoch_) return;
  producer_id_ = id;
  producer_epoch_ = epoch;
  for (const auto& [name, topic] : topics_) {
    for (const auto& partition : topic->partitions) {
      partition->producer_id = kNoProducerId;
      partition->established = partition->gap = partition->unresolved = false;
    }
  }
}

void ProducerCore::drop_queued(const Failure& failure) {
  for (Waiting* waiting : std::exchange(waiting_, {})) waiting->finish(fail(failure));
  fail_queued(failure);
}

Task<void> ProducerCore::flush() {
  const runtime::Gate::Pass pass(gate_);
  const std::uint64_t target = next_batch_;
  flush_below_ = std::max(flush_below_, target);
  schedule_pass();
  while (!unsettled_.empty() && *unsettled_.begin() < target) co_await settled_.wait();
}

Task<void> ProducerCore::close(MonotonicTime deadline) {
  if (closing_) co_return;
  closing_ = true;
  const Failure closed =
      local_failure(Errc::cancelled, "the producer was closed before the record was acknowledged");
  for (Waiting* waiting : std::exchange(waiting_, {})) waiting->finish(fail(closed));
  flush_below_ = next_batch_;
  schedule_pass();
  while (!unsettled_.empty() && co_await settled_.wait(deadline)) {
  }
  fail_queued(closed);
  for (const auto& [id, node] : nodes_) {
    if (node->in_flight == 0) continue;
    if (const auto connection = cluster_.open_connection(id)) connection->retire();
  }
  co_await gate_.close();
  fail_queued(closed);  // what was under way and came back
  executor_.cancel(std::exchange(timer_, runtime::TimerId::none));
  while (pass_posted_) co_await runtime::yield(executor_);
}

}  // namespace moldau::client
