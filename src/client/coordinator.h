// Finding the coordinator of a group or a transactional id, and asking it until it is the one and has loaded.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>

#include "client/cluster.h"

namespace moldau::client {

// What is coordinated. A name alone is a group's.
struct CoordinatorKey {
  enum class Kind : std::int8_t { group = 0, transaction = 1 };  // KeyType of FindCoordinator
  CoordinatorKey(std::string id, Kind kind = Kind::group) : id(std::move(id)), kind(kind) {}
  std::string id;
  Kind kind;
};

// The broker that coordinates it; its address is known to `cluster` afterwards. Asked for again within
// api_timeout while there is none, as in the moment in which the coordinator's topic is created.
Task<Outcome<BrokerInfo>> find_coordinator(ClusterClient& cluster, CoordinatorKey key);
// The same, once; while the network fails, for `repeat_for` or else api_timeout.
Task<Outcome<BrokerInfo>> ask_for_coordinator(ClusterClient& cluster, CoordinatorKey key,
                                              std::optional<Duration> repeat_for = {});

// The coordinator has changed, or will answer in a moment.
inline bool coordinator_passes(wire::ErrorCode code) {
  return code == wire::ErrorCode::not_coordinator || code == wire::ErrorCode::coordinator_not_available ||
         code == wire::ErrorCode::coordinator_load_in_progress;
}

// One request to the coordinator, again within api_timeout while that moves, loads or cannot be reached.
// `code_of(response)`: the error code that what `key` names has in it.
template <class Response, class Request, class CodeOf>
Task<Outcome<Response>> call_coordinator(ClusterClient& cluster, CoordinatorKey key, Request request,
                                         CodeOf code_of, CallOptions options = {}) {
  const MonotonicTime deadline = cluster.executor().now() + cluster.options().api_timeout;
  Backoff backoff = cluster.new_backoff();
  for (;;) {
    Failure failure;
    if (const auto coordinator = co_await ask_for_coordinator(cluster, key); !coordinator) {
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
