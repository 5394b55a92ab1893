// Whole frames: int32 size, header, body. Request header v1, or v2 (with tags) for flexible versions;
// response header v0, or v1 for flexible versions except ApiVersions, whose responses always use v0
// (KIP-511).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>

#include "base/assert.h"
#include "base/bytes.h"
#include "base/result.h"
#include "wire/api.h"
#include "wire/writer.h"

namespace moldau::wire {

struct RequestHeader {
  ApiKey api_key{};
  ApiVersion api_version = 0;
  std::int32_t correlation_id = 0;
  std::optional<std::string> client_id;

  friend bool operator==(const RequestHeader&, const RequestHeader&) = default;
};

struct RequestFrame {
  RequestHeader header;
  Slice body;  // shares the frame's memory
};
struct ResponseFrame {
  std::int32_t correlation_id = 0;
  Slice body;
};

// `frame` is what follows the size. An API key that is not ours is Errc::unsupported: the connection cannot
// go on, since its header's form is unknown. A version that is not ours is no error here: ApiVersions must
// answer it.
Result<RequestFrame> decode_request_frame(const Slice& frame);

// The response to a request of this API and version; `frame` is what follows the size.
Result<ResponseFrame> decode_response_frame(const Slice& frame, ApiKey key, ApiVersion version);

// Headers alone, without the size.
void encode_header(Writer& out, const RequestHeader& header);
void encode_response_header(Writer& out, ApiKey key, ApiVersion version, std::int32_t correlation_id);

// The size, still to be known, and then the finished frame.
void begin_frame(Writer& out);
SliceList finish_frame(Writer&& out);

// A whole request frame with its size. REQUIRES: the header names the message's API and one of its versions.
template <class Request>
SliceList encode_request(const RequestHeader& header, const Request& request) {
  MOLDAU_ASSERT(header.api_key == Request::kKey);
  Writer out;
  begin_frame(out);
  encode_header(out, header);
  request.encode(out, header.api_version);
  return finish_frame(std::move(out));
}

// A whole response frame with its size.
template <class Response>
SliceList encode_response(std::int32_t correlation_id, ApiVersion version, const Response& response) {
  Writer out;
  begin_frame(out);
  encode_response_header(out, Response::kKey, version, correlation_id);
  response.encode(out, version);
  return finish_frame(std::move(out));
}

}  // namespace moldau::wire
