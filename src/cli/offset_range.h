// Where to read from and up to where: the offset grammar of `-o`.
//
//   start oldest earliest, end newest latest       N   N:   N:M   :M   :end   +N   -N
//   @T   @T:   @T1:T2   @:T   with T: 10, 13 or 19 digits, YYYY-MM-DD, RFC 3339, now, end, -1h30m (before
//   now), and as T2 also 1h30m (after T1)
#pragma once

#include <optional>
#include <string_view>

#include "base/ids.h"
#include "cli/trouble.h"

namespace moldau::cli {

struct OffsetBound {
  enum class Kind {
    start,      // value: so many records after the log start offset
    end,        // value: so many records before the end
    offset,     // value
    timestamp,  // value: the first record that is not older
  } kind = Kind::start;
  std::int64_t value = 0;
  friend bool operator==(const OffsetBound&, const OffsetBound&) = default;
};

struct OffsetRange {
  OffsetBound from;
  std::optional<OffsetBound> until;  // exclusive; nothing: goes on for ever
  friend bool operator==(const OffsetRange&, const OffsetRange&) = default;
};

Answer<OffsetRange> parse_offset_range(std::string_view text, TimestampMs now);

}  // namespace moldau::cli
