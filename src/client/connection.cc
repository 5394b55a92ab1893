#include "client/connection.h"

#include "client/response_reader.h"

namespace moldau::client {
namespace {

constexpr std::string_view kSoftwareName = "moldau";
constexpr std::string_view kSoftwareVersion = "0.1.0";
constexpr std::size_t kWriteBytes = 1 << 20;

// Whether the body says UNSUPPORTED_VERSION: then it is of version 0, whatever was asked (KIP-511).
bool says_unsupported(const Slice& body) {
  return body.size() >= 2 && load_be<std::int16_t>(body.data()) ==
                                 static_cast<std::int16_t>(wire::ErrorCode::unsupported_version);
}

Failure cancelled() {
  return {.code = Errc::cancelled, .phase = Phase::request, .cause = "the call was cancelled"};
}

wire::ApiVersion highest_common(const wire::ApiVersionsResponse& response) {
  for (const auto& range : response.api_keys) {
    if (range.api_key == static_cast<std::int16_t>(wire::ApiKey::api_versions)) {
      return std::clamp<wire::ApiVersion>(range.max_version, 0, wire::ApiVersionsRequest::kMaxVersion);
    }
  }
  return 0;
}

}  // namespace

// One request from its call to its answer; lives in the frame of exchange() or send_frame().
struct BrokerConnection::Pending {
  Pending(runtime::Executor& executor, wire::RequestHeader sent_header, SliceList bytes, bool is_answered)
      : header(std::move(sent_header)), frame(std::move(bytes)), answered(is_answered), done(executor) {}

  void finish(Outcome<void> with) {
    outcome = std::move(with);
    done.fire();
  }

