// TransactionChannel: the way of requests about transactions to their coordinators, which are on the shards
// that own the partitions of __transaction_state. Only transactional ids whose coordinator this broker is are
// answered for; the others with NOT_COORDINATOR. join_transaction() goes to the coordinator wherever it is.
#pragma once

#include <expected>
#include <map>
#include <set>
#include <string>

#include "base/ids.h"
#include "runtime/task.h"
#include "transaction/transactions.h"
#include "wire/error_code.h"

namespace moldau::server {

template <class T>
using TransactionResult = std::expected<T, wire::ErrorCode>;

class TransactionChannel {
 public:
  virtual ~TransactionChannel() = default;

  // Callable from the shard that it was made for; goes on there. The contracts of the requests are those of
  // transaction::Transactions.
  virtual runtime::Task<TransactionResult<wire::InitProducerIdResponse>> ask(
      wire::InitProducerIdRequest request) = 0;
  virtual runtime::Task<TransactionResult<wire::ErrorCode>> add_partitions(
      std::string transactional_id, transaction::Producer producer, std::set<TopicPartition> partitions,
      transaction::TransactionVersion client_version) = 0;
  virtual runtime::Task<TransactionResult<std::map<TopicPartition, wire::ErrorCode>>> verify(
      std::string transactional_id, transaction::Producer producer, std::set<TopicPartition> partitions) = 0;
  virtual runtime::Task<TransactionResult<wire::EndTxnResponse>> ask(
      wire::EndTxnRequest request, transaction::TransactionVersion client_version) = 0;
  virtual runtime::Task<TransactionResult<wire::DescribeTransactionsResponse::TransactionState>> describe(
      std::string transactional_id) = 0;
  // Of all transactional ids whose coordinator this broker is.
  virtual runtime::Task<TransactionResult<wire::ListTransactionsResponse>> list(
      wire::ListTransactionsRequest filters) = 0;

  // On behalf of partitions that this broker leads: `adds`: they belong to the transaction from here on, as
  // their producer has them added by producing (KIP-890, version 2); else whether they do. The error of each:
  // none when they do; NETWORK_EXCEPTION when the coordinator did not answer.
  virtual runtime::Task<std::map<TopicPartition, wire::ErrorCode>> join_transaction(
      std::string transactional_id, transaction::Producer producer, std::set<TopicPartition> partitions,
      bool adds) = 0;

  // Creates __transaction_state. Whether it is there now the image tells.
  virtual runtime::Task<void> create_topic() = 0;
};

}  // namespace moldau::server
