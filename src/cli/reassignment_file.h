// The JSON files of kafka-reassign-partitions and kafka-leader-election:
//
//   {"version":1,"partitions":[{"topic":"t","partition":0,"replicas":[1,2],"log_dirs":["any","any"]}]}
//   {"version":1,"topics":[{"topic":"t"}]}
//   {"partitions":[{"topic":"t","partition":0}]}
#pragma once

#include "base/ids.h"
#include "cli/json.h"
#include "cli/trouble.h"

namespace moldau::cli {

// Replicas by partition, the preferred leader first.
using Assignment = std::map<TopicPartition, std::vector<NodeId>>;

// In the order of the file; a partition may be there twice. Exit::failed names what is wrong, also of
// `log_dirs` that names folders: a replica's folder cannot be chosen.
Answer<std::vector<std::pair<TopicPartition, std::vector<NodeId>>>> parse_reassignment(std::string_view text);
// The same, of which every partition and every replica in its list is there once, and no list is empty.
Answer<Assignment> parse_usable_reassignment(std::string_view text);
Answer<std::vector<std::string>> parse_topics_to_move(std::string_view text);
// Exit::failed for one that is there twice, too.
Answer<std::vector<TopicPartition>> parse_partition_list(std::string_view text);

// As Kafka writes it: one line, with "any" for every folder.
std::string reassignment_json(const Assignment& assignment);

}  // namespace moldau::cli
