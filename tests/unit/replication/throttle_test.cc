#include "replication/throttle.h"

#include <gtest/gtest.h>

#include "record/builder.h"
#include "replication/damage.h"

namespace moldau::replication {
namespace {

using namespace std::chrono_literals;

runtime::MonotonicTime at(runtime::Duration since_start) { return runtime::MonotonicTime(since_start); }

TEST(Throttle, WithoutARateItIsOpen) {
  Throttle throttle;
  throttle.note(1 << 30, at(0s));
  EXPECT_FALSE(throttle.is_closed(at(0s)));
}

TEST(Throttle, LetsItsRateThrough) {
  Throttle throttle;
  throttle.set_rate(1000);
  std::size_t sent = 0;
  for (auto now = 100s; now < 110s; now += 1s) {
    for (int i = 0; i < 100; ++i) {
      if (throttle.is_closed(at(now + i * 10ms))) continue;
      throttle.note(300, at(now + i * 10ms));
      sent += 300;
    }
  }
  EXPECT_GE(sent, 10'000);
  EXPECT_LE(sent, 11'500);  // and what it held at the start
}

TEST(Throttle, WhatWasTooMuchIsWaitedFor) {
  Throttle throttle;
  throttle.set_rate(1000);
  throttle.note(6000, at(100s));
  EXPECT_TRUE(throttle.is_closed(at(100s)));
  EXPECT_TRUE(throttle.is_closed(at(101s)));  // a look does not cost anything
  EXPECT_TRUE(throttle.is_closed(at(102s)));
  EXPECT_TRUE(throttle.is_closed(at(104900ms)));
  EXPECT_FALSE(throttle.is_closed(at(106s)));
}

TEST(ThrottledReplicas, AreNamedForEachPartitionOrAllAtOnce) {
  EXPECT_FALSE(ThrottledReplicas::parse("", 0).contains(1));
  EXPECT_FALSE(ThrottledReplicas::parse("none", 0).contains(1));
  EXPECT_TRUE(ThrottledReplicas::parse("*", 7).contains(1));
  const auto listed = ThrottledReplicas::parse("0:1, 1:2,1:3", 1);
  EXPECT_FALSE(listed.contains(1));
  EXPECT_TRUE(listed.contains(2));
  EXPECT_TRUE(listed.contains(3));
}

// --- what a leader looks at before it hands records on

Slice batch(Offset base, bool damaged = false) {
  record::BatchFields fields;
  fields.base_offset = base;
  record::BatchBuilder builder(fields);
  builder.append(1000, std::nullopt, as_bytes(std::string_view("value")));
  record::Codecs codecs;
  Slice sound = *std::move(builder).build(codecs);
  if (!damaged) return sound;
  std::vector<std::byte> bytes(sound.view().begin(), sound.view().end());
  bytes.back() ^= std::byte{1};
  return Slice::take(std::move(bytes));
}

TEST(Damage, SoundBatchesStay) {
  SliceList list{batch(0), joined({batch(1), batch(2)})};
  const std::size_t before = size_of(list);
  EXPECT_EQ(cut_at_damage(list), std::nullopt);
  EXPECT_EQ(size_of(list), before);
}

TEST(Damage, WhatComesAfterDamageGoesWithIt) {
  SliceList list{batch(0), joined({batch(1), batch(2, true)}), batch(3)};
  EXPECT_EQ(cut_at_damage(list), 2);
  EXPECT_EQ(size_of(list), 2 * batch(0).size());
  SliceList first{batch(0, true), batch(1)};
  EXPECT_EQ(cut_at_damage(first), 0);
  EXPECT_TRUE(first.empty());
}

}  // namespace
}  // namespace moldau::replication
