#include "cli/timestamp_text.h"

#include <algorithm>
#include <array>
#include <chrono>

#include "cli/arguments.h"

namespace moldau::cli {
namespace {

constexpr std::int64_t kDayMs = 86'400'000;

constexpr std::size_t kMsDigits = 13;

// Rounds down, also below zero.
constexpr std::int64_t divided(std::int64_t value, std::int64_t by) {
  return value / by - (value % by < 0 ? 1 : 0);
}

std::optional<std::int64_t> take_digits(std::string_view& text, std::size_t least, std::size_t most) {
  std::size_t count = 0;
  std::int64_t value = 0;
  while (count < std::min(most, text.size()) && text[count] >= '0' && text[count] <= '9')
    value = value * 10 + (text[count++] - '0');
  if (count < least) return std::nullopt;
  text.remove_prefix(count);
  return value;
}

bool take_letter(std::string_view& text, std::string_view any_of) {
  if (text.empty() || !any_of.contains(text.front())) return false;
  text.remove_prefix(1);
  return true;
}

std::optional<TimestampMs> take_date(std::string_view& text) {
  std::string_view rest = text;
  const auto year = take_digits(rest, 4, 4);
  if (!year || !take_letter(rest, "-")) return std::nullopt;
  const auto month = take_digits(rest, 2, 2);
  if (!month || !take_letter(rest, "-")) return std::nullopt;
  const auto day = take_digits(rest, 2, 2);
  if (!day) return std::nullopt;
  const std::chrono::year_month_day date(std::chrono::year(static_cast<int>(*year)),
                                         std::chrono::month(static_cast<unsigned>(*month)),
                                         std::chrono::day(static_cast<unsigned>(*day)));
  if (!date.ok()) return std::nullopt;
  text = rest;
  return std::chrono::sys_days(date).time_since_epoch().count() * kDayMs;
}

// ".5", ".123456": milliseconds.
std::int64_t take_fraction(std::string_view& text) {
  std::string_view rest = text;
  if (!take_letter(rest, ".,")) return 0;
  std::int64_t ms = 0;
  std::int64_t unit = 100;
  bool any = false;
  for (; !rest.empty() && rest.front() >= '0' && rest.front() <= '9';
       rest.remove_prefix(1), unit /= 10, any = true)
    ms += (rest.front() - '0') * unit;
  if (any) text = rest;
  return ms;
}

// "Z", "+01:00", "-0530"; milliseconds east of UTC.
std::optional<std::int64_t> take_zone(std::string_view& text) {
  if (take_letter(text, "Zz")) return 0;
  if (text.empty() || !std::string_view("+-").contains(text.front())) return std::nullopt;
  std::string_view rest = text.substr(1);
  const auto hours = take_digits(rest, 2, 2);
  take_letter(rest, ":");
  const auto minutes = take_digits(rest, 2, 2);
  if (!hours || !minutes) return std::nullopt;
  const std::int64_t east = (*hours * 60 + *minutes) * 60'000;
  const bool west = text.front() == '-';
  text = rest;
  return west ? -east : east;
}

std::optional<TimestampMs> take_date_time(std::string_view& text) {
  std::string_view rest = text;
  const auto date = take_date(rest);
  if (!date) return std::nullopt;
  std::string_view clock = rest;
  if (!take_letter(clock, "Tt")) return text = rest, date;
  const auto hour = take_digits(clock, 2, 2);
  if (!hour || *hour > 23 || !take_letter(clock, ":")) return std::nullopt;
  const auto minute = take_digits(clock, 2, 2);
  if (!minute || *minute > 59) return std::nullopt;
  std::int64_t second = 0;
  if (std::string_view after = clock; take_letter(after, ":")) {
    if (const auto value = take_digits(after, 2, 2); value && *value <= 60) second = *value, clock = after;
  }
  const std::int64_t fraction = take_fraction(clock);
  const std::int64_t east = take_zone(clock).value_or(0);
  text = clock;
  return *date + ((*hour * 60 + *minute) * 60 + second) * 1000 + fraction - east;
}

std::optional<TimestampMs> take_count(std::string_view& text) {
  const std::size_t digits = std::min(text.find_first_not_of("0123456789"), text.size());
  if (digits != 10 && digits != 13 && digits != 19) return std::nullopt;
  const std::int64_t value = *take_digits(text, std::min(digits, kMsDigits), kMsDigits);
  text.remove_prefix(digits - std::min(digits, kMsDigits));  // of nanoseconds
  return digits == 10 ? value * 1000 : value;
}

}  // namespace

std::optional<TimestampMs> take_time(std::string_view& text, TimestampMs now) {
  if (text.starts_with("now")) return text.remove_prefix(3), now;
  if (auto at = take_count(text)) return at;
  return take_date_time(text);
}

std::optional<TimestampMs> parse_time(std::string_view text, TimestampMs now) {
  const auto at = take_time(text, now);
  return text.empty() ? at : std::nullopt;
}

// Any 64 bits may stand in a record, so years of six digits and before Christ come here: std::chrono's
// calendar ends at the year 32767. Days are counted from the first of March of the year 0, so that the leap
// day is the last of its year, in cycles of 400 years.
CivilTime civil_time(TimestampMs at) {
  constexpr std::int64_t kCycleDays = 146'097;
  constexpr std::int64_t kDaysBefore1970 = 719'468;
  const std::int64_t days = divided(at, kDayMs);
  const std::int64_t shifted = days + kDaysBefore1970;
  const std::int64_t cycle = divided(shifted, kCycleDays);
  const std::int64_t of_cycle = shifted - cycle * kCycleDays;
  const std::int64_t year_of_cycle =
      (of_cycle - of_cycle / 1460 + of_cycle / 36'524 - of_cycle / 146'096) / 365;
  const std::int64_t of_year = of_cycle - (365 * year_of_cycle + year_of_cycle / 4 - year_of_cycle / 100);
  const std::int64_t month = (5 * of_year + 2) / 153;  // from March

  CivilTime out;
  out.year = cycle * 400 + year_of_cycle + (month >= 10 ? 1 : 0);
  out.month = static_cast<unsigned>(month < 10 ? month + 3 : month - 9);
  out.day = static_cast<unsigned>(of_year - (153 * month + 2) / 5 + 1);
  const bool leap = out.year % 4 == 0 && (out.year % 100 != 0 || out.year % 400 == 0);
  constexpr std::int64_t kDaysOfJanuaryAndFebruary = 59;
  out.year_day = static_cast<unsigned>(month < 10 ? of_year + kDaysOfJanuaryAndFebruary + (leap ? 1 : 0)
                                                  : of_year - (365 - kDaysOfJanuaryAndFebruary));
  const std::int64_t ms = at % kDayMs + (at % kDayMs < 0 ? kDayMs : 0);
  out.hour = static_cast<unsigned>(ms / 3'600'000);
  out.minute = static_cast<unsigned>(ms / 60'000 % 60);
  out.second = static_cast<unsigned>(ms / 1000 % 60);
  out.millisecond = static_cast<unsigned>(ms % 1000);
  constexpr std::int64_t kThursday = 4;  // the first of January 1970
  out.weekday = static_cast<unsigned>(((days + kThursday) % 7 + 7) % 7);
  return out;
}

std::string rfc3339(TimestampMs at) { return strftime_text(at, "%Y-%m-%dT%H:%M:%S.%LZ"); }

}  // namespace moldau::cli
