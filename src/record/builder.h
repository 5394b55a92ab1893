// Writes record batches v2: for producers, for compaction, for the logs that the broker itself writes.
#pragma once

#include <cstdint>
#include <limits>
#include <optional>
#include <span>

#include "base/bytes.h"
#include "base/ids.h"
#include "base/result.h"
#include "record/batch.h"
#include "record/codec.h"
#include "record/record.h"

namespace moldau::record {

// The header's fields that do not follow from the records.
struct BatchFields {
  Offset base_offset = 0;
  LeaderEpoch partition_leader_epoch = kNoEpoch;
  ProducerId producer_id = kNoProducerId;
  ProducerEpoch producer_epoch = kNoProducerEpoch;
  Sequence base_sequence = kNoSequence;
  Compression compression;
  // The append time when records take theirs from the batch (LogAppendTime); empty: each has its own.
  std::optional<TimestampMs> log_append_time;
  bool transactional = false;
  bool control = false;
  std::optional<TimestampMs> delete_horizon;          // KIP-534
  TimestampMs max_timestamp_if_empty = kNoTimestamp;  // an emptied batch keeps its maximum

  // The fields of an existing batch, to write a batch in its place (compaction, new compression level).
  static BatchFields of(const HeaderView& batch);
};

struct NewRecord {
  TimestampMs timestamp = kNoTimestamp;
  std::optional<ByteView> key;
  std::optional<ByteView> value;
  std::span<const HeaderEntry> headers;
};

// Collects the records of one batch, uncompressed, and compresses them at the end. Sizes are bounded by the
// caller: size_bytes() before, the record's own upper bound by max_size_of().
class BatchBuilder {
 public:
  explicit BatchBuilder(BatchFields fields, std::size_t reserve_bytes = 0);

  // At the next offset: base offset first, then one more each time. REQUIRES: fewer than 2^31-1 records and
  // 2^31-1 bytes in all.
  void append(const NewRecord& record);
  void append(TimestampMs timestamp, std::optional<ByteView> key, std::optional<ByteView> value) {
    append(NewRecord{.timestamp = timestamp, .key = key, .value = value});
  }
  // At an offset of the caller's choice, above all before (compaction keeps offsets).
  void append_at(Offset offset, const NewRecord& record);
  // A record of another batch, its offset, timestamp and headers kept.
  void append_copy(const RecordView& record);

  bool empty() const { return record_count_ == 0; }
  std::int32_t record_count() const { return record_count_; }
  // Of the batch if it were built now without compression.
  std::size_t size_bytes() const { return out_.size(); }
  // Upper bound of what one record adds to size_bytes().
  static std::size_t max_size_of(const NewRecord& record);

  // A producer's id, epoch and sequence are often known only when the batch is sent.
  void set_producer(ProducerId id, ProducerEpoch epoch, Sequence base_sequence);
  // Lets the batch reach up to this offset although its last records are gone (compaction). REQUIRES: not
  // below the last record.
  void set_last_offset(Offset offset);

  // The finished batch; the builder is spent. Without records: an emptied batch, as compaction leaves it.
  // Errc::invalid_argument: a compression level that does not exist.
  Result<Slice> build(Codecs& codecs) &&;
  // For batches without compression.
  Slice build_uncompressed() &&;

 private:
  static constexpr Offset kMaxDelta = 0x7fffffff;
  struct Parts {
    Offset offset;
    TimestampMs timestamp;
    std::optional<ByteView> key;
    std::optional<ByteView> value;
    std::int32_t header_count;
    std::size_t headers_size;
  };
  void encode(const Parts& parts, auto&& write_headers_at);
  void write_header();

  BatchFields fields_;
  Buffer out_;  // the header's place, then the records
  std::int32_t record_count_ = 0;
  Offset last_offset_;
  TimestampMs base_timestamp_ = kNoTimestamp;
  TimestampMs max_timestamp_;
};

}  // namespace moldau::record
