#include "platform/tcp_network.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include "platform/tcp_listener.h"
#include "platform/tcp_stream.h"
#include "runtime/wait.h"

namespace moldau::platform {

using runtime::Endpoint;
using runtime::Listener;
using runtime::ListenOptions;
using runtime::MonotonicTime;
using runtime::Stream;
using runtime::Task;

namespace {

// Fires when the connection is made or has failed.
class ConnectWatcher final : public Watcher {
 public:
  ConnectWatcher(EventLoop& loop, int socket) : loop_(loop), socket_(socket), decided_(loop) {}
  ConnectWatcher(const ConnectWatcher&) = delete;
  ConnectWatcher& operator=(const ConnectWatcher&) = delete;
  ~ConnectWatcher() { loop_.unwatch(socket_); }

  Status watch() { return loop_.watch(socket_, *this); }
  Task<bool> decided(MonotonicTime deadline) { return decided_.wait(deadline); }

 private:
  void on_events(std::uint32_t) override { decided_.fire(); }

  EventLoop& loop_;
  const int socket_;
  runtime::OneShot decided_;
};

void set_flag(int socket, int level, int option) {
  const int on = 1;
  ::setsockopt(socket, level, option, &on, sizeof on);
}

int pending_error(int socket) {
  int error = 0;
  socklen_t size = sizeof error;
  return ::getsockopt(socket, SOL_SOCKET, SO_ERROR, &error, &size) == 0 ? error : errno;
}

// Small answers leave at once; peers that vanished without a word are found. Accepted sockets inherit both.
void set_stream_options(int socket) {
  set_flag(socket, IPPROTO_TCP, TCP_NODELAY);
  set_flag(socket, SOL_SOCKET, SO_KEEPALIVE);
}

FileDescriptor new_socket(int family) {
  return FileDescriptor(::socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
}

Result<FileDescriptor> listening_socket(const SocketAddress& address, const ListenOptions& options,
                                        const std::string& what) {
  FileDescriptor socket = new_socket(address.family());
  if (!socket) return fail(error_from_errno(errno, what));
  set_flag(socket.get(), SOL_SOCKET, SO_REUSEADDR);
  if (options.share_port) set_flag(socket.get(), SOL_SOCKET, SO_REUSEPORT);
  if (address.family() == AF_INET6) {
    const int v6_only = 0;
    ::setsockopt(socket.get(), IPPROTO_IPV6, IPV6_V6ONLY, &v6_only, sizeof v6_only);
  }
  set_stream_options(socket.get());
  if (::bind(socket.get(), address.get(), address.size) != 0 ||
      ::listen(socket.get(), options.backlog) != 0) {
    return fail(error_from_errno(errno, what));
  }
  return socket;
}

// Looking up a name cannot be interrupted: whoever gives up leaves this behind for the thread to finish.
struct Lookup {
  explicit Lookup(runtime::Executor& executor) : ended(executor) {}
  runtime::OneShot ended;
  Result<std::vector<SocketAddress>> addresses;
};

Error timed_out(const Endpoint& to) {
  return Error{Errc::timed_out, "connect to " + to.to_string() + ": timed out"};
}

}  // namespace

Result<std::unique_ptr<Listener>> TcpNetwork::listen(const Endpoint& at, ListenOptions options) {
  const std::string what = "listen on " + at.to_string();
  ASSIGN_OR_RETURN(const auto addresses, resolve_local(at));
  Result<FileDescriptor> socket;
  for (const SocketAddress& address : addresses) {
    socket = listening_socket(address, options, what);
    // Only a family that this machine does not have is a reason to take the next address.
    if (socket || socket.error().code != Errc::io) break;
  }
  if (!socket) return fail(std::move(socket).error());
  return TcpListener::adopt(loop_, *std::move(socket));
}

Task<Result<std::vector<SocketAddress>>> TcpNetwork::look_up(const Endpoint& to, MonotonicTime deadline) {
  auto literal = resolve(to, Resolve::numeric);
  if (literal || literal.error().code != Errc::not_found) co_return literal;

  auto lookup = std::make_shared<Lookup>(loop_);
  resolvers_.submit(
      loop_, [lookup, to] { lookup->addresses = resolve(to, Resolve::name); },
      [lookup] { lookup->ended.fire(); });
  if (!co_await lookup->ended.wait(deadline)) co_return fail(timed_out(to));
  co_return std::move(lookup->addresses);
}

Task<Result<std::unique_ptr<Stream>>> TcpNetwork::connect(Endpoint to, MonotonicTime deadline) {
  CO_ASSIGN_OR_RETURN(const auto addresses, co_await look_up(to, deadline));
  Result<std::unique_ptr<Stream>> stream = fail(timed_out(to));
  for (std::size_t i = 0; i < addresses.size(); ++i) {
    const MonotonicTime now = loop_.now();
    const auto left = static_cast<std::int64_t>(addresses.size() - i);
    const MonotonicTime share = deadline == runtime::kForever ? deadline : now + (deadline - now) / left;
    stream = co_await connect_to(addresses[i], to, share);
    if (stream) break;
  }
  co_return stream;
}

Task<Result<std::unique_ptr<Stream>>> TcpNetwork::connect_to(const SocketAddress& address, const Endpoint& to,
                                                             MonotonicTime deadline) {
  const std::string what = "connect to " + to.to_string();
  FileDescriptor socket = new_socket(address.family());
  if (!socket) co_return fail(error_from_errno(errno, what));
  set_stream_options(socket.get());
  if (retrying([&] { return ::connect(socket.get(), address.get(), address.size); }) != 0) {
    if (errno != EINPROGRESS) co_return fail(error_from_errno(errno, what));
    ConnectWatcher watcher(loop_, socket.get());
    CO_TRY(watcher.watch());
    if (!co_await watcher.decided(deadline)) co_return fail(timed_out(to));
    if (const int error = pending_error(socket.get())) co_return fail(error_from_errno(error, what));
  }
  // A port of this machine that nobody listens on can be met by the connecting socket itself.
  const SocketAddress local = local_address(socket.get());
  if (local == address) co_return fail(error_from_errno(ECONNREFUSED, what));
  co_return TcpStream::adopt(loop_, std::move(socket), address.to_endpoint(), local.to_endpoint());
}

}  // namespace moldau::platform
