#include "config/topic_config.h"

#include <algorithm>

#include "base/assert.h"
#include "config/layers.h"
#include "config/text.h"

namespace moldau::config {
namespace {

// Reads the fields of a TopicConfig.
class TopicReader {
 public:
  explicit TopicReader(const ConfigLayers& layers) : layers_(layers) {}

  template <class T>
  T get(std::string_view name) const {
    return std::get<T>(*value_of(name));
  }
  std::int32_t int32(std::string_view name) const {
    return static_cast<std::int32_t>(get<std::int64_t>(name));
  }
  std::int64_t int64(std::string_view name) const { return get<std::int64_t>(name); }

  std::optional<Value> value_of(std::string_view name) const {
    const Key* key = find_topic_key(name);
    MOLDAU_ASSERT(key, name);
    const auto found = occurrences_of_topic_key(*key, layers_);
    if (const Occurrence* first = in_force(found, *key)) return *parse_value(*key, converted(*first, *key));
    if (!key->default_value) return std::nullopt;
    return *parse_value(*key, *key->default_value);
  }

 private:
  const ConfigLayers& layers_;
};

CompressionType compression_type_of(std::string_view name) {
  if (name == "uncompressed") return CompressionType::uncompressed;
  if (name == "gzip") return CompressionType::gzip;
  if (name == "snappy") return CompressionType::snappy;
  if (name == "lz4") return CompressionType::lz4;
  if (name == "zstd") return CompressionType::zstd;
  return CompressionType::producer;
}

void read_cleanup(const TopicReader& read, TopicConfig& config) {
  const auto policies = read.get<std::vector<std::string>>("cleanup.policy");
  config.cleanup_delete = has(policies, "delete");
  config.cleanup_compact = has(policies, "compact");
  config.delete_retention_ms = read.int64("delete.retention.ms");
  config.file_delete_delay_ms = read.int64("file.delete.delay.ms");
  config.min_cleanable_dirty_ratio = read.get<double>("min.cleanable.dirty.ratio");
  config.min_compaction_lag_ms = read.int64("min.compaction.lag.ms");
  config.max_compaction_lag_ms = read.int64("max.compaction.lag.ms");
  config.retention_bytes = read.int64("retention.bytes");
  config.retention_ms = read.int64("retention.ms");
}

void read_batches(const TopicReader& read, TopicConfig& config) {
  config.compression_type = compression_type_of(read.get<std::string>("compression.type"));
  config.compression_gzip_level = read.int32("compression.gzip.level");
  config.compression_lz4_level = read.int32("compression.lz4.level");
  config.compression_zstd_level = read.int32("compression.zstd.level");
  config.max_message_bytes = read.int32("max.message.bytes");
  config.message_timestamp_after_max_ms = read.int64("message.timestamp.after.max.ms");
  config.message_timestamp_before_max_ms = read.int64("message.timestamp.before.max.ms");
  const bool arrival = read.get<std::string>("message.timestamp.type") == "LogAppendTime";
  config.message_timestamp_type = arrival ? TimestampType::log_append_time : TimestampType::create_time;
  config.min_insync_replicas = read.int32("min.insync.replicas");
  config.unclean_leader_election_enable = read.get<bool>("unclean.leader.election.enable");
}

void read_segments(const TopicReader& read, TopicConfig& config) {
  config.flush_messages = read.int64("flush.messages");
  config.flush_ms = read.int64("flush.ms");
  config.index_interval_bytes = read.int32("index.interval.bytes");
  config.preallocate = read.get<bool>("preallocate");
  config.segment_bytes = read.int32("segment.bytes");
  if (const auto internal = read.value_of("internal.segment.bytes"))
    config.segment_bytes = static_cast<std::int32_t>(std::get<std::int64_t>(*internal));
  config.segment_index_bytes = read.int32("segment.index.bytes");
  config.segment_jitter_ms = read.int64("segment.jitter.ms");
  config.segment_ms = read.int64("segment.ms");
  const bool page_cache = read.get<std::string>("moldau.durability") == "page-cache";
  config.durability = page_cache ? Durability::page_cache : Durability::synced;
}

// As Kafka shows it: what it has parsed, not what was typed.
std::string canonical(const Key& key, std::string text) {
  if (key.type == Type::string || key.type == Type::password) return text;
  const std::string_view parsed = trimmed(text);
  return key.type == Type::boolean ? lower(parsed) : std::string(parsed);
}

// Kafka names the default of the property itself, not those of its fallbacks in other units.
bool is_default_of_fallback(const Occurrence& occurrence, std::string_view property) {
  return occurrence.source == Source::built_in && occurrence.set_by->name != property;
}

// `property` is what the broker calls the key.
DescribedConfig describe(const Key& key, std::string_view property, const std::vector<Occurrence>& found,
                         bool read_only) {
  DescribedConfig out{
      .name = std::string(key.name), .read_only = read_only, .sensitive = key.type == Type::password};
  out.type = key.type;
  out.documentation = key.doc;
  if (const std::string range = range_text(key); !range.empty())
    out.documentation += " Values: " + range + ".";
  const auto shown = [&](std::string value) {
    return out.sensitive ? std::nullopt : std::optional<std::string>(std::move(value));
  };
  const Occurrence* first = in_force(found, key);
  for (const Occurrence& occurrence : found) {
    if (out.synonyms.empty() && &occurrence != first) continue;  // one that does not parse is not in force
    if (is_default_of_fallback(occurrence, property)) continue;
    out.synonyms.push_back(
        {std::string(occurrence.set_by->name), shown(canonical(key, occurrence.value)), occurrence.source});
  }
  const bool of_broker = property == key.name;
  if (first != nullptr && !(of_broker && is_default_of_fallback(*first, property))) {
    out.value = shown(canonical(key, converted(*first, key)));
    out.source = first->source;
  } else if (key.default_value) {
    out.value = shown(std::string(*key.default_value));
  }
  return out;
}

}  // namespace

std::string_view name_of(Durability durability) {
  return durability == Durability::synced ? "synced" : "page-cache";
}

TopicConfig effective_topic_config(const ConfigLayers& layers) {
  const TopicReader read(layers);
  TopicConfig config;
  read_cleanup(read, config);
  read_batches(read, config);
  read_segments(read, config);
  return config;
}

std::vector<DescribedConfig> describe_topic_config(const ConfigLayers& layers) {
  std::vector<DescribedConfig> all;
  for (const Key& key : topic_keys()) {
    if (key.name.starts_with("internal.")) continue;  // Kafka hides those
    const auto properties = split_list(key.synonyms);
    const std::string property = properties.empty() ? "" : properties.front();
    all.push_back(describe(key, property, occurrences_of_topic_key(key, layers), false));
  }
  return all;
}

std::vector<DescribedConfig> describe_broker_config(const ConfigLayers& layers) {
  std::vector<DescribedConfig> all;
  for (const Key& key : broker_keys()) {
    auto found = occurrences_of_broker_key(key, layers);
    if (found.empty() && key.support != Support::used) continue;  // relics of old releases that nobody set
    all.push_back(describe(key, key.name, found, key.dynamic == Dynamic::read_only));
  }
  return all;
}

Value BrokerConfig::value_of(std::string_view name, Value otherwise) const {
  const Key* key = find_broker_key(name);
  MOLDAU_ASSERT(key, name);
  const auto found = occurrences_of_broker_key(*key, layers_);
  const Occurrence* first = in_force(found, *key);
  return first != nullptr ? *parse_value(*key, converted(*first, *key)) : std::move(otherwise);
}

bool BrokerConfig::bool_of(std::string_view name) const { return std::get<bool>(value_of(name, false)); }
std::int64_t BrokerConfig::int_of(std::string_view name, std::int64_t otherwise) const {
  return std::get<std::int64_t>(value_of(name, otherwise));
}
double BrokerConfig::real_of(std::string_view name) const { return std::get<double>(value_of(name, 0.0)); }
std::string BrokerConfig::string_of(std::string_view name) const {
  return std::get<std::string>(value_of(name, std::string()));
}
std::vector<std::string> BrokerConfig::list_of(std::string_view name) const {
  return std::get<std::vector<std::string>>(value_of(name, std::vector<std::string>()));
}

}  // namespace moldau::config
