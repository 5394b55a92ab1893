// Control batches: transaction markers and the quorum's own records. Exactly one record; its key is int16
// version and int16 type. They take up offsets but are never given to applications; unknown types are
// skipped.
#pragma once

#include <cstdint>

#include "base/bytes.h"
#include "base/ids.h"
#include "base/result.h"
#include "record/batch.h"

namespace moldau::record {

enum class ControlType : std::int16_t {
  abort = 0,
  commit = 1,
  leader_change = 2,
  snapshot_header = 3,
  snapshot_footer = 4,
  kraft_version = 5,
  kraft_voters = 6,
};
bool is_known(ControlType type);

// The end of a transaction in one partition (EndTxnMarker, version 0).
struct EndTransaction {
  bool committed = false;
  ProducerId producer_id = kNoProducerId;
  ProducerEpoch producer_epoch = kNoProducerEpoch;
  std::int32_t coordinator_epoch = 0;
  TimestampMs timestamp = kNoTimestamp;
};
Slice end_transaction_batch(const EndTransaction& marker, LeaderEpoch leader_epoch, Offset base_offset = 0);

// Any other control record; `value` is the message in its wire form, version first (wire, protocol appendix
// B).
Slice control_batch(ControlType type, ByteView value, LeaderEpoch leader_epoch, TimestampMs timestamp,
                    Offset base_offset = 0);

struct ControlRecord {
  std::int16_t version = 0;
  ControlType type{};  // may be one that is not named above
  ByteView value;      // empty when the record has none
};
// REQUIRES: batch.is_control(). Errc::corrupt: not one well-formed record; compaction may have emptied a
// control batch, so ask for record_count() first.
Result<ControlRecord> read_control_record(const BatchView& batch);
// Reads the coordinator epoch of an ABORT or COMMIT record's value.
Result<std::int32_t> coordinator_epoch_of(const ControlRecord& record);

}  // namespace moldau::record
