// The configuration that a topic or a broker really has, computed from layers, and its description with
// synonyms as DescribeConfigs gives it. Pure.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "config/catalogue.h"

namespace moldau::config {

// Names and values as given: topic configs by their topic names, broker configs by their broker names.
using ConfigMap = std::map<std::string, std::string, std::less<>>;

// From the highest precedence to the lowest; a layer may be absent. The built-in defaults lie below all of
// them. Borrowed: they outlive the call.
struct ConfigLayers {
  const ConfigMap* topic = nullptr;          // set on the topic
  const ConfigMap* broker = nullptr;         // set on this broker while it ran
  const ConfigMap* cluster = nullptr;        // cluster-wide default set while it ran (broker resource "")
  const ConfigMap* static_broker = nullptr;  // files, environment, flags: Settings::broker
};

// Where acks=1 and acks=all are answered.
enum class Durability : std::uint8_t { synced, page_cache };
std::string_view name_of(Durability durability);  // "synced", "page-cache"

enum class CompressionType : std::uint8_t { producer, uncompressed, gzip, snappy, lz4, zstd };
enum class TimestampType : std::uint8_t { create_time, log_append_time };

// Every topic config that the broker acts on, with Kafka's defaults.
struct TopicConfig {
  bool cleanup_delete = true;
  bool cleanup_compact = false;
  CompressionType compression_type = CompressionType::producer;
  std::int32_t compression_gzip_level = -1;
  std::int32_t compression_lz4_level = 9;
  std::int32_t compression_zstd_level = 3;
  std::int64_t delete_retention_ms = 86'400'000;
  std::int64_t file_delete_delay_ms = 60'000;
  std::int64_t flush_messages = kMax;
  std::int64_t flush_ms = kMax;
  std::int32_t index_interval_bytes = 4096;
  std::int64_t max_compaction_lag_ms = kMax;
  std::int32_t max_message_bytes = 1'048'588;
  std::int64_t message_timestamp_after_max_ms = 3'600'000;
  std::int64_t message_timestamp_before_max_ms = kMax;
  TimestampType message_timestamp_type = TimestampType::create_time;
  double min_cleanable_dirty_ratio = 0.5;
  std::int64_t min_compaction_lag_ms = 0;
  std::int32_t min_insync_replicas = 1;
  bool preallocate = false;
  std::int64_t retention_bytes = -1;        // < 0: unlimited
  std::int64_t retention_ms = 604'800'000;  // < 0: unlimited
  std::int32_t segment_bytes = 1 << 30;     // internal.segment.bytes when that is set
  std::int32_t segment_index_bytes = 10 << 20;
  std::int64_t segment_jitter_ms = 0;
  std::int64_t segment_ms = 604'800'000;
  bool unclean_leader_election_enable = false;
  Durability durability = Durability::synced;

  friend bool operator==(const TopicConfig&, const TopicConfig&) = default;
};

// A value of a layer that does not parse is passed over in favour of the next layer (it was validated when it
// was set).
TopicConfig effective_topic_config(const ConfigLayers& layers);

// Numbers as in DescribeConfigs (ConfigSource).
enum class Source : std::int8_t {
  topic = 1,
  dynamic_broker = 2,
  dynamic_cluster = 3,
  static_broker = 4,
  built_in = 5,
};

struct Synonym {
  std::string name;
  std::optional<std::string> value;  // nothing: null or sensitive
  Source source;
  friend bool operator==(const Synonym&, const Synonym&) = default;
};

struct DescribedConfig {
  std::string name;
  std::optional<std::string> value;  // nothing: null or sensitive
  Source source = Source::built_in;
  bool read_only = false;
  bool sensitive = false;
  Type type = Type::string;
  std::string documentation;
  std::vector<Synonym> synonyms;  // the first is the one in force
};

// Every topic config, by name.
std::vector<DescribedConfig> describe_topic_config(const ConfigLayers& layers);
// Every broker config, by name; layers.topic is not looked at.
std::vector<DescribedConfig> describe_broker_config(const ConfigLayers& layers);

// The value of a broker property in force: layers, then its fallbacks, then its default. REQUIRES: a broker
// key of that type (an integer for int_of, whatever its width); a null default gives `otherwise`. Each
// call walks the layers and allocates: read what a hot path needs once, when the metadata image changes.
class BrokerConfig {
 public:
  explicit BrokerConfig(ConfigLayers layers) : layers_(layers) {}
  bool bool_of(std::string_view name) const;
  std::int64_t int_of(std::string_view name, std::int64_t otherwise = 0) const;
  double real_of(std::string_view name) const;
  std::string string_of(std::string_view name) const;
  std::vector<std::string> list_of(std::string_view name) const;

 private:
  Value value_of(std::string_view name, Value otherwise) const;
  ConfigLayers layers_;
};

// Whether the value may be set on a topic; Errc::invalid_argument names the range, an unknown name its
// nearest one.
Status validate_topic_config(std::string_view name, std::string_view value);
// All of a topic's own configs together: each value, and those that contradict each other.
Status validate_topic_configs(const ConfigMap& configs);
// Whether the value may be set on a broker, or cluster-wide, while it runs.
Status validate_broker_config(std::string_view name, std::string_view value, bool cluster_wide);

// IncrementalAlterConfigs' APPEND and SUBTRACT: the new text of a list config. `current` is the value in
// force. Values already there are not added twice, values not there are not missed. Errc::invalid_argument
// when it is not a list.
Result<std::string> append_to_list(const Key& key, std::string_view current, std::string_view added);
Result<std::string> subtract_from_list(const Key& key, std::string_view current, std::string_view removed);

}  // namespace moldau::config
