// What a group has consumed of each partition and what is left: the picture that `moldau group describe` and
// kafka-consumer-groups show.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "cli/session.h"

namespace moldau::cli {

struct GroupPartition {
  TopicPartition partition;
  std::optional<client::GroupOffset> committed;
  std::optional<std::size_t> member;  // that has it: its place in GroupDescription::members
  // Nothing: the partition cannot be asked.
  std::optional<Offset> log_start;
  std::optional<Offset> log_end;      // high watermark
  std::optional<Offset> last_stable;  // what readers of committed records see
  std::string error;                  // why it cannot be asked

  std::optional<std::int64_t> lag() const;
};

struct GroupView {
  client::GroupDescription group;
  // First those of the members, in the order of member_order(), then those that nobody has.
  std::vector<GroupPartition> partitions;
};

// Places in `members`: of those with partitions, who has most of them first.
std::vector<std::size_t> member_order(const std::vector<client::GroupMember>& members);

// `bounds`: log_start and last_stable too.
runtime::Task<Answer<GroupView>> view_group(ClusterSession& session, client::GroupDescription group,
                                            bool bounds);

// Why it lags, for a person: empty when it does not, or when nothing but time is missing.
std::string why_it_lags(const GroupView& view, const GroupPartition& partition);

// Whether members may be told of other offsets: the group is not in use.
bool is_inactive(const client::GroupDescription& group);

}  // namespace moldau::cli
