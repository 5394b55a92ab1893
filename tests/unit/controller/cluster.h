// A cluster whose records take effect at once, and the invariants of its partitions, checked after every
// change (reliability.md 3.2: I-P3, I-P10).
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "controller/controller.h"
#include "controller/elections.h"
#include "controller/features.h"

namespace moldau::controller {

using metadata::Image;
using metadata::LeaderRecoveryState;
using metadata::Partition;
using metadata::PartitionChangeRecord;
using metadata::PartitionRecord;
using metadata::Record;
using metadata::ResourceType;
using wire::ErrorCode;

inline bool are_distinct(const std::vector<NodeId>& nodes) {
  return std::set(nodes.begin(), nodes.end()).size() == nodes.size();
}
inline bool is_subset(const std::vector<NodeId>& some, const std::vector<NodeId>& all) {
  return std::ranges::all_of(some, [&](NodeId node) { return contains(all, node); });
}

inline void expect_sound(const Image& image, const Partition& p) {
  SCOPED_TRACE("partition " + std::to_string(p.partition) + " of " + image.topic(p.topic_id)->name);
  ASSERT_FALSE(p.replicas.empty());
  ASSERT_TRUE(are_distinct(p.replicas));
  ASSERT_TRUE(are_distinct(p.isr));
  ASSERT_TRUE(are_distinct(p.eligible_leader_replicas));
  ASSERT_TRUE(is_subset(p.isr, p.replicas));
  ASSERT_TRUE(is_subset(p.eligible_leader_replicas, p.replicas));
  ASSERT_TRUE(is_subset(p.last_known_elr, p.replicas));
  ASSERT_TRUE(is_subset(p.adding_replicas, p.replicas));
  ASSERT_TRUE(is_subset(p.removing_replicas, p.replicas));
  ASSERT_EQ(without(p.isr, p.eligible_leader_replicas), p.isr) << "ISR and ELR have somebody in common";
  ASSERT_EQ(p.directories.size(), p.replicas.size());
  if (p.leader != kNoNode) {
    ASSERT_TRUE(contains(p.isr, p.leader)) << "leader " << p.leader;
    ASSERT_TRUE(image.is_active(p.leader)) << "leader " << p.leader << " is fenced or about to leave";
  }
  if (p.recovery_state == LeaderRecoveryState::recovering && p.leader != kNoNode) {
    ASSERT_EQ(p.isr, std::vector<NodeId>{p.leader}) << "a recovering leader is alone";
  }
  if (elr_enabled(image))
    for (const NodeId node : p.isr) ASSERT_TRUE(image.is_active(node)) << "ISR member " << node;
  if (!elr_enabled(image)) ASSERT_TRUE(p.eligible_leader_replicas.empty());
}

inline void expect_sound(const Image& before, const Image& after) {
  for_each_partition(after, [&](const metadata::Topic& topic, const Partition& now) {
    expect_sound(after, now);
    const Partition* was = before.partition({topic.id, now.partition});
    if (was && !(*was == now)) {
      EXPECT_GT(now.partition_epoch, was->partition_epoch);
      EXPECT_GE(now.leader_epoch, was->leader_epoch);
      if (now.leader != was->leader || !is_subset(was->replicas, now.replicas))
        EXPECT_GT(now.leader_epoch, was->leader_epoch);
    }
    return !::testing::Test::HasFatalFailure();
  });
}

class Cluster {
 public:
  explicit Cluster(int brokers = 3, config::ConfigMap static_broker = {})
      : controller_({std::move(static_broker)}) {
    commit(bootstrap_records("cluster"));
    commit(controller_.activation_records(image_));
    for (NodeId id = 1; id <= brokers; ++id) add_broker(id);
  }

  static DirectoryId directory(NodeId id, int generation = 0) {
    return {5 + static_cast<std::uint64_t>(generation), static_cast<std::uint64_t>(id)};
  }
  // What a new process of the broker sends.
  wire::BrokerRegistrationRequest registration(NodeId id) {
    wire::BrokerRegistrationRequest request{
        .broker_id = id,
        .cluster_id = "cluster",
        .incarnation_id = {7, static_cast<std::uint64_t>(++incarnation_)}};
    request.listeners.push_back({.name = "PLAINTEXT", .host = "h", .port = 9092});
    for (const auto& f : supported_features()) request.features.push_back({f.name, f.min_level, f.max_level});
    request.log_dirs = {directory(id)};
    return request;
  }
  wire::BrokerRegistrationResponse enroll(const wire::BrokerRegistrationRequest& request) {
    auto response = commit(controller_.register_broker(image_, request, next_offset_, false));
    if (response.error_code == ErrorCode::none)
      sessions_.registered(request.broker_id, response.broker_epoch, now_);
    return response;
  }

