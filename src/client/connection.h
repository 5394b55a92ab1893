// BrokerConnection: one connection to one broker. Negotiates versions first (KIP-35, KIP-511), then pipelines
// requests; the broker answers them in order. Lives on one shard, shared by its callers; its own tasks keep
// it alive until it is closed and they have ended.
//
// A request that is not answered in time, or an answer that does not parse, ends the connection and with it
// every request under way: nothing that arrives later could be matched. A closed connection stays closed.
#pragma once

#include <algorithm>
#include <cstdint>
#include <deque>
#include <functional>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "client/failure.h"
#include "runtime/network.h"
#include "runtime/wait.h"
#include "wire/frame.h"
#include "wire/messages/api_versions.h"

namespace moldau::client {

using runtime::Duration;
using runtime::Endpoint;
using runtime::MonotonicTime;
using runtime::Task;

// What a connection does, for those who watch it.
struct ConnectionEvent {
  enum class Kind : std::uint8_t { connected, answered, failed, closed } kind;
  std::string_view address;
  std::optional<wire::ApiKey> request;  // that was answered, or failed
  wire::ApiVersion version = 0;
  std::size_t bytes = 0;  // of the answer's body
  Duration took{};
  std::string_view why;  // it failed or was closed
};

struct ConnectionOptions {
  std::string client_id = "moldau";
  Duration connect_timeout = std::chrono::seconds(10);   // socket.connection.setup.timeout.ms
  Duration request_timeout = std::chrono::seconds(30);   // request.timeout.ms
  std::size_t max_in_flight = 64;                        // further requests wait for their turn
  std::size_t max_waiting = 4096;                        // still further ones are Errc::unavailable
  std::uint32_t max_response_bytes = 256u << 20;         // a larger answer ends the connection
  std::function<void(const ConnectionEvent&)> observer;  // may be empty; must not call back
};

class Cancellation;

struct CallOptions {
  wire::ApiVersion max_version = std::numeric_limits<wire::ApiVersion>::max();
  wire::ApiVersion min_version = 0;
  std::optional<Duration> timeout;       // request_timeout when empty; a long poll adds its own wait
  std::optional<Duration> repeat_for;    // of calls that are repeated
  Cancellation* cancellation = nullptr;  // outlives the call
};

class BrokerConnection : public std::enable_shared_from_this<BrokerConnection> {
  struct Private {};

 public:
  using Ptr = std::shared_ptr<BrokerConnection>;

  // Resolves, connects and negotiates.
  static Task<Outcome<Ptr>> open(runtime::Executor& executor, runtime::Network& network, Endpoint to,
                                 ConnectionOptions options);
  BrokerConnection(Private, runtime::Executor& executor, std::unique_ptr<runtime::Stream> stream, Endpoint to,
                   ConnectionOptions options);
  ~BrokerConnection();
  BrokerConnection(const BrokerConnection&) = delete;

  // What the broker said about itself.
  const wire::ApiVersionsResponse& api_versions() const { return api_versions_; }
  // The highest version that the broker has within [min, max]; empty when there is none.
  std::optional<wire::ApiVersion> version_for(wire::ApiKey key, wire::ApiVersion min,
                                              wire::ApiVersion max) const;
  template <class Request>
  std::optional<wire::ApiVersion> version_for(CallOptions options = {}) const {
    return version_for(Request::kKey, std::max(Request::kMinVersion, options.min_version),
                       std::min(Request::kMaxVersion, options.max_version));
  }

  // Sends the request at the highest common version and gives its response:
  //   co_await connection->call<wire::MetadataResponse>(request)
  // Requests go out in the order of the calls. An error code inside the response is the caller's to read.
  template <class Response, class Request>
  Task<Outcome<Response>> call(Request request, CallOptions options = {});
  // The same for a request without an answer (Produce with acks=0): ends when it was written.
  template <class Request>
  Task<Outcome<void>> send(Request request, CallOptions options = {});

