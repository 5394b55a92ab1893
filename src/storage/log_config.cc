#include "storage/log_config.h"

#include <algorithm>

namespace moldau::storage {

std::int64_t LogConfig::longest_segment_ms() const {
  return cleanup_compact && max_compaction_lag_ms > 0 ? std::min(max_compaction_lag_ms, segment_ms)
                                                      : segment_ms;
}

record::ValidationRules LogConfig::validation_rules(TimestampMs now_ms, std::int16_t produce_version) const {
  constexpr std::int16_t kFirstVersionWithZstd = 7;
  record::ValidationRules rules;
  rules.compression = compression;
  rules.timestamp_type = timestamp_type;
  rules.before_max_ms = timestamp_before_max_ms;
  rules.after_max_ms = timestamp_after_max_ms;
  rules.max_message_bytes = static_cast<std::size_t>(max_message_bytes);
  rules.segment_bytes = static_cast<std::size_t>(segment_bytes);
  rules.compacted = cleanup_compact;
  rules.zstd_allowed = produce_version >= kFirstVersionWithZstd;
  rules.now_ms = now_ms;
  return rules;
}

}  // namespace moldau::storage
