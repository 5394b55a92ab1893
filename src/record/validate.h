// What a partition leader checks before it appends a batch that a client sent, and what it changes (Kafka's
// ProduceRequest.validateRecords, UnifiedLog.analyzeAndValidateRecords and LogValidator, in their order).
// Pure: bytes in, bytes out; offsets and leader epoch are set by the log as it copies.
#pragma once

#include <cstdint>
#include <expected>
#include <limits>
#include <optional>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/ids.h"
#include "base/result.h"
#include "record/batch.h"
#include "record/codec.h"

namespace moldau::record {

// A topic's settings, as far as they bear on one append, and the circumstances of the request.
struct ValidationRules {
  std::optional<Compression> compression;  // compression.type; empty: keep the producer's
  TimestampType timestamp_type = TimestampType::create_time;
  std::int64_t before_max_ms = std::numeric_limits<std::int64_t>::max();  // message.timestamp.before.max.ms
  std::int64_t after_max_ms = 3'600'000;                                  // message.timestamp.after.max.ms
  std::size_t max_message_bytes = 1'048'588;                              // max.message.bytes
  std::size_t segment_bytes = 1'073'741'824;                              // segment.bytes
  bool compacted = false;                                                 // cleanup.policy has compact
  bool zstd_allowed = true;                                               // Produce version >= 7
  TimestampMs now_ms = 0;
  // Bounds what one compressed batch may expand to. Kafka has no such limit, clients never come near it.
  std::size_t max_uncompressed_bytes = std::size_t{128} << 20;
};

// Why a batch is refused; one error code of Kafka's each.
enum class RejectionReason : std::uint8_t {
  corrupt_message,               // CORRUPT_MESSAGE
  invalid_record,                // INVALID_RECORD, perhaps with record errors
  invalid_timestamp,             // INVALID_TIMESTAMP, with record errors
  message_too_large,             // MESSAGE_TOO_LARGE
  record_list_too_large,         // RECORD_LIST_TOO_LARGE
  unsupported_compression_type,  // UNSUPPORTED_COMPRESSION_TYPE
};
std::string_view name_of(RejectionReason reason);

struct RecordError {
  std::int32_t batch_index;  // of the record in its batch
  std::string message;
  friend bool operator==(const RecordError&, const RecordError&) = default;
};

struct Rejection {
  RejectionReason reason;
  std::string message;                     // for a person; names the limit that was passed
  std::vector<RecordError> record_errors;  // at most kMaxRecordErrors
};
inline constexpr std::size_t kMaxRecordErrors = 100;

// A batch that may be appended. Base offset is 0 and leader epoch what the client wrote.
struct ValidatedBatch {
  Slice bytes;             // what came in, or a rewritten copy
  bool rewritten = false;  // compressed anew, or a new maximum timestamp and checksum
  std::int32_t record_count = 0;
  TimestampMs max_timestamp = kNoTimestamp;
  std::int32_t max_timestamp_offset_delta = 0;  // of the first record with the maximum timestamp

  BatchView view() const { return BatchView::trusted(bytes); }
  std::size_t size_bytes() const { return bytes.size(); }
};

// `batches`: the records field of one partition of a Produce request; there must be exactly one batch.
// `codecs`: the calling shard's, for compressed batches.
std::expected<ValidatedBatch, Rejection> validate_for_append(Slice batches, const ValidationRules& rules,
                                                             Codecs& codecs);

// What a batch read back from disk, or fetched by a follower, must hold, light enough for every batch: form,
// checksum, and offsets that do not run backwards. `next_offset`: where the log before it ends.
// Errc::corrupt with the reason.
Status check_stored_batch(const BatchView& batch, Offset next_offset);

}  // namespace moldau::record
