#include "cli/size_stats.h"

#include <algorithm>
#include <bit>
#include <cmath>

#include "base/assert.h"

namespace moldau::cli {

std::size_t SizeStats::bucket_of(std::uint64_t size) {
  if (size < kExact) return size;
  const auto top = static_cast<unsigned>(std::bit_width(size)) - 1;
  const std::uint64_t step = (size >> (top - kStepBits)) & ((1U << kStepBits) - 1);
  return kExact + (std::size_t{top - kExactBits} << kStepBits) + step;
}

std::uint64_t SizeStats::last_of(std::size_t bucket) {
  if (bucket < kExact) return bucket;
  const std::size_t beyond = bucket - kExact;
  const unsigned shift = static_cast<unsigned>(beyond >> kStepBits) + kExactBits - kStepBits;
  const std::uint64_t step = beyond & ((1U << kStepBits) - 1);
  return (((std::uint64_t{1} << kStepBits) + step + 1) << shift) - 1;
}

void SizeStats::add(std::int64_t size) {
  MOLDAU_ASSERT(size >= 0);
  ++counts_[bucket_of(static_cast<std::uint64_t>(size))];
  least_ = count_ == 0 ? size : std::min(least_, size);
  most_ = std::max(most_, size);
  total_ += static_cast<double>(size);
  ++count_;
}

std::int64_t SizeStats::percentile(double fraction) const {
  const double wanted = std::max(1.0, std::ceil(fraction * static_cast<double>(count_)));
  std::uint64_t seen = 0;
  for (std::size_t bucket = 0; bucket < counts_.size(); ++bucket) {
    seen += counts_[bucket];
    if (static_cast<double>(seen) >= wanted)
      return std::min(most_, static_cast<std::int64_t>(std::min<std::uint64_t>(last_of(bucket), INT64_MAX)));
  }
  return most_;
}

}  // namespace moldau::cli
