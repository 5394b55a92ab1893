#include "server/server.h"

#include <algorithm>
#include <charconv>
#include <optional>
#include <utility>

#include "config/catalogue.h"

namespace moldau::server {
namespace {

constexpr runtime::Duration kAcceptBackOff = std::chrono::milliseconds(100);
constexpr runtime::Duration kIdleCheck = std::chrono::seconds(5);
constexpr runtime::Duration kFrameStall = std::chrono::seconds(30);

// What max.connections.per.ip.overrides (host:count, …) says of this host.
std::optional<std::int64_t> limit_of_host(std::string_view overrides, std::string_view host) {
  for (const std::string& item : config::split_list(overrides)) {
    const std::size_t colon = item.rfind(':');
    if (colon == std::string::npos || std::string_view(item).substr(0, colon) != host) continue;
    std::int64_t limit = 0;
    const char* const end = item.data() + item.size();
    if (std::from_chars(item.data() + colon + 1, end, limit).ptr == end) return limit;
  }
  return std::nullopt;
}

}  // namespace

Server::Server(Broker& broker) : broker_(broker), gate_(broker.executor), stopping_(broker.executor) {}

Server::~Server() { MOLDAU_ASSERT(connections_.empty(), "stop() has ended before"); }

void Server::serve(std::string listener, std::unique_ptr<runtime::Listener> socket, bool controller) {
  MOLDAU_ASSERT(!controller || (broker_.own_controller && broker_.quorum), "who would answer?");
  runtime::Listener& at = *socket;
  listeners_.push_back(std::move(socket));
  accept_all({std::move(listener), controller}, at).detach();
  // The constructor may have run on another shard.
  if (!std::exchange(watching_, true)) watch_idle().detach();
}

runtime::Task<void> Server::accept_all(Entrance entrance, runtime::Listener& socket) {
  runtime::Gate::Pass pass(gate_);
  while (pass && !gate_.closing()) {
    auto stream = co_await socket.accept();
    if (stream) {
      admit(entrance, std::move(*stream));
      continue;
    }
    if (stream.error().code == Errc::cancelled) co_return;
    // Out of descriptors or memory: what is there goes on; new connections wait in the kernel's queue
    // (ST-24).
    telemetry::log_limited(broker_.peer_lines, broker_.executor.now().time_since_epoch(),
                           telemetry::Level::error, "server", "cannot accept connections",
                           {{"error", stream.error()}});
    co_await runtime::sleep_for(broker_.executor, kAcceptBackOff);
  }
}

bool Server::over_limit(const std::string& host) {
  const auto image = broker_.image();
  const auto config = broker_.broker_config(*image);
  constexpr std::int64_t kUnlimited = 0x7fffffff;
  const auto shards = static_cast<std::int64_t>(broker_.shards.size());
  const std::int64_t total = config.int_of("max.connections", kUnlimited);
  const std::int64_t per_host = limit_of_host(config.string_of("max.connections.per.ip.overrides"), host)
                                    .value_or(config.int_of("max.connections.per.ip", kUnlimited));
  const auto counted = per_host_.find(host);
  const std::int64_t of_host = counted == per_host_.end() ? 0 : counted->second;
  return static_cast<std::int64_t>(connections_.size()) * shards >= total || of_host * shards >= per_host;
}

void Server::admit(const Entrance& entrance, std::unique_ptr<runtime::Stream> stream) {
  const std::string host = stream->peer().host;
  if (gate_.closing() || over_limit(host)) {
    broker_.metrics.connections_refused.add();
    stream->close();
    return;
  }
  ++per_host_[host];
  broker_.metrics.connections_accepted.add();
  broker_.metrics.connections.add(1);
  connections_.push_back(
      std::make_unique<Connection>(broker_, std::move(stream), entrance.listener, entrance.controller));
  run(std::prev(connections_.end())).detach();
}

runtime::Task<void> Server::run(Connections::iterator connection) {
  runtime::Gate::Pass pass(gate_);
  co_await (*connection)->run();
  const NodeId broker = (*connection)->peer().broker;
  if (broker != kNoNode && !gate_.closing()) broker_.own_controller->note_connection_lost(broker);
  const auto counted = per_host_.find((*connection)->peer().address.host);
  if (--counted->second == 0) per_host_.erase(counted);
  broker_.metrics.connections.add(-1);
  connections_.erase(connection);
}

runtime::Task<void> Server::watch_idle() {
  runtime::Gate::Pass pass(gate_);
  while (!co_await stopping_.wait(broker_.executor.now() + kIdleCheck)) close_stale(broker_.executor.now());
}

void Server::close_stale(runtime::MonotonicTime now) {
  const auto image = broker_.image();
  const auto idle =
      runtime::milliseconds(broker_.broker_config(*image).int_of("connections.max.idle.ms", 600000));
  for (const auto& connection : connections_) {
    connection->note_activity(now);
    const bool in_the_way = broker_.request_memory.waiting() > 0 && connection->is_slow(now);
    if (connection->idle_since(now - idle) || connection->stalled_since(now - kFrameStall) || in_the_way)
      connection->close();
  }
}

runtime::Task<void> Server::stop() {
  stopping_.fire();
  for (const auto& listener : listeners_) listener->close();
  for (const auto& connection : connections_) connection->close();
  co_await gate_.close();
}

}  // namespace moldau::server
