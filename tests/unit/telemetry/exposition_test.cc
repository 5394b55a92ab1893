#include "telemetry/exposition.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

namespace moldau::telemetry {
namespace {

using testing::HasSubstr;

TEST(Exposition, CountersAndGauges) {
  Snapshot snapshot;
  snapshot.add_counter("moldau_requests_total", "Requests answered.", {{"api", "Produce"}, {"error", "NONE"}},
                       7);
  snapshot.add_gauge("moldau_log_bytes", "Bytes on disk.", {{"topic", "a\"b\\c\nd"}}, 1.5);
  EXPECT_EQ(prometheus_text(snapshot),
            "# HELP moldau_log_bytes Bytes on disk.\n"
            "# TYPE moldau_log_bytes gauge\n"
            "moldau_log_bytes{topic=\"a\\\"b\\\\c\\nd\"} 1.5\n"
            "# HELP moldau_requests_total Requests answered.\n"
            "# TYPE moldau_requests_total counter\n"
            "moldau_requests_total{api=\"Produce\",error=\"NONE\"} 7\n");
}

TEST(Exposition, HistogramsInSeconds) {
  Registry registry;
  Histogram& histogram = registry.histogram("moldau_sync_seconds", "Time of a sync.");
  histogram.record(10'000);     // below 2^14 ns
  histogram.record(1'000'000);  // below 2^20 ns
  histogram.record(200'000'000'000);
  const std::string text = prometheus_text(registry.snapshot());
  EXPECT_THAT(text, HasSubstr("moldau_sync_seconds_bucket{le=\"1.6384e-05\"} 1\n"));
  EXPECT_THAT(text, HasSubstr("moldau_sync_seconds_bucket{le=\"0.001048576\"} 2\n"));
  EXPECT_THAT(text, HasSubstr("moldau_sync_seconds_bucket{le=\"+Inf\"} 3\n"));
  EXPECT_THAT(text, HasSubstr("moldau_sync_seconds_count 3\n"));
  EXPECT_THAT(text, HasSubstr("moldau_sync_seconds_sum 200.00101"));
}

TEST(Exposition, ItemBucketsIncludeTheirBound) {
  Registry registry;
  Histogram& histogram = registry.histogram("moldau_batch_records", "Records of a batch.", {}, Unit::items);
  histogram.record(0);
  histogram.record(15);
  histogram.record(16);
  const std::string text = prometheus_text(registry.snapshot());
  EXPECT_THAT(text, HasSubstr("{le=\"0\"} 1\n"));
  EXPECT_THAT(text, HasSubstr("{le=\"15\"} 2\n"));
  EXPECT_THAT(text, HasSubstr("{le=\"31\"} 3\n"));
}

TEST(Exposition, PromtoolAcceptsIt) {
  if (std::system("command -v promtool >/dev/null 2>&1") != 0) GTEST_SKIP() << "promtool is not installed";
  Registry registry(2);
  for (const char* api : {"Produce", "Fetch", "Metadata"}) {
    registry.counter("moldau_requests_total", "Requests answered.", {{"api", api}}).add(3);
    registry.histogram("moldau_request_duration_seconds", "Time from frame to answer.", {{"api", api}})
        .record(5e6);
  }
  registry.histogram("moldau_request_size_bytes", "Size of a request.", {}, Unit::bytes).record(100);
  registry.gauge("moldau_partitions", "Partitions hosted.").set(-4);
  const std::string path = testing::TempDir() + "/moldau_metrics_" + std::to_string(::getpid());
  std::ofstream(path) << prometheus_text(registry.snapshot());
  EXPECT_EQ(std::system(("timeout 20 promtool check metrics < " + path).c_str()), 0);
  std::filesystem::remove(path);
}

}  // namespace
}  // namespace moldau::telemetry
