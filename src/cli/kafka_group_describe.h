// kafka-consumer-groups --describe: offsets, members and states, line for line as Kafka's.
#pragma once

#include "cli/session.h"

namespace moldau::cli {

// Of the groups, ascending by id; of each what the flags --members, --state and --verbose ask for.
runtime::Task<Answer<Exit>> describe_as_kafka(ClusterSession& session, std::vector<std::string> groups);

// The line that Kafka's tool has for what goes wrong, on stdout after an empty one.
Exit kafka_error(Session& session, const std::string& text);

}  // namespace moldau::cli
