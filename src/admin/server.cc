#include "admin/server.h"

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/beast/core.hpp>
#include <boost/beast/http.hpp>
#include <optional>
#include <thread>

#include "admin/routes.h"
#include "telemetry/log.h"

namespace moldau::admin {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = beast::http;
using asio::ip::tcp;
using boost::system::error_code;
using telemetry::Level;

// What all connections share; used on the admin thread only.
struct Shared {
  Sources sources;
  Limits limits;
  std::size_t connections = 0;
  telemetry::LineLimiter lines{5, std::chrono::seconds(10)};

  void warn(std::string_view event, const std::string& peer) {
    telemetry::log_limited(lines, std::chrono::steady_clock::now().time_since_epoch(), Level::warn, "admin",
                           event, {{"peer", peer}});
  }
};

// One connection: sniff the first bytes, then request after request. It keeps itself alive through its
// handlers.
class Session : public std::enable_shared_from_this<Session> {
 public:
  Session(tcp::socket socket, Shared& shared) : stream_(std::move(socket)), shared_(shared) {
    ++shared_.connections;
  }
  ~Session() { --shared_.connections; }

  void start() {
    stream_.expires_after(shared_.limits.request_timeout);
    stream_.async_read_some(buffer_.prepare(kSniffBytes),
                            [self = shared_from_this()](error_code error, std::size_t size) {
                              if (!error) self->sniffed(size);
                            });
  }

 private:
  static constexpr std::size_t kSniffBytes = 512;

  void sniffed(std::size_t size) {
    buffer_.commit(size);
    const auto bytes = buffer_.data();
    switch (recognise({static_cast<const char*>(bytes.data()), bytes.size()})) {
      case Speaker::http:
        return read();
      case Speaker::kafka:
        return shared_.warn("a Kafka client came to the admin port; it belongs to a port of listeners",
                            peer());
      case Speaker::tls:
        return shared_.warn("a TLS client came to the admin port, which speaks plain HTTP", peer());
      case Speaker::unknown:
        return shared_.warn("closed a connection that does not speak HTTP", peer());
    }
  }

  std::string peer() {
    error_code unknown;
    const auto endpoint = stream_.socket().remote_endpoint(unknown);
    return unknown ? "unknown" : endpoint.address().to_string() + ":" + std::to_string(endpoint.port());
  }

  void read() {
    parser_.emplace();
    parser_->header_limit(static_cast<std::uint32_t>(shared_.limits.header_bytes));
    parser_->body_limit(shared_.limits.body_bytes);
    stream_.expires_after(shared_.limits.request_timeout);
    http::async_read(stream_, buffer_, *parser_,
                     [self = shared_from_this()](error_code error, std::size_t) { self->received(error); });
  }

  void received(error_code error) {
    if (!error) {
      const auto& request = parser_->get();
      const Answer made =
          answer(std::string_view(request.method_string().data(), request.method_string().size()),
                 std::string_view(request.target().data(), request.target().size()), shared_.sources);
      return write(made, request.keep_alive(), request.method() == http::verb::head);
    }
    const bool too_large = error == http::error::header_limit || error == http::error::body_limit ||
                           error == http::error::buffer_overflow;
    const bool malformed = error.category() == make_error_code(http::error::bad_method).category();
    if (too_large) return write(refusal(413, "too_large", "the request is too large"), false, false);
    if (malformed && error != http::error::end_of_stream && error != http::error::partial_message)
      return write(refusal(400, "bad_request", error.message()), false, false);
  }

  static Answer refusal(unsigned status, std::string_view code, const std::string& message) {
    return {.status = status,
            .body = "{\"code\":" + json_quoted(code) + ",\"message\":" + json_quoted(message) + "}\n"};
  }

  void write(const Answer& made, bool keep_alive, bool head) {
    response_ = {};
    response_.version(11);
    response_.result(made.status);
    response_.keep_alive(keep_alive);
    response_.set(http::field::content_type, made.content_type);
    response_.set(http::field::cache_control, "no-store");
    if (made.allow_get) response_.set(http::field::allow, "GET, HEAD");
    response_.content_length(made.body.size());
    if (!head) response_.body() = made.body;
    stream_.expires_after(shared_.limits.request_timeout);
    http::async_write(stream_, response_,
                      [self = shared_from_this(), keep_alive](error_code error, std::size_t) {
                        if (error) return;
                        if (keep_alive) return self->read();
                        error_code ignored;
                        ignored = self->stream_.socket().shutdown(tcp::socket::shutdown_send, ignored);
                      });
  }

  beast::tcp_stream stream_;
  Shared& shared_;
  beast::flat_buffer buffer_{64 << 10};
  std::optional<http::request_parser<http::string_body>> parser_;
  http::response<http::string_body> response_;
};

Error bind_error(const runtime::Endpoint& bind, const error_code& error) {
  return error_from_errno(error.value(), "admin port " + bind.to_string());
}

}  // namespace

struct Server::Front {
  Shared shared;
  asio::io_context loop{1};
  tcp::acceptor acceptor{loop};
  asio::steady_timer retry{loop};
  runtime::Endpoint local;
  std::thread thread;

  Status listen(const runtime::Endpoint& bind) {
    error_code error;
    tcp::resolver resolver(loop);
    const auto found = resolver.resolve(bind.host, std::to_string(bind.port), tcp::resolver::passive, error);
    if (error || found.empty())
      return fail(Errc::invalid_argument, "admin port " + bind.to_string() + ": no such address here");
    const tcp::endpoint at = *found.begin();
    error = acceptor.open(at.protocol(), error);
    if (!error) error = acceptor.set_option(tcp::acceptor::reuse_address(true), error);
    if (!error) error = acceptor.bind(at, error);
    if (!error) error = acceptor.listen(128, error);
    if (error) return fail(bind_error(bind, error));
    local = {bind.host, acceptor.local_endpoint().port()};
    return {};
  }

  void accept() {
    acceptor.async_accept([this](error_code error, tcp::socket socket) {
      if (error == asio::error::operation_aborted) return;
      if (error) return accept_later();
      if (shared.connections < shared.limits.connections)
        std::make_shared<Session>(std::move(socket), shared)->start();
      else
        shared.warn("too many connections to the admin port; closed one", "");
      accept();
    });
  }

  // Out of descriptors, most likely: trying at once would spin.
  void accept_later() {
    retry.expires_after(std::chrono::milliseconds(100));
    retry.async_wait([this](error_code error) {
      if (!error) accept();
    });
  }
};

Result<std::unique_ptr<Server>> Server::start(const runtime::Endpoint& bind, Sources sources, Limits limits) {
  auto front = std::make_unique<Front>();
  front->shared.sources = std::move(sources);
  front->shared.limits = limits;
  TRY(front->listen(bind));
  front->accept();
  front->thread = std::thread([loop = &front->loop] { loop->run(); });
  return std::make_unique<Server>(std::move(front));
}

Server::Server(std::unique_ptr<Front> front) : front_(std::move(front)) {}

Server::~Server() {
  front_->loop.stop();
  front_->thread.join();
}

const runtime::Endpoint& Server::local() const { return front_->local; }

}  // namespace moldau::admin
