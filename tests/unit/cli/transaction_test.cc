// Transactions on the command line, against a model of two transactional ids and of one producer that nobody
// coordinates any more: `moldau txn …` and kafka-transactions.
#include "unit/cli/scripted_cluster.h"
#include "wire/messages/describe_producers.h"
#include "wire/messages/describe_transactions.h"
#include "wire/messages/find_coordinator.h"
#include "wire/messages/init_producer_id.h"
#include "wire/messages/list_transactions.h"
#include "wire/messages/write_txn_markers.h"

namespace moldau::cli {
namespace {

using wire::ErrorCode;

::testing::AssertionResult shows(const std::string& text, const std::string& part) {
  if (text.find(part) != std::string::npos) return ::testing::AssertionSuccess();
  return ::testing::AssertionFailure() << "not in: " << text;
}

// "payments" has been open in t-0 for two minutes, "idle" has nothing open. Producer 99 has hung in t-1 for
// an hour: no transactional id has it.
class TransactionTest : public ScriptedCluster {
 protected:
  struct Transaction {
    ProducerId producer;
    ProducerEpoch epoch;
    std::string state;
    TimestampMs started;
    std::vector<TopicPartition> partitions;
  };
  using Producer = wire::DescribeProducersResponse::Topic::Partition::ActiveProducer;

