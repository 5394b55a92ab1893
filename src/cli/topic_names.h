// Topics of a command line: names, or with --regex patterns over the topics that there are.
#pragma once

#include "cli/session.h"

namespace moldau::cli {

// The whole name must match, as in Kafka's tools (RE2's syntax). Usage error for a bad pattern.
Answer<std::vector<std::string>> matching(const std::string& pattern, const std::vector<std::string>& names);

// What session's words name, in their order; with --regex every topic that one of them matches. A usage error
// when there are no words.
runtime::Task<Answer<std::vector<std::string>>> topics_of_words(ClusterSession& session);

// Why a topic could not be used; one that is not there is told with the nearest name that is.
runtime::Task<Trouble> topic_trouble(ClusterSession& session, std::string name, client::Failure failure);

// A topic to be created, of --partitions, --config and the flags `replicas` and `assign`.
Answer<client::NewTopic> new_topic(const Arguments& arguments, std::string name, std::string_view replicas,
                                   std::string_view assign);
// "0,1,4-6".
Answer<std::vector<PartitionIndex>> parse_partitions(std::string_view text);
// "0:1,1:2": replicas of each partition.
Answer<std::vector<std::vector<NodeId>>> parse_assignment(std::string_view text);

}  // namespace moldau::cli
