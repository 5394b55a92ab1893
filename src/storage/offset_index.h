// The offset index of one segment (`<base offset>.index`): sparse, from a batch's last offset to where that
// batch starts in the segment. 8-byte entries, big-endian: int32 offset relative to the segment's base, int32
// position. Both rise strictly. It speeds reads up and is rebuilt from the segment when it is missing or
// damaged.
#pragma once

#include <vector>

#include "base/bytes.h"
#include "base/ids.h"
#include "base/result.h"

namespace moldau::storage {

class OffsetIndex {
 public:
  static constexpr std::size_t kEntrySize = 8;
  struct Entry {
    std::int32_t relative_offset;
    std::int32_t position;
    friend bool operator==(const Entry&, const Entry&) = default;
  };

  // REQUIRES: both above those of the last entry.
  void append(std::int32_t relative_offset, std::int32_t position);
  // Position of a batch that starts at or before the one with `relative_offset`; 0 when none is indexed.
  std::int32_t position_at_or_before(std::int64_t relative_offset) const;
  // Forgets what lies at `position` or beyond.
  void truncate_to_position(std::int64_t position);
  // Keeps an entry per `interval_bytes` at most: for closed segments, whose file has them all.
  void thin(std::int64_t interval_bytes);

  std::size_t size() const { return entries_.size(); }
  bool empty() const { return entries_.empty(); }
  const Entry& back() const { return entries_.back(); }
  const std::vector<Entry>& entries() const { return entries_; }
  void clear() { entries_ = {}; }
  // How many entries, from the first, point below `position`.
  std::size_t count_below(std::int64_t position) const;

  void encode(std::size_t from, std::size_t to, Buffer& out) const;
  // Errc::corrupt unless every entry rises and points into a segment of `segment_bytes`. Zeros at the end, as
  // Kafka leaves them when it was not stopped in order, are no entries.
  static Result<OffsetIndex> decode(ByteView file, std::int64_t segment_bytes);

 private:
  std::vector<Entry> entries_;
};

}  // namespace moldau::storage
