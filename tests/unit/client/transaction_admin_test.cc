// TransactionAdmin against scripted brokers: who is asked, again and elsewhere, and what becomes of refusals.
#include "client/admin_transactions.h"
#include "fixture.h"
#include "wire/messages/describe_producers.h"
#include "wire/messages/describe_transactions.h"
#include "wire/messages/find_coordinator.h"
#include "wire/messages/list_transactions.h"
#include "wire/messages/write_txn_markers.h"

namespace moldau::client {
namespace {

using wire::ApiKey;
using wire::ErrorCode;

class TransactionAdminTest : public ClientTest {
 protected:
  TransactionAdminTest() {
    cluster_.add_topic("t", 2);
    add_broker();
    for (std::size_t i = 0; i < 2; ++i)
      broker(i).serves<wire::FindCoordinatorRequest, wire::FindCoordinatorResponse>(
          [this](const auto& request) {
            looked_up.push_back(request);
            wire::FindCoordinatorResponse response;
            response.coordinators.push_back(
                {.key = request.coordinator_keys.front(),
                 .node_id = coordinator,
                 .host = "127.0.0.1",
                 .port = broker(static_cast<std::size_t>(coordinator)).endpoint().port});
            return response;
          });
  }
  // This broker's part of the list.
  void lists(std::size_t which, std::vector<std::pair<std::string, ProducerId>> ids) {
    broker(which).serves<wire::ListTransactionsRequest, wire::ListTransactionsResponse>([ids](const auto&) {
      wire::ListTransactionsResponse response;
      for (const auto& [id, producer] : ids) response.transaction_states.push_back({id, producer, "Ongoing"});
      return response;
    });
  }
  // This broker answers each description with the next of these codes, the last one for ever.
  void describes(std::size_t which, std::vector<ErrorCode> codes) {
    broker(which).serves<wire::DescribeTransactionsRequest, wire::DescribeTransactionsResponse>(
        [codes, at = std::size_t{0}](const auto& request) mutable {
          wire::DescribeTransactionsResponse response;
          auto& state = response.transaction_states.emplace_back();
          state.error_code = codes[std::min(at++, codes.size() - 1)];
          state.transactional_id = request.transactional_ids.front();
          state.transaction_state = "Ongoing";
          state.transaction_start_time_ms = 77;
          state.topics.push_back({"u", {1, 0}});
          state.topics.push_back({"t", {0}});
          return response;
        });
  }

  TransactionAdmin admin() { return TransactionAdmin(client()); }
  template <class T>
  auto run(Task<T> task) {
    return world_.run(std::move(task));
  }

