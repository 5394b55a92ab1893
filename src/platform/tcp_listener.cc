#include "platform/tcp_listener.h"

#include <sys/socket.h>

#include "platform/address.h"
#include "platform/tcp_stream.h"

namespace moldau::platform {

using runtime::Stream;
using runtime::Task;

namespace {

// Connections taken between two looks at the other sockets.
constexpr unsigned kAcceptsPerTurn = 32;

// Errors of the one connection that was about to be accepted, not of the listener: accept(2) names them.
bool concerns_only_the_connection(int error) {
  switch (error) {
    case ECONNABORTED:
    case EPERM:
    case EPROTO:
    case ENETDOWN:
    case ENOPROTOOPT:
    case EHOSTDOWN:
    case ENONET:
    case EHOSTUNREACH:
    case EOPNOTSUPP:
    case ENETUNREACH:
      return true;
    default:
      return false;
  }
}

bool out_of_resources(int error) {
  return error == EMFILE || error == ENFILE || error == ENOBUFS || error == ENOMEM;
}

}  // namespace

Result<std::unique_ptr<runtime::Listener>> TcpListener::adopt(EventLoop& loop, FileDescriptor socket) {
  auto listener = std::make_unique<TcpListener>(loop, std::move(socket));
  TRY(loop.watch(listener->socket_.get(), *listener));
  return listener;
}

TcpListener::TcpListener(EventLoop& loop, FileDescriptor socket)
    : loop_(loop), socket_(std::move(socket)), local_(local_address(socket_.get()).to_endpoint()) {}

TcpListener::~TcpListener() {
  MOLDAU_ASSERT(!busy_, "a listener was destroyed under an accept: close it first");
}

void TcpListener::close() {
  socket_.close();
  on_events(0);
}

void TcpListener::on_events(std::uint32_t) {
  if (waiter_) loop_.post(std::exchange(waiter_, nullptr));
}

Task<Result<std::unique_ptr<Stream>>> TcpListener::accept() {
  MOLDAU_ASSERT(!std::exchange(busy_, true), "one accept at a time");
  if (std::exchange(turn_, loop_.turn()) != loop_.turn()) accepted_ = 0;
  if (++accepted_ > kAcceptsPerTurn) co_await runtime::yield(loop_);
  while (socket_) {
    SocketAddress peer;
    peer.size = sizeof peer.storage;
    FileDescriptor accepted(::accept4(socket_.get(), reinterpret_cast<sockaddr*>(&peer.storage), &peer.size,
                                      SOCK_NONBLOCK | SOCK_CLOEXEC));
    if (accepted) {
      busy_ = false;
      const SocketAddress local = local_address(accepted.get());
      co_return TcpStream::adopt(loop_, std::move(accepted), peer.to_endpoint(), local.to_endpoint());
    }
    const int error = errno;
    if (error == EAGAIN) {
      co_await runtime::detail::Suspend{[this](std::coroutine_handle<> suspended) { waiter_ = suspended; }};
    } else if (error != EINTR && !concerns_only_the_connection(error)) {
      busy_ = false;
      const std::string what = "accept on " + local_.to_string();
      if (out_of_resources(error)) co_return fail(error_from_errno(EMFILE, what));
      co_return fail(error_from_errno(error, what));
    }
  }
  busy_ = false;
  co_return fail(Errc::cancelled, local_.to_string() + ": closed");
}

}  // namespace moldau::platform
