// Loading, unloading, timers.
#include "coordinator/group_coordinator.h"

#include <algorithm>

#include "metadata/topic_name.h"
#include "telemetry/log.h"

namespace moldau::coordinator {

using runtime::Task;
using wire::ErrorCode;

namespace {

constexpr runtime::Duration kLoadRetry = std::chrono::seconds(1);
// However large offsets.load.buffer.size: others have their turn in between.
constexpr std::int64_t kMostAtOnce = 1 << 20;

// Most partitions of the topic are empty in most clusters.
telemetry::Level level_for(std::size_t groups) {
  return groups > 0 ? telemetry::Level::info : telemetry::Level::debug;
}

// Topics or partitions were added or removed.
bool topics_changed(const metadata::Image& before, const metadata::Image& now, const metadata::Delta& delta) {
  if (!delta.created_topics.empty() || !delta.removed_topics.empty()) return true;
  return std::ranges::any_of(delta.changed_partitions, [&](const TopicIdPartition& key) {
    const metadata::Topic* old = before.topic(key.topic_id);
    const metadata::Topic* topic = now.topic(key.topic_id);
    return old == nullptr || topic == nullptr || old->partition_count() != topic->partition_count();
  });
}

}  // namespace

GroupCoordinator::GroupCoordinator(Parts parts)
    : parts_(parts),
      random_(parts.seed),
      image_(std::make_shared<metadata::Image>()),
      topics_(std::make_shared<ImageTopics>(image_)),
      stopping_(parts.executor),
      gate_(parts.executor) {
  expire_offsets_from_time_to_time().detach();
}

GroupCoordinator::~GroupCoordinator() { MOLDAU_ASSERT(stopped_ && gate_.entered() == 0); }

group::Now GroupCoordinator::now() const {
  return {parts_.executor.now().time_since_epoch(), parts_.wall_clock.now_ms()};
}

// --- what is led here

void GroupCoordinator::apply(std::shared_ptr<const metadata::Image> image, const metadata::Delta& delta) {
  const std::shared_ptr<const metadata::Image> before = std::exchange(image_, std::move(image));
  if (stopped_) return;
  if (topics_changed(*before, *image_, delta)) {
    topics_ = std::make_shared<ImageTopics>(image_);
    for (const auto& [at, hosted] : hosted_)
      if (hosted->groups) hosted->groups->set_topics(topics_);
  }
  const metadata::Topic* topic = image_->topic(metadata::kOffsetsTopic);
  std::vector<PartitionIndex> lost;
  for (const auto& [at, hosted] : hosted_) {
    const bool is_there = topic != nullptr && topic->id == hosted->key().topic_id;
    if (!is_there || !hosted->log.is_led()) lost.push_back(at);
  }
  for (const PartitionIndex at : lost) unload(at);
  if (topic != nullptr) {
    for (PartitionIndex at = 0; at < topic->partition_count(); ++at) {
      const TopicIdPartition key{topic->id, at};
      if (!hosted_.contains(at) && StateLog::is_leading(parts_.partitions, key)) host(key);
    }
  }
  std::map<std::string, TopicId> removed;
  for (const TopicId& id : delta.removed_topics)
    if (const metadata::Topic* topic = before->topic(id)) removed.emplace(topic->name, id);
  if (!removed.empty()) forget_topics(std::move(removed));
}

void GroupCoordinator::host(TopicIdPartition key) {
  auto hosted = std::make_shared<Hosted>(parts_.executor, parts_.partitions, key);
  hosted_.emplace(key.partition, hosted);
  load(std::move(hosted)).detach();
}

void GroupCoordinator::unload(PartitionIndex at) {
  const auto found = hosted_.find(at);
  if (found == hosted_.end()) return;
  const HostedPtr hosted = std::move(found->second);
  hosted_.erase(found);
  parts_.executor.cancel(std::exchange(hosted->alarm, runtime::TimerId::none));
  hosted->leave();
  for (const auto& [ticket, waiting] : hosted->waiting) waiting->shot.fire();
  const std::size_t groups = hosted->loaded() ? hosted->groups->size() : 0;
  telemetry::log(level_for(groups), "coordinator", "the groups of a partition are unloaded",
                 {{"partition", at}, {"groups", groups}});
}

// A log that cannot be read is tried again: as long as this broker leads it, nobody else can.
Task<void> GroupCoordinator::load(HostedPtr hosted) {
  const runtime::Gate::Pass pass(gate_);
  const auto began = parts_.executor.now();
  while (!co_await read_log(*hosted)) {
    co_await hosted->wait_until_gone(parts_.executor.now() + kLoadRetry);
    if (hosted->gone()) co_return;
    if (!hosted->log.is_led()) co_return unload(hosted->key().partition);
  }
  if (hosted->gone()) co_return;
  const auto took = std::chrono::duration_cast<std::chrono::milliseconds>(parts_.executor.now() - began);
  telemetry::log(
      level_for(hosted->groups->size()), "coordinator", "the groups of a partition are loaded",
      {{"partition", hosted->key().partition}, {"groups", hosted->groups->size()}, {"ms", took.count()}});
  hosted->set_loaded();
  static_cast<void>(co_await write(hosted, hosted->groups->loaded(now()), Batches::several));
  if (!hosted->gone() && !hosted->forgotten.empty())
    static_cast<void>(
        co_await write(hosted, hosted->groups->forget_topics(hosted->forgotten), Batches::several));
}

Task<bool> GroupCoordinator::read_log(Hosted& hosted) {
  hosted.groups = std::make_unique<group::Groups>(parts_.settings.groups, Random(random_.next()));
  hosted.groups->set_topics(topics_);
  std::size_t malformed = 0;
  const auto decoded = [&](const Slice& key, const std::optional<Slice>& value) {
    std::optional<group::Record> record;
    if (hosted.gone()) return record;
    if (auto result = group::decode(key, value)) {
      record = std::move(*result);
    } else {
      ++malformed;
    }
    return record;
  };
  StateLog::TransactionVisit visit;
  visit.record = [&](Offset offset, const Slice& key, const std::optional<Slice>& value) {
    if (const auto record = decoded(key, value)) hosted.groups->replay(*record, offset, now());
  };
  visit.pending = [&](Offset offset, const Slice& key, const std::optional<Slice>& value, ProducerId id) {
    if (const auto record = decoded(key, value)) hosted.groups->replay_pending(*record, offset, id);
  };
  visit.end = [&](Offset offset, ProducerId id, bool committed) {
    if (!hosted.gone()) hosted.groups->replay_end(id, committed, offset);
  };
  const auto read = co_await hosted.log.read_all(
      parts_.executor,
      static_cast<std::size_t>(std::clamp<std::int64_t>(parts_.settings.load_buffer_bytes, 1, kMostAtOnce)),
      visit);
  if (malformed > 0) {
    telemetry::log_warn("coordinator", "records of groups that have not Kafka's form were passed over",
                        {{"partition", hosted.key().partition}, {"records", malformed}});
  }
  if (read) co_return true;
  if (hosted.gone() || !hosted.log.is_led()) co_return false;
  telemetry::log_error("coordinator", "the groups of a partition cannot be loaded",
                       {{"partition", hosted.key().partition},
                        {"code", wire::name_of(read.error().code)},
                        {"error", read.error().message}});
  co_return false;
}

void GroupCoordinator::forget_topics(std::map<std::string, TopicId> topics) {
  const auto forget = [](GroupCoordinator& self, HostedPtr hosted,
                         std::map<std::string, TopicId> gone) -> Task<void> {
    const runtime::Gate::Pass pass(self.gate_);
    const auto is_ready = co_await self.ready(hosted->key().partition);
    if (is_ready && *is_ready == hosted)
      static_cast<void>(co_await self.write(hosted, hosted->groups->forget_topics(gone), Batches::several));
  };
  std::vector<HostedPtr> loaded;
  for (const auto& [at, hosted] : hosted_) {
    if (hosted->loaded()) {
      loaded.push_back(hosted);
    } else {
      hosted->forgotten.insert(topics.begin(), topics.end());
    }
  }
  for (const HostedPtr& hosted : loaded) forget(*this, hosted, topics).detach();
}

Task<void> GroupCoordinator::stop() {
  if (std::exchange(stopped_, true)) co_return;
  stopping_.fire();
  while (!hosted_.empty()) unload(hosted_.begin()->first);
  co_await gate_.close();
}

std::map<PartitionIndex, std::uint64_t> GroupCoordinator::state_hashes() const {
  std::map<PartitionIndex, std::uint64_t> hashes;
  for (const auto& [at, hosted] : hosted_)
    if (hosted->loaded()) hashes.emplace(at, hosted->groups->state_hash());
  return hashes;
}

// --- time

void GroupCoordinator::arm(const HostedPtr& hosted) {
  if (hosted->gone()) return;
  const group::Time next = hosted->groups->next_deadline();
  if (next == hosted->alarm_at && hosted->alarm != runtime::TimerId::none) return;
  parts_.executor.cancel(std::exchange(hosted->alarm, runtime::TimerId::none));
  hosted->alarm_at = next;
  if (next == group::kNever) return;
  hosted->alarm = parts_.executor.call_at(runtime::MonotonicTime(next), [this, weak = std::weak_ptr(hosted)] {
    const HostedPtr due = weak.lock();
    if (due == nullptr || due->gone()) return;
    due->alarm = runtime::TimerId::none;
    expire(due).detach();
  });
}

Task<void> GroupCoordinator::expire(HostedPtr hosted) {
  const runtime::Gate::Pass pass(gate_);
  const auto is_ready = co_await ready(hosted->key().partition);
  if (!is_ready || *is_ready != hosted) co_return;
  static_cast<void>(co_await write(hosted, hosted->groups->expire(now()), Batches::several));
}

Task<void> GroupCoordinator::expire_offsets_from_time_to_time() {
  const runtime::Gate::Pass pass(gate_);
  while (!co_await stopping_.wait(parts_.executor.now() + parts_.settings.retention_check_interval)) {
    std::vector<PartitionIndex> all;
    for (const auto& [at, hosted] : hosted_) all.push_back(at);
    for (const PartitionIndex at : all) {
      if (const auto hosted = co_await ready(at))
        static_cast<void>(
            co_await write(*hosted, (*hosted)->groups->expire_offsets(now()), Batches::several));
      if (stopped_) co_return;
      co_await runtime::yield(parts_.executor);
    }
  }
}

}  // namespace moldau::coordinator
