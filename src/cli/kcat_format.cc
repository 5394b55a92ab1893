#include "cli/kcat_format.h"

#include <algorithm>
#include <charconv>

namespace moldau::cli {
namespace {

std::unexpected<Trouble> wrong(std::string what) {
  return usage_trouble("bad kcat format: " + what, "moldau help format");
}

FormatPart verb(char letter) {
  FormatPart part;
  part.verb = letter;
  return part;
}

FormatPart length_of(char letter) {
  FormatPart part = verb(letter);
  part.null_is_minus_one = true;
  return part;
}

FormatPart binary_length() {
  FormatPart part = length_of('V');
  part.number = {NumberForm::Kind::big, 32};
  return part;
}

FormatPart headers() {
  FormatPart part = verb('h');
  FormatPart equals;
  equals.literal = "=";
  FormatPart value = verb('v');
  value.null_text = "NULL";
  part.headers = {verb('k'), equals, value};
  part.between = ",";
  return part;
}

std::optional<FormatPart> part_of(char letter) {
  switch (letter) {
    case 's':
      return verb('v');
    case 'S':
      return length_of('V');
    case 'R':
      return binary_length();
    case 'K':
      return length_of('K');
    case 'h':
      return headers();
    case 'T':
      return verb('d');
    case 'k':
    case 't':
    case 'p':
    case 'o':
      return verb(letter);
    default:
      return std::nullopt;
  }
}

// The character behind a backslash, which is taken off. Digits go on as long as there are some.
char take_escaped(std::string_view& text) {
  const bool hex = text.front() == 'x';
  unsigned value = 0;
  const char* begin = text.data() + (hex ? 1 : 0);
  const char* end = text.data() + text.size();
  const auto read = std::from_chars(begin, end, value, hex ? 16 : 10);
  if (read.ptr != begin) {
    text.remove_prefix(static_cast<std::size_t>(read.ptr - text.data()));
    return static_cast<char>(value);
  }
  constexpr std::string_view kLetters = "tnr", kMeanings = "\t\n\r";
  const char letter = text.front();
  text.remove_prefix(1);
  const std::size_t which = kLetters.find(letter);
  return which == std::string_view::npos ? letter : kMeanings[which];
}

}  // namespace

Answer<std::vector<FormatPart>> parse_kcat_format(std::string_view format) {
  std::vector<FormatPart> parts;
  const auto literal = [&](char c) {
    if (parts.empty() || parts.back().verb != 0) parts.emplace_back();
    parts.back().literal += c;
  };
  while (!format.empty()) {
    const char c = format.front();
    format.remove_prefix(1);
    if (c != '%' && c != '\\') {
      literal(c);
      continue;
    }
    if (format.empty()) return wrong(c == '%' ? "it ends with a percent sign" : "it ends with a backslash");
    if (c == '\\') {
      literal(take_escaped(format));
      continue;
    }
    const char letter = format.front();
    format.remove_prefix(1);
    if (letter == '%') {
      literal('%');
    } else if (auto part = part_of(letter)) {
      parts.push_back(std::move(*part));
    } else {
      return wrong("unknown token %" + std::string(1, letter));
    }
  }
  return parts;
}

}  // namespace moldau::cli
