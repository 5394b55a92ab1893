#include "base/random.h"

#include <algorithm>

#include "base/assert.h"

namespace moldau {
namespace {

std::uint64_t splitmix64(std::uint64_t& state) {
  std::uint64_t z = (state += 0x9e3779b97f4a7c15ULL);
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
  return z ^ (z >> 31);
}

}  // namespace

Random::Random(std::uint64_t seed) {
  for (std::uint64_t& word : state_) word = splitmix64(seed);
}

std::uint64_t Random::next() {
  const std::uint64_t result = std::rotl(state_[1] * 5, 7) * 9;
  const std::uint64_t shifted = state_[1] << 17;
  state_[2] ^= state_[0];
  state_[3] ^= state_[1];
  state_[1] ^= state_[2];
  state_[0] ^= state_[3];
  state_[2] ^= shifted;
  state_[3] = std::rotl(state_[3], 45);
  return result;
}

std::uint64_t Random::below(std::uint64_t bound) {
  MOLDAU_ASSERT(bound > 0);
  return static_cast<std::uint64_t>((static_cast<unsigned __int128>(next()) * bound) >> 64);
}

std::int64_t Random::between(std::int64_t low, std::int64_t high) {
  MOLDAU_ASSERT(low <= high);
  const std::uint64_t width = static_cast<std::uint64_t>(high) - static_cast<std::uint64_t>(low);
  if (width == UINT64_MAX) return static_cast<std::int64_t>(next());
  return static_cast<std::int64_t>(static_cast<std::uint64_t>(low) + below(width + 1));
}

bool Random::chance(double p) { return unit() < p; }

double Random::unit() { return static_cast<double>(next() >> 11) * 0x1.0p-53; }

void Random::fill(MutableBytes bytes) {
  while (!bytes.empty()) {
    const std::uint64_t word = next();
    const std::size_t step = std::min(bytes.size(), sizeof word);
    std::memcpy(bytes.data(), &word, step);
    bytes = bytes.subspan(step);
  }
}

Uuid Random::uuid() {
  for (;;) {
    // Version 4, variant 1, as java.util.UUID makes them.
    const Uuid id{(next() & ~0xf000ULL) | 0x4000ULL, (next() & ~(3ULL << 62)) | (2ULL << 62)};
    if (id.to_string().front() != '-') return id;
  }
}

}  // namespace moldau
