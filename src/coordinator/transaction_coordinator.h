// TransactionCoordinator: the transactional ids of those partitions of __transaction_state that this broker
// leads and that belong to one shard. Loads a partition's state when it comes to lead it, drops it when it
// leads no longer; appends what an event changes, lets an answer leave when the log is committed as far as it
// needs it, and has every partition of a transaction that is to end told so, until all of them know. Lives on
// the shard of the partitions.
//
// An event is judged, appended and replayed within one turn of the loop, so that the next one sees what it
// has changed. Only a commit log without space keeps a partition's events waiting.
#pragma once

#include <expected>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "coordinator/hosted_partitions.h"
#include "coordinator/marker_sender.h"
#include "coordinator/settings.h"
#include "metadata/image.h"
#include "transaction/transactions.h"

namespace moldau::coordinator {

// What a request is refused with: NOT_COORDINATOR, COORDINATOR_LOAD_IN_PROGRESS, COORDINATOR_NOT_AVAILABLE;
// UNKNOWN_SERVER_ERROR for what is too large to be stored.
template <class T>
using TransactionResult = std::expected<T, wire::ErrorCode>;

// What a coordinator needs of its node. Lives on the coordinator's shard, and outlives it, and the calls that
// are under way when it stops: nobody waits for their ends then.
class TransactionLinks {
 public:
  virtual ~TransactionLinks() = default;
  // One that nobody has had.
  virtual runtime::Task<Result<ProducerId>> next_producer_id() = 0;
  // To any broker, this one among them. An error when it cannot be reached or has not answered at the
  // deadline.
  virtual runtime::Task<Result<wire::WriteTxnMarkersResponse>> write_markers(
      NodeId broker, wire::WriteTxnMarkersRequest request, runtime::MonotonicTime deadline) = 0;
};

class TransactionCoordinator {
 public:
  struct Parts {
    runtime::Executor& executor;
    runtime::WallClock& wall_clock;
    replication::PartitionSet& partitions;
    const Settings& settings;
    TransactionLinks& links;
  };
  // What the parts refer to outlives this object.
  explicit TransactionCoordinator(Parts parts);
  // REQUIRES: stop() has ended.
  ~TransactionCoordinator();
  TransactionCoordinator(const TransactionCoordinator&) = delete;
  TransactionCoordinator& operator=(const TransactionCoordinator&) = delete;

  // The partitions are what this image says.
  void apply(std::shared_ptr<const metadata::Image> image);
  // Whoever waits, or asks from here on, is told NOT_COORDINATOR.
  runtime::Task<void> stop();

  // --- requests; `at`: the partition that the transactional id belongs to. Their contracts are those of
  // transaction::Transactions.
  runtime::Task<TransactionResult<wire::InitProducerIdResponse>> init_producer_id(
      PartitionIndex at, wire::InitProducerIdRequest request);
  runtime::Task<TransactionResult<wire::ErrorCode>> add_partitions(
      PartitionIndex at, std::string id, transaction::Producer producer, std::set<TopicPartition> partitions,
      transaction::TransactionVersion client_version);
  runtime::Task<TransactionResult<std::map<TopicPartition, wire::ErrorCode>>> verify(
      PartitionIndex at, std::string id, transaction::Producer producer, std::set<TopicPartition> partitions);
  // Answered when the decision is committed; the markers follow.
  runtime::Task<TransactionResult<wire::EndTxnResponse>> end(PartitionIndex at, wire::EndTxnRequest request,
                                                             transaction::TransactionVersion client_version);
  runtime::Task<TransactionResult<wire::DescribeTransactionsResponse::TransactionState>> describe(
      PartitionIndex at, std::string id);
  // Of all its partitions.
  runtime::Task<TransactionResult<wire::ListTransactionsResponse>> list(
      wire::ListTransactionsRequest filters);

  // For those who watch from outside: by partition, once it is loaded.
  std::map<PartitionIndex, std::uint64_t> state_hashes() const;

 private:
  struct Hosted : HostedPartition {
    using HostedPartition::HostedPartition;
    std::unique_ptr<transaction::Transactions> state;
    std::set<std::string, std::less<>> completing;
    std::size_t size() const { return state->size(); }
  };
  using HostedPtr = std::shared_ptr<Hosted>;
  struct Written {
    Offset end = 0;
    wire::ErrorCode code = wire::ErrorCode::none;
  };

  // transaction_coordinator.cc
  runtime::Task<replication::PartitionResult<void>> read_log(Hosted& hosted, std::size_t& malformed);
  runtime::Task<void> abort_timed_out(HostedPtr hosted);
  runtime::Task<void> expire_ids(HostedPtr hosted);

  // transaction_events.cc
  runtime::Task<Written> write(HostedPtr hosted, transaction::Records records);
  runtime::Task<TransactionResult<ProducerId>> fresh_producer_id();
  // `body(const Transactions&)` gives an Outcome.
  template <class Body>
  auto run(PartitionIndex at, Body body) -> runtime::Task<
      TransactionResult<decltype(body(std::declval<const transaction::Transactions&>()).response)>>;
  // `needs(const Transactions&)`: whether `body(const Transactions&, fresh)` takes a producer id.
  template <class Needs, class Body>
  auto run_with_id(PartitionIndex at, Needs needs, Body body)
      -> runtime::Task<TransactionResult<decltype(body(std::declval<const transaction::Transactions&>(),
                                                       std::optional<ProducerId>())
                                                      .response)>>;

  // transaction_ends.cc
  runtime::Task<void> complete_prepared(HostedPtr hosted);
  runtime::Task<void> complete(HostedPtr hosted, std::string id);
  runtime::Task<bool> committed(HostedPtr hosted, Offset end);
  runtime::Task<bool> write_markers(HostedPtr hosted, const transaction::Ending& ending);
  runtime::Task<bool> write_down(HostedPtr hosted, const transaction::Ending& ending);
  runtime::Task<void> write_some(HostedPtr hosted, const transaction::Ending& ending,
                                 std::set<TopicPartition>& left);

  const Parts parts_;
  MarkerSender markers_;
  transaction::TransactionVersion version_ = 0;  // of the cluster
  HostedPartitions<Hosted> hosted_;
  std::shared_ptr<const metadata::Image> image_;
};

}  // namespace moldau::coordinator
