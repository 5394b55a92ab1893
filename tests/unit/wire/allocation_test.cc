// A peer's lengths never make the decoder allocate more than the bytes that came justify. Every allocation of
// this test program passes through the counters below.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <new>

#include "base/random.h"
#include "bytes.h"
#include "wire/message.h"
#include "wire/messages/fetch.h"
#include "wire/messages/metadata.h"

namespace {
std::size_t largest_allocation = 0;
}

void* operator new(std::size_t size) {
  largest_allocation = std::max(largest_allocation, size);
  if (void* memory = std::malloc(size)) return memory;
  std::abort();
}
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }

namespace moldau::wire {
namespace {

std::size_t largest_in_decoding(const MessageType& type, const Slice& body, ApiVersion version) {
  largest_allocation = 0;
  (void)type.to_json(body, version);
  return largest_allocation;
}

template <class Message>
std::size_t largest_in_decoding(const Slice& body, ApiVersion version) {
  largest_allocation = 0;
  const auto result = Message::decode(body, version);
  EXPECT_FALSE(result.has_value());
  return largest_allocation;
}

// An array's count followed by bytes that are no element.
Slice array_of(std::int32_t count, std::size_t bytes) {
  Buffer out;
  out.append_be<std::int32_t>(count);
  std::ranges::fill(out.extend(bytes), std::byte{0xff});
  return std::move(out).to_slice();
}

TEST(Allocation, OfAnArrayWhoseElementsAreNotThere) {
  constexpr std::size_t kBytes = 1 << 20;
  const auto most = static_cast<std::int32_t>(kBytes / MetadataResponse::Broker::kMinSize);
  EXPECT_LE(largest_in_decoding<MetadataResponse>(array_of(most, kBytes), 0), kBytes + 256);
  for (const std::int32_t count : {most + 1, 0x7fffffff, -2, -0x7fffffff - 1})
    EXPECT_LE(largest_in_decoding<MetadataResponse>(array_of(count, kBytes), 0), 256u) << count;
}

TEST(Allocation, OfAStringOrBytesThatAreNotThere) {
  EXPECT_LE(largest_in_decoding<MetadataRequest>(hex("00000001 7fff 61"), 4), 512u);
  EXPECT_LE(largest_in_decoding<MetadataRequest>(hex("02 ffffffff0f 61"), 9), 512u);
  EXPECT_LE(largest_in_decoding<FetchResponse>(hex("00000000 00000001 0001 61 00000001 00000000 0000"
                                                   "0000000000000000 0000000000000000 ffffffff 7fffffff"),
                                               4),
            512u);
}

TEST(Allocation, OfEveryMessageWithBrokenBytes) {
  Random random(11);
  for (const MessageType* type : messages())
    for (ApiVersion version = type->min_version; version <= type->max_version; ++version) {
      for (const unsigned fill : {0x00, 0x01, 0x02, 0x7f, 0x80, 0xff}) {
        std::vector<std::byte> bytes(4096, static_cast<std::byte>(fill));
        for (int i = 0; i < 8; ++i) bytes[random.below(64)] = static_cast<std::byte>(random.below(256));
        const Slice body = Slice::take(std::move(bytes));
        ASSERT_LE(largest_in_decoding(*type, body, version), 256u * 1024) << type->name << " v" << version;
      }
    }
}

}  // namespace
}  // namespace moldau::wire
