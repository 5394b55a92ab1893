// What the perf commands print: rates and latencies as columns of a table, or Kafka's lines.
#pragma once

#include <string>
#include <vector>

#include "cli/perf_stats.h"
#include "cli/session.h"

namespace moldau::cli {

inline constexpr double kMebibyte = 1024.0 * 1024.0;

struct Throughput {
  std::int64_t records = 0;
  std::int64_t bytes = 0;  // of keys and values
  runtime::Duration elapsed{};

  double seconds() const;  // never 0
  double records_per_second() const { return static_cast<double>(records) / seconds(); }
  double mebibytes_per_second() const { return static_cast<double>(bytes) / kMebibyte / seconds(); }
};

// Two digits behind the point.
Json rounded(double value);
void add_throughput(std::vector<Column>& columns, std::vector<Json>& cells, const Throughput& throughput);
void add_latencies(std::vector<Column>& columns, std::vector<Json>& cells, const LatencyStats& stats);

// "N records sent, N records/sec (N MB/sec), N ms avg latency, N ms max latency"
std::string kafka_line(const LatencyStats& stats, std::int64_t bytes, runtime::Duration elapsed);

// With --json one JSON line for each row, else as --format says.
Answer<void> print_measured(Session& session, Table table);
// Writes the percentiles to the file that --hdr names, if any.
runtime::Task<Answer<void>> write_hgrm(ClusterSession& session, const LatencyStats& stats);

}  // namespace moldau::cli
