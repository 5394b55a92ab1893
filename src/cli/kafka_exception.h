// How Kafka's tools name what a broker refused.
#pragma once

#include <string>

#include "client/failure.h"

namespace moldau::cli {

// The class that Kafka's clients have for an error code: ELIGIBLE_LEADERS_NOT_AVAILABLE is
// "org.apache.kafka.common.errors.EligibleLeadersNotAvailableException".
std::string exception_name(wire::ErrorCode code);
// "org.apache.kafka.common.errors.GroupIdNotFoundException: Group g not found."
std::string exception_text(const client::Failure& failure);

}  // namespace moldau::cli
