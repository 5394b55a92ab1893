#include "telemetry/metrics.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <thread>

#include "base/random.h"

namespace moldau::telemetry {
namespace {

TEST(HistogramLayout, BucketsCoverEveryValueOnce) {
  for (std::size_t i = 0; i < HistogramLayout::kBuckets; ++i) {
    EXPECT_EQ(HistogramLayout::index_of(HistogramLayout::lower_bound(i)), i);
    if (i > 0) EXPECT_EQ(HistogramLayout::index_of(HistogramLayout::lower_bound(i) - 1), i - 1);
  }
  EXPECT_EQ(HistogramLayout::lower_bound(HistogramLayout::kBuckets),
            std::uint64_t{1} << HistogramLayout::kMaxBits);
  EXPECT_EQ(HistogramLayout::index_of(~std::uint64_t{0}), HistogramLayout::kBuckets - 1);
}

// The exact percentile of a sorted sample.
std::uint64_t exact(const std::vector<std::uint64_t>& sorted, double fraction) {
  const auto rank = static_cast<std::size_t>(std::ceil(fraction * static_cast<double>(sorted.size())));
  return sorted[std::max<std::size_t>(rank, 1) - 1];
}

TEST(Histogram, PercentilesAreWithinAThirtySecond) {
  Random random(7);
  Histogram histogram;
  std::vector<std::uint64_t> values;
  for (int i = 0; i < 100000; ++i) {
    values.push_back(random.below(std::uint64_t{1} << random.between(1, 40)));
    histogram.record(values.back());
  }
  std::ranges::sort(values);
  const HistogramData data = histogram.data();
  EXPECT_EQ(data.count, values.size());
  for (const double fraction : {0.0, 0.01, 0.5, 0.9, 0.99, 0.999, 1.0}) {
    const auto want = static_cast<double>(exact(values, fraction));
    EXPECT_NEAR(static_cast<double>(data.percentile(fraction)), want, want / 32 + 0.5) << fraction;
  }
}

TEST(Histogram, EmptyAndExtremes) {
  Histogram histogram;
  EXPECT_EQ(histogram.data().percentile(0.5), 0u);
  EXPECT_EQ(histogram.data().mean(), 0.0);
  histogram.record(0);
  EXPECT_EQ(histogram.data().percentile(1), 0u);
  histogram.record(std::uint64_t{1} << 60);
  EXPECT_EQ(histogram.data().percentile(1), std::uint64_t{1} << 60);
  EXPECT_EQ(histogram.data().percentile(7), std::uint64_t{1} << 60);
}

TEST(Histogram, PercentileNeverExceedsTheMaximum) {
  Histogram histogram;
  histogram.record(1'000'000);
  EXPECT_LE(histogram.data().percentile(0.99), 1'000'000u);
}

TEST(Histogram, MergingEqualsRecordingTogether) {
  Random random(3);
  Histogram a, b, both;
  for (int i = 0; i < 1000; ++i) {
    const std::uint64_t value = random.below(1 << 20);
    (i % 3 == 0 ? a : b).record(value);
    both.record(value);
  }
  HistogramData merged = a.data();
  merged.merge(b.data());
  EXPECT_EQ(merged.buckets, both.data().buckets);
  EXPECT_EQ(merged.count, both.data().count);
  EXPECT_EQ(merged.sum, both.data().sum);
  EXPECT_EQ(merged.max, both.data().max);
}

TEST(Histogram, DataRecordsLikeTheHistogram) {
  HistogramData data;
  data.record(5, 3);
  data.record(1 << 20);
  EXPECT_EQ(data.count, 4u);
  EXPECT_EQ(data.sum, 15u + (1 << 20));
  EXPECT_EQ(data.percentile(0.5), 5u);
  EXPECT_EQ(data.count_below(1 << 20), 3u);
  EXPECT_EQ(data.count_below((1 << 20) + 1), 4u);
}

TEST(Registry, SameNameAndLabelsGiveTheSameObject) {
  Registry registry;
  Counter& counter = registry.counter("moldau_requests_total", "Requests.", {{"api", "Produce"}});
  counter.add(2);
  EXPECT_EQ(&registry.counter("moldau_requests_total", "Requests.", {{"api", "Produce"}}), &counter);
  EXPECT_NE(&registry.counter("moldau_requests_total", "Requests.", {{"api", "Fetch"}}), &counter);
  EXPECT_EQ(registry.series_count(), 2u);
}

TEST(Registry, BoundsTheSeriesOfAFamily) {
  Registry registry(10);
  for (int i = 0; i < 100000; ++i)
    registry.counter("moldau_clients_total", "Clients.", {{"client", std::to_string(i)}}).add();
  EXPECT_EQ(registry.series_count(), 11u);
  const Snapshot snapshot = registry.snapshot();
  EXPECT_EQ(snapshot.find("moldau_clients_total", {{"client", "9"}})->counter, 1u);
  EXPECT_EQ(snapshot.find("moldau_clients_total", {{"client", "10"}}), nullptr);
  EXPECT_EQ(snapshot.find("moldau_clients_total", {{"client", "__overflow__"}})->counter, 99990u);
}

TEST(Registry, OverflowWorksForEveryKind) {
  Registry registry(1);
  for (const char* topic : {"a", "b", "c"}) {
    registry.gauge("moldau_log_bytes", "Bytes.", {{"topic", topic}}).add(5);
    registry.histogram("moldau_sync_seconds", "Sync.", {{"topic", topic}}).record(5);
  }
  const Labels overflow{{"topic", "__overflow__"}};
  EXPECT_EQ(registry.snapshot().find("moldau_log_bytes", overflow)->gauge, 10);
  EXPECT_EQ(registry.snapshot().find("moldau_sync_seconds", overflow)->histogram.count, 2u);
}

TEST(Registry, ForgetsADeletedTopic) {
  Registry registry(2);
  registry.gauge("moldau_log_bytes", "Bytes.", {{"topic", "a"}, {"partition", "0"}});
  registry.gauge("moldau_log_bytes", "Bytes.", {{"topic", "a"}, {"partition", "1"}});
  EXPECT_EQ(registry.forgets(), 0u);
  registry.forget("topic", "a");
  EXPECT_EQ(registry.series_count(), 0u);
  EXPECT_EQ(registry.forgets(), 1u);
  registry.gauge("moldau_log_bytes", "Bytes.", {{"topic", "b"}, {"partition", "0"}}).set(3);
  EXPECT_EQ(registry.snapshot().find("moldau_log_bytes", {{"topic", "b"}, {"partition", "0"}})->gauge, 3);
}

TEST(Registry, SnapshotsOfShardsAddUp) {
  Registry one, two;
  one.counter("moldau_requests_total", "Requests.").add(1);
  two.counter("moldau_requests_total", "Requests.").add(2);
  one.gauge("moldau_connections", "Connections.", {{"listener", "plain"}}).set(3);
  two.gauge("moldau_connections", "Connections.", {{"listener", "tls"}}).set(4);
  one.histogram("moldau_sync_seconds", "Sync.").record(10);
  two.histogram("moldau_sync_seconds", "Sync.").record(20);
  Snapshot all = one.snapshot();
  all.merge(two.snapshot());
  EXPECT_EQ(all.find("moldau_requests_total")->counter, 3u);
  EXPECT_EQ(all.find("moldau_connections", {{"listener", "tls"}})->gauge, 4);
  EXPECT_EQ(all.find("moldau_sync_seconds")->histogram.sum, 30u);
  EXPECT_EQ(all.find("moldau_nothing"), nullptr);
}

TEST(Registry, SnapshotsWhileItsShardRecords) {
  Registry registry;
  std::atomic<bool> stop = false;
  std::jthread shard([&] {
    Histogram& histogram = registry.histogram("moldau_sync_seconds", "Sync.");
    for (std::uint64_t i = 0; !stop; ++i) {
      histogram.record(i);
      registry.counter("moldau_requests_total", "Requests.", {{"api", std::to_string(i % 50)}}).add();
    }
  });
  std::uint64_t last = 0;
  for (int i = 0; i < 200; ++i) {
    const Snapshot snapshot = registry.snapshot();
    const auto* series = snapshot.find("moldau_sync_seconds");
    if (series == nullptr) continue;
    EXPECT_GE(series->histogram.count, last);
    last = series->histogram.count;
  }
  stop = true;
}

using RegistryDeathTest = testing::Test;
TEST(RegistryDeathTest, MisuseIsAProgrammersError) {
  Registry registry;
  registry.counter("moldau_requests_total", "Requests.", {{"api", "Produce"}});
  EXPECT_DEATH(registry.gauge("moldau_requests_total", "Requests.", {{"api", "Produce"}}),
               "moldau_requests_total");
  EXPECT_DEATH(registry.counter("moldau_requests_total", "Requests.", {{"code", "1"}}),
               "moldau_requests_total");
  EXPECT_DEATH(registry.counter("requests-total", "Requests."), "requests-total");
  EXPECT_DEATH(registry.counter("", "Requests."), "is_metric_name");
}

}  // namespace
}  // namespace moldau::telemetry
