#include "record/record.h"

#include <gtest/gtest.h>

#include "base/random.h"
#include "bytes_by_hand.h"
#include "record/builder.h"

namespace moldau::record {
namespace {

using by_hand::Batch;
using by_hand::Bytes;
using by_hand::kNull;
using by_hand::Record;

std::string text_of(std::optional<ByteView> bytes) { return bytes ? std::string(as_text(*bytes)) : "(null)"; }

// Reads all records; the error if there is one.
Result<int> count_records(const Slice& bytes) {
  ASSIGN_OR_RETURN(const BatchView batch, BatchView::at(bytes));
  RecordReader reader(batch, batch.records());
  int count = 0;
  for (RecordView record;; ++count) {
    ASSIGN_OR_RETURN(const bool more, reader.next(record));
    if (!more) return count;
    for (const HeaderEntry& header : record.headers) EXPECT_LE(header.key.size(), bytes.size());
  }
}

TEST(RecordReader, reads_what_was_written_by_hand) {
  Batch made{.base_offset = 100,
             .base_timestamp = 1000,
             .producer_id = 9,
             .producer_epoch = 0,
             .base_sequence = 0x7fffffff};
  made.with(
      {{.timestamp_delta = -3, .key = "k0", .value = "v0", .headers = {{"a", "1"}, {"a", kNull}, {"", ""}}},
       {.timestamp_delta = 70'000'000'000, .key = kNull, .value = kNull}});
  const Slice bytes = made.slice();
  const BatchView batch = *BatchView::at(bytes);
  RecordReader reader(batch, batch.records());
  RecordView record;
  ASSERT_TRUE(*reader.next(record));
  EXPECT_EQ(record.offset, 100);
  EXPECT_EQ(record.timestamp, 997);
  EXPECT_EQ(record.sequence, 0x7fffffff);
  EXPECT_EQ(text_of(record.key), "k0");
  EXPECT_EQ(text_of(record.value), "v0");
  std::string headers;
  for (const HeaderEntry& header : record.headers)
    headers += std::string(header.key) + "=" + text_of(header.value) + ";";
  EXPECT_EQ(headers, "a=1;a=(null);=;");
  ASSERT_TRUE(*reader.next(record));
  EXPECT_EQ(record.offset, 101);
  EXPECT_EQ(record.timestamp, 70'000'001'000);
  EXPECT_EQ(record.sequence, 0);
  EXPECT_EQ(record.key, std::nullopt);
  EXPECT_EQ(record.value, std::nullopt);
  EXPECT_TRUE(record.headers.empty());
  EXPECT_FALSE(*reader.next(record));
}

TEST(RecordReader, takes_the_append_time_of_the_batch) {
  const Slice bytes = Batch{.attributes = 8, .max_timestamp = 55}.slice();
  const BatchView batch = *BatchView::at(bytes);
  RecordReader reader(batch, batch.records());
  RecordView record;
  ASSERT_TRUE(*reader.next(record));
  EXPECT_EQ(record.timestamp, 55);
}

TEST(RecordReader, refuses_lies) {
  const auto with_body = [](const Bytes& body, std::int64_t length_error = 0) {
    Bytes records;
    records.varint(static_cast<std::int64_t>(body.size()) + length_error).raw(body);
    return Batch{.records = records}.slice();
  };
  const auto fields = [](std::int64_t key_length, std::int64_t value_length, std::int64_t header_count) {
    Bytes body;
    body.integer(0, 1).varint(0).varint(0).varint(key_length).varint(value_length).varint(header_count);
    return body;
  };
  EXPECT_EQ(*count_records(with_body(fields(0, 0, 0))), 1);
  EXPECT_EQ(*count_records(with_body(fields(-1, -1, 0))), 1);
  EXPECT_FALSE(count_records(with_body(fields(-2, 0, 0))).has_value());
  EXPECT_FALSE(count_records(with_body(fields(0, -2, 0))).has_value());
  EXPECT_FALSE(count_records(with_body(fields(3, 0, 0))).has_value());
  EXPECT_FALSE(count_records(with_body(fields(0x7fffffff, 0, 0))).has_value());
  EXPECT_FALSE(count_records(with_body(fields(0, 0x7fffffff, 0))).has_value());
  EXPECT_FALSE(count_records(with_body(fields(0, 0, -1))).has_value());
  EXPECT_FALSE(count_records(with_body(fields(0, 0, 1))).has_value());
  EXPECT_FALSE(count_records(with_body(fields(0, 0, 0x7fffffff))).has_value());
  EXPECT_FALSE(count_records(with_body(fields(0, 0, 0), 1)).has_value());
  EXPECT_FALSE(count_records(with_body(fields(0, 0, 0), -1)).has_value());
  EXPECT_FALSE(count_records(with_body(fields(0, 0, 0), -100)).has_value());
  Bytes null_header = fields(0, 0, 1);
  null_header.varint(-1).varint(0);
  EXPECT_FALSE(count_records(with_body(null_header)).has_value());
  Bytes wide;
  wide.raw(std::vector<std::byte>(11, std::byte{0xff}));
  EXPECT_FALSE(count_records(Batch{.records = wide}.slice()).has_value());
}

TEST(RecordReader, refuses_wrong_counts_and_offsets) {
  EXPECT_EQ(*count_records(Batch{.record_count = 0, .records = {}}.slice()), 0);
  EXPECT_FALSE(count_records(Batch{.record_count = 0}.slice()).has_value());
  EXPECT_FALSE(count_records(Batch{.record_count = 2}.slice()).has_value());
  EXPECT_FALSE(count_records(Batch{.record_count = -1}.slice()).has_value());
  const auto with_offsets = [](std::int32_t first, std::int32_t second) {
    const std::vector<Record> records = {{.offset_delta = first}, {.offset_delta = second}};
    return Batch{.last_offset_delta = 9, .record_count = 2, .records = by_hand::records_of(records)}.slice();
  };
  EXPECT_EQ(*count_records(with_offsets(3, 9)), 2);  // compaction leaves gaps
  EXPECT_FALSE(count_records(with_offsets(3, 3)).has_value());
  EXPECT_FALSE(count_records(with_offsets(3, 10)).has_value());
  EXPECT_FALSE(count_records(with_offsets(-1, 3)).has_value());
}

TEST(RecordReader, survives_every_truncation_and_any_bit_flip) {
  Batch made;
  made.with(
      {{.key = "key", .headers = {{"h", "v"}, {"i", kNull}}}, {.timestamp_delta = 300, .value = kNull}, {}});
  const Slice whole = made.slice();
  for (std::size_t size = 0; size < made.records.size(); ++size) {
    Batch cut = made;
    cut.records.vector().resize(size);
    EXPECT_FALSE(count_records(cut.slice()).has_value()) << size;
  }
  for (std::size_t bit = 0; bit < whole.size() * 8; ++bit) {
    std::vector<std::byte> flipped(whole.view().begin(), whole.view().end());
    flipped[bit / 8] ^= std::byte(1 << bit % 8);
    const auto batch = BatchView::at(flipped);
    if (!batch) continue;
    const std::size_t outside_the_checksum = bit / 8;
    EXPECT_EQ(batch->crc_matches(),
              outside_the_checksum < kLengthAt ||
                  (outside_the_checksum >= kPartitionLeaderEpochAt && outside_the_checksum < kMagicAt))
        << bit;
    (void)count_records(Slice::take(std::move(flipped)));
  }
}

TEST(RecordReader, survives_random_bytes) {
  Random random(7);
  for (int round = 0; round < 20'000; ++round) {
    Batch made{.last_offset_delta = 20, .record_count = 3};
    made.records.vector().resize(random.below(60));
    random.fill(made.records.vector());
    // Small bytes make plausible lengths.
    for (std::byte& byte : made.records.vector()) {
      if (random.one_in(2)) byte &= std::byte{0x0f};
    }
    (void)count_records(made.slice());
  }
}

}  // namespace
}  // namespace moldau::record
