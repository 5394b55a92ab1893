// The gauges that are computed rather than counted: offsets and sizes of partitions, the commit log's state.
#pragma once

#include "config/settings.h"
#include "node/partition_host.h"
#include "telemetry/metrics.h"

namespace moldau::node {

// Brings the registry up to date; on the shard of `hosted`. Partitions have series of their own only when the
// settings want them.
void refresh_metrics(HostedLogs& hosted, const config::Settings& settings, telemetry::Registry& registry);

}  // namespace moldau::node
