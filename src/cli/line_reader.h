// Kafka's line reader (LineMessageReader): a line of the console producer's input made a record, by its
// properties parse.key, key.separator, parse.headers, headers.delimiter, headers.separator,
// headers.key.separator, null.marker and ignore.error. Pure.
#pragma once

#include "cli/record_parser.h"
#include "cli/session.h"

namespace moldau::cli {

class LineReader {
 public:
  static Answer<LineReader> create(const Properties& properties);
  // Errors say on which line what is missing.
  Answer<ParsedRecord> read(const std::string& line, std::int64_t line_number) const;

 private:
  Answer<std::vector<ParsedHeader>> headers_of(std::string_view text, std::int64_t line_number) const;
  std::optional<std::string> unless_null(std::string_view text) const;

  bool parse_key_ = false;
  bool parse_headers_ = false;
  bool ignore_error_ = false;
  std::string key_separator_ = "\t";
  std::string headers_delimiter_ = "\t";
  std::string headers_separator_ = ",";
  std::string headers_key_separator_ = ":";
  std::optional<std::string> null_marker_;
};

}  // namespace moldau::cli
