// Loading, unloading, timers.
#include "coordinator/group_coordinator.h"

#include <algorithm>

#include "metadata/topic_name.h"
#include "telemetry/log.h"

namespace moldau::coordinator {

using runtime::Task;
using wire::ErrorCode;

namespace {

// However large offsets.load.buffer.size: others have their turn in between.
constexpr std::int64_t kMostAtOnce = 1 << 20;

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
      hosted_(parts.executor, parts.partitions, {.states = "groups", .count = "groups"},
              {.read = [this](Hosted& hosted, std::size_t& malformed) { return read_log(hosted, malformed); },
               .loaded = [this](HostedPtr hosted) { return loaded(std::move(hosted)); },
               .left = [this](Hosted& hosted) { left(hosted); }}),
      image_(std::make_shared<metadata::Image>()),
      topics_(std::make_shared<ImageTopics>(image_)) {
  hosted_.repeat(parts_.settings.retention_check_interval,
                 [this](HostedPtr hosted) -> Task<void> { return expire_offsets(std::move(hosted)); });
}

GroupCoordinator::~GroupCoordinator() = default;

group::Now GroupCoordinator::now() const {
  return {parts_.executor.now().time_since_epoch(), parts_.wall_clock.now_ms()};
}

// --- what is led here

void GroupCoordinator::apply(std::shared_ptr<const metadata::Image> image, const metadata::Delta& delta) {
  const std::shared_ptr<const metadata::Image> before = std::exchange(image_, std::move(image));
  if (hosted_.stopped()) return;
  if (topics_changed(*before, *image_, delta)) {
    topics_ = std::make_shared<ImageTopics>(image_);
    for (const auto& [at, hosted] : hosted_.all())
      if (hosted->groups) hosted->groups->set_topics(topics_);
  }
  hosted_.apply(image_->topic(metadata::kOffsetsTopic));
  std::map<std::string, TopicId> removed;
  for (const TopicId& id : delta.removed_topics)
    if (const metadata::Topic* topic = before->topic(id)) removed.emplace(topic->name, id);
  if (!removed.empty()) forget_topics(std::move(removed));
}

void GroupCoordinator::left(Hosted& hosted) {
  parts_.executor.cancel(std::exchange(hosted.alarm, runtime::TimerId::none));
  for (const auto& [ticket, waiting] : hosted.waiting) waiting->shot.fire();
}

Task<void> GroupCoordinator::loaded(HostedPtr hosted) {
  static_cast<void>(co_await write(hosted, hosted->groups->loaded(now()), Batches::several));
  if (!hosted->gone() && !hosted->forgotten.empty())
    static_cast<void>(
        co_await write(hosted, hosted->groups->forget_topics(hosted->forgotten), Batches::several));
}

Task<replication::PartitionResult<void>> GroupCoordinator::read_log(Hosted& hosted, std::size_t& malformed) {
  hosted.groups = std::make_unique<group::Groups>(parts_.settings.groups, Random(random_.next()));
  hosted.groups->set_topics(topics_);
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
  co_return co_await hosted.log.read_all(
      parts_.executor,
      static_cast<std::size_t>(std::clamp<std::int64_t>(parts_.settings.load_buffer_bytes, 1, kMostAtOnce)),
      visit);
}

void GroupCoordinator::forget_topics(std::map<std::string, TopicId> topics) {
  const auto forget = [](GroupCoordinator& self, HostedPtr hosted,
                         std::map<std::string, TopicId> gone) -> Task<void> {
    const runtime::Gate::Pass pass(self.hosted_.gate());
    const auto is_ready = co_await self.hosted_.ready(hosted->key().partition);
    if (is_ready && *is_ready == hosted)
      static_cast<void>(co_await self.write(hosted, hosted->groups->forget_topics(gone), Batches::several));
  };
  std::vector<HostedPtr> loaded;
  for (const auto& [at, hosted] : hosted_.all()) {
    if (hosted->loaded()) {
      loaded.push_back(hosted);
    } else {
      hosted->forgotten.insert(topics.begin(), topics.end());
    }
  }
  for (const HostedPtr& hosted : loaded) forget(*this, hosted, topics).detach();
}

Task<void> GroupCoordinator::stop() { return hosted_.stop(); }

std::map<PartitionIndex, std::uint64_t> GroupCoordinator::state_hashes() const {
  std::map<PartitionIndex, std::uint64_t> hashes;
  for (const auto& [at, hosted] : hosted_.all())
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
  const runtime::Gate::Pass pass(hosted_.gate());
  const auto is_ready = co_await hosted_.ready(hosted->key().partition);
  if (!is_ready || *is_ready != hosted) co_return;
  static_cast<void>(co_await write(hosted, hosted->groups->expire(now()), Batches::several));
}

Task<void> GroupCoordinator::expire_offsets(HostedPtr hosted) {
  static_cast<void>(co_await write(hosted, hosted->groups->expire_offsets(now()), Batches::several));
}

}  // namespace moldau::coordinator
