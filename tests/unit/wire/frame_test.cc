#include "wire/frame.h"

#include <gtest/gtest.h>

#include "bytes.h"
#include "wire/messages/api_versions.h"
#include "wire/messages/heartbeat.h"
#include "wire/messages/metadata.h"
#include "wire/messages/produce.h"
#include "wire/messages/sasl_handshake.h"

namespace moldau::wire {
namespace {

TEST(RequestFrame, HeaderV1) {
  const RequestHeader header{
      .api_key = ApiKey::metadata, .api_version = 1, .correlation_id = 7, .client_id = "me"};
  const MetadataRequest all;
  const Slice frame = joined(encode_request(header, all));
  EXPECT_EQ(to_hex(frame), to_hex(hex("00000010  0003 0001 00000007 0002 6d65  ffffffff")));
  const auto decoded = decode_request_frame(frame.from(4));
  ASSERT_TRUE(decoded.has_value());
  EXPECT_EQ(decoded->header, header);
  EXPECT_EQ(to_hex(decoded->body), "ffffffff");
  EXPECT_EQ(decoded->body.owner(), frame.owner());
}

TEST(RequestFrame, HeaderV2KeepsTheClientIdAsItWas) {
  const RequestHeader header{.api_key = ApiKey::api_versions, .api_version = 3, .correlation_id = 1};
  const Slice frame = joined(encode_request(header, ApiVersionsRequest()));
  EXPECT_EQ(to_hex(frame), to_hex(hex("0000000e  0012 0003 00000001 ffff 00  01 01 00")));
  const auto decoded = decode_request_frame(frame.from(4));
  ASSERT_TRUE(decoded.has_value());
  EXPECT_EQ(decoded->header, header);
}

TEST(RequestFrame, UnknownTagsInTheHeaderAreSkipped) {
  const auto decoded = decode_request_frame(hex("0012 0003 00000001 0001 61 01 09 02 ffff  01 01 00"));
  ASSERT_TRUE(decoded.has_value());
  EXPECT_EQ(to_hex(decoded->body), "010100");
}

TEST(RequestFrame, UnknownVersionsAreLeftToTheCaller) {
  const auto decoded = decode_request_frame(hex("0012 0063 00000001 ffff 00"));
  ASSERT_TRUE(decoded.has_value());
  EXPECT_EQ(decoded->header.api_version, 99);
  EXPECT_FALSE(api(decoded->header.api_key).supports(99));
}

TEST(RequestFrame, RefusesUnknownKeysAndBrokenHeaders) {
  EXPECT_EQ(decode_request_frame(hex("0004 0000 00000001 ffff")).error().code, Errc::unsupported);
  EXPECT_EQ(decode_request_frame(hex("ffff 0000 00000001 ffff")).error().code, Errc::unsupported);
  EXPECT_EQ(decode_request_frame(hex("0003 0000 0000")).error().code, Errc::truncated);
  EXPECT_EQ(decode_request_frame(hex("0003 0000 00000001 0005 61")).error().code, Errc::truncated);
  EXPECT_EQ(decode_request_frame(hex("0012 0003 00000001 ffff")).error().code, Errc::truncated);
  EXPECT_EQ(decode_request_frame(Slice()).error().code, Errc::truncated);
}

TEST(ResponseFrame, HeaderV0AndV1) {
  HeartbeatResponse response;
  response.error_code = ErrorCode::rebalance_in_progress;
  EXPECT_EQ(to_hex(joined(encode_response(5, 0, response))), to_hex(hex("00000006  00000005  001b")));
  const Slice flexible = joined(encode_response(5, 4, response));
  EXPECT_EQ(to_hex(flexible), to_hex(hex("0000000c  00000005 00  00000000 001b 00")));
  const auto decoded = decode_response_frame(flexible.from(4), ApiKey::heartbeat, 4);
  ASSERT_TRUE(decoded.has_value());
  EXPECT_EQ(decoded->correlation_id, 5);
  EXPECT_EQ(*HeartbeatResponse::decode(decoded->body, 4), response);
}

TEST(ResponseFrame, ApiVersionsHasNoTagsInItsHeader) {
  const ApiVersionsResponse response;
  const Slice frame = joined(encode_response(5, 3, response));
  EXPECT_EQ(to_hex(frame), to_hex(hex("0000000c  00000005  0000 01 00000000 00")));
  const auto decoded = decode_response_frame(frame.from(4), ApiKey::api_versions, 3);
  ASSERT_TRUE(decoded.has_value());
  EXPECT_TRUE(ApiVersionsResponse::decode(decoded->body, 3).has_value());
}

TEST(ResponseFrame, SizeCountsSplicedRecords) {
  ProduceRequest request;
  const Slice records = Slice::copy_of(std::string(100'000, 'r'));
  request.topic_data = {{.name = "t", .partition_data = {{.index = 0, .records = SliceList{records}}}}};
  const SliceList frame = encode_request({.api_key = ApiKey::produce, .api_version = 9}, request);
  ASSERT_EQ(frame.size(), 3u);
  EXPECT_EQ(frame[1].data(), records.data());
  EXPECT_EQ(static_cast<std::size_t>(load_be<std::int32_t>(frame[0].data())), size_of(frame) - 4);
}

TEST(ResponseFrame, TruncatedHeadersAreErrors) {
  EXPECT_FALSE(decode_response_frame(hex("000000"), ApiKey::heartbeat, 0).has_value());
  EXPECT_FALSE(decode_response_frame(hex("00000001"), ApiKey::heartbeat, 4).has_value());
  EXPECT_TRUE(decode_response_frame(hex("00000001"), ApiKey::sasl_handshake, 1).has_value());
}

}  // namespace
}  // namespace moldau::wire
