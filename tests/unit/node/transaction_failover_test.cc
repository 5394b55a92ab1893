// Transactions on three nodes: their coordinators and the leaders of their partitions move, and what was
// decided stays decided.
#include "unit/node/three_nodes.h"
#include "wire/messages/describe_transactions.h"
#include "wire/messages/end_txn.h"
#include "wire/messages/find_coordinator.h"
#include "wire/messages/init_producer_id.h"
#include "wire/messages/list_offsets.h"

namespace moldau::node::testing {
namespace {

using wire::ErrorCode;

const std::string kState = "__transaction_state";
const std::string kData = "events";

bool passes(ErrorCode code) {
  return code == ErrorCode::not_coordinator || code == ErrorCode::coordinator_load_in_progress ||
         code == ErrorCode::coordinator_not_available || code == ErrorCode::network_exception ||
         code == ErrorCode::concurrent_transactions || code == ErrorCode::not_leader_or_follower ||
         code == ErrorCode::not_enough_replicas;
}

class TransactionFailover : public ThreeNodes {
 protected:
  struct Producer {
    ProducerId id = kNoProducerId;
    ProducerEpoch epoch = kNoProducerEpoch;
    Sequence next = 0;
  };

  config::Settings settings(unsigned machine) const override {
    config::Settings settings = ThreeNodes::settings(machine);
    settings.broker.insert({"transaction.state.log.num.partitions", "4"});
    return settings;
  }
  void start_with_topics() {
    start();
    create_topic(kData, 1, 3);
    ASSERT_TRUE(coordinator().has_value());
    ASSERT_TRUE(world.run_until([&] { return in_sync(kState) && in_sync(kData); }, 60s))
        << world.why_stopped();
  }
  bool in_sync(const std::string& name) {
    const metadata::Topic* topic = nodes[alive()]->image()->topic(name);
    return topic != nullptr && std::ranges::all_of(topic->partitions, [](const auto& partition) {
             return partition->isr.size() == kNodes;
           });
  }
  std::optional<NodeId> coordinator() {
    auto run = [&]() -> Task<std::optional<NodeId>> {
      for (int i = 0; i < 300; ++i) {
        wire::FindCoordinatorRequest request;
        request.key_type = 1;
        request.coordinator_keys = {"t"};
        const auto answer = co_await clients->call_any<wire::FindCoordinatorResponse>(request);
        if (answer && answer->coordinators.at(0).error_code == ErrorCode::none)
          co_return answer->coordinators[0].node_id;
        co_await runtime::sleep_for(client.shard(0), 100ms);
      }
      co_return std::nullopt;
    };
    return world.run(run());
  }
  // As a client does: to the coordinator, wherever it is, until it has an answer that lasts.
  template <class Response, class Request>
  Response ask(Request request, std::function<ErrorCode(const Response&)> code_of) {
    for (int i = 0; i < 600; ++i) {
      const auto to = coordinator();
      if (!to) break;
      static_cast<void>(world.run(clients->refresh(std::vector<std::string>())));
      const auto answer = world.run(clients->call_node<Response>(*to, request));
      if (answer && !passes(code_of(*answer))) return *answer;
      world.run_for(100ms);
    }
    ADD_FAILURE() << "the coordinator never answered";
    return {};
  }
  Producer producer() {
    wire::InitProducerIdRequest request;
    request.transactional_id = "t";
    request.transaction_timeout_ms = 60'000;
    const auto answer = ask<wire::InitProducerIdResponse>(
        request, [](const wire::InitProducerIdResponse& r) { return r.error_code; });
    EXPECT_EQ(answer.error_code, ErrorCode::none);
    return {answer.producer_id, answer.producer_epoch, 0};
  }
  wire::EndTxnResponse end(const Producer& producer, bool commits) {
    return ask<wire::EndTxnResponse>(wire::EndTxnRequest{"t", producer.id, producer.epoch, commits},
                                     [](const wire::EndTxnResponse& r) { return r.error_code; });
  }
  std::string state() {
    wire::DescribeTransactionsRequest request{{"t"}};
    return ask<wire::DescribeTransactionsResponse>(request,
                                                   [](const wire::DescribeTransactionsResponse& r) {
                                                     return r.transaction_states.at(0).error_code;
                                                   })
        .transaction_states.at(0)
        .transaction_state;
  }
  ErrorCode produce(Producer& producer, const std::string& value) {
    const record::BatchFields fields{.producer_id = producer.id,
                                     .producer_epoch = producer.epoch,
                                     .base_sequence = producer.next,
                                     .transactional = true};
    record::BatchBuilder batch(fields);
    batch.append(client.wall_clock().now_ms(), std::nullopt, as_bytes(value));
    wire::ProduceRequest request;
    request.transactional_id = "t";
    request.acks = -1;
    request.timeout_ms = 5'000;
    auto& data = request.topic_data.emplace_back();
    data.topic_id = nodes[alive()]->image()->topic(kData)->id;
    data.partition_data.emplace_back().records = SliceList{*std::move(batch).build(codecs)};
    auto run = [&]() -> Task<ErrorCode> {
      for (int i = 0; i < 300; ++i) {
        static_cast<void>(co_await clients->refresh({kData}));
        const auto leader = co_await clients->leader_of(kData, 0, client.shard(0).now() + 30s);
        if (leader) {
          const auto answer = co_await clients->call_node<wire::ProduceResponse>(*leader, request);
          if (answer) {
            const ErrorCode code = answer->responses.at(0).partition_responses.at(0).error_code;
            if (!passes(code)) co_return code;
          }
        }
        co_await runtime::sleep_for(client.shard(0), 100ms);
      }
      co_return ErrorCode::request_timed_out;
    };
    const ErrorCode code = world.run(run());
    if (code == ErrorCode::none) ++producer.next;
    return code;
  }
  // Where what is committed ends, as consumers see it.
  Offset stable_end() {
    auto run = [&]() -> Task<Offset> {
      wire::ListOffsetsRequest request;
      request.replica_id = -1;
      request.isolation_level = 1;
      request.topics.emplace_back().name = kData;
      request.topics[0].partitions.emplace_back().timestamp = -1;
      for (int i = 0; i < 300; ++i) {
        static_cast<void>(co_await clients->refresh({kData}));
        const auto leader = co_await clients->leader_of(kData, 0, client.shard(0).now() + 30s);
        if (leader) {
          const auto answer = co_await clients->call_node<wire::ListOffsetsResponse>(*leader, request);
          if (answer && answer->topics.at(0).partitions.at(0).error_code == ErrorCode::none)
            co_return answer->topics[0].partitions[0].offset;
        }
        co_await runtime::sleep_for(client.shard(0), 100ms);
      }
      co_return kNoOffset;
    };
    return world.run(run());
  }
  bool comes_to(const std::string& wanted) {
    return world.run_until([&] { return state() == wanted; }, 60s);
  }
};

TEST_F(TransactionFailover, TX05_ADecisionOutlivesItsCoordinator) {
  start_with_topics();
  Producer producer = this->producer();
  ASSERT_EQ(produce(producer, "a"), ErrorCode::none);
  EXPECT_EQ(stable_end(), 0);
  const auto ended = end(producer, true);
  ASSERT_EQ(ended.error_code, ErrorCode::none);
  kill(static_cast<unsigned>(*coordinator() - 1));
  EXPECT_TRUE(comes_to("CompleteCommit"));
  EXPECT_EQ(stable_end(), 2) << "a record and its marker";
  const auto again = end(producer, true);
  EXPECT_EQ(again.error_code, ErrorCode::none) << "TX11: a retry hears the same from whoever answers";
  EXPECT_EQ(again.producer_epoch, ended.producer_epoch);
}

TEST_F(TransactionFailover, TX06_AnOpenTransactionGoesOnWithAnotherCoordinator) {
  start_with_topics();
  Producer producer = this->producer();
  ASSERT_EQ(produce(producer, "a"), ErrorCode::none);
  kill(static_cast<unsigned>(*coordinator() - 1));
  EXPECT_EQ(state(), "Ongoing");
  ASSERT_EQ(produce(producer, "b"), ErrorCode::none);
  ASSERT_EQ(end(producer, true).error_code, ErrorCode::none);
  EXPECT_TRUE(comes_to("CompleteCommit"));
  EXPECT_EQ(stable_end(), 3);
}

TEST_F(TransactionFailover, TX01_ARetryIsAnsweredByTheNextLeader) {
  start_with_topics();
  Producer producer = this->producer();
  ASSERT_EQ(produce(producer, "a"), ErrorCode::none);
  ASSERT_EQ(produce(producer, "b"), ErrorCode::none);
  kill(leader_of(kData));
  Producer repeated = producer;
  for (const Sequence sequence : {0, 1}) {
    repeated.next = sequence;
    EXPECT_EQ(produce(repeated, sequence == 0 ? "a" : "b"), ErrorCode::none) << sequence;
  }
  ASSERT_EQ(end(producer, true).error_code, ErrorCode::none);
  EXPECT_TRUE(comes_to("CompleteCommit"));
  EXPECT_EQ(stable_end(), 3) << "two records, once each, and a marker";
  // And once more, now that its transaction has ended: nothing is added.
  repeated.next = 1;
  produce(repeated, "b");
  EXPECT_EQ(stable_end(), 3);
}

TEST_F(TransactionFailover, EachBeginsAtOnceWhenTheLastIsDecided) {
  start_with_topics();
  Producer producer = this->producer();
  for (int turn = 0; turn < 20; ++turn) {
    ASSERT_EQ(produce(producer, "a"), ErrorCode::none) << turn;
    const auto ended = end(producer, true);
    ASSERT_EQ(ended.error_code, ErrorCode::none) << turn;
    producer = {ended.producer_id, ended.producer_epoch, 0};
  }
  EXPECT_TRUE(comes_to("CompleteCommit"));
  EXPECT_EQ(stable_end(), 40) << "records and their markers";
}

TEST_F(TransactionFailover, TX20_MarkersFollowTheLeaderOfTheirPartition) {
  start_with_topics();
  Producer producer = this->producer();
  ASSERT_EQ(produce(producer, "a"), ErrorCode::none);
  const unsigned leader = leader_of(kData);
  kill(leader);
  ASSERT_EQ(end(producer, false).error_code, ErrorCode::none);
  EXPECT_TRUE(comes_to("CompleteAbort"));
  EXPECT_EQ(stable_end(), 2);
  restart(leader);
  ASSERT_TRUE(world.run_until([&] { return in_sync(kData); }, 60s));
  EXPECT_EQ(stable_end(), 2);
}

}  // namespace
}  // namespace moldau::node::testing
