#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <iterator>

#include "telemetry/log_sink.h"

namespace moldau::telemetry {
namespace {

// Length of the well-formed UTF-8 sequence at the front of `text`, 0 when there is none (RFC 3629).
std::size_t utf8_length(std::string_view text) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char first = byte(0);
  if (first < 0x80) return 1;
  const std::size_t length = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
  if (first < 0xc2 || first > 0xf4 || text.size() < length) return 0;
  for (std::size_t i = 1; i < length; ++i)
    if ((byte(i) & 0xc0) != 0x80) return 0;
  const unsigned char second = byte(1);
  const bool overlong = (first == 0xe0 && second < 0xa0) || (first == 0xf0 && second < 0x90);
  const bool beyond = (first == 0xed && second >= 0xa0) || (first == 0xf4 && second >= 0x90);
  return overlong || beyond ? 0 : length;
}

// Escapes as JSON does; a byte that is not UTF-8 becomes U+FFFD. Both formats use it.
void append_escaped(std::string& out, std::string_view text) {
  const bool cut = text.size() > kMaxValueBytes;
  if (cut) text = text.substr(0, kMaxValueBytes);
  while (!text.empty()) {
    const auto c = static_cast<unsigned char>(text[0]);
    const std::size_t length = utf8_length(text);
    if (c == '"' || c == '\\') {
      out += {'\\', static_cast<char>(c)};
    } else if (c == '\n') {
      out += "\\n";
    } else if (c < 0x20 || c == 0x7f) {
      fmt::format_to(std::back_inserter(out), "\\u{:04x}", c);
    } else if (length == 2 && c == 0xc2 && static_cast<unsigned char>(text[1]) < 0xa0) {
      // C1 controls drive some terminals.
      fmt::format_to(std::back_inserter(out), "\\u{:04x}", static_cast<unsigned char>(text[1]));
    } else if (length == 0) {
      out += "\xef\xbf\xbd";
    } else {
      out += text.substr(0, length);
    }
    text.remove_prefix(length == 0 ? 1 : length);
  }
  if (cut) out += "\xe2\x80\xa6";
}

void append_quoted(std::string& out, std::string_view text) {
  out += '"';
  append_escaped(out, text);
  out += '"';
}

bool is_plain(std::string_view text) {
  const auto plain = [](char c) { return c > ' ' && c < 0x7f && c != '"' && c != '=' && c != '\\'; };
  return !text.empty() && text.size() <= kMaxValueBytes && std::ranges::all_of(text, plain);
}

void append_value(std::string& out, const Field& field, bool quote_always) {
  const auto append = [&](const auto& value) {
    using T = std::decay_t<decltype(value)>;
    if constexpr (std::is_same_v<T, std::string_view>) {
      if (!quote_always && is_plain(value))
        out += value;
      else
        append_quoted(out, value);
    } else if constexpr (std::is_same_v<T, double>) {
      // JSON has no infinity and no NaN.
      const std::string_view quote = quote_always && !std::isfinite(value) ? "\"" : "";
      fmt::format_to(std::back_inserter(out), "{0}{1}{0}", quote, value);
    } else {
      fmt::format_to(std::back_inserter(out), "{}", value);
    }
  };
  std::visit(append, field.value);
}

std::string_view column_of(Level level) {
  switch (level) {
    case Level::debug:
      return "DEBUG";
    case Level::info:
      return "INFO ";
    case Level::warn:
      return "WARN ";
    default:
      return "ERROR";
  }
}

}  // namespace

std::string format_text(const Line& line) {
  std::string out = fmt::format("{} {}: ", column_of(line.level), line.component);
  append_escaped(out, line.event);
  for (const Field& field : line.fields) {
    out += ' ';
    append_escaped(out, field.key);
    out += '=';
    append_value(out, field, false);
  }
  return out;
}

std::string format_json(const Line& line) {
  std::string out = fmt::format("{{\"level\":\"{}\",\"component\":", name_of(line.level));
  append_quoted(out, line.component);
  out += ",\"event\":";
  append_quoted(out, line.event);
  for (const Field& field : line.fields) {
    out += ',';
    append_quoted(out, field.key);
    out += ':';
    append_value(out, field, true);
  }
  out += '}';
  return out;
}

}  // namespace moldau::telemetry
