// What the coordinators of this node know of their groups, under the names that dashboards know: those of
// Kafka's own metrics and of kafka_exporter. Lags are those of partitions of which this broker has a replica.
#pragma once

#include <memory>
#include <span>

#include "metadata/image.h"
#include "node/group_route.h"
#include "node/partition_host.h"
#include "telemetry/metrics.h"

namespace moldau::node {

// Goes round the shards. Of the series that groups have of their own there are no more than a registry would
// keep (reliability RE-12).
runtime::Task<telemetry::Snapshot> collect_group_metrics(runtime::Executor& executor,
                                                         std::span<const GroupHome> homes,
                                                         std::span<const std::unique_ptr<HostedLogs>> hosted,
                                                         std::shared_ptr<const metadata::Image> image);

}  // namespace moldau::node