  wire::RequestHeader header;
  SliceList frame;
  bool answered;
  Slice body;
  Outcome<void> outcome;
  runtime::OneShot done;
};

BrokerConnection::BrokerConnection(Private, runtime::Executor& executor,
                                   std::unique_ptr<runtime::Stream> stream, Endpoint to,
                                   ConnectionOptions options)
    : executor_(executor),
      stream_(std::move(stream)),
      endpoint_(std::move(to)),
      address_(endpoint_.to_string()),
      options_(std::move(options)),
      ended_(executor) {}

BrokerConnection::~BrokerConnection() { MOLDAU_ASSERT(waiting_.empty() && in_flight_.empty()); }

Task<Outcome<BrokerConnection::Ptr>> BrokerConnection::open(runtime::Executor& executor,
                                                            runtime::Network& network, Endpoint to,
                                                            ConnectionOptions options) {
  const MonotonicTime started = executor.now();
  auto stream = co_await network.connect(to, started + options.connect_timeout);
  if (!stream) {
    Failure failure = network_failure(std::move(stream).error(), Phase::connect, to.to_string());
    if (options.observer) {
      options.observer(
          {.kind = ConnectionEvent::Kind::failed, .address = failure.address, .why = failure.cause});
    }
    co_return fail(std::move(failure));
  }
  const Ptr connection = std::make_shared<BrokerConnection>(Private(), executor, std::move(*stream),
                                                            std::move(to), std::move(options));
  connection->read_loop(connection).detach();
  if (auto agreed = co_await connection->negotiate(); !agreed) {
    connection->close();
    co_return fail(std::move(agreed).error());
  }
  connection->phase_ = Phase::request;
  connection->observe({.kind = ConnectionEvent::Kind::connected, .took = executor.now() - started});
  co_return connection;
}

Task<Outcome<void>> BrokerConnection::negotiate() {
  wire::ApiVersion version = wire::ApiVersionsRequest::kMaxVersion;
  for (;;) {
    auto response = co_await ask_versions(version);
    if (!response) co_return fail(std::move(response).error());
    if (response->error_code == wire::ErrorCode::none) {
      api_versions_ = std::move(*response);
      co_return Outcome<void>();
    }
    const wire::ApiVersion lower = highest_common(*response);
    if (response->error_code != wire::ErrorCode::unsupported_version || lower >= version) {
      Failure failure = broker_failure(response->error_code, {}, address_);
      failure.phase = Phase::negotiate;
      co_return fail(std::move(failure));
    }
    version = lower;
  }
}

Task<Outcome<wire::ApiVersionsResponse>> BrokerConnection::ask_versions(wire::ApiVersion version) {
  wire::ApiVersionsRequest request;
  request.client_software_name = kSoftwareName;
  request.client_software_version = kSoftwareVersion;
  const wire::RequestHeader header = next_header(wire::ApiKey::api_versions, version);
  auto body = co_await exchange(header, wire::encode_request(header, request), CallOptions());
  if (!body) co_return fail(std::move(body).error());
  auto response = wire::ApiVersionsResponse::decode(*body, says_unsupported(*body) ? 0 : version);
  if (!response) co_return fail(garbled(std::move(response).error(), wire::ApiKey::api_versions));
  co_return std::move(*response);
}

std::optional<wire::ApiVersion> BrokerConnection::version_for(wire::ApiKey key, wire::ApiVersion min,
                                                              wire::ApiVersion max) const {
  for (const auto& range : api_versions_.api_keys) {
    if (range.api_key != static_cast<std::int16_t>(key)) continue;
    const wire::ApiVersion highest = std::min(max, range.max_version);
    return highest >= std::max(min, range.min_version) ? std::optional(highest) : std::nullopt;
  }
  return std::nullopt;
}

Failure BrokerConnection::unsupported(wire::ApiKey key) const {
  if (closed_) return why_closed_;
  return {
      .code = Errc::unsupported,
      .broker = wire::ErrorCode::unsupported_version,
      .address = address_,
      .phase = Phase::request,
      .cause = "the broker has no version of " + std::string(wire::name_of(key)) + " that this request needs",
      .hint = "The broker is older or newer than this client."};
}

Failure BrokerConnection::garbled(Error error, wire::ApiKey key) const {
  return {.code = Errc::corrupt,
          .address = address_,
          .phase = phase_,
          .cause = std::string(wire::name_of(key)) + " response: " + error.message,
          .hint = "What answers there does not speak Kafka's protocol as announced."};
}

wire::RequestHeader BrokerConnection::next_header(wire::ApiKey key, wire::ApiVersion version) {
  const std::int32_t id = next_correlation_id_;
  next_correlation_id_ = id == std::numeric_limits<std::int32_t>::max() ? 0 : id + 1;
  return {key, version, id, options_.client_id};
}

void BrokerConnection::observe(ConnectionEvent event) const {
  if (!options_.observer) return;
  event.address = address_;
  options_.observer(event);
}

Task<Outcome<Slice>> BrokerConnection::exchange(wire::RequestHeader header, SliceList frame,
                                                CallOptions options) {
  const MonotonicTime started = executor_.now();
  Pending pending(executor_, std::move(header), std::move(frame), /*is_answered=*/true);
  ConnectionEvent event{.kind = ConnectionEvent::Kind::answered,
                        .request = pending.header.api_key,
                        .version = pending.header.api_version};
  if (auto done = co_await wait_for(pending, options); !done) {
    event.kind = ConnectionEvent::Kind::failed;
    event.took = executor_.now() - started;
    event.why = done.error().cause;
    observe(event);
    co_return fail(std::move(done).error());
  }
  event.bytes = pending.body.size();
  event.took = executor_.now() - started;
  observe(event);
  auto response =
      wire::decode_response_frame(pending.body, pending.header.api_key, pending.header.api_version);
  if (!response) {
    Failure failure = garbled(std::move(response).error(), pending.header.api_key);
    shut(failure);
    co_return fail(std::move(failure));
  }
  co_return std::move(response->body);
}

Task<Outcome<void>> BrokerConnection::send_frame(wire::RequestHeader header, SliceList frame,
                                                 CallOptions options) {
  Pending pending(executor_, std::move(header), std::move(frame), /*is_answered=*/false);
  co_return co_await wait_for(pending, options);
}

Task<Outcome<void>> BrokerConnection::wait_for(Pending& pending, CallOptions options) {
  if (closed_) co_return fail(why_closed_);
  Cancellation* const cancellation = options.cancellation;
  if (cancellation != nullptr && cancellation->cancelled_) co_return fail(cancelled());
  if (waiting_.size() >= options_.max_waiting) {
    co_return fail(Failure{.code = Errc::unavailable,
                           .address = address_,
                           .phase = Phase::request,
                           .cause = "too many requests wait for this connection",
                           .retriable = true});
  }
  const Duration patience = options.timeout.value_or(options_.request_timeout);
  waiting_.push_back(&pending);
  if (cancellation != nullptr) {
    cancellation->connection_ = this;
    cancellation->pending_ = &pending;
  }
  write_what_waits();
  if (!co_await pending.done.wait(executor_.now() + patience)) {
    const auto ms = std::chrono::duration_cast<std::chrono::milliseconds>(patience).count();
    shut(network_failure({Errc::timed_out, std::string(wire::name_of(pending.header.api_key)) +
                                               " was not answered within " + std::to_string(ms) + " ms"},
                         phase_, address_));
  }
  if (cancellation != nullptr) cancellation->pending_ = nullptr;
  co_return std::move(pending.outcome);
}

// Nobody waits for it any more. What is being written goes out whole.
void BrokerConnection::abandon(Pending& pending) {
  std::erase(waiting_, &pending);
  std::erase(unanswered_, &pending);
  for (InFlight& one : in_flight_) {
    if (one.pending == &pending) one.pending = nullptr;
  }
  pending.finish(fail(cancelled()));
}

void Cancellation::cancel() {
  cancelled_ = true;
  if (pending_ != nullptr) connection_->abandon(*std::exchange(pending_, nullptr));
}

void BrokerConnection::write_what_waits() {
  if (!writing_ && !waiting_.empty() && in_flight_.size() < options_.max_in_flight) {
    write_loop(shared_from_this()).detach();
  }
}

// As many as have their turn, in one write.
SliceList BrokerConnection::next_frames() {
  SliceList frames;
  std::size_t size = 0;
  while (!waiting_.empty() && in_flight_.size() < options_.max_in_flight && size < kWriteBytes) {
    Pending& next = *waiting_.front();
    waiting_.pop_front();
    size += size_of(next.frame);
    for (Slice& slice : next.frame) frames.push_back(std::move(slice));
    next.frame.clear();
    if (next.answered) {
      in_flight_.push_back({next.header.correlation_id, &next});
    } else {
      unanswered_.push_back(&next);
    }
  }
  return frames;
}

Task<void> BrokerConnection::write_loop([[maybe_unused]] Ptr self) {
  ++tasks_;
  writing_ = true;
  for (SliceList frames = next_frames(); !frames.empty() && !closed_; frames = next_frames()) {
    const Status written = co_await stream_->write(std::move(frames));
    if (!written) {
      shut(network_failure(written.error(), phase_, address_));
      break;
    }
    for (Pending* pending : std::exchange(unanswered_, {})) pending->finish({});
  }
  writing_ = false;
  leave();
}

Task<void> BrokerConnection::read_loop([[maybe_unused]] Ptr self) {
  ++tasks_;
  const Status end = co_await read_frames();
  shut(network_failure(end.error(), phase_, address_));
  leave();
}

// Never ends well.
Task<Status> BrokerConnection::read_frames() {
  ResponseReader reader(options_.max_response_bytes);
  for (;;) {
    const auto size = co_await stream_->read_some(reader.room());
    if (!size) co_return fail(size.error());
    if (*size == 0) co_return fail(Errc::connection_closed, "the broker closed the connection");
    reader.received(*size);
    for (;;) {
      CO_ASSIGN_OR_RETURN(auto frame, reader.next());
      if (!frame) break;
      CO_TRY(accept_frame(std::move(*frame)));
    }
    write_what_waits();
  }
}

Status BrokerConnection::accept_frame(Slice frame) {
  const auto correlation_id = load_be<std::int32_t>(frame.data());
  if (in_flight_.empty() || in_flight_.front().correlation_id != correlation_id) {
    return fail(Errc::corrupt, "a response that no request waits for (correlation id " +
                                   std::to_string(correlation_id) + ")");
  }
  Pending* pending = in_flight_.front().pending;
  in_flight_.pop_front();
  if (pending == nullptr) return {};
  pending->body = std::move(frame);
  pending->finish({});
  return {};
}

void BrokerConnection::close() {
  shut({.code = Errc::cancelled, .address = address_, .phase = phase_, .cause = "the connection was closed"});
}

void BrokerConnection::retire() {
  shut({.code = Errc::connection_closed,
        .address = address_,
        .phase = phase_,
        .cause = "the connection was given up for a newer address of the broker",
        .retriable = true});
}

void BrokerConnection::shut(Failure why) {
  if (closed_) return;
  closed_ = true;
  why_closed_ = std::move(why);
  observe({.kind = ConnectionEvent::Kind::closed, .why = why_closed_.cause});
  stream_->close();
  for (Pending* pending : std::exchange(waiting_, {})) pending->finish(fail(why_closed_));
  for (const InFlight& one : std::exchange(in_flight_, {})) {
    if (one.pending != nullptr) one.pending->finish(fail(why_closed_));
  }
  for (Pending* pending : std::exchange(unanswered_, {})) pending->finish(fail(why_closed_));
}

void BrokerConnection::leave() {
  if (--tasks_ == 0) ended_.notify_all();
}

Task<void> BrokerConnection::ended() {
  const Ptr self = shared_from_this();
  while (tasks_ > 0) co_await ended_.wait();
}

}  // namespace moldau::client
