#include <gtest/gtest.h>

#include "base/bytes.h"
#include "base/crc32c.h"
#include "base/ids.h"
#include "base/random.h"
#include "base/result.h"
#include "base/varint.h"

namespace moldau {
namespace {

TEST(Crc32c, KnownVectorAndContinuation) {
  EXPECT_EQ(crc32c(as_bytes("123456789")), 0xe3069283u);
  EXPECT_EQ(crc32c(as_bytes("6789"), crc32c(as_bytes("12345"))), 0xe3069283u);
  EXPECT_EQ(crc32c({}), 0u);
}

TEST(Uuid, TextRoundTrip) {
  Random random(7);
  for (int i = 0; i < 1000; ++i) {
    const Uuid id = random.uuid();
    EXPECT_EQ(Uuid::parse(id.to_string()), id);
    EXPECT_NE(id.to_string().front(), '-');
  }
  EXPECT_EQ(kZeroUuid.to_string(), "AAAAAAAAAAAAAAAAAAAAAA");
  EXPECT_EQ(kMetadataTopicId.to_string(), "AAAAAAAAAAAAAAAAAAAAAQ");
}

TEST(Uuid, RefusesOtherText) {
  EXPECT_FALSE(Uuid::parse(""));
  EXPECT_FALSE(Uuid::parse("AAAAAAAAAAAAAAAAAAAAA"));
  EXPECT_FALSE(Uuid::parse("AAAAAAAAAAAAAAAAAAAAA="));
  EXPECT_FALSE(Uuid::parse("AAAAAAAAAAAAAAAAAAAAAB")) << "padding bits must be zero";
}

TEST(Varint, RoundTripOverAllWidths) {
  Random random(1);
  for (int i = 0; i < 100000; ++i) {
    const auto wide = static_cast<std::int64_t>(random.next() >> random.below(64));
    Buffer out;
    append_varlong(out, wide);
    EXPECT_EQ(out.size(), varlong_size(wide));
    ByteView in = out.view();
    EXPECT_EQ(read_varlong(in), wide);
    EXPECT_TRUE(in.empty());
    const auto narrow = static_cast<std::int32_t>(wide);
    out.clear();
    append_varint(out, narrow);
    in = out.view();
    EXPECT_EQ(read_varint(in), narrow);
  }
}

TEST(Varint, RefusesTooWideAndTruncated) {
  const auto read = [](std::initializer_list<unsigned> bytes) {
    std::vector<std::byte> data;
    for (unsigned b : bytes) data.push_back(static_cast<std::byte>(b));
    ByteView in(data);
    return read_uvarint(in);
  };
  EXPECT_EQ(read({0xff, 0xff, 0xff, 0xff, 0x0f}), UINT32_MAX);
  EXPECT_FALSE(read({0xff, 0xff, 0xff, 0xff, 0x1f}));
  EXPECT_FALSE(read({0xff, 0xff, 0xff, 0xff, 0xff, 0x00}));
  EXPECT_FALSE(read({0x80}));
  EXPECT_FALSE(read({}));
}

TEST(Slice, OutlivesItsSource) {
  Slice part;
  {
    Buffer buffer;
    buffer.append("hello world");
    part = std::move(buffer).to_slice().cut(6, 5);
  }
  EXPECT_EQ(part.text(), "world");
  EXPECT_EQ(joined({Slice::copy_of("a"), Slice::copy_of("b")}).text(), "ab");
}

TEST(Random, SameSeedSameSequence) {
  Random a(42), b(42), c(43);
  EXPECT_EQ(a.next(), b.next());
  EXPECT_NE(a.next(), c.next());
  for (int i = 0; i < 1000; ++i) {
    const auto value = a.between(-3, 3);
    EXPECT_TRUE(value >= -3 && value <= 3);
  }
}

TEST(Result, ErrorKeepsCodeAndAddsContext) {
  const Error error = error_from_errno(ENOSPC, "write").within("segment 0");
  EXPECT_EQ(error.code, Errc::no_space);
  EXPECT_EQ(error.message, "segment 0: write: No space left on device");
}

}  // namespace
}  // namespace moldau
