#include "record/builder.h"

#include <algorithm>

#include "base/varint.h"

namespace moldau::record {
namespace {

constexpr std::size_t kMaxFixedSize =
    21;  // length, attributes, deltas, key and value length (Kafka's own bound)

std::int64_t wrapping_subtract(std::int64_t a, std::int64_t b) {
  return static_cast<std::int64_t>(static_cast<std::uint64_t>(a) - static_cast<std::uint64_t>(b));
}

std::size_t size_of_nullable(std::optional<ByteView> bytes) {
  if (!bytes) return varint_size(-1);
  return varint_size(static_cast<std::int32_t>(bytes->size())) + bytes->size();
}

std::byte* write_bytes(std::byte* at, ByteView bytes) {
  if (!bytes.empty()) std::memcpy(at, bytes.data(), bytes.size());
  return at + bytes.size();
}

std::byte* write_nullable(std::byte* at, std::optional<ByteView> bytes) {
  if (!bytes) return write_varint(at, -1);
  return write_bytes(write_varint(at, static_cast<std::int32_t>(bytes->size())), *bytes);
}

std::size_t size_of_headers(std::span<const HeaderEntry> headers) {
  std::size_t size = 0;
  for (const HeaderEntry& header : headers) {
    size += size_of_nullable(as_bytes(header.key)) + size_of_nullable(header.value);
  }
  return size;
}

std::byte* write_headers(std::byte* at, std::span<const HeaderEntry> headers) {
  for (const HeaderEntry& header : headers) {
    at = write_nullable(write_nullable(at, as_bytes(header.key)), header.value);
  }
  return at;
}

std::int16_t attributes_of(const BatchFields& fields) {
  int attributes = static_cast<int>(fields.compression.codec);
  if (fields.log_append_time) attributes |= kLogAppendTimeBit;
  if (fields.transactional) attributes |= kTransactionalBit;
  if (fields.control) attributes |= kControlBit;
  if (fields.delete_horizon) attributes |= kDeleteHorizonBit;
  return static_cast<std::int16_t>(attributes);
}

}  // namespace

BatchFields BatchFields::of(const HeaderView& batch) {
  BatchFields fields{.base_offset = batch.base_offset(),
                     .partition_leader_epoch = batch.partition_leader_epoch(),
                     .producer_id = batch.producer_id(),
                     .producer_epoch = batch.producer_epoch(),
                     .base_sequence = batch.base_sequence(),
                     .compression = {.codec = batch.codec().value_or(Codec::none)},
                     .transactional = batch.is_transactional(),
                     .control = batch.is_control(),
                     .delete_horizon = batch.delete_horizon(),
                     .max_timestamp_if_empty = batch.max_timestamp()};
  if (batch.timestamp_type() == TimestampType::log_append_time)
    fields.log_append_time = batch.max_timestamp();
  return fields;
}

BatchBuilder::BatchBuilder(BatchFields fields, std::size_t reserve_bytes)
    : fields_(fields),
      out_(kHeaderSize + reserve_bytes),
      last_offset_(fields.base_offset - 1),
      max_timestamp_(fields.max_timestamp_if_empty) {
  out_.extend(kHeaderSize);
  if (fields_.delete_horizon) base_timestamp_ = *fields_.delete_horizon;
}

std::size_t BatchBuilder::max_size_of(const NewRecord& record) {
  return kMaxFixedSize + 2 * kMaxVarint32Size + (record.key ? record.key->size() : 0) +
         (record.value ? record.value->size() : 0) + size_of_headers(record.headers);
}

void BatchBuilder::append(const NewRecord& record) { append_at(last_offset_ + 1, record); }

void BatchBuilder::append_at(Offset offset, const NewRecord& record) {
  encode(Parts{.offset = offset,
               .timestamp = record.timestamp,
               .key = record.key,
               .value = record.value,
               .header_count = static_cast<std::int32_t>(record.headers.size()),
               .headers_size = size_of_headers(record.headers)},
         [&](std::byte* at) { return write_headers(at, record.headers); });
}

void BatchBuilder::append_copy(const RecordView& record) {
  encode(Parts{.offset = record.offset,
               .timestamp = record.timestamp,
               .key = record.key,
               .value = record.value,
               .header_count = record.headers.size(),
               .headers_size = record.headers.bytes().size()},
         [&](std::byte* at) { return write_bytes(at, record.headers.bytes()); });
}

void BatchBuilder::encode(const Parts& parts, auto&& write_headers_at) {
  MOLDAU_ASSERT(parts.offset > last_offset_ && parts.offset - fields_.base_offset <= kMaxDelta,
                "offsets of a batch rise and stay within 2^31 of its first");
  if (empty() && !fields_.delete_horizon) base_timestamp_ = parts.timestamp;
  const auto offset_delta = static_cast<std::int32_t>(parts.offset - fields_.base_offset);
  const std::int64_t timestamp_delta = wrapping_subtract(parts.timestamp, base_timestamp_);
  const std::size_t body_size = 1 + varlong_size(timestamp_delta) + varint_size(offset_delta) +
                                size_of_nullable(parts.key) + size_of_nullable(parts.value) +
                                varint_size(parts.header_count) + parts.headers_size;
  MOLDAU_ASSERT(body_size + out_.size() < static_cast<std::size_t>(kMaxDelta),
                "a batch holds less than 2 GiB");
  const auto length = static_cast<std::int32_t>(body_size);
  std::byte* at = write_varint(out_.extend(varint_size(length) + body_size).data(), length);
  *at++ = std::byte{0};
  at = write_varint(write_varlong(at, timestamp_delta), offset_delta);
  at = write_nullable(write_nullable(at, parts.key), parts.value);
  at = write_headers_at(write_varint(at, parts.header_count));
  MOLDAU_ASSERT(at == out_.data() + out_.size());
  max_timestamp_ = empty() ? parts.timestamp : std::max(max_timestamp_, parts.timestamp);
  last_offset_ = parts.offset;
  ++record_count_;
}

void BatchBuilder::set_producer(ProducerId id, ProducerEpoch epoch, Sequence base_sequence) {
  fields_.producer_id = id;
  fields_.producer_epoch = epoch;
  fields_.base_sequence = base_sequence;
}

void BatchBuilder::set_last_offset(Offset offset) {
  MOLDAU_ASSERT(offset >= last_offset_ && offset - fields_.base_offset <= kMaxDelta);
  last_offset_ = offset;
}

void BatchBuilder::write_header() {
  std::byte* const at = out_.data();
  if (empty()) fields_.compression.codec = Codec::none;
  store_be<std::int64_t>(at + kBaseOffsetAt, fields_.base_offset);
  store_be<std::int32_t>(at + kLengthAt, static_cast<std::int32_t>(out_.size() - kLogOverhead));
  store_be<std::int32_t>(at + kPartitionLeaderEpochAt, fields_.partition_leader_epoch);
  store_be<std::int8_t>(at + kMagicAt, kMagic);
  store_be<std::int16_t>(at + kAttributesAt, attributes_of(fields_));
  store_be<std::int32_t>(at + kLastOffsetDeltaAt,
                         static_cast<std::int32_t>(std::max<Offset>(last_offset_ - fields_.base_offset, 0)));
  store_be<std::int64_t>(at + kBaseTimestampAt, base_timestamp_);
  store_be<std::int64_t>(at + kMaxTimestampAt, fields_.log_append_time.value_or(max_timestamp_));
  store_be<std::int64_t>(at + kProducerIdAt, fields_.producer_id);
  store_be<std::int16_t>(at + kProducerEpochAt, fields_.producer_epoch);
  store_be<std::int32_t>(at + kBaseSequenceAt, fields_.base_sequence);
  store_be<std::int32_t>(at + kRecordCountAt, record_count_);
  set_crc({at, out_.size()});
}

Result<Slice> BatchBuilder::build(Codecs& codecs) && {
  if (fields_.compression.codec != Codec::none && !empty()) {
    Buffer compressed(kHeaderSize + out_.size() / 2);
    compressed.extend(kHeaderSize);
    TRY(codecs.compress(fields_.compression, out_.view().subspan(kHeaderSize), compressed));
    out_ = std::move(compressed);
  }
  write_header();
  return std::move(out_).to_slice();
}

Slice BatchBuilder::build_uncompressed() && {
  MOLDAU_ASSERT(fields_.compression.codec == Codec::none);
  write_header();
  return std::move(out_).to_slice();
}

}  // namespace moldau::record
