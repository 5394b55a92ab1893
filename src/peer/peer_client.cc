#include "peer/peer_client.h"

#include <algorithm>

#include "telemetry/log.h"

namespace moldau::peer {

using client::BrokerConnection;
using runtime::Duration;
using runtime::MonotonicTime;
using runtime::Task;

std::string_view name_of(Purpose purpose) {
  switch (purpose) {
    case Purpose::control:
      return "control";
    case Purpose::lifecycle:
      return "lifecycle";
    case Purpose::forward:
      return "forward";
    case Purpose::quorum:
      return "quorum";
    case Purpose::quorum_fetch:
      return "quorum-fetch";
    case Purpose::replication:
      return "replication";
    case Purpose::transactions:
      return "transactions";
    case Purpose::transaction_markers:
      return "transaction-markers";
  }
  MOLDAU_UNREACHABLE();
}

PeerClient::PeerClient(runtime::Executor& executor, runtime::Network& network, Random random,
                       PeerOptions options)
    : executor_(executor),
      network_(network),
      options_(std::move(options)),
      random_(random),
      gate_(executor),
      closed_(executor) {}

PeerClient::~PeerClient() {
  MOLDAU_ASSERT(gate_.entered() == 0 && lines_.empty(), "close() has ended before");
}

std::size_t PeerClient::connection_count() const {
  return static_cast<std::size_t>(std::ranges::count_if(lines_, [](const auto& entry) {
    const auto& connection = entry.second->connection;
    return connection != nullptr && !connection->is_closed();
  }));
}

PeerClient::Line& PeerClient::line(Key key) {
  auto found = lines_.find(key);
  if (found == lines_.end()) {
    make_room();
    auto fresh = std::make_unique<Line>(key, executor_);
    found = lines_.emplace(std::move(key), std::move(fresh)).first;
  }
  found->second->last_used = executor_.now();
  return *found->second;
}

// Addresses come from peers: those that nobody has used for longest go. What is used stays, and its number is
// bounded by the calls under way.
void PeerClient::make_room() {
  while (lines_.size() >= options_.max_connections) {
    auto oldest = lines_.end();
    for (auto at = lines_.begin(); at != lines_.end(); ++at) {
      if (at->second->users > 0 || at->second->opening) continue;
      if (oldest == lines_.end() || at->second->last_used < oldest->second->last_used) oldest = at;
    }
    if (oldest == lines_.end()) return;
    if (oldest->second->connection) end(std::move(oldest->second->connection)).detach();
    lines_.erase(oldest);
  }
}

Task<Result<BrokerConnection::Ptr>> PeerClient::connected(Line& line, MonotonicTime deadline) {
  if (line.connection && !line.connection->is_closed()) co_return line.connection;
  if (line.waiting >= options_.max_waiting)
    co_return fail(Errc::unavailable,
                   line.key.to.to_string() + ": too many requests wait for this connection");
  const std::uint64_t attempt = line.attempts;
  if (!line.opening) open(line).detach();
  ++line.waiting;
  bool in_time = true;
  while (in_time && !closing_ && line.attempts == attempt) in_time = co_await line.changed.wait(deadline);
  --line.waiting;
  if (closing_) co_return fail(Errc::cancelled, "the node is closing");
  if (line.attempts == attempt) {
    std::string why = line.key.to.to_string() + ": no connection in time";
    if (line.failure) why += "; the last attempt: " + line.failure->message;
    co_return fail(Errc::timed_out, std::move(why));
  }
  if (!line.connection) co_return fail(*line.failure);
  co_return line.connection;
}

Task<void> PeerClient::open(Line& line) {
  const runtime::Gate::Pass pass(gate_);
  MOLDAU_ASSERT(pass, "whoever waits for it holds a pass");
  line.opening = true;
  if (line.connection) {
    // Taken in and put out again, as by a node over its limit, is a failure, too.
    if (!std::exchange(line.proven, false)) line.not_before = executor_.now() + next_backoff(line);
    end(std::move(line.connection)).detach();
    line.connection = nullptr;
  }
  while (!closing_ && executor_.now() < line.not_before) co_await closed_.wait(line.not_before);
  client::Outcome<BrokerConnection::Ptr> opened =
      client::fail({.code = Errc::cancelled, .cause = "the node is closing"});
  if (!closing_) {
    client::ConnectionOptions options;
    options.client_id = options_.client_id;
    options.connect_timeout = options_.connect_timeout;
    options.request_timeout = options_.connect_timeout;  // ApiVersions; each call brings its own
    options.max_response_bytes = options_.max_response_bytes;
    opened = co_await BrokerConnection::open(executor_, network_, line.key.to, std::move(options));
  }
  note_opened(line, std::move(opened));
}

void PeerClient::note_opened(Line& line, client::Outcome<BrokerConnection::Ptr> opened) {
  line.opening = false;
  ++line.attempts;
  if (opened) {
    line.connection = std::move(*opened);
    if (closing_) line.connection->close();
    if (line.failure)
      telemetry::log_info("peer", "connected again",
                          {{"address", line.key.to.to_string()}, {"purpose", name_of(line.key.purpose)}});
    line.failure.reset();
  } else {
    const bool first = !line.failure.has_value();
    line.failure = error_of(std::move(opened).error());
    line.not_before = executor_.now() + next_backoff(line);
    if (first && !closing_)
      telemetry::log_warn("peer", "cannot connect",
                          {{"address", line.key.to.to_string()},
                           {"purpose", name_of(line.key.purpose)},
                           {"error", *line.failure}});
  }
  line.changed.notify_all();
}

Duration PeerClient::next_backoff(Line& line) {
  line.backoff = std::clamp(line.backoff * 2, options_.backoff_min, options_.backoff_max);
  return Duration(random_.between(line.backoff.count() / 2, line.backoff.count()));
}

Task<void> PeerClient::end(BrokerConnection::Ptr connection) {
  const runtime::Gate::Pass pass(gate_);
  connection->retire();
  co_await connection->ended();
}

Result<client::CallOptions> PeerClient::options_until(MonotonicTime deadline) const {
  const MonotonicTime now = executor_.now();
  if (deadline <= now) return fail(Errc::timed_out, "the deadline has passed");
  client::CallOptions options;
  options.timeout = deadline - now;
  return options;
}

Error PeerClient::error_of(client::Failure failure) {
  switch (failure.code) {
    case Errc::timed_out:
    case Errc::cancelled:
    case Errc::connection_refused:
    case Errc::unsupported:
    case Errc::corrupt:
    case Errc::too_large:
      return {failure.code, failure.to_string()};
    default:
      return {Errc::unavailable, failure.to_string()};
  }
}

Task<void> PeerClient::close() {
  closing_ = true;
  closed_.notify_all();
  for (const auto& [key, line] : lines_) {
    if (line->connection) line->connection->close();
    line->changed.notify_all();
  }
  co_await gate_.close();
  for (const auto& [key, line] : lines_) {
    if (line->connection) co_await line->connection->ended();
  }
  lines_.clear();
}

}  // namespace moldau::peer
