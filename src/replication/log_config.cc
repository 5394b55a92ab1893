#include "replication/log_config.h"

#include "base/assert.h"

namespace moldau::replication {
namespace {

std::optional<record::Compression> compression_of(const config::TopicConfig& topic) {
  using config::CompressionType;
  using record::Codec;
  using record::Compression;
  switch (topic.compression_type) {
    case CompressionType::producer:
      return std::nullopt;
    case CompressionType::uncompressed:
      return Compression{Codec::none, {}};
    case CompressionType::gzip:
      return Compression{Codec::gzip, topic.compression_gzip_level};
    case CompressionType::snappy:
      return Compression{Codec::snappy, {}};
    case CompressionType::lz4:
      return Compression{Codec::lz4, topic.compression_lz4_level};
    case CompressionType::zstd:
      return Compression{Codec::zstd, topic.compression_zstd_level};
  }
  MOLDAU_UNREACHABLE("CompressionType");
}

}  // namespace

storage::LogConfig log_config_of(const config::TopicConfig& topic, const config::BrokerConfig& broker) {
  storage::LogConfig log;
  log.segment_bytes = topic.segment_bytes;
  log.segment_ms = topic.segment_ms;
  log.segment_jitter_ms = topic.segment_jitter_ms;
  log.segment_index_bytes = topic.segment_index_bytes;
  log.index_interval_bytes = topic.index_interval_bytes;
  log.retention_ms = topic.retention_ms;
  log.retention_bytes = topic.retention_bytes;
  log.file_delete_delay_ms = topic.file_delete_delay_ms;
  log.flush_messages = topic.flush_messages;
  log.flush_ms = topic.flush_ms;
  log.producer_id_expiration_ms = broker.int_of("producer.id.expiration.ms", log.producer_id_expiration_ms);
  log.max_message_bytes = topic.max_message_bytes;
  log.timestamp_type = topic.message_timestamp_type == config::TimestampType::log_append_time
                           ? record::TimestampType::log_append_time
                           : record::TimestampType::create_time;
  log.timestamp_before_max_ms = topic.message_timestamp_before_max_ms;
  log.timestamp_after_max_ms = topic.message_timestamp_after_max_ms;
  log.compression = compression_of(topic);
  log.preallocate = topic.preallocate;
  log.cleanup_delete = topic.cleanup_delete;
  log.cleanup_compact = topic.cleanup_compact;
  log.delete_retention_ms = topic.delete_retention_ms;
  log.min_compaction_lag_ms = topic.min_compaction_lag_ms;
  log.max_compaction_lag_ms = topic.max_compaction_lag_ms;
  log.min_cleanable_dirty_ratio = topic.min_cleanable_dirty_ratio;
  log.durability = topic.durability == config::Durability::synced ? storage::Durability::synced
                                                                  : storage::Durability::page_cache;
  return log;
}

}  // namespace moldau::replication
