#include "node/partition_host.h"

#include <algorithm>

#include "replication/log_config.h"
#include "telemetry/log.h"

namespace moldau::node {

using runtime::Task;

namespace {

constexpr std::string_view kRecoveryPoints = "/recovery-point-offset-checkpoint";
constexpr std::string_view kLogStarts = "/log-start-offset-checkpoint";

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
        "node", "a partition is offline: its files cannot be used",
        {{"topic_id", key.topic_id.to_string()}, {"partition", key.partition}, {"error", error}});
  }
}

}  // namespace

PartitionHost::PartitionHost(runtime::World& world, const config::Settings& settings,
                             storage::DataDirectory& directory, ReplicationLinks links)
    : world_(world),
      settings_(settings),
      directory_(directory),
      links_(std::move(links)),
      node_id_(directory.properties().node_id),
      gate_(world.shard(0)) {}

Task<Status> PartitionHost::open() {
  runtime::Executor& home = world_.shard(0);
  runtime::Disk& disk = world_.disk();
  const std::string path = directory_.path();
  CO_ASSIGN_OR_RETURN(recovery_points_, co_await storage::SharedCheckpoint::load(
                                            home, world_.pool(), disk, path + std::string(kRecoveryPoints)));
  CO_ASSIGN_OR_RETURN(log_starts_, co_await storage::SharedCheckpoint::load(home, world_.pool(), disk,
                                                                            path + std::string(kLogStarts)));
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
  storage::LogManagerContext context{hosted.executor,     world_.pool(),     world_.disk(),
                                     world_.wall_clock(), hosted.codecs,     hosted.random,
                                     directory_,          *recovery_points_, *log_starts_};
  CO_ASSIGN_OR_RETURN(hosted.logs, co_await storage::LogManager::open(context, std::move(options)));
  // It may be told when this is gone: only `home` is touched before that is known.
  hosted.logs->on_offline([this, alive = std::weak_ptr(alive_), &home = world_.shard(0)](const Error& error) {
    home.post_remote([this, alive, error] {
      if (!alive.expired()) go_offline(error).detach();
    });
  });
  report(*hosted.logs);
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
  for (const TopicIdPartition& key : delta.changed_partitions) {
    if (owns(key, index)) co_await open_partition(hosted, *image, key);
  }
  if (!delta.changed_configs.empty()) configure_here(hosted, *image, delta);
}

Task<void> PartitionHost::open_partition(HostedLogs& hosted, const metadata::Image& image,
                                         TopicIdPartition key) {
  const metadata::Topic* topic = image.topic(key.topic_id);
  const metadata::Partition* state = image.partition(key);
  if (topic == nullptr || state == nullptr) co_return;
  if (std::ranges::find(state->replicas, node_id_) == state->replicas.end()) co_return;
  if (const auto open = hosted.partitions.find(key)) co_return open->lead(*state);
  const config::ConfigLayers layers = layers_of(image, topic->name);
  const config::TopicConfig config = config::effective_topic_config(layers);
  auto log =
      co_await hosted.logs->find_or_create({topic->name, key.partition}, key.topic_id,
                                           replication::log_config_of(config, config::BrokerConfig(layers)));
  if (!log) {
    telemetry::log_error("node", "a partition cannot be opened",
                         {{"topic", topic->name}, {"partition", key.partition}, {"error", log.error()}});
    hosted.partitions.set_offline(key);
    co_return;
  }
  auto partition =
      std::make_shared<replication::Partition>(**log, hosted.logs->commit_log(), config.min_insync_replicas);
  partition->lead(*state);
  hosted.partitions.clear_offline(key);
  hosted.partitions.add(key, std::move(partition));
}

void PartitionHost::configure_here(HostedLogs& hosted, const metadata::Image& image,
                                   const metadata::Delta& delta) {
  using metadata::ResourceType;
  const bool all = std::ranges::any_of(
      delta.changed_configs, [](const auto& resource) { return resource.type == ResourceType::broker; });
  for (const auto& [key, partition] : hosted.partitions.all()) {
    const std::string& topic = partition->log()->identity().topic_partition.topic;
    if (!all && !delta.changed_configs.contains({ResourceType::topic, topic})) continue;
    const config::ConfigLayers layers = layers_of(image, topic);
    const config::TopicConfig config = config::effective_topic_config(layers);
    partition->log()->configure(replication::log_config_of(config, config::BrokerConfig(layers)));
    partition->set_min_insync_replicas(config.min_insync_replicas);
  }
}

Task<void> PartitionHost::remove(metadata::Delta delta) {
  if (delta.removed_topics.empty()) co_return;
  for (const auto& hosted : hosted_) {
    co_await runtime::on_shard(world_.shard(0), hosted->executor,
                               [this, &hosted, &delta] { return remove_here(*hosted, delta); });
  }
}

Task<void> PartitionHost::remove_here(HostedLogs& hosted, metadata::Delta delta) {
  std::vector<TopicIdPartition> gone;
  for (const auto& [key, partition] : hosted.partitions.all()) {
    if (delta.removed_topics.contains(key.topic_id)) gone.push_back(key);
  }
  for (const auto& [key, error] : hosted.logs->failures()) {
    if (delta.removed_topics.contains(key.topic_id)) gone.push_back(key);
  }
  for (const TopicIdPartition& key : gone) {
    const auto partition = hosted.partitions.find(key);
    if (partition && hosted.on_topic_removed) {
      hosted.on_topic_removed(partition->log()->identity().topic_partition.topic);
    }
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

Task<Status> PartitionHost::reconcile(std::shared_ptr<const metadata::Image> image) {
  for (const auto& hosted : hosted_) {
    auto aside = co_await runtime::on_shard(world_.shard(0), hosted->executor, [&] {
      return hosted->logs->reconcile([image, this](const TopicIdPartition& key) {
        const metadata::Partition* state = image->partition(key);
        return state != nullptr && std::ranges::find(state->replicas, node_id_) != state->replicas.end();
      });
    });
    if (!aside) co_return fail(std::move(aside).error());
    for (const std::string& folder : *aside) {
      telemetry::log_warn("node", "a folder that the metadata does not know was put aside",
                          {{"folder", folder}});
    }
  }
  co_return Status();
}

Task<void> PartitionHost::close_partitions() {
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
  co_await gate_.close();
  co_return first;
}

std::vector<server::ShardData> PartitionHost::shard_data() {
  std::vector<server::ShardData> data;
  for (const auto& hosted : hosted_) data.push_back({hosted->executor, hosted->partitions});
  return data;
}

}  // namespace moldau::node
