// Points in time as people write them, and as they are shown. Everything is UTC unless an offset is written.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/ids.h"

namespace moldau::cli {

// Takes a time from the front of `text`: 10, 13 or 19 digits (s, ms, ns since 1970), YYYY-MM-DD, RFC 3339,
// "now". Nothing when it does not start with one.
std::optional<TimestampMs> take_time(std::string_view& text, TimestampMs now);
// The same of a whole text.
std::optional<TimestampMs> parse_time(std::string_view text, TimestampMs now);

struct CivilTime {
  std::int64_t year = 1970;
  unsigned month = 1, day = 1, hour = 0, minute = 0, second = 0, millisecond = 0;
  unsigned weekday = 4;   // from Sunday
  unsigned year_day = 0;  // from 0
};
CivilTime civil_time(TimestampMs at);
std::string rfc3339(TimestampMs at);  // "2024-02-29T12:00:00.000Z"
// strftime(3)'s conversions in the C locale; %f: microseconds (6 digits), %L: milliseconds.
std::string strftime_text(TimestampMs at, std::string_view format);
// Go's reference-time layouts: "2006-01-02T15:04:05.000Z07:00".
std::string go_time_text(TimestampMs at, std::string_view layout);

}  // namespace moldau::cli
