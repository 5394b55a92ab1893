#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "config/settings.h"

namespace moldau::config {
namespace {

std::vector<std::pair<std::string, std::string>> pairs(std::string_view text) {
  const auto parsed = parse_properties(text);
  EXPECT_TRUE(parsed) << parsed.error().message;
  std::vector<std::pair<std::string, std::string>> out;
  for (const Property& property : *parsed) out.emplace_back(property.key, property.value);
  return out;
}
using testing::ElementsAre;
using testing::Pair;

TEST(Properties, KeysAndValues) {
  EXPECT_THAT(pairs("a=1\nb = 2\nc: 3\nd 4\n  e=5\nf\ng=\n"),
              ElementsAre(Pair("a", "1"), Pair("b", "2"), Pair("c", "3"), Pair("d", "4"), Pair("e", "5"),
                          Pair("f", ""), Pair("g", "")));
}

TEST(Properties, CommentsAndBlankLines) {
  EXPECT_THAT(pairs("# no\n! no\n\n   # no\r\na=1 # part of it\r\n\r\n"),
              ElementsAre(Pair("a", "1 # part of it")));
}

TEST(Properties, Escapes) {
  EXPECT_THAT(pairs(R"(a\=b=c\td\\)"
                    "\n"
                    R"(\u0050rague=P\u0159emysl \ud83d\ude00)"
                    "\n"
                    R"(k\ ey=\ v\q)"),
              ElementsAre(Pair("a=b", "c\td\\"),
                          Pair("Prague",
                               "P\xc5\x99"
                               "emysl \xf0\x9f\x98\x80"),
                          Pair("k ey", " vq")));
}

TEST(Properties, Continuations) {
  EXPECT_THAT(pairs("a=1,\\\n    2,\\\r\n    3\nb=4\\\\\nc=5\\"),
              ElementsAre(Pair("a", "1,2,3"), Pair("b", "4\\"), Pair("c", "5")));
  const auto parsed = parse_properties("a=1,\\\n 2\nb=3");
  EXPECT_EQ((*parsed)[1].line, 3);
}

TEST(Properties, ValuesKeepSeparatorsAndUtf8) {
  EXPECT_THAT(pairs("\xef\xbb\xbfu=a=b:c\nq==\nr=::"),
              ElementsAre(Pair("u", "a=b:c"), Pair("q", "="), Pair("r", "::")));
}

TEST(Properties, BadEscapesNameTheLine) {
  for (const char* bad :
       {"a=1\nb=\\u12", "a=1\nb=\\u12xy", "a=1\nb=\\ud800", "a=1\nb=\\udc00", "a=1\nb=\\ud800\\u0041"}) {
    const auto parsed = parse_properties(bad);
    ASSERT_FALSE(parsed) << bad;
    EXPECT_THAT(parsed.error().message, testing::StartsWith("line 2: \\u"));
  }
}

}  // namespace
}  // namespace moldau::config
