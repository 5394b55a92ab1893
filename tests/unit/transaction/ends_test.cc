// Transactions: how they begin, how they end, and that they end once.
#include "coordinator.h"

namespace moldau::transaction {
namespace {

constexpr TransactionVersion kFirst = 0;
constexpr TransactionVersion kSecond = 2;

TEST(FirstVersion, KeepsItsEpochFromTransactionToTransaction) {
  Coordinator coordinator;
  const Producer producer = coordinator.producer();
  for (const bool committed : {true, false}) {
    ASSERT_EQ(coordinator.add(producer, {kA}, kFirst), ErrorCode::none);
    EXPECT_EQ(coordinator.state_of(), "Ongoing");
    EXPECT_EQ(coordinator.end(producer, committed, kFirst).error_code, ErrorCode::none);
    EXPECT_EQ(coordinator.state_of(), committed ? "PrepareCommit" : "PrepareAbort");
    const auto ending = coordinator.finish();
    EXPECT_EQ(ending->committed, committed);
    EXPECT_EQ(ending->producer, producer);
    EXPECT_EQ(ending->version, kFirst);
    EXPECT_EQ(coordinator.state_of(), committed ? "CompleteCommit" : "CompleteAbort");
    EXPECT_EQ(coordinator.end(producer, committed, kFirst).error_code, ErrorCode::none) << "a retry";
    EXPECT_EQ(coordinator.end(producer, !committed, kFirst).error_code, ErrorCode::invalid_txn_state);
  }
}

TEST(FirstVersion, CannotEndWhatHasNotBegun) {
  Coordinator coordinator;
  const Producer producer = coordinator.producer();
  EXPECT_EQ(coordinator.end(producer, true, kFirst).error_code, ErrorCode::invalid_txn_state);
  EXPECT_EQ(coordinator.end(producer, false, kFirst).error_code, ErrorCode::invalid_txn_state);
  EXPECT_EQ(coordinator.state_of(), "Empty");
}

TEST(SecondVersion, HasAnEpochForEachTransaction) {
  Coordinator coordinator;
  Producer producer = coordinator.producer();
  for (ProducerEpoch epoch = 0; epoch < 4; ++epoch) {
    EXPECT_EQ(producer.epoch, epoch);
    ASSERT_EQ(coordinator.add(producer), ErrorCode::none);
    ASSERT_EQ(coordinator.end_and_follow(producer, epoch % 2 == 0), ErrorCode::none);
    const auto ending = coordinator.finish();
    EXPECT_EQ(ending->producer, producer) << "the marker has the epoch of what comes next";
    EXPECT_EQ(ending->version, kSecond);
  }
}

TEST(SecondVersion, MayAbortWhatItHasAddedNothingTo) {
  Coordinator coordinator;
  Producer producer = coordinator.producer();
  EXPECT_EQ(coordinator.end(producer, true).error_code, ErrorCode::invalid_txn_state);
  ASSERT_EQ(coordinator.end_and_follow(producer, false), ErrorCode::none);
  EXPECT_EQ(producer.epoch, 1);
  EXPECT_TRUE(coordinator.finish()->partitions.empty());
  EXPECT_EQ(coordinator.state_of(), "CompleteAbort");
  ASSERT_EQ(coordinator.end_and_follow(producer, false), ErrorCode::none) << "again, in its new epoch";
  EXPECT_EQ(producer.epoch, 2);
  coordinator.finish();
  EXPECT_EQ(coordinator.end(producer, true).error_code, ErrorCode::invalid_txn_state);
}

TEST(SecondVersion, RetriesOfAnEndAreKnown) {
  for (const bool committed : {true, false}) {
    Coordinator coordinator;
    const Producer producer = coordinator.producer();
    ASSERT_EQ(coordinator.add(producer), ErrorCode::none);
    ASSERT_EQ(coordinator.end(producer, committed).error_code, ErrorCode::none);
    EXPECT_EQ(coordinator.end(producer, committed).error_code, ErrorCode::concurrent_transactions);
    EXPECT_EQ(coordinator.end(producer, !committed).error_code, ErrorCode::invalid_txn_state);
    coordinator.finish();
    const auto again = coordinator.end(producer, committed);
    EXPECT_EQ(again.error_code, ErrorCode::none);
    EXPECT_EQ(again.producer_epoch, 1) << "it may not have heard of its new epoch";
    EXPECT_EQ(coordinator.end(producer, !committed).error_code, ErrorCode::invalid_txn_state);
    EXPECT_EQ(coordinator.last_records.size(), 0U);
  }
}

TEST(TX14, TheSecondVersionGoesOnUnderAnotherProducerId) {
  Coordinator coordinator;
  Producer producer = coordinator.producer();
  while (producer.epoch < 32'766) producer = coordinator.producer();
  const Producer last = producer;
  ASSERT_EQ(coordinator.add(producer), ErrorCode::none);
  ASSERT_EQ(coordinator.end_and_follow(producer, true), ErrorCode::none);
  EXPECT_EQ(producer, (Producer{last.id + 1, 0}));
  EXPECT_EQ(coordinator.end(last, true).error_code, ErrorCode::concurrent_transactions);
  coordinator.fail_over();
  const auto ending = coordinator.finish();
  EXPECT_EQ(ending->producer, (Producer{last.id, 32'767})) << "whose partitions know the old id";
  const auto again = coordinator.end(last, true);
  EXPECT_EQ(again.error_code, ErrorCode::none) << "a retry that has not heard of the new id";
  EXPECT_EQ((Producer{again.producer_id, again.producer_epoch}), producer);
  EXPECT_EQ(coordinator.add(last), ErrorCode::invalid_producer_id_mapping);
  EXPECT_EQ(coordinator.add(producer), ErrorCode::none);
}

TEST(TX02, TheCoordinatorsErrorsTellWhoIsWho) {
  Coordinator coordinator;
  const Producer producer = coordinator.producer();
  const Producer other{producer.id + 5, 0};
  const Producer later{producer.id, 1};
  EXPECT_EQ(coordinator.add(other), ErrorCode::invalid_producer_id_mapping);
  EXPECT_EQ(coordinator.add(later), ErrorCode::producer_fenced);
  EXPECT_EQ(coordinator.add(producer, {kA}, 2, "nobody"), ErrorCode::invalid_producer_id_mapping);
  EXPECT_EQ(coordinator.add(producer, {kA}, 2, ""), ErrorCode::invalid_request);
  for (const TransactionVersion client : {kFirst, kSecond}) {
    EXPECT_EQ(coordinator.end(other, true, client).error_code, ErrorCode::invalid_producer_id_mapping);
    EXPECT_EQ(coordinator.end(later, true, client).error_code, ErrorCode::producer_fenced);
    EXPECT_EQ(coordinator.end(producer, true, client, "nobody").error_code,
              ErrorCode::invalid_producer_id_mapping);
    EXPECT_EQ(coordinator.end(producer, true, client, "").error_code, ErrorCode::invalid_request);
  }
  EXPECT_EQ(coordinator.verify(other), ErrorCode::invalid_producer_id_mapping);
  EXPECT_EQ(coordinator.verify(producer, kA, "nobody"), ErrorCode::invalid_producer_id_mapping);
  EXPECT_EQ(coordinator.verify(producer, kA, ""), ErrorCode::invalid_request);
  EXPECT_EQ(coordinator.log_size(), 1U) << "none of them has changed anything";
}

TEST(TX03, ADelayedEndOfTheLastTransactionDoesNotEndThisOne) {
  Coordinator coordinator;
  Producer producer = coordinator.producer();
  const Producer delayed = producer;
  ASSERT_EQ(coordinator.add(producer), ErrorCode::none);
  ASSERT_EQ(coordinator.end_and_follow(producer, false), ErrorCode::none);
  coordinator.finish();
  ASSERT_EQ(coordinator.add(producer, {kB}), ErrorCode::none);
  EXPECT_EQ(coordinator.end(delayed, false).error_code, ErrorCode::producer_fenced);
  EXPECT_EQ(coordinator.end(delayed, true).error_code, ErrorCode::producer_fenced);
  EXPECT_EQ(coordinator.state_of(), "Ongoing");
}

TEST(TX03, ForTheFirstVersionThatIsTheLimit) {
  Coordinator coordinator;
  const Producer producer = coordinator.producer();
  ASSERT_EQ(coordinator.add(producer, {kA}, kFirst), ErrorCode::none);
  ASSERT_EQ(coordinator.end(producer, false, kFirst).error_code, ErrorCode::none);
  coordinator.finish();
  ASSERT_EQ(coordinator.add(producer, {kB}, kFirst), ErrorCode::none);
  EXPECT_EQ(coordinator.end(producer, false, kFirst).error_code, ErrorCode::none)
      << "nothing tells one from the other: what KIP-890 is for";
}

TEST(TX04, ADelayedProduceIsNotVerified) {
  Coordinator coordinator;
  Producer producer = coordinator.producer();
  EXPECT_EQ(coordinator.verify(producer), ErrorCode::transaction_abortable);
  ASSERT_EQ(coordinator.add(producer, {kA}, kFirst), ErrorCode::none);
  EXPECT_EQ(coordinator.verify(producer), ErrorCode::none);
  EXPECT_EQ(coordinator.verify(producer, kB), ErrorCode::transaction_abortable);
  ASSERT_EQ(coordinator.end(producer, false, kFirst).error_code, ErrorCode::none);
  EXPECT_EQ(coordinator.verify(producer), ErrorCode::concurrent_transactions);
  coordinator.finish();
  EXPECT_EQ(coordinator.verify(producer), ErrorCode::transaction_abortable);
  ASSERT_EQ(coordinator.add(producer, {kB}, kFirst), ErrorCode::none);
  EXPECT_EQ(coordinator.verify(producer), ErrorCode::transaction_abortable) << "of the transaction before";
}

TEST(TX05, AnotherCoordinatorComesToTheSameEnd) {
  for (const TransactionVersion client : {kFirst, kSecond}) {
    for (const bool committed : {true, false}) {
      Coordinator coordinator(client);
      const Producer producer = coordinator.producer();
      ASSERT_EQ(coordinator.add(producer, {kA, kB}, client), ErrorCode::none);
      ASSERT_EQ(coordinator.end(producer, committed, client).error_code, ErrorCode::none);
      const auto decided = coordinator.state().ending_of("t");
      coordinator.fail_over();
      EXPECT_EQ(coordinator.state().prepared(), (std::vector<std::string>{"t"}));
      const auto found = coordinator.finish();
      ASSERT_TRUE(found.has_value());
      EXPECT_EQ(found->committed, committed);
      EXPECT_EQ(found->producer, decided->producer);
      EXPECT_EQ(found->partitions, decided->partitions);
      EXPECT_EQ(found->version, client);
      EXPECT_TRUE(coordinator.state().prepared().empty());
    }
  }
}

TEST(TX06, PartitionsAreInTheLogBeforeAnybodyHearsOfThem) {
  Coordinator coordinator;
  const Producer producer = coordinator.producer();
  ASSERT_EQ(coordinator.add(producer), ErrorCode::none);
  ASSERT_EQ(coordinator.last_records.size(), 1U);
  EXPECT_TRUE(coordinator.last_records.front().value->partitions.contains(kA));
  coordinator.fail_over();
  EXPECT_EQ(coordinator.verify(producer), ErrorCode::none);
  ASSERT_EQ(coordinator.add(producer), ErrorCode::none);
  EXPECT_TRUE(coordinator.last_records.empty()) << "it is there";
  EXPECT_EQ(coordinator.last_after, 2) << "but may not be committed yet";
  ASSERT_EQ(coordinator.add(producer, {kA, kB}), ErrorCode::none);
  EXPECT_EQ(coordinator.last_records.front().value->partitions.size(), 2U);
}

TEST(TX11, ARetryGetsTheAnswerThatWasLost) {
  Coordinator coordinator;
  const Producer producer = coordinator.producer();
  ASSERT_EQ(coordinator.add(producer), ErrorCode::none);
  const auto first = coordinator.end(producer, true);
  coordinator.fail_over();
  coordinator.finish();
  coordinator.fail_over();
  const auto again = coordinator.end(producer, true);
  EXPECT_EQ(again.error_code, ErrorCode::none);
  EXPECT_EQ((Producer{again.producer_id, again.producer_epoch}),
            (Producer{first.producer_id, first.producer_epoch}));
  EXPECT_EQ(coordinator.end(producer, false).error_code, ErrorCode::invalid_txn_state)
      << "it was committed, and nothing says otherwise";
}

TEST(TX15, ATimeoutAndACommitDecideOnce) {
  for (const TransactionVersion client : {kFirst, kSecond}) {
    for (const bool commit_first : {true, false}) {
      Coordinator coordinator;
      const Producer producer = coordinator.producer();
      ASSERT_EQ(coordinator.add(producer, {kA, kB}, client), ErrorCode::none);
      coordinator.now_ms += kTimeoutMs + 1;
      const auto late = coordinator.state().timed_out(coordinator.now_ms);
      ASSERT_EQ(late, (std::vector<std::string>{"t"}));
      if (commit_first) {
        EXPECT_EQ(coordinator.end(producer, true, client).error_code, ErrorCode::none);
        EXPECT_TRUE(coordinator.state().abort_timed_out("t", {}, coordinator.now_ms).empty());
        EXPECT_TRUE(coordinator.finish()->committed);
      } else {
        coordinator.abort_timed_out();
        EXPECT_EQ(coordinator.state_of(), "PrepareAbort");
        const auto answer = coordinator.end(producer, true, client).error_code;
        EXPECT_NE(answer, ErrorCode::none);
        EXPECT_FALSE(coordinator.finish()->committed);
      }
      EXPECT_FALSE(coordinator.finish().has_value());
    }
  }
}

TEST(Timeouts, FenceTheProducer) {
  for (const TransactionVersion client : {kFirst, kSecond}) {
    Coordinator coordinator;
    const Producer slow = coordinator.producer();
    ASSERT_EQ(coordinator.add(slow, {kA}, client), ErrorCode::none);
    coordinator.now_ms += kTimeoutMs;
    coordinator.abort_timed_out();
    EXPECT_EQ(coordinator.state_of(), "Ongoing") << "its time is not over yet";
    coordinator.now_ms += 1;
    coordinator.abort_timed_out();
    const auto ending = coordinator.finish();
    ASSERT_TRUE(ending.has_value());
    EXPECT_EQ(ending->producer.epoch, slow.epoch + 1);
    EXPECT_EQ(coordinator.add(slow, {kA}, client), ErrorCode::producer_fenced);
    EXPECT_EQ(coordinator.producer().epoch, slow.epoch + 2);
  }
}

TEST(TX18, ATransactionEndsWithoutPartitionsThatAreGone) {
  Coordinator coordinator;
  const Producer producer = coordinator.producer();
  ASSERT_EQ(coordinator.add(producer, {kA, kB}), ErrorCode::none);
  ASSERT_EQ(coordinator.end(producer, true).error_code, ErrorCode::none);
  // Whoever sends markers knows which topics there are: what is said at the end is that nobody is left.
  const auto ending = coordinator.state().ending_of("t");
  EXPECT_EQ(coordinator.state().complete(*ending, coordinator.now_ms).size(), 1U);
}

TEST(TX20, AMarkersAnswerThatComesLateCompletesNothingElse) {
  Coordinator coordinator;
  Producer producer = coordinator.producer();
  ASSERT_EQ(coordinator.add(producer), ErrorCode::none);
  ASSERT_EQ(coordinator.end_and_follow(producer, true), ErrorCode::none);
  const auto first = coordinator.finish();
  EXPECT_TRUE(coordinator.state().complete(*first, coordinator.now_ms).empty()) << "it is";
  ASSERT_EQ(coordinator.add(producer, {kB}), ErrorCode::none);
  EXPECT_TRUE(coordinator.state().complete(*first, coordinator.now_ms).empty());
  ASSERT_EQ(coordinator.end_and_follow(producer, false), ErrorCode::none);
  EXPECT_TRUE(coordinator.state().complete(*first, coordinator.now_ms).empty()) << "another end";
  EXPECT_EQ(coordinator.state_of(), "PrepareAbort") << "until its own markers are there";
  coordinator.finish();
  EXPECT_EQ(coordinator.state_of(), "CompleteAbort");
}

TEST(Prepared, NothingElseMayHappen) {
  Coordinator coordinator;
  const Producer producer = coordinator.producer();
  ASSERT_EQ(coordinator.add(producer, {kA}, kFirst), ErrorCode::none);
  ASSERT_EQ(coordinator.end(producer, true, kFirst).error_code, ErrorCode::none);
  const std::size_t before = coordinator.log_size();
  EXPECT_EQ(coordinator.add(producer, {kB}, kFirst), ErrorCode::concurrent_transactions);
  EXPECT_EQ(coordinator.init().error_code, ErrorCode::concurrent_transactions);
  EXPECT_EQ(coordinator.end(producer, true, kFirst).error_code, ErrorCode::concurrent_transactions);
  EXPECT_EQ(coordinator.end(producer, false, kFirst).error_code, ErrorCode::invalid_txn_state);
  coordinator.now_ms += 1'000'000'000'000;
  EXPECT_TRUE(coordinator.state().timed_out(coordinator.now_ms).empty());
  EXPECT_TRUE(coordinator.state().expire_ids(coordinator.now_ms).empty());
  EXPECT_EQ(coordinator.log_size(), before);
}

TEST(Answers, WaitForWhatTheyShow) {
  Coordinator coordinator;
  const Producer producer = coordinator.producer();
  ASSERT_EQ(coordinator.add(producer), ErrorCode::none);
  const Offset end = static_cast<Offset>(coordinator.log_size());
  EXPECT_EQ(coordinator.state().describe("t").after, end);
  EXPECT_EQ(coordinator.state().verify("t", producer, {kA}).after, end);
  EXPECT_EQ(coordinator.state().list({}, 0).after, end);
  coordinator.end(producer, true);
  EXPECT_EQ(coordinator.state().ending_of("t")->after, end + 1) << "no marker before the decision is safe";
  coordinator.end({producer.id, 9}, true);
  EXPECT_EQ(coordinator.last_after, end + 1) << "who fences may be gone with its record";
}

TEST(Histories, ReplayedGiveTheSameState) {
  Coordinator coordinator;
  Producer producer = coordinator.producer();
  for (int i = 0; i < 5; ++i) {
    coordinator.add(producer, {kA, {"t", i}});
    coordinator.end_and_follow(producer, i % 2 == 0);
    coordinator.finish();
  }
  coordinator.add(producer, {kB});
  coordinator.producer("other");
  const auto hash = coordinator.state().state_hash();
  coordinator.fail_over();
  EXPECT_EQ(coordinator.state().state_hash(), hash);
}

}  // namespace
}  // namespace moldau::transaction
