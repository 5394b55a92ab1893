#include "client/membership.h"

#include <algorithm>

#include "client/coordinator.h"
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

template <class Response>
ErrorCode code_of(const Response& response) {
  return response.error_code;
}

}  // namespace

Membership::Membership(ClusterClient& cluster, GroupOptions options, Subscription subscription,
                       GroupListener& listener)
    : cluster_(cluster),
      executor_(cluster.executor()),
      options_(std::move(options)),
      subscribed_(std::move(subscription)),
      listener_(listener),
      changed_(executor_),
      gate_(executor_) {
  MOLDAU_ASSERT(!options_.group_id.empty() && !options_.assignors.empty());
}

Membership::~Membership() { MOLDAU_ASSERT(gate_.entered() == 0, "close() ends the membership"); }

void Membership::start() { run().detach(); }

Task<void> Membership::close() {
  if (closing_) co_return;
  closing_ = true;
  changed_.notify_all();
  Task<void> ended = gate_.close();
  cancellation_.cancel();
  co_await std::move(ended);
}

bool Membership::cooperative() const { return std::ranges::all_of(options_.assignors, is_cooperative); }

Task<void> Membership::run() {
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
    co_await leave();
  }
  co_await disconnect();
}

// --- what the coordinator says

Task<void> Membership::disconnect() {
  connected_to_.reset();
  const BrokerConnection::Ptr old = std::exchange(connection_, nullptr);
  if (!old) co_return;
  old->close();
  co_await old->ended();
}

Task<Outcome<void>> Membership::connect(Duration patience) {
  if (!coordinator_) {
    const auto found = co_await ask_for_coordinator(cluster_, options_.group_id, patience);
    if (!found) co_return fail(found.error());
    coordinator_ = found->id;
  }
  if (connection_ && !connection_->is_closed() && connected_to_ == coordinator_) co_return Outcome<void>();
  co_await disconnect();
  auto opened = co_await cluster_.own_connection(*coordinator_);
  if (!opened) co_return fail(std::move(opened).error());
  connection_ = std::move(*opened);
  connected_to_ = coordinator_;
  co_return Outcome<void>();
}

template <class Response, class Request>
Task<Outcome<Response>> Membership::ask(Request request, Duration patience, CallOptions options) {
  if (auto connected = co_await connect(patience); !connected) co_return fail(std::move(connected).error());
  co_return co_await connection_->call<Response>(std::move(request), options);
}

Membership::Step Membership::failed(Failure failure) {
  coordinator_.reset();
  if (closing_) return Step::failed;  // perhaps for that reason
  if (failure.retriable) return Step::retry;
  failure_ = std::move(failure);
  return Step::failed;
}

// What follows for the membership from the code of an answer.
Membership::Step Membership::refused(ErrorCode code) {
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

void Membership::note_refusal(ErrorCode code) {
  if (closing_ || failure_) return;
  if (code != ErrorCode::unknown_member_id && code != ErrorCode::illegal_generation &&
      code != ErrorCode::fenced_instance_id)
    return;
  refused(code);
  changed_.notify_all();
}

void Membership::lose_all() {
  generation_ = -1;
  if (owned_.empty()) return;
  listener_.lost({owned_.begin(), owned_.end()});
  owned_.clear();
}

// --- joining

MemberSubscription Membership::subscription() const {
  MemberSubscription own;
  own.member_id = id_;
  own.instance_id = options_.instance_id;
  own.topics = topics_;
  own.owned = {owned_.begin(), owned_.end()};
  own.generation = owned_generation_;
  return own;
}

Task<Membership::Step> Membership::join_and_sync() {
  auto topics = co_await subscribed_();
  if (!topics) co_return failed(std::move(topics).error());
  topics_ = std::move(*topics);
  const Step joined = co_await join();
  if (joined != Step::go_on) co_return joined;
  auto assignments = co_await assignments_of_all();
  if (!assignments) co_return failed(std::move(assignments).error());
  co_return co_await sync(std::move(*assignments));
}

Task<Membership::Step> Membership::join() {
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
    auto joined = co_await ask<wire::JoinGroupResponse>(
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
Task<Outcome<PartitionCounts>> Membership::counts_of(std::vector<std::string> topics) {
  PartitionCounts counts;
  if (topics.empty()) co_return counts;
  const auto known = co_await cluster_.topics({.names = std::move(topics)});
  if (!known) co_return fail(known.error());
  for (const TopicInfo& topic : *known)
    if (topic.error == ErrorCode::none)
      counts[topic.name] = static_cast<std::int32_t>(topic.partitions.size());
  co_return counts;
}

Task<Outcome<std::map<std::string, Slice>>> Membership::assignments_of_all() {
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

Task<Membership::Step> Membership::sync(std::map<std::string, Slice> assignments) {
  wire::SyncGroupRequest request;
  request.group_id = options_.group_id;
  request.generation_id = generation_;
  request.member_id = id_;
  request.group_instance_id = options_.instance_id;
  request.protocol_type = std::string(kProtocolType);
  request.protocol_name = protocol_;
  for (auto& [member, assignment] : assignments)
    request.assignments.push_back({member, std::move(assignment)});
  const auto synced = co_await ask<wire::SyncGroupResponse>(
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

Task<void> Membership::take(std::vector<TopicPartition> assigned) {
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
  co_await listener_.assigned(std::move(added));
}

Task<void> Membership::give_back(std::vector<TopicPartition> partitions) {
  if (partitions.empty()) co_return;
  co_await listener_.revoked(partitions);
  for (const TopicPartition& one : partitions) owned_.erase(one);
}

// --- while the group is stable

Task<void> Membership::stay() {
  MonotonicTime heard = executor_.now();
  MonotonicTime next_look = heard + options_.look_interval;
  while (!closing_ && !rejoin_ && !failure_) {
    if (co_await changed_.wait(executor_.now() + options_.heartbeat_interval)) continue;
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

Task<Membership::Step> Membership::heartbeat() {
  wire::HeartbeatRequest request;
  request.group_id = options_.group_id;
  request.generation_id = generation_;
  request.member_id = id_;
  request.group_instance_id = options_.instance_id;
  const auto beaten = co_await ask<wire::HeartbeatResponse>(
      std::move(request), options_.heartbeat_interval,
      {.timeout = options_.session_timeout, .cancellation = &cancellation_});
  if (!beaten) co_return failed(beaten.error());
  co_return refused(beaten->error_code);
}

// Of all members' topics when it leads, and of its own subscription.
Task<bool> Membership::topics_changed() {
  const auto topics = co_await subscribed_();
  if (topics && *topics != topics_) co_return true;
  if (!leads_) co_return false;
  std::set<std::string> all;
  for (const MemberSubscription& member : members_) all.insert(member.topics.begin(), member.topics.end());
  const auto counts = co_await counts_of({all.begin(), all.end()});
  co_return counts && *counts != counts_;
}

Task<void> Membership::leave() {
  if (id_.empty() || options_.instance_id) co_return;
  wire::LeaveGroupRequest request;
  request.group_id = options_.group_id;
  request.member_id = id_;
  request.members.push_back({id_, std::nullopt, "the consumer is closed"});
  co_await ask<wire::LeaveGroupResponse>(std::move(request), kLeavePatience, {.timeout = kLeavePatience});
}

}  // namespace moldau::client
