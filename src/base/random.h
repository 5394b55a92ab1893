// Seeded pseudo-random numbers: xoshiro256** (Blackman and Vigna, 2018). The same seed gives the same
// sequence on every machine; everything random in the broker comes from one handed in by the World.
#pragma once

#include <cstdint>

#include "base/bytes.h"
#include "base/ids.h"

namespace moldau {

class Random {
 public:
  explicit Random(std::uint64_t seed);

  std::uint64_t next();
  // Uniform in [0, bound). REQUIRES: bound > 0.
  std::uint64_t below(std::uint64_t bound);
  // Uniform in [low, high].
  std::int64_t between(std::int64_t low, std::int64_t high);
  // True once in `n` times on average. REQUIRES: n > 0.
  bool one_in(std::uint64_t n) { return below(n) == 0; }
  // True with probability p, 0 <= p <= 1.
  bool chance(double p);
  double unit();  // [0, 1)
  void fill(MutableBytes bytes);
  // A random id that is none of Kafka's reserved ones and whose text never starts with '-'.
  Uuid uuid();

 private:
  std::uint64_t state_[4];
};

}  // namespace moldau
