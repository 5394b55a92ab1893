#include "group/groups.h"

#include <algorithm>
#include <cctype>

#include "base/assert.h"

namespace moldau::group {

using wire::ErrorCode;

namespace {

constexpr wire::ApiVersion kLeaveInBatchesFrom = 3;
constexpr wire::ApiVersion kNotFoundErrorFrom = 6;     // of DescribeGroups
constexpr wire::ApiVersion kProtocolRequiredFrom = 5;  // of SyncGroup
constexpr std::string_view kGroupType = "classic";
// A turn of the loop is not to be longer for many members whose sessions end together.
constexpr std::size_t kDueAtOnce = 256;

std::string lower_case(std::string_view text) {
  std::string lower(text);
  for (char& c : lower) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  const auto is_space = [](unsigned char c) { return std::isspace(c) != 0; };
  lower.erase(std::ranges::find_if_not(lower.rbegin(), lower.rend(), is_space).base(), lower.end());
  lower.erase(lower.begin(), std::ranges::find_if_not(lower, is_space));
  return lower;
}

// An empty filter lets everything pass.
bool passes(const std::vector<std::string>& filter, std::string_view value) {
  return filter.empty() || std::ranges::any_of(filter, [wanted = lower_case(value)](const auto& each) {
           return lower_case(each) == wanted;
         });
}

template <class Response>
Outcome<Response> answer(ErrorCode code, Offset after = 0) {
  Outcome<Response> outcome;
  outcome.response.error_code = code;
  outcome.after = after;
  return outcome;
}

class Hash {
 public:
  void add(ByteView bytes) {
    for (const std::byte byte : bytes) value_ = (value_ ^ std::to_integer<std::uint64_t>(byte)) * kPrime;
    value_ = (value_ ^ bytes.size()) * kPrime;
  }
  void add(const Record& record) {
    const EncodedRecord encoded = encode(record);
    add(encoded.key);
    add(encoded.value.value_or(Slice()));
  }
  std::uint64_t value() const { return value_; }

