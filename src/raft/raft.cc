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

Raft::Raft(Settings settings, const LogView& log, VoterHistory voters, QuorumState stored, Offset committed,
           Random random, Time now)
    : settings_(std::move(settings)),
      log_(log),
      history_(std::move(voters)),
      state_(stored),
      random_(random),
      high_watermark_(committed),
      flushed_(log.end().offset) {
  MOLDAU_ASSERT(!this->voters().empty() || settings_.bootstrap_servers > 0, "somebody knows the leader");
  MOLDAU_ASSERT(committed <= flushed_);
  next_asked_ = random_.below(1024);
  // A log that knows a later epoch than the vote: the file was older than the log, which only rises it.
  if (log.end().epoch > state_.epoch) set_state({.epoch = log.end().epoch});
  if (state_.leader_id != settings_.self.id && this->voters().contains(state_.leader_id)) {
    become_follower(state_.epoch, state_.leader_id, now);
  } else {
    become_unattached(state_.epoch, now);
  }
  if (is_only_voter()) election_deadline_ = now;
}

bool Raft::may_stand() const {
  return is_voter() || history_.before(high_watermark_).voters.contains(settings_.self);
}

Duration Raft::random_election_timeout() {
  const auto timeout = static_cast<std::uint64_t>(settings_.election_timeout.count());
  return settings_.election_timeout + Duration(random_.below(std::max<std::uint64_t>(timeout, 1)));
}

std::optional<Endpoint> Raft::endpoint_of(NodeId node) const {
  if (node == state_.leader_id && leader_endpoint_) return leader_endpoint_;
  const Voter* voter = voters().find(node);
  if (voter && !voter->endpoints.empty()) return voter->endpoints.front();
  return std::nullopt;
}

std::optional<Endpoint> Raft::leader_endpoint() const {
  if (state_.leader_id == settings_.self.id && !settings_.self_endpoints.empty())
    return settings_.self_endpoints.front();
  return endpoint_of(state_.leader_id);
}

std::vector<Effect> Raft::take_effects() { return std::exchange(effects_, {}); }

void Raft::set_state(QuorumState state) {
  MOLDAU_ASSERT(state.epoch >= state_.epoch, "an epoch never goes back");
  if (state == state_) return;
  const bool led_by_another = state.epoch != state_.epoch || state.leader_id != state_.leader_id;
  state_ = state;
  if (led_by_another) leader_endpoint_.reset();
  persist();
  if (led_by_another) emit(LeaderChanged{state_.epoch, state_.leader_id});
}

void Raft::enter(Role role) {
  if (change_)
    end_change(change_->id, RaftError::not_leader_or_follower,
               "This node has lost leadership; the change may or may not take effect");
  role_ = role;
  granted_.clear();
  rejected_.clear();
  fetch_sent_.reset();
  refusals_ = 0;
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
  ask_backoff_ = settings_.retry_backoff;
}

void Raft::become_follower(LeaderEpoch epoch, NodeId leader, Time now) {
  MOLDAU_ASSERT(leader != settings_.self.id);
  enter(Role::follower);
  set_state({epoch, leader, epoch == state_.epoch ? state_.voted : ReplicaKey{}});
  fetch_deadline_ = now + settings_.fetch_timeout;
  next_fetch_ = now;
}

bool Raft::learn(LeaderEpoch epoch, NodeId leader, const std::optional<Endpoint>& at, Time now) {
  if (epoch < state_.epoch) return false;
  // With dynamic voters this log may not know the leader yet; then whoever speaks of it must say where it is.
  const bool follow =
      leader != kNoNode && leader != settings_.self.id && (voters().contains(leader) || (is_dynamic() && at));
  if (epoch > state_.epoch) {
    follow ? become_follower(epoch, leader, now) : become_unattached(epoch, now);
  } else if (follow && state_.leader_id == kNoNode && role_ != Role::leader) {
    become_follower(epoch, leader, now);
  }
  if (follow && at && state_.leader_id == leader) leader_endpoint_ = at;
  return true;
}

void Raft::poll(Time now) {
  switch (role_) {
    case Role::unattached:
      if (may_stand() && now >= election_deadline_) return start_election(now);
      return look_for_leader(now);
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
      return std::min(may_stand() ? election_deadline_ : Time::max(), next_fetch_deadline());
    case Role::prospective:
    case Role::candidate:
    case Role::resigned:
      return election_deadline_;
    case Role::follower:
      return std::min(fetch_deadline_, next_fetch_deadline());
    case Role::leader: {
      Time at = is_only_voter() ? Time::max() : quorum_deadline_;
      for (const auto& [id, voter] : voters_) at = std::min(at, voter.next_begin);
      if (change_) at = std::min(at, change_->deadline);
      return at;
    }
  }
  MOLDAU_UNREACHABLE();
}

}  // namespace moldau::raft
