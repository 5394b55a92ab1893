// The field's identifiers and their reserved values. Units and ranges are Kafka's.
#pragma once

#include <array>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

namespace moldau {

using NodeId = std::int32_t;          // >= 0; -1 none
using PartitionIndex = std::int32_t;  // >= 0
using Offset = std::int64_t;          // >= 0; -1 none
using LeaderEpoch = std::int32_t;     // >= 0; -1 unknown
using ProducerId = std::int64_t;      // >= 0; -1 none
using ProducerEpoch = std::int16_t;   // >= 0; -1 none
using Sequence = std::int32_t;        // >= 0, wraps to 0; -1 none
using TimestampMs = std::int64_t;     // milliseconds since 1970; -1 none

inline constexpr NodeId kNoNode = -1;
inline constexpr Offset kNoOffset = -1;
inline constexpr LeaderEpoch kNoEpoch = -1;
inline constexpr ProducerId kNoProducerId = -1;
inline constexpr ProducerEpoch kNoProducerEpoch = -1;
inline constexpr Sequence kNoSequence = -1;
inline constexpr TimestampMs kNoTimestamp = -1;

// 128 bits, big-endian on the wire; text form is 22 characters of unpadded URL-safe base64.
struct Uuid {
  std::uint64_t high = 0;
  std::uint64_t low = 0;

  bool is_zero() const { return high == 0 && low == 0; }
  std::string to_string() const;
  static std::optional<Uuid> parse(std::string_view text);
  friend auto operator<=>(const Uuid&, const Uuid&) = default;
};

using TopicId = Uuid;
using DirectoryId = Uuid;
inline constexpr Uuid kZeroUuid{};
inline constexpr TopicId kMetadataTopicId{0, 1};  // __cluster_metadata

struct TopicPartition {
  std::string topic;
  PartitionIndex partition = 0;
  std::string to_string() const { return topic + "-" + std::to_string(partition); }
  friend auto operator<=>(const TopicPartition&, const TopicPartition&) = default;
};

struct TopicIdPartition {
  TopicId topic_id;
  PartitionIndex partition = 0;
  friend auto operator<=>(const TopicIdPartition&, const TopicIdPartition&) = default;
};

}  // namespace moldau

template <>
struct std::hash<moldau::Uuid> {
  std::size_t operator()(const moldau::Uuid& id) const noexcept {
    return id.high * 0x9e3779b97f4a7c15ULL ^ (id.low + (id.high >> 29));
  }
};
template <>
struct std::hash<moldau::TopicIdPartition> {
  std::size_t operator()(const moldau::TopicIdPartition& key) const noexcept {
    return std::hash<moldau::Uuid>()(key.topic_id) +
           static_cast<std::size_t>(key.partition) * 0x9e3779b97f4a7c15ULL;
  }
};
template <>
struct std::hash<moldau::TopicPartition> {
  std::size_t operator()(const moldau::TopicPartition& key) const noexcept {
    return std::hash<std::string>()(key.topic) +
           static_cast<std::size_t>(key.partition) * 0x9e3779b97f4a7c15ULL;
  }
};
