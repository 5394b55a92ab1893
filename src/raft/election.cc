#include <algorithm>

#include "raft/raft.h"

namespace moldau::raft {

void Raft::start_election(Time now) {
  if (settings_.voters.size() == 1) return become_candidate(now);
  become_prospective(now);
}

// Keeps its epoch and the leader it knew: nothing is disturbed until a majority misses the leader too.
void Raft::become_prospective(Time now) {
  enter(Role::prospective);
  election_deadline_ = now + random_election_timeout();
  granted_.insert(settings_.self.id);
  send_votes(true);
}

void Raft::become_candidate(Time now) {
  MOLDAU_ASSERT(is_voter_);
  enter(Role::candidate);
  set_state({state_.epoch + 1, kNoNode, settings_.self});
  election_deadline_ = now + random_election_timeout();
  granted_.insert(settings_.self.id);
  if (granted_.size() >= majority()) return become_leader(now);
  send_votes(false);
}

void Raft::become_leader(Time now) {
  MOLDAU_ASSERT(role_ == Role::candidate && granted_.size() >= majority());
  AppendLeaderChange opening{state_.epoch, settings_.self.id, settings_.voters, {}};
  for (const ReplicaKey& voter : settings_.voters)
    if (granted_.contains(voter.id)) opening.granting_voters.push_back(voter);
  enter(Role::leader);
  set_state({state_.epoch, settings_.self.id, state_.voted});
  epoch_start_ = log_.end().offset;
  quorum_deadline_ = now + settings_.fetch_timeout * 3 / 2;
  for (const ReplicaKey& voter : settings_.voters)
    if (!is_self(voter)) voters_.emplace(voter.id, Replica{.next_begin = now});
  emit(std::move(opening));
  announce_epoch(now);
}

void Raft::become_resigned(Time now) {
  MOLDAU_ASSERT(role_ == Role::leader);
  std::vector<ReplicaProgress> successors = voter_progress();
  std::erase_if(successors, [&](const ReplicaProgress& voter) { return is_self(voter.key); });
  std::ranges::sort(successors, [](const ReplicaProgress& a, const ReplicaProgress& b) {
    return a.end_offset != b.end_offset ? a.end_offset > b.end_offset : a.key < b.key;
  });
  EndQuorumEpochRequest farewell{settings_.self.id, state_.epoch, {}};
  for (const ReplicaProgress& voter : successors) farewell.preferred_candidates.push_back(voter.key);
  enter(Role::resigned);
  set_state({state_.epoch, kNoNode, state_.voted});
  election_deadline_ = now + random_election_timeout();
  for (const ReplicaKey& voter : farewell.preferred_candidates) send(voter.id, farewell);
}

void Raft::resign(Time now) {
  if (role_ == Role::leader) become_resigned(now);
}

void Raft::send_votes(bool pre_vote) {
  for (const ReplicaKey& voter : settings_.voters)
    if (!is_self(voter))
      send(voter.id, VoteRequest{state_.epoch, settings_.self, voter, log_.end(), pre_vote});
}

bool Raft::may_grant(const VoteRequest& request) const {
  const bool up_to_date = at_least_as_good(request.last, log_.end());
  if (request.pre_vote) {
    if (role_ == Role::leader) return false;
    // KIP-996: who hears from a leader does not help to replace it.
    if (role_ == Role::follower && fetched_from_leader_) return false;
    return up_to_date;
  }
  if (state_.voted.id != kNoNode) return state_.voted.matches(request.candidate);
  return state_.leader_id == kNoNode && up_to_date;
}

VoteResponse Raft::on_vote(const VoteRequest& request, Time now) {
  const auto answer = [&](RaftError error, bool granted = false) {
    return VoteResponse{error, state_.epoch, state_.leader_id, granted};
  };
  const ReplicaKey* candidate = find_voter(request.candidate.id);
  if (!is_voter_ || !candidate || !candidate->matches(request.candidate) || is_self(request.candidate))
    return answer(RaftError::inconsistent_voter_set);
  if (!settings_.self.matches(request.voter)) return answer(RaftError::invalid_voter_key);
  if (request.epoch < state_.epoch) return answer(RaftError::fenced_leader_epoch);
  learn(request.epoch, kNoNode, now);
  const bool granted = may_grant(request);
  if (granted && !request.pre_vote && state_.voted.id == kNoNode) {
    if (role_ != Role::unattached) become_unattached(state_.epoch, now);
    set_state({state_.epoch, kNoNode, request.candidate});
    election_deadline_ = now + random_election_timeout();
  }
  return answer(RaftError::none, granted);
}

void Raft::on_response(NodeId from, const VoteRequest& request, const VoteResponse& response, Time now) {
  if (!find_voter(from)) return;
  learn(response.leader_epoch, response.leader_id, now);
  const Role asked_as = request.pre_vote ? Role::prospective : Role::candidate;
  if (role_ != asked_as || request.epoch != state_.epoch) return;
  count_vote(from, response.error == RaftError::none && response.granted, now);
}

void Raft::count_vote(NodeId from, bool granted, Time now) {
  (granted ? granted_ : rejected_).insert(from);
  if (granted_.size() >= majority()) {
    role_ == Role::prospective ? become_candidate(now) : become_leader(now);
  } else if (rejected_.size() > settings_.voters.size() - majority()) {
    if (role_ == Role::candidate) {
      const auto backoff = static_cast<std::uint64_t>(settings_.election_backoff_max.count());
      election_deadline_ = now + Duration(random_.below(std::max<std::uint64_t>(backoff, 1)));
    } else if (state_.leader_id != kNoNode && state_.leader_id != settings_.self.id) {
      become_follower(state_.epoch, state_.leader_id, now);
    } else {
      become_unattached(state_.epoch, now);
    }
  }
}

EpochResponse Raft::on_begin_quorum_epoch(const BeginQuorumEpochRequest& request, Time now) {
  const auto answer = [&](RaftError error) { return EpochResponse{error, state_.epoch, state_.leader_id}; };
  if (!is_voter_ || !find_voter(request.leader_id) || request.leader_id == settings_.self.id)
    return answer(RaftError::inconsistent_voter_set);
  if (!settings_.self.matches(request.voter)) return answer(RaftError::invalid_voter_key);
  if (!learn(request.leader_epoch, request.leader_id, now)) return answer(RaftError::fenced_leader_epoch);
  if (state_.leader_id != request.leader_id) return answer(RaftError::invalid_request);
  if (role_ == Role::follower) {
    fetch_deadline_ = now + settings_.fetch_timeout;
  } else {  // it had lost hope too early
    become_follower(state_.epoch, request.leader_id, now);
  }
  return answer(RaftError::none);
}

EpochResponse Raft::on_end_quorum_epoch(const EndQuorumEpochRequest& request, Time now) {
  const auto answer = [&](RaftError error) { return EpochResponse{error, state_.epoch, state_.leader_id}; };
  if (!find_voter(request.leader_id) || request.leader_id == settings_.self.id)
    return answer(RaftError::inconsistent_voter_set);
  if (!learn(request.leader_epoch, request.leader_id, now)) return answer(RaftError::fenced_leader_epoch);
  if (!is_voter_ || role_ != Role::follower || state_.leader_id != request.leader_id)
    return answer(RaftError::none);
  const auto& candidates = request.preferred_candidates;
  const auto place = std::ranges::find_if(candidates, [&](const ReplicaKey& key) { return is_self(key); });
  if (place == candidates.begin() && place != candidates.end()) {
    become_prospective(now);
  } else {
    // The better successors go first; but whoever asks now may have the vote.
    fetched_from_leader_ = false;
    fetch_deadline_ = std::min(fetch_deadline_, now + random_election_timeout());
  }
  return answer(RaftError::none);
}

void Raft::on_response(NodeId from, const BeginQuorumEpochRequest&, const EpochResponse& response, Time now) {
  if (find_voter(from)) learn(response.leader_epoch, response.leader_id, now);
}
void Raft::on_response(NodeId from, const EndQuorumEpochRequest&, const EpochResponse& response, Time now) {
  if (find_voter(from)) learn(response.leader_epoch, response.leader_id, now);
}

}  // namespace moldau::raft
