#include "cli/perf_stats.h"

#include <algorithm>
#include <cmath>

namespace moldau::cli {

void LatencyStats::add(runtime::Duration latency) {
  const double ms = std::chrono::duration<double, std::milli>(latency).count();
  const auto bucket = static_cast<std::size_t>(std::max(0.0, ms) / kStepMs);
  ++counts_[std::min(bucket, kBuckets - 1)];
  ++count_;
  total_ms_ += ms;
  max_ms_ = std::max(max_ms_, ms);
}

void LatencyStats::clear() {
  std::ranges::fill(counts_, 0U);
  count_ = 0;
  total_ms_ = max_ms_ = 0;
}

double LatencyStats::percentile_ms(double fraction) const {
  const auto wanted = static_cast<std::int64_t>(std::ceil(fraction * static_cast<double>(count_)));
  std::int64_t seen = 0;
  for (std::size_t i = 0; i < kBuckets; ++i) {
    seen += counts_[i];
    if (seen >= wanted && seen > 0) return std::min(max_ms_, static_cast<double>(i + 1) * kStepMs);
  }
  return max_ms_;
}

}  // namespace moldau::cli
