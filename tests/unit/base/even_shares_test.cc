#include "base/even_shares.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "base/random.h"

namespace moldau {
namespace {

using Item = EvenShares::Item;

std::vector<std::size_t> all_below(std::size_t count) {
  std::vector<std::size_t> all;
  for (std::size_t i = 0; i < count; ++i) all.push_back(i);
  return all;
}

std::vector<std::size_t> sizes(const EvenShares& shares, std::size_t holders) {
  std::vector<std::size_t> sizes;
  for (std::size_t i = 0; i < holders; ++i) sizes.push_back(shares.of(i).size());
  return sizes;
}

TEST(EvenShares, GivesOutWhatNobodyHas) {
  EvenShares shares(3, {{.count = 7, .holders = {0, 1, 2}}});
  shares.settle();
  EXPECT_EQ(sizes(shares, 3), (std::vector<std::size_t>{3, 2, 2}));
}

TEST(EvenShares, LeavesAsManyAsItCanWhereTheyAre) {
  EvenShares shares(3, {{.count = 6, .holders = {0, 1, 2}}});
  for (std::int32_t i = 0; i < 5; ++i) shares.give(0, {0, i});
  shares.give(1, {0, 5});
  shares.settle();
  EXPECT_EQ(sizes(shares, 3), (std::vector<std::size_t>{2, 2, 2}));
  EXPECT_EQ(shares.of(0), (std::set<Item>{{0, 0}, {0, 1}}));
  EXPECT_TRUE(shares.of(1).contains({0, 5}));
}

TEST(EvenShares, WhatNobodyMayHaveStaysWithoutAHolder) {
  EvenShares shares(2, {{.count = 2, .holders = {}}, {.count = 2, .holders = {1}}});
  shares.settle();
  EXPECT_EQ(sizes(shares, 2), (std::vector<std::size_t>{0, 2}));
  EXPECT_FALSE(shares.holder_of({0, 0}).has_value());
  EXPECT_FALSE(shares.may_have(0, {1, 0}));
  EXPECT_FALSE(shares.may_have(1, {1, 2}));
}

TEST(EvenShares, WhatIsTakenCanBeGivenAgain) {
  EvenShares shares(2, {{.count = 1, .holders = {0, 1}}});
  shares.give(0, {0, 0});
  shares.take({0, 0});
  shares.take({0, 0});
  EXPECT_FALSE(shares.holder_of({0, 0}).has_value());
  shares.give(1, {0, 0});
  shares.settle();
  EXPECT_EQ(shares.holder_of({0, 0}), 1u);
}

// Whatever is held before, where everybody may have everything.
TEST(EvenShares, SharesDifferByOneAtMost) {
  Random random(5);
  for (int round = 0; round < 300; ++round) {
    const std::size_t holders = 1 + random.below(12);
    const auto items = static_cast<std::int32_t>(random.below(60));
    EvenShares shares(holders, {{.count = items, .holders = all_below(holders)}});
    for (std::int32_t i = 0; i < items; ++i)
      if (random.chance(0.7)) shares.give(random.below(1 + random.below(holders)), {0, i});
    for (std::int32_t i = 0; i < items; ++i)
      if (random.chance(0.2)) shares.take({0, i});
    const EvenShares before = shares;
    shares.settle();
    const auto after = sizes(shares, holders);
    const auto [least, most] = std::ranges::minmax(after);
    EXPECT_LE(most - least, 1u) << round;
    std::size_t total = 0;
    for (const std::size_t size : after) total += size;
    EXPECT_EQ(total, static_cast<std::size_t>(items)) << round;
    // Nobody gets anything in place of what was taken away.
    for (std::size_t holder = 0; holder < holders; ++holder) {
      const auto& had = before.of(holder);
      const auto& has = shares.of(holder);
      const bool lost = !std::ranges::includes(has, had);
      const bool got = !std::ranges::includes(had, has);
      EXPECT_FALSE(lost && got) << round;
    }
  }
}

}  // namespace
}  // namespace moldau