  TransactionTest() {
    const TimestampMs now = world.wall_clock().now_ms();
    transactions["payments"] = {7, 3, "Ongoing", now - 120'000, {{"t", 0}}};
    transactions["idle"] = {8, 0, "Empty", -1, {}};
    producers[{"t", 0}] = {{.producer_id = 7,
                            .producer_epoch = 3,
                            .last_sequence = 4,
                            .last_timestamp = now - 60'000,
                            .coordinator_epoch = 2,
                            .current_txn_start_offset = 20},
                           {.producer_id = 5,
                            .producer_epoch = 1,
                            .last_sequence = 0,
                            .last_timestamp = now,
                            .coordinator_epoch = -1}};
    producers[{"t", 1}] = {{.producer_id = 99,
                            .producer_epoch = 6,
                            .last_sequence = 1,
                            .last_timestamp = now - 3'600'000,
                            .coordinator_epoch = -1,
                            .current_txn_start_offset = 1000}};
    serve_coordinator();
    serve_producers();
  }

  std::map<std::string, Transaction> transactions;
  std::map<TopicPartition, std::vector<Producer>> producers;
  std::vector<wire::ListTransactionsRequest> listed;
  std::vector<wire::WriteTxnMarkersRequest> written;
  std::vector<std::string> fenced;
  std::vector<wire::FindCoordinatorRequest> looked_up;
  ErrorCode marker_refusal = ErrorCode::none;
  int still_ending = 0;  // answers to InitProducerId that what was open is still being aborted

 private:
  bool passes(const wire::ListTransactionsRequest& request, const Transaction& one) {
    const auto& states = request.state_filters;
    const auto& ids = request.producer_id_filters;
    return (states.empty() || std::ranges::find(states, one.state) != states.end()) &&
           (ids.empty() || std::ranges::find(ids, one.producer) != ids.end());
  }

  void serve_coordinator() {
    broker.serves<wire::FindCoordinatorRequest, wire::FindCoordinatorResponse>([this](const auto& request) {
      looked_up.push_back(request);
      wire::FindCoordinatorResponse response;
      response.coordinators.push_back({.key = request.coordinator_keys.front(),
                                       .node_id = 1,
                                       .host = "127.0.0.1",
                                       .port = broker.endpoint().port});
      return response;
    });
    broker.serves<wire::ListTransactionsRequest, wire::ListTransactionsResponse>([this](const auto& request) {
      listed.push_back(request);
      wire::ListTransactionsResponse response;
      response.error_code = refusal;
      for (const auto& [id, one] : transactions)
        if (passes(request, one)) response.transaction_states.push_back({id, one.producer, one.state});
      return response;
    });
    broker.serves<wire::DescribeTransactionsRequest, wire::DescribeTransactionsResponse>(
        [this](const auto& request) {
          wire::DescribeTransactionsResponse response;
          auto& state = response.transaction_states.emplace_back();
          state.transactional_id = request.transactional_ids.front();
          const auto at = transactions.find(state.transactional_id);
          if (at == transactions.end()) {
            state.error_code = ErrorCode::transactional_id_not_found;
            return response;
          }
          const Transaction& one = at->second;
          state.transaction_state = one.state;
          state.transaction_timeout_ms = 60'000;
          state.transaction_start_time_ms = one.started;
          state.producer_id = one.producer;
          state.producer_epoch = one.epoch;
          for (const TopicPartition& partition : one.partitions)
            state.topics.push_back({partition.topic, {partition.partition}});
          return response;
        });
    broker.serves<wire::InitProducerIdRequest, wire::InitProducerIdResponse>([this](const auto& request) {
      wire::InitProducerIdResponse response;
      if (still_ending > 0) {
        --still_ending;
        response.error_code = ErrorCode::concurrent_transactions;
        return response;
      }
      fenced.push_back(request.transactional_id.value_or("-"));
      response.producer_id = 7;
      response.producer_epoch = 4;
      return response;
    });
  }

  void serve_producers() {
    broker.serves<wire::DescribeProducersRequest, wire::DescribeProducersResponse>(
        [this](const auto& request) {
          wire::DescribeProducersResponse response;
          for (const auto& topic : request.topics) {
            auto& out = response.topics.emplace_back();
            out.name = topic.name;
            for (const PartitionIndex index : topic.partition_indexes) {
              const auto at = producers.find({topic.name, index});
              auto& partition = out.partitions.emplace_back();
              partition.partition_index = index;
              if (at != producers.end()) partition.active_producers = at->second;
            }
          }
          return response;
        });
    broker.serves<wire::WriteTxnMarkersRequest, wire::WriteTxnMarkersResponse>([this](const auto& request) {
      written.push_back(request);
      wire::WriteTxnMarkersResponse response;
      for (const auto& marker : request.markers) {
        auto& out = response.markers.emplace_back();
        out.producer_id = marker.producer_id;
        for (const auto& topic : marker.topics)
          out.topics.push_back({topic.name, {{topic.partition_indexes.front(), marker_refusal}}});
      }
      return response;
    });
  }
};

// --- kafka-transactions

TEST_F(TransactionTest, KafkaLists) {
  EXPECT_EQ(kafka({"kafka-transactions", "list"}), 0);
  EXPECT_EQ(out.text,
            "TransactionalId\tCoordinator\tProducerId\tTransactionState\t\n"
            "idle           \t1          \t8         \tEmpty           \t\n"
            "payments       \t1          \t7         \tOngoing         \t\n");
  EXPECT_EQ(listed.front().duration_filter, -1);
  EXPECT_FALSE(listed.front().transactional_id_pattern);
  listed.clear();
  EXPECT_EQ(kafka({"kafka-transactions", "list", "--duration-filter", "1500", "--transactional-id-pattern",
                   "pay.*"}),
            0);
  EXPECT_EQ(listed.front().duration_filter, 1500);
  EXPECT_EQ(listed.front().transactional_id_pattern, "pay.*");
  listed.clear();
  EXPECT_EQ(kafka({"kafka-transactions", "list", "--duration-filter", "-5"}), 0);
  EXPECT_EQ(listed.front().duration_filter, -1);
}

TEST_F(TransactionTest, KafkaListsNothingButTheHeadingWhereThereIsNothing) {
  transactions.clear();
  EXPECT_EQ(kafka({"kafka-transactions", "list"}), 0);
  EXPECT_EQ(out.text, "TransactionalId\tCoordinator\tProducerId\tTransactionState\t\n");
}

TEST_F(TransactionTest, KafkaFailsWhereABrokerRefusesOrIsTooOldForAFilter) {
  refusal = ErrorCode::cluster_authorization_failed;
  EXPECT_EQ(kafka({"kafka-transactions", "list"}), 1);
  EXPECT_TRUE(shows(err.text, "Failed to list transactions"));
  refusal = ErrorCode::none;
  broker.ranges[wire::ApiKey::list_transactions] = {0, 1};
  EXPECT_EQ(kafka({"kafka-transactions", "list", "--duration-filter", "1"}), 0);
  EXPECT_EQ(kafka({"kafka-transactions", "list", "--transactional-id-pattern", "a"}), 1);
  broker.ranges[wire::ApiKey::list_transactions] = {0, 0};
  EXPECT_EQ(kafka({"kafka-transactions", "list"}), 0);
  EXPECT_EQ(kafka({"kafka-transactions", "list", "--duration-filter", "1"}), 1);
}

TEST_F(TransactionTest, KafkaDescribes) {
  transactions["payments"].partitions = {{"t", 1}, {"t", 0}};
  EXPECT_EQ(kafka({"kafka-transactions", "describe", "--transactional-id", "payments"}), 0);
  const std::string started = std::to_string(transactions["payments"].started);
  EXPECT_TRUE(
      shows(out.text,
            "CoordinatorId\tTransactionalId\tProducerId\tProducerEpoch\tTransactionState\t"
            "TransactionTimeoutMs\tCurrentTransactionStartTimeMs\tTransactionDurationMs\tTopicPartitions\t\n"
            "1            \tpayments       \t7         \t3            \tOngoing         \t60000"));
  EXPECT_TRUE(shows(out.text, "\t" + started));
  EXPECT_TRUE(shows(out.text, "\tt-0,t-1        \t\n"));
  EXPECT_EQ(looked_up.front().key_type, 1) << "the coordinator of a transactional id, not of a group";

  EXPECT_EQ(kafka({"kafka-transactions", "describe", "--transactional-id", "idle"}), 0);
  EXPECT_TRUE(shows(out.text, "\tNone                         \tNone                 \t               \t\n"));
  EXPECT_EQ(kafka({"kafka-transactions", "describe", "--transactional-id", "nobody"}), 1);
  EXPECT_TRUE(shows(err.text, "Failed to describe transaction state of transactional-id `nobody`"));
  EXPECT_EQ(kafka({"kafka-transactions", "describe"}), 1);
  EXPECT_TRUE(shows(err.text, "argument --transactional-id is required"));
}

TEST_F(TransactionTest, KafkaDescribesProducers) {
  EXPECT_EQ(kafka({"kafka-transactions", "describe-producers", "--topic", "t", "--partition", "0"}), 0);
  const auto lines = split(out.text, '\n');
  ASSERT_EQ(lines.size(), 3U);
  EXPECT_EQ(lines[0],
            "ProducerId\tProducerEpoch\tLatestCoordinatorEpoch\tLastSequence\tLastTimestamp\t"
            "CurrentTransactionStartOffset\t");
  EXPECT_TRUE(lines[1].starts_with("7         \t3            \t2                     \t4           \t"));
  EXPECT_TRUE(lines[1].ends_with("\t20                           \t"));
  EXPECT_TRUE(lines[2].starts_with("5         \t1            \t-1                    \t0           \t"));
  EXPECT_TRUE(lines[2].ends_with("\tNone                         \t"));
  EXPECT_EQ(kafka({"kafka-transactions", "describe-producers", "--topic", "t", "--partition", "1",
                   "--broker-id", "3"}),
            0);
  EXPECT_TRUE(shows(out.text, "99        \t6"));
  EXPECT_EQ(kafka({"kafka-transactions", "describe-producers", "--topic", "t", "--partition", "7"}), 1);
  EXPECT_TRUE(shows(err.text, "Failed to describe producers for partition t-7 on leader"));
  EXPECT_EQ(kafka({"kafka-transactions", "describe-producers", "--topic", "t"}), 1);
  EXPECT_EQ(kafka({"kafka-transactions", "describe-producers", "--partition", "1"}), 1);
}

TEST_F(TransactionTest, KafkaAbortsWhatBeginsAtAnOffset) {
  EXPECT_EQ(
      kafka({"kafka-transactions", "abort", "--topic", "t", "--partition", "1", "--start-offset", "1000"}),
      0);
  EXPECT_EQ(out.text, "");
  ASSERT_EQ(written.size(), 1U);
  const auto& marker = written.front().markers.front();
  EXPECT_EQ(marker.producer_id, 99);
  EXPECT_EQ(marker.producer_epoch, 6);
  EXPECT_FALSE(marker.transaction_result);
  EXPECT_EQ(marker.coordinator_epoch, 0) << "-1 would be no epoch";
  EXPECT_EQ(marker.topics.front().name, "t");
  EXPECT_EQ(marker.topics.front().partition_indexes, std::vector<PartitionIndex>{1});

  EXPECT_EQ(
      kafka({"kafka-transactions", "abort", "--topic", "t", "--partition", "1", "--start-offset", "999"}), 1);
  EXPECT_TRUE(
      shows(err.text, "Could not find any open transactions starting at offset 999 on partition t-1"));
  marker_refusal = ErrorCode::transaction_coordinator_fenced;
  EXPECT_EQ(
      kafka({"kafka-transactions", "abort", "--topic", "t", "--partition", "1", "--start-offset", "1000"}),
      1);
  EXPECT_TRUE(shows(err.text,
                    "Failed to abort transaction AbortTransactionSpec(topicPartition=t-1, producerId=99, "
                    "producerEpoch=6, coordinatorEpoch=0)"));
}

TEST_F(TransactionTest, KafkaAbortsWhatAProducerHasWhereItCannotBeDescribed) {
  EXPECT_EQ(kafka({"kafka-transactions", "abort", "--topic", "t", "--partition", "0", "--producer-id", "7",
                   "--producer-epoch", "3", "--coordinator-epoch", "-1"}),
            0);
  ASSERT_EQ(written.size(), 1U);
  EXPECT_EQ(written.front().markers.front().coordinator_epoch, 0);
  const std::vector<std::string> start{"kafka-transactions", "abort", "--topic", "t", "--partition", "0"};
  const auto refused = [&](std::vector<std::string> more, const std::string& why) {
    more.insert(more.begin(), start.begin(), start.end());
    EXPECT_EQ(kafka(std::move(more)), 1);
    EXPECT_TRUE(shows(err.text, why));
  };
  refused({}, "must be identified either with --start-offset");
  refused({"--producer-id", "7"}, "Missing required argument --producer-epoch");
  refused({"--producer-id", "7", "--producer-epoch", "3"}, "Missing required argument --coordinator-epoch");
  refused({"--producer-id", "7", "--producer-epoch", "40000", "--coordinator-epoch", "1"}, "producer-epoch");
  EXPECT_EQ(written.size(), 1U) << "nothing more was written";
}

TEST_F(TransactionTest, KafkaFindsWhatHangs) {
  EXPECT_EQ(kafka({"kafka-transactions", "find-hanging", "--topic", "t"}), 0);
  const auto lines = split(out.text, '\n');
  ASSERT_EQ(lines.size(), 2U);
  EXPECT_EQ(lines[0],
            "Topic\tPartition\tProducerId\tProducerEpoch\tCoordinatorEpoch\tStartOffset\tLastTimestamp\t"
            "Duration(min)\t");
  EXPECT_TRUE(
      lines[1].starts_with("t    \t1        \t99        \t6            \t-1              \t1000       \t"));
  EXPECT_TRUE(lines[1].ends_with("\t60           \t"));
  EXPECT_EQ(listed.front().producer_id_filters, std::vector<ProducerId>{99})
      << "two minutes are too short to be asked about";
}

TEST_F(TransactionTest, WhatItsCoordinatorWillEndDoesNotHang) {
  // All are old enough now; t-0 belongs to what "payments" has open.
  EXPECT_EQ(
      kafka({"kafka-transactions", "find-hanging", "--broker-id", "1", "--max-transaction-timeout", "0"}), 0);
  EXPECT_FALSE(shows(out.text, "\n7 "));
  EXPECT_TRUE(shows(out.text, "99"));
  EXPECT_FALSE(shows(out.text, "t    \t0"));
  // Its coordinator does not know of t-0 any more, or not of it at all.
  transactions["payments"].partitions.clear();
  EXPECT_EQ(kafka({"kafka-transactions", "find-hanging", "--topic", "t", "--max-transaction-timeout", "0"}),
            0);
  EXPECT_TRUE(shows(out.text, "t    \t0        \t7"));
  transactions.clear();
  EXPECT_EQ(kafka({"kafka-transactions", "find-hanging", "--topic", "t", "--partition", "0",
                   "--max-transaction-timeout", "0"}),
            0);
  EXPECT_TRUE(shows(out.text, "t    \t0        \t7"));
  EXPECT_FALSE(shows(out.text, "99")) << "only this partition was searched";
}

TEST_F(TransactionTest, KafkaWantsToKnowWhereToSearch) {
  EXPECT_EQ(kafka({"kafka-transactions", "find-hanging"}), 1);
  EXPECT_TRUE(shows(err.text, "requires either --topic or --broker-id"));
  EXPECT_EQ(kafka({"kafka-transactions", "find-hanging", "--broker-id", "1", "--partition", "0"}), 1);
  EXPECT_TRUE(shows(err.text, "The --partition argument requires --topic to be provided"));
  EXPECT_EQ(kafka({"kafka-transactions", "find-hanging", "--topic", "none"}), 1);
  EXPECT_TRUE(shows(err.text, "Failed to describe 1 topics"));
}

TEST_F(TransactionTest, KafkaForcesAnIdToEnd) {
  still_ending = 2;
  EXPECT_EQ(kafka({"kafka-transactions", "forceTerminateTransaction", "--transactionalId", "payments"}), 0);
  EXPECT_EQ(fenced, std::vector<std::string>{"payments"});
  EXPECT_EQ(still_ending, 0);
  EXPECT_EQ(kafka({"kafka-transactions", "forceTerminateTransaction"}), 1);
  EXPECT_TRUE(shows(err.text, "argument --transactionalId is required"));
}

TEST_F(TransactionTest, KafkasToolWantsOneOfItsCommands) {
  EXPECT_EQ(kafka({"kafka-transactions"}), 1);
  EXPECT_TRUE(shows(err.text, "kafka-transactions find-hanging"));
  EXPECT_EQ(kafka({"kafka-transactions", "nonsense"}), 1);
  EXPECT_EQ(run({"kafka-run-class", "org.apache.kafka.tools.TransactionsCommand", "--bootstrap-server",
                 broker.endpoint().to_string(), "list"}),
            0);
  EXPECT_TRUE(shows(out.text, "payments"));
}

// --- moldau txn

TEST_F(TransactionTest, ListShowsAndFilters) {
  EXPECT_EQ(moldau({"txn", "list"}), 0);
  EXPECT_EQ(out.text,
            "TRANSACTIONAL-ID  STATE    PRODUCER-ID  COORDINATOR\n"
            "idle              Empty              8            1\n"
            "payments          Ongoing            7            1\n");
  EXPECT_EQ(moldau({"transactions", "ls", "--state", "ongoing,prepare-abort", "--longer-than", "1m",
                    "--producer", "7,8", "-r", "p.*", "--format", "jsonl"}),
            0);
  EXPECT_EQ(
      out.text,
      "{\"transactional_id\":\"payments\",\"state\":\"Ongoing\",\"producer_id\":7,\"coordinator\":1}\n");
  const auto& sent = listed.back();
  EXPECT_EQ(sent.state_filters, (std::vector<std::string>{"Ongoing", "PrepareAbort"}));
  EXPECT_EQ(sent.duration_filter, 60'000);
  EXPECT_EQ(sent.producer_id_filters, (std::vector<ProducerId>{7, 8}));
  EXPECT_EQ(sent.transactional_id_pattern, "p.*");
}

TEST_F(TransactionTest, ListRefusesWhatIsNoStateOrProducer) {
  EXPECT_EQ(moldau({"txn", "list", "--state", "open"}), 2);
  EXPECT_TRUE(shows(err.text, "one of: Empty, Ongoing"));
  EXPECT_EQ(moldau({"txn", "list", "--producer", "x"}), 2);
  EXPECT_EQ(moldau({"txn", "list", "--longer-than", "soon"}), 2);
  EXPECT_TRUE(listed.empty());
}

TEST_F(TransactionTest, DescribeShowsWhereItIsOpenFrom) {
  EXPECT_EQ(moldau({"txn", "describe", "payments", "--format", "json"}), 0);
  const auto parsed = Json::parse(out.text);
  ASSERT_TRUE(parsed) << out.text;
  const Json& found = parsed->as_array()->front();
  EXPECT_EQ(*found.find("state"), Json("Ongoing"));
  EXPECT_EQ(*found.find("epoch"), Json(3));
  EXPECT_GE(*found.find("open_ms")->as_integer(), 120'000);
  const Json& partition = found.find("partition_list")->as_array()->front();
  EXPECT_EQ(*partition.find("partition"), Json(0));
  EXPECT_EQ(*partition.find("start_offset"), Json(20));
  EXPECT_EQ(moldau({"txn", "describe", "payments", "idle"}), 0);
  EXPECT_TRUE(shows(out.text, "TRANSACTION\n"));
  EXPECT_TRUE(shows(out.text, "PARTITIONS\n"));
}

TEST_F(TransactionTest, DescribeNamesTheNearestIdForOneThatIsNotThere) {
  EXPECT_EQ(moldau({"txn", "describe", "payment"}), 5);
  EXPECT_TRUE(shows(err.text, "did you mean payments?"));
  EXPECT_EQ(moldau({"txn", "describe"}), 2);
}

TEST_F(TransactionTest, ProducersShowsWhatIsOpen) {
  EXPECT_EQ(moldau({"txn", "producers", "t", "--fields", "partition,producer_id,open_from"}), 0);
  EXPECT_EQ(out.text,
            "PARTITION  PRODUCER-ID  OPEN-FROM\n"
            "        0            7         20\n"
            "        0            5          -\n"
            "        1           99       1000\n");
  EXPECT_EQ(moldau({"txn", "producers", "t", "--open", "-p", "0", "--broker", "2", "--format", "jsonl"}), 0);
  EXPECT_TRUE(shows(out.text, "\"producer_id\":7"));
  EXPECT_FALSE(shows(out.text, "\"producer_id\":5"));
  EXPECT_EQ(moldau({"txn", "producers", "t", "-p", "9"}), 5);
  EXPECT_EQ(moldau({"txn", "producers", "none"}), 5);
  EXPECT_EQ(moldau({"txn", "producers"}), 2);
}

TEST_F(TransactionTest, FindHangingLooksEverywhereAndSaysWhatToDo) {
  EXPECT_EQ(moldau({"txn", "find-hanging", "--fields", "topic,partition,start_offset,producer_id"}), 0);
  EXPECT_EQ(out.text,
            "TOPIC  PARTITION  START-OFFSET  PRODUCER-ID\n"
            "t              1          1000           99\n");
  EXPECT_TRUE(shows(err.text, "moldau txn abort --topic TOPIC --partition N --start-offset N"));
  EXPECT_EQ(moldau({"txn", "find-hanging", "--longer-than", "2h"}), 0);
  EXPECT_EQ(err.text, "");
  EXPECT_EQ(moldau({"txn", "find-hanging", "-p", "1"}), 2);
}

TEST_F(TransactionTest, AbortOfAnIdFencesOnlyOneThatIsThere) {
  EXPECT_EQ(moldau({"txn", "abort", "payments"}), 2) << "nobody can be asked";
  EXPECT_EQ(moldau({"txn", "abort", "payments", "--dry-run"}), 0);
  EXPECT_TRUE(fenced.empty());
  EXPECT_EQ(moldau({"txn", "abort", "payments", "nobody", "-y"}), 1);
  EXPECT_EQ(fenced, std::vector<std::string>{"payments"}) << "an id that nobody uses is not made";
  EXPECT_TRUE(shows(out.text, "TRANSACTIONAL_ID_NOT_FOUND"));
  EXPECT_EQ(moldau({"txn", "abort", "nobody", "-y"}), 5);
  EXPECT_EQ(moldau({"txn", "abort"}), 2);
}

TEST_F(TransactionTest, AbortInAPartitionWritesAMarker) {
  const std::vector<std::string> words{"txn", "abort", "--topic", "t", "-p", "1", "--start-offset", "1000"};
  const auto abort_with = [&](std::string last) {
    auto all = words;
    all.push_back(std::move(last));
    return moldau(std::move(all));
  };
  EXPECT_EQ(abort_with("--dry-run"), 0);
  EXPECT_TRUE(written.empty());
  EXPECT_EQ(abort_with("--yes"), 0);
  ASSERT_EQ(written.size(), 1U);
  EXPECT_EQ(written.front().markers.front().producer_id, 99);
  EXPECT_EQ(moldau({"txn", "abort", "--topic", "t", "-p", "1", "--start-offset", "1", "-y"}), 5);
  EXPECT_EQ(moldau({"txn", "abort", "--topic", "t", "-p", "1", "-y"}), 2);
  EXPECT_EQ(abort_with("payments"), 2) << "one or the other";
  marker_refusal = ErrorCode::invalid_producer_epoch;
  EXPECT_EQ(abort_with("-y"), 1);
  EXPECT_TRUE(shows(out.text, "INVALID_PRODUCER_EPOCH"));
  EXPECT_EQ(written.size(), 2U);
}

}  // namespace
}  // namespace moldau::cli
