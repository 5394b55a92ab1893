// The end of a producer or a consumer: begun once, told to all who ask, who may take it away.
#include "client/facade_closing.h"

#include <gtest/gtest.h>

#include <optional>
#include <thread>

namespace moldau::sdk {
namespace {

TEST(ClosingTest, TheFirstBeginsItAndAllAreTold) {
  Closing closing;
  int begun = 0;
  const auto start = [&] { ++begun; };
  Future<void> first = closing.begin(start);
  Future<void> second = closing.begin(start);
  EXPECT_EQ(begun, 1);
  EXPECT_FALSE(first.ready());
  EXPECT_FALSE(second.ready());
  EXPECT_FALSE(closing.ended());
  closing.end();
  EXPECT_TRUE(closing.ended());
  EXPECT_TRUE(first.get());
  EXPECT_TRUE(second.get());
  EXPECT_TRUE(closing.begin(start).get()) << "nothing is left to wait for";
  EXPECT_EQ(begun, 1);
}

TEST(ClosingTest, ItMayEndBeforeItsBeginningReturns) {
  Closing closing;
  Future<void> ended = closing.begin([&] { closing.end(); });
  EXPECT_TRUE(ended.ready());
}

TEST(ClosingTest, WhoHasCancelledDoesNotKeepItFromTheOthers) {
  Closing closing;
  Future<void> impatient = closing.begin([] {});
  Future<void> patient = closing.begin([] {});
  impatient.cancel();
  EXPECT_EQ(impatient.get().error().kind, ErrorKind::cancelled);
  EXPECT_FALSE(patient.ready()) << "it goes on";
  closing.end();
  EXPECT_TRUE(patient.get());
}

TEST(ClosingTest, WhoIsToldMayDestroyIt) {
  auto closing = std::make_optional<Closing>();
  int told = 0;
  for (int i = 0; i < 3; ++i)
    closing->begin([] {}).then([&](const Expected<void>& ended) {
      EXPECT_TRUE(ended);
      ++told;
      closing.reset();
    });
  closing->end();
  EXPECT_FALSE(closing);
  EXPECT_EQ(told, 3);
}

TEST(ClosingTest, ThreadsThatWaitGoOn) {
  Closing closing;
  std::vector<std::thread> waiting;
  for (int i = 0; i < 4; ++i)
    waiting.emplace_back([&] { EXPECT_TRUE(closing.begin([] {}).get()); });
  closing.end();
  for (std::thread& one : waiting) one.join();
}

}  // namespace
}  // namespace moldau::sdk
