// Record batch v2 (magic 2), the unit that producers send, that logs store and that consumers fetch, the same
// bytes in all three places (Kafka protocol guide, KIP-98, KIP-32). Views here borrow; nothing is decoded
// beyond the header. Fixed fields are big-endian.
#pragma once

#include <cstdint>
#include <optional>

#include "base/bytes.h"
#include "base/ids.h"
#include "base/result.h"
#include "record/codec.h"

namespace moldau::record {

// Positions of the header's fields within a batch.
inline constexpr std::size_t kBaseOffsetAt = 0;
inline constexpr std::size_t kLengthAt = 8;
inline constexpr std::size_t kPartitionLeaderEpochAt = 12;
inline constexpr std::size_t kMagicAt = 16;
inline constexpr std::size_t kCrcAt = 17;
inline constexpr std::size_t kAttributesAt = 21;  // the checksum covers everything from here on
inline constexpr std::size_t kLastOffsetDeltaAt = 23;
inline constexpr std::size_t kBaseTimestampAt = 27;
inline constexpr std::size_t kMaxTimestampAt = 35;
inline constexpr std::size_t kProducerIdAt = 43;
inline constexpr std::size_t kProducerEpochAt = 51;
inline constexpr std::size_t kBaseSequenceAt = 53;
inline constexpr std::size_t kRecordCountAt = 57;
inline constexpr std::size_t kHeaderSize = 61;

inline constexpr std::size_t kLogOverhead = 12;                         // base offset and length
inline constexpr std::int32_t kMinLength = kHeaderSize - kLogOverhead;  // of a batch without records
inline constexpr std::size_t kMaxBatchSize = std::size_t{0x7fffffff} + kLogOverhead;
inline constexpr std::int8_t kMagic = 2;

inline constexpr std::int16_t kCodecMask = 0x07;
inline constexpr std::int16_t kLogAppendTimeBit = 0x08;
inline constexpr std::int16_t kTransactionalBit = 0x10;
inline constexpr std::int16_t kControlBit = 0x20;
inline constexpr std::int16_t kDeleteHorizonBit = 0x40;

enum class TimestampType : std::uint8_t { create_time = 0, log_append_time = 1 };

// The sequence `increment` records after `sequence`; after 2^31-1 comes 0. REQUIRES: both >= 0.
constexpr Sequence sequence_after(Sequence sequence, std::int32_t increment) {
  return static_cast<Sequence>(
      (static_cast<std::uint32_t>(sequence) + static_cast<std::uint32_t>(increment)) & 0x7fffffffU);
}

// A base of 64 bits and a delta, both read from bytes that nobody has checked: wraps, as Kafka's does.
constexpr std::int64_t wrapping_add(std::int64_t base, std::int64_t delta) {
  return static_cast<std::int64_t>(static_cast<std::uint64_t>(base) + static_cast<std::uint64_t>(delta));
}

// The header of one batch: borrows at least kHeaderSize bytes whose magic is 2 and whose length is possible.
// Everything else in it is as its writer left it, until someone has checked it.
class HeaderView {
 public:
  HeaderView() = default;
  // REQUIRES: bytes.size() >= kHeaderSize. Errc::corrupt: a length below kMinLength or a magic that never
  // was; Errc::unsupported: magic 0 or 1 (message sets before Kafka 0.11).
  static Result<HeaderView> at(ByteView bytes);
  // The same without the checks, for bytes that passed them before.
  static HeaderView trusted(ByteView bytes) { return HeaderView(bytes.data()); }

  Offset base_offset() const { return load_be<std::int64_t>(at_ + kBaseOffsetAt); }
  std::int32_t length() const { return load_be<std::int32_t>(at_ + kLengthAt); }
  std::size_t size() const { return static_cast<std::size_t>(length()) + kLogOverhead; }
  LeaderEpoch partition_leader_epoch() const { return load_be<std::int32_t>(at_ + kPartitionLeaderEpochAt); }
  std::uint32_t crc() const { return load_be<std::uint32_t>(at_ + kCrcAt); }
  std::int32_t last_offset_delta() const { return load_be<std::int32_t>(at_ + kLastOffsetDeltaAt); }
  Offset last_offset() const { return wrapping_add(base_offset(), last_offset_delta()); }
  Offset next_offset() const { return wrapping_add(last_offset(), 1); }
  // What record timestamps are relative to. kNoTimestamp in a batch that compaction emptied.
  TimestampMs base_timestamp() const { return load_be<std::int64_t>(at_ + kBaseTimestampAt); }
  TimestampMs max_timestamp() const { return load_be<std::int64_t>(at_ + kMaxTimestampAt); }
  ProducerId producer_id() const { return load_be<std::int64_t>(at_ + kProducerIdAt); }
  bool has_producer_id() const { return producer_id() > kNoProducerId; }
  ProducerEpoch producer_epoch() const { return load_be<std::int16_t>(at_ + kProducerEpochAt); }
  Sequence base_sequence() const { return load_be<std::int32_t>(at_ + kBaseSequenceAt); }
  // kNoSequence when the batch has none.
  Sequence last_sequence() const {
    return base_sequence() < 0 ? kNoSequence : sequence_after(base_sequence(), last_offset_delta());
  }
  // Records present; compaction leaves fewer than last_offset_delta() + 1, down to 0.
  std::int32_t record_count() const { return load_be<std::int32_t>(at_ + kRecordCountAt); }

