// Logs at rest: their last records reach the segment files soon, without a flush of those that are busy.
#include "unit/storage/log_manager_fixture.h"

namespace moldau::storage {
namespace {

using namespace std::chrono_literals;
using testing::kManaged;
using testing::ManagerHarness;

constexpr TopicId kA{0xa, 1};
constexpr TopicId kB{0xb, 1};

class Rest : public ::testing::Test {
 protected:
  Log& log(const std::string& topic, TopicId id, PartitionIndex partition = 0) {
    return *harness_.log(topic, id, partition).value();
  }
  std::uint64_t segment_bytes(const std::string& partition) {
    const auto file =
        world_.disk().open(kManaged + "/" + partition + "/00000000000000000000.log", runtime::OpenMode::read);
    return file ? (*file)->size().value() : 0;
  }

  simulation::World world_{1};
  ManagerHarness harness_{world_};
};

TEST_F(Rest, TheLastRecordsAreInTheSegmentFileAfterTwoChecks) {
  ASSERT_TRUE(harness_.open());
  harness_.append(log("a", kA), 3);
  EXPECT_EQ(segment_bytes("a-0"), 0U);
  world_.run_for(3s);
  EXPECT_EQ(log("a", kA).unflushed_bytes(), 0);
  EXPECT_EQ(static_cast<std::int64_t>(segment_bytes("a-0")), log("a", kA).size_bytes());
  harness_.append(log("a", kA), 1);
  EXPECT_GT(log("a", kA).tail_bytes(), 0);
  world_.run_for(3s);
  EXPECT_EQ(static_cast<std::int64_t>(segment_bytes("a-0")), log("a", kA).size_bytes());
}

TEST_F(Rest, ALogThatIsAppendedToIsLeftToTheLargeFlushes) {
  ASSERT_TRUE(harness_.open());
  harness_.append(log("b", kB), 1);
  Log& busy = log("a", kA);
  for (int i = 0; i < 10; ++i) {
    harness_.append(busy, 1);
    world_.run_for(400ms);
  }
  EXPECT_EQ(segment_bytes("a-0"), 0U);
  EXPECT_GT(segment_bytes("b-0"), 0U);
}

TEST_F(Rest, OneCheckFlushesSoManyLogsAndNoMore) {
  harness_.options.rest_flushes = 2;
  ASSERT_TRUE(harness_.open());
  constexpr PartitionIndex kPartitions = 6;
  for (PartitionIndex i = 0; i < kPartitions; ++i) harness_.append(log("a", kA, i), 1);
  const auto waiting = [&] {
    int count = 0;
    for (PartitionIndex i = 0; i < kPartitions; ++i) count += log("a", kA, i).tail_bytes() > 0;
    return count;
  };
  world_.run_for(2500ms);
  EXPECT_GE(waiting(), 2);
  EXPECT_LT(waiting(), kPartitions);
  world_.run_for(4s);
  EXPECT_EQ(waiting(), 0);
}

TEST_F(Rest, ZeroLeavesThemToTheFlushInterval) {
  harness_.options.rest_flushes = 0;
  ASSERT_TRUE(harness_.open());
  harness_.append(log("a", kA), 1);
  world_.run_for(30s);
  EXPECT_GT(log("a", kA).tail_bytes(), 0);
  world_.run_for(40s);
  EXPECT_EQ(log("a", kA).tail_bytes(), 0);
}

}  // namespace
}  // namespace moldau::storage
