// Members of a group of the consumer protocol that speak the classic one, and how groups change between the
// two.
#include <algorithm>

#include "group/classic_member_id.h"
#include "group/consumer_group.h"
#include "group/subscription.h"

namespace moldau::group {

using wire::ErrorCode;

namespace {

constexpr wire::ApiVersion kMemberIdRequiredFrom = 4;
constexpr wire::ApiVersion kRebalanceTimeoutFrom = 1;

Partitions by_id(const std::vector<TopicPartition>& partitions, const Topics& topics) {
  Partitions out;
  for (const TopicPartition& one : partitions)
    if (const auto topic = topics.find(one.topic)) out.insert({topic->id, one.partition});
  return out;
}

std::vector<TopicPartition> by_name(const Partitions& partitions, const Topics& topics) {
  std::vector<TopicPartition> out;
  for (const auto& [topic, indexes] : partitions.topics()) {
    const auto name = topics.name_of(topic);
    if (!name) continue;
    for (const PartitionIndex index : indexes) out.push_back({*name, index});
  }
  std::ranges::sort(out);
  return out;
}

ClassicProtocols protocols_of(const wire::JoinGroupRequest& request) {
  ClassicProtocols protocols;
  for (const auto& protocol : request.protocols)
    protocols.push_back({protocol.name, Slice::copy_of(protocol.metadata)});
  return protocols;
}

const Slice* metadata_of(const ClassicProtocols& protocols, const std::string& name) {
  const auto found = std::ranges::find(protocols, name, &ClassicProtocols::value_type::name);
  return found == protocols.end() ? nullptr : &found->metadata;
}

Subscription subscription_of(const ClassicProtocols& protocols, const ClassicSubscription& told,
                             std::int32_t session_timeout_ms) {
  Subscription subscription;
  subscription.subscribed_topic_names = told.topics;
  std::ranges::sort(subscription.subscribed_topic_names);
  subscription.rack_id = told.rack;
  auto& classic = subscription.classic_member_metadata.emplace();
  classic.session_timeout_ms = session_timeout_ms;
  classic.supported_protocols = protocols;
  return subscription;
}

}  // namespace

// --- JoinGroup

// Whether all classic members have one of the protocols in common with it.
bool ConsumerGroup::supports(const std::string& member, const ClassicProtocols& protocols) const {
  return std::ranges::any_of(protocols, [&](const auto& protocol) {
    return std::ranges::all_of(members_, [&](const auto& each) {
      const auto& classic = each.second.subscription.classic_member_metadata;
      return each.first == member || !classic ||
             metadata_of(classic->supported_protocols, protocol.name) != nullptr;
    });
  });
}

std::expected<ConsumerGroup::Draft, ErrorCode> ConsumerGroup::draft_of(const wire::JoinGroupRequest& request,
                                                                       const Client& client) const {
  std::string id = request.member_id;
  std::optional<std::string> in_place_of;
  if (request.group_instance_id) {
    const auto known = static_members_.find(*request.group_instance_id);
    if (known != static_members_.end() && id.empty()) in_place_of = known->second;
    if (known == static_members_.end() && !id.empty()) return std::unexpected(ErrorCode::unknown_member_id);
    if (known != static_members_.end() && !id.empty() && known->second != id)
      return std::unexpected(ErrorCode::fenced_instance_id);
  }
  Draft draft;
  draft.is_new = !members_.contains(id);
  if (id.empty()) id = new_member_id(request.group_instance_id.value_or(client.id), parts_.random);
  draft.id = std::move(id);
  draft.in_place_of = std::move(in_place_of);
  if (const Member* known = find(draft.in_place_of.value_or(draft.id))) {
    draft.current = known->current;
    draft.target = target_of(draft.in_place_of.value_or(draft.id));
    if (draft.in_place_of) draft.current.epoch = kJoinEpoch;
  }
  const auto most = static_cast<std::size_t>(std::max(parts_.settings.consumer_max_size, 0));
  if (draft.is_new && !draft.in_place_of && members_.size() >= most)
    return std::unexpected(ErrorCode::group_max_size_reached);
  return draft;
}

Outcome<wire::JoinGroupResponse> ConsumerGroup::join(const wire::JoinGroupRequest& request,
                                                     const Client& client, const Topics& topics, Now now) {
  Outcome<wire::JoinGroupResponse> outcome;
  outcome.after = stored_end_;
  outcome.response.member_id = request.member_id;
  const auto refuse = [&](ErrorCode code) {
    outcome.response.error_code = code;
    return std::move(outcome);
  };
  const ClassicProtocols protocols = protocols_of(request);
  if (request.protocol_type != kConsumerProtocolType || protocols.empty() ||
      !supports(request.member_id, protocols))
    return refuse(ErrorCode::inconsistent_group_protocol);
  const auto told = read_subscription(protocols.front().metadata);
  if (!told) return refuse(ErrorCode::inconsistent_group_protocol);
  if (request.member_id.empty() && !request.group_instance_id && client.version >= kMemberIdRequiredFrom) {
    outcome.response.member_id = new_member_id(client.id, parts_.random);
    return refuse(ErrorCode::member_id_required);
  }
  auto drafted = draft_of(request, client);
  if (!drafted) return refuse(drafted.error());
  Draft& draft = *drafted;
  draft.subscription = subscription_of(protocols, *told, request.session_timeout_ms);
  draft.subscription.instance_id = request.group_instance_id;
  draft.subscription.client_id = client.id;
  draft.subscription.client_host = client.host;
  draft.subscription.rebalance_timeout_ms =
      client.version >= kRebalanceTimeoutFrom ? request.rebalance_timeout_ms : request.session_timeout_ms;
  const Partitions owned = by_id(told->owned, topics);
  const CurrentAssignment next = advance(draft, &owned, topics, Target::at_once, now, outcome.records);
  if (members_.contains(draft.id)) restart_session(draft.id, now);
  outcome.response.member_id = draft.id;
  outcome.response.generation_id = next.epoch;
  outcome.response.protocol_type = std::string(kConsumerProtocolType);
  outcome.response.protocol_name = protocols.front().name;
  return outcome;
}

// --- SyncGroup, Heartbeat, LeaveGroup

const ConsumerGroup::Member* ConsumerGroup::find_classic(const std::string& id,
                                                         const std::optional<std::string>& instance_id,
                                                         ErrorCode& code) const {
  code = ErrorCode::unknown_member_id;
  if (instance_id) {
    const auto known = static_members_.find(*instance_id);
    if (known == static_members_.end()) return nullptr;
    if (known->second != id) code = ErrorCode::fenced_instance_id;
    if (known->second != id) return nullptr;
  }
  const Member* member = find(id);
  if (member == nullptr || !member->subscription.classic_member_metadata) return nullptr;
  code = ErrorCode::none;
  return member;
}

// It has an epoch to catch up with, something to give up, or something that has become free for it.
bool ConsumerGroup::must_join_again(const std::string& id, const Member& member) const {
  const CurrentAssignment& current = member.current;
  if (current.epoch < epoch_.value_or(0) || current.state == MemberState::unrevoked_partitions) return true;
  if (current.state != MemberState::unreleased_partitions) return false;
  const Partitions missing = difference(target_of(id), current.assigned);
  return std::ranges::any_of(missing.topics(), [&](const auto& topic) {
    return std::ranges::any_of(topic.second,
                               [&](PartitionIndex index) { return is_free_for(id, {topic.first, index}); });
  });
}

wire::SyncGroupResponse ConsumerGroup::sync(const wire::SyncGroupRequest& request, const Topics& topics,
                                            Now now) {
  wire::SyncGroupResponse response;
  const Member* member = find_classic(request.member_id, request.group_instance_id, response.error_code);
  if (member == nullptr) return response;
  const ClassicProtocols& protocols = member->subscription.classic_member_metadata->supported_protocols;
  const auto differs = [](const std::optional<std::string>& told, std::string_view known) {
    return told && *told != known;
  };
  if (request.generation_id != member->current.epoch) {
    response.error_code = ErrorCode::illegal_generation;
  } else if (differs(request.protocol_type, kConsumerProtocolType) ||
             differs(request.protocol_name, protocols.front().name)) {
    response.error_code = ErrorCode::inconsistent_group_protocol;
  } else if (member->current.epoch < epoch_.value_or(0) &&
             member->current.state != MemberState::unrevoked_partitions) {
    // One that has to give something up is told here what it keeps, and joins again when it has.
    response.error_code = ErrorCode::rebalance_in_progress;
  } else {
    response.protocol_type = std::string(kConsumerProtocolType);
    response.protocol_name = protocols.front().name;
    response.assignment =
        write_assignment(by_name(member->current.assigned, topics), protocols.front().metadata);
    restart_session(request.member_id, now);
  }
  return response;
}

ErrorCode ConsumerGroup::heartbeat(const wire::HeartbeatRequest& request, Now now) {
  ErrorCode code = ErrorCode::none;
  const Member* member = find_classic(request.member_id, request.group_instance_id, code);
  if (member == nullptr) return code;
  if (request.generation_id != member->current.epoch) return ErrorCode::illegal_generation;
  restart_session(request.member_id, now);
  return must_join_again(request.member_id, *member) ? ErrorCode::rebalance_in_progress : ErrorCode::none;
}

Outcome<std::vector<wire::LeaveGroupResponse::Member>> ConsumerGroup::leave(
    const std::vector<wire::LeaveGroupRequest::Member>& members, const Topics& topics) const {
  Outcome<std::vector<wire::LeaveGroupResponse::Member>> outcome;
  outcome.after = stored_end_;
  std::set<std::string> leaving;
  for (const auto& member : members) {
    auto& answer = outcome.response.emplace_back();
    answer.member_id = member.member_id;
    answer.group_instance_id = member.group_instance_id;
    std::string id = member.member_id;
    if (member.group_instance_id) {
      const auto known = static_members_.find(*member.group_instance_id);
      if (known == static_members_.end()) {
        answer.error_code = ErrorCode::unknown_member_id;
        continue;
      }
      if (id.empty()) id = known->second;
      if (id != known->second) {
        answer.error_code = ErrorCode::fenced_instance_id;
        continue;
      }
    }
    const bool is_member = members_.contains(id) && !leaving.contains(id);
    answer.error_code = is_member ? ErrorCode::none : ErrorCode::unknown_member_id;
    if (is_member) leaving.insert(std::move(id));
  }
  if (!leaving.empty()) outcome.records = fence(leaving, topics);
  return outcome;
}

// --- from one protocol to the other

Records ConsumerGroup::upgraded(const std::string& id, const Generation& generation,
                                const std::map<std::string, ClassicProtocols>& protocols,
                                const Topics& topics) {
  Records records;
  Records assignments;
  for (const Generation::Member& member : generation.members) {
    const ClassicProtocols& own = protocols.at(member.member_id);
    const auto told = read_subscription(own.front().metadata);
    const auto assigned = read_assignment(member.assignment);
    MOLDAU_ASSERT(told && assigned, "ClassicGroup::upgradable() has looked");
    Subscription subscription = subscription_of(own, *told, member.session_timeout);
    subscription.instance_id = member.group_instance_id;
    subscription.client_id = member.client_id;
    subscription.client_host = member.client_host;
    subscription.rebalance_timeout_ms = member.rebalance_timeout;
    records.push_back(SubscriptionRecord{id, member.member_id, std::move(subscription)});
    CurrentAssignment current;
    current.epoch = generation.generation;
    current.previous_epoch = generation.generation;
    current.assigned = by_id(assigned->partitions, topics);
    TargetRecord::Value target;
    current.assigned.append_to(target.topic_partitions);
    assignments.push_back(TargetRecord{id, member.member_id, std::move(target)});
    assignments.push_back(current_record(id, member.member_id, current));
  }
  EpochRecord::Value epoch;
  epoch.epoch = generation.generation;
  records.push_back(EpochRecord{id, epoch});
  TargetEpochRecord::Value target;
  target.assignment_epoch = generation.generation;
  records.push_back(TargetEpochRecord{id, target});
  std::ranges::move(assignments, std::back_inserter(records));
  return records;
}

// The members go on with what they have, and join again to share it out by themselves.
std::optional<Records> ConsumerGroup::downgraded(const std::set<std::string>& without,
                                                 const Topics& topics) const {
  if (!parts_.settings.downgrades || without.size() >= members_.size()) return std::nullopt;
  const bool one_of_consumers_goes =
      std::ranges::any_of(without, [this](const std::string& id) { return !speaks_classic(id); });
  const bool classic_ones_stay = std::ranges::all_of(
      members_, [&](const auto& each) { return without.contains(each.first) || speaks_classic(each.first); });
  if (!one_of_consumers_goes || !classic_ones_stay) return std::nullopt;
  Generation generation;
  generation.protocol_type = kConsumerProtocolType;
  generation.generation = epoch_.value_or(0);
  for (const auto& [id, member] : members_) {
    if (without.contains(id)) continue;
    const auto& classic = *member.subscription.classic_member_metadata;
    if (!generation.protocol) {
      for (const auto& protocol : classic.supported_protocols)
        if (!generation.protocol && supports(id, {protocol})) generation.protocol = protocol.name;
      generation.leader = id;
    }
    const Slice* metadata = metadata_of(classic.supported_protocols, generation.protocol.value_or(""));
    Generation::Member& out = generation.members.emplace_back();
    out.member_id = id;
    out.group_instance_id = member.subscription.instance_id;
    out.client_id = member.subscription.client_id;
    out.client_host = member.subscription.client_host;
    out.rebalance_timeout = member.subscription.rebalance_timeout_ms;
    out.session_timeout = classic.session_timeout_ms;
    if (metadata != nullptr) out.subscription = *metadata;
    out.assignment = write_assignment(by_name(member.current.assigned, topics), out.subscription);
  }
  Records records = tombstones();
  records.push_back(GenerationRecord{id_, std::move(generation)});
  return records;
}

}  // namespace moldau::group
