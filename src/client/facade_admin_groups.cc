// Configs and groups.
#include "client/facade_admin.h"

namespace moldau::sdk {

using client::AdminCore;

namespace {

using Names = Admin::PerItem<std::string, void>;
using Partitions = Admin::PerItem<TopicPartition, void>;

client::ConfigResource resource_of(ConfigOf of) {
  switch (of.kind) {
    case ConfigOf::Kind::topic:
      return {client::ConfigResourceType::topic, std::move(of.name)};
    case ConfigOf::Kind::broker:
      return {client::ConfigResourceType::broker, std::move(of.name)};
    case ConfigOf::Kind::group:
      return {client::ConfigResourceType::group, std::move(of.name)};
  }
  MOLDAU_UNREACHABLE("a kind of resource");
}

bool is_default(client::ConfigSource source) {
  return source == client::ConfigSource::built_in || source == client::ConfigSource::static_broker;
}

Expected<std::vector<ConfigValue>> values(
    client::Outcome<client::PerItem<client::ConfigResource, std::vector<client::ConfigEntry>>> described) {
  if (!described) return std::unexpected(client::to_public(std::move(described).error()));
  std::vector<ConfigValue> out;
  for (auto& [resource, entries] : *described) {
    if (!entries) return std::unexpected(client::to_public(std::move(entries).error()));
    for (auto& entry : *entries)
      out.push_back({.name = std::move(entry.name),
                     .value = std::move(entry.value),
                     .is_default = is_default(entry.source),
                     .read_only = entry.read_only,
                     .sensitive = entry.sensitive});
  }
  return out;
}

GroupDescription describe(const client::GroupDescription& group) {
  GroupDescription out{.id = group.id,
                       .type = group.type,
                       .state = group.state,
                       .assignor = group.assignor,
                       .coordinator = group.coordinator.id};
  for (const client::GroupMember& member : group.members) {
    GroupMember& to = out.members.emplace_back();
    to.id = member.id;
    to.instance_id = member.instance_id;
    to.client_id = member.client_id;
    to.host = member.host;
    for (const auto& one : member.assignment) to.assignment.push_back(to_partition(one));
  }
  return out;
}

const auto to_names = [](auto outcome) { return items<Names>(std::move(outcome), kSameName, kNothing); };
const auto to_partitions = [](auto outcome) {
  return items<Partitions>(std::move(outcome), to_partition, kNothing);
};

}  // namespace

Future<std::vector<ConfigValue>> Admin::configs(ConfigOf resource) {
  client::ConfigQuery query;
  query.resources.push_back(resource_of(std::move(resource)));
  return state_->ask([query = std::move(query)](AdminCore& admin) { return admin.describe_configs(query); },
                     values);
}

Future<std::vector<std::pair<std::string, std::optional<std::string>>>> Admin::topic_configs(
    std::string topic) {
  using Result = std::vector<std::pair<std::string, std::optional<std::string>>>;
  client::ConfigQuery query;
  query.resources.push_back({client::ConfigResourceType::topic, std::move(topic)});
  return state_->ask([query = std::move(query)](AdminCore& admin) { return admin.describe_configs(query); },
                     [](auto described) -> Expected<Result> {
                       auto all = values(std::move(described));
                       if (!all) return std::unexpected(std::move(all).error());
                       Result out;
                       for (ConfigValue& one : *all)
                         out.emplace_back(std::move(one.name), std::move(one.value));
                       return out;
                     });
}

Future<void> Admin::set_configs(ConfigOf resource, ConfigChanges changes) {
  std::vector<client::ConfigChange> wanted;
  for (auto& [name, value] : changes) {
    const auto operation = value ? client::ConfigOperation::set : client::ConfigOperation::remove;
    wanted.push_back({std::move(name), operation, std::move(value)});
  }
  return state_->ask([of = resource_of(std::move(resource)), wanted = std::move(wanted)](
                         AdminCore& admin) { return admin.incremental_alter_configs({{of, wanted}}); },
                     [](auto outcome) { return only_item(std::move(outcome)); });
}

Future<void> Admin::set_topic_configs(std::string topic, ConfigChanges changes) {
  return set_configs({ConfigOf::Kind::topic, std::move(topic)}, std::move(changes));
}

Future<std::vector<GroupListing>> Admin::list_groups() {
  using Result = Expected<std::vector<GroupListing>>;
  return state_->ask([](AdminCore& admin) { return admin.list_groups(); },
                     [](auto groups) -> Result {
                       if (!groups) return std::unexpected(client::to_public(std::move(groups).error()));
                       std::vector<GroupListing> out;
                       for (auto& group : *groups)
                         out.push_back({group.id, group.type, group.state, group.protocol_type});
                       return out;
                     });
}

Future<Admin::PerItem<std::string, GroupDescription>> Admin::describe_groups(
    std::vector<std::string> groups) {
  using Result = PerItem<std::string, GroupDescription>;
  return state_->ask([groups = std::move(groups)](AdminCore& admin) { return admin.describe_groups(groups); },
                     [](auto outcome) {
                       return items<Result>(
                           std::move(outcome), kSameName,
                           [](const client::GroupDescription& group) { return describe(group); });
                     });
}

Future<Offsets> Admin::group_offsets(std::string group) {
  return state_->ask([group = std::move(group)](AdminCore& admin) { return admin.list_group_offsets(group); },
                     [](auto listed) -> Expected<Offsets> {
                       if (!listed) return std::unexpected(client::to_public(std::move(listed).error()));
                       Offsets out;
                       for (auto& [partition, one] : *listed) {
                         if (!one) return std::unexpected(client::to_public(std::move(one).error()));
                         out[to_partition(partition)] = {one->offset, one->leader_epoch, one->metadata};
                       }
                       return out;
                     });
}

Future<Partitions> Admin::set_group_offsets(std::string group, Offsets offsets) {
  std::vector<std::pair<moldau::TopicPartition, client::GroupOffset>> wanted;
  for (auto& [partition, one] : offsets)
    wanted.emplace_back(to_core(partition),
                        client::GroupOffset{one.offset, one.leader_epoch, std::move(one.metadata)});
  return state_->ask([group = std::move(group), wanted = std::move(wanted)](
                         AdminCore& admin) { return admin.alter_group_offsets(group, wanted); },
                     to_partitions);
}

Future<Partitions> Admin::delete_group_offsets(std::string group, std::vector<TopicPartition> partitions) {
  return state_->ask([group = std::move(group), wanted = to_core(partitions)](
                         AdminCore& admin) { return admin.delete_group_offsets(group, wanted); },
                     to_partitions);
}

Future<Names> Admin::delete_groups(std::vector<std::string> groups) {
  return state_->ask([groups = std::move(groups)](AdminCore& admin) { return admin.delete_groups(groups); },
                     to_names);
}

Future<Names> Admin::remove_group_members(std::string group, std::vector<std::string> members) {
  std::vector<client::LeavingMember> leaving;
  for (std::string& member : members) leaving.push_back({.id = std::move(member)});
  return state_->ask([group = std::move(group), leaving = std::move(leaving)](
                         AdminCore& admin) { return admin.remove_group_members(group, leaving); },
                     to_names);
}

}  // namespace moldau::sdk
