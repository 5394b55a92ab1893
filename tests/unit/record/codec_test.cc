#include "record/codec.h"

#include <gtest/gtest.h>

#include <fstream>
#include <string>

#include "base/random.h"
#include "bytes_by_hand.h"

namespace moldau::record {
namespace {

constexpr std::size_t kNoLimit = std::size_t{1} << 30;
constexpr Codec kCompressing[] = {Codec::gzip, Codec::snappy, Codec::lz4, Codec::zstd};

std::vector<std::byte> text_like(Random& random, std::size_t size) {
  std::vector<std::byte> bytes(size);
  for (std::byte& byte : bytes) byte = std::byte('a' + random.below(random.one_in(3) ? 26 : 2));
  return bytes;
}

Slice packed(Codec codec, ByteView input, std::optional<int> level = {}) {
  return *compress({.codec = codec, .level = level}, input);
}

TEST(Codec, names_are_kafkas) {
  EXPECT_EQ(name_of(Codec::zstd), "zstd");
  EXPECT_EQ(codec_named("lz4"), Codec::lz4);
  EXPECT_EQ(codec_named("none"), Codec::none);
  EXPECT_EQ(codec_named("brotli"), std::nullopt);
  EXPECT_EQ(codec_of(5), std::nullopt);
}

TEST(Codec, round_trips_at_every_size_and_with_reused_contexts) {
  Random random(1);
  Codecs codecs;
  for (int round = 0; round < 300; ++round) {
    const auto input = text_like(random, random.below(std::size_t{1} << random.below(19)));
    for (const Codec codec : kCompressing) {
      Buffer out;
      ASSERT_TRUE(codecs.compress({.codec = codec}, input, out).has_value());
      const auto back = codecs.decompress(codec, out.view(), input.size());
      ASSERT_TRUE(back.has_value()) << name_of(codec) << " " << input.size() << " " << back.error().message;
      EXPECT_TRUE(equal(*back, input)) << name_of(codec);
    }
  }
}

TEST(Codec, round_trips_at_every_level) {
  Random random(2);
  const auto input = text_like(random, 100'000);
  for (const Codec codec : {Codec::gzip, Codec::lz4, Codec::zstd}) {
    const LevelRange range = *levels_of(codec);
    for (int level = std::max(range.lowest, -5); level <= range.highest; ++level) {
      if (codec == Codec::gzip && level == 0) continue;
      EXPECT_TRUE(equal(*decompress(codec, packed(codec, input, level), kNoLimit), input)) << level;
    }
    EXPECT_EQ(compress({codec, range.highest + 1}, input).error().code, Errc::invalid_argument);
    EXPECT_EQ(compress({codec, range.lowest - 1}, input).error().code, Errc::invalid_argument);
  }
  EXPECT_EQ(compress({Codec::gzip, 0}, input).error().code, Errc::invalid_argument);
  EXPECT_EQ(compress({Codec::snappy, 1}, input).error().code, Errc::invalid_argument);
}

TEST(Codec, the_limit_is_exact) {
  Random random(3);
  for (const std::size_t size :
       {std::size_t{1}, std::size_t{1000}, std::size_t{65536}, std::size_t{300'001}}) {
    const auto input = text_like(random, size);
    for (const Codec codec : {Codec::none, Codec::gzip, Codec::snappy, Codec::lz4, Codec::zstd}) {
      const Slice in = packed(codec, input);
      EXPECT_TRUE(decompress(codec, in, size).has_value()) << name_of(codec) << size;
      EXPECT_EQ(decompress(codec, in, size - 1).error().code, Errc::too_large) << name_of(codec) << size;
    }
  }
}

TEST(Codec, refuses_every_truncation) {
  Random random(4);
  const auto input = text_like(random, 3000);
  for (const Codec codec : kCompressing) {
    const Slice in = packed(codec, input);
    for (std::size_t size = 0; size < in.size(); ++size) {
      // A chunked snappy stream may end behind any chunk; this one has a single one.
      if (codec == Codec::snappy && size == 16) continue;
      EXPECT_FALSE(decompress(codec, in.cut(0, size), kNoLimit).has_value()) << name_of(codec) << size;
    }
  }
}

TEST(Codec, survives_bit_flips_and_noise) {
  Random random(5);
  Codecs codecs;
  const auto input = text_like(random, 2000);
  for (const Codec codec : kCompressing) {
    const Slice in = packed(codec, input);
    for (int round = 0; round < 3000; ++round) {
      std::vector<std::byte> flipped(in.view().begin(), in.view().end());
      for (int flips = 0; flips <= round % 3; ++flips) {
        flipped[random.below(flipped.size())] ^= std::byte(1 << random.below(8));
      }
      const auto out = codecs.decompress(codec, flipped, 100'000);
      if (out) EXPECT_LE(out->size(), 100'000u);
    }
    for (int round = 0; round < 1000; ++round) {
      std::vector<std::byte> noise(random.below(100));
      random.fill(noise);
      (void)codecs.decompress(codec, noise, 100'000);
    }
  }
}

TEST(Codec, refuses_bytes_behind_the_stream) {
  Random random(6);
  const auto input = text_like(random, 500);
  for (const Codec codec : kCompressing) {
    by_hand::Bytes bytes;
    bytes.raw(packed(codec, input)).integer(0x01020304, 4);
    EXPECT_FALSE(decompress(codec, bytes, kNoLimit).has_value()) << name_of(codec);
  }
}

TEST(Snappy, java_writes_chunks_and_librdkafka_one_block) {
  // "abcabcabcabc" as a raw block: length 12, literal "abc", copy of 9 bytes from 3 back.
  const unsigned char block[] = {12, 0x08, 'a', 'b', 'c', 0x15, 3};
  const ByteView raw = std::as_bytes(std::span(block));
  EXPECT_EQ(decompress(Codec::snappy, raw, 100)->text(), "abcabcabcabc");
  by_hand::Bytes chunked;
  chunked.text(std::string_view("\x82SNAPPY\0", 8)).integer(1, 4).integer(1, 4);
  chunked.integer(raw.size(), 4).raw(raw).integer(raw.size(), 4).raw(raw);
  EXPECT_EQ(decompress(Codec::snappy, chunked, 100)->text(), "abcabcabcabcabcabcabcabc");
  EXPECT_EQ(decompress(Codec::snappy, chunked, 23).error().code, Errc::too_large);
  const Slice written = packed(Codec::snappy, std::vector<std::byte>(70'000));
  EXPECT_EQ(written.text().substr(0, 16), std::string_view("\x82SNAPPY\0\0\0\0\1\0\0\0\1", 16));
}

TEST(Snappy, refuses_chunks_that_lie) {
  for (const std::int32_t size : {0, -1, 100, 0x7fffffff}) {
    by_hand::Bytes chunked;
    chunked.text(std::string_view("\x82SNAPPY\0", 8)).integer(1, 4).integer(1, 4);
    chunked.integer(static_cast<std::uint32_t>(size), 4).integer(0, 3);
    EXPECT_FALSE(decompress(Codec::snappy, chunked, 100).has_value()) << size;
  }
}

TEST(Gzip, reads_several_members) {
  by_hand::Bytes bytes;
  bytes.raw(packed(Codec::gzip, as_bytes("one "))).raw(packed(Codec::gzip, as_bytes("two")));
  EXPECT_EQ(decompress(Codec::gzip, bytes, 100)->text(), "one two");
}

TEST(Lz4, takes_frames_without_content_size_and_refuses_what_java_cannot_read) {
  // Magic, FLG: version 01, independent blocks; BD: 64 KiB; header checksum; a stored block "hello"; end
  // mark.
  const unsigned char frame[] = {0x04, 0x22, 0x4d, 0x18, 0x60, 0x40, 0x82, 5, 0, 0,
                                 0x80, 'h',  'e',  'l',  'l',  'o',  0,    0, 0, 0};
  const ByteView bytes = std::as_bytes(std::span(frame));
  const auto out = decompress(Codec::lz4, bytes, 100);
  ASSERT_TRUE(out.has_value()) << out.error().message;
  EXPECT_EQ(out->text(), "hello");
  const auto changed = [&](std::size_t at, unsigned char to) {
    std::vector<std::byte> copy(bytes.begin(), bytes.end());
    copy[at] = std::byte{to};
    return decompress(Codec::lz4, copy, 100).error().code;
  };
  EXPECT_EQ(changed(4, 0x40), Errc::unsupported);  // linked blocks
  EXPECT_EQ(changed(4, 0x61), Errc::unsupported);  // dictionary
  EXPECT_EQ(changed(6, 0x83), Errc::corrupt);      // the broken header checksum of old clients, among others
  EXPECT_EQ(changed(0, 0x02), Errc::corrupt);      // the legacy frame's magic
}

TEST(Zstd, takes_frames_without_content_size) {
  // Magic, descriptor: no size, no checksum; window 1 KiB; a last raw block "hello".
  const unsigned char frame[] = {0x28, 0xb5, 0x2f, 0xfd, 0x00, 0x00, 0x29, 0, 0, 'h', 'e', 'l', 'l', 'o'};
  const auto out = decompress(Codec::zstd, std::as_bytes(std::span(frame)), 100);
  ASSERT_TRUE(out.has_value()) << out.error().message;
  EXPECT_EQ(out->text(), "hello");
}

// A line of /proc/self/status, in KiB.
std::size_t status_kib(std::string_view name) {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);) {
    if (line.starts_with(name)) return std::stoull(line.substr(name.size() + 1));
  }
  return 0;
}

void forget_peak() { std::ofstream("/proc/self/clear_refs") << "5"; }

// A gibibyte of zeros in little input, made without holding it.
std::vector<std::byte> bomb_of(Codec codec) {
  const std::vector<std::byte> zeros(std::size_t{16} << 20);
  if (codec != Codec::gzip && codec != Codec::zstd) {
    const Slice in = packed(codec, zeros);
    return {in.view().begin(), in.view().end()};
  }
  by_hand::Bytes bytes;  // both formats take one stream behind another
  const Slice in = packed(codec, zeros);
  for (int i = 0; i < 64; ++i) bytes.raw(in);
  return bytes.vector();
}

#if __has_feature(address_sanitizer)
constexpr std::size_t kSlackKib = 32 * 1024;  // freed memory lies in quarantine
#else
constexpr std::size_t kSlackKib = 2 * 1024;
#endif

TEST(Bomb, costs_no_more_than_the_limit) {
  constexpr std::size_t kLimit = std::size_t{2} << 20;
  for (const Codec codec : kCompressing) {
    const auto bomb = bomb_of(codec);
    forget_peak();
    const std::size_t before_kib = status_kib("VmRSS");
    EXPECT_EQ(decompress(codec, bomb, kLimit).error().code, Errc::too_large) << name_of(codec);
    EXPECT_LE(status_kib("VmHWM"), before_kib + kLimit / 1024 + kSlackKib) << name_of(codec);
  }
}

TEST(Bomb, a_length_that_lies_costs_nothing) {
  // A raw snappy block that promises 1 GiB and holds nothing.
  by_hand::Bytes raw;
  raw.integer(0x8080808004, 5).integer(0, 4);
  EXPECT_EQ(decompress(Codec::snappy, raw, kNoLimit * 2).error().code, Errc::corrupt);
}

}  // namespace
}  // namespace moldau::record
