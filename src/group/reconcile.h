// How a member of a consumer group gets from what it has to what it is to have (KIP-848): it first gives up
// what goes to others, then takes over the group's epoch, then gets what others have given up. Pure.
#pragma once

#include <functional>
#include <set>

#include "group/partitions.h"

namespace moldau::group {

// As stored; the numbers are Kafka's.
enum class MemberState : std::int8_t {
  stable = 0,
  unrevoked_partitions = 1,   // it still has to give some up
  unreleased_partitions = 2,  // others still have to give some up to it
};

inline constexpr std::int32_t kJoinEpoch = 0;
inline constexpr std::int32_t kLeaveEpoch = -1;
inline constexpr std::int32_t kLeaveForAWhileEpoch = -2;  // of a static member (KIP-345)

struct CurrentAssignment {
  std::int32_t epoch = kJoinEpoch;
  std::int32_t previous_epoch = -1;
  MemberState state = MemberState::stable;
  Partitions assigned;
  Partitions pending_revocation;  // not assigned any more, and perhaps still in use
  friend bool operator==(const CurrentAssignment&, const CurrentAssignment&) = default;
};

struct ReconcileInput {
  std::int32_t target_epoch = 0;
  const Partitions& target;
  // What the member says it has; null: it does not say.
  const Partitions* owned = nullptr;
  // Whether no other member has it.
  std::function<bool(const TopicIdPartition&)> is_free;
  // Topics that it subscribes to: it is not to have others for a moment longer.
  const std::set<TopicId>& subscribed;
};

// The next step; equal to `current` when there is none to take.
CurrentAssignment reconcile(const CurrentAssignment& current, const ReconcileInput& input);

}  // namespace moldau::group
