#include "record/validate.h"

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
using enum RejectionReason;

constexpr TimestampMs kNow = 1'700'000'000'000;
constexpr ValidationRules kRules{.now_ms = kNow};

auto validate(const Slice& bytes, const ValidationRules& rules = kRules) {
  Codecs codecs;
  return validate_for_append(bytes, rules, codecs);
}

Rejection rejection_of(const Slice& bytes, const ValidationRules& rules = kRules) {
  auto result = validate(bytes, rules);
  if (!result) return std::move(result).error();
  ADD_FAILURE() << "was taken";
  return {};
}

// A batch whose records are compressed.
Slice compressed(Codec codec, Batch batch) {
  const Slice block = *compress({.codec = codec}, batch.records);
  batch.records = Bytes().raw(block);
  batch.attributes = static_cast<std::int16_t>(batch.attributes | static_cast<int>(codec));
  return batch.slice();
}

TEST(Validate, leaves_a_good_batch_as_it_is) {
  Batch batch{.max_timestamp = kNow + 9};
  batch.with({{.timestamp_delta = 5, .key = "k"},
              {.timestamp_delta = 9, .headers = {{"h", kNull}}},
              {.timestamp_delta = 9}});
  for (const Slice& bytes : {batch.slice(), compressed(Codec::gzip, batch), compressed(Codec::snappy, batch),
                             compressed(Codec::lz4, batch), compressed(Codec::zstd, batch)}) {
    const auto result = validate(bytes);
    ASSERT_TRUE(result.has_value()) << result.error().message;
    EXPECT_EQ(result->bytes.data(), bytes.data());
    EXPECT_FALSE(result->rewritten);
    EXPECT_EQ(result->record_count, 3);
    EXPECT_EQ(result->max_timestamp, kNow + 9);
    EXPECT_EQ(result->max_timestamp_offset_delta, 1);
    EXPECT_EQ(result->size_bytes(), bytes.size());
  }
}

TEST(Validate, wants_exactly_one_batch_of_magic_2) {
  EXPECT_EQ(rejection_of(Slice()).reason, invalid_record);
  EXPECT_EQ(rejection_of(Slice::copy_of("short")).reason, invalid_record);
  for (const int magic : {0, 1}) {
    EXPECT_EQ(rejection_of(Batch{.magic = static_cast<std::int8_t>(magic)}.slice()).reason, invalid_record)
        << magic;
  }
  for (const int magic : {3, 9, -1}) {
    EXPECT_EQ(rejection_of(Batch{.magic = static_cast<std::int8_t>(magic)}.slice()).reason, corrupt_message)
        << magic;
  }
  Bytes two;
  two.raw(Batch{}.slice()).raw(Batch{}.slice());
  EXPECT_EQ(rejection_of(Slice::copy_of(two)).reason, invalid_record);
  const Slice whole = Batch{}.slice();
  for (std::size_t size = 0; size < whole.size(); ++size)
    EXPECT_EQ(rejection_of(whole.cut(0, size)).reason, invalid_record);
  EXPECT_EQ(rejection_of(Batch{.length_error = 1}.slice()).reason, invalid_record);
  EXPECT_EQ(rejection_of(Batch{.length_error = -1}.slice()).reason, invalid_record);
  EXPECT_EQ(rejection_of(Batch{.length_error = -1000}.slice()).reason, corrupt_message);
}

TEST(Validate, checks_the_header) {
  const auto reason = [](const Batch& batch) { return rejection_of(batch.slice()).reason; };
  EXPECT_EQ(reason({.base_offset = 1}), invalid_record);
  EXPECT_EQ(reason({.crc_error = 1}), corrupt_message);
  EXPECT_EQ(reason({.last_offset_delta = -1}), invalid_record);
  EXPECT_EQ(reason({.last_offset_delta = 1}), invalid_record);
  EXPECT_EQ(reason({.record_count = 0, .records = {}}), invalid_record);
  EXPECT_EQ(reason({.last_offset_delta = -1, .record_count = 0, .records = {}}), invalid_record);
  EXPECT_EQ(reason({.record_count = -1}), invalid_record);
  EXPECT_EQ(reason({.last_offset_delta = 0x7fffffff, .record_count = static_cast<std::int32_t>(0x80000000)}),
            invalid_record);
  EXPECT_EQ(reason({.last_offset_delta = 1, .record_count = 2}), invalid_record);
  EXPECT_EQ(reason({.attributes = kControlBit}), invalid_record);
  EXPECT_EQ(reason({.attributes = kDeleteHorizonBit}), invalid_record);
  EXPECT_EQ(reason({.producer_id = 1, .producer_epoch = 0, .base_sequence = -1}), invalid_record);
  EXPECT_EQ(reason({.attributes = kLogAppendTimeBit}), invalid_timestamp);
  EXPECT_EQ(reason({.attributes = 5}), unsupported_compression_type);
  EXPECT_TRUE(validate(Batch{.producer_id = 1, .producer_epoch = 0, .base_sequence = 0}.slice()).has_value());
}

