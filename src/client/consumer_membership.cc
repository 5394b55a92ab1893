#include "client/consumer_membership.h"

#include <algorithm>
#include <iterator>

namespace moldau::client {

using wire::ErrorCode;
using Request = wire::ConsumerGroupHeartbeatRequest;
using Response = wire::ConsumerGroupHeartbeatResponse;

namespace {

constexpr std::int32_t kLeaves = -1;
constexpr std::int32_t kLeavesForNow = -2;  // a static member, which will be back
constexpr Duration kLeavePatience = std::chrono::seconds(3);
constexpr Duration kFirstInterval = std::chrono::seconds(5);  // until the coordinator says another one
constexpr wire::ApiVersion kPatternFrom = 1;

std::int32_t ms_of(Duration duration) {
  return static_cast<std::int32_t>(std::chrono::duration_cast<std::chrono::milliseconds>(duration).count());
}

std::string hint_for(ErrorCode code) {
  switch (code) {
    case ErrorCode::unreleased_instance_id:
      return "Another member has this group.instance.id, or its session has not ended yet.";
    case ErrorCode::unsupported_assignor:
      return "group.remote.assignor is one that the broker has: uniform or range.";
    case ErrorCode::group_id_not_found:
    case ErrorCode::inconsistent_group_protocol:
      return "The group is of another protocol, and its members cannot be taken over: use another group.id, "
             "or "
             "group.protocol=classic.";
    default:
      return {};
  }
}

}  // namespace

ConsumerMembership::ConsumerMembership(ClusterClient& cluster, GroupOptions options,
                                       Subscription subscription, GroupListener& listener)
    : cluster_(cluster),
      executor_(cluster.executor()),
      options_(std::move(options)),
      subscribed_(std::move(subscription)),
      listener_(listener),
      coordinator_(cluster, options_.group_id),
      id_(cluster.random().uuid().to_string()),
      interval_(kFirstInterval),
      changed_(executor_),
      reconciled_(executor_),
      gate_(executor_) {
  MOLDAU_ASSERT(!options_.group_id.empty());
}

ConsumerMembership::~ConsumerMembership() {
  MOLDAU_ASSERT(gate_.entered() == 0, "close() ends the membership");
}

void ConsumerMembership::start() { run().detach(); }

Task<void> ConsumerMembership::close() {
  if (closing_) co_return;
  closing_ = true;
  coordinator_.hurry(kLeavePatience);
  changed_.notify_all();
  Task<void> ended = gate_.close();
  cancellation_.cancel();
  co_await std::move(ended);
}

void ConsumerMembership::wake() {
  next_look_ = {};
  hurry_ = true;
  changed_.notify_all();
}

Task<void> ConsumerMembership::run() {
  const runtime::Gate::Pass pass(gate_);
  if (!pass) co_return;
  while (!closing_ && !failure_) {
    if (listener_.is_stalled() && epoch_ > 0) co_await sit_out();
    if (closing_) break;
    hurry_ = false;
    co_await beat();
    if (closing_ || failure_) break;
    if (!hurry_) co_await changed_.wait(executor_.now() + interval_);
  }
  while (reconciling_) co_await reconciled_.wait();
  if (failure_) {
    lose_all();
  } else {
    if (!owned_.empty()) co_await listener_.revoked(owned());
    owned_.clear();
    co_await leave();
  }
  co_await coordinator_.close();
}

// --- heartbeats

// What is subscribed to, asked for from time to time; the coordinator finds the topics of a pattern itself.
Task<Outcome<void>> ConsumerMembership::look() {
  if (options_.pattern || executor_.now() < next_look_) co_return Outcome<void>();
  auto topics = co_await subscribed_();
  if (!topics) co_return fail(std::move(topics).error());
  topics_ = std::move(*topics);
  std::ranges::sort(topics_);
  next_look_ = executor_.now() + options_.look_interval;
  co_return Outcome<void>();
}

Request ConsumerMembership::next_request() {
  Request request;
  request.group_id = options_.group_id;
  request.member_id = id_;
  request.member_epoch = epoch_;
  request.instance_id = options_.instance_id;
  const bool all = epoch_ == 0 || tell_all_;
  if (all) {
    if (!options_.rack.empty()) request.rack_id = options_.rack;
    request.rebalance_timeout_ms = ms_of(options_.rebalance_timeout);
    request.server_assignor = options_.remote_assignor;
    if (options_.pattern) request.subscribed_topic_regex = options_.pattern;
  }
  if (!options_.pattern && (all || told_topics_ != topics_)) request.subscribed_topic_names = topics_;
  if (options_.pattern && all) request.subscribed_topic_names.emplace();
  if (all || tell_owned_) {
    auto& owned = request.topic_partitions.emplace();
    std::map<std::string, TopicId, std::less<>> ids;
    for (const auto& [id, name] : names_) ids[name] = id;
    for (const TopicPartition& one : owned_) {
      const TopicId id = ids.at(one.topic);
      if (owned.empty() || owned.back().topic_id != id) owned.push_back({.topic_id = id});
      owned.back().partitions.push_back(one.partition);
    }
  }
  return request;
}

Task<void> ConsumerMembership::beat() {
  if (auto looked = co_await look(); !looked) co_return failed(std::move(looked).error());
  if (closing_) co_return;
  const Request request = next_request();
  const unsigned incarnation = incarnation_;
  tell_all_ = tell_owned_ = false;
  told_topics_ = topics_;
  const auto response = co_await coordinator_.ask<Response>(
      request, std::max(interval_, cluster_.options().retry_backoff_max),
      {.min_version = static_cast<wire::ApiVersion>(options_.pattern ? kPatternFrom : 0),
       .timeout = cluster_.options().connection.request_timeout,
       .cancellation = &cancellation_});
  if (incarnation != incarnation_) co_return;  // what was asked is of a membership that has ended
  if (!response) co_return failed(response.error());
  if (response->error_code != ErrorCode::none)
    co_return refused(response->error_code, response->error_message);
  accept(*response);
}

void ConsumerMembership::accept(const Response& response) {
  epoch_ = response.member_epoch;
  if (response.heartbeat_interval_ms > 0)
    interval_ = std::chrono::milliseconds(response.heartbeat_interval_ms);
  if (response.assignment) {
    target_.emplace();
    for (const auto& topic : response.assignment->topic_partitions)
      for (const PartitionIndex index : topic.partitions) target_->insert({topic.topic_id, index});
  }
  if (!reconciling_ && target_) reconcile().detach();
}

void ConsumerMembership::failed(Failure failure) {
  coordinator_.moved();
  tell_all_ = true;
  if (closing_) return;
  if (!failure.retriable) {
    if (failure.code == Errc::unsupported)
      failure.hint =
          "The broker has no group.protocol=consumer (KIP-848), or no patterns in it: use classic.";
    failure_ = std::move(failure);
    return;
  }
  interval_ = std::min(interval_, cluster_.options().retry_backoff_max);
}

void ConsumerMembership::refused(ErrorCode code, const std::optional<std::string>& message) {
  switch (code) {
    case ErrorCode::unknown_member_id:
    case ErrorCode::fenced_member_epoch:
      return rejoin();
    default:
      break;
  }
  Failure failure = broker_failure(code, message ? std::optional<std::string_view>(*message) : std::nullopt,
                                   coordinator_.address());
  failure.hint = hint_for(code);
  failed(std::move(failure));
}

void ConsumerMembership::rejoin() {
  lose_all();
  hurry_ = true;
  changed_.notify_all();
}

void ConsumerMembership::lose_all() {
  epoch_ = 0;
  ++incarnation_;
  target_.reset();
  tell_all_ = true;
  if (owned_.empty()) return;
  listener_.lost(owned());
  owned_.clear();
}

void ConsumerMembership::note_refusal(ErrorCode code) {
  if (closing_ || failure_) return;
  if (code == ErrorCode::unknown_member_id || code == ErrorCode::fenced_member_epoch) return rejoin();
  if (code == ErrorCode::fenced_instance_id) {
    refused(code, {});
    changed_.notify_all();
  } else if (code == ErrorCode::stale_member_epoch) {
    hurry_ = true;  // the next heartbeat brings the epoch
    changed_.notify_all();
  }
}

// Leaves the group to those who poll, and waits until its owner does.
Task<void> ConsumerMembership::sit_out() {
  co_await leave();
  lose_all();
  while (!closing_ && listener_.is_stalled()) co_await changed_.wait(executor_.now() + interval_);
}

Task<void> ConsumerMembership::leave() {
  if (epoch_ <= 0) co_return;
  Request request;
  request.group_id = options_.group_id;
  request.member_id = id_;
  request.instance_id = options_.instance_id;
  request.member_epoch = options_.instance_id && closing_ ? kLeavesForNow : kLeaves;
  co_await coordinator_.ask<Response>(std::move(request), kLeavePatience, {.timeout = kLeavePatience});
}

// --- from what it owns to what it is to own

void ConsumerMembership::note_names() {
  for (const TopicIdPartition& one : *target_)
    if (const TopicInfo* topic = cluster_.metadata().topic(one.topic_id)) {
      std::erase_if(names_, [&](const auto& known) { return known.second == topic->name; });
      names_[one.topic_id] = topic->name;
    }
}

Task<void> ConsumerMembership::learn_names() {
  if (options_.pattern) {
    static_cast<void>(co_await cluster_.topics({}));
  } else {
    static_cast<void>(co_await cluster_.refresh(topics_));
  }
}

// Partitions of topics whose names are not known yet are left out. Nothing: the target has gone meanwhile.
Task<std::optional<ConsumerMembership::Partitions>> ConsumerMembership::named_target() {
  const unsigned incarnation = incarnation_;
  const auto unknown = [&] {
    return std::ranges::any_of(*target_, [&](const auto& one) { return !names_.contains(one.topic_id); });
  };
  note_names();
  if (unknown()) co_await learn_names();
  if (incarnation != incarnation_ || !target_) co_return std::nullopt;
  note_names();
  Partitions named;
  for (const TopicIdPartition& one : *target_)
    if (const auto name = names_.find(one.topic_id); name != names_.end())
      named.insert({name->second, one.partition});
  co_return named;
}

Task<void> ConsumerMembership::reconcile() {
  const runtime::Gate::Pass pass(gate_);
  if (!pass) co_return;
  reconciling_ = true;
  while (!closing_ && !failure_ && target_) {
    const unsigned incarnation = incarnation_;
    const auto target = co_await named_target();
    if (!target) continue;
    std::vector<TopicPartition> gone, added;
    std::ranges::set_difference(owned_, *target, std::back_inserter(gone));
    std::ranges::set_difference(*target, owned_, std::back_inserter(added));
    if (gone.empty() && added.empty()) break;
    if (!gone.empty()) {
      co_await listener_.revoked(gone);
      if (incarnation != incarnation_) continue;
      for (const TopicPartition& one : gone) owned_.erase(one);
    }
    owned_.insert(added.begin(), added.end());
    tell_owned_ = hurry_ = true;
    changed_.notify_all();
    if (!added.empty()) co_await listener_.assigned(std::move(added));
  }
  reconciling_ = false;
  reconciled_.notify_all();
}

}  // namespace moldau::client
