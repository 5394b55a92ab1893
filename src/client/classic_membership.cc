#include "client/classic_membership.h"

#include <algorithm>

#include "wire/messages/heartbeat.h"
#include "wire/messages/join_group.h"
#include "wire/messages/leave_group.h"
#include "wire/messages/sync_group.h"

namespace moldau::client {

using wire::ErrorCode;

namespace {

constexpr std::string_view kProtocolType = "consumer";
// A coordinator answers JoinGroup at the end of the rebalance, and not much later.
constexpr Duration kJoinMargin = std::chrono::seconds(10);
constexpr Duration kLeavePatience = std::chrono::seconds(3);

std::int32_t ms_of(Duration duration) {
  return static_cast<std::int32_t>(std::chrono::duration_cast<std::chrono::milliseconds>(duration).count());
}

}  // namespace

ClassicMembership::ClassicMembership(ClusterClient& cluster, GroupOptions options, Subscription subscription,
                                     GroupListener& listener)
    : cluster_(cluster),
      executor_(cluster.executor()),
      options_(std::move(options)),
      subscribed_(std::move(subscription)),
      listener_(listener),
      coordinator_(cluster, options_.group_id),
      changed_(executor_),
      gate_(executor_) {
  MOLDAU_ASSERT(!options_.group_id.empty() && !options_.assignors.empty());
}

ClassicMembership::~ClassicMembership() {
  MOLDAU_ASSERT(gate_.entered() == 0, "close() ends the membership");
}

void ClassicMembership::start() { run().detach(); }

Task<void> ClassicMembership::close() {
  if (closing_) co_return;
  closing_ = true;
  coordinator_.hurry(kLeavePatience);
  changed_.notify_all();
  Task<void> ended = gate_.close();
  cancellation_.cancel();
  co_await std::move(ended);
}

void ClassicMembership::wake() {
  look_now_ = true;
  changed_.notify_all();
}

bool ClassicMembership::cooperative() const {
  return std::ranges::all_of(options_.assignors, is_cooperative);
}

Task<void> ClassicMembership::run() {
  const runtime::Gate::Pass pass(gate_);
  if (!pass) co_return;
  Backoff backoff = cluster_.new_backoff();
  while (!closing_) {
    rejoin_ = false;
    const Step step = co_await join_and_sync();
    if (step == Step::failed) break;
    if (step == Step::retry) {
      if (!closing_) co_await changed_.wait(executor_.now() + backoff.next());
      continue;
    }
    backoff.reset();
    co_await stay();
    if (failure_) break;
    if (!closing_ && !cooperative()) co_await give_back({owned_.begin(), owned_.end()});
  }
  if (failure_) {
    lose_all();
  } else {
    co_await give_back({owned_.begin(), owned_.end()});
    co_await leave(false, "the consumer is closed");
  }
  co_await coordinator_.close();
}

// --- what the coordinator says

ClassicMembership::Step ClassicMembership::failed(Failure failure) {
  coordinator_.moved();
  if (closing_) return Step::failed;  // perhaps for that reason
  if (failure.retriable) return Step::retry;
  failure_ = std::move(failure);
  return Step::failed;
}

// What follows for the membership from the code of an answer.
ClassicMembership::Step ClassicMembership::refused(ErrorCode code) {
  switch (code) {
    case ErrorCode::none:
      return Step::go_on;
    case ErrorCode::unknown_member_id:
      lose_all();
      id_.clear();
      rejoin_ = true;
      return Step::retry;
    case ErrorCode::illegal_generation:
      lose_all();
      rejoin_ = true;
      return Step::retry;
    case ErrorCode::rebalance_in_progress:
      rejoin_ = true;
      return Step::retry;
    default:
      return failed(broker_failure(code));
  }
}

void ClassicMembership::note_refusal(ErrorCode code) {
  if (closing_ || failure_) return;
  if (code != ErrorCode::unknown_member_id && code != ErrorCode::illegal_generation &&
      code != ErrorCode::fenced_instance_id)
    return;
  refused(code);
  changed_.notify_all();
}

void ClassicMembership::lose_all() {
  generation_ = -1;
  if (owned_.empty()) return;
  listener_.lost({owned_.begin(), owned_.end()});
  owned_.clear();
}

// --- joining

MemberSubscription ClassicMembership::subscription() const {
  MemberSubscription own;
  own.member_id = id_;
  own.instance_id = options_.instance_id;
  own.topics = topics_;
  own.owned = {owned_.begin(), owned_.end()};
  own.generation = owned_generation_;
  return own;
}

Task<ClassicMembership::Step> ClassicMembership::join_and_sync() {
  auto topics = co_await subscribed_();
  if (!topics) co_return failed(std::move(topics).error());
  topics_ = std::move(*topics);
  const Step joined = co_await join();
  if (joined != Step::go_on) co_return joined;
  auto assignments = co_await assignments_of_all();
  if (!assignments) co_return failed(std::move(assignments).error());
  co_return co_await sync(std::move(*assignments));
}

Task<ClassicMembership::Step> ClassicMembership::join() {
  for (;;) {
    wire::JoinGroupRequest request;
    request.group_id = options_.group_id;
    request.session_timeout_ms = ms_of(options_.session_timeout);
    request.rebalance_timeout_ms = ms_of(options_.rebalance_timeout);
    request.member_id = id_;
    request.group_instance_id = options_.instance_id;
    request.protocol_type = kProtocolType;
    for (const Assignor assignor : options_.assignors)
      request.protocols.push_back({std::string(name_of(assignor)), encode_subscription(subscription())});
    auto joined = co_await coordinator_.ask<wire::JoinGroupResponse>(
        std::move(request), options_.session_timeout,
        {.timeout = options_.rebalance_timeout + kJoinMargin, .cancellation = &cancellation_});
    if (!joined) co_return failed(std::move(joined).error());
    if (joined->error_code == ErrorCode::member_id_required) {
      id_ = joined->member_id;
      if (closing_) co_return Step::retry;
      continue;
    }
    if (joined->error_code != ErrorCode::none) co_return refused(joined->error_code);
    id_ = joined->member_id;
    generation_ = joined->generation_id;
    protocol_ = joined->protocol_name;
    leads_ = joined->leader == id_;
    skips_assignment_ = joined->skip_assignment;
    members_.clear();
    for (auto& member : joined->members) {
      auto described = decode_subscription(member.metadata);
      if (!described)
        co_return failed(local_failure(Errc::corrupt, "the subscription of member " + member.member_id +
                                                          ": " + described.error().message));
      described->member_id = std::move(member.member_id);
      described->instance_id = std::move(member.group_instance_id);
      members_.push_back(std::move(*described));
    }
    co_return Step::go_on;
  }
}

// Topics that are not there have no partitions.
Task<Outcome<PartitionCounts>> ClassicMembership::counts_of(std::vector<std::string> topics) {
  PartitionCounts counts;
  if (topics.empty()) co_return counts;
  const auto known = co_await cluster_.topics({.names = std::move(topics)});
  if (!known) co_return fail(known.error());
  for (const TopicInfo& topic : *known)
    if (topic.error == ErrorCode::none)
      counts[topic.name] = static_cast<std::int32_t>(topic.partitions.size());
  co_return counts;
}

Task<Outcome<std::map<std::string, Slice>>> ClassicMembership::assignments_of_all() {
  std::map<std::string, Slice> encoded;
  if (!leads_) co_return encoded;
  std::set<std::string> topics;
  for (const MemberSubscription& member : members_) topics.insert(member.topics.begin(), member.topics.end());
  auto counts = co_await counts_of({topics.begin(), topics.end()});
  if (!counts) co_return fail(std::move(counts).error());
  counts_ = std::move(*counts);
  if (skips_assignment_) co_return encoded;
  const auto assignor = assignor_of(protocol_.value_or(""));
  if (!assignor)
    co_return fail(
        local_failure(Errc::unsupported, "the group chose assignor " + protocol_.value_or("(none)")));
  for (auto& [member, partitions] : assign(*assignor, members_, counts_))
    encoded[member] = encode_assignment(partitions);
  co_return encoded;
}

Task<ClassicMembership::Step> ClassicMembership::sync(std::map<std::string, Slice> assignments) {
  wire::SyncGroupRequest request;
  request.group_id = options_.group_id;
  request.generation_id = generation_;
  request.member_id = id_;
  request.group_instance_id = options_.instance_id;
  request.protocol_type = std::string(kProtocolType);
  request.protocol_name = protocol_;
  for (auto& [member, assignment] : assignments)
    request.assignments.push_back({member, std::move(assignment)});
  const auto synced = co_await coordinator_.ask<wire::SyncGroupResponse>(
      std::move(request), options_.session_timeout,
      {.timeout = options_.rebalance_timeout + kJoinMargin, .cancellation = &cancellation_});
  if (!synced) co_return failed(synced.error());
  if (synced->error_code != ErrorCode::none) co_return refused(synced->error_code);
  auto assigned = decode_assignment(synced->assignment);
  if (!assigned)
    co_return failed(
        local_failure(Errc::corrupt, "the assignment of the group: " + assigned.error().message));
  co_await take(std::move(*assigned));
  co_return Step::go_on;
}

// --- partitions

Task<void> ClassicMembership::take(std::vector<TopicPartition> assigned) {
  const std::set<TopicPartition> now(assigned.begin(), assigned.end());
  std::vector<TopicPartition> gone, added;
  std::ranges::set_difference(owned_, now, std::back_inserter(gone));
  std::ranges::set_difference(now, owned_, std::back_inserter(added));
  if (!gone.empty()) {
    co_await give_back(gone);
    rejoin_ = true;  // for somebody else to get them
  }
  owned_generation_ = generation_;
  if (generation_ < 0) co_return;  // lost while it gave back
  owned_.insert(added.begin(), added.end());
  co_await while_beating(listener_.assigned(std::move(added)));
}

Task<void> ClassicMembership::give_back(std::vector<TopicPartition> partitions) {
  if (partitions.empty()) co_return;
  co_await while_beating(listener_.revoked(partitions));
  for (const TopicPartition& one : partitions) owned_.erase(one);
}

// --- while the group is stable

Task<void> ClassicMembership::while_beating(Task<void> told) {
  runtime::OneShot ended(executor_);
  const auto finish = [](Task<void> to_end, runtime::OneShot& shot) -> Task<void> {
    co_await std::move(to_end);
    shot.fire();
  };
  Task<void> finishing = finish(std::move(told), ended);
  ErrorCode refusal = ErrorCode::none;
  while (!co_await ended.wait(executor_.now() + options_.heartbeat_interval)) {
    if (closing_ || generation_ < 0 || refusal != ErrorCode::none) continue;
    const auto code = co_await beat();
    if (code && *code != ErrorCode::rebalance_in_progress) refusal = *code;
    if (!code) coordinator_.moved();
  }
  co_await std::move(finishing);
  // What the coordinator thinks of it comes after what the owner was just told.
  if (refusal != ErrorCode::none) refused(refusal);
}

Task<void> ClassicMembership::stay() {
  MonotonicTime heard = executor_.now();
  MonotonicTime next_look = heard + options_.look_interval;
  while (!closing_ && !rejoin_ && !failure_) {
    const bool woken = co_await changed_.wait(executor_.now() + options_.heartbeat_interval);
    if (std::exchange(look_now_, false)) next_look = executor_.now();
    if (woken && executor_.now() < next_look) continue;
    if (listener_.is_stalled()) co_return co_await sit_out();
    const Step step = co_await heartbeat();
    const MonotonicTime now = executor_.now();
    if (step == Step::go_on) heard = now;
    if (step == Step::failed) co_return;
    if (now - heard >= options_.session_timeout) {  // the group goes on without it
      lose_all();
      rejoin_ = true;
    }
    if (!rejoin_ && now >= next_look) {
      if (co_await topics_changed()) rejoin_ = true;
      next_look = executor_.now() + options_.look_interval;
    }
  }
}

// Leaves the group to those who poll, and waits until its owner does.
Task<void> ClassicMembership::sit_out() {
  co_await leave(true, "max.poll.interval.ms has passed without a poll");
  lose_all();
  id_.clear();
  while (!closing_ && listener_.is_stalled())
    co_await changed_.wait(executor_.now() + options_.heartbeat_interval);
  rejoin_ = true;
}

Task<Outcome<ErrorCode>> ClassicMembership::beat() {
  wire::HeartbeatRequest request;
  request.group_id = options_.group_id;
  request.generation_id = generation_;
  request.member_id = id_;
  request.group_instance_id = options_.instance_id;
  const auto beaten = co_await coordinator_.ask<wire::HeartbeatResponse>(
      std::move(request), options_.heartbeat_interval,
      {.timeout = options_.session_timeout, .cancellation = &cancellation_});
  if (!beaten) co_return fail(beaten.error());
  co_return beaten->error_code;
}

Task<ClassicMembership::Step> ClassicMembership::heartbeat() {
  const auto code = co_await beat();
  if (!code) co_return failed(code.error());
  co_return refused(*code);
}

// Of all members' topics when it leads, and of its own subscription.
Task<bool> ClassicMembership::topics_changed() {
  const auto topics = co_await subscribed_();
  if (topics && *topics != topics_) co_return true;
  if (!leads_) co_return false;
  std::set<std::string> all;
  for (const MemberSubscription& member : members_) all.insert(member.topics.begin(), member.topics.end());
  const auto counts = co_await counts_of({all.begin(), all.end()});
  co_return counts && *counts != counts_;
}

Task<void> ClassicMembership::leave(bool also_static, std::string reason) {
  if (id_.empty() || (options_.instance_id && !also_static)) co_return;
  wire::LeaveGroupRequest request;
  request.group_id = options_.group_id;
  request.member_id = id_;
  request.members.push_back({id_, options_.instance_id, std::move(reason)});
  co_await coordinator_.ask<wire::LeaveGroupResponse>(std::move(request), kLeavePatience,
                                                      {.timeout = kLeavePatience});
}

}  // namespace moldau::client
