// ServerMetrics: what one shard counts of its requests and connections. Lives as long as the shard's
// registry.
#pragma once

#include <array>
#include <map>

#include "telemetry/metrics.h"
#include "wire/api.h"
#include "wire/error_code.h"

namespace moldau::server {

class ServerMetrics {
 public:
  explicit ServerMetrics(telemetry::Registry& registry);

  // A request of this API was answered `nanoseconds` after its frame was whole.
  void request_done(wire::ApiKey key, std::uint64_t nanoseconds);
  void error(wire::ApiKey key, wire::ErrorCode code);

  telemetry::Gauge& connections;
  telemetry::Counter& connections_accepted;
  telemetry::Counter& connections_refused;
  telemetry::Counter& bad_frames;
  telemetry::Counter& bytes_in;   // whole frames received
  telemetry::Counter& bytes_out;  // whole frames sent
  telemetry::Counter& produced_bytes;
  telemetry::Counter& produced_records;
  telemetry::Counter& fetched_bytes;

 private:
  struct Api {
    telemetry::Counter* requests = nullptr;
    telemetry::Histogram* duration = nullptr;
  };
  Api& api(wire::ApiKey key);

  telemetry::Registry& registry_;
  std::array<Api, 128> apis_;  // by key, registered when first used
  std::map<std::pair<wire::ApiKey, wire::ErrorCode>, telemetry::Counter*> errors_;
};

}  // namespace moldau::server
