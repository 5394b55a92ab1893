// ConsumerGroupHeartbeat: members join, change what they subscribe to, get to their assignments, and leave.
#include <algorithm>

#include "base/assert.h"
#include "group/consumer_group.h"
#include "group/pattern.h"

namespace moldau::group {

using wire::ErrorCode;

namespace {

constexpr wire::ApiVersion kOwnIdsFrom = 1;  // members make up their ids themselves
constexpr Duration kFenceRetry = std::chrono::seconds(1);
// A target assignment costs the more the more members there are. Where many come or go together, one is made
// for all of them: in groups of so many members, so long after the one before. A heartbeat that comes then is
// near, since there are many.
constexpr std::size_t kManyMembers = 50;
constexpr Duration kTargetPauseOfAMember = std::chrono::microseconds(200);
constexpr Duration kLongestTargetPause = std::chrono::seconds(1);
// A member that waits for what others have to give up, or for a target, comes again after this part of the
// interval: else each rebalance would take two intervals.
constexpr std::int32_t kPartOfIntervalToWait = 10;

bool joins(const wire::ConsumerGroupHeartbeatRequest& request) { return request.member_epoch == kJoinEpoch; }

// It says everything of itself, as one that does not know whether the answer before has reached it.
bool is_full(const wire::ConsumerGroupHeartbeatRequest& request) {
  return joins(request) ||
         (request.rebalance_timeout_ms >= 0 &&
          (request.subscribed_topic_names || request.subscribed_topic_regex) && request.topic_partitions);
}

bool is_blank(const std::optional<std::string>& text) { return text && text->empty(); }

class Hash {
 public:
  void add(std::string_view bytes) {
    for (const char c : bytes) mix(static_cast<unsigned char>(c));
    mix(bytes.size());
  }
  void mix(std::uint64_t value) { value_ = (value_ ^ value) * 0x100000001b3ULL; }  // FNV-1a
  std::uint64_t value() const { return value_; }

