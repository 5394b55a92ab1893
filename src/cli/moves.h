// Carrying out a plan of moves (move_plan.h): showing it, starting it, waiting for its end.
#pragma once

#include "cli/move_plan.h"
#include "cli/session.h"

namespace moldau::cli {

// TOPIC PARTITION FROM TO.
Answer<void> print_plan(Session& session, const Assignment& from, const Assignment& plan);

// Starts the moves; those that were refused, with why.
runtime::Task<Answer<std::map<TopicPartition, client::Failure>>> start_moves(ClusterSession& session,
                                                                             const Assignment& plan);
// Until none of them is under way any more: those that still are at the deadline, or when a signal came.
runtime::Task<Answer<std::vector<TopicPartition>>> wait_for_moves(ClusterSession& session,
                                                                  const Assignment& plan,
                                                                  runtime::MonotonicTime deadline);

// Preferred elections of the plan's partitions. An election that is not needed is none that failed.
runtime::Task<Answer<std::map<TopicPartition, client::Failure>>> elect_preferred(ClusterSession& session,
                                                                                 const Assignment& plan);

// "OK", or why it was refused.
std::string status_text(const std::map<TopicPartition, client::Failure>& refused,
                        const TopicPartition& partition);

// "topic" or "topic/3" of words, among these topics; every partition without words. Exit::not_found, with the
// nearest name, for one that is not there.
Answer<std::vector<TopicPartition>> partitions_of_words(const std::vector<std::string>& words,
                                                        const std::vector<client::TopicInfo>& topics);
// "1,2,3". A usage error names the flag.
Answer<std::vector<NodeId>> parse_nodes(std::string_view text, std::string_view flag);

}  // namespace moldau::cli
