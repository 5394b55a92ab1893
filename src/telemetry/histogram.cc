#include <algorithm>
#include <cmath>
#include <numeric>

#include "telemetry/metrics.h"

namespace moldau::telemetry {

HistogramData Histogram::data() const {
  HistogramData data;
  data.unit = unit_;
  data.buckets.resize(HistogramLayout::kBuckets);
  for (std::size_t i = 0; i < data.buckets.size(); ++i)
    data.buckets[i] = buckets_[i].load(std::memory_order_relaxed);
  // Counted here rather than by record(), so that it always equals the sum of the buckets that were read.
  data.count = std::accumulate(data.buckets.begin(), data.buckets.end(), std::uint64_t{0});
  data.sum = sum_.load(std::memory_order_relaxed);
  data.max = max_.load(std::memory_order_relaxed);
  if (data.count == 0) data.buckets.clear();
  return data;
}

void HistogramData::record(std::uint64_t value, std::uint64_t times) {
  buckets.resize(HistogramLayout::kBuckets);
  buckets[HistogramLayout::index_of(value)] += times;
  count += times;
  sum += value * times;
  max = std::max(max, value);
}

void HistogramData::merge(const HistogramData& other) {
  if (count == 0) unit = other.unit;
  if (!other.buckets.empty()) buckets.resize(HistogramLayout::kBuckets);
  for (std::size_t i = 0; i < other.buckets.size(); ++i) buckets[i] += other.buckets[i];
  count += other.count;
  sum += other.sum;
  max = std::max(max, other.max);
}

std::uint64_t HistogramData::percentile(double fraction) const {
  if (count == 0) return 0;
  const double wanted = std::ceil(std::clamp(fraction, 0.0, 1.0) * static_cast<double>(count));
  const auto rank = std::max<std::uint64_t>(1, static_cast<std::uint64_t>(wanted));
  std::uint64_t seen = 0;
  for (std::size_t i = 0; i < buckets.size(); ++i) {
    seen += buckets[i];
    if (seen < rank) continue;
    if (i + 1 == buckets.size()) return max;  // the last bucket has no upper end
    const std::uint64_t low = HistogramLayout::lower_bound(i);
    return std::min(max, low + (HistogramLayout::lower_bound(i + 1) - low) / 2);
  }
  return max;
}

std::uint64_t HistogramData::count_below(std::uint64_t bound) const {
  std::uint64_t below = 0;
  for (std::size_t i = 0; i < buckets.size() && HistogramLayout::lower_bound(i) < bound; ++i)
    below += buckets[i];
  return below;
}

}  // namespace moldau::telemetry
