// A leader's wish for another ISR (KIP-497), and who may be in it (KIP-841, KIP-903).
#include <algorithm>
#include <set>

#include "controller/controller.h"
#include "controller/elections.h"

namespace moldau::controller {

namespace {

using metadata::Broker;
using metadata::Image;
using metadata::LeaderRecoveryState;
using metadata::Partition;
using metadata::Topic;
using wire::ErrorCode;
using Request = wire::AlterPartitionRequest;
using Wish = Request::Topic::Partition;
using Answer = wire::AlterPartitionResponse::Topic::Partition;
using IsrMember = Wish::BrokerState;

// Version 2 has no epochs: -1 stands for whichever.
std::vector<IsrMember> members_of(const Wish& wish) {
  if (!wish.new_isr_with_epochs.empty()) return wish.new_isr_with_epochs;
  std::vector<IsrMember> out;
  for (const NodeId id : wish.new_isr) out.push_back({.broker_id = id});
  return out;
}

std::vector<NodeId> ids_of(const std::vector<IsrMember>& members) {
  std::vector<NodeId> out;
  for (const IsrMember& member : members) out.push_back(member.broker_id);
  return out;
}

bool are_distinct_replicas(const Partition& partition, const std::vector<NodeId>& isr) {
  const std::set<NodeId> distinct(isr.begin(), isr.end());
  return distinct.size() == isr.size() &&
         std::ranges::all_of(isr, [&](NodeId id) { return contains(partition.replicas, id); });
}

// What was fetched by an earlier process of the broker proves nothing about this one (RP-10); who is fenced
// or about to leave would be a member that cannot follow (RP-11), one whose directory is gone or damaged has
// nothing to lead with.
bool may_be_in_isr(const Image& image, const Partition& partition, const IsrMember& member) {
  const Broker* broker = image.broker(member.broker_id);
  return broker && image.is_active(member.broker_id) &&
         is_online(directory_of(partition, member.broker_id), broker->directories) &&
         (member.broker_epoch == metadata::kNoBrokerEpoch || member.broker_epoch == broker->broker_epoch);
}

ErrorCode judge(const Image& image, NodeId requester, const Partition* partition, const Wish& wish) {
  if (!partition) return ErrorCode::unknown_topic_or_partition;
  // Whoever knows more than this node has heard of it from a later controller.
  if (wish.leader_epoch > partition->leader_epoch || wish.partition_epoch > partition->partition_epoch)
    return ErrorCode::not_controller;
  if (wish.leader_epoch < partition->leader_epoch) return ErrorCode::fenced_leader_epoch;
  if (requester != partition->leader) return ErrorCode::invalid_request;
  if (wish.partition_epoch < partition->partition_epoch) return ErrorCode::invalid_update_version;
  const std::vector<IsrMember> members = members_of(wish);
  const std::vector<NodeId> isr = ids_of(members);
  if (!are_distinct_replicas(*partition, isr) || !contains(isr, partition->leader))
    return ErrorCode::invalid_request;
  if (wish.leader_recovery_state != 0 && wish.leader_recovery_state != 1) return ErrorCode::invalid_request;
  const bool recovering = wish.leader_recovery_state == 1;
  if (recovering && (isr.size() > 1 || partition->recovery_state == LeaderRecoveryState::recovered))
    return ErrorCode::invalid_request;
  if (!std::ranges::all_of(members,
                           [&](const IsrMember& member) { return may_be_in_isr(image, *partition, member); }))
    return ErrorCode::ineligible_replica;
  return ErrorCode::none;
}

Answer answer_of(const Partition& partition) {
  Answer out{.partition_index = partition.partition};
  out.leader_id = partition.leader;
  out.leader_epoch = partition.leader_epoch;
  out.isr = partition.isr;
  out.leader_recovery_state = static_cast<std::int8_t>(partition.recovery_state);
  out.partition_epoch = partition.partition_epoch;
  return out;
}

class Alteration {
 public:
  Alteration(const Controller& controller, const Image& image, NodeId requester)
      : image_(image), electorate_{.image = image}, rules_of_(controller, image), requester_(requester) {}

  Answer apply(const Topic* topic, const TopicId& id, const Wish& wish) {
    const auto refused = [&](ErrorCode code) {
      return Answer{.partition_index = wish.partition_index, .error_code = code};
    };
    if (!topic) return refused(ErrorCode::unknown_topic_id);
    if (!named_.insert({id, wish.partition_index}).second) return refused(ErrorCode::invalid_request);
    const Partition* partition = topic->partition(wish.partition_index);
    if (const ErrorCode code = judge(image_, requester_, partition, wish); code != ErrorCode::none)
      return refused(code);
    const ElectionRules& rules = rules_of_.of(*topic);
    auto change = PartitionChangeBuilder(*partition, rules, electorate_)
                      .election(rules.unclean_allowed ? Election::unclean : Election::online)
                      .isr(ids_of(members_of(wish)))
                      .recovery_state(static_cast<LeaderRecoveryState>(wish.leader_recovery_state))
                      .build();
    if (!change) return answer_of(*partition);
    const Partition after = metadata::changed(*partition, *change);
    records_.push_back(std::move(*change));
    // The change has completed a reassignment that takes the leader away: it is made, and the leader must
    // look at the metadata.
    return after.leader != requester_ ? refused(ErrorCode::new_leader_elected) : answer_of(after);
  }
  std::vector<metadata::Record> take_records() { return std::move(records_); }

 private:
  const Image& image_;
  const Electorate electorate_;
  RulesOfTopics rules_of_;
  const NodeId requester_;
  std::set<TopicIdPartition> named_;
  std::vector<metadata::Record> records_;
};

}  // namespace

Outcome<wire::AlterPartitionResponse> Controller::alter_partition(const Image& image,
                                                                  const Request& request) const {
  Outcome<wire::AlterPartitionResponse> out;
  const Broker* broker = image.broker(request.broker_id);
  if (!broker || broker->broker_epoch != request.broker_epoch) {
    out.response.error_code = ErrorCode::stale_broker_epoch;
    return out;
  }
  Alteration alteration(*this, image, request.broker_id);
  for (const auto& topic : request.topics) {
    auto& answers = out.response.topics.emplace_back();
    answers.topic_id = topic.topic_id;
    for (const Wish& wish : topic.partitions)
      answers.partitions.push_back(alteration.apply(image.topic(topic.topic_id), topic.topic_id, wish));
  }
  out.records = alteration.take_records();
  out.divisible = true;  // each partition by itself
  return out;
}

}  // namespace moldau::controller
