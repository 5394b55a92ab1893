// Offsets, times, durations, partitions and Kafka's command lines.
#include <gtest/gtest.h>

#include "cli/kafka_parser.h"
#include "cli/offset_range.h"
#include "cli/timestamp_text.h"
#include "cli/topic_names.h"

namespace moldau::cli {
namespace {

constexpr TimestampMs kNow = 1'709'208'000'000;  // 2024-02-29T12:00:00Z
constexpr TimestampMs kHour = 3'600'000;

std::string text_of(const OffsetBound& bound) {
  static constexpr const char* kKinds[] = {"start", "end", "offset", "time"};
  return std::string(kKinds[static_cast<int>(bound.kind)]) + " " + std::to_string(bound.value);
}

std::string range(std::string_view text) {
  const auto parsed = parse_offset_range(text, kNow);
  if (!parsed) return "refused";
  return text_of(parsed->from) + (parsed->until ? " until " + text_of(*parsed->until) : "");
}

TEST(OffsetRangeTest, ByOffset) {
  EXPECT_EQ(range("start"), "start 0");
  EXPECT_EQ(range("oldest"), "start 0");
  EXPECT_EQ(range("earliest"), "start 0");
  EXPECT_EQ(range("end"), "end 0");
  EXPECT_EQ(range("newest"), "end 0");
  EXPECT_EQ(range("latest"), "end 0");
  EXPECT_EQ(range("5"), "offset 5");
  EXPECT_EQ(range("5:"), "offset 5");
  EXPECT_EQ(range("5:9"), "offset 5 until offset 9");
  EXPECT_EQ(range(":9"), "start 0 until offset 9");
  EXPECT_EQ(range(":end"), "start 0 until end 0");
  EXPECT_EQ(range("5:end"), "offset 5 until end 0");
  EXPECT_EQ(range("+3"), "start 3");
  EXPECT_EQ(range("-3"), "end 3");
}

TEST(OffsetRangeTest, ByTime) {
  const std::string now = std::to_string(kNow);
  EXPECT_EQ(range("@" + now), "time " + now);
  EXPECT_EQ(range("@1709208000"), "time " + now);
  EXPECT_EQ(range("@1709208000000000000"), "time " + now);
  EXPECT_EQ(range("@now"), "time " + now);
  EXPECT_EQ(range("@2024-02-29"), "time " + std::to_string(kNow - 12 * kHour));
  EXPECT_EQ(range("@2024-02-29T13:00:00+01:00"), "time " + now);
  EXPECT_EQ(range("@2024-02-29T12:00:00.250Z:end"), "time " + std::to_string(kNow + 250) + " until end 0");
  EXPECT_EQ(range("@-1h"), "time " + std::to_string(kNow - kHour));
  EXPECT_EQ(range("@-48h:-24h"),
            "time " + std::to_string(kNow - 48 * kHour) + " until time " + std::to_string(kNow - 24 * kHour));
  EXPECT_EQ(range("@2024-02-29T11:00:00Z:1h30m"),
            "time " + std::to_string(kNow - kHour) + " until time " + std::to_string(kNow + kHour / 2));
  EXPECT_EQ(range("@:now"), "start 0 until time " + now);
}

TEST(OffsetRangeTest, Nonsense) {
  for (const char* text : {"", ":", "@", "@:", "x", "5:x", "@x", "@2024-02-30", "@1h:", "--5", "@123",
                           "@now:yesterday", "1:2:3"}) {
    if (std::string_view(text) == "@1h:") continue;  // a duration alone is before now
    EXPECT_EQ(range(text), "refused") << text;
  }
}

TEST(DurationTest, Forms) {
  using std::chrono::milliseconds;
  EXPECT_EQ(parse_duration("30s"), milliseconds(30'000));
  EXPECT_EQ(parse_duration("1h30m"), milliseconds(5'400'000));
  EXPECT_EQ(parse_duration("250ms"), milliseconds(250));
  EXPECT_EQ(parse_duration("1.5s"), milliseconds(1500));
  EXPECT_EQ(parse_duration("2"), milliseconds(2000));
  for (const char* text : {"", "s", "-1s", "1y", "1h30", "abc"}) {
    if (std::string_view(text) == "1h30") continue;
    EXPECT_FALSE(parse_duration(text)) << text;
  }
}

TEST(TimeTest, RoundTrips) {
  for (const TimestampMs at : {TimestampMs{0}, kNow, TimestampMs{-1}, TimestampMs{951'782'400'001}})
    EXPECT_EQ(parse_time(rfc3339(at), 0), at) << rfc3339(at);
  EXPECT_EQ(rfc3339(951'782'400'001), "2000-02-29T00:00:00.001Z");
}

TEST(PartitionsTest, Lists) {
  EXPECT_EQ(*parse_partitions("0,2-4"), (std::vector<PartitionIndex>{0, 2, 3, 4}));
  EXPECT_TRUE(parse_partitions("")->empty());
  for (const char* text : {"x", "3-1", "-1", "1-", "0-999999999"})
    EXPECT_FALSE(parse_partitions(text)) << text;
  EXPECT_EQ(*parse_assignment("0:1,1:2"), (std::vector<std::vector<NodeId>>{{0, 1}, {1, 2}}));
  EXPECT_FALSE(parse_assignment("0:x"));
}

const std::vector<Flag> kFlags = {
    {"--bootstrap-server,--broker-list", "HOST", ""},
    {"--topic", "T", ""},
    {"--list", "", ""},
    {"--partitions", "N", ""},
    {"--partition", "N", ""},
    {"-t,--cluster-id", "ID", ""},
    {"--compression-codec", "[CODEC]", ""},
    {"--property", "K=V", "", {}, Complete::none, true},
    {"--producer-props", "K=V...", ""},
    {"-daemon", "", ""},
    {"--time", "T", ""},
    {"--timeout", "MS", ""},
};

Answer<Arguments> parse(std::vector<std::string> words) { return parse_kafka_words(kFlags, words); }

TEST(KafkaParserTest, FormsOfOptions) {
  const auto arguments =
      parse({"--bootstrap-server", "a:1", "--topic=t", "-daemon", "-t=ID", "--list", "stray"});
  ASSERT_TRUE(arguments);
  EXPECT_EQ(arguments->text("bootstrap-server"), "a:1");
  EXPECT_EQ(arguments->text("topic"), "t");
  EXPECT_TRUE(arguments->has("daemon"));
  EXPECT_EQ(arguments->text("cluster-id"), "ID");
  EXPECT_TRUE(arguments->has("list"));
  EXPECT_EQ(arguments->words(), std::vector<std::string>{"stray"});
}

TEST(KafkaParserTest, AliasesPrefixesAndSingleDashes) {
  EXPECT_EQ(parse({"--broker-list", "a"})->text("bootstrap-server"), "a");
  EXPECT_EQ(parse({"--bootstrap-serv", "a"})->text("bootstrap-server"), "a");
  EXPECT_EQ(parse({"-topic", "t"})->text("topic"), "t");
  EXPECT_EQ(parse({"--partition", "1"})->text("partition"), "1");
  EXPECT_FALSE(parse({"--partitions", "1"})->has("partition"));
  const auto ambiguous = parse({"--tim", "1"});
  ASSERT_FALSE(ambiguous);
  EXPECT_NE(ambiguous.error().what.find("ambiguous"), std::string::npos);
}

TEST(KafkaParserTest, ValuesThatStartWithADash) { EXPECT_EQ(parse({"--time", "-1"})->text("time"), "-1"); }

TEST(KafkaParserTest, OptionalAndSeveralValues) {
  EXPECT_TRUE(parse({"--compression-codec", "--list"})->has("compression-codec"));
  EXPECT_EQ(parse({"--compression-codec", "--list"})->find("compression-codec"), std::nullopt);
  EXPECT_EQ(parse({"--compression-codec", "zstd"})->text("compression-codec"), "zstd");
  const auto several = parse({"--producer-props", "a=1", "b=2", "--topic", "t"});
  EXPECT_EQ(several->all("producer-props"), (std::vector<std::string>{"a=1", "b=2"}));
  EXPECT_EQ(several->text("topic"), "t");
  EXPECT_EQ(parse({"--property", "a=1", "--property", "b=2"})->all("property").size(), 2U);
}

TEST(KafkaParserTest, Errors) {
  EXPECT_EQ(parse({"--colour"}).error().what, "colour is not a recognized option");
  EXPECT_EQ(parse({"--topic"}).error().what, "Option topic requires an argument");
  EXPECT_EQ(parse({"--", "--topic"})->words(), std::vector<std::string>{"--topic"});
}

}  // namespace
}  // namespace moldau::cli
