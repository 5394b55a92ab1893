// Holds work back to a number of bytes a second (log.cleaner.io.max.bytes.per.second). Pure.
#pragma once

#include <algorithm>
#include <cstdint>
#include <limits>

#include "runtime/time.h"

namespace moldau::storage {

class IoThrottle {
 public:
  static constexpr double kUnlimited = std::numeric_limits<double>::max();
  explicit IoThrottle(double bytes_per_second = kUnlimited)
      : bytes_per_second_(std::max(1.0, bytes_per_second)) {}

  // Whoever has moved so many bytes may go on from then on.
  runtime::MonotonicTime next(runtime::MonotonicTime now, std::int64_t bytes) {
    constexpr double kLongest = 3600;
    const double seconds = std::min(kLongest, static_cast<double>(bytes) / bytes_per_second_);
    free_at_ = std::max(free_at_, now) +
               std::chrono::duration_cast<runtime::Duration>(std::chrono::duration<double>(seconds));
    return free_at_;
  }
  // So much at once that it takes about a twentieth of a second, within the bounds.
  std::int64_t slice_bytes(std::int64_t least, std::int64_t most) const {
    const double share = bytes_per_second_ / 20;
    return share >= static_cast<double>(most) ? most : std::max(least, static_cast<std::int64_t>(share));
  }

 private:
  double bytes_per_second_;
  runtime::MonotonicTime free_at_{};
};

}  // namespace moldau::storage
