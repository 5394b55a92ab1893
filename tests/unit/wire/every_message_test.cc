// What must hold of every message in every version, with random values and with broken bytes.
#include <gtest/gtest.h>

#include <cstdlib>
#include <new>

#include "base/random.h"
#include "bytes.h"
#include "wire/message.h"

namespace moldau::wire {
namespace {

template <class Check>
void for_each_version(Check check) {
  for (const MessageType* type : messages())
    for (ApiVersion version = type->min_version; version <= type->max_version; ++version) {
      SCOPED_TRACE(std::string(type->name) + " v" + std::to_string(version));
      check(*type, version);
      if (testing::Test::HasFatalFailure()) return;
    }
}

Slice random_body(const MessageType& type, Random& random, ApiVersion version) {
  return joined(type.random(random, version));
}

TEST(EveryMessage, ThereAreRequestAndResponseOfEveryApi) { EXPECT_GE(messages().size(), apis().size() * 2); }

TEST(EveryMessage, EqualsItselfAfterEncodingAndDecoding) {
  Random random(1);
  for_each_version([&](const MessageType& type, ApiVersion version) {
    for (int i = 0; i < 40; ++i) ASSERT_TRUE(type.round_trips(random, version));
  });
}

TEST(EveryMessage, EncodesToTheSameBytesAgain) {
  Random random(2);
  for_each_version([&](const MessageType& type, ApiVersion version) {
    for (int i = 0; i < 10; ++i) {
      const Slice body = random_body(type, random, version);
      const auto again = type.reencode(body, version);
      ASSERT_TRUE(again.has_value()) << again.error().message;
      ASSERT_EQ(to_hex(joined(*again)), to_hex(body));
    }
  });
}

// Bytes after a request are ignored, as in Kafka; all else must end where its bytes end.
void expect_judged_with_a_byte_more(const MessageType& type, const Slice& body, ApiVersion version) {
  std::vector<std::byte> longer(body.view().begin(), body.view().end());
  longer.push_back(std::byte{0});
  const auto result = type.reencode(Slice::take(std::move(longer)), version);
  if (type.kind == MessageType::Kind::request) {
    ASSERT_TRUE(result.has_value()) << result.error().message;
    EXPECT_EQ(to_hex(joined(*result)), to_hex(body));
    return;
  }
  ASSERT_FALSE(result.has_value());
  EXPECT_EQ(result.error().code, Errc::corrupt);
  EXPECT_NE(result.error().message.find(type.name), std::string::npos) << result.error().message;
}

TEST(EveryMessage, RefusesBytesThatEndEarlyOrLate) {
  Random random(3);
  for_each_version([&](const MessageType& type, ApiVersion version) {
    const Slice body = random_body(type, random, version);
    const std::size_t step = 1 + body.size() / 300;
    for (std::size_t size = 0; size < body.size(); size += step) {
      const auto result = type.reencode(body.cut(0, size), version);
      ASSERT_FALSE(result.has_value()) << size << " of " << body.size();
    }
    expect_judged_with_a_byte_more(type, body, version);
  });
}

TEST(EveryMessage, SurvivesFlippedBits) {
  Random random(4);
  for_each_version([&](const MessageType& type, ApiVersion version) {
    for (int i = 0; i < 60; ++i) {
      const Slice body = random_body(type, random, version);
      if (body.empty()) continue;
      std::vector<std::byte> bytes(body.view().begin(), body.view().end());
      for (std::uint64_t flips = 1 + random.below(4); flips > 0; --flips)
        bytes[random.below(bytes.size())] ^= static_cast<std::byte>(1u << random.below(8));
      const Slice broken = Slice::take(std::move(bytes));
      // Whatever still decodes is a message: it encodes to bytes that decode to the same bytes.
      const auto once = type.reencode(broken, version);
      if (!once) continue;
      ASSERT_TRUE(type.to_json(broken, version).has_value());
      const auto twice = type.reencode(joined(*once), version);
      ASSERT_TRUE(twice.has_value()) << twice.error().message;
      ASSERT_EQ(to_hex(joined(*once)), to_hex(joined(*twice)));
    }
  });
}

TEST(EveryMessage, SurvivesNoise) {
  Random random(5);
  for_each_version([&](const MessageType& type, ApiVersion version) {
    for (int i = 0; i < 40; ++i) {
      std::vector<std::byte> bytes(random.below(64));
      random.fill(bytes);
      if (random.one_in(2))
        for (std::byte& byte : bytes)
          byte = random.one_in(3) ? byte : std::byte{static_cast<unsigned char>(random.below(3))};
      (void)type.reencode(Slice::take(std::move(bytes)), version);
    }
  });
}

TEST(EveryMessage, KnowsNoOtherVersions) {
  for (const MessageType* type : messages())
    for (const int version : {type->min_version - 1, type->max_version + 1, -32768, 32767}) {
      const auto result = type->to_json(Slice(), static_cast<ApiVersion>(version));
      ASSERT_FALSE(result.has_value());
      EXPECT_EQ(result.error().code, Errc::unsupported);
    }
}

TEST(EveryMessage, PrintsJsonWithBalancedBrackets) {
  Random random(6);
  for_each_version([&](const MessageType& type, ApiVersion version) {
    const auto json = type.to_json(random_body(type, random, version), version);
    ASSERT_TRUE(json.has_value());
    int depth = 0;
    bool quoted = false;
    for (std::size_t i = 0; i < json->size(); ++i) {
      const char c = (*json)[i];
      if (quoted && c == '\\') ++i;
      if (c == '"' && !(quoted && (*json)[i] != '"')) quoted = !quoted;
      if (!quoted) depth += (c == '{' || c == '[') - (c == '}' || c == ']');
      ASSERT_GE(depth, 0);
    }
    EXPECT_EQ(depth, 0) << *json;
    EXPECT_FALSE(quoted);
  });
}

}  // namespace
}  // namespace moldau::wire
