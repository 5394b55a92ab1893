// RE-06: a flood of producer ids is bounded, and costs those most who have been silent the longest.
#include "storage/producer_budget.h"

#include <gtest/gtest.h>

#include "record/builder.h"
#include "storage/producer_state.h"

namespace moldau::storage {
namespace {

struct Table final : ProducerBudget::Holder {
  std::size_t producer_count() const override { return count; }
  void forget_silent_producers() override {
    ++asked;
    count -= std::max<std::size_t>(1, count / 4);
  }
  std::size_t count = 0;
  int asked = 0;
};

TEST(RE_06_ProducerBudget, AsksTheLargestToForgetOnceThereAreTooMany) {
  ProducerBudget budget(100);
  Table small, large;
  budget.join(small);
  budget.join(large);
  small.count = 10;
  budget.note(small);
  large.count = 90;
  budget.note(large);
  EXPECT_EQ(budget.total(), 100U);
  EXPECT_EQ(large.asked, 0);
  small.count = 11;
  budget.note(small);
  EXPECT_EQ(large.asked, 1) << "not the one that has just grown";
  EXPECT_EQ(small.asked, 0);
  EXPECT_EQ(budget.total(), 11U + 68U);
  budget.leave(small);
  EXPECT_EQ(budget.total(), 68U);
  budget.leave(large);
  EXPECT_EQ(budget.total(), 0U);
}

TEST(RE_06_ProducerBudget, AMillionProducersOfOneLogStayBelowTheLimit) {
  ProducerBudget budget(1000);
  Table table;
  budget.join(table);
  std::size_t most = 0;
  for (int i = 0; i < 1'000'000; ++i) {
    ++table.count;
    budget.note(table);
    most = std::max(most, table.count);
  }
  EXPECT_LE(most, 1001U);
  budget.leave(table);
}

void append(ProducerStateTable& table, ProducerId id, Offset offset, bool transactional = false) {
  record::Codecs codecs;
  record::BatchFields fields;
  fields.base_offset = offset;
  fields.producer_id = id;
  fields.producer_epoch = 0;
  fields.base_sequence = 0;
  fields.transactional = transactional;
  record::BatchBuilder batch(fields);
  batch.append(0, std::nullopt, as_bytes("value"));
  const Slice bytes = *std::move(batch).build(codecs);
  table.append(record::BatchView::trusted(bytes.view()));
}

TEST(RE_06_ProducerBudget, TheLongestSilentAreForgottenAndOpenTransactionsNever) {
  ProducerStateTable table;
  append(table, 1, 0, true);  // its transaction is open
  for (ProducerId id = 2; id <= 9; ++id) append(table, id, static_cast<Offset>(id));
  table.forget_silent(4);
  EXPECT_EQ(table.producers().size(), 7U);
  EXPECT_TRUE(table.producers().contains(1));
  EXPECT_FALSE(table.producers().contains(2));
  EXPECT_FALSE(table.producers().contains(3));
  EXPECT_TRUE(table.producers().contains(9));
}

TEST(RE_06_ProducerBudget, WhoHasJustAppendedIsNotForgotten) {
  ProducerStateTable table;
  append(table, 5, 0);
  table.forget_silent(4);
  EXPECT_TRUE(table.producers().contains(5));
  append(table, 6, 1);
  table.forget_silent(4);
  EXPECT_FALSE(table.producers().contains(5));
  EXPECT_TRUE(table.producers().contains(6));
}

}  // namespace
}  // namespace moldau::storage
