#include "replication/transaction_guards.h"

#include <gtest/gtest.h>

namespace moldau::replication {
namespace {

using Verdict = TransactionGuards::Verdict;

TEST(TransactionGuards, LetABatchPassThatWasAskedFor) {
  TransactionGuards guards;
  const TransactionGuard guard = guards.begin({7, 0, 0}, false);
  EXPECT_NE(guard, kNoGuard);
  EXPECT_EQ(guards.check({7, 0, 0}, guard, false), Verdict::passes);
  EXPECT_EQ(guards.check({7, 0, 0}, kNoGuard, false), Verdict::unverified);
  EXPECT_EQ(guards.check({8, 0, 0}, guard, false), Verdict::unverified);
}

TEST(TransactionGuards, TX04_AreGoneWithTheMarker) {
  TransactionGuards guards;
  const TransactionGuard before = guards.begin({7, 0, 0}, false);
  guards.forget(7);
  EXPECT_EQ(guards.check({7, 0, 0}, before, true), Verdict::unverified);
  const TransactionGuard after = guards.begin({7, 0, 1}, false);
  EXPECT_NE(after, before);
  EXPECT_EQ(guards.check({7, 0, 0}, before, true), Verdict::unverified) << "of the transaction before";
}

TEST(TransactionGuards, OfTheNextTransactionOutliveTheMarkerOfTheLast) {
  TransactionGuards guards;
  const TransactionGuard guard = guards.begin({7, 5, 0}, true);
  guards.forget_before(7, 5);
  EXPECT_EQ(guards.check({7, 5, 0}, guard, true), Verdict::passes);
  EXPECT_EQ(guards.check({7, 5, 0}, kNotAsked, true), Verdict::unverified);
  guards.forget_before(8, 6);
  EXPECT_EQ(guards.check({7, 5, 0}, guard, true), Verdict::passes) << "that of another producer";
  guards.forget_before(7, 6);
  EXPECT_EQ(guards.check({7, 5, 0}, guard, true), Verdict::unverified);
  EXPECT_EQ(guards.size(), 0U);
}

TEST(TransactionGuards, TX17_ABatchDoesNotOvertakeTheFirst) {
  TransactionGuards guards;
  const TransactionGuard first = guards.begin({7, 0, 3}, false);
  EXPECT_EQ(guards.begin({7, 0, 5}, false), first) << "asked together";
  EXPECT_EQ(guards.check({7, 0, 5}, first, false), Verdict::out_of_order);
  EXPECT_EQ(guards.check({7, 0, 3}, first, false), Verdict::passes);
  EXPECT_EQ(guards.check({7, 0, 5}, first, true), Verdict::passes) << "the log knows what comes next";
  EXPECT_EQ(guards.begin({7, 1, 9}, false), first);
  EXPECT_EQ(guards.check({7, 1, 9}, first, false), Verdict::passes) << "another epoch begins anew";
}

TEST(TransactionGuards, TheSecondVersionBeginsWithItsFirstSequence) {
  TransactionGuards guards;
  const TransactionGuard guard = guards.begin({7, 0, 4}, true);
  EXPECT_EQ(guards.check({7, 0, 4}, guard, false), Verdict::out_of_order);
  EXPECT_EQ(guards.check({7, 0, 4}, guard, true), Verdict::passes);
  EXPECT_EQ(guards.check({7, 0, 0}, guard, false), Verdict::passes);
}

TEST(TransactionGuards, AreBounded) {
  TransactionGuards guards;
  const TransactionGuard oldest = guards.begin({0, 0, 0}, false);
  for (ProducerId id = 1; id <= static_cast<ProducerId>(TransactionGuards::kMostProducers); ++id)
    guards.begin({id, 0, 0}, false);
  EXPECT_EQ(guards.size(), TransactionGuards::kMostProducers);
  EXPECT_EQ(guards.check({0, 0, 0}, oldest, false), Verdict::unverified) << "it asks again";
  guards.clear();
  EXPECT_EQ(guards.size(), 0U);
}

}  // namespace
}  // namespace moldau::replication
