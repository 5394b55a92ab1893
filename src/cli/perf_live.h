// Live reading: consumers that read a topic while a stamped load (perf_load.h) is written to it, and how long
// after it was due each record reached them. Without a group: each of them reads every partition.
#pragma once

#include <memory>
#include <vector>

#include "cli/perf_load.h"
#include "cli/perf_report.h"
#include "cli/reading.h"

namespace moldau::cli {

struct LivePlan {
  std::int64_t consumers = 1;
  std::optional<double> rate;  // records a second that each of them takes at most
  bool from_start = false;     // what is there already, too
};

// --consumers, --consume-rate and --from-start.
Answer<LivePlan> live_plan_of_flags(const Arguments& arguments);

// One side of a live run.
struct LiveSide {
  Throughput throughput;
  LatencyStats latencies;  // of the load's own records only
};

struct LiveResult {
  LiveSide written;
  LiveSide read;             // of all consumers together
  std::int64_t missing = 0;  // records that were acknowledged and not read by everyone
};

using OnLive =
    std::function<void(const LatencyStats& written, std::int64_t bytes, runtime::Duration elapsed)>;

// Runs the load with the consumers beside it, from before its first record until its last one was read by
// everyone, or nothing came for 10 seconds. Consumers with a rate, and those that began with what was there,
// may be behind: they end with the load. The first failure of either side ends both.
runtime::Task<Answer<LiveResult>> run_live(ClusterSession& session, Load load, LivePlan plan,
                                           const Producers& producers, client::ConsumerOptions options,
                                           OnLive on_interval);

}  // namespace moldau::cli
