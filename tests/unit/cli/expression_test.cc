// Conditions of --filter and --where.
#include "cli/expression.h"

#include <gtest/gtest.h>

#include "cli/watch.h"

namespace moldau::cli {
namespace {

const Json& sample() {
  static const Json kSample = *Json::parse(
      R"({"name":"orders","count":12,"ratio":0.5,"internal":false,"isr":[1,2],"none":null,"empty":[],
          "value":{"level":"error","user":{"id":7}},"headers":{"x-trace":"abc"},"text":"two words"})");
  return kSample;
}

bool holds(const std::string& text) {
  const auto condition = Expression::parse(text, "--filter");
  EXPECT_TRUE(condition) << text << ": " << condition.error().what;
  return condition && condition->matches(sample());
}

TEST(ExpressionTest, Comparisons) {
  for (const char* text : {"count = 12",
                           "count==12",
                           "count != 13",
                           "count > 2",
                           "count >= 12",
                           "count<13",
                           "ratio <= 0.5",
                           "name = orders",
                           "name = \"orders\"",
                           "name = 'or*'",
                           "name = *ders",
                           "name = o*d*s",
                           "name < p",
                           "internal = false",
                           "none = null",
                           "missing = null",
                           "missing != x",
                           "text = \"two words\"",
                           "value.level == \"error\"",
                           "value.user.id=7",
                           "headers[\"x-trace\"] = abc",
                           "headers.x-trace = abc"})
    EXPECT_TRUE(holds(text)) << text;
  for (const char* text : {"count = 13", "count = \"1\"", "count < 2", "name = order", "name = *orders*x",
                           "name != orders", "missing = x", "missing > 1", "none = \"null\"", "none < 5",
                           "value.level = warn", "value.nothing.id = 7"})
    EXPECT_FALSE(holds(text)) << text;
}

TEST(ExpressionTest, NumbersAreComparedAsNumbers) {
  EXPECT_TRUE(holds("count > 9"));
  EXPECT_TRUE(holds("count = 12.0"));
  EXPECT_FALSE(holds("count > \"9\"")) << "what has quotes is text";
}

TEST(ExpressionTest, HasAndPatterns) {
  for (const char* text :
       {"isr:2", "name:der", "value:level", "headers.x-trace:*", "name =~ '^or.*s$'", "name=~rd"})
    EXPECT_TRUE(holds(text)) << text;
  for (const char* text : {"isr:3", "name:x", "value:nothing", "headers.y:*", "none:*", "name =~ '^rd'"})
    EXPECT_FALSE(holds(text)) << text;
}

TEST(ExpressionTest, TruthOfAFieldAlone) {
  EXPECT_TRUE(holds("name"));
  EXPECT_TRUE(holds("isr"));
  for (const char* text : {"internal", "none", "empty", "missing"}) EXPECT_FALSE(holds(text)) << text;
}

TEST(ExpressionTest, Joins) {
  EXPECT_TRUE(holds("count = 12 AND name = orders AND NOT internal"));
  EXPECT_TRUE(holds("count = 1 OR name = orders"));
  EXPECT_TRUE(holds("count = 1 || (name = orders && !internal)"));
  EXPECT_TRUE(holds("-internal"));
  EXPECT_TRUE(holds("NOT (count = 1 OR internal)"));
  EXPECT_FALSE(holds("count = 12 AND internal"));
  EXPECT_FALSE(holds("NOT NOT internal"));
  EXPECT_TRUE(holds("NOTHING != 1")) << "a field whose name begins like an operator";
}

TEST(ExpressionTest, WhatMakesNoSenseIsRefused) {
  for (const char* text :
       {"", "=", "count =", "count = 1 AND", "(count = 1", "count = 1)", "count = 'x", "a b",
        "count = 1 count = 2", "count =~ '('", "a = 1 AND b = 2 OR c = 3", "headers[x"}) {
    const auto condition = Expression::parse(text, "--where");
    ASSERT_FALSE(condition) << text;
    EXPECT_EQ(condition.error().exit, Exit::usage);
    EXPECT_TRUE(condition.error().what.starts_with("--where: ")) << condition.error().what;
  }
  EXPECT_FALSE(Expression::parse(std::string(10'000, '('), "--filter"));
  EXPECT_FALSE(Expression::parse(std::string(10'000, '!'), "--filter"));
}

TEST(ExpressionTest, FieldsAreTheFirstWordsOfPaths) {
  EXPECT_EQ(Expression::parse("a.b = 1 AND (c OR a.d)", "--filter")->fields(),
            (std::vector<std::string>{"a", "c"}));
}

TEST(WatchTest, RowsThatCameChangedAndWent) {
  const std::string before = "{\"name\":\"a\",\"n\":1}\n{\"name\":\"b\",\"n\":1}\n";
  const std::string now = "{\"name\":\"b\",\"n\":2}\n{\"name\":\"c\",\"n\":1}\n";
  EXPECT_EQ(changes_between(before, now),
            "{\"event\":\"changed\",\"item\":{\"name\":\"b\",\"n\":2}}\n"
            "{\"event\":\"added\",\"item\":{\"name\":\"c\",\"n\":1}}\n"
            "{\"event\":\"removed\",\"item\":{\"name\":\"a\",\"n\":1}}\n");
  EXPECT_EQ(changes_between(now, now), "");
}

TEST(WatchTest, PartitionsOfATopicAreRowsOfTheirOwn) {
  const std::string row = "{\"topic\":\"t\",\"partition\":0,\"end\":1}\n";
  EXPECT_EQ(changes_between(row, row + "{\"topic\":\"t\",\"partition\":1,\"end\":5}\n"),
            "{\"event\":\"added\",\"item\":{\"topic\":\"t\",\"partition\":1,\"end\":5}}\n");
}

}  // namespace
}  // namespace moldau::cli
