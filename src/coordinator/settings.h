// What the static settings say of the coordinators: Kafka's keys, typed. All of them are read-only while a
// node runs.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>

#include "config/topic_config.h"
#include "group/settings.h"
#include "record/codec.h"
#include "transaction/settings.h"

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

  transaction::Settings transactions;
  // transaction.abort.timed.out.transaction.cleanup.interval.ms,
  // transaction.remove.expired.transaction.cleanup.interval.ms
  Milliseconds transaction_abort_interval{10'000};
  Milliseconds transaction_expire_interval{3'600'000};
  std::int64_t transaction_load_buffer_bytes = 5'242'880;  // transaction.state.log.load.buffer.size
  bool verifies_partitions = true;                         // transaction.partition.verification.enable
  // Of __transaction_state, when it is created.
  std::int32_t transaction_partitions = 50;              // transaction.state.log.num.partitions
  std::optional<std::int16_t> transaction_replication;   // transaction.state.log.replication.factor, if set
  std::optional<std::int32_t> transaction_min_isr;       // transaction.state.log.min.isr, if it is set
  std::int32_t transaction_segment_bytes = 104'857'600;  // transaction.state.log.segment.bytes

  // Of the static layer, which load() has validated.
  static Settings of(const config::ConfigMap& static_broker);
};

}  // namespace moldau::coordinator
