// Changes of the voters (KIP-853): one voter at a time.
#include <algorithm>

#include "raft/raft.h"

namespace moldau::raft {

namespace {

using Refusal = std::pair<RaftError, std::string>;

// What everybody must be able to reach, and nobody may be mistaken for.
bool is_complete(const Voter& voter) {
  return voter.key.id >= 0 && !voter.key.directory.is_zero() && !voter.endpoints.empty() &&
         std::ranges::none_of(voter.endpoints,
                              [](const Endpoint& at) { return at.host.empty() || !at.port; });
}

}  // namespace

// --- what is in the log

void Raft::on_voters_appended(Offset offset, VoterSet voters, Time now) {
  history_.append(offset, std::move(voters));
  if (role_ != Role::leader) return;
  if (change_ && change_->offset == kNoOffset && !change_->joining) {
    change_->offset = offset;
    if (!change_->ack_when_committed) end_change(change_->id, RaftError::none);
  }
  voters_changed(now);
}

void Raft::on_kraft_version_appended(Offset offset, std::int16_t version) {
  history_.append(offset, version);
}

// Of a leader: who came keeps what is known of it as an observer, who went becomes one.
void Raft::voters_changed(Time now) {
  std::map<NodeId, Replica> before = std::exchange(voters_, {});
  for (const Voter& voter : voters()) {
    if (is_self(voter.key)) continue;
    Replica& replica = voters_[voter.key.id] = {.next_begin = now};
    if (const auto known = before.extract(voter.key.id)) {
      replica = known.mapped();
    } else if (const auto observer = observers_.extract(voter.key)) {
      replica = observer.mapped();
    }
  }
  std::erase_if(fetched_voters_, [&](NodeId id) { return !voters().contains(id); });
  quorum_deadline_ = now + settings_.fetch_timeout * 3 / 2;
  update_high_watermark(now);
}

// --- the leader's side

VoterChangeResponse Raft::change_response(RaftError error, std::string message) const {
  return {error, std::move(message), state_.epoch, state_.leader_id, leader_endpoint()};
}

void Raft::begin_change(VoterChange change) {
  if (change_) end_change(change_->id, RaftError::request_timed_out, "Another change came between");
  change_ = std::move(change);
}

void Raft::end_change(VoterChangeId id, RaftError error, std::string message) {
  if (change_ && change_->id == id) change_.reset();
  emit(VoterChangeEnded{id, change_response(error, std::move(message))});
}

// Why no change can begin now. The last one must be committed, and with it an entry of this epoch: before,
// another leader's change could be in force elsewhere, and two majorities need not meet (RA-13).
std::optional<Refusal> Raft::refusal_of_changes() const {
  if (role_ != Role::leader) return Refusal(RaftError::not_leader_or_follower, "This node is not the leader");
  if (!ready_)
    return Refusal(RaftError::request_timed_out,
                   "The leader has not yet committed an entry of its epoch; try again");
  if (!is_dynamic())
    return Refusal(RaftError::unsupported_version,
                   "The voters of this cluster are static (kraft.version 0) and cannot be changed");
  if (settings_.rules.one_change_at_a_time && (change_ || history_.voters_offset() >= high_watermark_))
    return Refusal(RaftError::request_timed_out,
                   "Another change of the voters is not finished yet; try again");
  return std::nullopt;
}

VoterChangeId Raft::on_add_voter(const AddVoterRequest& request, Time deadline, Time now) {
  const VoterChangeId id = ++last_change_;
  const Voter& voter = request.voter;
  if (auto refusal = refusal_of_changes()) {
    end_change(id, refusal->first, std::move(refusal->second));
  } else if (!is_complete(voter)) {
    end_change(id, RaftError::invalid_request, "A voter has an id, a directory id and a listener");
  } else if (voters().contains(voter.key.id)) {
    end_change(id, RaftError::duplicate_voter,
               "The voter id for " + voter.key.to_string() + " is already part of the set of voters " +
                   voters().to_string());
  } else if (!voter.kraft_versions.contains(kraft_version())) {
    end_change(id, RaftError::invalid_request,
               "The new voter " + voter.key.to_string() + " does not support kraft.version " +
                   std::to_string(kraft_version()));
  } else {
    begin_change(
        {.id = id, .deadline = deadline, .joining = voter, .ack_when_committed = request.ack_when_committed});
    go_on_with_change(now);
  }
  return id;
}

// A new voter that has not caught up would only make the majority harder to reach.
void Raft::go_on_with_change(Time now) {
  if (!change_ || !change_->joining) return;
  const auto observer = observers_.find(change_->joining->key);
  if (observer == observers_.end() || !observer->second.last_caught_up ||
      now - *observer->second.last_caught_up > settings_.fetch_timeout)
    return;
  std::optional<VoterSet> with = voters().with(*std::exchange(change_->joining, std::nullopt));
  MOLDAU_ASSERT(with && with->follows_safely(voters()), "the set was checked when the change began");
  append_voters(std::move(*with));
}

VoterChangeId Raft::on_remove_voter(const RemoveVoterRequest& request, Time deadline, Time) {
  const VoterChangeId id = ++last_change_;
  std::optional<VoterSet> without = voters().without(request.voter);
  if (auto refusal = refusal_of_changes()) {
    end_change(id, refusal->first, std::move(refusal->second));
  } else if (request.voter.id < 0 || request.voter.directory.is_zero()) {
    end_change(id, RaftError::invalid_request, "A voter has an id and a directory id");
  } else if (!without) {
    end_change(id, RaftError::voter_not_found,
               "Cannot remove voter " + request.voter.to_string() + " from the set of voters " +
                   voters().to_string());
  } else if (without->empty()) {
    end_change(id, RaftError::invalid_request, "The only voter cannot be removed");
  } else {
    begin_change({.id = id, .deadline = deadline});
    append_voters(std::move(*without));
  }
  return id;
}

// Answered once it is in this log: the voter asks again while it does not see the change.
VoterChangeId Raft::on_update_voter(const UpdateVoterRequest& request, Time deadline, Time) {
  const VoterChangeId id = ++last_change_;
  const Voter& voter = request.voter;
  const RaftError fenced = check_leader(request.current_leader_epoch);
  std::optional<VoterSet> updated = voters().with_updated(voter);
  if (fenced != RaftError::none) {
    end_change(id, fenced, "The request is not of the leader's epoch");
  } else if (auto refusal = refusal_of_changes()) {
    end_change(id, refusal->first, std::move(refusal->second));
  } else if (!is_complete(voter) || !voter.kraft_versions.contains(kraft_version())) {
    end_change(id, RaftError::invalid_request,
               "A voter has an id, a directory id and a listener, and supports the cluster's kraft.version");
  } else if (!updated) {
    end_change(id, RaftError::voter_not_found, "There is no voter " + voter.key.to_string());
  } else if (*updated == voters()) {
    end_change(id, RaftError::none);
  } else {
    begin_change({.id = id, .deadline = deadline, .ack_when_committed = false});
    append_voters(std::move(*updated));
  }
  return id;
}

// --- this replica's own membership

bool Raft::is_listed_as_it_is() const {
  const Voter* listed = voters().find(settings_.self.id);
  return settings_.self_endpoints.empty() || !listed || *listed == self_as_voter();
}

void Raft::update_self(Time) {
  if (is_listed_as_it_is() || refusal_of_changes() || !is_voter()) return;
  append_voters(voters().with_updated(self_as_voter()).value());
}

// A voter that is listed with what is not true any more says so; a controller that is to join asks to, once
// it has all that there is. A voter of the same id with a disk that is gone is removed first.
void Raft::ask_for_membership(Time now) {
  if (!is_dynamic() || now < next_membership_request_ || settings_.self_endpoints.empty()) return;
  const NodeId leader = state_.leader_id;
  const Voter* listed = voters().find(settings_.self.id);
  if (is_voter()) {
    if (is_listed_as_it_is()) return;
    send(leader, UpdateVoterRequest{state_.epoch, self_as_voter()});
  } else if (!settings_.auto_join) {
    return;
  } else if (listed) {
    send(leader, RemoveVoterRequest{listed->key});
  } else {
    send(leader, AddVoterRequest{self_as_voter(), settings_.request_timeout, false});
  }
  next_membership_request_ = now + random_election_timeout();
}

}  // namespace moldau::raft
