// Internal to validation: the rules that look at every record (Kafka's LogValidator.validateRecord).
#pragma once

#include <algorithm>
#include <limits>
#include <utility>

#include "record/record_walk.h"
#include "record/validate.h"

namespace moldau::record {

using Checked = std::expected<void, Rejection>;

inline std::unexpected<Rejection> reject(RejectionReason reason, std::string message) {
  return std::unexpected(Rejection{reason, std::move(message), {}});
}
inline std::unexpected<Rejection> invalid(std::string message) {
  return reject(RejectionReason::invalid_record, std::move(message));
}

// Which timestamps a topic takes, so arranged that one comparison settles the usual case.
struct TimestampWindow {
  TimestampMs earliest = std::numeric_limits<TimestampMs>::min();
  TimestampMs latest = std::numeric_limits<TimestampMs>::max();

  static TimestampWindow of(const ValidationRules& rules);
  bool holds(TimestampMs timestamp) const { return timestamp >= earliest && timestamp <= latest; }
};

class RecordErrors {
 public:
  void add(RejectionReason reason, std::int32_t index, std::string message);
  bool empty() const { return count_ == 0; }
  // Kafka names the timestamp when any record's is at fault.
  Rejection take() &&;

 private:
  RejectionReason reason_ = RejectionReason::invalid_record;
  std::int64_t count_ = 0;
  std::vector<RecordError> errors_;
};

class RecordChecks {
 public:
  RecordChecks(const BatchView& batch, const ValidationRules& rules)
      : base_timestamp_(batch.base_timestamp()),
        count_(batch.record_count()),
        compacted_(rules.compacted),
        window_(TimestampWindow::of(rules)) {}

  Checked run(ByteView records);
  TimestampMs max_timestamp() const { return max_timestamp_; }
  std::int32_t max_timestamp_index() const { return max_timestamp_index_; }

 private:
  // Whether the usual case held; if not, complain() says what is wrong, if anything.
  [[gnu::always_inline]] bool is_plain(const RecordFacts& facts, std::int32_t index,
                                       TimestampMs timestamp) const {
    return facts.offset_delta == index && window_.holds(timestamp) && (facts.has_key || !compacted_);
  }
  [[gnu::noinline, gnu::cold]] void complain(const RecordFacts& facts, std::int32_t index,
                                             TimestampMs timestamp);

  const TimestampMs base_timestamp_;
  const std::int32_t count_;
  const bool compacted_;
  const TimestampWindow window_;
  TimestampMs max_timestamp_ = kNoTimestamp;
  std::int32_t max_timestamp_index_ = 0;
  RecordErrors errors_;
};

}  // namespace moldau::record
