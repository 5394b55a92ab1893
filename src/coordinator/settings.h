// What the static settings say of the group coordinator: Kafka's keys, typed. All of them are read-only while
// a node runs.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>

#include "config/topic_config.h"
#include "group/settings.h"
#include "record/codec.h"

namespace moldau::coordinator {

struct Settings {
  using Milliseconds = std::chrono::milliseconds;

  group::Settings groups;
  Milliseconds commit_timeout{5'000};              // offsets.commit.timeout.ms: until records are replicated
  Milliseconds retention_check_interval{600'000};  // offsets.retention.check.interval.ms
  std::int64_t load_buffer_bytes = 5'242'880;      // offsets.load.buffer.size
  // Of __consumer_offsets, when it is created.
  std::int32_t offsets_partitions = 50;               // offsets.topic.num.partitions
  std::optional<std::int16_t> offsets_replication;    // offsets.topic.replication.factor, if it is set
  std::int32_t offsets_segment_bytes = 104'857'600;   // offsets.topic.segment.bytes
  record::Codec offsets_codec = record::Codec::none;  // offsets.topic.compression.codec

  // Of the static layer, which load() has validated.
  static Settings of(const config::ConfigMap& static_broker);
};

}  // namespace moldau::coordinator