  void add_broker(NodeId id, std::optional<std::string> rack = {}) {
    auto request = registration(id);
    request.rack = std::move(rack);
    if (const metadata::Broker* old = image_.broker(id)) request.previous_broker_epoch = old->broker_epoch;
    ASSERT_EQ(enroll(request).error_code, ErrorCode::none);
    EXPECT_TRUE(image_.broker(id)->fenced);
    beat(id);
    EXPECT_FALSE(image_.broker(id)->fenced);
  }
  // A process that was killed comes back, on the same disk or another one, and is still fenced.
  void crash_and_register(NodeId id, std::optional<DirectoryId> new_directory = {}) {
    auto request = registration(id);
    if (new_directory) request.log_dirs = {*new_directory};
    ASSERT_EQ(enroll(request).error_code, ErrorCode::none);
  }
  wire::BrokerHeartbeatRequest heartbeat_of(NodeId id) const {
    return {.broker_id = id,
            .broker_epoch = image_.broker(id)->broker_epoch,
            .current_metadata_offset = next_offset_ - 1};
  }
  wire::BrokerHeartbeatResponse beat(const wire::BrokerHeartbeatRequest& request) {
    auto response = commit(controller_.heartbeat(image_, request, sessions_));
    sessions_.heartbeat(request, response, next_offset_, now_);
    return response;
  }
  wire::BrokerHeartbeatResponse beat(NodeId id, bool want_fence = false, bool want_shut_down = false) {
    auto request = heartbeat_of(id);
    request.want_fence = want_fence;
    request.want_shut_down = want_shut_down;
    return beat(request);
  }
  // All of the broker's directories are to get nothing more.
  wire::BrokerHeartbeatResponse beat_full(NodeId id) {
    auto request = heartbeat_of(id);
    request.cordoned_log_dirs = image_.broker(id)->directories;
    return beat(request);
  }
  void fence(NodeId id) { commit(controller_.fence_broker(image_, id)); }

  template <class Response>
  Response commit(Outcome<Response> outcome) {
    commit(outcome.records);
    last_records_ = std::move(outcome.records);
    return std::move(outcome.response);
  }
  void commit(const std::vector<Record>& records) {
    // What is committed passed through bytes: an outcome that does not survive them is no good.
    std::vector<Record> parsed;
    for (const Record& record : records) parsed.push_back(*metadata::parse(metadata::serialize(record)));
    auto applied = metadata::apply_records(image_, parsed);
    ASSERT_TRUE(applied) << applied.error().message;
    expect_sound(image_, applied->image);
    image_ = applied->image;
    expect_eligible_only_while_nothing_is_committed();
    next_offset_ += static_cast<Offset>(records.size());
  }

  // Where the ISR is large enough to commit without them, nobody else is sure to have everything.
  void expect_eligible_only_while_nothing_is_committed() const {
    RulesOfTopics rules_of(controller_, image_);
    for_each_partition(image_, [&](const metadata::Topic& topic, const Partition& p) {
      if (!p.eligible_leader_replicas.empty())
        EXPECT_LT(p.isr.size(), std::min(rules_of.of(topic).min_isr, p.replicas.size())) << topic.name;
      return true;
    });
  }

  wire::CreateTopicsResponse::Topic create(wire::CreateTopicsRequest::Topic topic) {
    wire::CreateTopicsRequest request;
    request.topics.push_back(std::move(topic));
    return commit(controller_.create_topics(image_, request, random_)).topics.at(0);
  }
  wire::CreateTopicsResponse::Topic create(const std::string& name, std::int32_t partitions = 1,
                                           std::int16_t rf = 1) {
    return create({.name = name, .num_partitions = partitions, .replication_factor = rf});
  }
  // One partition on these brokers, with these configs.
  void create_on(const std::string& name, std::vector<NodeId> replicas,
                 const std::map<std::string, std::string>& configs = {}) {
    wire::CreateTopicsRequest::Topic topic{.name = name, .num_partitions = -1, .replication_factor = -1};
    topic.assignments.push_back({0, std::move(replicas)});
    for (const auto& [key, value] : configs) topic.configs.push_back({.name = key, .value = value});
    const auto created = create(std::move(topic));
    ASSERT_EQ(created.error_code, ErrorCode::none) << created.error_message.value_or("");
  }
  const metadata::Topic& topic(const std::string& name) const { return *image_.topic(name); }
  const Partition& partition(const std::string& name, PartitionIndex index = 0) const {
    return *image_.topic(name)->partition(index);
  }

