// What must hold of every message, whatever bytes it is decoded from.
#pragma once

#include "base/random.h"
#include "fuzz/allocations.h"
#include "fuzz/input.h"
#include "fuzz/target.h"
#include "wire/message.h"
#include "wire/writer.h"

namespace moldau::fuzz {

// A struct of a message takes at most so many bytes of memory for each byte on the wire that it must have;
// vectors that grow take it twice and once more.
inline constexpr std::size_t kMemoryPerByte = 256;
inline constexpr std::size_t kMemoryAtLeast = 4096;

inline std::size_t memory_for(ByteView body) { return kMemoryPerByte * body.size() + kMemoryAtLeast; }

inline void check_refusal(const Error& error) {
  MOLDAU_ASSERT(error.code == Errc::truncated || error.code == Errc::corrupt, "refused for another reason");
  MOLDAU_ASSERT(!error.message.empty());
}

inline wire::ApiVersion version_of(Input& in, wire::ApiVersion least, wire::ApiVersion most) {
  return static_cast<wire::ApiVersion>(in.between(least, most));
}

// One message of a known kind: what decodes, encodes to bytes from which the same message comes, and takes no
// more memory than its bytes justify.
template <class Message>
void fuzz_message(ByteView bytes) {
  Input in(bytes);
  const auto version = version_of(in, Message::kMinVersion, Message::kMaxVersion);
  const Slice body = Slice::borrow(in.rest());
  const Allocations allocations;
  const auto message = Message::decode(body, version);
  MOLDAU_ASSERT(allocations.total() <= memory_for(body), "decoding takes more memory than its bytes justify");
  if (!message) return check_refusal(message.error());

  wire::Writer out;
  message->encode(out, version);
  const Slice encoded = joined(std::move(out).finish());
  MOLDAU_ASSERT(encoded.size() <= body.size() * 2 + 64, "a message grows by being encoded again");
  const auto again = Message::decode(encoded, version);
  MOLDAU_ASSERT(again.has_value(), "what was encoded does not decode");
  MOLDAU_ASSERT(*again == *message, "a message changes by being encoded and decoded");
}

// The same by the table of all messages, and their JSON.
inline void fuzz_message(const wire::MessageType& type, wire::ApiVersion version, const Slice& body) {
  const Allocations allocations;
  const auto once = type.reencode(body, version);
  MOLDAU_ASSERT(allocations.largest() <= memory_for(body), "one allocation is larger than its bytes justify");
  if (!once) return check_refusal(once.error());
  const Slice encoded = joined(*once);
  const auto twice = type.reencode(encoded, version);
  MOLDAU_ASSERT(twice.has_value(), "what was encoded does not decode");
  MOLDAU_ASSERT(joined(*twice) == encoded, "a message changes by being encoded and decoded");
  const auto json = type.to_json(encoded, version);
  MOLDAU_ASSERT(json.has_value() && json->starts_with('{') && json->ends_with('}'));
}

// Two random messages of each version, after the byte that chooses the version.
inline void add_random_messages(Seeds& seeds, const wire::MessageType& type, std::size_t max_size,
                                ByteView before = {}) {
  Random random(static_cast<std::uint64_t>(type.key) + 1);
  for (wire::ApiVersion version = type.min_version; version <= type.max_version; ++version)
    for (int i = 0; i < 2; ++i) {
      Buffer out;
      out.append(before);
      out.append_be<std::uint8_t>(static_cast<std::uint8_t>(version - type.min_version));
      out.append(joined(type.random(random, version)));
      if (out.size() <= max_size) seeds.add(out.view());
    }
}

template <class Message, wire::MessageType::Kind kKind, std::size_t kMaxSize>
void seed_message(Seeds& seeds) {
  add_random_messages(seeds, *wire::find_message(Message::kKey, kKind), kMaxSize);
}

}  // namespace moldau::fuzz