  NodeId coordinator = 0;
  std::vector<wire::FindCoordinatorRequest> looked_up;
};

TEST_F(TransactionAdminTest, AListIsThatOfAllBrokers) {
  lists(0, {{"z", 1}, {"both", 2}});
  lists(1, {{"a", 3}, {"both", 2}});
  const auto listed = run(admin().list());
  ASSERT_TRUE(listed) << listed.error().to_string();
  ASSERT_EQ(listed->size(), 3U) << "one whose coordinator changes is named once";
  EXPECT_EQ(listed->at(0).id, "a");
  EXPECT_EQ(listed->at(0).coordinator, 1);
  EXPECT_EQ(listed->at(1).id, "both");
  EXPECT_EQ(listed->at(2).producer, 1);
}

TEST_F(TransactionAdminTest, AFilterNeedsABrokerThatKnowsIt) {
  for (std::size_t i = 0; i < 2; ++i) {
    lists(i, {{"a", 1}});
    broker(i).ranges[ApiKey::list_transactions] = {0, 0};
  }
  EXPECT_TRUE(run(admin().list({.states = {"Ongoing"}, .producers = {1}})));
  EXPECT_EQ(run(admin().list({.longer_than = 1s})).error().code, Errc::unsupported);
  EXPECT_EQ(run(admin().list({.id_pattern = "a"})).error().code, Errc::unsupported);
}

TEST_F(TransactionAdminTest, ARefusedListIsAFailure) {
  lists(0, {});
  broker(1).serves<wire::ListTransactionsRequest, wire::ListTransactionsResponse>([](const auto&) {
    wire::ListTransactionsResponse response;
    response.error_code = ErrorCode::invalid_regular_expression;
    return response;
  });
  EXPECT_EQ(run(admin().list({.id_pattern = "("})).error().broker, ErrorCode::invalid_regular_expression);
}

TEST_F(TransactionAdminTest, ADescriptionIsTheCoordinatorsWhereverItIs) {
  coordinator = 1;
  describes(1, {ErrorCode::coordinator_load_in_progress, ErrorCode::not_coordinator, ErrorCode::none});
  const auto described = run(admin().describe("id"));
  ASSERT_TRUE(described) << described.error().to_string();
  EXPECT_EQ(described->coordinator, 1);
  EXPECT_EQ(described->started, 77);
  EXPECT_EQ(described->partitions, (std::vector<TopicPartition>{{"t", 0}, {"u", 0}, {"u", 1}}));
  EXPECT_GE(looked_up.size(), 3U) << "it is looked for anew each time";
  for (const auto& request : looked_up) EXPECT_EQ(request.key_type, 1);
}

TEST_F(TransactionAdminTest, AnIdThatNobodyUsesIsNotFound) {
  describes(0, {ErrorCode::transactional_id_not_found});
  const auto described = run(admin().describe("id"));
  ASSERT_FALSE(described);
  EXPECT_EQ(described.error().broker, ErrorCode::transactional_id_not_found);
  EXPECT_EQ(described.error().code, Errc::not_found);
}

TEST_F(TransactionAdminTest, FencingWaitsUntilWhatWasOpenIsAborted) {
  int asked = 0;
  broker(0).serves<wire::InitProducerIdRequest, wire::InitProducerIdResponse>([&](const auto& request) {
    EXPECT_EQ(request.transactional_id, "id");
    EXPECT_EQ(request.producer_id, kNoProducerId) << "it names no producer: all of them are fenced";
    wire::InitProducerIdResponse response;
    response.error_code = ++asked < 4 ? ErrorCode::concurrent_transactions : ErrorCode::none;
    response.producer_id = 5;
    response.producer_epoch = 6;
    return response;
  });
  const auto fenced = run(admin().fence("id"));
  ASSERT_TRUE(fenced) << fenced.error().to_string();
  EXPECT_EQ(asked, 4);
  EXPECT_EQ(fenced->id, 5);
  EXPECT_EQ(fenced->epoch, 6);
}

TEST_F(TransactionAdminTest, FencingThatIsRefusedIsAFailure) {
  broker(0).serves<wire::InitProducerIdRequest, wire::InitProducerIdResponse>([](const auto&) {
    wire::InitProducerIdResponse response;
    response.error_code = ErrorCode::transactional_id_authorization_failed;
    return response;
  });
  const auto fenced = run(admin().fence("id"));
  ASSERT_FALSE(fenced);
  EXPECT_EQ(fenced.error().code, Errc::permission);
}

TEST_F(TransactionAdminTest, AMarkerIsWrittenByTheLeader) {
  cluster_.partition("t", 1).leader = 1;
  std::vector<NodeId> asked;
  for (std::size_t i = 0; i < 2; ++i)
    broker(i).serves<wire::WriteTxnMarkersRequest, wire::WriteTxnMarkersResponse>(
        [&, i](const auto& request) {
          asked.push_back(static_cast<NodeId>(i));
          wire::WriteTxnMarkersResponse response;
          auto& marker = response.markers.emplace_back();
          marker.producer_id = request.markers.front().producer_id;
          // It gives leadership away at this moment.
          const bool moved = asked.size() == 1;
          if (moved) cluster_.partition("t", 1).leader = 0;
          marker.topics.push_back({"t", {{1, moved ? ErrorCode::not_leader_or_follower : ErrorCode::none}}});
          return response;
        });
  const auto written = run(admin().write({{"t", 1}, 7, 2, 3}));
  ASSERT_TRUE(written) << written.error().to_string();
  EXPECT_EQ(asked, (std::vector<NodeId>{1, 0}));
}

TEST_F(TransactionAdminTest, AMarkerThatIsRefusedIsAFailure) {
  broker(0).serves<wire::WriteTxnMarkersRequest, wire::WriteTxnMarkersResponse>([](const auto&) {
    wire::WriteTxnMarkersResponse response;
    response.markers.emplace_back().topics.push_back({"t", {{0, ErrorCode::invalid_producer_epoch}}});
    return response;
  });
  EXPECT_EQ(run(admin().write({{"t", 0}, 7, 2, 3})).error().broker, ErrorCode::invalid_producer_epoch);
  EXPECT_EQ(run(admin().write({{"t", 9}, 7, 2, 3})).error().broker, ErrorCode::unknown_topic_or_partition);
}

TEST_F(TransactionAdminTest, ProducersAreThoseOfTheReplicaThatIsAsked) {
  for (std::size_t i = 0; i < 2; ++i)
    broker(i).serves<wire::DescribeProducersRequest, wire::DescribeProducersResponse>(
        [i](const auto& request) {
          wire::DescribeProducersResponse response;
          auto& topic = response.topics.emplace_back();
          topic.name = request.topics.front().name;
          auto& partition = topic.partitions.emplace_back();
          partition.active_producers.emplace_back().producer_id = static_cast<ProducerId>(100 + i);
          return response;
        });
  const auto described = run(admin().producers_on(1, {{"t", 0}}));
  ASSERT_TRUE(described) << described.error().to_string();
  ASSERT_TRUE(described->front().second);
  EXPECT_EQ(described->front().second->front().id, 101);
}

}  // namespace
}  // namespace moldau::client
