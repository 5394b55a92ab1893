// Elections on demand and on a timer.
#include <set>

#include "controller/controller.h"
#include "controller/elections.h"
#include "controller/refusal.h"

namespace moldau::controller {

namespace {

using metadata::Image;
using metadata::Partition;
using metadata::PartitionChangeRecord;
using metadata::Record;
using metadata::Topic;
using wire::ErrorCode;
using Answer = wire::ElectLeadersResponse::ReplicaElectionResult::PartitionResult;

enum class Asked : std::int8_t { preferred = 0, unclean = 1 };

class Campaign {
 public:
  Campaign(const Controller& controller, const Image& image, Asked asked)
      : image_(image), electorate_{.image = image}, rules_of_(controller, image), asked_(asked) {}

  Judged<void> elect(const std::string& name, PartitionIndex index) {
    const Topic* topic = image_.topic(name);
    if (!topic) return refuse(ErrorCode::unknown_topic_or_partition, "No such topic as " + name);
    const Partition* partition = topic->partition(index);
    if (!partition)
      return refuse(ErrorCode::unknown_topic_or_partition,
                    "No such partition as " + name + "-" + std::to_string(index));
    if (!named_.insert({topic->id, index}).second)
      return refuse(ErrorCode::invalid_request, "The partition is named twice.");
    return elect(*topic, *partition);
  }

  Judged<void> elect(const Topic& topic, const Partition& partition) {
    const bool preferred = asked_ == Asked::preferred;
    if (preferred ? partition.leader == partition.replicas.front() : partition.leader != kNoNode)
      return refuse(ErrorCode::election_not_needed, "Leader election not needed for topic partition.");
    auto change = PartitionChangeBuilder(partition, rules_of_.of(topic), electorate_)
                      .election(preferred ? Election::preferred : Election::unclean)
                      .build();
    if (!change || !change->leader)
      return preferred ? refuse(ErrorCode::preferred_leader_not_available,
                                "The preferred leader was not available.")
                       : refuse(ErrorCode::eligible_leaders_not_available,
                                "Eligible topic partition leaders are not available.");
    records_.push_back(std::move(*change));
    return {};
  }
  std::vector<Record> take_records() { return std::move(records_); }

 private:
  const Image& image_;
  const Electorate electorate_;
  RulesOfTopics rules_of_;
  const Asked asked_;
  std::set<TopicIdPartition> named_;
  std::vector<Record> records_;
};

Answer answer_of(PartitionIndex index, Judged<void> elected) {
  Answer out{.partition_id = index};
  if (!elected) {
    out.error_code = elected.error().code;
    out.error_message = std::move(elected.error().message);
  }
  return out;
}

bool is_needless(const Judged<void>& elected) {
  return !elected && elected.error().code == ErrorCode::election_not_needed;
}

// Records of partitions that `concerned` picks, elected as `kind_of(rules)` says, as long as there is room.
template <class Concerned, class Kind>
std::vector<Record> elect_some(const Controller& controller, const Image& image, std::size_t max_records,
                               const Concerned& concerned, const Kind& kind_of) {
  std::vector<Record> out;
  RulesOfTopics rules_of(controller, image);
  const Electorate electorate{.image = image};
  for_each_partition(image, [&](const Topic& topic, const Partition& partition) {
    if (out.size() >= max_records) return false;
    if (!concerned(partition)) return true;
    const ElectionRules& rules = rules_of.of(topic);
    auto change = PartitionChangeBuilder(partition, rules, electorate).election(kind_of(rules)).build();
    if (change && change->leader) out.push_back(std::move(*change));
    return true;
  });
  return out;
}

}  // namespace

Outcome<wire::ElectLeadersResponse> Controller::elect_leaders(
    const Image& image, const wire::ElectLeadersRequest& request) const {
  Outcome<wire::ElectLeadersResponse> out;
  if (request.election_type != 0 && request.election_type != 1) {
    out.response.error_code = ErrorCode::invalid_request;
    return out;
  }
  Campaign campaign(*this, image, static_cast<Asked>(request.election_type));
  if (request.topic_partitions) {
    for (const auto& topic : *request.topic_partitions) {
      auto& results = out.response.replica_election_results.emplace_back();
      results.topic = topic.topic;
      for (const PartitionIndex index : topic.partitions)
        results.partition_result.push_back(answer_of(index, campaign.elect(topic.topic, index)));
    }
  } else {
    // Of all partitions only those are told where there was something to do, as in Kafka.
    for (const auto& [name, topic] : image.topics()) {
      auto& results = out.response.replica_election_results.emplace_back();
      results.topic = name;
      for (const auto& partition : topic->partitions)
        if (auto elected = campaign.elect(*topic, *partition); !is_needless(elected))
          results.partition_result.push_back(answer_of(partition->partition, std::move(elected)));
    }
  }
  out.records = campaign.take_records();
  out.divisible = true;  // each partition by itself
  return out;
}

std::vector<Record> Controller::balance_leaders(const Image& image, std::size_t max_records) const {
  return elect_some(
      *this, image, max_records,
      [](const Partition& partition) { return partition.leader != partition.replicas.front(); },
      [](const ElectionRules&) { return Election::preferred; });
}

std::vector<Record> Controller::elect_unclean_where_allowed(const Image& image,
                                                            std::size_t max_records) const {
  return elect_some(
      *this, image, max_records, [](const Partition& partition) { return partition.leader == kNoNode; },
      [](const ElectionRules& rules) {
        return rules.unclean_allowed ? Election::unclean : Election::online;
      });
}

}  // namespace moldau::controller
