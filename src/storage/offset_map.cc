#include "storage/offset_map.h"

#include <algorithm>

namespace moldau::storage {

OffsetMap::OffsetMap(std::size_t memory_bytes, double load_factor, KeyHasher hasher)
    : hasher_(hasher), slot_count_(std::max<std::size_t>(2, memory_bytes / kSlotSize)) {
  MOLDAU_ASSERT(load_factor > 0 && load_factor <= 1);
  // One slot stays free: a search for what is not there ends at it.
  max_size_ = std::clamp<std::size_t>(
      static_cast<std::size_t>(static_cast<double>(slot_count_) * load_factor), 1, slot_count_ - 1);
  slots_ = std::make_unique<Slot[]>(slot_count_);
}

OffsetMap::Slot& OffsetMap::slot_of(const KeyHash& hash) const {
  using Wide = unsigned __int128;
  auto at = static_cast<std::size_t>((Wide{hash.high} * slot_count_) >> 64);
  while (slots_[at].after != 0 && slots_[at].hash != hash) at = at + 1 == slot_count_ ? 0 : at + 1;
  return slots_[at];
}

bool OffsetMap::put(ByteView key, Offset offset) {
  const KeyHash hash = hasher_(key);
  Slot& slot = slot_of(hash);
  if (slot.after == 0) {
    if (size_ == max_size_) return false;
    ++size_;
    slot.hash = hash;
  }
  slot.after = offset + 1;
  advance(offset);
  return true;
}

std::optional<Offset> OffsetMap::find(ByteView key) const {
  const Slot& slot = slot_of(hasher_(key));
  return slot.after == 0 ? std::nullopt : std::optional(slot.after - 1);
}

}  // namespace moldau::storage
