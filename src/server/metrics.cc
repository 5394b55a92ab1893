#include "server/metrics.h"

namespace moldau::server {

ServerMetrics::ServerMetrics(telemetry::Registry& registry)
    : connections(registry.gauge("moldau_connections", "Client connections that are open.")),
      connections_accepted(
          registry.counter("moldau_connections_accepted_total", "Client connections accepted.")),
      connections_refused(registry.counter("moldau_connections_refused_total",
                                           "Client connections closed at once: over a limit.")),
      bad_frames(
          registry.counter("moldau_bad_frames_total",
                           "Connections closed because what came was no request of Kafka's protocol.")),
      bytes_in(registry.counter("moldau_request_bytes_total", "Bytes of requests received.")),
      bytes_out(registry.counter("moldau_response_bytes_total", "Bytes of responses sent.")),
      produced_bytes(
          registry.counter("moldau_produced_bytes_total", "Bytes of record batches appended for clients.")),
      produced_records(registry.counter("moldau_produced_records_total", "Records appended for clients.")),
      fetched_bytes(
          registry.counter("moldau_fetched_bytes_total", "Bytes of record batches read for clients.")),
      registry_(registry) {}

ServerMetrics::Api& ServerMetrics::api(wire::ApiKey key) {
  Api& api = apis_[static_cast<std::size_t>(key)];
  if (api.requests == nullptr) {
    const telemetry::Labels labels{{"api", std::string(wire::name_of(key))}};
    api.requests = &registry_.counter("moldau_requests_total", "Requests answered.", labels);
    api.duration = &registry_.histogram("moldau_request_duration_seconds",
                                        "From the whole request to its answer, waiting included.", labels);
  }
  return api;
}

void ServerMetrics::request_done(wire::ApiKey key, std::uint64_t nanoseconds) {
  Api& done = api(key);
  done.requests->add();
  done.duration->record(nanoseconds);
}

void ServerMetrics::error(wire::ApiKey key, wire::ErrorCode code) {
  if (code == wire::ErrorCode::none) return;
  telemetry::Counter*& counter = errors_[{key, code}];
  if (counter == nullptr) {
    counter = &registry_.counter(
        "moldau_request_errors_total", "Error codes answered, per partition or item.",
        {{"api", std::string(wire::name_of(key))}, {"error", std::string(wire::name_of(code))}});
  }
  counter->add();
}

}  // namespace moldau::server
