// Moving replicas (KIP-455): adding and removing replicas are kept beside the others until all that are to
// stay are in sync (partition_change.h completes it), so that it ends in the new replicas or, cancelled, in
// the old.
#include <algorithm>
#include <set>

#include "controller/assignment.h"
#include "controller/controller.h"
#include "controller/elections.h"

namespace moldau::controller {

namespace {

using metadata::Image;
using metadata::Partition;
using metadata::PartitionChangeRecord;
using metadata::Topic;
using wire::ErrorCode;
using Wish = wire::AlterPartitionReassignmentsRequest::Topic::Partition;
using MaybeChange = Judged<std::optional<PartitionChangeRecord>>;

bool is_reassigned(const Partition& partition) {
  return !partition.adding_replicas.empty() || !partition.removing_replicas.empty();
}

std::vector<NodeId> sorted(std::vector<NodeId> nodes) {
  std::ranges::sort(nodes);
  return nodes;
}

class Reassignment {
 public:
  Reassignment(const Controller& controller, const Image& image, bool may_change_replication_factor)
      : image_(image),
        electorate_{.image = image},
        rules_of_(controller, image),
        may_change_replication_factor_(may_change_replication_factor) {}

  MaybeChange judge(const std::string& name, const Wish& wish) {
    const Topic* topic = image_.topic(name);
    if (!topic)
      return refuse(ErrorCode::unknown_topic_or_partition, "Unable to find a topic named " + name + ".");
    const Partition* partition = topic->partition(wish.partition_index);
    if (!partition)
      return refuse(ErrorCode::unknown_topic_or_partition,
                    "Unable to find partition " + name + ":" + std::to_string(wish.partition_index) + ".");
    if (!named_.insert({topic->id, wish.partition_index}).second)
      return refuse(ErrorCode::invalid_request, "The partition is named twice.");
    return wish.replicas ? change(*topic, *partition, *wish.replicas) : cancel(*topic, *partition);
  }

 private:
  MaybeChange change(const Topic& topic, const Partition& partition, const Replicas& target) {
    if (auto good = check_assignment(image_, target, target.size()); !good)
      return std::unexpected(good.error());
    const std::vector<NodeId> original = without(partition.replicas, partition.adding_replicas);
    const std::size_t factor = without(partition.replicas, partition.removing_replicas).size();
    if (!may_change_replication_factor_ && target.size() != factor)
      return refuse(ErrorCode::invalid_replication_factor, "The replication factor is changed from " +
                                                               std::to_string(factor) + " to " +
                                                               std::to_string(target.size()));
    // A replica that was being added and is not wanted any more stays until the new ones are there: it may be
    // the only one that is in sync. Both adding and removing: neither end keeps it.
    const std::vector<NodeId> removing = sorted(without(partition.replicas, target));
    std::vector<NodeId> replicas = target;
    replicas.insert(replicas.end(), removing.begin(), removing.end());
    const std::vector<NodeId> adding = sorted(without(replicas, original));
    return PartitionChangeBuilder(partition, rules_of_.of(topic), electorate_)
        .replicas(std::move(replicas), adding, removing)
        .build();
  }

  MaybeChange cancel(const Topic& topic, const Partition& partition) {
    if (!is_reassigned(partition))
      return refuse(ErrorCode::no_reassignment_in_progress, "No partition reassignment is in progress.");
    const ElectionRules& rules = rules_of_.of(topic);
    const std::vector<NodeId> original = without(partition.replicas, partition.adding_replicas);
    const std::vector<NodeId> isr = without(partition.isr, partition.adding_replicas);
    auto record = PartitionChangeBuilder(partition, rules, electorate_)
                      .election(rules.unclean_allowed ? Election::unclean : Election::online)
                      .isr(isr)
                      .replicas(original, {}, {})
                      .build();
    MOLDAU_ASSERT(record);
    // What was committed may be with those alone that were being added.
    const bool unclean =
        isr.empty() && without(partition.eligible_leader_replicas, partition.adding_replicas).empty();
    if (unclean && (!rules.unclean_allowed || record->leader.value_or(partition.leader) == kNoNode))
      return refuse(ErrorCode::invalid_replica_assignment,
                    "Unable to revert partition assignment for " + topic.name + ":" +
                        std::to_string(partition.partition) +
                        " because it would require an unclean leader election.");
    return record;
  }

  const Image& image_;
  const Electorate electorate_;
  RulesOfTopics rules_of_;
  const bool may_change_replication_factor_;
  std::set<TopicIdPartition> named_;
};

using Listed = wire::ListPartitionReassignmentsResponse::Topic;

void list(const Topic& topic, const Partition* partition, Listed& to) {
  if (!partition || !is_reassigned(*partition)) return;
  to.name = topic.name;
  to.partitions.push_back({.partition_index = partition->partition,
                           .replicas = partition->replicas,
                           .adding_replicas = partition->adding_replicas,
                           .removing_replicas = partition->removing_replicas});
}

}  // namespace

Outcome<wire::AlterPartitionReassignmentsResponse> Controller::alter_partition_reassignments(
    const Image& image, const wire::AlterPartitionReassignmentsRequest& request) const {
  Outcome<wire::AlterPartitionReassignmentsResponse> out;
  out.response.allow_replication_factor_change = request.allow_replication_factor_change;
  Reassignment reassignment(*this, image, request.allow_replication_factor_change);
  for (const auto& topic : request.topics) {
    auto& answers = out.response.responses.emplace_back();
    answers.name = topic.name;
    for (const Wish& wish : topic.partitions) {
      auto& answer = answers.partitions.emplace_back();
      answer.partition_index = wish.partition_index;
      if (auto change = reassignment.judge(topic.name, wish); !change) {
        answer.error_code = change.error().code;
        answer.error_message = std::move(change.error().message);
      } else if (*change) {
        out.records.push_back(std::move(**change));
      }
    }
  }
  if (out.records.size() > kMaxRecordsPerOperation) {
    out.records.clear();
    out.response.error_code = ErrorCode::policy_violation;
    out.response.error_message = kTooManyRecords;
    out.response.responses.clear();
  }
  return out;
}

Outcome<wire::ListPartitionReassignmentsResponse> Controller::list_partition_reassignments(
    const Image& image, const wire::ListPartitionReassignmentsRequest& request) const {
  Outcome<wire::ListPartitionReassignmentsResponse> out;
  const auto add = [&](Listed listed) {
    if (!listed.partitions.empty()) out.response.topics.push_back(std::move(listed));
  };
  if (!request.topics) {
    for (const auto& [name, topic] : image.topics()) {
      Listed listed;
      for (const auto& partition : topic->partitions) list(*topic, partition.get(), listed);
      add(std::move(listed));
    }
    return out;
  }
  std::set<std::pair<std::string, PartitionIndex>> listed_once;
  for (const auto& asked : *request.topics) {
    const Topic* topic = image.topic(asked.name);
    if (!topic) continue;
    Listed listed;
    for (const PartitionIndex index : asked.partition_indexes)
      if (listed_once.emplace(asked.name, index).second) list(*topic, topic->partition(index), listed);
    add(std::move(listed));
  }
  return out;
}

}  // namespace moldau::controller
