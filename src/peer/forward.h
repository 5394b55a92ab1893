// Forwarding: a client's request to the active controller's node, in an Envelope (KIP-590). The controller
// answers as if the client had asked it itself. For requests whose API says `forwarded`.
#pragma once

#include "peer/peer_client.h"
#include "wire/envelope.h"

namespace moldau::peer {

// The body of the response, in the form of the request's version: decode it, or send it on as it is behind a
// header of its own. `controller`: a controller listener of the leader of the quorum.
//
// Errors: those of PeerClient::call; Errc::unavailable also for NOT_CONTROLLER (look for the new one; nothing
// was done); Errc::unsupported (the controller has no such version, or cannot read the request);
// Errc::invalid_argument (it does not take such a request); Errc::permission.
runtime::Task<Result<Slice>> forward(PeerClient& peers, runtime::Endpoint controller,
                                     wire::ForwardedRequest request, runtime::MonotonicTime deadline);

// Who asks, as the controller is to see it.
struct ForwardedClient {
  std::optional<std::string> client_id;
  std::string host;
};

// The same for a request that was decoded, at its newest version:
//   co_await forward<wire::CreateTopicsResponse>(peers, controller, request, client, deadline)
template <class Response, class Request>
runtime::Task<Result<Response>> forward(PeerClient& peers, runtime::Endpoint controller, Request request,
                                        ForwardedClient client, runtime::MonotonicTime deadline) {
  static_assert(Request::kKey == Response::kKey);
  wire::ForwardedRequest wrapped;
  wrapped.header = {Request::kKey, Request::kMaxVersion, 0, std::move(client.client_id)};
  wrapped.client_host = std::move(client.host);
  wire::Writer out;
  request.encode(out, Request::kMaxVersion);
  wrapped.body = std::move(out).finish_contiguous();
  CO_ASSIGN_OR_RETURN(const Slice body,
                      co_await forward(peers, std::move(controller), std::move(wrapped), deadline));
  co_return Response::decode(body, Request::kMaxVersion);
}

}  // namespace moldau::peer
