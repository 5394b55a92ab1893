// JoinGroup.
#include <algorithm>

#include "group/classic_group.h"
#include "group/classic_member_id.h"

namespace moldau::group {

using wire::ErrorCode;

// Who wants to be a member, on the way through the functions below.
struct ClassicGroup::Joiner {
  const wire::JoinGroupRequest& request;
  Described described;
  Ticket ticket;
  wire::ApiVersion version;
  Now now;
};

namespace {

constexpr wire::ApiVersion kRebalanceTimeoutFrom = 1;
constexpr wire::ApiVersion kMemberIdRequiredFrom = 4;
constexpr wire::ApiVersion kSkipAssignmentFrom = 9;

// A new member cannot send heartbeats, not knowing its id. It is given up when it has waited for so long.
constexpr Duration kNewMemberTimeout = std::chrono::minutes(5);
// Ids that were given out and not used yet, of one group.
constexpr std::size_t kMaxPendingIds = 10'000;
// What the members of one group say of themselves in all: the leader is sent the most of it in one answer.
constexpr std::size_t kMaxDescribedSize = std::size_t{64} << 20;

}  // namespace

void ClassicGroup::join(const wire::JoinGroupRequest& request, const Client& client, Ticket ticket, Now now,
                        Effects& effects) {
  Described described;
  described.instance_id = request.group_instance_id;
  described.client_id = client.id;
  described.client_host = client.host;
  described.session_timeout_ms = request.session_timeout_ms;
  described.rebalance_timeout_ms = client.version >= kRebalanceTimeoutFrom
                                       ? std::max(request.rebalance_timeout_ms, 0)
                                       : request.session_timeout_ms;
  for (const auto& protocol : request.protocols) {
    const auto repeated = std::ranges::find(described.protocols, protocol.name, &Protocol::name);
    if (repeated == described.protocols.end())
      described.protocols.push_back({protocol.name, Slice::copy_of(protocol.metadata)});
  }
  Joiner joiner{request, std::move(described), ticket, client.version, now};
  if (!accepts(request.member_id)) {
    remove(request.member_id, effects);
    refuse_join(ticket, "", ErrorCode::group_max_size_reached, effects);
    complete_join_if_all_joined(now, effects);
  } else if (!has_room_for(joiner)) {
    refuse_join(ticket, "", ErrorCode::group_max_size_reached, effects);
  } else if (!supports(request.protocol_type, joiner.described.protocols)) {
    refuse_join(ticket, request.member_id, ErrorCode::inconsistent_group_protocol, effects);
  } else if (request.member_id.empty()) {
    join_as_new(joiner, effects);
  } else {
    join_as_known(joiner, effects);
  }
}

// While members come, those that have come count: the group may be too large already, if the limit was
// lowered.
bool ClassicGroup::accepts(const std::string& member_id) const {
  const auto limit = static_cast<std::size_t>(std::max(parts_.settings.max_size, 0));
  const auto member = members_.find(member_id);
  const bool known = member != members_.end();
  switch (phase_) {
    case Phase::empty:
      return true;
    case Phase::preparing_rebalance:
      return (known && member->second.joining) || joining_ < limit;
    case Phase::completing_rebalance:
    case Phase::stable:
      return known || members_.size() < limit;
  }
  MOLDAU_UNREACHABLE("phase of a group");
}

bool ClassicGroup::has_room_for(const Joiner& joiner) const {
  const auto member = members_.find(joiner.request.member_id);
  const std::size_t before = member == members_.end() ? 0 : member->second.size_bytes();
  return described_size_ - before + joiner.described.size_bytes() <= kMaxDescribedSize;
}

std::string ClassicGroup::new_member_id(const Joiner& joiner) {
  const Described& described = joiner.described;
  return group::new_member_id(described.instance_id.value_or(described.client_id), parts_.random);
}

void ClassicGroup::join_as_new(Joiner& joiner, Effects& effects) {
  const auto& instance_id = joiner.described.instance_id;
  if (!instance_id && joiner.version >= kMemberIdRequiredFrom) return hand_out_id(joiner, effects);
  const auto known = instance_id ? static_members_.find(*instance_id) : static_members_.end();
  if (known == static_members_.end()) return add_member(joiner, new_member_id(joiner), effects);
  replace_member(joiner, known->second, effects);
}

// The member joins when it has this answer: one whose connection breaks before leaves nothing behind
// (KIP-394).
void ClassicGroup::hand_out_id(const Joiner& joiner, Effects& effects) {
  if (pending_.size() >= kMaxPendingIds)
    return refuse_join(joiner.ticket, "", ErrorCode::group_max_size_reached, effects);
  const std::string id = new_member_id(joiner);
  pending_.try_emplace(id, parts_.timers, id_, id)
      .first->second.set(joiner.now.monotonic + milliseconds(joiner.described.session_timeout_ms));
  refuse_join(joiner.ticket, id, ErrorCode::member_id_required, effects);
}

void ClassicGroup::join_as_known(Joiner& joiner, Effects& effects) {
  const std::string& id = joiner.request.member_id;
  if (!joiner.described.instance_id && pending_.erase(id) > 0) return add_member(joiner, id, effects);
  const ErrorCode code = check_member(id, joiner.described.instance_id);
  if (code != ErrorCode::none) return refuse_join(joiner.ticket, id, code, effects);
  rejoin(joiner, *find(id), effects);
}

void ClassicGroup::add_member(Joiner& joiner, const std::string& member_id, Effects& effects) {
  if (phase_ == Phase::preparing_rebalance && initial_) someone_came_ = true;
  if (members_.empty()) protocol_type_ = joiner.request.protocol_type;
  Member& member = add(member_id, std::move(joiner.described));
  member.is_new = true;
  member.joining = joiner.ticket;
  ++joining_;
  member.session.set(joiner.now.monotonic + kNewMemberTimeout);
  rebalance_or_complete(joiner.now, effects);
}

// A member that has not changed may have missed an answer, and is given it again. The leader rejoins because
// it wants another assignment, for reasons that only it knows.
void ClassicGroup::rejoin(Joiner& joiner, Member& member, Effects& effects) {
  const bool unchanged = member.protocols == joiner.described.protocols;
  const bool wants_rebalance = phase_ == Phase::stable && is_leader(joiner.request.member_id);
  if (phase_ == Phase::preparing_rebalance || !unchanged || wants_rebalance)
    return join_again(joiner, member, effects);
  wire::JoinGroupResponse response = current_generation(joiner.request.member_id);
  if (is_leader(joiner.request.member_id)) response.members = member_list();
  effects.answers.push_back({joiner.ticket, std::move(response), stored_end_});
}

void ClassicGroup::join_again(Joiner& joiner, Member& member, Effects& effects) {
  if (member.joining) {
    // The request before is one that this member has given up.
    wire::JoinGroupResponse superseded;
    superseded.error_code = ErrorCode::rebalance_in_progress;
    answer_join(member, std::move(superseded), effects);
  }
  joiner.described.instance_id = member.instance_id;  // it is who it was when it came, whatever it says now
  describe_anew(member, std::move(joiner.described));
  member.joining = joiner.ticket;
  ++joining_;
  rebalance_or_complete(joiner.now, effects);
}

// --- static members that come back (KIP-345)

void ClassicGroup::replace_member(Joiner& joiner, std::string old_id, Effects& effects) {
  const std::string new_id = new_member_id(joiner);
  if (phase_ == Phase::stable && protocol_ == select_protocol(find(old_id), &joiner.described)) {
    // Only the id changes, and the assignment stays: there is nothing to rebalance.
    Generation renamed = generation();
    const auto at = std::ranges::find(renamed.members, old_id, &Generation::Member::member_id);
    at->member_id = new_id;
    at->client_id = joiner.described.client_id;
    at->client_host = joiner.described.client_host;
    at->rebalance_timeout = joiner.described.rebalance_timeout_ms;
    at->session_timeout = joiner.described.session_timeout_ms;
    at->subscription = joiner.described.metadata_of(*protocol_);
    if (is_leader(old_id)) renamed.leader = new_id;
    replacement_ =
        Replacement{old_id, new_id, leader_, std::move(joiner.described), joiner.ticket, joiner.version};
    effects.records.push_back(GenerationRecord{id_, std::move(renamed)});
    return;
  }
  Member& member = rename_member(old_id, new_id, std::move(joiner.described), effects);
  member.joining = joiner.ticket;
  ++joining_;
  restart_session(member, joiner.now);
  rebalance_or_complete(joiner.now, effects);
}

ClassicGroup::Member& ClassicGroup::rename_member(const std::string& old_id, const std::string& new_id,
                                                  Described described, Effects& effects) {
  Member& old = *find(old_id);
  wire::JoinGroupResponse fenced;
  fenced.error_code = ErrorCode::fenced_instance_id;
  fenced.member_id = old_id;
  answer_join(old, std::move(fenced), effects);
  answer_sync(old, ErrorCode::fenced_instance_id, effects);
  const Slice assignment = old.assignment;
  const bool led = is_leader(old_id);
  Member& member = add(new_id, std::move(described));
  member.assignment = assignment;
  remove(old_id, effects);
  static_members_[*member.instance_id] = new_id;
  if (led) leader_ = new_id;
  return member;
}

void ClassicGroup::finish_replacement(Effects& effects, Now now) {
  const Replacement done = std::move(*replacement_);
  replacement_.reset();
  Member& member = rename_member(done.old_id, done.new_id, done.described, effects);
  restart_session(member, now);
  read_subscriptions();
  wire::JoinGroupResponse response = current_generation(done.new_id);
  if (done.version >= kSkipAssignmentFrom) {
    response.skip_assignment = is_leader(done.new_id);
    if (response.skip_assignment) response.members = member_list();
  } else {
    // One that cannot be told to skip the assignment must not know that it leads.
    response.leader = done.old_leader;
  }
  effects.answers.push_back({done.ticket, std::move(response), stored_end_});
}

// --- answers

std::vector<wire::JoinGroupResponse::Member> ClassicGroup::member_list() const {
  std::vector<wire::JoinGroupResponse::Member> list;
  for (const auto& [id, member] : members_)
    list.push_back({id, member.instance_id, member.metadata_of(protocol_.value_or(""))});
  return list;
}

wire::JoinGroupResponse ClassicGroup::current_generation(const std::string& member_id) const {
  wire::JoinGroupResponse response;
  response.generation_id = generation_;
  response.protocol_type = protocol_type_;
  response.protocol_name = protocol_;
  response.leader = leader_;
  response.member_id = member_id;
  return response;
}

void ClassicGroup::answer_join(Member& member, wire::JoinGroupResponse response, Effects& effects) {
  if (!member.joining) return;
  effects.answers.push_back({*member.joining, std::move(response), stored_end_});
  member.joining.reset();
  --joining_;
}

void ClassicGroup::refuse_join(Ticket ticket, const std::string& member_id, ErrorCode code,
                               Effects& effects) const {
  wire::JoinGroupResponse response;
  response.error_code = code;
  response.member_id = member_id;
  effects.answers.push_back({ticket, std::move(response), stored_end_});
}

}  // namespace moldau::group
