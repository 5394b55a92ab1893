#include <algorithm>

#include "raft/raft.h"

namespace moldau::raft {

void Raft::start_election(Time now) {
  if (is_only_voter()) return become_candidate(now);
  become_prospective(now);
}

// Keeps its epoch and the leader it knew: nothing is disturbed until a majority misses the leader too.
void Raft::become_prospective(Time now) {
  enter(Role::prospective);
  election_deadline_ = now + random_election_timeout();
  if (is_voter()) granted_.insert(settings_.self.id);
  send_votes(true);
}

void Raft::become_candidate(Time now) {
  MOLDAU_ASSERT(may_stand());
  enter(Role::candidate);
  set_state({state_.epoch + 1, kNoNode, settings_.self});
  election_deadline_ = now + random_election_timeout();
  if (is_voter()) granted_.insert(settings_.self.id);
  if (granted_.size() >= majority()) return become_leader(now);
  send_votes(false);
}

void Raft::become_leader(Time now) {
  MOLDAU_ASSERT(role_ == Role::candidate && granted_.size() >= majority());
  AppendLeaderChange opening{state_.epoch, settings_.self.id, voters().keys(), {}};
  for (const Voter& voter : voters())
    if (granted_.contains(voter.key.id)) opening.granting_voters.push_back(voter.key);
  enter(Role::leader);
  set_state({state_.epoch, settings_.self.id, state_.voted});
  epoch_start_ = log_.end().offset;
  quorum_deadline_ = now + settings_.fetch_timeout * 3 / 2;
  for (const Voter& voter : voters())
    if (!is_self(voter.key)) voters_.emplace(voter.key.id, Replica{.next_begin = now});
  emit(std::move(opening));
  // The first leader of all brings the voters that the cluster was formatted with into the log.
  if (is_dynamic() && history_.voters_offset() == kNoOffset) {
    emit(AppendKraftVersion{state_.epoch, history_.kraft_version()});
    append_voters(voters());
  }
  announce_epoch(now);
}

void Raft::become_resigned(Time now) {
  MOLDAU_ASSERT(role_ == Role::leader);
  std::vector<ReplicaProgress> successors = voter_progress();
  std::erase_if(successors, [&](const ReplicaProgress& voter) { return is_self(voter.key); });
  std::ranges::sort(successors, [](const ReplicaProgress& a, const ReplicaProgress& b) {
    return a.end_offset != b.end_offset ? a.end_offset > b.end_offset : a.key < b.key;
  });
  EndQuorumEpochRequest farewell{settings_.self.id, state_.epoch, {}, settings_.self_endpoints};
  for (const ReplicaProgress& voter : successors) farewell.preferred_candidates.push_back(voter.key);
  enter(Role::resigned);
  set_state({state_.epoch, kNoNode, state_.voted});
  election_deadline_ = now + random_election_timeout();
  for (const ReplicaKey& voter : farewell.preferred_candidates) send(voter.id, farewell);
}

void Raft::resign(Time now) {
  if (role_ == Role::leader) become_resigned(now);
}

void Raft::lose_leader(Time now) {
  may_stand() ? become_prospective(now) : become_unattached(state_.epoch, now);
}

// Whoever stands now may have the vote. An answer that is on its way already does not change that; a later
// one says that it was a mistake, of a message that came late.
void Raft::leader_has_resigned(Time until) {
  resigned_epoch_ = state_.epoch;
  answer_in_doubt_ = fetch_sent_.has_value();
  fetched_from_leader_ = false;
  fetch_deadline_ = std::min(fetch_deadline_, until);
}

void Raft::send_votes(bool pre_vote) {
  for (const Voter& voter : voters())
    if (!is_self(voter.key))
      send(voter.key.id, VoteRequest{state_.epoch, settings_.self, voter.key, log_.end(), pre_vote});
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
    return VoteResponse{error, state_.epoch, state_.leader_id, granted, leader_endpoint()};
  };
  const bool known = is_dynamic() || (is_voter() && voters().contains(request.candidate));
  if (!known || is_self(request.candidate)) return answer(RaftError::inconsistent_voter_set);
  if (request.candidate.id < 0) return answer(RaftError::invalid_request);
  if (!settings_.self.matches(request.voter)) return answer(RaftError::invalid_voter_key);
  if (request.epoch < state_.epoch) return answer(RaftError::fenced_leader_epoch);
  learn(request.epoch, kNoNode, {}, now);
  const bool granted = may_grant(request);
  if (granted && !request.pre_vote && state_.voted.id == kNoNode) {
    if (role_ != Role::unattached) become_unattached(state_.epoch, now);
    set_state({state_.epoch, kNoNode, request.candidate});
    election_deadline_ = now + random_election_timeout();
  }
  return answer(RaftError::none, granted);
}

void Raft::on_response(NodeId from, const VoteRequest& request, const VoteResponse& response, Time now) {
  learn(response.leader_epoch, response.leader_id, response.leader_endpoint, now);
  const Role asked_as = request.pre_vote ? Role::prospective : Role::candidate;
  if (role_ != asked_as || request.epoch != state_.epoch || !voters().contains(from)) return;
  count_vote(from, response.error == RaftError::none && response.granted, now);
}

