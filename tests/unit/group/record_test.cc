// The records of __consumer_offsets, byte by byte as Kafka 4.x writes them.
#include "group/record.h"

#include <gtest/gtest.h>

#include "base/random.h"

namespace moldau::group {
namespace {

std::string hex(const Slice& bytes) {
  std::string text;
  for (const std::byte byte : bytes.view()) {
    constexpr char kDigits[] = "0123456789abcdef";
    text += kDigits[std::to_integer<int>(byte) >> 4];
    text += kDigits[std::to_integer<int>(byte) & 15];
  }
  return text;
}

Slice bytes_of(std::string_view hexadecimal) {
  std::vector<std::byte> bytes;
  for (std::size_t i = 0; i + 1 < hexadecimal.size(); i += 2)
    bytes.push_back(static_cast<std::byte>(std::stoi(std::string(hexadecimal.substr(i, 2)), nullptr, 16)));
  return Slice::take(std::move(bytes));
}

OffsetRecord offset_record() {
  CommittedOffset committed;
  committed.offset = 258;
  committed.leader_epoch = 3;
  committed.metadata = "m";
  committed.commit_ms = 0x0102030405060708;
  committed.topic_id = {0x1112131415161718, 0x2122232425262728};
  return {"grp", {"topic", 9}, committed};
}

GenerationRecord generation_record() {
  Generation generation;
  generation.protocol_type = "consumer";
  generation.generation = 5;
  generation.protocol = "range";
  generation.leader = "a";
  generation.current_state_timestamp = 1;
  Generation::Member& member = generation.members.emplace_back();
  member.member_id = "a";
  member.client_id = "c";
  member.client_host = "/h";
  member.rebalance_timeout = 2;
  member.session_timeout = 3;
  member.subscription = Slice::copy_of("S");
  member.assignment = Slice::copy_of("AA");
  return {"grp", generation};
}

TEST(RecordFormat, AnOffsetIsWrittenInVersion4) {
  const EncodedRecord encoded = encode(offset_record());
  EXPECT_EQ(hex(encoded.key),
            "0001"
            "0003677270"
            "0005746f706963"
            "00000009");
  EXPECT_EQ(hex(*encoded.value),
            "0004"
            "0000000000000102"
            "00000003"
            "026d"
            "0102030405060708"
            "01"
            "00"
            "10"
            "11121314151617182122232425262728");
}

TEST(RecordFormat, AnOffsetWithoutATopicIdHasNoTag) {
  OffsetRecord record = offset_record();
  record.value->topic_id = kZeroUuid;
  EXPECT_EQ(hex(*encode(record).value),
            "0004"
            "0000000000000102"
            "00000003"
            "026d"
            "0102030405060708"
            "00");
}

TEST(RecordFormat, AnOffsetWithATimeToExpireAtIsWrittenInVersion1) {
  OffsetRecord record = offset_record();
  record.value->expire_ms = 0x77;
  EXPECT_EQ(hex(*encode(record).value),
            "0001"
            "0000000000000102"
            "00016d"
            "0102030405060708"
            "0000000000000077");
}

TEST(RecordFormat, AGenerationIsWrittenInVersion3) {
  const EncodedRecord encoded = encode(generation_record());
  EXPECT_EQ(hex(encoded.key),
            "0002"
            "0003677270");
  EXPECT_EQ(hex(*encoded.value),
            "0003"
            "0008636f6e73756d6572"
            "00000005"
            "000572616e6765"
            "000161"
            "0000000000000001"
            "00000001"
            "000161"
            "ffff"
            "000163"
            "00022f68"
            "00000002"
            "00000003"
            "0000000153"
            "000000024141");
}

TEST(RecordFormat, WhatIsWrittenIsRead) {
  OffsetRecord deleted_offset = offset_record();
  deleted_offset.value.reset();
  const std::vector<Record> records{offset_record(), generation_record(), deleted_offset,
                                    GenerationRecord{"grp", std::nullopt}};
  for (const Record& record : records) {
    const EncodedRecord encoded = encode(record);
    const auto decoded = decode(encoded.key, encoded.value);
    ASSERT_TRUE(decoded.has_value()) << decoded.error().message;
    ASSERT_TRUE(decoded->has_value());
    EXPECT_EQ(**decoded, record);
  }
  EXPECT_FALSE(encode(deleted_offset).value);
}

// What older brokers wrote.
TEST(RecordFormat, OldVersionsAreRead) {
  const Slice key = bytes_of(
      "0000"
      "0003677270"
      "000174"
      "00000001");
  const auto legacy = decode(key, bytes_of("0000"
                                           "0000000000000005"
                                           "0000"
                                           "0000000000000009"));
  ASSERT_TRUE(legacy.has_value() && *legacy) << (legacy ? "" : legacy.error().message);
  const OffsetRecord expected{"grp", {"t", 1}, CommittedOffset{5, kNoEpoch, "", 9, kNoTimestamp, kZeroUuid}};
  EXPECT_EQ(std::get<OffsetRecord>(**legacy), expected);

  const auto generation = decode(bytes_of("0002"
                                          "0003677270"),
                                 bytes_of("0000"
                                          "000163"
                                          "00000002"
                                          "ffff"
                                          "ffff"
                                          "00000001"
                                          "000161"
                                          "000162"
                                          "000163"
                                          "00000007"
                                          "00000000"
                                          "00000000"));
  ASSERT_TRUE(generation.has_value() && *generation) << (generation ? "" : generation.error().message);
  const Generation& read = *std::get<GenerationRecord>(**generation).value;
  EXPECT_EQ(read.generation, 2);
  EXPECT_EQ(read.current_state_timestamp, kNoTimestamp);
  ASSERT_EQ(read.members.size(), 1U);
  EXPECT_EQ(read.members[0].rebalance_timeout, -1);
  EXPECT_EQ(read.members[0].session_timeout, 7);
}

TEST(RecordFormat, UnknownTypesAndVersionsAreSkipped) {
  const auto type = decode(bytes_of("0063"
                                    "0003677270"),
                           bytes_of("0000"));
  ASSERT_TRUE(type.has_value());
  EXPECT_FALSE(*type);
  const auto version = decode(encode(offset_record()).key, bytes_of("0063"
                                                                    "00"));
  ASSERT_TRUE(version.has_value());
  EXPECT_FALSE(*version);
  const auto generation = decode(encode(generation_record()).key, bytes_of("0063"
                                                                           "00"));
  ASSERT_TRUE(generation.has_value());
  EXPECT_FALSE(*generation);
}

TEST(RecordFormat, WhatIsCutOffIsAnError) {
  for (const Record& record : std::vector<Record>{offset_record(), generation_record()}) {
    const EncodedRecord encoded = encode(record);
    for (std::size_t size = 0; size < encoded.key.size(); ++size)
      EXPECT_FALSE(decode(encoded.key.cut(0, size), encoded.value).has_value()) << size;
    for (std::size_t size = 0; size < encoded.value->size(); ++size)
      EXPECT_FALSE(decode(encoded.key, encoded.value->cut(0, size)).has_value()) << size;
  }
}

// Whatever a producer has put there.
TEST(RecordFormat, NoBytesDoHarm) {
  Random random(1);
  for (int i = 0; i < 20'000; ++i) {
    const EncodedRecord encoded = i % 2 == 0 ? encode(offset_record()) : encode(generation_record());
    std::vector<std::byte> value(encoded.value->view().begin(), encoded.value->view().end());
    for (int changes = 0; changes < 3; ++changes)
      value[random.below(value.size())] = static_cast<std::byte>(random.next());
    const auto decoded = decode(encoded.key, Slice::take(std::move(value)));
    if (decoded && *decoded) static_cast<void>(encode(**decoded));
  }
}

}  // namespace
}  // namespace moldau::group
