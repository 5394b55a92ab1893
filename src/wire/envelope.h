// Envelope (KIP-590): a client's request on its way from a broker to the active controller, as the client
// sent it, with who and where the client is; and the answer on its way back. Pure.
#pragma once

#include <expected>
#include <string>

#include "wire/error_code.h"
#include "wire/frame.h"
#include "wire/messages/envelope.h"

namespace moldau::wire {

struct ForwardedRequest {
  RequestHeader header;
  Slice body;
  std::string principal_type = "User";
  std::string principal_name = "ANONYMOUS";
  std::string client_host;  // an IP address; anything else is sent as 0.0.0.0
};

EnvelopeRequest wrap(const ForwardedRequest& request);
// INVALID_REQUEST: no address, or no header of a request of ours; PRINCIPAL_DESERIALIZATION_FAILURE. The API,
// its version and the body are the caller's to look at.
std::expected<ForwardedRequest, ErrorCode> unwrap(const EnvelopeRequest& envelope);

// `frame`: a whole response with its size, as it would leave on the client's connection.
EnvelopeResponse wrap_response(const SliceList& frame);
EnvelopeResponse wrap_error(ErrorCode code);
// The body of the response to `header`. Errc::corrupt: not a response to it. REQUIRES: no error code.
Result<Slice> unwrap_response(const EnvelopeResponse& envelope, const RequestHeader& header);

}  // namespace moldau::wire
