#include "client/admin.h"
#include "client/embedded.h"

namespace moldau::sdk {

using client::AdminCore;
using client::ConfigResource;

struct Admin::State {
  explicit State(std::shared_ptr<Client::Core> of) : core(std::move(of)), admin(*core->cluster) {}
  std::shared_ptr<Client::Core> core;
  AdminCore admin;  // on the I/O thread only
};

namespace {

TopicDescription describe(const client::TopicInfo& topic) {
  TopicDescription out{.name = topic.name, .id = topic.id.to_string(), .internal = topic.internal};
  for (const auto& partition : topic.partitions) {
    out.partitions.push_back({partition.index, partition.leader, partition.replicas, partition.isr});
  }
  return out;
}

moldau::TopicPartition to_core(const TopicPartition& partition) {
  return {partition.topic, partition.partition};
}

template <class To, class Key, class From, class KeyOf, class ValueOf>
Expected<To> items(client::Outcome<client::PerItem<Key, From>> outcome, KeyOf key_of, ValueOf value_of) {
  if (!outcome) return std::unexpected(client::to_public(std::move(outcome).error()));
  To out;
  for (auto& [key, value] : *outcome) {
    if (!value) {
      out.emplace_back(key_of(key), std::unexpected(client::to_public(std::move(value).error())));
    } else if constexpr (std::is_void_v<From>) {
      out.emplace_back(key_of(key), Expected<void>());
    } else {
      out.emplace_back(key_of(key), value_of(*value));
    }
  }
  return out;
}

const auto same_name = [](const std::string& name) { return name; };
const auto to_partition = [](const moldau::TopicPartition& one) {
  return TopicPartition{one.topic, one.partition};
};
const auto nothing = [] {};

ConfigResource topic_resource(const std::string& topic) { return {client::ConfigResourceType::topic, topic}; }

using Offsets = Admin::PerItem<TopicPartition, std::int64_t>;

}  // namespace

Admin::Admin(std::shared_ptr<State> state) : state_(std::move(state)) {}
Admin Client::admin() { return Admin(std::make_shared<Admin::State>(core_)); }

Expected<Admin::PerItem<std::string, void>> Admin::create_topics(const std::vector<NewTopic>& topics) {
  std::vector<client::NewTopic> wanted;
  for (const NewTopic& topic : topics) {
    wanted.push_back(
        {.name = topic.name, .partitions = topic.partitions, .replication_factor = topic.replication_factor});
    for (const auto& [name, value] : topic.configs) wanted.back().configs.emplace_back(name, value);
  }
  auto created = state_->core->call([&] { return state_->admin.create_topics(wanted); });
  if (!created) return std::unexpected(client::to_public(std::move(created).error()));
  PerItem<std::string, void> out;
  for (auto& [name, one] : *created) {
    out.emplace_back(name,
                     one ? Expected<void>() : std::unexpected(client::to_public(std::move(one).error())));
  }
  return out;
}

Expected<Admin::PerItem<std::string, void>> Admin::delete_topics(const std::vector<std::string>& names) {
  auto deleted = state_->core->call([&] { return state_->admin.delete_topics(names); });
  return items<PerItem<std::string, void>>(std::move(deleted), same_name, nothing);
}

Expected<std::vector<TopicDescription>> Admin::list_topics() {
  auto topics = state_->core->call([&] { return state_->admin.list_topics(); });
  if (!topics) return std::unexpected(client::to_public(std::move(topics).error()));
  std::vector<TopicDescription> out;
  for (const auto& topic : *topics) out.push_back(describe(topic));
  return out;
}

Expected<Admin::PerItem<std::string, TopicDescription>> Admin::describe_topics(
    const std::vector<std::string>& names) {
  auto topics = state_->core->call([&] { return state_->admin.describe_topics(names); });
  return items<PerItem<std::string, TopicDescription>>(std::move(topics), same_name, describe);
}

Expected<ClusterDescription> Admin::describe_cluster() {
  auto cluster = state_->core->call([&] { return state_->admin.describe_cluster(); });
  if (!cluster) return std::unexpected(client::to_public(std::move(cluster).error()));
  ClusterDescription out{.id = cluster->cluster_id, .controller = cluster->controller};
  for (const auto& broker : cluster->brokers) {
    out.brokers.push_back({broker.id, broker.endpoint.to_string(), broker.rack});
  }
  return out;
}

Expected<Admin::PerItem<TopicPartition, void>> Admin::reassign(
    const std::vector<std::pair<TopicPartition, std::optional<std::vector<std::int32_t>>>>& targets) {
  std::vector<client::NewReassignment> wanted;
  for (const auto& [partition, replicas] : targets) wanted.push_back({to_core(partition), replicas});
  auto started = state_->core->call([&] { return state_->admin.alter_partition_reassignments(wanted); });
  return items<PerItem<TopicPartition, void>>(std::move(started), to_partition, nothing);
}

Expected<std::vector<Reassignment>> Admin::reassignments() {
  auto under_way = state_->core->call([&] { return state_->admin.list_partition_reassignments(); });
  if (!under_way) return std::unexpected(client::to_public(std::move(under_way).error()));
  std::vector<Reassignment> out;
  for (auto& [partition, one] : *under_way) {
    out.push_back({to_partition(partition), one.replicas, one.adding, one.removing});
  }
  return out;
}

Expected<Admin::PerItem<TopicPartition, void>> Admin::elect_preferred_leaders(
    const std::vector<TopicPartition>& partitions) {
  std::vector<moldau::TopicPartition> wanted;
  for (const auto& one : partitions) wanted.push_back(to_core(one));
  auto elected = state_->core->call(
      [&] { return state_->admin.elect_leaders(client::ElectionType::preferred, wanted); });
  if (!elected) return std::unexpected(client::to_public(std::move(elected).error()));
  for (auto& [partition, result] : *elected) {
    if (!result && result.error().broker == wire::ErrorCode::election_not_needed) result = {};
  }
  return items<PerItem<TopicPartition, void>>(std::move(elected), to_partition, nothing);
}

Expected<std::vector<std::pair<std::string, std::optional<std::string>>>> Admin::topic_configs(
    const std::string& topic) {
  auto described = state_->core->call(
      [&] { return state_->admin.describe_configs({.resources = {topic_resource(topic)}}); });
  if (!described) return std::unexpected(client::to_public(std::move(described).error()));
  std::vector<std::pair<std::string, std::optional<std::string>>> out;
  for (auto& [resource, entries] : *described) {
    if (!entries) return std::unexpected(client::to_public(std::move(entries).error()));
    for (auto& entry : *entries) out.emplace_back(std::move(entry.name), std::move(entry.value));
  }
  return out;
}

Expected<void> Admin::set_topic_configs(
    const std::string& topic,
    const std::vector<std::pair<std::string, std::optional<std::string>>>& configs) {
  std::vector<client::ConfigChange> changes;
  for (const auto& [name, value] : configs) {
    const auto operation = value ? client::ConfigOperation::set : client::ConfigOperation::remove;
    changes.push_back({name, operation, value});
  }
  auto changed = state_->core->call(
      [&] { return state_->admin.incremental_alter_configs({{topic_resource(topic), changes}}); });
  if (!changed) return std::unexpected(client::to_public(std::move(changed).error()));
  for (auto& [resource, one] : *changed) {
    if (!one) return std::unexpected(client::to_public(std::move(one).error()));
  }
  return {};
}

namespace {

std::vector<client::OffsetQuery> queries(const std::vector<TopicPartition>& partitions,
                                         client::OffsetSpec spec) {
  std::vector<client::OffsetQuery> out;
  for (const auto& one : partitions) out.push_back({to_core(one), static_cast<std::int64_t>(spec)});
  return out;
}
const auto offset_of = [](const client::ListedOffset& listed) { return listed.offset; };

}  // namespace

Expected<Offsets> Admin::earliest_offsets(const std::vector<TopicPartition>& partitions) {
  auto listed = state_->core->call(
      [&] { return state_->admin.list_offsets(queries(partitions, client::OffsetSpec::earliest)); });
  return items<Offsets>(std::move(listed), to_partition, offset_of);
}

Expected<Offsets> Admin::end_offsets(const std::vector<TopicPartition>& partitions) {
  auto listed = state_->core->call(
      [&] { return state_->admin.list_offsets(queries(partitions, client::OffsetSpec::latest)); });
  return items<Offsets>(std::move(listed), to_partition, offset_of);
}

Expected<Offsets> Admin::delete_records(const std::vector<std::pair<TopicPartition, std::int64_t>>& before) {
  std::vector<std::pair<moldau::TopicPartition, Offset>> wanted;
  for (const auto& [partition, offset] : before) wanted.emplace_back(to_core(partition), offset);
  auto deleted = state_->core->call([&] { return state_->admin.delete_records(wanted); });
  return items<Offsets>(std::move(deleted), to_partition, [](Offset offset) { return offset; });
}

}  // namespace moldau::sdk
