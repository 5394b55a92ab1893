#include "record/validate.h"

#include <utility>

#include "record/record_checks.h"

namespace moldau::record {
namespace {

using Validated = std::expected<ValidatedBatch, Rejection>;

std::string number(auto value) { return std::to_string(value); }

// ---- The request's form (ProduceRequest.validateRecords).

std::expected<BatchView, Rejection> only_batch_of(ByteView bytes) {
  if (bytes.size() < kPeekSize) return invalid("a partition's records must be exactly one record batch");
  const auto magic = load_be<std::int8_t>(bytes.data() + kMagicAt);
  if (magic < 0 || magic > kMagic)
    return reject(RejectionReason::corrupt_message, "unknown magic " + number(magic));
  if (magic != kMagic) return invalid("record batches must have magic 2, not " + number(magic));
  const auto batch = BatchView::at(bytes);
  if (batch && batch->size() == bytes.size()) return *batch;
  if (batch) return invalid("a partition's records must be exactly one record batch, bytes follow the first");
  if (batch.error().code == Errc::truncated) return invalid(batch.error().message);
  return reject(RejectionReason::corrupt_message, batch.error().message);
}

Checked check_codec(const BatchView& batch, const ValidationRules& rules) {
  const auto codec = batch.codec();
  if (!codec) {
    return reject(RejectionReason::unsupported_compression_type,
                  "unknown compression type " + number(batch.attributes() & kCodecMask));
  }
  if (*codec == Codec::zstd && !rules.zstd_allowed) {
    return reject(RejectionReason::unsupported_compression_type, "zstd needs Produce version 7 or newer");
  }
  return {};
}

// ---- The batch as a whole (UnifiedLog.analyzeAndValidateRecords).

Checked check_size(std::size_t size, const ValidationRules& rules) {
  if (size <= rules.max_message_bytes) return {};
  return reject(RejectionReason::message_too_large, "a record batch of " + number(size) +
                                                        " bytes is over max.message.bytes, " +
                                                        number(rules.max_message_bytes));
}

Checked check_whole(const BatchView& batch, const ValidationRules& rules) {
  if (batch.base_offset() != 0) {
    return invalid("the base offset of a produced batch must be 0, not " + number(batch.base_offset()));
  }
  if (auto fits = check_size(batch.size(), rules); !fits) return fits;
  if (batch.crc_matches()) return {};
  return reject(RejectionReason::corrupt_message, "record batch is corrupt: stored crc " +
                                                      number(batch.crc()) + ", computed " +
                                                      number(batch.computed_crc()));
}

// ---- The header (LogValidator.validateBatch).

Checked check_header(const BatchView& batch) {
  const std::int64_t offsets = std::int64_t{batch.last_offset_delta()} + 1;
  if (offsets <= 0) return invalid("invalid offset range, last offset delta " + number(offsets - 1));
  if (batch.record_count() <= 0) return invalid("invalid record count " + number(batch.record_count()));
  if (batch.record_count() != offsets) {
    return invalid("a range of " + number(offsets) + " offsets but " + number(batch.record_count()) +
                   " records");
  }
  if (batch.is_control()) return invalid("clients are not allowed to write control records");
  if (batch.delete_horizon()) return invalid("clients are not allowed to set a delete horizon");
  if (batch.has_producer_id() && batch.base_sequence() < 0) {
    return invalid("invalid sequence number " + number(batch.base_sequence()) + " with producer id " +
                   number(batch.producer_id()));
  }
  if (batch.timestamp_type() == TimestampType::log_append_time) {
    return reject(RejectionReason::invalid_timestamp,
                  "producers must not set the timestamp type LogAppendTime");
  }
  return {};
}

std::expected<ByteView, Rejection> decompressed(const BatchView& batch, const ValidationRules& rules,
                                                Codecs& codecs) {
  auto records = codecs.decompress(*batch.codec(), batch.records(), rules.max_uncompressed_bytes);
  if (records) return *records;
  if (records.error().code == Errc::too_large) {
    return reject(RejectionReason::message_too_large,
                  "a record batch expands to more than " + number(rules.max_uncompressed_bytes) + " bytes");
  }
  return invalid(std::move(records).error().message);
}

// ---- What the leader changes.

Slice recompressed(const BatchView& batch, ByteView records, const Compression& target, Codecs& codecs) {
  Buffer out(kHeaderSize + records.size() / 2);
  out.append(batch.header_bytes());
  const auto done = codecs.compress(target, records, out);
  MOLDAU_ASSERT(done.has_value(), "the topic's compression level was checked when it was set");
  const int attributes = (batch.attributes() & ~kCodecMask) | static_cast<int>(target.codec);
  store_be<std::int16_t>(out.data() + kAttributesAt, static_cast<std::int16_t>(attributes));
  store_be<std::int32_t>(out.data() + kLengthAt, static_cast<std::int32_t>(out.size() - kLogOverhead));
  set_crc({out.data(), out.size()});
  return std::move(out).to_slice();
}

Slice with_max_timestamp(const Slice& batch, TimestampType type, TimestampMs max_timestamp) {
  Buffer out;
  out.append(batch.view());
  set_max_timestamp({out.data(), out.size()}, type, max_timestamp);
  return std::move(out).to_slice();
}

void set_timestamp(ValidatedBatch& batch, const ValidationRules& rules) {
  if (rules.timestamp_type == TimestampType::log_append_time) {
    batch.max_timestamp = rules.now_ms;
    batch.max_timestamp_offset_delta = 0;
  } else if (batch.view().max_timestamp() == batch.max_timestamp) {
    return;
  }
  batch.bytes = with_max_timestamp(batch.bytes, rules.timestamp_type, batch.max_timestamp);
  batch.rewritten = true;
}

Checked check_result(const ValidatedBatch& batch, const ValidationRules& rules) {
  if (batch.rewritten) {
    if (auto fits = check_size(batch.size_bytes(), rules); !fits) return fits;
  }
  if (batch.size_bytes() <= rules.segment_bytes) return {};
  return reject(RejectionReason::record_list_too_large, "a record batch of " + number(batch.size_bytes()) +
                                                            " bytes is over segment.bytes, " +
                                                            number(rules.segment_bytes));
}

Checked check_before_records(const BatchView& batch, const ValidationRules& rules) {
  if (auto codec = check_codec(batch, rules); !codec) return codec;
  if (auto whole = check_whole(batch, rules); !whole) return whole;
  return check_header(batch);
}

}  // namespace

std::string_view name_of(RejectionReason reason) {
  switch (reason) {
    case RejectionReason::corrupt_message:
      return "CORRUPT_MESSAGE";
    case RejectionReason::invalid_record:
      return "INVALID_RECORD";
    case RejectionReason::invalid_timestamp:
      return "INVALID_TIMESTAMP";
    case RejectionReason::message_too_large:
      return "MESSAGE_TOO_LARGE";
    case RejectionReason::record_list_too_large:
      return "RECORD_LIST_TOO_LARGE";
    case RejectionReason::unsupported_compression_type:
      return "UNSUPPORTED_COMPRESSION_TYPE";
  }
  MOLDAU_UNREACHABLE();
}

Validated validate_for_append(Slice batches, const ValidationRules& rules, Codecs& codecs) {
  ASSIGN_OR_RETURN(const BatchView batch, only_batch_of(batches));
  TRY(check_before_records(batch, rules));
  ASSIGN_OR_RETURN(const ByteView records, decompressed(batch, rules, codecs));
  RecordChecks checks(batch, rules);
  TRY(checks.run(records));

  ValidatedBatch result{.bytes = std::move(batches),
                        .record_count = batch.record_count(),
                        .max_timestamp = checks.max_timestamp(),
                        .max_timestamp_offset_delta = checks.max_timestamp_index()};
  if (rules.compression && rules.compression->codec != *batch.codec()) {
    result.bytes = recompressed(batch, records, *rules.compression, codecs);
    result.rewritten = true;
  }
  set_timestamp(result, rules);
  TRY(check_result(result, rules));
  return result;
}

}  // namespace moldau::record
