// GroupChannel: the way of requests about consumer groups to their coordinators, which are on the shards that
// own the partitions of __consumer_offsets. Only groups whose coordinator this broker is are answered for;
// the others with NOT_COORDINATOR.
#pragma once

#include <expected>
#include <optional>
#include <string>
#include <vector>

#include "group/event.h"
#include "record/control.h"
#include "replication/transaction_guards.h"
#include "runtime/task.h"
#include "runtime/wait.h"
#include "wire/error_code.h"
#include "wire/messages/consumer_group_describe.h"
#include "wire/messages/consumer_group_heartbeat.h"
#include "wire/messages/describe_groups.h"
#include "wire/messages/heartbeat.h"
#include "wire/messages/leave_group.h"
#include "wire/messages/list_groups.h"
#include "wire/messages/offset_commit.h"
#include "wire/messages/offset_delete.h"
#include "wire/messages/offset_fetch.h"
#include "wire/messages/txn_offset_commit.h"

namespace moldau::server {

template <class T>
using GroupResult = std::expected<T, wire::ErrorCode>;

class GroupChannel {
 public:
  virtual ~GroupChannel() = default;

  // Callable from the shard that it was made for; goes on there. The contracts of the requests are those of
  // group::Groups.
  //
  // The first two are answered when the group has got so far, and given up once `closing`, which is the
  // connection's and outlives the call, is above zero.
  virtual runtime::Task<GroupResult<wire::JoinGroupResponse>> ask(wire::JoinGroupRequest request,
                                                                  group::Client client,
                                                                  runtime::Watermark& closing) = 0;
  virtual runtime::Task<GroupResult<wire::SyncGroupResponse>> ask(wire::SyncGroupRequest request,
                                                                  group::Client client,
                                                                  runtime::Watermark& closing) = 0;
  virtual runtime::Task<GroupResult<wire::HeartbeatResponse>> ask(wire::HeartbeatRequest request) = 0;
  virtual runtime::Task<GroupResult<wire::ConsumerGroupHeartbeatResponse>> ask(
      wire::ConsumerGroupHeartbeatRequest request, group::Client client) = 0;
  virtual runtime::Task<GroupResult<wire::LeaveGroupResponse>> ask(wire::LeaveGroupRequest request,
                                                                   group::Client client) = 0;
  virtual runtime::Task<GroupResult<wire::OffsetCommitResponse>> ask(wire::OffsetCommitRequest request,
                                                                     group::Client client) = 0;
  // Offsets that are committed in a transaction: the guard comes first, then whoever has asked the
  // transaction's coordinator commits. `guard`: nothing when it was not asked.
  virtual runtime::Task<GroupResult<replication::TransactionGuard>> guard_transaction(
      std::string group_id, ProducerId producer_id, ProducerEpoch epoch) = 0;
  virtual runtime::Task<GroupResult<wire::TxnOffsetCommitResponse>> ask(
      wire::TxnOffsetCommitRequest request, std::optional<replication::TransactionGuard> guard) = 0;
  // The end of a transaction in a partition of __consumer_offsets. None, once it is committed; else what a
  // partition's leader answers.
  virtual runtime::Task<wire::ErrorCode> end_transaction(PartitionIndex at, record::EndTransaction marker,
                                                         std::int16_t transaction_version) = 0;
  virtual runtime::Task<GroupResult<wire::OffsetFetchResponse::Group>> ask(
      wire::OffsetFetchRequest::Group request, bool require_stable) = 0;
  virtual runtime::Task<GroupResult<wire::OffsetDeleteResponse>> ask(wire::OffsetDeleteRequest request) = 0;
  virtual runtime::Task<GroupResult<wire::DescribeGroupsResponse::Group>> describe(
      std::string group_id, wire::ApiVersion version) = 0;
  virtual runtime::Task<GroupResult<wire::ConsumerGroupDescribeResponse::Group>> describe_consumers(
      std::string group_id) = 0;
  virtual runtime::Task<GroupResult<wire::ErrorCode>> delete_group(std::string group_id) = 0;
  // Of all groups whose coordinator this broker is.
  virtual runtime::Task<GroupResult<std::vector<wire::ListGroupsResponse::Group>>> list(
      wire::ListGroupsRequest filters) = 0;

  // Creates __consumer_offsets. Whether it is there now the image tells.
  virtual runtime::Task<void> create_offsets_topic() = 0;
};

}  // namespace moldau::server