 private:
  std::uint64_t value_ = 0xcbf29ce484222325ULL;
};

Subscription described(Subscription subscription, const wire::ConsumerGroupHeartbeatRequest& request,
                       const Client& client) {
  subscription.client_id = client.id;
  subscription.client_host = client.host;
  if (request.instance_id) subscription.instance_id = request.instance_id;
  if (request.rack_id) subscription.rack_id = request.rack_id;
  if (request.rebalance_timeout_ms >= 0) subscription.rebalance_timeout_ms = request.rebalance_timeout_ms;
  if (request.server_assignor) subscription.server_assignor = request.server_assignor;
  if (request.subscribed_topic_regex) subscription.subscribed_topic_regex = request.subscribed_topic_regex;
  if (request.subscribed_topic_names) {
    auto& names = subscription.subscribed_topic_names;
    names = *request.subscribed_topic_names;
    std::ranges::sort(names);
    names.erase(std::unique(names.begin(), names.end()), names.end());
  }
  return subscription;
}

bool same_topics(const Subscription& one, const Subscription& other) {
  return one.subscribed_topic_names == other.subscribed_topic_names &&
         one.subscribed_topic_regex.value_or("") == other.subscribed_topic_regex.value_or("");
}

}  // namespace

// --- what is refused

std::optional<ConsumerGroup::Refusal> ConsumerGroup::check(const Request& request, const Client& client) {
  const auto invalid = [](std::string message) {
    return Refusal{ErrorCode::invalid_request, std::move(message)};
  };
  if (request.group_id.empty()) return invalid("GroupId can't be empty.");
  if (is_blank(request.instance_id)) return invalid("InstanceId can't be empty.");
  if (is_blank(request.rack_id)) return invalid("RackId can't be empty.");
  const bool needs_id = client.version >= kOwnIdsFrom || !joins(request);
  if (needs_id && request.member_id.empty()) return invalid("MemberId can't be empty.");
  if (request.member_epoch < kLeaveForAWhileEpoch) return invalid("MemberEpoch is invalid.");
  if (request.member_epoch == kLeaveForAWhileEpoch && !request.instance_id)
    return invalid("InstanceId can't be null.");
  if (joins(request)) {
    if (request.rebalance_timeout_ms < 0)
      return invalid("RebalanceTimeoutMs must be provided in first request.");
    if (!request.topic_partitions || !request.topic_partitions->empty())
      return invalid("TopicPartitions must be empty when (re-)joining.");
    if (!request.subscribed_topic_names && !request.subscribed_topic_regex)
      return invalid(
          "Either SubscribedTopicNames or SubscribedTopicRegex must be non-null when (re-)joining.");
  }
  if (request.server_assignor && !server_assignor_of(*request.server_assignor))
    return Refusal{ErrorCode::unsupported_assignor,
                   "ServerAssignor " + *request.server_assignor +
                       " is not supported. Supported assignors: uniform, range."};
  const std::string pattern = request.subscribed_topic_regex.value_or("");
  if (pattern.empty()) return std::nullopt;
  if (const auto why = why_no_pattern(pattern))
    return Refusal{ErrorCode::invalid_regular_expression,
                   "SubscribedTopicRegex `" + pattern + "` is not a valid regular expression: " + *why + "."};
  return std::nullopt;
}

Outcome<ConsumerGroup::Response> ConsumerGroup::refuse(Refusal refusal) const {
  Outcome<Response> outcome;
  outcome.response.error_code = refusal.code;
  outcome.response.error_message = std::move(refusal.message);
  outcome.response.member_id.reset();
  outcome.response.assignment.reset();
  outcome.after = stored_end_;
  return outcome;
}

// KIP-848: a member whose last answer was lost says the epoch before, and has no more than it was given.
std::optional<ConsumerGroup::Refusal> ConsumerGroup::check_epoch(const Request& request,
                                                                 const Member& member) const {
  const std::int32_t known = member.current.epoch;
  const auto fenced = [&](const std::string& how) {
    return Refusal{ErrorCode::fenced_member_epoch,
                   "The consumer group member has a " + how + " member epoch (" +
                       std::to_string(request.member_epoch) +
                       ") than the one known by the group coordinator (" + std::to_string(known) +
                       "). The member must abandon all its partitions and rejoin."};
  };
  if (request.member_epoch > known) return fenced("greater");
  if (request.member_epoch == known) return std::nullopt;
  const bool lost_answer = request.member_epoch == member.current.previous_epoch &&
                           request.topic_partitions &&
                           member.current.assigned.contains_all(Partitions::of(*request.topic_partitions));
  if (lost_answer) return std::nullopt;
  return fenced("smaller");
}

// --- who it is

ConsumerGroup::Draft ConsumerGroup::draft_of_new(const Request& request) const {
  Draft draft;
  draft.id = request.member_id.empty() ? parts_.random.uuid().to_string() : request.member_id;
  draft.is_new = true;
  draft.rejoins = true;
  return draft;
}

std::expected<ConsumerGroup::Draft, ConsumerGroup::Refusal> ConsumerGroup::draft_of_static(
    const Request& request) const {
  const auto known = static_members_.find(*request.instance_id);
  if (known == static_members_.end()) {
    if (joins(request)) return draft_of_new(request);
    return std::unexpected(
        Refusal{ErrorCode::unknown_member_id, "Instance id " + *request.instance_id + " is unknown."});
  }
  const Member& member = members_.find(known->second)->second;
  if (known->second == request.member_id) {
    Draft draft{.id = known->second,
                .subscription = member.subscription,
                .current = member.current,
                .target = target_of(known->second)};
    draft.rejoins = joins(request);
    if (!joins(request))
      if (auto refusal = check_epoch(request, member)) return std::unexpected(std::move(*refusal));
    return draft;
  }
  if (!joins(request))
    return std::unexpected(
        Refusal{ErrorCode::fenced_instance_id, "Static member " + request.member_id + " with instance id " +
                                                   *request.instance_id + " was fenced by member " +
                                                   known->second + "."});
  if (member.current.epoch != kLeaveForAWhileEpoch)
    return std::unexpected(Refusal{
        ErrorCode::unreleased_instance_id,
        "Static member " + request.member_id + " with instance id " + *request.instance_id +
            " cannot join the group because the instance id is owned by " + known->second + " member."});
  Draft draft = draft_of_new(request);
  draft.in_place_of = known->second;
  draft.subscription = member.subscription;
  draft.current = member.current;
  draft.current.epoch = kJoinEpoch;
  draft.target = target_of(known->second);
  return draft;
}

std::expected<ConsumerGroup::Draft, ConsumerGroup::Refusal> ConsumerGroup::draft_of(
    const Request& request, const Client& client) const {
  const Member* member = find(request.member_id);
  std::expected<Draft, Refusal> draft;
  if (request.instance_id) {
    draft = draft_of_static(request);
  } else if (member != nullptr) {
    draft = Draft{.id = request.member_id,
                  .subscription = member->subscription,
                  .current = member->current,
                  .target = target_of(request.member_id)};
    draft->rejoins = joins(request);
    if (!joins(request))
      if (auto refusal = check_epoch(request, *member)) return std::unexpected(std::move(*refusal));
  } else if (joins(request)) {
    draft = draft_of_new(request);
  } else {
    return std::unexpected(Refusal{ErrorCode::unknown_member_id,
                                   "Member " + request.member_id + " is not a member of group " + id_ + "."});
  }
  if (!draft) return draft;
  const auto most = static_cast<std::size_t>(std::max(parts_.settings.consumer_max_size, 0));
  if (draft->is_new && !draft->in_place_of && members_.size() >= most)
    return std::unexpected(Refusal{
        ErrorCode::group_max_size_reached,
        "The consumer group has reached its maximum capacity of " + std::to_string(most) + " members."});
  draft->subscription = described(std::move(draft->subscription), request, client);
  return draft;
}

// --- what all of them subscribe to

void ConsumerGroup::for_each_subscription(const Draft* draft, const std::set<std::string>& without,
                                          const VisitSubscription& visit) const {
  for (const auto& [id, member] : members_) {
    const bool replaced = draft != nullptr && (draft->id == id || draft->in_place_of == id);
    if (!replaced && !without.contains(id)) visit(id, member.subscription);
  }
  if (draft != nullptr) visit(draft->id, draft->subscription);
}

// Gives the topics that the members' patterns match, and the records of what has changed about them.
void ConsumerGroup::write_patterns(const Draft* draft, const std::set<std::string>& without,
                                   const Topics& topics, Records& records, Patterns& resolved) const {
  for_each_subscription(draft, without, [&](const std::string&, const Subscription& subscription) {
    const std::string& pattern = subscription.subscribed_topic_regex.value_or("");
    if (!pattern.empty()) resolved.try_emplace(pattern);
  });
  for (auto& [pattern, names] : resolved) {
    names = matching(pattern, topics);
    const auto known = patterns_.find(pattern);
    std::vector<std::string> list(names.begin(), names.end());
    if (known != patterns_.end() && known->second.topics == list) continue;
    PatternRecord::Value value;
    value.topics = std::move(list);
    value.image_version = static_cast<std::int64_t>(topics.version());
    records.push_back(PatternRecord{id_, pattern, std::move(value)});
  }
  for (const auto& [pattern, value] : patterns_)
    if (!resolved.contains(pattern)) records.push_back(PatternRecord{id_, pattern, {}});
}

std::set<std::string> ConsumerGroup::subscribed_topics(const Subscription& subscription,
                                                       const Patterns& resolved) const {
  std::set<std::string> names(subscription.subscribed_topic_names.begin(),
                              subscription.subscribed_topic_names.end());
  const auto matched = resolved.find(subscription.subscribed_topic_regex.value_or(""));
  if (matched != resolved.end()) names.insert(matched->second.begin(), matched->second.end());
  return names;
}

std::uint64_t ConsumerGroup::metadata_hash(const Draft* draft, const std::set<std::string>& without,
                                           const Topics& topics, const Patterns& resolved) const {
  std::set<std::string> names;
  for_each_subscription(draft, without, [&](const std::string&, const Subscription& subscription) {
    names.insert(subscription.subscribed_topic_names.begin(), subscription.subscribed_topic_names.end());
    const auto matched = resolved.find(subscription.subscribed_topic_regex.value_or(""));
    if (matched != resolved.end()) names.insert(matched->second.begin(), matched->second.end());
  });
  Hash hash;
  for (const std::string& name : names) {
    const auto topic = topics.find(name);
    if (!topic) continue;
    hash.add(name);
    hash.mix(topic->id.high);
    hash.mix(topic->id.low);
    hash.mix(static_cast<std::uint64_t>(topic->partitions));
  }
  return hash.value();
}

// --- the epochs

ConsumerGroup::Plan ConsumerGroup::write_epoch(const Draft& draft, bool changed, const Topics& topics,
                                               const Patterns& resolved, Records& records) {
  Plan plan{epoch_.value_or(0), target_epoch_};
  const std::uint64_t hash = metadata_hash(&draft, {}, topics, resolved);
  if (!changed && hash == metadata_hash_) {
    checked_topics_ = topics.version();
    return plan;
  }
  ++plan.epoch;
  EpochRecord::Value value;
  value.epoch = plan.epoch;
  value.metadata_hash = static_cast<std::int64_t>(hash);
  records.push_back(EpochRecord{id_, value});
  return plan;
}

void ConsumerGroup::write_target(Draft& draft, Plan& plan, const Topics& topics, const Patterns& resolved,
                                 Records& records) const {
  std::vector<AssignedMember> members;
  std::map<TopicId, std::int32_t> counts;
  for_each_subscription(&draft, {}, [&](const std::string& id, const Subscription& subscription) {
    AssignedMember& member = members.emplace_back();
    member.id = id;
    member.instance_id = subscription.instance_id;
    member.target = id == draft.id ? draft.target : target_of(id);
    for (const std::string& name : subscribed_topics(subscription, resolved)) {
      const auto topic = topics.find(name);
      if (!topic) continue;
      member.topics.insert(topic->id);
      counts[topic->id] = topic->partitions;
    }
  });
  for (auto& [id, target] : assign(preferred_assignor(&draft), std::move(members), counts)) {
    const bool same = target == target_of(id) && targets_.contains(id);
    if (!same) {
      TargetRecord::Value value;
      target.append_to(value.topic_partitions);
      records.push_back(TargetRecord{id_, id, std::move(value)});
    }
    if (id == draft.id) draft.target = std::move(target);
  }
  plan.target_epoch = plan.epoch;
  TargetEpochRecord::Value value;
  value.assignment_epoch = plan.target_epoch;
  records.push_back(TargetEpochRecord{id_, value});
}

bool ConsumerGroup::is_target_due(Target target, Now now) const {
  if (target == Target::at_once || members_.size() < kManyMembers || !target_made_) return true;
  const Duration pause = kTargetPauseOfAMember * static_cast<std::int64_t>(members_.size());
  return now.monotonic - *target_made_ >= std::min(pause, kLongestTargetPause);
}

// Whether the group waits for a target shows in the records, too, which are not replayed yet.
std::int32_t ConsumerGroup::heartbeat_interval_ms(const CurrentAssignment& next,
                                                  const Records& records) const {
  std::int32_t epoch = epoch_.value_or(0);
  std::int32_t target_epoch = target_epoch_;
  for (const Record& record : records) {
    if (const auto* raised = std::get_if<EpochRecord>(&record)) epoch = raised->value->epoch;
    if (const auto* made = std::get_if<TargetEpochRecord>(&record))
      target_epoch = made->value->assignment_epoch;
  }
  const std::int32_t interval = parts_.settings.consumer_heartbeat_interval_ms;
  const bool waits = next.state == MemberState::unreleased_partitions || epoch > target_epoch;
  return waits ? std::max(interval / kPartOfIntervalToWait, 1) : interval;
}

// --- the heartbeat

// Writes what a member that is described so changes: what it subscribes to, the epochs, and its next step
// towards its target, which is given back. `owned`: what it says it has; null: nothing of the kind.
CurrentAssignment ConsumerGroup::advance(Draft& draft, const Partitions* owned, const Topics& topics,
                                         Target target, Now now, Records& records) {
  const Member* before = find(draft.in_place_of.value_or(draft.id));
  if (draft.in_place_of) records = removal_of(*draft.in_place_of);
  const bool described_anew = draft.is_new || before->subscription != draft.subscription;
  if (described_anew) records.push_back(SubscriptionRecord{id_, draft.id, draft.subscription});
  const bool resubscribed = before == nullptr || !same_topics(before->subscription, draft.subscription);
  Patterns resolved;
  Plan plan{epoch_.value_or(0), target_epoch_};
  if (described_anew || checked_topics_ != topics.version() || plan.epoch > plan.target_epoch) {
    write_patterns(&draft, {}, topics, records, resolved);
    plan = write_epoch(draft, resubscribed, topics, resolved, records);
    if (plan.epoch > plan.target_epoch && is_target_due(target, now)) {
      write_target(draft, plan, topics, resolved, records);
    } else if (draft.in_place_of) {
      TargetRecord::Value value;
      draft.target.append_to(value.topic_partitions);
      records.push_back(TargetRecord{id_, draft.id, std::move(value)});
    }
  } else {
    for (const auto& [pattern, value] : patterns_)
      resolved.emplace(pattern, std::set<std::string>(value.topics.begin(), value.topics.end()));
  }
  std::set<TopicId> subscribed;
  for (const std::string& name : subscribed_topics(draft.subscription, resolved))
    if (const auto topic = topics.find(name)) subscribed.insert(topic->id);
  const std::string holder = draft.in_place_of.value_or(draft.id);
  const CurrentAssignment next = reconcile(
      draft.current, {.target_epoch = plan.target_epoch,
                      .target = draft.target,
                      .owned = owned,
                      .is_free = [&](const TopicIdPartition& one) { return is_free_for(holder, one); },
                      .subscribed = subscribed});
  if (draft.is_new || next != before->current) records.push_back(current_record(id_, draft.id, next));
  return next;
}

Outcome<ConsumerGroup::Response> ConsumerGroup::heartbeat(const Request& request, const Client& client,
                                                          const Topics& topics, Now now) {
  if (request.member_epoch < kJoinEpoch) return leave(request, topics);
  auto drafted = draft_of(request, client);
  if (!drafted) return refuse(std::move(drafted).error());
  Draft& draft = *drafted;
  draft.subscription.classic_member_metadata.reset();
  const Member* before = find(draft.in_place_of.value_or(draft.id));
  const std::optional<Partitions> owned =
      request.topic_partitions ? std::optional(Partitions::of(*request.topic_partitions)) : std::nullopt;
  Outcome<Response> outcome;
  const CurrentAssignment next =
      advance(draft, owned ? &*owned : nullptr, topics, Target::when_due, now, outcome.records);
  if (members_.contains(draft.id)) restart_session(draft.id, now);
  outcome.after = stored_end_;
  outcome.response.member_id = draft.id;
  outcome.response.member_epoch = next.epoch;
  outcome.response.heartbeat_interval_ms = heartbeat_interval_ms(next, outcome.records);
  const bool shown = is_full(request) || draft.is_new || next.assigned != before->current.assigned;
  if (shown) {
    outcome.response.assignment.emplace();
    next.assigned.append_to(outcome.response.assignment->topic_partitions);
  } else {
    outcome.response.assignment.reset();
  }
  return outcome;
}

// --- who goes

// The others hear of it by the epoch, and the first of them has a new target assignment made.
Records ConsumerGroup::fence(const std::set<std::string>& ids, const Topics& topics) const {
  if (auto classic = downgraded(ids, topics)) return std::move(*classic);
  Records records;
  for (const std::string& id : ids) std::ranges::move(removal_of(id), std::back_inserter(records));
  Patterns resolved;
  write_patterns(nullptr, ids, topics, records, resolved);
  EpochRecord::Value value;
  value.epoch = epoch_.value_or(0) + 1;
  value.metadata_hash = static_cast<std::int64_t>(metadata_hash(nullptr, ids, topics, resolved));
  records.push_back(EpochRecord{id_, value});
  return records;
}

Outcome<ConsumerGroup::Response> ConsumerGroup::leave(const Request& request, const Topics& topics) const {
  std::string id = request.member_id;
  if (request.instance_id) {
    const auto known = static_members_.find(*request.instance_id);
    if (known == static_members_.end())
      return refuse({ErrorCode::unknown_member_id, "Instance id " + *request.instance_id + " is unknown."});
    if (known->second != id)
      return refuse({ErrorCode::fenced_instance_id, "Static member " + id + " with instance id " +
                                                        *request.instance_id + " was fenced by member " +
                                                        known->second + "."});
  }
  const Member* member = find(id);
  if (member == nullptr)
    return refuse({ErrorCode::unknown_member_id, "Member " + id + " is not a member of group " + id_ + "."});
  Outcome<Response> outcome;
  outcome.response.member_id = id;
  outcome.response.member_epoch = request.member_epoch;
  outcome.response.assignment.reset();
  if (request.member_epoch == kLeaveForAWhileEpoch) {
    // Its partitions wait for it to come back, until its session ends.
    CurrentAssignment away = member->current;
    away.previous_epoch = away.epoch;
    away.epoch = kLeaveForAWhileEpoch;
    away.state = MemberState::stable;
    away.pending_revocation = {};
    outcome.records.push_back(current_record(id_, id, away));
  } else {
    outcome.records = fence({id}, topics);
  }
  return outcome;
}

Records ConsumerGroup::on_timer(const std::string& id, const Topics& topics, Now now) {
  const auto found = members_.find(id);
  if (found == members_.end()) return {};
  Member& member = found->second;
  const bool silent = !member.session.is_set();
  const bool late = !member.rebalance.is_set() && member.current.state == MemberState::unrevoked_partitions;
  // Should the records not be appended, it is looked at again.
  if (silent) member.session.set(now.monotonic + kFenceRetry);
  if (late) member.rebalance.set(now.monotonic + kFenceRetry);
  if (!silent && !late) return {};
  return fence({id}, topics);
}

}  // namespace moldau::group
