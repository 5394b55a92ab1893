// Where replicas lie on their brokers' disks (KIP-858).
#include <map>
#include <set>

#include "controller/controller.h"
#include "controller/elections.h"

namespace moldau::controller {

namespace {

using metadata::Broker;
using metadata::Image;
using metadata::Partition;
using metadata::Topic;
using wire::ErrorCode;
using Request = wire::AssignReplicasToDirsRequest;

class Placement {
 public:
  Placement(const Controller& controller, const Image& image, const Broker& broker)
      : image_(image), broker_(broker), rules_of_(controller, image) {}

  ErrorCode assign(const TopicId& topic_id, PartitionIndex index, const DirectoryId& directory) {
    const Topic* topic = image_.topic(topic_id);
    if (!topic) return ErrorCode::unknown_topic_id;
    const Partition* partition = topic->partition(index);
    if (!partition) return ErrorCode::unknown_topic_or_partition;
    if (!contains(partition->replicas, broker_.broker_id)) return ErrorCode::not_leader_or_follower;
    if (!named_.insert({topic_id, index}).second) return ErrorCode::invalid_request;
    const NodeId id = broker_.broker_id;
    const auto names_others = [&](const std::vector<NodeId>& nodes) {
      return std::ranges::any_of(nodes, [&](NodeId node) {
        return node != id && directory_of(*partition, node) != metadata::kLostDirectory;
      });
    };
    const bool others_have_all =
        names_others(partition->isr) || names_others(partition->eligible_leader_replicas);
    const bool online = is_online(directory, broker_.directories);
    // Brokers give a replica up only while others have all of it.
    if (!online && contains(partition->isr, id) && !others_have_all) return ErrorCode::invalid_request;
    const ElectionRules& rules = rules_of_.of(*topic);
    const Electorate electorate{.image = image_, .gone = online ? kNoNode : id};
    PartitionChangeBuilder builder(*partition, rules, electorate);
    builder.directory(id, directory);
    // From a directory that is gone nothing can have moved: the replica is a new, empty one.
    if (!is_online(directory_of(*partition, id), broker_.directories)) builder.lost(id);
    if (!online) {  // it moved there, and then the directory was lost
      builder.election(rules.unclean_allowed ? Election::unclean : Election::online);
      builder.isr(without(partition->isr, std::span(&id, 1)));
    }
    if (auto change = builder.build()) records_.push_back(std::move(*change));
    return ErrorCode::none;
  }
  std::vector<metadata::Record> take_records() { return std::move(records_); }

 private:
  const Image& image_;
  const Broker& broker_;
  RulesOfTopics rules_of_;
  std::set<TopicIdPartition> named_;
  std::vector<metadata::Record> records_;
};

}  // namespace

Outcome<wire::AssignReplicasToDirsResponse> Controller::assign_replicas_to_dirs(
    const Image& image, const Request& request) const {
  Outcome<wire::AssignReplicasToDirsResponse> out;
  const Broker* broker = image.broker(request.broker_id);
  if (!broker || broker->broker_epoch != request.broker_epoch) {
    out.response.error_code = ErrorCode::stale_broker_epoch;
    return out;
  }
  Placement placement(*this, image, *broker);
  for (const auto& directory : request.directories) {
    auto& directory_answer = out.response.directories.emplace_back();
    directory_answer.id = directory.id;
    for (const auto& topic : directory.topics) {
      auto& topic_answer = directory_answer.topics.emplace_back();
      topic_answer.topic_id = topic.topic_id;
      for (const auto& partition : topic.partitions)
        topic_answer.partitions.push_back(
            {.partition_index = partition.partition_index,
             .error_code = placement.assign(topic.topic_id, partition.partition_index, directory.id)});
    }
  }
  out.records = placement.take_records();
  out.divisible = true;  // each partition by itself
  return out;
}

}  // namespace moldau::controller
