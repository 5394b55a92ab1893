// Transactions as the logs of partitions have them: which are open, and which of those nobody will end any
// more (KIP-664). `moldau txn` and kafka-transactions show and abort them.
#pragma once

#include <expected>
#include <optional>
#include <string>
#include <vector>

#include "cli/session.h"
#include "client/admin_transactions.h"

namespace moldau::cli {

struct OpenTransaction {
  TopicPartition partition;
  client::ActiveProducer producer;
};

struct HangingSearch {
  std::optional<std::string> topic;  // nothing: all topics, internal ones too
  std::optional<PartitionIndex> partition;
  std::optional<NodeId> broker;  // that has a replica, and is asked instead of the leader
  runtime::Duration longer_than = std::chrono::minutes(15);  // since the last record
};

// Open for so long, and unknown to the coordinator of whoever wrote it: no marker will come. In the order of
// producers and partitions.
runtime::Task<Answer<std::vector<OpenTransaction>>> find_hanging(ClusterSession& session,
                                                                 HangingSearch search);

// The one in this partition that begins at this offset. Exit::not_found: there is none.
runtime::Task<Answer<OpenTransaction>> open_transaction_at(ClusterSession& session, TopicPartition partition,
                                                           Offset start);

// What aborts it. A producer that has never seen a marker names no coordinator: epoch 0 is below any.
client::AbortMarker abort_of(const OpenTransaction& transaction);

}  // namespace moldau::cli