 private:
  static constexpr std::uint64_t kPrime = 0x100000001b3;  // FNV-1a
  std::uint64_t value_ = 0xcbf29ce484222325;
};

}  // namespace

Groups::Group* Groups::find(std::string_view id) {
  const auto found = groups_.find(id);
  return found == groups_.end() ? nullptr : found->second.get();
}

const Groups::Group* Groups::find(std::string_view id) const {
  const auto found = groups_.find(id);
  return found == groups_.end() ? nullptr : found->second.get();
}

Groups::Group& Groups::find_or_add(const std::string& id) {
  std::unique_ptr<Group>& group = groups_[id];
  if (!group) group = std::make_unique<Group>(id, ClassicGroup::Parts{settings_, timers_, random_});
  return *group;
}

// --- the log

void Groups::replay(const Record& record, Offset offset, Now now) {
  end_ = offset + 1;
  if (const auto* committed = std::get_if<OffsetRecord>(&record)) return replay_one(*committed, end_);
  replay_one(std::get<GenerationRecord>(record), end_, now);
}

void Groups::replay_one(const GenerationRecord& record, Offset end, Now now) {
  if (record.value) return find_or_add(record.group).members.replay(record.value, end, now, effects_);
  Group* group = find(record.group);
  if (group == nullptr) return;
  // Its offsets have records of their own, which may be after this one.
  group->members.replay(std::nullopt, end, now, effects_);
  if (group->offsets.empty()) groups_.erase(record.group);
}

Records Groups::loaded(Now now) {
  MOLDAU_ASSERT(!loaded_);
  loaded_ = true;
  std::erase_if(groups_, [](const auto& each) {
    return !each.second->members.stored() && each.second->offsets.empty();
  });
  for (const auto& [id, group] : groups_) group->members.loaded(now, effects_);
  return take_records();
}

void Groups::refused(const Records& records, ErrorCode code, Now now) {
  for (const Record& record : records) {
    const auto* generation = std::get_if<GenerationRecord>(&record);
    if (generation == nullptr) continue;
    if (Group* group = find(generation->group)) group->members.refused(code, now, effects_);
  }
  // Of what follows nothing is to be stored: a group that has lost its members now had none that are stored.
  effects_.records.clear();
}

std::uint64_t Groups::state_hash() const {
  Hash hash;
  for (const auto& [id, group] : groups_) {
    if (group->members.stored()) hash.add(GenerationRecord{id, group->members.stored()});
    for (const auto& [topic, offsets] : group->offsets)
      for (const auto& [partition, committed] : offsets)
        hash.add(OffsetRecord{id, {topic, partition}, committed});
  }
  return hash.value();
}

// --- members

Records Groups::join(const wire::JoinGroupRequest& request, const Client& client, Ticket ticket, Now now) {
  const auto refuse = [&](ErrorCode code) {
    wire::JoinGroupResponse response;
    response.error_code = code;
    response.member_id = request.member_id;
    effects_.answers.push_back({ticket, std::move(response), 0});
    return Records();
  };
  if (request.group_id.empty()) return refuse(ErrorCode::invalid_group_id);
  if (request.session_timeout_ms < settings_.min_session_timeout_ms ||
      request.session_timeout_ms > settings_.max_session_timeout_ms)
    return refuse(ErrorCode::invalid_session_timeout);
  // Whoever has an id has it from a group.
  if (!request.member_id.empty() && find(request.group_id) == nullptr)
    return refuse(ErrorCode::unknown_member_id);
  find_or_add(request.group_id).members.join(request, client, ticket, now, effects_);
  return take_records();
}

Records Groups::sync(const wire::SyncGroupRequest& request, const Client& client, Ticket ticket, Now now) {
  const auto refuse = [&](ErrorCode code) {
    wire::SyncGroupResponse response;
    response.error_code = code;
    effects_.answers.push_back({ticket, std::move(response), 0});
    return Records();
  };
  const bool names_protocol = request.protocol_type && request.protocol_name;
  if (client.version >= kProtocolRequiredFrom && !names_protocol)
    return refuse(ErrorCode::inconsistent_group_protocol);
  if (request.group_id.empty()) return refuse(ErrorCode::invalid_group_id);
  Group* group = find(request.group_id);
  if (group == nullptr) return refuse(ErrorCode::unknown_member_id);
  group->members.sync(request, ticket, now, effects_);
  return take_records();
}

void Groups::abandon(const std::string& group_id, Ticket ticket, Now now) {
  if (Group* group = find(group_id)) group->members.abandon(ticket, now);
}

Outcome<wire::HeartbeatResponse> Groups::heartbeat(const wire::HeartbeatRequest& request, Now now) {
  if (request.group_id.empty()) return answer<wire::HeartbeatResponse>(ErrorCode::invalid_group_id);
  Group* group = find(request.group_id);
  if (group == nullptr) return answer<wire::HeartbeatResponse>(ErrorCode::unknown_member_id);
  const ErrorCode code = group->members.heartbeat(request, now);
  return answer<wire::HeartbeatResponse>(code, group->members.stored_end());
}

Outcome<wire::LeaveGroupResponse> Groups::leave(const wire::LeaveGroupRequest& request, const Client& client,
                                                Now now) {
  if (request.group_id.empty()) return answer<wire::LeaveGroupResponse>(ErrorCode::invalid_group_id);
  std::vector<wire::LeaveGroupRequest::Member> members = request.members;
  if (client.version < kLeaveInBatchesFrom) members = {{.member_id = request.member_id}};
  Outcome<wire::LeaveGroupResponse> outcome;
  if (Group* group = find(request.group_id)) {
    outcome.response.members = group->members.leave(members, now, effects_);
    outcome.after = group->members.stored_end();
    outcome.records = take_records();
  } else {
    for (auto& member : members)
      outcome.response.members.push_back(
          {std::move(member.member_id), std::move(member.group_instance_id), ErrorCode::unknown_member_id});
  }
  if (client.version < kLeaveInBatchesFrom)
    outcome.response.error_code = outcome.response.members.front().error_code;
  return outcome;
}

// --- what is seen

Outcome<wire::DescribeGroupsResponse::Group> Groups::describe(const std::string& group_id,
                                                              wire::ApiVersion version) const {
  Outcome<wire::DescribeGroupsResponse::Group> outcome;
  if (const Group* group = find(group_id)) {
    outcome.response = group->members.describe();
    outcome.after = group->members.stored_end();
    return outcome;
  }
  outcome.response.group_id = group_id;
  outcome.response.group_state = "Dead";
  outcome.after = end_;  // it may have been deleted just now
  if (version >= kNotFoundErrorFrom) {
    outcome.response.error_code = ErrorCode::group_id_not_found;
    outcome.response.error_message = "Group " + group_id + " not found.";
  }
  return outcome;
}

Outcome<std::vector<wire::ListGroupsResponse::Group>> Groups::list(
    const wire::ListGroupsRequest& filters) const {
  Outcome<std::vector<wire::ListGroupsResponse::Group>> outcome;
  outcome.after = end_;
  if (!passes(filters.types_filter, kGroupType)) return outcome;
  for (const auto& [id, group] : groups_) {
    const std::string_view phase = ClassicGroup::name_of(group->members.phase());
    if (!passes(filters.states_filter, phase)) continue;
    outcome.response.push_back(
        {id, group->members.protocol_type().value_or(""), std::string(phase), std::string(kGroupType)});
  }
  return outcome;
}

std::vector<Glance> Groups::glances() const {
  std::vector<Glance> all;
  for (const auto& [id, group] : groups_) {
    Glance& glance = all.emplace_back();
    glance.id = id;
    glance.state = ClassicGroup::name_of(group->members.phase());
    glance.members = group->members.size();
    for (const auto& [topic, offsets] : group->offsets)
      for (const auto& [index, committed] : offsets)
        glance.offsets.push_back({{topic, index}, committed.offset});
  }
  return all;
}

// --- time

Records Groups::expire(Now now) {
  for (std::size_t i = 0; i < kDueAtOnce; ++i) {
    const Timer* due = timers_.take_due(now.monotonic);
    if (due == nullptr) break;
    // The timer itself may go with what it belongs to.
    const std::string member = due->member();
    find(due->group())->members.on_timer(member, now, effects_);
  }
  return take_records();
}

}  // namespace moldau::group
