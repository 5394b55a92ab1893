// The control records KRAFT_VERSION and VOTERS (KIP-853), in the log and in snapshots: Kafka's format.
#pragma once

#include <optional>
#include <variant>

#include "base/bytes.h"
#include "base/result.h"
#include "raft/voter_history.h"
#include "record/batch.h"

namespace moldau::quorum {

Slice kraft_version_batch(std::int16_t version, LeaderEpoch epoch, TimestampMs now_ms,
                          Offset base_offset = 0);
Slice voters_batch(const raft::VoterSet& voters, LeaderEpoch epoch, TimestampMs now_ms,
                   Offset base_offset = 0);

// What the batch says of kraft.version or of the voters; nothing when it is about something else.
// Errc::corrupt: not well-formed, or voters of which two have one id.
using VoterRecord = std::variant<std::int16_t, raft::VoterSet>;
Result<std::optional<VoterRecord>> voter_record_of(const record::BatchView& batch);

}  // namespace moldau::quorum
