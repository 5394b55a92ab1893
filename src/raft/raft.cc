#include "raft/raft.h"

#include <algorithm>

namespace moldau::raft {

std::string_view name_of(Role role) {
  switch (role) {
    case Role::unattached:
      return "Unattached";
    case Role::prospective:
      return "Prospective";
    case Role::candidate:
      return "Candidate";
    case Role::leader:
      return "Leader";
    case Role::follower:
      return "Follower";
    case Role::resigned:
      return "Resigned";
  }
  MOLDAU_UNREACHABLE();
}

Raft::Raft(Settings settings, const LogView& log, QuorumState stored, Offset committed, Random random,
           Time now)
    : settings_(std::move(settings)),
      log_(log),
      state_(stored),
      random_(random),
      is_voter_(find_voter(settings_.self.id) != nullptr),
      high_watermark_(committed),
      flushed_(log.end().offset) {
  MOLDAU_ASSERT(!settings_.voters.empty());
  MOLDAU_ASSERT(committed <= flushed_);
  // A log that knows a later epoch than the vote: the file was older than the log, which only rises it.
  if (log.end().epoch > state_.epoch) set_state({.epoch = log.end().epoch});
  if (state_.leader_id != kNoNode && !is_self({state_.leader_id, {}}) && find_voter(state_.leader_id)) {
    become_follower(state_.epoch, state_.leader_id, now);
  } else {
    become_unattached(state_.epoch, now);
  }
  if (is_voter_ && settings_.voters.size() == 1) election_deadline_ = now;
}

const ReplicaKey* Raft::find_voter(NodeId id) const {
  const auto found = std::ranges::find(settings_.voters, id, &ReplicaKey::id);
  return found == settings_.voters.end() ? nullptr : &*found;
}

Duration Raft::random_election_timeout() {
  const auto timeout = static_cast<std::uint64_t>(settings_.election_timeout.count());
  return settings_.election_timeout + Duration(random_.below(std::max<std::uint64_t>(timeout, 1)));
}

std::vector<Effect> Raft::take_effects() { return std::exchange(effects_, {}); }

void Raft::set_state(QuorumState state) {
  MOLDAU_ASSERT(state.epoch >= state_.epoch, "an epoch never goes back");
  if (state == state_) return;
  const bool led_by_another = state.epoch != state_.epoch || state.leader_id != state_.leader_id;
  state_ = state;
  persist();
  if (led_by_another) emit(LeaderChanged{state_.epoch, state_.leader_id});
}

void Raft::enter(Role role) {
  role_ = role;
  granted_.clear();
  rejected_.clear();
  fetch_sent_.reset();
  fetched_from_leader_ = false;
  leader_high_watermark_ = 0;
  snapshot_.reset();
  ready_ = false;
  voters_.clear();
  observers_.clear();
  fetched_voters_.clear();
}

void Raft::become_unattached(LeaderEpoch epoch, Time now) {
  enter(Role::unattached);
  set_state({epoch, kNoNode, epoch == state_.epoch ? state_.voted : ReplicaKey{}});
  election_deadline_ = now + random_election_timeout();
  next_fetch_ = now;
}

void Raft::become_follower(LeaderEpoch epoch, NodeId leader, Time now) {
  MOLDAU_ASSERT(leader != settings_.self.id);
  enter(Role::follower);
  set_state({epoch, leader, epoch == state_.epoch ? state_.voted : ReplicaKey{}});
  fetch_deadline_ = now + settings_.fetch_timeout;
  next_fetch_ = now;
}

bool Raft::learn(LeaderEpoch epoch, NodeId leader, Time now) {
  if (epoch < state_.epoch) return false;
  const bool follow = leader != kNoNode && leader != settings_.self.id && find_voter(leader);
  if (epoch > state_.epoch) {
    follow ? become_follower(epoch, leader, now) : become_unattached(epoch, now);
  } else if (follow && state_.leader_id == kNoNode && role_ != Role::leader) {
    become_follower(epoch, leader, now);
  }
  return true;
}

void Raft::poll(Time now) {
  switch (role_) {
    case Role::unattached:
      if (!is_voter_) {
        // Any voter knows who leads, or will: its answer to a fetch says so.
        fetch_from(settings_.voters[random_.below(settings_.voters.size())].id, now);
      } else if (now >= election_deadline_) {
        start_election(now);
      }
      return;
    case Role::prospective:
    case Role::candidate:
      if (now >= election_deadline_) start_election(now);
      return;
    case Role::resigned:
      if (now >= election_deadline_) become_unattached(state_.epoch, now);
      return;
    case Role::follower:
      return poll_follower(now);
    case Role::leader:
      return poll_leader(now);
  }
}

Time Raft::deadline() const {
  switch (role_) {
    case Role::unattached:
      if (!is_voter_) return fetch_sent_ ? *fetch_sent_ + settings_.request_timeout : next_fetch_;
      return election_deadline_;
    case Role::prospective:
    case Role::candidate:
    case Role::resigned:
      return election_deadline_;
    case Role::follower: {
      Time at = fetch_deadline_;
      if (fetch_sent_) return std::min(at, *fetch_sent_ + settings_.request_timeout);
      // Until the log is durable there is nothing to fetch: on_flushed() goes on.
      if (flushed_ == log_.end().offset && !(snapshot_ && snapshot_->complete))
        at = std::min(at, next_fetch_);
      return at;
    }
    case Role::leader: {
      Time at = settings_.voters.size() > 1 ? quorum_deadline_ : Time::max();
      for (const auto& [id, voter] : voters_) at = std::min(at, voter.next_begin);
      return at;
    }
  }
  MOLDAU_UNREACHABLE();
}

}  // namespace moldau::raft
