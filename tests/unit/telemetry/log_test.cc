#include "telemetry/log.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdio>
#include <filesystem>
#include <fstream>
#include <limits>
#include <regex>
#include <sstream>
#include <thread>

#include "telemetry/log_sink.h"

namespace moldau::telemetry {
namespace {

using namespace std::chrono_literals;

std::string text_of(Level level, std::string_view event, Fields fields) {
  return format_text({level, "storage", event, std::span(fields.begin(), fields.size())});
}
std::string json_of(Fields fields) {
  return format_json({Level::warn, "storage", "event", std::span(fields.begin(), fields.size())});
}
std::string contents_of(const std::string& path) {
  std::stringstream text;
  text << std::ifstream(path).rdbuf();
  return text.str();
}

TEST(LogText, ShowsFieldsOfEveryType) {
  const std::string name = "orders";
  EXPECT_EQ(text_of(Level::info, "segment rolled",
                    {{"topic", name},
                     {"base_offset", 7},
                     {"size_bytes", 18446744073709551615u},
                     {"lag", -1L},
                     {"ratio", 0.5},
                     {"clean", true},
                     {"error", Error{Errc::io, "no disk"}}}),
            "INFO  storage: segment rolled topic=orders base_offset=7 size_bytes=18446744073709551615 lag=-1 "
            "ratio=0.5 clean=true error=\"no disk\"");
}

TEST(LogText, OneFieldOfTwoStringsIsOneField) {
  MemorySink sink;
  const ScopedSink scoped(sink);
  log_info("storage", "opened", {{"path", "/data"}});
  EXPECT_THAT(sink.lines(), testing::ElementsAre("INFO  storage: opened path=/data"));
}

TEST(LogText, QuotesAndEscapesWhatAPeerSends) {
  EXPECT_EQ(text_of(Level::warn, "e", {{"id", "a b"}}), "WARN  storage: e id=\"a b\"");
  EXPECT_EQ(text_of(Level::warn, "e", {{"id", ""}}), "WARN  storage: e id=\"\"");
  EXPECT_EQ(text_of(Level::warn, "e", {{"id", "x\nERROR forged"}}),
            "WARN  storage: e id=\"x\\nERROR forged\"");
  EXPECT_EQ(text_of(Level::warn, "e", {{"id", "\x1b[31m"}}), "WARN  storage: e id=\"\\u001b[31m\"");
  EXPECT_EQ(text_of(Level::warn, "e", {{"id", "a\"b\\"}}), "WARN  storage: e id=\"a\\\"b\\\\\"");
  EXPECT_EQ(text_of(Level::warn, "e", {{"id", "\xc2\x9b!"}}), "WARN  storage: e id=\"\\u009b!\"");
  EXPECT_EQ(text_of(Level::warn, "e\nf", {}), "WARN  storage: e\\nf");
}

TEST(LogText, ReplacesBytesThatAreNotUtf8) {
  EXPECT_EQ(text_of(Level::warn, "e",
                    {{"id",
                      "P\xc5\x99"
                      "emek"}}),
            "WARN  storage: e id=\"P\xc5\x99"
            "emek\"");
  for (const char* bad : {"\xff", "\xc0\xaf", "\xed\xa0\x80", "\xf5\x80\x80\x80", "\xe2\x82"})
    EXPECT_THAT(text_of(Level::warn, "e", {{"id", bad}}), testing::HasSubstr("\xef\xbf\xbd")) << bad;
}

TEST(LogText, CutsLongValues) {
  const std::string line = text_of(Level::warn, "e", {{"id", std::string(1 << 20, 'x')}});
  EXPECT_LT(line.size(), kMaxValueBytes + 64);
  EXPECT_THAT(line, testing::EndsWith("x\xe2\x80\xa6\""));
}

TEST(LogJson, IsOneObject) {
  EXPECT_EQ(
      json_of({{"topic", "orders"}, {"n", 7}, {"ratio", 0.25}, {"clean", false}}),
      R"({"level":"warn","component":"storage","event":"event","topic":"orders","n":7,"ratio":0.25,"clean":false})");
  EXPECT_THAT(json_of({{"r", std::numeric_limits<double>::infinity()}}), testing::HasSubstr(R"("r":"inf")"));
  EXPECT_THAT(json_of({{"q", "a\"b\n"}}), testing::HasSubstr(R"("q":"a\"b\n")"));
}

TEST(LogLevel, ParsesNamesOfAnyCase) {
  EXPECT_EQ(parse_level("WARN"), Level::warn);
  EXPECT_EQ(parse_level("warning"), Level::warn);
  EXPECT_EQ(parse_level("Trace"), Level::debug);
  EXPECT_EQ(parse_level("off"), Level::off);
  EXPECT_EQ(parse_level("loud"), std::nullopt);
  EXPECT_EQ(parse_level(""), std::nullopt);
  for (const Level level : {Level::debug, Level::info, Level::warn, Level::error, Level::off})
    EXPECT_EQ(parse_level(name_of(level)), level);
}

TEST(LogFilter, ComponentOverridesTheCommonLevel) {
  const LogFilter filter{Level::warn, {{"raft", Level::debug}, {"server", Level::off}}};
  EXPECT_TRUE(filter.enabled(Level::debug, "raft"));
  EXPECT_FALSE(filter.enabled(Level::info, "storage"));
  EXPECT_TRUE(filter.enabled(Level::error, "storage"));
  EXPECT_FALSE(filter.enabled(Level::error, "server"));
}

TEST(LogSink, ScopedSinkComesAndGoes) {
  MemorySink outer, inner(Level::warn);
  const ScopedSink first(outer);
  {
    const ScopedSink second(inner);
    log_info("a", "too quiet");
    log_warn("a", "inner");
    EXPECT_FALSE(enabled(Level::info, "a"));
  }
  log_debug("a", "outer");
  EXPECT_THAT(inner.lines(), testing::ElementsAre("WARN  a: inner"));
  EXPECT_THAT(outer.lines(), testing::ElementsAre("DEBUG a: outer"));
}

TEST(LogSink, MemoryKeepsTheNewest) {
  MemorySink sink(Level::debug, 2);
  for (const char* event : {"one", "two", "three"}) sink.write({Level::info, "a", event, {}});
  EXPECT_THAT(sink.lines(), testing::ElementsAre("INFO  a: two", "INFO  a: three"));
  EXPECT_TRUE(sink.contains("three"));
  EXPECT_FALSE(sink.contains("one"));
}

class LogFile : public testing::Test {
 protected:
  std::string path = testing::TempDir() + "/moldau_log_" + std::to_string(::getpid());
  void SetUp() override { std::filesystem::remove(path); }
  void TearDown() override { std::filesystem::remove(path); }
};

TEST_F(LogFile, TextLinesCarryUtcTime) {
  {
    const auto sink = open_log_sink({.path = path});
    ASSERT_TRUE(sink);
    const ScopedSink scoped(**sink);
    log_info("node", "started", {{"pattern", "%v {} %%"}});
    log_debug("node", "hidden");
  }
  const std::regex line(
      R"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z INFO  node: started pattern="%v \{\} %%"\n)");
  EXPECT_TRUE(std::regex_match(contents_of(path), line)) << contents_of(path);
}

TEST_F(LogFile, JsonLinesCarryTime) {
  {
    const auto sink = open_log_sink({.format = LogFormat::json, .path = path});
    ASSERT_TRUE(sink);
    (*sink)->write({Level::error, "node", "failed", {}});
  }
  const std::regex line(R"(\{"time":"[0-9T:.-]+Z","level":"error","component":"node","event":"failed"\}\n)");
  EXPECT_TRUE(std::regex_match(contents_of(path), line)) << contents_of(path);
}

TEST_F(LogFile, LinesOfManyThreadsArriveWhole) {
  {
    const auto sink = open_log_sink({.path = path});
    ASSERT_TRUE(sink);
    const ScopedSink scoped(**sink);
    std::vector<std::jthread> threads;
    for (int t = 0; t < 4; ++t)
      threads.emplace_back([t] {
        for (int i = 0; i < 500; ++i) log_info("node", "line", {{"thread", t}, {"i", i}});
      });
  }
  const std::string text = contents_of(path);
  EXPECT_EQ(std::ranges::count(text, '\n'), 2000);
}

TEST(LogSink, UnusableFileIsAnError) {
  const auto sink = open_log_sink({.path = "/proc/no/such/file"});
  ASSERT_FALSE(sink);
  EXPECT_EQ(sink.error().code, Errc::io);
  EXPECT_THAT(sink.error().message, testing::HasSubstr("/proc/no/such/file"));
}

TEST(LineLimiter, PassesABurstThenOnePerInterval) {
  LineLimiter limiter(3, 1s);
  for (int i = 0; i < 3; ++i) EXPECT_EQ(limiter.admit(100s), 0u);
  for (int i = 0; i < 5; ++i) EXPECT_EQ(limiter.admit(100s + 900ms), std::nullopt);
  EXPECT_EQ(limiter.admit(101s), 5u);
  EXPECT_EQ(limiter.admit(101s), std::nullopt);
  EXPECT_EQ(limiter.admit(101s + 999ms), std::nullopt);
  EXPECT_EQ(limiter.admit(102s), 2u);
}

TEST(LineLimiter, RefillsNoFurtherThanTheBurst) {
  LineLimiter limiter(2, 1s);
  EXPECT_EQ(limiter.admit(0s), 0u);
  EXPECT_EQ(limiter.admit(1000h), 0u);
  EXPECT_EQ(limiter.admit(1000h), 0u);
  EXPECT_EQ(limiter.admit(1000h), std::nullopt);
}

TEST(LineLimiter, NamesWhatWasLeftOut) {
  MemorySink sink;
  const ScopedSink scoped(sink);
  LineLimiter limiter(1, 1s);
  for (int i = 0; i < 1000; ++i)
    log_limited(limiter, 5s, Level::warn, "server", "bad frame", {{"peer", "p"}});
  log_limited(limiter, 6s, Level::warn, "server", "bad frame", {{"peer", "p"}});
  EXPECT_THAT(sink.lines(), testing::ElementsAre("WARN  server: bad frame peer=p",
                                                 "WARN  server: bad frame peer=p suppressed=999"));
}

TEST(LineLimiter, LinesBelowTheLevelTakeNoTokens) {
  MemorySink sink(Level::warn);
  const ScopedSink scoped(sink);
  LineLimiter limiter(1, 1s);
  log_limited(limiter, 5s, Level::debug, "server", "quiet");
  log_limited(limiter, 5s, Level::warn, "server", "loud");
  EXPECT_THAT(sink.lines(), testing::ElementsAre("WARN  server: loud"));
}

}  // namespace
}  // namespace moldau::telemetry
