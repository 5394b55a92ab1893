// OffsetMap: the newest offset of each key in the dirty part of a log, for one pass of compaction. Keys are
// known by their hashes alone, so that memory is fixed: 24 bytes a slot. Open addressing; nothing is removed.
#pragma once

#include <algorithm>
#include <cstddef>
#include <memory>
#include <optional>

#include "base/bytes.h"
#include "base/ids.h"
#include "storage/key_hash.h"

namespace moldau::storage {

class OffsetMap {
 public:
  static constexpr std::size_t kSlotSize = 24;

  // At most `memory_bytes`, filled up to `load_factor` of its slots; there is room for one key at least.
  // REQUIRES: 0 < load_factor <= 1.
  OffsetMap(std::size_t memory_bytes, double load_factor, KeyHasher hasher);

  // False: the key is new and the map is full; nothing has changed. REQUIRES: offsets of calls rise.
  bool put(ByteView key, Offset offset);
  std::optional<Offset> find(ByteView key) const;

  // Everything that was to be mapped is, up to and including this offset; kNoOffset at first.
  Offset latest_offset() const { return latest_offset_; }
  void advance(Offset offset) { latest_offset_ = std::max(latest_offset_, offset); }

  std::size_t size() const { return size_; }
  std::size_t max_size() const { return max_size_; }
  std::size_t memory_bytes() const { return slot_count_ * kSlotSize; }

 private:
  struct Slot {
    KeyHash hash;
    Offset after;  // of the record, plus one; 0: the slot is free
  };
  static_assert(sizeof(Slot) == kSlotSize);
  Slot& slot_of(const KeyHash& hash) const;

  KeyHasher hasher_;
  std::size_t slot_count_;
  std::size_t max_size_;
  std::size_t size_ = 0;
  Offset latest_offset_ = kNoOffset;
  std::unique_ptr<Slot[]> slots_;
};

}  // namespace moldau::storage
