#include "server/connection.h"

#include "server/dispatcher.h"

namespace moldau::server {
namespace {

// What may wait to be written; a peer that does not read its answers is not read from.
constexpr ResponseQueue::Limits kMaxPending{.answers = 256, .bytes = std::size_t{1} << 20};
// For the last answers on a connection that one side has ended.
constexpr runtime::Duration kFarewell = std::chrono::seconds(5);

// Steps of closing_: the peer has ended its side, so that nobody has to wait patiently for it any more, but
// what it sent before is served; and the end from here, after which no request is taken.
constexpr std::int64_t kHungUp = 1;
constexpr std::int64_t kClosing = 2;

FrameLimits frame_limits(const Broker& broker) {
  FrameLimits limits;
  const auto image = broker.image();
  limits.max_frame_bytes =
      static_cast<std::uint32_t>(broker.broker_config(*image).int_of("socket.request.max.bytes", 104857600));
  return limits;
}

}  // namespace

Connection::Connection(Broker& broker, std::unique_ptr<runtime::Stream> stream, std::string listener,
                       bool controller)
    : broker_(broker),
      stream_(std::move(stream)),
      peer_{std::move(listener), stream_->peer(), {}, {}, controller},
      reader_(broker.executor, *stream_, broker.request_memory, closing_, frame_limits(broker)),
      responses_(broker.executor, *stream_, broker.request_memory),
      gate_(broker.executor),
      last_activity_(broker.executor.now()) {}

runtime::Task<void> Connection::run() {
  watch_peer().detach();
  co_await serve();
  co_await responses_.drain(broker_.executor.now() + kFarewell);
  stream_->close();
  co_await gate_.close();
  co_await responses_.close();
}

void Connection::close() {
  closing_.advance(kClosing);
  take_leave().detach();
}

runtime::Task<void> Connection::watch_peer() {
  const runtime::Gate::Pass pass(gate_);
  co_await stream_->hung_up().wait();
  closing_.advance(kHungUp);
}

runtime::Task<void> Connection::take_leave() {
  const runtime::Gate::Pass pass(gate_);
  if (pass) co_await responses_.drain(broker_.executor.now() + kFarewell);
  stream_->close();
}

runtime::Task<void> Connection::serve() {
  for (;;) {
    reading_since_ = broker_.executor.now();
    auto frame = co_await reader_.next();
    reading_since_ = runtime::kForever;
    if (!frame) co_return report(frame.error());
    if (!*frame || closing_.value() >= kClosing) co_return;
    if (!co_await serve_frame(std::move(**frame)) || responses_.ending()) co_return;
    co_await responses_.room(kMaxPending);
  }
}

void Connection::note_activity(runtime::MonotonicTime now) {
  const std::uint64_t bytes = reader_.bytes_received() + responses_.bytes_sent();
  if (bytes != bytes_seen_) last_activity_ = now;
  bytes_seen_ = bytes;
}

// False when the connection cannot go on.
runtime::Task<bool> Connection::serve_frame(Frame frame) {
  broker_.metrics.bytes_in.add(frame.bytes.size());
  auto decoded = wire::decode_request_frame(frame.bytes);
  if (!decoded) {
    report(decoded.error());
    co_return false;
  }
  const wire::RequestHeader& header = decoded->header;
  const wire::ApiInfo& api = wire::api(header.api_key);
  const Handler handler = find_handler(header.api_key, peer_.controller);
  // ApiVersions answers versions that it does not know, so that client and broker can find a common one.
  const bool served =
      handler && (serves(api, header.api_version) || header.api_key == wire::ApiKey::api_versions);
  if (!served) {
    report({Errc::unsupported,
            std::string(api.name) + " version " + std::to_string(header.api_version) + " is not served"});
    co_return false;
  }
  Request request{std::move(decoded->header), std::move(decoded->body), peer_, gate_, closing_,
                  broker_.executor.now(),     std::move(frame.hold)};
  co_await handler(broker_, std::move(request), responses_.reserve());
  co_return true;
}

void Connection::report(const Error& error) {
  // Peers come and go; only what is no Kafka request deserves a line.
  if (error.code == Errc::cancelled || error.code == Errc::connection_closed) return;
  broker_.metrics.bad_frames.add();
  telemetry::log_limited(
      broker_.peer_lines, broker_.executor.now().time_since_epoch(), telemetry::Level::warn, "server",
      "closing a connection",
      {{"peer", peer_.address.to_string()}, {"listener", peer_.listener}, {"reason", error}});
}

}  // namespace moldau::server
