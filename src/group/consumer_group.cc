// What is stored of a group of the consumer protocol, and what is seen of it.
#include "group/consumer_group.h"

#include <algorithm>

#include "base/assert.h"

namespace moldau::group {

using wire::ErrorCode;

namespace {

constexpr std::int8_t kClassicMember = 0, kConsumerMember = 1;  // of ConsumerGroupDescribe: what it speaks
constexpr std::int32_t kDefaultRebalanceTimeoutMs = 300'000;

CurrentAssignment of_record(const CurrentRecord::Value& value) {
  CurrentAssignment current;
  current.epoch = value.member_epoch;
  current.previous_epoch = value.previous_member_epoch;
  current.state = static_cast<MemberState>(value.state);
  current.assigned = Partitions::of(value.assigned_partitions);
  current.pending_revocation = Partitions::of(value.partitions_pending_revocation);
  return current;
}

Partitions held(const CurrentAssignment& current) {
  Partitions all = current.assigned;
  all.insert(current.pending_revocation);
  return all;
}

bool is_pattern(const Subscription& subscription) {
  return subscription.subscribed_topic_regex && !subscription.subscribed_topic_regex->empty();
}

}  // namespace

CurrentRecord current_record(const std::string& group, const std::string& member,
                             const CurrentAssignment& current) {
  CurrentRecord::Value value;
  value.member_epoch = current.epoch;
  value.previous_member_epoch = current.previous_epoch;
  value.state = static_cast<std::int8_t>(current.state);
  current.assigned.append_to(value.assigned_partitions);
  current.pending_revocation.append_to(value.partitions_pending_revocation);
  return {group, member, std::move(value)};
}

std::string_view ConsumerGroup::name_of(State state) {
  switch (state) {
    case State::empty:
      return "Empty";
    case State::assigning:
      return "Assigning";
    case State::reconciling:
      return "Reconciling";
    case State::stable:
      return "Stable";
  }
  MOLDAU_UNREACHABLE("state of a group");
}

// --- members

ConsumerGroup::Member& ConsumerGroup::find_or_add(const std::string& id, std::optional<Now> now) {
  const auto [at, is_new] = members_.try_emplace(id, parts_.timers, id_, id);
  if (is_new && now) restart_session(id, *now);
  return at->second;
}

const ConsumerGroup::Member* ConsumerGroup::find(std::string_view id) const {
  const auto found = members_.find(id);
  return found == members_.end() ? nullptr : &found->second;
}

const Partitions& ConsumerGroup::target_of(const std::string& id) const {
  static const Partitions kNone;
  const auto found = targets_.find(id);
  return found == targets_.end() ? kNone : found->second;
}

void ConsumerGroup::restart_session(const std::string& id, Now now) {
  Member& member = members_.find(id)->second;
  const auto& classic = member.subscription.classic_member_metadata;
  member.session.set(now.monotonic + milliseconds(classic ? classic->session_timeout_ms
                                                          : parts_.settings.consumer_session_timeout_ms));
}

void ConsumerGroup::hold(const std::string& id, const CurrentAssignment& before,
                         const CurrentAssignment& after) {
  const auto each = [](const Partitions& partitions, auto visit) {
    for (const auto& [topic, indexes] : partitions.topics())
      for (const PartitionIndex index : indexes) visit(TopicIdPartition{topic, index});
  };
  each(held(before), [&](const TopicIdPartition& one) {
    const auto holder = holders_.find(one);
    if (holder != holders_.end() && holder->second == id) holders_.erase(holder);
  });
  each(held(after), [&](const TopicIdPartition& one) { holders_[one] = id; });
}

bool ConsumerGroup::is_free_for(const std::string& id, const TopicIdPartition& one) const {
  const auto holder = holders_.find(one);
  return holder == holders_.end() || holder->second == id;
}

void ConsumerGroup::forget_instance(const std::string& id, const Member& member) {
  const auto& instance = member.subscription.instance_id;
  const auto known = instance ? static_members_.find(*instance) : static_members_.end();
  if (known != static_members_.end() && known->second == id) static_members_.erase(known);
}

// --- the log

void ConsumerGroup::replay(const EpochRecord& record, Offset end, std::optional<Now>) {
  stored_end_ = end;
  epoch_.reset();
  if (!record.value) return;
  epoch_ = record.value->epoch;
  metadata_hash_ = static_cast<std::uint64_t>(record.value->metadata_hash);
}

void ConsumerGroup::replay(const SubscriptionRecord& record, Offset end, std::optional<Now> now) {
  stored_end_ = end;
  if (!record.value) {
    const auto found = members_.find(record.member);
    if (found == members_.end()) return;
    forget_instance(record.member, found->second);
    hold(record.member, found->second.current, {});
    members_.erase(found);
    return;
  }
  const bool is_new = !members_.contains(record.member);
  Member& member = find_or_add(record.member, now);
  forget_instance(record.member, member);  // who joins anew may say another one
  member.subscription = *record.value;
  if (is_new && now) restart_session(record.member, *now);  // by the session that it asks for
  if (member.subscription.instance_id) static_members_[*member.subscription.instance_id] = record.member;
}

void ConsumerGroup::replay(const TargetEpochRecord& record, Offset end, std::optional<Now> now) {
  stored_end_ = end;
  if (now) target_made_ = now->monotonic;
  target_epoch_ = record.value ? record.value->assignment_epoch : 0;
}

void ConsumerGroup::replay(const TargetRecord& record, Offset end, std::optional<Now>) {
  stored_end_ = end;
  if (record.value)
    targets_[record.member] = Partitions::of(record.value->topic_partitions);
  else
    targets_.erase(record.member);
}

void ConsumerGroup::replay(const CurrentRecord& record, Offset end, std::optional<Now> now) {
  stored_end_ = end;
  if (!record.value && !members_.contains(record.member)) return;
  Member& member = find_or_add(record.member, now);
  const CurrentAssignment next = record.value ? of_record(*record.value) : CurrentAssignment();
  hold(record.member, member.current, next);
  member.current = next;
  if (!now) return;
  if (next.state != MemberState::unrevoked_partitions) {
    member.rebalance.clear();
  } else if (!member.rebalance.is_set()) {
    const std::int32_t timeout = member.subscription.rebalance_timeout_ms;
    member.rebalance.set(now->monotonic + milliseconds(timeout >= 0 ? timeout : kDefaultRebalanceTimeoutMs));
  }
}

void ConsumerGroup::replay(const PatternRecord& record, Offset end, std::optional<Now>) {
  stored_end_ = end;
  if (record.value)
    patterns_[record.pattern] = *record.value;
  else
    patterns_.erase(record.pattern);
}

void ConsumerGroup::loaded(Now now) {
  for (auto& [id, member] : members_) {
    restart_session(id, now);
    if (member.current.state != MemberState::unrevoked_partitions) continue;
    const std::int32_t timeout = member.subscription.rebalance_timeout_ms;
    member.rebalance.set(now.monotonic + milliseconds(timeout >= 0 ? timeout : kDefaultRebalanceTimeoutMs));
  }
}

bool ConsumerGroup::is_stored() const {
  return epoch_ || !members_.empty() || !targets_.empty() || !patterns_.empty();
}

Records ConsumerGroup::snapshot() const {
  Records records;
  for (const auto& [id, member] : members_)
    records.push_back(SubscriptionRecord{id_, id, member.subscription});
  for (const auto& [pattern, value] : patterns_) records.push_back(PatternRecord{id_, pattern, value});
  if (epoch_) {
    EpochRecord::Value value;
    value.epoch = *epoch_;
    value.metadata_hash = static_cast<std::int64_t>(metadata_hash_);
    records.push_back(EpochRecord{id_, value});
  }
  for (const auto& [id, target] : targets_) {
    TargetRecord::Value value;
    target.append_to(value.topic_partitions);
    records.push_back(TargetRecord{id_, id, std::move(value)});
  }
  TargetEpochRecord::Value target;
  target.assignment_epoch = target_epoch_;
  records.push_back(TargetEpochRecord{id_, target});
  for (const auto& [id, member] : members_) records.push_back(current_record(id_, id, member.current));
  return records;
}

Records ConsumerGroup::removal_of(const std::string& id) const {
  Records records;
  records.push_back(CurrentRecord{id_, id, {}});
  records.push_back(TargetRecord{id_, id, {}});
  records.push_back(SubscriptionRecord{id_, id, {}});
  return records;
}

Records ConsumerGroup::tombstones() const {
  Records records;
  for (const auto& [id, member] : members_) std::ranges::move(removal_of(id), std::back_inserter(records));
  for (const auto& [id, target] : targets_)
    if (!members_.contains(id)) records.push_back(TargetRecord{id_, id, {}});
  for (const auto& [pattern, value] : patterns_) records.push_back(PatternRecord{id_, pattern, {}});
  records.push_back(TargetEpochRecord{id_, {}});
  records.push_back(EpochRecord{id_, {}});
  return records;
}

// --- offsets

ErrorCode ConsumerGroup::check_offsets(std::string_view member_id, std::int32_t epoch, bool fetches) const {
  // Who is no member may commit while nobody is one, and read at any time.
  if (epoch < 0 && member_id.empty() && (fetches || members_.empty())) return ErrorCode::none;
  const Member* member = find(member_id);
  if (member == nullptr) return ErrorCode::unknown_member_id;
  if (epoch == member->current.epoch) return ErrorCode::none;
  return member->subscription.classic_member_metadata ? ErrorCode::illegal_generation
                                                      : ErrorCode::stale_member_epoch;
}

bool ConsumerGroup::speaks_classic(std::string_view member_id) const {
  const Member* member = find(member_id);
  return member != nullptr && member->subscription.classic_member_metadata;
}

// --- what is seen

ConsumerGroup::State ConsumerGroup::state() const {
  if (members_.empty()) return State::empty;
  if (epoch_.value_or(0) > target_epoch_) return State::assigning;
  const bool all = std::ranges::all_of(members_, [this](const auto& each) {
    const CurrentAssignment& current = each.second.current;
    return current.state == MemberState::stable && current.epoch == target_epoch_;
  });
  return all ? State::stable : State::reconciling;
}

bool ConsumerGroup::is_subscribed_to(const std::string& topic) const {
  return std::ranges::any_of(members_, [&](const auto& each) {
    const Subscription& subscription = each.second.subscription;
    if (std::ranges::find(subscription.subscribed_topic_names, topic) !=
        subscription.subscribed_topic_names.end())
      return true;
    if (!is_pattern(subscription)) return false;
    const auto resolved = patterns_.find(*subscription.subscribed_topic_regex);
    return resolved != patterns_.end() &&
           std::ranges::find(resolved->second.topics, topic) != resolved->second.topics.end();
  });
}

ServerAssignor ConsumerGroup::preferred_assignor(const Draft* draft) const {
  std::map<ServerAssignor, std::size_t> votes;
  for_each_subscription(draft, {}, [&](const std::string&, const Subscription& subscription) {
    const auto named = server_assignor_of(subscription.server_assignor.value_or(""));
    if (named) ++votes[*named];
  });
  ServerAssignor preferred = kDefaultAssignor;
  for (const auto& [assignor, count] : votes)
    if (count > votes[preferred]) preferred = assignor;
  return preferred;
}

wire::ConsumerGroupDescribeResponse::Group ConsumerGroup::describe(const Topics& topics) const {
  wire::ConsumerGroupDescribeResponse::Group group;
  group.group_id = id_;
  group.group_state = name_of(state());
  group.group_epoch = epoch_.value_or(0);
  group.assignment_epoch = target_epoch_;
  group.assignor_name = moldau::group::name_of(preferred_assignor(nullptr));
  const auto list = [&](const Partitions& partitions) {
    wire::ConsumerGroupDescribeResponse::Assignment assignment;
    for (const auto& [topic, indexes] : partitions.topics()) {
      const auto name = topics.name_of(topic);
      if (!name) continue;  // it is being deleted
      assignment.topic_partitions.push_back({topic, *name, {indexes.begin(), indexes.end()}});
    }
    return assignment;
  };
  for (const auto& [id, member] : members_) {
    auto& out = group.members.emplace_back();
    out.member_id = id;
    out.instance_id = member.subscription.instance_id;
    out.rack_id = member.subscription.rack_id;
    out.member_epoch = member.current.epoch;
    out.client_id = member.subscription.client_id;
    out.client_host = member.subscription.client_host;
    out.subscribed_topic_names = member.subscription.subscribed_topic_names;
    out.subscribed_topic_regex =
        member.subscription.subscribed_topic_regex.value_or("");  // as Kafka: never null
    out.assignment = list(member.current.assigned);
    out.target_assignment = list(target_of(id));
    out.member_type = member.subscription.classic_member_metadata ? kClassicMember : kConsumerMember;
  }
  return group;
}

}  // namespace moldau::group
