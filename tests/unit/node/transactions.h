// One node, and producers and consumers of transactions that work in either version (KIP-98, KIP-890).
#pragma once

#include <map>
#include <set>

#include "record/batch.h"
#include "record/builder.h"
#include "unit/node/one_node.h"
#include "wire/messages/add_offsets_to_txn.h"
#include "wire/messages/add_partitions_to_txn.h"
#include "wire/messages/delete_topics.h"
#include "wire/messages/describe_producers.h"
#include "wire/messages/describe_transactions.h"
#include "wire/messages/end_txn.h"
#include "wire/messages/fetch.h"
#include "wire/messages/find_coordinator.h"
#include "wire/messages/init_producer_id.h"
#include "wire/messages/list_offsets.h"
#include "wire/messages/list_transactions.h"
#include "wire/messages/metadata.h"
#include "wire/messages/offset_commit.h"
#include "wire/messages/offset_fetch.h"
#include "wire/messages/produce.h"
#include "wire/messages/txn_offset_commit.h"
#include "wire/messages/write_txn_markers.h"

namespace moldau::node::testing {

using wire::ErrorCode;

// How a client works: by the first version of transactions, or by the second.
enum class By : std::uint8_t { first, second };

struct Producer {
  ProducerId id = kNoProducerId;
  ProducerEpoch epoch = kNoProducerEpoch;
  Sequence next = 0;
  std::string name = "t";  // transactional id
};

class Transactions : public OneNode {
 protected:
  explicit Transactions(unsigned shards = 1) : OneNode(shards) {
    start(with_topics());
    find("t");
  }
  config::Settings with_topics() const {
    config::Settings settings = OneNode::settings();
    settings.bootstrap_topics.push_back({"other", 2, 1});
    return settings;
  }
  void start_again() { start(with_topics()); }

  wire::FindCoordinatorResponse find(const std::string& id, wire::ApiVersion version = 6,
                                     std::int8_t type = 1) {
    wire::FindCoordinatorRequest request;
    request.key = id;
    request.key_type = type;
    request.coordinator_keys = {id};
    return ask<wire::FindCoordinatorResponse>(std::move(request), version);
  }

  // --- producers
  wire::InitProducerIdResponse init(const std::string& id = "t", std::int32_t timeout_ms = 60'000,
                                    wire::ApiVersion version = 5) {
    wire::InitProducerIdRequest request;
    request.transactional_id = id;
    request.transaction_timeout_ms = timeout_ms;
    return ask<wire::InitProducerIdResponse>(request, version);
  }
  // As clients do: until what was under way is aborted, or the coordinator is loaded.
  Producer producer(const std::string& id = "t", std::int32_t timeout_ms = 60'000) {
    wire::InitProducerIdResponse answer;
    EXPECT_TRUE(world.run_until(
        [&] {
          answer = init(id, timeout_ms);
          return answer.error_code == ErrorCode::none;
        },
        30s));
    return {answer.producer_id, answer.producer_epoch, 0, id};
  }
  ErrorCode add(const Producer& producer, const std::string& topic = kTopic, PartitionIndex partition = 0,
                wire::ApiVersion version = 3) {
    wire::AddPartitionsToTxnRequest request;
    request.v3_and_below_transactional_id = producer.name;
    request.v3_and_below_producer_id = producer.id;
    request.v3_and_below_producer_epoch = producer.epoch;
    request.v3_and_below_topics.push_back({topic, {partition}});
    const auto answer = ask<wire::AddPartitionsToTxnResponse>(request, version);
    return answer.results_by_topic_v3_and_below.at(0).results_by_partition.at(0).partition_error_code;
  }
  wire::ProduceRequest produce_request(const Producer& producer, const std::string& value,
                                       const std::string& topic, PartitionIndex partition) {
    const record::BatchFields fields{.producer_id = producer.id,
                                     .producer_epoch = producer.epoch,
                                     .base_sequence = producer.next,
                                     .transactional = true};
    record::BatchBuilder batch(fields);
    batch.append(client.wall_clock().now_ms(), std::nullopt, as_bytes(value));
    wire::ProduceRequest request;
    request.transactional_id = producer.name;
    request.acks = -1;
    request.timeout_ms = 5'000;
    auto& data = request.topic_data.emplace_back();
    data.name = topic;
    data.topic_id = node->image()->topic(topic)->id;
    auto& one = data.partition_data.emplace_back();
    one.index = partition;
    one.records = SliceList{*std::move(batch).build(codecs)};
    return request;
  }
  wire::ProduceResponse::TopicResponse::PartitionResponse produce_once(Producer& producer,
                                                                       const std::string& value,
                                                                       wire::ApiVersion version,
                                                                       const std::string& topic = kTopic,
                                                                       PartitionIndex partition = 0) {
    const auto answer =
        ask<wire::ProduceResponse>(produce_request(producer, value, topic, partition), version);
    auto result = answer.responses.at(0).partition_responses.at(0);
    if (result.error_code == ErrorCode::none) ++producer.next;
    return result;
  }
  // In a transaction, which begins with it.
  ErrorCode produce(Producer& producer, const std::string& value, By by = By::second,
                    const std::string& topic = kTopic, PartitionIndex partition = 0) {
    if (by == By::first) {
      const ErrorCode added = add(producer, topic, partition);
      if (added != ErrorCode::none) return added;
    }
    return produce_once(producer, value, by == By::first ? 9 : 13, topic, partition).error_code;
  }
  wire::EndTxnResponse end_once(const Producer& producer, bool commits, By by = By::second) {
    return ask<wire::EndTxnResponse>(wire::EndTxnRequest{producer.name, producer.id, producer.epoch, commits},
                                     by == By::first ? 4 : 5);
  }
  // The producer goes on as its version says, once the last end is through.
  ErrorCode end(Producer& producer, bool commits, By by = By::second) {
    const auto answer = end_once(producer, commits, by);
    if (answer.error_code != ErrorCode::none) return answer.error_code;
    if (by == By::second) producer = {answer.producer_id, answer.producer_epoch, 0, producer.name};
    EXPECT_TRUE(world.run_until([&] { return state(producer.name).starts_with("Complete"); }, 30s));
    return ErrorCode::none;
  }

