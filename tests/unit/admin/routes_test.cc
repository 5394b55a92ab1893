#include "admin/routes.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace moldau::admin {
namespace {

Sources sources_that_are(ReadyState state) {
  return {.ready = [state] { return state; },
          .metrics = [] { return std::string("# HELP moldau_up Up.\n"); },
          .health =
              [] {
                return std::vector<std::pair<std::string, std::string>>{{"cluster_id", "abc"},
                                                                        {"rack", "a\"b"}};
              }};
}

TEST(Routes, Live) {
  const Answer made = answer("GET", "/v1/live", sources_that_are({}));
  EXPECT_EQ(made.status, 200u);
  EXPECT_EQ(made.body, "{\"status\":\"live\"}\n");
}

TEST(Routes, ReadyOnlyWhenReady) {
  const Answer early = answer("GET", "/v1/ready", sources_that_are({false, "recovering 3 of 10 partitions"}));
  EXPECT_EQ(early.status, 503u);
  EXPECT_EQ(early.body, "{\"status\":\"not_ready\",\"reason\":\"recovering 3 of 10 partitions\"}\n");
  EXPECT_EQ(answer("GET", "/v1/ready", sources_that_are({true, ""})).status, 200u);
}

TEST(Routes, HealthCarriesDetails) {
  EXPECT_EQ(answer("GET", "/v1/health", sources_that_are({true, ""})).body,
            "{\"status\":\"ready\",\"cluster_id\":\"abc\",\"rack\":\"a\\\"b\"}\n");
  EXPECT_EQ(
      answer("GET", "/v1/health", sources_that_are({false, "starting"})).body,
      "{\"status\":\"not_ready\",\"reason\":\"starting\",\"cluster_id\":\"abc\",\"rack\":\"a\\\"b\"}\n");
}

TEST(Routes, MetricsAndHelp) {
  const Answer metrics = answer("GET", "/metrics?x=1", sources_that_are({}));
  EXPECT_EQ(metrics.content_type, "text/plain; version=0.0.4; charset=utf-8");
  EXPECT_EQ(metrics.body, "# HELP moldau_up Up.\n");
  EXPECT_THAT(answer("GET", "/", sources_that_are({})).body, testing::HasSubstr("/v1/ready"));
}

TEST(Routes, EverythingElseIsRefused) {
  const Answer missing = answer("GET", "/v2/\"x\"", sources_that_are({}));
  EXPECT_EQ(missing.status, 404u);
  EXPECT_EQ(missing.body, "{\"code\":\"not_found\",\"message\":\"there is nothing at /v2/\\\"x\\\"\"}\n");
  const Answer post = answer("POST", "/v1/live", sources_that_are({}));
  EXPECT_EQ(post.status, 405u);
  EXPECT_TRUE(post.allow_get);
  EXPECT_EQ(answer("POST", "/nothing", sources_that_are({})).status, 404u);
  EXPECT_LT(answer("GET", std::string(1 << 16, '/'), sources_that_are({})).body.size(), 400u);
}

TEST(Recognise, NamesTheSpeaker) {
  using std::string_view_literals::operator""sv;
  EXPECT_EQ(recognise("GET / HTTP/1.1"), Speaker::http);
  EXPECT_EQ(recognise("P"), Speaker::http);
  EXPECT_EQ(recognise("\x16\x03\x01\x02"sv), Speaker::tls);
  EXPECT_EQ(recognise("\0\0\0\x23\0\x12\0\x03"sv), Speaker::kafka);  // ApiVersions
  EXPECT_EQ(recognise("\0\0"sv), Speaker::kafka);
  EXPECT_EQ(recognise("\0\0\0\x23\x7f\x12\0\x03"sv), Speaker::unknown);
  EXPECT_EQ(recognise("\xff\xff"sv), Speaker::unknown);
}

TEST(JsonQuoted, EscapesWhatJsonCannotHold) {
  EXPECT_EQ(json_quoted("a\"b\\c\n\x7f\xff"), "\"a\\\"b\\\\c\\u000a\\u007f\\u00ff\"");
}

}  // namespace
}  // namespace moldau::admin
