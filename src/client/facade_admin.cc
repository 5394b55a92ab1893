// Topics, partitions and the cluster.
#include "client/facade_admin.h"

namespace moldau::sdk {

using client::AdminCore;

namespace {

using Names = Admin::PerItem<std::string, void>;
using Partitions = Admin::PerItem<TopicPartition, void>;
using OffsetItems = Admin::PerItem<TopicPartition, std::int64_t>;

TopicDescription describe(const client::TopicInfo& topic) {
  TopicDescription out{.name = topic.name, .id = topic.id.to_string(), .internal = topic.internal};
  for (const auto& partition : topic.partitions)
    out.partitions.push_back({partition.index, partition.leader, partition.replicas, partition.isr});
  return out;
}

ClusterDescription describe(const client::ClusterInfo& cluster) {
  ClusterDescription out{.id = cluster.cluster_id, .controller = cluster.controller};
  for (const auto& broker : cluster.brokers)
    out.brokers.push_back({broker.id, broker.endpoint.to_string(), broker.rack});
  return out;
}

std::vector<client::NewTopic> to_core(const std::vector<NewTopic>& topics) {
  std::vector<client::NewTopic> wanted;
  for (const NewTopic& topic : topics) {
    wanted.push_back(
        {.name = topic.name, .partitions = topic.partitions, .replication_factor = topic.replication_factor});
    for (const auto& [name, value] : topic.configs) wanted.back().configs.emplace_back(name, value);
  }
  return wanted;
}

std::vector<client::OffsetQuery> queries(const std::vector<TopicPartition>& partitions,
                                         std::int64_t timestamp) {
  std::vector<client::OffsetQuery> out;
  for (const auto& one : partitions) out.push_back({sdk::to_core(one), timestamp});
  return out;
}
const auto offset_of = [](const client::ListedOffset& listed) { return listed.offset; };
const auto to_offsets = [](auto outcome) {
  return items<OffsetItems>(std::move(outcome), to_partition, offset_of);
};
const auto to_partitions = [](auto outcome) {
  return items<Partitions>(std::move(outcome), to_partition, kNothing);
};

}  // namespace

std::vector<moldau::TopicPartition> to_core(const std::vector<TopicPartition>& partitions) {
  std::vector<moldau::TopicPartition> out;
  for (const auto& one : partitions) out.push_back(to_core(one));
  return out;
}

Admin::Admin(std::shared_ptr<State> state) : state_(std::move(state)) {}
Admin Client::admin() { return Admin(std::make_shared<Admin::State>(core_)); }

Future<Names> Admin::create_topics(std::vector<NewTopic> topics) {
  return state_->ask([wanted = to_core(topics)](AdminCore& admin) { return admin.create_topics(wanted); },
                     [](auto outcome) { return items<Names>(std::move(outcome), kSameName, kNothing); });
}

Future<Names> Admin::delete_topics(std::vector<std::string> names) {
  return state_->ask([names = std::move(names)](AdminCore& admin) { return admin.delete_topics(names); },
                     [](auto outcome) { return items<Names>(std::move(outcome), kSameName, kNothing); });
}

Future<void> Admin::set_partition_count(std::string topic, std::int32_t total) {
  const std::vector<client::NewPartitions> wanted{{.topic = std::move(topic), .total_count = total}};
  return state_->ask([wanted](AdminCore& admin) { return admin.create_partitions(wanted); },
                     [](auto outcome) { return only_item(std::move(outcome)); });
}

Future<std::vector<TopicDescription>> Admin::list_topics() {
  using Result = Expected<std::vector<TopicDescription>>;
  return state_->ask([](AdminCore& admin) { return admin.list_topics(); },
                     [](auto topics) -> Result {
                       if (!topics) return std::unexpected(client::to_public(std::move(topics).error()));
                       std::vector<TopicDescription> out;
                       for (const auto& topic : *topics) out.push_back(describe(topic));
                       return out;
                     });
}

Future<Admin::PerItem<std::string, TopicDescription>> Admin::describe_topics(std::vector<std::string> names) {
  using Result = PerItem<std::string, TopicDescription>;
  return state_->ask([names = std::move(names)](AdminCore& admin) { return admin.describe_topics(names); },
                     [](auto outcome) {
                       return items<Result>(std::move(outcome), kSameName,
                                            [](const client::TopicInfo& topic) { return describe(topic); });
                     });
}

Future<ClusterDescription> Admin::describe_cluster() {
  return state_->ask([](AdminCore& admin) { return admin.describe_cluster(); },
                     [](auto cluster) -> Expected<ClusterDescription> {
                       if (!cluster) return std::unexpected(client::to_public(std::move(cluster).error()));
                       return describe(*cluster);
                     });
}

Future<Partitions> Admin::reassign(std::vector<std::pair<TopicPartition, Replicas>> targets) {
  std::vector<client::NewReassignment> wanted;
  for (const auto& [partition, replicas] : targets) wanted.push_back({sdk::to_core(partition), replicas});
  return state_->ask(
      [wanted = std::move(wanted)](AdminCore& admin) { return admin.alter_partition_reassignments(wanted); },
      to_partitions);
}

Future<std::vector<Reassignment>> Admin::reassignments() {
  using Result = Expected<std::vector<Reassignment>>;
  return state_->ask([](AdminCore& admin) { return admin.list_partition_reassignments(); },
                     [](auto under_way) -> Result {
                       if (!under_way)
                         return std::unexpected(client::to_public(std::move(under_way).error()));
                       std::vector<Reassignment> out;
                       for (auto& [partition, one] : *under_way)
                         out.push_back({to_partition(partition), one.replicas, one.adding, one.removing});
                       return out;
                     });
}

Future<Partitions> Admin::elect_preferred_leaders(std::vector<TopicPartition> partitions) {
  return state_->ask(
      [wanted = sdk::to_core(partitions)](AdminCore& admin) {
        return admin.elect_leaders(client::ElectionType::preferred, wanted);
      },
      [](auto elected) {
        if (elected)
          for (auto& [partition, result] : *elected)
            if (!result && result.error().broker == wire::ErrorCode::election_not_needed) result = {};
        return items<Partitions>(std::move(elected), to_partition, kNothing);
      });
}

Future<OffsetItems> Admin::earliest_offsets(std::vector<TopicPartition> partitions) {
  return offsets_at(std::move(partitions), static_cast<std::int64_t>(client::OffsetSpec::earliest));
}

Future<OffsetItems> Admin::end_offsets(std::vector<TopicPartition> partitions) {
  return offsets_at(std::move(partitions), static_cast<std::int64_t>(client::OffsetSpec::latest));
}

Future<OffsetItems> Admin::offsets_at(std::vector<TopicPartition> partitions, std::int64_t timestamp_ms) {
  return state_->ask(
      [wanted = queries(partitions, timestamp_ms)](AdminCore& admin) { return admin.list_offsets(wanted); },
      to_offsets);
}

Future<OffsetItems> Admin::delete_records(std::vector<std::pair<TopicPartition, std::int64_t>> before) {
  std::vector<std::pair<moldau::TopicPartition, Offset>> wanted;
  for (const auto& [partition, offset] : before) wanted.emplace_back(sdk::to_core(partition), offset);
  return state_->ask([wanted = std::move(wanted)](AdminCore& admin) { return admin.delete_records(wanted); },
                     [](auto outcome) {
                       return items<OffsetItems>(std::move(outcome), to_partition,
                                                 [](Offset offset) { return offset; });
                     });
}

}  // namespace moldau::sdk
