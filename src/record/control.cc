#include "record/control.h"

#include <array>
#include <string>

#include "record/builder.h"
#include "record/record.h"

namespace moldau::record {
namespace {

constexpr std::int16_t kKeyVersion = 0;
constexpr std::int16_t kMarkerVersion = 0;
constexpr std::size_t kKeySize = 4;
constexpr std::size_t kMarkerSize = 6;

Slice one_record(BatchFields fields, ControlType type, TimestampMs timestamp, ByteView value) {
  std::array<std::byte, kKeySize> key;
  store_be<std::int16_t>(key.data(), kKeyVersion);
  store_be<std::int16_t>(key.data() + 2, static_cast<std::int16_t>(type));
  fields.control = true;
  BatchBuilder builder(fields, kKeySize + value.size() + 32);
  builder.append(timestamp, key, value);
  return std::move(builder).build_uncompressed();
}

}  // namespace

bool is_known(ControlType type) { return type >= ControlType::abort && type <= ControlType::kraft_voters; }

Slice end_transaction_batch(const EndTransaction& marker, LeaderEpoch leader_epoch, Offset base_offset) {
  std::array<std::byte, kMarkerSize> value;
  store_be<std::int16_t>(value.data(), kMarkerVersion);
  store_be<std::int32_t>(value.data() + 2, marker.coordinator_epoch);
  const BatchFields fields{.base_offset = base_offset,
                           .partition_leader_epoch = leader_epoch,
                           .producer_id = marker.producer_id,
                           .producer_epoch = marker.producer_epoch,
                           .transactional = true};
  return one_record(fields, marker.committed ? ControlType::commit : ControlType::abort, marker.timestamp,
                    value);
}

Slice control_batch(ControlType type, ByteView value, LeaderEpoch leader_epoch, TimestampMs timestamp,
                    Offset base_offset) {
  const BatchFields fields{.base_offset = base_offset, .partition_leader_epoch = leader_epoch};
  return one_record(fields, type, timestamp, value);
}

Result<ControlRecord> read_control_record(const BatchView& batch) {
  MOLDAU_ASSERT(batch.is_control());
  if (batch.is_compressed()) return fail(Errc::corrupt, "compressed control batch");
  RecordReader reader(batch, batch.records());
  RecordView record;
  ASSIGN_OR_RETURN(const bool first, reader.next(record));
  if (!first || batch.record_count() != 1) return fail(Errc::corrupt, "control batch without its one record");
  RecordView none;
  TRY(reader.next(none));
  if (!record.key || record.key->size() < kKeySize)
    return fail(Errc::corrupt, "control record without its key");
  return ControlRecord{.version = load_be<std::int16_t>(record.key->data()),
                       .type = static_cast<ControlType>(load_be<std::int16_t>(record.key->data() + 2)),
                       .value = record.value.value_or(ByteView{})};
}

Result<std::int32_t> coordinator_epoch_of(const ControlRecord& record) {
  if (record.value.size() < kMarkerSize) return fail(Errc::corrupt, "transaction marker without its value");
  return load_be<std::int32_t>(record.value.data() + 2);
}

}  // namespace moldau::record
