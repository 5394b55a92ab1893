#include "cli/hyperloglog.h"

#include <algorithm>
#include <bit>
#include <cmath>

namespace moldau::cli {
namespace {

// FNV-1a, and splitmix64's last step: its upper bits alone are too even.
std::uint64_t hash_of(ByteView bytes) {
  std::uint64_t hash = 0xcbf29ce484222325U;
  for (const std::byte byte : bytes) hash = (hash ^ static_cast<std::uint8_t>(byte)) * 0x100000001b3U;
  hash = (hash ^ (hash >> 30)) * 0xbf58476d1ce4e5b9U;
  hash = (hash ^ (hash >> 27)) * 0x94d049bb133111ebU;
  return hash ^ (hash >> 31);
}

}  // namespace

void HyperLogLog::add(ByteView bytes) {
  const std::uint64_t hash = hash_of(bytes);
  const std::uint64_t rest = hash << kIndexBits | (std::uint64_t{1} << (kIndexBits - 1));
  std::uint8_t& rank = ranks_[hash >> (64 - kIndexBits)];
  rank = std::max(rank, static_cast<std::uint8_t>(std::countl_zero(rest) + 1));
}

void HyperLogLog::add(const HyperLogLog& other) {
  for (std::size_t i = 0; i < kRegisters; ++i) ranks_[i] = std::max(ranks_[i], other.ranks_[i]);
}

double HyperLogLog::estimate() const {
  constexpr double kCount = kRegisters;
  double sum = 0;
  for (const std::uint8_t rank : ranks_) sum += std::ldexp(1.0, -rank);
  const double raw = 0.7213 / (1 + 1.079 / kCount) * kCount * kCount / sum;
  const auto empty = static_cast<double>(std::ranges::count(ranks_, 0));
  return raw <= 2.5 * kCount && empty > 0 ? kCount * std::log(kCount / empty) : raw;
}

}  // namespace moldau::cli
