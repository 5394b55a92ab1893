#include <charconv>

#include "config/entries.h"
#include "config/text.h"

namespace moldau::config {
namespace {

constexpr std::string_view kBlank = " \t\f";

struct LogicalLine {
  std::string text;  // escapes still in it, continuations joined
  int line = 0;
};

bool ends_in_open_escape(std::string_view line) {
  std::size_t slashes = 0;
  while (slashes < line.size() && line[line.size() - 1 - slashes] == '\\') ++slashes;
  return slashes % 2 == 1;
}

std::string_view without_indent(std::string_view line) {
  return line.substr(std::min(line.find_first_not_of(kBlank), line.size()));
}

std::string_view take_line(std::string_view& text) {
  const std::size_t end = text.find_first_of("\r\n");
  const std::string_view line = text.substr(0, end);
  if (end == std::string_view::npos) {
    text = {};
  } else {
    const bool crlf = text.substr(end).starts_with("\r\n");
    text.remove_prefix(end + (crlf ? 2 : 1));
  }
  return line;
}

std::vector<LogicalLine> logical_lines(std::string_view text) {
  std::vector<LogicalLine> lines;
  for (int number = 1; !text.empty(); ++number) {
    LogicalLine logical{std::string(without_indent(take_line(text))), number};
    if (logical.text.empty() || logical.text[0] == '#' || logical.text[0] == '!') continue;
    while (ends_in_open_escape(logical.text)) {
      logical.text.pop_back();
      if (text.empty()) break;
      logical.text += without_indent(take_line(text));
      ++number;
    }
    lines.push_back(std::move(logical));
  }
  return lines;
}

void append_utf8(std::string& out, std::uint32_t code) {
  const auto byte = [&](std::uint32_t value) { out += static_cast<char>(value); };
  if (code < 0x80) return byte(code);
  if (code < 0x800) {
    byte(0xc0 | code >> 6);
  } else if (code < 0x10000) {
    byte(0xe0 | code >> 12);
    byte(0x80 | (code >> 6 & 0x3f));
  } else {
    byte(0xf0 | code >> 18);
    byte(0x80 | (code >> 12 & 0x3f));
    byte(0x80 | (code >> 6 & 0x3f));
  }
  byte(0x80 | (code & 0x3f));
}

std::optional<std::uint32_t> take_unit(std::string_view& text) {
  if (text.size() < 6 || text[0] != '\\' || text[1] != 'u') return std::nullopt;
  std::uint32_t unit = 0;
  const auto [end, error] = std::from_chars(text.data() + 2, text.data() + 6, unit, 16);
  if (error != std::errc() || end != text.data() + 6) return std::nullopt;
  text.remove_prefix(6);
  return unit;
}

// \uXXXX, two of them for a character beyond the first plane.
Status append_unicode(std::string& out, std::string_view& text) {
  const auto first = take_unit(text);
  if (!first) return fail(Errc::invalid_argument, "\\u needs four hexadecimal digits");
  if (*first < 0xd800 || *first > 0xdfff) {
    append_utf8(out, *first);
    return {};
  }
  const auto second = take_unit(text);
  if (*first > 0xdbff || !second || *second < 0xdc00 || *second > 0xdfff)
    return fail(Errc::invalid_argument, "\\u names half of a surrogate pair");
  append_utf8(out, 0x10000 + ((*first - 0xd800) << 10) + (*second - 0xdc00));
  return {};
}

Result<std::string> unescaped(std::string_view text) {
  std::string out;
  while (!text.empty()) {
    if (text[0] != '\\' || text.size() == 1) {
      out += text[0];
      text.remove_prefix(1);
      continue;
    }
    if (text[1] == 'u') {
      TRY(append_unicode(out, text));
      continue;
    }
    constexpr std::string_view kLetters = "tnrf";
    constexpr std::string_view kMeanings = "\t\n\r\f";
    const std::size_t letter = kLetters.find(text[1]);
    out += letter == std::string_view::npos ? text[1] : kMeanings[letter];
    text.remove_prefix(2);
  }
  return out;
}

// The key ends at the first '=', ':' or blank that is not escaped.
std::size_t end_of_key(std::string_view line) {
  for (std::size_t i = 0; i < line.size(); ++i) {
    if (line[i] == '\\') {
      ++i;
    } else if (line[i] == '=' || line[i] == ':' || kBlank.find(line[i]) != std::string_view::npos) {
      return i;
    }
  }
  return line.size();
}

Result<Property> parse_line(const LogicalLine& line) {
  const std::string_view text = line.text;
  const std::size_t end = end_of_key(text);
  std::string_view rest = without_indent(text.substr(end));
  if (rest.starts_with('=') || rest.starts_with(':')) rest = without_indent(rest.substr(1));
  ASSIGN_OR_RETURN(std::string key, unescaped(text.substr(0, end)));
  ASSIGN_OR_RETURN(std::string value, unescaped(rest));
  return Property{std::move(key), std::move(value), line.line};
}

}  // namespace

Result<std::vector<Property>> parse_properties(std::string_view text) {
  if (text.starts_with("\xef\xbb\xbf")) text.remove_prefix(3);
  std::vector<Property> properties;
  for (const LogicalLine& line : logical_lines(text)) {
    auto property = parse_line(line);
    if (!property) return fail(std::move(property).error().within("line " + std::to_string(line.line)));
    properties.push_back(std::move(*property));
  }
  return properties;
}

Reading read_properties(std::string_view text, const std::string& name) {
  Reading reading;
  auto properties = parse_properties(text);
  if (!properties) {
    reading.problems.push_back({Severity::error, name, "", properties.error().message});
    return reading;
  }
  for (Property& property : *properties) {
    const std::string origin = name + ":" + std::to_string(property.line);
    reading.entries.push_back(
        {"kafka." + property.key, std::string(trimmed(property.value)), origin, property.key, true});
  }
  return reading;
}

}  // namespace moldau::config
