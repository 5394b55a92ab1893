// The records of __consumer_offsets: the state of consumer groups, in Kafka's format (kafka-protocol.md 4.1
// and B.2), so that Kafka's coordinators and tools read what is written here, and the other way round. A key
// is an int16 record type and its body, a value an int16 version and its body; a null value deletes. Pure.
#pragma once

#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "base/bytes.h"
#include "base/ids.h"
#include "base/result.h"
#include "wire/messages/consumer_offsets.h"

namespace moldau::group {

struct CommittedOffset {
  Offset offset = kNoOffset;
  LeaderEpoch leader_epoch = kNoEpoch;  // of the last record that was consumed
  std::string metadata;
  TimestampMs commit_ms = kNoTimestamp;
  TimestampMs expire_ms = kNoTimestamp;  // asked for by clients before OffsetCommit v5; kNoTimestamp: none
  TopicId topic_id;                      // zero: committed by name, when the id was not kept yet
  friend bool operator==(const CommittedOffset&, const CommittedOffset&) = default;
};

struct OffsetRecord {
  std::string group;
  TopicPartition partition;
  std::optional<CommittedOffset> value;
  friend bool operator==(const OffsetRecord&, const OffsetRecord&) = default;
};

// A classic group's generation: its members and what each was assigned.
using Generation = wire::GroupMetadataValue;

struct GenerationRecord {
  std::string group;
  std::optional<Generation> value;
  friend bool operator==(const GenerationRecord&, const GenerationRecord&) = default;
};

using Record = std::variant<OffsetRecord, GenerationRecord>;
using Records = std::vector<Record>;

struct EncodedRecord {
  Slice key;
  std::optional<Slice> value;
};
EncodedRecord encode(const Record& record);

// Owns all that it holds. Nothing for record types and versions that are not known here: they are skipped, as
// by Kafka. Errc::corrupt, Errc::truncated: not the form of its type and version.
Result<std::optional<Record>> decode(const Slice& key, const std::optional<Slice>& value);

}  // namespace moldau::group
