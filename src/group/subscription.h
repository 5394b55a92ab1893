// What the broker reads of the subscriptions that members of classic consumer groups hand each other. All
// else in them is between the members.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/ids.h"

namespace moldau::group {

// The protocol type of consumers; Connect, Schema Registry and others have their own.
inline constexpr std::string_view kConsumerProtocolType = "consumer";

// The topics of a subscription of any version, each of which begins like the first. Nothing when it is not
// one.
std::optional<std::vector<std::string>> subscribed_topics(const Slice& subscription);

// The same with what later versions add.
struct ClassicSubscription {
  std::vector<std::string> topics;
  std::vector<TopicPartition> owned;
  std::optional<std::string> rack;
};
std::optional<ClassicSubscription> read_subscription(const Slice& subscription);

// What a leader assigned to a member.
struct ClassicAssignment {
  std::vector<TopicPartition> partitions;
  bool has_user_data = false;  // of an assignor that the broker does not know
};
// Nothing when it is none; an empty one is one of no partitions.
std::optional<ClassicAssignment> read_assignment(const Slice& assignment);
// In the version of the member's subscription.
Slice write_assignment(const std::vector<TopicPartition>& partitions, const Slice& subscription);

}  // namespace moldau::group
