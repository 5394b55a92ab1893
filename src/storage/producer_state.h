// What a partition knows of each idempotent or transactional producer (KIP-98, KIP-360, KIP-890): the epoch,
// the last five batches (so that a retry is answered, not appended again) and an open transaction. Pure. The
// rules are kafka-protocol.md 3.3; the file is `<offset>.snapshot`, version 1.
#pragma once

#include <array>
#include <cstdint>
#include <expected>
#include <map>
#include <optional>
#include <unordered_map>
#include <vector>

#include "base/bytes.h"
#include "base/ids.h"
#include "record/batch.h"
#include "storage/log_error.h"
#include "storage/transaction_index.h"

namespace moldau::storage {

struct AppendedBatch {
  Sequence last_sequence = kNoSequence;
  std::int32_t offset_delta = 0;
  Offset last_offset = kNoOffset;
  TimestampMs timestamp = kNoTimestamp;  // the batch's maximum

  Offset first_offset() const { return last_offset - offset_delta; }
  Sequence first_sequence() const;
};

// One producer, as DescribeProducers shows it and a snapshot keeps it.
struct ProducerState {
  static constexpr std::size_t kBatchesKept = 5;

  ProducerId producer_id = kNoProducerId;
  ProducerEpoch epoch = kNoProducerEpoch;
  std::uint8_t batch_count = 0;
  std::array<AppendedBatch, kBatchesKept> batches;  // oldest first
  TimestampMs last_timestamp = kNoTimestamp;        // of its records: what its clock, or nobody's, said
  TimestampMs idle_since_ms = kNoTimestamp;  // of this broker; kNoTimestamp: it appended since expire()
  std::int32_t coordinator_epoch = -1;
  Offset transaction_first_offset = kNoOffset;  // of the open transaction; kNoOffset: none is open

  bool in_transaction() const { return transaction_first_offset != kNoOffset; }
  Sequence last_sequence() const;  // kNoSequence: none since the epoch began
  Offset last_offset() const;
  const AppendedBatch* find_duplicate(const record::HeaderView& batch) const;
  void add(const AppendedBatch& batch);
};

// A transaction marker as it is appended.
struct TransactionMarker {
  ProducerId producer_id = kNoProducerId;
  ProducerEpoch producer_epoch = kNoProducerEpoch;
  std::int32_t coordinator_epoch = -1;
  bool aborted = false;
  Offset offset = kNoOffset;
  TimestampMs timestamp = kNoTimestamp;
};

class ProducerStateTable {
 public:
  // Whether the leader may append a client's batch. `nullptr`: yes; else the batch appended before that this
  // one repeats. REQUIRES: batch.has_producer_id().
  LogResult<const AppendedBatch*> check_client_batch(const record::HeaderView& batch) const;
  // The coordinators' own appends: the epoch only.
  LogResult<void> check_epoch(ProducerId producer_id, ProducerEpoch epoch) const;
  // `transaction_version` 2 and above: KIP-890's stricter epochs.
  LogResult<void> check_marker(const TransactionMarker& marker, std::int16_t transaction_version) const;

  // Notes a data batch that is in the log now, whoever wrote it. REQUIRES: batch.has_producer_id() and its
  // final base offset.
  void append(const record::HeaderView& batch);
  // Notes a marker; the aborted transaction, if it ended one by abort.
  std::optional<AbortedTransaction> append(const TransactionMarker& marker);

  // First offset of the earliest transaction that is open or whose marker lies at or above `high_watermark`.
  std::optional<Offset> first_unstable_offset(Offset high_watermark);
  // Drops producers idle since `now_ms - expiration_ms`, never one with an open transaction. Call it from
  // time to time: who appended since the last call counts as idle from this one on. Timestamps of records
  // count only for what comes from a snapshot (in Kafka always, so that a producer of old records is
  // forgotten under its retries).
  void expire(TimestampMs now_ms, std::int64_t expiration_ms);
  // Drops the `share`th part of the producers (at least one, never the last to append), those whose last
  // batch lies farthest back in the log first, never one with an open transaction.
  void forget_silent(std::size_t share);

  const std::unordered_map<ProducerId, ProducerState>& producers() const { return producers_; }
  bool empty() const { return producers_.empty(); }
  void clear();

  // The snapshot file of the state before the log's next offset.
  Slice encode() const;
  // Errc::corrupt when form or checksum is wrong.
  static Result<ProducerStateTable> decode(ByteView bytes);

 private:
  struct Completed {
    Offset first_offset;
    Offset marker_offset;
  };
  LogResult<void> check_sequence(const ProducerState& state, const record::HeaderView& batch) const;

  std::unordered_map<ProducerId, ProducerState> producers_;
  std::map<Offset, ProducerId> open_transactions_;  // by first offset
  std::vector<Completed> completed_;                // markers not yet known below the high watermark
};

// The marker in a control batch; empty for other batches.
std::optional<TransactionMarker> transaction_marker_of(const record::BatchView& batch);

// Notes a batch that is in the log, data or marker; the aborted transaction, if it ended one by abort.
// `header` has the final offsets, `batch` the records. REQUIRES: it has a producer id.
std::optional<AbortedTransaction> note_producer(ProducerStateTable& producers,
                                                const record::HeaderView& header,
                                                const record::BatchView& batch);

}  // namespace moldau::storage