void Raft::count_vote(NodeId from, bool granted, Time now) {
  (granted ? granted_ : rejected_).insert(from);
  if (granted_.size() >= majority()) {
    role_ == Role::prospective ? become_candidate(now) : become_leader(now);
  } else if (rejected_.size() > voters().size() - majority()) {
    if (role_ == Role::candidate) {
      const auto backoff = static_cast<std::uint64_t>(settings_.election_backoff_max.count());
      election_deadline_ = now + Duration(random_.below(std::max<std::uint64_t>(backoff, 1)));
    } else if (state_.leader_id != kNoNode && state_.epoch != resigned_epoch_) {
      become_follower(state_.epoch, state_.leader_id, now);
    } else {
      become_unattached(state_.epoch, now);
    }
  }
}

EpochResponse Raft::on_begin_quorum_epoch(const BeginQuorumEpochRequest& request, Time now) {
  const auto answer = [&](RaftError error) {
    return EpochResponse{error, state_.epoch, state_.leader_id, leader_endpoint()};
  };
  const bool known = is_dynamic() || (is_voter() && voters().contains(request.leader_id));
  if (!known || request.leader_id == settings_.self.id) return answer(RaftError::inconsistent_voter_set);
  if (request.leader_id < 0) return answer(RaftError::invalid_request);
  if (!settings_.self.matches(request.voter)) return answer(RaftError::invalid_voter_key);
  if (request.leader_epoch == resigned_epoch_) resigned_epoch_ = kNoEpoch;  // it was a mistake
  const auto at =
      request.leader_endpoints.empty() ? std::nullopt : std::optional(request.leader_endpoints.front());
  if (!learn(request.leader_epoch, request.leader_id, at, now)) return answer(RaftError::fenced_leader_epoch);
  if (state_.leader_id != request.leader_id) return answer(RaftError::invalid_request);
  if (role_ == Role::follower) {
    fetch_deadline_ = now + settings_.fetch_timeout;
    refusals_ = 0;
  } else {  // it had lost hope too early
    become_follower(state_.epoch, request.leader_id, now);
  }
  return answer(RaftError::none);
}

EpochResponse Raft::on_end_quorum_epoch(const EndQuorumEpochRequest& request, Time now) {
  const auto answer = [&](RaftError error) {
    return EpochResponse{error, state_.epoch, state_.leader_id, leader_endpoint()};
  };
  const bool known = is_dynamic() || voters().contains(request.leader_id);
  if (!known || request.leader_id == settings_.self.id) return answer(RaftError::inconsistent_voter_set);
  if (request.leader_id < 0) return answer(RaftError::invalid_request);
  // Its leader is about to go: its address is of no use to anybody.
  if (!learn(request.leader_epoch, request.leader_id, {}, now)) return answer(RaftError::fenced_leader_epoch);
  if (role_ != Role::follower || state_.leader_id != request.leader_id) return answer(RaftError::none);
  const auto& candidates = request.preferred_candidates;
  const auto place = std::ranges::find_if(candidates, [&](const ReplicaKey& key) { return is_self(key); });
  if (place == candidates.begin() && place != candidates.end()) {
    leader_has_resigned(now);
    lose_leader(now);
  } else {  // the better successors go first, each with half the time of the next
    const auto after = std::min<std::ptrdiff_t>(candidates.end() - place, 10);
    leader_has_resigned(now + settings_.election_backoff_max / (1 << after));
  }
  return answer(RaftError::none);
}

void Raft::on_response(NodeId, const BeginQuorumEpochRequest&, const EpochResponse& response, Time now) {
  learn(response.leader_epoch, response.leader_id, response.leader_endpoint, now);
}
void Raft::on_response(NodeId, const EndQuorumEpochRequest&, const EpochResponse& response, Time now) {
  learn(response.leader_epoch, response.leader_id, response.leader_endpoint, now);
}
void Raft::on_response(NodeId, const VoterChangeResponse& response, Time now) {
  learn(response.leader_epoch, response.leader_id, response.leader_endpoint, now);
}

void Raft::on_request_failed(NodeId to, const Request& request, bool refused, Time now) {
  if (const auto* vote = std::get_if<VoteRequest>(&request)) {
    // A process that is gone grants nothing: who stands need not wait for it.
    const Role asked_as = vote->pre_vote ? Role::prospective : Role::candidate;
    if (refused && role_ == asked_as && vote->epoch == state_.epoch && voters().contains(to))
      count_vote(to, false, now);
    return;
  }
  const bool was_fetch =
      std::holds_alternative<FetchRequest>(request) || std::holds_alternative<FetchSnapshotRequest>(request);
  if (!was_fetch || !fetch_sent_ || (role_ == Role::follower && to != state_.leader_id)) return;
  fetch_sent_.reset();
  next_fetch_ = now + settings_.retry_backoff;
  if (role_ != Role::follower) return;
  refusals_ = refused ? refusals_ + 1 : 0;
  // Not all at the same moment: who stands alone is elected by the others.
  if (refusals_ >= 2)
    fetch_deadline_ = std::min(fetch_deadline_, now + Duration(random_.below(static_cast<std::uint64_t>(
                                                          settings_.election_backoff_max.count() / 8 + 1))));
}

}  // namespace moldau::raft
