#include "replication/replicator.h"

#include <algorithm>

#include "replication/damage.h"

namespace moldau::replication {

using runtime::Task;
using wire::ErrorCode;

namespace {

// So many partitions are looked at before others have their turn.
constexpr std::size_t kAtOnce = 128;
// Beyond the wait that a fetch asks for. Not so long that a silent leader costs more than its followers may
// lag.
constexpr runtime::Duration kAnswerTimeout = std::chrono::seconds(5);
// Who has not fetched for so many times the longest that a leader holds a fetch fetches no longer.
constexpr int kFetchesMissed = 2;

}  // namespace

ReplicatorSettings ReplicatorSettings::of(const config::ClusterSettings& config) {
  ReplicatorSettings settings;
  settings.lag_max = config.replica_lag_time_max;
  settings.rack_aware = config.rack_aware_reads;
  settings.session_timeout = config.broker_session_timeout;
  settings.fetcher = {.partition_max_bytes = config.replica_fetch_max_bytes,
                      .response_max_bytes = config.replica_fetch_response_max_bytes,
                      .min_bytes = config.replica_fetch_min_bytes,
                      .wait_max = config.replica_fetch_wait_max,
                      .backoff_max = config.replica_fetch_backoff,
                      .answer_timeout = std::min(kAnswerTimeout, settings.lag_max / 2)};
  return settings;
}

Replicator::Replicator(Parts parts)
    : parts_(std::move(parts)),
      context_{.self = parts_.self,
               .executor = parts_.executor,
               .commit_log = parts_.commit_log,
               .lag_max = parts_.settings.lag_max,
               .session_timeout = parts_.settings.session_timeout,
               .fetches_within = kFetchesMissed * parts_.settings.fetcher.wait_max,
               .rack_aware = parts_.settings.rack_aware,
               .leader_throttle = &leader_throttle_,
               .follower_throttle = &follower_throttle_,
               .rules = parts_.settings.rules,
               .registration = parts_.registration,
               .ask_controller = {},
               .report_damage = {}},
      stopping_(parts_.executor),
      gate_(parts_.executor) {
  if (!parts_.channels) return;
  updater_ = std::make_unique<IsrUpdater>(parts_.executor, parts_.channels->isr, *parts_.registration,
                                          static_cast<IsrSource&>(*this));
  reporter_ = std::make_unique<DamageReporter>(parts_.executor, parts_.channels->isr, *parts_.registration,
                                               parts_.directory);
  context_.report_damage = [this](const TopicIdPartition& key) { reporter_->report_damaged(key); };
  context_.ask_controller = [this](const TopicIdPartition& key) { updater_->ask(key); };
  look_from_time_to_time().detach();
}

bool Replicator::set_image(std::shared_ptr<const metadata::Image> image) {
  context_.image = std::move(image);
  if (parts_.registration == nullptr || registered_) return false;
  const metadata::Broker* self = context_.image->broker(parts_.self);
  registered_ = self != nullptr && self->incarnation_id == parts_.registration->incarnation_id();
  return registered_;
}

void Replicator::set_throttle_rates(std::int64_t leader_bytes_per_second,
                                    std::int64_t follower_bytes_per_second) {
  leader_throttle_.set_rate(leader_bytes_per_second);
  follower_throttle_.set_rate(follower_bytes_per_second);
}

Task<void> Replicator::set_scarce(bool scarce) {
  if (std::exchange(context_.scarce, scarce) == scarce) co_return;
  const runtime::Gate::Pass pass(gate_);
  if (!pass) co_return;
  std::vector<TopicIdPartition> keys;
  for (const auto& [key, partition] : parts_.partitions.all()) {
    if (partition->following()) keys.push_back(key);
  }
  std::ranges::sort(keys);
  for (std::size_t i = 0; i < keys.size() && !stopped_; ++i) {
    if (i % kAtOnce == kAtOnce - 1) co_await runtime::yield(parts_.executor);
    const auto partition = parts_.partitions.find(keys[i]);
    if (partition && !partition->closed() && !partition->offline()) fetch_for(keys[i], partition);
  }
}

Task<void> Replicator::apply(TopicIdPartition key, std::shared_ptr<Partition> partition,
                             metadata::Partition state) {
  co_await partition->apply(std::move(state));
  if (partition->closed()) co_return;
  fetch_for(key, partition);
  co_await heal(key, partition);
}

void Replicator::fetch_for(const TopicIdPartition& key, const std::shared_ptr<Partition>& partition) {
  const auto& follower = partition->following();
  const bool fetches = updater_ && !stopped_ && follower && follower->position();
  if (!fetches) return forget(key);
  const Followed now{follower->leader(), follower->leader_epoch()};
  Followed& before = followed_[key];
  if (before.leader == now.leader && before.epoch == now.epoch) return;
  if (before.leader != now.leader && before.leader != kNoNode) fetcher_of(before.leader).forget(key);
  before = now;
  fetcher_of(now.leader).follow(key, partition);
}

void Replicator::forget(const TopicIdPartition& key) {
  const auto followed = followed_.extract(key);
  if (followed) fetcher_of(followed.mapped().leader).forget(key);
}

ReplicaFetcher& Replicator::fetcher_of(NodeId leader) {
  auto& fetcher = fetchers_[leader];
  if (!fetcher) {
    fetcher = std::make_unique<ReplicaFetcher>(parts_.executor, parts_.wall_clock, parts_.channels->leader,
                                               *parts_.registration, parts_.settings.fetcher, leader);
  }
  return *fetcher;
}

void Replicator::report_damage(const metadata::Partition& state) {
  if (reporter_ && !is_lost(state, parts_.self) && !is_last_hope(state, parts_.self))
    reporter_->report_damaged({state.topic_id, state.partition});
}

Task<void> Replicator::stop() {
  if (std::exchange(stopped_, true)) co_return;
  stopping_.notify_all();
  if (updater_) co_await updater_->stop();
  if (reporter_) co_await reporter_->stop();
  for (const auto& [leader, fetcher] : fetchers_) co_await fetcher->stop();
  co_await gate_.close();
}

// --- the questions of the leaders

PartitionLeader* Replicator::leader_of(const TopicIdPartition& key) {
  const auto partition = parts_.partitions.find(key);
  return partition && !partition->closed() ? partition->leading() : nullptr;
}

std::optional<IsrQuestion> Replicator::isr_question(const TopicIdPartition& key) {
  const PartitionLeader* leader = leader_of(key);
  return leader ? leader->isr_question() : std::nullopt;
}

bool Replicator::isr_answered(const TopicIdPartition& key, const IsrQuestion& asked,
                              const IsrAnswer& answer) {
  PartitionLeader* leader = leader_of(key);
  if (leader == nullptr) return false;
  auto settled = leader->settle(asked, answer);
  if (settled.state) adopt(key, parts_.partitions.find(key), std::move(*settled.state)).detach();
  return settled.again;
}

Task<void> Replicator::adopt(TopicIdPartition key, std::shared_ptr<Partition> partition,
                             metadata::Partition state) {
  const runtime::Gate::Pass pass(gate_);
  if (pass && partition) co_await apply(key, std::move(partition), std::move(state));
}

void Replicator::isr_unanswered(const TopicIdPartition& key) {
  if (PartitionLeader* leader = leader_of(key)) leader->note_unanswered();
}

// --- from time to time

Task<void> Replicator::look_from_time_to_time() {
  const runtime::Gate::Pass pass(gate_);
  while (!stopped_) {
    co_await stopping_.wait(parts_.executor.now() + parts_.settings.lag_max / 2);
    if (!stopped_) co_await scan();
  }
}

Task<void> Replicator::scan() {
  std::vector<TopicIdPartition> keys;
  for (const auto& [key, partition] : parts_.partitions.all()) {
    const PartitionLeader* leader = partition->leading();
    const bool has_others = leader != nullptr && leader->tracker().replicas().size() > 1;
    const auto& follower = partition->following();
    const bool to_heal = follower && (follower->damaged() || follower->is_to_heal());
    if (has_others || to_heal) keys.push_back(key);
  }
  std::ranges::sort(keys);  // a simulated run does not depend on the order of a hash map
  for (std::size_t i = 0; i < keys.size() && !stopped_; ++i) {
    if (i % kAtOnce == kAtOnce - 1) co_await runtime::yield(parts_.executor);
    const TopicIdPartition& key = keys[i];
    const auto partition = parts_.partitions.find(key);
    if (!partition || partition->closed() || partition->offline()) continue;
    if (PartitionLeader* leader = partition->leading()) leader->scan();
    co_await heal(key, partition);
  }
}

// From here on it is an empty replica in its old place.
Task<void> Replicator::heal(TopicIdPartition key, std::shared_ptr<Partition> partition) {
  const std::shared_ptr<PartitionFollower> follower = partition->following();
  if (!reporter_ || !follower || !(follower->damaged() || follower->is_to_heal())) co_return;
  if (!co_await follower->heal() || partition->closed()) co_return;
  reporter_->report_whole(key);
  forget(key);
  fetch_for(key, partition);
}

}  // namespace moldau::replication
