// Record batches of the metadata log: protobuf records in data batches, Kafka's control records around them.
#pragma once

#include <functional>
#include <span>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"
#include "metadata/record.h"
#include "raft/raft.h"
#include "record/batch.h"

namespace moldau::quorum {

// One batch with one value per record. REQUIRES: values is not empty.
Slice data_batch(std::span<const Slice> values, Offset base_offset, LeaderEpoch epoch, TimestampMs now_ms);
Slice leader_change_batch(const raft::AppendLeaderChange& change, TimestampMs now_ms);

// The metadata records of a run of whole batches, control records left out. Each batch's checksum is checked,
// and that epochs, which no checksum covers, rise from `epoch_before` on. Errors: Errc::corrupt, and
// metadata::parse's.
Result<std::vector<metadata::Record>> records_of(ByteView batches, LeaderEpoch epoch_before);

}  // namespace moldau::quorum
