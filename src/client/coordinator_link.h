// CoordinatorLink: a connection of one's own to the coordinator of a group or of a transactional id. What is
// asked there does not wait behind others' long polls, for a broker answers in order. Lives on the shard of
// its ClusterClient; close() before destruction.
#pragma once

#include <algorithm>
#include <optional>
#include <string>
#include <utility>

#include "client/coordinator.h"
#include "runtime/wait.h"

namespace moldau::client {

class CoordinatorLink {
  // What ends by itself within milliseconds, such as the writing of markers, is asked again that soon.
  static constexpr Duration kSoon = std::chrono::milliseconds(20);

 public:
  CoordinatorLink(ClusterClient& cluster, CoordinatorKey key)
      : cluster_(cluster), key_(std::move(key)), connected_(cluster.executor()) {}
  CoordinatorLink(const CoordinatorLink&) = delete;

  // One request, no repetition; the coordinator is looked for within `patience` when it is not known.
  // Failures of the network, and moved(), have it looked for anew.
  template <class Response, class Request>
  Task<Outcome<Response>> ask(Request request, Duration patience, CallOptions options = {}) {
    auto connection = co_await connect(patience);
    if (!connection) co_return fail(std::move(connection).error());
    auto response = co_await (*connection)->template call<Response>(std::move(request), options);
    if (!response && response.error().code != Errc::unsupported) coordinator_.reset();
    co_return response;
  }

  // The same, again within api_timeout while the coordinator moves, loads or cannot be reached, or `again`
  // says so of the code that `code_of(response)` gives.
  template <class Response, class Request, class CodeOf>
  Task<Outcome<Response>> call(
      Request request, CodeOf code_of, CallOptions options = {},
      bool (*again)(wire::ErrorCode) = [](wire::ErrorCode) { return false; }) {
    const MonotonicTime deadline = cluster_.executor().now() + cluster_.options().api_timeout;
    Backoff backoff = cluster_.new_backoff();
    Backoff soon(kSoon, cluster_.options().retry_backoff_max, cluster_.random());
    for (;;) {
      bool passes_soon = false;
      auto response = co_await ask<Response>(request, cluster_.options().api_timeout, options);
      Failure failure;
      if (response) {
        const wire::ErrorCode code = code_of(*response);
        if (coordinator_passes(code)) moved();
        passes_soon = again(code);
        if (!coordinator_passes(code) && !passes_soon) co_return response;
        failure = broker_failure(code, {}, address());
      } else {
        failure = std::move(response).error();
      }
      if (!failure.retriable && failure.broker == wire::ErrorCode::none) co_return fail(std::move(failure));
      const Duration pause = passes_soon ? soon.next() : backoff.next();
      if (closed_ || !co_await cluster_.pause(pause, std::min(deadline, until_)))
        co_return fail(std::move(failure));
    }
  }

  // An answer said that the coordinator is another one.
  void moved() { coordinator_.reset(); }
  // What the coordinator said of itself; null: there is no connection at the moment.
  const wire::ApiVersionsResponse* versions() const {
    return connection_ ? &connection_->api_versions() : nullptr;
  }
  // Connects when there is none.
  Task<Outcome<BrokerConnection::Ptr>> connect(Duration patience);
  // "host:port" of the coordinator, or empty.
  std::string address() const { return connection_ ? connection_->address() : std::string(); }

  // From now on nothing is repeated for longer than this.
  void hurry(Duration most) { until_ = std::min(until_, cluster_.executor().now() + most); }
  // Ends what is under way with Errc::cancelled. Any number of times.
  Task<void> close();

 private:
  Task<Outcome<BrokerConnection::Ptr>> open(Duration patience);
  Task<Outcome<NodeId>> find(Duration patience);
  Task<void> disconnect();

  ClusterClient& cluster_;
  const CoordinatorKey key_;
  std::optional<NodeId> coordinator_;  // nothing: to be looked for
  BrokerConnection::Ptr connection_;
  std::optional<NodeId> connected_to_;
  bool connecting_ = false;
  runtime::Signal connected_;  // the attempt under way has ended
  MonotonicTime until_ = runtime::kForever;
  bool closed_ = false;
};

}  // namespace moldau::client
