#include "group/reconcile.h"

namespace moldau::group {

namespace {

// Who does not say what it has may have all of it.
bool may_own(const ReconcileInput& input, const Partitions& partitions) {
  return !partitions.empty() && (input.owned == nullptr || input.owned->contains_any(partitions));
}

CurrentAssignment towards_target(const CurrentAssignment& current, const ReconcileInput& input) {
  CurrentAssignment next;
  next.previous_epoch = current.epoch;
  next.assigned = intersection(current.assigned, input.target);
  const Partitions revoked = difference(current.assigned, input.target);
  if (may_own(input, revoked)) {
    next.epoch = current.epoch;
    next.previous_epoch = current.previous_epoch;
    next.state = MemberState::unrevoked_partitions;
    next.pending_revocation = revoked;
    return next;
  }
  next.epoch = input.target_epoch;
  bool unreleased = false;
  const Partitions missing = difference(input.target, next.assigned);
  for (const auto& [topic, indexes] : missing.topics()) {
    for (const PartitionIndex index : indexes) {
      if (input.is_free({topic, index}))
        next.assigned.insert({topic, index});
      else
        unreleased = true;
    }
  }
  next.state = unreleased ? MemberState::unreleased_partitions : MemberState::stable;
  if (next.epoch == current.epoch) next.previous_epoch = current.previous_epoch;
  return next;
}

// Of topics that it has stopped subscribing to, before there is another target.
CurrentAssignment without_unsubscribed(const CurrentAssignment& current, const ReconcileInput& input) {
  Partitions gone;
  for (const auto& [topic, indexes] : current.assigned.topics()) {
    if (input.subscribed.contains(topic)) continue;
    for (const PartitionIndex index : indexes) gone.insert({topic, index});
  }
  if (gone.empty()) return current;
  CurrentAssignment next = current;
  next.assigned = difference(current.assigned, gone);
  if (!may_own(input, gone)) return next;
  next.pending_revocation.insert(gone);
  next.state = MemberState::unrevoked_partitions;
  return next;
}

}  // namespace

CurrentAssignment reconcile(const CurrentAssignment& current, const ReconcileInput& input) {
  switch (current.state) {
    case MemberState::stable:
      if (current.epoch == input.target_epoch) return without_unsubscribed(current, input);
      return towards_target(current, input);
    case MemberState::unrevoked_partitions:
      if (may_own(input, current.pending_revocation)) return without_unsubscribed(current, input);
      return towards_target(current, input);
    case MemberState::unreleased_partitions:
      return towards_target(current, input);
  }
  return towards_target(current, input);  // of a state that a newer coordinator stored
}

}  // namespace moldau::group
