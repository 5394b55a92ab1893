// The two languages for printing time: strftime(3)'s and Go's.
#include <array>
#include <ctime>

#include "cli/timestamp_text.h"

namespace moldau::cli {
namespace {

std::string digits(std::int64_t value, std::size_t width) {
  std::string text = std::to_string(value);
  return text.size() < width ? std::string(width - text.size(), '0') + text : text;
}

std::tm broken_down(const CivilTime& time) {
  std::tm out{};
  out.tm_year = static_cast<int>(time.year - 1900);
  out.tm_mon = static_cast<int>(time.month) - 1;
  out.tm_mday = static_cast<int>(time.day);
  out.tm_hour = static_cast<int>(time.hour);
  out.tm_min = static_cast<int>(time.minute);
  out.tm_sec = static_cast<int>(time.second);
  out.tm_wday = static_cast<int>(time.weekday);
  out.tm_yday = static_cast<int>(time.year_day);
  out.tm_zone = "UTC";
  return out;
}

std::string conversion(const std::tm& time, char letter) {
  const char format[] = {'%', letter, '\0'};
  std::array<char, 64> text{};
  return {text.data(), std::strftime(text.data(), text.size(), format, &time)};
}

constexpr std::array<std::string_view, 12> kMonths = {"January",   "February", "March",    "April",
                                                      "May",       "June",     "July",     "August",
                                                      "September", "October",  "November", "December"};
constexpr std::array<std::string_view, 7> kDays = {"Sunday",   "Monday", "Tuesday", "Wednesday",
                                                   "Thursday", "Friday", "Saturday"};

struct LayoutWord {
  std::string_view word;
  std::string (*text)(const CivilTime&);
};

unsigned hour12(const CivilTime& time) { return time.hour % 12 == 0 ? 12 : time.hour % 12; }

// Longer words before those that they start with.
constexpr LayoutWord kLayout[] = {
    {"January", [](const CivilTime& t) { return std::string(kMonths[t.month - 1]); }},
    {"Jan", [](const CivilTime& t) { return std::string(kMonths[t.month - 1].substr(0, 3)); }},
    {"Monday", [](const CivilTime& t) { return std::string(kDays[t.weekday]); }},
    {"Mon", [](const CivilTime& t) { return std::string(kDays[t.weekday].substr(0, 3)); }},
    {"MST", [](const CivilTime&) { return std::string("UTC"); }},
    {"2006", [](const CivilTime& t) { return digits(t.year, 4); }},
    {"002", [](const CivilTime& t) { return digits(t.year_day + 1, 3); }},
    {"01", [](const CivilTime& t) { return digits(t.month, 2); }},
    {"02", [](const CivilTime& t) { return digits(t.day, 2); }},
    {"03", [](const CivilTime& t) { return digits(hour12(t), 2); }},
    {"04", [](const CivilTime& t) { return digits(t.minute, 2); }},
    {"05", [](const CivilTime& t) { return digits(t.second, 2); }},
    {"06", [](const CivilTime& t) { return digits(t.year % 100, 2); }},
    {"15", [](const CivilTime& t) { return digits(t.hour, 2); }},
    {"PM", [](const CivilTime& t) { return std::string(t.hour < 12 ? "AM" : "PM"); }},
    {"pm", [](const CivilTime& t) { return std::string(t.hour < 12 ? "am" : "pm"); }},
    {"Z07:00", [](const CivilTime&) { return std::string("Z"); }},
    {"Z0700", [](const CivilTime&) { return std::string("Z"); }},
    {"-07:00", [](const CivilTime&) { return std::string("+00:00"); }},
    {"-0700", [](const CivilTime&) { return std::string("+0000"); }},
    {"1", [](const CivilTime& t) { return std::to_string(t.month); }},
    {"2", [](const CivilTime& t) { return std::to_string(t.day); }},
    {"3", [](const CivilTime& t) { return std::to_string(hour12(t)); }},
    {"4", [](const CivilTime& t) { return std::to_string(t.minute); }},
    {"5", [](const CivilTime& t) { return std::to_string(t.second); }},
};

// ".000" and ".999": that many digits of the second's fraction; the latter without zeros at the end.
std::size_t fraction_width(std::string_view layout) {
  if (layout.size() < 2 || (layout[0] != '.' && layout[0] != ',') || (layout[1] != '0' && layout[1] != '9'))
    return 0;
  const std::size_t end = std::min(layout.find_first_not_of(layout[1], 1), layout.size());
  return end - 1;
}

std::string fraction_text(const CivilTime& time, char mark, std::size_t width, bool trim) {
  std::string text = digits(time.millisecond, 3) + "000000";
  text.resize(width, '0');
  if (trim) text.erase(text.find_last_not_of('0') + 1);
  return text.empty() ? text : mark + text;
}

}  // namespace

std::string strftime_text(TimestampMs at, std::string_view format) {
  const CivilTime time = civil_time(at);
  const std::tm parts = broken_down(time);
  std::string out;
  for (std::size_t i = 0; i < format.size(); ++i) {
    if (format[i] != '%' || i + 1 == format.size()) {
      out += format[i];
      continue;
    }
    switch (const char letter = format[++i]) {
      case 'f':
        out += digits(time.millisecond, 3) + "000";
        break;
      case 'L':
        out += digits(time.millisecond, 3);
        break;
      case 's':
        out += std::to_string(at / 1000);
        break;
      default:
        out += conversion(parts, letter);
    }
  }
  return out;
}

std::string go_time_text(TimestampMs at, std::string_view layout) {
  const CivilTime time = civil_time(at);
  std::string out;
  while (!layout.empty()) {
    if (const std::size_t width = fraction_width(layout)) {
      out += fraction_text(time, layout[0], width, layout[1] == '9');
      layout.remove_prefix(width + 1);
      continue;
    }
    std::size_t taken = 0;
    for (const LayoutWord& word : kLayout) {
      if (!layout.starts_with(word.word)) continue;
      out += word.text(time);
      taken = word.word.size();
      break;
    }
    if (taken == 0) out += layout[0], taken = 1;
    layout.remove_prefix(taken);
  }
  return out;
}

}  // namespace moldau::cli
