// Ownership: which member of a group has which partition of its topic, from moment to moment, and how long
// partitions and members were without.
#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "base/ids.h"
#include "telemetry/metrics.h"

namespace moldau::load {

class Ownership {
 public:
  using Member = std::size_t;  // a number below that of `members`

  Ownership(std::size_t members, std::size_t partitions) : members_(members), partitions_(partitions) {}

  void take(Member member, PartitionIndex partition, std::int64_t now_ns);
  void give_up(Member member, PartitionIndex partition, std::int64_t now_ns);
  // Every partition has exactly one owner.
  bool complete() const { return owned_once_ == partitions_.size(); }
  std::size_t owned_once() const { return owned_once_; }

  // From here on moves and pauses are counted anew. REQUIRES: complete(), or nobody has anything yet.
  void begin(std::int64_t now_ns);
  struct Moves {
    int moved = 0;  // have another owner than at begin()
    // Of those, the ones that went from a member that is still there to one that was there already.
    int needless = 0;
    int twice = 0;  // so often a partition came to have two owners at a time
    // How long partitions had no owner, each time; the longest of those that have the same one again.
    telemetry::HistogramData without_owner_ns;
    std::int64_t same_owner_ns = 0;
    // The longest time that a member had nothing before it had something again.
    std::int64_t member_ns = 0;
  };
  // `is_new`: it was not there at begin(); `is_gone`: it is not there now. REQUIRES: complete().
  using Is = std::function<bool(Member)>;
  Moves moves(const Is& is_new, const Is& is_gone) const;

 private:
  static constexpr Member kNobody = static_cast<Member>(-1);
  struct Holder {
    int partitions = 0;
    std::int64_t empty_since_ns = 0;  // 0: it has never had anything, or not since begin()
  };
  struct Partition {
    std::vector<Member> owners;
    Member first = kNobody;  // at begin()
    std::int64_t unowned_since_ns = 0;
    std::int64_t unowned_ns = 0;  // in all, since begin()
  };

  std::vector<Holder> members_;
  std::vector<Partition> partitions_;
  std::size_t owned_once_ = 0;
  Moves so_far_;
};

}  // namespace moldau::load
