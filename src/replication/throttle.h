// Replication throttles: how many bytes a second replicas that are not in sync may be given, and may fetch,
// so that a reassignment leaves room for clients (KIP-73). Pure.
#pragma once

#include <algorithm>
#include <cstdint>
#include <limits>
#include <optional>
#include <string_view>
#include <vector>

#include "base/ids.h"
#include "runtime/time.h"

namespace moldau::replication {

// A bucket that holds what may be sent in one second. What is sent is known only afterwards: it may go below
// zero, and is closed until it has filled up again.
class Throttle {
 public:
  static constexpr std::int64_t kUnlimited = std::numeric_limits<std::int64_t>::max();

  void set_rate(std::int64_t bytes_per_second) {
    if (bytes_per_second == rate_) return;
    rate_ = bytes_per_second;
    bytes_ = std::min(bytes_, rate_);
  }
  // Whether nothing may be sent now.
  bool is_closed(runtime::MonotonicTime now) {
    fill(now);
    return rate_ != kUnlimited && bytes_ <= 0;
  }
  void note(std::size_t bytes, runtime::MonotonicTime now) {
    fill(now);
    if (rate_ != kUnlimited) bytes_ -= static_cast<std::int64_t>(bytes);
  }

 private:
  void fill(runtime::MonotonicTime now) {
    const runtime::Duration passed = now - filled_at_.value_or(now - std::chrono::seconds(1));
    const double seconds = std::chrono::duration<double>(passed).count();
    const auto more =
        static_cast<std::int64_t>(static_cast<double>(rate_ == kUnlimited ? 0 : rate_) * seconds);
    if (rate_ != kUnlimited && more == 0) return;  // less than a byte: it counts later
    filled_at_ = now;
    bytes_ = std::min(rate_, bytes_ + more);
  }

  std::int64_t rate_ = kUnlimited;
  std::int64_t bytes_ = 0;
  std::optional<runtime::MonotonicTime> filled_at_;
};

// leader.replication.throttled.replicas and follower.replication.throttled.replicas of a topic, for one
// partition:
// "*", or a list of partition:broker.
class ThrottledReplicas {
 public:
  static ThrottledReplicas parse(std::string_view text, PartitionIndex partition);
  bool contains(NodeId replica) const {
    return all_ || std::ranges::find(replicas_, replica) != replicas_.end();
  }

 private:
  bool all_ = false;
  std::vector<NodeId> replicas_;
};

}  // namespace moldau::replication
