// One function for each API, each in its own file: request in, response out. They run on the connection's
// shard. A handler never fails: what goes wrong is an error code in its response.
#pragma once

#include "server/broker.h"
#include "server/request.h"
#include "server/response_queue.h"
#include "wire/messages/add_offsets_to_txn.h"
#include "wire/messages/add_partitions_to_txn.h"
#include "wire/messages/add_raft_voter.h"
#include "wire/messages/alter_configs.h"
#include "wire/messages/api_versions.h"
#include "wire/messages/begin_quorum_epoch.h"
#include "wire/messages/consumer_group_describe.h"
#include "wire/messages/consumer_group_heartbeat.h"
#include "wire/messages/create_partitions.h"
#include "wire/messages/create_topics.h"
#include "wire/messages/delete_groups.h"
#include "wire/messages/delete_records.h"
#include "wire/messages/delete_topics.h"
#include "wire/messages/describe_cluster.h"
#include "wire/messages/describe_configs.h"
#include "wire/messages/describe_groups.h"
#include "wire/messages/describe_log_dirs.h"
#include "wire/messages/describe_producers.h"
#include "wire/messages/describe_quorum.h"
#include "wire/messages/describe_topic_partitions.h"
#include "wire/messages/describe_transactions.h"
#include "wire/messages/end_quorum_epoch.h"
#include "wire/messages/end_txn.h"
#include "wire/messages/envelope.h"
#include "wire/messages/fetch.h"
#include "wire/messages/fetch_snapshot.h"
#include "wire/messages/find_coordinator.h"
#include "wire/messages/heartbeat.h"
#include "wire/messages/incremental_alter_configs.h"
#include "wire/messages/init_producer_id.h"
#include "wire/messages/join_group.h"
#include "wire/messages/leave_group.h"
#include "wire/messages/list_config_resources.h"
#include "wire/messages/list_groups.h"
#include "wire/messages/list_offsets.h"
#include "wire/messages/list_transactions.h"
#include "wire/messages/metadata.h"
#include "wire/messages/offset_commit.h"
#include "wire/messages/offset_delete.h"
#include "wire/messages/offset_fetch.h"
#include "wire/messages/offset_for_leader_epoch.h"
#include "wire/messages/produce.h"
#include "wire/messages/remove_raft_voter.h"
#include "wire/messages/sync_group.h"
#include "wire/messages/txn_offset_commit.h"
#include "wire/messages/update_features.h"
#include "wire/messages/update_raft_voter.h"
#include "wire/messages/vote.h"
#include "wire/messages/write_txn_markers.h"

namespace moldau::server::handlers {

using runtime::Task;

// A request whose body is not what its API and version say: counted and logged; its slot is dropped, which
// ends the connection.
void report_undecodable(Broker& broker, const Request& request, const Error& error);

// Of a request with many items: whether it is time to let the shard's other work have a turn.
class Turn {
 public:
  bool over() { return ++items_ % kItems == 0; }

