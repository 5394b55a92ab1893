// Envelope (KIP-590): a request that a broker forwards for its client, answered as if the client had sent it
// to this controller listener.
#include "wire/envelope.h"

#include <optional>

#include "server/dispatcher.h"
#include "server/handlers/handlers.h"

namespace moldau::server::handlers {

using wire::ErrorCode;

namespace {

// Takes the one answer of the request inside.
class Captured final : public AnswerSink {
 public:
  explicit Captured(runtime::Executor& executor) : done_(executor) {}

  ResponseQueue::Slot slot() { return {*this, 0}; }
  void finish(std::uint64_t, SliceList frame) override {
    frame_ = std::move(frame);
    done_.fire();
  }
  void drop(std::uint64_t) override { done_.fire(); }
  // Nothing when the request could not be decoded.
  Task<std::optional<SliceList>> answer() {
    co_await done_.wait();
    co_return std::move(frame_);
  }

 private:
  std::optional<SliceList> frame_;
  runtime::OneShot done_;
};

}  // namespace

Task<wire::EnvelopeResponse> envelope(Broker& broker, const Request& request, wire::EnvelopeRequest message) {
  auto inside = wire::unwrap(message);
  if (!inside) co_return wire::wrap_error(inside.error());
  const wire::ApiInfo& api = wire::api(inside->header.api_key);
  // Not the APIs of brokers, and no envelope in an envelope.
  const Handler handler = api.forwarded ? find_handler(api.key, /*controller_listener=*/true) : nullptr;
  if (!handler) co_return wire::wrap_error(ErrorCode::invalid_request);
  if (!serves(api, inside->header.api_version)) co_return wire::wrap_error(ErrorCode::unsupported_version);
  Peer client{.listener = request.peer.listener, .address = {inside->client_host, 0}, .controller = true};
  ErrorCode instead = ErrorCode::none;
  Captured captured(broker.executor);
  co_await handler(broker,
                   Request{.header = std::move(inside->header),
                           .body = std::move(inside->body),
                           .peer = client,
                           .gate = request.gate,
                           .closing = request.closing,
                           .arrived = request.arrived,
                           .envelope_error = &instead},
                   captured.slot());
  const auto frame = co_await captured.answer();
  // Kafka's way to tell a bad request from a bad envelope.
  if (!frame) co_return wire::wrap_error(ErrorCode::unsupported_version);
  if (instead != ErrorCode::none) co_return wire::wrap_error(instead);
  co_return wire::wrap_response(*frame);
}

}  // namespace moldau::server::handlers
