#include "replication/replica_fetcher.h"

#include <algorithm>

#include "telemetry/log.h"

namespace moldau::replication {

using runtime::Duration;
using runtime::MonotonicTime;
using runtime::Task;
using wire::ErrorCode;

namespace {

// When a throttled partition is looked at again.
constexpr Duration kThrottled = std::chrono::milliseconds(100);
constexpr Duration kFirstBackoff = std::chrono::milliseconds(10);
// The side lane ends so much before the main lane does, so that its partitions are there to be taken over.
constexpr Duration kHandOver = std::chrono::milliseconds(20);
// However slow the line is.
constexpr std::int32_t kLeastResponseBytes = 16 * 1024;

std::int32_t in_ms(Duration duration) {
  return static_cast<std::int32_t>(std::chrono::duration_cast<std::chrono::milliseconds>(duration).count());
}

std::size_t records_in(const wire::FetchResponse& response) {
  std::size_t bytes = 0;
  for (const auto& topic : response.responses) {
    for (const auto& partition : topic.partitions)
      bytes += partition.records ? size_of(*partition.records) : 0;
  }
  return bytes;
}

// A fetch says what this replica has, and the leader counts on it: so not while the answer of the leader before
// may still cut that off.
Duration pause_before(Partition& partition) {
  if (partition.follower_is_throttled()) return kThrottled;
  const auto& follower = partition.following();
  return follower && follower->is_changing() ? kFirstBackoff : Duration{};
}

bool is_of_session(ErrorCode code) {
  return code == ErrorCode::fetch_session_id_not_found || code == ErrorCode::invalid_fetch_session_epoch ||
         code == ErrorCode::fetch_session_topic_id_error;
}

}  // namespace

ReplicaFetcher::ReplicaFetcher(runtime::Executor& executor, runtime::WallClock& wall_clock,
                               LeaderChannel& channel, const BrokerRegistration& registration,
                               FetcherSettings settings, NodeId leader)
    : executor_(executor),
      wall_clock_(wall_clock),
      channel_(channel),
      registration_(registration),
      settings_(settings),
      leader_(leader),
      response_max_bytes_(settings.response_max_bytes),
      work_(executor),
      stopping_(executor),
      gate_(executor) {}

ReplicaFetcher::~ReplicaFetcher() = default;

void ReplicaFetcher::follow(const TopicIdPartition& key, std::shared_ptr<Partition> partition) {
  forget(key);
  Entry& entry = entries_[key];
  entry.epoch = partition->leader_epoch();
  entry.partition = std::move(partition);
  ready(key, entry);
  if (std::exchange(started_, true)) return;
  run(Place::main).detach();
  run(Place::side).detach();
}

void ReplicaFetcher::forget(const TopicIdPartition& key) {
  entries_.erase(key);
  session_.forget(key);
}

Task<void> ReplicaFetcher::stop() {
  if (std::exchange(stopped_, true)) co_return;
  entries_.clear();
  work_.notify_all();
  stopping_.notify_all();
  co_await gate_.close();
}

void ReplicaFetcher::ready(const TopicIdPartition& key, Entry& entry) {
  entry.place = Place::ready;
  ready_.push_back(key);
  work_.notify_all();
}

void ReplicaFetcher::delay(const TopicIdPartition& key, Entry& entry) {
  entry.backoff = grown(entry.backoff);
  entry.place = Place::delayed;
  delayed_.emplace(executor_.now() + entry.backoff, key);
}

Duration ReplicaFetcher::grown(Duration backoff) const {
  return std::min(backoff == Duration{} ? kFirstBackoff : 2 * backoff, settings_.backoff_max);
}

void ReplicaFetcher::wake_delayed() {
  while (!delayed_.empty() && delayed_.begin()->first <= executor_.now()) {
    const TopicIdPartition key = delayed_.extract(delayed_.begin()).mapped();
    const auto at = entries_.find(key);
    if (at != entries_.end() && at->second.place == Place::delayed) ready(key, at->second);
  }
}

MonotonicTime ReplicaFetcher::next_due() const {
  return delayed_.empty() ? runtime::kForever : delayed_.begin()->first;
}

bool ReplicaFetcher::has_work(Place lane) {
  wake_delayed();
  if (lane == Place::main) return !ready_.empty() || !session_.empty();
  return !ready_.empty() && polling_ && polls_until_ - executor_.now() > 2 * kHandOver;
}

Task<void> ReplicaFetcher::run(Place lane) {
  const runtime::Gate::Pass pass(gate_);
  Duration backoff{};
  while (!stopped_) {
    if (!has_work(lane)) {
      co_await work_.wait(next_due());
      continue;
    }
    Call call = lane == Place::main ? main_call() : side_call();
    if (lane == Place::main ? session_.empty() : call.keys.empty()) continue;
    const bool answered = co_await make(lane, std::move(call));
    backoff = answered ? Duration{} : grown(backoff);
    if (!answered && !stopped_) co_await stopping_.wait(executor_.now() + backoff);
  }
}

wire::FetchRequest ReplicaFetcher::new_request(Duration wait) const {
  wire::FetchRequest request;
  request.replica_id = registration_.node_id();
  request.replica_state.replica_id = registration_.node_id();
  request.replica_state.replica_epoch = registration_.epoch();
  request.max_wait_ms = in_ms(wait);
  request.min_bytes = settings_.min_bytes;
  request.max_bytes = response_max_bytes_;
  return request;
}

ReplicaFetcher::Call ReplicaFetcher::main_call() {
  for (const TopicIdPartition& key : std::exchange(ready_, {})) {
    const auto at = entries_.find(key);
    if (at == entries_.end() || at->second.place != Place::ready) continue;
    if (const Duration pause = pause_before(*at->second.partition); pause != Duration{}) {
      at->second.place = Place::delayed;
      delayed_.emplace(executor_.now() + pause, key);
      continue;
    }
    const auto& follower = at->second.partition->following();
    const auto position = follower ? follower->position() : std::nullopt;
    if (position && position->leader_epoch == at->second.epoch) {
      at->second.place = Place::main;
      at->second.asked = *position;
      session_.want(key, *position);
    } else {
      forget(key);
    }
  }
  Call call{new_request(settings_.wait_max), {}};
  if (!session_.empty()) session_.fill(call.request, settings_.partition_max_bytes);
  return call;
}

ReplicaFetcher::Call ReplicaFetcher::side_call() {
  Call call{new_request(polls_until_ - executor_.now() - kHandOver), {}};
  for (const TopicIdPartition& key : std::exchange(ready_, {})) {
    const auto at = entries_.find(key);
    if (at == entries_.end() || at->second.place != Place::ready) continue;
    if (const Duration pause = pause_before(*at->second.partition); pause != Duration{}) {
      at->second.place = Place::delayed;
      delayed_.emplace(executor_.now() + pause, key);
      continue;
    }
    const auto& follower = at->second.partition->following();
    const auto position = follower ? follower->position() : std::nullopt;
    if (position && position->leader_epoch == at->second.epoch) {
      at->second.place = Place::side;
      at->second.asked = *position;
      add_to(call.request, key, *position, settings_.partition_max_bytes);
      call.keys.push_back(key);
    } else {
      forget(key);
    }
  }
  return call;
}

// False when the leader has not answered to the point.
Task<bool> ReplicaFetcher::make(Place lane, Call call) {
  const Duration wait = runtime::milliseconds(call.request.max_wait_ms);
  if (lane == Place::main) {
    polling_ = true;
    polls_until_ = executor_.now() + wait;
  }
  const std::int32_t asked_bytes = call.request.max_bytes;
  const MonotonicTime deadline = executor_.now() + wait + settings_.answer_timeout;
  auto response = co_await channel_.fetch(leader_, std::move(call.request), deadline);
  note_pace(asked_bytes, response ? &*response : nullptr, executor_.now() < deadline);
  if (lane == Place::main) {
    polling_ = false;
    if (!response) session_.lose();
  }
  bool answered = response && response->error_code == ErrorCode::none;
  if (response && lane == Place::main && !session_.accept(*response)) {
    answered = is_of_session(response->error_code);  // it is asked for all again, at once
  } else if (answered && !stopped_) {
    co_await take_in(lane, std::move(*response));
  }
  for (const TopicIdPartition& key : call.keys) {
    const auto at = entries_.find(key);
    if (at == entries_.end() || at->second.place != Place::side) continue;
    if (answered) {
      ready(key, at->second);
    } else {
      delay(key, at->second);
    }
  }
  work_.notify_all();
  co_return answered;
}

// A quarter of what did not come in time; a quarter more than what did, if it was as much as may come.
void ReplicaFetcher::note_pace(std::int32_t asked_bytes, const wire::FetchResponse* response, bool in_time) {
  const std::int32_t most = settings_.response_max_bytes;
  if (response == nullptr) {
    const std::int32_t less = std::max(asked_bytes / 4, std::min(kLeastResponseBytes, most));
    if (!in_time) response_max_bytes_ = std::min(response_max_bytes_, less);
  } else if (response_max_bytes_ < most &&
             records_in(*response) >= static_cast<std::size_t>(asked_bytes) / 2) {
    response_max_bytes_ += std::min(response_max_bytes_ / 4, most - response_max_bytes_);
  }
}

Task<void> ReplicaFetcher::take_in(Place lane, wire::FetchResponse response) {
  std::vector<Work> all;
  const TimestampMs now_ms = wall_clock_.now_ms();
  for (auto& topic : response.responses) {
    for (auto& answer : topic.partitions) {
      const TopicIdPartition key{topic.topic_id, answer.partition_index};
      const auto at = entries_.find(key);
      if (at == entries_.end() || at->second.place != lane) continue;
      const std::shared_ptr<PartitionFollower> follower = at->second.partition->following();
      if (!follower) continue;
      if (answer.records) at->second.partition->note_fetched(size_of(*answer.records));
      all.push_back(
          {key, at->second.partition, follower, follower->take(std::move(answer), at->second.asked, now_ms)});
    }
  }
  for (Work& work : all) work.taken = co_await std::move(work.task);
  // They share the commit log: one sync makes all of them durable.
  for (Work& work : all) co_await await_durable(work);
  for (const Work& work : all) settle(lane, work);
}

Task<void> ReplicaFetcher::await_durable(Work& work) {
  storage::Log* log = work.partition->log();
  if (work.taken != Taken::went_on || log == nullptr) co_return;
  const Offset end = log->end_offset().value();
  if (log->durable_end_offset().value() >= end) co_return;
  if (!co_await log->durable_end_offset().reaches(executor_, end)) work.taken = Taken::try_later;
}

void ReplicaFetcher::settle(Place lane, const Work& work) {
  const auto at = entries_.find(work.key);
  if (at == entries_.end() || at->second.place != lane || at->second.partition != work.partition) return;
  if (work.taken == Taken::went_on) {
    at->second.backoff = {};
    ready(work.key, at->second);
    return;
  }
  session_.forget(work.key);
  delay(work.key, at->second);
}

}  // namespace moldau::replication
