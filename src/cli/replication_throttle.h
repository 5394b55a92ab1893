// What a move of partitions may cost: the rate configs of brokers and the lists of throttled replicas of
// topics (KIP-73), as kafka-reassign-partitions sets and clears them.
#pragma once

#include <set>

#include "cli/reassignment_file.h"
#include "cli/session.h"

namespace moldau::cli {

using Reassignments = std::map<TopicPartition, client::Reassignment>;

// A partition's way: who has it, and who gets it.
struct Move {
  std::set<NodeId> sources;
  std::set<NodeId> destinations;
};
using Moves = std::map<TopicPartition, Move>;
// Those under way, and the proposed ones over them: each from who has the partition now.
Moves moves_of(const Reassignments& under_way, const Assignment& proposed, const Assignment& now);

// "0:1,0:2,1:3": partition and broker, of the sources (that lead) or the destinations (that follow) of a
// topic.
std::string throttled_sources(const Moves& moves, std::string_view topic);
std::string throttled_destinations(const Moves& moves, std::string_view topic);

runtime::Task<Answer<void>> set_throttle(ClusterSession& session, const Moves& moves,
                                         std::int64_t bytes_per_second);
runtime::Task<Answer<void>> clear_broker_throttles(ClusterSession& session, const std::set<NodeId>& brokers);
runtime::Task<Answer<void>> clear_topic_throttles(ClusterSession& session,
                                                  const std::set<std::string>& topics);

}  // namespace moldau::cli
