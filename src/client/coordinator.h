// Finding a group's coordinator, and asking it until it is the one and has loaded.
#pragma once

#include <optional>
#include <string>
#include <utility>

#include "client/cluster.h"

namespace moldau::client {

// The broker that coordinates the group; its address is known to `cluster` afterwards. Asked for again within
// api_timeout while there is none, as in the moment in which the topic of groups is created.
Task<Outcome<BrokerInfo>> find_coordinator(ClusterClient& cluster, std::string group);
// The same, once; while the network fails, for `repeat_for` or else api_timeout.
Task<Outcome<BrokerInfo>> ask_for_coordinator(ClusterClient& cluster, std::string group,
                                              std::optional<Duration> repeat_for = {});

// The coordinator has changed, or will answer in a moment.
inline bool coordinator_passes(wire::ErrorCode code) {
  return code == wire::ErrorCode::not_coordinator || code == wire::ErrorCode::coordinator_not_available ||
         code == wire::ErrorCode::coordinator_load_in_progress;
}

// One request to the group's coordinator, again within api_timeout while that moves, loads or cannot be
// reached. `code_of(response)`: the error code that the group has in it.
template <class Response, class Request, class CodeOf>
Task<Outcome<Response>> call_coordinator(ClusterClient& cluster, std::string group, Request request,
                                         CodeOf code_of, CallOptions options = {}) {
  const MonotonicTime deadline = cluster.executor().now() + cluster.options().api_timeout;
  Backoff backoff = cluster.new_backoff();
  for (;;) {
    Failure failure;
    if (const auto coordinator = co_await ask_for_coordinator(cluster, group); !coordinator) {
      failure = coordinator.error();
    } else {
      auto response = co_await cluster.call_node<Response>(coordinator->id, request, options);
      if (response && !coordinator_passes(code_of(*response))) co_return response;
      failure = response ? broker_failure(code_of(*response)) : std::move(response).error();
    }
    if (!failure.retriable || !co_await cluster.pause(backoff.next(), deadline))
      co_return fail(std::move(failure));
  }
}

}  // namespace moldau::client
