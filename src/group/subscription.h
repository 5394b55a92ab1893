// What the broker reads of the subscriptions that members of classic consumer groups hand each other. All
// else in them is between the members.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"

namespace moldau::group {

// The protocol type of consumers; Connect, Schema Registry and others have their own.
inline constexpr std::string_view kConsumerProtocolType = "consumer";

// The topics of a subscription of any version, each of which begins like the first. Nothing when it is not
// one.
std::optional<std::vector<std::string>> subscribed_topics(const Slice& subscription);

}  // namespace moldau::group
