#include "server/handlers/joining_transactions.h"

#include <algorithm>

#include "metadata/topic_name.h"
#include "record/batch.h"
#include "server/handlers/topics.h"

namespace moldau::server::handlers {

using runtime::Task;
using transaction::Producer;
using wire::ErrorCode;

namespace {

using Codes = std::map<TopicPartition, ErrorCode>;
using PartitionRequest = wire::ProduceRequest::TopicData::PartitionData;

constexpr wire::ApiVersion kProduceAbortableFrom = 11;
constexpr wire::ApiVersion kProduceAddsFrom = 12;
constexpr wire::ApiVersion kCommitAbortableFrom = 4;
constexpr wire::ApiVersion kCommitAddsFrom = 5;

// What the coordinator says, in the words of those who produce.
ErrorCode as_known(ErrorCode code, ClientAbilities client) {
  if (code == ErrorCode::producer_fenced) return ErrorCode::invalid_producer_epoch;
  if (code == ErrorCode::transaction_abortable && !client.knows_abortable)
    return ErrorCode::invalid_txn_state;
  return code;
}

// Older clients do not know that producing may have to wait for a coordinator: this error has them come again
// without looking for another leader.
Joined joined_of(ErrorCode code, ClientAbilities client) {
  switch (code) {
    case ErrorCode::invalid_txn_state:
      return {code, "Partition was not added to the transaction", {}};
    case ErrorCode::concurrent_transactions:
      if (client.adds) return {code, {}, {}};
      [[fallthrough]];
    case ErrorCode::network_exception:
    case ErrorCode::coordinator_load_in_progress:
    case ErrorCode::coordinator_not_available:
    case ErrorCode::not_coordinator:
      return {ErrorCode::not_enough_replicas,
              "Unable to verify the partition has been added to the transaction. Underlying error: " +
                  std::string(wire::name_of(code)),
              {}};
    default:
      return {code, {}, {}};
  }
}

std::optional<record::HeaderView> transactional_header(const PartitionRequest& partition) {
  if (!partition.records || partition.records->empty()) return std::nullopt;
  const Slice& records = partition.records->front();
  if (records.size() < record::kHeaderSize) return std::nullopt;
  const auto header = record::HeaderView::at(records);
  if (!header || !header->is_transactional() || !header->has_producer_id()) return std::nullopt;
  return *header;
}

struct Asked {
  std::pair<std::size_t, std::size_t> place;
  TopicPartition partition;
  TopicIdPartition key;
  record::HeaderView header;
};

std::vector<Asked> transactional_parts(const metadata::Image& image, const wire::ProduceRequest& message) {
  std::vector<Asked> all;
  for (std::size_t i = 0; i < message.topic_data.size(); ++i) {
    const auto& topic = message.topic_data[i];
    const metadata::Topic* known = find_topic(image, topic.topic_id, topic.name);
    // Its partitions are refused for that.
    if (known == nullptr || metadata::is_internal_topic(known->name)) continue;
    for (std::size_t j = 0; j < topic.partition_data.size(); ++j) {
      const PartitionRequest& partition = topic.partition_data[j];
      const auto header = transactional_header(partition);
      if (header && known->partition(partition.index) != nullptr)
        all.push_back({{i, j}, {known->name, partition.index}, {known->id, partition.index}, *header});
    }
  }
  return all;
}

bool of_one_producer(const std::vector<Asked>& all) {
  return std::ranges::all_of(all, [&](const Asked& each) {
    return each.header.producer_id() == all.front().header.producer_id() &&
           each.header.producer_epoch() == all.front().header.producer_epoch();
  });
}

}  // namespace

ClientAbilities abilities_of_produce(wire::ApiVersion version) {
  return {version >= kProduceAbortableFrom, version >= kProduceAddsFrom};
}

ClientAbilities abilities_of_offset_commit(wire::ApiVersion version) {
  return {version >= kCommitAbortableFrom, version >= kCommitAddsFrom};
}

Task<Codes> join_transaction(Broker& broker, std::string transactional_id, Producer producer,
                             std::set<TopicPartition> partitions, ClientAbilities client) {
  const auto image = broker.image();
  const auto config = broker.broker_config(*image);
  const auto pause = runtime::milliseconds(config.int_of("add.partitions.to.txn.retry.backoff.ms"));
  const auto deadline = broker.executor.now() +
                        runtime::milliseconds(config.int_of("add.partitions.to.txn.retry.backoff.max.ms"));
  for (;;) {
    Codes codes =
        co_await broker.transactions->join_transaction(transactional_id, producer, partitions, client.adds);
    const bool waits = client.adds && std::ranges::any_of(codes, [](const auto& each) {
                         return each.second == ErrorCode::concurrent_transactions;
                       });
    if (!waits || broker.executor.now() + pause >= deadline) {
      for (auto& [partition, code] : codes) code = as_known(code, client);
      co_return codes;
    }
    co_await runtime::sleep_for(broker.executor, pause);
  }
}

Task<JoinedPartitions> join_for_produce(Broker& broker, const wire::ProduceRequest& message,
                                        wire::ApiVersion version) {
  JoinedPartitions joined;
  const ClientAbilities client = abilities_of_produce(version);
  const auto image = broker.image();
  const std::vector<Asked> all = transactional_parts(*image, message);
  if (all.empty()) co_return joined;
  if (!of_one_producer(all)) {
    for (const Asked& each : all)
      joined.partitions[each.place] = {ErrorCode::invalid_producer_id_mapping,
                                       "Transactional records contained more than one producer ID",
                                       {}};
    co_return joined;
  }
  if (!broker.broker_config(*image).bool_of("transaction.partition.verification.enable")) co_return joined;
  joined.wants_guards = true;
  std::set<TopicPartition> unknown;
  for (const Asked& each : all) {
    const auto guard = co_await on_partition(
        broker, each.key, [&](replication::Partition& at) { return at.guard_for(each.header, client.adds); });
    joined.partitions[each.place].guard = guard.value_or(replication::kNotAsked);
    if (guard && *guard != replication::kNoGuard) unknown.insert(each.partition);
  }
  if (unknown.empty()) co_return joined;
  const Producer producer{all.front().header.producer_id(), all.front().header.producer_epoch()};
  const Codes codes =
      co_await join_transaction(broker, *message.transactional_id, producer, std::move(unknown), client);
  for (const Asked& each : all) {
    const auto code = codes.find(each.partition);
    if (code == codes.end() || code->second == ErrorCode::none) continue;
    joined.partitions[each.place] = joined_of(code->second, client);
  }
  co_return joined;
}

}  // namespace moldau::server::handlers
