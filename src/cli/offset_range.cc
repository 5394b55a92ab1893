#include "cli/offset_range.h"

#include "cli/arguments.h"
#include "cli/timestamp_text.h"

namespace moldau::cli {
namespace {

using Kind = OffsetBound::Kind;

bool is_one_of(std::string_view text, std::initializer_list<std::string_view> words) {
  for (const std::string_view word : words) {
    if (text == word) return true;
  }
  return false;
}

std::optional<OffsetBound> exact(std::string_view text) {
  const auto value = whole_number(text);
  if (!value || *value < 0) return std::nullopt;
  return OffsetBound{Kind::offset, *value};
}

std::optional<OffsetBound> bound_of(std::string_view text) {
  if (is_one_of(text, {"start", "oldest", "earliest", "beginning"})) return OffsetBound{Kind::start, 0};
  if (is_one_of(text, {"end", "newest", "latest"})) return OffsetBound{Kind::end, 0};
  if (text.empty() || (text.front() != '+' && text.front() != '-')) return exact(text);
  const auto distance = exact(text.substr(1));
  if (!distance) return std::nullopt;
  return OffsetBound{text.front() == '+' ? Kind::start : Kind::end, distance->value};
}

std::optional<OffsetRange> by_offset(std::string_view text) {
  const std::size_t colon = text.find(':');
  const std::string_view first = text.substr(0, colon);
  const std::string_view second = colon == std::string_view::npos ? "" : text.substr(colon + 1);
  OffsetRange range;
  if (!first.empty()) {
    const auto from = bound_of(first);
    if (!from) return std::nullopt;
    range.from = *from;
  }
  if (!second.empty()) {
    range.until = bound_of(second);
    if (!range.until) return std::nullopt;
  }
  if (first.empty() && second.empty()) return std::nullopt;
  return range;
}

std::int64_t ms_of(runtime::Duration duration) {
  return std::chrono::duration_cast<std::chrono::milliseconds>(duration).count();
}

// A duration up to the next colon. Before now with "-" and where there is no earlier bound, else after it.
std::optional<OffsetBound> take_duration(std::string_view& text, TimestampMs now,
                                         std::optional<TimestampMs> after) {
  const bool before_now = text.starts_with('-');
  std::string_view written = text.substr(before_now ? 1 : 0);
  written = written.substr(0, written.find(':'));
  if (written.find_first_of("smhd") == std::string_view::npos) return std::nullopt;
  const auto duration = parse_duration(written);
  if (!duration) return std::nullopt;
  text.remove_prefix(written.size() + (before_now ? 1 : 0));
  const TimestampMs at = before_now || !after ? now - ms_of(*duration) : *after + ms_of(*duration);
  return OffsetBound{Kind::timestamp, at};
}

std::optional<OffsetBound> take_bound(std::string_view& text, TimestampMs now,
                                      std::optional<TimestampMs> after) {
  if (text.starts_with("end")) return text.remove_prefix(3), OffsetBound{Kind::end, 0};
  if (const auto at = take_time(text, now)) return OffsetBound{Kind::timestamp, *at};
  return take_duration(text, now, after);
}

std::optional<OffsetRange> by_time(std::string_view text, TimestampMs now) {
  OffsetRange range;
  std::optional<TimestampMs> after;
  if (text.empty() || text == ":") return std::nullopt;
  if (!text.starts_with(':')) {
    const auto from = take_bound(text, now, std::nullopt);
    if (!from) return std::nullopt;
    range.from = *from;
    if (from->kind == Kind::timestamp) after = from->value;
  }
  if (text.empty()) return range;
  if (text.front() != ':') return std::nullopt;
  text.remove_prefix(1);
  if (text.empty()) return range;
  range.until = take_bound(text, now, after);
  if (!range.until || !text.empty()) return std::nullopt;
  return range;
}

}  // namespace

Answer<OffsetRange> parse_offset_range(std::string_view text, TimestampMs now) {
  const auto range = text.starts_with('@') ? by_time(text.substr(1), now) : by_offset(text);
  if (range) return *range;
  return usage_trouble("\"" + std::string(text) + "\" is no offset",
                       "start, end, N, N:M, :end, +N, -N, @TIME, @TIME:TIME, @-1h");
}

}  // namespace moldau::cli