  // --- consumers
  struct Read {
    std::string values;  // of data batches, by commas
    Offset stable_end = kNoOffset;
    decltype(wire::FetchResponse::TopicResponse::PartitionResponse::aborted_transactions) aborted;
  };
  Read read(bool committed, const std::string& topic = kTopic, PartitionIndex index = 0, Offset from = 0) {
    wire::FetchRequest request;
    request.max_bytes = 1 << 20;
    request.isolation_level = committed ? 1 : 0;
    auto& asked = request.topics.emplace_back();
    asked.topic_id = node->image()->topic(topic)->id;
    auto& partition = asked.partitions.emplace_back();
    partition.partition = index;
    partition.fetch_offset = from;
    partition.partition_max_bytes = 1 << 20;
    const auto answer = ask<wire::FetchResponse>(std::move(request), 13);
    const auto& data = answer.responses.at(0).partitions.at(0);
    EXPECT_EQ(data.error_code, ErrorCode::none);
    Read result{.stable_end = data.last_stable_offset, .aborted = data.aborted_transactions};
    const Slice bytes = data.records ? joined(*data.records) : Slice();
    record::BatchReader batches(bytes);
    Aborted aborted(result);
    for (record::BatchView batch;;) {
      const auto more = batches.next(batch);
      if (!more || !*more) return result;
      if (aborted.skips(batch)) continue;
      record::RecordReader records(batch, batch.records());
      for (record::RecordView record; *records.next(record);)
        if (record.offset >= from) result.values += std::string(as_text(*record.value)) + ",";
    }
  }
  Offset end_offset(bool committed) {
    wire::ListOffsetsRequest request;
    request.replica_id = -1;
    request.isolation_level = committed ? 1 : 0;
    auto& topic = request.topics.emplace_back();
    topic.name = kTopic;
    topic.partitions.emplace_back().timestamp = -1;
    return ask<wire::ListOffsetsResponse>(request, 8).topics.at(0).partitions.at(0).offset;
  }

  // --- operators
  wire::DescribeTransactionsResponse::TransactionState describe(const std::string& id = "t") {
    return ask<wire::DescribeTransactionsResponse>(wire::DescribeTransactionsRequest{{id}}, 0)
        .transaction_states.at(0);
  }
  std::string state(const std::string& id = "t") { return describe(id).transaction_state; }

  // --- offsets
  ErrorCode commit_offset(const Producer& producer, Offset offset, wire::ApiVersion version,
                          std::int32_t generation = -1, const std::string& member = "",
                          const std::string& group = "g") {
    wire::TxnOffsetCommitRequest request;
    request.transactional_id = producer.name;
    request.group_id = group;
    request.producer_id = producer.id;
    request.producer_epoch = producer.epoch;
    request.generation_id = generation;
    request.member_id = member;
    auto& topic = request.topics.emplace_back();
    topic.name = kTopic;
    auto& partition = topic.partitions.emplace_back();
    partition.committed_offset = offset;
    return ask<wire::TxnOffsetCommitResponse>(request, version).topics.at(0).partitions.at(0).error_code;
  }
  std::pair<ErrorCode, Offset> fetch_offset(bool stable) {
    wire::OffsetFetchRequest request;
    request.require_stable = stable;
    auto& group = request.groups.emplace_back();
    group.group_id = "g";
    group.topics.emplace().push_back({kTopic, {}, {0}});
    const auto answer = ask<wire::OffsetFetchResponse>(std::move(request), 9).groups.at(0);
    if (answer.error_code != ErrorCode::none) return {answer.error_code, kNoOffset};
    const auto& partition = answer.topics.at(0).partitions.at(0);
    return {partition.error_code, partition.committed_offset};
  }

  record::Codecs codecs;

 private:
  // As consumers filter: whose transactions from here on are aborted, until their markers.
  class Aborted {
   public:
    explicit Aborted(const Read& read) {
      if (read.aborted)
        for (const auto& one : *read.aborted) waiting_.emplace(one.first_offset, one.producer_id);
    }
    bool skips(const record::BatchView& batch) {
      while (!waiting_.empty() && waiting_.begin()->first <= batch.last_offset()) {
        producers_.insert(waiting_.begin()->second);
        waiting_.erase(waiting_.begin());
      }
      if (batch.is_control()) producers_.erase(batch.producer_id());
      return batch.is_control() || (batch.is_transactional() && producers_.contains(batch.producer_id()));
    }

   private:
    std::multimap<Offset, ProducerId> waiting_;
    std::set<ProducerId> producers_;
  };
};

}  // namespace moldau::node::testing
