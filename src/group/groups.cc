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
  void add(std::uint64_t number) { value_ = (value_ ^ number) * kPrime; }
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

// Of records that are made and not appended yet.
struct Replay {
  ConsumerGroup& group;
  Offset end;
  void operator()(const OffsetRecord&) const {}
  void operator()(const GenerationRecord&) const {}
  template <class ConsumerRecord>
  void operator()(const ConsumerRecord& record) const {
    group.replay(record, end, std::nullopt);
  }
};

class NoTopics final : public Topics {
 public:
  std::uint64_t version() const override { return 0; }
  std::optional<TopicView> find(std::string_view) const override { return std::nullopt; }
  std::optional<std::string> name_of(const TopicId&) const override { return std::nullopt; }
  void for_each_name(const std::function<void(const std::string&)>&) const override {}
};

}  // namespace

Groups::Groups(Settings settings, Random random)
    : settings_(settings), random_(random), topics_(std::make_shared<NoTopics>()) {}

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
  std::visit([&](const auto& of_type) { replay_one(of_type, end_, now); }, record);
}

void Groups::replay_one(const GenerationRecord& record, Offset end, Now now) {
  if (record.value) {
    ClassicGroup& members = find_or_add(record.group).members;
    const bool of_consumers = loaded_ && members.is_deserted() && !record.value->members.empty();
    members.replay(record.value, end, now, effects_);
    if (of_consumers) members.take_over(now, effects_);
    return;
  }
  Group* group = find(record.group);
  if (group == nullptr) return;
  // Its offsets have records of their own, which may be after this one.
  group->members.replay(std::nullopt, end, now, effects_);
  if (!group->is_durable()) groups_.erase(record.group);
}

template <class ConsumerRecord>
void Groups::replay_one(const ConsumerRecord& record, Offset end, Now now) {
  if (!record.value && (find(record.group) == nullptr || !find(record.group)->consumer)) return;
  Group& group = find_or_add(record.group);
  if (!group.consumer) group.consumer = std::make_unique<ConsumerGroup>(record.group, consumer_parts());
  group.consumer->replay(record, end, loaded_ ? std::optional(now) : std::nullopt);
  if (group.consumer->is_stored()) return;
  group.consumer.reset();
  if (!group.is_durable() && group.members.is_deserted()) groups_.erase(record.group);
}

Records Groups::loaded(Now now) {
  MOLDAU_ASSERT(!loaded_);
  loaded_ = true;
  std::erase_if(groups_, [](const auto& each) { return !each.second->is_durable(); });
  for (const auto& [id, group] : groups_) {
    group->members.loaded(now, effects_);
    if (group->consumer) group->consumer->loaded(now);
  }
  return take_records();
}

void Groups::refused(const Records& records, ErrorCode code, Now now) {
  if (held_) {
    wire::JoinGroupResponse response;
    response.error_code = code;
    effects_.answers.push_back({held_->ticket, std::move(response), 0});
    held_.reset();
  }
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
    if (group->consumer)
      for (const Record& record : group->consumer->snapshot()) hash.add(record);
    for (const auto& [topic, offsets] : group->offsets)
      for (const auto& [partition, committed] : offsets)
        hash.add(OffsetRecord{id, {topic, partition}, committed});
  }
  pending_.for_each([&](ProducerId producer, const OffsetRecord& record) {
    hash.add(static_cast<std::uint64_t>(producer));
    hash.add(record);
  });
  return hash.value();
}

std::vector<Answer> Groups::take_answers() {
  if (held_) {
    held_->after = end_;
    effects_.answers.push_back(std::move(*held_));
    held_.reset();
  }
  return std::exchange(effects_.answers, {});
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
  Group& group = find_or_add(request.group_id);
  if (group.consumer && !group.consumer->is_empty()) {
    auto outcome = group.consumer->join(request, client, *topics_, now);
    Answer answer{ticket, std::move(outcome.response), outcome.after};
    if (outcome.records.empty())
      effects_.answers.push_back(std::move(answer));
    else
      held_ = std::move(answer);
    return std::move(outcome.records);
  }
  if (group.consumer) effects_.records = group.consumer->tombstones();
  group.members.join(request, client, ticket, now, effects_);
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
  if (group->consumer) {
    effects_.answers.push_back(
        {ticket, group->consumer->sync(request, *topics_, now), group->consumer->stored_end()});
    return {};
  }
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
  if (group->consumer)
    return answer<wire::HeartbeatResponse>(group->consumer->heartbeat(request, now),
                                           group->consumer->stored_end());
  const ErrorCode code = group->members.heartbeat(request, now);
  return answer<wire::HeartbeatResponse>(code, group->members.stored_end());
}

