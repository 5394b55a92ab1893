#include "peer/forward.h"

namespace moldau::peer {

using runtime::Task;
using wire::ErrorCode;

namespace {

Errc errc_of(ErrorCode code) {
  switch (code) {
    case ErrorCode::unsupported_version:
      return Errc::unsupported;
    case ErrorCode::invalid_request:
    case ErrorCode::principal_deserialization_failure:
      return Errc::invalid_argument;
    case ErrorCode::cluster_authorization_failed:
      return Errc::permission;
    default:
      return Errc::unavailable;
  }
}

}  // namespace

Task<Result<Slice>> forward(PeerClient& peers, runtime::Endpoint controller, wire::ForwardedRequest request,
                            runtime::MonotonicTime deadline) {
  CO_ASSIGN_OR_RETURN(const auto envelope,
                      co_await peers.call<wire::EnvelopeResponse>(std::move(controller), wire::wrap(request),
                                                                  deadline, Purpose::forward));
  if (envelope.error_code != ErrorCode::none)
    co_return fail(errc_of(envelope.error_code),
                   "the controller did not take the " + std::string(wire::name_of(request.header.api_key)) +
                       " request: " + std::string(wire::name_of(envelope.error_code)));
  co_return wire::unwrap_response(envelope, request.header);
}

}  // namespace moldau::peer
