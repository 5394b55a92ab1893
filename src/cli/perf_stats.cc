#include "cli/perf_stats.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace moldau::cli {

void LatencyStats::add(runtime::Duration latency) {
  const double ms = std::chrono::duration<double, std::milli>(latency).count();
  const auto bucket = static_cast<std::size_t>(std::max(0.0, ms) / kStepMs);
  ++counts_[std::min(bucket, kBuckets - 1)];
  ++count_;
  total_ms_ += ms;
  total_ms2_ += ms * ms;
  max_ms_ = std::max(max_ms_, ms);
}

void LatencyStats::add(const LatencyStats& others) {
  for (std::size_t i = 0; i < kBuckets; ++i) counts_[i] += others.counts_[i];
  count_ += others.count_;
  total_ms_ += others.total_ms_;
  total_ms2_ += others.total_ms2_;
  max_ms_ = std::max(max_ms_, others.max_ms_);
}

void LatencyStats::clear() {
  std::ranges::fill(counts_, 0U);
  count_ = 0;
  total_ms_ = total_ms2_ = max_ms_ = 0;
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

// Five steps for each halving of what is left to 100 %.
std::string LatencyStats::hgrm() const {
  constexpr double kSteps = 5;
  std::string out =
      fmt::format("{:>12} {:>14} {:>10} {:>14}\n\n", "Value", "Percentile", "TotalCount", "1/(1-Percentile)");
  std::int64_t seen = 0;
  double next = 0;
  for (std::size_t i = 0; i < kBuckets && seen < count_; ++i) {
    if (counts_[i] == 0) continue;
    seen += counts_[i];
    const double fraction = static_cast<double>(seen) / static_cast<double>(count_);
    const bool last = seen == count_;
    const double value = last ? max_ms_ : static_cast<double>(i + 1) * kStepMs;
    for (; next <= fraction && !last; next += (1 - next) / (2 * kSteps))
      out += fmt::format("{:>12.3f} {:>14.12f} {:>10} {:>14.2f}\n", value, next, seen, 1 / (1 - next));
    if (last) out += fmt::format("{:>12.3f} {:>14.12f} {:>10} {:>14}\n", value, 1.0, seen, "inf");
  }
  const double mean = mean_ms();
  const double spread =
      count_ == 0 ? 0 : std::sqrt(std::max(0.0, total_ms2_ / static_cast<double>(count_) - mean * mean));
  return out + fmt::format("#[Mean    = {:>12.3f}, StdDeviation   = {:>12.3f}]\n", mean, spread) +
         fmt::format("#[Max     = {:>12.3f}, Total count    = {:>12}]\n", max_ms_, count_) +
         fmt::format("#[Buckets = {:>12}, SubBuckets     = {:>12}]\n", 1, kBuckets);
}

}  // namespace moldau::cli
