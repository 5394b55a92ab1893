// Where a group is to go on: what --reset-offsets and `group seek` ask for, turned into an offset of each
// partition that its log has.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "cli/session.h"

namespace moldau::cli {

using NewOffsets = std::map<TopicPartition, Offset>;

struct OffsetTarget {
  enum class Kind : std::uint8_t {
    earliest,
    latest,
    current,    // as committed; the end where nothing is
    offset,     // value
    shift,      // by `value` from what is committed
    timestamp,  // the first record that is not older than `value`, else the end
  } kind = Kind::earliest;
  std::int64_t value = 0;
};

struct OffsetPlan {
  NewOffsets offsets;
  std::vector<TopicPartition> without_record;  // of Kind::timestamp: at their ends
};

// Partitions that are not there, or have no leader, are an error; offsets that the log has not become its
// start or end, which is told on stderr.
runtime::Task<Answer<OffsetPlan>> plan_offsets(ClusterSession& session, const std::string& group,
                                               std::vector<TopicPartition> partitions, OffsetTarget target);
// The same for offsets of which each is known.
runtime::Task<Answer<NewOffsets>> within_logs(ClusterSession& session, NewOffsets wanted);

// "t", "t:0,1": partitions of topics, all of them where none is named.
runtime::Task<Answer<std::vector<TopicPartition>>> partitions_of_topics(
    ClusterSession& session, const std::vector<std::string>& topics);

// "P1DT2H3M4.5S" (ISO 8601, as java.time.Duration reads it), in milliseconds.
std::optional<std::int64_t> parse_iso_duration(std::string_view text);

// CSV: "topic,partition,offset", with a group before it where several are meant.
struct PlannedOffset {
  std::string group;  // empty: the line names none
  TopicPartition partition;
  Offset offset = 0;
};
Answer<std::vector<PlannedOffset>> parse_offset_plan(const std::string& text, const std::string& path);
// As Kafka's tools write and read it: quoted where it must be, and where it is long.
std::string csv_text(const std::string& text);

}  // namespace moldau::cli
