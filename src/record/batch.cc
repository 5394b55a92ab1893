#include "record/batch.h"

#include <string>

#include "base/crc32c.h"

namespace moldau::record {

Result<std::size_t> peek_batch_size(ByteView first_bytes) {
  MOLDAU_ASSERT(first_bytes.size() >= kPeekSize);
  const auto magic = load_be<std::int8_t>(first_bytes.data() + kMagicAt);
  const auto length = load_be<std::int32_t>(first_bytes.data() + kLengthAt);
  if (magic == 0 || magic == 1) {
    return fail(Errc::unsupported, "message format v" + std::to_string(magic) + " from before Kafka 0.11");
  }
  if (magic != kMagic) return fail(Errc::corrupt, "record batch with magic " + std::to_string(magic));
  if (length < kMinLength) {
    return fail(Errc::corrupt, "record batch of length " + std::to_string(length) + ", at least " +
                                   std::to_string(kMinLength) + " expected");
  }
  return static_cast<std::size_t>(length) + kLogOverhead;
}

Result<HeaderView> HeaderView::at(ByteView bytes) {
  MOLDAU_ASSERT(bytes.size() >= kHeaderSize);
  TRY(peek_batch_size(bytes));
  return HeaderView(bytes.data());
}

Result<BatchView> BatchView::at(ByteView bytes) {
  if (bytes.size() < kPeekSize) return fail(Errc::truncated, "record batch cut off within its header");
  ASSIGN_OR_RETURN(const std::size_t size, peek_batch_size(bytes));
  if (bytes.size() < size) {
    return fail(Errc::truncated, "record batch of " + std::to_string(size) + " bytes cut off after " +
                                     std::to_string(bytes.size()));
  }
  return BatchView(bytes.data());
}

std::uint32_t BatchView::computed_crc() const { return crc32c(bytes().subspan(kAttributesAt)); }

Result<bool> BatchReader::next(BatchView& batch) {
  auto found = BatchView::at(rest_);
  if (!found) {
    if (found.error().code == Errc::truncated) return false;
    return fail(std::move(found).error());
  }
  batch = *found;
  rest_ = rest_.subspan(batch.size());
  return true;
}

Result<BatchRun> measure_batches(ByteView bytes) {
  BatchReader reader(bytes);
  BatchRun run;
  for (BatchView batch;; ++run.batch_count) {
    ASSIGN_OR_RETURN(const bool more, reader.next(batch));
    if (!more) break;
    run.size_bytes += batch.size();
  }
  return run;
}

void set_base_offset(MutableBytes batch, Offset base_offset) {
  MOLDAU_ASSERT(batch.size() >= kHeaderSize);
  store_be<std::int64_t>(batch.data() + kBaseOffsetAt, base_offset);
}

void set_partition_leader_epoch(MutableBytes batch, LeaderEpoch epoch) {
  MOLDAU_ASSERT(batch.size() >= kHeaderSize);
  store_be<std::int32_t>(batch.data() + kPartitionLeaderEpochAt, epoch);
}

void set_max_timestamp(MutableBytes batch, TimestampType type, TimestampMs max_timestamp) {
  MOLDAU_ASSERT(batch.size() >= kHeaderSize);
  auto attributes = load_be<std::int16_t>(batch.data() + kAttributesAt);
  attributes =
      static_cast<std::int16_t>(type == TimestampType::log_append_time ? attributes | kLogAppendTimeBit
                                                                       : attributes & ~kLogAppendTimeBit);
  store_be<std::int16_t>(batch.data() + kAttributesAt, attributes);
  store_be<std::int64_t>(batch.data() + kMaxTimestampAt, max_timestamp);
  set_crc(batch);
}

void set_crc(MutableBytes batch) {
  store_be<std::uint32_t>(batch.data() + kCrcAt, BatchView::trusted(batch).computed_crc());
}

}  // namespace moldau::record
