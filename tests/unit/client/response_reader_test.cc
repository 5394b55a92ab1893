#include "client/response_reader.h"

#include <gtest/gtest.h>

#include <cstring>
#include <functional>
#include <numeric>
#include <string_view>
#include <thread>

namespace moldau::client {
namespace {

using namespace std::string_view_literals;

constexpr std::size_t kBodyBytes = 1000;

// A frame arrives whose bytes all are `fill`; where it was received to.
const std::byte* receive(ResponseReader& reader, std::byte fill) {
  const MutableBytes room = reader.room();
  store_be<std::int32_t>(room.data(), kBodyBytes);
  std::memset(room.data() + 4, static_cast<int>(fill), kBodyBytes);
  reader.received(4 + kBodyBytes);
  return room.data();
}

Slice next_of(ResponseReader& reader) {
  auto frame = reader.next();
  if (!frame || !*frame) return {};
  return std::move(**frame);
}

std::size_t sum(ByteView bytes) {
  return std::transform_reduce(bytes.begin(), bytes.end(), std::size_t{0}, std::plus(),
                               [](std::byte one) { return static_cast<std::size_t>(one); });
}

TEST(ResponseReader, AFrameIsWholeHoweverItsBytesCome) {
  ResponseReader reader(1 << 20);
  for (const std::string_view part : {"\0"sv, "\0\0"sv, "\6ab"sv, "cdef"sv}) {
    EXPECT_EQ(next_of(reader).size(), 0U);
    std::memcpy(reader.room().data(), part.data(), part.size());
    reader.received(part.size());
  }
  EXPECT_EQ(next_of(reader).text(), "abcdef");
  EXPECT_FALSE(reader.inside_frame());
}

TEST(ResponseReader, MemoryOfAFrameIsUsedAgainOnlyWhenItWasLetGo) {
  ResponseReader reader(1 << 20);
  const std::byte* const first = receive(reader, std::byte{1});
  Slice held = next_of(reader);
  EXPECT_NE(receive(reader, std::byte{2}), first);
  EXPECT_EQ(sum(held), kBodyBytes);
  EXPECT_EQ(sum(next_of(reader)), 2 * kBodyBytes);
  held = {};
  EXPECT_EQ(receive(reader, std::byte{3}), first);
}

// Under the thread sanitizer this shows that the other thread's reads come before the next write.
TEST(ResponseReader, AFrameMayBeLetGoOnAnotherThread) {
  ResponseReader reader(1 << 20);
  for (int turn = 1; turn <= 100; ++turn) {
    const std::byte* const at = receive(reader, static_cast<std::byte>(turn));
    std::thread user([frame = next_of(reader), turn]() mutable {
      EXPECT_EQ(sum(frame), static_cast<std::size_t>(turn) * kBodyBytes);
      frame = {};
    });
    while (reader.room().data() != at) std::this_thread::yield();
    receive(reader, std::byte{255});
    EXPECT_EQ(sum(next_of(reader)), 255 * kBodyBytes);
    user.join();
  }
}

}  // namespace
}  // namespace moldau::client