TEST(Validate, follows_the_order_of_kafkas_checks) {
  const auto reason = [](const Batch& batch, const ValidationRules& rules) {
    return rejection_of(batch.slice(), rules).reason;
  };
  ValidationRules strict = kRules;
  strict.zstd_allowed = false;
  strict.max_message_bytes = 10;
  strict.segment_bytes = 10;
  Batch all_wrong{.base_offset = 1, .attributes = 4 | kControlBit, .crc_error = 1};
  EXPECT_EQ(reason(all_wrong, strict), unsupported_compression_type);
  all_wrong.attributes = kControlBit;
  EXPECT_EQ(reason(all_wrong, strict), invalid_record);
  all_wrong.base_offset = 0;
  EXPECT_EQ(reason(all_wrong, strict), message_too_large);
  strict.max_message_bytes = 1000;
  EXPECT_EQ(reason(all_wrong, strict), corrupt_message);
  all_wrong.crc_error = 0;
  EXPECT_EQ(reason(all_wrong, strict), invalid_record);
  all_wrong.attributes = 0;
  EXPECT_EQ(reason(all_wrong, strict), record_list_too_large);
}

TEST(Validate, keeps_the_size_limits_exactly) {
  const Slice bytes = Batch{}.slice();
  ValidationRules rules = kRules;
  rules.max_message_bytes = bytes.size();
  rules.segment_bytes = bytes.size();
  EXPECT_TRUE(validate(bytes, rules).has_value());
  rules.segment_bytes = bytes.size() - 1;
  EXPECT_EQ(rejection_of(bytes, rules).reason, record_list_too_large);
  rules.max_message_bytes = bytes.size() - 1;
  const Rejection rejection = rejection_of(bytes, rules);
  EXPECT_EQ(rejection.reason, message_too_large);
  EXPECT_NE(rejection.message.find(std::to_string(bytes.size() - 1)), std::string::npos) << rejection.message;
}

TEST(Validate, refuses_zstd_from_old_clients_only) {
  ValidationRules rules = kRules;
  rules.zstd_allowed = false;
  EXPECT_EQ(rejection_of(compressed(Codec::zstd, Batch{}), rules).reason, unsupported_compression_type);
  EXPECT_TRUE(validate(compressed(Codec::lz4, Batch{}), rules).has_value());
}

TEST(Validate, names_each_record_without_a_key_on_a_compacted_topic) {
  ValidationRules rules = kRules;
  rules.compacted = true;
  Batch batch;
  batch.with({{.key = "k"}, {}, {.key = ""}, {}});
  const Rejection rejection = rejection_of(batch.slice(), rules);
  EXPECT_EQ(rejection.reason, invalid_record);
  ASSERT_EQ(rejection.record_errors.size(), 2u);
  EXPECT_EQ(rejection.record_errors[0].batch_index, 1);
  EXPECT_EQ(rejection.record_errors[1].batch_index, 3);
  batch.with({{.key = "k"}, {.key = "", .value = kNull}});
  EXPECT_TRUE(validate(batch.slice(), rules).has_value());
  batch.with(std::vector<Record>(1000));
  EXPECT_EQ(rejection_of(batch.slice(), rules).record_errors.size(), kMaxRecordErrors);
}

