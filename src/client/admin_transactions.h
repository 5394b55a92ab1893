// TransactionAdmin: what administrators ask about transactions and do to those that hang (KIP-664, KIP-994,
// KIP-1152). Like AdminCore, which has describe_producers(): stateless beside its ClusterClient, on the same
// shard; the outer Outcome is about reaching a broker, the inner ones about each item.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "client/admin.h"

namespace moldau::client {

// As DescribeTransactions and ListTransactions name them.
inline constexpr std::string_view kTransactionStates[] = {
    "Empty",          "Ongoing",       "PrepareCommit",    "PrepareAbort",
    "CompleteCommit", "CompleteAbort", "PrepareEpochFence"};

struct TransactionFilter {
  std::vector<std::string> states;        // of kTransactionStates; empty: all
  std::vector<ProducerId> producers;      // empty: all
  std::optional<Duration> longer_than;    // only what has been open for longer
  std::optional<std::string> id_pattern;  // a regular expression that the whole id must match
};

struct TransactionListing {
  std::string id;  // the transactional id
  ProducerId producer = kNoProducerId;
  std::string state;
  NodeId coordinator = kNoNode;
};

struct TransactionDescription {
  std::string id;
  NodeId coordinator = kNoNode;
  ProducerId producer = kNoProducerId;
  ProducerEpoch epoch = kNoProducerEpoch;
  std::string state;
  std::int32_t timeout_ms = 0;
  std::optional<TimestampMs> started;      // of the one that is open
  std::vector<TopicPartition> partitions;  // ascending; those that have no marker yet
};

// A producer's open transaction in one partition, which is to be aborted there whatever its coordinator says.
struct AbortMarker {
  TopicPartition partition;
  ProducerId producer = kNoProducerId;
  ProducerEpoch epoch = kNoProducerEpoch;
  std::int32_t coordinator_epoch = 0;
};

struct FencedProducer {
  ProducerId id = kNoProducerId;
  ProducerEpoch epoch = kNoProducerEpoch;  // of who would come next
};

class TransactionAdmin {
 public:
  explicit TransactionAdmin(ClusterClient& cluster) : cluster_(cluster) {}

  // Of all brokers, ascending by transactional id.
  Task<Outcome<std::vector<TransactionListing>>> list(TransactionFilter filter = {});
  // TRANSACTIONAL_ID_NOT_FOUND: nobody has used this id, or it was forgotten.
  Task<Outcome<TransactionDescription>> describe(std::string id);
  // As the replicas on one broker know, which need not be the leaders.
  Task<Outcome<PerItem<TopicPartition, std::vector<ActiveProducer>>>> producers_on(
      NodeId broker, std::vector<TopicPartition> partitions);
  // Has the partition's leader write it.
  Task<Outcome<void>> write(AbortMarker marker);
  // Whoever produces under this id is fenced, and what it has open is aborted. Ends once the coordinator has
  // given the next epoch away; the markers follow.
  Task<Outcome<FencedProducer>> fence(std::string id);

 private:
  ClusterClient& cluster_;
};

}  // namespace moldau::client
