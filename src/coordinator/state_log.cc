#include "coordinator/state_log.h"

#include <algorithm>

#include "record/builder.h"
#include "record/record.h"
#include "telemetry/log.h"

namespace moldau::coordinator {

using replication::PartitionResult;
using replication::refuse;
using runtime::Task;
using wire::ErrorCode;

namespace {

constexpr std::size_t kMaxUncompressedBytes = std::size_t{100} << 20;

std::optional<Slice> slice_of(const Slice& owner, const std::optional<ByteView>& view) {
  if (!view) return std::nullopt;
  return owner.part(*view);
}

// Records of a compressed batch are in the codecs' scratch: whoever keeps them copies them.
PartitionResult<void> visit_batch(const record::BatchView& batch, const Slice& owner, record::Codecs& codecs,
                                  const StateLog::Visit& visit) {
  const auto bytes = record::uncompressed_records(batch, codecs, kMaxUncompressedBytes);
  if (!bytes) return refuse(ErrorCode::corrupt_message, bytes.error().message);
  const Slice source = batch.is_compressed() ? Slice::copy_of(*bytes) : owner;
  record::RecordReader reader(batch, batch.is_compressed() ? source.view() : *bytes);
  for (record::RecordView record;;) {
    const auto more = reader.next(record);
    if (!more) return refuse(ErrorCode::corrupt_message, more.error().message);
    if (!*more) return {};
    if (!record.key) continue;
    visit(record.offset, source.part(*record.key), slice_of(source, record.value));
  }
}

void visit_marker(const record::BatchView& batch, const StateLog::TransactionVisit& visit) {
  if (const auto marker = storage::transaction_marker_of(batch))
    visit.end(batch.base_offset(), marker->producer_id, !marker->aborted);
}

PartitionResult<void> visit_one(const record::BatchView& batch, const Slice& owner, record::Codecs& codecs,
                                const StateLog::TransactionVisit& visit) {
  if (batch.is_control()) {
    visit_marker(batch, visit);
    return {};
  }
  if (!batch.is_transactional()) return visit_batch(batch, owner, codecs, visit.record);
  const auto pending = [&, producer = batch.producer_id()](Offset offset, const Slice& key,
                                                           const std::optional<Slice>& value) {
    visit.pending(offset, key, value, producer);
  };
  return visit_batch(batch, owner, codecs, pending);
}

PartitionResult<void> visit_batches(const Slice& batches, record::Codecs& codecs,
                                    const StateLog::TransactionVisit& visit) {
  record::BatchReader reader(batches);
  for (record::BatchView batch;;) {
    const auto more = reader.next(batch);
    if (!more) return refuse(ErrorCode::corrupt_message, more.error().message);
    if (!*more) return {};
    TRY(visit_one(batch, batches, codecs, visit));
  }
}

}  // namespace

StateLog::StateLog(replication::PartitionSet& partitions, TopicIdPartition key)
    : partitions_(partitions),
      key_(key),
      led_(partitions.find(key)),
      leadership_(partitions.peek(key)->leadership()) {}

bool StateLog::is_leading(const replication::PartitionSet& partitions, const TopicIdPartition& key) {
  replication::Partition* partition = partitions.peek(key);
  return partition != nullptr && !partition->closed() && !partition->offline() &&
         partition->leading() != nullptr;
}

// Null once the leadership has ended.
std::shared_ptr<replication::Partition> StateLog::partition() const {
  if (!is_leading(partitions_, key_)) return nullptr;
  std::shared_ptr<replication::Partition> partition = partitions_.find(key_);
  const bool same = partition == led_.lock() && partition->leadership() == leadership_;
  return same ? partition : nullptr;
}

LeaderEpoch StateLog::leader_epoch() const {
  const auto partition = this->partition();
  return partition ? partition->leader_epoch() : kNoEpoch;
}

Task<PartitionResult<void>> StateLog::read_all(runtime::Executor& executor, std::size_t at_once,
                                               Visit visit) {
  bool passed_over = false;
  const auto note_pending = [&](Offset, const Slice&, const std::optional<Slice>&, ProducerId) {
    passed_over = true;
  };
  const auto note_end = [&](Offset, ProducerId, bool) { passed_over = true; };
  const auto read =
      co_await read_all(executor, at_once, TransactionVisit{std::move(visit), note_pending, note_end});
  if (passed_over) {
    telemetry::log_warn("coordinator", "records of transactions were passed over",
                        {{"topic_id", key_.topic_id.to_string()}, {"partition", key_.partition}});
  }
  co_return read;
}

Task<PartitionResult<void>> StateLog::read_all(runtime::Executor& executor, std::size_t at_once,
                                               TransactionVisit visit) {
  std::optional<Offset> next;
  for (;;) {
    const auto partition = this->partition();
    if (!partition) co_return refuse(ErrorCode::not_leader_or_follower);
    storage::Log& log = *partition->log();
    const Offset from = std::max(next.value_or(0), log.log_start_offset());
    const Offset end = log.end_offset().value();
    if (from >= end) break;
    const auto read = co_await log.read(from, at_once, end, true);
    if (!read) co_return refuse(read.error());
    if (read->next_offset <= from) co_return refuse(ErrorCode::corrupt_message, "a read that gives nothing");
    if (!is_led()) co_return refuse(ErrorCode::not_leader_or_follower);
    for (const Slice& batches : read->batches) {
      if (const auto visited = visit_batches(batches, codecs_, visit); !visited)
        co_return std::unexpected(visited.error());
    }
    next = read->next_offset;
    co_await runtime::yield(executor);
  }
  co_return PartitionResult<void>();
}

PartitionResult<Offset> StateLog::append(std::span<const Entry> entries, TimestampMs now_ms,
                                         record::Codec codec, const std::optional<Producer>& producer) {
  const auto partition = this->partition();
  if (!partition) return refuse(ErrorCode::not_leader_or_follower);
  record::BatchFields fields;
  replication::ProduceRules rules;
  fields.compression.codec = codec;
  if (producer) {
    fields.producer_id = producer->id;
    fields.producer_epoch = producer->epoch;
    fields.transactional = true;
    rules.origin = storage::AppendOrigin::coordinator;
    rules.wants_guard = producer->wants_guard;
    rules.guard = producer->guard;
  }
  record::BatchBuilder builder(fields);
  for (const Entry& entry : entries) {
    builder.append(now_ms, entry.key.view(), entry.value ? std::optional(entry.value->view()) : std::nullopt);
  }
  const auto batch = std::move(builder).build(codecs_);
  MOLDAU_ASSERT(batch.has_value(), "codecs have their default levels");
  const auto appended = partition->append(*batch, rules, now_ms);
  if (!appended) return std::unexpected(appended.error());
  return appended->info.first_offset;
}

PartitionResult<replication::TransactionGuard> StateLog::guard_for(ProducerId producer_id,
                                                                   ProducerEpoch epoch) {
  const auto partition = this->partition();
  if (!partition) return refuse(ErrorCode::not_leader_or_follower);
  return partition->guard_for(producer_id, epoch);
}

PartitionResult<Offset> StateLog::append_marker(const record::EndTransaction& marker,
                                                std::int16_t transaction_version, TimestampMs now_ms) {
  const auto partition = this->partition();
  if (!partition) return refuse(ErrorCode::not_leader_or_follower);
  const auto appended = partition->append_marker(marker, transaction_version, now_ms);
  if (!appended) return std::unexpected(appended.error());
  return appended->info.first_offset;
}

std::size_t StateLog::fitting(std::span<const Entry> entries) const {
  const auto partition = this->partition();
  if (!partition) return entries.size();
  const auto limit =
      static_cast<std::size_t>(std::max<std::int64_t>(0, partition->log()->config().max_message_bytes));
  std::size_t size = record::kHeaderSize;
  std::size_t count = 0;
  for (const Entry& entry : entries) {
    record::NewRecord record;
    record.key = entry.key.view();
    if (entry.value) record.value = entry.value->view();
    size += record::BatchBuilder::max_size_of(record);
    if (size > limit && count > 0) break;
    ++count;
  }
  return count;
}

Task<void> StateLog::wait_for_space(runtime::MonotonicTime deadline) {
  if (const auto partition = this->partition()) co_await partition->wait_for_space(deadline);
}

bool StateLog::is_committed(Offset end) const {
  const auto partition = this->partition();
  return partition != nullptr && partition->is_acknowledged(end, -1, leadership_);
}

Task<PartitionResult<void>> StateLog::committed(Offset end, runtime::MonotonicTime deadline) {
  const auto partition = this->partition();
  if (!partition) co_return refuse(ErrorCode::not_leader_or_follower);
  co_return co_await partition->acknowledged(end, -1, leadership_, deadline);
}

}  // namespace moldau::coordinator
