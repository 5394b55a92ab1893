// The format language: what is printed, what is read, and what is refused.
#include <gtest/gtest.h>

#include "cli/record_parser.h"
#include "cli/record_writer.h"
#include "record/builder.h"

namespace moldau::cli {
namespace {

// One record made through a real batch, so that headers have their true form.
class FormatTest : public testing::Test {
 protected:
  std::string print(const std::string& format, std::optional<std::string> key = "key",
                    std::optional<std::string> value = "value") {
    record::BatchBuilder builder({.base_offset = 42});
    const record::HeaderEntry headers[] = {{"h1", as_bytes("one")}, {"h2", std::nullopt}};
    builder.append(record::NewRecord{
        .timestamp = 1709208000123, .key = view(key), .value = view(value), .headers = headers});
    const Slice batch = std::move(builder).build_uncompressed();
    const auto view = record::BatchView::at(batch);
    record::RecordReader reader(*view, view->records());
    record::RecordView record;
    EXPECT_TRUE(reader.next(record));
    const auto writer = RecordWriter::parse(format);
    if (!writer) return "refused: " + writer.error().what;
    std::string out;
    writer->append(
        out,
        {.topic = "topic",
         .partition = 3,
         .record = record,
         .leader_epoch = 7,
         .log_start_offset = 11,
         .last_stable_offset = 88,
         .high_watermark = 99,
         .producer_id = 4000,
         .producer_epoch = 2,
         .attributes = static_cast<std::int16_t>(static_cast<int>(record::Codec::zstd) |
                                                 record::kLogAppendTimeBit | record::kTransactionalBit)},
        5);
    return out;
  }

