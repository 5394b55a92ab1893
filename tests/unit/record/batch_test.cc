#include "record/batch.h"

#include <gtest/gtest.h>

#include "bytes_by_hand.h"
#include "record/validate.h"

namespace moldau::record {
namespace {

using by_hand::Batch;
using by_hand::Bytes;

// One record "k" -> "v", base offset 5, epoch 3, every byte written out.
const unsigned char kGolden[] = {0,    0,    0,    0,    0,    0,    0,    5,  // base offset
                                 0,    0,    0,    58,                         // length: 49 + 9
                                 0,    0,    0,    3,                          // partition leader epoch
                                 2,                                            // magic
                                 0,    0,    0,    0,                          // crc, filled in below
                                 0,    0,                                      // attributes
                                 0,    0,    0,    0,                          // last offset delta
                                 0,    0,    1,    0x8b, 0xcf, 0xe5, 0x68, 0,  // base timestamp 1700000000000
                                 0,    0,    1,    0x8b, 0xcf, 0xe5, 0x68, 0,  // max timestamp
                                 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,  // producer id
                                 0xff, 0xff,                                      // producer epoch
                                 0xff, 0xff, 0xff, 0xff,                          // base sequence
                                 0,    0,    0,    1,                             // record count
                                 16,                                              // length 8
                                 0,    0,    0,               // attributes, timestamp delta, offset delta
                                 2,    'k',  2,    'v',  0};  // key, value, no headers

TEST(BatchView, reads_every_field_of_a_written_out_batch) {
  const auto batch = BatchView::at(std::as_bytes(std::span(kGolden)));
  ASSERT_TRUE(batch.has_value()) << batch.error().message;
  EXPECT_EQ(batch->base_offset(), 5);
  EXPECT_EQ(batch->length(), 58);
  EXPECT_EQ(batch->size(), sizeof kGolden);
  EXPECT_EQ(batch->partition_leader_epoch(), 3);
  EXPECT_EQ(batch->last_offset(), 5);
  EXPECT_EQ(batch->next_offset(), 6);
  EXPECT_EQ(batch->base_timestamp(), 1'700'000'000'000);
  EXPECT_EQ(batch->max_timestamp(), 1'700'000'000'000);
  EXPECT_FALSE(batch->has_producer_id());
  EXPECT_EQ(batch->producer_epoch(), -1);
  EXPECT_EQ(batch->last_sequence(), kNoSequence);
  EXPECT_EQ(batch->record_count(), 1);
  EXPECT_EQ(batch->codec(), Codec::none);
  EXPECT_EQ(batch->timestamp_type(), TimestampType::create_time);
  EXPECT_EQ(batch->records().size(), 9u);
  EXPECT_FALSE(batch->crc_matches());
}

TEST(BatchView, decodes_attributes) {
  const Slice bytes = Batch{.attributes = 0x1b, .base_timestamp = 7}.slice();
  const auto batch = *BatchView::at(bytes);
  EXPECT_EQ(batch.codec(), Codec::lz4);
  EXPECT_EQ(batch.timestamp_type(), TimestampType::log_append_time);
  EXPECT_TRUE(batch.is_transactional());
  EXPECT_FALSE(batch.is_control());
  EXPECT_EQ(batch.delete_horizon(), std::nullopt);
  const Slice other = Batch{.attributes = 0x67, .base_timestamp = 7}.slice();
  EXPECT_EQ(BatchView::at(other)->codec(), std::nullopt);
  EXPECT_TRUE(BatchView::at(other)->is_control());
  EXPECT_EQ(BatchView::at(other)->delete_horizon(), 7);
}

TEST(BatchView, sequences_wrap_to_zero) {
  EXPECT_EQ(sequence_after(0x7fffffff, 1), 0);
  EXPECT_EQ(sequence_after(0x7ffffffe, 3), 1);
  const Slice bytes = Batch{.last_offset_delta = 9, .producer_id = 1, .base_sequence = 0x7ffffffb}.slice();
  EXPECT_EQ(BatchView::at(bytes)->last_sequence(), 4);
}

TEST(BatchView, tells_truncated_from_corrupt) {
  const Slice whole = Batch{}.slice();
  for (std::size_t size = 0; size < whole.size(); ++size) {
    const auto cut = BatchView::at(whole.view().first(size));
    ASSERT_FALSE(cut.has_value());
    EXPECT_EQ(cut.error().code, Errc::truncated) << size;
  }
  const auto code_of = [](const Batch& batch) { return BatchView::at(batch.slice()).error().code; };
  EXPECT_EQ(code_of({.magic = 0}), Errc::unsupported);
  EXPECT_EQ(code_of({.magic = 1}), Errc::unsupported);
  EXPECT_EQ(code_of({.magic = 9}), Errc::corrupt);
  EXPECT_EQ(code_of({.magic = -1}), Errc::corrupt);
  EXPECT_EQ(code_of({.length_error = 1}), Errc::truncated);
  EXPECT_EQ(code_of({.length_error = -200}), Errc::corrupt);
  EXPECT_EQ(code_of({.records = {}, .length_error = -1}), Errc::corrupt);
}

TEST(BatchReader, walks_batches_up_to_a_truncated_tail) {
  Bytes run;
  run.raw(Batch{.base_offset = 0}.slice()).raw(Batch{.base_offset = 1}.slice());
  const std::size_t whole = run.size();
  const Slice third = Batch{.base_offset = 2}.slice();
  run.raw(third.view().first(third.size() - 1));
  BatchReader reader(run);
  BatchView batch;
  ASSERT_TRUE(*reader.next(batch));
  EXPECT_EQ(batch.base_offset(), 0);
  ASSERT_TRUE(*reader.next(batch));
  EXPECT_EQ(batch.base_offset(), 1);
  EXPECT_FALSE(*reader.next(batch));
  EXPECT_EQ(reader.rest().size(), third.size() - 1);
  EXPECT_EQ(measure_batches(run)->batch_count, 2u);
  EXPECT_EQ(measure_batches(run)->size_bytes, whole);
}

TEST(BatchReader, reports_what_is_no_batch) {
  Bytes run;
  run.raw(Batch{}.slice()).raw(Batch{.magic = 7}.slice());
  EXPECT_EQ(measure_batches(run).error().code, Errc::corrupt);
}

TEST(Patch, offset_and_epoch_lie_outside_the_checksum) {
  const Slice source = Batch{}.slice();
  std::vector<std::byte> bytes(source.view().begin(), source.view().end());
  set_base_offset(bytes, 1'000'000'000'007);
  set_partition_leader_epoch(bytes, 42);
  const auto batch = *BatchView::at(bytes);
  EXPECT_EQ(batch.base_offset(), 1'000'000'000'007);
  EXPECT_EQ(batch.partition_leader_epoch(), 42);
  EXPECT_TRUE(batch.crc_matches());
}

TEST(Patch, max_timestamp_renews_the_checksum) {
  const Slice source = Batch{.attributes = 0x10}.slice();
  std::vector<std::byte> bytes(source.view().begin(), source.view().end());
  set_max_timestamp(bytes, TimestampType::log_append_time, 99);
  auto batch = *BatchView::at(bytes);
  EXPECT_EQ(batch.attributes(), 0x18);
  EXPECT_EQ(batch.max_timestamp(), 99);
  EXPECT_TRUE(batch.crc_matches());
  set_max_timestamp(bytes, TimestampType::create_time, 98);
  EXPECT_EQ(batch.attributes(), 0x10);
  EXPECT_TRUE(batch.crc_matches());
}

TEST(StoredBatch, is_checked_for_offsets_and_checksum) {
  const auto check = [](const Batch& made, Offset next) {
    const Slice bytes = made.slice();
    return check_stored_batch(*BatchView::at(bytes), next);
  };
  EXPECT_TRUE(check({.base_offset = 7}, 7).has_value());
  EXPECT_TRUE(check({.base_offset = 9}, 7).has_value());
  EXPECT_TRUE(check({.last_offset_delta = 4, .record_count = 0, .records = {}}, 0).has_value());
  EXPECT_FALSE(check({.base_offset = 6}, 7).has_value());
  EXPECT_FALSE(check({.base_offset = -1}, 0).has_value());
  EXPECT_FALSE(check({.last_offset_delta = -1}, 0).has_value());
  EXPECT_FALSE(check({.record_count = 2}, 0).has_value());
  EXPECT_FALSE(check({.record_count = -1}, 0).has_value());
  EXPECT_FALSE(check({.attributes = 5}, 0).has_value());
  EXPECT_FALSE(check({.crc_error = 1}, 0).has_value());
  EXPECT_FALSE(check({.base_offset = INT64_MAX - 1, .last_offset_delta = 1}, 0).has_value());
}

}  // namespace
}  // namespace moldau::record