TEST(Validate, keeps_timestamps_within_the_window) {
  ValidationRules rules = kRules;
  rules.before_max_ms = 100;
  rules.after_max_ms = 50;
  const auto at = [](std::int64_t delta) {
    return Batch{.max_timestamp = kNow + delta}.with({{.timestamp_delta = delta}}).slice();
  };
  EXPECT_TRUE(validate(at(-100), rules).has_value());
  EXPECT_TRUE(validate(at(50), rules).has_value());
  EXPECT_EQ(rejection_of(at(-101), rules).reason, invalid_timestamp);
  const Rejection rejection = rejection_of(at(51), rules);
  EXPECT_EQ(rejection.reason, invalid_timestamp);
  ASSERT_EQ(rejection.record_errors.size(), 1u);
  EXPECT_EQ(rejection.record_errors[0].batch_index, 0);
  rules.timestamp_type = TimestampType::log_append_time;
  EXPECT_TRUE(validate(at(51), rules).has_value());
}

TEST(Validate, takes_records_without_a_timestamp_and_no_negative_ones) {
  const auto result = validate(Batch{.base_timestamp = -1, .max_timestamp = -1}.slice());
  ASSERT_TRUE(result.has_value());
  EXPECT_EQ(result->max_timestamp, kNoTimestamp);
  EXPECT_FALSE(result->rewritten);
  EXPECT_EQ(rejection_of(Batch{.base_timestamp = -2}.slice()).reason, invalid_record);
  EXPECT_EQ(rejection_of(Batch{.base_timestamp = INT64_MIN}.slice()).reason, invalid_record);
  EXPECT_EQ(rejection_of(Batch{.base_timestamp = INT64_MAX}.slice()).reason, invalid_timestamp);
  EXPECT_EQ(rejection_of(Batch{.base_timestamp = INT64_MAX}.with({{.timestamp_delta = 1}}).slice()).reason,
            invalid_record);
}

TEST(Validate, corrects_a_maximum_timestamp_that_lies) {
  const Slice bytes = Batch{.max_timestamp = kNow + 77}.slice();
  const auto result = validate(bytes);
  ASSERT_TRUE(result.has_value());
  EXPECT_TRUE(result->rewritten);
  EXPECT_EQ(result->view().max_timestamp(), kNow);
  EXPECT_TRUE(result->view().crc_matches());
  EXPECT_EQ(BatchView::at(bytes)->max_timestamp(), kNow + 77) << "the request's own bytes never change";
}

TEST(Validate, stamps_the_append_time) {
  ValidationRules rules = kRules;
  rules.timestamp_type = TimestampType::log_append_time;
  rules.now_ms = kNow + 1000;
  const auto result = validate(compressed(Codec::lz4, Batch{}.with({{}, {.timestamp_delta = 5}})), rules);
  ASSERT_TRUE(result.has_value());
  EXPECT_TRUE(result->rewritten);
  EXPECT_EQ(result->max_timestamp, kNow + 1000);
  EXPECT_EQ(result->max_timestamp_offset_delta, 0);
  EXPECT_EQ(result->view().max_timestamp(), kNow + 1000);
  EXPECT_EQ(result->view().timestamp_type(), TimestampType::log_append_time);
  EXPECT_TRUE(result->view().crc_matches());
}

TEST(Validate, recompresses_to_the_topics_codec) {
  Batch batch{.producer_id = 4, .producer_epoch = 1, .base_sequence = 8};
  batch.with(std::vector<Record>(50, Record{.value = "the same again and again"}));
  Codecs codecs;
  for (const Codec from : {Codec::none, Codec::gzip, Codec::snappy, Codec::lz4, Codec::zstd}) {
    const Slice bytes = from == Codec::none ? batch.slice() : compressed(from, batch);
    for (const Codec to : {Codec::none, Codec::gzip, Codec::snappy, Codec::lz4, Codec::zstd}) {
      ValidationRules rules = kRules;
      rules.compression = Compression{.codec = to};
      const auto result = validate(bytes, rules);
      ASSERT_TRUE(result.has_value());
      EXPECT_EQ(result->rewritten, from != to);
      const BatchView view = *BatchView::at(result->bytes);
      EXPECT_EQ(view.size(), result->bytes.size());
      EXPECT_EQ(view.codec(), to);
      EXPECT_TRUE(view.crc_matches());
      EXPECT_EQ(view.producer_id(), 4);
      EXPECT_TRUE(equal(*uncompressed_records(view, codecs, 1 << 20), batch.records));
    }
  }
}

