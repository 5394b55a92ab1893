// Transactions on one node, as their producers, consumers and operators see them, in both versions (KIP-98,
// KIP-890).
#include "unit/node/transactions.h"

namespace moldau::node::testing {
namespace {

TEST_F(Transactions, TheFirstWhoLooksForACoordinatorHasItsTopicCreated) {
  const metadata::Topic* topic = node->image()->topic("__transaction_state");
  ASSERT_NE(topic, nullptr);
  EXPECT_EQ(topic->partition_count(), 50);
  const auto& configs = node->image()->configs({metadata::ResourceType::topic, topic->name});
  EXPECT_EQ(configs.find("cleanup.policy")->second, "compact");
  EXPECT_EQ(configs.find("min.insync.replicas")->second, "1") << "as many as there are replicas";
  EXPECT_EQ(configs.find("compression.type")->second, "uncompressed");
  EXPECT_EQ(configs.find("unclean.leader.election.enable")->second, "false");
  for (wire::ApiVersion version = 1; version <= 6; ++version) {
    const auto answer = find("t", version);
    const auto code = version < 4 ? answer.error_code : answer.coordinators.at(0).error_code;
    EXPECT_EQ(code, ErrorCode::none) << version;
    EXPECT_EQ(version < 4 ? answer.node_id : answer.coordinators.at(0).node_id, 1);
  }
}

TEST_F(Transactions, AreOfferedByTheirFeature) {
  EXPECT_EQ(node->image()->feature_level("transaction.version"), 2);
}

TEST_F(Transactions, ProducersAreInitialisedInEveryVersion) {
  producer("v");
  for (wire::ApiVersion version = 0; version <= 5; ++version) {
    const auto answer = init("v", 60'000, version);
    EXPECT_EQ(answer.error_code, ErrorCode::none) << version;
    EXPECT_EQ(answer.producer_epoch, version + 1);
    EXPECT_EQ(init("", 60'000, version).error_code, ErrorCode::invalid_request);
    EXPECT_EQ(init("v", 900'001, version).error_code, ErrorCode::invalid_transaction_timeout);
  }
}

TEST_F(Transactions, AreSeenOnceTheyAreCommitted) {
  for (const By by : {By::first, By::second}) {
    Producer producer = this->producer();
    const std::string prefix = by == By::first ? "" : "a,b,";
    ASSERT_EQ(produce(producer, "a", by), ErrorCode::none);
    ASSERT_EQ(produce(producer, "b", by), ErrorCode::none);
    EXPECT_EQ(read(true).values, prefix) << "it is open";
    EXPECT_EQ(read(false).values, prefix + "a,b,");
    EXPECT_EQ(state(), "Ongoing");
    ASSERT_EQ(end(producer, true, by), ErrorCode::none);
    EXPECT_EQ(read(true).values, prefix + "a,b,");
    EXPECT_EQ(state(), "CompleteCommit");
  }
}

TEST_F(Transactions, AreNotSeenWhenTheyAreAborted) {
  for (const By by : {By::first, By::second}) {
    Producer producer = this->producer();
    ASSERT_EQ(produce(producer, "no", by), ErrorCode::none);
    ASSERT_EQ(end(producer, false, by), ErrorCode::none);
    EXPECT_EQ(read(true).values, "");
    EXPECT_EQ(state(), "CompleteAbort");
  }
  const Read committed = read(true);
  ASSERT_TRUE(committed.aborted.has_value());
  EXPECT_EQ(committed.aborted->size(), 2U);
  EXPECT_EQ(read(false).values, "no,no,");
  EXPECT_FALSE(read(false).aborted.has_value()) << "who reads all of it needs no list";
}

TEST_F(Transactions, GoAcrossPartitions) {
  for (const By by : {By::first, By::second}) {
    Producer producer = this->producer();
    const Sequence begin = producer.next;
    for (const PartitionIndex partition : {0, 1}) {
      producer.next = begin;
      ASSERT_EQ(produce(producer, "x", by, "other", partition), ErrorCode::none);
    }
    EXPECT_EQ(describe().topics.at(0).partitions, (std::vector<PartitionIndex>{0, 1}));
    ASSERT_EQ(end(producer, true, by), ErrorCode::none);
    EXPECT_TRUE(describe().topics.empty());
  }
  EXPECT_EQ(read(true, "other", 0).values, "x,x,");
  EXPECT_EQ(read(true, "other", 1).values, "x,x,");
}

TEST_F(Transactions, TheStableEndStaysBehindTheEarliestThatIsOpen) {
  Producer producer = this->producer();
  ASSERT_EQ(produce(producer, "a"), ErrorCode::none);
  EXPECT_EQ(read(true).stable_end, 0);
  EXPECT_EQ(end_offset(true), 0);
  EXPECT_EQ(end_offset(false), 1);
  ASSERT_EQ(end(producer, true), ErrorCode::none);
  EXPECT_EQ(end_offset(true), 2) << "the marker has an offset, too";
  EXPECT_EQ(end_offset(false), 2);
}

TEST_F(Transactions, TheSecondVersionRaisesTheEpochWithEach) {
  Producer producer = this->producer();
  const Producer before = producer;
  ASSERT_EQ(produce(producer, "a"), ErrorCode::none);
  ASSERT_EQ(end(producer, true), ErrorCode::none);
  EXPECT_EQ(producer.id, before.id);
  EXPECT_EQ(producer.epoch, before.epoch + 1);
  Producer delayed{before.id, before.epoch, 1};
  EXPECT_EQ(produce_once(delayed, "late", 13).error_code, ErrorCode::invalid_producer_epoch);
  EXPECT_EQ(end_once(before, false).error_code, ErrorCode::invalid_txn_state) << "it was committed";
  EXPECT_EQ(end_once(before, true).error_code, ErrorCode::none) << "a retry";
}

TEST_F(Transactions, TX04_ALateBatchIsNotLeftHangingAfterTheEnd) {
  Producer producer = this->producer();
  ASSERT_EQ(produce(producer, "a", By::first), ErrorCode::none);
  ASSERT_EQ(end(producer, false, By::first), ErrorCode::none);
  for (const wire::ApiVersion version : {3, 9, 10}) {
    const auto late = produce_once(producer, "late", version);
    EXPECT_EQ(late.error_code, ErrorCode::invalid_txn_state) << version;
  }
  EXPECT_EQ(produce_once(producer, "late", 11).error_code, ErrorCode::transaction_abortable);
  EXPECT_EQ(read(true).stable_end, end_offset(false)) << "nothing is open";
}

TEST_F(Transactions, TX19_RecordsOutsideOfAnOpenTransactionAreRefused) {
  Producer producer = this->producer();
  ASSERT_EQ(produce(producer, "a"), ErrorCode::none);
  auto request = produce_request(producer, "plain", kTopic, 0);
  record::BatchBuilder batch(record::BatchFields{
      .producer_id = producer.id, .producer_epoch = producer.epoch, .base_sequence = producer.next});
  batch.append(0, std::nullopt, as_bytes("plain"));
  request.topic_data[0].partition_data[0].records = SliceList{*std::move(batch).build(codecs)};
  EXPECT_EQ(ask<wire::ProduceResponse>(request, 13).responses.at(0).partition_responses.at(0).error_code,
            ErrorCode::invalid_txn_state);
}

TEST_F(Transactions, ProducingWithoutTheirIdIsRefused) {
  Producer producer = this->producer();
  auto request = produce_request(producer, "a", kTopic, 0);
  request.transactional_id.reset();
  EXPECT_EQ(ask<wire::ProduceResponse>(request, 13).responses.at(0).partition_responses.at(0).error_code,
            ErrorCode::transactional_id_authorization_failed);
  request = produce_request(producer, "a", kTopic, 0);
  request.transactional_id = "unknown";
  const auto answer = ask<wire::ProduceResponse>(request, 13).responses.at(0).partition_responses.at(0);
  EXPECT_EQ(answer.error_code, ErrorCode::invalid_producer_id_mapping);
}

TEST_F(Transactions, TX07_AZombieIsFenced) {
  find("g", 6, 0);
  ASSERT_TRUE(world.run_until([&] { return fetch_offset(false).first == ErrorCode::none; }, 30s));
  for (const By by : {By::first, By::second}) {
    Producer zombie = producer();
    ASSERT_EQ(produce(zombie, "zombie", by), ErrorCode::none);
    Producer newer = producer();
    EXPECT_GT(newer.epoch, zombie.epoch);
    EXPECT_EQ(produce_once(zombie, "late", by == By::first ? 9 : 13).error_code,
              ErrorCode::invalid_producer_epoch);
    EXPECT_EQ(add(zombie), ErrorCode::producer_fenced);
    EXPECT_EQ(add(zombie, kTopic, 0, 1), ErrorCode::invalid_producer_epoch) << "what old clients know";
    EXPECT_EQ(end_once(zombie, true, by).error_code, ErrorCode::producer_fenced);
    EXPECT_EQ(commit_offset(zombie, 1, by == By::first ? 3 : 5), ErrorCode::invalid_producer_epoch);
    EXPECT_EQ(read(true).values, "") << "what it had begun is aborted";
    EXPECT_EQ(read(true).stable_end, end_offset(false));
  }
}

TEST_F(Transactions, AreAbortedWhenTheirTimeIsOver) {
  Producer slow = producer("t", 1'000);
  ASSERT_EQ(produce(slow, "slow"), ErrorCode::none);
  ASSERT_TRUE(world.run_until([&] { return state() == "CompleteAbort"; }, 30s));
  EXPECT_EQ(read(true).values, "");
  EXPECT_EQ(end_once(slow, true).error_code, ErrorCode::invalid_txn_state) << "it was aborted";
  EXPECT_EQ(produce_once(slow, "late", 13).error_code, ErrorCode::invalid_producer_epoch);
}

TEST_F(Transactions, TX05_AreEndedByWhoeverReadsTheirLog) {
  for (const By by : {By::first, By::second}) {
    Producer producer = this->producer();
    ASSERT_EQ(produce(producer, "a", by), ErrorCode::none);
    const auto before = read(true).values;
    ASSERT_EQ(end_once(producer, true, by).error_code, ErrorCode::none);
    kill();
    start_again();
    ASSERT_TRUE(world.run_until([&] { return state() == "CompleteCommit"; }, 30s)) << state();
    EXPECT_EQ(read(true).values, before + "a,");
  }
}

TEST_F(Transactions, OpenOnesOutliveTheProcess) {
  Producer producer = this->producer();
  ASSERT_EQ(produce(producer, "a"), ErrorCode::none);
  kill();
  start_again();
  ASSERT_TRUE(world.run_until([&] { return state() == "Ongoing"; }, 30s));
  EXPECT_EQ(read(true).values, "");
  ASSERT_EQ(produce(producer, "b"), ErrorCode::none);
  ASSERT_EQ(end(producer, true), ErrorCode::none);
  EXPECT_EQ(read(true).values, "a,b,");
}

TEST_F(Transactions, TX18_EndWithoutTopicsThatAreGone) {
  Producer producer = this->producer();
  ASSERT_EQ(produce(producer, "a"), ErrorCode::none);
  producer.next = 0;
  ASSERT_EQ(produce_once(producer, "b", 13, "other").error_code, ErrorCode::none);
  wire::DeleteTopicsRequest request;
  request.topics.push_back({.name = "other"});
  request.timeout_ms = 10'000;
  ASSERT_EQ(ask<wire::DeleteTopicsResponse>(request, 6).responses.at(0).error_code, ErrorCode::none);
  ASSERT_EQ(end(producer, true), ErrorCode::none);
  EXPECT_EQ(read(true).values, "a,");
}

TEST_F(Transactions, CommitOffsetsWithTheirRecords) {
  find("g", 6, 0);
  ASSERT_TRUE(world.run_until([&] { return fetch_offset(false).first == ErrorCode::none; }, 30s));
  for (const By by : {By::first, By::second}) {
    const Offset offset = by == By::first ? 10 : 20;
    Producer producer = this->producer();
    if (by == By::first) {
      EXPECT_EQ(commit_offset(producer, offset, 3), ErrorCode::invalid_txn_state) << "not added yet";
      wire::AddOffsetsToTxnRequest request{"t", producer.id, producer.epoch, "g"};
      for (wire::ApiVersion version = 0; version <= 4; ++version)
        ASSERT_EQ(ask<wire::AddOffsetsToTxnResponse>(request, version).error_code, ErrorCode::none);
    }
    ASSERT_EQ(commit_offset(producer, offset, by == By::first ? 3 : 5), ErrorCode::none);
    EXPECT_EQ(fetch_offset(false).second, offset == 10 ? kNoOffset : 10) << "not before the commit";
    EXPECT_EQ(fetch_offset(true).first, ErrorCode::unstable_offset_commit);
    ASSERT_EQ(end(producer, true, by), ErrorCode::none);
    EXPECT_EQ(fetch_offset(true), std::pair(ErrorCode::none, offset));
    ASSERT_EQ(by == By::first ? ErrorCode::none : commit_offset(producer, 99, 5), ErrorCode::none);
    if (by == By::first) continue;
    ASSERT_EQ(end(producer, false, by), ErrorCode::none);
    EXPECT_EQ(fetch_offset(true), std::pair(ErrorCode::none, offset)) << "what is aborted does not count";
  }
}

TEST_F(Transactions, PendingOffsetsOutliveTheProcess) {
  find("g", 6, 0);
  ASSERT_TRUE(world.run_until([&] { return fetch_offset(false).first == ErrorCode::none; }, 30s));
  Producer producer = this->producer();
  ASSERT_EQ(commit_offset(producer, 7, 5), ErrorCode::none);
  kill();
  start_again();
  ASSERT_TRUE(
      world.run_until([&] { return fetch_offset(true).first == ErrorCode::unstable_offset_commit; }, 30s));
  ASSERT_TRUE(world.run_until([&] { return state() == "Ongoing"; }, 30s));
  ASSERT_EQ(end(producer, true), ErrorCode::none);
  EXPECT_EQ(fetch_offset(true), std::pair(ErrorCode::none, Offset{7}));
  kill();
  start_again();
  ASSERT_TRUE(world.run_until([&] { return fetch_offset(true).first == ErrorCode::none; }, 30s));
  EXPECT_EQ(fetch_offset(true).second, 7);
}

TEST_F(Transactions, OffsetsOfUnknownPartitionsAndMembersAreRefused) {
  find("g", 6, 0);
  ASSERT_TRUE(world.run_until([&] { return fetch_offset(false).first == ErrorCode::none; }, 30s));
  const Producer producer = this->producer();
  EXPECT_EQ(commit_offset(producer, 7, 5, 3, "member"), ErrorCode::illegal_generation);
  wire::TxnOffsetCommitRequest request;
  request.transactional_id = "t";
  request.group_id = "g";
  request.producer_id = producer.id;
  request.producer_epoch = producer.epoch;
  request.topics.emplace_back().name = "nowhere";
  request.topics[0].partitions.emplace_back().committed_offset = 1;
  EXPECT_EQ(ask<wire::TxnOffsetCommitResponse>(request, 5).topics.at(0).partitions.at(0).error_code,
            ErrorCode::unknown_topic_or_partition);
}

TEST_F(Transactions, PartitionsThatDoNotExistAddNothing) {
  const Producer producer = this->producer();
  wire::AddPartitionsToTxnRequest request;
  request.v3_and_below_transactional_id = "t";
  request.v3_and_below_producer_id = producer.id;
  request.v3_and_below_producer_epoch = producer.epoch;
  request.v3_and_below_topics.push_back({kTopic, {0, 7}});
  for (wire::ApiVersion version = 0; version <= 3; ++version) {
    const auto answer = ask<wire::AddPartitionsToTxnResponse>(request, version);
    const auto& partitions = answer.results_by_topic_v3_and_below.at(0).results_by_partition;
    ASSERT_EQ(partitions.size(), 2U);
    EXPECT_EQ(partitions[0].partition_error_code, ErrorCode::operation_not_attempted);
    EXPECT_EQ(partitions[1].partition_error_code, ErrorCode::unknown_topic_or_partition);
  }
  EXPECT_EQ(state(), "Empty");
}

TEST_F(Transactions, BrokersAddAndVerifyInBatches) {
  const Producer producer = this->producer();
  wire::AddPartitionsToTxnRequest request;
  auto& adds = request.transactions.emplace_back();
  adds.transactional_id = "t";
  adds.producer_id = producer.id;
  adds.producer_epoch = producer.epoch;
  adds.topics.push_back({kTopic, {0}});
  auto verifies = adds;
  verifies.verify_only = true;
  verifies.topics.push_back({"other", {1}});
  auto unknown = adds;
  unknown.transactional_id = "unknown";
  request.transactions.push_back(verifies);
  request.transactions.push_back(unknown);
  for (const wire::ApiVersion version : {4, 5}) {
    const auto answer = ask<wire::AddPartitionsToTxnResponse>(request, version);
    ASSERT_EQ(answer.results_by_transaction.size(), 3U);
    const auto code = [&](std::size_t transaction, std::size_t topic) {
      return answer.results_by_transaction[transaction]
          .topic_results.at(topic)
          .results_by_partition.at(0)
          .partition_error_code;
    };
    EXPECT_EQ(code(0, 0), ErrorCode::none);
    EXPECT_EQ(code(1, 0), ErrorCode::none);
    EXPECT_EQ(code(1, 1), ErrorCode::transaction_abortable);
    EXPECT_EQ(code(2, 0), ErrorCode::invalid_producer_id_mapping);
  }
  EXPECT_EQ(state(), "Ongoing");
}

TEST_F(Transactions, MarkersAreWrittenForWhoSpeaksForTheirCoordinator) {
  Producer producer = this->producer();
  ASSERT_EQ(produce(producer, "a", By::first), ErrorCode::none);
  wire::WriteTxnMarkersRequest request;
  auto& marker = request.markers.emplace_back();
  marker.producer_id = producer.id;
  marker.producer_epoch = producer.epoch;
  marker.transaction_result = false;
  marker.coordinator_epoch = 5;
  marker.topics.push_back({kTopic, {0}});
  marker.topics.push_back({"nowhere", {0}});
  const auto code = [&](std::size_t topic) {
    return ask<wire::WriteTxnMarkersResponse>(request, 2)
        .markers.at(0)
        .topics.at(topic)
        .partitions.at(0)
        .error_code;
  };
  EXPECT_EQ(code(0), ErrorCode::none);
  EXPECT_EQ(code(1), ErrorCode::unknown_topic_or_partition);
  EXPECT_EQ(read(true).values, "");
  EXPECT_EQ(read(true).stable_end, end_offset(false));
  request.markers[0].coordinator_epoch = 4;
  EXPECT_EQ(code(0), ErrorCode::transaction_coordinator_fenced);
  request.markers[0].coordinator_epoch = 6;
  request.markers[0].producer_epoch = -1;
  EXPECT_EQ(code(0), ErrorCode::invalid_producer_epoch);
}

TEST_F(Transactions, AreListedAndDescribed) {
  Producer producer = this->producer();
  this->producer("idle");
  ASSERT_EQ(produce(producer, "a"), ErrorCode::none);
  const auto seen = describe();
  EXPECT_EQ(seen.error_code, ErrorCode::none);
  EXPECT_EQ(seen.producer_id, producer.id);
  EXPECT_EQ(seen.transaction_timeout_ms, 60'000);
  EXPECT_EQ(seen.topics.at(0).topic, kTopic);
  EXPECT_EQ(describe("nobody").error_code, ErrorCode::transactional_id_not_found);
  EXPECT_EQ(describe("").error_code, ErrorCode::invalid_request);
  const auto listed = [&](const wire::ListTransactionsRequest& request) {
    std::vector<std::string> ids;
    const auto answer = ask<wire::ListTransactionsResponse>(request, 2);
    EXPECT_EQ(answer.error_code, ErrorCode::none);
    for (const auto& each : answer.transaction_states) ids.push_back(each.transactional_id);
    std::ranges::sort(ids);
    return ids;
  };
  EXPECT_EQ(listed({}), (std::vector<std::string>{"idle", "t"}));
  EXPECT_EQ(listed({.state_filters = {"Ongoing"}}), (std::vector<std::string>{"t"}));
  EXPECT_EQ(listed({.producer_id_filters = {producer.id}}), (std::vector<std::string>{"t"}));
  EXPECT_EQ(listed({.transactional_id_pattern = "id.*"}), (std::vector<std::string>{"idle"}));
  EXPECT_EQ(listed({.transactional_id_pattern = "dl"}), (std::vector<std::string>{})) << "as a whole";
  wire::ListTransactionsRequest bad;
  bad.transactional_id_pattern = "(";
  EXPECT_EQ(ask<wire::ListTransactionsResponse>(bad, 2).error_code, ErrorCode::invalid_regular_expression);
  wire::DescribeProducersRequest producers;
  producers.topics.push_back({kTopic, {0}});
  const auto active =
      ask<wire::DescribeProducersResponse>(producers, 0).topics.at(0).partitions.at(0).active_producers;
  ASSERT_EQ(active.size(), 1U);
  EXPECT_EQ(active[0].current_txn_start_offset, 0);
  EXPECT_EQ(active[0].producer_id, producer.id);
}

class TransactionsOnShards : public Transactions {
 protected:
  TransactionsOnShards() : Transactions(3) {}
};

TEST_F(TransactionsOnShards, AreServedWhereverTheirPartitionsAre) {
  for (const By by : {By::first, By::second}) {
    Producer producer = this->producer();
    const Sequence begin = producer.next;
    for (const PartitionIndex partition : {0, 1}) {
      producer.next = begin;
      ASSERT_EQ(produce(producer, "x", by, "other", partition), ErrorCode::none);
    }
    producer.next = begin;
    ASSERT_EQ(produce(producer, "x", by), ErrorCode::none);
    ASSERT_EQ(end(producer, by == By::first, by), ErrorCode::none);
  }
  EXPECT_EQ(read(true).values, "x,");
  EXPECT_EQ(read(true, "other", 1).values, "x,");
}

}  // namespace
}  // namespace moldau::node::testing
