// Sizes and how they are spread: percentiles within 4 %, in bounded memory. Pure.
#pragma once

#include <cstdint>
#include <vector>

namespace moldau::cli {

class SizeStats {
 public:
  SizeStats() : counts_(kBuckets) {}
  void add(std::int64_t size);  // REQUIRES: size >= 0.
  std::int64_t count() const { return count_; }
  std::int64_t least() const { return least_; }
  std::int64_t most() const { return most_; }
  double mean() const { return count_ == 0 ? 0 : total_ / static_cast<double>(count_); }
  // The size that `fraction` of them did not exceed.
  std::int64_t percentile(double fraction) const;

 private:
  // Exact below kExact, then kSteps buckets for each doubling.
  static constexpr std::uint64_t kExact = 64;
  static constexpr unsigned kExactBits = 6;
  static constexpr unsigned kStepBits = 5;
  static constexpr std::size_t kBuckets = kExact + ((63 - kExactBits) << kStepBits);
  static std::size_t bucket_of(std::uint64_t size);
  static std::uint64_t last_of(std::size_t bucket);

  std::vector<std::uint64_t> counts_;
  std::int64_t count_ = 0;
  std::int64_t least_ = 0;
  std::int64_t most_ = 0;
  double total_ = 0;
};

}  // namespace moldau::cli
