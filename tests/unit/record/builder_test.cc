#include "record/builder.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "base/random.h"
#include "bytes_by_hand.h"
#include "record/control.h"
#include "record/validate.h"

namespace moldau::record {
namespace {

constexpr std::size_t kNoLimit = std::size_t{1} << 30;

TEST(BatchBuilder, writes_the_bytes_that_the_format_describes) {
  BatchBuilder builder({.base_offset = 4,
                        .partition_leader_epoch = 2,
                        .producer_id = 9,
                        .producer_epoch = 1,
                        .base_sequence = 7,
                        .transactional = true});
  const HeaderEntry headers[] = {{"a", as_bytes("1")}, {"b", std::nullopt}};
  builder.append({.timestamp = 1000, .key = as_bytes("k"), .value = as_bytes("v"), .headers = headers});
  builder.append(990, std::nullopt, std::nullopt);
  by_hand::Batch expected{.base_offset = 4,
                          .leader_epoch = 2,
                          .attributes = 0x10,
                          .base_timestamp = 1000,
                          .max_timestamp = 1000,
                          .producer_id = 9,
                          .producer_epoch = 1,
                          .base_sequence = 7};
  expected.with({{.key = "k", .value = "v", .headers = {{"a", "1"}, {"b", by_hand::kNull}}},
                 {.timestamp_delta = -10, .value = by_hand::kNull}});
  EXPECT_EQ(std::move(builder).build_uncompressed(), expected.slice());
}

TEST(BatchBuilder, an_emptied_batch_keeps_its_range) {
  BatchBuilder builder({.base_offset = 10,
                        .producer_id = 3,
                        .producer_epoch = 0,
                        .base_sequence = 5,
                        .compression = {.codec = Codec::lz4},
                        .max_timestamp_if_empty = 77});
  builder.set_last_offset(14);
  Codecs codecs;
  const Slice bytes = *std::move(builder).build(codecs);
  const BatchView batch = *BatchView::at(bytes);
  EXPECT_EQ(batch.size(), kHeaderSize);
  EXPECT_EQ(batch.record_count(), 0);
  EXPECT_EQ(batch.last_offset(), 14);
  EXPECT_EQ(batch.last_sequence(), 9);
  EXPECT_EQ(batch.base_timestamp(), kNoTimestamp);
  EXPECT_EQ(batch.max_timestamp(), 77);
  EXPECT_TRUE(check_stored_batch(batch, 10).has_value());
  RecordReader reader(batch, *uncompressed_records(batch, codecs, 100));
  RecordView record;
  EXPECT_FALSE(*reader.next(record));
}

TEST(BatchBuilder, a_delete_horizon_is_the_base_timestamp) {
  BatchBuilder builder({.delete_horizon = 5000});
  builder.append(4000, as_bytes("k"), std::nullopt);
  const Slice bytes = std::move(builder).build_uncompressed();
  const BatchView batch = *BatchView::at(bytes);
  EXPECT_EQ(batch.delete_horizon(), 5000);
  EXPECT_EQ(batch.max_timestamp(), 4000);
  RecordReader reader(batch, batch.records());
  RecordView record;
  ASSERT_TRUE(*reader.next(record));
  EXPECT_EQ(record.timestamp, 4000);
}

TEST(BatchBuilder, bounds_the_size_of_a_record) {
  Random random(1);
  for (int round = 0; round < 2000; ++round) {
    const std::string key(random.below(200), 'k');
    const std::string value(random.below(20'000), 'v');
    const HeaderEntry header{std::string_view(key), as_bytes(value)};
    const NewRecord record{.timestamp = static_cast<TimestampMs>(random.next()),
                           .key = random.one_in(3) ? std::nullopt : std::optional(as_bytes(key)),
                           .value = as_bytes(value),
                           .headers = std::span(&header, random.below(2))};
    BatchBuilder builder({});
    builder.append(0, std::nullopt, std::nullopt);
    const std::size_t before = builder.size_bytes();
    builder.append(record);
    EXPECT_LE(builder.size_bytes() - before, BatchBuilder::max_size_of(record));
    EXPECT_GE(builder.size_bytes() - before + 40, BatchBuilder::max_size_of(record));
  }
}

// A record that owns what it holds.
struct Owned {
  Offset offset;
  TimestampMs timestamp;
  std::optional<std::string> key, value;
  std::vector<std::pair<std::string, std::optional<std::string>>> headers;
  bool operator==(const Owned&) const = default;
};

std::optional<std::string> owned(std::optional<ByteView> bytes) {
  return bytes ? std::optional<std::string>(as_text(*bytes)) : std::nullopt;
}
std::optional<ByteView> borrowed(const std::optional<std::string>& text) {
  return text ? std::optional(as_bytes(*text)) : std::nullopt;
}

std::optional<std::string> random_text(Random& random) {
  if (random.one_in(5)) return std::nullopt;
  return std::string(random.below(std::size_t{1} << random.below(12)),
                     static_cast<char>('a' + random.below(26)));
}

Owned random_record(Random& random, Offset offset) {
  Owned record{offset, random.between(0, 4'000'000'000'000), random_text(random), random_text(random), {}};
  for (std::uint64_t i = random.below(4); i > 0; --i)
    record.headers.emplace_back("header", random_text(random));
  return record;
}

void append(BatchBuilder& builder, const Owned& record) {
  std::vector<HeaderEntry> headers;
  for (const auto& [key, value] : record.headers) headers.push_back({key, borrowed(value)});
  builder.append_at(record.offset, {record.timestamp, borrowed(record.key), borrowed(record.value), headers});
}

std::vector<Owned> read_all(const BatchView& batch, Codecs& codecs) {
  std::vector<Owned> records;
  RecordReader reader(batch, *uncompressed_records(batch, codecs, kNoLimit));
  for (RecordView record; *reader.next(record);) {
    records.push_back({record.offset, record.timestamp, owned(record.key), owned(record.value), {}});
    for (const HeaderEntry& header : record.headers) {
      records.back().headers.emplace_back(header.key, owned(header.value));
    }
  }
  return records;
}

TEST(BatchBuilder, round_trips_anything_through_every_codec) {
  Random random(2);
  Codecs codecs;
  for (int round = 0; round < 300; ++round) {
    const auto codec = *codec_of(static_cast<int>(random.below(5)));
    BatchBuilder builder({.base_offset = 1000, .compression = {.codec = codec}});
    std::vector<Owned> written;
    Offset offset = 999;
    for (std::uint64_t i = 1 + random.below(30); i > 0; --i) {
      offset += random.between(1, random.one_in(4) ? 3 : 1);
      written.push_back(random_record(random, offset));
      append(builder, written.back());
    }
    const Slice bytes = *std::move(builder).build(codecs);
    const BatchView batch = *BatchView::at(bytes);
    EXPECT_TRUE(batch.crc_matches());
    EXPECT_EQ(batch.last_offset(), offset);
    EXPECT_EQ(batch.record_count(), static_cast<std::int32_t>(written.size()));
    EXPECT_EQ(read_all(batch, codecs), written);
  }
}

TEST(BatchBuilder, copies_records_of_another_batch) {
  Random random(3);
  Codecs codecs;
  BatchBuilder builder({.base_offset = 50, .base_sequence = 1, .compression = {.codec = Codec::zstd}});
  std::vector<Owned> kept;
  for (Offset offset = 50; offset < 90; ++offset) {
    const Owned record = random_record(random, offset);
    append(builder, record);
    if (offset % 3 == 0) kept.push_back(record);
  }
  const Slice bytes = *std::move(builder).build(codecs);
  const BatchView batch = *BatchView::at(bytes);

  BatchBuilder copier(BatchFields::of(batch));
  Codecs other;
  RecordReader reader(batch, *uncompressed_records(batch, other, kNoLimit));
  for (RecordView record; *reader.next(record);) {
    if (record.offset % 3 == 0) copier.append_copy(record);
  }
  copier.set_last_offset(batch.last_offset());
  const Slice copy = *std::move(copier).build(codecs);
  EXPECT_EQ(read_all(*BatchView::at(copy), codecs), kept);
  EXPECT_EQ(BatchView::at(copy)->last_offset(), 89);
  EXPECT_EQ(BatchView::at(copy)->codec(), Codec::zstd);
  EXPECT_TRUE(check_stored_batch(*BatchView::at(copy), 50).has_value());
}

TEST(Control, a_marker_is_the_bytes_that_the_format_describes) {
  const Slice marker = end_transaction_batch(
      {.committed = true, .producer_id = 77, .producer_epoch = 3, .coordinator_epoch = 12, .timestamp = 1234},
      5, 900);
  by_hand::Batch expected{.base_offset = 900,
                          .leader_epoch = 5,
                          .attributes = 0x30,
                          .base_timestamp = 1234,
                          .max_timestamp = 1234,
                          .producer_id = 77,
                          .producer_epoch = 3,
                          .base_sequence = -1};
  expected.with({{.key = std::string_view("\0\0\0\1", 4), .value = std::string_view("\0\0\0\0\0\14", 6)}});
  EXPECT_EQ(marker, expected.slice());
  const auto record = *read_control_record(*BatchView::at(marker));
  EXPECT_EQ(record.type, ControlType::commit);
  EXPECT_EQ(*coordinator_epoch_of(record), 12);
}

TEST(Control, unknown_types_pass_and_broken_ones_do_not) {
  const Slice unknown = control_batch(static_cast<ControlType>(99), as_bytes("x"), 1, 2);
  const auto record = *read_control_record(*BatchView::at(unknown));
  EXPECT_FALSE(is_known(record.type));
  EXPECT_EQ(as_text(record.value), "x");
  EXPECT_FALSE(coordinator_epoch_of(record).has_value());
  EXPECT_TRUE(is_known(ControlType::kraft_voters));
  const auto code_of = [](by_hand::Batch batch) {
    const Slice bytes = batch.slice();
    return read_control_record(*BatchView::at(bytes)).error().code;
  };
  EXPECT_EQ(code_of(by_hand::Batch{.attributes = 0x20}), Errc::corrupt);  // no key
  EXPECT_EQ(code_of(by_hand::Batch{.attributes = 0x20}.with({{.key = "abc"}})), Errc::corrupt);
  EXPECT_EQ(code_of(by_hand::Batch{.attributes = 0x20}.with({{.key = "abcd"}, {.key = "abcd"}})),
            Errc::corrupt);
  EXPECT_EQ(code_of(by_hand::Batch{.attributes = 0x23}.with({{.key = "abcd"}})), Errc::corrupt);
  EXPECT_EQ(code_of(by_hand::Batch{.attributes = 0x20, .record_count = 0, .records = {}}), Errc::corrupt);
}

}  // namespace
}  // namespace moldau::record
