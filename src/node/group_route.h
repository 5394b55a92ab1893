// GroupRoute: a shard's way to the coordinators of consumer groups, which are on the shards that own the
// partitions of __consumer_offsets.
#pragma once

#include <atomic>
#include <span>

#include "coordinator/group_coordinator.h"
#include "replication/partition_set.h"
#include "server/controller_channel.h"
#include "server/group_channel.h"

namespace moldau::node {

// The coordinator of the groups whose partitions are of one commit log. Both on its shard.
struct GroupHome {
  runtime::Executor& executor;
  coordinator::GroupCoordinator& coordinator;
};

class GroupRoute final : public server::GroupChannel {
 public:
  struct Parts {
    runtime::Executor& executor;       // of this shard
    std::span<const GroupHome> homes;  // by commit log
    const coordinator::Settings& settings;
    server::ControllerChannel& controller;  // of this shard
    std::atomic<group::Ticket>& tickets;    // of the node
    // So many brokers the cluster has at least, whether they have registered already or not.
    std::size_t expected_brokers = 0;
  };
  // What the parts refer to outlives this object.
  explicit GroupRoute(Parts parts) : parts_(parts) {}
  // Of this shard; before the first request.
  void set_images(const replication::ImageHolder& images) { images_ = &images; }

  runtime::Task<server::GroupResult<wire::JoinGroupResponse>> ask(wire::JoinGroupRequest request,
                                                                  group::Client client,
                                                                  runtime::Watermark& closing) override;
  runtime::Task<server::GroupResult<wire::SyncGroupResponse>> ask(wire::SyncGroupRequest request,
                                                                  group::Client client,
                                                                  runtime::Watermark& closing) override;
  runtime::Task<server::GroupResult<wire::HeartbeatResponse>> ask(wire::HeartbeatRequest request) override;
  runtime::Task<server::GroupResult<wire::ConsumerGroupHeartbeatResponse>> ask(
      wire::ConsumerGroupHeartbeatRequest request, group::Client client) override;
  runtime::Task<server::GroupResult<wire::LeaveGroupResponse>> ask(wire::LeaveGroupRequest request,
                                                                   group::Client client) override;
  runtime::Task<server::GroupResult<wire::OffsetCommitResponse>> ask(wire::OffsetCommitRequest request,
                                                                     group::Client client) override;
  runtime::Task<server::GroupResult<replication::TransactionGuard>> guard_transaction(
      std::string group_id, ProducerId producer_id, ProducerEpoch epoch) override;
  runtime::Task<server::GroupResult<wire::TxnOffsetCommitResponse>> ask(
      wire::TxnOffsetCommitRequest request, std::optional<replication::TransactionGuard> guard) override;
  runtime::Task<wire::ErrorCode> end_transaction(PartitionIndex at, record::EndTransaction marker,
                                                 std::int16_t transaction_version) override;
  runtime::Task<server::GroupResult<wire::OffsetFetchResponse::Group>> ask(
      wire::OffsetFetchRequest::Group request, bool require_stable) override;
  runtime::Task<server::GroupResult<wire::OffsetDeleteResponse>> ask(
      wire::OffsetDeleteRequest request) override;
  runtime::Task<server::GroupResult<wire::DescribeGroupsResponse::Group>> describe(
      std::string group_id, wire::ApiVersion version) override;
  runtime::Task<server::GroupResult<wire::ConsumerGroupDescribeResponse::Group>> describe_consumers(
      std::string group_id) override;
  runtime::Task<server::GroupResult<wire::ErrorCode>> delete_group(std::string group_id) override;
  runtime::Task<server::GroupResult<std::vector<wire::ListGroupsResponse::Group>>> list(
      wire::ListGroupsRequest filters) override;
  runtime::Task<void> create_offsets_topic() override;

 private:
  // Where the groups of an id are.
  struct Place {
    const GroupHome* home = nullptr;
    PartitionIndex at = 0;
  };
  std::optional<Place> place_of(std::string_view group_id) const;
  // `call(GroupCoordinator&, at)` on the coordinator's shard.
  template <class Response, class Call>
  runtime::Task<server::GroupResult<Response>> go(std::string_view group_id, Call call);
  template <class Response, class Request>
  runtime::Task<server::GroupResult<Response>> wait(Request request, group::Client client,
                                                    runtime::Watermark& closing);
  std::int16_t replication_factor(const metadata::Image& image) const;

  Parts parts_;
  const replication::ImageHolder* images_ = nullptr;
};

}  // namespace moldau::node
