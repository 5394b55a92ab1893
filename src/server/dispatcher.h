// Dispatcher: from a request's API key to its handler, of the kind of listener that it came in by. The table
// of handlers is what ApiVersions advertises there, so an API is told to clients exactly when it is served.
#pragma once

#include <span>

#include "server/broker.h"
#include "server/request.h"
#include "server/response_queue.h"

namespace moldau::server {

// Serves the request and completes the slot. May return before that only once the request's effects are
// ordered against those of the connection's next request; what goes on by itself holds a pass of the
// connection's gate. Dropping the slot ends the connection: for bodies that cannot be decoded, and for acks=0
// with an error.
using Handler = runtime::Task<void> (*)(Broker& broker, Request request, ResponseQueue::Slot slot);

// Null when the API is not served on listeners of that kind.
Handler find_handler(wire::ApiKey key, bool controller_listener);
// The APIs served there, ascending by key.
std::span<const wire::ApiInfo* const> served_apis(bool controller_listener);

// Whether a request of this version is served; Produce is advertised lower than it is served (KAFKA-18659).
bool serves(const wire::ApiInfo& api, wire::ApiVersion version);

}  // namespace moldau::server
