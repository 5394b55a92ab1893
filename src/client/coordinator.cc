#include "client/coordinator.h"

#include "client/metadata_from.h"
#include "wire/messages/find_coordinator.h"

namespace moldau::client {

Task<Outcome<BrokerInfo>> ask_for_coordinator(ClusterClient& cluster, CoordinatorKey key,
                                              std::optional<Duration> repeat_for) {
  constexpr wire::ApiVersion kKindsFrom = 1;
  const bool is_group = key.kind == CoordinatorKey::Kind::group;
  wire::FindCoordinatorRequest request;
  request.key = key.id;
  request.key_type = static_cast<std::int8_t>(key.kind);
  request.coordinator_keys = {key.id};
  auto response = co_await cluster.call_any<wire::FindCoordinatorResponse>(
      std::move(request),
      {.min_version = is_group ? wire::ApiVersion{0} : kKindsFrom, .repeat_for = repeat_for});
  if (!response) co_return fail(std::move(response).error());
  wire::FindCoordinatorResponse::Coordinator found{key.id,         response->node_id,    response->host,
                                                   response->port, response->error_code, {}};
  if (!response->coordinators.empty()) found = std::move(response->coordinators.front());
  if (found.error_code != wire::ErrorCode::none) co_return fail(broker_failure(found.error_code));
  const auto endpoint = endpoint_of(found.host, found.port);
  if (!endpoint || found.node_id < 0)
    co_return fail(local_failure(Errc::corrupt, "the coordinator of " +
                                                    std::string(is_group ? "group " : "transactional id ") +
                                                    key.id + " has no address"));
  cluster.note_broker(found.node_id, found.host, found.port);
  co_return BrokerInfo{.id = found.node_id, .endpoint = *endpoint};
}

Task<Outcome<BrokerInfo>> find_coordinator(ClusterClient& cluster, CoordinatorKey key) {
  const MonotonicTime deadline = cluster.executor().now() + cluster.options().api_timeout;
  Backoff backoff = cluster.new_backoff();
  for (;;) {
    auto found = co_await ask_for_coordinator(cluster, key);
    if (found || !found.error().retriable || !co_await cluster.pause(backoff.next(), deadline))
      co_return found;
  }
}

}  // namespace moldau::client