  std::int16_t attributes() const { return load_be<std::int16_t>(at_ + kAttributesAt); }
  // Codec::none and on for ids 0 to 4; empty for the ids 5 to 7, which mean nothing.
  std::optional<Codec> codec() const { return codec_of(attributes() & kCodecMask); }
  bool is_compressed() const { return (attributes() & kCodecMask) != 0; }
  TimestampType timestamp_type() const {
    return has(kLogAppendTimeBit) ? TimestampType::log_append_time : TimestampType::create_time;
  }
  bool is_transactional() const { return has(kTransactionalBit); }
  bool is_control() const { return has(kControlBit); }
  // When tombstones and markers of this batch may go (KIP-534); the cleaner keeps it as the base timestamp.
  std::optional<TimestampMs> delete_horizon() const {
    return has(kDeleteHorizonBit) ? std::optional(base_timestamp()) : std::nullopt;
  }

  ByteView header_bytes() const { return {at_, kHeaderSize}; }

 protected:
  explicit HeaderView(const std::byte* at) : at_(at) {}
  bool has(std::int16_t bit) const { return (attributes() & bit) != 0; }

  const std::byte* at_ = nullptr;
};

// One whole batch: a header and all the bytes that its length promises.
class BatchView : public HeaderView {
 public:
  BatchView() = default;
  // The batch that starts `bytes`; what follows it is left alone. Errors: as HeaderView::at, and
  // Errc::truncated when the bytes end before the batch does.
  static Result<BatchView> at(ByteView bytes);
  // REQUIRES: `bytes` starts with a batch that passed at() before.
  static BatchView trusted(ByteView bytes) { return BatchView(bytes.data()); }

  ByteView bytes() const { return {at_, size()}; }
  // As they lie there: one compressed block if is_compressed().
  ByteView records() const { return bytes().subspan(kHeaderSize); }
  std::uint32_t computed_crc() const;
  bool crc_matches() const { return computed_crc() == crc(); }

 private:
  explicit BatchView(const std::byte* at) : HeaderView(at) {}
};

// Size in bytes of the batch that starts here, from its first 17 bytes (REQUIRES as many). Errors as
// HeaderView::at: for readers that fetch a batch from a file once they know how long it is.
inline constexpr std::size_t kPeekSize = kMagicAt + 1;
Result<std::size_t> peek_batch_size(ByteView first_bytes);

// Walks a run of consecutive batches.
//
//   BatchReader reader(bytes);
//   for (BatchView batch;;) { ASSIGN_OR_RETURN(const bool more, reader.next(batch)); if (!more) break; … }
class BatchReader {
 public:
  explicit BatchReader(ByteView bytes) : rest_(bytes) {}

  // True: `batch` is the next one. False: no further whole batch; rest() then holds the truncated tail, if
  // any. An error (corrupt, unsupported) when bytes that should start a batch do not; rest() starts with
  // them.
  Result<bool> next(BatchView& batch);
  ByteView rest() const { return rest_; }

 private:
  ByteView rest_;
};

// How much of a run of bytes is whole batches: the part of a fetch response or a segment that may be used
// when the end is cut off. Errors: as BatchReader, when there is anything but a truncated tail behind.
struct BatchRun {
  std::size_t batch_count = 0;
  std::size_t size_bytes = 0;  // of the whole batches; what follows is the truncated tail
};
Result<BatchRun> measure_batches(ByteView bytes);

// Changes in place of one whole batch, REQUIRES: one that passed BatchView::at.
// These two fields lie outside the checksum.
void set_base_offset(MutableBytes batch, Offset base_offset);
void set_partition_leader_epoch(MutableBytes batch, LeaderEpoch epoch);
// Sets the maximum timestamp and how it came about, and computes the checksum anew.
void set_max_timestamp(MutableBytes batch, TimestampType type, TimestampMs max_timestamp);
void set_crc(MutableBytes batch);

}  // namespace moldau::record
