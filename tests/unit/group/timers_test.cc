#include "group/timers.h"

#include <gtest/gtest.h>

namespace moldau::group {
namespace {

using namespace std::chrono_literals;

TEST(Timers, AreDueInTheOrderOfTheirMoments) {
  Timers timers;
  Timer late(timers, "g", "late"), early(timers, "g", "early");
  EXPECT_EQ(timers.next(), kNever);
  late.set(2s);
  early.set(1s);
  EXPECT_EQ(timers.next(), 1s);
  EXPECT_EQ(timers.take_due(999ms), nullptr);
  EXPECT_EQ(timers.take_due(5s), &early);
  EXPECT_EQ(timers.take_due(5s), &late);
  EXPECT_EQ(timers.take_due(5s), nullptr);
  EXPECT_FALSE(late.is_set());
}

TEST(Timers, ArePutOffAndBroughtForward) {
  Timers timers;
  Timer timer(timers, "g");
  timer.set(1s);
  timer.set(3s);
  EXPECT_EQ(timers.take_due(2s), nullptr);
  EXPECT_EQ(timers.next(), 3s);
  timer.set(2500ms);
  EXPECT_EQ(timers.next(), 2500ms);
  EXPECT_EQ(timers.take_due(2500ms), &timer);
  timer.set(4s);
  timer.clear();
  EXPECT_EQ(timers.next(), kNever);
}

TEST(Timers, AreGoneWithTheirOwner) {
  Timers timers;
  {
    Timer timer(timers, "g");
    timer.set(1s);
  }
  EXPECT_EQ(timers.take_due(1h), nullptr);
}

}  // namespace
}  // namespace moldau::group
