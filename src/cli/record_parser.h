// Reads records out of a stream of bytes by a format of the percent language: what `produce -f` takes. Pure.
//
// A text verb ends at the literal that follows it, or has the size that %K, %V or %T before it gave, or a
// pattern (re) or is one JSON value; without any of these it takes everything to the end. A line end that
// closes the format may be missing at the end of the input.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "cli/format_language.h"

namespace moldau::cli {

struct ParsedHeader {
  std::string key;
  std::optional<std::string> value;
};
struct ParsedRecord {
  std::optional<std::string> topic;
  std::optional<std::string> key;
  std::optional<std::string> value;
  std::optional<std::int32_t> partition;
  std::optional<std::int64_t> timestamp;
  std::vector<ParsedHeader> headers;
};

class RecordParser {
 public:
  static Answer<RecordParser> parse(std::string_view format);
  // Of parts that were made elsewhere. REQUIRES: what parse_record_format or parse_kcat_format gives.
  static Answer<RecordParser> of(Answer<std::vector<FormatPart>> parts);

  struct Found {
    ParsedRecord record;
    std::size_t size = 0;  // bytes of the input that it took
  };
  // The record that starts `input`. Nothing: more input is needed, or at its end no record is left. Errors
  // name what was expected.
  Answer<std::optional<Found>> next(std::string_view input, bool at_end) const;

 private:
  explicit RecordParser(std::vector<FormatPart> parts) : parts_(std::move(parts)) {}
  std::vector<FormatPart> parts_;
};

// One line of JSONL: {"topic"?,"partition"?,"key"?,"value"?,"headers"?,"timestamp"?, "key_encoding"?…}: what
// consume prints. A value that is no string is taken as its JSON text.
Answer<ParsedRecord> record_of_json(std::string_view line);

}  // namespace moldau::cli
