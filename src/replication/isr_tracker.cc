#include "replication/isr_tracker.h"

#include <algorithm>
#include <utility>

#include "base/assert.h"

namespace moldau::replication {

using runtime::MonotonicTime;

namespace {

bool contains(const std::vector<NodeId>& nodes, NodeId id) {
  return std::ranges::find(nodes, id) != nodes.end();
}

}  // namespace

bool may_be_in_sync(const metadata::Image& image, NodeId broker, metadata::BrokerEpoch fetched_as) {
  const metadata::Broker* known = image.broker(broker);
  if (known == nullptr || known->fenced || known->in_controlled_shutdown) return false;
  return fetched_as == metadata::kNoBrokerEpoch || fetched_as == known->broker_epoch;
}

void IsrTracker::assign(const metadata::Partition& state, MonotonicTime now) {
  const std::vector<NodeId> isr_before = std::exchange(isr_, state.isr);
  replicas_ = state.replicas;
  withdraw();
  // Who was gone in between counts from nothing.
  std::erase_if(followers_, [&](const Follower& follower) { return !contains(replicas_, follower.id); });
  for (const NodeId id : replicas_) {
    if (id == self_) continue;
    Follower* follower = find(id);
    const bool is_new = follower == nullptr;
    if (is_new) follower = &followers_.emplace_back(Follower{.id = id});
    // Who joins is not asked to leave in the same breath, however long it took to catch up.
    if (contains(isr_, id) && (is_new || !contains(isr_before, id))) follower->caught_up_at = now;
    // Who was taken out may fetch no more (its device is full): nobody waits for it to join before it does.
    if (!contains(isr_, id) && contains(isr_before, id)) {
      follower->caught_up_at.reset();
      follower->leader_end_at_fetch = kNoOffset;
    }
  }
}

void IsrTracker::begin_epoch(const metadata::Partition& state, Offset epoch_start, MonotonicTime now) {
  epoch_start_ = epoch_start;
  followers_.clear();
  assign(state, now);
}

void IsrTracker::update(const metadata::Partition& state, MonotonicTime now) { assign(state, now); }

IsrTracker::Follower* IsrTracker::find(NodeId id) {
  const auto found = std::ranges::find(followers_, id, &Follower::id);
  return found == followers_.end() ? nullptr : &*found;
}

const IsrTracker::Follower* IsrTracker::follower(NodeId id) const {
  const auto found = std::ranges::find(followers_, id, &Follower::id);
  return found == followers_.end() ? nullptr : &*found;
}

bool IsrTracker::note_fetch(NodeId replica, const FollowerReport& report, Offset leader_end,
                            MonotonicTime now) {
  Follower* follower = find(replica);
  if (follower == nullptr) return false;
  // A fetch for what came after the last one asks for everything that there was then.
  if (report.offset >= leader_end) {
    follower->caught_up_at = now;
  } else if (follower->leader_end_at_fetch != kNoOffset && report.offset >= follower->leader_end_at_fetch) {
    follower->caught_up_at =
        std::max(follower->caught_up_at.value_or(follower->fetched_at), follower->fetched_at);
  }
  follower->report = report;
  follower->fetched_at = now;
  follower->leader_end_at_fetch = leader_end;
  return true;
}

bool IsrTracker::caught_up(const Follower& follower, Offset leader_end, runtime::Duration lag_max,
                           MonotonicTime now) const {
  return follower.report.offset == leader_end ||
         (follower.caught_up_at && now - *follower.caught_up_at <= lag_max);
}

std::size_t IsrTracker::required(const Rules& rules) const {
  return std::min(static_cast<std::size_t>(std::max(rules.min_insync_replicas, 1)), replicas_.size());
}

Offset IsrTracker::high_watermark(Offset current, const Rules& rules, const metadata::Image& image,
                                  MonotonicTime now) const {
  if (!enough(rules) && rules.kept.stands_still_below_min_isr) return current;
  Offset lowest = durable_end_;
  for (const Follower& follower : followers_) {
    if (follower.report.offset >= lowest) continue;
    if (!rules.kept.counts_maximal_isr && !contains(isr_, follower.id)) continue;
    // Who is about to join must not be left behind by the very records that it has to reach.
    const auto about_to_join = [&] {
      return follower.report.offset != kNoOffset && follower.caught_up_at &&
             now - *follower.caught_up_at <= rules.lag_max &&
             may_be_in_sync(image, follower.id, follower.report.broker_epoch);
    };
    if (in_maximal_isr(follower.id) || about_to_join()) lowest = follower.report.offset;
  }
  return std::max(current, lowest);
}

bool IsrTracker::may_join(NodeId replica, Offset high_watermark, const Rules& rules,
                          const metadata::Image& image) const {
  const Follower* candidate = follower(replica);
  if (candidate == nullptr || in_maximal_isr(replica)) return false;
  const Offset offset = candidate->report.offset;
  const Offset least = rules.kept.joins_from_epoch_start ? epoch_start_ : 0;
  return offset != kNoOffset && offset >= high_watermark && offset >= least &&
         may_be_in_sync(image, replica, candidate->report.broker_epoch);
}

std::vector<NodeId> IsrTracker::laggards(Offset leader_end, const Rules& rules, MonotonicTime now) const {
  std::vector<NodeId> lagging;
  for (const NodeId id : isr_) {
    const Follower* member = follower(id);
    if (member != nullptr && !caught_up(*member, leader_end, rules.lag_max, now)) lagging.push_back(id);
  }
  return lagging;
}

bool IsrTracker::is_followed(const Rules& rules, runtime::Duration within, MonotonicTime now) const {
  return enough(rules) && std::ranges::all_of(followers_, [&](const Follower& follower) {
           const bool fetches = follower.report.offset != kNoOffset && now - follower.fetched_at <= within;
           return fetches || !in_maximal_isr(follower.id);
         });
}

bool IsrTracker::in_maximal_isr(NodeId replica) const {
  return replica == joining_ || contains(isr_, replica);
}

std::vector<NodeId> IsrTracker::maximal_isr() const {
  std::vector<NodeId> all = isr_;
  if (joining_ != kNoNode) all.push_back(joining_);
  return all;
}

Offset IsrTracker::low_watermark(Offset own, const metadata::Image& image) const {
  Offset lowest = own;
  for (const Follower& follower : followers_) {
    if (!image.is_unfenced(follower.id)) continue;
    lowest = std::min(lowest, std::max<Offset>(follower.report.log_start, 0));
  }
  return lowest;
}

void IsrTracker::ask_to_add(NodeId replica) {
  MOLDAU_ASSERT(!asking(), "one change of the ISR at a time");
  joining_ = replica;
}

void IsrTracker::ask_to_remove(std::vector<NodeId> replicas) {
  MOLDAU_ASSERT(!asking(), "one change of the ISR at a time");
  leaving_ = std::move(replicas);
}

void IsrTracker::withdraw() {
  joining_ = kNoNode;
  leaving_.clear();
}

std::vector<IsrMember> IsrTracker::asked_isr(metadata::BrokerEpoch own_epoch) const {
  std::vector<IsrMember> members;
  for (const NodeId id : maximal_isr()) {
    if (contains(leaving_, id)) continue;
    const Follower* member = follower(id);
    members.push_back({id, id == self_ ? own_epoch
                           : member    ? member->report.broker_epoch
                                       : metadata::kNoBrokerEpoch});
  }
  return members;
}

}  // namespace moldau::replication
