// The records of __transaction_state, byte by byte as Kafka's.
#include "transaction/record.h"

#include <gtest/gtest.h>

namespace moldau::transaction {
namespace {

Slice bytes(std::initializer_list<int> values) {
  std::string text;
  for (const int value : values) text.push_back(static_cast<char>(value));
  return Slice::copy_of(text);
}

Transaction ongoing() {
  return {.producer_id = 7,
          .previous_producer_id = 6,
          .next_producer_id = kNoProducerId,
          .epoch = 3,
          .last_epoch = kNoProducerEpoch,
          .timeout_ms = 60'000,
          .state = State::ongoing,
          .partitions = {{"a", 0}, {"a", 2}, {"b", 1}},
          .start_ms = 100,
          .last_update_ms = 200,
          .client_version = 2};
}

TEST(TransactionRecord, KeyAndFirstVersionAreKafkas) {
  const EncodedRecord encoded = encode({"t", ongoing()}, 0);
  EXPECT_EQ(encoded.key.text(), bytes({0, 0, 0, 1, 't'}).text());
  EXPECT_EQ(encoded.value->text(),
            bytes({0,   0,                          // version
                   0,   0, 0,    0,    0, 0, 0, 7,  // producer id
                   0,   3,                          // epoch
                   0,   0, 0xea, 0x60,              // timeout
                   1,                               // Ongoing
                   0,   0, 0,    2,                 // topics
                   0,   1, 'a',  0,    0, 0, 2, 0,   0, 0, 0, 0, 0, 0, 2, 0, 1,
                   'b', 0, 0,    0,    1, 0, 0, 0,   1, 0, 0, 0, 0, 0, 0, 0, 0xc8,  // last update
                   0,   0, 0,    0,    0, 0, 0, 0x64})                              // start
                .text());
}

TEST(TransactionRecord, LaterVersionsHaveTaggedFields) {
  for (const TransactionVersion version : {1, 2}) {
    const Record record{"id", ongoing()};
    const EncodedRecord encoded = encode(record, version);
    EXPECT_EQ(encoded.value->text().substr(0, 2), std::string("\0\1", 2));
    const auto decoded = decode(encoded.key, encoded.value);
    ASSERT_TRUE(decoded && *decoded);
    EXPECT_EQ(**decoded, record);
  }
}

TEST(TransactionRecord, TheFirstVersionKeepsNoTaggedFields) {
  const EncodedRecord encoded = encode({"id", ongoing()}, 0);
  const auto decoded = decode(encoded.key, encoded.value);
  ASSERT_TRUE(decoded && *decoded);
  Transaction expected = ongoing();
  expected.previous_producer_id = kNoProducerId;
  expected.client_version = 0;
  EXPECT_EQ((*decoded)->value, expected);
}

TEST(TransactionRecord, AnEmptyOneHasNoListOfPartitions) {
  Transaction empty = ongoing();
  empty.state = State::empty;
  empty.partitions.clear();
  const EncodedRecord encoded = encode({"t", empty}, 0);
  EXPECT_EQ(encoded.value->text().substr(17, 4), std::string("\xff\xff\xff\xff"));
  EXPECT_EQ((*decode(encoded.key, encoded.value))->value->partitions.size(), 0U);
}

TEST(TransactionRecord, ATombstoneDropsTheId) {
  const EncodedRecord encoded = encode({"t", std::nullopt}, 2);
  EXPECT_FALSE(encoded.value.has_value());
  const auto decoded = decode(encoded.key, std::nullopt);
  ASSERT_TRUE(decoded && *decoded);
  EXPECT_EQ((*decoded)->transactional_id, "t");
  EXPECT_FALSE((*decoded)->value.has_value());
}

TEST(TransactionRecord, UnknownTypesAndVersionsAreSkipped) {
  const EncodedRecord encoded = encode({"t", ongoing()}, 2);
  const auto other_type = decode(bytes({0, 1, 0, 1, 't'}), encoded.value);
  ASSERT_TRUE(other_type.has_value());
  EXPECT_FALSE(other_type->has_value());
  const auto other_version = decode(encoded.key, bytes({0, 2, 1, 2, 3}));
  ASSERT_TRUE(other_version.has_value());
  EXPECT_FALSE(other_version->has_value());
}

TEST(TransactionRecord, WhatIsNoRecordIsAnError) {
  const EncodedRecord encoded = encode({"t", ongoing()}, 2);
  EXPECT_FALSE(decode(bytes({0}), encoded.value));
  EXPECT_FALSE(decode(bytes({0, 0, 0, 9, 't'}), encoded.value));
  EXPECT_FALSE(decode(encoded.key, bytes({0, 1, 0})));
  Transaction dead = ongoing();
  dead.state = State::dead;
  const EncodedRecord odd = encode({"t", dead}, 2);
  EXPECT_FALSE(decode(odd.key, odd.value)) << "a state that lasts for an event only";
}

TEST(TransactionRecord, StatesHaveKafkasNames) {
  for (int number = 0; number <= 7; ++number) {
    const auto state = static_cast<State>(number);
    EXPECT_EQ(state_named(name_of(state)), state);
  }
  EXPECT_EQ(name_of(State::prepare_epoch_fence), "PrepareEpochFence");
  EXPECT_EQ(state_named("ongoing"), std::nullopt) << "as they are spelt";
}

}  // namespace
}  // namespace moldau::transaction
