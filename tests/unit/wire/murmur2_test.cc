#include "wire/murmur2.h"

#include <gtest/gtest.h>

#include <limits>
#include <string>

namespace moldau::wire {
namespace {

TEST(Murmur2, VectorsOfKafkasOwnTests) {
  EXPECT_EQ(murmur2(as_bytes("21")), -973932308);
  EXPECT_EQ(murmur2(as_bytes("foobar")), -790332482);
  EXPECT_EQ(murmur2(as_bytes("a-little-bit-long-string")), -985981536);
  EXPECT_EQ(murmur2(as_bytes("a-little-bit-longer-string")), -1486304829);
  EXPECT_EQ(murmur2(as_bytes("lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8")), -58897971);
  EXPECT_EQ(murmur2(as_bytes("abc")), 479470107);
}

TEST(Murmur2, PartitionIsNeverNegative) {
  EXPECT_EQ(partition_for_key(as_bytes("21"), 7), (-973932308 & 0x7fffffff) % 7);
  for (int i = 0; i < 1000; ++i) {
    const std::string key = std::to_string(i);
    const auto partition = partition_for_key(as_bytes(key), 12);
    EXPECT_GE(partition, 0);
    EXPECT_LT(partition, 12);
  }
}

TEST(JavaStringHash, IsOverUtf16CodeUnits) {
  EXPECT_EQ(java_string_hash(""), 0);
  EXPECT_EQ(java_string_hash("a"), 97);
  EXPECT_EQ(java_string_hash("hello"), 99162322);
  EXPECT_EQ(java_string_hash("\xc3\xa9"), 0xe9);             // é
  EXPECT_EQ(java_string_hash("\xe2\x82\xac"), 0x20ac);       // €
  EXPECT_EQ(java_string_hash("\xf0\x9f\x98\x80"), 1772899);  // U+1F600: d83d de00
}

TEST(CoordinatorPartition, TakesTheAbsoluteValueAndZeroForTheSmallest) {
  EXPECT_EQ(coordinator_partition("hello", 50), 99162322 % 50);
  EXPECT_EQ(java_string_hash("polygenelubricants"), std::numeric_limits<std::int32_t>::min());
  EXPECT_EQ(coordinator_partition("polygenelubricants", 50), 0);
  // A negative hash: its absolute value, not its low 31 bits (which would be 17).
  EXPECT_EQ(java_string_hash("orders"), -1008770331);
  EXPECT_EQ(coordinator_partition("orders", 50), 31);
}

}  // namespace
}  // namespace moldau::wire