 private:
  static constexpr unsigned kItems = 64;  // together hardly ever a millisecond's work
  unsigned items_ = 0;
};

// What the controller decides is handed on as it is: to the active one, or, by a controller listener, to this
// node's.
template <class Message>
auto ask_controller(Broker& broker, const Request& request, Message message) {
  ControllerChannel& controller = request.peer.controller ? *broker.own_controller : broker.controller;
  return controller.ask(std::move(message));
}

// What belongs to the metadata quorum, as well. Only by controller listeners.
template <class Message>
auto ask_quorum(Broker& broker, const Request&, Message message) {
  return broker.quorum->ask(std::move(message));
}

// Produce and ApiVersions answer in ways of their own.
Task<void> produce(Broker& broker, Request request, ResponseQueue::Slot slot);
Task<void> api_versions(Broker& broker, Request request, ResponseQueue::Slot slot);

// Also notes whose heartbeats the connection carries.
Task<wire::BrokerHeartbeatResponse> broker_heartbeat(Broker&, const Request&, wire::BrokerHeartbeatRequest);

Task<wire::FetchResponse> fetch(Broker&, const Request&, wire::FetchRequest);
Task<wire::ListOffsetsResponse> list_offsets(Broker&, const Request&, wire::ListOffsetsRequest);
Task<wire::MetadataResponse> metadata(Broker&, const Request&, wire::MetadataRequest);
Task<wire::ConsumerGroupHeartbeatResponse> consumer_group_heartbeat(Broker&, const Request&,
                                                                    wire::ConsumerGroupHeartbeatRequest);
Task<wire::ConsumerGroupDescribeResponse> consumer_group_describe(Broker&, const Request&,
                                                                  wire::ConsumerGroupDescribeRequest);
Task<wire::FindCoordinatorResponse> find_coordinator(Broker&, const Request&, wire::FindCoordinatorRequest);
Task<wire::DeleteRecordsResponse> delete_records(Broker&, const Request&, wire::DeleteRecordsRequest);
Task<wire::InitProducerIdResponse> init_producer_id(Broker&, const Request&, wire::InitProducerIdRequest);
Task<wire::OffsetForLeaderEpochResponse> offset_for_leader_epoch(Broker&, const Request&,
                                                                 wire::OffsetForLeaderEpochRequest);
Task<wire::DescribeConfigsResponse> describe_configs(Broker&, const Request&, wire::DescribeConfigsRequest);
Task<wire::DescribeLogDirsResponse> describe_log_dirs(Broker&, const Request&, wire::DescribeLogDirsRequest);
Task<wire::DescribeClusterResponse> describe_cluster(Broker&, const Request&, wire::DescribeClusterRequest);
Task<wire::DescribeClusterResponse> describe_controllers(Broker&, const Request&,
                                                         wire::DescribeClusterRequest);
Task<wire::DescribeProducersResponse> describe_producers(Broker&, const Request&,
                                                         wire::DescribeProducersRequest);
Task<wire::ListConfigResourcesResponse> list_config_resources(Broker&, const Request&,
                                                              wire::ListConfigResourcesRequest);
Task<wire::EnvelopeResponse> envelope(Broker&, const Request&, wire::EnvelopeRequest);
Task<wire::DescribeTopicPartitionsResponse> describe_topic_partitions(Broker&, const Request&,
                                                                      wire::DescribeTopicPartitionsRequest);

// Who asks, as groups know it.
group::Client client_of(const Request& request);
// Of consumer groups; they ask broker.groups, which is there on every broker.
Task<wire::JoinGroupResponse> join_group(Broker&, const Request&, wire::JoinGroupRequest);
Task<wire::SyncGroupResponse> sync_group(Broker&, const Request&, wire::SyncGroupRequest);
Task<wire::HeartbeatResponse> heartbeat(Broker&, const Request&, wire::HeartbeatRequest);
Task<wire::LeaveGroupResponse> leave_group(Broker&, const Request&, wire::LeaveGroupRequest);
Task<wire::DescribeGroupsResponse> describe_groups(Broker&, const Request&, wire::DescribeGroupsRequest);
Task<wire::ListGroupsResponse> list_groups(Broker&, const Request&, wire::ListGroupsRequest);
Task<wire::DeleteGroupsResponse> delete_groups(Broker&, const Request&, wire::DeleteGroupsRequest);
Task<wire::OffsetCommitResponse> offset_commit(Broker&, const Request&, wire::OffsetCommitRequest);
Task<wire::OffsetFetchResponse> offset_fetch(Broker&, const Request&, wire::OffsetFetchRequest);
Task<wire::OffsetDeleteResponse> offset_delete(Broker&, const Request&, wire::OffsetDeleteRequest);

// Of transactions; they ask broker.transactions, which is there on every broker.
Task<wire::AddPartitionsToTxnResponse> add_partitions_to_txn(Broker&, const Request&,
                                                             wire::AddPartitionsToTxnRequest);
Task<wire::AddOffsetsToTxnResponse> add_offsets_to_txn(Broker&, const Request&, wire::AddOffsetsToTxnRequest);
Task<wire::EndTxnResponse> end_txn(Broker&, const Request&, wire::EndTxnRequest);
Task<wire::TxnOffsetCommitResponse> txn_offset_commit(Broker&, const Request&, wire::TxnOffsetCommitRequest);
Task<wire::WriteTxnMarkersResponse> write_txn_markers(Broker&, const Request&, wire::WriteTxnMarkersRequest);
Task<wire::DescribeTransactionsResponse> describe_transactions(Broker&, const Request&,
                                                               wire::DescribeTransactionsRequest);
Task<wire::ListTransactionsResponse> list_transactions(Broker&, const Request&,
                                                       wire::ListTransactionsRequest);

}  // namespace moldau::server::handlers
