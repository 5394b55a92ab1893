// Who produces under a transactional id: InitProducerId, epochs and what they fence.
#include "coordinator.h"

namespace moldau::transaction {
namespace {

constexpr TransactionVersion kFirst = 0;
constexpr TransactionVersion kSecond = 2;

TEST(InitProducerId, GivesEachIdAProducerAndEachProducerAnEpoch) {
  Coordinator coordinator;
  EXPECT_EQ(coordinator.producer("t"), (Producer{1'000, 0}));
  EXPECT_EQ(coordinator.producer("u"), (Producer{1'001, 0}));
  EXPECT_EQ(coordinator.producer("t"), (Producer{1'000, 1}));
  EXPECT_EQ(coordinator.state_of("t"), "Empty");
  EXPECT_EQ(coordinator.describe("t").transaction_timeout_ms, kTimeoutMs);
  coordinator.fail_over();
  EXPECT_EQ(coordinator.producer("t"), (Producer{1'000, 2}));
}

TEST(InitProducerId, RefusesTimeoutsAndIdsThatCannotBe) {
  Coordinator coordinator;
  for (const std::int32_t timeout : {0, -1, coordinator.settings.max_timeout_ms + 1})
    EXPECT_EQ(coordinator.init("t", {}, timeout).error_code, ErrorCode::invalid_transaction_timeout);
  EXPECT_EQ(coordinator.init("").error_code, ErrorCode::invalid_request);
  EXPECT_EQ(coordinator.log_size(), 0U);
  EXPECT_EQ(coordinator.init("t", {}, coordinator.settings.max_timeout_ms).error_code, ErrorCode::none);
}

// KIP-360: a producer that has met an error raises its own epoch.
TEST(InitProducerId, RaisesTheEpochOfWhoNamesIt) {
  Coordinator coordinator;
  const Producer first = coordinator.producer();
  const auto raised = coordinator.init("t", first);
  EXPECT_EQ(raised.error_code, ErrorCode::none);
  EXPECT_EQ(raised.producer_epoch, 1);
  const auto again = coordinator.init("t", first);
  EXPECT_EQ(again.error_code, ErrorCode::none) << "a retry";
  EXPECT_EQ(again.producer_epoch, 1) << "gets what it was given";
  EXPECT_EQ(coordinator.init("t", Producer{first.id, 5}).error_code, ErrorCode::producer_fenced);
  EXPECT_EQ(coordinator.init("t", Producer{first.id + 1, 1}).error_code, ErrorCode::producer_fenced);
  coordinator.producer();
  EXPECT_EQ(coordinator.init("t", first).error_code, ErrorCode::producer_fenced) << "another came since";
}

TEST(InitProducerId, OfAnIdThatHasExpiredTakesWhoeverComes) {
  Coordinator coordinator;
  const auto answer = coordinator.init("t", Producer{77, 12});
  EXPECT_EQ(answer.error_code, ErrorCode::none);
  EXPECT_EQ(answer.producer_epoch, 0);
}

TEST(TX07, AZombieIsFencedOnEveryPath) {
  for (const TransactionVersion client : {kFirst, kSecond}) {
    Coordinator coordinator;
    const Producer zombie = coordinator.producer();
    ASSERT_EQ(coordinator.add(zombie, {kA}, client), ErrorCode::none);
    const Producer newer = coordinator.producer();
    ASSERT_EQ(coordinator.add(newer, {kB}, client), ErrorCode::none);
    const auto before = coordinator.state().state_hash();
    EXPECT_EQ(coordinator.add(zombie, {kA}, client), ErrorCode::producer_fenced);
    EXPECT_EQ(coordinator.verify(zombie), ErrorCode::producer_fenced);
    EXPECT_EQ(coordinator.end(zombie, true, client).error_code, ErrorCode::producer_fenced);
    EXPECT_EQ(coordinator.end(zombie, false, client).error_code, ErrorCode::producer_fenced);
    EXPECT_EQ(coordinator.state().state_hash(), before) << "and nothing has changed";
    coordinator.end(newer, true, client);
    coordinator.finish();
    EXPECT_EQ(coordinator.init("t", zombie).error_code, ErrorCode::producer_fenced);
  }
}

TEST(InitProducerId, AbortsWhatIsUnderWayFirst) {
  for (const TransactionVersion client : {kFirst, kSecond}) {
    Coordinator coordinator;
    const Producer old = coordinator.producer();
    ASSERT_EQ(coordinator.add(old, {kA, kB}, client), ErrorCode::none);
    EXPECT_EQ(coordinator.init().error_code, ErrorCode::concurrent_transactions);
    EXPECT_EQ(coordinator.state_of(), "PrepareAbort");
    EXPECT_EQ(coordinator.init().error_code, ErrorCode::concurrent_transactions);
    const auto ending = coordinator.finish();
    ASSERT_TRUE(ending.has_value());
    EXPECT_FALSE(ending->committed);
    EXPECT_EQ(ending->producer, (Producer{old.id, static_cast<ProducerEpoch>(old.epoch + 1)}))
        << "the marker fences, too";
    EXPECT_EQ(ending->partitions, (std::set<TopicPartition>{kA, kB}));
    EXPECT_EQ(coordinator.state_of(), "CompleteAbort");
    EXPECT_EQ(coordinator.producer(), (Producer{old.id, static_cast<ProducerEpoch>(old.epoch + 2)}));
  }
}

// The epoch of a new id comes to its end by initialising only.
Producer exhausted(Coordinator& coordinator) {
  Producer producer = coordinator.producer();
  while (producer.epoch < 32'766) producer = coordinator.producer();
  return producer;
}

TEST(TX14, WhoseEpochsAreUsedUpGetsAnotherProducerId) {
  Coordinator coordinator;
  const Producer last = exhausted(coordinator);
  EXPECT_EQ(coordinator.producer(), (Producer{last.id + 1, 0}));
  EXPECT_EQ(coordinator.add(last), ErrorCode::invalid_producer_id_mapping) << "the old one stays out";
  EXPECT_EQ(coordinator.end(last, false).error_code, ErrorCode::producer_fenced);
}

TEST(TX14, ARetryOfWhoNamedTheLastEpochIsKnown) {
  Coordinator coordinator;
  const Producer last = exhausted(coordinator);
  const auto rotated = coordinator.init("t", last);
  EXPECT_EQ((Producer{rotated.producer_id, rotated.producer_epoch}), (Producer{last.id + 1, 0}));
  const auto again = coordinator.init("t", last);
  EXPECT_EQ((Producer{again.producer_id, again.producer_epoch}), (Producer{last.id + 1, 0}));
}

TEST(TX14, ThereIsAnEpochLeftToFenceTheLastOneWith) {
  for (const TransactionVersion client : {kFirst, kSecond}) {
    Coordinator coordinator;
    const Producer last = exhausted(coordinator);
    ASSERT_EQ(coordinator.add(last, {kA}, client), ErrorCode::none);
    const auto before = coordinator.state().state_hash();
    // An append that fails leaves everything as it was, however often.
    for (int i = 0; i < 3; ++i) {
      wire::InitProducerIdRequest request;
      request.transactional_id = "t";
      request.transaction_timeout_ms = kTimeoutMs;
      const auto outcome =
          coordinator.state().init_producer_id(request, coordinator.fresh("t"), coordinator.now_ms);
      EXPECT_EQ(outcome.response.error_code, ErrorCode::concurrent_transactions);
      EXPECT_EQ(outcome.records.front().value->epoch, 32'767);
    }
    EXPECT_EQ(coordinator.state().state_hash(), before);
    const Producer next = coordinator.producer();
    EXPECT_GT(next.id, last.id);
    EXPECT_LE(next.epoch, 1);
    EXPECT_EQ(coordinator.add(last, {kA}, client), ErrorCode::invalid_producer_id_mapping);
  }
}

TEST(TransactionalIds, AreDroppedWhenNobodyHasUsedThem) {
  Coordinator coordinator;
  coordinator.producer("idle");
  const Producer busy = coordinator.producer("busy");
  ASSERT_EQ(coordinator.add(busy, {kA}, 2, "busy"), ErrorCode::none);
  coordinator.now_ms += coordinator.settings.id_expiration_ms - 1;
  EXPECT_TRUE(coordinator.state().expire_ids(coordinator.now_ms).empty());
  coordinator.now_ms += 1;
  const Records dropped = coordinator.state().expire_ids(coordinator.now_ms);
  ASSERT_EQ(dropped.size(), 1U) << "never one with an open transaction";
  EXPECT_EQ(dropped.front(), (Record{"idle", std::nullopt}));
  coordinator.apply(dropped);
  EXPECT_EQ(coordinator.describe("idle").error_code, ErrorCode::transactional_id_not_found);
  EXPECT_EQ(coordinator.state().size(), 1U);
  coordinator.fail_over();
  EXPECT_EQ(coordinator.state().size(), 1U);
}

TEST(Seen, IsWhatIsStored) {
  Coordinator coordinator;
  const Producer producer = coordinator.producer();
  ASSERT_EQ(coordinator.add(producer, {kA, kB, {"a", 3}}), ErrorCode::none);
  coordinator.producer("u");
  const auto seen = coordinator.describe();
  EXPECT_EQ(seen.error_code, ErrorCode::none);
  EXPECT_EQ(seen.transaction_state, "Ongoing");
  EXPECT_EQ(seen.producer_id, producer.id);
  EXPECT_EQ(seen.transaction_start_time_ms, coordinator.now_ms);
  ASSERT_EQ(seen.topics.size(), 2U);
  EXPECT_EQ(seen.topics[0].topic, "a");
  EXPECT_EQ(seen.topics[0].partitions, (std::vector<PartitionIndex>{0, 3}));
  EXPECT_EQ(coordinator.describe("nobody").error_code, ErrorCode::transactional_id_not_found);
  EXPECT_EQ(coordinator.describe("").error_code, ErrorCode::invalid_request);
}

TEST(Seen, IsFiltered) {
  Coordinator coordinator;
  const Producer producer = coordinator.producer("t");
  const Producer other = coordinator.producer("u");
  ASSERT_EQ(coordinator.add(producer), ErrorCode::none);
  const auto ids = [&](const wire::ListTransactionsRequest& filters, TimestampMs now_ms) {
    std::string all;
    for (const auto& each : coordinator.state().list(filters, now_ms).response.transaction_states)
      all += each.transactional_id;
    return all;
  };
  wire::ListTransactionsRequest filters;
  EXPECT_EQ(ids(filters, coordinator.now_ms), "tu");
  filters.producer_id_filters = {other.id};
  EXPECT_EQ(ids(filters, coordinator.now_ms), "u");
  filters = {.state_filters = {"Ongoing", "Strange"}};
  EXPECT_EQ(ids(filters, coordinator.now_ms), "t");
  EXPECT_EQ(coordinator.state().list(filters, 0).response.unknown_state_filters,
            (std::vector<std::string>{"Strange"}));
  filters = {.state_filters = {"Strange"}};
  EXPECT_EQ(ids(filters, coordinator.now_ms), "");
  filters = {.state_filters = {"Ongoing"}, .duration_filter = 10};
  EXPECT_EQ(ids(filters, coordinator.now_ms + 10), "");
  EXPECT_EQ(ids(filters, coordinator.now_ms + 11), "t");
}

}  // namespace
}  // namespace moldau::transaction