  const Endpoint& endpoint() const { return endpoint_; }
  const std::string& address() const { return address_; }
  std::size_t in_flight() const { return in_flight_.size(); }

  bool is_closed() const { return closed_; }
  // Ends every request under way with Errc::cancelled. Any number of times.
  void close();
  // The same with an error that invites to try again: nobody will use this connection any more.
  void retire();
  // Returns when no task of the connection is left.
  Task<void> ended();

 private:
  friend class Cancellation;
  struct Pending;
  struct InFlight {
    std::int32_t correlation_id;
    Pending* pending;  // null: nobody waits for the answer any more
  };

  Task<Outcome<void>> negotiate();
  Task<Outcome<wire::ApiVersionsResponse>> ask_versions(wire::ApiVersion version);
  Failure unsupported(wire::ApiKey key) const;
  Failure garbled(Error error, wire::ApiKey key) const;
  wire::RequestHeader next_header(wire::ApiKey key, wire::ApiVersion version);
  // Writes the frame and waits for the body of its answer.
  void observe(ConnectionEvent event) const;
  Task<Outcome<Slice>> exchange(wire::RequestHeader header, SliceList frame, CallOptions options);
  Task<Outcome<void>> send_frame(wire::RequestHeader header, SliceList frame, CallOptions options);
  Task<Outcome<void>> wait_for(Pending& pending, CallOptions options);

  void write_what_waits();
  Task<void> write_loop(Ptr self);
  SliceList next_frames();
  void abandon(Pending& pending);
  Task<void> read_loop(Ptr self);
  Task<Status> read_frames();
  Status accept_frame(Slice frame);
  void shut(Failure why);
  void leave();

  runtime::Executor& executor_;
  std::unique_ptr<runtime::Stream> stream_;
  Endpoint endpoint_;
  std::string address_;
  ConnectionOptions options_;
  wire::ApiVersionsResponse api_versions_;
  Phase phase_ = Phase::negotiate;

  std::int32_t next_correlation_id_ = 0;
  std::deque<Pending*> waiting_;      // for their turn
  std::deque<InFlight> in_flight_;    // written, in the order of sending
  std::vector<Pending*> unanswered_;  // being written and not to be answered
  bool writing_ = false;
  bool closed_ = false;
  Failure why_closed_;
  unsigned tasks_ = 0;
  runtime::Signal ended_;
};

// Ends one call under way, or the next one at its start, with Errc::cancelled; the connection goes on and
// drops the answer when it comes. Of one call at a time.
class Cancellation {
 public:
  void cancel();

 private:
  friend class BrokerConnection;
  bool cancelled_ = false;
  BrokerConnection* connection_ = nullptr;
  BrokerConnection::Pending* pending_ = nullptr;
};

template <class Response, class Request>
Task<Outcome<Response>> BrokerConnection::call(Request request, CallOptions options) {
  static_assert(Request::kKey == Response::kKey);
  const Ptr self = shared_from_this();
  const auto version = version_for<Request>(options);
  if (!version) co_return fail(unsupported(Request::kKey));
  const wire::RequestHeader header = next_header(Request::kKey, *version);
  auto body = co_await exchange(header, wire::encode_request(header, request), options);
  if (!body) co_return fail(std::move(body).error());
  auto response = Response::decode(*body, *version);
  if (!response) co_return fail(garbled(std::move(response).error(), Request::kKey));
  co_return std::move(*response);
}

template <class Request>
Task<Outcome<void>> BrokerConnection::send(Request request, CallOptions options) {
  const Ptr self = shared_from_this();
  const auto version = version_for<Request>(options);
  if (!version) co_return fail(unsupported(Request::kKey));
  const wire::RequestHeader header = next_header(Request::kKey, *version);
  co_return co_await send_frame(header, wire::encode_request(header, request), options);
}

}  // namespace moldau::client
