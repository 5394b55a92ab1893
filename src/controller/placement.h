// Which brokers hold the replicas of new partitions: leaders go round the racks and the brokers of each rack
// from a random start, replicas of one partition lie in different racks as far as there are any, and leaders
// are never fenced brokers (Kafka's striped placement).
#pragma once

#include <cstdint>
#include <vector>

#include "base/ids.h"
#include "base/random.h"
#include "base/result.h"
#include "metadata/image.h"

namespace moldau::controller {

using Replicas = std::vector<NodeId>;

// `partition_count` lists of `replication_factor` different brokers, the preferred leader first.
// Errc::invalid_argument when there are too few brokers, or all are fenced; the message says so.
// REQUIRES: both numbers > 0 and bounded by the caller.
Result<std::vector<Replicas>> place(const metadata::Image& image, std::int32_t partition_count,
                                    std::int32_t replication_factor, Random& random);

}  // namespace moldau::controller
