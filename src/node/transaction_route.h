// TransactionRoute: a shard's way to the coordinators of transactions: those of this node, on the shards that
// own the partitions of __transaction_state, and those of others, by AddPartitionsToTxn.
#pragma once

#include <span>

#include "coordinator/transaction_coordinator.h"
#include "node/peer_link.h"
#include "replication/partition_set.h"
#include "server/controller_channel.h"
#include "server/transaction_channel.h"

namespace moldau::node {

// The coordinator of the transactional ids whose partitions are of one commit log. Both on its shard.
struct TransactionHome {
  runtime::Executor& executor;
  coordinator::TransactionCoordinator& coordinator;
};

// What such a coordinator has of its node.
class CoordinatorLinks final : public coordinator::TransactionLinks {
 public:
  // Of the coordinator's shard, and outlive this object. `controller` is there before the first request.
  explicit CoordinatorLinks(PeerLink& peers) : peers_(peers) {}
  void set_controller(server::ControllerChannel& controller) { controller_ = &controller; }

  runtime::Task<Result<ProducerId>> next_producer_id() override;
  runtime::Task<Result<wire::WriteTxnMarkersResponse>> write_markers(
      NodeId broker, wire::WriteTxnMarkersRequest request, runtime::MonotonicTime deadline) override;

 private:
  PeerLink& peers_;
  server::ControllerChannel* controller_ = nullptr;
};

class TransactionRoute final : public server::TransactionChannel {
 public:
  struct Parts {
    NodeId self = kNoNode;
    runtime::Executor& executor;             // of this shard
    std::span<const TransactionHome> homes;  // by commit log
    const coordinator::Settings& settings;
    server::ControllerChannel& controller;  // of this shard, as `peers`
    PeerLink& peers;
    // So many brokers the cluster has at least, whether they have registered already or not.
    std::size_t expected_brokers = 0;
  };
  // What the parts refer to outlives this object.
  explicit TransactionRoute(Parts parts) : parts_(parts) {}
  // Of this shard; before the first request.
  void set_images(const replication::ImageHolder& images) { images_ = &images; }

  runtime::Task<server::TransactionResult<wire::InitProducerIdResponse>> ask(
      wire::InitProducerIdRequest request) override;
  runtime::Task<server::TransactionResult<wire::ErrorCode>> add_partitions(
      std::string transactional_id, transaction::Producer producer, std::set<TopicPartition> partitions,
      transaction::TransactionVersion client_version) override;
  runtime::Task<server::TransactionResult<std::map<TopicPartition, wire::ErrorCode>>> verify(
      std::string transactional_id, transaction::Producer producer,
      std::set<TopicPartition> partitions) override;
  runtime::Task<server::TransactionResult<wire::EndTxnResponse>> ask(
      wire::EndTxnRequest request, transaction::TransactionVersion client_version) override;
  runtime::Task<server::TransactionResult<wire::DescribeTransactionsResponse::TransactionState>> describe(
      std::string transactional_id) override;
  runtime::Task<server::TransactionResult<wire::ListTransactionsResponse>> list(
      wire::ListTransactionsRequest filters) override;
  runtime::Task<std::map<TopicPartition, wire::ErrorCode>> join_transaction(
      std::string transactional_id, transaction::Producer producer, std::set<TopicPartition> partitions,
      bool adds) override;
  runtime::Task<void> create_topic() override;

 private:
  // Where the state of a transactional id is.
  struct Place {
    const TransactionHome* home = nullptr;
    PartitionIndex at = 0;
    NodeId leader = kNoNode;
  };
  std::optional<Place> place_of(std::string_view transactional_id) const;
  // `call(TransactionCoordinator&, at)` on the coordinator's shard.
  template <class Response, class Call>
  runtime::Task<server::TransactionResult<Response>> go(std::string_view transactional_id, Call call);
  runtime::Task<std::map<TopicPartition, wire::ErrorCode>> join_here(std::string transactional_id,
                                                                     transaction::Producer producer,
                                                                     std::set<TopicPartition> partitions,
                                                                     bool adds);

  Parts parts_;
  const replication::ImageHolder* images_ = nullptr;
};

}  // namespace moldau::node
