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
  Offset stored_at = kNoOffset;          // where its record is, once it is replayed; in no record
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

// Groups of the consumer protocol (KIP-848): record types 3 and 5 to 8, and 16. A group's epoch, and what its
// members subscribe to.
using Subscription = wire::ConsumerGroupMemberMetadataValue;

struct EpochRecord {
  using Value = wire::ConsumerGroupMetadataValue;
  std::string group;
  std::optional<Value> value;
  friend bool operator==(const EpochRecord&, const EpochRecord&) = default;
};
struct SubscriptionRecord {
  using Value = Subscription;
  std::string group;
  std::string member;
  std::optional<Value> value;
  friend bool operator==(const SubscriptionRecord&, const SubscriptionRecord&) = default;
};
// The epoch that the target assignment is for, and each member's part of it.
struct TargetEpochRecord {
  using Value = wire::ConsumerGroupTargetAssignmentMetadataValue;
  std::string group;
  std::optional<Value> value;
  friend bool operator==(const TargetEpochRecord&, const TargetEpochRecord&) = default;
};
struct TargetRecord {
  using Value = wire::ConsumerGroupTargetAssignmentMemberValue;
  std::string group;
  std::string member;
  std::optional<Value> value;
  friend bool operator==(const TargetRecord&, const TargetRecord&) = default;
};
// What a member has.
struct CurrentRecord {
  using Value = wire::ConsumerGroupCurrentMemberAssignmentValue;
  std::string group;
  std::string member;
  std::optional<Value> value;
  friend bool operator==(const CurrentRecord&, const CurrentRecord&) = default;
};
// The topics that a regular expression of members matches.
struct PatternRecord {
  using Value = wire::ConsumerGroupRegularExpressionValue;
  std::string group;
  std::string pattern;
  std::optional<Value> value;
  friend bool operator==(const PatternRecord&, const PatternRecord&) = default;
};

using Record = std::variant<OffsetRecord, GenerationRecord, EpochRecord, SubscriptionRecord,
                            TargetEpochRecord, TargetRecord, CurrentRecord, PatternRecord>;
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
