// Latencies of a perf run: exact to a millisecond's tenth up to a minute, in bounded memory. Pure.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "runtime/time.h"

namespace moldau::cli {

class LatencyStats {
 public:
  LatencyStats() : counts_(kBuckets) {}
  void add(runtime::Duration latency);
  void add(const LatencyStats& others);
  void clear();
  std::int64_t count() const { return count_; }
  double mean_ms() const { return count_ == 0 ? 0 : total_ms_ / static_cast<double>(count_); }
  double max_ms() const { return max_ms_; }
  // The latency that `fraction` of the records did not exceed.
  double percentile_ms(double fraction) const;
  // The percentile distribution in milliseconds, as HdrHistogram's tools write and plot it (.hgrm).
  std::string hgrm() const;

 private:
  static constexpr double kStepMs = 0.1;
  static constexpr std::size_t kBuckets = 600'000;
  std::vector<std::uint32_t> counts_;
  std::int64_t count_ = 0;
  double total_ms_ = 0;
  double total_ms2_ = 0;  // of the squares
  double max_ms_ = 0;
};

}  // namespace moldau::cli
