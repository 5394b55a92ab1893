// The time index of one segment (`<base offset>.timeindex`): the highest timestamp so far and the last offset
// of the batch that has it. 12-byte entries, big-endian: int64 timestamp, int32 offset relative to the
// segment's base; both rise strictly. The last entry of a closed segment has the segment's highest timestamp.
#pragma once

#include <vector>

#include "base/bytes.h"
#include "base/ids.h"
#include "base/result.h"

namespace moldau::storage {

class TimeIndex {
 public:
  static constexpr std::size_t kEntrySize = 12;
  struct Entry {
    TimestampMs timestamp;
    std::int32_t relative_offset;
    friend bool operator==(const Entry&, const Entry&) = default;
  };

  // Without effect unless the timestamp is higher than the last one.
  void maybe_append(TimestampMs timestamp, std::int32_t relative_offset);
  // Every record up to and including this relative offset is older than `timestamp`; -1 when none is known to
  // be.
  std::int64_t older_up_to(TimestampMs timestamp) const;
  void truncate_to_offset(std::int64_t relative_offset);  // forgets entries at or beyond it
  void thin(std::size_t keep_at_most);                    // keeps the last one

  std::size_t size() const { return entries_.size(); }
  bool empty() const { return entries_.empty(); }
  const Entry& back() const { return entries_.back(); }
  const std::vector<Entry>& entries() const { return entries_; }
  void clear() { entries_ = {}; }
  std::size_t count_below(std::int64_t relative_offset) const;

  void encode(std::size_t from, std::size_t to, Buffer& out) const;
  // Errc::corrupt unless every entry rises. Zeros at the end are no entries.
  static Result<TimeIndex> decode(ByteView file);

 private:
  std::vector<Entry> entries_;
};

}  // namespace moldau::storage
