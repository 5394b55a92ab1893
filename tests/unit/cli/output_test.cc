// Tables, JSON, and the forms of Kafka's console tools.
#include <gtest/gtest.h>

#include "cli/deserializer.h"
#include "cli/field_form.h"
#include "cli/line_reader.h"
#include "cli/message_formatter.h"
#include "cli/perf_load.h"
#include "cli/table.h"
#include "record/builder.h"

namespace moldau::cli {
namespace {

Table sample() {
  Table table({{"name"}, {"log_end_offset", true}, {"replicas"}, {"note", false, true}});
  table.add({"b", 12, Json::Array{1, 2}, "x, \"y\""});
  table.add({"a-long-name", Json(), Json::Array{}, Json()});
  return table;
}

TEST(TableTest, Columns) {
  EXPECT_EQ(sample().render(Format::table),
            "NAME         LOG-END-OFFSET  REPLICAS\n"
            "b                        12  1,2\n"
            "a-long-name               -  -\n");
  EXPECT_EQ(sample().render(Format::wide),
            "NAME         LOG-END-OFFSET  REPLICAS  NOTE\n"
            "b                        12  1,2       x, \"y\"\n"
            "a-long-name               -  -         -\n");
}

TEST(TableTest, MachineForms) {
  EXPECT_EQ(sample().render(Format::jsonl),
            "{\"name\":\"b\",\"log_end_offset\":12,\"replicas\":[1,2],\"note\":\"x, \\\"y\\\"\"}\n"
            "{\"name\":\"a-long-name\",\"log_end_offset\":null,\"replicas\":[],\"note\":null}\n");
  EXPECT_EQ(sample().render(Format::csv),
            "name,log_end_offset,replicas,note\nb,12,\"1,2\",\"x, \"\"y\"\"\"\na-long-name,,-,\n");
  EXPECT_EQ(sample().render(Format::tsv, false), "b\t12\t1,2\tx, \"y\"\na-long-name\t\t-\t\n");
  EXPECT_EQ(sample().render(Format::name), "b\na-long-name\n");
  EXPECT_EQ(sample().render(Format::yaml),
            "- name: b\n  log_end_offset: 12\n  replicas:\n    - 1\n    - 2\n  note: \"x, \\\"y\\\"\"\n"
            "- name: a-long-name\n  log_end_offset: null\n  replicas: []\n  note: null\n");
  EXPECT_EQ(Table({{"a"}}).render(Format::json), "[]\n");
}

TEST(TableTest, FieldsAndOrder) {
  Table table = sample();
  ASSERT_TRUE(table.sort("name"));
  ASSERT_TRUE(table.project("note,name"));
  EXPECT_EQ(table.render(Format::csv), "note,name\n,a-long-name\n\"x, \"\"y\"\"\",b\n");
  ASSERT_TRUE(table.sort("name:desc"));
  EXPECT_EQ(table.render(Format::name), "x, \"y\"\n-\n");
  const auto wrong = table.project("nmae");
  ASSERT_FALSE(wrong);
  EXPECT_EQ(wrong.error().exit, Exit::usage);
  EXPECT_NE(wrong.error().hint.find("note, name"), std::string::npos);
}

TEST(TableTest, FilterNamesTheFieldsThatThereAre) {
  Table table = sample();
  ASSERT_TRUE(table.filter(*Expression::parse("log_end_offset >= 12 AND replicas:2", "--filter")));
  EXPECT_EQ(table.render(Format::name), "b\n");
  ASSERT_TRUE(table.filter(*Expression::parse("LOG-END-OFFSET > 12", "--filter")));
  EXPECT_TRUE(table.empty());
  const auto wrong = sample().filter(*Expression::parse("nmae = b", "--filter"));
  ASSERT_FALSE(wrong);
  EXPECT_NE(wrong.error().hint.find("name, log_end_offset"), std::string::npos);
}

TEST(TableTest, SchemaTellsTheTypes) {
  EXPECT_EQ(sample().render(Format::schema),
            "name: string\nlog_end_offset: integer\nreplicas: list\nnote: string\n");
}

TEST(TableTest, ColoursAreOfStateWordsAlone) {
  Table table({{"topic"}, {.name = "status", .state = true}});
  table.add({"OK", "OK"});
  table.add({"b", "INVALID"});
  EXPECT_EQ(table.render(Format::table, true, true),
            "TOPIC  STATUS\nOK     \x1b[32mOK\x1b[0m\nb      \x1b[31mINVALID\x1b[0m\n");
  EXPECT_EQ(table.render(Format::table), "TOPIC  STATUS\nOK     OK\nb      INVALID\n");
  EXPECT_EQ(table.render(Format::csv, false, true), "OK,OK\nb,INVALID\n");
}

TEST(JsonTest, ParsesAndPrints) {
  const std::string text = R"({"a":[1,-2.5,true,null],"b":"\u00e9\ud83d\ude00\n","c":{}})";
  const auto json = Json::parse(text);
  ASSERT_TRUE(json);
  EXPECT_EQ(json->to_line(), "{\"a\":[1,-2.5,true,null],\"b\":\"é😀\\n\",\"c\":{}}");
  for (const char* wrong :
       {"", "{", "[1,]", "{\"a\"}", "tru", "\"a", "1 2", "\"\\ud800\"", "\"\\x\"", "nul", "-", "{1:2}"})
    EXPECT_FALSE(Json::parse(wrong)) << wrong;
  EXPECT_FALSE(Json::parse(std::string(1000, '[')));
  std::string_view rest;
  EXPECT_EQ(Json::parse("7 x", &rest)->to_line(), "7");
  EXPECT_EQ(rest, " x");
}

TEST(BytesTest, Encodings) {
  for (const std::string bytes : {"", "a", "ab", "abc", "abcd"}) {
    EXPECT_EQ(base64_bytes(base64_of(bytes)), bytes);
    EXPECT_EQ(base64_bytes(base64_of(bytes, false)), bytes);
    EXPECT_EQ(hex_bytes(hex_of(bytes)), bytes);
  }
  EXPECT_FALSE(base64_bytes("a"));
  EXPECT_FALSE(base64_bytes("a$=="));
  EXPECT_FALSE(hex_bytes("abc"));
  EXPECT_FALSE(hex_bytes("zz"));
  EXPECT_TRUE(is_utf8("é😀"));
  for (const char* wrong : {"\xff", "\xc3", "\xc0\x80", "\xed\xa0\x80", "\xf4\x90\x80\x80"})
    EXPECT_FALSE(is_utf8(wrong));
}

std::string read_line(const Properties& properties, const std::string& line) {
  const auto reader = LineReader::create(properties);
  if (!reader) return "refused";
  const auto record = reader->read(line, 7);
  if (!record) return record.error().what;
  std::string out = record->key.value_or("null") + "|" + record->value.value_or("null");
  for (const ParsedHeader& header : record->headers)
    out += "|" + header.key + "=" + header.value.value_or("null");
  return out;
}

TEST(LineReaderTest, KeysAndHeaders) {
  EXPECT_EQ(read_line({}, "k\tv"), "null|k\tv");
  EXPECT_EQ(read_line({{"parse.key", "true"}}, "k\tv"), "k|v");
  EXPECT_EQ(read_line({{"parse.key", "true"}, {"key.separator", ":"}}, "k:v:w"), "k|v:w");
  EXPECT_EQ(read_line({{"parse.key", "true"}, {"parse.headers", "true"}}, "h1:v1,h2:v2\tk\tv"),
            "k|v|h1=v1|h2=v2");
  EXPECT_EQ(read_line({{"null.marker", "NULL"}, {"parse.key", "true"}}, "k\tNULL"), "k|null");
}

TEST(LineReaderTest, WhatIsMissingIsTold) {
  EXPECT_EQ(read_line({{"parse.key", "true"}}, "novalue"),
            "No key separator found on line number 7: 'novalue'");
  EXPECT_EQ(read_line({{"parse.key", "true"}, {"ignore.error", "true"}}, "novalue"), "null|novalue");
  EXPECT_EQ(read_line({{"parse.headers", "true"}}, "v"), "No header delimiter found on line number 7: 'v'");
  EXPECT_EQ(read_line({{"parse.headers", "true"}}, "h\tv"),
            "No header key separator found on line number 7: 'h'");
  EXPECT_EQ(read_line({{"key.separator", ""}}, "v"), "refused");
}

std::string formatted(const Properties& properties, std::string_view formatter = "",
                      std::string value = "value") {
  record::BatchBuilder builder({.base_offset = 9});
  const record::HeaderEntry headers[] = {{"h", as_bytes("x")}, {"n", std::nullopt}};
  builder.append(record::NewRecord{
      .timestamp = 1234, .key = as_bytes("key"), .value = as_bytes(value), .headers = headers});
  const Slice batch = std::move(builder).build_uncompressed();
  const auto view = record::BatchView::at(batch);
  record::RecordReader reader(*view, view->records());
  record::RecordView record;
  EXPECT_TRUE(reader.next(record));
  const auto made = MessageFormatter::create(formatter, properties);
  if (!made) return "refused";
  std::string out;
  if (!made->append(out, {.topic = "t", .partition = 2, .record = record, .leader_epoch = 4}))
    return "undecodable";
  return out;
}

TEST(MessageFormatterTest, OrderOfFields) {
  EXPECT_EQ(formatted({}), "value\n");
  EXPECT_EQ(formatted({{"print.key", "true"}, {"key.separator", "|"}}), "key|value\n");
  EXPECT_EQ(formatted({{"print.timestamp", "true"},
                       {"print.partition", "true"},
                       {"print.offset", "true"},
                       {"print.epoch", "true"},
                       {"print.headers", "true"},
                       {"print.key", "true"}}),
            "CreateTime:1234\tPartition:2\tOffset:9\tEpoch:4\th:x,n:null\tkey\tvalue\n");
  EXPECT_EQ(formatted({{"print.offset", "true"}, {"print.delivery", "TRUE "}, {"print.epoch", "true"}}),
            "Offset:9\tDelivery:NOT_PRESENT\tEpoch:4\tvalue\n");
  EXPECT_EQ(formatted({{"print.value", "false"}, {"print.key", "true"}, {"line.separator", ";"}}), "key;");
}

TEST(MessageFormatterTest, FormattersAndDeserializers) {
  EXPECT_EQ(formatted({}, "kafka.tools.LoggingMessageFormatter"), "CreateTime:1234, key:key, value:value\n");
  EXPECT_EQ(formatted({}, "org.apache.kafka.tools.consumer.NoOpMessageFormatter"), "");
  EXPECT_EQ(formatted({}, "org.example.Formatter"), "refused");
  for (const char* name : {"org.apache.kafka.tools.consumer.OffsetsMessageFormatter",
                           "kafka.coordinator.group.GroupMetadataManager$GroupMetadataMessageFormatter",
                           "org.apache.kafka.tools.consumer.TransactionLogMessageFormatter"})
    EXPECT_EQ(formatted({}, name), "") << "its key says that it is of another kind";
  const std::string kLong = "org.apache.kafka.common.serialization.LongDeserializer";
  EXPECT_EQ(formatted({{"value.deserializer", kLong}}, "", std::string("\0\0\0\0\0\0\1\0", 8)), "256\n");
  EXPECT_EQ(formatted({{"value.deserializer", kLong}}, "", "short"), "undecodable");
  EXPECT_EQ(formatted({{"value.deserializer", "org.example.Avro"}}), "refused");
}

TEST(DeserializerTest, NumbersAsJavaPrintsThem) {
  const auto text = [](std::string_view name, std::string bytes) {
    std::string out;
    return (*find_deserializer(name))(out, as_bytes(bytes)) ? out : "undecodable";
  };
  EXPECT_EQ(text("IntegerDeserializer", std::string("\xff\xff\xff\xfe", 4)), "-2");
  EXPECT_EQ(text("ShortDeserializer", std::string("\1\0", 2)), "256");
  EXPECT_EQ(text("DoubleDeserializer", std::string("\x3f\xf8\0\0\0\0\0\0", 8)), "1.5");
  EXPECT_EQ(text("DoubleDeserializer", std::string("\x40\x59\0\0\0\0\0\0", 8)), "100.0");
  EXPECT_EQ(text("DoubleDeserializer", std::string("\x41\x63\x12\xd0\0\0\0\0", 8)), "1.0E7");
  EXPECT_EQ(text("FloatDeserializer", std::string("\x3f\x80\0\0", 4)), "1.0");
  EXPECT_EQ(text("BooleanDeserializer", std::string("\1", 1)), "true");
}

TEST(DeserializerTest, WhatIsNoUtf8IsReplacedAsJavaDoes) {
  const auto text = [](std::string_view bytes) {
    std::string out;
    EXPECT_TRUE(deserialize_string(out, as_bytes(bytes)));
    return out;
  };
  const std::string one = "\xef\xbf\xbd", two = one + one, three = two + one;
  const std::string whole = "h\xc3\xa9 \xe2\x82\xac \xed\x9f\xbf \xf0\x9f\x98\x80 \xf4\x8f\xbf\xbf";
  EXPECT_EQ(text(whole), whole);
  EXPECT_EQ(text("\x80-\xc0\xaf-\xf5-\xff"), one + "-" + two + "-" + one + "-" + one);
  // The beginning of a character is one, whether another one follows or nothing.
  EXPECT_EQ(text("\xc3-\xe2\x82-\xf0\x9f-\xf0\x9f\x98-"), one + "-" + one + "-" + one + "-" + one + "-");
  EXPECT_EQ(text("\xc3"), one);
  EXPECT_EQ(text("\xe2\x82"), one);
  EXPECT_EQ(text("\xf0\x9f\x98"), one);
  // Overlong forms, and what lies beyond U+10FFFF: no byte begins anything.
  EXPECT_EQ(text("\xe0\x80\x80"), three);
  EXPECT_EQ(text("\xf0\x8f\xbf\xbf"), three + one);
  EXPECT_EQ(text("\xf4\x90\x80\x80"), three + one);
  EXPECT_EQ(text("\xed\xa0\x80-\xed\xbf-"), one + "-" + one + "-") << "surrogates";
}

TEST(DeserializerTest, BytesStayAsTheyAre) {
  const auto text = [](std::string_view name, std::string_view bytes) {
    std::string out;
    return (*find_deserializer(name))(out, as_bytes(bytes)) ? out : "undecodable";
  };
  EXPECT_EQ(text("org.apache.kafka.common.serialization.StringDeserializer", "a\xff"), "a\xef\xbf\xbd");
  EXPECT_EQ(text("ByteArrayDeserializer", "a\xff"), "a\xff");
}

TEST(FieldFormTest, Forms) {
  const std::string number("\0\0\0\7", 4);
  EXPECT_EQ(json_of_field(as_bytes(number), FieldForm::i32).to_line(), "7");
  EXPECT_EQ(json_of_field(as_bytes(number), FieldForm::i64).to_line(), "\"AAAABw==\"");
  EXPECT_EQ(json_of_field(as_bytes("{\"a\":1}"), FieldForm::json).to_line(), "{\"a\":1}");
  EXPECT_EQ(json_of_field(as_bytes("no"), FieldForm::json).to_line(), "\"no\"");
  EXPECT_EQ(json_of_field(std::nullopt, FieldForm::hex).to_line(), "null");
  EXPECT_FALSE(parse_field_form("i128"));
}

TEST(LatencyStatsTest, HgrmEndsWithEverything) {
  LatencyStats stats;
  for (int i = 1; i <= 1000; ++i) stats.add(std::chrono::milliseconds(i));
  const std::string text = stats.hgrm();
  EXPECT_TRUE(text.contains("Value")) << text;
  EXPECT_TRUE(text.contains("1000.000 1.000000000000       1000            inf\n")) << text;
  EXPECT_TRUE(text.contains("#[Mean    =      500.500, StdDeviation   =      288.675]")) << text;
  EXPECT_TRUE(text.contains("#[Max     =     1000.000, Total count    =         1000]")) << text;
  EXPECT_LT(std::ranges::count(text, '\n'), 100);
  EXPECT_TRUE(LatencyStats().hgrm().contains("Total count    =            0]"));
}

TEST(LatencyStatsTest, TwoBecomeOne) {
  LatencyStats stats, others;
  for (int i = 1; i <= 500; ++i) stats.add(std::chrono::milliseconds(i));
  for (int i = 501; i <= 1000; ++i) others.add(std::chrono::milliseconds(i));
  stats.add(others);
  EXPECT_EQ(stats.count(), 1000);
  EXPECT_NEAR(stats.percentile_ms(0.5), 500, 0.2);
  EXPECT_NEAR(stats.mean_ms(), 500.5, 0.01);
  EXPECT_EQ(stats.max_ms(), 1000);
}

TEST(StampTest, SaysWhoseItIsAndWhenItWasDue) {
  std::string value(20, 'x');
  const runtime::MonotonicTime due(std::chrono::seconds(7));
  Stamp{42, due}.write({reinterpret_cast<std::byte*>(value.data()), value.size()});
  const auto read = Stamp::read(as_bytes(value));
  ASSERT_TRUE(read);
  EXPECT_EQ(read->run, 42U);
  EXPECT_EQ(read->due, due);
  EXPECT_EQ(value.substr(Stamp::kSize), "xxxx");
  EXPECT_FALSE(Stamp::read(as_bytes(value.substr(0, 15))));
  EXPECT_FALSE(Stamp::read(std::nullopt));
}

TEST(LatencyStatsTest, Percentiles) {
  LatencyStats stats;
  for (int i = 1; i <= 1000; ++i) stats.add(std::chrono::milliseconds(i));
  EXPECT_NEAR(stats.percentile_ms(0.5), 500, 0.2);
  EXPECT_NEAR(stats.percentile_ms(0.99), 990, 0.2);
  EXPECT_EQ(stats.percentile_ms(1), 1000);
  EXPECT_NEAR(stats.mean_ms(), 500.5, 0.01);
  stats.clear();
  EXPECT_EQ(stats.percentile_ms(0.5), 0);
  stats.add(std::chrono::hours(2));
  EXPECT_EQ(stats.percentile_ms(0.5), 60'000);
}

}  // namespace
}  // namespace moldau::cli
