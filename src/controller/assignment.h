// New partitions: their replicas, chosen by hand or by placement.h, and their first records.
#pragma once

#include <cstdint>
#include <set>
#include <string>
#include <vector>

#include "controller/placement.h"
#include "controller/refusal.h"
#include "metadata/image.h"

namespace moldau::controller {

// The names that occur more than once.
template <class Items>
std::set<std::string> duplicates(const Items& items) {
  std::set<std::string> seen, twice;
  for (const auto& item : items)
    if (!seen.insert(item.name).second) twice.insert(item.name);
  return twice;
}

// Errors as Kafka's CreateTopics and CreatePartitions have them.
Judged<void> check_assignment(const metadata::Image& image, const Replicas& replicas,
                              std::size_t replication_factor);
Judged<std::vector<Replicas>> automatic_placement(const metadata::Image& image, std::int64_t partitions,
                                                  std::int64_t replication_factor, Random& random);
// The partition's first record: its ISR are those replicas that are there, the first of them leads.
Judged<metadata::PartitionRecord> new_partition(const metadata::Image& image, const TopicId& topic_id,
                                                PartitionIndex index, Replicas replicas);
std::string too_many(std::int64_t partitions);

}  // namespace moldau::controller
