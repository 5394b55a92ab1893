#include "cli/line_reader.h"

namespace moldau::cli {
namespace {

void read_flag(const Properties& properties, std::string_view name, bool& into) {
  if (const auto at = properties.find(name); at != properties.end()) into = at->second == "true";
}

void read_text(const Properties& properties, std::string_view name, std::string& into) {
  if (const auto at = properties.find(name); at != properties.end()) into = at->second;
}

// What stands before the separator; the rest stays in `text`.
std::optional<std::string_view> take(std::string_view& text, const std::string& separator) {
  const std::size_t at = text.find(separator);
  if (at == std::string_view::npos) return std::nullopt;
  const std::string_view before = text.substr(0, at);
  text.remove_prefix(at + separator.size());
  return before;
}

std::unexpected<Trouble> missing(std::string_view what, std::int64_t line_number, const std::string& line) {
  return trouble(Exit::failed, "No " + std::string(what) + " found on line number " +
                                   std::to_string(line_number) + ": '" + line + "'");
}

}  // namespace

Answer<LineReader> LineReader::create(const Properties& properties) {
  LineReader reader;
  read_flag(properties, "parse.key", reader.parse_key_);
  read_flag(properties, "parse.headers", reader.parse_headers_);
  read_flag(properties, "ignore.error", reader.ignore_error_);
  read_text(properties, "key.separator", reader.key_separator_);
  read_text(properties, "headers.delimiter", reader.headers_delimiter_);
  read_text(properties, "headers.separator", reader.headers_separator_);
  read_text(properties, "headers.key.separator", reader.headers_key_separator_);
  if (const auto at = properties.find("null.marker"); at != properties.end())
    reader.null_marker_ = at->second;
  for (const std::string* separator : {&reader.key_separator_, &reader.headers_delimiter_,
                                       &reader.headers_separator_, &reader.headers_key_separator_}) {
    if (separator->empty()) return usage_trouble("a separator must not be empty");
  }
  return reader;
}

std::optional<std::string> LineReader::unless_null(std::string_view text) const {
  if (null_marker_ && text == *null_marker_) return std::nullopt;
  return std::string(text);
}

Answer<std::vector<ParsedHeader>> LineReader::headers_of(std::string_view text,
                                                         std::int64_t line_number) const {
  std::vector<ParsedHeader> headers;
  if (null_marker_ && text == *null_marker_) return headers;
  while (!text.empty()) {
    std::string_view pair = text;
    if (const auto before = take(text, headers_separator_))
      pair = *before;
    else
      text = {};
    std::string_view value = pair;
    const auto key = take(value, headers_key_separator_);
    if (!key && !ignore_error_) return missing("header key separator", line_number, std::string(pair));
    headers.push_back(key ? ParsedHeader{std::string(*key), unless_null(value)}
                          : ParsedHeader{std::string(pair), std::nullopt});
  }
  return headers;
}

Answer<ParsedRecord> LineReader::read(const std::string& line, std::int64_t line_number) const {
  ParsedRecord record;
  std::string_view rest = line;
  if (parse_headers_) {
    const auto before = take(rest, headers_delimiter_);
    if (!before && !ignore_error_) return missing("header delimiter", line_number, line);
    auto headers = headers_of(before.value_or(""), line_number);
    if (!headers) return std::unexpected(std::move(headers).error());
    record.headers = std::move(*headers);
  }
  if (parse_key_) {
    const auto key = take(rest, key_separator_);
    if (!key && !ignore_error_) return missing("key separator", line_number, line);
    if (key) record.key = unless_null(*key);
  }
  record.value = unless_null(rest);
  return record;
}

}  // namespace moldau::cli
