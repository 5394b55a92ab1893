#include "node/partition_host.h"

#include <algorithm>

#include "replication/damage.h"
#include "replication/log_config.h"
#include "storage/passing.h"
#include "telemetry/log.h"

namespace moldau::node {

using runtime::Task;

namespace {

constexpr std::string_view kRecoveryPoints = "/recovery-point-offset-checkpoint";
constexpr std::string_view kLogStarts = "/log-start-offset-checkpoint";
constexpr std::string_view kHighWatermarks = "/replication-offset-checkpoint";

void report(const storage::LogManager& logs) {
  const auto& found = logs.load_report();
  if (found.logs > 0 || found.replayed_entries > 0) {
    telemetry::log_info("node", "logs loaded",
                        {{"logs", found.logs}, {"replayed_entries", found.replayed_entries}});
  }
  for (const std::string& notice : found.notices)
    telemetry::log_warn("node", "found at start", {{"what", notice}});
  for (const auto& [key, error] : logs.failures()) {
    telemetry::log_error(
        "node",
        storage::passes(error.code) ? "a partition is offline: its files cannot be used yet"
                                    : "a partition is offline: its files cannot be used",
        {{"topic_id", key.topic_id.to_string()}, {"partition", key.partition}, {"error", error}});
  }
}

// Whom replication throttles slow down is said by the topic alone.
void throttle(replication::Partition& partition, const metadata::Image& image) {
  const TopicPartition& name = partition.log()->identity().topic_partition;
  const auto& configs = image.configs({metadata::ResourceType::topic, name.topic});
  const auto named = [&](std::string_view key) {
    const auto found = configs.find(key);
    return replication::ThrottledReplicas::parse(found == configs.end() ? "" : found->second, name.partition);
  };
  partition.set_throttled(named("leader.replication.throttled.replicas"),
                          named("follower.replication.throttled.replicas"));
}

bool names(const std::vector<NodeId>& nodes, NodeId id) {
  return std::ranges::find(nodes, id) != nodes.end();
}

// Between tries to open a partition whose opening failed for a reason that passes.
constexpr runtime::Duration kFirstRetry = std::chrono::milliseconds(500);
constexpr runtime::Duration kLastRetry = std::chrono::seconds(30);

constexpr runtime::Duration kSpaceInterval = std::chrono::milliseconds(500);
// A share of a large device need not be more.
constexpr std::uint64_t kLargestShare = 1ULL << 30;

// Never more than half of the device, or a small one would take nothing.
std::uint64_t disk_reserve(const config::Settings& settings, std::uint64_t total_bytes) {
  if (settings.disk_reserve_bytes > 0) return std::min(settings.disk_reserve_bytes, total_bytes / 2);
  return std::min(total_bytes / 100 * settings.disk_reserve_percent, kLargestShare);
}

// Each of the node's commit logs has a cleaner: they share memory and bytes.
storage::CleanerOptions cleaner_options(const config::BrokerConfig& broker, unsigned cleaners) {
  const auto size = [&](std::string_view name, std::int64_t otherwise) {
    return static_cast<std::size_t>(std::max<std::int64_t>(0, broker.int_of(name, otherwise)));
  };
  return {.enabled = broker.bool_of("log.cleaner.enable"),
          .backoff = runtime::milliseconds(
              std::max<std::int64_t>(1, broker.int_of("log.cleaner.backoff.ms", 15000))),
          .dedupe_buffer_bytes = size("log.cleaner.dedupe.buffer.size", 128 << 20) / cleaners,
          .load_factor = std::clamp(broker.real_of("log.cleaner.io.buffer.load.factor"), 0.01, 1.0),
          .io_buffer_bytes = std::max<std::size_t>(4096, size("log.cleaner.io.buffer.size", 512 << 10)),
          .bytes_per_second = broker.real_of("log.cleaner.io.max.bytes.per.second") / cleaners};
}

Task<Status> forget_nothing() { co_return Status(); }

// Whose only replica is here, its high watermark is the end of its log, and need not be remembered.
bool is_single(replication::Partition& partition) {
  const replication::PartitionLeader* leader = partition.leading();
  return leader != nullptr && leader->tracker().replicas().size() == 1;
}

// So many partitions are looked at before others have their turn.
constexpr std::size_t kAtOnce = 128;

Task<storage::OffsetCheckpoint> high_watermarks_of(HostedLogs& hosted) {
  std::vector<TopicIdPartition> keys;
  for (const auto& [key, partition] : hosted.partitions.all()) {
    if (!is_single(*partition)) keys.push_back(key);
  }
  storage::OffsetCheckpoint offsets;
  for (std::size_t i = 0; i < keys.size(); ++i) {
    if (i % kAtOnce == kAtOnce - 1) co_await runtime::yield(hosted.executor);
    replication::Partition* partition = hosted.partitions.peek(keys[i]);
    if (partition == nullptr || partition->closed()) continue;
    offsets[partition->log()->identity().topic_partition] = partition->high_watermark().value();
  }
  co_return offsets;
}

}  // namespace

PartitionHost::PartitionHost(runtime::World& world, const config::Settings& settings,
                             storage::DataDirectory& directory, ReplicationLinks links)
    : world_(world),
      settings_(settings),
      directory_(directory),
      links_(std::move(links)),
      node_id_(directory.properties().node_id),
      gate_(world.shard(0)),
      stopping_(world.shard(0)) {}

Task<Status> PartitionHost::open() {
  runtime::Executor& home = world_.shard(0);
  runtime::Disk& disk = world_.disk();
  const std::string path = directory_.path();
  CO_ASSIGN_OR_RETURN(recovery_points_, co_await storage::SharedCheckpoint::load(
                                            home, world_.pool(), disk, path + std::string(kRecoveryPoints)));
  CO_ASSIGN_OR_RETURN(log_starts_, co_await storage::SharedCheckpoint::load(home, world_.pool(), disk,
                                                                            path + std::string(kLogStarts)));
  CO_ASSIGN_OR_RETURN(cleaner_offsets_,
                      co_await storage::SharedCheckpoint::load(
                          home, world_.pool(), disk, path + "/" + std::string(storage::kCleanerCheckpoint)));
  CO_ASSIGN_OR_RETURN(high_watermarks_, co_await storage::SharedCheckpoint::load(
                                            home, world_.pool(), disk, path + std::string(kHighWatermarks)));
  CO_ASSIGN_OR_RETURN(const unsigned found, co_await world_.pool().run(runtime::Lane::background, home, [&] {
    return storage::commit_log_count(disk, path);
  }));
  const unsigned count = found == 0 ? world_.shard_count() : found;
  for (unsigned index = 0; index < count; ++index) {
    hosted_.push_back(
        std::make_unique<HostedLogs>(world_.shard(index % world_.shard_count()), world_.entropy()));
  }
  for (unsigned index = 0; index < count; ++index) {
    CO_TRY(co_await runtime::on_shard(home, hosted_[index]->executor,
                                      [this, index, count] { return open_manager(index, count); }));
  }
  saved_.resize(count);
  co_await look_at_space();
  watch_space().detach();
  save_high_watermarks_from_time_to_time().detach();
  co_return Status();
}

Task<Status> PartitionHost::open_manager(unsigned index, unsigned count) {
  HostedLogs& hosted = *hosted_[index];
  storage::LogManagerOptions options;
  options.commit_log_index = index;
  options.commit_log.capacity_bytes = settings_.commit_log_size_bytes;
  options.commit_log.file_id = hosted.random.next();
  options.commit_log.on_round = [&hosted](runtime::Duration took) {
    if (hosted.on_sync) hosted.on_sync(took);
  };
  options.owns = [index, count](const TopicIdPartition& key) {
    return replication::shard_of(key, count) == index;
  };
  config::ConfigLayers layers;
  layers.static_broker = &settings_.broker;
  const config::BrokerConfig broker(layers);
  options.default_config = replication::log_config_of(config::effective_topic_config(layers), broker);
  options.retention_check_interval =
      runtime::milliseconds(broker.int_of("log.retention.check.interval.ms", 300000));
  options.recovery_threads =
      static_cast<unsigned>(std::max<std::int64_t>(1, broker.int_of("num.recovery.threads.per.data.dir", 2)));
  options.cleaner = cleaner_options(broker, count);
  storage::LogManagerContext context{
      hosted.executor, world_.pool(), world_.disk(),     world_.wall_clock(), hosted.codecs,
      hosted.random,   directory_,    *recovery_points_, *log_starts_,        cleaner_offsets_.get()};
  CO_ASSIGN_OR_RETURN(hosted.logs, co_await storage::LogManager::open(context, std::move(options)));
  // It may be told when this is gone: only `home` is touched before that is known.
  hosted.logs->on_offline([this, alive = std::weak_ptr(alive_), &home = world_.shard(0)](const Error& error) {
    home.post_remote([this, alive, error] {
      if (!alive.expired()) go_offline(error).detach();
    });
  });
  report(*hosted.logs);
  hosted.logs->set_high_watermark([&hosted](const TopicIdPartition& key) -> Offset {
    const auto partition = hosted.partitions.find(key);
    return partition ? partition->high_watermark().value() : 0;
  });
  replication::Replicator::Parts parts{
      hosted.executor,
      world_.wall_clock(),
      hosted.logs->commit_log(),
      hosted.partitions,
      node_id_,
      replication::ReplicatorSettings::of(config::ClusterSettings::of(settings_.broker)),
      links_.registration,
      {},
      directory_.properties().directory_id};
  parts.settings.rules = links_.rules;
  if (links_.channels) parts.channels.emplace(links_.channels(hosted.executor.shard()));
  hosted.replicator = std::make_unique<replication::Replicator>(std::move(parts));
  co_return Status();
}

// What one of its logs has seen is true of the device: all logs of the folder stop, those on other shards
// too.
Task<void> PartitionHost::go_offline(Error error) {
  const runtime::Gate::Pass pass(gate_);
  if (!pass || std::exchange(offline_, true)) co_return;
  telemetry::log_error(
      "node", "the data folder is offline: its partitions answer KAFKA_STORAGE_ERROR until a restart",
      {{"path", directory_.path()}, {"error", error}});
  for (const auto& hosted : hosted_) {
    co_await runtime::on_shard(world_.shard(0), hosted->executor, [&] { hosted->partitions.go_offline(); });
  }
}

config::ConfigLayers PartitionHost::layers_of(const metadata::Image& image, const std::string& topic) const {
  using metadata::ConfigResource;
  using metadata::ResourceType;
  config::ConfigLayers layers;
  layers.topic = &image.configs(ConfigResource{ResourceType::topic, topic});
  layers.broker = &image.configs(ConfigResource{ResourceType::broker, std::to_string(node_id_)});
  layers.cluster = &image.configs(ConfigResource{ResourceType::broker, ""});
  layers.static_broker = &settings_.broker;
  return layers;
}

Task<void> PartitionHost::apply(std::shared_ptr<const metadata::Image> image, metadata::Delta delta) {
  for (unsigned index = 0; index < hosted_.size(); ++index) {
    HostedLogs& hosted = *hosted_[index];
    co_await runtime::on_shard(world_.shard(0), hosted.executor, [this, &hosted, index, &image, &delta] {
      return apply_here(hosted, index, image, delta);
    });
  }
}

Task<void> PartitionHost::apply_here(HostedLogs& hosted, unsigned index,
                                     std::shared_ptr<const metadata::Image> image, metadata::Delta delta) {
  std::set<TopicIdPartition> changed;
  if (hosted.replicator->set_image(image)) add_all_of(*image, index, changed);
  if (hosted.replicator->image_counts()) {
    if (!hosted.reconciled) co_await reconcile(hosted, *image);
    // Who had a name that has a new owner goes first.
    co_await remove_here(hosted, gone(hosted, *image, delta, true));
    for (const TopicIdPartition& key : delta.changed_partitions) {
      if (owns(key, index)) changed.insert(key);
    }
  }
  for (const auto& [key, retry] : hosted.unopened) {
    if (hosted.executor.now() >= retry.at) changed.insert(key);
  }
  // First, for nothing must be acknowledged by a smaller ISR that a min.insync.replicas before it forbids.
  if (!delta.changed_configs.empty()) {
    configure_here(hosted, *image, delta);
    co_await hosted.logs->remember_compacted();
  }
  for (const TopicIdPartition& key : changed) co_await apply_partition(hosted, *image, key);
  if (!hosted.unopened.empty()) has_unopened_.store(true, std::memory_order_relaxed);
}

void PartitionHost::add_all_of(const metadata::Image& image, unsigned index,
                               std::set<TopicIdPartition>& keys) const {
  for (const auto& [name, topic] : image.topics()) {
    for (const auto& partition : topic->partitions) {
      const TopicIdPartition key{topic->id, partition->partition};
      if (owns(key, index) && names(partition->replicas, node_id_)) keys.insert(key);
    }
  }
}

Task<void> PartitionHost::apply_partition(HostedLogs& hosted, const metadata::Image& image,
                                          TopicIdPartition key) {
  const metadata::Partition* state = image.partition(key);
  if (state == nullptr || !names(state->replicas, node_id_)) hosted.unopened.erase(key);
  if (state == nullptr) co_return;
  const auto open = hosted.partitions.find(key);
  if (!names(state->replicas, node_id_)) {
    // It stays until the image is published (remove()), and leads no longer.
    hosted.replicator->forget(key);
    if (open) co_await open->apply(*state, false);
  } else if (open) {
    co_await hosted.replicator->apply(key, open, *state);
  } else {
    co_await open_partition(hosted, image, key);
  }
}

Task<void> PartitionHost::open_partition(HostedLogs& hosted, const metadata::Image& image,
                                         TopicIdPartition key) {
  const metadata::Topic& topic = *image.topic(key.topic_id);
  const metadata::Partition& state = *image.partition(key);
  const config::ConfigLayers layers = layers_of(image, topic.name);
  const config::TopicConfig config = config::effective_topic_config(layers);
  auto log = co_await open_log(hosted, state, {topic.name, key.partition},
                               replication::log_config_of(config, config::BrokerConfig(layers)));
  if (!log) {
    // Once, however often it is tried.
    if (!hosted.unopened.contains(key) || !storage::passes(log.error().code))
      telemetry::log_error("node", "a partition cannot be opened",
                           {{"topic", topic.name}, {"partition", key.partition}, {"error", log.error()}});
    hosted.partitions.set_offline(key);
    note_unopened(hosted, state);
    co_return;
  }
  if (hosted.unopened.erase(key) > 0)
    telemetry::log_info("node", "a partition is open after all",
                        {{"topic", topic.name}, {"partition", key.partition}});
  const Offset high_watermark = co_await known_high_watermark(hosted, **log);
  auto partition = std::make_shared<replication::Partition>(**log, hosted.replicator->context(),
                                                            high_watermark, config.min_insync_replicas);
  throttle(*partition, image);
  hosted.partitions.clear_offline(key);
  hosted.partitions.add(key, partition);
  co_await hosted.replicator->apply(key, std::move(partition), state);
}

// What is damaged stays so: others are to lead, and it is to be fetched anew. What passes is tried again, by
// and by less often. An offline folder is told with the heartbeats.
void PartitionHost::note_unopened(HostedLogs& hosted, const metadata::Partition& state) {
  const TopicIdPartition key{state.topic_id, state.partition};
  if (hosted.logs->offline() != nullptr) return;
  const auto failure = hosted.logs->failures().find(key);
  if (failure != hosted.logs->failures().end() && !storage::passes(failure->second.code)) {
    hosted.unopened.erase(key);
    return hosted.replicator->report_damage(state);
  }
  const auto [retry, first] = hosted.unopened.try_emplace(key, HostedLogs::Retry{{}, kFirstRetry});
  if (!first) retry->second.pause = std::min(2 * retry->second.pause, kLastRetry);
  retry->second.at = hosted.executor.now() + retry->second.pause;
}

// A replica whose files are damaged is fetched anew from its leader once the controller counts it as lost.
Task<Result<storage::Log*>> PartitionHost::open_log(HostedLogs& hosted, const metadata::Partition& state,
                                                    TopicPartition name, storage::LogConfig config) {
  const TopicIdPartition key{state.topic_id, state.partition};
  auto log = co_await hosted.logs->find_or_create(name, key.topic_id, config);
  if (log || log.error().code != Errc::corrupt || !may_discard(state)) co_return log;
  telemetry::log_warn("node", "the files of a replica are damaged: it is fetched anew from the leader",
                      {{"topic", name.topic},
                       {"partition", name.partition},
                       {"leader", state.leader},
                       {"error", log.error()}});
  CO_TRY(co_await hosted.logs->remove(key));
  co_return co_await hosted.logs->find_or_create(name, key.topic_id, config);
}

bool PartitionHost::may_discard(const metadata::Partition& state) const {
  return links_.channels && state.leader != kNoNode && state.leader != node_id_ &&
         replication::is_lost(state, node_id_);
}

// What the checkpoint says of the name was said of this log, if it was there at the start. One that is new
// must not find what was said of an earlier topic of its name, now or after a crash.
Task<Offset> PartitionHost::known_high_watermark(HostedLogs& hosted, storage::Log& log) {
  const TopicPartition name = log.identity().topic_partition;
  const bool first = hosted.opened.insert(name).second;
  const auto known = high_watermarks_->loaded().find(name);
  if (known == high_watermarks_->loaded().end()) co_return 0;
  if (first && log.end_offset().value() > 0) co_return known->second;
  const auto index = static_cast<unsigned>(
      std::ranges::find(hosted_, &hosted, [](const auto& each) { return each.get(); }) - hosted_.begin());
  const Status forgotten =
      co_await runtime::on_shard(hosted.executor, high_watermarks_->home(), [this, index, name] {
        if (!high_watermarks_->mentions(name)) return forget_nothing();
        storage::OffsetCheckpoint kept = saved_[index];
        kept.erase(name);
        return high_watermarks_->update(index, std::move(kept), {name});
      });
  if (!forgotten) {
    telemetry::log_warn("node", "the checkpoint of high watermarks cannot be written",
                        {{"error", forgotten.error()}});
  }
  co_return 0;
}

void PartitionHost::configure_here(HostedLogs& hosted, const metadata::Image& image,
                                   const metadata::Delta& delta) {
  using metadata::ResourceType;
  const bool all = std::ranges::any_of(
      delta.changed_configs, [](const auto& resource) { return resource.type == ResourceType::broker; });
  for (const auto& [key, partition] : hosted.partitions.all()) {
    // Of a topic that is deleted the configs are gone before its partitions are.
    if (image.topic(key.topic_id) == nullptr) continue;
    const std::string& topic = partition->log()->identity().topic_partition.topic;
    if (!all && !delta.changed_configs.contains({ResourceType::topic, topic})) continue;
    const config::ConfigLayers layers = layers_of(image, topic);
    const config::TopicConfig config = config::effective_topic_config(layers);
    partition->log()->configure(replication::log_config_of(config, config::BrokerConfig(layers)));
    partition->set_min_insync_replicas(config.min_insync_replicas);
    throttle(*partition, image);
  }
  if (!all) return;
  const config::ConfigLayers layers = layers_of(image, "");
  const config::BrokerConfig broker(layers);
  hosted.logs->set_cleaner(cleaner_options(broker, static_cast<unsigned>(hosted_.size())));
  const auto rate_of = [&](std::string_view key) {
    const std::int64_t rate = broker.int_of(key, replication::Throttle::kUnlimited);
    return rate == replication::Throttle::kUnlimited
               ? rate
               : std::max<std::int64_t>(1, rate / static_cast<std::int64_t>(hosted_.size()));
  };
  hosted.replicator->set_throttle_rates(rate_of("leader.replication.throttled.rate"),
                                        rate_of("follower.replication.throttled.rate"));
}

Task<void> PartitionHost::remove(metadata::Delta delta) {
  if (delta.removed_topics.empty() && delta.changed_partitions.empty()) co_return;
  for (const auto& hosted : hosted_) {
    co_await runtime::on_shard(world_.shard(0), hosted->executor, [this, &hosted, &delta] {
      const replication::Replicator& replicator = *hosted->replicator;
      return remove_here(*hosted, replicator.image_counts()
                                      ? gone(*hosted, *replicator.context().image, delta, false)
                                      : std::vector<TopicIdPartition>());
    });
  }
}

// Those that are no longer to be here. `names_taken`: only those whose name another topic has by now.
std::vector<TopicIdPartition> PartitionHost::gone(const HostedLogs& hosted, const metadata::Image& image,
                                                  const metadata::Delta& delta, bool names_taken) const {
  std::set<TopicIdPartition> gone;
  if (!delta.removed_topics.empty()) {
    for (const auto& [key, partition] : hosted.partitions.all()) {
      if (!delta.removed_topics.contains(key.topic_id)) continue;
      if (!names_taken || image.topic(partition->log()->identity().topic_partition.topic) != nullptr)
        gone.insert(key);
    }
  }
  if (names_taken) return {gone.begin(), gone.end()};
  for (const auto& [key, error] : hosted.logs->failures()) {
    if (delta.removed_topics.contains(key.topic_id)) gone.insert(key);
  }
  for (const TopicIdPartition& key : delta.changed_partitions) {
    const metadata::Partition* state = image.partition(key);
    const bool here = hosted.partitions.peek(key) != nullptr || hosted.logs->failures().contains(key);
    if (here && state != nullptr && !names(state->replicas, node_id_)) gone.insert(key);
  }
  return {gone.begin(), gone.end()};
}

Task<void> PartitionHost::remove_here(HostedLogs& hosted, std::vector<TopicIdPartition> gone) {
  for (const TopicIdPartition& key : gone) {
    const auto partition = hosted.partitions.find(key);
    if (partition && hosted.on_topic_removed) {
      hosted.on_topic_removed(partition->log()->identity().topic_partition.topic);
    }
    hosted.unopened.erase(key);
    hosted.replicator->forget(key);
    hosted.partitions.remove(key);
    hosted.partitions.clear_offline(key);
    // Requests that read this log hold the partition; it goes when the last of them has let go.
    while (partition && partition.use_count() > 1)
      co_await runtime::sleep_for(hosted.executor, std::chrono::milliseconds(1));
    if (const Status removed = co_await hosted.logs->remove(key); !removed) {
      telemetry::log_error(
          "node", "a deleted partition's files cannot be removed",
          {{"topic_id", key.topic_id.to_string()}, {"partition", key.partition}, {"error", removed.error()}});
    }
  }
}

Task<void> PartitionHost::watch_space() {
  const runtime::Gate::Pass pass(gate_);
  while (pass && !stopped_) {
    co_await stopping_.wait(world_.shard(0).now() + kSpaceInterval);
    if (!stopped_) co_await look_at_space();
  }
}

Task<void> PartitionHost::look_at_space() {
  const auto space = co_await world_.pool().run(runtime::Lane::background, world_.shard(0),
                                                [&] { return world_.disk().space(directory_.path()); });
  if (!space || stopped_) co_return;
  const std::uint64_t reserve = disk_reserve(settings_, space->total_bytes);
  // Not to and fro with every file that comes and goes.
  const bool scarce = space->available_bytes < (scarce_ ? reserve + reserve / 4 : reserve);
  if (std::exchange(scarce_, scarce) == scarce) co_return;
  telemetry::log(scarce ? telemetry::Level::error : telemetry::Level::info, "node",
                 scarce ? "the device is all but full: no records are taken until there is room again"
                        : "there is room on the device again",
                 {{"path", directory_.path()},
                  {"available_bytes", space->available_bytes},
                  {"disk_reserve_bytes", reserve}});
  if (links_.on_space) links_.on_space();
  for (const auto& hosted : hosted_) {
    co_await runtime::on_shard(world_.shard(0), hosted->executor,
                               [&] { return hosted->replicator->set_scarce(scarce); });
  }
}

Task<void> PartitionHost::save_high_watermarks_from_time_to_time() {
  const runtime::Gate::Pass pass(gate_);
  config::ConfigLayers layers;
  layers.static_broker = &settings_.broker;
  const auto interval = runtime::milliseconds(
      config::BrokerConfig(layers).int_of("replica.high.watermark.checkpoint.interval.ms", 5000));
  while (pass && !stopped_) {
    co_await stopping_.wait(world_.shard(0).now() + interval);
    if (!stopped_) co_await save_high_watermarks();
  }
}

Task<void> PartitionHost::save_high_watermarks() {
  for (unsigned index = 0; index < hosted_.size() && !offline_; ++index) {
    HostedLogs& hosted = *hosted_[index];
    storage::OffsetCheckpoint offsets = co_await runtime::on_shard(
        world_.shard(0), hosted.executor, [&hosted] { return high_watermarks_of(hosted); });
    if (offsets == saved_[index]) continue;
    saved_[index] = offsets;
    if (const Status saved = co_await high_watermarks_->update(index, std::move(offsets)); !saved) {
      telemetry::log_warn("node", "the checkpoint of high watermarks cannot be written",
                          {{"error", saved.error()}});
      saved_[index].clear();
    }
  }
}

// Puts aside what the metadata does not know, before anything is opened: nobody uses a log yet.
Task<void> PartitionHost::reconcile(HostedLogs& hosted, const metadata::Image& image) {
  hosted.reconciled = true;
  auto aside = co_await hosted.logs->reconcile([&](const TopicIdPartition& key) {
    const metadata::Partition* state = image.partition(key);
    return state != nullptr && names(state->replicas, node_id_);
  });
  if (!aside) {
    hosted.reconcile_failure = std::move(aside).error();
    co_return;
  }
  for (const std::string& folder : *aside) {
    telemetry::log_warn("node", "a folder that the metadata does not know was put aside",
                        {{"folder", folder}});
  }
}

Task<Status> PartitionHost::reconciled() {
  for (const auto& hosted : hosted_) {
    CO_TRY(co_await runtime::on_shard(world_.shard(0), hosted->executor, [&]() -> Status {
      if (hosted->reconcile_failure) return fail(*hosted->reconcile_failure);
      return {};
    }));
  }
  high_watermarks_->forget_unclaimed();
  cleaner_offsets_->forget_unclaimed();
  co_return Status();
}

Task<void> PartitionHost::close_partitions() {
  stopped_ = true;
  stopping_.notify_all();
  for (const auto& hosted : hosted_) {
    if (!hosted->replicator) continue;
    co_await runtime::on_shard(world_.shard(0), hosted->executor, [&] { return hosted->replicator->stop(); });
  }
  if (saved_.size() == hosted_.size()) co_await save_high_watermarks();
  for (const auto& hosted : hosted_) {
    co_await runtime::on_shard(world_.shard(0), hosted->executor, [&] {
      std::vector<TopicIdPartition> keys;
      for (const auto& [key, partition] : hosted->partitions.all()) keys.push_back(key);
      for (const TopicIdPartition& key : keys) hosted->partitions.remove(key);
    });
  }
}

Task<Status> PartitionHost::close() {
  Status first;
  for (const auto& hosted : hosted_) {
    if (!hosted->logs) continue;
    Status closed =
        co_await runtime::on_shard(world_.shard(0), hosted->executor, [&] { return hosted->logs->close(); });
    if (!closed && first) first = std::move(closed);
  }
  stopped_ = true;
  stopping_.notify_all();
  co_await gate_.close();
  co_return first;
}

std::vector<server::ShardData> PartitionHost::shard_data() {
  std::vector<server::ShardData> data;
  for (const auto& hosted : hosted_) data.push_back({hosted->executor, hosted->partitions});
  return data;
}

}  // namespace moldau::node
