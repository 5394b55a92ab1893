// How a simulated world behaves: latencies and rates. All rates are probabilities per operation, 0 = never.
// A default world has ordinary latencies and no faults except cache misses.
#pragma once

#include <cstdint>
#include <string>

#include "base/random.h"
#include "runtime/time.h"

namespace moldau::simulation {

using runtime::Duration;
using runtime::MonotonicTime;
using namespace std::chrono_literals;

struct DurationRange {
  Duration least{};
  Duration most{};
  Duration draw(Random& random) const { return Duration(random.between(least.count(), most.count())); }
};

struct DiskFaults {
  double write_error = 0;
  double sync_error = 0;
  double read_error = 0;
  double no_space = 0;
  double open_no_descriptors = 0;
  double misdirected_write = 0;
  double cache_miss = 0.2;         // read_cached_at answers Errc::would_block
  double short_cached_read = 0.1;  // read_cached_at gives a part
};

// What a power loss does to what was not synced.
struct PowerLossOptions {
  // Unsynced names: a prefix of the operations in their order (a journalling file system), or any subset.
  enum class Names { prefix, any_subset } names = Names::any_subset;
  double torn_sector = 0.1;  // of the unsynced sectors: a part of the new bytes, the rest old
};

struct DiskOptions {
  std::uint64_t capacity_bytes = 1ULL << 40;
  DiskFaults faults;
  PowerLossOptions power_loss;
};

struct PoolOptions {
  DurationRange commit{50us, 1ms};
  DurationRange read{20us, 2ms};
  DurationRange background{20us, 5ms};
  double slow_io = 0;  // chance that one piece of work takes `slow` instead
  DurationRange slow{1s, 10s};
};

struct NetworkFaults {
  double delay = 0;  // chance that a segment takes `long_delay` more
  DurationRange long_delay{50ms, 2s};
  double loss = 0;   // the segment comes one retransmission later
  double reset = 0;  // per segment
  double refused_connect = 0;
  double accept_no_descriptors = 0;
  double short_read = 0.1;
};

struct NetworkOptions {
  DurationRange latency{20us, 500us};
  std::size_t window_bytes = 256 << 10;      // sent but not yet read by the peer, per direction
  std::size_t segment_bytes_max = 64 << 10;  // a write is cut into segments of random size up to this
  double split_segment = 0.2;                // chance that a segment is cut at a random byte
  NetworkFaults faults;
};

struct Options {
  unsigned machines = 1;
  unsigned shards = 1;  // of each process
  // A job takes between 0 and this of simulated time; other ready jobs and timers come between.
  Duration job_time_max = 2us;
  // Ready jobs of one shard run in any order; false: in the order of posting, as on a real shard.
  bool any_order = true;
  std::uint64_t step_limit = 200'000'000;
  std::uint64_t descriptors = UINT64_MAX;  // per process: open files and streams
  DiskOptions disk;
  PoolOptions pool;
  NetworkOptions network;
  bool verbose = false;  // prints World::note() and each crash with its time
  // Prints every operation on files whose path contains it; empty: none.
  std::string trace_files;

  // Rates drawn at random, each fault off in half of the draws ("swarm testing"); machines and shards stay
  // as they are. `intensity` 1 is a bad day; 0 none.
  void draw_faults(Random& random, double intensity = 1);
};

}  // namespace moldau::simulation
