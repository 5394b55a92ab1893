// Requests in envelopes, there and back, and envelopes that cannot be opened.
#include "wire/envelope.h"

#include <gtest/gtest.h>

#include "wire/messages/create_topics.h"

namespace moldau::wire {
namespace {

Slice body_of(const auto& message, ApiVersion version) {
  Writer out;
  message.encode(out, version);
  return std::move(out).finish_contiguous();
}

ForwardedRequest create_topics(ApiVersion version = CreateTopicsRequest::kMaxVersion) {
  CreateTopicsRequest request;
  request.topics.emplace_back().name = "orders";
  return {.header = {ApiKey::create_topics, version, 77, "a client"},
          .body = body_of(request, version),
          .principal_type = "User",
          .principal_name = "alice",
          .client_host = "192.168.0.7"};
}
ErrorCode error_of(const EnvelopeRequest& envelope) {
  const auto opened = unwrap(envelope);
  return opened ? ErrorCode::none : opened.error();
}

TEST(Envelope, ARequestComesOutAsItWentIn) {
  for (ApiVersion version = CreateTopicsRequest::kMinVersion; version <= CreateTopicsRequest::kMaxVersion;
       ++version) {
    const ForwardedRequest sent = create_topics(version);
    const auto opened = unwrap(wrap(sent));
    ASSERT_TRUE(opened) << version;
    EXPECT_EQ(opened->header, sent.header);
    EXPECT_EQ(opened->body, sent.body);
    EXPECT_EQ(opened->principal_type, "User");
    EXPECT_EQ(opened->principal_name, "alice");
    EXPECT_EQ(opened->client_host, "192.168.0.7");
  }
}

TEST(Envelope, WhatIsInsideHasKafkasForm) {
  ForwardedRequest request = create_topics(2);
  request.header.client_id = "c";
  request.body = Slice::copy_of(as_bytes("BODY"));
  const EnvelopeRequest envelope = wrap(request);
  // Key 19, version 2, correlation id 77, client id; the first version's header has no tags.
  EXPECT_EQ(as_text(envelope.request_data), std::string("\x00\x13\x00\x02\x00\x00\x00\x4d\x00\x01"
                                                        "cBODY",
                                                        15));
  // Version 0, then compact strings, a flag, no tags.
  EXPECT_EQ(as_text(*envelope.request_principal), std::string("\x00\x00\x05User\x06"
                                                              "alice\x00\x00",
                                                              15));
  EXPECT_EQ(as_text(envelope.client_host_address), std::string("\xc0\xa8\x00\x07", 4));
}

TEST(Envelope, AddressesOfBothKindsAreKeptAndNamesAreNone) {
  const auto host_of = [](std::string host) {
    ForwardedRequest request = create_topics();
    request.client_host = std::move(host);
    return unwrap(wrap(request))->client_host;
  };
  EXPECT_EQ(host_of("127.0.0.1"), "127.0.0.1");
  EXPECT_EQ(host_of("2001:db8::1"), "2001:db8::1");
  EXPECT_EQ(host_of("example.org"), "0.0.0.0");
  EXPECT_EQ(host_of(""), "0.0.0.0");
  EXPECT_EQ(host_of(std::string(5000, '1')), "0.0.0.0");
}

TEST(Envelope, WhatCannotBeOpenedIsRefusedWithKafkasErrors) {
  const EnvelopeRequest good = wrap(create_topics());
  EnvelopeRequest bad = good;
  bad.client_host_address = Slice::copy_of(as_bytes("abc"));
  EXPECT_EQ(error_of(bad), ErrorCode::invalid_request);
  bad = good;
  bad.request_principal.reset();
  EXPECT_EQ(error_of(bad), ErrorCode::principal_deserialization_failure);
  bad.request_principal = Slice::copy_of(as_bytes("\x01"));
  EXPECT_EQ(error_of(bad), ErrorCode::principal_deserialization_failure);
  bad.request_principal = Slice::copy_of(as_bytes(std::string_view("\x00\x09xxxx", 6)));
  EXPECT_EQ(error_of(bad), ErrorCode::principal_deserialization_failure);
  bad.request_principal = good.request_principal->cut(0, 6);
  EXPECT_EQ(error_of(bad), ErrorCode::principal_deserialization_failure);
  bad = good;
  bad.request_data = good.request_data.cut(0, 5);
  EXPECT_EQ(error_of(bad), ErrorCode::invalid_request);
  bad.request_data = Slice::copy_of(as_bytes(std::string_view("\x7f\x7f\0\0\0\0\0\0\xff\xff", 10)));
  EXPECT_EQ(error_of(bad), ErrorCode::invalid_request);
  EXPECT_EQ(error_of(good), ErrorCode::none);
}

TEST(Envelope, AResponseComesOutAsItWentIn) {
  const ForwardedRequest request = create_topics();
  CreateTopicsResponse response;
  response.topics.emplace_back().name = "orders";
  const auto envelope =
      wrap_response(encode_response(request.header.correlation_id, request.header.api_version, response));
  EXPECT_EQ(envelope.error_code, ErrorCode::none);
  const auto body = unwrap_response(envelope, request.header);
  ASSERT_TRUE(body) << body.error().message;
  EXPECT_EQ(*body, body_of(response, request.header.api_version));
  RequestHeader other = request.header;
  other.correlation_id = 78;
  EXPECT_EQ(unwrap_response(envelope, other).error().code, Errc::corrupt);
  EnvelopeResponse empty;
  empty.response_data.reset();
  EXPECT_EQ(unwrap_response(empty, request.header).error().code, Errc::corrupt);
  empty.response_data = Slice::copy_of(as_bytes("xx"));
  EXPECT_FALSE(unwrap_response(empty, request.header));
}

TEST(Envelope, AnErrorHasNoResponse) {
  const auto envelope = wrap_error(ErrorCode::not_controller);
  EXPECT_EQ(envelope.error_code, ErrorCode::not_controller);
  EXPECT_FALSE(envelope.response_data);
}

}  // namespace
}  // namespace moldau::wire
