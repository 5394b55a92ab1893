// World: everything outside the broker, handed to it once by main (src/platform) or by a test
// (tests/simulation). Nothing in the broker reaches the operating system in another way.
#pragma once

#include <cstdint>

#include "runtime/disk.h"
#include "runtime/executor.h"
#include "runtime/network.h"
#include "runtime/pool.h"
#include "runtime/time.h"

namespace moldau::runtime {

class World {
 public:
  virtual ~World() = default;
  virtual unsigned shard_count() const = 0;
  virtual Executor& shard(unsigned index) = 0;
  virtual Network& network(unsigned shard) = 0;
  virtual WallClock& wall_clock() = 0;
  virtual Disk& disk() = 0;
  virtual BlockingPool& pool() = 0;
  // 64 random bits to seed a Random of one's own: from the operating system, or from the simulation's seed.
  virtual std::uint64_t entropy() = 0;
};

}  // namespace moldau::runtime
