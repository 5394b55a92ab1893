#include "controller/assignment.h"

#include <algorithm>
#include <iterator>

#include "controller/controller.h"
#include "controller/partition_change.h"

namespace moldau::controller {

using metadata::Image;
using wire::ErrorCode;

Judged<metadata::PartitionRecord> new_partition(const Image& image, const TopicId& topic_id,
                                                PartitionIndex index, Replicas replicas) {
  metadata::PartitionRecord out;
  out.topic_id = topic_id;
  out.partition = index;
  std::ranges::copy_if(replicas, std::back_inserter(out.isr),
                       [&](NodeId node) { return image.is_active(node); });
  if (out.isr.empty())
    return refuse(ErrorCode::invalid_replica_assignment,
                  "All brokers specified in the manual partition assignment for partition " +
                      std::to_string(index) + " are fenced or in controlled shutdown.");
  for (const NodeId node : replicas) out.directories.push_back(default_directory(image, node));
  out.replicas = std::move(replicas);
  out.leader = out.isr.front();
  return out;
}

Judged<void> check_assignment(const Image& image, const Replicas& replicas, std::size_t replication_factor) {
  const std::string subject = "The manual partition assignment includes ";
  if (replicas.empty())
    return refuse(ErrorCode::invalid_replica_assignment, subject + "an empty replica list.");
  std::set<NodeId> seen;
  for (const NodeId node : replicas) {
    if (!image.broker(node))
      return refuse(ErrorCode::invalid_replica_assignment,
                    subject + "broker " + std::to_string(node) + ", but no such broker is registered.");
    if (!seen.insert(node).second)
      return refuse(ErrorCode::invalid_replica_assignment,
                    subject + "the broker " + std::to_string(node) + " more than once.");
  }
  if (replicas.size() != replication_factor)
    return refuse(ErrorCode::invalid_replica_assignment,
                  subject + "a partition with " + std::to_string(replicas.size()) +
                      " replica(s), but this is not consistent with previous partitions, which have " +
                      std::to_string(replication_factor) + " replica(s).");
  return {};
}

Judged<std::vector<Replicas>> automatic_placement(const Image& image, std::int64_t partitions,
                                                  std::int64_t replication_factor, Random& random) {
  if (replication_factor <= 0 || replication_factor > INT16_MAX)
    return refuse(ErrorCode::invalid_replication_factor,
                  "Replication factor must be larger than 0, or -1 to use the default value.");
  if (partitions <= 0)
    return refuse(ErrorCode::invalid_partitions,
                  "Number of partitions was set to an invalid non-positive value.");
  auto placed = place(image, static_cast<std::int32_t>(partitions),
                      static_cast<std::int32_t>(replication_factor), random);
  if (!placed) return refuse(ErrorCode::invalid_replication_factor, placed.error().message);
  return std::move(*placed);
}

std::string too_many(std::int64_t partitions) {
  return "Excessively large number of partitions per request: " + std::to_string(partitions) + ", at most " +
         std::to_string(kMaxPartitionsPerRequest) + " are allowed.";
}

}  // namespace moldau::controller
