// The admin port: a small HTTP front for health, readiness and metrics. It has a thread and an event loop of
// its own, so that it answers while every shard is busy. GET (and HEAD) of
//   /v1/live     200 as long as the process runs
//   /v1/ready    200 when produce and fetch are served, else 503 with the reason
//   /v1/health   a small JSON object: state and details
//   /metrics     Prometheus text
//   /            what there is, for people
// Everything else gets 404 or 405 as JSON {"code", "message"}. Requests, connections and times are bounded; a
// Kafka or TLS client that came to the wrong port is named in the log.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/result.h"
#include "runtime/network.h"

namespace moldau::admin {

struct ReadyState {
  bool ready = false;
  std::string reason;  // why not, in words
};

// CALLED ON THE ADMIN SERVER'S THREAD, not on a shard: they read atomics, or snapshots that are safe to take
// from any thread (telemetry::Registry::snapshot), and never wait for a shard. One call at a time.
struct Sources {
  std::function<ReadyState()> ready;
  std::function<std::string()> metrics;  // Prometheus text 0.0.4
  // What /v1/health tells beside the state, in this order: {"cluster_id", "…"}, {"listener PLAINTEXT", "… ->
  // …"}.
  std::function<std::vector<std::pair<std::string, std::string>>()> health;
};

struct Limits {
  std::size_t connections = 64;  // more are closed at once
  std::size_t header_bytes = 8 << 10;
  std::size_t body_bytes = 64 << 10;
  std::chrono::milliseconds request_timeout{10'000};  // for a request to arrive and its answer to leave
};

class Server {
 public:
  // Binds and starts the thread. Errc::address_in_use, permission or invalid_argument with the address in
  // words.
  static Result<std::unique_ptr<Server>> start(const runtime::Endpoint& bind, Sources sources,
                                               Limits limits = {});

  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;
  struct Front;
  explicit Server(std::unique_ptr<Front> front);  // of start()
  // Closes all connections and ends the thread; no source is called afterwards.
  ~Server();

  // With the real port when port 0 was asked for.
  const runtime::Endpoint& local() const;

 private:
  std::unique_ptr<Front> front_;
};

}  // namespace moldau::admin
