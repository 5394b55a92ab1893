#include "record/record_checks.h"

namespace moldau::record {
namespace {

std::string number(auto value) { return std::to_string(value); }

std::int64_t saturating_add(std::int64_t a, std::int64_t b) {
  std::int64_t sum;
  if (!__builtin_add_overflow(a, b, &sum)) return sum;
  return b < 0 ? std::numeric_limits<std::int64_t>::min() : std::numeric_limits<std::int64_t>::max();
}

}  // namespace

TimestampWindow TimestampWindow::of(const ValidationRules& rules) {
  if (rules.timestamp_type == TimestampType::log_append_time) return {};
  return {.earliest = std::max<TimestampMs>(saturating_add(rules.now_ms, -rules.before_max_ms), 0),
          .latest = saturating_add(rules.now_ms, rules.after_max_ms)};
}

void RecordErrors::add(RejectionReason reason, std::int32_t index, std::string message) {
  if (reason == RejectionReason::invalid_timestamp) reason_ = reason;
  if (errors_.size() < kMaxRecordErrors) errors_.push_back({index, std::move(message)});
  ++count_;
}

Rejection RecordErrors::take() && {
  return {reason_, number(count_) + " records rejected, the first: " + errors_.front().message,
          std::move(errors_)};
}

Checked RecordChecks::run(ByteView records) {
  Cursor cursor(records);
  TimestampMs max_timestamp = kNoTimestamp;
  std::int32_t max_timestamp_index = 0;
  for (std::int32_t index = 0; index < count_; ++index) {
    RecordFacts facts;
    if (!walk_record(cursor, facts)) [[unlikely]]
      return invalid("malformed record at index " + number(index));
    const TimestampMs timestamp = wrapping_add(base_timestamp_, facts.timestamp_delta);
    if (!is_plain(facts, index, timestamp)) [[unlikely]]
      complain(facts, index, timestamp);
    if (timestamp > max_timestamp) {
      max_timestamp = timestamp;
      max_timestamp_index = index;
    }
  }
  if (!cursor.at_end()) return invalid(number(cursor.left()) + " bytes left over behind the last record");
  if (!errors_.empty()) return std::unexpected(std::move(errors_).take());
  max_timestamp_ = max_timestamp;
  max_timestamp_index_ = max_timestamp_index;
  return {};
}

void RecordChecks::complain(const RecordFacts& facts, std::int32_t index, TimestampMs timestamp) {
  if (compacted_ && !facts.has_key) {
    errors_.add(RejectionReason::invalid_record, index,
                "a compacted topic does not take records without a key");
  } else if (!window_.holds(timestamp) && timestamp < kNoTimestamp) {
    errors_.add(RejectionReason::invalid_record, index, "negative timestamp " + number(timestamp));
  } else if (!window_.holds(timestamp) && timestamp != kNoTimestamp) {
    errors_.add(RejectionReason::invalid_timestamp, index,
                "timestamp " + number(timestamp) + " is out of range, it should be within " +
                    number(window_.earliest) + " and " + number(window_.latest));
  } else if (facts.offset_delta != index) {
    errors_.add(RejectionReason::invalid_record, index,
                "offset delta " + number(facts.offset_delta) + " where " + number(index) + " was expected");
  }
}

}  // namespace moldau::record
