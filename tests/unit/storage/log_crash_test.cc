// Power lost at every operation on the disk, also within the recovery after it (I-S1, I-S2; rows ST-02,
// ST-06, ST-10, ST-16).
#include "log_fixture.h"
#include "simulation/crash_points.h"

namespace moldau::storage::testing {
namespace {

LogConfig small(Durability durability) {
  LogConfig config;
  config.durability = durability;
  config.segment_bytes = 1200;
  config.index_interval_bytes = 200;
  config.retention_ms = -1;
  config.file_delete_delay_ms = 1;
  return config;
}

// What was acknowledged, for the check after the crash.
struct Promise {
  int acknowledged = 0;   // records 0 to here are durable, or were truncated on purpose
  int truncated_to = -1;  // a truncation to here was begun
  bool truncated = false;
  Offset deleted_to = 0;
};

// Appends with a producer, flushes, rolls, truncates, drops old segments, closes.
void work(LogHarness& node, Promise& promise, int scale) {
  if (!node.open()) return;
  int next = static_cast<int>(node.log->end_offset().value());
  const auto append = [&](int count) {
    for (int i = 0; i < count; ++i) {
      if (!node.commit(make_batch({.value_size = 90, .producer = {4, 0, next}}, next))) return false;
      promise.acknowledged = ++next;
    }
    return true;
  };
  if (!append(7 * scale)) return;
  if (!node.world.run(node.log->flush())) return;
  if (!append(4 * scale)) return;
  promise.truncated_to = next - 4 * scale;
  if (!node.world.run(node.log->truncate_to(next - 4 * scale))) return;
  next -= 4 * scale;
  promise.acknowledged = next;
  promise.truncated = true;
  if (!append(4 * scale)) return;
  static_cast<void>(node.log->set_log_start_offset(7));
  promise.deleted_to = 7;
  if (!node.world.run(node.log->run_retention(1, next))) return;
  if (!append(3)) return;
  static_cast<void>(node.close());
}

void check(LogHarness& node, const Promise& promise) {
  const Status status = node.open();
  if (!node.world.machine(0).running()) return;
  ASSERT_TRUE(status) << status.error().message;
  const auto end = static_cast<int>(node.log->end_offset().value());
  const auto start = static_cast<int>(node.log->log_start_offset());
  EXPECT_LE(start, promise.deleted_to);
  const bool may_be_cut = promise.truncated_to >= 0 && !promise.truncated;
  EXPECT_GE(end, may_be_cut ? promise.truncated_to : promise.acknowledged);
  const std::vector<int> numbers = node.numbers(start);
  if (!node.world.machine(0).running()) return;
  EXPECT_EQ(numbers, sequence(start, end));
  if (!node.world.machine(0).running() || end == 0) return;
  // Producer state is what the log says.
  const auto& producers = node.log->producers().producers();
  ASSERT_TRUE(producers.contains(4));
  EXPECT_EQ(producers.at(4).last_sequence(), end - 1);
  const auto again = node.append(make_batch({.value_size = 90, .producer = {4, 0, end - 1}}, end - 1));
  EXPECT_TRUE(again && again->duplicate);
  const auto fresh = node.commit(make_batch({.value_size = 90, .producer = {4, 0, end}}, end));
  if (!node.world.machine(0).running()) return;
  ASSERT_TRUE(fresh) << fresh.error().message;
  EXPECT_EQ(fresh->first_offset, end);
}

std::uint64_t enumerate(std::uint64_t seed, Durability durability, bool again_in_recovery, unsigned rounds) {
  Promise promise;
  return simulation::enumerate_crash_points({.seed = seed,
                                             .scenario =
                                                 [&](simulation::World& world) {
                                                   promise = Promise();
                                                   LogHarness node(world, small(durability));
                                                   work(node, promise, again_in_recovery ? 1 : 2);
                                                 },
                                             .recover =
                                                 [&](simulation::World& world) {
                                                   LogHarness node(world, small(durability));
                                                   check(node, promise);
                                                 },
                                             .again_in_recovery = again_in_recovery,
                                             .rounds = rounds});
}

TEST(StorageCrashRows, ST_02_PowerLossAtEveryOperation) {
  EXPECT_GT(enumerate(1, Durability::synced, false, 12), 1000u);
}

TEST(StorageCrashRows, ST_10_PowerLossWithinRecoveryToo) {
  EXPECT_GT(enumerate(50, Durability::synced, true, 1), 1000u);
}

// Without the commit log: what a flush has reported is durable, names and contents.
TEST(StorageCrashRows, ST_06_FlushedSegmentsSurviveAsAWhole) {
  int flushed = 0;
  int appended = 0;
  const auto tried = simulation::enumerate_crash_points(
      {.seed = 3,
       .scenario =
           [&](simulation::World& world) {
             flushed = appended = 0;
             LogHarness node(world, small(Durability::page_cache));
             if (!node.open()) return;
             for (int i = 0; i < 40; ++i) {
               if (!node.commit(make_batch({.value_size = 90}, i))) return;
               ++appended;
               if (i % 9 == 8 && !world.run(node.log->flush())) return;
               flushed = static_cast<int>(node.log->recovery_point());
             }
             static_cast<void>(node.close());
           },
       .recover =
           [&](simulation::World& world) {
             LogHarness node(world, small(Durability::page_cache));
             const Status status = node.open();
             if (!world.machine(0).running()) return;
             ASSERT_TRUE(status) << status.error().message;
             const auto end = static_cast<int>(node.log->end_offset().value());
             EXPECT_GE(end, flushed);
             EXPECT_LE(end, appended + 1);
             const auto start = static_cast<int>(node.log->log_start_offset());
             EXPECT_EQ(start, 0);
             EXPECT_EQ(node.numbers(start), sequence(start, end));
           },
       .again_in_recovery = false,
       .rounds = 12});
  EXPECT_GT(tried, 500u);
}

}  // namespace
}  // namespace moldau::storage::testing
