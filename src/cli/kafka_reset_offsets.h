// kafka-consumer-groups --reset-offsets.
#pragma once

#include "cli/session.h"

namespace moldau::cli {

// Of the groups, each of which must have no members.
runtime::Task<Answer<Exit>> reset_as_kafka(ClusterSession& session, std::vector<std::string> groups);
// Its flags.
Answer<void> check_reset_flags(const Arguments& arguments);

}  // namespace moldau::cli
