// MurmurHash2 (Austin Appleby, public domain) in the 32-bit form with Kafka's seed: it decides the partition
// of a keyed record, so producers in every language must agree on it.
#pragma once

#include <cstdint>
#include <string_view>

#include "base/bytes.h"

namespace moldau::wire {

std::int32_t murmur2(ByteView bytes);

// The partition of a keyed record, as Kafka's default partitioner has it. REQUIRES: partitions > 0.
inline std::int32_t partition_for_key(ByteView key, std::int32_t partitions) {
  return (murmur2(key) & 0x7fffffff) % partitions;
}

// Java's String.hashCode over the UTF-16 code units of a UTF-8 text.
std::int32_t java_string_hash(std::string_view text);

// The partition of a coordinator's internal topic (__consumer_offsets, __transaction_state) that a group id
// or transactional id belongs to. REQUIRES: partitions > 0.
std::int32_t coordinator_partition(std::string_view key, std::int32_t partitions);

}  // namespace moldau::wire
