// From a message to a frame that is sent many times, and from its answer to a message. Both end the program
// when something is not as it should be.
#pragma once

#include <string>
#include <string_view>

#include "frames.h"
#include "program.h"

namespace moldau::load {

template <class Request>
Frame frame_of(const Request& request, wire::ApiVersion version, std::int32_t correlation_id) {
  const Slice bytes = joined(wire::encode_request({.api_key = Request::kKey,
                                                   .api_version = version,
                                                   .correlation_id = correlation_id,
                                                   .client_id = "moldau_load"},
                                                  request));
  return {.bytes = {bytes.view().begin(), bytes.view().end()}, .correlation_id = correlation_id};
}

// Byte strings in what is given are parts of `answer`, which is what follows the size.
template <class Response>
Response decode_answer(const Frame& request, ByteView answer, wire::ApiVersion version) {
  const auto frame = or_die(wire::decode_response_frame(Slice::borrow(answer), Response::kKey, version),
                            "header of a response");
  if (frame.correlation_id != request.correlation_id) die("an answer has another request's correlation id");
  return or_die(Response::decode(frame.body, version), "body of a response");
}

inline void check(wire::ErrorCode error, std::string_view doing) {
  if (error != wire::ErrorCode::none) die(std::string(doing) + ": " + std::string(wire::name_of(error)));
}

}  // namespace moldau::load
