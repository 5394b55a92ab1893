// The aborted transactions of one segment (`<base offset>.txnindex`): 34-byte entries, big-endian: int16
// version 0, int64 producer id, first offset, last offset (the marker's), last stable offset at the abort.
// The file exists only where there is an entry; an entry lies in the segment that holds the marker.
#pragma once

#include <vector>

#include "base/bytes.h"
#include "base/ids.h"
#include "base/result.h"

namespace moldau::storage {

struct AbortedTransaction {
  ProducerId producer_id = kNoProducerId;
  Offset first_offset = kNoOffset;
  Offset last_offset = kNoOffset;
  Offset last_stable_offset = kNoOffset;
  friend bool operator==(const AbortedTransaction&, const AbortedTransaction&) = default;
};

inline constexpr std::size_t kTransactionIndexEntrySize = 34;

void encode_transaction_index(const std::vector<AbortedTransaction>& entries, Buffer& out);
// Errc::corrupt: a size that is no multiple of an entry's, an unknown version, offsets that cannot be.
Result<std::vector<AbortedTransaction>> decode_transaction_index(ByteView bytes);

}  // namespace moldau::storage
