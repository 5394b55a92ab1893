// The topic configs that a log acts on, typed (kafka-protocol.md 5.1); all may change while the log is open.
#pragma once

#include <cstdint>
#include <limits>
#include <optional>

#include "base/ids.h"
#include "record/validate.h"

namespace moldau::storage {

// When a record counts as durable, and so when acks=1 and acks=all may be answered.
enum class Durability : std::uint8_t {
  synced,      // in the synced commit log
  page_cache,  // written to the segment file, as in Kafka; flush.messages and flush.ms sync
};

struct LogConfig {
  static constexpr std::int64_t kNever = std::numeric_limits<std::int64_t>::max();

  std::int64_t segment_bytes = 1'073'741'824;
  std::int64_t segment_ms = 604'800'000;
  std::int64_t segment_jitter_ms = 0;
  std::int64_t segment_index_bytes = 10'485'760;
  std::int64_t index_interval_bytes = 4096;
  std::int64_t retention_ms = 604'800'000;  // -1: without limit
  std::int64_t retention_bytes = -1;        // -1: without limit
  std::int64_t file_delete_delay_ms = 60'000;
  std::int64_t flush_messages = kNever;
  std::int64_t flush_ms = kNever;
  std::int64_t producer_id_expiration_ms = 86'400'000;
  std::int64_t max_message_bytes = 1'048'588;
  record::TimestampType timestamp_type = record::TimestampType::create_time;
  std::int64_t timestamp_before_max_ms = kNever;
  std::int64_t timestamp_after_max_ms = 3'600'000;
  std::optional<record::Compression> compression;  // empty: the producer's
  bool preallocate = false;
  bool cleanup_delete = true;
  bool cleanup_compact = false;
  std::int64_t delete_retention_ms = 86'400'000;
  std::int64_t min_compaction_lag_ms = 0;
  std::int64_t max_compaction_lag_ms = kNever;
  double min_cleanable_dirty_ratio = 0.5;
  Durability durability = Durability::synced;

  // How old a segment may become. In a compacted log its records wait for its end (KIP-354).
  std::int64_t longest_segment_ms() const;
  // What a client's batch has to keep to at `now_ms`, sent with Produce `version`.
  record::ValidationRules validation_rules(TimestampMs now_ms, std::int16_t produce_version) const;
};

}  // namespace moldau::storage
