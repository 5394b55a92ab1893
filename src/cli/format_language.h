// The percent format language of franz-go and rpk, for printing records (record_writer.h) and for reading
// them (record_parser.h).
//
//   %t %T topic and its length   %k %K key   %v %V value   %h{…} headers, %k and %v inside   %H their number
//   %p partition   %o offset   %e leader epoch   %d{…} timestamp   %a{…} attributes   %x %y producer id,
//   epoch
//   %[ log start offset   %| last stable offset   %] high watermark   %i records so far   %% %{ %} themselves
//   numbers: {ascii} {hex64} … {hex4} {big64} … {big8} {little64} … {little8} {byte} {bool} {3}
//   text: {hex} {base64} {base64raw} {unpack[<>bBhHiIqQc.s$x]} {re#…#} {json}
//   time: {strftime[%F]} {go[2006-01-02]}; brackets are [ ], ( ), { } or #, as many as one likes
//   \t \n \r \\ \xNN
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "cli/trouble.h"

namespace moldau::cli {

struct NumberForm {
  enum class Kind : std::uint8_t { ascii, hex, big, little, boolean, exact } kind = Kind::ascii;
  unsigned bits = 0;       // of hex, big and little
  std::int64_t exact = 0;  // reading only: the number is this, nothing is read
};

struct TextForm {
  enum class Kind : std::uint8_t { plain, hex, base64, base64raw, unpack, regex, json } kind = Kind::plain;
  std::string detail;  // of unpack and regex
};

struct TimeForm {
  enum class Kind : std::uint8_t { number, strftime, go } kind = Kind::number;
  std::string layout;
};

struct FormatPart {
  char verb = 0;  // after the percent sign; 0: `literal`
  std::string literal;
  NumberForm number;
  TextForm text;
  TimeForm time;
  std::string attribute;            // of %a: "compression"
  std::vector<FormatPart> headers;  // of %h
  // kcat's (kcat_format.h):
  bool null_is_minus_one = false;  // of %K and %V
  std::string between;             // of %h: between two headers, which are read up to what follows %h
  std::string null_text;           // of %v in %h: in place of null
};

// Usage errors name the verb or modifier that is wrong.
Answer<std::vector<FormatPart>> parse_record_format(std::string_view format);

}  // namespace moldau::cli
