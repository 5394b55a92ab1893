#include "wire/error_code.h"

#include <gtest/gtest.h>

#include <set>

namespace moldau::wire {
namespace {

TEST(ErrorCode, AllOfThemHaveNamesAndDescriptions) {
  ASSERT_EQ(errors().size(), 138u);
  std::set<std::string_view> names, descriptions;
  for (const ErrorInfo& info : errors()) {
    EXPECT_TRUE(names.insert(info.name).second) << info.name;
    EXPECT_TRUE(descriptions.insert(info.description).second) << info.description;
    EXPECT_EQ(info.description.back(), '.');
    EXPECT_EQ(find_error(info.name), info.code);
    EXPECT_EQ(find_error(static_cast<std::int16_t>(info.code)), info.code);
  }
}

TEST(ErrorCode, NumbersAreKafkas) {
  EXPECT_EQ(name_of(ErrorCode{-1}), "UNKNOWN_SERVER_ERROR");
  EXPECT_EQ(name_of(ErrorCode{0}), "NONE");
  EXPECT_EQ(name_of(ErrorCode{6}), "NOT_LEADER_OR_FOLLOWER");
  EXPECT_EQ(name_of(ErrorCode{35}), "UNSUPPORTED_VERSION");
  EXPECT_EQ(name_of(ErrorCode{74}), "FENCED_LEADER_EPOCH");
  EXPECT_EQ(name_of(ErrorCode{100}), "UNKNOWN_TOPIC_ID");
  EXPECT_EQ(name_of(ErrorCode{136}), "CONTROLLER_ID_NOT_REGISTERED");
}

TEST(ErrorCode, RetriesAndRefreshes) {
  EXPECT_TRUE(is_retriable(ErrorCode::not_leader_or_follower));
  EXPECT_TRUE(needs_metadata_refresh(ErrorCode::not_leader_or_follower));
  EXPECT_TRUE(is_retriable(ErrorCode::request_timed_out));
  EXPECT_FALSE(needs_metadata_refresh(ErrorCode::request_timed_out));
  EXPECT_FALSE(is_retriable(ErrorCode::message_too_large));
  for (const ErrorInfo& info : errors()) EXPECT_TRUE(info.retriable || !info.refresh_metadata) << info.name;
}

TEST(ErrorCode, UnknownNumbersFromPeersAreServerErrors) {
  for (const int code : {-2, 137, 32767, -32768}) {
    EXPECT_EQ(find_error(static_cast<std::int16_t>(code)), std::nullopt);
    EXPECT_EQ(info_of(static_cast<ErrorCode>(code)).code, ErrorCode::unknown_server_error);
  }
  EXPECT_EQ(find_error("NO_SUCH_ERROR"), std::nullopt);
}

}  // namespace
}  // namespace moldau::wire
