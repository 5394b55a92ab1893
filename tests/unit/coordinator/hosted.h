// __consumer_offsets with a few partitions on one simulated machine, and its coordinator. The test is the
// controller: it says who leads.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "coordinator/group_coordinator.h"
#include "metadata/topic_name.h"
#include "node/partition_host.h"
#include "record/builder.h"
#include "simulation/world.h"
#include "wire/murmur2.h"

namespace moldau::coordinator::testing {

using namespace std::chrono_literals;
using runtime::Task;
using wire::ErrorCode;

inline constexpr TopicId kTopicId{3, 3};
inline constexpr PartitionIndex kPartitions = 4;
inline constexpr NodeId kSelf = 1;
inline constexpr NodeId kOther = 2;

class Hosted : public ::testing::Test {
 protected:
  Hosted() {
    settings_.data_dir = "/data";
    settings_.node_id = kSelf;
    settings_.commit_log_size_bytes = 1 << 20;
    settings_.broker.insert({"log.retention.check.interval.ms", "1000000000"});
  }
  ~Hosted() override { close(); }

  // Opens the data folder, as after a start, and leads what the image says.
  void open() {
    runtime::Disk& disk = world.disk();
    const DirectoryId id{5, 5};
    if (!storage::DataDirectory::inspect(disk, "/data")) {
      ASSERT_TRUE(storage::DataDirectory::format(disk, "/data", "cluster", kSelf, id));
    }
    auto opened = storage::DataDirectory::open(disk, "/data", {"cluster", kSelf}, id);
    ASSERT_TRUE(opened) << opened.error().message;
    directory_ = std::move(*opened);
    host_ = std::make_unique<node::PartitionHost>(world, settings_, *directory_);
    const Status status = world.run(host_->open());
    ASSERT_TRUE(status) << status.error().message;
    coordinator_settings_ = Settings::of(settings_.broker);
    coordinator = std::make_unique<GroupCoordinator>(GroupCoordinator::Parts{
        world.shard(0), world.wall_clock(), host_->hosted().front()->partitions, coordinator_settings_, 7});
    apply(metadata::difference(metadata::Image(), *image_));
  }
  void close() {
    if (!coordinator) return;
    world.run(coordinator->stop());
    coordinator.reset();
    world.run(host_->close_partitions());
    const Status closed = world.run(host_->close());
    if (closed) static_cast<void>(directory_->mark_clean(-1));
    host_.reset();
    directory_.reset();
  }
  void reopen() {
    close();
    open();
  }

  // --- the controller
  void commit(std::vector<metadata::Record> records) {
    auto applied = metadata::apply_records(*image_, records);
    ASSERT_TRUE(applied) << applied.error().message;
    image_ = std::make_shared<metadata::Image>(
        applied->image.at(image_->end_offset() + static_cast<Offset>(records.size()), 1));
    if (coordinator) apply(applied->delta);
  }
  void apply(const metadata::Delta& delta) {
    world.run(host_->apply(image_, delta));
    coordinator->apply(image_, delta);
    world.run(host_->remove(delta));
  }
  void create_topic(std::map<std::string, std::string> configs = {}, std::vector<NodeId> replicas = {kSelf},
                    std::vector<NodeId> isr = {kSelf}) {
    const std::string name(metadata::kOffsetsTopic);
    std::vector<metadata::Record> records{metadata::TopicRecord{name, kTopicId}};
    configs.insert({"cleanup.policy", "compact"});
    for (const auto& [key, value] : configs)
      records.push_back(metadata::ConfigRecord{{metadata::ResourceType::topic, name}, key, value});
    for (PartitionIndex at = 0; at < kPartitions; ++at) {
      metadata::PartitionRecord partition;
      partition.topic_id = kTopicId;
      partition.partition = at;
      partition.replicas = replicas;
      partition.isr = isr;
      partition.leader = kSelf;
      records.push_back(partition);
    }
    commit(std::move(records));
  }
  void create_topic_named(const std::string& name, TopicId id, PartitionIndex count) {
    std::vector<metadata::Record> records{metadata::TopicRecord{name, id}};
    for (PartitionIndex at = 0; at < count; ++at) {
      metadata::PartitionRecord partition;
      partition.topic_id = id;
      partition.partition = at;
      partition.replicas = {kSelf};
      partition.isr = {kSelf};
      partition.leader = kSelf;
      records.push_back(partition);
    }
    commit(std::move(records));
  }
  std::shared_ptr<const metadata::Image> image() const { return image_; }
  void elect(PartitionIndex at, NodeId leader) {
    metadata::PartitionChangeRecord change;
    change.topic_id = kTopicId;
    change.partition = at;
    change.leader = leader;
    commit({change});
  }
  void start() {
    open();
    create_topic();
    ASSERT_TRUE(world.run_until([&] { return coordinator->state_hashes().size() == kPartitions; }, 10s));
  }

