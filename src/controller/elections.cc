#include "controller/elections.h"

#include <algorithm>
#include <span>

#include "controller/controller.h"
#include "controller/features.h"

namespace moldau::controller {

namespace {

using metadata::ConfigRecord;
using metadata::Image;
using metadata::Partition;
using metadata::Record;
using metadata::ResourceType;
using metadata::Topic;

constexpr std::string_view kMinIsr = "min.insync.replicas";

Election with_unclean(const ElectionRules& rules) {
  return rules.unclean_allowed ? Election::unclean : Election::online;
}

bool has_place_in(const Partition& partition, NodeId broker) {
  return partition.leader == broker || contains(partition.isr, broker);
}

// The records of the partitions that `concerned` picks, each changed by `change(builder, partition, rules)`.
template <class Concerned, class Change>
std::vector<Record> change_partitions(const Controller& controller, const Electorate& electorate,
                                      const Concerned& concerned, const Change& change) {
  std::vector<Record> out;
  RulesOfTopics rules_of(controller, electorate.image, electorate.gone);
  for_each_partition(electorate.image, [&](const Topic& topic, const Partition& partition) {
    if (!concerned(partition)) return true;
    const ElectionRules& rules = rules_of.of(topic);
    PartitionChangeBuilder builder(partition, rules, electorate);
    builder.election(with_unclean(rules));
    change(builder, partition, rules);
    if (auto record = builder.build()) out.push_back(std::move(*record));
    return true;
  });
  return out;
}

void leave_isr(PartitionChangeBuilder& builder, const Partition& partition, NodeId broker) {
  builder.isr(without(partition.isr, std::span(&broker, 1)));
}

}  // namespace

bool elr_enabled(const Image& image) { return image.feature_level(kElrVersion) > 0; }

const ElectionRules& RulesOfTopics::of(const Topic& topic) {
  if (image_.configs({ResourceType::topic, topic.name}).empty()) {
    if (!common_) common_ = compute(topic);
    return *common_;
  }
  auto found = own_.find(topic.id);
  if (found == own_.end()) found = own_.emplace(topic.id, compute(topic)).first;
  return found->second;
}

ElectionRules RulesOfTopics::compute(const Topic& topic) const {
  const auto config_on = [&](NodeId broker) {
    return config::effective_topic_config(controller_.layers(image_, topic.name, broker));
  };
  const config::TopicConfig config = config_on(kNoNode);
  const config::Durability durability =
      broker_ == kNoNode ? config.durability : config_on(broker_).durability;
  return {.elr_enabled = elr_enabled(image_),
          .min_isr = static_cast<std::size_t>(std::max(config.min_insync_replicas, 1)),
          .unclean_allowed = config.unclean_leader_election_enable,
          .survives_crash = durability == config::Durability::synced,
          .elects_fenced = controller_.settings().elects_fenced};
}

std::vector<Record> partitions_without(const Controller& controller, const Image& image, NodeId broker) {
  return change_partitions(
      controller, {.image = image, .gone = broker},
      [&](const Partition& partition) { return has_place_in(partition, broker); },
      [&](PartitionChangeBuilder& builder, const Partition& partition, const ElectionRules&) {
        leave_isr(builder, partition, broker);
      });
}

std::vector<Record> partitions_without(const Controller& controller, const Image& image, NodeId broker,
                                       std::span<const DirectoryId> directories) {
  return change_partitions(
      controller, {.image = image, .gone = broker},
      [&](const Partition& partition) {
        return has_place_in(partition, broker) &&
               std::ranges::find(directories, directory_of(partition, broker)) != directories.end();
      },
      [&](PartitionChangeBuilder& builder, const Partition& partition, const ElectionRules&) {
        leave_isr(builder, partition, broker);
      });
}

std::vector<Record> partitions_handed_over(const Controller& controller, const Image& image, NodeId broker,
                                           std::span<const NodeId> full) {
  const Electorate electorate{.image = image, .gone = broker, .full = full};
  return change_partitions(
      controller, electorate,
      [&](const Partition& partition) {
        return has_place_in(partition, broker) && std::ranges::any_of(partition.isr, [&](NodeId other) {
                 return electorate.may_lead(partition, other);
               });
      },
      [&](PartitionChangeBuilder& builder, const Partition& partition, const ElectionRules& rules) {
        builder.election(Election::online);
        if (partition.isr.size() > std::min(rules.min_isr, partition.replicas.size()))
          leave_isr(builder, partition, broker);
      });
}

std::vector<Record> partitions_unregistered(const Controller& controller, const Image& image, NodeId broker) {
  return change_partitions(
      controller, {.image = image, .gone = broker},
      [&](const Partition& partition) {
        return has_place_in(partition, broker) || contains(partition.eligible_leader_replicas, broker);
      },
      [&](PartitionChangeBuilder& builder, const Partition&, const ElectionRules&) {
        builder.unclean(broker);
      });
}

std::vector<Record> partitions_restarted(const Controller& controller, const Image& image, NodeId broker,
                                         bool clean, std::span<const DirectoryId> directories) {
  return change_partitions(
      controller, {.image = image, .gone = broker},
      [&](const Partition& partition) { return contains(partition.replicas, broker); },
      [&](PartitionChangeBuilder& builder, const Partition& partition, const ElectionRules& rules) {
        leave_isr(builder, partition, broker);
        if (!is_online(directory_of(partition, broker), directories)) {
          builder.lost(broker);
          if (directories.size() == 1) builder.directory(broker, directories.front());
        } else if (!clean && rules.elr_enabled && !rules.survives_crash) {
          builder.unclean(broker);
        }
      });
}

std::vector<Record> partitions_led_again(const Controller& controller, const Image& image, NodeId broker) {
  return change_partitions(
      controller, {.image = image, .back = broker},
      [&](const Partition& partition) {
        return partition.leader == kNoNode && contains(partition.replicas, broker);
      },
      [](PartitionChangeBuilder&, const Partition&, const ElectionRules&) {});
}

std::vector<Record> partitions_under_new_rules(const Controller& controller, const Image& image) {
  const auto active = [&](NodeId id) { return image.is_active(id); };
  return change_partitions(
      controller, {.image = image},
      [&](const Partition& partition) {
        return !partition.eligible_leader_replicas.empty() || !partition.last_known_elr.empty() ||
               !std::ranges::all_of(partition.isr, active);
      },
      [&](PartitionChangeBuilder& builder, const Partition& partition, const ElectionRules& rules) {
        if (!rules.elr_enabled) return;
        std::vector<NodeId> isr = partition.isr;
        std::erase_if(isr, [&](NodeId id) { return !active(id); });
        builder.isr(std::move(isr));
      });
}

bool leads_any_partition(const Image& image, NodeId broker) {
  bool leads = false;
  for_each_partition(image, [&](const Topic&, const Partition& partition) {
    leads = partition.leader == broker;
    return !leads;
  });
  return leads;
}

std::vector<Record> elr_safety_records(const Controller& controller, const Image& image) {
  std::vector<Record> out;
  const metadata::ConfigResource cluster{ResourceType::broker, ""};
  if (!image.configs(cluster).contains(kMinIsr)) {
    const config::BrokerConfig config(controller.layers(image, "", kNoNode));
    out.push_back(ConfigRecord{cluster, std::string(kMinIsr), std::to_string(config.int_of(kMinIsr, 1))});
  }
  for (const auto& [resource, configs] : image.all_configs())
    if (resource.type == ResourceType::broker && !resource.name.empty() && configs->contains(kMinIsr))
      out.push_back(ConfigRecord{resource, std::string(kMinIsr), std::nullopt});
  return out;
}

std::vector<Record> Controller::activation_records(const Image& image) const {
  return elr_enabled(image) ? elr_safety_records(*this, image) : std::vector<Record>();
}

}  // namespace moldau::controller
