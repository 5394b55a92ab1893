#include <algorithm>
#include <limits>

#include "client/producer_parts.h"

namespace moldau::client {
namespace {

// The broker's state of this producer does not go on where the batch begins.
bool is_gap(wire::ErrorCode code) {
  return code == wire::ErrorCode::out_of_order_sequence_number ||
         code == wire::ErrorCode::unknown_producer_id || code == wire::ErrorCode::invalid_producer_epoch;
}

// The same batch under another epoch and sequence. Both are under the checksum.
Slice restamped(const Slice& batch, ProducerId id, ProducerEpoch epoch, Sequence sequence) {
  std::vector<std::byte> bytes(batch.view().begin(), batch.view().end());
  store_be<std::int64_t>(bytes.data() + record::kProducerIdAt, id);
  store_be<std::int16_t>(bytes.data() + record::kProducerEpochAt, epoch);
  store_be<std::int32_t>(bytes.data() + record::kBaseSequenceAt, sequence);
  record::set_crc(bytes);
  return Slice::take(std::move(bytes));
}

}  // namespace

bool ProducerCore::is_lowest(const Partition& partition, const Batch& batch) const {
  const auto is_lower = [&](const Batch* other) { return other->number < batch.number; };
  if (std::ranges::any_of(partition.flying, is_lower)) return false;
  return partition.queue.empty() || partition.queue.front()->number >= batch.number;
}

void ProducerCore::settle(BatchPtr batch, const Answer& answer) {
  Partition& partition = batch->partition;
  std::erase(partition.flying, batch.get());
  if (!answer.failure || answer.failure->broker == wire::ErrorCode::duplicate_sequence_number) {
    succeed(*batch, answer);
  } else if (transaction_ != nullptr && is_gap(answer.failure->broker) && is_lowest(partition, *batch)) {
    fail_batch(*batch, *answer.failure);  // the transaction has to end
  } else if (options_.idempotent && is_gap(answer.failure->broker)) {
    if (is_lowest(partition, *batch)) partition.gap = true;
    requeue(std::move(batch), *answer.failure);
  } else if (answer.failure->retriable) {
    requeue(std::move(batch), *answer.failure);
    const wire::ErrorCode code = answer.failure->broker;
    if (code == wire::ErrorCode::none || wire::needs_metadata_refresh(code)) refresh_leaders();
  } else {
    fail_batch(*batch, *answer.failure);
  }
  resolve_sequences(partition);
}

void ProducerCore::succeed(Batch& batch, const Answer& answer) {
  batch.partition.established = true;
  counters_.records_delivered += static_cast<std::uint64_t>(batch.record_count);
  for (Batch::Ack& ack : batch.acks) {
    RecordMetadata metadata{.partition = batch.partition.index, .timestamp = ack.timestamp};
    if (answer.base_offset >= 0) metadata.offset = answer.base_offset + ack.index;
    if (answer.log_append_time >= 0) metadata.timestamp = answer.log_append_time;
    ack.callback(metadata);
  }
  report(batch, answer.base_offset, nullptr);
  finish(batch);
}

void ProducerCore::requeue(BatchPtr batch, const Failure& failure) {
  if (executor_.now() - batch->created >= options_.delivery_timeout) return fail_batch(*batch, failure);
  Partition& partition = batch->partition;
  // Who has just learnt of another leader need not wait.
  const PartitionInfo* known = cluster_.metadata().partition(partition.topic.name, partition.index);
  const bool moved = known != nullptr && known->leader >= 0 && known->leader != partition.leader;
  const Duration pause = moved ? Duration::zero() : cluster_.new_backoff().nth(batch->tries - 1);
  batch->not_before = executor_.now() + pause;
  batch->last_failure = failure;
  ++counters_.retries;
  const auto place = std::ranges::lower_bound(partition.queue, batch->number, {}, &Batch::number);
  partition.queue.insert(place, std::move(batch));
  if (!partition.active) active_.push_back(&partition);
  partition.active = true;
}

void ProducerCore::fail_batch(Batch& batch, const Failure& failure) {
  if (batch.has_sequence()) batch.partition.unresolved = true;
  if (transaction_ != nullptr) {
    transaction_->note_failure(failure);
    schedule_pass();
  }
  counters_.records_failed += static_cast<std::uint64_t>(batch.record_count);
  const Outcome<RecordMetadata> outcome = fail(failure);
  for (Batch::Ack& ack : batch.acks) ack.callback(outcome);
  report(batch, kNoOffset, &failure);
  finish(batch);
}

void ProducerCore::report(const Batch& batch, Offset base_offset, const Failure* failure) const {
  if (!options_.on_batch) return;
  const MonotonicTime now = executor_.now();
  const MonotonicTime sealed = batch.is_sealed() ? batch.sealed_at : now;
  options_.on_batch({.topic = batch.partition.topic.name,
                     .partition = batch.partition.index,
                     .base_offset = base_offset,
                     .records = batch.record_count,
                     .bytes = batch.bytes.size(),
                     .uncompressed_bytes = batch.uncompressed,
                     .tries = batch.tries,
                     .gathered = sealed - batch.created,
                     .under_way = now - sealed,
                     .failure = failure});
}

void ProducerCore::finish(Batch& batch) {
  batch.acks.clear();
  memory_left_ += batch.memory;
  unsettled_.erase(batch.number);
  settled_.notify_all();
  serve_waiting();
}

void ProducerCore::expire(Partition& partition) {
  while (!partition.queue.empty()) {
    Batch& first = *partition.queue.front();
    if (executor_.now() - first.created < options_.delivery_timeout) break;
    Failure failure = first.last_failure;
    failure.code = Errc::timed_out;
    failure.retriable = true;
    failure.cause = "not delivered within delivery.timeout.ms" +
                    (failure.cause.empty() ? std::string() : "; the last try: " + failure.cause);
    const BatchPtr expired = std::move(partition.queue.front());
    partition.queue.pop_front();
    fail_batch(*expired, failure);
  }
  resolve_sequences(partition);
}

void ProducerCore::resolve_sequences(Partition& partition) {
  if (!options_.idempotent || transaction_ != nullptr || !partition.flying.empty()) return;
  const bool none_sequenced = partition.queue.empty() || !partition.queue.front()->has_sequence();
  if (partition.gap || (partition.unresolved && none_sequenced)) restart_sequences(partition);
}

// A new epoch begins at sequence 0: the broker then expects nothing of what came before. The epochs of a
// producer without transactions are its own to raise (KIP-360).
void ProducerCore::restart_sequences(Partition& partition) {
  if (partition.producer_epoch < std::numeric_limits<ProducerEpoch>::max()) {
    ++partition.producer_epoch;
  } else {
    // All epochs are used up: the partition waits for another id and then takes it over.
    partition.gap = true;
    if (partition.producer_id == producer_id_) producer_id_ = kNoProducerId;
    if (producer_id_ == kNoProducerId) return ask_for_producer_id();
    partition.producer_id = producer_id_;
    partition.producer_epoch = producer_epoch_;
    partition.established = false;
  }
  partition.gap = partition.unresolved = false;
  partition.next_sequence = 0;
  for (const BatchPtr& batch : partition.queue) {
    if (!batch->has_sequence()) break;
    batch->base_sequence = partition.next_sequence;
    partition.next_sequence = record::sequence_after(partition.next_sequence, batch->record_count);
    batch->bytes =
        restamped(batch->bytes, partition.producer_id, partition.producer_epoch, batch->base_sequence);
  }
  schedule_pass();
}

void ProducerCore::fail_queued(const Failure& failure) {
  for (auto& [name, topic] : topics_) {
    for (const auto& partition : topic->partitions) {
      for (const BatchPtr& batch : std::exchange(partition->queue, {})) fail_batch(*batch, failure);
      resolve_sequences(*partition);
    }
  }
}

}  // namespace moldau::client