  static std::optional<ByteView> view(const std::optional<std::string>& text) {
    return text ? std::optional(as_bytes(*text)) : std::nullopt;
  }
};

TEST_F(FormatTest, PlainVerbs) {
  EXPECT_EQ(print("%t %T|%k %K|%v %V|%p %o %e %d"), "topic 5|key 3|value 5|3 42 7 1709208000123");
  EXPECT_EQ(print("%H %i %] %% %{ %}"), "2 5 99 % { }");
  EXPECT_EQ(print("%x %y %[ %| %]"), "4000 2 11 88 99");
}

TEST_F(FormatTest, Escapes) { EXPECT_EQ(print("a\\tb\\n\\r\\\\\\x41"), "a\tb\n\r\\A"); }

TEST_F(FormatTest, Numbers) {
  EXPECT_EQ(print("%o{hex64} %o{hex32} %o{hex16} %o{hex8} %o{hex4}"), "000000000000002a 0000002a 002a 2a a");
  EXPECT_EQ(print("%p{big32}"), std::string("\0\0\0\3", 4));
  EXPECT_EQ(print("%p{little16}"), std::string("\3\0", 2));
  EXPECT_EQ(print("%o{byte}"), "*");
  EXPECT_EQ(print("%o{bool} %o{ascii}"), "true 42");
}

TEST_F(FormatTest, Texts) {
  EXPECT_EQ(print("%v{hex} %v{base64} %k{base64raw}", "ab"), "76616c7565 dmFsdWU= YWI");
  EXPECT_EQ(print("%v{unpack[>hB]}", "k", std::string("\1\2\xff", 3)), "258255");
  EXPECT_EQ(print("%v{unpack[<i]}", "k", std::string("\xff\xff\xff\xff", 4)), "-1");
  EXPECT_EQ(print("%v{unpack[x.s]}", "k", "abc"), "bc");
}

TEST_F(FormatTest, UnpackTellsWhatDoesNotFit) {
  EXPECT_EQ(unpacked("i", "ab"), "%!v(unpack: too few bytes for i)");
  EXPECT_EQ(unpacked("b$", "ab"), "97%!v(unpack: 1 bytes are left)");
}

TEST_F(FormatTest, Headers) {
  EXPECT_EQ(print("%h{%k=%v;}"), "h1=one;h2=;");
  EXPECT_EQ(print("%h{<%K,%V{hex8}>}"), "<2,03><2,00>");
}

TEST_F(FormatTest, Times) {
  EXPECT_EQ(print("%d{strftime[%Y-%m-%dT%H:%M:%S]}"), "2024-02-29T12:00:00");
  EXPECT_EQ(print("%d{strftime##%F %T.%L##}"), "2024-02-29 12:00:00.123");
  EXPECT_EQ(print("%d{go[2006-01-02T15:04:05.999Z07:00]}"), "2024-02-29T12:00:00.123Z");
  EXPECT_EQ(print("%d{go[Mon Jan 2 3:04PM]}"), "Thu Feb 29 12:00PM");
}

TEST_F(FormatTest, Attributes) {
  EXPECT_EQ(
      print(
          "%a{compression} %a{compression;number} %a{timestamp-type} %a{transactional-bit} %a{control-bit}"),
      "zstd 4 1 1 0");
  EXPECT_EQ(print("%a{colour}"), "refused: bad format: unknown attribute %a{colour}");
}

TEST_F(FormatTest, NullIsPrintedAsNothing) {
  EXPECT_EQ(print("[%k|%K|%v]", std::nullopt, std::nullopt), "[|0|]");
}

TEST_F(FormatTest, WrongFormatsAreRefused) {
  for (const char* format : {"%", "%q", "%v{rot13}", "%v{hex", "%h", "%h{%k", "%h{%t}", "\\q", "\\x4", "%a",
                             "%p{hex12}", "%d{strftime[%F}", "%v{unpack[>i}"}) {
    EXPECT_FALSE(RecordWriter::parse(format)) << format;
  }
}

std::vector<ParsedRecord> read_all(const std::string& format, std::string_view input,
                                   std::string* why = nullptr) {
  const auto parser = RecordParser::parse(format);
  EXPECT_TRUE(parser) << format;
  std::vector<ParsedRecord> records;
  while (parser) {
    auto found = parser->next(input, true);
    if (!found && why) *why = found.error().cause;
    if (!found || !*found) break;
    input.remove_prefix((*found)->size);
    records.push_back(std::move((*found)->record));
  }
  return records;
}

TEST(RecordParserTest, Lines) {
  const auto records = read_all("%v\\n", "a\n\nb c\nlast");
  ASSERT_EQ(records.size(), 4U);
  EXPECT_EQ(records[0].value, "a");
  EXPECT_EQ(records[1].value, "");
  EXPECT_EQ(records[2].value, "b c");
  EXPECT_EQ(records[3].value, "last");
  EXPECT_FALSE(records[0].key);
}

TEST(RecordParserTest, DelimitersAndFields) {
  const auto records = read_all("%t:%p:%d %k=%v\\n", "t1:4:1700 k=v=w\n");
  ASSERT_EQ(records.size(), 1U);
  EXPECT_EQ(records[0].topic, "t1");
  EXPECT_EQ(records[0].partition, 4);
  EXPECT_EQ(records[0].timestamp, 1700);
  EXPECT_EQ(records[0].key, "k");
  EXPECT_EQ(records[0].value, "v=w");
}

TEST(RecordParserTest, Sizes) {
  const auto ascii = read_all("%K,%V,%k%v", "2,3,abcde1,0,x");
  ASSERT_EQ(ascii.size(), 2U);
  EXPECT_EQ(ascii[0].key, "ab");
  EXPECT_EQ(ascii[0].value, "cde");
  EXPECT_EQ(ascii[1].value, "");
  const auto binary = read_all("%V{big16}%v", std::string_view("\0\2hi\0\0", 6));
  ASSERT_EQ(binary.size(), 2U);
  EXPECT_EQ(binary[0].value, "hi");
  const auto exact = read_all("%V{3}%v", "abcdef");
  ASSERT_EQ(exact.size(), 2U);
  EXPECT_EQ(exact[1].value, "def");
}

TEST(RecordParserTest, HeadersEncodingsPatternsJson) {
  const auto headers = read_all("%H %h{%k=%v;}%v\\n", "2 a=1;b=2;x\n");
  ASSERT_EQ(headers.size(), 1U);
  ASSERT_EQ(headers[0].headers.size(), 2U);
  EXPECT_EQ(headers[0].headers[1].key, "b");
  EXPECT_EQ(headers[0].headers[1].value, "2");
  EXPECT_EQ(read_all("%v{hex}\\n", "6869\n")[0].value, "hi");
  EXPECT_EQ(read_all("%v{base64}\\n", "aGk=\n")[0].value, "hi");
  const auto patterns = read_all("%k{re#[0-9]+#}%v\\n", "12ab\n");
  EXPECT_EQ(patterns[0].key, "12");
  EXPECT_EQ(patterns[0].value, "ab");
  const auto values = read_all("%v{json}\\n", "{\"a\": [1, 2]}\n7\n");
  ASSERT_EQ(values.size(), 2U);
  EXPECT_EQ(values[0].value, "{\"a\": [1, 2]}");
}

TEST(RecordParserTest, MoreInputIsAskedFor) {
  const auto parser = RecordParser::parse("%V{big32}%v\\n");
  ASSERT_TRUE(parser);
  const std::string whole("\0\0\0\2hi\n", 7);
  for (std::size_t size = 1; size < whole.size(); ++size) {
    const auto found = parser->next(whole.substr(0, size), false);
    ASSERT_TRUE(found) << size;
    EXPECT_FALSE(*found) << size;
  }
  EXPECT_TRUE(*parser->next(whole, false));
}

TEST(RecordParserTest, InputThatDoesNotFitIsToldApart) {
  std::string why;
  EXPECT_TRUE(read_all("%V{big32}%v", std::string_view("\0\0\0\5hi", 6), &why).empty());
  EXPECT_NE(why.find("ends inside"), std::string::npos);
  EXPECT_TRUE(read_all("%p %v\\n", "x y\n", &why).empty());
  EXPECT_NE(why.find("a number"), std::string::npos);
  EXPECT_TRUE(read_all("%v{hex}\\n", "xx\n", &why).empty());
  EXPECT_NE(why.find("hexadecimal"), std::string::npos);
  EXPECT_TRUE(read_all("a%v\\n", "b\n", &why).empty());
  EXPECT_NE(why.find("\"a\""), std::string::npos);
}

TEST(RecordParserTest, AmbiguousFormatsAreRefused) {
  for (const char* format : {"%k%v\\n", "%h{%k=%v}%v", "", "%v{unpack[i]}\\n", "%i\\n"})
    EXPECT_FALSE(RecordParser::parse(format)) << format;
}

TEST(JsonRecordTest, WhatConsumePrintsIsRead) {
  record::BatchBuilder builder({.base_offset = 1});
  const std::string binary("\xff\x00", 2);
  const record::HeaderEntry headers[] = {{"h", as_bytes(binary)}};
  builder.append(
      record::NewRecord{.timestamp = 5, .key = std::nullopt, .value = as_bytes(binary), .headers = headers});
  const Slice batch = std::move(builder).build_uncompressed();
  const auto view = record::BatchView::at(batch);
  record::RecordReader reader(*view, view->records());
  record::RecordView record;
  ASSERT_TRUE(reader.next(record));
  const std::string line =
      json_of({.topic = "t", .partition = 2, .record = record, .leader_epoch = 0}, false).to_line();
  EXPECT_EQ(
      line,
      R"({"topic":"t","partition":2,"offset":1,"timestamp":5,"timestamp_type":"CreateTime","key":null,)"
      R"("value":"/wA=","value_encoding":"base64","headers":[{"key":"h","value":"/wA=","value_encoding":"base64"}],)"
      R"("leader_epoch":0})");
  const auto parsed = record_of_json(line);
  ASSERT_TRUE(parsed);
  EXPECT_EQ(parsed->topic, "t");
  EXPECT_EQ(parsed->partition, 2);
  EXPECT_EQ(parsed->timestamp, 5);
  EXPECT_FALSE(parsed->key);
  EXPECT_EQ(parsed->value, binary);
  ASSERT_EQ(parsed->headers.size(), 1U);
  EXPECT_EQ(parsed->headers[0].value, binary);
}

TEST(JsonRecordTest, ValuesThatAreNoText) {
  EXPECT_EQ(record_of_json(R"({"value":{"a":1}})")->value, R"({"a":1})");
  EXPECT_EQ(record_of_json(R"({"value":7})")->value, "7");
  EXPECT_FALSE(record_of_json("7"));
  EXPECT_FALSE(record_of_json("{"));
  EXPECT_FALSE(record_of_json(R"({"value":"!","value_encoding":"base64"})"));
  EXPECT_FALSE(record_of_json(R"({"value":"a","value_encoding":"rot13"})"));
  EXPECT_FALSE(record_of_json(R"({"partition":-1})"));
}

}  // namespace
}  // namespace moldau::cli