TEST(Validate, checks_the_size_again_after_recompression) {
  Batch batch;
  batch.with(std::vector<Record>(100, Record{.value = "the same again and again"}));
  const Slice bytes = compressed(Codec::zstd, batch);
  ValidationRules rules = kRules;
  rules.compression = Compression{.codec = Codec::none};
  rules.max_message_bytes = 1000;
  ASSERT_LT(bytes.size(), rules.max_message_bytes);
  EXPECT_EQ(rejection_of(bytes, rules).reason, message_too_large);
}

TEST(Validate, refuses_compressed_records_that_lie) {
  const auto reason = [](Codec codec, const Batch& batch) {
    return rejection_of(compressed(codec, batch)).reason;
  };
  Bytes huge;
  huge.varint(0x7fffffff).integer(0, 8);
  for (const Codec codec : {Codec::gzip, Codec::snappy, Codec::lz4, Codec::zstd}) {
    EXPECT_EQ(reason(codec, {.last_offset_delta = 1, .record_count = 2}), invalid_record);
    EXPECT_EQ(reason(codec, {.records = by_hand::records_of({{}, {.offset_delta = 1}})}), invalid_record);
    EXPECT_EQ(reason(codec, {.records = huge}), invalid_record);
    EXPECT_EQ(reason(codec, {.records = by_hand::records_of({{.offset_delta = 1}})}), invalid_record);
    EXPECT_EQ(reason(codec, {.last_offset_delta = 0x7ffffffe, .record_count = 0x7fffffff}), invalid_record);
    Batch garbage{.attributes = static_cast<std::int16_t>(codec)};
    EXPECT_EQ(rejection_of(garbage.slice()).reason, invalid_record);
  }
}

TEST(Validate, refuses_bombs) {
  ValidationRules rules = kRules;
  rules.max_uncompressed_bytes = 1 << 20;
  Batch batch;
  const std::string zeros(std::size_t{8} << 20, '\0');
  batch.with({{.value = zeros}});
  for (const Codec codec : {Codec::gzip, Codec::snappy, Codec::lz4, Codec::zstd}) {
    const Slice bytes = compressed(codec, batch);
    ASSERT_LT(bytes.size(), rules.max_message_bytes);
    EXPECT_EQ(rejection_of(bytes, rules).reason, message_too_large) << name_of(codec);
  }
}

TEST(Validate, a_bit_flip_anywhere_is_refused_or_outside_the_checksum) {
  Batch batch;
  batch.with({{.key = "key", .headers = {{"h", "v"}}}, {.timestamp_delta = 300}});
  const Slice whole = batch.slice();
  for (std::size_t bit = 0; bit < whole.size() * 8; ++bit) {
    std::vector<std::byte> flipped(whole.view().begin(), whole.view().end());
    flipped[bit / 8] ^= std::byte(1 << bit % 8);
    const bool in_leader_epoch = bit / 8 >= kPartitionLeaderEpochAt && bit / 8 < kMagicAt;
    EXPECT_EQ(validate(Slice::take(std::move(flipped))).has_value(), in_leader_epoch) << bit;
  }
}

TEST(Validate, agrees_with_the_reader_on_damaged_records) {
  Random random(11);
  Batch good;
  good.with(
      {{.key = "key", .headers = {{"h", "v"}, {"i", kNull}}}, {.timestamp_delta = 300, .value = kNull}, {}});
  int refused = 0;
  for (int round = 0; round < 20'000; ++round) {
    Batch damaged = good;  // with a checksum that fits, so that the walk sees it
    auto& bytes = damaged.records.vector();
    for (std::uint64_t i = 0; i <= random.below(3); ++i)
      bytes[random.below(bytes.size())] = std::byte(random.below(256));
    if (random.one_in(4)) bytes.resize(random.below(bytes.size()));
    const Slice slice = damaged.slice();
    ValidationRules rules = kRules;
    rules.timestamp_type = TimestampType::log_append_time;
    const bool taken = validate(slice, rules).has_value();
    refused += taken ? 0 : 1;
    const BatchView batch = *BatchView::at(slice);
    RecordReader reader(batch, batch.records());
    RecordView record;
    Result<bool> more = true;
    while (more && *more) more = reader.next(record);
    EXPECT_EQ(taken, more.has_value());
  }
  EXPECT_GT(refused, 1000);
  EXPECT_LT(refused, 19'000);
}

}  // namespace
}  // namespace moldau::record
