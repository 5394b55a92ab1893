// SyncGroup, and who stays and who goes: Heartbeat, LeaveGroup, who may commit.
#include "group/classic_group.h"
#include "group/subscription.h"

namespace moldau::group {

using wire::ErrorCode;

namespace {

bool differ(const std::optional<std::string>& named, const std::optional<std::string>& known) {
  return named && known && named != known;
}

}  // namespace

ErrorCode ClassicGroup::check_sync(const wire::SyncGroupRequest& request) const {
  if (phase_ == Phase::empty) return ErrorCode::unknown_member_id;
  const ErrorCode member = check_member(request.member_id, request.group_instance_id);
  if (member != ErrorCode::none) return member;
  if (request.generation_id != generation_) return ErrorCode::illegal_generation;
  if (differ(request.protocol_type, protocol_type_) || differ(request.protocol_name, protocol_))
    return ErrorCode::inconsistent_group_protocol;
  return phase_ == Phase::preparing_rebalance ? ErrorCode::rebalance_in_progress : ErrorCode::none;
}

void ClassicGroup::sync(const wire::SyncGroupRequest& request, Ticket ticket, Now now, Effects& effects) {
  if (const ErrorCode code = check_sync(request); code != ErrorCode::none) {
    wire::SyncGroupResponse refused;
    refused.error_code = code;
    effects.answers.push_back({ticket, std::move(refused), stored_end_});
    return;
  }
  Member& member = *find(request.member_id);
  // Of a request before this one that the member has given up.
  answer_sync(member, ErrorCode::rebalance_in_progress, effects);
  member.syncing = ticket;
  note_synced(request.member_id);
  if (phase_ == Phase::stable) {
    answer_sync(member, ErrorCode::none, effects);
    restart_session(member, now);
  } else if (is_leader(request.member_id)) {
    std::map<std::string_view, const Slice*> assigned;
    for (const auto& each : request.assignments) assigned[each.member_id] = &each.assignment;
    Generation agreed = generation();
    for (Generation::Member& each : agreed.members) {
      const auto found = assigned.find(each.member_id);
      each.assignment = found == assigned.end() ? Slice() : Slice::copy_of(*found->second);
    }
    effects.records.push_back(GenerationRecord{id_, std::move(agreed)});
  }
}

void ClassicGroup::note_synced(const std::string& member_id) {
  unsynced_.erase(member_id);
  if (unsynced_.empty()) deadline_.clear();
}

void ClassicGroup::answer_sync(Member& member, ErrorCode code, Effects& effects) const {
  if (!member.syncing) return;
  wire::SyncGroupResponse response;
  response.error_code = code;
  if (code == ErrorCode::none) {
    response.protocol_type = protocol_type_;
    response.protocol_name = protocol_;
    response.assignment = member.assignment;
  }
  effects.answers.push_back({*member.syncing, std::move(response), stored_end_});
  member.syncing.reset();
}

// What the leader has decided is stored.
void ClassicGroup::take_assignments(Now now, Effects& effects) {
  for (const Generation::Member& stored : stored_->members) {
    Member* member = find(stored.member_id);
    if (member != nullptr) member->assignment = stored.assignment;
  }
  set_phase(Phase::stable, now);
  for (auto& [id, member] : members_) {
    if (!member.syncing) continue;
    answer_sync(member, ErrorCode::none, effects);
    restart_session(member, now);
  }
}

void ClassicGroup::end_syncs(ErrorCode code, Now now, Effects& effects) {
  for (auto& [id, member] : members_) {
    member.assignment = Slice();
    if (!member.syncing) continue;
    answer_sync(member, code, effects);
    restart_session(member, now);
  }
}

// --- who stays

ErrorCode ClassicGroup::heartbeat(const wire::HeartbeatRequest& request, Now now) {
  const ErrorCode member = check_member(request.member_id, request.group_instance_id);
  if (member != ErrorCode::none) return member;
  if (request.generation_id != generation_) return ErrorCode::illegal_generation;
  restart_session(*find(request.member_id), now);
  return phase_ == Phase::preparing_rebalance ? ErrorCode::rebalance_in_progress : ErrorCode::none;
}

ErrorCode ClassicGroup::check_commit(const Committer& committer, Now now) {
  const bool names_member =
      committer.generation >= 0 || !committer.member_id.empty() || committer.instance_id.has_value();
  // Who commits without being a member may do so while nobody is one.
  if (phase_ == Phase::empty && committer.generation < 0) return ErrorCode::none;
  if (!names_member) return phase_ == Phase::empty ? ErrorCode::none : ErrorCode::unknown_member_id;
  const ErrorCode member = check_member(committer.member_id, committer.instance_id);
  if (member != ErrorCode::none) return member;
  if (committer.generation != generation_) return ErrorCode::illegal_generation;
  // It knows of the generation, and not yet of its assignment.
  if (phase_ == Phase::completing_rebalance) return ErrorCode::rebalance_in_progress;
  restart_session(*find(committer.member_id), now);
  return ErrorCode::none;
}

ErrorCode ClassicGroup::check_transactional_commit(const Committer& committer) const {
  const bool names_member =
      committer.generation >= 0 || !committer.member_id.empty() || committer.instance_id.has_value();
  if (!names_member || (phase_ == Phase::empty && committer.generation < 0)) return ErrorCode::none;
  const ErrorCode member = check_member(committer.member_id, committer.instance_id);
  if (member != ErrorCode::none) return member;
  return committer.generation == generation_ ? ErrorCode::none : ErrorCode::illegal_generation;
}

ErrorCode ClassicGroup::check_offset_delete() const {
  const bool open = phase_ == Phase::empty || protocol_type_ == kConsumerProtocolType;
  return open ? ErrorCode::none : ErrorCode::non_empty_group;
}

// --- who goes

std::vector<wire::LeaveGroupResponse::Member> ClassicGroup::leave(
    const std::vector<wire::LeaveGroupRequest::Member>& members, Now now, Effects& effects) {
  std::vector<wire::LeaveGroupResponse::Member> answers;
  bool anyone = false;
  for (const auto& leaving : members) {
    auto& answer = answers.emplace_back();
    answer.member_id = leaving.member_id;
    answer.group_instance_id = leaving.group_instance_id;
    std::string id = leaving.member_id;
    if (id.empty() && leaving.group_instance_id) {
      // An operator removes a static member, whose id nobody knows.
      const auto known = static_members_.find(*leaving.group_instance_id);
      if (known != static_members_.end()) id = known->second;
    }
    if (pending_.erase(id) == 0) {
      answer.error_code = check_member(id, leaving.group_instance_id);
      if (answer.error_code != ErrorCode::none) continue;
      remove(std::move(id), effects);
      anyone = true;
    }
  }
  if (anyone && (phase_ == Phase::stable || phase_ == Phase::completing_rebalance)) {
    prepare_rebalance(now, effects);
  } else {
    complete_join_if_all_joined(now, effects);
  }
  return answers;
}

void ClassicGroup::abandon(Ticket ticket, Now now) {
  for (auto& [id, member] : members_) {
    if (member.joining == ticket) {
      member.joining.reset();
      --joining_;
      member.is_new = false;
      return restart_session(member, now);
    }
    if (member.syncing == ticket) {
      member.syncing.reset();
      return restart_session(member, now);
    }
  }
}

}  // namespace moldau::group