  ErrorCode set_config(ResourceType type, const std::string& name, const std::string& key,
                       std::optional<std::string> value) {
    wire::IncrementalAlterConfigsRequest request;
    auto& resource = request.resources.emplace_back();
    resource.resource_type = static_cast<std::int8_t>(type);
    resource.resource_name = name;
    resource.configs.push_back(
        {.name = key, .config_operation = static_cast<std::int8_t>(value ? 0 : 1), .value = value});
    return commit(controller_.incremental_alter_configs(image_, request)).responses.at(0).error_code;
  }
  ErrorCode set_feature(const std::string& name, std::int16_t level) {
    wire::UpdateFeaturesRequest request;
    const bool down = level < image_.feature_level(name);
    request.feature_updates.push_back({.feature = name,
                                       .max_version_level = level,
                                       .upgrade_type = static_cast<std::int8_t>(down ? 2 : 1)});
    return commit(controller_.update_features(image_, request, 0)).error_code;
  }

  // The leader's wish for this ISR, all epochs as they are.
  wire::AlterPartitionRequest isr_wish(const std::string& name, const std::vector<NodeId>& isr,
                                       PartitionIndex index = 0) const {
    const Partition& p = partition(name, index);
    wire::AlterPartitionRequest request{.broker_id = p.leader};
    if (const auto* leader = image_.broker(p.leader)) request.broker_epoch = leader->broker_epoch;
    auto& topic = request.topics.emplace_back();
    topic.topic_id = p.topic_id;
    auto& wish = topic.partitions.emplace_back();
    wish.partition_index = index;
    wish.leader_epoch = p.leader_epoch;
    wish.partition_epoch = p.partition_epoch;
    for (const NodeId id : isr)
      wish.new_isr_with_epochs.push_back(
          {.broker_id = id, .broker_epoch = image_.broker(id) ? image_.broker(id)->broker_epoch : 0});
    return request;
  }
  wire::AlterPartitionResponse::Topic::Partition alter(const wire::AlterPartitionRequest& request) {
    const auto response = commit(controller_.alter_partition(image_, request));
    EXPECT_EQ(response.error_code, ErrorCode::none);
    return response.topics.at(0).partitions.at(0);
  }
  ErrorCode set_isr(const std::string& name, const std::vector<NodeId>& isr) {
    return alter(isr_wish(name, isr)).error_code;
  }

  wire::AlterPartitionReassignmentsResponse::TopicResponse::PartitionResponse reassign(
      const std::string& name, std::optional<std::vector<NodeId>> replicas, bool may_change_factor = true,
      PartitionIndex index = 0) {
    wire::AlterPartitionReassignmentsRequest request;
    request.allow_replication_factor_change = may_change_factor;
    auto& topic = request.topics.emplace_back();
    topic.name = name;
    topic.partitions.push_back({.partition_index = index, .replicas = std::move(replicas)});
    return commit(controller_.alter_partition_reassignments(image_, request))
        .responses.at(0)
        .partitions.at(0);
  }
  wire::ElectLeadersResponse::ReplicaElectionResult::PartitionResult elect(const std::string& name,
                                                                           std::int8_t type,
                                                                           PartitionIndex index = 0) {
    wire::ElectLeadersRequest request{.election_type = type};
    request.topic_partitions.emplace().push_back({.topic = name, .partitions = {index}});
    return commit(controller_.elect_leaders(image_, request))
        .replica_election_results.at(0)
        .partition_result.at(0);
  }

  Controller controller_;
  BrokerSessions sessions_;
  Image image_;
  Random random_{1};
  std::vector<Record> last_records_;
  Offset next_offset_ = 0;
  Time now_{};
  int incarnation_ = 0;
};

using Nodes = std::vector<NodeId>;

}  // namespace moldau::controller