Outcome<wire::ConsumerGroupHeartbeatResponse> Groups::heartbeat(
    const wire::ConsumerGroupHeartbeatRequest& request, const Client& client, Now now) {
  const auto refuse = [&](ErrorCode code, std::string message) {
    auto refused = answer<wire::ConsumerGroupHeartbeatResponse>(code, end_);
    refused.response.error_message = std::move(message);
    refused.response.assignment.reset();
    return refused;
  };
  if (auto refusal = ConsumerGroup::check(request, client))
    return refuse(refusal->code, std::move(refusal->message));
  Group* group = find(request.group_id);
  if (group != nullptr && group->consumer) return group->consumer->heartbeat(request, client, *topics_, now);
  const bool in_use = group != nullptr && !group->members.is_deserted();
  const auto upgradable = in_use && settings_.upgrades ? group->members.upgradable() : std::nullopt;
  if (in_use && (!upgradable || request.member_epoch != kJoinEpoch))
    return refuse(ErrorCode::group_id_not_found, "Group " + request.group_id + " is not a consumer group.");
  if (request.member_epoch != kJoinEpoch)
    return refuse(ErrorCode::group_id_not_found, "Group " + request.group_id + " not found.");
  // It becomes one with its first records, and begins with the members that the classic group has.
  ConsumerGroup created(request.group_id, consumer_parts());
  Records before;
  if (group != nullptr && group->members.stored())
    before.push_back(GenerationRecord{request.group_id, std::nullopt});
  if (upgradable) {
    for (const Record& record :
         ConsumerGroup::upgraded(request.group_id, upgradable->generation, upgradable->protocols, *topics_)) {
      std::visit(Replay{created, end_}, record);
      before.push_back(record);
    }
  }
  auto outcome = created.heartbeat(request, client, *topics_, now);
  if (outcome.records.empty()) return outcome;
  outcome.records.insert(outcome.records.begin(), before.begin(), before.end());
  if (in_use) group->members.interrupt(now, effects_);
  return outcome;
}

Outcome<wire::LeaveGroupResponse> Groups::leave(const wire::LeaveGroupRequest& request, const Client& client,
                                                Now now) {
  if (request.group_id.empty()) return answer<wire::LeaveGroupResponse>(ErrorCode::invalid_group_id);
  std::vector<wire::LeaveGroupRequest::Member> members = request.members;
  if (client.version < kLeaveInBatchesFrom) members = {{.member_id = request.member_id}};
  Outcome<wire::LeaveGroupResponse> outcome;
  Group* group = find(request.group_id);
  if (group != nullptr && group->consumer) {
    auto left = group->consumer->leave(members, *topics_);
    outcome.response.members = std::move(left.response);
    outcome.records = std::move(left.records);
    outcome.after = left.after;
  } else if (group != nullptr) {
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
  const Group* group = find(group_id);
  if (group != nullptr && !group->consumer) {
    outcome.response = group->members.describe();
    outcome.after = group->members.stored_end();
    return outcome;
  }
  outcome.response.group_id = group_id;
  outcome.response.group_state = "Dead";
  outcome.after = end_;  // it may have been deleted just now
  if (version >= kNotFoundErrorFrom) {
    outcome.response.error_code = ErrorCode::group_id_not_found;
    outcome.response.error_message =
        "Group " + group_id + (group != nullptr ? " is not a classic group." : " not found.");
  }
  return outcome;
}

Outcome<wire::ConsumerGroupDescribeResponse::Group> Groups::describe_consumers(
    const std::string& group_id) const {
  Outcome<wire::ConsumerGroupDescribeResponse::Group> outcome;
  outcome.after = end_;
  const Group* group = find(group_id);
  if (group != nullptr && group->consumer) {
    outcome.response = group->consumer->describe(*topics_);
    return outcome;
  }
  outcome.response.group_id = group_id;
  outcome.response.error_code = ErrorCode::group_id_not_found;
  outcome.response.error_message =
      "Group " + group_id + (group != nullptr ? " is not a consumer group." : " not found.");
  return outcome;
}

Outcome<std::vector<wire::ListGroupsResponse::Group>> Groups::list(
    const wire::ListGroupsRequest& filters) const {
  Outcome<std::vector<wire::ListGroupsResponse::Group>> outcome;
  outcome.after = end_;
  for (const auto& [id, group] : groups_) {
    if (!passes(filters.types_filter, group->type()) || !passes(filters.states_filter, group->state()))
      continue;
    outcome.response.push_back(
        {id, group->protocol_type(), std::string(group->state()), std::string(group->type())});
  }
  return outcome;
}

std::vector<Glance> Groups::glances() const {
  std::vector<Glance> all;
  for (const auto& [id, group] : groups_) {
    Glance& glance = all.emplace_back();
    glance.id = id;
    glance.state = group->state();
    glance.members = group->size();
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
    Group& group = *find(due->group());
    if (!group.consumer) {
      group.members.on_timer(member, now, effects_);
    } else if (Records records = group.consumer->on_timer(member, *topics_, now); !records.empty()) {
      std::ranges::move(records, std::back_inserter(effects_.records));
      // The next one is judged by what these change.
      break;
    }
  }
  return take_records();
}

}  // namespace moldau::group
