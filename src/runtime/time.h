// The two clocks. Time-outs, deadlines and intervals use monotonic time; only record timestamps, retention
// and what people read use wall time, which may jump.
#pragma once

#include <chrono>

#include "base/ids.h"

namespace moldau::runtime {

using Duration = std::chrono::nanoseconds;
using namespace std::chrono_literals;

// Nanoseconds since an arbitrary start, never going back. Not tied to any std clock: the World says what it
// is.
struct MonotonicClock {
  using duration = Duration;
  using rep = duration::rep;
  using period = duration::period;
  using time_point = std::chrono::time_point<MonotonicClock>;
  static constexpr bool is_steady = true;
};
using MonotonicTime = MonotonicClock::time_point;

inline constexpr MonotonicTime kForever = MonotonicTime::max();

inline Duration milliseconds(std::int64_t ms) { return std::chrono::milliseconds(ms); }

class WallClock {
 public:
  virtual ~WallClock() = default;
  virtual TimestampMs now_ms() const = 0;
};

}  // namespace moldau::runtime
