// kcat's format language: what kcat 1.7.1 prints of the same records, and what of it can be read back.
#include "cli/kcat_format.h"

#include <gtest/gtest.h>

#include "cli/record_parser.h"
#include "cli/record_writer.h"
#include "record/builder.h"

namespace moldau::cli {
namespace {

std::string print(std::string_view format, std::optional<std::string> key, std::optional<std::string> value,
                  const std::vector<record::HeaderEntry>& headers = {}) {
  const auto view = [](const std::optional<std::string>& text) {
    return text ? std::optional(as_bytes(*text)) : std::nullopt;
  };
  record::BatchBuilder builder({.base_offset = 42});
  builder.append(record::NewRecord{
      .timestamp = 1709208000123, .key = view(key), .value = view(value), .headers = headers});
  const Slice bytes = std::move(builder).build_uncompressed();
  const auto batch = record::BatchView::at(bytes);
  record::RecordReader reader(*batch, batch->records());
  record::RecordView record;
  EXPECT_TRUE(reader.next(record));
  const auto writer = RecordWriter::of(parse_kcat_format(format));
  if (!writer) return "refused: " + writer.error().what;
  std::string out;
  writer->append(out, {.topic = "topic", .partition = 3, .record = record}, 1);
  return out;
}

TEST(KcatFormatTest, EveryToken) {
  const std::vector<record::HeaderEntry> headers{
      {"h", as_bytes("x")}, {"i", std::nullopt}, {"j", as_bytes("")}};
  EXPECT_EQ(print("%k|%s|%K|%S|%h|%t|%p|%o|%T|%%\\n", "a", "v", headers),
            "a|v|1|1|h=x,i=NULL,j=|topic|3|42|1709208000123|%\n");
  EXPECT_EQ(print("%k|%s|%K|%S|%h", std::nullopt, std::nullopt), "||-1|-1|");
  EXPECT_EQ(print("%k|%s|%K|%S", "", ""), "||0|0");
  EXPECT_EQ(print("[%R]", "k", "v"), std::string("[\0\0\0\1]", 6));
  EXPECT_EQ(print("[%R]", "k", std::nullopt), "[\xff\xff\xff\xff]");
}

TEST(KcatFormatTest, Escapes) {
  EXPECT_EQ(print("\\t\\r\\n", "k", "v"), "\t\r\n");
  EXPECT_EQ(print("\\x41B|\\x4142|\\q|\\\\|\\x4|\\101", "k", "v"), "\x1b|B|q|\\|\x04|e");
}

TEST(KcatFormatTest, WhatIsNoTokenIsRefused) {
  for (const char* format : {"%z", "%", "a\\", "%v"}) {
    const auto parts = parse_kcat_format(format);
    ASSERT_FALSE(parts) << format;
    EXPECT_EQ(parts.error().exit, Exit::usage);
  }
}

std::vector<ParsedRecord> read_all(std::string_view format, std::string_view input) {
  const auto parser = RecordParser::of(parse_kcat_format(format));
  EXPECT_TRUE(parser) << parser.error().what;
  std::vector<ParsedRecord> records;
  while (parser) {
    auto found = parser->next(input, true);
    EXPECT_TRUE(found) << found.error().cause;
    if (!found || !*found) break;
    input.remove_prefix((*found)->size);
    records.push_back(std::move((*found)->record));
  }
  return records;
}

TEST(KcatFormatTest, RecordsAreReadBack) {
  const auto lines = read_all("%k:%s\\n", "a:1\nb:2\n");
  ASSERT_EQ(lines.size(), 2U);
  EXPECT_EQ(lines[1].key, "b");
  EXPECT_EQ(lines[1].value, "2");
  const auto sized = read_all("%K %k %S %s\\n", "1 a -1 \n-1  0 \n");
  ASSERT_EQ(sized.size(), 2U);
  EXPECT_EQ(sized[0].key, "a");
  EXPECT_FALSE(sized[0].value) << "a length of -1 is null";
  EXPECT_FALSE(sized[1].key);
  EXPECT_EQ(sized[1].value, "");
  const auto binary = read_all("%R%s", std::string_view("\0\0\0\2hi\xff\xff\xff\xff", 10));
  ASSERT_EQ(binary.size(), 2U);
  EXPECT_EQ(binary[0].value, "hi");
  EXPECT_FALSE(binary[1].value);
  const auto headers = read_all("%p %T %h|%s\\n", "2 1709208000123 h=x,i=NULL,j=a=b|v\n0 5 |w\n");
  ASSERT_EQ(headers.size(), 2U);
  EXPECT_EQ(headers[0].partition, 2);
  EXPECT_EQ(headers[0].timestamp, 1709208000123);
  ASSERT_EQ(headers[0].headers.size(), 3U);
  EXPECT_EQ(headers[0].headers[0].value, "x");
  EXPECT_FALSE(headers[0].headers[1].value);
  EXPECT_EQ(headers[0].headers[2].value, "a=b");
  EXPECT_TRUE(headers[1].headers.empty());
}

TEST(KcatFormatTest, WhatCannotBeReadIsRefused) {
  for (const char* format : {"%k%s\\n", "%h%s\\n", ""})
    EXPECT_FALSE(RecordParser::of(parse_kcat_format(format))) << format;
  const auto parser = RecordParser::of(parse_kcat_format("%S %s\\n"));
  ASSERT_TRUE(parser);
  EXPECT_FALSE(parser->next("-2 x\n", true));
}

}  // namespace
}  // namespace moldau::cli