  replication::PartitionSet& partitions() { return host_->hosted().front()->partitions; }
  replication::Partition& partition(PartitionIndex at) { return *partitions().find({kTopicId, at}); }

  // --- requests
  static PartitionIndex at(const std::string& group) {
    return wire::coordinator_partition(group, kPartitions);
  }
  static group::Client client(wire::ApiVersion version) { return {"app", "/10.0.0.1", version}; }

  Task<GroupResult<ErrorCode>> commit_later(std::string group, Offset offset, std::string topic = "t",
                                            TopicId topic_id = kZeroUuid) {
    wire::OffsetCommitRequest request;
    request.group_id = group;
    auto& named = request.topics.emplace_back();
    named.name = std::move(topic);
    named.topic_id = topic_id;
    auto& partition = named.partitions.emplace_back();
    partition.committed_offset = offset;
    auto answer = co_await coordinator->commit_offsets(at(group), std::move(request), client(8));
    if (!answer) co_return std::unexpected(answer.error());
    co_return answer->topics.front().partitions.front().error_code;
  }
  ErrorCode commit_offset(const std::string& group, Offset offset, const std::string& topic = "t",
                          TopicId topic_id = kZeroUuid) {
    const auto answer = world.run(commit_later(group, offset, topic, topic_id));
    return answer ? *answer : answer.error();
  }
  Task<GroupResult<Offset>> fetch_later(std::string group, std::string topic = "t") {
    wire::OffsetFetchRequest::Group request;
    request.group_id = group;
    request.topics.emplace().push_back({topic, {}, {0}});
    auto answer = co_await coordinator->fetch_offsets(at(group), std::move(request), false);
    if (!answer) co_return std::unexpected(answer.error());
    co_return answer->topics.front().partitions.front().committed_offset;
  }
  GroupResult<Offset> committed(const std::string& group, const std::string& topic = "t") {
    return world.run(fetch_later(group, topic));
  }

  wire::JoinGroupRequest join_request(const std::string& group, const std::string& member = "") {
    wire::JoinGroupRequest request;
    request.group_id = group;
    request.session_timeout_ms = 10'000;
    request.rebalance_timeout_ms = 20'000;
    request.member_id = member;
    request.protocol_type = "consumer";
    request.protocols.push_back({"range", Slice::copy_of("metadata")});
    return request;
  }
  // Without an id beforehand, as clients before version 4.
  Task<GroupResult<wire::JoinGroupResponse>> join_later(wire::JoinGroupRequest request) {
    const PartitionIndex where = at(request.group_id);
    return coordinator->join(where, std::move(request), client(3), ++last_ticket);
  }
  Task<GroupResult<wire::SyncGroupResponse>> sync_later(const std::string& group,
                                                        const wire::JoinGroupResponse& joined,
                                                        std::string assignment = "all") {
    wire::SyncGroupRequest request;
    request.group_id = group;
    request.generation_id = joined.generation_id;
    request.member_id = joined.member_id;
    request.assignments.push_back({joined.member_id, Slice::copy_of(assignment)});
    return coordinator->sync(at(group), std::move(request), client(3), ++last_ticket);
  }
  // The id of the only member of a stable group.
  wire::JoinGroupResponse stable(const std::string& group) {
    const auto joined = world.run(join_later(join_request(group)));
    EXPECT_TRUE(joined && joined->error_code == ErrorCode::none);
    if (!joined) return {};
    const auto synced = world.run(sync_later(group, *joined));
    EXPECT_TRUE(synced && synced->assignment.text() == "all");
    return *joined;
  }
  ErrorCode heartbeat(const std::string& group, const wire::JoinGroupResponse& member) {
    wire::HeartbeatRequest request{group, member.generation_id, member.member_id, std::nullopt};
    const auto answer = world.run(coordinator->heartbeat(at(group), std::move(request)));
    return answer ? answer->error_code : answer.error();
  }
  std::string state(const std::string& group) {
    const auto answer = world.run(coordinator->describe(at(group), group, 5));
    return answer ? answer->group_state : std::string(wire::name_of(answer.error()));
  }

  simulation::World world{11, simulation::Options{.machines = 1}};
  std::unique_ptr<GroupCoordinator> coordinator;
  group::Ticket last_ticket = 0;
  config::Settings settings_;

 private:
  Settings coordinator_settings_;
  std::unique_ptr<storage::DataDirectory> directory_;
  std::unique_ptr<node::PartitionHost> host_;
  std::shared_ptr<const metadata::Image> image_ = std::make_shared<metadata::Image>();
};

}  // namespace moldau::coordinator::testing
