// The gauges that are computed rather than counted: offsets and sizes of partitions, the commit log's state.
#pragma once

#include <span>

#include "config/settings.h"
#include "node/partition_host.h"
#include "telemetry/metrics.h"

namespace moldau::node {

// Brings a shard's registry up to date, from all the logs that it hosts; on that shard. Partitions have
// series of their own only when the settings want them.
void refresh_metrics(std::span<HostedLogs* const> hosted, const config::Settings& settings,
                     telemetry::Registry& registry);

}  // namespace moldau::node
