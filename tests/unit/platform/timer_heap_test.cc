#include "platform/timer_heap.h"

#include <gtest/gtest.h>

#include <map>

#include "base/random.h"

namespace moldau::platform {
namespace {

using runtime::MonotonicTime;
using runtime::TimerId;

MonotonicTime at(std::int64_t ns) { return MonotonicTime(runtime::Duration(ns)); }

TEST(TimerHeap, BehavesLikeASortedMap) {
  Random random(3);
  TimerHeap heap;
  std::map<std::pair<std::int64_t, int>, TimerId> model;
  std::vector<std::pair<std::int64_t, int>> fired;
  std::int64_t now = 0;
  for (int step = 0; step < 20'000; ++step) {
    if (random.chance(0.5)) {
      const std::pair key(now + random.between(0, 500), step);
      model[key] = heap.add(at(key.first), [&fired, key] { fired.push_back(key); });
    } else if (random.chance(0.6) && !model.empty()) {
      const auto victim = std::next(model.begin(), static_cast<std::ptrdiff_t>(random.below(model.size())));
      heap.cancel(victim->second);
      heap.cancel(victim->second);
      model.erase(victim);
    } else {
      now += random.between(0, 40);
      heap.run_due(at(now));
      std::vector<std::pair<std::int64_t, int>> expected;
      while (!model.empty() && model.begin()->first.first <= now) {
        expected.push_back(model.begin()->first);
        model.erase(model.begin());
      }
      ASSERT_EQ(fired, expected);
      fired.clear();
    }
    ASSERT_EQ(heap.size(), model.size());
    ASSERT_EQ(heap.next(), model.empty() ? runtime::kForever : at(model.begin()->first.first));
  }
}

TEST(TimerHeap, ATimerSetByAFiringOneWaitsForTheNextRound) {
  TimerHeap heap;
  int fired = 0;
  std::function<void()> again = [&] {
    ++fired;
    heap.add(at(0), [&] { again(); });
  };
  heap.add(at(0), [&] { again(); });
  heap.run_due(at(10));
  EXPECT_EQ(fired, 1);
  heap.run_due(at(10));
  EXPECT_EQ(fired, 2);
}

TEST(TimerHeap, AnOldIdDoesNotCancelTheSlotsNewTimer) {
  TimerHeap heap;
  bool fired = false;
  const TimerId old = heap.add(at(1), [] {});
  heap.cancel(old);
  heap.add(at(1), [&] { fired = true; });
  heap.cancel(old);
  heap.run_due(at(1));
  EXPECT_TRUE(fired);
}

}  // namespace
}  // namespace moldau::platform
