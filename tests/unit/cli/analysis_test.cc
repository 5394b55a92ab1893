// What topic analyze counts with: distinct keys, spread of sizes, and the sums over batches.
#include <gtest/gtest.h>

#include <cmath>

#include "cli/batch_analysis.h"
#include "cli/hyperloglog.h"
#include "cli/size_stats.h"
#include "record/builder.h"

namespace moldau::cli {
namespace {

double estimate_of(int distinct, int repeats) {
  HyperLogLog seen;
  for (int round = 0; round < repeats; ++round) {
    for (int i = 0; i < distinct; ++i) {
      const std::string key = "user-" + std::to_string(i);
      seen.add(as_bytes(key));
    }
  }
  return seen.estimate();
}

TEST(HyperLogLogTest, WithinThreePercentWhateverTheNumber) {
  EXPECT_EQ(HyperLogLog().estimate(), 0);
  EXPECT_NEAR(estimate_of(1, 100), 1, 0.01);
  for (const int distinct : {10, 1000, 20'000, 50'000, 1'000'000})
    EXPECT_NEAR(estimate_of(distinct, 1), distinct, distinct * 0.03) << distinct;
  EXPECT_EQ(estimate_of(5000, 1), estimate_of(5000, 3)) << "what comes again changes nothing";
}

TEST(HyperLogLogTest, TwoBecomeOne) {
  HyperLogLog a, b, both;
  for (std::uint32_t i = 0; i < 4000; ++i) {
    std::byte key[4];
    store_be<std::uint32_t>(key, i);
    (i % 2 ? a : b).add(key);
    both.add(key);
  }
  a.add(b);
  EXPECT_EQ(a.estimate(), both.estimate());
}

TEST(SizeStatsTest, PercentilesWithinFourPercent) {
  SizeStats stats;
  EXPECT_EQ(stats.percentile(0.5), 0);
  for (std::int64_t i = 1; i <= 100'000; ++i) stats.add(i);
  for (const double fraction : {0.01, 0.5, 0.9, 0.99})
    EXPECT_NEAR(static_cast<double>(stats.percentile(fraction)), fraction * 1e5, fraction * 4e3) << fraction;
  EXPECT_EQ(stats.percentile(1), 100'000);
  EXPECT_EQ(stats.least(), 1);
  EXPECT_EQ(stats.most(), 100'000);
  EXPECT_DOUBLE_EQ(stats.mean(), 50'000.5);
}

TEST(SizeStatsTest, SmallOnesAreExactAndLargeOnesFit) {
  SizeStats stats;
  for (std::int64_t i = 0; i < 64; ++i) stats.add(i);
  EXPECT_EQ(stats.percentile(0.5), 31);
  stats.add(INT64_MAX);
  EXPECT_EQ(stats.percentile(1), INT64_MAX);
  EXPECT_EQ(stats.least(), 0);
}

struct Made {
  Slice bytes;
  record::BatchView view;
};

Made batch(record::BatchFields fields, TimestampMs at, int records, std::string_view key = {}) {
  record::BatchBuilder builder(fields);
  const std::string value(1000, 'v');
  for (int i = 0; i < records; ++i)
    builder.append(at + i, key.empty() ? std::nullopt : std::optional(as_bytes(key)), as_bytes(value));
  record::Codecs codecs;
  Made made;
  made.bytes = *std::move(builder).build(codecs);
  made.view = *record::BatchView::at(made.bytes);
  return made;
}

TEST(BatchAnalysisTest, Sums) {
  BatchAnalysis analysis;
  analysis.note_partition(0);
  analysis.note_partition(1);
  const auto zstd = record::Compression{record::Codec::zstd, {}};
  for (const auto& made :
       {batch({.base_offset = 10, .producer_id = 7, .producer_epoch = 0, .compression = zstd}, 1000, 4, "a"),
        batch({.base_offset = 14}, 3000, 2)})
    ASSERT_TRUE(analysis.add(1, made.view));
  const auto marker = batch(
      {.base_offset = 16, .producer_id = 7, .producer_epoch = 0, .transactional = true, .control = true},
      4000, 1);
  ASSERT_TRUE(analysis.add(1, marker.view));

  const Json summary = analysis.summary("t", std::nullopt).to_json().as_array()->front();
  EXPECT_EQ(*summary.find("batches"), Json(2));
  EXPECT_EQ(*summary.find("records"), Json(6));
  EXPECT_EQ(*summary.find("keys_estimate"), Json(1));
  EXPECT_EQ(*summary.find("null_keys"), Json(2));
  EXPECT_EQ(*summary.find("producers"), Json(1));
  EXPECT_EQ(*summary.find("control_batches"), Json(1));
  EXPECT_EQ(*summary.find("seconds")->as_real(), 2.0) << "from 1000 to 3001, cut to two digits";
  EXPECT_EQ(*summary.find("batches_per_s")->as_real(), 0.99);
  EXPECT_GT(*summary.find("compression_ratio")->as_real(), 2);
  EXPECT_EQ(*analysis.summary("t", 60).to_json().as_array()->front().find("records_per_s")->as_real(), 0.1);

  const Json codecs = analysis.codecs().to_json();
  ASSERT_EQ(codecs.as_array()->size(), 2U);
  EXPECT_EQ(*codecs.as_array()->front().find("codec"), Json("none"));
  EXPECT_EQ(*codecs.as_array()->front().find("ratio")->as_real(), 1);
  EXPECT_EQ(*codecs.as_array()->back().find("records"), Json(4));

  EXPECT_EQ(analysis.partitions().render(Format::csv),
            "partition,batches,records,bytes,first_offset,last_offset\n0,0,0,0,,\n1,2,6," +
                std::to_string(*summary.find("bytes")->as_integer()) + ",10,15\n");
  const Json producers = analysis.producers().to_json();
  ASSERT_EQ(producers.as_array()->size(), 2U) << "one with an id, and those without";
  EXPECT_EQ(*producers.as_array()->front().find("producer_id"), Json(7));
  EXPECT_TRUE(producers.as_array()->back().find("producer_id")->is_null());
}

TEST(BatchAnalysisTest, ManyProducersAreCountedAndNotKept) {
  BatchAnalysis analysis;
  for (ProducerId id = 0; id < 6000; ++id)
    ASSERT_TRUE(
        analysis.add(0, batch({.base_offset = id, .producer_id = id, .producer_epoch = 0}, 1, 1).view));
  const Json summary = analysis.summary("t", std::nullopt).to_json().as_array()->front();
  EXPECT_NEAR(static_cast<double>(*summary.find("producers")->as_integer()), 6000, 60);
  const Json producers = analysis.producers().to_json();
  EXPECT_EQ(producers.as_array()->size(), 4097U);
  EXPECT_EQ(*producers.as_array()->back().find("producer_id"), Json("others"));
  EXPECT_EQ(*producers.as_array()->back().find("records"), Json(6000 - 4096));
}

TEST(BatchAnalysisTest, DamageIsAnError) {
  const auto made = batch({.compression = {record::Codec::zstd, {}}}, 1, 50);
  std::vector<std::byte> bytes(made.bytes.view().begin(), made.bytes.view().end());
  bytes[bytes.size() / 2] ^= std::byte{0xff};
  BatchAnalysis analysis;
  EXPECT_FALSE(analysis.add(0, *record::BatchView::at(bytes)));
  EXPECT_EQ(analysis.batches(), 0);
}

}  // namespace
}  // namespace moldau::cli
